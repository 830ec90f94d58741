//! `gradus predict` for runs that were trained on a table: a class for each row, as CSV.

use super::output;
use gradus::Result;
use gradus::experiment::answer::Trained;
use gradus::experiment::rows::{predict_rows, rows_csv};
use serde_json::json;
use std::path::PathBuf;

/// Prints the predictions for the rows of each table: CSV, or a list of JSON objects with the table's path.
pub(crate) fn predict(run: &Trained, tables: &[PathBuf], as_json: bool) -> Result<()> {
    let mut all = Vec::new();
    for path in tables {
        let predictions = predict_rows(run, path)?;
        if as_json {
            all.push(json!({ "path": path.display().to_string(), "predictions": predictions }));
            continue;
        }
        if tables.len() > 1 {
            output::say(&format!("{}:", path.display()));
        }
        let csv = rows_csv(&predictions, &run.preparation.classes)?;
        output::print(&String::from_utf8_lossy(&csv))?;
    }
    if as_json { output::json(&all) } else { Ok(()) }
}
