//! # Digits in three ways: an MLP on pixels, an MLP on HOG features, a CNN on pixels
//!
//! A course's comparison with library calls only. The same digits are learned by a fully connected network that sees
//! the raw pixels (part 1), by one that sees histograms of oriented gradients (part 2), and by a convolutional network
//! (part 3); then the course's questions are answered by numbers that the program has computed.
//!
//! The networks are the built-in experiments of `gradus train`: `gradus init mlp-300` prints one as a file. Here their
//! parts are called one after the other: read the experiment, load the data, prepare the samples, build the network,
//! fit, score.
//!
//! Run it: `cargo run --release --example mnist_mlp_hog_cnn -- FOLDER`, where FOLDER holds the four files of MNIST (or
//! of Fashion-MNIST, with `--fashion`); `--out DIR` for another place than target/lessons/mnist_mlp_hog_cnn; `--smoke` for a
//! try in seconds on digits that the program renders, whose numbers mean nothing.

use gradus::experiment::data::{Preparation, load};
use gradus::experiment::job::objective;
use gradus::experiment::{Experiment, Source, builtin, plan};
use gradus::nn::parameters;
use gradus::nn::summary::Summary;
use gradus::report::chart::{BarChart, Confusion, LineChart};
use gradus::report::words::{confused_pair, percent, thousands};
use gradus::report::{Callout, Figure, Page, Table};
use gradus::run::{Scores, Watch, book::generalizes, score};
use gradus::train::{Fit, Samples, Silent};
use std::path::PathBuf;
use std::time::Instant;

const SEED: u64 = 1;
/// Pairs of digits confused at least this often are named.
const CONFUSED: f64 = 0.01;

fn main() {
    if let Err(error) = comparison() {
        eprintln!("error: {error}");
        std::process::exit(error.exit_code());
    }
}

/// One network: what it is, what it is made of, how it did.
struct Study {
    experiment: Experiment,
    input: Vec<usize>,
    summary: Summary,
    /// For each layer with weights, how they are counted.
    formulas: Vec<(String, String, usize)>,
    scores: Scores,
    seconds: f64,
    classes: Vec<String>,
}

fn comparison() -> gradus::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|a| a == flag);
    let out = arguments.iter().position(|a| a == "--out").and_then(|i| arguments.get(i + 1));
    let source = arguments.iter().find(|a| !a.starts_with("--") && Some(*a) != out);
    let folder = out.map_or("target/lessons/mnist_mlp_hog_cnn".into(), PathBuf::from);
    let mut settings = vec![format!("seed={SEED}")];
    match (has("--smoke"), source) {
        (true, _) => settings
            .extend(["data.kind=digits", "data.per_class=60", "data.val=0.2", "data.test=0.2"].map(String::from)),
        (false, Some(path)) => settings.push(format!("data.path={path}")),
        (false, None) => {} // where `gradus data get mnist` has put it
    }
    if has("--fashion") {
        settings.push("data.kind=fashion-mnist".into());
    }
    let epochs = |e: &mut Experiment| e.train.epochs = if has("--smoke") { 2 } else { e.train.epochs };

    let parts = [
        (
            "Part 1. An MLP on raw pixels",
            vec!["mlp-300", "mlp-300-dropout", "mlp-1000-dropout", "mlp-1000-1000-dropout"],
        ),
        ("Part 2. An MLP on HOG features", vec!["hog-300", "hog-128", "hog-128-8ep"]),
        ("Part 3. A CNN on raw pixels", vec!["cnn-small", "cnn-small-dropout", "cnn-deep"]),
    ];
    let mut page = Page::new("Digits in three ways");
    page.subtitle("An MLP on pixels, an MLP on histograms of oriented gradients, and a CNN on pixels");
    let mut studies = Vec::new();
    for (title, names) in parts {
        println!("{title}\n");
        page.part(title);
        for name in names {
            let mut source = Source::text(builtin(name).expect("it is built in").text, name)?;
            settings.iter().try_for_each(|set| source.set(set))?;
            let mut experiment = source.resolve()?;
            epochs(&mut experiment);
            let study = learn(experiment)?;
            println!("  {name}: {}", words(&study));
            describe(&study, &mut page, &folder)?;
            studies.push(study);
        }
        println!();
    }
    answers(&studies, &mut page, &folder)?;
    page.save(&folder.join("report.html"))?;
    println!("report: {}", folder.join("report.html").display());
    Ok(())
}

/// Says nothing: a network here takes seconds.
struct Quiet;
impl Watch for Quiet {
    fn stage(&mut self, _: usize, _: usize, _: &str) {}
    fn progress(&mut self, _: usize, _: usize, _: &str) {}
    fn note(&mut self, _: &str) {}
    fn interrupted(&self) -> bool {
        false
    }
}

/// The whole way from an experiment to its figures.
fn learn(e: Experiment) -> gradus::Result<Study> {
    let data = load(&e, &mut Quiet)?;
    // Scales are learned from the training split alone: what test pictures look like is part of the answer.
    let preparation = Preparation::fit(&e.data, &data.train)?;
    let samples = |images: &gradus::data::Images| preparation.samples(&images.pixels, &images.labels, None);
    let (train, val, test) = (samples(&data.train)?, samples(&data.val)?, samples(&data.test)?);

    let (input, k) = (preparation.input(), data.classes.len());
    let (model, summary) = plan(&e, &input, k)?;
    let t = &e.train;
    let objective = objective(&e, &data.train.labels, k)?;
    let patience = if t.patience == 0 { usize::MAX } else { t.patience };
    let fit = Fit { objective, keep: t.keep, schedule: t.schedule, ..Fit::new(t.epochs, patience, t.batch, e.seed) };
    let start = Instant::now();
    let trained = fit.run(&model, t.optimizer.build().as_mut(), train.as_ref(), val.as_ref(), None, &mut Silent)?;
    let seconds = start.elapsed().as_secs_f64();

    let splits: [&dyn Samples; 3] = [train.as_ref(), val.as_ref(), test.as_ref()];
    let scores = score(&model, trained.history, &fit.objective, splits, k)?;
    let mut formulas = Vec::new();
    for (path, weight) in parameters::<f32>(&model).iter().filter(|(path, _)| path.ends_with("weight")) {
        let shape = weight.get().shape_owned();
        let product = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" · ");
        formulas.push((
            path.trim_end_matches(".weight").into(),
            format!("{product} + {}", shape[0]),
            shape.numel() + shape[0],
        ));
    }
    Ok(Study { experiment: e, input, summary, formulas, scores, seconds, classes: data.classes })
}

fn words(s: &Study) -> String {
    let (test, parameters) = (percent(s.scores.test.accuracy), thousands(s.scores.parameters));
    format!("{test} of the test digits, {parameters} parameters, {:.1} s", s.seconds)
}

/// Topology, inputs and outputs, weights, curves and mistakes of one network.
fn describe(s: &Study, page: &mut Page, folder: &std::path::Path) -> gradus::Result<()> {
    let name = &s.experiment.name;
    let save = |kind: &str, figure: Figure| figure.save(folder, &format!("{kind}_{name}")).map(|()| figure);
    let column = |f: fn(&gradus::train::Epoch) -> f64| s.scores.history.epochs.iter().map(f).collect::<Vec<f64>>();
    let curves = LineChart::new(&format!("{name}: accuracy"))
        .axes("epoch", "accuracy")
        .epochs("training", &column(|e| e.train_accuracy))
        .epochs("validation", &column(|e| e.val_accuracy))
        .marker(s.scores.history.best_epoch as f64, "kept");
    let curves = save("curves", curves.draw())?;
    let confusion = save("confusion", Confusion::new(name, &s.classes, &s.scores.confusion.counts).draw())?;
    let mut layers = Table::new(&["layer", "output", "weights and biases", "parameters"]);
    for row in &s.summary.rows {
        let output: Vec<String> = row.output.iter().map(usize::to_string).collect();
        let formula = s.formulas.iter().find(|(path, ..)| *path == row.path);
        let formula = formula.map_or(String::new(), |(_, formula, _)| formula.clone());
        layers.row([row.path.clone(), output.join(" x "), formula, thousands(row.parameters)]);
    }
    let input: Vec<String> = s.input.iter().map(usize::to_string).collect();
    page.section("", name)
        .paragraph(&s.experiment.about)
        .facts(&[
            ("Inputs", input.join(" x ")),
            ("Outputs", format!("{}: a logit for each class", s.classes.len())),
            ("Parameters", thousands(s.scores.parameters)),
            ("Multiply-adds for one picture", thousands(s.summary.macs as usize)),
            ("Test accuracy", percent(s.scores.test.accuracy)),
            ("Seconds of training", format!("{:.1}", s.seconds)),
        ])
        .table(&layers, "Topology")
        .figures(&[(&curves, "Accuracy over the epochs."), (&confusion, "Rows are the truth, columns the answer.")])
        .answer("Does it generalize?", &generalizes(&s.scores, s.experiment.train.epochs, s.experiment.train.patience));
    Ok(())
}

/// The course's questions.
fn answers(studies: &[Study], page: &mut Page, folder: &std::path::Path) -> gradus::Result<()> {
    let by = |name: &str| studies.iter().find(|s| s.experiment.name == name).expect("it was trained");
    let accuracy = |s: &Study| s.scores.test.accuracy;
    let best = studies.iter().max_by(|a, b| accuracy(a).total_cmp(&accuracy(b))).expect("there are some");
    let mut chart = BarChart::new("Test accuracy").percent();
    let mut table = Table::new(&["network", "parameters", "best epoch", "validation", "test", "macro F1", "seconds"]);
    for s in studies {
        chart = chart.bar(&s.experiment.name, accuracy(s), None);
        let h = &s.scores.history;
        let numbers = [s.scores.val.accuracy, accuracy(s), s.scores.confusion.macro_f1()].map(|v| format!("{v:.4}"));
        let epoch = format!("{} of {}", h.best_epoch, h.epochs.len());
        let head = [s.experiment.name.clone(), thousands(s.scores.parameters), epoch];
        table.row(head.into_iter().chain(numbers).chain([format!("{:.1}", s.seconds)]));
    }
    let chart = chart.draw();
    chart.save(folder, "accuracy")?;
    table.save(folder, "networks")?;
    println!("{}", table.text());

    let (wide, deep) = (by("mlp-1000-dropout"), by("mlp-1000-1000-dropout"));
    let (small, mlp) = (by("cnn-small"), by("mlp-300"));
    let depth = format!(
        "A second hidden layer of 1000 units takes the parameters from {} to {} and the test accuracy from {} to {}. \
         Depth of the right kind is cheaper: three small convolutions reach {} with {} parameters, where the fully \
         connected network with one hidden layer reaches {} with {}.",
        thousands(wide.scores.parameters),
        thousands(deep.scores.parameters),
        percent(accuracy(wide)),
        percent(accuracy(deep)),
        percent(accuracy(small)),
        thousands(small.scores.parameters),
        percent(accuracy(mlp)),
        thousands(mlp.scores.parameters)
    );
    let pairs = best.scores.confusion.most_confused_above(CONFUSED);
    let pairs: Vec<String> = pairs.iter().map(|&p| confused_pair(&best.scores.confusion, &best.classes, p)).collect();
    let confused = match pairs.as_slice() {
        [] => {
            format!("The best network, {}, confuses no pair in {} of a class.", best.experiment.name, percent(CONFUSED))
        }
        pairs => format!("The best network, {}: {}.", best.experiment.name, pairs.join("; ")),
    };
    page.part("Questions");
    page.section("", "Which is best?").figure(&chart, "On the test split, asked once.").table(&table, "All networks");
    page.section("", "The course's questions")
        .answer("What is the capacity of deep networks against shallow ones?", &depth)
        .answer("Which digits are confused?", &confused)
        .answer(
            "What is the learning algorithm?",
            "RMSprop, except for `cnn-deep`, which takes SGD with momentum. With the gradient g of the mean loss of a \
             batch: v ← α v + (1 - α) g², p ← p - lr · g / √(v + ε). Its arguments: lr = 0.002, falling to 0 by half a \
             cosine over the epochs; α = 0.9 (Keras's rho), how much of the running mean of g² is kept; ε = 1e-7, which \
             keeps the divisor from 0. SGD: v ← 0.9 v + g, p ← p - lr · v, lr = 0.05.",
        )
        .answer(
            "What is the cost function?",
            "Cross-entropy: with logits z and the right class y, L = -log(exp(z_y) / Σ exp(z_k)), averaged over the \
             batch. Its derivative by z is softmax(z) less the one-hot target: the error itself.",
        );
    page.lead().callout(Callout::Verdict, &best.experiment.name, &words(best));
    Ok(())
}
