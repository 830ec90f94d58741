//! A learned token in front of the others, and what takes it out again.

use super::settings::{Example, Range, Settings, tokens};
use crate::autograd::{Op, Param, Var, apply};
use crate::error::{Error, Result};
use crate::nn::context::Ctx;
use crate::nn::kind::{Kind, Reach};
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::rng::Rng;
use crate::shape::Shape;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Puts one learned token in front of the tokens of each sample (Devlin et al. 2019): `[N, L, D]` to `[N, L + 1, D]`. The
/// layers after it gather in this token what the sample is; [`TokenPool`] takes it out again.
///
/// The gradient of the token is the sum over the samples.
///
/// ```
/// use gradus::prelude::*;
/// let layer = ClassToken::new(2, 0.02, &mut Rng::new(1, "init", 0));
/// layer.weight.set(Tensor::new(vec![7.0, 8.0], [1, 2])?);
/// let y = layer.forward(&Var::constant(Tensor::zeros([2, 1, 2])), &mut Ctx::eval())?;
/// assert_eq!(y.value().data(), [7.0, 8.0, 0.0, 0.0, 7.0, 8.0, 0.0, 0.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct ClassToken<T: Real = f32> {
    /// The token, `[1, D]`.
    pub weight: Param<T>,
}

impl<T: Real> ClassToken<T> {
    /// A token of `dim` numbers, drawn from N(0, std²).
    pub fn new(dim: usize, std: f64, rng: &mut Rng) -> Self {
        Self { weight: Param::new(normals(&[1, dim], std, rng)) }
    }
}

/// Draws a tensor from N(0, std²).
pub(super) fn normals<T: Real>(shape: &[usize], std: f64, rng: &mut Rng) -> Tensor<T> {
    Tensor::from_fn(shape, |_| T::from_f64(std * rng.normal()))
}

/// x `[N, L, D]` behind a token `[1, D]`.
struct Prepend;

impl<T: Real> Op<T, 2> for Prepend {
    const NAME: &'static str = "class_token";
    /// The shape of x.
    type Saved = Shape;

    fn shape(&self, [x, token]: [&[usize]; 2]) -> Result<Shape> {
        match (x, token) {
            (&[n, l, d], &[1, width]) if d == width => Ok(Shape::new(&[n, l + 1, d])),
            (_, width) => {
                let what = format!("expected tokens [N, L, D] with a token [1, D]; found {x:?} and {width:?}");
                Err(Error::shape("class_token", what))
            }
        }
    }

    fn forward(&self, [x, token]: [&Tensor<T>; 2], out: Shape) -> (Tensor<T>, Shape) {
        let (before, after) = (out[2], out[1] * out[2]);
        let y = Tensor::build(out, |y| {
            for (n, y) in y.chunks_exact_mut(after.max(1)).enumerate() {
                y[..before].copy_from_slice(token.data());
                y[before..].copy_from_slice(&x.data()[n * (after - before)..][..after - before]);
            }
        });
        (y, x.shape_owned())
    }

    fn backward(&self, x: &Shape, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let (n, d, sample) = (x[0], x[2], (x[1] + 1) * x[2]);
        let part = |from: usize, to: usize, shape: Shape| {
            Tensor::build(shape, |y| {
                for (y, g) in y.chunks_exact_mut((to - from).max(1)).zip(g.data().chunks_exact(sample.max(1))) {
                    y.copy_from_slice(&g[from..to]);
                }
            })
        };
        [
            need[0].then(|| part(d, sample, *x)),
            need[1].then(|| {
                let firsts = part(0, d, Shape::new(&[n, d]));
                Tensor::build([1, d], |sum| T::sum_axis(firsts.data(), 1, n, d, sum))
            }),
        ]
    }
}

impl<T: Real> Module<T> for ClassToken<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        apply(Prepend, [x, &cx.param(&self.weight)])
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
    }

    fn kind(&self) -> Kind {
        Kind::reaching("class token", Reach::Mixed)
    }

    fn onnx(&self, read: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        // A row of zeros in front of the tokens, upon which the token is added.
        let pads = Operand::Ints("pads", vec![0, 1, 0, 0, 0, 0]);
        let token = Operand::Above("weight", read[1]);
        Some(vec![Node::new("Pad", [Operand::Input(0), pads]), Node::new("Add", [Operand::Before, token])])
    }
}

/// The settings of a class token in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ClassTokenSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Standard deviation of its first values.
    #[serde(default = "small")]
    pub std: f64,
}

/// The deviation of Dosovitskiy et al.'s first values.
pub(super) fn small() -> f64 {
    0.02
}

impl<T: Real> Settings<T> for ClassTokenSettings {
    fn ranges(&self) -> Vec<Range> {
        vec![("std", self.std, 0.0, 100.0)]
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let [count, dim] = tokens("class_token", input)?;
        Ok((vec![count.saturating_add(1), dim], dim))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let [_, dim] = tokens("class_token", input)?;
        Ok(Box::new(ClassToken::new(dim, self.std, rng)))
    }

    fn examples() -> Vec<Example> {
        vec![Example::new(json!({}), &[3, 2, 4])]
    }
}

/// Which token stands for the sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The first token: that of a `class_token` layer.
    #[default]
    Class,
    /// The mean over all tokens.
    Mean,
}

/// Makes one vector of the tokens of a sample, `[N, L, D]` to `[N, D]`: the first token, or the mean of all.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::<f32>::new(vec![1.0, 2.0, 3.0, 6.0], [1, 2, 2])?);
/// let of = |pooling| TokenPool(pooling).forward(&x, &mut Ctx::eval()).map(Var::into_value);
/// assert_eq!(of(Pooling::Class)?.data(), [1.0, 2.0]);
/// assert_eq!(of(Pooling::Mean)?.data(), [2.0, 4.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenPool(pub Pooling);

impl<T: Real> Module<T> for TokenPool {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let [_, count, dim] = *x.shape() else {
            return Err(Error::shape("token_pool", format!("expected tokens [N, L, D]; found {:?}", x.shape())));
        };
        if count == 0 {
            return Err(Error::shape("token_pool", format!("expected at least one token; found {:?}", x.shape())));
        }
        match self.0 {
            Pooling::Class => x.slice(1, 0..1)?.unflatten(&[dim]),
            Pooling::Mean => x.mean_axes(&[1], false),
        }
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        let words = match self.0 {
            Pooling::Class => "first token",
            Pooling::Mean => "mean of tokens",
        };
        Kind::reaching(words, Reach::Mixed)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(match self.0 {
            Pooling::Class => vec![
                Node::new("Gather", [Operand::Input(0), Operand::Ints("first", vec![0])]).int("axis", 1),
                Node::new("Flatten", [Operand::Before]).int("axis", 1),
            ],
            Pooling::Mean => {
                let axes = Operand::Ints("axes", vec![1]);
                vec![Node::new("ReduceMean", [Operand::Input(0), axes]).int("keepdims", 0).since(18)]
            }
        })
    }
}

/// The settings of one vector of all tokens in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenPoolSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `class`: the first token; `mean`: the mean over all.
    #[serde(default)]
    pub pooling: Pooling,
}

impl<T: Real> Settings<T> for TokenPoolSettings {
    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let [_, dim] = tokens("token_pool", input)?;
        Ok((vec![dim], 0))
    }

    fn module(&self, input: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        tokens("token_pool", input)?;
        Ok(Box::new(TokenPool(self.pooling)))
    }

    fn examples() -> Vec<Example> {
        let mean = Example::new(json!({ "pooling": "mean" }), &[2, 3, 4]);
        vec![Example::new(json!({}), &[2, 3, 4]), Example { about: "the mean", ..mean }]
    }
}
