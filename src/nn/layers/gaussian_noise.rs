//! Noise on the input of a denoising autoencoder.

use super::settings::{Example, Range, Settings};
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::onnx::Node;
use crate::nn::walk::Walk;
use crate::ops::latent::standard_normals;
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Adds noise from N(0, std²) in training and where an evaluation [draws](Ctx::eval_drawing): the input of a denoising autoencoder (Vincent et al. 2008).
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::<f32>::zeros([1, 4]));
/// assert_eq!(GaussianNoise(0.1).forward(&x, &mut Ctx::eval())?.value(), x.value());
/// let tape = Tape::new();
/// assert_ne!(GaussianNoise(0.1).forward(&x, &mut Ctx::train(&tape, 1, 1))?.value(), x.value());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GaussianNoise(pub f64);

impl<T: Real> Module<T> for GaussianNoise {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        match cx.draws() {
            Some(rng) if self.0 > 0.0 => {
                let noise = Var::constant(standard_normals(x.value().shape_owned(), rng));
                x.add(&noise.affine(self.0, 0.0)?)
            }
            _ => Ok(x.clone()),
        }
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        Kind::layer(format!("noise {}", self.0))
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(Vec::new())
    }
}

/// The settings of normal noise in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GaussianNoiseSettings {
    /// Its name in paths and files; by default `noise` and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Standard deviation.
    pub std: f64,
}

impl<T: Real> Settings<T> for GaussianNoiseSettings {
    fn ranges(&self) -> Vec<Range> {
        vec![("std", self.std, 0.0, 1e6)]
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        Ok(Box::new(GaussianNoise(self.std)))
    }

    fn examples() -> Vec<Example> {
        let about = "one fixed draw";
        vec![Example { about, ..Example::new(json!({ "std": 0.5 }), &[3, 4]) }]
    }
}
