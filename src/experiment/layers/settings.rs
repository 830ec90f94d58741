//! What each layer of an experiment's file wants to know, with its defaults: names and meanings are those of the ops.

use crate::nn::Init;
use crate::ops::{Interpolation, Padding, Window};
use serde::{Deserialize, Serialize};

/// A layer with nothing to say but its name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plain {
    /// Its name in paths and files; by default the type and a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A fully connected layer; what comes as images is flattened before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of outputs; 0 stands for as many as the loss wants: one for each class, or one for yes and no.
    pub units: usize,
    /// How the weights are drawn.
    #[serde(default)]
    pub init: Init,
}

/// A convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// A pooling window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
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

/// Batch normalization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Fraction of a new batch in the running mean and variance.
    #[serde(default = "norm_momentum")]
    pub momentum: f64,
    /// Added to the variance.
    #[serde(default = "norm_eps")]
    pub eps: f64,
}

fn norm_momentum() -> f64 {
    0.1
}

fn norm_eps() -> f64 {
    1e-5
}

/// Other axes for a sample's elements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unflatten {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their sizes.
    pub shape: Vec<usize>,
}

/// Dropout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Probability with which an element becomes zero.
    pub p: f64,
}

/// A transposed convolution, by the settings of the convolution that it turns around.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// Images enlarged by whole factors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// Normalization of each sample by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNorm {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many of the last axes are normalized together; 0 stands for all.
    #[serde(default)]
    pub axes: usize,
    /// Added to the variance.
    #[serde(default = "norm_eps")]
    pub eps: f64,
}

/// The code of a variational autoencoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianLatent {
    /// Its name in paths and files; by default `latent` and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Numbers in a code.
    pub units: usize,
    /// Weight of the divergence from the standard normal distribution.
    #[serde(default = "full_beta")]
    pub beta: f64,
    /// Training steps over which that weight grows from 0.
    #[serde(default)]
    pub warmup: u64,
    /// How the weights are drawn.
    #[serde(default)]
    pub init: Init,
}

fn full_beta() -> f64 {
    1.0
}

/// Normal noise, in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// Its name in paths and files; by default `noise` and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Standard deviation.
    pub std: f64,
}

/// Height and width: `3`, or `[3, 5]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a number such as 3, or two such as [3, 5]")]
pub enum Sides {
    /// Both the same.
    Square(usize),
    /// Height, then width.
    Each([usize; 2]),
}

impl Sides {
    /// Height and width.
    pub fn get(self) -> [usize; 2] {
        match self {
            Sides::Square(side) => [side; 2],
            Sides::Each(sides) => sides,
        }
    }
}

fn zero() -> Sides {
    Sides::Square(0)
}

fn one() -> Sides {
    Sides::Square(1)
}

fn two() -> Sides {
    Sides::Square(2)
}

fn single() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// Zeros around an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZerosByName {
    /// None.
    #[default]
    Valid,
    /// As many as keep the output at ⌈size / stride⌉.
    Same,
}

/// Zeros around an image: a word, or how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`same`, `valid`, a number such as 1, or two such as [1, 2]")]
pub enum Zeros {
    /// `valid` or `same`.
    Word(ZerosByName),
    /// Rows above and below, columns left and right.
    Count(Sides),
}

impl Default for Zeros {
    fn default() -> Self {
        Zeros::Word(ZerosByName::Valid)
    }
}

impl Zeros {
    /// As the op wants it.
    pub(super) fn padding(self) -> Padding {
        match self {
            Zeros::Word(ZerosByName::Valid) => Padding::Valid,
            Zeros::Word(ZerosByName::Same) => Padding::Same,
            Zeros::Count(sides) => Padding::Fixed(sides.get()),
        }
    }
}

impl Pool {
    /// The window of a pooling layer.
    pub(super) fn window(&self) -> Window {
        let kernel = self.kernel.get();
        Window { kernel, stride: self.stride.map_or(kernel, Sides::get), padding: self.padding.get() }
    }
}
