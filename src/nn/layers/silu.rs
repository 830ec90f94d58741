//! SiLU, also called swish: a smooth ReLU that dips below 0 before it goes to 0.

use super::activation::ActivationFunction;
use crate::autograd::{Var, apply};
use crate::error::Result;
use crate::nn::onnx::{Node, Operand};
use crate::ops::scalar::Elementwise;
use crate::real::Real;

/// y = x σ(x) with σ(x) = 1/(1 + e⁻ˣ) (Elfwing, Uchibe and Doya 2018); dy/dx = σ(x) (1 + x σ(-x)). NaN at -∞, as in
/// PyTorch, where it is 0 times infinity.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::<f64>::new(vec![-3.0, 0.0, 3.0], [3])?);
/// let y = x.silu()?.into_value();
/// assert_eq!(y.data()[1], 0.0);
/// assert!((y.data()[2] - y.data()[0] - 3.0).abs() < 1e-12); // x (σ(x) + σ(-x)) = x
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Silu;

impl Elementwise for Silu {
    const NAME: &'static str = "silu";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x * x.sigmoid()
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        x.sigmoid() * (T::ONE + x * (-x).sigmoid())
    }
}

impl ActivationFunction for Silu {
    const USUAL: Self = Self;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Sigmoid"), Node::new("Mul", [Operand::Input(0), Operand::Before])]
    }
}

impl<T: Real> Var<T> {
    /// See [`Silu`].
    pub fn silu(&self) -> Result<Self> {
        apply(Silu, [self])
    }
}
