//! Where a token is: a vector for each place, added to the token there.

use super::class_token::{normals, small};
use super::settings::{Example, Range, Settings, product, tokens};
use crate::autograd::{Param, Var};
use crate::error::{Error, Result};
use crate::nn::buffer::Buffer;
use crate::nn::context::Ctx;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::rng::Rng;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Adds to each token a vector that says where it is, `[N, L, D]` to the same: attention alone would give the same outputs
/// for the tokens in any order.
///
/// The vectors are parameters (Dosovitskiy et al. 2021), or fixed waves whose wavelengths rise from 2π to 10,000 · 2π
/// (Vaswani et al. 2017), for place t and i below D/2, rounded up and down:
///
/// ```text
/// p[t, 2 i] = sin(t / 10000^(2 i/D))      p[t, 2 i + 1] = cos(t / 10000^(2 i/D))
/// ```
///
/// ```
/// use gradus::prelude::*;
/// let layer = Position::sinusoidal(3, 4);
/// let y = layer.forward(&Var::constant(Tensor::<f64>::zeros([1, 3, 4])), &mut Ctx::eval())?;
/// assert_eq!(y.value().data()[..4], [0.0, 1.0, 0.0, 1.0]);
/// assert!((y.value().at(&[0, 2, 0]) - 2f64.sin()).abs() < 1e-12);
/// assert!((y.value().at(&[0, 2, 3]) - 0.02f64.cos()).abs() < 1e-12);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub enum Position<T: Real = f32> {
    /// Vectors that are learned, `[L, D]`.
    Learned(Param<T>),
    /// Vectors that are fixed, `[L, D]`.
    Sinusoidal(Buffer<T>),
}

impl<T: Real> Position<T> {
    /// Learned vectors, drawn from N(0, std²).
    pub fn learned(tokens: usize, dim: usize, std: f64, rng: &mut Rng) -> Self {
        Position::Learned(Param::new(normals(&[tokens, dim], std, rng)))
    }

    /// Fixed vectors.
    pub fn sinusoidal(tokens: usize, dim: usize) -> Self {
        let wave = |at: usize| {
            let (t, c) = (at / dim, at % dim);
            let angle = t as f64 / libm::pow(10_000.0, (c - c % 2) as f64 / dim as f64);
            T::from_f64(if c % 2 == 0 { libm::sin(angle) } else { libm::cos(angle) })
        };
        Position::Sinusoidal(Buffer::new(Tensor::from_fn([tokens, dim], wave)))
    }
}

impl<T: Real> Module<T> for Position<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let vectors = match self {
            Position::Learned(weight) => cx.param(weight),
            Position::Sinusoidal(waves) => Var::constant(cx.buffer(waves)),
        };
        if x.shape().len() != 3 || x.shape()[1..] != *vectors.shape() {
            let [count, dim] = [0, 1].map(|axis| vectors.shape()[axis]);
            return Err(Error::shape("position", format!("expected [N, {count}, {dim}]; found {:?}", x.shape())));
        }
        x.add(&vectors)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        match self {
            Position::Learned(weight) => walk.param("weight", weight),
            Position::Sinusoidal(waves) => walk.buffer("waves", waves),
        }
    }

    fn kind(&self) -> Kind {
        Kind::layer(match self {
            Position::Learned(_) => "position",
            Position::Sinusoidal(_) => "position, waves",
        })
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let name = match self {
            Position::Learned(_) => "weight",
            Position::Sinusoidal(_) => "waves",
        };
        Some(vec![Node::new("Add", [Operand::Input(0), Operand::Weight(name)])])
    }
}

/// How places become vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PositionKind {
    /// They are learned.
    #[default]
    Learned,
    /// They are fixed waves.
    Sinusoidal,
}

/// The settings of positions in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PositionSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `learned`, or `sinusoidal`: fixed waves.
    #[serde(default)]
    pub kind: PositionKind,
    /// Standard deviation of the first values of learned vectors.
    #[serde(default = "small")]
    pub std: f64,
}

impl<T: Real> Settings<T> for PositionSettings {
    fn ranges(&self) -> Vec<Range> {
        vec![("std", self.std, 0.0, 100.0)]
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let sizes = tokens("position", input)?;
        Ok((input.to_vec(), if self.kind == PositionKind::Learned { product(&sizes) } else { 0 }))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let [count, dim] = tokens("position", input)?;
        Ok(Box::new(match self.kind {
            PositionKind::Learned => Position::learned(count, dim, self.std, rng),
            PositionKind::Sinusoidal => Position::sinusoidal(count, dim),
        }))
    }

    fn examples() -> Vec<Example> {
        let waves = Example::new(json!({ "kind": "sinusoidal" }), &[2, 3, 5]);
        vec![Example::new(json!({}), &[2, 3, 4]), Example { about: "waves", ..waves }]
    }
}
