//! What a comparison needs of a run: its settings, and the measure of each test sample.

use super::measure::TestMeasure;
use crate::error::{Error, Result};
use crate::experiment::each::TEST_SAMPLES;
use crate::experiment::read::of_run;
use crate::run::RunFolder;
use crate::run::trainer::EPOCH_SECONDS;
use crate::train::{Epoch, History};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings that do not make another variant: names, the seed, what only the report shows, and where the data lie (which
/// data they are is known by their checksum).
const NOT_A_VARIANT: [&str; 6] = ["name", "about", "seed", "report", "study", "data.path"];

/// A run's numbers.
pub(super) struct ComparedRun {
    pub(super) folder: PathBuf,
    pub(super) name: String,
    pub(super) seed: u64,
    /// Dotted keys and values of all settings that make the variant, and the checksum of the test set.
    pub(super) settings: BTreeMap<String, String>,
    /// Names of the test samples.
    pub(super) samples: Vec<String>,
    /// The measure of each; its mean is the run's.
    pub(super) values: Vec<f64>,
    pub(super) macro_f1: Option<f64>,
    pub(super) parameters: f64,
    pub(super) seconds: f64,
}

impl ComparedRun {
    /// The measure on the test set.
    pub(super) fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// The same for runs of the same variant.
    pub(super) fn identity(&self) -> String {
        let settings: Vec<String> = self.settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        format!("{}\n{}", self.name, settings.join("\n"))
    }
}

fn refuse(folder: &RunFolder, what: &str) -> Error {
    Error::data(folder.root(), what, "give finished runs of `gradus train`")
}

/// `metrics.json` of a finished run.
fn metrics(folder: &RunFolder) -> Result<Value> {
    if !folder.is_complete() || folder.recipe()? != "train" {
        return Err(refuse(folder, "is not a finished run of `gradus train`"));
    }
    folder.read_json("metrics.json")
}

/// The measures that a run has, the one it is ranked by first.
fn measures(metrics: &Value) -> Vec<TestMeasure> {
    let test = &metrics["test"];
    TestMeasure::ALL.into_iter().filter(|measure| test[measure.name()].is_number()).collect()
}

/// The measure that all runs are ranked by.
pub(super) fn common_measure(folders: &[RunFolder]) -> Result<TestMeasure> {
    let mut common: Option<TestMeasure> = None;
    for folder in folders {
        let found = *measures(&metrics(folder)?)
            .first()
            .ok_or_else(|| refuse(folder, "holds a metrics.json without a measure of the test set"))?;
        if *common.get_or_insert(found) != found {
            let help = "compare classifiers with classifiers and autoencoders with autoencoders; `--by mse` compares \
                        variational autoencoders with others by their squared errors";
            let what = format!("is ranked by {}, another measure than the runs before it", found.name());
            return Err(Error::data(folder.root(), what, help));
        }
    }
    common.ok_or_else(|| Error::invalid("compare: no runs"))
}

/// Reads one run.
pub(super) fn run(folder: &RunFolder, measure: TestMeasure) -> Result<ComparedRun> {
    let metrics = metrics(folder)?;
    let of = measures(&metrics);
    if !of.contains(&measure) {
        let known: Vec<&str> = of.iter().map(|m| m.name()).collect();
        let what = format!("has no {} of its test set, but {}", measure.name(), known.join(", "));
        return Err(refuse(folder, &what));
    }
    let number =
        |value: &Value| value.as_f64().ok_or_else(|| refuse(folder, "holds a metrics.json without the usual numbers"));
    let experiment = of_run(folder)?;
    let mut settings = BTreeMap::new();
    let value = toml::Value::try_from(&experiment).map_err(|e| refuse(folder, &format!("holds odd settings: {e}")))?;
    flatten("", &value, &mut settings);
    settings.retain(|key, _| {
        !NOT_A_VARIANT.iter().any(|not| key == not || key.strip_prefix(not).is_some_and(|rest| rest.starts_with('.')))
    });
    settings.insert("data".into(), metrics["data"]["test_set"].as_str().unwrap_or_default().to_owned());
    let (samples, values) = match measure {
        TestMeasure::Accuracy => {
            let table = columns(folder, "tables/predictions.csv", 3)?;
            table.into_iter().map(|row| (format!("{}: {}", row[0], row[1]), f64::from(row[1] == row[2]))).unzip()
        }
        TestMeasure::Elbo | TestMeasure::Mse => {
            let at = if measure == TestMeasure::Mse { 1 } else { 2 };
            let mut found = (Vec::new(), Vec::new());
            for row in columns(folder, TEST_SAMPLES, at + 1)? {
                let value: f64 = row[at].parse().map_err(|_| refuse(folder, "holds a table of odd numbers"))?;
                found.0.push(row[0].clone());
                found.1.push(value);
            }
            found
        }
    };
    if values.is_empty() {
        return Err(refuse(folder, "has no test samples"));
    }
    Ok(ComparedRun {
        folder: folder.root().to_owned(),
        name: experiment.name,
        seed: experiment.seed,
        settings,
        samples,
        values,
        macro_f1: metrics["test"]["macro_f1"].as_f64(),
        parameters: number(&metrics["parameters"])?,
        seconds: number(&metrics["seconds"]["total"])?,
    })
}

/// The rows of a table of the run, each with at least `least` columns.
fn columns(folder: &RunFolder, name: &str, least: usize) -> Result<Vec<Vec<String>>> {
    if !folder.path(name).exists() {
        let what = format!("holds no {name}, the measure of each test sample");
        return Err(Error::data(folder.root(), what, "train it again with this version of Gradus"));
    }
    let bytes = folder.read(name)?;
    let mut rows = Vec::new();
    for record in csv::Reader::from_reader(&bytes[..]).records() {
        let record = record.map_err(|e| refuse(folder, &format!("holds a damaged {name}: {e}")))?;
        if record.len() < least {
            return Err(refuse(folder, &format!("holds a damaged {name}: a row of {} columns", record.len())));
        }
        rows.push(record.iter().map(str::to_owned).collect());
    }
    Ok(rows)
}

/// A line of `history.jsonl`.
#[derive(Deserialize)]
struct Line {
    /// The training that it belongs to; a run has one.
    #[serde(rename = "training")]
    _training: String,
    #[serde(flatten)]
    epoch: Epoch,
}

/// The epochs of a run, from its `history.jsonl`.
pub(super) fn history(folder: &RunFolder) -> Result<History> {
    let mut history = History::default();
    for line in String::from_utf8_lossy(&folder.read("history.jsonl")?).lines().filter(|line| !line.is_empty()) {
        let line: Line =
            serde_json::from_str(line).map_err(|e| refuse(folder, &format!("holds a damaged history.jsonl: {e}")))?;
        history.epochs.push(line.epoch);
    }
    Ok(history)
}

/// The wall time of each epoch of a run; empty where it is not recorded.
pub(super) fn epoch_seconds(folder: &RunFolder) -> Result<Vec<f64>> {
    if !folder.path(EPOCH_SECONDS).exists() {
        return Ok(Vec::new());
    }
    let seconds = |row: Vec<String>| row[2].parse().map_err(|_| refuse(folder, "holds a table of odd numbers"));
    columns(folder, EPOCH_SECONDS, 3)?.into_iter().map(seconds).collect()
}

/// Dotted keys of all values in a table; layers and other lists count from 1.
fn flatten(path: &str, value: &toml::Value, into: &mut BTreeMap<String, String>) {
    let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| flatten(&at(key), value, into)),
        toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
            list.iter().enumerate().for_each(|(i, value)| flatten(&at(&(i + 1).to_string()), value, into));
        }
        other => {
            into.insert(path.to_owned(), other.to_string());
        }
    }
}
