//! The plain truth of each kernel: the code to read first, and the code that every fast variant is held against.
//!
//! It also fixes the one order in which each sum is taken. A sum over k runs upwards in blocks of [`K_BLOCK`], each
//! block from zero by fused multiply-adds, the blocks added up in turn.

use crate::{Conv2d, MatMut, MatRef, Scalar};

/// Length of the blocks in which the K of a matrix product is summed.
pub const K_BLOCK: usize = 256;

/// The sum over k of `term(k) = (a, b)` as a b, in the order that all kernels share.
#[inline(always)]
pub fn blocked_dot<T: Scalar>(len: usize, term: impl Fn(usize) -> (T, T)) -> T {
    let mut total = T::ZERO;
    for start in (0..len).step_by(K_BLOCK) {
        let mut block = T::ZERO;
        for k in start..(start + K_BLOCK).min(len) {
            let (a, b) = term(k);
            block = a.mul_add(b, block);
        }
        total = if start == 0 { block } else { total + block };
    }
    total
}

/// C = A B + beta C; with `beta` = 0, C is not read.
pub fn gemm<T: Scalar>(a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, mut c: MatMut<'_, T>) {
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "gemm: shapes do not fit");
    for i in 0..a.rows {
        for j in 0..b.cols {
            let sum = blocked_dot(a.cols, |k| (a.at(i, k), b.at(k, j)));
            let out = c.at_mut(i, j);
            *out = if beta == T::ZERO { sum } else { beta.mul_add(*out, sum) };
        }
    }
}

/// Copies the patches under the kernel into the columns of a matrix `[C KH KW, OH OW]`, zeros where it hangs over.
pub fn im2col<T: Scalar>(g: &Conv2d, image: &[T], columns: &mut [T]) {
    let (oh, ow) = (g.out_h(), g.out_w());
    for_each_tap(g, |k, c, p, q| {
        for i in 0..oh {
            for j in 0..ow {
                columns[(k * oh + i) * ow + j] =
                    source(g, i, j, p, q).map_or(T::ZERO, |(y, x)| image[(c * g.h + y) * g.w + x]);
            }
        }
    });
}

/// The adjoint of [`im2col`]: adds each column back to the pixels it was taken from.
pub fn col2im<T: Scalar>(g: &Conv2d, columns: &[T], image: &mut [T]) {
    let (oh, ow) = (g.out_h(), g.out_w());
    image.fill(T::ZERO);
    for_each_tap(g, |k, c, p, q| {
        for i in 0..oh {
            for j in 0..ow {
                if let Some((y, x)) = source(g, i, j, p, q) {
                    image[(c * g.h + y) * g.w + x] += columns[(k * oh + i) * ow + j];
                }
            }
        }
    });
}

/// Calls `f(k, c, p, q)` for each row k of the im2col matrix.
fn for_each_tap(g: &Conv2d, mut f: impl FnMut(usize, usize, usize, usize)) {
    let mut k = 0;
    for c in 0..g.c {
        for p in 0..g.kernel[0] {
            for q in 0..g.kernel[1] {
                f(k, c, p, q);
                k += 1;
            }
        }
    }
}

/// The input pixel under tap (p, q) of output (i, j), or none in the padding.
#[inline(always)]
fn source(g: &Conv2d, i: usize, j: usize, p: usize, q: usize) -> Option<(usize, usize)> {
    let y = (i * g.stride[0] + p * g.dilation[0]).checked_sub(g.pad[0][0])?;
    let x = (j * g.stride[1] + q * g.dilation[1]).checked_sub(g.pad[1][0])?;
    (y < g.h && x < g.w).then_some((y, x))
}

/// Convolution as a matrix product: each image's columns are multiplied from the left by the filters.
pub fn conv2d_forward<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (k, pixels) = (g.k(), g.out_h() * g.out_w());
    let mut columns = vec![T::ZERO; k * pixels];
    for n in 0..g.n {
        im2col(g, &x[n * g.c * g.h * g.w..][..g.c * g.h * g.w], &mut columns);
        let out = &mut y[n * g.o * pixels..][..g.o * pixels];
        gemm(MatRef::new(w, g.o, k), MatRef::new(&columns, k, pixels), T::ZERO, MatMut::new(out, g.o, pixels));
        if let Some(bias) = bias {
            for o in 0..g.o {
                out[o * pixels..][..pixels].iter_mut().for_each(|v| *v += bias[o]);
            }
        }
    }
}

/// dX: the columns' gradient is `Wᵀ dY`, and col2im adds it back to the pixels.
pub fn conv2d_backward_data<T: Scalar>(g: &Conv2d, dy: &[T], w: &[T], dx: &mut [T]) {
    let (k, pixels) = (g.k(), g.out_h() * g.out_w());
    let mut columns = vec![T::ZERO; k * pixels];
    for n in 0..g.n {
        let dy = MatRef::new(&dy[n * g.o * pixels..][..g.o * pixels], g.o, pixels);
        gemm(MatRef::new(w, g.o, k).t(), dy, T::ZERO, MatMut::new(&mut columns, k, pixels));
        col2im(g, &columns, &mut dx[n * g.c * g.h * g.w..][..g.c * g.h * g.w]);
    }
}

/// dW: the sum over images of `dY columnsᵀ`.
pub fn conv2d_backward_weights<T: Scalar>(g: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    let (k, pixels) = (g.k(), g.out_h() * g.out_w());
    let mut columns = vec![T::ZERO; k * pixels];
    dw.fill(T::ZERO);
    for n in 0..g.n {
        im2col(g, &x[n * g.c * g.h * g.w..][..g.c * g.h * g.w], &mut columns);
        let dy = MatRef::new(&dy[n * g.o * pixels..][..g.o * pixels], g.o, pixels);
        gemm(dy, MatRef::new(&columns, k, pixels).t(), T::ONE, MatMut::new(dw, g.o, k));
    }
}
