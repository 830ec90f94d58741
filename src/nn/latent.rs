//! Layers that work with normal distributions: the code of a variational autoencoder, and noise on the input of a
//! denoising one.

use super::context::Ctx;
use super::init::Init;
use super::kind::Kind;
use super::layers::Linear;
use super::module::Module;
use super::walk::Walk;
use crate::autograd::Var;
use crate::error::Result;
use crate::ops::latent::standard_normals;
use crate::real::Real;
use crate::rng::Rng;

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
        let share = match cx.step() {
            Some(step) if step < self.warmup => step as f64 / self.warmup as f64,
            _ => 1.0,
        };
        cx.add_loss("kl", mean.kl_normal(&log_var)?, share * self.beta);
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
        Kind::GaussianLatent
    }
}

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
        Kind::GaussianNoise(self.0)
    }
}
