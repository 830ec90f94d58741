//! Runs side by side: which experiment is better, and is the difference significant?
//!
//! A *variant* is a set of settings, whatever its name: everything in the run's `config.toml` but the seed, the names and
//! what only the report shows. Runs of one variant differ by their seeds and are one row. Each two variants are compared
//! on the same test samples by [`mean_difference`]: over new samples and, where both have several seeds, over new seeds.
//! With one seed on a side nothing is known of other seeds, so the statement holds for the trained networks only; for two
//! classifiers of one seed each the p value is then McNemar's (1947). All p values of one comparison are corrected
//! for their number (Holm 1979).
//!
//! * [`read`]: a run's settings and the measure of each of its test samples; [`report`]: the comparison as a page.

mod curves;
mod measure;
pub mod read;
pub mod report;

pub use measure::TestMeasure;

use crate::analysis::metrics::{holm, mcnemar, mean_difference};
use crate::error::{Error, Result};
use crate::run::RunFolder;
use ndarray::Array2;
use read::ComparedRun;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The level of significance, after the correction for several comparisons.
pub const LEVEL: f64 = 0.05;

/// A variant with all its runs.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its experiment's name, and where variants share one, the settings in which they differ.
    pub experiment: String,
    /// Folders of its runs.
    pub runs: Vec<String>,
    /// Their seeds.
    pub seeds: Vec<u64>,
    /// Mean of the measure on the test set.
    pub value: f64,
    /// Lowest and highest of its runs.
    pub range: [f64; 2],
    /// Mean of the macro F1 score, of classifiers.
    pub macro_f1: Option<f64>,
    /// Parameters.
    pub parameters: f64,
    /// Mean seconds of a run.
    pub seconds: f64,
}

/// Two variants.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The first one.
    pub a: String,
    /// The second one.
    pub b: String,
    /// Seeds of each.
    pub seeds: [usize; 2],
    /// The measure of `a` minus that of `b`.
    pub difference: f64,
    /// The 95 % interval of the difference, for this pair alone.
    pub interval: [f64; 2],
    /// Whether it holds for other seeds too, or for these trained networks only.
    pub over_seeds: bool,
    /// The probability of a difference at least as large if there were none.
    pub p_value: f64,
    /// The same, corrected for the number of pairs (Holm).
    pub adjusted_p_value: f64,
    /// The better one, if the difference is significant at the 5 % level after the correction.
    pub better: Option<String>,
}

/// The comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// What is compared.
    pub measure: TestMeasure,
    /// Test samples that all runs were evaluated on.
    pub test_samples: usize,
    /// One row for each variant, the best first.
    pub rows: Vec<Row>,
    /// Each two of them.
    pub pairs: Vec<Pair>,
    /// What cannot be said, and how the figures were computed.
    pub notes: Vec<String>,
}

/// Compares finished runs of `gradus train` by `measure`, or by the measure that all of them have.
///
/// Errors: a folder that holds no finished run; a run given twice, or two runs of the same settings and seed; runs that were
/// evaluated on different test samples, or have no measure in common.
pub fn compare(folders: &[RunFolder], measure: Option<TestMeasure>) -> Result<Comparison> {
    // A file of a finished run that was changed is refused when it is read.
    let verified = |folder: &RunFolder| if folder.is_complete() { folder.verified() } else { Ok(folder.clone()) };
    let folders: Vec<RunFolder> = folders.iter().map(verified).collect::<Result<_>>()?;
    let measure = match measure {
        Some(measure) => measure,
        None => read::common_measure(&folders)?,
    };
    let runs: Vec<ComparedRun> = folders.iter().map(|folder| read::run(folder, measure)).collect::<Result<_>>()?;
    of_runs(measure, runs)
}

/// Compares runs that have been read.
fn of_runs(measure: TestMeasure, runs: Vec<ComparedRun>) -> Result<Comparison> {
    let Some(first) = runs.first() else { return Err(Error::invalid("compare: no runs")) };
    let (names, test_samples) = (first.samples.clone(), first.samples.len());
    let mut variants: BTreeMap<String, Vec<ComparedRun>> = BTreeMap::new();
    for run in runs {
        if run.samples != names {
            let help = "compare runs of the same data and the same split (data.seed)";
            return Err(Error::data(&run.folder, "was evaluated on other test samples than the runs before it", help));
        }
        let of_variant = variants.entry(run.identity()).or_default();
        if let Some(twin) = of_variant.iter().find(|other| other.seed == run.seed) {
            let what = format!("has the settings and the seed ({}) of {}", run.seed, twin.folder.display());
            return Err(Error::data(&run.folder, what, "give each run once: a copy is no further evidence"));
        }
        of_variant.push(run);
    }
    let mut variants: Vec<Vec<ComparedRun>> = variants.into_values().collect();
    let mean = |runs: &[ComparedRun]| runs.iter().map(ComparedRun::mean).sum::<f64>() / runs.len() as f64;
    variants.sort_by(|a, b| measure.order(mean(a), mean(b)).then_with(|| a[0].name.cmp(&b[0].name)));
    let labels = labels(&variants);
    let rows: Vec<Row> = labels.iter().zip(&variants).map(|(label, runs)| row(label, runs)).collect();
    let mut pairs = Vec::new();
    for i in 0..variants.len() {
        for j in i + 1..variants.len() {
            pairs.push(pair(measure, (&labels[i], &variants[i]), (&labels[j], &variants[j]))?);
        }
    }
    let adjusted = holm(&pairs.iter().map(|pair| pair.p_value).collect::<Vec<_>>());
    for (pair, adjusted) in pairs.iter_mut().zip(adjusted) {
        pair.adjusted_p_value = adjusted;
        let better = if measure.order(pair.difference, 0.0).is_lt() { &pair.a } else { &pair.b };
        pair.better = (adjusted < LEVEL).then(|| better.clone());
    }
    let notes = notes(&rows, &pairs);
    Ok(Comparison { measure, test_samples, rows, pairs, notes })
}

/// A name for each variant: that of its experiment, and of variants that share one, the settings in which they differ.
fn labels(variants: &[Vec<ComparedRun>]) -> Vec<String> {
    const MOST: usize = 3;
    let label = |runs: &Vec<ComparedRun>| {
        let run = &runs[0];
        let same_name: Vec<&ComparedRun> =
            variants.iter().map(|runs| &runs[0]).filter(|r| r.name == run.name).collect();
        let keys: BTreeSet<&String> = same_name.iter().flat_map(|r| r.settings.keys()).collect();
        let differs = |key: &&&String| same_name.iter().any(|r| r.settings.get(**key) != run.settings.get(**key));
        let differing: Vec<&&String> = keys.iter().filter(differs).collect();
        let value = |key: &String| run.settings.get(key).map_or("(none)", String::as_str);
        let words: Vec<String> = differing.iter().take(MOST).map(|key| format!("{key} = {}", value(key))).collect();
        match differing.len() {
            0 => run.name.clone(),
            n if n > MOST => format!("{} ({}, and {} more)", run.name, words.join(", "), n - MOST),
            _ => format!("{} ({})", run.name, words.join(", ")),
        }
    };
    variants.iter().map(label).collect()
}

fn row(label: &str, runs: &[ComparedRun]) -> Row {
    let mean = |f: &dyn Fn(&ComparedRun) -> f64| runs.iter().map(f).sum::<f64>() / runs.len() as f64;
    let values = runs.iter().map(ComparedRun::mean);
    Row {
        experiment: label.to_owned(),
        runs: runs.iter().map(|run| run.folder.display().to_string()).collect(),
        seeds: runs.iter().map(|run| run.seed).collect(),
        value: mean(&ComparedRun::mean),
        range: [values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max)],
        macro_f1: runs.iter().all(|run| run.macro_f1.is_some()).then(|| mean(&|run| run.macro_f1.unwrap_or(0.0))),
        parameters: mean(&|run| run.parameters),
        seconds: mean(&|run| run.seconds),
    }
}

/// Compares two variants; the correction for several pairs is still to come.
fn pair(measure: TestMeasure, (a, of_a): (&str, &[ComparedRun]), (b, of_b): (&str, &[ComparedRun])) -> Result<Pair> {
    let values =
        |runs: &[ComparedRun]| Array2::from_shape_fn((runs.len(), runs[0].values.len()), |(s, i)| runs[s].values[i]);
    let found = mean_difference(values(of_a).view(), values(of_b).view(), measure == TestMeasure::Accuracy)?;
    let p_value = match (measure, of_a, of_b) {
        (TestMeasure::Accuracy, [x], [y]) => {
            let correct = |run: &ComparedRun| run.values.iter().map(|v| *v == 1.0).collect::<Vec<_>>();
            mcnemar(&correct(x), &correct(y)).p_value
        }
        _ => found.p_value,
    };
    Ok(Pair {
        a: a.to_owned(),
        b: b.to_owned(),
        seeds: [of_a.len(), of_b.len()],
        difference: found.difference,
        interval: found.interval,
        over_seeds: found.over_seeds,
        p_value,
        adjusted_p_value: p_value,
        better: None,
    })
}

/// What cannot be said with so few runs, and how the figures are to be read.
fn notes(rows: &[Row], pairs: &[Pair]) -> Vec<String> {
    let mut notes = Vec::new();
    let with = |few: usize| rows.iter().any(|row| row.seeds.len() == few);
    if with(1) {
        notes.push(
            "A variant with one seed says nothing about other seeds: its differences hold for the trained networks only. \
             Train at least three seeds of each (--seed 1, 2, 3) to compare settings."
                .to_owned(),
        );
    }
    if with(2) {
        notes.push(
            "Two seeds show the spread between seeds by a single difference, so their intervals are wide: a small true \
             difference cannot be shown with them."
                .to_owned(),
        );
    }
    if pairs.len() > 1 {
        notes.push(format!(
            "{} pairs were compared: p values are corrected for that (Holm), intervals are for each pair alone.",
            pairs.len()
        ));
    }
    notes
}

#[cfg(test)]
mod tests;
