//! Section `[cross_validation]`, and the folds.
//!
//! The training split is divided into folds, class by class (stratified). Each fold is predicted once by what was learned of
//! the others, scales included. Repeated with other divisions, the mean accuracy no longer hangs on one lucky split.

use crate::error::{Error, Result};
use crate::rng::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `[cross_validation]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CrossValidation {
    /// Folds into which the training split is divided, class by class: 2 to 100; 0 for no cross-validation.
    pub folds: usize,
    /// Divisions, each drawn anew, 1 to 100.
    pub repeats: usize,
}

impl Default for CrossValidation {
    fn default() -> Self {
        Self { folds: 0, repeats: 10 }
    }
}

impl CrossValidation {
    /// Checks the settings; the place of an error is the key.
    pub fn check(self) -> Result<()> {
        if self.folds != 0 {
            Error::in_range("cross_validation.folds", self.folds as f64, 2.0, 100.0)?;
        }
        Error::in_range("cross_validation.repeats", self.repeats as f64, 1.0, 100.0)
    }

    /// Refuses more folds than the smallest of the classes has samples: a fold would lack it. `counts` are the samples of each
    /// class.
    pub fn check_classes(self, counts: &[usize], names: &[String]) -> Result<()> {
        let Some((class, &n)) = counts.iter().enumerate().min_by_key(|(_, n)| **n) else { return Ok(()) };
        if n >= self.folds {
            return Ok(());
        }
        let name = names.get(class).map_or("", String::as_str).escape_debug();
        let what = format!("is {}, but the class `{name}` has only {n} training samples", self.folds);
        Err(Error::config("cross_validation.folds", what, format!("give {n} or fewer, or more samples of that class")))
    }

    /// Returns the fold of each sample in division `repeat`. Each class is dealt out to the folds in turn, so that the numbers
    /// of its samples differ by one at most.
    pub fn division(self, labels: &[usize], seed: u64, repeat: usize) -> Vec<usize> {
        let mut rng = Rng::new(seed, "cross validation", repeat as u64);
        let mut order = rng.permutation(labels.len());
        order.sort_by_key(|&i| labels[i]); // stable: random within each class
        let mut fold = vec![0; labels.len()];
        order.iter().enumerate().for_each(|(place, &i)| fold[i] = place % self.folds);
        fold
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_stratified() {
        let labels: Vec<usize> = (0..101).map(|i| usize::from(i % 3 == 0) + usize::from(i % 7 == 0)).collect();
        let cross = CrossValidation { folds: 5, repeats: 2 };
        let division = cross.division(&labels, 3, 0);
        for class in 0..3 {
            let of = |fold: usize| (0..101).filter(|&i| division[i] == fold && labels[i] == class).count();
            let counts: Vec<usize> = (0..5).map(of).collect();
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= 1, "class {class}: {counts:?}");
        }
        assert_eq!(division, cross.division(&labels, 3, 0));
        assert_ne!(division, cross.division(&labels, 3, 1));
    }

    #[test]
    fn too_many_folds_are_refused() {
        let cross = CrossValidation { folds: 5, repeats: 1 };
        let names = ["a".to_owned(), "b".to_owned()];
        let said = cross.check_classes(&[9, 4], &names).unwrap_err().to_string();
        assert!(said.contains("cross_validation.folds: is 5, but the class `b` has only 4 training samples"), "{said}");
        assert!(cross.check_classes(&[9, 5], &names).is_ok());
        assert!(CrossValidation { folds: 1, repeats: 1 }.check().is_err());
        assert!(CrossValidation { folds: 5, repeats: 0 }.check().is_err());
        assert!(CrossValidation::default().check().is_ok());
    }
}
