//! GELU by a hyperbolic tangent: close to the exact form, and what many trained transformers have.

use super::activation::ActivationFunction;
use crate::autograd::{Var, apply};
use crate::error::Result;
use crate::nn::link::Link;
use crate::nn::onnx::Node;
use crate::ops::scalar::Elementwise;
use crate::real::Real;

/// y = x (1 + tanh u)/2 with u = √(2/π) (x + 0.044715 x³) (Hendrycks and Gimpel 2016);
/// dy/dx = (1 + tanh u)/2 + x (1 - tanh² u) u'/2. It differs from x Φ(x), [`Gelu`](crate::ops::scalar::Gelu), by less than
/// 5e-4. Computed as x σ(2u), which is the same and keeps its digits where y is small. NaN at -∞, as in PyTorch.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::<f64>::new(vec![-2.0, 0.0, 2.0], [3])?);
/// let (by_tanh, exact) = (x.gelu_tanh()?, x.gelu()?);
/// assert!((&by_tanh - &exact).value().data().iter().all(|difference| difference.abs() < 5e-4));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeluTanh;

/// 2 √(2/π).
const TWO_ROOTS: f64 = 1.595_769_121_605_730_7;
const CUBIC: f64 = 0.044_715;

impl Elementwise for GeluTanh {
    const NAME: &'static str = "gelu_tanh";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x * twice(x).sigmoid()
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        let (u, rise) = (twice(x), T::from_f64(TWO_ROOTS) + T::from_f64(3.0 * CUBIC * TWO_ROOTS) * x * x);
        u.sigmoid() * (T::ONE + x * rise * (-u).sigmoid())
    }
}

/// Returns 2u.
#[inline(always)]
fn twice<T: Real>(x: T) -> T {
    T::from_f64(TWO_ROOTS) * (x + T::from_f64(CUBIC) * x * x * x)
}

impl ActivationFunction for GeluTanh {
    const USUAL: Self = Self;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Gelu").word("approximate", "tanh").since(20)]
    }

    fn link<'a, T: Real>(&self) -> Link<'a, T> {
        Link::AfterLinear(|x, weight, bias| x.linear_act(weight, bias, GeluTanh))
    }
}

impl<T: Real> Var<T> {
    /// See [`GeluTanh`].
    pub fn gelu_tanh(&self) -> Result<Self> {
        apply(GeluTanh, [self])
    }
}
