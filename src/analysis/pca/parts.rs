//! The parts that all methods of PCA share: products by blocks, centred rows, eigenvectors.

use crate::analysis::flat;
use crate::real::Real;
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, Par};
use gradus_kernels::{MatMut, MatRef};
use ndarray::{Array1, Array2, Axis, CowArray, Ix2, Slice};
use std::ops::Range;

/// Rows (covariance) or columns (Gram) of one centred block.
pub(super) const BLOCK: usize = 2048;
/// The top eigenpairs of a covariance matrix: variances, components (c x d), and the total variance.
pub(super) type Directions<T> = (Vec<f64>, Array2<T>, f64);

/// c = a b.
pub(super) fn gemm<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, c: &mut [T]) {
    T::gemm(a, b, T::ZERO, MatMut::new(c, a.rows(), b.cols()));
}

pub(super) fn view<T>(x: &Array2<T>) -> MatRef<'_, T> {
    MatRef::new(x.as_slice().expect("pca: standard layout"), x.nrows(), x.ncols())
}

/// Splits 0..`len` into ranges of `size`, the last one shorter.
pub(super) fn blocks(len: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(size).map(move |start| start..len.min(start + size))
}

/// Returns some rows of the centred data.
pub(super) fn centred_rows<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, rows: Range<usize>) -> Array2<T> {
    let d = x.ncols();
    let mut data = Vec::with_capacity(rows.len() * d);
    for row in flat(x)[rows.start * d..rows.end * d].chunks_exact(d) {
        data.extend(row.iter().zip(mean).map(|(&v, &m)| v - m));
    }
    Array2::from_shape_vec((rows.len(), d), data).expect("pca: whole rows")
}

/// Returns the top eigenvalues of Mᵀ M and its unit eigenvectors (c x d, one a row) from the small G = M Mᵀ (m x m), M
/// being m x d and given by some columns at a time: v = Mᵀ u / √λ. Where λ is no more than noise, both are zero.
pub(super) fn lifted<T: Real>(
    g: &[f64],
    m: usize,
    d: usize,
    components: usize,
    columns: impl Fn(Range<usize>) -> Array2<T>,
) -> (Vec<f64>, Array2<T>) {
    let (values, vectors) = eigen(g, m);
    // Centring takes one rank away, and rounding puts noise of about this size in its place.
    let noise = m as f64 * T::EPSILON.to_f64() * values[m - 1].max(0.0);
    let value = |c: usize| if values[m - 1 - c] > noise { values[m - 1 - c] } else { 0.0 };
    let combine = Array2::from_shape_fn((components, m), |(c, i)| {
        T::from_f64(if value(c) > 0.0 { vectors[(i, m - 1 - c)] / value(c).sqrt() } else { 0.0 })
    });
    let mut rows = Array2::from_elem((components, d), T::ZERO);
    for block in blocks(d, BLOCK) {
        let part = columns(block.clone());
        let mut out = Array2::from_elem((components, part.ncols()), T::ZERO);
        gemm(view(&combine), view(&part), out.as_slice_mut().expect("pca: standard layout"));
        rows.slice_axis_mut(Axis(1), Slice::from(block)).assign(&out);
    }
    for mut row in rows.rows_mut() {
        let norm = row.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt();
        if norm > 0.0 {
            row.mapv_inplace(|v| T::from_f64(v.to_f64() / norm));
        }
    }
    ((0..components).map(value).collect(), rows)
}

/// Returns the sum over blocks of products of `len` numbers, each made in T, added up in `f64`.
pub(super) fn accumulate<T: Real>(
    len: usize,
    blocks: impl Iterator<Item = Range<usize>>,
    product: impl Fn(Range<usize>, &mut [T]),
) -> Vec<f64> {
    let mut sum = vec![0.0; len];
    let mut part = vec![T::ZERO; len];
    for block in blocks {
        product(block, &mut part);
        sum.iter_mut().zip(&part).for_each(|(s, p)| *s += p.to_f64());
    }
    sum
}

pub(super) fn trace(a: &[f64], size: usize) -> f64 {
    (0..size).map(|i| a[i * size + i]).sum()
}

/// Computes the eigenvalues, rising, and the eigenvectors (columns) of a symmetric matrix. On one thread: its bits
/// then depend on the machine's instruction set at most.
pub(super) fn eigen(a: &[f64], size: usize) -> (Vec<f64>, Mat<f64>) {
    let a = Mat::from_fn(size, size, |i, j| a[i * size + j]);
    let (mut values, mut vectors) = (Diag::zeros(size), Mat::zeros(size, size));
    let need = self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(need);
    let stack = MemStack::new(&mut memory);
    self_adjoint_evd(a.as_ref(), values.as_mut(), Some(vectors.as_mut()), Par::Seq, stack, Default::default())
        .expect("pca: the eigenvalues of a finite symmetric matrix converge");
    ((0..size).map(|i| values[i]).collect(), vectors)
}
