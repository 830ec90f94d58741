//! The ops of variational autoencoders (Kingma and Welling, *Auto-encoding variational Bayes*, 2014): latent samples
//! through which gradients pass (the reparametrization trick), and the KL divergence of the latent distribution.
//!
//! The encoder gives a normal distribution for each sample, of mean m and variance v = eˡ, l being the logarithm that a
//! linear layer can give unbounded. The evidence lower bound to be maximized is
//!
//! ```text
//! ELBO = E[log p(x|z)] - KL(N(m, v) ‖ N(0, 1)),     z drawn from N(m, v).
//! ```
//!
//! Drawing has no derivative, but z = m + e^(l/2) ε with ε drawn from N(0, 1) beforehand has the same distribution,
//! and is a plain function of m and l: the *reparametrization*. The divergence needs no drawing at all.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::ops::scalar::exp_m1;
use crate::real::Real;
use crate::rng::Rng;
use crate::shape::Shape;
use crate::tensor::Tensor;
use gradus_kernels::math::{self, Pointwise};

/// Both inputs must have one shape.
fn same(op: &'static str, mean: &[usize], log_var: &[usize]) -> Result<Shape> {
    if mean != log_var || mean.is_empty() {
        let what =
            format!("expects means and logarithms of variances of one shape [N, ..]; found {mean:?} and {log_var:?}");
        return Err(Error::shape(op, what));
    }
    Ok(Shape::new(mean))
}

/// Draws independent standard normals, a function of the first number of `rng` and of the element's place (Salmon et
/// al. 2011), so that they are the same on any number of threads. Unlike [`Tensor::randn`], made for every step of a
/// training.
pub fn standard_normals<T: Real>(shape: impl Into<Shape>, mut rng: Rng) -> Tensor<T> {
    let key = rng.bits();
    Tensor::build(shape, |out| T::normals(key, out))
}

/// z = m + e^(l/2) ε; dm = g, dl = g e^(l/2) ε / 2.
///
/// ```
/// use gradus::prelude::*;
///
/// let tape = Tape::new();
/// let (mean, log_var) = (tape.leaf(Tensor::full([1, 1], 3.0)), tape.leaf(Tensor::zeros([1, 1])));
/// let z = mean.reparametrize(&log_var, &Tensor::full([1, 1], -0.5))?; // 3 + 1 · (-0.5)
/// assert_eq!(z.value().item(), 2.5);
/// assert_eq!(tape.backward(&z)?.of(&mean)?.unwrap().item(), 1.0); // drawn, and yet it has a gradient
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reparametrize<T: Real> {
    /// ε, drawn from N(0, 1), of the means' shape.
    pub noise: Tensor<T>,
}

impl<T: Real> Op<T, 2> for Reparametrize<T> {
    const NAME: &'static str = "reparametrize";
    /// e^(l/2) ε.
    type Saved = Tensor<T>;

    fn shape(&self, [mean, log_var]: [&[usize]; 2]) -> Result<Shape> {
        let shape = same("reparametrize", mean, log_var)?;
        if self.noise.shape() != mean {
            let what = format!("expects noise of the means' shape {mean:?}; found {:?}", self.noise.shape());
            return Err(Error::shape("reparametrize", what));
        }
        Ok(shape)
    }

    fn forward(&self, [mean, log_var]: [&Tensor<T>; 2], out: Shape) -> (Tensor<T>, Self::Saved) {
        let half = T::from_f64(0.5);
        let away = Tensor::build(out, |away| {
            math::zip_map(log_var.data(), self.noise.data(), away, |l, noise| (half * l).exp() * noise);
        });
        let z = Tensor::build(out, |z| math::zip_map(mean.data(), away.data(), z, |m, away| m + away));
        (z, away)
    }

    fn backward(&self, away: &Self::Saved, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let half = T::from_f64(0.5);
        let d_log_var = |out: &mut [T]| math::zip_map(g.data(), away.data(), out, |g, away| half * g * away);
        [Some(g.clone()), need[1].then(|| Tensor::build(g.shape_owned(), d_log_var))]
    }
}

/// The Kullback-Leibler divergence of N(m, eˡ) from N(0, 1), summed over the elements of a sample, the mean over the N
/// samples of the batch:
///
/// ```text
/// KL = -1/(2N) Σ (1 + l - m² - eˡ),    dm = m/N,    dl = (eˡ - 1)/(2N)
/// ```
///
/// A unit with m = 0 and l = 0 has no divergence, and carries no information on the sample. No term is negative,
/// and none loses its digits to a difference: for |l| < 1, eˡ - 1 - l is summed as the series l²/2! + l³/3! + ...
///
/// ```
/// use gradus::prelude::*;
/// // Of N(1, 1) to N(0, 1): half of the squared mean, for each sample.
/// let (mean, log_var) = (Var::constant(Tensor::full([3, 1], 1.0)), Var::constant(Tensor::zeros([3, 1])));
/// assert_eq!(mean.kl_normal(&log_var)?.value().item(), 0.5);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KlNormal;

impl KlNormal {
    /// Returns each element's term, -(1 + l - m² - eˡ)/2: `[N, ..]`.
    pub fn of_elements<T: Real>(mean: &Tensor<T>, log_var: &Tensor<T>) -> Tensor<T> {
        Tensor::build(mean.shape_owned(), |out| math::apply([mean.data(), log_var.data()], out, &Cost))
    }
}

/// The term of one element, from m and l.
struct Cost;
impl<T: Real> Pointwise<T, 2> for Cost {
    #[inline(always)]
    fn at(&self, [m, l]: [T; 2]) -> T {
        // l²/2 (1 + l/3 (1 + l/4 (1 + ...))): the omitted rest is below 1/21!.
        let series = (3..=20).rev().fold(T::ONE, |rest, k| T::ONE + rest * l / T::from_usize(k)) * l * l;
        let half = T::from_f64(0.5);
        let bend = if l.abs() < T::ONE { half * series } else { l.exp() - T::ONE - l };
        half * (m * m + bend)
    }
}

impl<T: Real> Op<T, 2> for KlNormal {
    const NAME: &'static str = "kl_normal";
    type Saved = [Tensor<T>; 2];

    fn shape(&self, [mean, log_var]: [&[usize]; 2]) -> Result<Shape> {
        let shape = same("kl_normal", mean, log_var)?;
        if shape[0] == 0 {
            return Err(Error::shape("kl_normal", "of an empty batch has no mean"));
        }
        Ok(Shape::from([]))
    }

    fn forward(&self, [mean, log_var]: [&Tensor<T>; 2], _: Shape) -> (Tensor<T>, Self::Saved) {
        let cost = T::sum(Self::of_elements(mean, log_var).data());
        (Tensor::scalar(cost / T::from_usize(mean.shape()[0])), [mean.clone(), log_var.clone()])
    }

    fn backward(&self, [mean, log_var]: &Self::Saved, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let scale = g.item() / T::from_usize(mean.shape()[0]);
        let half = T::from_f64(0.5) * scale;
        [need[0].then(|| mean.map(|m| scale * m)), need[1].then(|| log_var.map(|l| half * exp_m1(l)))]
    }
}

/// Latent normal distributions.
impl<T: Real> Var<T> {
    /// Computes z = mean + e^(log_var/2) noise, where this is the mean. See [`Reparametrize`].
    pub fn reparametrize(&self, log_var: &Self, noise: &Tensor<T>) -> Result<Self> {
        apply(Reparametrize { noise: noise.clone() }, [self, log_var])
    }
    /// Computes KL(N(mean, e^log_var) ‖ N(0, 1)), where this is the mean. See [`KlNormal`].
    pub fn kl_normal(&self, log_var: &Self) -> Result<Self> {
        apply(KlNormal, [self, log_var])
    }
}
