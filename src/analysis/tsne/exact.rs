//! The gradient over all pairs.
//!
//! O(n²) a step, and yet the fastest way for a few thousand points: the formula runs straight through one row of P and
//! the coordinates, without a branch, sixteen pairs at a time. The sums themselves are in [`gradus_kernels::tsne`].

use super::affinity::Affinity;
use super::forces::Forces;
use crate::real::Real;
use gradus_kernels::tsne::Sums;

/// The kernel of all pairs, in `D` dimensions.
pub type Pairs<T, const D: usize> = fn(&[T], [&[T]; D], &mut [Sums<T, D>]);

/// Attraction, repulsion and Z for the points `y` (the `D` coordinates of each in turn):
///
/// ```text
/// attraction_i = Σ_j p_ij w_ij (y_i - y_j)      repulsion_i = Σ_j w_ij² (y_i - y_j)      Z = Σ_{i≠j} w_ij
/// ```
///
/// `pairs` is the kernel that computes them.
pub fn forces<T: Real, const D: usize>(affinity: &Affinity<T>, y: &[T], pairs: Pairs<T, D>, out: &mut Forces<T, D>) {
    let Affinity::Dense { p, .. } = affinity else { panic!("tsne exact: expected the affinities of all pairs") };
    let axes = super::forces::coordinates::<T, D>(y);
    pairs(p, axes.each_ref().map(Vec::as_slice), &mut out.rows);
    out.sum_z();
}
