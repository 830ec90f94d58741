//! The layers: thin modules over the ops of the same names.

use super::context::Ctx;
use super::init::Init;
use super::kind::Kind;
use super::link::{Filter, Link};
use super::module::Module;
use super::walk::Walk;
use crate::autograd::{Param, Var};
use crate::error::{Error, Result};
use crate::ops;
use crate::ops::Window;
use crate::ops::conv_chain::Filtering;
use crate::real::Real;
use crate::rng::Rng;
use crate::shape::Shape;

/// Computes y = W x + b for each vector x along the last axis, from `[.., inputs]` to `[.., outputs]`: `[N, inputs]`, or
/// `[N, L, inputs]` for sequences. The gradients of all vectors add up. See [`ops::matmul::Linear`].
///
/// ```
/// use gradus::prelude::*;
/// let layer = Linear::new(3, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let x = Var::constant(Tensor::<f32>::zeros([5, 3]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [5, 2]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Linear<T: Real = f32> {
    /// `[outputs, inputs]`.
    pub weight: Param<T>,
    /// `[outputs]`.
    pub bias: Param<T>,
}

impl<T: Real> Linear<T> {
    /// A layer with weights drawn by `init`.
    pub fn new(inputs: usize, outputs: usize, init: Init, rng: &mut Rng) -> Self {
        let weight = Param::new(init.weight(&[outputs, inputs], rng));
        Self { weight, bias: Param::new(init.bias(outputs, inputs, rng)) }
    }
}

impl<T: Real> Module<T> for Linear<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let (weight, bias) = (cx.param(&self.weight), cx.param(&self.bias));
        let (outputs, inputs) = (weight.shape()[0], weight.shape()[1]);
        let shape = x.value().shape_owned();
        match *shape {
            [_, _] => x.linear(&weight, &bias),
            [.., last] if last == inputs => {
                // As many rows as there are vectors, also where there are none.
                let rows = shape[..shape.len() - 1].iter().product::<usize>();
                let y = x.reshape([rows, inputs])?.linear(&weight, &bias)?;
                y.reshape(shape.with(shape.len() - 1, outputs))
            }
            _ => Err(Error::shape("linear", format!("expected [.., {inputs}]; found {shape:?}"))),
        }
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        walk.param("bias", &self.bias);
    }

    fn kind(&self) -> Kind {
        Kind::Linear
    }
}

/// Convolution from `[N, C, H, W]` to `[N, O, OH, OW]`. See [`ops::conv`].
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
        let kernel = [weight.shape()[2], weight.shape()[3]];
        Kind::Conv2d { kernel, settings: self.settings }
    }

    fn link(&self) -> Link<'_, T> {
        let filtering = Filtering::Conv(self.settings);
        Link::Filter(Filter { filtering, weight: &self.weight, bias: self.bias.as_ref() })
    }
}

/// Writes the module of a layer without parameters: its forward pass and its kind.
macro_rules! plain_layer {
    ($layer:ty, |$self:ident, $x:ident, $cx:ident| $forward:expr, $kind:expr $(, link: $link:expr)?) => {
        impl<T: Real> Module<T> for $layer {
            fn forward(&$self, $x: &Var<T>, $cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
                $forward
            }

            fn walk(&self, _: &mut Walk<'_, T>) {}

            fn kind(&$self) -> Kind {
                $kind
            }

            $(fn link(&$self) -> Link<'_, T> {
                $link
            })?
        }
    };
}

/// Max-pooling. See [`ops::pool::MaxPool2d`].
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
plain_layer!(
    MaxPool2d,
    |self, x, _cx| x.max_pool2d(self.0),
    Kind::MaxPool(self.0),
    link: Link::MaxPool2d(self.0)
);

/// Average-pooling. See [`ops::pool::AvgPool2d`].
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
plain_layer!(AvgPool2d, |self, x, _cx| x.avg_pool2d(self.0), Kind::AvgPool(self.0));

/// The mean of each plane, `[N, C, H, W]` to `[N, C]`. See [`ops::pool::GlobalAvgPool2d`].
///
/// ```
/// use gradus::prelude::*;
/// let layer = GlobalAvgPool2d;
/// let x = Var::constant(Tensor::<f32>::zeros([1, 8, 28, 28]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [1, 8]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GlobalAvgPool2d;
plain_layer!(GlobalAvgPool2d, |self, x, _cx| x.global_avg_pool2d(), Kind::GlobalAvgPool);

/// `[N, ..]` to `[N, product of the rest]`.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Flatten;
/// let x = Var::constant(Tensor::<f32>::zeros([2, 8, 7, 7]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [2, 392]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Flatten;
plain_layer!(Flatten, |self, x, _cx| x.flatten(), Kind::Flatten);

/// `[N, ..]` to `[N, sizes]`: each sample's elements under these sizes.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Unflatten([8, 7, 7].into());
/// let x = Var::constant(Tensor::<f32>::zeros([2, 392]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [2, 8, 7, 7]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Unflatten(pub Shape);
plain_layer!(Unflatten, |self, x, _cx| x.unflatten(&self.0), Kind::Unflatten(self.0));

/// Enlarges maps by whole factors. See [`ops::upsample`].
///
/// ```
/// use gradus::prelude::*;
/// let layer = Upsample(ops::Upsample { scale: [2, 2], mode: Interpolation::Bilinear });
/// let x = Var::constant(Tensor::<f32>::zeros([1, 8, 7, 7]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [1, 8, 14, 14]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Upsample(pub ops::Upsample);
plain_layer!(Upsample, |self, x, _cx| x.upsample(self.0.scale, self.0.mode), Kind::Upsample(self.0));

/// Probabilities of the classes, along axis 1. See [`ops::softmax::Softmax`]. To train with cross-entropy, leave it
/// out: the loss takes logits.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Softmax;
/// let x = Var::constant(Tensor::new(vec![1.0, 1.0, 1.0, 1.0], [1, 4])?);
/// let y = layer.forward(&x, &mut Ctx::eval())?;
/// assert_eq!(y.value().data(), [0.25; 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Softmax;
plain_layer!(Softmax, |self, x, _cx| x.softmax(1), Kind::Softmax { log: false });

/// Logarithms of the classes' probabilities, along axis 1: what the loss [`nll`](Var::nll) takes. See
/// [`ops::softmax::LogSoftmax`].
///
/// ```
/// use gradus::prelude::*;
/// let layer = LogSoftmax;
/// let x = Var::constant(Tensor::new(vec![1.0, 1.0], [1, 2])?);
/// let y = layer.forward(&x, &mut Ctx::eval())?;
/// assert_eq!(y.value().data(), [0.5f32.ln(); 2]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LogSoftmax;
plain_layer!(LogSoftmax, |self, x, _cx| x.log_softmax(1), Kind::Softmax { log: true });

/// Zeroes elements at random in training. See [`ops::dropout`].
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::<f32>::full([1, 8], 1.0));
/// assert_eq!(Dropout(0.5).forward(&x, &mut Ctx::eval())?.value(), x.value());
/// let tape = Tape::new();
/// let y = Dropout(0.5).forward(&x, &mut Ctx::train(&tape, 1, 1))?;
/// assert!(y.value().data().iter().all(|&y| y == 0.0 || y == 2.0));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout(pub f64);
plain_layer!(
    Dropout,
    |self, x, cx| match cx.random() {
        Some(rng) if self.0 > 0.0 => x.dropout(self.0, rng),
        _ => Ok(x.clone()),
    },
    Kind::Dropout(self.0)
);

/// An elementwise nonlinearity. See [`ops::scalar`].
///
/// ```
/// use gradus::prelude::*;
/// let layer = Activation::Relu;
/// let x = Var::constant(Tensor::new(vec![-1.0, 2.0], [1, 2])?);
/// let y = layer.forward(&x, &mut Ctx::eval())?;
/// assert_eq!(y.value().data(), [0.0, 2.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x, or 0.01 x where negative.
    LeakyRelu,
    /// tanh x.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
    /// x Φ(x).
    Gelu,
    /// x, or eˣ - 1 where negative.
    Elu,
    /// ln(1 + eˣ).
    Softplus,
}

impl Activation {
    /// The name as in PyTorch's functions.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::LeakyRelu => "leaky_relu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Gelu => "gelu",
            Activation::Elu => "elu",
            Activation::Softplus => "softplus",
        }
    }

    /// What the formula leaves open: the slope of leaky ReLU's negative side, the α of ELU. PyTorch's defaults.
    pub fn alpha(self) -> Option<f64> {
        match self {
            Activation::LeakyRelu => Some(0.01),
            Activation::Elu => Some(1.0),
            _ => None,
        }
    }
}
plain_layer!(
    Activation,
    |self, x, _cx| match self {
        Activation::Relu => x.relu(),
        Activation::LeakyRelu => x.leaky_relu(self.alpha().expect("it has one")),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => x.sigmoid(),
        Activation::Gelu => x.gelu(),
        Activation::Elu => x.elu(self.alpha().expect("it has one")),
        Activation::Softplus => x.softplus(),
    },
    Kind::Activation { name: self.name(), alpha: self.alpha() },
    link: if *self == Activation::Relu { Link::Relu } else { Link::Other }
);
