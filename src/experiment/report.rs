//! The report of an experiment: how good it is, how it learned, what it gets wrong, what it is made of.

use super::beside::Size;
use super::job::{BINS, Decision, Outcome, Prepared, decisions, probabilities};
use super::read::to_toml;
use super::spec::Experiment;
use crate::analysis::metrics::{Reliability, brier_score, macro_auc, precision_recall_curve, roc_curve};
use crate::error::Result;
use crate::nn::parameters;
use crate::nn::summary::formulas;
use crate::report::chart::{Colour, ColourMap, ImageGrid, LineChart, Tile};
use crate::report::words::{confused_pair, counted, percent, thousands};
use crate::report::{Callout, Cell, Figure, Page, Table};
use crate::run::book::{generalizes, per_class};
use crate::run::{Book, RunFolder};

/// Writes `report.html`, the figures and the tables.
pub fn write(o: &Outcome, folder: &RunFolder) -> Result<()> {
    let e = &o.experiment;
    let mut page = Page::new(&e.name);
    let (classes, test) = (o.prepared.data.classes.len(), counted(o.prepared.data.test.len(), "test picture"));
    page.subtitle(&format!("{classes} classes, {test}, seed {}", e.seed));
    page.footer(&format!("Written by Gradus {}. This file needs no network.", env!("CARGO_PKG_VERSION")));
    let mut book = Book::new(folder, page);
    verdict(o, &mut book);
    learning(o, &mut book)?;
    mistakes(o, &mut book)?;
    confidence(o, &mut book)?;
    network("4", e, &o.prepared, &mut book)?;
    colophon("5", e, &o.prepared, &o.seconds, &mut book);
    folder.write("report.html", book.page.render().as_bytes())
}

/// The figures that matter, first.
fn verdict(o: &Outcome, book: &mut Book<'_>) {
    let s = &o.scores;
    let accuracy = percent(s.test.accuracy);
    let (f1, parameters) = (format!("{:.3}", s.confusion.macro_f1()), thousands(s.parameters));
    let epochs = format!("{} of {}", s.history.best_epoch, s.history.epochs.len());
    let test = counted(o.prepared.data.test.len(), "picture");
    let lead = book.page.lead();
    lead.scores(&[
        (&accuracy, "test accuracy", &format!("of {test}, asked once")),
        (&f1, "macro F1", "the mean over the classes"),
        (&parameters, "parameters", &format!("{} multiply-adds", thousands(o.prepared.summary.macs as usize))),
        (&epochs, "best epoch", "chosen on the validation split"),
    ]);
    if !o.experiment.about.is_empty() {
        lead.paragraph(&o.experiment.about);
    }
    if !o.prepared.data.leakage.is_empty() {
        let words = format!("{} pictures or groups stand in more than one split.", o.prepared.data.leakage.len());
        lead.callout(Callout::Caveat, "The splits share something", &words);
    }
}

/// Loss and accuracy over the epochs.
fn learning(o: &Outcome, book: &mut Book<'_>) -> Result<()> {
    let (e, s) = (&o.experiment, &o.scores);
    let [loss, accuracy] = book.curves("model", &e.name, s)?;
    let mut splits = Table::new(&["split", "pictures", "loss", "accuracy"]);
    for ((name, images), figures) in o.prepared.data.splits().into_iter().zip([&s.train, &s.val, &s.test]) {
        let [loss, accuracy] = [figures.loss, figures.accuracy].map(|v| Cell::number(v, 4));
        splits.row([Cell::text(name), Cell::count(images.len()), loss, accuracy]);
    }
    let splits = book.table("splits", splits)?;
    book.page
        .section("1", "Learning")
        .figures(&[(&loss, "Loss over the epochs."), (&accuracy, "Accuracy over the epochs.")])
        .table(&splits, "The best epoch's weights on each split")
        .answer("Does it generalize?", &generalizes(s, e.train.epochs, e.train.patience))
        .source("src/experiment/job.rs");
    Ok(())
}

/// The confusion matrix, the pairs that are confused, and the mistakes of which the network was surest.
fn mistakes(o: &Outcome, book: &mut Book<'_>) -> Result<()> {
    let (s, test, classes) = (&o.scores, &o.prepared.data.test, &o.prepared.data.classes);
    let confusion = book.confusion("test", "Test split", classes, &s.confusion.counts)?;
    let table = book.table("classes", per_class(&s.confusion, classes))?;
    let above = o.experiment.report.confused_above;
    let pairs = s.confusion.most_confused_above(above);

    let k = classes.len();
    let probability = |i: usize| s.test.probabilities.data()[i * k + s.test.predicted[i]];
    let mut wrong: Vec<usize> = (0..test.len()).filter(|&i| s.test.predicted[i] != test.labels[i]).collect();
    wrong.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)).then(a.cmp(&b)));
    let tile = |&i: &usize| {
        let (c, h, w) = (test.channels(), test.height(), test.width());
        let picture = &test.pixels.data()[i * c * h * w..][..c * h * w];
        let (truth, answer) = (&classes[test.labels[i]], &classes[s.test.predicted[i]]);
        Tile::chw(picture, c, h, w)
            .caption(&format!("{truth}, not {answer}"))
            .caption(&format!("{}, {}", test.names[i], percent(f64::from(probability(i)))))
            .border(Colour::class(test.labels[i]))
    };
    // A row of a table has no looks.
    let most = if o.prepared.preparation.is_table() { 0 } else { o.experiment.report.mistakes };
    let tiles: Vec<Tile> = wrong.iter().take(most).map(tile).collect();
    let sheet =
        (!tiles.is_empty()).then(|| ImageGrid::new("Worst mistakes").group("", tiles).columns(6).tile_size(104.0));
    let sheet = sheet.map(|grid| book.figure("mistakes", grid.draw())).transpose()?;

    let body = book.page.section("2", "Mistakes");
    body.figure(&confusion, "Rows are the truth, columns the answer; percentages are of the row.");
    if !pairs.is_empty() {
        body.paragraph(&format!("Pairs confused in at least {} of their class:", percent(above)));
        body.list(pairs.iter().map(|&pair| confused_pair(&s.confusion, classes, pair)));
    }
    body.table(&table, "Per class, on the test split");
    if let Some(sheet) = &sheet {
        body.figure(sheet, "The mistakes of which the network was surest, with their number in the test split.");
    }
    Ok(())
}

/// Whether answers come true as often as their probabilities say; for two classes also what each threshold costs.
fn confidence(o: &Outcome, book: &mut Book<'_>) -> Result<()> {
    let (labels, p) = (&o.prepared.data.test.labels, probabilities(&o.scores.test));
    let reliability = Reliability::of_answers(p, labels, BINS)?;
    let some = reliability.bins.iter().filter(|bin| bin.count > 0);
    let points: Vec<(f64, f64)> = some.map(|bin| (bin.confidence, bin.accuracy)).collect();
    let chart = LineChart::new("Confidence and truth")
        .axes("mean confidence of the answers", "share that is right")
        .series("answers", &points)
        .styled("as it should be", &[(0.0, 0.0), (1.0, 1.0)], Colour::GRAY, true)
        .y_range(0.0, 1.0)
        .size(420.0, 360.0);
    let mut figures =
        vec![(book.figure("reliability", chart.draw())?, "Answers in ten intervals of their probability.")];
    let mut facts = vec![
        ("Expected calibration error", format!("{:.4}", reliability.expected_calibration_error())),
        ("Brier score", format!("{:.4}", brier_score(p, labels)?)),
    ];
    if let Ok(area) = macro_auc(p, labels) {
        facts.push(("Area under the ROC curve, mean over the classes", format!("{area:.4}")));
    }
    if let [_, class] = o.prepared.data.classes.as_slice() {
        let scores: Vec<f32> = p.column(1).to_vec();
        let positive: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
        if let (Ok(roc), Ok(pr)) = (roc_curve(&scores, &positive), precision_recall_curve(&scores, &positive)) {
            let line = |x: &[f64], y: &[f64]| -> Vec<(f64, f64)> { x.iter().copied().zip(y.iter().copied()).collect() };
            let chart = |title: &str, x: &str, y: &str, points: &[(f64, f64)]| {
                LineChart::new(title).axes(x, y).series(class, points).y_range(0.0, 1.0).size(420.0, 360.0).draw()
            };
            let roc_chart = chart("ROC curve", "false positives", "true positives", &line(&roc.fpr, &roc.tpr));
            let pr_chart = chart("Precision and recall", "recall", "precision", &line(&pr.recall, &pr.precision));
            figures.push((book.figure("roc", roc_chart)?, "Each threshold's share of false and of true alarms."));
            figures.push((book.figure("precision_recall", pr_chart)?, "What finding more of them costs."));
            facts.push(("Average precision", format!("{:.4}", pr.average_precision())));
        }
    }
    let figures: Vec<(&Figure, &str)> = figures.iter().map(|(figure, words)| (figure, *words)).collect();
    let thresholds = decisions(&o.prepared, &o.scores).map(|d| at_thresholds(&d, &o.prepared.data.classes));
    let thresholds = thresholds.map(|table| book.table("thresholds", table)).transpose()?;
    let body = book.page.section("3", "How sure, and how rightly").figures(&figures).facts(&facts);
    if let Some(table) = &thresholds {
        let caption = "At one half, and at the threshold that is best on the validation split (the largest share found \
                       less the share of false alarms; Youden 1950)";
        body.table(table, caption);
    }
    Ok(())
}

/// The layers, how their parameters are counted, and the first layer's filters.
pub(super) fn network(number: &str, e: &Experiment, p: &Prepared, book: &mut Book<'_>) -> Result<()> {
    let beside = e.report.beside.map(|known| {
        let own = Size::of(&p.summary, &p.preparation.input());
        sizes(&[(&e.name, own), (known.name(), known.size())])
    });
    let beside = beside.map(|table| book.table("beside", table)).transpose()?;
    let layers = book.layers("layers", &p.summary)?;
    let mut counts = Table::new(&["layer", "weights and biases", "parameters"]);
    for (path, formula, n) in formulas(&p.model, &p.summary) {
        counts.row([path.into(), formula.into(), Cell::count(n)]);
    }
    counts.strong_row(["all".into(), "".into(), Cell::count(p.summary.parameters)]);
    let counts = book.table("parameters", counts)?;
    let filters = filters(p).map(|grid| book.figure("filters", grid.draw())).transpose()?;
    let body = book.page.section(number, "The network");
    body.table(&layers, "Layer by layer, for one picture").table(&counts, "Where the parameters are");
    if let Some(beside) = &beside {
        body.table(beside, "Beside a network of the literature");
    }
    if let Some(filters) = &filters {
        let caption = "The filters of the first layer; blue is negative, orange positive, each on its own scale.";
        body.figure(filters, caption);
    }
    body.source("src/experiment/layers.rs");
    Ok(())
}

/// Networks side by side: depth, parameters, multiply-adds.
pub fn sizes(networks: &[(&str, Size)]) -> Table {
    let columns = ["network", "input", "convolutions", "dense layers", "parameters", "multiply-adds"];
    let mut table = Table::new(&columns);
    for (name, size) in networks {
        let counts = [size.convolutions, size.dense, size.parameters, size.macs as usize].map(Cell::count);
        table.row([Cell::text(*name), Cell::sizes(&size.input)].into_iter().chain(counts));
    }
    table
}

/// What becomes of two classes at each threshold, on the validation and the test split; F1 is that of the second.
pub fn at_thresholds(decisions: &[Decision], classes: &[String]) -> Table {
    let (no, yes) = (&classes[0], &classes[1]);
    let heads = [
        "threshold".to_owned(),
        "split".to_owned(),
        format!("right {no}"),
        format!("wrong {no}"),
        format!("wrong {yes}"),
        format!("right {yes}"),
        "accuracy".to_owned(),
        "F1".to_owned(),
    ];
    let mut table = Table::new(&heads.each_ref().map(String::as_str));
    for d in decisions {
        for (split, confusion) in [("validation", &d.val), ("test", &d.test)] {
            let counts = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(t, a)| Cell::count(confusion.counts[t][a]));
            let measures = [confusion.accuracy(), confusion.f1(1)].map(|v| Cell::number(v, 4));
            let head = [Cell::number(d.threshold, 3), Cell::text(split)];
            table.row(head.into_iter().chain(counts).chain(measures));
        }
    }
    table
}

/// The first layer's filters, if it is a convolution of 3 x 3 or more.
fn filters(p: &Prepared) -> Option<ImageGrid> {
    const MOST: usize = 96;
    let weight = parameters::<f32>(&p.model).first()?.1.get();
    let &[filters, channels, h, w] = weight.shape() else { return None };
    let tiles = (0..(filters * channels).min(MOST)).map(|i| {
        let values = &weight.data()[i * h * w..][..h * w];
        let most = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        Tile::plane(values, w, h, ColourMap::Diverging, Some((-most, most)))
    });
    (h * w > 1).then(|| ImageGrid::new("First-layer filters").group("", tiles.collect()).columns(12).tile_size(56.0))
}

/// How to make this report again.
pub(super) fn colophon(number: &str, e: &Experiment, p: &Prepared, seconds: &[(String, f64)], book: &mut Book<'_>) {
    let seconds: Vec<String> = seconds.iter().map(|(stage, s)| format!("{stage} {s:.1}")).collect();
    let facts = [
        ("Command", format!("`{}`", book.said("command_line"))),
        ("Gradus", env!("CARGO_PKG_VERSION").to_owned()),
        ("Data, SHA-256", format!("`{}`", p.data.sha256)),
        ("Processor features", book.said("cpu_features")),
        ("Threads", book.said("threads")),
        ("Seconds per stage", seconds.join(", ")),
    ];
    book.page
        .section(number, "How this was made")
        .facts(&facts)
        .paragraph("The same file, seed and data give the same weights, bit for bit, on any number of threads.")
        .details("The experiment file", |body| {
            body.code(&to_toml(e));
        });
}
