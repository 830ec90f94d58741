//! Layers of samples of any shape: fully connected ones, normalization, dropout, codes and noise.

use super::describe::{Describe, Range, WIDE, flat, product, size};
use crate::error::{Error, Result};
use crate::nn::{self, Init, Module};
use crate::rng::Rng;
use crate::shape::{MAX_RANK, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Numbers from 0 to below 1 end here.
const BELOW_1: f64 = 0.999_999;

/// A fully connected layer; what comes as images is flattened before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of outputs; 0 stands for as many as the loss wants: one for each class, or one for yes and no.
    pub units: usize,
    /// How the weights are drawn.
    #[serde(default)]
    pub init: Init,
}

impl Describe for Linear {
    fn ranges(&self) -> Vec<Range> {
        size("units", self.units, 0.0, WIDE)
    }

    fn sizes(&self, input: &[usize], outputs: usize) -> Result<(Vec<usize>, usize)> {
        let units = if self.units == 0 { outputs } else { self.units };
        Ok((vec![units], product(&[flat("linear", input)?, units]).saturating_add(units)))
    }

    fn module(&self, input: &[usize], outputs: usize, rng: &mut Rng) -> Result<Box<dyn Module>> {
        let units = if self.units == 0 { outputs } else { self.units };
        Ok(Box::new(nn::Linear::new(flat("linear", input)?, units, self.init, rng)))
    }
}

/// Other axes for a sample's elements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unflatten {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their sizes.
    pub shape: Vec<usize>,
}

impl Describe for Unflatten {
    fn ranges(&self) -> Vec<Range> {
        self.shape.iter().map(|&n| ("shape", n as f64, 1.0, WIDE)).collect()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        if product(&self.shape) == product(input) {
            return Ok((self.shape.clone(), 0));
        }
        Err(Error::shape("unflatten", format!("of {input:?} to {:?}: other numbers", self.shape)))
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module>> {
        if self.shape.is_empty() || self.shape.len() >= MAX_RANK {
            let message = format!("takes 1 to {} sizes; found {:?}", MAX_RANK - 1, self.shape);
            return Err(Error::shape("unflatten", message));
        }
        Ok(Box::new(nn::Unflatten(Shape::new(&self.shape))))
    }
}

/// Dropout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Probability with which an element becomes zero.
    pub p: f64,
}

impl Describe for Dropout {
    fn ranges(&self) -> Vec<Range> {
        vec![("p", self.p, 0.0, BELOW_1)]
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module>> {
        Ok(Box::new(nn::Dropout(self.p)))
    }
}

/// Batch normalization.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchNorm {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Share of a new batch in the running mean and variance.
    #[serde(default = "norm_momentum")]
    pub momentum: f64,
    /// Added to the variance.
    #[serde(default = "norm_eps")]
    pub eps: f64,
}

fn norm_momentum() -> f64 {
    0.1
}

fn norm_eps() -> f64 {
    1e-5
}

impl Describe for BatchNorm {
    fn ranges(&self) -> Vec<Range> {
        vec![("momentum", self.momentum, 0.0, 1.0), ("eps", self.eps, 1e-12, 1.0)]
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        Ok((input.to_vec(), product(&[2, input.first().copied().unwrap_or(1)])))
    }

    fn module(&self, input: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module>> {
        let norm = nn::BatchNorm::new(input.first().copied().unwrap_or(1));
        Ok(Box::new(nn::BatchNorm { eps: self.eps, momentum: self.momentum, ..norm }))
    }
}

/// Normalization of each sample by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LayerNorm {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many of the last axes are normalized together; 0 stands for all.
    #[serde(default)]
    pub axes: usize,
    /// Added to the variance.
    #[serde(default = "norm_eps")]
    pub eps: f64,
}

impl Describe for LayerNorm {
    fn ranges(&self) -> Vec<Range> {
        [size("axes", self.axes, 0.0, MAX_RANK as f64), vec![("eps", self.eps, 1e-12, 1.0)]].concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let axes = if self.axes == 0 { input.len() } else { self.axes.min(input.len()) };
        Ok((input.to_vec(), product(&[2, product(&input[input.len() - axes..])])))
    }

    fn module(&self, input: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module>> {
        let axes = if self.axes == 0 { input.len() } else { self.axes };
        let first = input.len().checked_sub(axes).ok_or_else(|| {
            Error::shape("layer_norm", format!("normalizes {axes} axes, but a sample has {}", input.len()))
        })?;
        Ok(Box::new(nn::LayerNorm { eps: self.eps, ..nn::LayerNorm::new(&input[first..]) }))
    }
}

/// The code of a variational autoencoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianLatent {
    /// Its name in paths and files; by default `latent` and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Numbers in a code.
    pub units: usize,
    /// Weight of the divergence from the standard normal distribution.
    #[serde(default = "full_beta")]
    pub beta: f64,
    /// Training steps over which that weight grows from 0.
    #[serde(default)]
    pub warmup: u64,
    /// How the weights are drawn.
    #[serde(default)]
    pub init: Init,
}

fn full_beta() -> f64 {
    1.0
}

impl Describe for GaussianLatent {
    fn ranges(&self) -> Vec<Range> {
        [size("units", self.units, 1.0, WIDE), vec![("beta", self.beta, 0.0, 1e6)]].concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let each = product(&[flat("gaussian_latent", input)?, self.units]).saturating_add(self.units);
        Ok((vec![self.units], product(&[2, each])))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module>> {
        let inputs = flat("gaussian_latent", input)?;
        let code = nn::GaussianLatent::new(inputs, self.units, self.beta, self.init, rng);
        Ok(Box::new(nn::GaussianLatent { warmup: self.warmup, ..code }))
    }
}

/// Normal noise, in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// Its name in paths and files; by default `noise` and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Standard deviation.
    pub std: f64,
}

impl Describe for GaussianNoise {
    fn ranges(&self) -> Vec<Range> {
        vec![("std", self.std, 0.0, 1e6)]
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module>> {
        Ok(Box::new(nn::GaussianNoise(self.std)))
    }
}
