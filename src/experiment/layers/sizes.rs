//! The shape rule and the number of parameters of each type of layer: arithmetic alone, no tensors.

use super::layer::Layer;
use crate::autograd::Op;
use crate::error::{Error, Result};
use crate::nn::Join;
use crate::ops;

/// The length of flat samples.
pub(super) fn flat(layer: &'static str, input: &[usize]) -> Result<usize> {
    let message = || format!("wants flat samples [D]; got {input:?}. Put a `flatten` before it");
    <[usize; 1]>::try_from(input).map(|[inputs]| inputs).map_err(|_| Error::shape(layer, message()))
}

/// The channels of pictures.
pub(super) fn channels(layer: &'static str, input: &[usize]) -> Result<usize> {
    input.first().copied().ok_or_else(|| Error::shape(layer, format!("wants pictures [C, H, W]; got {input:?}")))
}

/// A product that stays at the largest number.
fn product(numbers: &[usize]) -> usize {
    numbers.iter().fold(1, |product, &n| product.saturating_mul(n))
}

impl Layer {
    /// The shape of the output for one sample of shape `input`, and the number of parameters, of a layer that holds no
    /// others.
    pub(super) fn sizes(&self, input: &[usize], outputs: usize) -> Result<(Vec<usize>, usize)> {
        let batch = [&[1], input].concat();
        let flat = |layer| flat(layer, input);
        Ok(match self {
            Layer::Linear(l) => {
                let units = if l.units == 0 { outputs } else { l.units };
                (vec![units], product(&[flat("linear")?, units]).saturating_add(units))
            }
            Layer::Conv2d(l) => {
                let settings = ops::Conv2d {
                    stride: l.stride.get(),
                    padding: l.padding.padding(),
                    dilation: l.dilation.get(),
                    groups: l.groups,
                };
                let [h, w] = l.kernel.get();
                let filters = [l.filters, channels("conv2d", input)? / l.groups.max(1), h, w];
                let output = <ops::Conv2d as Op<f32, 2>>::shape(&settings, [&batch, &filters])?;
                (output[1..].to_vec(), product(&filters).saturating_add(if l.bias { l.filters } else { 0 }))
            }
            Layer::ConvTranspose2d(l) => {
                let settings = ops::ConvTranspose2d {
                    stride: l.stride.get(),
                    padding: l.padding.get(),
                    output_padding: l.output_padding.get(),
                    dilation: l.dilation.get(),
                    groups: l.groups,
                };
                let [h, w] = l.kernel.get();
                let filters = [channels("conv_transpose2d", input)?, l.filters / l.groups.max(1), h, w];
                let output = <ops::ConvTranspose2d as Op<f32, 2>>::shape(&settings, [&batch, &filters])?;
                (output[1..].to_vec(), product(&filters).saturating_add(if l.bias { l.filters } else { 0 }))
            }
            Layer::MaxPool2d(l) | Layer::AvgPool2d(l) => {
                let output = <ops::pool::MaxPool2d as Op<f32, 1>>::shape(&ops::pool::MaxPool2d(l.window()), [&batch])?;
                (output[1..].to_vec(), 0)
            }
            Layer::Upsample2d(l) => {
                let settings = ops::Upsample { scale: l.scale.get(), mode: l.mode };
                (<ops::Upsample as Op<f32, 1>>::shape(&settings, [&batch])?[1..].to_vec(), 0)
            }
            Layer::GlobalAvgPool2d(_) => (input[..1.min(input.len())].to_vec(), 0),
            Layer::Flatten(_) => (vec![product(input)], 0),
            Layer::Unflatten(l) if product(&l.shape) == product(input) => (l.shape.clone(), 0),
            Layer::Unflatten(l) => {
                return Err(Error::shape("unflatten", format!("of {input:?} to {:?}: other numbers", l.shape)));
            }
            Layer::BatchNorm(_) => (input.to_vec(), product(&[2, input.first().copied().unwrap_or(1)])),
            Layer::LayerNorm(l) => {
                let axes = if l.axes == 0 { input.len() } else { l.axes.min(input.len()) };
                (input.to_vec(), product(&[2, product(&input[input.len() - axes..])]))
            }
            Layer::GaussianLatent(l) => {
                (vec![l.units], product(&[2, product(&[flat("gaussian_latent")?, l.units]).saturating_add(l.units)]))
            }
            Layer::Dropout(_)
            | Layer::Relu(_)
            | Layer::LeakyRelu(_)
            | Layer::Tanh(_)
            | Layer::Sigmoid(_)
            | Layer::Gelu(_)
            | Layer::Elu(_)
            | Layer::Softplus(_)
            | Layer::Softmax(_)
            | Layer::LogSoftmax(_)
            | Layer::GaussianNoise(_) => (input.to_vec(), 0),
            Layer::Residual(_) | Layer::Parallel(_) | Layer::Sequence(_) | Layer::Repeat(_) => {
                unreachable!("has the sizes of its layers")
            }
        })
    }
}

/// The shape of one sample where branches of these shapes meet.
pub(super) fn joined(join: Join, branches: &[Vec<usize>]) -> Result<Vec<usize>> {
    let batches: Vec<Vec<usize>> = branches.iter().map(|shape| [&[1], &shape[..]].concat()).collect();
    let shape = join.shape(&batches.iter().map(|shape| &shape[..]).collect::<Vec<_>>())?;
    Ok(shape[1..].to_vec())
}
