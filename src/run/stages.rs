//! A run goes through its stages, one after the other, and ends with its figures.

use super::{RunFolder, Trainer};
use crate::error::{Error, Result};
use serde_json::Value;
use std::time::Instant;

/// The stages of a run: tells the watch of each, measures it, and stops between two of them if asked to.
pub struct Stages {
    number: usize,
    /// Name and wall time in seconds of each finished stage.
    pub seconds: Vec<(String, f64)>,
}

impl Stages {
    /// A run of this number of stages.
    pub fn new(number: usize) -> Self {
        Self { number, seconds: Vec::new() }
    }

    /// Runs the next stage. Fails with [`Error::Interrupted`] before it begins, if the user wants to stop.
    pub fn time<R>(
        &mut self,
        name: &str,
        trainer: &mut Trainer<'_>,
        stage: impl FnOnce(&mut Trainer<'_>) -> Result<R>,
    ) -> Result<R> {
        if trainer.watch.interrupted() {
            return Err(Error::Interrupted(format!("interrupted before stage {name}")));
        }
        trainer.watch.stage(self.seconds.len() + 1, self.number, name);
        let start = Instant::now();
        let result = stage(trainer)?;
        self.seconds.push((name.to_owned(), start.elapsed().as_secs_f64()));
        Ok(result)
    }
}

/// Writes `metrics.json` and completes the run; returns the figures. `fault` is what went wrong with the report, which they
/// then mention.
pub fn conclude(folder: &RunFolder, mut metrics: Value, fault: Option<String>) -> Result<Value> {
    if let Some(fault) = fault {
        metrics["warning"] = fault.into();
    }
    folder.write("metrics.json", &serde_json::to_vec_pretty(&metrics).expect("numbers and words"))?;
    folder.complete()?;
    Ok(metrics)
}
