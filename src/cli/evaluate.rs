//! `gradus evaluate`: evaluates a trained run.

use super::progress::Terminal;
use super::{output, signals};
use clap::Args;
use gradus::Result;
use gradus::data::Skipped;
use gradus::experiment::read;
use gradus::experiment::trained::TrainedRun;
use gradus::pipeline::{evaluate, source};
use gradus::run::RunFolder;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Evaluates a trained run: on its own test split, or on all images of another folder with the same classes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  gradus evaluate runs/2026-11-20_pipeline_k7f3
  gradus evaluate runs/2026-11-20_pipeline_k7f3 --data new_images/")]
pub(crate) struct Evaluate {
    /// The folder of a finished run
    run: PathBuf,
    /// Other data, evaluated whole: a folder or .zip with one sub-folder of images per class. For a run of `gradus
    /// train` also a folder of IDX files, a .csv, a .npz, or a kind of data such as fashion-mnist [default: the run's
    /// own test split]
    #[arg(long, value_name = "SPEC")]
    data: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let folder = open_finished(&self.run)?;
        let mut watch = Terminal::new(None);
        if folder.recipe()? == "train" {
            let mut trained = TrainedRun::open(&folder)?;
            trained.experiment = read::at_home(trained.experiment, &folder)?;
            let result = trained.evaluate(self.data.as_deref(), &mut watch)?;
            watch.finish();
            if self.json {
                return output::json(&result);
            }
            return output::print(&split(&result, &trained.preparation.classes));
        }
        let Some(data) = &self.data else {
            // Evaluated once, in the run: the figures are kept, and the test split is not used again.
            let metrics: Value = folder.read_json("metrics.json")?;
            output::say("the run's own test split, as the run evaluated it (metrics.json)");
            return if self.json { output::json(&metrics) } else { output::print(&words(&metrics)) };
        };
        let result = evaluate::evaluate(&folder, &source::of_run(&folder)?, Path::new(data), &mut watch)?;
        watch.finish();
        if self.json { output::json(&result) } else { output::print(&words(&result)) }
    }
}

/// Returns a finished run, whose files are compared with their checksums when they are read.
pub(crate) fn open_finished(path: &Path) -> Result<RunFolder> {
    RunFolder::finished(path)
}

/// Returns the figures of one split, and its confusion matrix.
fn split(result: &Value, classes: &[String]) -> String {
    let number = |key: &str| result[key].as_f64().unwrap_or(f64::NAN);
    if result["mae"].is_number() {
        let (r, mae, rmse) = (number("r_squared"), number("mae"), number("rmse"));
        return format!("R² {r:.4}   mean absolute error {mae:.6}   root mean squared error {rmse:.6}\n");
    }
    if result["accuracy"].is_null() {
        return format!("loss {:.5}   mean squared error {:.6}\n", number("loss"), number("mse"));
    }
    let mut text = format!(
        "accuracy {:.4}   macro F1 {:.4}   loss {:.4}\n(rows: true class, columns: prediction)\n",
        number("accuracy"),
        number("macro_f1"),
        number("loss")
    );
    text.push_str(&confusion(classes, &result["confusion"]));
    text
}

/// Returns a confusion matrix as a table.
fn confusion(classes: &[String], counts: &Value) -> String {
    let mut rows = vec![[vec![String::new()], classes.to_vec()].concat()];
    for (class, counts) in classes.iter().zip(list(counts)) {
        let counts = list(&counts).iter().map(Value::to_string).collect();
        rows.push([vec![format!("  {class}")], counts].concat());
    }
    output::table(&rows, 1)
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// Returns the accuracies, and each classifier's confusion matrix.
fn words(result: &Value) -> String {
    let classes: Vec<String> =
        list(&result["data"]["classes"]).iter().map(|c| c.as_str().unwrap_or("").into()).collect();
    let mut text = String::new();
    let skipped: Vec<Skipped> = serde_json::from_value(result["data"]["skipped"].clone()).unwrap_or_default();
    if !skipped.is_empty() {
        text.push_str(&format!("skipped {} (--json lists them)\n", Skipped::counted(&skipped)));
    }
    for (name, label) in [("kmeans", "K-means"), ("mlp", "MLP on features"), ("cnn", "CNN on pixels")] {
        let accuracy = 100.0 * result[name]["test_accuracy"].as_f64().unwrap_or(f64::NAN);
        text.push_str(&format!("{label}: {accuracy:.1} % correct (rows: true class, columns: prediction)\n"));
        text.push_str(&confusion(&classes, &result[name]["confusion"]));
    }
    text
}
