//! From a layer of the file to the module that computes it.

use super::layer::Layer;
use super::sizes::{channels, flat};
use crate::error::{Error, Result};
use crate::nn::{self, Activation, Module};
use crate::ops;
use crate::rng::Rng;
use crate::shape::{MAX_RANK, Shape};

impl Layer {
    /// The module of a layer that holds no others, for inputs of shape `input` (without the batch axis).
    pub(super) fn module(&self, input: &[usize], outputs: usize, rng: &mut Rng) -> Result<Box<dyn Module>> {
        Ok(match self {
            Layer::Linear(l) => {
                let units = if l.units == 0 { outputs } else { l.units };
                Box::new(nn::Linear::new(flat("linear", input)?, units, l.init, rng))
            }
            Layer::Conv2d(l) => {
                let channels = channels("conv2d", input)?;
                let settings = ops::Conv2d {
                    stride: l.stride.get(),
                    padding: l.padding.padding(),
                    dilation: l.dilation.get(),
                    groups: l.groups,
                };
                let conv = nn::Conv2d::new(channels, l.filters, l.kernel.get(), settings, l.init, rng);
                if l.bias { Box::new(conv) } else { Box::new(conv.without_bias()) }
            }
            Layer::MaxPool2d(l) => Box::new(nn::MaxPool2d(l.window())),
            Layer::AvgPool2d(l) => Box::new(nn::AvgPool2d(l.window())),
            Layer::Flatten(_) => Box::new(nn::Flatten),
            Layer::Dropout(l) => Box::new(nn::Dropout(l.p)),
            Layer::Relu(_) => Box::new(Activation::Relu),
            Layer::LeakyRelu(_) => Box::new(Activation::LeakyRelu),
            Layer::Tanh(_) => Box::new(Activation::Tanh),
            Layer::Sigmoid(_) => Box::new(Activation::Sigmoid),
            Layer::Gelu(_) => Box::new(Activation::Gelu),
            Layer::Elu(_) => Box::new(Activation::Elu),
            Layer::Softplus(_) => Box::new(Activation::Softplus),
            Layer::Softmax(_) => Box::new(nn::Softmax),
            Layer::LogSoftmax(_) => Box::new(nn::LogSoftmax),
            Layer::GlobalAvgPool2d(_) => Box::new(nn::GlobalAvgPool2d),
            Layer::BatchNorm(l) => {
                let channels = input.first().copied().unwrap_or(1);
                Box::new(nn::BatchNorm { eps: l.eps, momentum: l.momentum, ..nn::BatchNorm::new(channels) })
            }
            Layer::Unflatten(l) => {
                if l.shape.is_empty() || l.shape.len() >= MAX_RANK {
                    let message = format!("takes 1 to {} sizes; got {:?}", MAX_RANK - 1, l.shape);
                    return Err(Error::shape("unflatten", message));
                }
                Box::new(nn::Unflatten(Shape::new(&l.shape)))
            }
            Layer::ConvTranspose2d(l) => {
                let channels = channels("conv_transpose2d", input)?;
                let settings = ops::ConvTranspose2d {
                    stride: l.stride.get(),
                    padding: l.padding.get(),
                    output_padding: l.output_padding.get(),
                    dilation: l.dilation.get(),
                    groups: l.groups,
                };
                let conv = nn::ConvTranspose2d::new(channels, l.filters, l.kernel.get(), settings, l.init, rng);
                if l.bias { Box::new(conv) } else { Box::new(conv.without_bias()) }
            }
            Layer::Upsample2d(l) => Box::new(nn::Upsample(ops::Upsample { scale: l.scale.get(), mode: l.mode })),
            Layer::LayerNorm(l) => {
                let axes = if l.axes == 0 { input.len() } else { l.axes };
                let first = input.len().checked_sub(axes).ok_or_else(|| {
                    Error::shape("layer_norm", format!("normalizes {axes} axes, but a sample has {}", input.len()))
                })?;
                Box::new(nn::LayerNorm { eps: l.eps, ..nn::LayerNorm::new(&input[first..]) })
            }
            Layer::GaussianLatent(l) => {
                let inputs = flat("gaussian_latent", input)?;
                let code = nn::GaussianLatent::new(inputs, l.units, l.beta, l.init, rng);
                Box::new(nn::GaussianLatent { warmup: l.warmup, ..code })
            }
            Layer::GaussianNoise(l) => Box::new(nn::GaussianNoise(l.std)),
            Layer::Residual(_) | Layer::Parallel(_) | Layer::Sequence(_) | Layer::Repeat(_) => {
                unreachable!("is built of the modules of its layers")
            }
        })
    }
}
