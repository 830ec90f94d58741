//! # Digits in three ways: an MLP on pixels, an MLP on HOG features, a CNN on pixels
//!
//! A course's comparison with library calls only. The same digits are classified by a fully connected network on
//! the raw pixels (part 1), by one on histograms of oriented gradients (part 2), and by a convolutional network
//! (part 3); then the course's questions are answered by numbers that the program has computed.
//!
//! The networks are the built-in experiments of `gradus train`: `gradus init mlp-300` prints one as a file. Here their
//! parts are called one after the other: read the experiment, load the data, prepare the samples, build the network,
//! fit, score.
//!
//! Run it: `cargo run --release --example exercise -- mnist_mlp_hog_cnn FOLDER`, where FOLDER holds the four files of MNIST (or
//! of Fashion-MNIST, with `--fashion`); `--out DIR` for another place than target/lessons/mnist_mlp_hog_cnn; `--smoke`
//! for a try in seconds on digits that the program renders, whose numbers mean nothing.

use clap::Parser;
use gradus::analysis::metrics::selection_gain;
use gradus::experiment::{Experiment, Prepared, Source, builtin};
use gradus::nn::summary::{Summary, formulas};
use gradus::report::chart::{BarChart, Confusion, LineChart};
use gradus::report::words::{confused_pair, percent, thousands};
use gradus::report::{Callout, Cell, Figure, Page, Table};
use gradus::run::{Scores, Unwatched, findings::generalizes};
use gradus::train::Silent;
use std::path::PathBuf;
use std::time::Instant;

const SEED: u64 = 1;
/// Pairs of digits confused at least this often are named.
const CONFUSED: f64 = 0.01;

/// Digits in three ways: an MLP on pixels, an MLP on HOG features, a CNN on pixels.
#[derive(clap::Parser)]
struct Arguments {
    /// The folder with MNIST's four files [default: where `gradus data get mnist` puts them]
    folder: Option<PathBuf>,
    /// Where the report and the figures go
    #[arg(long, value_name = "DIR", default_value = "target/lessons/mnist_mlp_hog_cnn")]
    out: PathBuf,
    /// The files are those of Fashion-MNIST
    #[arg(long)]
    fashion: bool,
    /// Everything in seconds, on digits that the program renders: the numbers mean nothing
    #[arg(long)]
    smoke: bool,
}

pub(crate) fn run(words: &[String]) -> gradus::Result<()> {
    comparison(&Arguments::parse_from(words))
}

/// One network: its experiment, its layers, its results.
struct Study {
    experiment: Experiment,
    input: Vec<usize>,
    summary: Summary,
    /// For each layer with weights, the formula of their number.
    formulas: Vec<(String, String, usize)>,
    scores: Scores,
    seconds: f64,
    classes: Vec<String>,
}

fn comparison(arguments: &Arguments) -> gradus::Result<()> {
    let folder = &arguments.out;
    let mut settings = vec![format!("seed={SEED}")];
    match &arguments.folder {
        _ if arguments.smoke => settings
            .extend(["data.kind=digits", "data.per_class=60", "data.val=0.2", "data.test=0.2"].map(String::from)),
        Some(path) => settings.push(format!("data.path={}", path.display())),
        None => {} // where `gradus data get mnist` has put it
    }
    if arguments.fashion {
        settings.push("data.kind=fashion-mnist".into());
    }
    let epochs = |e: &mut Experiment| e.train.epochs = if arguments.smoke { 2 } else { e.train.epochs };

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
            describe(&study, &mut page, folder)?;
            studies.push(study);
        }
        println!();
    }
    questions(&studies, &mut page, folder)?;
    page.save(&folder.join("report.html"))?;
    println!("report: {}", folder.join("report.html").display());
    Ok(())
}

/// Trains an experiment and returns its results.
fn learn(e: Experiment) -> gradus::Result<Study> {
    let p = Prepared::new(&e, &mut Unwatched)?;
    let mut optimizer = e.train.optimizer.build();
    let start = Instant::now();
    let trained = p.fit.run(&p.model, optimizer.as_mut(), p.train.as_ref(), p.val.as_ref(), None, &mut Silent)?;
    let seconds = start.elapsed().as_secs_f64();
    let scores = p.score(trained.history)?;
    let formulas = formulas(&p.model, &p.summary);
    let (input, classes) = (p.preparation.input(), p.data.classes);
    Ok(Study { experiment: e, input, summary: p.summary, formulas, scores, seconds, classes })
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
        .epochs("training", &column(|e| e.accuracies()[0]))
        .epochs("validation", &column(|e| e.accuracies()[1]))
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
            ("Multiply-adds for one image", thousands(s.summary.macs as usize)),
            ("Test accuracy", percent(s.scores.test.accuracy)),
            ("Seconds of training", format!("{:.1}", s.seconds)),
        ])
        .table(&layers, "Topology")
        .figures(&[(&curves, "Accuracy over the epochs."), (&confusion, "Rows are true classes, columns predictions.")])
        .answer("Does it generalize?", &generalizes(&s.scores, s.experiment.train.epochs));
    Ok(())
}

/// The course's questions.
fn questions(studies: &[Study], page: &mut Page, folder: &std::path::Path) -> gradus::Result<()> {
    let by = |name: &str| studies.iter().find(|s| s.experiment.name == name).expect("it was trained");
    let accuracy = |s: &Study| s.scores.test.accuracy;
    // Chosen on validation: the test accuracy of the best of ten by test accuracy would be too high by chance.
    let validation = |s: &Study| s.scores.validation().accuracy;
    let best = studies.iter().max_by(|a, b| validation(a).total_cmp(&validation(b))).expect("there are some");
    let mut chart = BarChart::new("Test accuracy").percent().axis("test accuracy");
    let mut table = Table::new(&["network", "parameters", "best epoch", "validation", "test", "macro F1", "seconds"]);
    for s in studies {
        chart = chart.bar(&s.experiment.name, accuracy(s), None);
        let h = &s.scores.history;
        let numbers =
            [s.scores.validation().accuracy, accuracy(s), s.scores.confusion.macro_f1()].map(|v| Cell::number(v, 4));
        let epoch = Cell { shown: format!("{} of {}", h.best_epoch, h.epochs.len()), ..Cell::count(h.best_epoch) };
        let head = [Cell::text(&s.experiment.name), Cell::count(s.scores.parameters), epoch];
        table.row(head.into_iter().chain(numbers).chain([Cell::number(s.seconds, 1)]));
    }
    let gain = 100.0 * selection_gain(accuracy(best), best.scores.confusion.total(), studies.len());
    let caption = format!(
        "Each network was evaluated once on the held-out test set. The best one, {}, was chosen by its validation accuracy: \
         of {} equally good networks the best on the test set would come out up to {gain:.1} percentage points above its \
         true accuracy by chance alone.",
        best.experiment.name,
        studies.len()
    );
    let chart = chart.draw();
    chart.save(folder, "accuracy")?;
    table.save(folder, "networks")?;
    println!("{}", table.text());

    let (wide, deep) = (by("mlp-1000-dropout"), by("mlp-1000-1000-dropout"));
    let (small, mlp) = (by("cnn-small"), by("mlp-300"));
    let depth = format!(
        "A second hidden layer of 1000 units changes the number of parameters from {} to {} and the test accuracy from {} to {}. {}: \
         three small convolutions reach {} with {} parameters, the fully connected network with one hidden layer {} with {}.",
        thousands(wide.scores.parameters),
        thousands(deep.scores.parameters),
        percent(accuracy(wide)),
        percent(accuracy(deep)),
        if accuracy(small) >= accuracy(mlp) && small.scores.parameters < mlp.scores.parameters {
            "Convolutions make depth cheaper"
        } else {
            "Convolutions do not make depth cheaper here"
        },
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
    page.section("", "Which is best?").figure(&chart, &caption).table(&table, "All networks");
    page.section("", "The course's questions")
        .answer("What is the capacity of deep networks against shallow ones?", &depth)
        .answer("Which digits are confused?", &confused)
        .answer(
            "What is the learning algorithm?",
            "RMSprop, except for `cnn-deep`, which uses SGD with momentum. With the gradient g of the mean loss of a \
             batch: v ← α v + (1 - α) g², p ← p - lr · g / √(v + ε). Its arguments: lr = 0.002, falling to 0 by half a \
             cosine over the epochs; α = 0.9 (Keras's rho), how much of the running mean of g² is kept; ε = 1e-7, which \
             keeps the divisor from 0. SGD: v ← 0.9 v + g, p ← p - lr · v, lr = 0.05.",
        )
        .answer(
            "What is the loss function?",
            "Cross-entropy: with logits z and the true class y, L = -log(exp(z_y) / Σ exp(z_k)), averaged over the \
             batch. Its derivative with respect to z is softmax(z) minus the one-hot target: the error itself.",
        );
    page.lead().callout(Callout::Verdict, &best.experiment.name, &words(best));
    Ok(())
}
