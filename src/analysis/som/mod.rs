//! Self-organizing maps (Kohonen 1982): units on a grid that learn to lie where the samples are, neighbours on the grid
//! near each other.
//!
//! Each unit has a weight vector w_c in the space of the samples. The *best matching unit* b of a sample x is the one whose
//! weights are nearest to it. Training moves b towards x, and with it its neighbours on the grid, the less the farther
//! they are: h(c, b) is 1 at b and falls with the distance on the grid in units of a radius σ. The radius shrinks, so the map
//! first unfolds as a whole and then settles in detail. It is trained in one of two ways:
//!
//! ```text
//! online   for each sample in random order        w_c += α h(c, b) (x - w_c)
//! batch    once for all samples of an epoch       w_c  = Σ_i h(c, b_i) x_i / Σ_i h(c, b_i)
//! ```
//!
//! A batch epoch is K-means ([`super::kmeans`]) whose means are smoothed over the grid: the sums of the samples of each
//! unit come from the same kernel, and smoothing them is one matrix product. It needs no learning rate. Batch training is
//! many times faster; online training knows the mexican hat too, whose negative values have no weighted mean.
//!
//! A unit that no sample pulls (all h(c, b_i) are 0, as far from all samples a bubble's are) keeps its weights. A unit that
//! is no sample's best matching unit is still pulled by its neighbours' samples: it lies between clusters, and the
//! [U-matrix](Map::u_matrix) shows it as a border.
//!
//! * [`Som`]: the settings; [`grid`]: places and distances of units; [`neighbourhood`]: h, and decay;
//! * [`Training`]: a map while it learns; `start`: where its units begin;
//! * [`Map`]: a trained map, and what is measured of it; [`classes`]: what its units say of labelled samples;
//! * [`mod@reference`]: all of this in plain loops, to be read, and to be tested against.

pub mod classes;
pub mod grid;
mod map;
pub mod neighbourhood;
pub mod reference;
mod settings;
mod start;
mod training;

pub use classes::ClassMap;
pub use grid::{Grid, Lattice, MOST_UNITS};
pub use map::{Map, Matches};
pub use neighbourhood::{Decay, Neighbourhood};
pub use settings::{Mode, Som, Start};
pub use training::Training;

use super::{mat, samples};
use crate::error::Result;
use crate::real::Real;
use crate::tensor;
use gradus_kernels::kmeans::Samples;
use ndarray::ArrayView2;

impl Som {
    /// Trains a map on the rows of `x` (n x d) for some epochs.
    ///
    /// Fails for settings outside their ranges, values that are not finite, a start at principal components of less than two
    /// samples, and weights that a mexican hat drives beyond all bounds.
    pub fn fit<T: Real>(&self, x: ArrayView2<'_, T>, epochs: usize, seed: u64) -> Result<Map<T>> {
        self.train(x, epochs, seed, |training| {
            while training.epoch() < epochs {
                training.advance()?;
            }
            Ok(training.map())
        })
    }

    /// Calls `work` with a map at its start, which is then [advanced](Training::advance) epoch by epoch: `epochs` of them
    /// take the radius from its beginning to its end.
    pub fn train<T: Real, R>(
        &self,
        x: ArrayView2<'_, T>,
        epochs: usize,
        seed: u64,
        work: impl FnOnce(&mut Training<'_, T>) -> Result<R>,
    ) -> Result<R> {
        self.check()?;
        let x = samples("som", x)?;
        let units = start::units(self, &x, seed)?;
        tensor::lend(Samples::room(&mat(&x)), |room| {
            let samples = T::kmeans_samples(mat(&x), room);
            work(&mut Training::new(self, &x, &samples, units, epochs, seed)?)
        })
    }
}
