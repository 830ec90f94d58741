//! A model's answers on samples, without changing it.

use super::objective::Objective;
use super::samples::Samples;
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::{Ctx, Module};
use crate::tensor::Tensor;
use ndarray::Array2;

/// Samples per forward pass.
pub const BATCH: usize = 64;

/// What a classifier answered.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Mean loss.
    pub loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// The class with the largest output, for each sample (the first, on a tie).
    pub predicted: Vec<usize>,
    /// The probability of each class, `[N, K]`.
    pub probabilities: Tensor,
}

/// Evaluates a classifier.
pub fn evaluate(model: &dyn Module, samples: &dyn Samples, objective: &Objective) -> Result<Evaluation> {
    let (mut loss, mut probabilities, mut predicted) = (0.0, Vec::new(), Vec::new());
    let (mut classes, mut weight) = (0, 0.0);
    for start in (0..samples.len()).step_by(BATCH) {
        let indices: Vec<usize> = (start..(start + BATCH).min(samples.len())).collect();
        let labels: Vec<usize> = indices.iter().map(|&i| samples.labels()[i]).collect();
        let x = Var::constant(samples.batch(&indices, None));
        let output = model.forward(&x, &mut Ctx::eval())?;
        loss += f64::from(objective.value(&output, &labels)?.value().item()) * objective.weight(&labels);
        weight += objective.weight(&labels);
        predicted.extend(objective.answers(output.value()));
        let p = objective.probabilities(&output)?;
        classes = p.shape()[1];
        probabilities.extend_from_slice(p.data());
    }
    let n = samples.len();
    let right = predicted.iter().zip(samples.labels()).filter(|(p, l)| p == l).count();
    Ok(Evaluation {
        loss: loss / weight,
        accuracy: right as f64 / n as f64,
        predicted,
        probabilities: Tensor::new(probabilities, [n, classes])?,
    })
}

/// The output of the layer `path` (or of the whole network, for the empty path) for these samples, one row each.
pub fn activations(model: &dyn Module, path: &str, samples: &dyn Samples, indices: &[usize]) -> Result<Array2<f32>> {
    let (mut rows, mut width) = (Vec::new(), 0);
    for chunk in indices.chunks(BATCH) {
        let wanted = |p: &str| p == path;
        let mut cx = Ctx::eval().capture(&wanted);
        let y = model.forward(&Var::constant(samples.batch(chunk, None)), &mut cx)?;
        let output: Tensor = cx.captured().pop().map_or(y.into_value(), |layer| layer.output);
        width = output.numel() / chunk.len();
        rows.extend_from_slice(output.data());
    }
    Ok(Array2::from_shape_vec((indices.len(), width), rows).expect("each sample gives as many numbers"))
}

/// Index of the largest value, the first on a tie.
pub fn argmax(x: &[f32]) -> usize {
    (1..x.len()).fold(0, |best, k| if x[k] > x[best] { k } else { best })
}
