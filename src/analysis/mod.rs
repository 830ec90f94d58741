//! Classical analysis: plain mathematics, no autograd.
//!
//! Everything here takes samples as the rows of a matrix and nothing from the rest of the engine but its number types
//! and kernels, so each file reads as the method does on paper:
//!
//! | file | question it answers |
//! |---|---|
//! | [`features`] | which few numbers describe an image? |
//! | [`hog`] | which way do the edges of an image run, and where? |
//! | [`scale`] | how do features of different units become comparable? |
//! | [`kmeans`] | which groups are there, without labels? |
//! | [`som`] | how do samples lie on a map whose neighbours are alike? |
//! | [`linear`] | which weighted sum of the columns predicts a number, and which columns matter? |
//! | [`svr`] | which smooth function predicts a number, and which samples does it rest on? |
//! | [`forest`] | what do many trees of yes and no questions predict on average? |
//! | [`importance`] | how much worse is a prediction without a column? |
//! | [`pca`] | along which few directions do the samples vary most? |
//! | [`tsne`] | what does the neighbourhood structure look like in two dimensions? |
//! | [`neighbors`] | which samples are close to each other? |
//! | [`latent`] | what is in the space of an encoder's codes? |
//! | [`metrics`] | how good is a prediction, and how sure are we? |
//!
//! Names and conventions are scikit-learn's, and the golden tests compare the numbers with it. Long sums (means,
//! inertia, scatter) are accumulated in `f64` whatever the samples' type, always in the same order, so results have
//! the same bits on any number of threads.

pub mod features;
pub mod forest;
pub mod hog;
pub mod importance;
pub mod kmeans;
pub mod latent;
pub mod linear;
pub mod metrics;
pub mod neighbors;
pub mod pca;
pub mod scale;
pub mod som;
pub mod svr;
pub mod tsne;

use crate::error::{Error, Result};
use crate::real::Real;
use gradus_kernels::{MatRef, parallel};
use ndarray::{ArrayView2, CowArray, Ix2};

/// Numbers that one task looks through.
const PIECE: usize = 1 << 18;

/// Returns the samples in one contiguous row-major block (copied only if they are not already), all finite, at least 1
/// x 1.
pub(crate) fn samples<'a, T: Real>(op: &str, x: ArrayView2<'a, T>) -> Result<CowArray<'a, T, Ix2>> {
    let (n, d) = x.dim();
    if n == 0 || d == 0 {
        return Err(Error::invalid(format!("{op}: x has {n} rows and {d} columns; at least one of each is needed")));
    }
    let x = standard(x);
    // Looking at all before asking where keeps up with the memory.
    let finite = |p: usize| {
        flat(&x).chunks(PIECE).nth(p).is_none_or(|piece| piece.iter().fold(true, |all, v| all & v.is_finite()))
    };
    if parallel::map(x.len().div_ceil(PIECE), finite).contains(&false)
        && let Some(at) = flat(&x).iter().position(|v| !v.is_finite())
    {
        let (row, column, value) = (at / d, at % d, x[[at / d, at % d]]);
        return Err(Error::invalid(format!(
            "{op}: row {row}, column {column} of x is {value}; remove or replace values that are not finite"
        )));
    }
    Ok(x)
}

/// Returns the same elements in row-major order, without gaps.
pub(crate) fn standard<'a, T: Real>(x: ArrayView2<'a, T>) -> CowArray<'a, T, Ix2> {
    if x.is_standard_layout() { CowArray::from(x) } else { CowArray::from(x.as_standard_layout().into_owned()) }
}

/// Returns the elements of a standard-layout matrix.
pub(crate) fn flat<'a, T>(x: &'a CowArray<'_, T, Ix2>) -> &'a [T] {
    x.as_slice().expect("analysis: a standard layout was promised")
}

/// Returns the kernels' view of a standard-layout matrix.
pub(crate) fn mat<'a, T>(x: &'a CowArray<'_, T, Ix2>) -> MatRef<'a, T> {
    MatRef::new(flat(x), x.nrows(), x.ncols())
}

/// Fails unless there is one label for each row.
pub(crate) fn one_label_a_row(op: &str, rows: usize, labels: &[usize]) -> Result<()> {
    if labels.len() == rows {
        return Ok(());
    }
    Err(Error::invalid(format!("{op}: x has {rows} rows, but there are {} labels", labels.len())))
}

/// Returns the mean of each column, in `f64`.
pub(crate) fn column_means<T: Real>(x: &CowArray<'_, T, Ix2>) -> Vec<f64> {
    let mut mean = vec![0.0; x.ncols()];
    for row in flat(x).chunks(x.ncols()) {
        for (m, v) in mean.iter_mut().zip(row) {
            *m += v.to_f64();
        }
    }
    mean.iter_mut().for_each(|m| *m /= x.nrows() as f64);
    mean
}

/// Returns the mean squared deviation of each column from `mean`, in `f64`.
pub(crate) fn column_variances<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &[f64]) -> Vec<f64> {
    let mut variance = vec![0.0; x.ncols()];
    for row in flat(x).chunks(x.ncols()) {
        for ((s, v), m) in variance.iter_mut().zip(row).zip(mean) {
            *s += (v.to_f64() - m) * (v.to_f64() - m);
        }
    }
    variance.iter_mut().for_each(|s| *s /= x.nrows() as f64);
    variance
}
