//! The ledger of test sets: how often each was evaluated on, and by how many networks.
//!
//! A test set measures a network once. Of many networks that are evaluated on it, the best looks better than it is, by
//! as much as [`selection_gain`] returns. So each evaluation is recorded: in the run (`ledger.jsonl`) and, together
//! with those of other runs, beside the runs (`test_ledger.jsonl`), a line of JSON each. Reports quote the
//! ledger.
//!
//! A line is appended under a lock and in one write, so any number of processes may write; a line that a crash has cut
//! is skipped when the file is read.

use super::environment::utc;
use super::{RunFolder, Watch};
use crate::analysis::metrics::selection_gain;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

pub use super::replace::SHARED;
use std::time::SystemTime;

/// The ledger of a run, in its folder.
pub const LEDGER: &str = "ledger.jsonl";

/// One evaluation of one network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The time, as `2026-11-20T05:48:28Z`.
    pub when: String,
    /// The command: `train`, `evaluate`, `pipeline`, ..
    pub command: String,
    /// The name of the run's folder.
    pub run: String,
    /// The name of the network in the run.
    pub network: String,
    /// The run's settings and the network's name, as 16 hexadecimal digits: equal for the same training.
    pub configuration: String,
    /// The samples, as [`identity`](crate::data::manifest::identity) gives them.
    pub split: String,
    /// Their number.
    pub samples: usize,
    /// The measured figures.
    pub figures: Value,
}

/// The ledger's counts for one test set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Evaluations of a network on it.
    pub evaluations: usize,
    /// Different networks that were evaluated: each combination of settings, seed and kind counts as one.
    pub configurations: usize,
    /// Its samples.
    pub samples: usize,
}

impl Summary {
    /// Returns a sentence or two on how often the test set was evaluated; `accuracy` is that of the network of the
    /// report, if it is a classifier.
    pub fn words(&self, accuracy: Option<f64>) -> String {
        let times = match self.evaluations {
            0 | 1 => return "The held-out test set was evaluated once.".into(),
            n => format!("evaluated {n} times"),
        };
        let by = match self.configurations {
            1 => "by one configuration".to_owned(),
            k => format!("by {k} configurations"),
        };
        format!("The held-out test set was {times}, {by}.{}", self.by_chance(accuracy))
    }

    /// Returns the sentence for a report on a choice: how many configurations there were, not how often they were
    /// evaluated.
    pub fn configurations_in_words(&self, accuracy: Option<f64>) -> String {
        match self.configurations {
            0 | 1 => "No other configuration was evaluated on this test set.".into(),
            k => format!("On this test set {k} configurations were evaluated.{}", self.by_chance(accuracy)),
        }
    }

    /// Returns the expected gain of choosing the best configuration; empty for one, and where there is no accuracy.
    fn by_chance(&self, accuracy: Option<f64>) -> String {
        let Some(accuracy) = accuracy.filter(|_| self.configurations > 1) else { return String::new() };
        let gain = 100.0 * selection_gain(likely(accuracy, self.samples), self.samples, self.configurations);
        format!(
            " The best of {} equally good ones would come out up to {gain:.1} percentage points above its true accuracy \
             by chance alone, so a choice among them is made on validation.",
            self.configurations
        )
    }
}

/// Returns an estimate of the true accuracy from a measured one: two samples more are correct and two are not (Agresti
/// and Coull 1998). With the measured value itself, 100 % would give a gain of 0, however few the samples.
fn likely(accuracy: f64, samples: usize) -> f64 {
    let n = samples as f64;
    (accuracy * n + 2.0) / (n + 4.0)
}

/// Records that networks of a run were evaluated on `samples` samples called `split`: the names of the networks with
/// their figures. Returns the counts of the ledger beside the runs for this test set, with these evaluations.
///
/// A report that is written again repeats known evaluations: if the run's ledger already holds the same command,
/// network and figures, nothing is added. For `evaluate` each evaluation counts.
///
/// Fails if the run's own ledger cannot be written. Where the one beside the runs cannot, the run's own is what counts.
pub fn record(
    folder: &RunFolder,
    command: &str,
    (split, samples): (&str, usize),
    networks: &[(&str, Value)],
) -> Result<Summary> {
    let own = folder.path(LEDGER);
    let shared = beside(folder.root());
    let settings = folder.config_text()?;
    let whole = std::path::absolute(folder.root()).unwrap_or_default();
    let run = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let known = read(&own);
    for (network, figures) in networks {
        let new = Evaluation {
            when: utc(SystemTime::now()),
            command: command.to_owned(),
            run: run.clone(),
            network: (*network).to_owned(),
            configuration: configuration(&settings, network),
            split: split.to_owned(),
            samples,
            // As they are read again, to the last digit.
            figures: serde_json::from_str(&figures.to_string()).expect("written a moment ago"),
        };
        let again = |old: &Evaluation| Evaluation { when: new.when.clone(), run: run.clone(), ..old.clone() } == new;
        if command != "evaluate" && known.iter().any(again) {
            continue;
        }
        append(&own, &new)?;
        let _ = append(&shared, &new);
    }
    Ok(summary(folder, split, samples))
}

/// Returns the counts of the ledgers of a run, and of the runs beside it, for the test set `split` of `samples`
/// samples.
pub fn summary(folder: &RunFolder, split: &str, samples: usize) -> Summary {
    let mut all = read(&beside(folder.root()));
    // The run may have been moved away from the others, or may lie where nothing can be written beside it.
    let only_here: Vec<Evaluation> = read(&folder.path(LEDGER)).into_iter().filter(|e| !all.contains(e)).collect();
    all.extend(only_here);
    let of_split: Vec<&Evaluation> = all.iter().filter(|e| e.split == split).collect();
    let configurations: BTreeSet<&str> = of_split.iter().map(|e| e.configuration.as_str()).collect();
    Summary { evaluations: of_split.len(), configurations: configurations.len(), samples }
}

/// Records evaluations as [`record`] does, and prints the ledger's sentence; or a warning where the run cannot be
/// written to.
pub fn note(
    folder: &RunFolder,
    command: &str,
    (split, samples): (String, usize),
    networks: &[(&str, Value)],
    accuracy: Option<f64>,
    watch: &mut dyn Watch,
) {
    match record(folder, command, (&split, samples), networks) {
        Ok(summary) => watch.note(&summary.words(accuracy)),
        Err(error) => watch.note(&format!("warning: this evaluation is not in the ledger: {error}")),
    }
}

/// Returns all evaluations in a ledger; none if there is no such file.
pub fn read(path: &Path) -> Vec<Evaluation> {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Returns the ledger that a run shares with others: in the nearest folder above it that is called `runs`, else in the
/// one that holds it. The best run of a study lies within the study's run, and shares that one's.
pub fn beside(run: &Path) -> PathBuf {
    let whole = std::path::absolute(run).unwrap_or_else(|_| run.to_owned());
    let above: Vec<&Path> = whole.ancestors().skip(1).take(3).collect();
    let runs = above.iter().find(|folder| folder.file_name().is_some_and(|name| name == "runs"));
    let outside = above.iter().find(|folder| RunFolder::open(folder).is_err());
    runs.or(outside).map_or_else(|| whole.join(SHARED), |folder| folder.join(SHARED))
}

/// Returns the identity of a training: equal for equal settings, and different for others.
fn configuration(settings: &str, network: &str) -> String {
    let digest = Sha256::digest([settings.as_bytes(), &[0], network.as_bytes()].concat());
    digest[..8].iter().map(|b| format!("{b:02x}")).collect()
}

/// Appends a line, alone.
fn append(path: &Path, entry: &Evaluation) -> Result<()> {
    let mut file = File::options().create(true).read(true).append(true).open(path).map_err(Error::io("write", path))?;
    // A file system without locks is used without.
    let _ = file.lock();
    let mut line = format!("{}\n", serde_json::to_string(entry).expect("plain words and numbers"));
    if ends_within_a_line(&mut file).map_err(Error::io("read", path))? {
        line.insert(0, '\n');
    }
    file.write_all(line.as_bytes()).map_err(Error::io("write", path))
}

/// Returns whether the last line has no end: its writer was killed.
fn ends_within_a_line(file: &mut File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Beginning;
    use serde_json::json;

    fn run(place: &Path, name: &str, config: &str) -> RunFolder {
        let words = ["gradus".to_owned()];
        let beginning = Beginning { recipe: "train", config, seed: 1, data: None, command_line: &words, threads: 1 };
        RunFolder::create(&place.join(name), beginning, false).unwrap()
    }

    #[test]
    fn evaluations_add_up_over_runs() {
        let place = tempfile::tempdir().unwrap();
        let (a, b) = (run(place.path(), "a", "seed = 1"), run(place.path(), "b", "seed = 2"));
        let figures = json!({ "accuracy": 0.9 });
        let once = [("model", figures.clone())];
        let of = |run: &RunFolder, command: &str, split: &str| record(run, command, (split, 100), &once).unwrap();
        assert_eq!(of(&a, "train", "x"), Summary { evaluations: 1, configurations: 1, samples: 100 });
        assert_eq!(of(&a, "train", "x").evaluations, 1, "a report that is written again is not a new evaluation");
        assert_eq!(of(&a, "evaluate", "x").evaluations, 2);
        assert_eq!(of(&a, "evaluate", "x").evaluations, 3, "each evaluation counts");
        assert_eq!(of(&b, "train", "x"), Summary { evaluations: 4, configurations: 2, samples: 100 });
        assert_eq!(of(&b, "train", "y").evaluations, 1, "another test set");
        let three = [("kmeans", figures.clone()), ("mlp", figures.clone()), ("cnn", figures)];
        let many = record(&a, "pipeline", ("x", 100), &three).unwrap();
        assert_eq!(many, Summary { evaluations: 7, configurations: 5, samples: 100 });
        assert_eq!(read(&a.path(LEDGER)).len(), 6);
        assert_eq!(read(&place.path().join(SHARED)).len(), 8);
        // The same training in another folder is the same configuration.
        assert_eq!(of(&run(place.path(), "c", "seed = 1"), "train", "x").configurations, 5);
    }

    #[test]
    fn a_cut_line_costs_one_entry() {
        let place = tempfile::tempdir().unwrap();
        let a = run(place.path(), "a", "seed = 1");
        let shared = place.path().join(SHARED);
        std::fs::write(&shared, "{\"when\":\"2026-").unwrap();
        let entry = [("model", json!({ "accuracy": 0.5 }))];
        assert_eq!(record(&a, "train", ("x", 10), &entry).unwrap().evaluations, 1);
        assert_eq!(std::fs::read_to_string(&shared).unwrap().lines().count(), 2);
    }

    #[test]
    fn many_writers_lose_nothing() {
        let place = tempfile::tempdir().unwrap();
        let runs: Vec<RunFolder> =
            (0..4).map(|i| run(place.path(), &format!("r{i}"), &format!("seed = {i}"))).collect();
        std::thread::scope(|scope| {
            for run in &runs {
                scope.spawn(|| {
                    for i in 0..25 {
                        record(run, "evaluate", ("x", 10), &[("model", json!({ "accuracy": i }))]).unwrap();
                    }
                });
            }
        });
        assert_eq!(read(&place.path().join(SHARED)).len(), 100);
    }

    #[test]
    fn where_the_shared_ledger_lies() {
        let place = tempfile::tempdir().unwrap();
        let whole = place.path().canonicalize().unwrap();
        let study = run(&whole, "study", "seed = 1");
        let best = run(study.root(), "best", "seed = 1");
        assert_eq!(beside(study.root()), whole.join(SHARED));
        assert_eq!(beside(best.root()), whole.join(SHARED));
        let runs = whole.join("runs");
        assert_eq!(beside(&runs.join("family/variant")), runs.join(SHARED));
        assert_eq!(beside(&runs.join("a")), runs.join(SHARED));
    }

    #[test]
    fn the_sentence_follows_the_numbers() {
        let of = |evaluations, configurations, accuracy| {
            Summary { evaluations, configurations, samples: 400 }.words(accuracy)
        };
        assert_eq!(of(1, 1, Some(0.9)), "The held-out test set was evaluated once.");
        assert_eq!(of(3, 1, Some(0.9)), "The held-out test set was evaluated 3 times, by one configuration.");
        // (.9 · 400 + 2) / 404 = .896, and 100 √(.896 · .104 / 400) · 1.53875 = 2.3
        let many = of(12, 10, Some(0.9));
        assert!(many.starts_with("The held-out test set was evaluated 12 times, by 10 configurations. The best of 10"));
        assert!(many.contains("up to 2.3 percentage points"), "{many}");
        // 402 / 404 = .995, and 100 √(.995 · .005 / 400) · 1.53875 = 0.5: not 0.
        assert!(of(12, 10, Some(1.0)).contains("up to 0.5 percentage points"), "{}", of(12, 10, Some(1.0)));
        let other = |configurations, accuracy| {
            Summary { evaluations: 9, configurations, samples: 400 }.configurations_in_words(accuracy)
        };
        assert_eq!(other(1, Some(0.9)), "No other configuration was evaluated on this test set.");
        assert!(other(10, Some(0.9)).starts_with("On this test set 10 configurations were evaluated. The best of 10"));
        assert_eq!(other(2, None), "On this test set 2 configurations were evaluated.");
        assert_eq!(of(4, 2, None), "The held-out test set was evaluated 4 times, by 2 configurations.");
    }
}
