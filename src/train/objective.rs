//! The losses of this crate by name, and how an output is read as a prediction.
//!
//! The two belong together: cross-entropy speaks of logits, of which softmax makes probabilities; the negative
//! log-likelihood of their logarithms already; the squared error of the probabilities themselves.

use super::criterion::{Batch, Criterion};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::ops::{ClassTarget, argmax};
use crate::target::Target;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The losses by name.
///
/// ```
/// use gradus::prelude::*;
///
/// assert_eq!(Loss::CrossEntropy.outputs(&[1, 28, 28], 10)?, [10]); // a logit for each class
/// assert_eq!(Loss::BceWithLogits.outputs(&[4], 2)?, [1]); // one, of the second of two classes
/// assert_eq!(Loss::ReconstructionMse.outputs(&[1, 28, 28], 10)?, [1, 28, 28]); // as the input
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Softmax cross-entropy of logits `[N, K]`.
    #[default]
    CrossEntropy,
    /// The negative log-likelihood of log-probabilities `[N, K]`: for a network that ends with log-softmax.
    Nll,
    /// Binary cross-entropy of a logit `[N, 1]`, that of the second of two classes.
    BceWithLogits,
    /// Binary cross-entropy of a probability `[N, 1]`: for a network that ends with a sigmoid.
    Bce,
    /// The mean squared error: against one-hot targets `[N, K]`, or of a regression against its numbers `[N, M]`.
    Mse,
    /// The mean absolute error of a regression, mean |ŷ - y|.
    Mae,
    /// The loss of Huber (1964) of a regression: for the residual r = ŷ - y it is r²/2 where |r| <= δ and δ (|r| - δ/2)
    /// beyond, so that outliers pull no harder than δ.
    Huber,
    /// The mean squared error of each number against the input itself: for an autoencoder.
    ReconstructionMse,
    /// The binary cross-entropy against the input itself, its numbers being in [0, 1], summed over each sample: for a
    /// network that ends with a sigmoid. With the divergence of a latent layer it is the negative evidence lower bound of
    /// a variational autoencoder, in nats.
    ReconstructionBce,
}

impl Loss {
    /// The name, as files write it.
    pub fn name(self) -> &'static str {
        match self {
            Loss::CrossEntropy => "cross_entropy",
            Loss::Nll => "nll",
            Loss::BceWithLogits => "bce_with_logits",
            Loss::Bce => "bce",
            Loss::Mse => "mse",
            Loss::Mae => "mae",
            Loss::Huber => "huber",
            Loss::ReconstructionMse => "reconstruction_mse",
            Loss::ReconstructionBce => "reconstruction_bce",
        }
    }

    /// The shape that a network has to give for each sample of shape `input`: a number for each class, one for yes or
    /// no, or an image like the input. Fails for binary losses of more than two classes.
    pub fn outputs(self, input: &[usize], classes: usize) -> Result<Vec<usize>> {
        match self {
            Loss::CrossEntropy | Loss::Nll | Loss::Mse | Loss::Mae | Loss::Huber => Ok(vec![classes]),
            Loss::ReconstructionMse | Loss::ReconstructionBce => Ok(input.to_vec()),
            Loss::Bce | Loss::BceWithLogits if classes == 2 => Ok(vec![1]),
            Loss::Bce | Loss::BceWithLogits => {
                let what = format!("tells two classes apart, but there are {classes}");
                Err(Error::config("train.loss", what, "use cross_entropy"))
            }
        }
    }
}

/// A loss of this crate, and how much each class weighs in it. What the outputs are compared with is decided by the loss and
/// by the [`Target`]: the inputs for a reconstruction, numbers where the target has numbers, else classes.
///
/// ```
/// use gradus::prelude::*;
/// let output = Var::constant(Tensor::new(vec![3.0, 0.0, 0.0, 3.0], [2, 2])?);
/// let (inputs, target) = (Tensor::zeros([2, 4]), Target::Classes(vec![0, 1]));
/// let batch = Batch { inputs: &inputs, target: &target };
/// let objective = Objective { label_smoothing: 0.1, ..Objective::default() }; // cross-entropy
/// let smoothed = objective.loss(&output, &batch)?.value().item();
/// assert!(smoothed > Objective::default().loss(&output, &batch)?.value().item());
/// assert_eq!(objective.predictions(output.value()), [0, 1]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The loss.
    pub loss: Loss,
    /// A factor for the samples of each class; none is 1 for all.
    pub class_weights: Option<Vec<f32>>,
    /// The part ε, from 0 to 1, of each target that is spread evenly over all classes (Szegedy et al. 2016); for
    /// cross-entropy alone.
    pub label_smoothing: f64,
    /// The residual δ from which on Huber's loss is linear.
    pub huber_delta: f64,
}

impl Default for Objective {
    fn default() -> Self {
        Self { loss: Loss::default(), class_weights: None, label_smoothing: 0.0, huber_delta: 1.0 }
    }
}

impl Objective {
    /// Computes the mean loss of outputs that are compared with classes.
    ///
    /// With label smoothing ε and class weights w, K classes, p = softmax(output) and true labels y it is PyTorch's
    ///
    /// ```text
    /// q[n,k] = (1 - ε) [k = y[n]] + ε / K,     L = -Σ n,k  w[k] q[n,k] log p[n,k]  /  Σ n  w[y[n]]
    /// ```
    ///
    /// in training as well as in evaluation, so the loss of a perfect classifier is not 0.
    fn of_classes(&self, output: &Var, labels: &[usize]) -> Result<Var> {
        match (self.loss, &self.class_weights) {
            (Loss::CrossEntropy, weights) if self.label_smoothing != 0.0 => {
                let q = smoothed(labels, output.shape(), self.label_smoothing)?;
                let classes = output.shape()[1];
                let ones = vec![1.0; classes];
                let q = ClassTarget::Probabilities(&q);
                let loss = output.cross_entropy_weighted(q, weights.as_ref().unwrap_or(&ones))?;
                loss.affine(labels.len() as f64 / self.weight_of(labels), 0.0)
            }
            (Loss::CrossEntropy, None) => output.cross_entropy(ClassTarget::Labels(labels)),
            (Loss::CrossEntropy, Some(weights)) => output.cross_entropy_weighted(ClassTarget::Labels(labels), weights),
            (Loss::Nll, weights) => output.nll(labels, weights.as_deref()),
            (Loss::BceWithLogits, None) => output.bce_with_logits(&yes(labels), None),
            (Loss::BceWithLogits, Some(weights)) if weights.len() != 2 => {
                let what = format!("has {} numbers, but this loss is for two classes", weights.len());
                Err(Error::config("train.class_weights", what, "give two numbers"))
            }
            (Loss::BceWithLogits, Some(weights)) => {
                // The weighted mean: the second class against the first, and the sum of the weights below.
                let [first, second] = [weights[0], weights[1]];
                let loss = output.bce_with_logits(&yes(labels), Some(&Tensor::full([1, 1], second / first)))?;
                loss.affine(f64::from(first) * labels.len() as f64 / self.weight_of(labels), 0.0)
            }
            (Loss::Bce, None) => output.bce(&yes(labels)),
            (Loss::Bce, Some(_)) => {
                let help = "leave the last sigmoid out and use bce_with_logits";
                Err(Error::config("train.class_weights", "cannot be used with bce", help))
            }
            (Loss::Mse, None) => output.mse(&Var::constant(one_hot(labels, output.shape())?)),
            (Loss::Mse, Some(_)) => {
                Err(Error::config("train.class_weights", "cannot be used with mse", "use cross_entropy"))
            }
            (Loss::Mae | Loss::Huber | Loss::ReconstructionMse | Loss::ReconstructionBce, _) => {
                let what = format!("is {}, the loss of a regression", self.loss.name());
                Err(Error::config("train.loss", what, "write kind = \"regress\", or use cross_entropy"))
            }
        }
    }

    /// Computes the mean loss of a regression, against numbers of the outputs' shape.
    fn of_values(&self, output: &Var, target: &Var) -> Result<Var> {
        if output.shape() != target.shape() {
            let what = format!("expected outputs of the shape {:?}, found {:?}", target.shape(), output.shape());
            return Err(Error::shape(self.loss.name(), what));
        }
        match self.loss {
            Loss::Mse => output.mse(target),
            Loss::Mae => output.sub(target)?.abs()?.mean(),
            Loss::Huber => {
                // c (|r| - c/2) with c = min(|r|, δ).
                let size = output.sub(target)?.abs()?;
                let near = size.clamp(0.0, self.huber_delta)?;
                near.mul(&size.sub(&near.affine(0.5, 0.0)?)?)?.mean()
            }
            other => {
                let what = format!("is {}, which takes no numbers to predict", other.name());
                Err(Error::config("train.loss", what, "use mse, mae or huber"))
            }
        }
    }

    /// What the mean divides by: the number of samples, or the sum of their weights.
    fn weight_of(&self, labels: &[usize]) -> f64 {
        match &self.class_weights {
            None => labels.len() as f64,
            Some(weights) => labels.iter().filter_map(|&label| weights.get(label)).map(|&w| f64::from(w)).sum(),
        }
    }
}

impl Criterion for Objective {
    fn loss(&self, output: &Var, batch: &Batch<'_>) -> Result<Var> {
        if self.label_smoothing != 0.0 && self.loss != Loss::CrossEntropy {
            return Err(Error::config("train.label_smoothing", "is for the loss cross_entropy", "leave it out"));
        }
        match (self.loss, batch.target) {
            (Loss::ReconstructionMse | Loss::ReconstructionBce, _) if self.class_weights.is_some() => {
                let what = "weigh classes, and a reconstruction has none";
                Err(Error::config("train.class_weights", what, "leave them out"))
            }
            (Loss::ReconstructionMse, _) => output.mse(&Var::constant(batch.inputs.clone())),
            (Loss::ReconstructionBce, _) => {
                let numbers = batch.inputs.numel() as f64 / batch.samples() as f64;
                output.bce(batch.inputs)?.affine(numbers, 0.0)
            }
            (_, Target::Values(_)) => self.of_values(output, &batch.values()?),
            (_, Target::Classes(labels)) => self.of_classes(output, labels),
            (_, Target::None) => {
                let what =
                    format!("is {}, and the samples have neither classes nor numbers to predict", self.loss.name());
                Err(Error::config("train.loss", what, "use a reconstruction loss, or give the samples a Target"))
            }
        }
    }

    fn weight(&self, batch: &Batch<'_>) -> f64 {
        match batch.target {
            Target::Classes(labels) => self.weight_of(labels),
            _ => batch.samples() as f64,
        }
    }

    fn classifies(&self, target: &Target) -> bool {
        let reconstructs = matches!(self.loss, Loss::ReconstructionMse | Loss::ReconstructionBce);
        matches!(target, Target::Classes(_)) && !reconstructs
    }

    /// The class of the largest probability, for each sample (the first, on a tie; yes, of yes and no).
    fn predictions(&self, output: &Tensor) -> Vec<usize> {
        let above = |threshold: f32| output.data().iter().map(|&x| usize::from(x >= threshold)).collect();
        match self.loss {
            Loss::CrossEntropy | Loss::Nll | Loss::Mse => output.data().chunks(output.shape()[1]).map(argmax).collect(),
            Loss::BceWithLogits => above(0.0),
            Loss::Bce => above(0.5),
            Loss::Mae | Loss::Huber | Loss::ReconstructionMse | Loss::ReconstructionBce => Vec::new(),
        }
    }

    fn probabilities(&self, output: &Var) -> Result<Tensor> {
        match self.loss {
            Loss::CrossEntropy => Ok(output.softmax(1)?.into_value()),
            Loss::Nll => Ok(output.exp()?.into_value()),
            Loss::BceWithLogits => Ok(no_and_yes(output.sigmoid()?.value())),
            Loss::Bce => Ok(no_and_yes(output.value())),
            Loss::Mse => Ok(output.value().clone()),
            Loss::Mae | Loss::Huber | Loss::ReconstructionMse | Loss::ReconstructionBce => {
                Err(Error::invalid("probabilities: a network that gives numbers or its input has no classes"))
            }
        }
    }
}

/// 1 for the second class, 0 for the first, `[N, 1]`.
fn yes(labels: &[usize]) -> Tensor {
    Tensor::from_fn([labels.len(), 1], |i| labels[i] as f32)
}

/// Probabilities of both classes from that of the second: `[N, 1]` to `[N, 2]`.
fn no_and_yes(p: &Tensor) -> Tensor {
    Tensor::from_fn([p.numel(), 2], |i| if i % 2 == 0 { 1.0 - p.data()[i / 2] } else { p.data()[i / 2] })
}

/// 1 in the column of each sample's class, 0 elsewhere.
fn one_hot(labels: &[usize], shape: &[usize]) -> Result<Tensor> {
    smoothed(labels, shape, 0.0)
}

/// The same, of which the part `epsilon` is spread evenly over all columns.
fn smoothed(labels: &[usize], shape: &[usize], epsilon: f64) -> Result<Tensor> {
    let &[n, classes] = shape else {
        return Err(Error::shape("one_hot", format!("expected outputs [\"N K\"], found {shape:?}")));
    };
    if n != labels.len() || labels.iter().any(|&label| label >= classes) {
        let message =
            format!("expected {n} labels below {classes}, found {} up to {:?}", labels.len(), labels.iter().max());
        return Err(Error::shape("one_hot", message));
    }
    let everywhere = epsilon / classes as f64;
    let (on, off) = ((1.0 - epsilon + everywhere) as f32, everywhere as f32);
    Ok(Tensor::from_fn([n, classes], |i| if labels[i / classes] == i % classes { on } else { off }))
}

/// Weights that make every class count the same: n / (k · samples of the class), as scikit-learn's `balanced`.
///
/// ```
/// use gradus::train::balanced;
/// assert_eq!(balanced(&[0, 0, 0, 1], 2), [4.0 / 6.0, 2.0]); // three samples of one class, one of the other
/// ```
pub fn balanced(labels: &[usize], classes: usize) -> Vec<f32> {
    let mut counts = vec![0usize; classes];
    labels.iter().for_each(|&label| counts[label] += 1);
    counts.iter().map(|&c| labels.len() as f32 / (classes * c.max(1)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(objective: &Objective, output: &Var, inputs: &Tensor, target: Target) -> Result<Var> {
        objective.loss(output, &Batch { inputs, target: &target })
    }

    #[test]
    fn balanced_weights_by_hand() {
        assert_eq!(balanced(&[0, 0, 0, 1], 2), [4.0 / 6.0, 2.0]);
    }

    /// ln(1 + e^x) for a no at x, ln(1 + e^-x) for a yes, weighted 1 to 3, over the sum of the weights.
    #[test]
    fn yes_and_no_by_hand() {
        let output = Var::constant(Tensor::new(vec![2.0, -1.0], [2, 1]).unwrap());
        let x = Tensor::zeros([2, 1]);
        let weighted =
            Objective { loss: Loss::BceWithLogits, class_weights: Some(vec![1.0, 3.0]), ..Objective::default() };
        let wanted = (libm::log1p(libm::exp(2.0)) + 3.0 * libm::log1p(libm::exp(1.0))) / 4.0;
        let got = value(&weighted, &output, &x, vec![0, 1].into()).unwrap().value().item();
        assert!((f64::from(got) - wanted).abs() < 1e-6, "{got} {wanted}");
        assert_eq!(weighted.predictions(output.value()), [1, 0]);
        let p = weighted.probabilities(&output).unwrap();
        assert!((p.data()[0] + p.data()[1] - 1.0).abs() < 1e-6 && p.data()[1] > 0.8);
        assert!(Loss::Bce.outputs(&[4], 3).is_err() && Loss::Bce.outputs(&[4], 2).unwrap() == [1]);
    }

    #[test]
    fn squared_error_against_one_hot_targets() {
        let output = Var::constant(Tensor::new(vec![0.5, 0.5, 1.0, 0.0], [2, 2]).unwrap());
        let x = Tensor::zeros([2, 2]);
        let mse = Objective { loss: Loss::Mse, ..Objective::default() };
        // (0.25 + 0.25 + 1 + 1) / 4
        assert_eq!(value(&mse, &output, &x, vec![0, 1].into()).unwrap().value().item(), 0.625);
        assert_eq!(mse.predictions(output.value()), [0, 0]);
        assert!(value(&mse, &output, &x, vec![0, 2].into()).is_err());
    }

    /// Residuals 0.5, -3, 0 and 2 with δ = 1: 0.125, 2.5, 0 and 1.5; slopes 0.5, -1, 0 and 1, each over 4.
    #[test]
    fn regressions_by_hand() {
        let of = |loss: Loss| {
            let tape = crate::autograd::Tape::new();
            let output = tape.leaf(Tensor::new(vec![0.5, -3.0, 1.0, 3.0], [2, 2]).unwrap());
            let target = Tensor::new(vec![0.0, 0.0, 1.0, 1.0], [2, 2]).unwrap();
            let objective = Objective { loss, ..Objective::default() };
            let value = value(&objective, &output, &target, Target::Values(target.clone())).unwrap();
            let item = value.value().item();
            (item, tape.backward(&value).unwrap().of(&output).unwrap().unwrap().data().to_vec())
        };
        assert_eq!(of(Loss::Mse).0, (0.25 + 9.0 + 0.0 + 4.0) / 4.0);
        assert_eq!(of(Loss::Mae), (5.5 / 4.0, vec![0.25, -0.25, 0.0, 0.25]));
        assert_eq!(of(Loss::Huber), (4.125 / 4.0, vec![0.125, -0.25, 0.0, 0.25]));
        let plain = Objective { loss: Loss::Huber, ..Objective::default() };
        let output = Var::constant(Tensor::zeros([2, 2]));
        assert!(value(&plain, &output, output.value(), vec![0, 0].into()).unwrap_err().to_string().contains("regress"));
    }

    #[test]
    fn reconstructions_by_hand() {
        let x = Tensor::new(vec![0.0, 1.0, 1.0, 0.5], [2, 2]).unwrap();
        let output = Var::constant(Tensor::new(vec![0.5, 0.5, 0.5, 0.5], [2, 2]).unwrap());
        let objective = |loss: Loss| Objective { loss, ..Objective::default() };
        let of = |loss: Loss| value(&objective(loss), &output, &x, Target::None).unwrap().value().item();
        assert_eq!(of(Loss::ReconstructionMse), 0.75 / 4.0);
        // Every number costs ln 2, two of them a sample.
        assert!((f64::from(of(Loss::ReconstructionBce)) - 2.0 * libm::log(2.0)).abs() < 1e-6);
        assert_eq!(Loss::ReconstructionMse.outputs(&[1, 28, 28], 10).unwrap(), [1, 28, 28]);
    }
}
