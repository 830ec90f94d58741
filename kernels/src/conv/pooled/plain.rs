//! A block as its four steps one after the other: in any number type, on any machine, and where a number is not finite.

use super::block::{Gradients, check_backward, check_forward, pooled};
use super::window::{DEAD, floor, pool_window};
use crate::{Conv2d, Scalar, reduce};

/// The four steps one after the other.
pub(crate) fn plain_forward<T: Scalar>(
    g: &Conv2d,
    x: &[T],
    w: &[T],
    bias: &[T],
    relu: bool,
    y: &mut [T],
    mut codes: Option<&mut [u8]>,
) {
    check_forward(g, x, w, bias, y, codes.as_deref());
    if y.is_empty() {
        return;
    }
    let (oh, ow) = (g.out_h(), g.out_w());
    let mut dense = vec![T::ZERO; g.n * g.o * oh * ow];
    T::conv2d_forward(g, x, w, Some(bias), &mut dense);
    let [ph, pw] = pooled(g);
    for (k, y) in y.iter_mut().enumerate() {
        let (plane, i, j) = (k / (ph * pw), k / pw % ph, k % pw);
        let z = &dense[plane * oh * ow..];
        let value = |pixel: usize| z[(2 * i + pixel / 2) * ow + 2 * j + pixel % 2];
        let (value, code) = pool_window(std::array::from_fn(value), floor(relu));
        *y = value;
        if let Some(codes) = &mut codes {
            codes[k] = code as u8;
        }
    }
}

/// The gradient of the activation before pooling, and from there as ever.
pub(crate) fn plain_backward<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], dy: &[T], codes: &[u8], out: Gradients<'_, T>) {
    check_backward(g, x, w, dy, codes, &out);
    if dy.is_empty() {
        out.dw.fill(T::ZERO);
        out.db.fill(T::ZERO);
        return out.dx.into_iter().for_each(|dx| dx.fill(T::ZERO));
    }
    let (oh, ow) = (g.out_h(), g.out_w());
    let mut dense = vec![T::ZERO; g.n * g.o * oh * ow];
    let [ph, pw] = pooled(g);
    for (k, (&dy, &code)) in dy.iter().zip(codes).enumerate() {
        let (plane, i, j) = (k / (ph * pw), k / pw % ph, k % pw);
        let (r, s) = (usize::from(code >> 1 & 1), usize::from(code & 1));
        // Not simply 0 where dead: ReLU's derivative of 0 times infinity is NaN.
        dense[(plane * oh + 2 * i + r) * ow + 2 * j + s] = dy * if code < DEAD { T::ONE } else { T::ZERO };
    }
    reduce::sum_channels(&dense, g.n, g.o, oh * ow, out.db);
    T::conv2d_backward_weights(g, x, &dense, out.dw);
    if let Some(dx) = out.dx {
        T::conv2d_backward_data(g, &dense, w, dx);
    }
}
