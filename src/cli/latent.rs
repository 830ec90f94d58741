//! `gradus latent`: analyses the latent space of autoencoders.

use super::evaluate::open_finished;
use super::progress::Terminal;
use super::{output, signals};
use clap::Args;
use gradus::data::{Manifest, Split};
use gradus::experiment::Learns;
use gradus::experiment::latent::{self, LatentJob};
use gradus::experiment::read;
use gradus::experiment::trained::TrainedRun;
use gradus::run::{RunFolder, book, identity};
use gradus::{Error, Result, files};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Analyses the latent space of trained autoencoders: embeddings, walks, samples, metrics. Compares several runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gradus latent runs/2026-11-20_cae-fashion_k7f3\n  gradus latent CAE VAE --classifier CNN    point by point, with a trained classifier"
)]
pub(crate) struct Latent {
    /// Folders of finished runs of autoencoders, on the same data and split
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// A finished run of a classifier of the same data, which classifies the generated images
    #[arg(long, value_name = "RUN")]
    classifier: Option<PathBuf>,
    /// Dimensions of the embeddings
    #[arg(long, default_value = "2", value_parser = clap::value_parser!(u8).range(2..=3))]
    dims: u8,
    /// Most test samples in the embeddings
    #[arg(long, default_value = "2000", value_parser = clap::value_parser!(u32).range(20..=20_000))]
    samples: u32,
    /// Seed of everything random [default: the first run's]
    #[arg(long)]
    seed: Option<u64>,
    /// The folder to write; it must not exist [default: RUN/latent/NUMBER]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the numbers as JSON
    #[arg(long)]
    json: bool,
}

impl Latent {
    pub(crate) fn run(self) -> Result<()> {
        signals::ask_first()?;
        let opened: Vec<(RunFolder, TrainedRun)> = self.runs.iter().map(|run| open(run)).collect::<Result<_>>()?;
        let classifier = self.classifier.as_ref().map(|run| open(run)).transpose()?;
        let first = &opened[0];
        let out = match &self.out {
            Some(out) if out.exists() => {
                let place = format!("--out {}", out.display());
                return Err(Error::config(place, "exists already", "choose another folder"));
            }
            Some(out) => out.clone(),
            None => super::dream::fresh(&first.0.path("latent")),
        };
        let job = LatentJob {
            dims: self.dims as usize,
            samples: self.samples as usize,
            seed: self.seed.unwrap_or(first.1.experiment.seed),
        };
        let mut watch = Terminal::new(None);
        let data = first.1.data(&mut watch)?;
        if let Some((folder, _)) = classifier.as_ref().filter(|(_, c)| c.experiment.kind.learns != Learns::Classes) {
            let what = format!("{} names no classes", folder.root().display());
            return Err(Error::config("--classifier", what, "give a run of a classifier, such as cnn-deep"));
        }
        for (folder, trained) in opened.iter().chain(&classifier) {
            if trained.preparation.image != first.1.preparation.image
                || trained.preparation.classes != first.1.preparation.classes
            {
                let what = "was trained on other images or classes than the first run";
                return Err(Error::data(folder.root(), what, "give runs on the same data"));
            }
        }
        let known = identity::manifest(&first.0)?;
        for (folder, _) in &opened[1..] {
            same_split(folder, &known, &identity::manifest(folder)?)?;
        }
        if let Some((folder, _)) = &classifier {
            // Its training set may be a part of the others'; what counts is that it was not trained on their test set.
            same_split(folder, &known.part(Split::Test), &identity::manifest(folder)?.part(Split::Test))?;
        }
        let judge = classifier.as_ref().map(|(_, trained)| trained);
        let mut found = Vec::new();
        for (_, trained) in &opened {
            let of_run = latent::explore(trained, judge, &data, &job, &mut watch)?;
            let figures = json!({ "mse": of_run.mse, "knn_accuracy": of_run.knn_accuracy });
            trained.note("latent", &data, figures, &mut watch);
            found.push(of_run);
        }
        watch.finish();
        files::create_folder(&out)?;
        let results = latent::report::results(&found);
        files::write_atomic(out.join("latent.json"), format!("{results:#}\n").as_bytes())?;
        let is_smoke = opened.iter().any(|(folder, _)| book::is_smoke(folder));
        latent::report::write(&found, &data, job.dims, is_smoke, &out)?;
        if self.json {
            return output::json(&results);
        }
        output::print(&words(&results, &out))
    }
}

/// Refuses a run whose splits are not those of the first: they cannot be compared on the same samples.
fn same_split(folder: &RunFolder, first: &Manifest, other: &Manifest) -> Result<()> {
    let Some(difference) = first.difference(other) else { return Ok(()) };
    let what = format!("was trained on another split than the first run: {difference}");
    let help = "give runs of the same data with the same data.seed, data.val, data.test and data.limit";
    Err(Error::data(folder.root(), what, help))
}

fn open(run: &Path) -> Result<(RunFolder, TrainedRun)> {
    let folder = open_finished(run)?;
    let mut trained = TrainedRun::open(&folder)?;
    trained.experiment = read::at_home(trained.experiment, &folder)?;
    Ok((folder, trained))
}

/// Returns the numbers of each run, short.
fn words(results: &Value, out: &Path) -> String {
    let number = |value: &Value| value.as_f64().map_or("-".to_owned(), |v| format!("{v:.4}"));
    let mut rows = vec![["run", "code", "error", "5-NN", "silhouette", "active units"].map(String::from).to_vec()];
    for r in results["results"].as_array().into_iter().flatten() {
        rows.push(vec![
            r["run"].as_str().unwrap_or("?").to_owned(),
            r["dimensions"].to_string(),
            number(&r["mse"]),
            number(&r["knn_accuracy"]),
            number(&r["silhouette"]),
            r["active_units"].to_string(),
        ]);
    }
    format!("{}report: {}\n", output::table(&rows, 1), out.join("report.html").display())
}
