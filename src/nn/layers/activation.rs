//! Activation functions as layers: each is an elementwise op, what it is in ONNX, and whether it has a kink.
//!
//! The ops of those below are in [`ops::scalar`](crate::ops::scalar). A new one is a file beside this one, which holds its
//! op too.

use super::settings::Plain;
use crate::autograd::{Var, apply};
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::kind::Kind;
use crate::nn::link::Link;
use crate::nn::module::Module;
use crate::nn::onnx::Node;
use crate::nn::walk::Walk;
use crate::ops::scalar::{Elementwise, Elu, Exp, Gelu, LeakyRelu, Relu, Sigmoid, Softplus, Tanh};
use crate::real::Real;
use std::fmt::Debug;

/// An elementwise op that serves as a layer.
pub trait ActivationFunction: Elementwise + Debug + PartialEq {
    /// The function, with PyTorch's defaults for what its formula leaves open.
    const USUAL: Self;
    /// Whether its derivative jumps somewhere.
    const KINK: bool = false;

    /// Returns the ONNX operators that compute it.
    fn onnx(&self) -> Vec<Node>;

    /// Returns what it is to the engine when it looks for modules that it can compute in one go.
    fn link<'a, T: Real>(&self) -> Link<'a, T> {
        Link::Other
    }
}

/// Applies an elementwise function: the module of each [`Activation`](super::Activation), and of functions that have no
/// name there.
///
/// ```
/// use gradus::{autograd::Var, nn::{Ctx, Module, Pointwise}, ops::scalar, tensor::Tensor};
/// let steep = Pointwise(scalar::LeakyRelu { slope: 0.5 });
/// let x = Var::constant(Tensor::new(vec![-1.0, 2.0], [1, 2])?);
/// assert_eq!(steep.forward(&x, &mut Ctx::eval())?.value().data(), [-0.5, 2.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pointwise<F>(pub F);

impl<T: Real, F: ActivationFunction> Module<T> for Pointwise<F> {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        apply(self.0, [x])
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        Kind::layer(<F as Elementwise>::NAME)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(self.0.onnx())
    }

    fn link(&self) -> Link<'_, T> {
        self.0.link()
    }
}

impl<F: ActivationFunction> Plain for Pointwise<F> {
    const LAYER: Self = Self(F::USUAL);
    const KINKS: bool = F::KINK;
}

impl ActivationFunction for Relu {
    const USUAL: Self = Self;
    const KINK: bool = true;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Relu")]
    }

    fn link<'a, T: Real>(&self) -> Link<'a, T> {
        Link::Relu
    }
}

impl ActivationFunction for LeakyRelu {
    const USUAL: Self = Self { slope: 0.01 };
    const KINK: bool = true;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("LeakyRelu").real("alpha", self.slope)]
    }
}

impl ActivationFunction for Tanh {
    const USUAL: Self = Self;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Tanh")]
    }
}

impl ActivationFunction for Sigmoid {
    const USUAL: Self = Self;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Sigmoid")]
    }
}

impl ActivationFunction for Gelu {
    const USUAL: Self = Self;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Gelu").since(20)]
    }

    fn link<'a, T: Real>(&self) -> Link<'a, T> {
        Link::AfterLinear(|x, weight, bias| x.linear_act(weight, bias, Gelu))
    }
}

impl ActivationFunction for Elu {
    const USUAL: Self = Self { alpha: 1.0 };
    const KINK: bool = true;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Elu").real("alpha", self.alpha)]
    }
}

impl ActivationFunction for Softplus {
    const USUAL: Self = Self;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Softplus")]
    }
}

/// Not a layer of experiment files: it makes probabilities of their logarithms.
impl ActivationFunction for Exp {
    const USUAL: Self = Self;

    fn onnx(&self) -> Vec<Node> {
        vec![Node::of_input("Exp")]
    }
}
