//! Batch normalization: the one layer that computes differently in training and in evaluation without drawing anything
//! at random.
//!
//! In training each batch is normalized by its own mean and variance, and a running mean of these is kept; in evaluation
//! the running ones serve, so that a prediction does not depend on its neighbours in the batch.

use super::settings::{Example, Range, Settings, product};
use super::sizes::norm_eps;
use crate::autograd::{Param, Var};
use crate::error::Result;
use crate::nn::buffer::Buffer;
use crate::nn::context::Ctx;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::rng::Rng;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Batch normalization of `[N, C, ..]`, channel by channel. See [`ops::norm`](crate::ops::norm).
///
/// After a training step on a batch with mean μ and unbiased variance v,
///
/// ```text
/// running_mean ← (1 - momentum) running_mean + momentum μ,     running_var ← (1 - momentum) running_var + momentum v
/// ```
///
/// as in PyTorch (whose momentum is 1 minus that of Keras); the normalization itself uses the biased variance. They
/// are buffers: the forward pass proposes them, and the training step commits them. A batch with a single value per
/// channel cannot be trained on: its variance is 0 whatever it is.
///
/// ```
/// use gradus::prelude::*;
/// let norm = BatchNorm2d::new(3);
/// let images = Var::constant(Tensor::<f32>::randn([4, 3, 8, 8], &mut Rng::new(1, "images", 0)).map(|x| 5.0 + 2.0 * x));
/// let tape = Tape::new();
/// let y = norm.forward(&images, &mut Ctx::train(&tape, 1, 1))?;
/// let means = y.mean_axes(&[0, 2, 3], false)?;
/// assert!(means.value().data().iter().all(|mean| mean.abs() < 1e-5));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct BatchNorm<T: Real = f32> {
    /// The factor of each channel, `[C]`; 1 at first.
    pub weight: Param<T>,
    /// The summand of each channel, `[C]`; 0 at first.
    pub bias: Param<T>,
    /// `[C]`; 0 at first.
    pub running_mean: Buffer<T>,
    /// `[C]`; 1 at first.
    pub running_var: Buffer<T>,
    /// What is added to the variance, so that a channel without spread does no harm; 1e-5.
    pub eps: f64,
    /// The fraction of the new batch in the running statistics; 0.1.
    pub momentum: f64,
}

/// [`BatchNorm`] of features `[N, C]` or sequences `[N, C, L]`, by PyTorch's name.
pub type BatchNorm1d<T = f32> = BatchNorm<T>;
/// [`BatchNorm`] of images `[N, C, H, W]`, by PyTorch's name.
pub type BatchNorm2d<T = f32> = BatchNorm<T>;

impl<T: Real> BatchNorm<T> {
    /// A layer for this many channels.
    pub fn new(channels: usize) -> Self {
        let full = |value| Tensor::full([channels], value);
        Self {
            weight: Param::new(full(T::ONE)),
            bias: Param::new(full(T::ZERO)),
            running_mean: Buffer::new(full(T::ZERO)),
            running_var: Buffer::new(full(T::ONE)),
            eps: 1e-5,
            momentum: 0.1,
        }
    }

    /// Proposes the running value that follows when the batch says `new`.
    fn propose(&self, buffer: &Buffer<T>, new: &Tensor<T>, cx: &mut Ctx<'_, T>) {
        let (old, fraction) = (cx.buffer(buffer), T::from_f64(self.momentum));
        let mixed = |i: usize| (T::ONE - fraction) * old.data()[i] + fraction * new.data()[i];
        cx.propose(buffer, Tensor::from_fn(new.shape_owned(), mixed));
    }
}

impl<T: Real> BatchNorm<T> {
    /// What the module computes, and with `relu` max(y, 0) in the same pass.
    fn forward_and(&self, relu: bool, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let (weight, bias) = (cx.param(&self.weight), cx.param(&self.bias));
        if !cx.is_training() {
            let (mean, variance) = (cx.buffer(&self.running_mean), cx.buffer(&self.running_var));
            return x.batch_norm_with_and(&weight, &bias, [&mean, &variance], self.eps, relu);
        }
        let (y, moments) = x.batch_norm_and(&weight, &bias, self.eps, relu)?;
        self.propose(&self.running_mean, &moments.mean, cx);
        self.propose(&self.running_var, &moments.unbiased(), cx);
        Ok(y)
    }
}

impl<T: Real> Module<T> for BatchNorm<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        self.forward_and(false, x, cx)
    }

    fn forward_relu(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Option<Result<Var<T>>> {
        Some(self.forward_and(true, x, cx))
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        walk.param("bias", &self.bias);
        walk.buffer("running_mean", &self.running_mean);
        walk.buffer("running_var", &self.running_var);
    }

    fn kind(&self) -> Kind {
        Kind::layer("batch-norm").over_batch()
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let weights = ["weight", "bias", "running_mean", "running_var"].map(Operand::Weight);
        let operands = [&[Operand::Input(0)], &weights[..]].concat();
        Some(vec![Node::new("BatchNormalization", operands).real("epsilon", self.eps)])
    }
}

/// The settings of batch normalization in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchNormSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Fraction of a new batch in the running mean and variance.
    #[serde(default = "norm_momentum")]
    pub momentum: f64,
    /// Added to the variance.
    #[serde(default = "norm_eps")]
    pub eps: f64,
}

fn norm_momentum() -> f64 {
    0.1
}

impl<T: Real> Settings<T> for BatchNormSettings {
    fn ranges(&self) -> Vec<Range> {
        vec![("momentum", self.momentum, 0.0, 1.0), ("eps", self.eps, 1e-12, 1.0)]
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        Ok((input.to_vec(), product(&[2, input.first().copied().unwrap_or(1)])))
    }

    fn module(&self, input: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let norm = BatchNorm::new(input.first().copied().unwrap_or(1));
        Ok(Box::new(BatchNorm { eps: self.eps, momentum: self.momentum, ..norm }))
    }

    fn examples() -> Vec<Example> {
        let example = |about, batch| Example { about, ..Example::new(json!({}), batch) };
        vec![example("features", &[5, 3]), example("images", &[3, 2, 3, 2])]
    }
}
