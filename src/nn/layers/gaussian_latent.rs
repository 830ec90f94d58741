//! The code of a variational autoencoder.

use super::linear::Linear;
use super::settings::{Example, Range, Settings, WIDE, flat, product, size};
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::init::Init;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::walk::Walk;
use crate::ops::latent::standard_normals;
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The code of a variational autoencoder, `[N, inputs]` to `[N, units]` (Kingma and Welling 2014): two linear layers give
/// the mean and the logarithm of the variance of each sample's distribution, and the output is
///
/// * in training, z = mean + e^(log_var/2) ε with ε drawn anew for each step;
/// * in evaluation, z = mean, unless it [draws](Ctx::eval_drawing).
///
/// Each pass adds a loss of its own, `kl`: [`kl_normal`](Var::kl_normal) with the weight beta, see [`Ctx::losses`]. With
/// beta = 1 and the reconstruction's error summed over a sample's elements, the whole is -ELBO; Higgins et al. (2017)
/// choose beta freely. Early in training, when the decoder makes nothing of the code yet, the divergence can push numbers of the
/// code into the prior, where they stay; so beta may grow from 0 to its value over the first steps (Bowman et al. 2016,
/// Sønderby et al. 2016). Mean and log_var themselves are captured under their names (`latent.mean`).
///
/// ```
/// use gradus::prelude::*;
/// let latent = GaussianLatent::new(16, 2, 1.0, Init::XavierUniform, &mut Rng::new(1, "init", 0));
/// let mut cx = Ctx::eval();
/// let code = latent.forward(&Var::constant(Tensor::<f32>::zeros([3, 16])), &mut cx)?;
/// assert_eq!(code.shape(), [3, 2]);
/// assert_eq!(cx.losses()[0].path, "kl"); // what the pass adds to the objective
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct GaussianLatent<T: Real = f32> {
    /// Gives the means.
    pub mean: Linear<T>,
    /// Gives the logarithms of the variances.
    pub log_var: Linear<T>,
    /// The weight of the divergence.
    pub beta: f64,
    /// Training steps over which the weight grows evenly up to beta; 0: it is beta from the first.
    pub warmup: u64,
}

impl<T: Real> GaussianLatent<T> {
    /// A code of `units` numbers, the layers' weights drawn by `init`; without warm-up.
    pub fn new(inputs: usize, units: usize, beta: f64, init: Init, rng: &mut Rng) -> Self {
        let mean = Linear::new(inputs, units, init, rng);
        Self { mean, log_var: Linear::new(inputs, units, init, rng), beta, warmup: 0 }
    }
}

impl<T: Real> Module<T> for GaussianLatent<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let mean = cx.call("mean", &self.mean, x)?;
        let log_var = cx.call("log_var", &self.log_var, x)?;
        let weight = match cx.step() {
            Some(step) if step < self.warmup => step as f64 / self.warmup as f64,
            _ => 1.0,
        };
        cx.add_loss("kl", mean.kl_normal(&log_var)?, weight * self.beta);
        match cx.draws() {
            Some(rng) => mean.reparametrize(&log_var, &standard_normals(mean.value().shape_owned(), rng)),
            None => Ok(mean),
        }
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.child("mean", &self.mean);
        walk.child("log_var", &self.log_var);
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}

/// The settings of the code of a variational autoencoder in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GaussianLatentSettings {
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

impl<T: Real> Settings<T> for GaussianLatentSettings {
    fn ranges(&self) -> Vec<Range> {
        [size("units", self.units, 1.0, WIDE), vec![("beta", self.beta, 0.0, 1e6)]].concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let each = product(&[flat("gaussian_latent", input)?, self.units]).saturating_add(self.units);
        Ok((vec![self.units], product(&[2, each])))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let inputs = flat("gaussian_latent", input)?;
        let code = GaussianLatent::new(inputs, self.units, self.beta, self.init, rng);
        Ok(Box::new(GaussianLatent { warmup: self.warmup, ..code }))
    }

    fn examples() -> Vec<Example> {
        let about = "one fixed draw";
        vec![Example { about, ..Example::new(json!({ "units": 2 }), &[3, 4]) }]
    }
}
