//! Layer normalization (Ba, Kiros and Hinton 2016): each sample is shifted and scaled to mean 0 and variance 1 by
//! itself, over its last axes; then weight and bias are applied element by element.
//!
//! ```text
//! z = (x - μ)/√(σ² + ε),    y = w z + b
//! dw = Σ g z    db = Σ g    dz = w g    dx = (dz - mean(dz) - z mean(dz z))/√(σ² + ε)
//! ```
//!
//! μ and σ² belong to a row (a sample, or a place in it), w and b to an element of a row; dw and db sum over the rows,
//! the means run along one. No other sample comes in, so training and evaluation compute the same.
//!
//! The kernels are in [`gradus_kernels::layer_norm`].

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;
use gradus_kernels::norm::NormGradients;

/// Normalization over the axes that weight and bias have: the last ones of x.
///
/// ```
/// use gradus::prelude::*;
///
/// let x = Var::constant(Tensor::<f32>::new(vec![1.0, 3.0, 10.0, 30.0], [2, 2])?); // two samples of two numbers
/// let (ones, zeros) = (Var::constant(Tensor::full([2], 1.0)), Var::constant(Tensor::zeros([2])));
/// assert_eq!(x.layer_norm(&ones, &zeros, 0.0)?.value().data(), [-1.0, 1.0, -1.0, 1.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerNorm {
    /// What is added to the variance.
    pub eps: f64,
}

impl<T: Real> Op<T, 3> for LayerNorm {
    const NAME: &'static str = "layer_norm";
    /// The input, μ and 1/√(σ² + ε) of each row, and the weight.
    type Saved = [Tensor<T>; 3];

    fn shape(&self, [x, w, b]: [&[usize]; 3]) -> Result<Shape> {
        if w.is_empty() || !x.ends_with(w) || w.contains(&0) {
            let what = format!("of {x:?} expects a weight with the shape of its last axes; found {w:?}");
            return Err(Error::shape("layer_norm", what));
        }
        if w != b {
            return Err(Error::shape("layer_norm", format!("has a weight of {w:?}, but a bias of {b:?}")));
        }
        Ok(Shape::new(x))
    }

    fn forward(&self, [x, w, b]: [&Tensor<T>; 3], out: Shape) -> (Tensor<T>, Self::Saved) {
        let mut kept = Tensor::zeros([x.numel() / w.numel(), 2]);
        let y = Tensor::build(out, |y| {
            T::layer_norm_forward(x.data(), w.data(), b.data(), self.eps, y, kept.data_mut());
        });
        (y, [x.clone(), kept, w.clone()])
    }

    fn backward(&self, [x, kept, w]: &Self::Saved, g: &Tensor<T>, need: [bool; 3]) -> [Option<Tensor<T>>; 3] {
        let (mut dw, mut db) = (Tensor::zeros(w.shape_owned()), Tensor::zeros(w.shape_owned()));
        let mut gradients = |dx: Option<&mut [T]>| {
            let out = NormGradients { dx, dw: dw.data_mut(), db: db.data_mut() };
            T::layer_norm_backward(x.data(), kept.data(), w.data(), g.data(), out);
        };
        let dx = if need[0] {
            Some(Tensor::build(x.shape_owned(), |dx| gradients(Some(dx))))
        } else {
            gradients(None);
            None
        };
        [dx, Some(dw), Some(db)]
    }
}

/// Layer normalization.
impl<T: Real> Var<T> {
    /// See [`LayerNorm`]; weight and bias have the shape of the last axes.
    pub fn layer_norm(&self, weight: &Self, bias: &Self, eps: f64) -> Result<Self> {
        apply(LayerNorm { eps }, [self, weight, bias])
    }
}
