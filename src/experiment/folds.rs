//! What a cross-validation found: the figures of all folds, their mean and their standard deviation.

use crate::data::split;
use crate::error::{Error, Result};
use crate::rng::Rng;
use serde_json::{Map, Value, json};

/// Refuses more folds than a class has samples: one of them would lack the class. `counts` are the samples of each class
/// outside the test split, or the number of all where there are no classes.
pub fn check_folds(folds: usize, counts: &[usize], classes: &[String]) -> Result<()> {
    let Some(class) = split::too_small(counts, folds) else { return Ok(()) };
    let n = counts[class];
    let of = classes.get(class).map_or("there".to_owned(), |class| format!("class `{}`", class.escape_debug()));
    let what = format!("is {folds}, but {of} has {n} samples outside the test split: expected one for each fold");
    let help = format!("choose at most {n} folds, or add samples: --set validation.folds={}", n.max(2));
    Err(Error::config("validation.folds", what, help))
}

/// Returns the fold of each sample in a repeat, from 0: by class, or all alike where there are no classes (`strata`). The seed is
/// that of the data.
pub fn fold_of_each(strata: &[usize], folds: usize, seed: u64, repeat: usize) -> Vec<usize> {
    split::folds(strata, folds, &mut Rng::new(seed, "folds", repeat as u64))
}

/// The figures of all folds.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossValidated {
    /// Folds of each repeat.
    pub folds: usize,
    /// Repeats.
    pub repeats: usize,
    /// Rows that were divided.
    pub rows: usize,
    /// What was measured in each fold, as `metrics.json` has it for a split.
    pub figures: Vec<Value>,
}

impl CrossValidated {
    /// Returns a figure of each fold; `None` if a fold has none of this name.
    pub fn each(&self, key: &str) -> Option<Vec<f64>> {
        self.figures.iter().map(|figures| figures[key].as_f64()).collect()
    }

    /// Returns the mean of a figure over the folds, and its standard deviation (divided by folds - 1).
    pub fn mean(&self, key: &str) -> Option<(f64, f64)> {
        self.each(key).map(|values| mean(&values))
    }

    /// Returns the names of the figures, in the order of `metrics.json`.
    pub fn keys(&self) -> Vec<&str> {
        let first = self.figures.first().and_then(Value::as_object);
        let keys = first.into_iter().flat_map(Map::keys).map(String::as_str);
        keys.filter(|key| self.each(key).is_some()).collect()
    }

    /// Returns what `metrics.json` holds of it.
    pub fn metrics(&self) -> Value {
        let mut metrics = json!({ "folds": self.folds, "repeats": self.repeats, "rows": self.rows });
        for key in self.keys() {
            let each = self.each(key).expect("it is one of the keys");
            let (mean, standard_deviation) = mean(&each);
            metrics[key] = json!({ "mean": mean, "standard_deviation": standard_deviation, "each": each });
        }
        metrics
    }
}

/// The mean of at least two numbers, and their standard deviation.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
    (mean, (squares / (n - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_by_hand() {
        let figures =
            [0.8, 0.9, 1.0].map(|a| json!({ "accuracy": a, "auc": if a < 1.0 { Some(a) } else { None }, "n": [1] }));
        let found = CrossValidated { folds: 3, repeats: 1, rows: 30, figures: figures.to_vec() };
        let (mean, deviation) = found.mean("accuracy").unwrap();
        assert!((mean - 0.9).abs() < 1e-12 && (deviation - 0.1).abs() < 1e-12);
        assert_eq!(
            (found.keys(), found.mean("auc")),
            (vec!["accuracy"], None),
            "a figure that a fold lacks is not averaged"
        );
        assert_eq!(found.metrics()["accuracy"]["each"], json!([0.8, 0.9, 1.0]));
    }
}
