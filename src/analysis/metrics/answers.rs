//! Predictions of a classifier for images without a true label, such as generated ones.
//!
//! A good generated image is plainly *something*: the classifier is sure, its prediction has a low entropy. Good
//! generated images together are *everything*: the mean of all predictions has a high entropy. The inception score
//! (Salimans et al. 2016) puts both into one number, the effective number of classes that are plainly shown. It is
//! only as good as the classifier, and knows nothing of variety within a class.

use crate::analysis::samples;
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::ArrayView2;

/// A classifier's predictions for n samples, k classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassProbabilities {
    /// The most probable class of each sample (the first among equals).
    pub class: Vec<usize>,
    /// Its probability.
    pub confidence: Vec<f64>,
    /// The entropy of each prediction in nats, -Σ_c p_c ln p_c: from 0 (sure) to ln k (anything).
    pub entropy: Vec<f64>,
    /// The mean prediction, k probabilities.
    pub mean: Vec<f64>,
}

impl ClassProbabilities {
    /// Summarizes the probabilities of each class, n x k. Fails unless each is in [0, 1] and each row sums to 1 within
    /// a thousandth; what is left of that is divided out.
    pub fn of<T: Real>(probabilities: ArrayView2<'_, T>) -> Result<Self> {
        let p = samples("predictions", probabilities)?;
        let (n, k) = p.dim();
        let mut predictions =
            Self { class: Vec::new(), confidence: Vec::new(), entropy: Vec::new(), mean: vec![0.0; k] };
        for (i, row) in p.rows().into_iter().enumerate() {
            let sum: f64 = row.iter().map(|v| v.to_f64()).sum();
            if (sum - 1.0).abs() > 1e-3 || row.iter().any(|&v| v < T::ZERO) {
                return Err(Error::invalid(format!(
                    "predictions: row {i} holds no probabilities (they sum to {sum}); give the softmax of the scores"
                )));
            }
            let row: Vec<f64> = row.iter().map(|v| v.to_f64() / sum).collect();
            let best = (1..k).fold(0, |best, c| if row[c] > row[best] { c } else { best });
            predictions.class.push(best);
            predictions.confidence.push(row[best]);
            predictions.entropy.push(entropy(&row));
            predictions.mean.iter_mut().zip(&row).for_each(|(m, p)| *m += p / n as f64);
        }
        Ok(predictions)
    }

    /// Returns the fraction of predictions that name the class of `labels`, one for each sample.
    pub fn accuracy(&self, labels: &[usize]) -> Result<f64> {
        super::class_labels("predictions", self.class.len(), self.mean.len(), labels)?;
        let correct = self.class.iter().zip(labels).filter(|(a, b)| a == b).count();
        Ok(super::ratio(correct, labels.len()))
    }

    /// Returns the mean confidence.
    pub fn mean_confidence(&self) -> f64 {
        self.confidence.iter().sum::<f64>() / self.confidence.len() as f64
    }

    /// Returns the mean entropy of a prediction, in nats.
    pub fn mean_entropy(&self) -> f64 {
        self.entropy.iter().sum::<f64>() / self.entropy.len() as f64
    }

    /// Returns the entropy of the mean prediction, in nats: from 0 (always one class) to ln k (all classes alike).
    pub fn entropy_of_mean(&self) -> f64 {
        entropy(&self.mean)
    }

    /// Computes exp(entropy of the mean prediction - mean entropy), from 1 to k; the exponent is the mean of KL(p(·|x)
    /// ‖ mean).
    pub fn inception_score(&self) -> f64 {
        libm::exp(self.entropy_of_mean() - self.mean_entropy())
    }
}

/// Returns -Σ p ln p, 0 ln 0 being 0.
fn entropy(p: &[f64]) -> f64 {
    p.iter().filter(|p| **p > 0.0).map(|p| -p * libm::log(*p)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[track_caller]
    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }

    /// Sure of the first, sure of the second, undecided between the two, undecided among four. The mean is
    /// (7, 7, 1, 1) / 16.
    #[test]
    fn predictions_by_hand() {
        let p = array![[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]];
        let predictions = ClassProbabilities::of(p.view()).unwrap();
        assert_eq!(
            (&predictions.class[..], &predictions.confidence[..]),
            (&[0, 1, 0, 0][..], &[1.0, 1.0, 0.5, 0.25][..])
        );
        let (two, four) = (2.0f64.ln(), 4.0f64.ln());
        for (got, expected) in predictions.entropy.iter().zip([0.0, 0.0, two, four]) {
            near(*got, expected);
        }
        near(predictions.mean_confidence(), 2.75 / 4.0);
        near(predictions.mean_entropy(), (two + four) / 4.0);
        let of_mean = -2.0 * 7.0 / 16.0 * (7.0f64 / 16.0).ln() + 2.0 / 16.0 * 16.0f64.ln();
        near(predictions.entropy_of_mean(), of_mean);
        near(predictions.inception_score(), (of_mean - (two + four) / 4.0).exp());
        near(predictions.accuracy(&[0, 1, 1, 0]).unwrap(), 0.75);
        assert!(predictions.accuracy(&[0, 1]).is_err() && predictions.accuracy(&[0, 1, 2, 4]).is_err());
    }

    /// All classes, each plainly: as many as there are. One class: 1.
    #[test]
    fn inception_scores_at_their_ends() {
        let sure = ndarray::Array2::<f32>::eye(5);
        near(ClassProbabilities::of(sure.view()).unwrap().inception_score(), 5.0);
        let one = array![[0.9, 0.1], [0.9, 0.1]];
        near(ClassProbabilities::of(one.view()).unwrap().inception_score(), 1.0);
    }

    #[test]
    fn scores_are_no_probabilities() {
        let message = ClassProbabilities::of(array![[1.0, 0.0], [3.0, -2.0]].view()).unwrap_err().to_string();
        assert!(message.contains("row 1") && message.contains("softmax"), "{message}");
        assert!(ClassProbabilities::of(array![[0.5, 0.6]].view()).is_err());
    }
}
