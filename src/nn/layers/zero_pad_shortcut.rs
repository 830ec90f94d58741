//! The shortcut without weights: fewer pixels, and zeros for the new channels.

use super::settings::{Example, Range, Settings, sides, size};
use super::sizes::{Sides, one};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::context::Ctx;
use crate::nn::kind::{Kind, Reach};
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::ops::Window;
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Subsamples images by the stride and appends channels of zeros: the shortcut of a residual block that changes the shape,
/// without weights (option A of He et al. 2016, *Deep residual learning*, section 3.3).
///
/// From `[N, C, H, W]` to `[N, O, ⌈H/s⌉, ⌈W/s⌉]` with O = `channels` and s = `stride`, the first ⌊(O - C)/2⌋ channels and
/// the last ⌈(O - C)/2⌉ being zeros:
///
/// ```text
/// y[n, ⌊(O - C)/2⌋ + c, i, j] = x[n, c, i s, j s]
/// ```
///
/// The paper does not say on which side the zeros lie; half on each is what the implementations for CIFAR do whose weights
/// are in circulation. Fails if O is less than C.
///
/// ```
/// use gradus::prelude::*;
/// let layer = ZeroPadShortcut { channels: 4, stride: [2, 2] };
/// let x = Var::constant(Tensor::<f32>::from_fn([1, 2, 2, 2], |i| 1.0 + i as f32)); // 1 2 3 4 and 5 6 7 8
/// let y = layer.forward(&x, &mut Ctx::eval())?;
/// assert_eq!((y.shape(), y.value().data()), (&[1, 4, 1, 1][..], &[0.0, 1.0, 5.0, 0.0][..]));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ZeroPadShortcut {
    /// Channels of the output.
    pub channels: usize,
    /// Vertical and horizontal step.
    pub stride: [usize; 2],
}

impl ZeroPadShortcut {
    /// The channels of zeros before and after the input's.
    fn zeros(&self, channels: usize) -> Result<[usize; 2]> {
        let Some(new) = self.channels.checked_sub(channels) else {
            let what = format!("expected at most {} channels; found {channels}", self.channels);
            return Err(Error::shape("zero_pad_shortcut", what));
        };
        Ok([new / 2, new - new / 2])
    }

    /// Every s-th pixel is the largest of a window of one pixel.
    fn window(&self) -> Window {
        Window { kernel: [1, 1], stride: self.stride, padding: [0, 0] }
    }
}

impl<T: Real> Module<T> for ZeroPadShortcut {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let y = x.max_pool2d(self.window())?;
        let [before, after] = self.zeros(y.shape()[1])?;
        y.pad(1, before, after, 0.0)
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        let ([v, h], kernel, dilation) = (self.stride, [1, 1], [1, 1]);
        Kind::reaching(format!("zero-pad stride {v}x{h}"), Reach::Window { kernel, stride: self.stride, dilation })
    }

    fn onnx(&self, read: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let [before, after] = self.zeros(*read.get(1)?).ok()?.map(|zeros| zeros as i64);
        let pixels = Node::of_input("MaxPool").ints("kernel_shape", &[1, 1]).ints("strides", &self.stride);
        let pads = Operand::Ints("pads", vec![0, before, 0, 0, 0, after, 0, 0]);
        Some(vec![pixels.ints("pads", &[0; 4]), Node::new("Pad", [Operand::Before, pads])])
    }
}

/// The settings of a shortcut without weights in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ZeroPadShortcutSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Output channels, at least those of the input; the new ones are zeros.
    pub channels: usize,
    /// Vertical and horizontal step: of how many pixels one is kept.
    #[serde(default = "one")]
    pub stride: Sides,
}

impl<T: Real> Settings<T> for ZeroPadShortcutSettings {
    fn ranges(&self) -> Vec<Range> {
        [size("channels", self.channels, 1.0, 65_536.0), sides("stride", self.stride.get(), 1.0, 1024.0)].concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let &[channels, h, w] = input else {
            return Err(Error::shape("zero_pad_shortcut", format!("expects images [C, H, W]; found {input:?}")));
        };
        let stride = self.stride.get();
        ZeroPadShortcut { channels: self.channels, stride }.zeros(channels)?;
        Ok((vec![self.channels, h.div_ceil(stride[0]), w.div_ceil(stride[1])], 0))
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        Ok(Box::new(ZeroPadShortcut { channels: self.channels, stride: self.stride.get() }))
    }

    fn examples() -> Vec<Example> {
        vec![Example::new(json!({ "channels": 5, "stride": [2, 1] }), &[2, 2, 5, 4])]
    }
}
