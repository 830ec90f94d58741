//! The forces on the points of an embedding.

use crate::real::Real;
use gradus_kernels::tsne::Sums;

/// The sums of a step for each point, kept between steps.
pub struct Forces<T, const D: usize = 2> {
    /// For each point attraction, repulsion, and its fraction of Z.
    pub rows: Vec<Sums<T, D>>,
    /// Z.
    pub z: f64,
}

impl<T: Real, const D: usize> Forces<T, D> {
    /// Creates room for `n` points.
    pub fn new(n: usize) -> Self {
        Self { rows: vec![Sums::ZERO; n], z: 0.0 }
    }

    /// Adds the rows' fractions of Z up, in order.
    pub(super) fn sum_z(&mut self) {
        self.z = self.rows.iter().map(|r| r.weight.to_f64()).sum();
    }
}

/// Returns the coordinates of the points `y`, axis by axis.
pub(super) fn coordinates<T: Real, const D: usize>(y: &[T]) -> [Vec<T>; D] {
    std::array::from_fn(|axis| y.iter().skip(axis).step_by(D).copied().collect())
}
