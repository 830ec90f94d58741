//! The layers, a file for each or for a tight family, with all that is to be said of it side by side: the module, its
//! [`Kind`](super::Kind), its ONNX operators, its settings in experiment files and its examples for the gradient check.
//!
//! Adding a layer touches its file and this one, which declares that file and has the layer's row in the [`table`]. From
//! there experiment files and gradient checks know it; summaries and exports ask the layer itself. (The row does not
//! declare the file too, because `cargo fmt` passes over files that a macro declares.)

mod activation;
mod attention;
mod batch_norm;
mod class_token;
mod conv2d;
mod conv_transpose2d;
mod dropout;
mod flatten;
mod gaussian_latent;
mod gaussian_noise;
mod gelu_tanh;
mod layer_norm;
mod linear;
mod patch_embedding;
mod pool;
mod position;
pub mod settings;
mod silu;
mod sizes;
mod softmax;
mod squeeze_excitation;
mod standardize;
mod transformer;
mod upsample;
mod whitening;
mod zero_pad_shortcut;

pub use activation::{ActivationFunction, Pointwise};
pub use attention::{Attention, AttentionSettings};
pub use batch_norm::{BatchNorm, BatchNorm1d, BatchNorm2d, BatchNormSettings};
pub use class_token::{ClassToken, ClassTokenSettings, Pooling, TokenPool, TokenPoolSettings};
pub use conv_transpose2d::{ConvTranspose2d, ConvTranspose2dSettings};
pub use conv2d::{Conv2d, Conv2dSettings};
pub use dropout::{Dropout, DropoutSettings};
pub use flatten::{Flatten, Unflatten, UnflattenSettings};
pub use gaussian_latent::{GaussianLatent, GaussianLatentSettings};
pub use gaussian_noise::{GaussianNoise, GaussianNoiseSettings};
pub use gelu_tanh::GeluTanh;
pub use layer_norm::{LayerNorm, LayerNormSettings};
pub(super) use linear::each_vector;
pub use linear::{Linear, LinearSettings, TiedLinear};
pub use patch_embedding::{PatchEmbedding, PatchEmbeddingSettings};
pub use pool::{AvgPool2d, GlobalAvgPool2d, MaxPool2d, PoolSettings};
pub use position::{Position, PositionKind, PositionSettings};
pub use silu::Silu;
pub use softmax::{LogSoftmax, Softmax};
pub use squeeze_excitation::{SqueezeExcitation, SqueezeExcitationSettings};
pub use standardize::Standardize;
pub use transformer::{BlockActivation, BlockSettings, NormPlace, TransformerBlock};
pub use upsample::{Upsample, UpsampleSettings};
pub use whitening::{Whitening, WhiteningSettings};
pub use zero_pad_shortcut::{ZeroPadShortcut, ZeroPadShortcutSettings};

use super::context::Ctx;
use super::kind::Kind;
use super::link::Link;
use super::module::Module;
use super::onnx::Node;
use super::walk::Walk;
use crate::autograd::Var;
use crate::error::Result;
use crate::real::Real;
use crate::{nn, ops};
use serde::de::DeserializeOwned;
use settings::{Example, Plain, PlainSettings, Settings};

/// The table of the layers: gives its rows to the macro `$use`. A row of a layer has the name of its type here, its
/// settings, its name in files, and the stem of the names of layers that a file does not name; a row of an activation
/// function has its name here, its op, and its name in files.
macro_rules! table {
    ($use:ident) => {
        $use! {
            layers {
                /// A fully connected layer.
                Linear(nn::LinearSettings), "linear", "linear";
                /// A convolution.
                Conv2d(nn::Conv2dSettings), "conv2d", "conv";
                /// Max-pooling.
                MaxPool2d(nn::PoolSettings<true>), "max_pool2d", "pool";
                /// Average-pooling.
                AvgPool2d(nn::PoolSettings<false>), "avg_pool2d", "pool";
                /// `[C, H, W]` to `[C · H · W]`.
                Flatten(nn::settings::PlainSettings<nn::Flatten>), "flatten", "flatten";
                /// Zeroes elements at random in training.
                Dropout(nn::DropoutSettings), "dropout", "dropout";
                /// Probabilities of the classes.
                Softmax(nn::settings::PlainSettings<nn::Softmax>), "softmax", "softmax";
                /// Their logarithms: what the loss `nll` takes.
                LogSoftmax(nn::settings::PlainSettings<nn::LogSoftmax>), "log_softmax", "log_softmax";
                /// The mean of each plane, `[C, H, W]` to `[C]`.
                GlobalAvgPool2d(nn::settings::PlainSettings<nn::GlobalAvgPool2d>), "global_avg_pool2d", "pool";
                /// `[D]` to other axes.
                Unflatten(nn::UnflattenSettings), "unflatten", "unflatten";
                /// Batch normalization of the channels of images, or of the elements of flat samples.
                BatchNorm(nn::BatchNormSettings), "batch_norm", "norm";
                /// A transposed convolution: from the output of a convolution to an image of the size of its input.
                ConvTranspose2d(nn::ConvTranspose2dSettings), "conv_transpose2d", "deconv";
                /// Larger images without weights.
                Upsample(nn::UpsampleSettings), "upsample2d", "upsample";
                /// Normalization of each sample by itself.
                LayerNorm(nn::LayerNormSettings), "layer_norm", "norm";
                /// The code of a variational autoencoder.
                GaussianLatent(nn::GaussianLatentSettings), "gaussian_latent", "latent";
                /// Normal noise, in training.
                GaussianNoise(nn::GaussianNoiseSettings), "gaussian_noise", "noise";
                /// Whitening of the patches of images, computed from training images: a first layer.
                Whitening(nn::WhiteningSettings), "whitening", "whitening";
                /// The shortcut of a residual block without weights: fewer pixels, and zeros for the new channels.
                ZeroPadShortcut(nn::ZeroPadShortcutSettings), "zero_pad_shortcut", "pad";
                /// A gate for each channel, from the means of all channels.
                SqueezeExcitation(nn::SqueezeExcitationSettings), "squeeze_excitation", "gate";
                /// Patches of an image as tokens: `[C, H, W]` to `[L, D]`.
                PatchEmbedding(nn::PatchEmbeddingSettings), "patch_embedding", "patch";
                /// A learned token in front of the others.
                ClassToken(nn::ClassTokenSettings), "class_token", "token";
                /// Adds where each token is.
                Position(nn::PositionSettings), "position", "position";
                /// Multi-head self-attention between tokens.
                Attention(nn::AttentionSettings), "attention", "attn";
                /// A block of a transformer: attention, then a small network for each token.
                TransformerBlock(nn::BlockSettings), "transformer", "block";
                /// One vector of all tokens: the first token, or their mean.
                TokenPool(nn::TokenPoolSettings), "token_pool", "pool";
            }
            activations {
                /// max(x, 0).
                Relu(ops::scalar::Relu), "relu";
                /// x, or 0.01 x where negative.
                LeakyRelu(ops::scalar::LeakyRelu), "leaky_relu";
                /// tanh x.
                Tanh(ops::scalar::Tanh), "tanh";
                /// 1/(1 + e⁻ˣ).
                Sigmoid(ops::scalar::Sigmoid), "sigmoid";
                /// x Φ(x).
                Gelu(ops::scalar::Gelu), "gelu";
                /// x, or eˣ - 1 where negative.
                Elu(ops::scalar::Elu), "elu";
                /// ln(1 + eˣ).
                Softplus(ops::scalar::Softplus), "softplus";
                /// x/(1 + e⁻ˣ).
                Silu(nn::Silu), "silu";
                /// x (1 + tanh(√(2/π) (x + 0.044715 x³)))/2.
                GeluTanh(nn::GeluTanh), "gelu_tanh";
            }
        }
    };
}
#[cfg(feature = "program")]
pub(crate) use table;

/// Makes of the table what the engine needs: the activation functions by name, and the examples of all layers.
macro_rules! engine {
    (
        layers { $($(#[$about:meta])* $layer:ident($settings:ty), $type:literal, $stem:literal;)* }
        activations { $($(#[$formula:meta])* $function:ident($op:ty), $name:literal;)* }
    ) => {
        /// An elementwise nonlinearity, by name. See [`ops::scalar`].
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
        pub enum Activation {
            $($(#[$formula])* #[serde(rename = $name)] $function,)*
        }

        impl Activation {
            /// All of them.
            pub const ALL: &[Activation] = &[$(Activation::$function),*];

            /// Returns the name as in PyTorch's functions.
            pub fn name(self) -> &'static str {
                match self {
                    $(Activation::$function => $name,)*
                }
            }

            /// Returns the module that computes it.
            fn module<T: Real>(self) -> &'static dyn Module<T> {
                match self {
                    $(Activation::$function => &<Pointwise<$op> as Plain>::LAYER,)*
                }
            }
        }

        /// Returns the examples of all layers of the table.
        pub fn layer_examples() -> Vec<LayerExample> {
            let mut all = Vec::new();
            $(all.extend(examples::<$settings>($type, stringify!($layer)));)*
            $(all.extend(examples::<PlainSettings<Pointwise<$op>>>($name, concat!("Activation, ", $name)));)*
            all
        }
    };
}
table!(engine);

impl<T: Real> Module<T> for Activation {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        self.module().forward(x, cx)
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        self.module::<T>().kind()
    }

    fn onnx(&self, read: &[usize], output: &[usize]) -> Option<Vec<Node>> {
        self.module::<T>().onnx(read, output)
    }

    fn link(&self) -> Link<'_, T> {
        self.module().link()
    }
}

/// An example with the layer that it is of.
pub struct LayerExample {
    /// The layer's name in files.
    pub type_name: &'static str,
    /// The layer's type, a comma, and what is special about the example.
    pub name: String,
    /// The settings, the batch and whether there are kinks.
    pub example: Example,
    /// What makes the module.
    pub settings: Box<dyn Settings<f64>>,
}

/// The examples of the layer with these settings. Panics if a setting is not one of the layer's.
fn examples<S>(type_name: &'static str, layer: &'static str) -> impl Iterator<Item = LayerExample>
where
    S: Settings<f64> + DeserializeOwned + 'static,
{
    S::examples().into_iter().map(move |example| {
        let settings: S = serde_json::from_value(example.settings.clone()).expect("settings of this layer");
        let name = if example.about.is_empty() { layer.to_owned() } else { format!("{layer}, {}", example.about) };
        LayerExample { type_name, name, example, settings: Box::new(settings) }
    })
}
