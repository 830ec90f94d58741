//! The settings of a run, kept in its state.
//!
//! `config.toml` is a text that can be edited. A run that was stopped must not be resumed with other settings than it
//! began with, half of it trained one way and half the other. So its state keeps every setting by its dotted key, and
//! [`Settings::compare`] refuses the first one that differs. Some may change: settings that only the report reads, and
//! the length of a training until that training has ended.

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// Every setting, and which of them may change before the run is resumed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    values: Values,
    free: Vec<&'static str>,
    lengths: Vec<(&'static str, &'static str)>,
}

/// The settings by dotted key, each as TOML.
pub type Values = BTreeMap<String, String>;

/// A permitted change of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its dotted key.
    pub key: String,
    /// The old value; `None` if it was not given.
    pub old: Option<String>,
    /// The new value.
    pub new: Option<String>,
}

impl std::fmt::Display for Change {
    /// `train.epochs: 5 -> 8`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let say = |value: &Option<String>| value.clone().unwrap_or_else(|| "not given".into());
        write!(f, "{}: {} -> {}", self.key, say(&self.old), say(&self.new))
    }
}

impl Settings {
    /// Returns all settings of a run; none may change.
    pub fn new(table: &Table) -> Self {
        Self { values: values_of(table), ..Self::default() }
    }

    /// Allows these keys, and all keys below them, to change at any time.
    pub fn free(mut self, keys: &[&'static str]) -> Self {
        self.free.extend(keys);
        self
    }

    /// Marks the key that sets the length of the trainings whose names begin with `training`: it may change until one
    /// of them has ended.
    pub fn length(mut self, key: &'static str, training: &'static str) -> Self {
        self.lengths.push((key, training));
        self
    }

    /// Returns the values for the state of the run.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Returns the changes since the run began with `then`. Fails with the first key that must not change; `ended` are
    /// the trainings that have ended.
    pub fn compare(&self, then: &Values, ended: &[&str]) -> Result<Vec<Change>> {
        let changes = changes(then, &self.values);
        for change in &changes {
            let is_in = |key: &str| change.key == key || change.key.starts_with(&format!("{key}."));
            if self.free.iter().any(|key| is_in(key)) {
                continue;
            }
            let over = match self.lengths.iter().find(|(key, _)| is_in(key)) {
                Some((_, training)) => match ended.iter().find(|name| name.starts_with(training)) {
                    None => continue,
                    Some(name) => format!(", and training {name} has ended"),
                },
                None => String::new(),
            };
            let words = |value: &Option<String>| value.clone().unwrap_or_else(|| "not given".into());
            let (old, new) = (words(&change.old), words(&change.new));
            let what = format!("changed since the run began{over}: expected {old}, found {new}");
            let help = "put the old value back into config.toml, or begin a new run with the new one";
            return Err(Error::config(change.key.clone(), what, help));
        }
        Ok(changes)
    }
}

/// Returns the values of a table by dotted key.
pub fn values_of(table: &Table) -> Values {
    let mut values = BTreeMap::new();
    table.iter().for_each(|(key, value)| flatten(key, value, &mut values));
    values
}

/// Returns the differences between two sets of values, by key.
fn changes(then: &Values, now: &Values) -> Vec<Change> {
    let mut keys: Vec<&String> = now.keys().chain(then.keys()).collect();
    keys.sort();
    keys.dedup();
    let change = |key: &String| {
        let (old, new) = (then.get(key), now.get(key));
        (old != new).then(|| Change { key: key.clone(), old: old.cloned(), new: new.cloned() })
    };
    keys.into_iter().filter_map(change).collect()
}

/// Tables and lists of tables are opened; the layers of a network are numbered from 1, as the command line does it.
fn flatten(path: &str, value: &Value, into: &mut Values) {
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| flatten(&format!("{path}.{key}"), value, into)),
        Value::Array(list) if list.iter().any(Value::is_table) => {
            list.iter().enumerate().for_each(|(i, value)| flatten(&format!("{path}.{}", i + 1), value, into));
        }
        other => drop(into.insert(path.to_owned(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "name = \"a\"\nseed = 1\n[train]\nepochs = 5\nbatch = 8\n[train.optimizer]\nlr = 0.1\n\
                        [[model.layer]]\ntype = \"linear\"\nunits = 3\n[report]\nmistakes = 4\n";

    fn settings(text: &str) -> Settings {
        Settings::new(&text.parse().unwrap()).free(&["name", "report"]).length("train.epochs", "model")
    }

    #[test]
    fn what_shapes_a_training_must_not_change() {
        let then = settings(FILE).values().clone();
        assert_eq!(settings(FILE).compare(&then, &[]).unwrap(), []);
        // The same numbers, written differently, and in another order.
        assert_eq!(settings(&FILE.replace("0.1", "1e-1")).compare(&then, &[]).unwrap(), []);
        for (from, to, key, words) in [
            ("lr = 0.1", "lr = 0.2", "train.optimizer.lr", "expected 0.1, found 0.2"),
            ("batch = 8", "batch = 9", "train.batch", "expected 8, found 9"),
            ("units = 3", "units = 4", "model.layer.1.units", "expected 3, found 4"),
            ("seed = 1", "seed = 2", "seed", "expected 1, found 2"),
            ("batch = 8\n", "batch = 8\nclip = 1\n", "train.clip", "expected not given, found 1"),
        ] {
            let error = settings(&FILE.replace(from, to)).compare(&then, &[]).unwrap_err();
            let text = error.to_string();
            assert!(error.exit_code() == 2 && text.starts_with(key) && text.contains(words), "{text}");
        }
    }

    #[test]
    fn permitted_changes_are_listed() {
        let then = settings(FILE).values().clone();
        let now = settings(&FILE.replace("epochs = 5", "epochs = 8").replace("mistakes = 4", "mistakes = 5"));
        let changes: Vec<String> = now.compare(&then, &["other"]).unwrap().iter().map(Change::to_string).collect();
        assert_eq!(changes, ["report.mistakes: 4 -> 5", "train.epochs: 5 -> 8"]);
        let late = now.compare(&then, &["model"]).unwrap_err().to_string();
        assert!(late.contains("train.epochs") && late.contains("training model has ended"), "{late}");
    }
}
