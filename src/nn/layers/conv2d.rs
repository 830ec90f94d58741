//! Convolution.

use super::settings::{Example, Range, Settings, batch, channels, product, sides, size};
use super::sizes::{Sides, Zeros, one, single, yes};
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
use crate::ops::Padding;
use crate::ops::conv_chain::Filtering;
use crate::real::Real;
use crate::rng::Rng;
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Convolution from `[N, C, H, W]` to `[N, O, OH, OW]`. See [`ops::conv`](crate::ops::conv).
///
/// ```
/// use gradus::prelude::*;
/// let layer = Conv2d::new(3, 8, [5, 5], ops::Conv2d::default(), Init::HeNormal, &mut Rng::new(1, "init", 0));
/// let x = Var::constant(Tensor::<f32>::zeros([1, 3, 32, 32]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [1, 8, 28, 28]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Conv2d<T: Real = f32> {
    /// `[O, C/groups, KH, KW]`.
    pub weight: Param<T>,
    /// `[O]`.
    pub bias: Option<Param<T>>,
    /// Stride, padding, dilation, groups.
    pub settings: ops::Conv2d,
}

impl<T: Real> Conv2d<T> {
    /// A layer with a bias and weights drawn by `init`. Groups that do not divide the channels are refused by `forward`.
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        settings: ops::Conv2d,
        init: Init,
        rng: &mut Rng,
    ) -> Self {
        let seen = inputs / settings.groups.max(1);
        let weight = Param::new(init.weight(&[outputs, seen, kernel[0], kernel[1]], rng));
        let bias = Some(Param::new(init.bias(outputs, seen * kernel[0] * kernel[1], rng)));
        Self { weight, bias, settings }
    }

    /// The same without a bias.
    pub fn without_bias(mut self) -> Self {
        self.bias = None;
        self
    }
}

impl<T: Real> Module<T> for Conv2d<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let bias = self.bias.as_ref().map(|b| cx.param(b));
        x.conv2d(&cx.param(&self.weight), bias.as_ref(), self.settings)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        if let Some(bias) = &self.bias {
            walk.param("bias", bias);
        }
    }

    fn kind(&self) -> Kind {
        let weight = self.weight.get();
        let ([_, seen, h, w], ops::Conv2d { stride, dilation, groups, .. }) = (weight_sizes(&weight), self.settings);
        let words = format!("conv {h}x{w}{}{}", step_in_words(stride), groups_in_words(groups));
        Kind::reaching(words, Reach::Window { kernel: [h, w], stride, dilation }).working(Work::PerOutput(seen * h * w))
    }

    fn onnx(&self, read: &[usize], output: &[usize]) -> Option<Vec<Node>> {
        let ([_, _, h, w], ops::Conv2d { stride, padding, dilation, groups }) =
            (weight_sizes(&self.weight.get()), self.settings);
        let pads = |axis: usize| match padding {
            Padding::Valid => [0, 0],
            Padding::Fixed(pad) => [pad[axis], pad[axis]],
            Padding::Same => {
                let reach = dilation[axis] * ([h, w][axis] - 1) + 1;
                let covered = (output[2 + axis] - 1) * stride[axis] + reach;
                let zeros = covered.saturating_sub(read[2 + axis]);
                [zeros / 2, zeros - zeros / 2]
            }
        };
        let ([top, bottom], [left, right]) = (pads(0), pads(1));
        let mut operands = vec![Operand::Input(0), Operand::Weight("weight")];
        operands.extend(self.bias.as_ref().map(|_| Operand::Weight("bias")));
        let node = Node::new("Conv", operands).ints("kernel_shape", &[h, w]).ints("strides", &stride);
        let node = node.ints("pads", &[top, left, bottom, right]).ints("dilations", &dilation);
        Some(vec![node.int("group", groups as i64)])
    }

    fn link(&self) -> Link<'_, T> {
        let filtering = Filtering::Conv(self.settings);
        Link::Filter { filtering, weight: &self.weight, bias: self.bias.as_ref() }
    }
}

/// The sizes of the filters.
pub(super) fn weight_sizes<T: Real>(weight: &Tensor<T>) -> [usize; 4] {
    weight.shape().try_into().expect("filters have four axes")
}

/// A stride in words, if it is one: ` stride 2`.
pub(super) fn step_in_words(stride: [usize; 2]) -> String {
    match stride {
        [1, 1] => String::new(),
        [v, h] if v == h => format!(" stride {v}"),
        [v, h] => format!(" stride {v}x{h}"),
    }
}

/// Groups in words, if there are several: ` groups 4`.
pub(super) fn groups_in_words(groups: usize) -> String {
    if groups == 1 { String::new() } else { format!(" groups {groups}") }
}

/// The settings of a convolution in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Conv2dSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Output channels.
    pub filters: usize,
    /// Height and width of a filter: one number, or two.
    pub kernel: Sides,
    /// Vertical and horizontal step.
    #[serde(default = "one")]
    pub stride: Sides,
    /// `same`, `valid`, or rows and columns of zeros.
    #[serde(default)]
    pub padding: Zeros,
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

impl Conv2dSettings {
    /// What the op is to do.
    fn settings(&self) -> ops::Conv2d {
        let (stride, dilation) = (self.stride.get(), self.dilation.get());
        ops::Conv2d { stride, padding: self.padding.padding(), dilation, groups: self.groups }
    }
}

impl<T: Real> Settings<T> for Conv2dSettings {
    fn ranges(&self) -> Vec<Range> {
        let padding = match self.padding {
            Zeros::Count(zeros) => sides("padding", zeros.get(), 0.0, 1024.0),
            Zeros::Word(_) => Vec::new(),
        };
        [
            size("filters", self.filters, 1.0, 65_536.0),
            sides("kernel", self.kernel.get(), 1.0, 1024.0),
            sides("stride", self.stride.get(), 1.0, 1024.0),
            sides("dilation", self.dilation.get(), 1.0, 1024.0),
            size("groups", self.groups, 1.0, 65_536.0),
            padding,
        ]
        .concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let [h, w] = self.kernel.get();
        let filters = [self.filters, channels("conv2d", input)? / self.groups.max(1), h, w];
        let output = <ops::Conv2d as Op<T, 2>>::shape(&self.settings(), [&batch(input), &filters])?;
        let bias = if self.bias { self.filters } else { 0 };
        Ok((output[1..].to_vec(), product(&filters).saturating_add(bias)))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let (channels, kernel) = (channels("conv2d", input)?, self.kernel.get());
        let conv = Conv2d::new(channels, self.filters, kernel, self.settings(), self.init, rng);
        Ok(if self.bias { Box::new(conv) } else { Box::new(conv.without_bias()) })
    }

    fn examples() -> Vec<Example> {
        let special = |about, settings, batch| Example { about, ..Example::new(settings, batch) };
        vec![
            Example::new(json!({ "filters": 3, "kernel": 3, "padding": "same" }), &[2, 2, 5, 4]),
            special(
                "without a bias",
                json!({
                    "filters": 3, "kernel": [3, 2], "stride": [2, 1], "padding": [1, 0], "bias": false,
                    "init": "he_normal",
                }),
                &[2, 2, 5, 4],
            ),
            special("in groups", json!({ "filters": 2, "kernel": 3, "padding": "same", "groups": 2 }), &[2, 4, 4, 5]),
        ]
    }
}
