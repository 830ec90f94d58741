//! Metrics by nearest neighbours.

use crate::analysis::{neighbors, one_label_a_row, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::ArrayView2;

/// Computes the leave-one-out accuracy of the `k`-nearest-neighbour rule (Cover & Hart 1967) on the rows of `x` (n x
/// d).
///
/// Each sample is named by the majority of its `k` nearest others; among classes with equally many, that of the
/// nearest member. Fails unless 1 <= k < n.
pub fn knn_accuracy<T: Real>(x: ArrayView2<'_, T>, labels: &[usize], k: usize) -> Result<f64> {
    let correct = knn_correct(x, labels, k)?;
    Ok(super::ratio(correct.iter().filter(|c| **c).count(), correct.len()))
}

/// Returns for each sample whether the rule of [`knn_accuracy`] gives its label.
pub fn knn_correct<T: Real>(x: ArrayView2<'_, T>, labels: &[usize], k: usize) -> Result<Vec<bool>> {
    let x = samples("knn_accuracy", x)?;
    let n = x.nrows();
    one_label_a_row("knn_accuracy", n, labels)?;
    if k == 0 || k >= n {
        return Err(Error::invalid(format!("knn_accuracy: k is {k}; with {n} samples choose 1 to {}", n - 1)));
    }
    let near = neighbors::nearest_others(&x, k);
    Ok((0..n).map(|i| majority(near.of(i), labels) == labels[i]).collect())
}

/// Returns the most frequent label; among equals the one met first.
fn majority(near: &[u32], labels: &[usize]) -> usize {
    let label = |j: &u32| labels[*j as usize];
    let votes = |l: usize| near.iter().filter(|j| label(j) == l).count();
    let mut best = (label(&near[0]), votes(label(&near[0])));
    for l in near.iter().map(label) {
        let v = votes(l);
        if v > best.1 {
            best = (l, v);
        }
    }
    best.0
}

/// Computes the trustworthiness of an embedding `low` (n x 2, say) of the samples `high` (n x d): 1 if all neighbours
/// in it are true neighbours, less for each that is not (Venna & Kaski 2001).
///
/// T = 1 - 2 / (n k (2n - 3k - 1)) Σ_i Σ_{j among the k nearest to i in the embedding} max(0, rank_high(i, j) - k).
/// Fails unless 1 <= k < n / 2.
pub fn trustworthiness<T: Real>(high: ArrayView2<'_, T>, low: ArrayView2<'_, T>, k: usize) -> Result<f64> {
    let (high, low) = (samples("trustworthiness", high)?, samples("trustworthiness", low)?);
    let n = high.nrows();
    if low.nrows() != n {
        let rows = low.nrows();
        return Err(Error::invalid(format!("trustworthiness: {n} samples, but the embedding has {rows} points")));
    }
    if k == 0 || 2 * k >= n {
        return Err(Error::invalid(format!("trustworthiness: k is {k}; with {n} samples it must be 1 to n/2")));
    }
    let near = neighbors::nearest_others(&low, k);
    let penalties = neighbors::map_rows(&high, |i, squared| {
        let before = |a: usize, b: usize| squared[a] < squared[b] || (squared[a] == squared[b] && a < b);
        let rank = |j: usize| 1 + (0..n).filter(|&o| o != i && o != j && before(o, j)).count();
        near.of(i).iter().map(|&j| rank(j as usize).saturating_sub(k)).sum::<usize>()
    });
    let (n, k, penalty) = (n as f64, k as f64, penalties.iter().sum::<usize>() as f64);
    Ok(1.0 - 2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)) * penalty)
}
