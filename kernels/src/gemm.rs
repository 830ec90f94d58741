//! C = A B + beta C, for matrices of any strides.
//!
//! [`crate::dense`] computes the product, straight into C where it can. Where C is added to, or its rows are not
//! contiguous, the product is made beside it and merged: one pass more over C, in either case cheap beside the product.
//! The bits are those of [`crate::reference::gemm`]; a machine without vector kernels, and `f64`, get the
//! `matrixmultiply` crate's.

use crate::dispatch::isa;
use crate::parallel::{self, Shared};
use crate::{MatMut, MatRef, Scalar, dense, scratch, simd};

/// Multiply-adds below which a product stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 19;

pub(crate) fn gemm_f32(a: MatRef<'_, f32>, b: MatRef<'_, f32>, beta: f32, c: MatMut<'_, f32>) {
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "gemm: shapes do not fit");
    if c.rows == 0 || c.cols == 0 {
        return;
    }
    if a.cols == 0 {
        return scale(beta, c);
    }
    if simd::kernels(isa()).is_none() {
        return plain_f32(a, b, beta, c);
    }
    if c.col_stride == 1 && beta == 0.0 {
        return dense::product(a, b, None, c);
    }
    if c.row_stride == 1 && c.col_stride != 1 {
        // The columns of C are the rows of its transpose.
        return gemm_f32(b.t(), a.t(), beta, c.t());
    }
    scratch::floats(c.rows * c.cols, |ab| {
        dense::product(a, b, None, MatMut::new(ab, c.rows, c.cols));
        merge(ab, beta, c);
    });
}

/// C = AB + beta C.
fn merge(ab: &[f32], beta: f32, mut c: MatMut<'_, f32>) {
    let cols = c.cols;
    for (i, ab) in ab.chunks_exact(cols).enumerate() {
        for (j, &ab) in ab.iter().enumerate() {
            let out = c.at_mut(i, j);
            *out = if beta == 0.0 { ab } else { beta.mul_add(*out, ab) };
        }
    }
}

/// C = beta C, the product of empty sums.
fn scale<T: Scalar>(beta: T, mut c: MatMut<'_, T>) {
    for i in 0..c.rows {
        for j in 0..c.cols {
            let out = c.at_mut(i, j);
            *out = if beta == T::ZERO { T::ZERO } else { beta.mul_add(*out, T::ZERO) };
        }
    }
}

/// Rows per task of the products that `matrixmultiply` computes; a multiple of its tiles' heights.
const PLAIN_ROWS: usize = 96;

macro_rules! plain {
    ($name:ident, $t:ty, $kernel:path) => {
        /// By the `matrixmultiply` crate, on one thread for each fixed slice of rows.
        pub(crate) fn $name(a: MatRef<'_, $t>, b: MatRef<'_, $t>, beta: $t, c: MatMut<'_, $t>) {
            assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "gemm: shapes do not fit");
            if c.rows == 0 || c.cols == 0 {
                return;
            }
            if a.cols == 0 {
                return scale(beta, c);
            }
            let serial = c.rows.saturating_mul(c.cols).saturating_mul(a.cols) < SERIAL_BELOW;
            let (rows, cols, rs, cs) = (c.rows, c.cols, c.row_stride, c.col_stride);
            let out = Shared::new(c.data);
            parallel::tasks(rows.div_ceil(PLAIN_ROWS), serial, |task| {
                let i = task * PLAIN_ROWS;
                let stride = |s: usize| s as isize;
                // SAFETY: the views are inside their slices and the elements of C distinct, by the checks in MatRef and
                // MatMut, so the slices of rows do not overlap; with beta = 0 C is not read.
                unsafe {
                    $kernel(
                        PLAIN_ROWS.min(rows - i),
                        a.cols,
                        cols,
                        1.0,
                        a.data.as_ptr().add(i * a.row_stride),
                        stride(a.row_stride),
                        stride(a.col_stride),
                        b.data.as_ptr(),
                        stride(b.row_stride),
                        stride(b.col_stride),
                        beta,
                        out.pointer().add(i * rs),
                        stride(rs),
                        stride(cs),
                    );
                }
            });
        }
    };
}
plain!(plain_f32, f32, matrixmultiply::sgemm);
plain!(gemm_f64, f64, matrixmultiply::dgemm);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;

    /// The path of machines without vector kernels, over views with gaps and several tasks of rows. Integers, so that
    /// the order of the sums does not show; run by Miri too.
    #[test]
    fn the_plain_path_stays_inside_of_its_views() {
        let (m, k, n) = (PLAIN_ROWS + 2, 3, 5);
        let numbers = |len: usize| (0..len).map(|i| (i % 7) as f64 - 3.0).collect::<Vec<_>>();
        let (a, b) = (numbers((m - 1) * 4 + 2 * k), numbers(k * n));
        let (a, b) = (MatRef::strided(&a, m, k, 4, 2), MatRef::new(&b, n, k).t());
        // Rows of C with gaps, and the same transposed. Nothing may be written to the gaps.
        for strides in [[n + 1, 1], [1, m + 3]] {
            let mut c = numbers((m - 1) * strides[0] + (n - 1) * strides[1] + 1);
            let mut expected = c.clone();
            reference::gemm(a, b, 2.0, MatMut::strided(&mut expected, m, n, strides[0], strides[1]));
            gemm_f64(a, b, 2.0, MatMut::strided(&mut c, m, n, strides[0], strides[1]));
            assert_eq!(c, expected);
        }
    }
}
