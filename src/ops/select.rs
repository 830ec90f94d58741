//! The choice between two tensors by a mask, element by element.

use super::arith::{expand, reduce_to};
use crate::autograd::{Op, Var, apply};
use crate::error::Result;
use crate::real::Real;
use crate::shape::{Shape, broadcast};
use crate::tensor::Tensor;
use gradus_kernels::math;

/// y = a where the mask is not 0, else b; all three are broadcast to one shape. The gradient goes to what was chosen.
///
/// The mask has no gradient. What was not chosen gets the gradient 0, which does not help where its own derivative is
/// infinite: 0 · ∞ is NaN. So √x of x ≥ 0 alone is `x.maximum(&zero)?.sqrt()`, rather than a choice of √x or 0.
#[derive(Clone, Debug)]
pub struct Where<T: Real> {
    /// 0 for b, anything else (NaN too) for a.
    pub mask: Tensor<T>,
}

impl<T: Real> Op<T, 2> for Where<T> {
    const NAME: &'static str = "where";
    type Saved = [Shape; 2];

    fn shape(&self, [a, b]: [&[usize]; 2]) -> Result<Shape> {
        broadcast("where", self.mask.shape(), &broadcast("where", a, b)?)
    }

    fn forward(&self, [a, b]: [&Tensor<T>; 2], out: Shape) -> (Tensor<T>, Self::Saved) {
        let [mask, a_out, b_out] = [&self.mask, a, b].map(|x| expand(x, out));
        let choose = |m, a, b| if m != T::ZERO { a } else { b };
        let y = Tensor::build(out, |y| math::zip3_map(mask.data(), a_out.data(), b_out.data(), y, choose));
        (y, [a.shape_owned(), b.shape_owned()])
    }

    fn backward(&self, [a, b]: &Self::Saved, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let mask = expand(&self.mask, g.shape_owned());
        let part = |chosen: bool| {
            let keep = |m: T, g| if (m != T::ZERO) == chosen { g } else { T::ZERO };
            Tensor::build(g.shape_owned(), |d| math::zip_map(mask.data(), g.data(), d, keep))
        };
        [need[0].then(|| reduce_to(&part(true), *a)), need[1].then(|| reduce_to(&part(false), *b))]
    }
}

/// The choice by a mask.
impl<T: Real> Var<T> {
    /// Chooses this variable's elements where `mask` is not 0, and those of `other` elsewhere; see [`Where`].
    ///
    /// ```
    /// use gradus::prelude::*;
    /// let x = Tensor::new(vec![-2.0, 3.0], [2])?;
    /// let positive = x.map(|x| if x > 0.0 { 1.0 } else { 0.0 });
    /// let y = Var::constant(x).where_(&positive, &Var::constant(Tensor::scalar(0.0)))?;
    /// assert_eq!(y.value().data(), [0.0, 3.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn where_(&self, mask: &Tensor<T>, other: &Self) -> Result<Self> {
        apply(Where { mask: mask.clone() }, [self, other])
    }
}
