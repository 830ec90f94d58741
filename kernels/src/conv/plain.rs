//! Convolution by im2col in memory and a matrix product per image: for `f64`, and where there is no micro-kernel. No
//! array is empty here (see [`is_compact`](super::size::is_compact)).

use crate::geometry::product;
use crate::reference::{col2im, im2col};
use crate::{Conv2d, MatMut, MatRef, Scalar};

/// Calls `f(columns, n)` for each image, `columns` being a buffer for its im2col matrix.
fn each_image<T: Scalar>(g: &Conv2d, mut f: impl FnMut(&mut [T], usize)) {
    let len = product(&[g.k(), g.out_h(), g.out_w()]).expect("conv2d: the im2col matrix does not fit into memory");
    let mut columns = vec![T::ZERO; len];
    (0..g.n).for_each(|n| f(&mut columns, n));
}

/// Returns the `n`-th of `count` equal parts.
fn part<T>(data: &[T], n: usize, count: usize) -> &[T] {
    let len = data.len() / count;
    &data[n * len..][..len]
}

pub(super) fn forward<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (k, pixels) = (g.k(), g.out_h() * g.out_w());
    each_image(g, |columns, n| {
        im2col(g, part(x, n, g.n), columns);
        let out = &mut y[n * g.o * pixels..][..g.o * pixels];
        T::gemm(MatRef::new(w, g.o, k), MatRef::new(columns, k, pixels), T::ZERO, MatMut::new(out, g.o, pixels));
        if let Some(bias) = bias {
            for o in 0..g.o {
                out[o * pixels..][..pixels].iter_mut().for_each(|v| *v += bias[o]);
            }
        }
    });
}

pub(super) fn transpose<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (k, pixels, plane) = (g.k(), g.out_h() * g.out_w(), g.h * g.w);
    each_image(g, |columns, n| {
        let x = MatRef::new(part(x, n, g.n), g.o, pixels);
        T::gemm(MatRef::new(w, g.o, k).t(), x, T::ZERO, MatMut::new(columns, k, pixels));
        let out = &mut y[n * g.c * plane..][..g.c * plane];
        col2im(g, columns, out);
        if let Some(bias) = bias {
            for c in 0..g.c {
                out[c * plane..][..plane].iter_mut().for_each(|v| *v += bias[c]);
            }
        }
    });
}

pub(super) fn backward_weights<T: Scalar>(g: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    let (k, pixels) = (g.k(), g.out_h() * g.out_w());
    dw.fill(T::ZERO);
    each_image(g, |columns, n| {
        im2col(g, part(x, n, g.n), columns);
        let dy = MatRef::new(part(dy, n, g.n), g.o, pixels);
        T::gemm(dy, MatRef::new(columns, k, pixels).t(), T::ONE, MatMut::new(dw, g.o, k));
    });
}
