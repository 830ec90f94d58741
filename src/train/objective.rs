//! What a classifier is trained to make small, and how its output is read as an answer.
//!
//! The two belong together: cross-entropy speaks of logits, of which softmax makes probabilities; the negative
//! log-likelihood of their logarithms already; the squared error of the probabilities themselves.

use super::evaluate::argmax;
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::ops::Target;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The losses by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Softmax cross-entropy of logits `[N, K]`.
    #[default]
    CrossEntropy,
    /// The mean squared error against one-hot targets `[N, K]`.
    Mse,
}

/// A loss, and how much each class weighs in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objective {
    /// The loss.
    pub loss: Loss,
    /// A factor for the samples of each class; none is 1 for all.
    pub class_weights: Option<Vec<f32>>,
}

impl Objective {
    /// The mean loss of these outputs.
    pub fn value(&self, output: &Var, labels: &[usize]) -> Result<Var> {
        match (self.loss, &self.class_weights) {
            (Loss::CrossEntropy, None) => output.cross_entropy(Target::Labels(labels)),
            (Loss::CrossEntropy, Some(weights)) => output.cross_entropy_weighted(Target::Labels(labels), weights),
            (Loss::Mse, None) => output.mse(&Var::constant(one_hot(labels, output.shape())?)),
            (Loss::Mse, Some(_)) => {
                Err(Error::invalid("mse takes no class weights; leave train.class_weights out, or use cross_entropy"))
            }
        }
    }

    /// What the mean divides by: the number of samples, or the sum of their weights.
    pub fn weight(&self, labels: &[usize]) -> f64 {
        match &self.class_weights {
            None => labels.len() as f64,
            Some(weights) => labels.iter().map(|&label| f64::from(weights[label])).sum(),
        }
    }

    /// The probability of each class, `[N, K]`.
    pub fn probabilities(&self, output: &Var) -> Result<Tensor> {
        match self.loss {
            Loss::CrossEntropy => Ok(output.softmax(1)?.into_value()),
            Loss::Mse => Ok(output.value().clone()),
        }
    }

    /// The class of the largest probability, for each sample (the first, on a tie).
    pub fn answers(&self, output: &Tensor) -> Vec<usize> {
        output.data().chunks(output.shape()[1]).map(argmax).collect()
    }
}

/// 1 in the column of each sample's class, 0 elsewhere.
fn one_hot(labels: &[usize], shape: &[usize]) -> Result<Tensor> {
    let &[n, classes] = shape else {
        return Err(Error::shape("one_hot", format!("wanted outputs [\"N K\"]; got {shape:?}")));
    };
    if n != labels.len() || labels.iter().any(|&label| label >= classes) {
        let message =
            format!("wanted {n} labels below {classes}; got {} up to {:?}", labels.len(), labels.iter().max());
        return Err(Error::shape("one_hot", message));
    }
    Ok(Tensor::from_fn([n, classes], |i| f32::from(labels[i / classes] == i % classes)))
}

/// Weights that make every class count the same: n / (k · samples of the class), as scikit-learn's `balanced`.
pub fn balanced(labels: &[usize], classes: usize) -> Vec<f32> {
    let mut counts = vec![0usize; classes];
    labels.iter().for_each(|&label| counts[label] += 1);
    counts.iter().map(|&c| labels.len() as f32 / (classes * c.max(1)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_weights_by_hand() {
        assert_eq!(balanced(&[0, 0, 0, 1], 2), [4.0 / 6.0, 2.0]);
    }

    #[test]
    fn squared_error_against_one_hot_targets() {
        let output = Var::constant(Tensor::new(vec![0.5, 0.5, 1.0, 0.0], [2, 2]).unwrap());
        let mse = Objective { loss: Loss::Mse, class_weights: None };
        // (0.25 + 0.25 + 1 + 1) / 4
        assert_eq!(mse.value(&output, &[0, 1]).unwrap().value().item(), 0.625);
        assert_eq!(mse.answers(output.value()), [0, 0]);
        assert!(mse.value(&output, &[0, 2]).is_err());
    }
}
