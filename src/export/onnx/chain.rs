//! From a trained network to a chain of operators, with nothing beside it that describes it: one pass over samples tells
//! which layers ran, in which order, of which [`Kind`] and on which shapes.
//!
//! That pass does not tell who feeds whom. So only chains are taken, where each layer takes what the one before gave, and
//! this is not believed but held against the numbers: the exported operators, one after the other, must give at each
//! layer what the network itself had there. A residual connection or a branch shows there, by the name of the layer.

use super::operator::{Function, Operator, Slide, Weight};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::{Captured, Ctx, Kind, Module, Walk, buffers};
use crate::ops::{Padding, Window};
use crate::tensor::Tensor;
use std::collections::{BTreeMap, BTreeSet};

/// An operator with the name of its node, which is also the name of the value that it gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// The name.
    pub(super) name: String,
    /// The operator.
    pub(super) operator: Operator,
}

/// What the network itself had after some of the steps.
pub(super) struct Witness {
    /// The number of steps.
    pub(super) after: usize,
    /// The layer's path.
    pub(super) path: String,
    /// The layer's output for the samples.
    pub(super) output: Tensor,
}

/// A network as a chain.
pub(super) struct Chain {
    /// The operators.
    pub(super) steps: Vec<Step>,
    /// The network's own values on the way.
    pub(super) witnesses: Vec<Witness>,
    /// The network's output for the samples.
    pub(super) output: Tensor,
}

/// Reads the chain off one pass over `samples`.
pub(super) fn read_off(model: &dyn Module, samples: &Tensor) -> Result<Chain> {
    let mut cx = Ctx::eval().capture(&|_| true);
    // Called like a child, the network is captured too: as the last one, under an empty path.
    let output = cx.call("", model, &Var::constant(samples.clone()))?.value().clone();

    let weights = Weights::of(model);
    let mut names = Names(weights.names());
    let mut chain = Chain { steps: Vec::new(), witnesses: Vec::new(), output };
    let mut now = samples.clone();
    let captured = cx.captured();
    // The code of a variational autoencoder is its mean: the layers inside are not links of the chain.
    let within = |path: &str| path.rsplit_once('.').map_or("", |(outer, _)| outer).to_owned();
    let codes: BTreeSet<String> =
        captured.iter().filter(|layer| layer.kind == Kind::GaussianLatent).map(|layer| layer.path.clone()).collect();
    for layer in captured {
        if layer.kind == Kind::Linear && !layer.path.is_empty() && codes.contains(&within(&layer.path)) {
            continue;
        }
        if layer.kind == Kind::Container {
            if !same(&layer.output, &now) {
                return Err(refused(&layer.path, "computes something itself with what its layers give"));
            }
            continue;
        }
        if *layer.input != *now.shape() {
            let why = format!("takes {:?}, but the layer before it gives {:?}", layer.input, now.shape());
            return Err(refused(&layer.path, &why));
        }
        let operators = operators(&layer, &weights)?;
        let count = operators.len();
        for (i, operator) in operators.into_iter().enumerate() {
            let wanted = match (layer.path.as_str(), i + 1 < count) {
                ("", _) => operator.name().to_lowercase(),
                (path, true) => format!("{path}.{}", operator.name().to_lowercase()),
                (path, false) => path.to_owned(),
            };
            chain.steps.push(Step { name: names.fresh(wanted), operator });
        }
        now = layer.output.clone();
        chain.witnesses.push(Witness { after: chain.steps.len(), path: layer.path, output: layer.output });
    }
    if !same(&chain.output, &now) {
        return Err(refused("", "computes something itself with what its layers give"));
    }
    if chain.steps.is_empty() {
        chain.steps.push(Step { name: names.fresh("identity".into()), operator: Function::Identity.into() });
    }
    Ok(chain)
}

/// An error that says which layer is not a link of a chain.
pub(super) fn refused(path: &str, why: &str) -> Error {
    let who = if path.is_empty() { "the network".into() } else { format!("layer {path}") };
    Error::invalid(format!(
        "{who} {why}: only a chain, whose every layer takes what the one before gives, can be written as ONNX; its \
         weights can be written as npz or safetensors"
    ))
}

/// Whether two tensors hold the same numbers, NaN being the same as NaN.
fn same(a: &Tensor, b: &Tensor) -> bool {
    let equal = |(x, y): (&f32, &f32)| x == y || (x.is_nan() && y.is_nan());
    a.shape() == b.shape() && a.data().iter().zip(b.data()).all(equal)
}

/// The operators that compute a layer.
fn operators(layer: &Captured<f32>, weights: &Weights) -> Result<Vec<Operator>> {
    let path = layer.path.as_str();
    let weight = |name: &str| {
        weights.get(path, name).ok_or_else(|| Error::invalid(format!("layer {path} has nothing called {name}")))
    };
    let unknown = |name| refused(path, &format!("is a {name}, for which this crate knows no ONNX operator"));
    Ok(vec![match layer.kind {
        Kind::Container => unreachable!("containers are passed over"),
        Kind::Linear => Operator::Gemm { weight: weight("weight")?, bias: weights.get(path, "bias") },
        Kind::GaussianLatent => Operator::Gemm { weight: weight("mean.weight")?, bias: weights.get(path, "mean.bias") },
        Kind::TiedLinear => {
            let (name, tied) = weight("weight")?;
            let turned = Var::constant(tied).permute(&[1, 0])?.into_value();
            Operator::Gemm { weight: (format!("{name}.transposed"), turned), bias: weights.get(path, "bias") }
        }
        Kind::ConvTranspose2d { kernel, stride, padding: [top, left], output_padding, dilation, groups } => {
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
        Kind::Conv2d { kernel, stride, padding, dilation, groups } => {
            let pads = |axis: usize| match padding {
                Padding::Valid => [0, 0],
                Padding::Fixed(pad) => [pad[axis], pad[axis]],
                Padding::Same => {
                    let reach = dilation[axis] * (kernel[axis] - 1) + 1;
                    let covered = (layer.output.shape()[2 + axis] - 1) * stride[axis] + reach;
                    let zeros = covered.saturating_sub(layer.input[2 + axis]);
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
        while [super::INPUT, super::OUTPUT].contains(&name.as_str()) || !self.0.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    }
}
