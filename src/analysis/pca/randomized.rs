//! Principal components by a random projection, for many samples of many dimensions.
//!
//! Xc Ω, with Ω a d x l matrix of normal variates, is l random mixtures of the samples' dimensions. Directions of large
//! variance dominate every mixture, so the range of Xc Ω nearly holds them, if l is a little more than their
//! number. Multiplying by Xc Xcᵀ q more times raises each singular value σ to σ^(2q+1) and the small ones fade. With an
//! orthonormal basis Q of that range (n x l), Qᵀ Xc is a small matrix with nearly the same top singular values and
//! right singular vectors as Xc (Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1). Between the multiplications
//! a QR decomposition keeps the mixtures distinct, which rounding would otherwise blend into the first direction.
//!
//! How good is it? Gu (2015, theorem 5.8): with any p from 0 to l - k, for j up to k,
//!
//! ```text
//! σ_j² >= found² >= σ_j² / (1 + C² (σ_{l-p+1} / σ_j)^(4q + 2))
//! C = e √l / (p + 1) (2 / Δ)^(1 / (p + 1)) (√(d - l + p) + √l + √(2 ln(2 / Δ)))
//! ```
//!
//! with a probability of at least 1 - Δ: each power iteration gains a factor of (σ_{l-p+1} / σ_j)⁴.

use super::parts::{BLOCK, Directions, accumulate, blocks, centred_rows, gemm, lifted, view};
use crate::analysis::column_variances;
use crate::real::Real;
use crate::rng::Rng;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::householder::{
    apply_block_householder_sequence_on_the_left_in_place_scratch as apply_scratch,
    apply_block_householder_sequence_on_the_left_in_place_with_conj as apply,
};
use faer::linalg::qr::no_pivoting::factor::{qr_in_place, qr_in_place_scratch, recommended_block_size};
use faer::{Conj, Mat, Par};
use ndarray::{Array1, Array2, Axis, CowArray, Ix2, Slice};
use std::ops::Range;

/// The settings of the random projection, with scikit-learn's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Randomized {
    /// Mixtures beyond the number of components; l is their sum, at most min(n, d).
    pub n_oversamples: usize,
    /// Power iterations q: each reads the samples twice.
    pub iterated_power: usize,
}

impl Default for Randomized {
    /// 10 more mixtures, and 7 iterations: scikit-learn's choice for few components of many.
    fn default() -> Self {
        Self { n_oversamples: 10, iterated_power: 7 }
    }
}

/// Numbers of one centred block.
const NUMBERS: usize = 1 << 22;

/// Returns the top eigenpairs of the covariance matrix of `x` (n x d), nearly.
pub(super) fn directions<T: Real>(
    x: &CowArray<'_, T, Ix2>,
    mean: &Array1<T>,
    components: usize,
    how: Randomized,
    seed: u64,
) -> Directions<T> {
    let (n, d) = x.dim();
    let l = components.saturating_add(how.n_oversamples).min(n.min(d));
    let mut rng = Rng::new(seed, "pca", 0);
    let mixture = Array2::from_shape_fn((d, l), |_| T::from_f64(rng.normal()));
    let mut range = orthonormal(&times(x, mean, &mixture));
    for _ in 0..how.iterated_power {
        let back = orthonormal(&transposed_times(x, mean, &range));
        range = orthonormal(&times(x, mean, &back));
    }
    // d x l: the small matrix Qᵀ Xc, transposed.
    let small = transposed_times(x, mean, &range);
    let g = accumulate(l * l, blocks(d, BLOCK), |block, sum| {
        let part = rows(&small, block);
        gemm(view(&part).t(), view(&part), sum);
    });
    let (values, found) =
        lifted(&g, l, d, components, |block| rows(&small, block).t().as_standard_layout().into_owned());
    let mean: Vec<f64> = mean.iter().map(|m| m.to_f64()).collect();
    let total = column_variances(x, &mean).iter().sum::<f64>() * n as f64 / (n - 1) as f64;
    (values.into_iter().map(|v| v / (n - 1) as f64).collect(), found, total)
}

/// Rows of a block of about [`NUMBERS`] numbers.
fn block_rows(d: usize) -> usize {
    (NUMBERS / d).clamp(16, BLOCK)
}

/// Xc b, n x l, for b of d x l.
fn times<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, b: &Array2<T>) -> Array2<T> {
    let (rows, l) = (block_rows(x.ncols()), b.ncols());
    let mut out = vec![T::ZERO; x.nrows() * l];
    for (block, out) in blocks(x.nrows(), rows).zip(out.chunks_mut(rows * l)) {
        gemm(view(&centred_rows(x, mean, block)), view(b), out);
    }
    Array2::from_shape_vec((x.nrows(), l), out).expect("pca: whole rows")
}

/// Xcᵀ b, d x l, for b of n x l.
fn transposed_times<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, b: &Array2<T>) -> Array2<T> {
    let (d, l) = (x.ncols(), b.ncols());
    let sum = accumulate(d * l, blocks(x.nrows(), block_rows(d)), |block, sum| {
        gemm(view(&centred_rows(x, mean, block.clone())).t(), view(&rows(b, block)), sum);
    });
    Array2::from_shape_vec((d, l), sum.into_iter().map(T::from_f64).collect()).expect("pca: whole rows")
}

/// Returns some rows of a matrix.
fn rows<T: Real>(a: &Array2<T>, range: Range<usize>) -> Array2<T> {
    a.slice_axis(Axis(0), Slice::from(range)).to_owned()
}

/// Returns an orthonormal basis, one vector a column, that holds the columns of `a` (m x l, m at least l): Q of its QR
/// decomposition, by Householder's reflections (1958), which are orthonormal also where columns of `a` depend on each
/// other. On one thread, in `f64`: its bits then depend on the machine's instruction set at most.
fn orthonormal<T: Real>(a: &Array2<T>) -> Array2<T> {
    let (m, l) = a.dim();
    let mut qr = Mat::from_fn(m, l, |i, j| a[[i, j]].to_f64());
    let block = recommended_block_size::<f64>(m, l);
    let (mut factors, mut q) = (Mat::zeros(block, l), Mat::<f64>::identity(m, l));
    let need = qr_in_place_scratch::<f64>(m, l, block, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(need.or(apply_scratch::<f64>(m, block, l)));
    let stack = MemStack::new(&mut memory);
    qr_in_place(qr.as_mut(), factors.as_mut(), Par::Seq, stack, Default::default());
    apply(qr.as_ref(), factors.as_ref(), Conj::No, q.as_mut(), Par::Seq, stack);
    Array2::from_shape_fn((m, l), |(i, j)| T::from_f64(q[(i, j)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A square, a tall and a thin matrix; columns that depend on each other; none at all.
    #[test]
    fn bases_are_orthonormal_and_hold_the_columns() {
        let mut rng = Rng::new(1, "test", 0);
        let mut random = |m, l| Array2::from_shape_fn((m, l), |_| rng.normal());
        let mut twins = random(50, 6);
        let first = twins.column(0).to_owned();
        twins.column_mut(3).assign(&(2.0 * first));
        for a in [random(7, 7), random(300, 40), random(2000, 1), twins, Array2::zeros((9, 4))] {
            let q = orthonormal(&a);
            let off = |x: &Array2<f64>| x.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            assert!(off(&(q.t().dot(&q) - Array2::<f64>::eye(a.ncols()))) < 1e-13);
            assert!(off(&(q.dot(&q.t().dot(&a)) - &a)) < 1e-12);
        }
    }
}
