//! t-SNE: an embedding in two or three dimensions in which neighbours stay neighbours (van der Maaten & Hinton 2008).
//!
//! High-dimensional samples become probabilities: p_ij is large where i and j are close, measured with a Gaussian whose
//! width adapts to the local density until each sample has about `perplexity` neighbours ([`affinity`]). Points of the
//! embedding become probabilities too, with a heavy-tailed Student kernel, q_ij = w_ij / Z, w_ij = 1 / (1 + |y_i -
//! y_j|²). Gradient descent moves the points until Q looks like P, as measured by KL(P‖Q) = Σ p_ij ln(p_ij / q_ij):
//!
//! ```text
//! dKL/dy_i = 4 Σ_j (p_ij - q_ij) w_ij (y_i - y_j) = 4 (attraction_i - repulsion_i / Z)
//! attraction_i = Σ_j p_ij w_ij (y_i - y_j)      repulsion_i = Σ_j w_ij² (y_i - y_j)      Z = Σ_{i≠j} w_ij
//! ```
//!
//! Attraction pulls along p_ij, which is tiny except among neighbours; repulsion pushes every pair apart. [`exact`]
//! computes all n² pairs. The others keep 3·perplexity neighbours: [`barnes_hut`] replaces far groups by
//! cells of the [`tree`], [`fft`] computes repulsion as the gradient of a potential, which it finds on a mesh.
//!
//! The tricks are the classic ones: P is exaggerated at first so that clusters form before they spread; momentum 0.5,
//! later 0.8; every coordinate has its own gain (Jacobs 1988). The start is the PCA of the samples scaled to a standard
//! deviation of 1e-4: a random start loses the global arrangement (Kobak & Berens 2019).
//!
//! An embedding may have three dimensions instead of two; the formulas are the same. (scikit-learn then takes another
//! kernel, Student's with two degrees of freedom; here it is always one, as in the paper.) All pairs only: the tree
//! and the mesh are those of a plane.
//!
//! How to read the embedding: near means similar. The distance between clusters and the size of clusters carry no
//! scale.

pub mod affinity;
pub mod barnes_hut;
pub mod exact;
pub mod fft;
mod forces;
pub mod tree;

pub use forces::Forces;

use super::pca::Pca;
use super::samples;
use crate::error::{Error, Result};
use crate::real::Real;
use crate::rng::Rng;
use affinity::Affinity;
use ndarray::{Array2, ArrayView2, CowArray, Ix2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Samples up to which [`Method::Auto`] computes all pairs; the most that it takes for three dimensions.
pub const EXACT_UP_TO: usize = 3000;

/// The spread of the first coordinate at the start.
const START_DEVIATION: f64 = 1e-4;

/// How repulsion is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// `Exact` up to [`EXACT_UP_TO`] samples, then `Fft`; in three dimensions `Exact`, and no more samples than that.
    #[default]
    Auto,
    /// All pairs: O(n²) a step.
    Exact,
    /// Neighbours and a quadtree: O(n log n) a step (van der Maaten 2014).
    BarnesHut,
    /// Neighbours and a mesh: O(n) a step, and a Fourier transform (Linderman et al. 2019).
    Fft,
}

impl Method {
    /// Returns the name: `"auto"`, `"exact"`, `"barnes_hut"` or `"fft"`.
    pub fn name(self) -> &'static str {
        match self {
            Method::Auto => "auto",
            Method::Exact => "exact",
            Method::BarnesHut => "barnes_hut",
            Method::Fft => "fft",
        }
    }
}

/// Where the points start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// The first principal components, scaled to a standard deviation of 1e-4.
    #[default]
    Pca,
    /// Normal variates with standard deviation 1e-4.
    Random,
}

/// The settings of t-SNE, with scikit-learn's names and defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Tsne {
    /// Dimensions of the embedding: 2, or 3 (by all pairs only).
    pub n_components: usize,
    /// Effective number of neighbours, above 1 and at most (n - 1) / 3.
    pub perplexity: f64,
    /// Factor on P during the first `exaggeration_iter` iterations.
    pub early_exaggeration: f64,
    /// Step size; `None` is max(n / exaggeration / 4, 50), with the exaggeration of the moment: early_exaggeration,
    /// later 1.
    ///
    /// That is n / exaggeration of Belkina et al. (2019), divided by 4 because our gradient, like scikit-learn's,
    /// contains the factor 4 that the original program omits.
    pub learning_rate: Option<f64>,
    /// Iterations in all.
    pub n_iter: usize,
    /// Iterations with exaggeration and low momentum.
    pub exaggeration_iter: usize,
    /// Barnes-Hut's accuracy: a cell stands for its points if width / distance < theta. 0 is exact.
    pub theta: f64,
    /// How repulsion is computed.
    pub method: Method,
    /// Where the points start.
    pub init: Init,
}

impl Default for Tsne {
    fn default() -> Self {
        Self {
            n_components: 2,
            perplexity: 30.0,
            early_exaggeration: 12.0,
            learning_rate: None,
            n_iter: 1000,
            exaggeration_iter: 250,
            theta: 0.5,
            method: Method::Auto,
            init: Init::Pca,
        }
    }
}

/// A finished embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding<T> {
    /// n x `n_components`.
    pub embedding: Array2<T>,
    /// KL(P‖Q) of the embedding, with exact Q whatever the method.
    pub kl: f64,
    /// The method used: never `Auto`.
    pub method: Method,
    /// Iterations made.
    pub iterations: usize,
}

/// The embedding after an iteration, as a hook receives it.
pub struct Frame<'a, T> {
    /// Iterations made, from 1.
    pub iteration: usize,
    /// n x `n_components`.
    pub embedding: ArrayView2<'a, T>,
    affinity: &'a Affinity<T>,
}

impl<T: Real> Frame<'_, T> {
    /// Computes KL(P‖Q) of this frame (P without exaggeration). Computed on request: it costs about as much as a
    /// step.
    pub fn kl(&self) -> f64 {
        self.affinity.kl_divergence(self.embedding)
    }
}

impl Tsne {
    /// Returns the largest perplexity up to `most` that `n` samples allow: min(most, (n - 1) / 3).
    pub fn perplexity_for(n: usize, most: f64) -> f64 {
        most.min(n.saturating_sub(1) as f64 / 3.0)
    }

    /// Returns the embedding of the rows of `x` (n x d), n at least 5.
    pub fn fit<T: Real>(&self, x: ArrayView2<'_, T>, seed: u64) -> Result<Embedding<T>> {
        self.fit_with(x, seed, |_| ())
    }

    /// Returns the same, calling `hook` after each iteration.
    pub fn fit_with<T: Real>(
        &self,
        x: ArrayView2<'_, T>,
        seed: u64,
        hook: impl FnMut(&Frame<'_, T>),
    ) -> Result<Embedding<T>> {
        let x = samples("tsne", x)?;
        let n = x.nrows();
        self.check(n)?;
        let method = match self.method {
            Method::Auto if n <= EXACT_UP_TO || self.n_components == 3 => Method::Exact,
            Method::Auto => Method::Fft,
            chosen => chosen,
        };
        let affinity = match method {
            Method::BarnesHut | Method::Fft => Affinity::sparse(x.view(), self.perplexity),
            _ => Affinity::dense(x.view(), self.perplexity),
        };
        let start = self.start(&x, seed)?;
        let embedding = match (self.n_components, method) {
            (3, _) => self.descend(start, &affinity, |y, out| exact::forces(&affinity, y, T::tsne_pairs_3d, out), hook),
            (_, Method::BarnesHut) => {
                let forces = |y: &[T], out: &mut Forces<T>| barnes_hut::forces(&affinity, y, self.theta, out);
                self.descend(start, &affinity, forces, hook)
            }
            (_, Method::Fft) => {
                let mut field = fft::Field::default();
                let forces = |y: &[T], out: &mut Forces<T>| fft::forces(&affinity, y, &mut field, out);
                self.descend(start, &affinity, forces, hook)
            }
            _ => self.descend(start, &affinity, |y, out| exact::forces(&affinity, y, T::tsne_pairs_2d, out), hook),
        }?;
        let kl = affinity.kl_divergence(embedding.view());
        Ok(Embedding { embedding, kl, method, iterations: self.n_iter })
    }

    /// Returns all iterations from the points `start`, with the forces of some method.
    fn descend<T: Real, const D: usize>(
        &self,
        start: Vec<T>,
        affinity: &Affinity<T>,
        mut forces: impl FnMut(&[T], &mut Forces<T, D>),
        mut hook: impl FnMut(&Frame<'_, T>),
    ) -> Result<Array2<T>> {
        let n = start.len() / D;
        let (mut descent, mut found) = (Descent::<T, D>::new(start), Forces::new(n));
        for iteration in 1..=self.n_iter {
            let early = iteration <= self.exaggeration_iter;
            forces(&descent.y, &mut found);
            let exaggeration = if early { self.early_exaggeration } else { 1.0 };
            let rate = self.learning_rate.unwrap_or_else(|| (n as f64 / exaggeration / 4.0).max(50.0));
            descent.step(&found, exaggeration, rate, if early { 0.5 } else { 0.8 });
            hook(&Frame { iteration, embedding: descent.view(), affinity });
        }
        if let Some(at) = descent.y.iter().position(|v| !v.is_finite()) {
            let rate_given = self.learning_rate.map_or("automatic".to_owned(), |r| r.to_string());
            return Err(Error::invalid(format!(
                "tsne: point {} left the embedding; the learning rate ({rate_given}) is too high for these samples",
                at / D
            )));
        }
        Ok(descent.view().to_owned())
    }

    fn check(&self, n: usize) -> Result<()> {
        let limit = n.saturating_sub(1) as f64 / 3.0;
        let wrong = if limit <= 1.0 {
            format!("{n} samples are too few for an embedding; at least 5 are needed")
        } else if !(self.perplexity > 1.0 && self.perplexity <= limit) {
            format!(
                "perplexity is {}; with {n} samples it must be above 1 and at most (n - 1) / 3 = {limit:.4}",
                self.perplexity
            )
        } else if !(self.early_exaggeration >= 1.0 && self.early_exaggeration.is_finite()) {
            format!("early_exaggeration is {}; it must be at least 1", self.early_exaggeration)
        } else if self.learning_rate.is_some_and(|r| !(r > 0.0 && r.is_finite())) {
            format!("learning_rate is {}; it must be positive", self.learning_rate.unwrap_or(0.0))
        } else if !(self.theta >= 0.0 && self.theta <= 1.0) {
            format!("theta is {}; it must be from 0 to 1", self.theta)
        } else if ![2, 3].contains(&self.n_components) {
            format!("n_components is {}; an embedding has 2 or 3 dimensions", self.n_components)
        } else if self.n_components == 3 && matches!(self.method, Method::BarnesHut | Method::Fft) {
            let method = self.method.name();
            format!("method {method} is for two dimensions; choose exact for three, or n_components 2")
        } else if self.n_components == 3 && self.method == Method::Auto && n > EXACT_UP_TO {
            format!(
                "three dimensions take all pairs of the {n} samples in memory; give at most {EXACT_UP_TO} samples, or \
                 ask for method exact"
            )
        } else {
            return Ok(());
        };
        Err(Error::invalid(format!("tsne: {wrong}")))
    }

    /// Returns the starting points, the coordinates of each in turn. Where PCA has no variance to offer (one feature,
    /// samples on a line), normal variates stand in: points on a line would never leave it.
    fn start<T: Real>(&self, x: &CowArray<'_, T, Ix2>, seed: u64) -> Result<Vec<T>> {
        let (n, dims) = (x.nrows(), self.n_components);
        let mut rng = Rng::new(seed, "tsne", 0);
        let mut y: Vec<T> = (0..dims * n).map(|_| T::from_f64(START_DEVIATION * rng.normal())).collect();
        if self.init == Init::Random {
            return Ok(y);
        }
        let axes = x.ncols().min(dims);
        let pca = Pca::fit(x.view(), axes)?;
        let scores = pca.transform(x.view())?;
        let deviation = (pca.explained_variance[0] * (n - 1) as f64 / n as f64).sqrt();
        for axis in 0..axes {
            if pca.explained_variance[axis] > 1e-9 * pca.explained_variance[0] {
                let scale = T::from_f64(START_DEVIATION / deviation);
                (0..n).for_each(|i| y[dims * i + axis] = scores[[i, axis]] * scale);
            }
        }
        Ok(y)
    }
}

/// Gradient descent with momentum and gains.
struct Descent<T, const D: usize> {
    y: Vec<T>,
    velocity: Vec<T>,
    gains: Vec<T>,
}

impl<T: Real, const D: usize> Descent<T, D> {
    fn new(y: Vec<T>) -> Self {
        Self { velocity: vec![T::ZERO; y.len()], gains: vec![T::ONE; y.len()], y }
    }

    fn view(&self) -> ArrayView2<'_, T> {
        ArrayView2::from_shape((self.y.len() / D, D), &self.y).expect("tsne: D coordinates a point")
    }

    fn step(&mut self, forces: &Forces<T, D>, exaggeration: f64, rate: f64, momentum: f64) {
        let (exaggeration, per_z) = (T::from_f64(exaggeration), T::from_f64(1.0 / forces.z));
        let (rate, momentum, four) = (T::from_f64(rate), T::from_f64(momentum), T::from_f64(4.0));
        let (up, down, least) = (T::from_f64(0.2), T::from_f64(0.8), T::from_f64(0.01));
        for (i, row) in forces.rows.iter().enumerate() {
            for axis in 0..D {
                let (pull, push) = (exaggeration * row.attraction[axis], row.repulsion[axis] * per_z);
                let (k, gradient) = (D * i + axis, four * (pull - push));
                // The velocity points downhill: a gradient of the other sign means that the descent continues in its
                // direction.
                let onward = (gradient > T::ZERO) != (self.velocity[k] > T::ZERO);
                let gain = if onward { self.gains[k] + up } else { self.gains[k] * down };
                self.gains[k] = gain.max(least);
                self.velocity[k] = momentum * self.velocity[k] - rate * self.gains[k] * gradient;
                self.y[k] += self.velocity[k];
            }
        }
        self.center();
    }

    /// Moves the centroid to the origin: the gradient is blind to it, and digits are best around zero.
    fn center(&mut self) {
        let n = (self.y.len() / D) as f64;
        for axis in 0..D {
            let mean = self.y.iter().skip(axis).step_by(D).map(|v| v.to_f64()).sum::<f64>() / n;
            self.y.iter_mut().skip(axis).step_by(D).for_each(|v| *v -= T::from_f64(mean));
        }
    }
}
