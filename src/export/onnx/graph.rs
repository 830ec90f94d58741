//! From a trained network to a graph of operators, with nothing beside it that describes it: one pass over samples tells
//! which layers ran, of which [`Kind`], on which shapes, and whose outputs each of them read.
//!
//! A module that is made of others must hand on what one of them gave: what it computes itself between them, no operator
//! stands for, and it is refused by name. Layers whose output does not reach the network's are left out, such as the
//! variance of a code, whose mean goes on.

use super::attribute::Slide;
use super::operator::{Function, Operator, Weight};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::{Captured, Ctx, Join, Kind, Module, Source, Walk, buffers};
use crate::ops::{Conv2d, ConvTranspose2d, Padding, Window};
use crate::tensor::Tensor;
use std::collections::{BTreeMap, BTreeSet};

/// The names of a graph's input and output.
pub(super) const INPUT: &str = "input";
pub(super) const OUTPUT: &str = "output";

/// A value of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The graph's input.
    Input,
    /// What this step gives.
    Step(usize),
}

impl Value {
    /// The step that gives it.
    pub(super) fn step(self) -> Option<usize> {
        match self {
            Value::Input => None,
            Value::Step(at) => Some(at),
        }
    }
}

/// An operator with the values that it takes, which the graph's input or earlier steps give, and the name of its node, which
/// is also the name of the value that it gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// The name.
    pub(super) name: String,
    /// The operator.
    pub(super) operator: Operator,
    /// What it takes beside its weights.
    pub(super) inputs: Vec<Value>,
}

/// What the network itself had at a value.
pub(super) struct Witness {
    /// The value.
    pub(super) value: Value,
    /// The layer's path.
    pub(super) path: String,
    /// The layer's output for the samples.
    pub(super) output: Tensor,
}

/// A network as a graph, its steps in an order in which they can run.
pub(super) struct Graph {
    /// The operators.
    pub(super) steps: Vec<Step>,
    /// The graph's output.
    pub(super) gives: Value,
    /// The network's own values on the way.
    pub(super) witnesses: Vec<Witness>,
    /// The network's output for the samples.
    pub(super) output: Tensor,
}

/// Reads the graph off one pass over `samples`.
pub(super) fn read_off(model: &dyn Module, samples: &Tensor) -> Result<Graph> {
    let mut cx = Ctx::eval().capture(&|_| true);
    // Called like a child, the network is captured too: as the last one, under an empty path.
    let output = cx.call("", model, &Var::constant(samples.clone()))?.value().clone();

    let weights = Weights::of(model);
    let mut graph = Graph { steps: Vec::new(), gives: Value::Input, witnesses: Vec::new(), output };
    // The value that stands for each captured module's output.
    let mut values: Vec<Value> = Vec::new();
    for layer in cx.captured() {
        let value = |from: Source, unknown: &str| match from {
            Source::Input => Ok(Value::Input),
            Source::Module(at) => Ok(values[at]),
            Source::Unknown => Err(refused(&layer.path, unknown)),
        };
        let given = if layer.kind.has_parts() {
            value(layer.origin, "computes something itself with what its layers give")?
        } else {
            let read = layer.inputs.iter().map(|read| value(read.from, "takes a value that no layer gives"));
            graph.append(&layer, read.collect::<Result<_>>()?, &weights)?
        };
        graph.witnesses.push(Witness { value: given, path: layer.path, output: layer.output });
        values.push(given);
        graph.gives = given;
    }
    graph.prune();
    if graph.gives == Value::Input {
        let operator = Function::Identity.into();
        graph.gives = graph.add_step("identity".into(), operator, vec![Value::Input]);
    }
    let mut names = Names(weights.names());
    graph.steps.iter_mut().for_each(|step| step.name = names.fresh(std::mem::take(&mut step.name)));
    Ok(graph)
}

impl Graph {
    /// Appends the steps that compute a layer from these values. Returns the value that they give.
    fn append(&mut self, layer: &Captured<f32>, read: Vec<Value>, weights: &Weights) -> Result<Value> {
        let (operators, rest): (Vec<Operator>, &[Value]) = match layer.kind {
            // A sum of n values is n - 1 sums of two.
            Kind::Join(Join::Sum) => (vec![Operator::Add(None); read.len() - 1], &read[1..]),
            Kind::Join(Join::Concat) => (vec![Operator::Concat], &read[1..]),
            _ => (operators(layer, weights)?, &[]),
        };
        let (count, mut now) = (operators.len(), read[0]);
        for (i, operator) in operators.into_iter().enumerate() {
            let name = match (layer.path.as_str(), i + 1 < count) {
                ("", _) => operator.name().to_lowercase(),
                (path, true) => format!("{path}.{}", operator.name().to_lowercase()),
                (path, false) => path.to_owned(),
            };
            let others = if operator == Operator::Concat { rest } else { rest.get(i..=i).unwrap_or_default() };
            now = self.add_step(name, operator, [&[now], others].concat());
        }
        Ok(now)
    }

    fn add_step(&mut self, name: String, operator: Operator, inputs: Vec<Value>) -> Value {
        self.steps.push(Step { name, operator, inputs });
        Value::Step(self.steps.len() - 1)
    }

    /// Leaves out the steps that the output does not depend on.
    fn prune(&mut self) {
        let mut needed = vec![false; self.steps.len()];
        let need = |value: &Value, needed: &mut Vec<bool>| {
            if let Value::Step(at) = *value {
                needed[at] = true;
            }
        };
        need(&self.gives, &mut needed);
        for (at, step) in self.steps.iter().enumerate().rev() {
            if needed[at] {
                step.inputs.iter().for_each(|value| need(value, &mut needed));
            }
        }
        let kept = |at: usize| needed[..at].iter().filter(|needed| **needed).count();
        let renumber = |value: &mut Value| {
            if let Value::Step(at) = value {
                *at = kept(*at);
            }
        };
        self.witnesses.retain(|witness| !matches!(witness.value, Value::Step(at) if !needed[at]));
        self.witnesses.iter_mut().for_each(|witness| renumber(&mut witness.value));
        renumber(&mut self.gives);
        let mut keep = needed.iter();
        self.steps.retain(|_| *keep.next().expect("one for each step"));
        self.steps.iter_mut().flat_map(|step| &mut step.inputs).for_each(renumber);
    }
}

/// An error that says which layer no operator stands for.
pub(super) fn refused(path: &str, why: &str) -> Error {
    let who = if path.is_empty() { "the network".into() } else { format!("layer {path}") };
    Error::invalid(format!(
        "{who} {why}: only a network whose values all come from layers with an ONNX operator can be written as ONNX; its \
         weights can be written as npz or safetensors"
    ))
}

/// The operators that compute a layer.
fn operators(layer: &Captured<f32>, weights: &Weights) -> Result<Vec<Operator>> {
    let (path, read) = (layer.path.as_str(), layer.inputs[0].shape);
    let weight = |name: &str| {
        weights.get(path, name).ok_or_else(|| Error::invalid(format!("layer {path} has nothing called {name}")))
    };
    let turned = |name: &str| {
        let (name, weight) = weight(name)?;
        Ok::<_, Error>((format!("{name}.transposed"), Var::constant(weight).permute(&[1, 0])?.into_value()))
    };
    let unknown = |name| refused(path, &format!("is a {name}, for which this crate knows no ONNX operator"));
    Ok(vec![match layer.kind {
        Kind::Container | Kind::GaussianLatent | Kind::Join(_) => unreachable!("has no operator of its own"),
        // Of matrices; of more axes, each vector along the last one.
        Kind::Linear if read.len() == 2 => {
            Operator::Gemm { weight: weight("weight")?, bias: weights.get(path, "bias") }
        }
        Kind::Linear => return Ok(vec![Operator::MatMul(turned("weight")?), Operator::Add(Some(weight("bias")?))]),
        Kind::TiedLinear => Operator::Gemm { weight: turned("weight")?, bias: weights.get(path, "bias") },
        Kind::ConvTranspose2d { kernel, settings } => {
            let ConvTranspose2d { stride, padding: [top, left], output_padding, dilation, groups } = settings;
            Operator::ConvTranspose {
                weight: weight("weight")?,
                bias: weights.get(path, "bias"),
                slide: Slide { kernel, stride, pads: [top, left, top, left] },
                more: output_padding,
                dilation,
                group: groups,
            }
        }
        Kind::LayerNorm { axes, eps } => {
            Operator::LayerNormalization { scale: weight("weight")?, shift: weight("bias")?, axes, epsilon: eps as f32 }
        }
        Kind::Standardize => return Ok(vec![Operator::Sub(weight("mean")?), Operator::Div(weight("std")?)]),
        Kind::Upsample(upsample) => Operator::Resize(upsample),
        Kind::Conv2d { kernel, settings: Conv2d { stride, padding, dilation, groups } } => {
            let pads = |axis: usize| match padding {
                Padding::Valid => [0, 0],
                Padding::Fixed(pad) => [pad[axis], pad[axis]],
                Padding::Same => {
                    let reach = dilation[axis] * (kernel[axis] - 1) + 1;
                    let covered = (layer.output.shape()[2 + axis] - 1) * stride[axis] + reach;
                    let zeros = covered.saturating_sub(read[2 + axis]);
                    [zeros / 2, zeros - zeros / 2]
                }
            };
            let ([top, bottom], [left, right]) = (pads(0), pads(1));
            let slide = Slide { kernel, stride, pads: [top, left, bottom, right] };
            Operator::Conv {
                weight: weight("weight")?,
                bias: weights.get(path, "bias"),
                slide,
                dilation,
                group: groups,
            }
        }
        Kind::BatchNorm { eps } => {
            let [scale, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(weight);
            Operator::BatchNormalization { weights: [scale?, shift?, mean?, variance?], epsilon: eps as f32 }
        }
        Kind::MaxPool(window) => Operator::MaxPool(window.into()),
        Kind::AvgPool(window) => Operator::AveragePool(window.into()),
        Kind::Flatten => Operator::Flatten,
        Kind::Dropout(_) | Kind::GaussianNoise(_) => return Ok(Vec::new()),
        Kind::GlobalAvgPool => return Ok(vec![Operator::GlobalAveragePool, Operator::Flatten]),
        Kind::Unflatten(sizes) => Operator::Reshape(sizes.to_vec()),
        Kind::Softmax { log: false } => Operator::Softmax,
        Kind::Softmax { log: true } => Operator::LogSoftmax,
        Kind::Activation { name, alpha } => match (name, alpha) {
            ("leaky_relu", Some(alpha)) => Operator::LeakyRelu { alpha: alpha as f32 },
            ("elu", Some(alpha)) => Operator::Elu { alpha: alpha as f32 },
            ("relu", None) => Function::Relu.into(),
            ("tanh", None) => Function::Tanh.into(),
            ("sigmoid", None) => Function::Sigmoid.into(),
            ("softplus", None) => Function::Softplus.into(),
            ("gelu", None) => Function::Gelu.into(),
            ("exp", None) => Function::Exp.into(),
            _ => return Err(unknown(name)),
        },
        Kind::Other(name) => return Err(unknown(name)),
    }])
}

impl From<Function> for Operator {
    fn from(function: Function) -> Self {
        Operator::Function(function)
    }
}

impl From<Window> for Slide {
    fn from(window: Window) -> Self {
        let [vertical, horizontal] = window.padding;
        Slide { kernel: window.kernel, stride: window.stride, pads: [vertical, horizontal, vertical, horizontal] }
    }
}

/// The parameters by all their paths, a tied one having its first path for a name; and the buffers.
struct Weights(BTreeMap<String, Weight>);

impl Weights {
    fn of(model: &dyn Module) -> Self {
        let (mut first, mut found) = (BTreeMap::new(), BTreeMap::new());
        model.walk(&mut Walk::new(&mut |path, param| {
            let name: &mut String = first.entry(param.id()).or_insert_with(|| path.to_owned());
            found.insert(path.to_owned(), (name.clone(), param.get()));
        }));
        found.extend(buffers(model).into_iter().map(|(path, buffer)| (path.clone(), (path, buffer.get()))));
        Self(found)
    }

    /// The parameter or buffer `name` of the layer at `path`.
    fn get(&self, path: &str, name: &str) -> Option<Weight> {
        let whole = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        self.0.get(&whole).cloned()
    }

    fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }
}

/// The names that are taken: in a graph each value and each weight has its own.
struct Names(BTreeSet<String>);

impl Names {
    /// `wanted`, or it with a number if it is taken.
    fn fresh(&mut self, wanted: String) -> String {
        let mut name = wanted.clone();
        let mut count = 1;
        while [INPUT, OUTPUT].contains(&name.as_str()) || !self.0.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    }
}
