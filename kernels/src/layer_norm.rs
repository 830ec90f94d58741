//! Layer normalization (Ba, Kiros and Hinton, *Layer normalization*, 2016): each row of a matrix by itself, in one pass over
//! memory forward and in one backward.
//!
//! With z = (x - μ)/√(σ² + ε), where μ and σ² are mean and biased variance of the row,
//!
//! ```text
//! y = w z + b      dw = Σ dy z      db = Σ dy      dx = (w dy - mean(w dy) - z mean(w dy z))/√(σ² + ε)
//! ```
//!
//! The sums dw and db run over the rows, the means along one. Of each row two numbers are kept for the backward pass, μ and
//! 1/√(σ² + ε), not z. Mean and variance are those of [`moments`](crate::norm::moments), with its two passes over a row that
//! lies in the nearest cache.
//!
//! Sums along a row run in the 16 lanes of [`reduce`](crate::reduce). Sums over the rows take [`BLOCK`] rows in turn, from
//! zero, and the sums of these blocks in turn and then in pairs.

use crate::dispatch::{Loop, isa, vectorize};
use crate::geometry::product;
use crate::norm::NormGradients;
use crate::reduce::{Fold, Rows, add_rows};
use crate::{Scalar, parallel};

/// Rows that are added up in turn.
pub const BLOCK: usize = 16;
/// Elements of a task, at least; whole blocks of rows.
const PIECE: usize = 1 << 12;

/// Returns the rows of a task.
pub(crate) fn rows_of_a_task(len: usize) -> usize {
    BLOCK * (PIECE / BLOCK.saturating_mul(len)).max(1)
}

/// Returns the number of rows of `len` elements. Panics unless these lengths are theirs.
fn check(name: &str, len: usize, whole: &[usize], kept: usize, weights: &[usize]) -> usize {
    let rows = whole[0].checked_div(len).unwrap_or(0);
    let fits = len > 0
        && product(&[rows, len]) == Some(whole[0])
        && whole.iter().all(|&other| other == whole[0])
        && kept == 2 * rows
        && weights.iter().all(|&other| other == len);
    assert!(fits, "{name}: the lengths do not fit");
    rows
}

/// Computes y for rows of as many elements as there are weights; `kept` receives μ and 1/√(σ² + `eps`) of each row.
pub fn forward<T: Scalar>(x: &[T], w: &[T], b: &[T], eps: f64, y: &mut [T], kept: &mut [T]) {
    let (len, level) = (w.len(), isa());
    check("layer_norm", len, &[x.len(), y.len()], kept.len(), &[b.len()]);
    let rows = rows_of_a_task(len);
    parallel::zip_chunks(y, rows * len, kept, 2 * rows, |i, y, kept| {
        let x = &x[i * rows * len..][..y.len()];
        vectorize(level, Forward { x, w, b, eps: T::from_f64(eps), y, kept });
    });
}

struct Forward<'a, T> {
    x: &'a [T],
    w: &'a [T],
    b: &'a [T],
    eps: T,
    y: &'a mut [T],
    kept: &'a mut [T],
}

impl<T: Scalar> Loop for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { x, w, b, eps, y, kept } = self;
        let (len, count) = (w.len(), T::from_usize(w.len()));
        for ((x, y), kept) in x.chunks_exact(len).zip(y.chunks_exact_mut(len)).zip(kept.chunks_exact_mut(2)) {
            let [sum] = Fold { x: [x], term: |[x]: [T; 1]| [x] }.run();
            let first = sum / count;
            let [left, squares] = Fold { x: [x], term: |[x]: [T; 1]| [x - first, (x - first) * (x - first)] }.run();
            // What rounding has left over in the first mean.
            let d = left / count;
            let variance = (squares / count - d * d).max(T::ZERO);
            let mean = if d.is_finite() { first + d } else { first };
            let inverse = T::ONE / (variance + eps).sqrt();
            for j in 0..len {
                y[j] = (x[j] - mean) * inverse * w[j] + b[j];
            }
            (kept[0], kept[1]) = (mean, inverse);
        }
    }
}

/// Computes the gradients of [`forward`] from what it kept.
pub fn backward<T: Scalar>(x: &[T], kept: &[T], w: &[T], dy: &[T], out: NormGradients<'_, T>) {
    let NormGradients { dx, dw, db } = out;
    let (len, level) = (w.len(), isa());
    let whole = [x.len(), dy.len(), dx.as_ref().map_or(x.len(), |dx| dx.len())];
    let rows = check("layer_norm backward", len, &whole, kept.len(), &[dw.len(), db.len()]);
    let (task, blocks) = (rows_of_a_task(len), rows.div_ceil(BLOCK));
    let parts = 2 * len * (task / BLOCK);
    T::lend(2 * len * (blocks + 1), |room| {
        let (partial, sums) = room.split_at_mut(2 * len * blocks);
        let work = |i: usize, partial: &mut [T], dx: Option<&mut [T]>| {
            let rows = i * task..rows.min((i + 1) * task);
            let elements = rows.start * len..rows.end * len;
            let (x, dy, kept) = (&x[elements.clone()], &dy[elements], &kept[2 * rows.start..2 * rows.end]);
            vectorize(level, Backward { x, dy, kept, w, partial, dx });
        };
        match dx {
            Some(dx) => {
                parallel::zip_chunks(dx, task * len, partial, parts, |i, dx, partial| work(i, partial, Some(dx)))
            }
            None => parallel::chunks(partial, parts, |i, partial| work(i, partial, None)),
        }
        let all = Rows { x: [&*partial], stride: 2 * len, rows: blocks, coefficients: [] };
        add_rows(level, all, [&mut *sums], |[x], []: [T; 0]| [x]);
        dw.copy_from_slice(&sums[..len]);
        db.copy_from_slice(&sums[len..]);
    });
}

struct Backward<'a, T> {
    x: &'a [T],
    dy: &'a [T],
    kept: &'a [T],
    w: &'a [T],
    /// For each block of rows its part of dw, then of db.
    partial: &'a mut [T],
    dx: Option<&'a mut [T]>,
}

impl<T: Scalar> Loop for Backward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { x, dy, kept, w, partial, mut dx } = self;
        let (len, count) = (w.len(), T::from_usize(w.len()));
        partial.fill(T::ZERO);
        for (r, ((x, dy), kept)) in x.chunks_exact(len).zip(dy.chunks_exact(len)).zip(kept.chunks_exact(2)).enumerate()
        {
            let (mean, inverse) = (kept[0], kept[1]);
            let (dw, db) = partial[r / BLOCK * 2 * len..][..2 * len].split_at_mut(len);
            for j in 0..len {
                dw[j] += dy[j] * ((x[j] - mean) * inverse);
                db[j] += dy[j];
            }
            if let Some(dx) = &mut dx {
                let dx = &mut dx[r * len..][..len];
                let term = |[x, dy, w]: [T; 3]| [w * dy, w * dy * ((x - mean) * inverse)];
                let [level, tilt] = Fold { x: [x, dy, w], term }.run().map(|sum| sum / count);
                for j in 0..len {
                    dx[j] = inverse * (w[j] * dy[j] - level - (x[j] - mean) * inverse * tilt);
                }
            }
        }
    }
}
