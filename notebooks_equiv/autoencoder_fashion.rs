//! # Autoencoders of clothing: compress, analyse, generate, transfer
//!
//! The third course's exercise on Fashion-MNIST. A convolutional autoencoder sends 784 pixels through a code of 14
//! numbers (part 1); a search tries other settings of it (part 2); the codes are embedded, interpolated and sampled
//! (part 3); a variational autoencoder does the same with a prior (part 4); and the encoder is used again under a
//! small classifier, frozen, unfrozen and from scratch, with few labels and with many, beside a plain CNN (part 5).
//! Each part has the course's form: the code, its results, comments that follow the numbers.
//!
//! The networks are built-in experiments of `gradus train`: cae-fashion, vae-fashion, transfer-fashion, cnn-deep;
//! `gradus latent` does what part 3 does on any run, and `gradus study cae-fashion` is the search of part 2 with more
//! trials that are trained longer.
//!
//! Run it: `cargo run --release --example exercise -- autoencoder_fashion FOLDER`, where FOLDER holds the four files of
//! Fashion-MNIST; `--epochs N` for shorter trainings, `--out DIR` for another place than
//! target/lessons/autoencoder_fashion; `--smoke` for a try in seconds on digits that the program renders, whose numbers
//! mean nothing.

use clap::Parser;
use gradus::analysis::metrics::difference_interval;
use gradus::experiment::found::Run;
use gradus::experiment::kinds::reconstruct::Reconstructed;
use gradus::experiment::latent::{Findings, LatentJob, explore, report};
use gradus::experiment::trained::TrainedRun;
use gradus::experiment::{Experiment, Prepared, Source, builtin};
use gradus::nn::state::save;
use gradus::report::chart::{Curves, LineChart, Look};
use gradus::report::words::{function, percent, points, thousands};
use gradus::report::{Callout, Figure, Page, Table};
use gradus::run::{Scores, Unwatched};
use gradus::study::{self, Prune, Trial, Unseen};
use gradus::train::Silent;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// This file: its functions are shown in the report.
const CODE: &str = include_str!("autoencoder_fashion.rs");
/// The three uses of an encoder, in the order of the variants of transfer-fashion.
const WAYS: [&str; 3] = ["frozen", "unfrozen", "from scratch"];
/// A network that is trained on few images takes at least so many steps.
const STEPS: usize = 500;

/// Autoencoders of clothing: compress, analyse, generate, transfer.
#[derive(clap::Parser)]
struct Arguments {
    /// The folder with Fashion-MNIST's four files [default: where `gradus data get fashion-mnist` puts them]
    folder: Option<PathBuf>,
    /// Where the report and the figures go
    #[arg(long, value_name = "DIR", default_value = "target/lessons/autoencoder_fashion")]
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
            ["data.kind=digits", "data.per_class=30", "data.val=0.2", "data.test=0.2", "train.epochs=2"]
                .map(String::from),
        ),
        Some(path) => settings.push(format!("data.path={}", path.display())),
        None => {} // where `gradus data get fashion-mnist` has put it
    }
    settings.extend(arguments.epochs.map(|n| format!("train.epochs={n}")));
    let mut page = Page::new("Autoencoders of clothing");
    page.subtitle("Compress, analyse, generate, transfer");

    page.part("Part 1. A convolutional autoencoder");
    let cae = autoencode("cae-fashion", &settings, &mut page, folder)?;
    let weights = folder.join("cae-fashion.safetensors");
    save(&cae.run.prepared.model, &weights)?;
    page.part("Part 2. A search for its settings");
    search(&settings, smoke, &mut page, folder)?;
    page.part("Part 3. The codes");
    let data = cae.run.prepared.data.clone();
    let cae = trained(cae);
    let of_points = look(&cae, &data, smoke, &mut page)?;
    page.part("Part 4. A variational autoencoder");
    let vae = trained(autoencode("vae-fashion", &settings, &mut page, folder)?);
    let of_distributions = look(&vae, &data, smoke, &mut page)?;
    report::write(&[of_points, of_distributions], &data, 2, smoke, &folder.join("latent"))?;
    println!("latent spaces: {}\n", folder.join("latent/report.html").display());

    page.part("Part 5. The encoder, used again");
    transfer(&weights, &settings, smoke, &mut page, folder)?;
    page.save(&folder.join("report.html"))?;
    println!("report: {}", folder.join("report.html").display());
    Ok(())
}

/// Returns a built-in experiment with some settings changed.
fn source(name: &str, settings: &[String]) -> gradus::Result<Source> {
    let mut source = Source::text(builtin(name).expect("it is built in").text, name)?;
    settings.iter().try_for_each(|set| source.set(set))?;
    Ok(source)
}

/// Trains an autoencoder and reports its reconstruction error.
fn autoencode(name: &str, settings: &[String], page: &mut Page, folder: &Path) -> gradus::Result<Reconstructed> {
    let e = source(name, settings)?.resolve()?;
    let p = Prepared::new(&e, &mut Unwatched)?;
    let start = Instant::now();
    let mut optimizer = e.train.optimizer.build();
    let fitted = p.fit.run(&p.model, optimizer.as_mut(), p.train.as_ref(), p.val.as_ref(), None, &mut Silent)?;
    let seconds = start.elapsed().as_secs_f64();
    let found = Reconstructed::new(Run::new(e, p, fitted.history))?;

    let column = |f: fn(&gradus::train::Epoch) -> f64| found.run.history.epochs.iter().map(f).collect::<Vec<f64>>();
    let chart = LineChart::new(&format!("{name}: loss"))
        .axes("epoch", "loss")
        .epochs("training", &column(|e| e.losses()[0]))
        .epochs("validation", &column(|e| e.losses()[1]))
        .marker(found.run.history.best_epoch as f64, "kept");
    let chart = draw(folder, &format!("loss_{name}"), chart.draw())?;
    let parameters = found.run.prepared.summary.parameters;
    let words = format!(
        "{name}: {} parameters, test error {:.5} after {} epochs in {seconds:.0} s",
        thousands(parameters),
        found.test().mse,
        found.run.history.epochs.len()
    );
    println!("{words}\n");
    page.section("", "Code").code(function(CODE, "autoencode"));
    let body = page.section("", "Results");
    body.figure(&chart, "The loss, over the epochs.");
    let mut facts = vec![
        ("Mean squared error of a test pixel", format!("{:.5}", found.test().mse)),
        ("Parameters", thousands(parameters)),
        ("Seconds", format!("{seconds:.0}")),
    ];
    if !found.test().losses.added.is_empty() {
        let divergence: f64 = found.test().losses.added.values().sum();
        facts.push(("Reconstruction, nats", format!("{:.2}", found.test().losses.objective)));
        facts.push(("KL divergence from the prior, nats", format!("{divergence:.2}")));
        facts.push(("ELBO, nats", format!("{:.2}", found.test().losses.elbo())));
    }
    body.facts(&facts);
    Ok(found)
}

/// A short search over the space that the experiment's file names.
fn search(settings: &[String], smoke: bool, page: &mut Page, folder: &Path) -> gradus::Result<()> {
    let mut source = source("cae-fashion", settings)?;
    let (trials, epochs) = if smoke { (3, 2) } else { (10, 8) };
    for set in [format!("study.trials={trials}"), format!("train.epochs={epochs}"), "study.warmup=2".into()] {
        source.set(&set)?;
    }
    let job = study::job::StudyJob::new(source)?;
    let place = tempfile::tempdir().map_err(gradus::Error::io("make", std::env::temp_dir()))?;
    let stops = AtomicBool::new(false);
    let train = |trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune| job.train(trial, None, report, &stops);
    let trials = job.study()?.run(&place.path().join("study.jsonl"), 1, None, &train, &mut Unseen)?;
    let best = study::best(&trials, job.measure().direction)
        .ok_or_else(|| gradus::Error::invalid("no trial was completed"))?;

    let mut table = Table::new(&["trial", "validation error", "epochs", "settings"]);
    let mut curves =
        Curves::new("The trials", ["pruned", "complete", "best"]).axes("epoch", "validation error").log_y();
    for trial in &trials {
        let look = match trial.state {
            _ if trial.number == best.number => Look::Bold,
            study::State::Pruned => Look::Faint,
            _ => Look::Plain,
        };
        let points: Vec<(f64, f64)> = trial.curve.iter().map(|&(epoch, value)| (epoch as f64, value)).collect();
        curves = curves.curve(trial.number, look, &points);
        let value = trial.value.map_or("-".into(), |value| format!("{value:.5}"));
        let [number, epochs] = [trial.number, trial.last_step()].map(|n| n.to_string());
        table.row([number, value, epochs, job.space.words(&trial.point)]);
    }
    let curves = draw(folder, "study", curves.draw())?;
    let words = format!(
        "the best of {} short trials has a validation error of {:.5}: {}",
        trials.len(),
        best.value.unwrap_or(f64::NAN),
        job.space.words(&best.point)
    );
    println!("{words}\n");
    page.section("", "Code").code(function(CODE, "search"));
    page.section("", "Results").figure(&curves, "Validation error over the epochs.").table(&table, "The trials");
    page.section("", "Comments").paragraph(&format!("After {epochs} epochs each, {words}."));
    Ok(())
}

/// Loads the trained network.
fn trained(found: Reconstructed) -> TrainedRun {
    let p = found.run.prepared;
    TrainedRun { experiment: found.run.experiment, preparation: p.preparation, model: p.model, folder: None }
}

/// Embeddings, interpolations and samples; the figures are in the report of the latent spaces.
fn look(
    trained: &TrainedRun,
    data: &gradus::data::ImageData,
    smoke: bool,
    page: &mut Page,
) -> gradus::Result<Findings> {
    let job = LatentJob { dims: 2, samples: if smoke { 50 } else { 2000 }, seed: trained.experiment.seed };
    let found = explore(trained, None, data, &job, &mut Unwatched)?;
    println!("{}: 5-NN accuracy of the codes {}", found.name, percent(found.knn_accuracy));
    let mut table = Table::new(&["latent samples from", "diversity (1: test images)", "to the nearest training image"]);
    for g in &found.generated {
        table.row([g.source.to_owned(), format!("{:.3}", g.diversity), format!("{:.3}", g.nearest)]);
    }
    page.section("", "Results of the analysis").table(&table, "Generated images").facts(&[
        ("5-NN accuracy of the codes", percent(found.knn_accuracy)),
        ("Silhouette of the classes", format!("{:.3}", found.silhouette)),
        ("Embeddings, interpolations and samples", "latent/report.html".to_owned()),
    ]);
    Ok(found)
}

/// The three ways to use an encoder, with few labels and with many.
fn transfer(weights: &Path, settings: &[String], smoke: bool, page: &mut Page, folder: &Path) -> gradus::Result<()> {
    let labels: &[usize] = if smoke { &[60, 0] } else { &[100, 1_000, 10_000, 0] };
    let mut table = Table::new(&["labels", WAYS[0], WAYS[1], WAYS[2]]);
    let mut lines = vec![Vec::new(); 3];
    for &n in labels {
        let mut settings = settings.to_vec();
        settings.extend([format!("data.labelled={n}"), format!("model.weights={}", weights.display())]);
        let source = source("transfer-fashion", &settings)?;
        let t = source.resolve()?.train;
        let enough = STEPS.div_ceil(n.max(1).div_ceil(t.batch)).max(t.epochs);
        let mut row = Vec::new();
        for (mut variant, line) in source.variants()?.into_iter().zip(&mut lines) {
            if n > 0 && settings.iter().all(|set| !set.starts_with("train.epochs")) {
                variant.set(&format!("train.epochs={enough}"))?;
            }
            let scores = classify(&variant.resolve()?)?;
            row.push((scores.train.predicted.len(), scores.test.accuracy));
            line.push((row[0].0 as f64, scores.test.accuracy));
        }
        let cells = row.iter().map(|(_, accuracy)| format!("{accuracy:.4}"));
        let named = cells.clone().zip(WAYS).map(|(accuracy, way)| format!("{accuracy} {way}"));
        println!("{} labels: {}", row[0].0, named.collect::<Vec<_>>().join(", "));
        table.row(std::iter::once(thousands(row[0].0)).chain(cells).collect::<Vec<_>>());
    }
    let mut chart = LineChart::new("Where pretraining pays").axes("labelled images", "test accuracy").log_x();
    for (name, line) in WAYS.into_iter().zip(&lines) {
        chart = chart.series(name, line);
    }
    let chart = draw(folder, "transfer", chart.draw())?;
    let gain = |i: usize| lines[i][0].1 - lines[2][0].1;
    let (few, many) = (lines[0][0].0, lines[0][lines[0].len() - 1].0);
    let last = |i: usize| lines[i][lines[i].len() - 1].1;
    let mut settings: Vec<String> = settings.to_vec();
    if !smoke {
        settings.push("data.kind=fashion-mnist".into());
    }
    let scores = classify(&source("cnn-deep", &settings)?.resolve()?)?;
    let (plain, n) = (scores.test.accuracy, scores.test.predicted.len());
    println!("cnn-deep, all labels, from scratch: {plain:.4}");
    page.section("", "Code").code(function(CODE, "classify"));
    page.section("", "Results")
        .facts(&[("The plain classifier cnn-deep, all labels", percent(plain))])
        .table(&table, "Test accuracy")
        .figure(&chart, "Accuracy over the number of labels.");
    // By Newcombe's interval for the difference of two accuracies on n test images.
    let hits = |accuracy: f64| ((accuracy * n as f64).round() as usize, n);
    let first = |i: usize| hits(lines[i][0].1);
    let better = (0..2).any(|way| difference_interval(first(way), first(2)).0 > 0.0);
    let comment = format!(
        "With {few} labels the test accuracy with the frozen encoder is {} points above that of the same network from \
         scratch, with the unfrozen encoder {}; with {many} labels, {} and {}. {}",
        points(gain(0)),
        points(gain(1)),
        points(last(0) - last(2)),
        points(last(1) - last(2)),
        if better {
            "The encoder that was trained without labels helps significantly where labels are few."
        } else {
            "The encoder that was trained without labels does not help significantly where labels are few."
        }
    );
    page.section("", "Comments").paragraph(&comment);
    page.lead().callout(Callout::Verdict, "Where pretraining pays", &comment);
    println!("{comment}\n");
    Ok(())
}

/// Trains a classifier; the experiment sets its initial weights and which of them are frozen.
fn classify(e: &Experiment) -> gradus::Result<Scores> {
    let p = Prepared::new(e, &mut Unwatched)?;
    let mut optimizer = e.train.optimizer.build();
    let fitted = p.fit.run(&p.model, optimizer.as_mut(), p.train.as_ref(), p.val.as_ref(), None, &mut Silent)?;
    p.score(fitted.history)
}

fn draw(folder: &Path, name: &str, figure: Figure) -> gradus::Result<Figure> {
    figure.save(folder, name).map(|()| figure)
}
