//! Fully connected layers: one with a weight of its own, and the one that goes back through it with the same weight.

use super::settings::{Example, Range, Settings, WIDE, last, product, size};
use crate::autograd::{Param, Var};
use crate::error::{Error, Result};
use crate::nn::context::Ctx;
use crate::nn::init::Init;
use crate::nn::kind::{Kind, Reach, Work};
use crate::nn::link::Link;
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::rng::Rng;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Computes y = W x + b for each vector x along the last axis, from `[.., inputs]` to `[.., outputs]`: `[N, inputs]`, or
/// `[N, L, inputs]` for sequences. The gradients of all vectors add up. See [`ops::matmul::Linear`](crate::ops::matmul::Linear).
///
/// ```
/// use gradus::prelude::*;
/// let layer = Linear::new(3, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let x = Var::constant(Tensor::<f32>::zeros([5, 3]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [5, 2]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Linear<T: Real = f32> {
    /// `[outputs, inputs]`.
    pub weight: Param<T>,
    /// `[outputs]`.
    pub bias: Param<T>,
}

impl<T: Real> Linear<T> {
    /// A layer with weights drawn by `init`.
    pub fn new(inputs: usize, outputs: usize, init: Init, rng: &mut Rng) -> Self {
        let weight = Param::new(init.weight(&[outputs, inputs], rng));
        Self { weight, bias: Param::new(init.bias(outputs, inputs, rng)) }
    }

    /// A layer whose outputs are those of `layers` layers one after the other, each drawn as by [`new`](Self::new).
    pub(super) fn stacked(inputs: usize, outputs: usize, layers: usize, init: Init, rng: &mut Rng) -> Self {
        let each: Vec<Self> = (0..layers).map(|_| Self::new(inputs, outputs, init, rng)).collect();
        let all = |param: fn(&Self) -> &Param<T>| -> Vec<T> {
            each.iter().flat_map(|layer| param(layer).get().to_vec()).collect()
        };
        let param =
            |numbers: Vec<T>, shape: &[usize]| Param::new(Tensor::new(numbers, shape).expect("of equal layers"));
        let rows = layers * outputs;
        Self {
            weight: param(all(|layer| &layer.weight), &[rows, inputs]),
            bias: param(all(|layer| &layer.bias), &[rows]),
        }
    }
}

impl<T: Real> Module<T> for Linear<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let (weight, bias) = (cx.param(&self.weight), cx.param(&self.bias));
        each_vector(x, &weight, |rows| rows.linear(&weight, &bias))
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        walk.param("bias", &self.bias);
    }

    fn kind(&self) -> Kind {
        let inputs = self.weight.get().shape()[1];
        Kind::reaching("linear", Reach::Mixed).working(Work::PerOutput(inputs))
    }

    fn onnx(&self, read: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(match read {
            [_, _] => {
                let operands = [Operand::Input(0), Operand::Weight("weight"), Operand::Weight("bias")];
                vec![Node::new("Gemm", operands).int("transB", 1)]
            }
            // Of more axes, each vector along the last one.
            _ => vec![
                Node::new("MatMul", [Operand::Input(0), Operand::Transposed("weight")]),
                Node::new("Add", [Operand::Before, Operand::Weight("bias")]),
            ],
        })
    }

    fn link(&self) -> Link<'_, T> {
        Link::Linear { weight: &self.weight, bias: &self.bias }
    }
}

/// Applies `f`, which takes rows `[N, inputs]` to `[N, outputs]` by a weight `[outputs, inputs]`, to each vector of x along the
/// last axis.
pub(in crate::nn) fn each_vector<T: Real>(
    x: &Var<T>,
    weight: &Var<T>,
    f: impl FnOnce(&Var<T>) -> Result<Var<T>>,
) -> Result<Var<T>> {
    let (outputs, inputs) = (weight.shape()[0], weight.shape()[1]);
    let shape = x.value().shape_owned();
    match *shape {
        [_, _] => f(x),
        [.., last] if last == inputs => {
            // As many rows as there are vectors, also where there are none.
            let rows = shape[..shape.len() - 1].iter().product::<usize>();
            f(&x.reshape([rows, inputs])?)?.reshape(shape.with(shape.len() - 1, outputs))
        }
        _ => Err(Error::shape("linear", format!("expected [.., {inputs}]; found {shape:?}"))),
    }
}

/// The settings of a fully connected layer in a file; images are flattened before it, of tokens each goes through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LinearSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of outputs; 0 stands for as many as the loss expects: one for each class, or one for yes and no.
    pub units: usize,
    /// How the weights are drawn.
    #[serde(default)]
    pub init: Init,
}

impl<T: Real> Settings<T> for LinearSettings {
    fn ranges(&self) -> Vec<Range> {
        size("units", self.units, 0.0, WIDE)
    }

    fn sizes(&self, input: &[usize], outputs: usize) -> Result<(Vec<usize>, usize)> {
        let units = if self.units == 0 { outputs } else { self.units };
        let inputs = last("linear", input)?;
        let output = [&input[..input.len() - 1], &[units]].concat();
        Ok((output, product(&[inputs, units]).saturating_add(units)))
    }

    fn module(&self, input: &[usize], outputs: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let units = if self.units == 0 { outputs } else { self.units };
        Ok(Box::new(Linear::new(last("linear", input)?, units, self.init, rng)))
    }

    fn examples() -> Vec<Example> {
        let tokens = Example::new(json!({ "units": 4 }), &[2, 3, 5]);
        vec![Example::new(json!({ "units": 4 }), &[3, 5]), Example { about: "tokens", ..tokens }]
    }
}

/// Y = X W + b with the weight `[inputs, outputs]` of a [`Linear`] that goes the other way.
///
/// ```
/// use gradus::prelude::*;
/// let encoder = Linear::<f32>::new(8, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let decoder = TiedLinear::new(&encoder);
/// assert_eq!(decoder.weight.id(), encoder.weight.id()); // one parameter, trained once
/// let code = Var::constant(Tensor::zeros([3, 2]));
/// assert_eq!(decoder.forward(&code, &mut Ctx::eval())?.shape(), [3, 8]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct TiedLinear<T: Real = f32> {
    /// The other layer's weight, `[inputs, outputs]` of this one.
    pub weight: Param<T>,
    /// `[outputs]`.
    pub bias: Param<T>,
}

impl<T: Real> TiedLinear<T> {
    /// The way back through `linear`, with its weight. The bias is new, and zero.
    pub fn new(linear: &Linear<T>) -> Self {
        let outputs = linear.weight.get().shape()[1];
        Self { weight: linear.weight.clone(), bias: Param::new(Tensor::zeros([outputs])) }
    }
}

impl<T: Real> Module<T> for TiedLinear<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.matmul(&cx.param(&self.weight))?.add(&cx.param(&self.bias))
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        walk.param("bias", &self.bias);
    }

    fn kind(&self) -> Kind {
        let inputs = self.weight.get().shape()[0];
        Kind::reaching("tied linear", Reach::Mixed).working(Work::PerOutput(inputs))
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let operands = [Operand::Input(0), Operand::Transposed("weight"), Operand::Weight("bias")];
        Some(vec![Node::new("Gemm", operands).int("transB", 1)])
    }
}
