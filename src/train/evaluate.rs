//! A model's predictions and losses on samples, without changing it.

use super::criterion::{Criterion, loss_of, predictions_of};
use super::samples::{Drawn, Samples};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::{Ctx, Module};
use crate::tensor::Tensor;
use ndarray::Array2;
use serde::Serialize;
use std::collections::BTreeMap;

/// Samples per forward pass.
pub const BATCH: usize = 64;

/// A classifier's figures on samples.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Fraction of correct predictions.
    pub accuracy: f64,
    /// The class with the largest output, for each sample (the first, on a tie).
    pub predicted: Vec<usize>,
    /// The probability of each class, `[N, K]`.
    pub probabilities: Tensor,
}

/// A model's mean losses on samples: the objective, and what its layers add to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Losses {
    /// All together.
    pub loss: f64,
    /// The objective alone.
    pub objective: f64,
    /// What each layer adds, by its name, before it is weighted.
    pub added: BTreeMap<String, f64>,
}

impl Losses {
    /// The evidence lower bound in nats, log p(x | z) - KL(q(z | x) | p(z)) (Kingma and Welling 2014): of a network whose
    /// objective is -log p(x | z) and whose layers add divergences, whatever these weigh in training.
    pub fn elbo(&self) -> f64 {
        -(self.objective + self.added.values().sum::<f64>())
    }
}

/// The mean losses of a model, with or without classes. What a network draws by its nature (the code of a variational
/// autoencoder, noise) is drawn, for `seed`: the loss of a distribution is not that of its mean.
///
/// ```
/// use gradus::prelude::*;
///
/// let samples = Matrix::new(Tensor::rand([8, 4], 0.0, 1.0, &mut Rng::new(1, "rows", 0)), Target::None)?;
/// let model = Linear::new(4, 4, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let squared = losses(&model, &samples, &Objective { loss: Loss::ReconstructionMse, ..Objective::default() }, 1)?;
/// let own = |output: &Var, batch: &Batch<'_>| output.mse(&Var::constant(batch.inputs.clone()));
/// assert_eq!(squared, losses(&model, &samples, &own, 1)?);
/// # Ok::<(), Error>(())
/// ```
pub fn losses(model: &dyn Module, samples: &dyn Samples, criterion: &dyn Criterion, seed: u64) -> Result<Losses> {
    let (mut sums, mut weight) = (Losses::default(), 0.0);
    for start in (0..samples.len()).step_by(BATCH) {
        let indices: Vec<usize> = (start..(start + BATCH).min(samples.len())).collect();
        let drawn = Drawn::new(samples, &indices, None);
        let mut cx = Ctx::eval_drawing(seed, (start / BATCH) as u64);
        let output = model.forward(&Var::constant(drawn.inputs.clone()), &mut cx)?;
        check_finite(model, &drawn.inputs, output.value())?;
        let w = criterion.weight(&drawn.batch());
        let error = f64::from(loss_of(criterion, &output, &drawn.batch())?.value().item()) * w;
        (sums.objective, sums.loss) = (sums.objective + error, sums.loss + error);
        for added in cx.losses() {
            let value = f64::from(added.value.value().item()) * w;
            *sums.added.entry(added.path.clone()).or_default() += value;
            sums.loss += added.weight * value;
        }
        weight += w;
    }
    sums.added.values_mut().chain([&mut sums.objective, &mut sums.loss]).for_each(|sum| *sum /= weight);
    Ok(sums)
}

/// What a model gives for these samples; random as in [`losses`].
pub fn outputs(model: &dyn Module, samples: &dyn Samples, indices: &[usize], seed: u64) -> Result<Tensor> {
    let (mut values, mut shape) = (Vec::new(), Vec::new());
    for (i, chunk) in indices.chunks(BATCH).enumerate() {
        let mut cx = Ctx::eval_drawing(seed, i as u64);
        let x = samples.batch(chunk, None);
        let output = model.forward(&Var::constant(x.clone()), &mut cx)?;
        check_finite(model, &x, output.value())?;
        shape = output.shape().to_vec();
        values.extend_from_slice(output.value().data());
    }
    let Some(first) = shape.first_mut() else {
        return Err(Error::invalid("outputs: no samples are given"));
    };
    *first = indices.len();
    Tensor::new(values, &shape[..])
}

/// Evaluates a classifier. Fails without samples, and for a loss that reads no classes from an output.
///
/// ```
/// use gradus::prelude::*;
///
/// let samples = Matrix::new(Tensor::new(vec![-1.0, 2.0], [2, 1])?, vec![0, 1])?;
/// // Logits (0, 4x): the second class where x > 0.
/// let model = Linear::new(1, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// model.weight.set(Tensor::new(vec![0.0, 4.0], [2, 1])?);
/// model.bias.set(Tensor::zeros([2]));
/// let found = evaluate(&model, &samples, &Objective::default())?;
/// assert_eq!((found.accuracy, found.predicted), (1.0, vec![0, 1]));
/// assert!(found.probabilities.at(&[1, 1]) > 0.99);
/// # Ok::<(), Error>(())
/// ```
pub fn evaluate(model: &dyn Module, samples: &dyn Samples, criterion: &dyn Criterion) -> Result<Evaluation> {
    let (mut classes, mut probabilities) = (0, Vec::new());
    let measured = measure(model, samples, criterion, &mut |output| {
        let p = criterion.probabilities(output)?;
        classes = p.shape().get(1).copied().unwrap_or(1);
        probabilities.extend_from_slice(p.data());
        Ok(())
    })?;
    let Measured { loss, accuracy, predicted, .. } = measured;
    Ok(Evaluation { loss, accuracy, predicted, probabilities: Tensor::new(probabilities, [samples.len(), classes])? })
}

/// What a classifier predicts for samples.
#[derive(Clone, Debug)]
pub struct Predictions {
    /// The class of each sample.
    pub predicted: Vec<usize>,
    /// The probability of each class, `[N, K]`.
    pub probabilities: Tensor,
}

/// Computes the predictions of a classifier; the samples need no target. Fails without samples, and for a loss that reads no
/// classes from an output.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::train::classify;
///
/// let samples = Matrix::new(Tensor::new(vec![-1.0, 2.0], [2, 1])?, Target::None)?;
/// let model = Linear::new(1, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// model.weight.set(Tensor::new(vec![0.0, 4.0], [2, 1])?);
/// model.bias.set(Tensor::zeros([2]));
/// assert_eq!(classify(&model, &samples, &Objective::default())?.predicted, [0, 1]);
/// # Ok::<(), Error>(())
/// ```
pub fn classify(model: &dyn Module, samples: &dyn Samples, criterion: &dyn Criterion) -> Result<Predictions> {
    let (mut predicted, mut probabilities, mut classes) = (Vec::new(), Vec::new(), 0);
    if samples.is_empty() {
        return Err(Error::invalid("classify: no samples are given"));
    }
    for start in (0..samples.len()).step_by(BATCH) {
        let indices: Vec<usize> = (start..(start + BATCH).min(samples.len())).collect();
        let x = samples.batch(&indices, None);
        let output = model.forward(&Var::constant(x.clone()), &mut Ctx::eval())?;
        check_finite(model, &x, output.value())?;
        let p = criterion.probabilities(&output)?;
        classes = p.shape().get(1).copied().unwrap_or(1);
        probabilities.extend_from_slice(p.data());
        predicted.extend(criterion.predictions(output.value()));
    }
    Ok(Predictions { predicted, probabilities: Tensor::new(probabilities, [samples.len(), classes])? })
}

/// What is measured of a classifier on samples.
pub(super) struct Measured {
    pub(super) loss: f64,
    pub(super) accuracy: f64,
    predicted: Vec<usize>,
    /// The largest absolute value among the outputs.
    pub(super) largest: f32,
}

/// Measures a classifier, and shows each batch's output to `see`. Fails without samples.
pub(super) fn measure(
    model: &dyn Module,
    samples: &dyn Samples,
    criterion: &dyn Criterion,
    see: &mut dyn FnMut(&Var) -> Result<()>,
) -> Result<Measured> {
    if samples.is_empty() {
        return Err(Error::invalid("evaluate: no samples are given"));
    }
    if !criterion.classifies(samples.target()) {
        return Err(Error::invalid(
            "evaluate: expected samples with classes, and a loss that reads classes from an output",
        ));
    }
    let (mut loss, mut predicted, mut weight, mut largest) = (0.0, Vec::new(), 0.0, 0.0f32);
    for start in (0..samples.len()).step_by(BATCH) {
        let indices: Vec<usize> = (start..(start + BATCH).min(samples.len())).collect();
        let drawn = Drawn::new(samples, &indices, None);
        let output = model.forward(&Var::constant(drawn.inputs.clone()), &mut Ctx::eval())?;
        check_finite(model, &drawn.inputs, output.value())?;
        let w = criterion.weight(&drawn.batch());
        loss += f64::from(loss_of(criterion, &output, &drawn.batch())?.value().item()) * w;
        weight += w;
        predicted.extend(predictions_of(criterion, output.value(), &drawn.batch())?);
        largest = output.value().data().iter().fold(largest, |most, y| most.max(y.abs()));
        see(&output)?;
    }
    let correct = predicted.iter().zip(samples.target().labels()).filter(|(p, l)| p == l).count();
    Ok(Measured { loss: loss / weight, accuracy: correct as f64 / samples.len() as f64, predicted, largest })
}

/// The output of the layer `path` (or of the whole network, for the empty path) for these samples, one row each.
pub fn activations(model: &dyn Module, path: &str, samples: &dyn Samples, indices: &[usize]) -> Result<Array2<f32>> {
    let (mut rows, mut width) = (Vec::new(), 0);
    for chunk in indices.chunks(BATCH) {
        let wanted = |p: &str| p == path;
        let mut cx = Ctx::eval().capture(&wanted);
        let x = samples.batch(chunk, None);
        let y = model.forward(&Var::constant(x.clone()), &mut cx)?;
        let output: Tensor = cx.captured().pop().map_or(y.into_value(), |layer| layer.output);
        check_finite(model, &x, &output)?;
        width = output.numel() / chunk.len();
        rows.extend_from_slice(output.data());
    }
    Ok(Array2::from_shape_vec((indices.len(), width), rows).expect("each sample gives as many numbers"))
}

/// Fails unless every number of `output`, which the model gave for the inputs `x`, is finite. The error names the first
/// layer that gives one that is not. A figure computed from such an output would mean nothing.
pub fn check_finite(model: &dyn Module, x: &Tensor, output: &Tensor) -> Result<()> {
    let Some(value) = odd(output) else { return Ok(()) };
    let (value, place) = first_odd(model, x).unwrap_or((value, "the network's output".to_owned()));
    let help = "look for odd numbers in what it was given; else its weights are unfit: train it again, with a lower \
                learning rate";
    Err(Error::NotFinite { what: kind(value).to_owned(), place, help: help.to_owned() })
}

/// The first number that is not finite on the way of `x` through the model, and where: the input, or a layer's output.
pub(super) fn first_odd(model: &dyn Module, x: &Tensor) -> Option<(f32, String)> {
    if let Some(value) = odd(x) {
        return Some((value, "the input".to_owned()));
    }
    let mut cx = Ctx::eval().capture(&|_| true);
    model.forward(&Var::constant(x.clone()), &mut cx).ok()?;
    cx.captured().into_iter().find_map(|layer| odd(&layer.output).map(|value| (value, layer.path)))
}

fn odd(x: &Tensor) -> Option<f32> {
    x.data().iter().copied().find(|value| !value.is_finite())
}

/// What a number is that is not finite.
pub(super) fn kind(value: f32) -> &'static str {
    if value.is_nan() { "NaN" } else { "infinity" }
}
