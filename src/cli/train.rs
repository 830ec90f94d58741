//! `gradus train`: runs an experiment from a file.

use super::dry_run::dry_run;
use super::experiment_args::ExperimentArgs;
use super::masthead::Masthead;
use super::{job, output, signals};
use clap::Args;
use gradus::experiment::compare::{compare, report};
use gradus::experiment::read::{self, to_toml};
use gradus::experiment::{self, Experiment, Source, plan_early};
use gradus::run::ledger::SHARED;
use gradus::run::replace::check_family;
use gradus::run::{Aside, Beginning, RunFolder};
use gradus::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Trains the network of an experiment file, or of a built-in experiment, and writes a run with its report.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Train {
    #[command(flatten)]
    experiment: ExperimentArgs,
    /// Resume a run that was stopped
    #[arg(long, value_name = "RUN", conflicts_with_all = ["force", "experiment", "set", "data", "epochs", "batch", "seed", "out", "smoke"])]
    resume: Option<PathBuf>,
    /// Few samples, two epochs; --set overrides both
    #[arg(long)]
    smoke: bool,
    /// Read the data, show the settings, the network, the memory and an estimate of the time, and stop
    #[arg(long)]
    dry_run: bool,
    /// Print metrics.json to stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    masthead: Masthead,
}

const EXAMPLES: &str = "\
Examples:
  gradus train mlp-300 --set data.path=mnist/               a built-in experiment
  gradus train cnn-small --set data.path=mnist/ --dry-run   its settings and cost
  gradus init cnn-small --out mine.toml                     its file, to be changed:
  gradus train mine.toml --data mnist/ --epochs 3 --seed 1
  gradus train --resume runs/2026-11-20_cnn-small_k7f3";

impl Train {
    pub(crate) fn run(self) -> Result<()> {
        if let Some(path) = &self.resume {
            return self.resume(path);
        }
        let source = self.experiment.source()?;
        let variants = source.variants()?;
        if variants.is_empty() {
            if self.dry_run {
                return dry_run(&self.settings(&source)?, &source, self.json);
            }
            let e = self.experiment(&source)?;
            signals::ask_first()?;
            let (folder, metrics) = self.begin(&e, &self.experiment.folder(&e.name))?;
            return self.show(&folder, &metrics);
        }
        if self.dry_run {
            return variants.iter().try_for_each(|v| dry_run(&self.settings(v)?, v, self.json));
        }
        // All of them are checked before the first is trained.
        let experiments: Vec<Experiment> = variants.iter().map(|v| self.experiment(v)).collect::<Result<_>>()?;
        signals::ask_first()?;
        self.family(&source.resolve()?.name, &experiments)
    }

    /// Trains the variants of a file, each in a folder of its own, and compares them.
    fn family(&self, name: &str, experiments: &[Experiment]) -> Result<()> {
        let root = self.experiment.folder(name);
        if root.exists() && !self.experiment.force {
            let help = "choose another --out; --force replaces the runs in it";
            return Err(Error::config(format!("--out {}", root.display()), "exists already", help));
        }
        // The old runs are removed last, all together.
        let mut replaced = None;
        if root.exists() {
            let data = &experiments[0].data.path;
            check_family(&root, (!data.is_empty()).then(|| Path::new(data)))?;
            let old = Aside::put(&root)?;
            // The counts of evaluations on test sets are kept.
            if let Ok(ledger) = std::fs::read(old.path().join(SHARED)) {
                gradus::files::write_atomic(root.join(SHARED), &ledger)?;
            }
            replaced = Some(old);
        }
        let (mut folders, mut diverged) = (Vec::new(), Vec::new());
        for (i, e) in experiments.iter().enumerate() {
            output::say(&format!("[{}/{}] {}: {}", i + 1, experiments.len(), e.name, e.about));
            match self.begin(e, &root.join(&e.name)) {
                Ok((folder, _)) => folders.push(folder),
                // A result too: the others are trained all the same, and compared.
                Err(error @ Error::Diverged { .. }) => {
                    output::say(&format!("note: {} diverged", e.name));
                    diverged.push((&e.name, error));
                }
                Err(error) => {
                    replaced.map_or(Ok(()), |old| put_back(old, &root))?;
                    return Err(error);
                }
            }
        }
        if folders.is_empty() {
            replaced.map_or(Ok(()), |old| put_back(old, &root))?;
            return diverged.pop().map_or(Ok(()), |(_, error)| Err(error));
        }
        let mut comparison = compare(&folders, None)?;
        let first_line = |error: &Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        let omitted = diverged.iter().map(|(name, error)| format!("{name} is not compared: {}.", first_line(error)));
        comparison.notes.extend(omitted);
        report::write(&comparison, &folders, &root)?;
        replaced.map_or(Ok(()), Aside::remove)?;
        let end = diverged.pop().map_or(Ok(()), |(_, error)| Err(error));
        if self.json {
            return output::json(&comparison).and(end);
        }
        let places = format!("runs: {}\nreport: {}\n", root.display(), root.join("report.html").display());
        output::print(&(super::compare::words(&comparison) + &places)).and(end)
    }

    /// Creates a run at `path`, and runs it to its end.
    fn begin(&self, e: &Experiment, path: &Path) -> Result<(RunFolder, Value)> {
        let line = job::command_line();
        let data = (!e.data.path.is_empty()).then(|| Path::new(&e.data.path));
        let text = to_toml(e);
        let threads = rayon::current_num_threads();
        let beginning = Beginning { recipe: "train", config: &text, seed: e.seed, data, command_line: &line, threads };
        let folder = RunFolder::create(path, beginning, self.experiment.force)?;
        self.masthead.note(&folder, self.smoke)?;
        let metrics = job::run("train", &folder, true, |watch| experiment::run(e, &folder, watch))?;
        Ok((folder, metrics))
    }

    /// Returns the experiment of a file.
    fn settings(&self, source: &Source) -> Result<Experiment> {
        if self.smoke { source.resolve_small() } else { source.resolve() }
    }

    /// Returns the experiment of a file, its network checked.
    fn experiment(&self, source: &Source) -> Result<Experiment> {
        let e = self.settings(source)?;
        plan_early(&e).map_err(|error| source.say_where(error))?;
        Ok(e)
    }

    /// Resumes the run at `path`, with its own settings.
    fn resume(&self, path: &Path) -> Result<()> {
        let folder = RunFolder::open(path)?;
        let e = read::of_run(&folder)?;
        if folder.is_complete() {
            let folder = folder.verified()?;
            folder.config_text()?; // checked: an edited file would misstate how the run was made
            output::say(&format!("{} is complete: there is nothing left to do", path.display()));
            return self.show(&folder, &folder.read_json("metrics.json")?);
        }
        let folder = folder.locked()?;
        let e = read::at_home(e, &folder)?;
        signals::ask_first()?;
        job::note_resumed(&folder)?;
        self.masthead.note(&folder, false)?;
        let metrics = job::run("train", &folder, false, |watch| experiment::run(&e, &folder, watch))?;
        self.show(&folder, &metrics)
    }

    /// Prints the result, short or as JSON.
    fn show(&self, folder: &RunFolder, metrics: &Value) -> Result<()> {
        if self.json {
            return output::json(metrics);
        }
        let number = |value: &Value| value.as_f64().map_or("-".to_owned(), |v| format!("{v:.5}"));
        let (keys, heads) = if metrics["test"]["quantization_error"].is_number() {
            let heads = ["quantization error", "topographic error", "accuracy"];
            (["quantization_error", "topographic_error", "accuracy"], heads)
        } else if metrics["test"]["mae"].is_number() {
            (["r_squared", "mae", "rmse"], ["R²", "mean absolute error", "root mean squared error"])
        } else if metrics["test"]["accuracy"].is_null() {
            (["loss", "reconstruction", "mse"], ["loss", "reconstruction", "mean squared error"])
        } else {
            (["accuracy", "macro_f1", "loss"], ["accuracy", "macro F1", "loss"])
        };
        let mut rows = vec![[&["split"], &heads[..]].concat().into_iter().map(String::from).collect::<Vec<_>>()];
        for split in ["train", "val", "test"] {
            let numbers = keys.map(|key| number(&metrics[split][key]));
            rows.push([vec![split.to_owned()], numbers.to_vec()].concat());
        }
        output::print(&format!("{}{}", output::table(&rows, 1), job::report_line(folder)))
    }
}

/// Puts old runs back if no new one has learned anything; else prints where they are.
fn put_back(old: Aside, root: &Path) -> Result<()> {
    let is_run = |entry: std::fs::DirEntry| entry.file_name() != SHARED;
    let has_runs = root.exists() && std::fs::read_dir(root).is_ok_and(|entries| entries.flatten().any(is_run));
    if has_runs {
        output::say(&format!("note: the replaced runs are kept in {}", old.path().display()));
        return Ok(());
    }
    let _ = std::fs::remove_dir_all(root);
    output::say(&format!("note: {} holds the previous runs again", root.display()));
    old.restore()
}
