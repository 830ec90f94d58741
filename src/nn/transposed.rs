//! Layers that go backwards: what a decoder undoes an encoder with.
//!
//! A transposed layer computes Aᵀ of a linear map A, be it a convolution or a matrix. With a weight of its own, that is
//! just a layer of another shape. With the encoder's own weight (a [`Param`] cloned is a parameter tied) it halves the
//! number of parameters; the gradients of both uses add up.

use super::context::Ctx;
use super::init::Init;
use super::kind::Kind;
use super::layers::{Conv2d, Linear};
use super::link::{Filter, Link};
use super::module::Module;
use super::walk::Walk;
use crate::autograd::{Param, Var};
use crate::error::Result;
use crate::ops;
use crate::ops::conv_chain::Filtering;
use crate::real::Real;
use crate::rng::Rng;
use crate::tensor::Tensor;

/// Transposed convolution from `[N, C, H, W]` to `[N, O, OH, OW]`. See [`ops::conv_transpose`].
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
        let weight = self.weight.get();
        let kernel = [weight.shape()[2], weight.shape()[3]];
        Kind::ConvTranspose2d { kernel, settings: self.settings }
    }

    fn link(&self) -> Link<'_, T> {
        let filtering = Filtering::Transposed(self.settings);
        Link::Filter(Filter { filtering, weight: &self.weight, bias: self.bias.as_ref() })
    }
}

/// Y = X W + b with the weight `[inputs, outputs]` of a [`Linear`] that goes the other way.
///
/// ```
/// use gradus::prelude::*;
/// let encoder = Linear::<f32>::new(8, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let decoder = TiedLinear::new(&encoder);
/// assert_eq!(decoder.weight.id(), encoder.weight.id()); // one parameter, trained once
/// let code = Var::constant(Tensor::zeros([3, 2]));
/// assert_eq!(decoder.forward(&code, &mut Ctx::eval())?.shape(), [3, 8]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct TiedLinear<T: Real = f32> {
    /// The other layer's weight, `[inputs, outputs]` of this one.
    pub weight: Param<T>,
    /// `[outputs]`.
    pub bias: Param<T>,
}

impl<T: Real> TiedLinear<T> {
    /// The way back through `linear`, with its weight. The bias is new, and zero.
    pub fn new(linear: &Linear<T>) -> Self {
        let outputs = linear.weight.get().shape()[1];
        Self { weight: linear.weight.clone(), bias: Param::new(Tensor::zeros([outputs])) }
    }
}

impl<T: Real> Module<T> for TiedLinear<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.matmul(&cx.param(&self.weight))?.add(&cx.param(&self.bias))
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        walk.param("bias", &self.bias);
    }

    fn kind(&self) -> Kind {
        Kind::TiedLinear
    }
}
