//! Softmax and its logarithm, as layers.

use super::settings::Plain;
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::onnx::Node;
use crate::nn::walk::Walk;
use crate::real::Real;

/// Probabilities of the classes, along axis 1. See [`ops::softmax::Softmax`](crate::ops::softmax::Softmax). To train with cross-entropy, leave it
/// out: the loss takes logits.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Softmax;
/// let x = Var::constant(Tensor::new(vec![1.0, 1.0, 1.0, 1.0], [1, 4])?);
/// let y = layer.forward(&x, &mut Ctx::eval())?;
/// assert_eq!(y.value().data(), [0.25; 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softmax;

impl<T: Real> Module<T> for Softmax {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.softmax(1)
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        Kind::layer("softmax")
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(vec![Node::of_input("Softmax").int("axis", 1)])
    }
}

impl Plain for Softmax {
    const LAYER: Self = Self;
    const BATCH: &'static [usize] = &[4, 3];
}

/// Logarithms of the classes' probabilities, along axis 1: what the loss [`nll`](Var::nll) takes. See
/// [`ops::softmax::LogSoftmax`](crate::ops::softmax::LogSoftmax).
///
/// ```
/// use gradus::prelude::*;
/// let layer = LogSoftmax;
/// let x = Var::constant(Tensor::new(vec![1.0, 1.0], [1, 2])?);
/// let y = layer.forward(&x, &mut Ctx::eval())?;
/// assert_eq!(y.value().data(), [0.5f32.ln(); 2]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogSoftmax;

impl<T: Real> Module<T> for LogSoftmax {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.log_softmax(1)
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        Kind::layer("log-softmax")
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(vec![Node::of_input("LogSoftmax").int("axis", 1)])
    }
}

impl Plain for LogSoftmax {
    const LAYER: Self = Self;
    const BATCH: &'static [usize] = &[4, 3];
}
