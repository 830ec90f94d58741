//! Pooling: the largest or the mean of each window, and the mean of each plane.

use super::settings::{Example, Plain, Range, Settings, batch, sides};
use super::sizes::{Sides, two, zero};
use crate::autograd::{Op, Var};
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::kind::{Kind, Reach};
use crate::nn::link::Link;
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::ops::{self, Window};
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Max-pooling. See [`ops::pool::MaxPool2d`](crate::ops::pool::MaxPool2d).
///
/// ```
/// use gradus::prelude::*;
/// let layer = MaxPool2d(Window::square(2));
/// let x = Var::constant(Tensor::<f32>::zeros([1, 8, 28, 28]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [1, 8, 14, 14]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d(pub Window);

impl<T: Real> Module<T> for MaxPool2d {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.max_pool2d(self.0)
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        windowed("max-pool", self.0)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(vec![windowed_node("MaxPool", self.0)])
    }

    fn link(&self) -> Link<'_, T> {
        Link::MaxPool2d(self.0)
    }
}

/// Average-pooling. See [`ops::pool::AvgPool2d`](crate::ops::pool::AvgPool2d).
///
/// ```
/// use gradus::prelude::*;
/// let layer = AvgPool2d(Window::square(7));
/// let x = Var::constant(Tensor::<f32>::zeros([1, 8, 28, 28]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [1, 8, 4, 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d(pub Window);

impl<T: Real> Module<T> for AvgPool2d {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.avg_pool2d(self.0)
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        windowed("avg-pool", self.0)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(vec![windowed_node("AveragePool", self.0).int("count_include_pad", 1)])
    }
}

/// The kind of a layer that looks through a window.
fn windowed(name: &str, Window { kernel, stride, .. }: Window) -> Kind {
    let [h, w] = kernel;
    Kind::reaching(format!("{name} {h}x{w}"), Reach::Window { kernel, stride, dilation: [1, 1] })
}

/// The ONNX operator of such a layer.
fn windowed_node(name: &'static str, Window { kernel, stride, padding: [top, left] }: Window) -> Node {
    let node = Node::of_input(name).ints("kernel_shape", &kernel).ints("strides", &stride);
    node.ints("pads", &[top, left, top, left])
}

/// The settings of pooling in a file: of the largest of each window (`MAX`), or of its mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PoolSettings<const MAX: bool> {
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

impl<const MAX: bool> PoolSettings<MAX> {
    fn window(&self) -> Window {
        let kernel = self.kernel.get();
        Window { kernel, stride: self.stride.map_or(kernel, Sides::get), padding: self.padding.get() }
    }
}

impl<T: Real, const MAX: bool> Settings<T> for PoolSettings<MAX> {
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
        let output = <ops::pool::MaxPool2d as Op<T, 1>>::shape(&op, [&batch(input)])?;
        Ok((output[1..].to_vec(), 0))
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let window = self.window();
        Ok(if MAX { Box::new(MaxPool2d(window)) } else { Box::new(AvgPool2d(window)) })
    }

    fn examples() -> Vec<Example> {
        vec![Example { kinks: MAX, ..Example::new(json!({}), &[2, 2, 4, 4]) }]
    }
}

/// The mean of each plane, `[N, C, H, W]` to `[N, C]`. See [`ops::pool::GlobalAvgPool2d`](crate::ops::pool::GlobalAvgPool2d).
///
/// ```
/// use gradus::prelude::*;
/// let layer = GlobalAvgPool2d;
/// let x = Var::constant(Tensor::<f32>::zeros([1, 8, 28, 28]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [1, 8]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GlobalAvgPool2d;

impl<T: Real> Module<T> for GlobalAvgPool2d {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.global_avg_pool2d()
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        Kind::reaching("global avg-pool", Reach::Mixed)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let flatten = Node::new("Flatten", [Operand::Before]).int("axis", 1);
        Some(vec![Node::of_input("GlobalAveragePool"), flatten])
    }
}

impl Plain for GlobalAvgPool2d {
    const LAYER: Self = Self;
    const BATCH: &'static [usize] = &[2, 3, 3, 2];

    fn output(input: &[usize]) -> Vec<usize> {
        input[..1.min(input.len())].to_vec()
    }
}
