//! Where the engine looks at neighbouring modules and computes them in one go: the only place that does.
//!
//! Recognized are three things: a fully connected layer with a smooth activation function after it; a *block* of convolution (with a bias, no stride, no dilation, one group), ReLU, 2 x 2
//! max-pooling; and a *chain* of convolutions and transposed convolutions (of one group), each with or without a ReLU, if its
//! images are small and many. The values are those of the modules one after the other, and the gradients too,
//! but for the order of their sums; so nobody need know. A pass that wants to see an output in between gets the modules one
//! after the other.

use super::context::Ctx;
use super::layers::each_vector;
use super::link::{Activated, Link};
use super::module::Module;
use crate::autograd::{Param, Var};
use crate::error::Result;
use crate::ops::conv_chain::{self, ChainStage, Filtering};
use crate::ops::{Conv2d, Window};
use crate::real::Real;
use crate::tensor::Tensor;

/// A fully connected layer and a smooth activation function at the start of a chain of modules.
pub(super) struct Dense<'a, T: Real> {
    weight: &'a Param<T>,
    bias: &'a Param<T>,
    activated: Activated<T>,
}

impl<'a, T: Real> Dense<'a, T> {
    /// Modules that it takes the place of.
    pub(super) const LEN: usize = 2;

    /// Recognizes the two at the start of `children`, unless the pass wants to see one of their outputs.
    pub(super) fn find(children: &'a [(String, Box<dyn Module<T>>)], cx: &mut Ctx<'_, T>) -> Option<Self> {
        let [linear, function] = children.get(..Self::LEN)? else { return None };
        let Link::Linear { weight, bias } = linear.1.link() else { return None };
        let Link::AfterLinear(activated) = function.1.link() else { return None };
        let hidden = !cx.wants(&linear.0) && !cx.wants(&function.0);
        hidden.then_some(Self { weight, bias, activated })
    }

    /// What the two modules compute.
    pub(super) fn forward(&self, x: &Var<T>, cx: &Ctx<'_, T>) -> Result<Var<T>> {
        let (weight, bias) = (cx.param(self.weight), cx.param(self.bias));
        each_vector(x, &weight, |rows| (self.activated)(rows, &weight, &bias))
    }
}

/// A convolution, ReLU and max-pooling at the start of a chain of modules.
pub(super) struct Block<'a, T: Real> {
    settings: Conv2d,
    weight: &'a Param<T>,
    bias: &'a Param<T>,
}

impl<'a, T: Real> Block<'a, T> {
    /// Modules that a block takes the place of.
    pub(super) const LEN: usize = 3;

    /// Recognizes a block at the start of `children`, unless the pass wants to see what happens inside.
    pub(super) fn find(children: &'a [(String, Box<dyn Module<T>>)], cx: &mut Ctx<'_, T>) -> Option<Self> {
        let [conv, relu, pool] = children.get(..Self::LEN)? else { return None };
        let Link::Filter { filtering: Filtering::Conv(settings), weight, bias: Some(bias) } = conv.1.link() else {
            return None;
        };
        let (Link::Relu, Link::MaxPool2d(window)) = (relu.1.link(), pool.1.link()) else { return None };
        let plain = settings.stride == [1, 1] && settings.dilation == [1, 1] && settings.groups == 1;
        let hidden = children[..Self::LEN].iter().all(|(name, _)| !cx.wants(name));
        (plain && window == Window::square(2) && hidden).then_some(Self { settings, weight, bias })
    }
}

impl<T: Real> Block<'_, T> {
    /// What the modules of the block compute.
    pub(super) fn forward(&self, x: &Var<T>, cx: &Ctx<'_, T>) -> Result<Var<T>> {
        x.conv2d_block(&cx.param(self.weight), &cx.param(self.bias), self.settings)
    }
}

/// Convolutions and transposed convolutions at the start of a chain of modules, and the ReLUs after them.
pub(super) struct Chain<'a, T: Real> {
    stages: Vec<ChainStage>,
    /// Filters, and a bias or none.
    params: Vec<(&'a Param<T>, Option<&'a Param<T>>)>,
    /// Modules that it takes the place of.
    pub(super) len: usize,
}

impl<'a, T: Real> Chain<'a, T> {
    /// Recognizes a chain at the start of `children` that pays for an input of the shape `x`, unless the pass wants to see
    /// what happens inside, or only some of its parameters are trained.
    pub(super) fn find(children: &'a [(String, Box<dyn Module<T>>)], x: &[usize], cx: &mut Ctx<'_, T>) -> Option<Self> {
        let mut chain = Self { stages: Vec::new(), params: Vec::new(), len: 0 };
        while let Some((_, module)) = children.get(chain.len) {
            let Link::Filter { filtering, weight, bias } = module.link() else { break };
            let follows = |at: usize| children.get(chain.len + at).map_or(Link::Other, |(_, module)| module.link());
            let relu = matches!(follows(1), Link::Relu);
            if relu && matches!(follows(2), Link::MaxPool2d(_)) {
                break; // a block
            }
            chain.stages.push(ChainStage { filtering, relu });
            chain.params.push((weight, bias));
            chain.len += 1 + usize::from(relu);
        }
        if chain.stages.is_empty() || children[..chain.len].iter().any(|(name, _)| cx.wants(name)) {
            return None;
        }
        let all: Vec<&Param<T>> = chain.params.iter().flat_map(|(w, bias)| [Some(*w), *bias]).flatten().collect();
        let trained = all.iter().filter(|param| param.is_trainable()).count();
        let filters: Vec<_> = chain.params.iter().map(|(w, _)| w.get()).collect();
        let shapes: Vec<&[usize]> = filters.iter().map(|w| w.shape()).collect();
        let whole = trained == 0 || trained == all.len();
        (whole && conv_chain::pays(&chain.stages, x, &shapes)).then_some(chain)
    }

    /// What the modules of the chain compute.
    pub(super) fn forward(&self, x: &Var<T>, cx: &Ctx<'_, T>) -> Result<Var<T>> {
        let params: Vec<[Var<T>; 2]> = self
            .params
            .iter()
            .zip(&self.stages)
            .map(|((weight, bias), stage)| {
                let weight = cx.param(weight);
                // A convolution without a bias has zeros for one, of which nobody wants the gradient.
                let zeros = || Var::constant(Tensor::zeros([weight.shape()[stage.filtering.output_axis()]]));
                let bias = bias.map_or_else(zeros, |bias| cx.param(bias));
                [weight, bias]
            })
            .collect();
        x.conv_chain(&self.stages, &params)
    }
}
