//! `gradus evaluate`: a trained run on other pictures.

use super::progress::Terminal;
use super::{output, signals};
use clap::Args;
use gradus::pipeline::{RunFolder, evaluate};
use gradus::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How well a trained run does on all pictures of another folder with the same classes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradus evaluate runs/2026-11-20_pipeline_k7f3 --data new_pictures/")]
pub(crate) struct Evaluate {
    /// The folder of a finished run
    run: PathBuf,
    /// A folder or .zip with one sub-folder of pictures per class
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let folder = open_finished(&self.run)?;
        let mut watch = Terminal::new(None);
        let result = evaluate::evaluate(&folder, &folder.config()?, &self.data, &mut watch)?;
        watch.finish();
        if self.json { output::json(&result) } else { output::print(&words(&result)) }
    }
}

/// A run that can be asked.
pub(crate) fn open_finished(path: &Path) -> Result<RunFolder> {
    let folder = RunFolder::open(path)?;
    if folder.is_complete() {
        return Ok(folder);
    }
    let help = format!("finish it first: gradus pipeline --resume {}", path.display());
    Err(Error::data(path, "is a run that did not end", help))
}

/// Accuracies, and each classifier's confusion matrix.
fn words(result: &Value) -> String {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let classes: Vec<String> =
        list(&result["data"]["classes"]).iter().map(|c| c.as_str().unwrap_or("").into()).collect();
    let mut text = String::new();
    let skipped = list(&result["data"]["skipped"]);
    if !skipped.is_empty() {
        text.push_str(&format!("{} pictures skipped (--json lists them)\n", skipped.len()));
    }
    for (name, label) in [("kmeans", "K-means"), ("mlp", "MLP on features"), ("cnn", "CNN on pixels")] {
        let accuracy = 100.0 * result[name]["test_accuracy"].as_f64().unwrap_or(f64::NAN);
        text.push_str(&format!("{label}: {accuracy:.1} % right (rows: truth, columns: answer)\n"));
        let mut rows = vec![[vec![String::new()], classes.clone()].concat()];
        for (class, counts) in classes.iter().zip(list(&result[name]["confusion"])) {
            let counts = list(&counts).iter().map(Value::to_string).collect();
            rows.push([vec![format!("  {class}")], counts].concat());
        }
        text.push_str(&output::table(&rows, 1));
    }
    text
}
