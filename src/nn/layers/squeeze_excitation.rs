//! Squeeze-and-excitation: each channel gets a weight, which follows from the means of all channels.

use super::conv2d::Conv2d;
use super::settings::{Example, Range, Settings, channels, product, size};
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::init::Init;
use crate::nn::kind::{Kind, Reach, Work};
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::ops;
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Scales each channel by a gate between 0 and 1, which is computed from the means of all channels (Hu et al. 2018,
/// *Squeeze-and-excitation networks*).
///
/// With m the mean of each plane of x, `[N, C]`, and two fully connected layers,
///
/// ```text
/// g = σ(W₂ max(W₁ m + b₁, 0) + b₂),     y[n, c, i, j] = g[n, c] x[n, c, i, j]
/// ```
///
/// Shapes: `[N, C, H, W]` to the same; W₁ is `[S, C]` and W₂ `[C, S]`, kept as filters of one pixel, `[S, C, 1, 1]`, as
/// torchvision has them under `fc1` and `fc2`.
///
/// ```
/// use gradus::prelude::*;
/// let layer = SqueezeExcitation::new(8, 2, Init::HeNormal, &mut Rng::new(1, "init", 0));
/// layer.fc2.weight.set(Tensor::zeros([8, 2, 1, 1])); // every gate is then σ(0)
/// let x = Var::constant(Tensor::<f32>::full([1, 8, 3, 3], 4.0));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.value(), &Tensor::full([1, 8, 3, 3], 2.0));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct SqueezeExcitation<T: Real = f32> {
    /// From the means of the channels to fewer numbers.
    pub fc1: Conv2d<T>,
    /// From those to a number for each channel.
    pub fc2: Conv2d<T>,
}

impl<T: Real> SqueezeExcitation<T> {
    /// Returns a layer for this many channels, between which and their gates lie `squeezed` numbers.
    pub fn new(channels: usize, squeezed: usize, init: Init, rng: &mut Rng) -> Self {
        let mut dense = |inputs, outputs| Conv2d::new(inputs, outputs, [1, 1], ops::Conv2d::default(), init, rng);
        Self { fc1: dense(channels, squeezed), fc2: dense(squeezed, channels) }
    }
}

impl<T: Real> Module<T> for SqueezeExcitation<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let means = x.global_avg_pool2d()?;
        let means = means.unflatten(&[means.shape()[1], 1, 1])?;
        let gate = self.fc2.forward(&self.fc1.forward(&means, cx)?.relu()?, cx)?.sigmoid()?;
        x.mul(&gate)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.child("fc1", &self.fc1);
        walk.child("fc2", &self.fc2);
    }

    fn kind(&self) -> Kind {
        let weight = self.fc1.weight.get();
        let (squeezed, work) = (weight.shape()[0], Work::PerSample(2 * weight.numel()));
        Kind::reaching(format!("squeeze-excitation {squeezed}"), Reach::Mixed).working(work)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let dense = |weight, bias| {
            let operands = [Operand::Before, Operand::Weight(weight), Operand::Weight(bias)];
            let node = Node::new("Conv", operands).ints("kernel_shape", &[1, 1]).ints("strides", &[1, 1]);
            node.ints("pads", &[0; 4]).ints("dilations", &[1, 1]).int("group", 1)
        };
        Some(vec![
            Node::of_input("GlobalAveragePool"),
            dense("fc1.weight", "fc1.bias"),
            Node::new("Relu", [Operand::Before]),
            dense("fc2.weight", "fc2.bias"),
            Node::new("Sigmoid", [Operand::Before]),
            Node::new("Mul", [Operand::Input(0), Operand::Before]),
        ])
    }
}

/// The settings of squeeze-and-excitation in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SqueezeExcitationSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many channels share a number between the two fully connected layers, of which there are at least one.
    #[serde(default = "sixteen")]
    pub reduction: usize,
    /// How the weights are drawn.
    #[serde(default)]
    pub init: Init,
}

/// The reduction of Hu et al.
fn sixteen() -> usize {
    16
}

impl SqueezeExcitationSettings {
    /// The numbers between the two layers.
    fn squeezed(&self, channels: usize) -> usize {
        (channels / self.reduction.max(1)).max(1)
    }
}

impl<T: Real> Settings<T> for SqueezeExcitationSettings {
    fn ranges(&self) -> Vec<Range> {
        size("reduction", self.reduction, 1.0, 65_536.0)
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let channels = channels("squeeze_excitation", input)?;
        let squeezed = self.squeezed(channels);
        let weights = product(&[2, squeezed, channels]);
        Ok((input.to_vec(), weights.saturating_add(squeezed).saturating_add(channels)))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let channels = channels("squeeze_excitation", input)?;
        Ok(Box::new(SqueezeExcitation::new(channels, self.squeezed(channels), self.init, rng)))
    }

    fn examples() -> Vec<Example> {
        vec![Example { kinks: true, ..Example::new(json!({ "reduction": 2 }), &[2, 4, 3, 2]) }]
    }
}
