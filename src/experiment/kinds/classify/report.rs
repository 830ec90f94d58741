//! The report of a classifier: how accurate it is, how it learned, what it misclassifies, how confident it is.

use super::findings::{self, THRESHOLDS, calibration};
use super::{BINS, Classified, Decision, decisions, metrics, predictions, probabilities};
use crate::analysis::metrics::{Reliability, brier_score, macro_auc, precision_recall_curve, roc_curve};
use crate::error::Result;
use crate::experiment::findings::{kept_epoch, steps_ended};
use crate::experiment::found::{Found, Run};
use crate::experiment::report::{colophon, data_name, network};
use crate::report::chart::{Colour, ImageGrid, LineChart, Tile};
use crate::report::words::{confused_pair, counted, percent, thousands};
use crate::report::{Callout, Cell, Figure, Table};
use crate::run::book::{CONFUSION, PER_CLASS, per_class};
use crate::run::findings::generalizes;
use crate::run::{Book, RunFolder};
use serde_json::Value;

/// Confused pairs that are listed.
const PAIRS: usize = 15;

impl Found for Classified {
    fn metrics(&self) -> Result<Value> {
        metrics(self)
    }
    fn write(&self, folder: &RunFolder) -> Result<()> {
        folder.write("tables/predictions.csv", &predictions(self))?;
        write(self, folder)
    }
    fn run(&mut self) -> Option<&mut Run> {
        Some(&mut self.run)
    }
}

/// Writes `report.html`, the figures and the tables.
pub fn write(o: &Classified, folder: &RunFolder) -> Result<()> {
    let e = &o.run.experiment;
    let test = counted(o.run.prepared.data.test.len(), &format!("test {}", o.run.prepared.data.noun()));
    let classes = counted(o.run.prepared.data.classes.len(), "class");
    let subtitle = format!("Data: {}, {classes}, {test}; seed {}", data_name(e), e.seed);
    let mut book = Book::open(folder, &e.name, &subtitle);
    verdict(o, &mut book);
    learning(o, &mut book)?;
    mistakes(o, &mut book)?;
    confidence(o, &mut book)?;
    network("4", &o.run, &mut book)?;
    colophon("5", &o.run, &mut book)?;
    book.finish()
}

/// The figures that matter, first.
fn verdict(o: &Classified, book: &mut Book<'_>) {
    let (s, p) = (&o.scores, &o.run.prepared);
    let test = s.on_splits().test;
    let (accuracy, baseline) = (percent(test.accuracy()), percent(s.baseline()));
    let (f1, parameters) = (format!("{:.3}", s.confusion.macro_f1()), thousands(s.parameters));
    let epochs = format!("{} of {}", s.history.best_epoch, s.history.epochs.len());
    let class = &p.data.classes[s.majority_class];
    let [kept, how] = kept_epoch(s.val.is_some());
    let lead = book.page.lead();
    lead.callout(Callout::Verdict, "Verdict", &findings::verdict(test, class, s.baseline())).scores(&[
        (&accuracy, "test accuracy", &test.precision()),
        (&baseline, "majority-class baseline", &format!("predicting `{class}` for every {}", p.data.noun())),
        (&f1, "macro F1", "mean over the classes, test split"),
        (&parameters, "parameters", &format!("{} multiply-adds", thousands(p.summary.macs as usize))),
        (&epochs, kept, how),
    ]);
    if !o.run.experiment.about.is_empty() {
        lead.paragraph(&o.run.experiment.about);
    }
    lead.paragraph(&o.run.test_set.words(Some(s.test.accuracy)));
    if !p.data.leakage.is_empty() {
        let words = findings::leakage(p.data.leakage.len(), &format!("{}s", p.data.noun()));
        lead.callout(Callout::Caveat, "Leakage between splits", &words);
    }
    for missing in o.run.prepared.data.missing() {
        lead.callout(Callout::Caveat, "A class is missing", &format!("Note that {}.", missing.words()));
    }
}

/// Loss and accuracy over the epochs.
fn learning(o: &Classified, book: &mut Book<'_>) -> Result<()> {
    let (e, s) = (&o.run.experiment, &o.scores);
    let [loss, accuracy] = book.curves("model", &e.name, s)?;
    let samples = format!("{}s", o.run.prepared.data.noun());
    let mut splits = Table::new(&["split", &samples, "loss", "accuracy"]);
    for (name, figures) in s.splits() {
        let [loss, accuracy] = [figures.loss, figures.accuracy].map(|v| Cell::number(v, 4));
        splits.row([Cell::text(name), Cell::count(figures.predicted.len()), loss, accuracy]);
    }
    let splits = book.table("splits", splits)?;
    let body = book.page.section("1", "Learning");
    body.figures(&[(&loss, "Loss over the epochs."), (&accuracy, "Accuracy over the epochs.")])
        .table(&splits, "The weights that are kept, on each split");
    steps_ended(&o.run.stopped()).iter().for_each(|words| _ = body.paragraph(words));
    body.answer("Does it generalize?", &generalizes(s, e.train.epochs)).source("src/experiment/job.rs");
    Ok(())
}

/// The confusion matrix, the pairs that are confused, and the mistakes with the highest predicted probability.
fn mistakes(o: &Classified, book: &mut Book<'_>) -> Result<()> {
    let (s, test, classes) = (&o.scores, &o.run.prepared.data.test, &o.run.prepared.data.classes);
    let confusion = book.confusion("test", "Test split", classes, &s.confusion.counts)?;
    let table = book.table("classes", per_class(&s.confusion, classes))?;
    let above = o.run.experiment.report.confused_above;
    let pairs = s.confusion.most_confused_above(above);

    let k = classes.len();
    let probability = |i: usize| s.test.probabilities.data()[i * k + s.test.predicted[i]];
    let mut mistakes: Vec<usize> = (0..test.len()).filter(|&i| s.test.predicted[i] != test.labels()[i]).collect();
    mistakes.sort_by(|&a, &b| probability(b).total_cmp(&probability(a)).then(a.cmp(&b)));
    let tile = |&i: &usize| {
        let (c, h, w) = (test.channels(), test.height(), test.width());
        let image = &test.pixels.data()[i * c * h * w..][..c * h * w];
        let (label, predicted) = (&classes[test.labels()[i]], &classes[s.test.predicted[i]]);
        Tile::chw(image, c, h, w)
            .caption(&format!("true {label}, predicted {predicted}"))
            .caption(&format!("{}, {}", test.names[i], percent(f64::from(probability(i)))))
            .border(Colour::class(test.labels()[i]))
    };
    // A row of a table cannot be drawn as an image.
    let most = if o.run.prepared.preparation.is_table() { 0 } else { o.run.experiment.report.mistakes };
    let tiles: Vec<Tile> = mistakes.iter().take(most).map(tile).collect();
    let sheet =
        (!tiles.is_empty()).then(|| ImageGrid::new("Worst mistakes").group("", tiles).columns(6).tile_size(104.0));
    let sheet = sheet.map(|grid| book.figure("mistakes", grid.draw())).transpose()?;

    let body = book.page.section("2", "Mistakes");
    body.row(|row| {
        row.figure(&confusion, CONFUSION).table(&table, PER_CLASS);
    });
    if !pairs.is_empty() {
        body.paragraph(&findings::confused_pairs(pairs.len(), PAIRS, above));
        body.list(pairs.iter().take(PAIRS).map(|&pair| confused_pair(&s.confusion, classes, pair)));
    }
    if let Some(sheet) = &sheet {
        body.figure(sheet, "The mistakes with the highest predicted probability, with the name of each image.");
    }
    Ok(())
}

/// Whether predictions are correct as often as their probabilities say; for two classes also what each threshold costs.
fn confidence(o: &Classified, book: &mut Book<'_>) -> Result<()> {
    let (labels, p) = (o.run.prepared.data.test.labels(), probabilities(&o.scores.test.probabilities));
    let reliability = Reliability::of_predictions(p, labels, BINS)?;
    let some = reliability.bins.iter().filter(|bin| bin.count > 0);
    let points: Vec<(f64, f64)> = some.map(|bin| (bin.confidence, bin.accuracy)).collect();
    let chart = LineChart::new("Reliability")
        .axes("mean predicted probability", "fraction of correct predictions")
        .series("predictions", &points)
        .styled("perfectly calibrated", &[(0.0, 0.0), (1.0, 1.0)], Colour::GRAY, true)
        .y_range(0.0, 1.0)
        .size(420.0, 360.0);
    let mut figures = vec![(
        book.figure("reliability", chart.draw())?,
        "Predictions in ten intervals of their probability. Below the dashed line the network is overconfident, above it underconfident.",
    )];
    let mut facts = vec![
        ("Expected calibration error", format!("{:.4}", reliability.expected_calibration_error())),
        ("Brier score", format!("{:.4}", brier_score(p, labels)?)),
    ];
    if let Ok(area) = macro_auc(p, labels) {
        facts.push(("Area under the ROC curve, mean over the classes", format!("{area:.4}")));
    }
    if let [_, class] = o.run.prepared.data.classes.as_slice() {
        let scores: Vec<f32> = p.column(1).to_vec();
        let positive: Vec<bool> = labels.iter().map(|&label| label == 1).collect();
        if let (Ok(roc), Ok(pr)) = (roc_curve(&scores, &positive), precision_recall_curve(&scores, &positive)) {
            let line = |x: &[f64], y: &[f64]| -> Vec<(f64, f64)> { x.iter().copied().zip(y.iter().copied()).collect() };
            let chart = |title: &str, x: &str, y: &str, points: &[(f64, f64)]| {
                LineChart::new(title).axes(x, y).series(class, points).y_range(0.0, 1.0).size(420.0, 360.0).draw()
            };
            let roc_chart = chart("ROC curve", "false positive rate", "true positive rate", &line(&roc.fpr, &roc.tpr));
            let pr_chart = chart("Precision and recall", "recall", "precision", &line(&pr.recall, &pr.precision));
            figures.push((book.figure("roc", roc_chart)?, "One point for each threshold."));
            figures.push((book.figure("precision_recall", pr_chart)?, "One point for each threshold."));
            facts.push(("Average precision", format!("{:.4}", pr.average_precision())));
        }
    }
    let figures: Vec<(&Figure, &str)> = figures.iter().map(|(figure, words)| (figure, *words)).collect();
    let confidence = p.rows().into_iter().map(|row| row.fold(0.0, |m, &v| f64::from(v).max(m))).sum::<f64>();
    let judged = calibration(confidence / p.nrows().max(1) as f64, o.scores.on_splits().test);
    let thresholds = decisions(&o.run.prepared, &o.scores).map(|d| at_thresholds(&d, &o.run.prepared.data.classes));
    let thresholds = thresholds.map(|table| book.table("thresholds", table)).transpose()?;
    let body = book.page.section("3", "Confidence and calibration").figures(&figures).paragraph(&judged).facts(&facts);
    if let Some(table) = &thresholds {
        body.table(table, THRESHOLDS);
    }
    Ok(())
}

/// Confusion of two classes at each threshold, on the validation and the test split; F1 is that of the second.
pub fn at_thresholds(decisions: &[Decision], classes: &[String]) -> Table {
    let (no, yes) = (&classes[0], &classes[1]);
    let heads = [
        "threshold".to_owned(),
        "split".to_owned(),
        format!("correct {no}"),
        format!("{no} as {yes}"),
        format!("{yes} as {no}"),
        format!("correct {yes}"),
        "accuracy".to_owned(),
        "F1".to_owned(),
    ];
    let mut table = Table::new(&heads.each_ref().map(String::as_str));
    for (column, key) in [(2, "right"), (3, "wrong"), (4, "wrong"), (5, "right")] {
        table = table.key(&heads[column], &format!("{key} {}", if column < 4 { no } else { yes }));
    }
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
