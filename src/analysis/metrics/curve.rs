//! ROC and precision-recall curves: a classifier's scores over all thresholds.
//!
//! A sample is called positive if its score is at least a threshold. Lowering the threshold past one score after the
//! other draws a curve. Samples with equal scores change sides together, so that a curve does not depend on their
//! order: there is one point for each different score.

use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::ArrayView2;

/// The receiver operating characteristic: the true positive rate against the false positive rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Roc {
    /// False positive rates, rising from 0 to 1.
    pub fpr: Vec<f64>,
    /// True positive rates (recall), rising from 0 to 1.
    pub tpr: Vec<f64>,
    /// The threshold at each point, falling; infinity at first, where no sample is called positive.
    pub thresholds: Vec<f64>,
}

/// Precision against recall.
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisionRecall {
    /// The fraction of predicted positives that are positive; 1 at first, where there are none.
    pub precision: Vec<f64>,
    /// The fraction of positives that are predicted positive, rising from 0 to 1.
    pub recall: Vec<f64>,
    /// The threshold at each point, falling; infinity at first.
    pub thresholds: Vec<f64>,
}

/// True and false positives at each threshold, the first being infinity.
struct Counts {
    thresholds: Vec<f64>,
    /// `(true, false)` positives.
    positives: Vec<(usize, usize)>,
}

fn count<T: Real>(op: &str, scores: &[T], labels: &[bool]) -> Result<Counts> {
    if scores.len() != labels.len() {
        let (s, l) = (scores.len(), labels.len());
        return Err(Error::invalid(format!("{op}: {s} scores, but {l} labels; give one label for each score")));
    }
    if let Some(i) = scores.iter().position(|s| !s.is_finite()) {
        return Err(Error::invalid(format!("{op}: the score of sample {i} is {}; scores must be finite", scores[i])));
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[b].to_f64().total_cmp(&scores[a].to_f64()));
    let (mut thresholds, mut positives) = (vec![f64::INFINITY], vec![(0, 0)]);
    let (mut yes, mut no) = (0, 0);
    for (n, &i) in order.iter().enumerate() {
        if labels[i] {
            yes += 1
        } else {
            no += 1
        }
        // -0 and 0 are one score.
        if order.get(n + 1).is_none_or(|&next| scores[next] != scores[i]) {
            thresholds.push(scores[i].to_f64());
            positives.push((yes, no));
        }
    }
    Ok(Counts { thresholds, positives })
}

/// Returns the ROC curve of `scores`, larger for what is rather positive. Fails unless there are samples of both kinds.
///
/// scikit-learn's `roc_curve(drop_intermediate=False)`.
pub fn roc_curve<T: Real>(scores: &[T], labels: &[bool]) -> Result<Roc> {
    let Counts { thresholds, positives } = count("roc_curve", scores, labels)?;
    let &(yes, no) = positives.last().expect("the first point is always there");
    if yes == 0 || no == 0 {
        return Err(Error::invalid(format!(
            "roc_curve: {yes} positive and {no} negative samples; at least one of each is needed"
        )));
    }
    let fraction = |part: usize, whole: usize| part as f64 / whole as f64;
    let (tpr, fpr) = positives.iter().map(|&(t, f)| (fraction(t, yes), fraction(f, no))).unzip();
    Ok(Roc { fpr, tpr, thresholds })
}

impl Roc {
    /// Returns the area under the curve by trapezoids: the chance that a positive sample scores higher than a negative
    /// one, a tie counting as half (Hanley and McNeil 1982). 1/2 for uninformative scores.
    pub fn area(&self) -> f64 {
        let pairs = self.fpr.windows(2).zip(self.tpr.windows(2));
        pairs.map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0).sum()
    }

    /// Returns the threshold with the largest tpr - fpr (Youden 1950; the highest of several). Both kinds of mistake
    /// count by their rates, so it does not matter how many samples there are of each. It lies midway between the last
    /// score that is called positive and the next, if there is one.
    pub fn best_threshold(&self) -> f64 {
        let gain = |i: usize| self.tpr[i] - self.fpr[i];
        let best = (2..self.tpr.len()).fold(1, |best, i| if gain(i) > gain(best) { i } else { best });
        let next = self.thresholds.get(best + 1).unwrap_or(&self.thresholds[best]);
        (self.thresholds[best] + next) / 2.0
    }
}

/// Returns the precision-recall curve of `scores`, larger for what is rather positive. Fails unless there is a
/// positive sample.
///
/// scikit-learn's `precision_recall_curve` in the other order, with the threshold of its last point.
pub fn precision_recall_curve<T: Real>(scores: &[T], labels: &[bool]) -> Result<PrecisionRecall> {
    let Counts { thresholds, positives } = count("precision_recall_curve", scores, labels)?;
    let all = positives.last().expect("the first point is always there").0;
    if all == 0 {
        return Err(Error::invalid("precision_recall_curve: no positive sample; at least one is needed"));
    }
    let precision = |&(t, f): &(usize, usize)| if t + f == 0 { 1.0 } else { t as f64 / (t + f) as f64 };
    Ok(PrecisionRecall {
        precision: positives.iter().map(precision).collect(),
        recall: positives.iter().map(|&(t, _)| t as f64 / all as f64).collect(),
        thresholds,
    })
}

impl PrecisionRecall {
    /// Computes the average precision: Σ (Rₙ - Rₙ₋₁) Pₙ, the area under the curve by steps. Trapezoids would be too
    /// kind, because precision does not fall along a straight line (Davis and Goadrich 2006).
    pub fn average_precision(&self) -> f64 {
        let steps = self.recall.windows(2).map(|r| r[1] - r[0]);
        steps.zip(&self.precision[1..]).map(|(step, precision)| step * precision).sum()
    }
}

/// Returns the mean over the classes of the area under the ROC curve of each class against the rest.
///
/// `scores` (n x k) has a column for each class; `labels` are the true classes. Every class must have samples, and not
/// all of them. scikit-learn's `roc_auc_score(multi_class="ovr", average="macro")`; for two classes it is the area of
/// either if the two columns mirror each other.
pub fn macro_auc<T: Real>(scores: ArrayView2<'_, T>, labels: &[usize]) -> Result<f64> {
    let (n, classes) = scores.dim();
    super::class_labels("macro_auc", n, classes, labels)?;
    let mut sum = 0.0;
    for c in 0..classes {
        let is: Vec<bool> = labels.iter().map(|&label| label == c).collect();
        let roc = roc_curve(&scores.column(c).to_vec(), &is);
        sum += roc.map_err(|e| Error::invalid(format!("macro_auc: class {c} against the rest: {e}")))?.area();
    }
    Ok(sum / classes as f64)
}
