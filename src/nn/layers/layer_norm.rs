//! Layer normalization: each sample by itself, in training and in evaluation alike.

use super::settings::{Example, Range, Settings, product, size};
use super::sizes::norm_eps;
use crate::autograd::{Param, Var};
use crate::error::{Error, Result};
use crate::nn::context::Ctx;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::rng::Rng;
use crate::shape::MAX_RANK;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::json;

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
        Kind::layer("layer-norm")
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let operands = [Operand::Input(0), Operand::Weight("weight"), Operand::Weight("bias")];
        let node = Node::new("LayerNormalization", operands).int("axis", -(self.weight.get().rank() as i64));
        Some(vec![node.real("epsilon", self.eps)])
    }
}

/// The settings of layer normalization in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LayerNormSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many of the last axes are normalized together; 0 stands for the last alone of tokens [L, D], and for all of other samples.
    #[serde(default)]
    pub axes: usize,
    /// Added to the variance.
    #[serde(default = "norm_eps")]
    pub eps: f64,
}

impl LayerNormSettings {
    /// How many axes of such a sample are normalized together.
    fn axes_of(&self, input: &[usize]) -> usize {
        match (self.axes, input) {
            (0, [_, _]) => 1,
            (0, _) => input.len(),
            (axes, _) => axes,
        }
    }
}

impl<T: Real> Settings<T> for LayerNormSettings {
    fn ranges(&self) -> Vec<Range> {
        [size("axes", self.axes, 0.0, MAX_RANK as f64), vec![("eps", self.eps, 1e-12, 1.0)]].concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let axes = self.axes_of(input).min(input.len());
        Ok((input.to_vec(), product(&[2, product(&input[input.len() - axes..])])))
    }

    fn module(&self, input: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let axes = self.axes_of(input);
        let first = input.len().checked_sub(axes).ok_or_else(|| {
            Error::shape("layer_norm", format!("normalizes {axes} axes, but a sample has {}", input.len()))
        })?;
        Ok(Box::new(LayerNorm { eps: self.eps, ..LayerNorm::new(&input[first..]) }))
    }

    fn examples() -> Vec<Example> {
        let example = |about, batch| Example { about, ..Example::new(json!({}), batch) };
        vec![example("features", &[4, 5]), example("tokens", &[2, 3, 4]), example("images", &[3, 2, 3, 2])]
    }
}
