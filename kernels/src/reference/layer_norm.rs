//! Layer normalization as it is written down.

use super::{sum_in_lanes, sum_in_turn};
use crate::Scalar;
use crate::layer_norm::BLOCK;

/// Returns y, and mean and 1/√(variance + `eps`) of each row; see [`crate::layer_norm`].
pub fn layer_norm_forward<T: Scalar>(x: &[T], w: &[T], b: &[T], eps: f64) -> [Vec<T>; 2] {
    let (len, count) = (w.len(), T::from_usize(w.len()));
    let (mut y, mut kept) = (Vec::new(), Vec::new());
    for x in x.chunks_exact(len) {
        let first = sum_in_lanes(len, |j| x[j]) / count;
        let d = sum_in_lanes(len, |j| x[j] - first) / count;
        let squares = sum_in_lanes(len, |j| (x[j] - first) * (x[j] - first)) / count;
        let mean = if d.is_finite() { first + d } else { first };
        let inverse = T::ONE / ((squares - d * d).max(T::ZERO) + T::from_f64(eps)).sqrt();
        y.extend((0..len).map(|j| (x[j] - mean) * inverse * w[j] + b[j]));
        kept.extend([mean, inverse]);
    }
    [y, kept]
}

/// Returns `[dx, dw, db]` from what [`layer_norm_forward`] kept.
pub fn layer_norm_backward<T: Scalar>(x: &[T], kept: &[T], w: &[T], dy: &[T]) -> [Vec<T>; 3] {
    let (len, rows, count) = (w.len(), x.len() / w.len(), T::from_usize(w.len()));
    let z = |r: usize, j: usize| (x[r * len + j] - kept[2 * r]) * kept[2 * r + 1];
    let dz = |r: usize, j: usize| w[j] * dy[r * len + j];
    let mut dx = Vec::new();
    for r in 0..rows {
        let level = sum_in_lanes(len, |j| dz(r, j)) / count;
        let tilt = sum_in_lanes(len, |j| dz(r, j) * z(r, j)) / count;
        dx.extend((0..len).map(|j| kept[2 * r + 1] * (dz(r, j) - level - z(r, j) * tilt)));
    }
    let over_rows = |term: &dyn Fn(usize) -> T| {
        sum_in_turn(rows.div_ceil(BLOCK), |block| {
            (block * BLOCK..rows.min((block + 1) * BLOCK)).fold(T::ZERO, |sum, r| sum + term(r))
        })
    };
    let dw = (0..len).map(|j| over_rows(&|r| dy[r * len + j] * z(r, j))).collect();
    let db = (0..len).map(|j| over_rows(&|r| dy[r * len + j])).collect();
    [dx, dw, db]
}
