//! The confusion matrix and what is read off it.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How often each class (row) was taken for each class (column).
///
/// Serializes as the plain matrix of counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    /// `counts[truth][predicted]`.
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts pairs of true and predicted classes, all below `classes`.
    pub fn new(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Self> {
        if truth.len() != predicted.len() {
            let (t, p) = (truth.len(), predicted.len());
            return Err(Error::invalid(format!("confusion: {t} true classes, but {p} predicted ones")));
        }
        if let Some(i) = (0..truth.len()).find(|&i| truth[i].max(predicted[i]) >= classes) {
            let worst = truth[i].max(predicted[i]);
            return Err(Error::invalid(format!("confusion: sample {i} has class {worst}, there are {classes}")));
        }
        let mut counts = vec![vec![0; classes]; classes];
        truth.iter().zip(predicted).for_each(|(&t, &p)| counts[t][p] += 1);
        Ok(Self { counts })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// Number of samples.
    pub fn total(&self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// Samples on the diagonal.
    pub fn correct(&self) -> usize {
        (0..self.classes()).map(|c| self.counts[c][c]).sum()
    }

    /// The share of samples on the diagonal; 0 without samples.
    pub fn accuracy(&self) -> f64 {
        ratio(self.correct(), self.total())
    }

    /// Samples that truly are of class `c`.
    pub fn support(&self, c: usize) -> usize {
        self.counts[c].iter().sum()
    }

    /// Samples taken for class `c`.
    pub fn predicted(&self, c: usize) -> usize {
        self.counts.iter().map(|row| row[c]).sum()
    }

    /// Of those taken for class `c`, the share that are; 0 if none was.
    pub fn precision(&self, c: usize) -> f64 {
        ratio(self.counts[c][c], self.predicted(c))
    }

    /// Of those of class `c`, the share that was found; 0 if there are none.
    pub fn recall(&self, c: usize) -> f64 {
        ratio(self.counts[c][c], self.support(c))
    }

    /// The harmonic mean of precision and recall, 2 tp / (support + predicted); 0 if both are.
    pub fn f1(&self, c: usize) -> f64 {
        ratio(2 * self.counts[c][c], self.support(c) + self.predicted(c))
    }

    /// The mean F1 over all classes, each counting the same, also those without samples (as scikit-learn does when it
    /// is given the list of labels).
    pub fn macro_f1(&self) -> f64 {
        (0..self.classes()).map(|c| self.f1(c)).sum::<f64>() / self.classes().max(1) as f64
    }

    /// The mistakes that occurred, `(truth, predicted, count)`, the most frequent first; ties by class.
    pub fn most_confused(&self) -> Vec<(usize, usize, usize)> {
        let k = self.classes();
        let cells = (0..k * k).map(|i| (i / k, i % k, self.counts[i / k][i % k]));
        let mut pairs: Vec<_> = cells.filter(|&(t, p, n)| t != p && n > 0).collect();
        pairs.sort_by_key(|&(_, _, n)| std::cmp::Reverse(n));
        pairs
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
