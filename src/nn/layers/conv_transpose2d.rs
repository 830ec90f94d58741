//! Transposed convolution: what a decoder undoes an encoder's convolutions with.
//!
//! A transposed layer computes Aᵀ of a linear map A, be it a convolution or a matrix. With a weight of its own, that is
//! just a layer of another shape. With the encoder's own weight (a [`Param`] cloned is a parameter tied) it halves the
//! number of parameters; the gradients of both uses add up.

use super::conv2d::{Conv2d, groups_in_words, step_in_words, weight_sizes};
use super::settings::{Example, Range, Settings, batch, channels, product, sides, size};
use super::sizes::{Sides, one, single, yes, zero};
use crate::autograd::{Op, Param, Var};
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::init::Init;
use crate::nn::kind::{Kind, Reach, Work};
use crate::nn::link::Link;
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::ops;
use crate::ops::conv_chain::Filtering;
use crate::real::Real;
use crate::rng::Rng;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Transposed convolution from `[N, C, H, W]` to `[N, O, OH, OW]`. See [`ops::conv_transpose`](crate::ops::conv_transpose).
///
/// ```
/// use gradus::prelude::*;
/// let twice = ops::ConvTranspose2d { stride: [2, 2], ..Default::default() };
/// let layer = ConvTranspose2d::new(8, 4, [2, 2], twice, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let maps = Var::constant(Tensor::<f32>::zeros([1, 8, 7, 7]));
/// assert_eq!(layer.forward(&maps, &mut Ctx::eval())?.shape(), [1, 4, 14, 14]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct ConvTranspose2d<T: Real = f32> {
    /// `[C, O/groups, KH, KW]`.
    pub weight: Param<T>,
    /// `[O]`.
    pub bias: Option<Param<T>>,
    /// Stride, padding, output padding, dilation, groups.
    pub settings: ops::ConvTranspose2d,
}

impl<T: Real> ConvTranspose2d<T> {
    /// A layer with a bias and weights drawn by `init`, for which the filter's own O/groups KH KW numbers are the fan-in, as
    /// in PyTorch. Groups that do not divide the channels are refused by `forward`.
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        settings: ops::ConvTranspose2d,
        init: Init,
        rng: &mut Rng,
    ) -> Self {
        let made = outputs / settings.groups.max(1);
        let weight = Param::new(init.weight(&[inputs, made, kernel[0], kernel[1]], rng));
        let bias = Some(Param::new(init.bias(outputs, made * kernel[0] * kernel[1], rng)));
        Self { weight, bias, settings }
    }

    /// The way back through `conv`, with its weight: from its O channels to its C. The bias is new, and zero.
    /// `settings.groups` is the convolution's.
    pub fn tied(conv: &Conv2d<T>, settings: ops::ConvTranspose2d) -> Self {
        let groups = conv.settings.groups;
        let channels = conv.weight.get().shape()[1] * groups;
        let bias = Some(Param::new(Tensor::zeros([channels])));
        Self { weight: conv.weight.clone(), bias, settings: ops::ConvTranspose2d { groups, ..settings } }
    }

    /// The same without a bias.
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }
}

impl<T: Real> Module<T> for ConvTranspose2d<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let bias = self.bias.as_ref().map(|b| cx.param(b));
        x.conv_transpose2d(&cx.param(&self.weight), bias.as_ref(), self.settings)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        if let Some(bias) = &self.bias {
            walk.param("bias", bias);
        }
    }

    fn kind(&self) -> Kind {
        let ([_, made, h, w], settings) = (weight_sizes(&self.weight.get()), self.settings);
        let (step, groups) = (step_in_words(settings.stride), groups_in_words(settings.groups));
        let words = format!("transposed conv {h}x{w}{step}{groups}");
        Kind::reaching(words, Reach::Mixed).working(Work::PerInput(made * h * w))
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let [_, _, h, w] = weight_sizes(&self.weight.get());
        let ops::ConvTranspose2d { stride, padding: [top, left], output_padding, dilation, groups } = self.settings;
        let mut operands = vec![Operand::Input(0), Operand::Weight("weight")];
        operands.extend(self.bias.as_ref().map(|_| Operand::Weight("bias")));
        let node = Node::new("ConvTranspose", operands).ints("kernel_shape", &[h, w]).ints("strides", &stride);
        let node = node.ints("pads", &[top, left, top, left]).ints("output_padding", &output_padding);
        Some(vec![node.ints("dilations", &dilation).int("group", groups as i64)])
    }

    fn link(&self) -> Link<'_, T> {
        let filtering = Filtering::Transposed(self.settings);
        Link::Filter { filtering, weight: &self.weight, bias: self.bias.as_ref() }
    }
}

/// The settings of a transposed convolution in a file: those of the convolution that it turns around.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ConvTranspose2dSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Output channels.
    pub filters: usize,
    /// Height and width of a filter: one number, or two.
    pub kernel: Sides,
    /// Step from one input pixel's filter to the next one's.
    #[serde(default = "one")]
    pub stride: Sides,
    /// Rows and columns cut off on each side.
    #[serde(default = "zero")]
    pub padding: Sides,
    /// Rows added below and columns to the right, fewer than the stride.
    #[serde(default = "zero")]
    pub output_padding: Sides,
    /// Distance between the taps of a filter.
    #[serde(default = "one")]
    pub dilation: Sides,
    /// Groups of channels that see nothing of each other.
    #[serde(default = "single")]
    pub groups: usize,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    pub bias: bool,
    /// How the weights are drawn.
    #[serde(default)]
    pub init: Init,
}

impl ConvTranspose2dSettings {
    /// What the op is to do.
    fn settings(&self) -> ops::ConvTranspose2d {
        ops::ConvTranspose2d {
            stride: self.stride.get(),
            padding: self.padding.get(),
            output_padding: self.output_padding.get(),
            dilation: self.dilation.get(),
            groups: self.groups,
        }
    }
}

impl<T: Real> Settings<T> for ConvTranspose2dSettings {
    fn ranges(&self) -> Vec<Range> {
        [
            size("filters", self.filters, 1.0, 65_536.0),
            sides("kernel", self.kernel.get(), 1.0, 1024.0),
            sides("stride", self.stride.get(), 1.0, 1024.0),
            sides("padding", self.padding.get(), 0.0, 1024.0),
            sides("output_padding", self.output_padding.get(), 0.0, 1024.0),
            sides("dilation", self.dilation.get(), 1.0, 1024.0),
            size("groups", self.groups, 1.0, 65_536.0),
        ]
        .concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let [h, w] = self.kernel.get();
        let filters = [channels("conv_transpose2d", input)?, self.filters / self.groups.max(1), h, w];
        let output = <ops::ConvTranspose2d as Op<T, 2>>::shape(&self.settings(), [&batch(input), &filters])?;
        let bias = if self.bias { self.filters } else { 0 };
        Ok((output[1..].to_vec(), product(&filters).saturating_add(bias)))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let (channels, kernel) = (channels("conv_transpose2d", input)?, self.kernel.get());
        let conv = ConvTranspose2d::new(channels, self.filters, kernel, self.settings(), self.init, rng);
        Ok(if self.bias { Box::new(conv) } else { Box::new(conv.without_bias()) })
    }

    fn examples() -> Vec<Example> {
        let doubling = json!({ "filters": 3, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1 });
        let in_groups = json!({
            "filters": 6, "kernel": [3, 2], "stride": 2, "padding": 1, "output_padding": 1, "groups": 2, "bias": false,
            "init": "he_normal",
        });
        let about = "without a bias, in groups";
        vec![Example::new(doubling, &[2, 2, 3, 4]), Example { about, ..Example::new(in_groups, &[2, 4, 3, 2]) }]
    }
}
