//! Layers of images: convolutions, pooling, enlargement.

use super::describe::{Describe, Range, batch, channels, product, sides, size};
use super::values::{Sides, Zeros, one, single, two, yes, zero};
use crate::autograd::Op;
use crate::error::Result;
use crate::nn::{self, Init, Module};
use crate::ops::{self, Interpolation, Window};
use crate::rng::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
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

impl Conv2d {
    /// What the op is to do.
    fn settings(&self) -> ops::Conv2d {
        let (stride, dilation) = (self.stride.get(), self.dilation.get());
        ops::Conv2d { stride, padding: self.padding.padding(), dilation, groups: self.groups }
    }
}

impl Describe for Conv2d {
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
        let output = <ops::Conv2d as Op<f32, 2>>::shape(&self.settings(), [&batch(input), &filters])?;
        let bias = if self.bias { self.filters } else { 0 };
        Ok((output[1..].to_vec(), product(&filters).saturating_add(bias)))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module>> {
        let (channels, kernel) = (channels("conv2d", input)?, self.kernel.get());
        let conv = nn::Conv2d::new(channels, self.filters, kernel, self.settings(), self.init, rng);
        Ok(if self.bias { Box::new(conv) } else { Box::new(conv.without_bias()) })
    }
}

/// A transposed convolution, by the settings of the convolution that it turns around.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvTranspose2d {
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

impl ConvTranspose2d {
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

impl Describe for ConvTranspose2d {
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
        let output = <ops::ConvTranspose2d as Op<f32, 2>>::shape(&self.settings(), [&batch(input), &filters])?;
        let bias = if self.bias { self.filters } else { 0 };
        Ok((output[1..].to_vec(), product(&filters).saturating_add(bias)))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module>> {
        let (channels, kernel) = (channels("conv_transpose2d", input)?, self.kernel.get());
        let conv = nn::ConvTranspose2d::new(channels, self.filters, kernel, self.settings(), self.init, rng);
        Ok(if self.bias { Box::new(conv) } else { Box::new(conv.without_bias()) })
    }
}

/// Pooling: of the largest of each window, or of its mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool<const MAX: bool> {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Height and width of the window.
    #[serde(default = "two")]
    pub kernel: Sides,
    /// Step; by default the window's own size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Sides>,
    /// Rows and columns of padding, at most half the window.
    #[serde(default = "zero")]
    pub padding: Sides,
}

impl<const MAX: bool> Pool<MAX> {
    fn window(&self) -> Window {
        let kernel = self.kernel.get();
        Window { kernel, stride: self.stride.map_or(kernel, Sides::get), padding: self.padding.get() }
    }
}

impl<const MAX: bool> Describe for Pool<MAX> {
    fn ranges(&self) -> Vec<Range> {
        [
            sides("kernel", self.kernel.get(), 1.0, 1024.0),
            self.stride.map_or(Vec::new(), |stride| sides("stride", stride.get(), 1.0, 1024.0)),
            sides("padding", self.padding.get(), 0.0, 1024.0),
        ]
        .concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let op = ops::pool::MaxPool2d(self.window());
        let output = <ops::pool::MaxPool2d as Op<f32, 1>>::shape(&op, [&batch(input)])?;
        Ok((output[1..].to_vec(), 0))
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module>> {
        let window = self.window();
        Ok(if MAX { Box::new(nn::MaxPool2d(window)) } else { Box::new(nn::AvgPool2d(window)) })
    }
}

/// Images enlarged by whole factors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upsample2d {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The factor: one number, or two.
    #[serde(default = "two")]
    pub scale: Sides,
    /// `nearest` or `bilinear`.
    #[serde(default)]
    pub mode: Interpolation,
}

impl Upsample2d {
    /// What the op is to do.
    fn settings(&self) -> ops::Upsample {
        ops::Upsample { scale: self.scale.get(), mode: self.mode }
    }
}

impl Describe for Upsample2d {
    fn ranges(&self) -> Vec<Range> {
        sides("scale", self.scale.get(), 1.0, 64.0)
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let output = <ops::Upsample as Op<f32, 1>>::shape(&self.settings(), [&batch(input)])?;
        Ok((output[1..].to_vec(), 0))
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module>> {
        Ok(Box::new(nn::Upsample(self.settings())))
    }
}
