//! Standardization by numbers that are given: nothing is learned.

use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::buffer::Buffer;
use crate::nn::context::Ctx;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::tensor::Tensor;

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
        Kind::layer("standardize")
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(vec![
            Node::new("Sub", [Operand::Input(0), Operand::Weight("mean")]),
            Node::new("Div", [Operand::Before, Operand::Weight("std")]),
        ])
    }
}
