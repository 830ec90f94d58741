//! The run of an experiment: data, training, test, report.

use super::cross_validation::CrossValidation;
use super::found::short;
use super::kinds;
use super::prepared::MODEL;
use super::read::{of_run, table};
use super::spec::Experiment;
use crate::data::manifest::identity as identity_of;
use crate::error::Result;
use crate::optim::Schedule;
use crate::run::book::fault_of;
use crate::run::{RunFolder, Settings, Stages, Trainer, Watch, conclude, identity, ledger};
use serde_json::Value;

/// The table of a run that holds the fold of each row.
const FOLDS: &str = "tables/folds.csv";

/// The settings of a run as its `config.toml` has them, and which of them may change before it is resumed. Data may lie
/// elsewhere by then: their checksum shows whether they are the same.
fn settings(folder: &RunFolder) -> Result<Settings> {
    let e = of_run(folder)?;
    let settings = Settings::new(&table(&e)).free(&["name", "about", "report", "study", "data.path"]);
    if !e.kind.is_network() {
        return Ok(settings); // the radius of a map follows the number of its epochs, and what is fitted at once has one
    }
    let settings = settings.length("train.patience", MODEL);
    let rates_follow_epochs =
        matches!(e.train.schedule, Schedule::Cosine { .. } | Schedule::Linear { .. } | Schedule::OneCycle { .. });
    Ok(if rates_follow_epochs { settings } else { settings.length("train.epochs", MODEL) })
}

/// Runs the experiment, writes everything into `folder` and completes it; resumes from a checkpoint that is there. Returns
/// `metrics.json`.
pub fn run(e: &Experiment, folder: &RunFolder, watch: &mut dyn Watch) -> Result<Value> {
    let mut trainer = Trainer::new(folder, watch, &settings(folder)?)?;
    let is_folded = e.validation.folds > 0 && e.kind.predicts();
    let (mut stages, t) = (Stages::new(if is_folded { 5 } else { 4 }), &mut trainer);

    let mut task = stages.time("data", t, |t| {
        let mut task = kinds::runner(e.kind).begin(e, t.watch)?;
        identity::settle(folder, e.data.source(), task.data())?;
        Ok(task)
    })?;
    let test_set = {
        let data = task.data();
        (identity_of(&data.sha256, &data.test), data.test.len())
    };
    let folds = if is_folded {
        let evaluate = |t: &mut Trainer<'_>| {
            let all = CrossValidation::new(e, t.watch)?;
            t.folder.write(FOLDS, &all.table())?;
            all.run(folder, t.watch).map(Some)
        };
        stages.time("folds", t, evaluate)?
    } else {
        None
    };
    stages.time("train", t, |t| {
        task.train(t)?;
        t.write_history()
    })?;
    let mut found = stages.time("test", t, |_| {
        let mut found = task.test()?;
        folds.into_iter().for_each(|folds| found.cross_validated(folds));
        let networks = [(MODEL, short(&found.metrics()?["test"]))];
        found.settle(ledger::record(folder, "train", (&test_set.0, test_set.1), &networks)?);
        Ok(found)
    })?;
    found.took(&stages.seconds);
    let fault = stages.time("report", t, |t| fault_of(found.write(folder), folder, t.watch))?;
    found.took(&stages.seconds);
    conclude(folder, found.metrics()?, fault)
}
