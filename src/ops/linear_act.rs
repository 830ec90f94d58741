//! A fully connected layer and the activation function after it as one op: what the network of a token begins with.
//!
//! Forward the bits are those of the two ops: the bias is added where the product is written. Backward the gradient through the
//! function and that of the bias come from one pass, so only the order of the bias's sums is another one.

use super::matmul::{mat, product};
use super::scalar::{Elementwise, Value};
use crate::autograd::{Op, Var, apply};
use crate::error::Result;
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;
use gradus_kernels::{math, rows};

/// Y = f(X Wᵀ + b) for a smooth elementwise f: X is `[N, K]`, W `[O, K]`, b `[O]` and Y `[N, O]`. With H = X Wᵀ + b and
/// D = G f'(H), dX = D W, dW = Dᵀ X, db = 1ᵀ D.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::new(vec![1.0, 2.0], [1, 2])?);
/// let w = Var::constant(Tensor::new(vec![3.0, -1.0], [1, 2])?);
/// let b = Var::constant(Tensor::new(vec![0.5], [1])?);
/// assert_eq!(x.linear_act(&w, &b, ops::scalar::Gelu)?.value(), x.linear(&w, &b)?.gelu()?.value());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LinearAct<F>(pub F);

/// G f'(H), element by element.
struct Through<F>(F);

impl<T: Real, F: Elementwise> math::Pointwise<T, 2> for Through<F> {
    #[inline(always)]
    fn at(&self, [h, g]: [T; 2]) -> T {
        g * self.0.df(h, self.0.f(h))
    }
}

impl<T: Real, F: Elementwise> Op<T, 3> for LinearAct<F> {
    const NAME: &'static str = "linear_act";
    /// X, W and H.
    type Saved = [Tensor<T>; 3];

    fn shape(&self, x: [&[usize]; 3]) -> Result<Shape> {
        Ok(Dims::unify("linear", &["N K", "O K", "O"], &x)?.shape("N O"))
    }

    fn forward(&self, [x, w, b]: [&Tensor<T>; 3], out: Shape) -> (Tensor<T>, Self::Saved) {
        let h = Tensor::build(out, |h| T::linear(mat(x), mat(w), b.data(), h));
        let y = Tensor::build(out, |y| math::apply([h.data()], y, &Value(self.0)));
        (y, [x.clone(), w.clone(), h])
    }

    fn backward(&self, [x, w, h]: &Self::Saved, g: &Tensor<T>, need: [bool; 3]) -> [Option<Tensor<T>>; 3] {
        let mut db = Tensor::zeros([w.shape()[0]]);
        let d = Tensor::build(h.shape_owned(), |d| {
            rows::apply_and_sum([h.data(), g.data()], d, db.data_mut(), &Through(self.0));
        });
        [need[0].then(|| product(mat(&d), mat(w))), need[1].then(|| product(mat(&d).t(), mat(x))), Some(db)]
    }
}

/// A fully connected layer with its activation function.
impl<T: Real> Var<T> {
    /// See [`LinearAct`].
    pub fn linear_act(&self, weight: &Self, bias: &Self, f: impl Elementwise) -> Result<Self> {
        apply(LinearAct(f), [self, weight, bias])
    }
}
