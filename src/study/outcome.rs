//! The results of a study.

use super::importance::Importance;
use super::job::StudyJob;
use super::trial::{State, Trial};
use crate::error::Result;
use crate::files;
use crate::report::table::csv_bytes;
use crate::run::RunFolder;
use crate::train::Direction;
use serde_json::{Map, Value, json};

/// The folder of the best trial's run.
pub const BEST: &str = "best";

/// The results of a study.
pub struct StudyOutcome<'a> {
    /// The experiment and its space.
    pub job: &'a StudyJob,
    /// Which values are better.
    pub direction: Direction,
    /// All trials by number.
    pub trials: &'a [Trial],
    /// The best of them.
    pub best: &'a Trial,
    /// The importance of the parameters, if there are enough trials.
    pub importance: Option<Importance>,
    /// The figures of the best trial's run.
    pub metrics: &'a Value,
}

impl StudyOutcome<'_> {
    /// Returns the trials in this state.
    pub fn count(&self, state: State) -> usize {
        self.trials.iter().filter(|trial| trial.state == state).count()
    }

    /// Epochs of all trials together.
    pub fn epochs(&self) -> usize {
        self.trials.iter().map(|trial| trial.curve.len()).sum()
    }

    /// Returns the content of `metrics.json`.
    pub(super) fn figures(&self, seconds: f64) -> Value {
        let space = &self.job.space;
        let set = |trial: &Trial| -> Map<String, Value> {
            let each = space.params.iter().zip(&trial.point);
            let named = each.filter_map(|(param, value)| Some((param.name.clone(), param.domain.value((*value)?))));
            named.map(|(name, value)| (name, serde_json::to_value(value).expect("plain values"))).collect()
        };
        let fractions = self.importance.as_ref().map(|importance| {
            let each = space.params.iter().zip(&importance.fractions);
            each.map(|(param, fraction)| (param.name.clone(), json!(fraction))).collect::<Map<String, Value>>()
        });
        json!({
            "recipe": "study",
            "experiment": self.job.experiment.name,
            "seed": self.job.experiment.seed,
            "measure": self.job.measure().words,
            "trials": self.trials.len(),
            "complete": self.count(State::Complete),
            "pruned": self.count(State::Pruned),
            "failed": self.count(State::Failed),
            "epochs": self.epochs(),
            "best": {
                "trial": self.best.number, "value": self.best.value, "seed": self.best.seed, "settings": set(self.best),
                "run": BEST, "val": self.metrics["val"], "test": self.metrics["test"],
            },
            "importance": fractions,
            "seconds": { "trials": self.trials.iter().map(|trial| trial.seconds).sum::<f64>(), "total": seconds },
        })
    }

    /// Returns all trials as a CSV file: parameters and results.
    pub fn table(&self) -> Vec<u8> {
        let head = ["trial", "state", "value", "epochs", "seconds", "seed"].map(String::from);
        let names = self.job.space.params.iter().map(|param| param.name.clone());
        let mut rows: Vec<Vec<String>> = vec![head.into_iter().chain(names).collect()];
        for trial in self.trials {
            let state = format!("{:?}", trial.state).to_lowercase();
            let value = trial.value.map_or(String::new(), |value| value.to_string());
            let (epochs, seconds) = (trial.curve.len().to_string(), format!("{:.3}", trial.seconds));
            let mut row = vec![trial.number.to_string(), state, value, epochs, seconds, trial.seed.to_string()];
            let each = self.job.space.params.iter().zip(&trial.point);
            row.extend(each.map(|(param, value)| {
                value.map_or(String::new(), |value| {
                    let value = param.domain.value(value);
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                })
            }));
            rows.push(row);
        }
        csv_bytes(rows).expect("the rows have one length")
    }

    /// Writes the table of all trials.
    pub(super) fn save_table(&self, folder: &RunFolder) -> Result<()> {
        files::write_atomic(folder.path("tables/trials.csv"), &self.table())
    }
}
