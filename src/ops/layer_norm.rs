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
//! It is batch normalization twice: first with the rows for channels, then, with the mean 0 and the variance 1 given,
//! with the elements for channels. So it takes the kernels of [`norm`](super::norm).

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;
use gradus_kernels::norm::{Channels, NormGradients, Scales};

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

/// Rows as channels, and elements of a row as channels.
fn views(x: &[usize], w: &[usize]) -> [Channels; 2] {
    let (rows, row) = (x[..x.len() - w.len()].iter().product(), w.iter().product());
    [Channels { n: 1, c: rows, places: row }, Channels { n: rows, c: row, places: 1 }]
}

/// Returns the coefficients of the identity: shifts of 0 and scales of 1.
fn zeros_and_ones<T: Real>(count: usize) -> (Tensor<T>, Tensor<T>) {
    (Tensor::full([count], T::ZERO), Tensor::full([count], T::ONE))
}

impl<T: Real> Op<T, 3> for LayerNorm {
    const NAME: &'static str = "layer_norm";
    /// z, 1/√(σ² + ε) of each row, and the weight.
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
        let [rows, elements] = views(x.shape(), w.shape());
        let mut variance = Tensor::zeros([rows.c]);
        let mean = Tensor::build([rows.c], |mean| T::moments(&rows, x.data(), mean, variance.data_mut()));
        let eps = T::from_f64(self.eps);
        let inverse = variance.map(|v| T::ONE / (v + eps).sqrt());
        let (zeros, ones) = zeros_and_ones::<T>(rows.c);
        let own = Scales { mean: mean.data(), inverse: inverse.data(), weight: ones.data() };
        let z = Tensor::build(out, |z| T::batch_norm_forward(&rows, x.data(), &own, zeros.data(), false, z));
        let (zeros, ones) = zeros_and_ones::<T>(elements.c);
        let given = Scales { mean: zeros.data(), inverse: ones.data(), weight: w.data() };
        let y = Tensor::build(out, |y| T::batch_norm_forward(&elements, z.data(), &given, b.data(), false, y));
        (y, [z, inverse, w.clone()])
    }

    fn backward(&self, [z, inverse, w]: &Self::Saved, g: &Tensor<T>, need: [bool; 3]) -> [Option<Tensor<T>>; 3] {
        let [rows, elements] = views(z.shape(), w.shape());
        let (mut dw, mut db) = (Tensor::zeros(w.shape_owned()), Tensor::zeros(w.shape_owned()));
        let (zeros, ones) = zeros_and_ones::<T>(elements.c);
        let given = Scales { mean: zeros.data(), inverse: ones.data(), weight: w.data() };
        let mut through_weights = |dz: Option<&mut [T]>| {
            let out = NormGradients { dx: dz, dw: dw.data_mut(), db: db.data_mut() };
            T::batch_norm_backward(&elements, z.data(), g.data(), &given, false, None, out);
        };
        let dx = need[0].then(|| {
            let dz = Tensor::build(z.shape_owned(), |dz| through_weights(Some(dz)));
            let (zeros, ones) = zeros_and_ones::<T>(rows.c);
            let own = Scales { mean: zeros.data(), inverse: ones.data(), weight: inverse.data() };
            let (mut scales, mut shifts) = (Tensor::zeros([rows.c]), Tensor::zeros([rows.c]));
            Tensor::build(z.shape_owned(), |dx| {
                let out = NormGradients { dx: Some(dx), dw: scales.data_mut(), db: shifts.data_mut() };
                T::batch_norm_backward(&rows, z.data(), dz.data(), &own, true, None, out);
            })
        });
        if dx.is_none() {
            through_weights(None);
        }
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
