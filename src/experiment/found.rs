//! What the run of an experiment found out, whatever its kind.

use crate::error::Result;
use crate::run::{RunFolder, ledger};
use serde_json::Value;

/// Everything that a run has found out once its network is trained and evaluated. A kind of experiment is a type that
/// implements it, and a row in [`job::run`](super::job::run).
pub trait Found {
    /// The content of `metrics.json`; `test` holds the figures of the held-out test set.
    fn metrics(&self) -> Result<Value>;

    /// Writes `report.html`, the figures and the tables.
    fn write(&self, folder: &RunFolder) -> Result<()>;

    /// Takes how often the test set was evaluated on.
    fn settle(&mut self, test_set: ledger::Summary);

    /// Wall time of each stage so far.
    fn seconds(&mut self) -> &mut Vec<(String, f64)>;
}

/// The figures that stand in the ledger.
pub fn short(figures: &Value) -> Value {
    let of = |key: &str| Some((key.to_owned(), figures.get(key)?.clone()));
    Value::Object(["accuracy", "r_squared", "mse", "loss"].into_iter().filter_map(of).collect())
}
