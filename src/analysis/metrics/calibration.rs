//! Calibration: does a classifier's confidence match its accuracy?
//!
//! Of the predictions given with a probability of 70 %, about 70 % should be correct. Neural networks that are trained
//! to the end are usually overconfident (Guo et al. 2017).

use super::class_labels;
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::ArrayView2;

/// The samples whose confidence lies in one interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReliabilityBin {
    /// The interval (from, to\]; the first contains 0.
    pub from: f64,
    /// See [`from`](Self::from).
    pub to: f64,
    /// Samples in it.
    pub count: usize,
    /// Their mean confidence; 0 without samples.
    pub confidence: f64,
    /// The fraction of them that were correct; 0 without samples.
    pub accuracy: f64,
}

/// How confidence and true label agree, by intervals of confidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Reliability {
    /// Intervals of the same width, from 0 to 1.
    pub bins: Vec<ReliabilityBin>,
}

impl Reliability {
    /// Bins the probability of each of some events, and whether it occurred. scikit-learn's `calibration_curve` with
    /// `strategy="uniform"`, but bins without samples are kept.
    pub fn new<T: Real>(probabilities: &[T], came_true: &[bool], bins: usize) -> Result<Self> {
        if bins == 0 {
            return Err(Error::invalid("reliability: 0 bins; at least 1 is needed"));
        }
        if probabilities.len() != came_true.len() {
            let (p, t) = (probabilities.len(), came_true.len());
            return Err(Error::invalid(format!("reliability: {p} probabilities, but {t} outcomes")));
        }
        let edge = |b: usize| b as f64 / bins as f64;
        let mut sums = vec![(0usize, 0.0, 0usize); bins];
        for (i, (p, &correct)) in probabilities.iter().map(|p| p.to_f64()).zip(came_true).enumerate() {
            if !(0.0..=1.0).contains(&p) {
                return Err(Error::invalid(format!(
                    "reliability: the probability of sample {i} is {p}, not in [0, 1]"
                )));
            }
            // Begin near the correct bin: rounding may be one off.
            let mut b = ((p * bins as f64) as usize).min(bins - 1);
            while b > 0 && p <= edge(b) {
                b -= 1;
            }
            while b + 1 < bins && p > edge(b + 1) {
                b += 1;
            }
            let sum = &mut sums[b];
            *sum = (sum.0 + 1, sum.1 + p, sum.2 + usize::from(correct));
        }
        let bin = |(b, &(count, sum, correct)): (usize, &(usize, f64, usize))| ReliabilityBin {
            from: edge(b),
            to: edge(b + 1),
            count,
            confidence: if count == 0 { 0.0 } else { sum / count as f64 },
            accuracy: super::ratio(correct, count),
        };
        Ok(Self { bins: sums.iter().enumerate().map(bin).collect() })
    }

    /// Bins the predictions of a classifier: the event is that the most probable class (the first among equals) is the
    /// true one, and its probability is the confidence. `probabilities` is n x k.
    pub fn of_predictions<T: Real>(probabilities: ArrayView2<'_, T>, labels: &[usize], bins: usize) -> Result<Self> {
        let (n, classes) = probabilities.dim();
        class_labels("reliability", n, classes, labels)?;
        let most_probable = |row: ndarray::ArrayView1<'_, T>| {
            (1..classes).fold((0, row[0]), |best, c| if row[c] > best.1 { (c, row[c]) } else { best })
        };
        let predictions: Vec<(usize, T)> = probabilities.rows().into_iter().map(most_probable).collect();
        let correct: Vec<bool> = predictions.iter().zip(labels).map(|((class, _), label)| class == label).collect();
        let confidence: Vec<T> = predictions.into_iter().map(|(_, p)| p).collect();
        Self::new(&confidence, &correct, bins)
    }

    /// Returns the expected calibration error (Naeini et al. 2015): Σ_b n_b / n |accuracy_b - confidence_b|; 0 without
    /// samples.
    pub fn expected_calibration_error(&self) -> f64 {
        let n: usize = self.bins.iter().map(|b| b.count).sum();
        let gap = |b: &ReliabilityBin| b.count as f64 * (b.accuracy - b.confidence).abs();
        self.bins.iter().map(gap).sum::<f64>() / n.max(1) as f64
    }

    /// Returns the largest |accuracy_b - confidence_b| of a bin with samples; 0 without any.
    pub fn maximum_calibration_error(&self) -> f64 {
        let filled = self.bins.iter().filter(|b| b.count > 0);
        filled.map(|b| (b.accuracy - b.confidence).abs()).fold(0.0, f64::max)
    }
}

/// Returns the Brier score (1950): the mean over samples of Σ_c (p_c - \[c is the true class\])², from 0 (certain
/// and correct) to 2 (certain and incorrect). `probabilities` is n x k.
///
/// For two classes this is twice the mean of (p - y)², which is also called so (scikit-learn's `scale_by_half`).
pub fn brier_score<T: Real>(probabilities: ArrayView2<'_, T>, labels: &[usize]) -> Result<f64> {
    let (n, classes) = probabilities.dim();
    class_labels("brier_score", n, classes, labels)?;
    let mut sum = 0.0;
    for (row, &label) in probabilities.rows().into_iter().zip(labels) {
        for (c, p) in row.iter().enumerate() {
            let off = p.to_f64() - f64::from(u8::from(c == label));
            sum += off * off;
        }
    }
    Ok(sum / n as f64)
}
