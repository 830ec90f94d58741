//! Where the engine looks at neighbouring modules and computes them in one go: the only place that does.
//!
//! Recognized is convolution (with a bias, no stride, no dilation, one group), ReLU, 2 x 2 max-pooling. The values are those of the
//! modules one after the other, and the gradients too, but for the order of their sums; so nobody need know. A pass that
//! wants to see an output in between gets the modules one after the other.

use super::layers::Conv2d;
use super::module::{Ctx, Module};
use crate::autograd::{Param, Var};
use crate::error::Result;
use crate::ops::Window;
use crate::real::Real;

/// A module as a link of a recognized chain.
#[derive(Debug)]
pub enum Link<'a, T: Real> {
    /// A convolution.
    Conv2d(&'a Conv2d<T>),
    /// ReLU.
    Relu,
    /// Max-pooling.
    MaxPool2d(Window),
    /// Anything else.
    Other,
}

/// A convolution, ReLU and max-pooling at the start of a chain of modules.
pub(super) struct Block<'a, T: Real> {
    conv: &'a Conv2d<T>,
    bias: &'a Param<T>,
}

impl<'a, T: Real> Block<'a, T> {
    /// Modules that a block takes the place of.
    pub(super) const LEN: usize = 3;

    /// Recognizes a block at the start of `children`, unless the pass wants to see what happens inside.
    pub(super) fn find(children: &'a [(String, Box<dyn Module<T>>)], cx: &mut Ctx<'_, T>) -> Option<Self> {
        let [conv, relu, pool] = children.get(..Self::LEN)? else { return None };
        let (Link::Conv2d(conv), Link::Relu, Link::MaxPool2d(window)) = (conv.1.link(), relu.1.link(), pool.1.link())
        else {
            return None;
        };
        let bias = conv.bias.as_ref()?;
        let settings = conv.settings;
        let plain = settings.stride == [1, 1] && settings.dilation == [1, 1] && settings.groups == 1;
        let hidden = children[..Self::LEN].iter().all(|(name, _)| !cx.wants(name));
        (plain && window == Window::square(2) && hidden).then_some(Self { conv, bias })
    }
}

impl<T: Real> Block<'_, T> {
    /// What the modules of the block compute.
    pub(super) fn forward(&self, x: &Var<T>, cx: &Ctx<'_, T>) -> Result<Var<T>> {
        x.conv2d_block(&cx.param(&self.conv.weight), &cx.param(self.bias), self.conv.settings)
    }
}
