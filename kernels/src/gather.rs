//! Copies rows of a matrix in a given order, as for a batch of the data.

use crate::geometry::product;
use crate::parallel;

/// Elements per piece of the output; fewer, rounded to whole rows, are copied by one thread.
const PIECE: usize = 1 << 12;
/// Rows up to this length are copied element by element, which is quicker than a call.
const SHORT: usize = 8;

/// Copies rows: `out[k] = x[indices[k]]`, where x and out are rows of `row` elements.
///
/// # Panics
/// If an index lies outside of `x`.
pub fn gather<T: Copy + Send + Sync>(x: &[T], row: usize, indices: &[usize], out: &mut [T]) {
    assert_eq!(Some(out.len()), product(&[indices.len(), row]), "gather: the lengths do not fit");
    if row == 0 {
        return;
    }
    let rows = PIECE.div_ceil(row);
    parallel::chunks(out, rows * row, |piece, out| {
        for (out, &i) in out.chunks_exact_mut(row).zip(&indices[piece * rows..]) {
            let x = &x[i.saturating_mul(row)..][..row];
            if row <= SHORT {
                out.iter_mut().zip(x).for_each(|(out, &x)| *out = x);
            } else {
                out.copy_from_slice(x);
            }
        }
    });
}
