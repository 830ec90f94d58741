//! Lists the runs in a folder with their results.

use super::folder::RunFolder;
use super::lock::is_held;
use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Finished.
    Complete,
    /// Being written by a process now.
    Running,
    /// Stopped before its end; `--resume` continues it.
    Stopped,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Its folder.
    pub path: PathBuf,
    /// `pipeline`, `train` or `study`.
    pub recipe: String,
    /// The experiment's name; empty for the pipeline.
    pub experiment: String,
    /// Kind of its data, or their path.
    pub data: String,
    /// The seed.
    pub seed: Option<u64>,
    /// The time at which it began, as the run wrote it (UTC).
    pub started: String,
    /// Its state.
    pub progress: RunState,
    /// The figure it is ranked by and its value on the held-out test set, once it is complete.
    pub figure: Option<(String, f64)>,
}

/// Returns all runs in `root` and, where one of its folders holds no run itself, in that folder (the variants of one
/// file). The earliest first. Errors: `root` cannot be read.
pub fn list(root: &Path) -> Result<Vec<Listed>> {
    let mut found = Vec::new();
    for path in folders(root)? {
        match RunFolder::open(&path) {
            Ok(run) => found.push(listed(&run)),
            Err(_) => {
                let inner = folders(&path).unwrap_or_default();
                found.extend(inner.iter().filter_map(|path| RunFolder::open(path).ok()).map(|run| listed(&run)));
            }
        }
    }
    found.sort_by(|a, b| a.started.cmp(&b.started).then_with(|| a.path.cmp(&b.path)));
    Ok(found)
}

/// Returns the folders in a folder, those of programs (`.name`) omitted.
fn folders(root: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root).map_err(Error::io("read", root))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    Ok(paths.filter(|path| path.is_dir() && !hidden(path)).collect())
}

/// Reads the summary of one run. A damaged file leaves its fields empty: a list shows what there is.
fn listed(run: &RunFolder) -> Listed {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let env = |key: &str| run.env(key).unwrap_or_default();
    let recipe = run.recipe().unwrap_or_default();
    let progress = if run.is_complete() {
        RunState::Complete
    } else if is_held(run.root()) {
        RunState::Running
    } else {
        RunState::Stopped
    };
    let config = run.config_text().ok().and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
    let setting = |section: &str, key: &str| {
        let value = config.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let (kind, path) = (setting("data", "kind"), setting("data", "path"));
    let experiment = config.get("name").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    let data = match (kind.as_str(), path.as_str()) {
        ("", "") => "rendered galaxies".to_owned(),
        ("", path) => path.to_owned(),
        (kind, "") => kind.to_owned(),
        (kind, path) => format!("{kind} {path}"),
    };
    let metrics = run.read_json::<Value>("metrics.json").unwrap_or_default();
    Listed {
        path: run.root().to_owned(),
        figure: (progress == RunState::Complete).then(|| figure(&metrics)).flatten(),
        seed: env("seed").as_u64(),
        started: word(&env("started")),
        recipe,
        experiment,
        data,
        progress,
    }
}

/// Returns the figure that a finished run is ranked by.
fn figure(metrics: &Value) -> Option<(String, f64)> {
    let of = |value: &Value, name: &str| value.as_f64().map(|v| (name.to_owned(), v));
    let tested = |test: &Value| {
        of(&test["accuracy"], "test accuracy")
            .or_else(|| of(&test["r_squared"], "test R²"))
            .or_else(|| of(&test["elbo"], "test ELBO"))
            .or_else(|| of(&test["mse"], "test squared error"))
    };
    tested(&metrics["test"])
        .or_else(|| tested(&metrics["best"]["test"])) // a study's best trial
        .or_else(|| of(&metrics["cnn"]["test_accuracy"], "CNN's test accuracy"))
}
