//! What a network would be, told without making it.
//!
//! Two layers of 65,536 filters have 39 billion weights. Whoever describes a network, or is about to make it, learns its
//! sizes here first: shapes and counts alone, no tensors.

use super::Layer;
use crate::autograd::Op;
use crate::error::{Error, Result};
use crate::ops;

/// A layer's sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// Its type, as the file writes it.
    pub kind: &'static str,
    /// The shape of its output for one sample.
    pub output: Vec<usize>,
    /// Its weights and biases; `usize::MAX` if they cannot be counted.
    pub parameters: usize,
}

/// The sizes of all layers, for samples of shape `input`; `outputs` stand for units = 0. Fails where a layer does not fit.
pub fn outline(layers: &[Layer], input: &[usize], outputs: usize) -> Result<Vec<Outline>> {
    let mut shape = input.to_vec();
    let each = layers.iter().zip(super::names(layers)).map(|(layer, name)| {
        let (output, parameters) = layer.sizes(&shape, outputs)?;
        shape.clone_from(&output);
        Ok(Outline { name, kind: layer.type_name(), output, parameters })
    });
    each.collect()
}

/// A product that stays at the largest number.
fn product(numbers: &[usize]) -> usize {
    numbers.iter().fold(1, |product, &n| product.saturating_mul(n))
}

impl Layer {
    /// The shape of the output for one sample of shape `input`, and the number of parameters.
    pub(super) fn sizes(&self, input: &[usize], outputs: usize) -> Result<(Vec<usize>, usize)> {
        let batch = [&[1], input].concat();
        let flat = |layer| super::flat(layer, input);
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
                let filters = [l.filters, super::channels("conv2d", input)? / l.groups.max(1), h, w];
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
                let filters = [super::channels("conv_transpose2d", input)?, l.filters / l.groups.max(1), h, w];
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
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::builtin::ALL;
    use crate::experiment::{Source, plan};

    /// What is told is what is made: for every network that comes with the program.
    #[test]
    fn the_outline_is_that_of_the_network() {
        let mut seen = 0;
        for known in ALL {
            let source = Source::text(known.text, known.name).unwrap();
            let variants = source.variants().unwrap();
            for source in if variants.is_empty() { vec![source] } else { variants } {
                let e = source.resolve().unwrap();
                let (input, classes) = (e.input().unwrap_or(vec![1, 32, 32]), e.classes().unwrap_or(2));
                let Ok((_, summary)) = plan(&e, &input, classes) else { continue };
                let outputs = e.train.loss.outputs(&input, classes).unwrap().iter().product();
                let told = outline(&e.model.layer, &input, outputs).unwrap();
                // A latent layer has two rows in the summary, one for each of its parts.
                let is_of = |path: &str, name: &str| path.split('.').next() == Some(name);
                for told in &told {
                    let made: Vec<_> = summary.rows.iter().filter(|row| is_of(&row.path, &told.name)).collect();
                    let last = made.last().unwrap_or_else(|| panic!("{}: no row {}", e.name, told.name));
                    assert_eq!(told.output, last.output, "{}: {}", e.name, told.name);
                    let parameters: usize = made.iter().map(|row| row.parameters).sum();
                    assert_eq!(told.parameters, parameters, "{}: {}", e.name, told.name);
                }
                assert!(summary.rows.iter().all(|row| told.iter().any(|told| is_of(&row.path, &told.name))));
                seen += 1;
            }
        }
        assert!(seen > 10, "{seen} networks");
    }

    #[test]
    fn a_network_that_nobody_could_hold_is_told() {
        #[derive(serde::Deserialize)]
        struct File {
            layer: Vec<Layer>,
        }
        let conv = r#"{ type = "conv2d", filters = 65536, kernel = 3 }"#;
        let file: File = toml::from_str(&format!("layer = [{conv}, {conv}]")).unwrap();
        let told = outline(&file.layer, &[1, 28, 28], 10).unwrap();
        assert_eq!(told[1].parameters, 65536 * 65536 * 9 + 65536);
        assert_eq!(told[1].output, [65536, 24, 24]);
    }
}
