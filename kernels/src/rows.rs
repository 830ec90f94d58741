//! An elementwise function of two matrices and the sums of its columns, in one pass over memory: the gradient through an
//! activation function, and that of the bias before it.
//!
//! The sums take [`BLOCK`] rows in turn, from zero, and the sums of these blocks in turn and then in pairs, as those of
//! [`layer_norm`](crate::layer_norm).

use crate::dispatch::{Loop, isa, vectorize};
use crate::in_step::piece;
use crate::layer_norm::{BLOCK, rows_of_a_task};
use crate::math::Pointwise;
use crate::reduce::{Rows, add_rows};
use crate::{Scalar, parallel};

/// Computes `out[i] = f([x[0][i], x[1][i]])`, and in `sums`, as many as a row has elements, the sum of each column of `out`.
pub fn apply_and_sum<T: Scalar>(x: [&[T]; 2], out: &mut [T], sums: &mut [T], f: &impl Pointwise<T, 2>) {
    let (len, level) = (sums.len(), isa());
    let fits = x.iter().all(|x| x.len() == out.len()) && out.len().checked_rem(len).unwrap_or(out.len()) == 0;
    assert!(fits, "apply_and_sum: the lengths do not fit");
    if out.is_empty() {
        return sums.fill(T::ZERO);
    }
    let (task, blocks) = (rows_of_a_task(len), (out.len() / len).div_ceil(BLOCK));
    T::lend(len * blocks, |partial| {
        parallel::zip_chunks(out, task * len, partial, task / BLOCK * len, |i, out, partial| {
            let x = piece(x, i * task * len, out.len());
            vectorize(level, Apply { x, out, partial, len, f });
        });
        let all = Rows { x: [&*partial], stride: len, rows: blocks, coefficients: [] };
        add_rows(level, all, [sums], |[x], []: [T; 0]| [x]);
    });
}

struct Apply<'a, T, F> {
    x: [&'a [T]; 2],
    out: &'a mut [T],
    partial: &'a mut [T],
    len: usize,
    f: &'a F,
}

impl<T: Scalar, F: Pointwise<T, 2>> Loop for Apply<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { x: [a, b], out, partial, len, f } = self;
        partial.fill(T::ZERO);
        for (r, ((a, b), out)) in
            a.chunks_exact(len).zip(b.chunks_exact(len)).zip(out.chunks_exact_mut(len)).enumerate()
        {
            let sums = &mut partial[r / BLOCK * len..][..len];
            for j in 0..len {
                out[j] = f.at([a[j], b[j]]);
                sums[j] += out[j];
            }
        }
    }
}
