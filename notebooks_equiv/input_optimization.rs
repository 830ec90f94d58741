//! # Input optimization: which image makes the network predict this?
//!
//! The second course's exercise. A convolutional network somewhat more complex than AlexNet learns digits (parts 1 and
//! 2). Then its weights are frozen, and gradient descent moves the *pixels* until the network predicts a
//! target: a class, a mixture, any distribution (parts 3 to 5). Each part has the course's form: the code, its results,
//! comments that follow the numbers.
//!
//! The network is the built-in experiment `alexnet-digits` of `gradus train`; `gradus dream` does what parts 3 to 5 do
//! on any run.
//!
//! Run it: `cargo run --release --example exercise -- input_optimization FOLDER`, where FOLDER holds the four files of MNIST;
//! `--epochs N` for a shorter training, `--out DIR` for another place than target/lessons/input_optimization;
//! `--smoke` for a try in seconds on digits that the program renders, whose numbers mean nothing.

use clap::Parser;
use gradus::experiment::beside::{Known, Size};
use gradus::experiment::dream::findings::{Counted, verdict};
use gradus::experiment::dream::{self, DreamFound, DreamJob, DreamSettings, DreamTarget, Start};
use gradus::experiment::trained::TrainedRun;
use gradus::experiment::{Experiment, Prepared, Source, builtin, report::sizes};
use gradus::nn::summary::formulas;
use gradus::report::chart::{Confusion, LineChart};
use gradus::report::words::{function, listed, thousands};
use gradus::report::{Callout, Figure, Page, Table};
use gradus::run::{Scores, Unwatched, findings::generalizes};
use gradus::train::Silent;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// This file: its functions are shown in the report.
const CODE: &str = include_str!("input_optimization.rs");

/// Input optimization: which image makes the network predict this?
#[derive(clap::Parser)]
struct Arguments {
    /// The folder with MNIST's four files [default: where `gradus data get mnist` puts them]
    folder: Option<PathBuf>,
    /// Where the report and the figures go
    #[arg(long, value_name = "DIR", default_value = "target/lessons/input_optimization")]
    out: PathBuf,
    /// Epochs of each training, to see it sooner
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Everything in seconds, on digits that the program renders: the numbers mean nothing
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(words: &[String]) -> gradus::Result<()> {
    exercise(&Arguments::parse_from(words))
}

fn exercise(arguments: &Arguments) -> gradus::Result<()> {
    let (smoke, folder) = (arguments.smoke, &arguments.out);
    let mut settings = Vec::new();
    match &arguments.folder {
        _ if smoke => settings.extend(
            ["data.kind=digits", "data.per_class=20", "data.val=0.2", "data.test=0.2", "train.epochs=2"]
                .map(String::from),
        ),
        Some(path) => settings.push(format!("data.path={}", path.display())),
        None => {} // where `gradus data get mnist` has put it
    }
    settings.extend(arguments.epochs.map(|n| format!("train.epochs={n}")));
    let mut page = Page::new("Input optimization");
    page.subtitle("Which image makes the network predict this?");

    let mut source = Source::text(builtin("alexnet-digits").expect("it is built in").text, "alexnet-digits")?;
    settings.iter().try_for_each(|set| source.set(set))?;
    let experiment = source.resolve()?;
    let prepared = Prepared::new(&experiment, &mut Unwatched)?;
    network(&experiment, &prepared, &mut page);
    let (scores, seconds) = train(&experiment, &prepared)?;
    learning(&experiment, &prepared, &scores, seconds, &mut page, folder)?;

    let trained = TrainedRun { preparation: prepared.preparation, model: prepared.model, experiment, folder: None };
    let classes = trained.preparation.classes.clone();
    let (restarts, steps) = if smoke { (2, 20) } else { (8, DreamSettings::regularized().steps) };
    let shown = if smoke { 2 } else { classes.len() };
    let all: Vec<DreamTarget> = (0..shown).map(|c| DreamTarget::class(c, classes.len())).collect();
    let mixtures = ["2:0.5,3:0.5", "0,0,.5,.5,0,0,0,0", "4:0.4,9:0.6"].map(|text| DreamTarget::parse(text, &classes));
    let mixtures: Vec<DreamTarget> = mixtures.into_iter().collect::<gradus::Result<_>>()?;

    let job = |targets: &[DreamTarget], start: Start| {
        let settings = DreamSettings { steps, ..DreamSettings::regularized() };
        DreamJob { targets: targets.to_vec(), start, noise: 0.3, restarts, settings, seed: trained.experiment.seed }
    };
    let parts = [
        ("Part 3. Every class, from noise", "noise", job(&all, Start::Random)),
        ("Part 4. Mixtures, from noise", "mixture", job(&mixtures, Start::Random)),
        ("Part 5. Every class, from noisy test images of a one", "real", job(&all, Start::Test(1))),
    ];
    let mut verdicts = Vec::new();
    for (title, name, job) in parts {
        let found = dreams(&trained, &job, title, name, &mut page, folder)?;
        verdicts.push(format!("{title}: {}", comments(&found, &classes)));
    }
    page.lead().callout(
        Callout::Verdict,
        "The network",
        &format!("The test accuracy is {}.", scores.on_splits().test.words()),
    );
    page.section("", "In short").list(&verdicts);
    page.save(&folder.join("report.html"))?;
    println!("report: {}", folder.join("report.html").display());
    Ok(())
}

/// Part 1: the network beside AlexNet.
fn network(e: &Experiment, p: &Prepared, page: &mut Page) {
    let own = Size::of(&p.summary, &p.preparation.input());
    let known = Known::Alexnet;
    let both = sizes(&[(&e.name, own.clone()), (known.name(), known.size())]);
    println!("Part 1. The network\n\n{}", both.text());
    let formulas = formulas(&p.model, &p.summary);
    let mut layers = Table::new(&["layer", "kind", "output", "weights and biases", "parameters", "receptive field"]);
    for row in &p.summary.rows {
        let output: Vec<String> = row.output.iter().map(usize::to_string).collect();
        let formula = formulas.iter().find(|(path, ..)| *path == row.path);
        let formula = formula.map_or(String::new(), |(_, formula, _)| formula.clone());
        let field = row.receptive_field.map_or("all".into(), |[h, w]| format!("{h} x {w}"));
        layers.row([row.path.clone(), row.kind.clone(), output.join(" x "), formula, thousands(row.parameters), field]);
    }
    let theirs = known.size();
    page.part("Part 1. The network");
    page.section("", "Results").table(&both, "Beside AlexNet").table(&layers, "Layer by layer");
    page.section("", "Comments").paragraph(&format!(
        "AlexNet's {} convolutions are for {} x {} pixels; here {} convolutions are for {} x {}, so kernels are small, no \
        stride is needed, and each layer is followed by batch normalization, which AlexNet did not have. It is deeper \
         by {} layers with weights, and smaller by a factor of {} in parameters: AlexNet has most of its own in the \
         first fully connected layer, behind 9216 inputs.",
        theirs.convolutions,
        theirs.input[1],
        theirs.input[2],
        own.convolutions,
        own.input[1],
        own.input[2],
        (own.convolutions + own.dense) as i64 - (theirs.convolutions + theirs.dense) as i64,
        theirs.parameters / own.parameters.max(1)
    ));
}

/// Fits the network; its weights are then those of the best epoch on the validation split.
fn train(e: &Experiment, p: &Prepared) -> gradus::Result<(Scores, f64)> {
    let start = Instant::now();
    let mut optimizer = e.train.optimizer.build();
    let trained = p.fit.run(&p.model, optimizer.as_mut(), p.train.as_ref(), p.val.as_ref(), None, &mut Silent)?;
    Ok((p.score(trained.history)?, start.elapsed().as_secs_f64()))
}

/// Part 2: training and accuracy.
fn learning(
    e: &Experiment,
    p: &Prepared,
    s: &Scores,
    seconds: f64,
    page: &mut Page,
    folder: &Path,
) -> gradus::Result<()> {
    let column = |f: fn(&gradus::train::Epoch) -> f64| s.history.epochs.iter().map(f).collect::<Vec<f64>>();
    let kept = s.history.best_epoch as f64;
    let chart = |name: &str, train: Vec<f64>, val: Vec<f64>| {
        let chart = LineChart::new(name).axes("epoch", name).epochs("training", &train).epochs("validation", &val);
        save(folder, name, chart.marker(kept, "kept").draw())
    };
    let loss = chart("loss", column(|e| e.losses()[0]), column(|e| e.losses()[1]))?;
    let accuracy = chart("accuracy", column(|e| e.accuracies()[0]), column(|e| e.accuracies()[1]))?;
    let confusion = Confusion::new("Test split", &p.data.classes, &s.confusion.counts).draw();
    let confusion = save(folder, "confusion", confusion)?;
    let mut splits = Table::new(&["split", "images", "loss", "accuracy"]);
    for ((name, images), figures) in p.data.splits().into_iter().zip([&s.train, s.validation(), &s.test]) {
        let [loss, accuracy] = [figures.loss, figures.accuracy].map(|v| format!("{v:.4}"));
        splits.row([name.to_owned(), thousands(images.len()), loss, accuracy]);
    }
    println!("Part 2. Training: {seconds:.0} s\n\n{}", splits.text());
    page.part("Part 2. Training");
    page.section("", "Code").code(function(CODE, "train"));
    page.section("", "Results")
        .table(&splits, "The best epoch's weights on each split; training images without augmentation")
        .figures(&[
            (&loss, "Cross-entropy; training images are augmented, validation images are not."),
            (&accuracy, "Accuracy over the epochs."),
            (&confusion, "Rows are the true label, columns the prediction."),
        ]);
    page.section("", "Comments").paragraph(&generalizes(s, e.train.epochs));
    Ok(())
}

/// Parts 3 to 5: the pixels are moved, the weights are not.
fn dreams(
    trained: &TrainedRun,
    job: &DreamJob,
    title: &str,
    name: &str,
    page: &mut Page,
    folder: &Path,
) -> gradus::Result<Vec<DreamFound>> {
    let (found, data) = dream::dream(trained, job, &mut Unwatched)?;
    let table = dream::report::summary(&found, &data);
    println!("{title}\n\n{}", table.text());
    let overview = save(folder, &format!("{name}_overview"), dream::report::overview(&found, &data))?;
    page.part(title);
    page.section("", "Code").code(function(CODE, "dreams"));
    let body = page.section("", "Results");
    body.table(&table, "The best restart of each target").figure(
        &overview,
        "With regularization, without, and the training image nearest to the first. A green frame: the dream looks like an \
         image of the target class; an orange one: it does not.",
    );
    for (i, f) in found.iter().enumerate() {
        let draw = |kind: &str, figure: Figure| save(folder, &format!("{name}_{kind}_{i}"), figure);
        let way = draw("way", dream::report::way(f, &data))?;
        let answer = draw("prediction", dream::report::prediction(f, &data.classes))?;
        let losses = draw("loss", dream::report::losses(f))?;
        body.heading(&format!("DreamTarget: {}", f.target.words(&data.classes)))
            .figure(&way, "Start, some steps, and the end; above with regularization, below without.")
            .figures(&[(&answer, "The network's prediction for the last step."), (&losses, "Distance to the target.")]);
    }
    page.section("", "Comments").paragraph(&comments(&found, &data.classes)).paragraph(
        "Cross-entropy constrains the prediction alone, and the network's predictions are meaningful only for images like \
        the training images. Total variation, blur and jitter favour properties of strokes: smooth neighbourhoods, the same \
        prediction after a shift by a pixel. They are reduced towards the end, so the last steps refine the prediction.",
    );
    Ok(found)
}

/// Returns the comment on the numbers.
fn comments(found: &[DreamFound], classes: &[String]) -> String {
    let worst = found.iter().map(|f| f.target.distance(&f.best.reached)).fold(0.0, f32::max);
    let looks = |which: usize| -> Vec<String> {
        found.iter().filter(|f| f.likeness[which].looks_like_it).map(|f| f.target.words(classes)).collect()
    };
    let named = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { listed(&names) };
    let counted = |which: usize| {
        Counted::of(found.iter().map(|f| {
            let dream = if which == 0 { &f.best } else { &f.unregularized };
            (f.likeness[which].looks_like_it, f.target.distance(&dream.reached))
        }))
    };
    format!(
        "the largest difference between prediction and target is {worst:.3}. With regularization these look like their \
         class: {}; without: {}. {}",
        named(looks(0)),
        named(looks(1)),
        verdict(counted(0), counted(1))
    )
}

fn save(folder: &Path, name: &str, figure: Figure) -> gradus::Result<Figure> {
    figure.save(folder, name).map(|()| figure)
}
