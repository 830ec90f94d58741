//! Layers with nothing to say but their name.

use super::describe::{Describe, product};
use crate::error::Result;
use crate::nn::{self, Activation, Module};
use crate::rng::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes the settings and the description of a layer from one row: its module, and how the shape changes if it does.
macro_rules! plain {
    ($($(#[$about:meta])* $name:ident => $module:expr $(, |$input:ident| $output:expr)?;)*) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Its name in paths and files; by default the type and a number.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub name: Option<String>,
        }

        impl Describe for $name {
            $(fn sizes(&self, $input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
                Ok(($output, 0))
            })?

            fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module>> {
                Ok(Box::new($module))
            }
        }
    )*};
}

plain! {
    /// `[C, H, W]` to `[C · H · W]`.
    Flatten => nn::Flatten, |input| vec![product(input)];
    /// max(x, 0).
    Relu => Activation::Relu;
    /// x, or 0.01 x where negative.
    LeakyRelu => Activation::LeakyRelu;
    /// tanh x.
    Tanh => Activation::Tanh;
    /// 1/(1 + e⁻ˣ).
    Sigmoid => Activation::Sigmoid;
    /// x Φ(x).
    Gelu => Activation::Gelu;
    /// x, or eˣ - 1 where negative.
    Elu => Activation::Elu;
    /// ln(1 + eˣ).
    Softplus => Activation::Softplus;
    /// Probabilities of the classes.
    Softmax => nn::Softmax;
    /// Their logarithms: what the loss `nll` takes.
    LogSoftmax => nn::LogSoftmax;
    /// The mean of each plane, `[C, H, W]` to `[C]`.
    GlobalAvgPool2d => nn::GlobalAvgPool2d, |input| input[..1.min(input.len())].to_vec();
}
