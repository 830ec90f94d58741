//! The layers of an experiment's network, as its file names them, and how they become a model.
//!
//! A layer says what it makes, never what it gets: the sizes of its inputs follow from the layer before. So the layers
//! are built in order, each shape worked out on the way, and a layer that does not fit is refused with the arithmetic.

mod outline;
mod settings;

use super::room::check_weights;
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::{self, Activation, Ctx, Module, Sequential};
use crate::ops;
use crate::rng::Rng;
use crate::shape::{MAX_RANK, Shape};
use crate::tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use outline::{Outline, outline};
pub use settings::*;

/// One layer of the file: its type, and what that type wants to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Layer {
    /// A fully connected layer.
    Linear(Linear),
    /// A convolution.
    #[serde(rename = "conv2d")]
    Conv2d(Conv2d),
    /// Max-pooling.
    #[serde(rename = "max_pool2d")]
    MaxPool2d(Pool),
    /// Average-pooling.
    #[serde(rename = "avg_pool2d")]
    AvgPool2d(Pool),
    /// `[C, H, W]` to `[C · H · W]`.
    Flatten(Plain),
    /// Zeroes elements at random in training.
    Dropout(Dropout),
    /// max(x, 0).
    Relu(Plain),
    /// x, or 0.01 x where negative.
    LeakyRelu(Plain),
    /// tanh x.
    Tanh(Plain),
    /// 1/(1 + e⁻ˣ).
    Sigmoid(Plain),
    /// x Φ(x).
    Gelu(Plain),
    /// x, or eˣ - 1 where negative.
    Elu(Plain),
    /// ln(1 + eˣ).
    Softplus(Plain),
    /// Probabilities of the classes.
    Softmax(Plain),
    /// Their logarithms: what the loss `nll` takes.
    LogSoftmax(Plain),
    /// The mean of each plane, `[C, H, W]` to `[C]`.
    #[serde(rename = "global_avg_pool2d")]
    GlobalAvgPool2d(Plain),
    /// `[D]` to other axes.
    Unflatten(Unflatten),
    /// Batch normalization of the channels of images, or of the elements of flat samples.
    BatchNorm(BatchNorm),
    /// A transposed convolution: the way back of a convolution, to larger images.
    #[serde(rename = "conv_transpose2d")]
    ConvTranspose2d(ConvTranspose2d),
    /// Larger images without weights.
    #[serde(rename = "upsample2d")]
    Upsample2d(Upsample2d),
    /// Normalization of each sample by itself.
    LayerNorm(LayerNorm),
    /// The code of a variational autoencoder.
    GaussianLatent(GaussianLatent),
    /// Normal noise, in training.
    GaussianNoise(GaussianNoise),
}

/// The names of the types, as the file writes them.
pub const TYPES: [&str; 23] = [
    "linear",
    "conv2d",
    "max_pool2d",
    "avg_pool2d",
    "flatten",
    "dropout",
    "relu",
    "leaky_relu",
    "tanh",
    "sigmoid",
    "gelu",
    "elu",
    "softplus",
    "softmax",
    "log_softmax",
    "global_avg_pool2d",
    "unflatten",
    "batch_norm",
    "conv_transpose2d",
    "upsample2d",
    "layer_norm",
    "gaussian_latent",
    "gaussian_noise",
];

impl Layer {
    /// The type, as the file writes it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Layer::Linear(_) => "linear",
            Layer::Conv2d(_) => "conv2d",
            Layer::MaxPool2d(_) => "max_pool2d",
            Layer::AvgPool2d(_) => "avg_pool2d",
            Layer::Flatten(_) => "flatten",
            Layer::Dropout(_) => "dropout",
            Layer::Relu(_) => "relu",
            Layer::LeakyRelu(_) => "leaky_relu",
            Layer::Tanh(_) => "tanh",
            Layer::Sigmoid(_) => "sigmoid",
            Layer::Gelu(_) => "gelu",
            Layer::Elu(_) => "elu",
            Layer::Softplus(_) => "softplus",
            Layer::Softmax(_) => "softmax",
            Layer::LogSoftmax(_) => "log_softmax",
            Layer::GlobalAvgPool2d(_) => "global_avg_pool2d",
            Layer::Unflatten(_) => "unflatten",
            Layer::BatchNorm(_) => "batch_norm",
            Layer::ConvTranspose2d(_) => "conv_transpose2d",
            Layer::Upsample2d(_) => "upsample2d",
            Layer::LayerNorm(_) => "layer_norm",
            Layer::GaussianLatent(_) => "gaussian_latent",
            Layer::GaussianNoise(_) => "gaussian_noise",
        }
    }

    /// The name that the file gives it.
    pub fn name(&self) -> Option<&str> {
        match self {
            Layer::Linear(l) => l.name.as_deref(),
            Layer::Conv2d(l) => l.name.as_deref(),
            Layer::MaxPool2d(l) | Layer::AvgPool2d(l) => l.name.as_deref(),
            Layer::Dropout(l) => l.name.as_deref(),
            Layer::Flatten(l)
            | Layer::Relu(l)
            | Layer::LeakyRelu(l)
            | Layer::Tanh(l)
            | Layer::Sigmoid(l)
            | Layer::Gelu(l)
            | Layer::Elu(l)
            | Layer::Softplus(l)
            | Layer::Softmax(l)
            | Layer::LogSoftmax(l)
            | Layer::GlobalAvgPool2d(l) => l.name.as_deref(),
            Layer::BatchNorm(l) => l.name.as_deref(),
            Layer::Unflatten(l) => l.name.as_deref(),
            Layer::ConvTranspose2d(l) => l.name.as_deref(),
            Layer::Upsample2d(l) => l.name.as_deref(),
            Layer::LayerNorm(l) => l.name.as_deref(),
            Layer::GaussianLatent(l) => l.name.as_deref(),
            Layer::GaussianNoise(l) => l.name.as_deref(),
        }
    }

    /// What a layer is called that has no name: its type without dimensions and a number.
    fn stem(&self) -> &'static str {
        match self {
            Layer::Conv2d(_) => "conv",
            Layer::MaxPool2d(_) | Layer::AvgPool2d(_) | Layer::GlobalAvgPool2d(_) => "pool",
            Layer::BatchNorm(_) | Layer::LayerNorm(_) => "norm",
            Layer::ConvTranspose2d(_) => "deconv",
            Layer::Upsample2d(_) => "upsample",
            Layer::GaussianLatent(_) => "latent",
            Layer::GaussianNoise(_) => "noise",
            other => other.type_name(),
        }
    }

    /// The module, for inputs of shape `input` (without the batch axis).
    fn module(&self, input: &[usize], outputs: usize, rng: &mut Rng) -> Result<Box<dyn Module>> {
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
        })
    }

    /// The layer's numbers that have a range: key, value, least, most.
    fn ranges(&self) -> Vec<Range> {
        const WIDE: f64 = (1 << 20) as f64;
        const BELOW_1: f64 = 0.999_999;
        let size = |key, n: usize, least: f64, most: f64| vec![(key, n as f64, least, most)];
        let sides = |key, sides: Sides, least: f64, most: f64| {
            sides.get().into_iter().map(|n| (key, n as f64, least, most)).collect::<Vec<Range>>()
        };
        match self {
            Layer::Linear(l) => size("units", l.units, 0.0, WIDE),
            Layer::Conv2d(l) => {
                let padding = match l.padding {
                    Zeros::Count(zeros) => sides("padding", zeros, 0.0, 1024.0),
                    Zeros::Word(_) => Vec::new(),
                };
                [
                    size("filters", l.filters, 1.0, 65_536.0),
                    sides("kernel", l.kernel, 1.0, 1024.0),
                    sides("stride", l.stride, 1.0, 1024.0),
                    sides("dilation", l.dilation, 1.0, 1024.0),
                    size("groups", l.groups, 1.0, 65_536.0),
                    padding,
                ]
                .concat()
            }
            Layer::ConvTranspose2d(l) => [
                size("filters", l.filters, 1.0, 65_536.0),
                sides("kernel", l.kernel, 1.0, 1024.0),
                sides("stride", l.stride, 1.0, 1024.0),
                sides("padding", l.padding, 0.0, 1024.0),
                sides("output_padding", l.output_padding, 0.0, 1024.0),
                sides("dilation", l.dilation, 1.0, 1024.0),
                size("groups", l.groups, 1.0, 65_536.0),
            ]
            .concat(),
            Layer::MaxPool2d(l) | Layer::AvgPool2d(l) => [
                sides("kernel", l.kernel, 1.0, 1024.0),
                l.stride.map_or(Vec::new(), |stride| sides("stride", stride, 1.0, 1024.0)),
                sides("padding", l.padding, 0.0, 1024.0),
            ]
            .concat(),
            Layer::Upsample2d(l) => sides("scale", l.scale, 1.0, 64.0),
            Layer::Unflatten(l) => l.shape.iter().map(|&n| ("shape", n as f64, 1.0, WIDE)).collect(),
            Layer::Dropout(l) => vec![("p", l.p, 0.0, BELOW_1)],
            Layer::BatchNorm(l) => vec![("momentum", l.momentum, 0.0, 1.0), ("eps", l.eps, 1e-12, 1.0)],
            Layer::LayerNorm(l) => {
                [size("axes", l.axes, 0.0, MAX_RANK as f64), vec![("eps", l.eps, 1e-12, 1.0)]].concat()
            }
            Layer::GaussianLatent(l) => [size("units", l.units, 1.0, WIDE), vec![("beta", l.beta, 0.0, 1e6)]].concat(),
            Layer::GaussianNoise(l) => vec![("std", l.std, 0.0, 1e6)],
            Layer::Flatten(_)
            | Layer::Relu(_)
            | Layer::LeakyRelu(_)
            | Layer::Tanh(_)
            | Layer::Sigmoid(_)
            | Layer::Gelu(_)
            | Layer::Elu(_)
            | Layer::Softplus(_)
            | Layer::Softmax(_)
            | Layer::LogSoftmax(_)
            | Layer::GlobalAvgPool2d(_) => Vec::new(),
        }
    }
}

/// A number of a layer: key, value, least, most.
type Range = (&'static str, f64, f64, f64);

/// The length of flat samples.
fn flat(layer: &'static str, input: &[usize]) -> Result<usize> {
    let message = || format!("wants flat samples [D]; got {input:?}. Put a `flatten` before it");
    <[usize; 1]>::try_from(input).map(|[inputs]| inputs).map_err(|_| Error::shape(layer, message()))
}

/// The channels of images.
fn channels(layer: &'static str, input: &[usize]) -> Result<usize> {
    input.first().copied().ok_or_else(|| Error::shape(layer, format!("wants images [C, H, W]; got {input:?}")))
}

/// The name of each layer: its own, or its type and the number among those of that type: `conv1`, `relu1`, `conv2`.
pub fn names(layers: &[Layer]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let number = 1 + layers[..i].iter().filter(|before| before.stem() == layer.stem()).count();
        names.push(layer.name().map_or_else(|| format!("{}{number}", layer.stem()), str::to_owned));
    }
    names
}

/// Checks what can be said of the layers without the samples: names and the ranges of numbers.
pub fn check(layers: &[Layer]) -> Result<()> {
    if layers.is_empty() {
        return Err(Error::config("model.layer", "is empty", "give at least one layer, such as a `linear`"));
    }
    let names = names(layers);
    for (i, (layer, name)) in layers.iter().zip(&names).enumerate() {
        let place = |key: &str| format!("model.layer.{}.{key}", i + 1);
        if names[..i].contains(name) || name.is_empty() || name.contains(['.', '/']) {
            let help = "give each layer a name of its own, without dots and slashes";
            let what = if names[..i].contains(name) { "is the name of another layer" } else { "is no name" };
            return Err(Error::config(place("name"), format!("`{name}` {what}"), help));
        }
        for (key, value, least, most) in layer.ranges() {
            Error::in_range(&place(key), value, least, most)?;
        }
    }
    Ok(())
}

/// Builds the network for samples of shape `input` (without the batch axis); `outputs` stand for units = 0. The error's
/// place is `model.layer`, the number of the layer (from 1) and what is wrong with it.
pub fn build(layers: &[Layer], input: &[usize], outputs: usize, seed: u64) -> Result<Sequential> {
    check(layers)?;
    let mut net = Sequential::new();
    let mut rng = Rng::new(seed, "model.init", 0);
    let (mut shape, mut parameters) = (input.to_vec(), 0usize);
    for (i, (layer, name)) in layers.iter().zip(names(layers)).enumerate() {
        let place = format!("model.layer.{}", i + 1);
        let refuse = |error: Error| {
            let what = format!("{name} ({}): {error}", layer.type_name());
            Error::config(&place, what, format!("the layer before gives {shape:?} for each sample"))
        };
        if let Ok((_, own)) = layer.sizes(&shape, outputs) {
            check_weights(&place, &format!("{name} ({})", layer.type_name()), own, parameters)?;
            parameters = parameters.saturating_add(own);
        }
        let module = layer.module(&shape, outputs, &mut rng).map_err(refuse)?;
        let sample = Var::constant(Tensor::zeros(&[&[1], &shape[..]].concat()[..]));
        let y = module.forward(&sample, &mut Ctx::eval()).map_err(refuse)?;
        shape = y.shape()[1..].to_vec();
        net.push(name, module);
    }
    Ok(net)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::count_parameters;

    fn layers(text: &str) -> Vec<Layer> {
        #[derive(Deserialize)]
        struct File {
            layer: Vec<Layer>,
        }
        toml::from_str::<File>(text).unwrap().layer
    }

    #[test]
    fn the_small_network_of_the_course_has_7465_parameters() {
        let text = r#"
            layer = [
                { type = "conv2d", filters = 9, kernel = 5, padding = "same" }, { type = "relu" }, { type = "max_pool2d" },
                { type = "conv2d", filters = 9, kernel = 5, padding = "same" }, { type = "relu" }, { type = "max_pool2d" },
                { type = "conv2d", filters = 16, kernel = 3, padding = "same" }, { type = "relu" }, { type = "max_pool2d" },
                { type = "flatten" }, { type = "linear", units = 25 }, { type = "relu" }, { type = "linear", units = 0 },
            ]"#;
        let layers = layers(text);
        let net = build(&layers, &[1, 28, 28], 10, 1).unwrap();
        assert_eq!(count_parameters(&net), 7465);
        assert_eq!(names(&layers)[3], "conv2");
        assert_eq!(names(&layers)[12], "linear2");
    }

    #[test]
    fn an_autoencoder_comes_back_to_the_size_it_started_from() {
        let text = r#"
            layer = [
                { type = "gaussian_noise", std = 0.1 },
                { type = "conv2d", filters = 8, kernel = 3, stride = 2, padding = 2 }, { type = "relu" },
                { type = "conv2d", filters = 16, kernel = 3, stride = 2, padding = 1 }, { type = "layer_norm" },
                { type = "conv2d", filters = 32, kernel = 3, stride = 2 }, { type = "flatten" },
                { type = "gaussian_latent", units = 14, beta = 0.5 },
                { type = "linear", units = 288 }, { type = "unflatten", shape = [32, 3, 3] },
                { type = "conv_transpose2d", filters = 16, kernel = 3, stride = 2 },
                { type = "upsample2d", mode = "bilinear" },
                { type = "conv_transpose2d", filters = 1, kernel = 3, stride = 2, padding = 1, output_padding = 1 },
            ]"#;
        let layers = layers(text);
        let net = build(&layers, &[1, 28, 28], 10, 1).unwrap();
        let y = net.forward(&Var::constant(Tensor::zeros([2, 1, 28, 28])), &mut Ctx::eval()).unwrap();
        assert_eq!(y.shape(), [2, 1, 28, 28]);
        let named = names(&layers);
        let wanted = ["noise1", "norm1", "latent1", "deconv1", "upsample1", "deconv2"];
        assert!(wanted.iter().all(|name| named.iter().any(|n| n == name)), "{named:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_arithmetic() {
        let refusal = |text: &str| build(&layers(text), &[1, 4, 4], 10, 1).err().expect("refused").to_string();
        let big = refusal(r#"layer = [{ type = "relu" }, { type = "conv2d", filters = 2, kernel = 5 }]"#);
        assert!(big.contains("model.layer.2") && big.contains("5x5") && big.contains("4x4"), "{big}");
        let flat = refusal(r#"layer = [{ type = "linear", units = 2 }]"#);
        assert!(flat.contains("flatten"), "{flat}");
        let twice = refusal(r#"layer = [{ type = "relu", name = "a" }, { type = "relu", name = "a" }]"#);
        assert!(twice.contains("model.layer.2.name"), "{twice}");
        assert!(refusal(r#"layer = [{ type = "dropout", p = 1.5 }]"#).contains("model.layer.1.p"));
        assert!(refusal(r#"layer = [{ type = "gaussian_noise", std = -1.0 }]"#).contains("model.layer.1.std"));
        assert!(refusal(r#"layer = [{ type = "gaussian_latent", units = 2 }]"#).contains("flatten"));
        assert!(refusal(r#"layer = [{ type = "layer_norm", axes = 4 }]"#).contains("4 axes"));
        let more = refusal(r#"layer = [{ type = "conv_transpose2d", filters = 1, kernel = 3, output_padding = 1 }]"#);
        assert!(more.contains("less than the stride"), "{more}");
    }
}
