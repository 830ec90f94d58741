//! Convolution, bias, ReLU and 2 x 2 max-pooling in one go: what a block of a convolutional network is made of.
//!
//! Written one after the other, these four stream an activation of four times the output's size through memory again
//! and again. Here the activation before pooling never leaves the cache ([`forward`]); a byte per output remembers
//! which of its four pixels won, and whether ReLU let it live. And as pooling sends at least three quarters of the
//! gradient to zero, the backward pass ([`backward`]) visits only the pixels that won: a quarter of the arithmetic.
//!
//! Zero times infinity is NaN, which skipping zeros would hide: if any factor is not finite, the dense way ([`plain`])
//! computes everything anew.

mod backward;
mod direct;
mod forward;

use crate::dispatch::isa;
use crate::geometry::product;
use crate::reduce::{Pairs, TURNS};
use crate::{Conv2d, Scalar, reduce, simd};

/// Set in the code of an output that ReLU cut off. The lower two bits are `2 row + column` of the winner.
pub const DEAD: u8 = 4;

/// Where the gradients of a block go; all are written, not added.
#[derive(Debug)]
pub struct Gradients<'a, T> {
    /// Of the image, unless nobody wants it.
    pub dx: Option<&'a mut [T]>,
    /// Of the filters.
    pub dw: &'a mut [T],
    /// Of the bias.
    pub db: &'a mut [T],
}

/// The lanes of a sum over rows of windows.
type Lanes = [f32; reduce::LANES];

/// The sum of the slopes of a filter's windows, in lanes: sixteen rows in turn, and then in pairs.
struct RowSum<'a> {
    /// Of the rows since the last full block.
    block: &'a mut Lanes,
    levels: &'a mut [[Lanes; 1]],
}

impl RowSum<'_> {
    /// Levels for so many rows.
    fn levels(rows: usize) -> usize {
        reduce::levels(rows.div_ceil(TURNS))
    }

    /// To be called when row `row` has been added.
    #[inline(always)]
    fn end_row(&mut self, row: usize) {
        if (row + 1).is_multiple_of(TURNS) {
            self.end_block(row / TURNS);
        }
    }

    #[inline(always)]
    fn end_block(&mut self, block: usize) {
        Pairs::after(block, self.levels).push([std::mem::take(self.block)]);
    }

    /// After all rows.
    fn total(mut self, rows: usize) -> f32 {
        let blocks = rows.div_ceil(TURNS);
        if !rows.is_multiple_of(TURNS) {
            self.end_block(blocks - 1);
        }
        let [lanes] = Pairs::after(blocks, self.levels).total();
        reduce::tree(lanes)
    }
}

/// Height and width after pooling.
pub(crate) fn pooled(g: &Conv2d) -> [usize; 2] {
    [g.out_h() / 2, g.out_w() / 2]
}

/// Panics unless the slices have the sizes that `g` says, and these can exist.
fn check(name: &str, g: &Conv2d, lens: [usize; 5]) {
    let lengths = g.lengths().unwrap_or_else(|e| panic!("{name}: {e}: {g:?}"));
    let [ph, pw] = pooled(g);
    let outputs = product(&[g.n, g.o, ph, pw]).unwrap_or_else(|| panic!("{name}: the output does not fit into memory"));
    assert!(lens == [lengths.x, lengths.w, g.o, outputs, outputs], "{name}: wrong lengths: {lens:?} for {g:?}");
}

/// [`check`] of what the forward pass reads and writes.
fn check_forward<T>(g: &Conv2d, x: &[T], w: &[T], bias: &[T], y: &[T], codes: Option<&[u8]>) {
    let codes = codes.map_or(y.len(), <[u8]>::len);
    check("conv2d block", g, [x.len(), w.len(), bias.len(), y.len(), codes]);
}

/// [`check`] of what the backward pass reads and writes.
fn check_backward<T>(g: &Conv2d, x: &[T], w: &[T], dy: &[T], codes: &[u8], out: &Gradients<'_, T>) {
    check("conv2d block backward", g, [x.len(), w.len(), out.db.len(), dy.len(), codes.len()]);
    let fit = out.dw.len() == w.len() && out.dx.as_ref().is_none_or(|dx| dx.len() == x.len());
    assert!(fit, "conv2d block backward: wrong lengths of dw or dx: {g:?}");
}

/// Whether the fast paths take this convolution: one that does not skip pixels, and is not empty, pooled or not.
fn fits(g: &Conv2d) -> bool {
    g.stride == [1, 1] && g.dilation == [1, 1] && super::is_compact(g) && !pooled(g).contains(&0)
}

pub(crate) fn forward_f32(g: &Conv2d, x: &[f32], w: &[f32], bias: &[f32], y: &mut [f32], codes: Option<&mut [u8]>) {
    check_forward(g, x, w, bias, y, codes.as_deref());
    match simd::kernels(isa()) {
        Some(kernels) if fits(g) => forward::run(kernels, g, x, w, bias, y, codes),
        _ => plain_forward(g, x, w, bias, y, codes),
    }
}

pub(crate) fn backward_f32(g: &Conv2d, x: &[f32], w: &[f32], dy: &[f32], codes: &[u8], mut out: Gradients<'_, f32>) {
    check_backward(g, x, w, dy, codes, &out);
    let done = match simd::kernels(isa()) {
        Some(kernels) if fits(g) && direct::fits(g, out.dx.is_some()) => {
            direct::run(kernels, g, x, dy, codes, &mut out)
        }
        Some(kernels) if fits(g) => backward::run(kernels, g, x, w, dy, codes, &mut out),
        _ => false,
    };
    if !done {
        plain_backward(g, x, w, dy, codes, out);
    }
}

/// The four steps one after the other.
pub(crate) fn plain_forward<T: Scalar>(
    g: &Conv2d,
    x: &[T],
    w: &[T],
    bias: &[T],
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
        let (value, winner) = winner(std::array::from_fn(value));
        *y = value;
        if let Some(codes) = &mut codes {
            codes[k] = winner as u8;
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
        // Not simply 0 where dead: ReLU's slope of 0 times infinity is NaN.
        dense[(plane * oh + 2 * i + r) * ow + 2 * j + s] = dy * if code < DEAD { T::ONE } else { T::ZERO };
    }
    reduce::sum_channels(&dense, g.n, g.o, oh * ow, out.db);
    T::conv2d_backward_weights(g, x, &dense, out.dw);
    if let Some(dx) = out.dx {
        T::conv2d_backward_data(g, &dense, w, dx);
    }
}

/// The largest of four and 0, and its code: the first of equal ones wins, and NaN wins over numbers.
#[inline(always)]
pub(crate) fn winner<T: Scalar>(window: [T; 4]) -> (T, u32) {
    let mut best = (relu(window[0]), 0);
    for k in 1..4 {
        let value = relu(window[k]);
        let wins = (value > best.0) | (value.is_nan() & !best.0.is_nan());
        best = (if wins { value } else { best.0 }, if wins { k as u32 } else { best.1 });
    }
    (best.0, best.1 | if best.0 <= T::ZERO { u32::from(DEAD) } else { 0 })
}

/// max(x, 0); NaN stays NaN.
#[inline(always)]
fn relu<T: Scalar>(x: T) -> T {
    if x <= T::ZERO { T::ZERO } else { x }
}
