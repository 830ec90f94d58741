//! The confusion matrix and the metrics computed from it.

use super::ratio;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How often samples of each true class (row) were predicted as each class (column).
///
/// Serializes as the plain matrix of counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    /// `counts[true label][predicted]`.
    pub counts: Vec<Vec<usize>>,
}

impl Confusion {
    /// Counts pairs of true and predicted classes, all below `classes`.
    pub fn new(labels: &[usize], predicted: &[usize], classes: usize) -> Result<Self> {
        if labels.len() != predicted.len() {
            let (t, p) = (labels.len(), predicted.len());
            return Err(Error::invalid(format!("confusion: {t} true classes, but {p} predicted ones")));
        }
        if let Some(i) = (0..labels.len()).find(|&i| labels[i].max(predicted[i]) >= classes) {
            let worst = labels[i].max(predicted[i]);
            return Err(Error::invalid(format!("confusion: sample {i} has class {worst}, there are {classes}")));
        }
        let mut counts = vec![vec![0; classes]; classes];
        labels.iter().zip(predicted).for_each(|(&t, &p)| counts[t][p] += 1);
        Ok(Self { counts })
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// Returns the number of samples.
    pub fn total(&self) -> usize {
        self.counts.iter().flatten().sum()
    }

    /// Returns the number of samples on the diagonal.
    pub fn correct(&self) -> usize {
        (0..self.classes()).map(|c| self.counts[c][c]).sum()
    }

    /// Returns the fraction of samples on the diagonal; 0 without samples.
    pub fn accuracy(&self) -> f64 {
        ratio(self.correct(), self.total())
    }

    /// Returns the number of samples of true class `c`.
    pub fn support(&self, c: usize) -> usize {
        self.counts[c].iter().sum()
    }

    /// Returns the number of samples predicted as class `c`.
    pub fn predicted(&self, c: usize) -> usize {
        self.counts.iter().map(|row| row[c]).sum()
    }

    /// Returns the precision: the fraction of samples predicted as class `c` that are of it; 0 if none was predicted.
    pub fn precision(&self, c: usize) -> f64 {
        ratio(self.counts[c][c], self.predicted(c))
    }

    /// Returns the recall: the fraction of the samples of class `c` that were predicted as it; 0 if there are none.
    pub fn recall(&self, c: usize) -> f64 {
        ratio(self.counts[c][c], self.support(c))
    }

    /// Returns the harmonic mean of precision and recall, 2 tp / (support + predicted); 0 if both are.
    pub fn f1(&self, c: usize) -> f64 {
        ratio(2 * self.counts[c][c], self.support(c) + self.predicted(c))
    }

    /// Returns whether class `c` occurs at all: among the true labels or among the predictions.
    ///
    /// The macro means are over these classes, as scikit-learn's are when no list of labels is given: nothing can be
    /// said about a class that neither has samples nor is predicted, and a 0 for it would be an invention.
    pub fn occurs(&self, c: usize) -> bool {
        self.support(c) + self.predicted(c) > 0
    }

    /// Returns the mean F1 over the classes that [occur](Self::occurs), each with the same weight; 0 without samples.
    pub fn macro_f1(&self) -> f64 {
        self.mean(Self::f1, |c| usize::from(self.occurs(c)))
    }

    /// Returns the mean precision over the classes that [occur](Self::occurs), each with the same weight; 0 without
    /// samples.
    pub fn macro_precision(&self) -> f64 {
        self.mean(Self::precision, |c| usize::from(self.occurs(c)))
    }

    /// Returns the mean recall over the classes that [occur](Self::occurs), each with the same weight; 0 without
    /// samples. If every class that is predicted has samples, this is the balanced accuracy.
    pub fn macro_recall(&self) -> f64 {
        self.mean(Self::recall, |c| usize::from(self.occurs(c)))
    }

    /// Returns the mean F1, each class counting by its samples; 0 without any.
    pub fn weighted_f1(&self) -> f64 {
        self.mean(Self::f1, |c| self.support(c))
    }

    /// Returns the mean precision, each class counting by its samples; 0 without any.
    pub fn weighted_precision(&self) -> f64 {
        self.mean(Self::precision, |c| self.support(c))
    }

    /// Returns the mean recall, each class counting by its samples: the accuracy, but for rounding.
    pub fn weighted_recall(&self) -> f64 {
        self.mean(Self::recall, |c| self.support(c))
    }

    fn mean(&self, figure: impl Fn(&Self, usize) -> f64, weight: impl Fn(usize) -> usize) -> f64 {
        let total: usize = (0..self.classes()).map(&weight).sum();
        (0..self.classes()).map(|c| weight(c) as f64 * figure(self, c)).sum::<f64>() / total.max(1) as f64
    }

    /// Returns the four counts of class `positive` against the rest.
    pub fn binary(&self, positive: usize) -> Binary {
        let true_positives = self.counts[positive][positive];
        let false_positives = self.predicted(positive) - true_positives;
        let false_negatives = self.support(positive) - true_positives;
        let true_negatives = self.total() - true_positives - false_positives - false_negatives;
        Binary { true_positives, false_positives, false_negatives, true_negatives }
    }

    /// Returns the mistakes that occurred, `(true label, predicted, count)`, the most frequent first; ties by class.
    pub fn most_confused(&self) -> Vec<(usize, usize, usize)> {
        let k = self.classes();
        let cells = (0..k * k).map(|i| (i / k, i % k, self.counts[i / k][i % k]));
        let mut pairs: Vec<_> = cells.filter(|&(t, p, n)| t != p && n > 0).collect();
        pairs.sort_by_key(|&(_, _, n)| std::cmp::Reverse(n));
        pairs
    }

    /// Returns the mistakes into which at least the fraction `least` of the true class's samples fell, as
    /// [`most_confused`](Self::most_confused) gives them.
    pub fn most_confused_above(&self, least: f64) -> Vec<(usize, usize, usize)> {
        let mut pairs = self.most_confused();
        pairs.retain(|&(label, _, n)| ratio(n, self.support(label)) >= least);
        pairs
    }
}

/// One class against the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// True positives: positive and predicted positive.
    pub true_positives: usize,
    /// False positives: negative, but predicted positive.
    pub false_positives: usize,
    /// False negatives: positive, but predicted negative.
    pub false_negatives: usize,
    /// True negatives: negative and predicted negative.
    pub true_negatives: usize,
}

impl Binary {
    /// Returns the fraction that was predicted correctly; 0 without samples.
    pub fn accuracy(&self) -> f64 {
        let correct = self.true_positives + self.true_negatives;
        ratio(correct, correct + self.false_positives + self.false_negatives)
    }

    /// Returns the precision: the fraction of predicted positives that are positive; 0 if there are none.
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Returns the recall (sensitivity): the fraction of positives that were predicted positive; 0 if there are none.
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Returns the specificity: the fraction of negatives that were predicted negative; 0 if there are none.
    pub fn specificity(&self) -> f64 {
        ratio(self.true_negatives, self.true_negatives + self.false_positives)
    }

    /// Returns the harmonic mean of precision and recall; 0 if both are.
    pub fn f1(&self) -> f64 {
        ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)
    }

    /// Computes Matthews' correlation coefficient (1975) between true label and prediction, from -1 to 1; 0 if either
    /// is always the same.
    pub fn matthews(&self) -> f64 {
        let [tp, fp, fn_, tn] =
            [self.true_positives, self.false_positives, self.false_negatives, self.true_negatives].map(|n| n as f64);
        let scale = ((tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_)).sqrt();
        if scale == 0.0 { 0.0 } else { (tp * tn - fp * fn_) / scale }
    }
}
