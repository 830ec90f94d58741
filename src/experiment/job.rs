//! The run of an experiment: data, training, test, report.

use super::found::short;
use super::kinds;
use super::prepared::MODEL;
use super::read::of_run;
use super::spec::Experiment;
use crate::data::manifest::identity as identity_of;
use crate::error::{Error, Result};
use crate::optim::Schedule;
use crate::run::book::told;
use crate::run::{RunFolder, Settings, Trainer, Watch, identity, ledger};
use serde_json::Value;
use std::time::Instant;

/// The settings of a run as its `config.toml` has them, and which of them may change before it is resumed. Data may lie
/// elsewhere by then: their checksum tells whether they are the same.
fn settings(folder: &RunFolder) -> Result<Settings> {
    let e = of_run(folder)?;
    let table = toml::Table::try_from(&e).expect("an experiment is plain tables");
    let settings = Settings::new(&table).free(&["name", "about", "report", "study", "data.path"]);
    let settings = settings.length("train.patience", MODEL);
    let rates_follow_epochs = matches!(e.train.schedule, Schedule::Cosine { .. } | Schedule::OneCycle { .. });
    Ok(if rates_follow_epochs { settings } else { settings.length("train.epochs", MODEL) })
}

/// Runs the experiment, writes everything into `folder` and completes it; resumes from a checkpoint that is there. Returns
/// `metrics.json`.
pub fn run(e: &Experiment, folder: &RunFolder, watch: &mut dyn Watch) -> Result<Value> {
    const STAGES: usize = 4;
    let mut seconds: Vec<(String, f64)> = Vec::new();
    let mut trainer = Trainer::new(folder, watch, &settings(folder)?)?;
    let begin = |trainer: &mut Trainer<'_>, name: &str, number: usize| -> Result<Instant> {
        if trainer.watch.interrupted() {
            return Err(Error::Interrupted(format!("interrupted before stage {name}")));
        }
        trainer.watch.stage(number, STAGES, name);
        Ok(Instant::now())
    };

    let start = begin(&mut trainer, "data", 1)?;
    let mut task = kinds::runner(e.kind).begin(e, trainer.watch)?;
    identity::settle(folder, e.data.source(), task.data())?;
    let data = task.data();
    let test_set = (identity_of(&data.sha256, &data.test), data.test.len());
    seconds.push(("data".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "train", 2)?;
    task.train(&mut trainer)?;
    trainer.write_history()?;
    seconds.push(("train".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "test", 3)?;
    let mut found = task.test(seconds)?;
    let networks = [(MODEL, short(&found.metrics()?["test"]))];
    found.settle(ledger::record(folder, "train", (&test_set.0, test_set.1), &networks)?);
    found.seconds().push(("test".into(), start.elapsed().as_secs_f64()));

    let start = begin(&mut trainer, "report", 4)?;
    let fault = told(found.write(folder), folder, trainer.watch)?;
    found.seconds().push(("report".into(), start.elapsed().as_secs_f64()));
    write_metrics(folder, found.metrics()?, fault)
}

/// Writes the figures and completes the run. `fault` is what went wrong with its report.
fn write_metrics(folder: &RunFolder, mut metrics: Value, fault: Option<String>) -> Result<Value> {
    if let Some(fault) = fault {
        metrics["warning"] = fault.into();
    }
    folder.write("metrics.json", &serde_json::to_vec_pretty(&metrics).expect("numbers and words"))?;
    folder.complete()?;
    Ok(metrics)
}
