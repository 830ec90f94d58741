//! Normalization as layers.
//!
//! Batch normalization is the one layer that computes differently in training and in evaluation without drawing anything
//! at random. In training each batch is normalized by its own mean and variance, and a running mean of these is kept; in
//! evaluation the running ones serve, so that a prediction does not depend on its neighbours in the batch. Layer
//! normalization has no such trouble: each sample is normalized by itself. Standardization learns nothing at all.

use super::buffer::Buffer;
use super::context::Ctx;
use super::kind::Kind;
use super::module::Module;
use super::walk::Walk;
use crate::autograd::{Param, Var};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::tensor::Tensor;

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
    /// The share of the new batch in the running statistics; 0.1.
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
        let (old, share) = (cx.buffer(buffer), T::from_f64(self.momentum));
        let mixed = |i: usize| (T::ONE - share) * old.data()[i] + share * new.data()[i];
        cx.propose(buffer, Tensor::from_fn(new.shape_owned(), mixed));
    }
}

impl<T: Real> Module<T> for BatchNorm<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let (weight, bias) = (cx.param(&self.weight), cx.param(&self.bias));
        if !cx.is_training() {
            let (mean, variance) = (cx.buffer(&self.running_mean), cx.buffer(&self.running_var));
            return x.batch_norm_with(&weight, &bias, &mean, &variance, self.eps);
        }
        let (y, moments) = x.batch_norm(&weight, &bias, self.eps)?;
        self.propose(&self.running_mean, &moments.mean, cx);
        self.propose(&self.running_var, &moments.unbiased(), cx);
        Ok(y)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        walk.param("bias", &self.bias);
        walk.buffer("running_mean", &self.running_mean);
        walk.buffer("running_var", &self.running_var);
    }

    fn kind(&self) -> Kind {
        Kind::BatchNorm { eps: self.eps }
    }
}

/// Layer normalization over the last axes. See [`ops::layer_norm`](crate::ops::layer_norm).
///
/// ```
/// use gradus::prelude::*;
/// let layer = LayerNorm::new(&[2]);
/// let x = Var::constant(Tensor::new(vec![1.0, 3.0, -5.0, 5.0], [2, 2])?);
/// let y = layer.forward(&x, &mut Ctx::eval())?;
/// assert!(y.value().data().iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(y, e): (&f32, f32)| (y - e).abs() < 1e-4));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct LayerNorm<T: Real = f32> {
    /// The factor of each element, of the shape that is normalized; 1 at first.
    pub weight: Param<T>,
    /// The summand of each element, of the same shape; 0 at first.
    pub bias: Param<T>,
    /// What is added to the variance; 1e-5.
    pub eps: f64,
}

impl<T: Real> LayerNorm<T> {
    /// A layer that normalizes the last axes, whose sizes are `shape`: `[D]`, or `[C, H, W]` for whole images.
    pub fn new(shape: &[usize]) -> Self {
        let full = |value| Param::new(Tensor::full(shape, value));
        Self { weight: full(T::ONE), bias: full(T::ZERO), eps: 1e-5 }
    }
}

impl<T: Real> Module<T> for LayerNorm<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.layer_norm(&cx.param(&self.weight), &cx.param(&self.bias), self.eps)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        walk.param("bias", &self.bias);
    }

    fn kind(&self) -> Kind {
        Kind::LayerNorm { axes: self.weight.get().rank(), eps: self.eps }
    }
}

/// Standardization by fixed numbers, y = (x - mean) / std: what brings pixels or features to the scale that a network was
/// trained on, as a layer of its own, so that an exported network takes raw ones.
///
/// The numbers are buffers, `[C, 1, 1]` for images `[N, C, H, W]` and `[D]` for features `[N, D]`: they are saved and
/// loaded, and never trained.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Standardize::new(Tensor::full([2], 1.0), Tensor::full([2], 0.5))?;
/// let x = Var::constant(Tensor::new(vec![1.0, 2.0], [1, 2])?);
/// let y = layer.forward(&x, &mut Ctx::eval())?;
/// assert_eq!(y.value().data(), [0.0, 2.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Standardize<T: Real = f32> {
    /// What is subtracted.
    pub mean: Buffer<T>,
    /// What is divided by.
    pub std: Buffer<T>,
}

impl<T: Real> Standardize<T> {
    /// A layer with these numbers. Fails unless both have one shape.
    pub fn new(mean: Tensor<T>, std: Tensor<T>) -> Result<Self> {
        if mean.shape() != std.shape() {
            let message = format!("expected a std for each mean, found {:?} and {:?}", mean.shape(), std.shape());
            return Err(Error::shape("standardize", message));
        }
        Ok(Self { mean: Buffer::new(mean), std: Buffer::new(std) })
    }
}

impl<T: Real> Module<T> for Standardize<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let (mean, std) = (Var::constant(cx.buffer(&self.mean)), Var::constant(cx.buffer(&self.std)));
        x.sub(&mean)?.div(&std)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.buffer("mean", &self.mean);
        walk.buffer("std", &self.std);
    }

    fn kind(&self) -> Kind {
        Kind::Standardize
    }
}
