//! Runs side by side: which experiment is better, and is the difference more than luck?
//!
//! Runs of one experiment with several seeds are one row. Two experiments that share seeds are compared pair by pair:
//! with differences d₁..dₙ of test accuracies (of autoencoders: of mean squared errors), mean d̄ and deviation s, the interval d̄ ± t s/√n holds the true difference
//! in 95 of 100 cases (Student 1908). Where only one seed is shared, the two runs' answers to the same test samples
//! decide (McNemar 1947): only samples that one of them gets right tell them apart.

use crate::analysis::metrics::mcnemar;
use crate::error::{Error, Result};
use crate::run::RunFolder;
use serde::Serialize;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Quantiles of Student's distribution for 95 %, two-sided, by degrees of freedom from 1.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// What runs are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The share of right answers on the test split: the more the better.
    Accuracy,
    /// The mean squared error of a number that a network gives back: the less the better.
    Mse,
}

/// A run's numbers.
struct Run {
    seed: u64,
    value: f64,
    macro_f1: Option<f64>,
    parameters: f64,
    seconds: f64,
    data: String,
    /// For each test sample whether the answer was right.
    right: Vec<bool>,
}

/// An experiment with all its runs.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub experiment: String,
    /// Seeds of its runs.
    pub seeds: Vec<u64>,
    /// Mean of the measure on the test split.
    pub value: f64,
    /// Lowest and highest.
    pub range: [f64; 2],
    /// Mean of the mean F1 over classes, if there are any.
    pub macro_f1: Option<f64>,
    /// Parameters.
    pub parameters: f64,
    /// Mean seconds of a run.
    pub seconds: f64,
}

/// Two experiments.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The first one.
    pub a: String,
    /// The second one.
    pub b: String,
    /// How they were compared: `paired seeds` or `mcnemar`.
    pub method: &'static str,
    /// The measure of `a` minus that of `b`.
    pub difference: f64,
    /// The 95 % interval of the difference, from several seeds.
    pub interval: Option<[f64; 2]>,
    /// The probability of such a difference by luck alone, from one seed.
    pub p_value: Option<f64>,
    /// The better one, if the difference is more than luck.
    pub better: Option<String>,
}

/// The comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub measure: Measure,
    /// One row for each experiment, the best first.
    pub rows: Vec<Row>,
    /// Each two of them.
    pub pairs: Vec<Pair>,
}

/// Compares finished runs of `gradus train`.
pub fn compare(folders: &[RunFolder]) -> Result<Comparison> {
    let (mut measure, mut experiments): (_, BTreeMap<String, Vec<Run>>) = (None, BTreeMap::new());
    for folder in folders {
        let (name, of, run) = read(folder)?;
        if *measure.get_or_insert(of) != of {
            let help = "compare classifiers with classifiers, and autoencoders with autoencoders";
            return Err(Error::data(folder.root(), "has another measure than the runs before it", help));
        }
        experiments.entry(name).or_default().push(run);
    }
    let mut rows: Vec<Row> = experiments.iter().map(|(name, runs)| row(name, runs)).collect();
    let measure = measure.unwrap_or(Measure::Accuracy);
    rows.sort_by(|a, b| measure.order(a.value, b.value).then(a.experiment.cmp(&b.experiment)));
    let mut pairs = Vec::new();
    for (i, a) in rows.iter().enumerate() {
        for b in &rows[i + 1..] {
            let (of_a, of_b) = (&experiments[&a.experiment], &experiments[&b.experiment]);
            pairs.extend(pair(measure, &a.experiment, &b.experiment, (of_a, of_b)));
        }
    }
    Ok(Comparison { measure, rows, pairs })
}

impl Measure {
    /// The better value first.
    fn order(self, a: f64, b: f64) -> Ordering {
        match self {
            Measure::Accuracy => b.total_cmp(&a),
            Measure::Mse => a.total_cmp(&b),
        }
    }
}

/// The numbers of one run.
fn read(folder: &RunFolder) -> Result<(String, Measure, Run)> {
    let refuse = |what: &str| Error::data(folder.root(), what, "give finished runs of `gradus train`");
    if !folder.is_complete() || folder.recipe()? != "train" {
        return Err(refuse("is no finished run of `gradus train`"));
    }
    let metrics: Value = folder.read_json("metrics.json")?;
    let number = |value: &Value| value.as_f64().ok_or_else(|| refuse("holds a metrics.json without the usual numbers"));
    let (test, mut right) = (&metrics["test"], Vec::new());
    let measure = if test["accuracy"].is_null() { Measure::Mse } else { Measure::Accuracy };
    if measure == Measure::Accuracy {
        let broken = |e: csv::Error| refuse(&e.to_string());
        let mut csv = csv::Reader::from_path(folder.path("tables/predictions.csv")).map_err(broken)?;
        let records = csv.records().map(|record| record.map(|r| r.get(1) == r.get(2)).map_err(broken));
        right = records.collect::<Result<_>>()?;
    }
    let run = Run {
        seed: metrics["seed"].as_u64().unwrap_or_default(),
        value: number(if measure == Measure::Mse { &test["mse"] } else { &test["accuracy"] })?,
        macro_f1: test["macro_f1"].as_f64(),
        parameters: number(&metrics["parameters"])?,
        seconds: number(&metrics["seconds"]["total"])?,
        data: metrics["data"]["test_set"].as_str().unwrap_or_default().to_owned(),
        right,
    };
    Ok((metrics["experiment"].as_str().unwrap_or("?").to_owned(), measure, run))
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count().max(1) as f64
}

fn row(name: &str, runs: &[Run]) -> Row {
    let values = runs.iter().map(|run| run.value);
    Row {
        experiment: name.to_owned(),
        seeds: runs.iter().map(|run| run.seed).collect(),
        value: mean(values.clone()),
        range: [values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max)],
        macro_f1: runs
            .iter()
            .all(|run| run.macro_f1.is_some())
            .then(|| mean(runs.iter().filter_map(|run| run.macro_f1))),
        parameters: mean(runs.iter().map(|run| run.parameters)),
        seconds: mean(runs.iter().map(|run| run.seconds)),
    }
}

/// Compares two experiments on the seeds they share; none if they share none, or were tested on different data.
fn pair(measure: Measure, a: &str, b: &str, (of_a, of_b): (&[Run], &[Run])) -> Option<Pair> {
    let shared: Vec<(&Run, &Run)> =
        of_a.iter().filter_map(|x| Some((x, of_b.iter().find(|y| y.seed == x.seed && y.data == x.data)?))).collect();
    let differences: Vec<f64> = shared.iter().map(|(x, y)| x.value - y.value).collect();
    let difference = mean(differences.iter().copied());
    let new = |method, interval: Option<[f64; 2]>, p_value: Option<f64>, distinguishable: bool| {
        let first = measure.order(difference, 0.0).is_lt();
        let better = distinguishable.then(|| if first { a } else { b }.to_owned());
        Some(Pair { a: a.into(), b: b.into(), method, difference, interval, p_value, better })
    };
    match shared.as_slice() {
        [] => None,
        [(x, y)] if x.right.len() == y.right.len() && !x.right.is_empty() => {
            let p = mcnemar(&x.right, &y.right).p_value;
            new("mcnemar", None, Some(p), p < 0.05)
        }
        [_] => None,
        _ => {
            let interval = interval(&differences);
            new("paired seeds", Some(interval), None, interval[0] > 0.0 || interval[1] < 0.0)
        }
    }
}

/// The 95 % interval of the mean of two or more differences.
fn interval(differences: &[f64]) -> [f64; 2] {
    let (n, middle) = (differences.len(), mean(differences.iter().copied()));
    let variance = differences.iter().map(|d| (d - middle) * (d - middle)).sum::<f64>() / (n - 1) as f64;
    let t = STUDENT.get(n - 2).copied().unwrap_or(1.96);
    let half = t * (variance / n as f64).sqrt();
    [middle - half, middle + half]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64, accuracy: f64, right: &[u8]) -> Run {
        let right = right.iter().map(|&r| r == 1).collect();
        Run { seed, value: accuracy, macro_f1: Some(accuracy), parameters: 10.0, seconds: 1.0, data: "d".into(), right }
    }

    /// Differences 1, 2, 3: mean 2, deviation 1, half width 4.303 / √3.
    #[test]
    fn an_interval_by_hand() {
        let [low, high] = interval(&[1.0, 2.0, 3.0]);
        assert!((low - (2.0 - 4.303 / 3.0f64.sqrt())).abs() < 1e-12 && (high + low - 4.0).abs() < 1e-12);
    }

    #[test]
    fn luck_is_told_from_skill() {
        let better: Vec<Run> = (0..3).map(|s| run(s, 0.95 + 0.001 * s as f64, &[1])).collect();
        let worse: Vec<Run> = (0..3).map(|s| run(s, 0.90 + 0.002 * s as f64, &[1])).collect();
        let clear = pair(Measure::Accuracy, "a", "b", (&better, &worse)).unwrap();
        assert!(clear.better.as_deref() == Some("a") && clear.method == "paired seeds");
        let errors = pair(Measure::Mse, "a", "b", (&better, &worse)).unwrap();
        assert_eq!(errors.better.as_deref(), Some("b"), "of errors the smaller is better");
        let noisy: Vec<Run> = [0.99, 0.80, 0.97].iter().zip(0..).map(|(&a, s)| run(s, a, &[1])).collect();
        assert!(pair(Measure::Accuracy, "a", "b", (&better, &noisy)).unwrap().better.is_none());
        // One seed: nine samples that only the first gets right, none the other way: p = 2 / 2^9.
        let (x, y) = (run(7, 1.0, &[1; 9]), run(7, 0.0, &[0; 9]));
        let once = pair(Measure::Accuracy, "a", "b", (&[x], &[y])).unwrap();
        assert!(
            once.method == "mcnemar" && once.better.is_some() && (once.p_value.unwrap() - 2.0 / 512.0).abs() < 1e-12
        );
        assert!(pair(Measure::Accuracy, "a", "b", (&[run(1, 0.5, &[1])], &[run(2, 0.5, &[1])])).is_none());
    }
}
