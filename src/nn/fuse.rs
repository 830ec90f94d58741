//! Where the engine looks at neighbouring modules and computes them in one go: the only place that does.
//!
//! Recognized are four things: a module with a ReLU after it that it can compute in the same pass, as batch normalization
//! can; a fully connected layer with a smooth activation function after it; a *block* of convolution (no stride, no dilation,
//! one group), ReLU or none, 2 x 2 max-pooling; and a *chain* of convolutions and transposed convolutions (of one group), each with or without a ReLU, if its
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

/// The output of the first of `children` after the ReLU that follows it, if it computes both in one pass and the pass
/// need not see what is between, and how many modules that takes the place of.
pub(super) fn with_relu<T: Real>(
    children: &[(String, Box<dyn Module<T>>)],
    x: &Var<T>,
    cx: &mut Ctx<'_, T>,
) -> Option<(Result<Var<T>>, usize)> {
    let [(name, module), (relu, next), ..] = children else { return None };
    if !matches!(next.link(), Link::Relu) || cx.wants(name) || cx.wants(relu) {
        return None;
    }
    let y = module.forward_relu(x, cx)?;
    Some((y.map_err(|e| e.within(name)), 2))
}

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

/// A convolution, perhaps a ReLU, and max-pooling at the start of a chain of modules.
pub(super) struct Block<'a, T: Real> {
    settings: Conv2d,
    weight: &'a Param<T>,
    bias: Option<&'a Param<T>>,
    relu: bool,
    /// Modules that it takes the place of.
    pub(super) len: usize,
}

impl<'a, T: Real> Block<'a, T> {
    /// Recognizes a block at the start of `children`, unless the pass wants to see what happens inside.
    pub(super) fn find(children: &'a [(String, Box<dyn Module<T>>)], cx: &mut Ctx<'_, T>) -> Option<Self> {
        let link = |at: usize| children.get(at).map_or(Link::Other, |(_, module)| module.link());
        let Link::Filter { filtering: Filtering::Conv(settings), weight, bias } = link(0) else { return None };
        let relu = matches!(link(1), Link::Relu);
        let len = if relu { 3 } else { 2 };
        let Link::MaxPool2d(window) = link(len - 1) else { return None };
        let plain = settings.stride == [1, 1] && settings.dilation == [1, 1] && settings.groups == 1;
        let hidden = children[..len].iter().all(|(name, _)| !cx.wants(name));
        (plain && window == Window::square(2) && hidden).then_some(Self { settings, weight, bias, relu, len })
    }
}

impl<T: Real> Block<'_, T> {
    /// What the modules of the block compute.
    pub(super) fn forward(&self, x: &Var<T>, cx: &Ctx<'_, T>) -> Result<Var<T>> {
        let weight = cx.param(self.weight);
        let bias = bias_or_zeros(self.bias, weight.shape()[0], cx);
        x.conv2d_block(&weight, &bias, self.settings, self.relu)
    }
}

/// The bias of so many channels: a convolution without one has zeros, of which nobody wants the gradient.
fn bias_or_zeros<T: Real>(bias: Option<&Param<T>>, channels: usize, cx: &Ctx<'_, T>) -> Var<T> {
    bias.map_or_else(|| Var::constant(Tensor::zeros([channels])), |bias| cx.param(bias))
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
            if matches!(follows(1 + usize::from(relu)), Link::MaxPool2d(_)) {
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
                let bias = bias_or_zeros(*bias, weight.shape()[stage.filtering.output_axis()], cx);
                [weight, bias]
            })
            .collect();
        x.conv_chain(&self.stages, &params)
    }
}
