//! Sums and maxima in one fixed order: [`LANES`] running values, combined as a tree.

use crate::{Scalar, parallel};

/// Number of running values; the same on every instruction set.
pub const LANES: usize = 16;

#[inline(always)]
fn fold_lanes<T: Scalar>(len: usize, term: impl Fn(usize) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let whole = len / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for l in 0..LANES {
            lanes[l] += term(start + l);
        }
    }
    for k in whole..len {
        lanes[k - whole] += term(k);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The sum of a slice.
pub fn sum<T: Scalar>(x: &[T]) -> T {
    fold_lanes(x.len(), |i| x[i])
}

/// The inner product of two slices.
pub fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    assert_eq!(x.len(), y.len(), "dot: wrong lengths");
    fold_lanes(x.len(), |i| x[i] * y[i])
}

/// Sums the middle axis of `x`, seen as `[outer, n, inner]`, into `y` = `[outer, inner]`.
pub fn sum_axis<T: Scalar>(x: &[T], outer: usize, n: usize, inner: usize, y: &mut [T]) {
    assert!(x.len() == outer * n * inner && y.len() == outer * inner, "sum_axis: wrong lengths");
    if inner == 1 {
        parallel::chunks(y, 64, |i, y| {
            for (k, y) in y.iter_mut().enumerate() {
                *y = sum(&x[(i * 64 + k) * n..][..n]);
            }
        });
    } else {
        parallel::chunks(y, inner, |o, y| {
            y.fill(T::ZERO);
            for k in 0..n {
                for (y, &x) in y.iter_mut().zip(&x[(o * n + k) * inner..]) {
                    *y += x;
                }
            }
        });
    }
}
