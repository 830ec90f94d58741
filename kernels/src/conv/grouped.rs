//! Grouped convolution: each group's channels are copied together, and the convolution of one group runs on them.
//!
//! The filters and biases of a group lie together anyway. Its channels do not when there are several images: between
//! two images' channels lie those of the other groups. Copying costs little beside a convolution of many channels. For
//! depthwise convolution, with one channel a group, it costs as much as the sums themselves, and the micro-kernels are
//! made for more filters than one: what is saved in multiplications is not all saved in time.
//!
//! Many groups go to the threads group by group; of few groups, one after the other, each goes to all threads.

use super::size::work;
use crate::dispatch::{isa, with};
use crate::parallel::{Shared, tasks};
use crate::{GroupedConv2d, Scalar};
use std::ops::Range;

/// Groups below which one follows the other.
const MANY: usize = 8;
/// Multiply-adds below which all stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 18;

/// Elements of one image's channels of one group, in and out, and of a group's filters.
struct Sizes {
    x: usize,
    y: usize,
    w: usize,
}

impl Sizes {
    /// Returns the sizes, after a look at the slices' lengths.
    fn of(name: &str, g: &GroupedConv2d, x: usize, w: usize, y: usize) -> Self {
        let lengths = g.lengths().unwrap_or_else(|e| panic!("grouped {name}: {e}: {g:?}"));
        let fits = [lengths.x, lengths.w, lengths.y] == [x, w, y];
        assert!(fits, "grouped {name}: expected {lengths:?}, found x: {x}, w: {w}, y: {y}");
        // No group, or no image: none of the sizes is ever used.
        let [images, groups] = [g.groups.saturating_mul(g.each.n).max(1), g.groups.max(1)];
        Self { x: x / images, y: y / images, w: w / groups }
    }
}

/// Returns where group `i` has its `len` elements of image `n`.
fn place(g: &GroupedConv2d, i: usize, n: usize, len: usize) -> Range<usize> {
    let start = (n * g.groups + i) * len;
    start..start + len
}

/// Copies the channels of group `i` together, image after image.
fn collect<T: Scalar>(g: &GroupedConv2d, i: usize, len: usize, from: &[T], to: &mut [T]) {
    (0..g.each.n).for_each(|n| to[n * len..][..len].copy_from_slice(&from[place(g, i, n, len)]));
}

/// Copies them back.
fn spread<T: Scalar>(g: &GroupedConv2d, i: usize, len: usize, from: &[T], to: &Shared<'_, T>) {
    for n in 0..g.each.n {
        // SAFETY: this image's channels of this group, which one task alone writes.
        let to = unsafe { to.piece(place(g, i, n, len).start, len) };
        to.copy_from_slice(&from[n * len..][..len]);
    }
}

/// Calls `f(i)` for each group, at the caller's instruction set wherever it runs.
fn each_group(g: &GroupedConv2d, f: impl Fn(usize) + Sync + Send) {
    let (level, work) = (isa(), g.groups.saturating_mul(work(&g.each)));
    tasks(g.groups, g.groups < MANY || work < SERIAL_BELOW, |i| with(level, || f(i)));
}

/// Computes y = x * w (+ bias), group by group; x is N (groups c) H W, w is (groups o) c KH KW, y is N (groups o) OH
/// OW.
pub fn conv2d_forward<T: Scalar>(g: &GroupedConv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    if g.groups == 1 {
        return T::conv2d_forward(&g.each, x, w, bias, y);
    }
    let (size, e) = (Sizes::of("conv2d", g, x.len(), w.len(), y.len()), &g.each);
    assert!(
        bias.is_none_or(|b| Some(b.len()) == g.groups.checked_mul(e.o)),
        "grouped conv2d: the length of the bias does not fit"
    );
    if y.is_empty() {
        return; // There may be more groups than can be counted.
    }
    let y = Shared::new(y);
    each_group(g, |i| {
        T::lend(e.n * (size.x + size.y), |buffer| {
            let (own_x, own_y) = buffer.split_at_mut(e.n * size.x);
            collect(g, i, size.x, x, own_x);
            let bias = bias.map(|b| &b[i * e.o..][..e.o]);
            T::conv2d_forward(e, own_x, &w[i * size.w..][..size.w], bias, own_y);
            spread(g, i, size.y, own_y, &y);
        });
    });
}

/// Computes the gradient of x, written (not added) into `dx`.
pub fn conv2d_backward_data<T: Scalar>(g: &GroupedConv2d, dy: &[T], w: &[T], dx: &mut [T]) {
    conv_transpose2d_forward(g, dy, w, None, dx);
}

/// Computes the adjoint of convolution, y = wᵀ * x (+ bias), group by group; x is N (groups o) OH OW, w is (groups o) c
/// KH KW, y is N (groups c) H W.
pub fn conv_transpose2d_forward<T: Scalar>(g: &GroupedConv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    if g.groups == 1 {
        return T::conv_transpose2d_forward(&g.each, x, w, bias, y);
    }
    // In the convolution's terms, the adjoint's input is y and its output x.
    let (size, e) = (Sizes::of("conv2d's adjoint", g, y.len(), w.len(), x.len()), &g.each);
    let fits = bias.is_none_or(|b| Some(b.len()) == g.groups.checked_mul(e.c));
    assert!(fits, "grouped conv2d's adjoint: the length of the bias does not fit");
    if y.is_empty() {
        return;
    }
    let y = Shared::new(y);
    each_group(g, |i| {
        T::lend(e.n * (size.x + size.y), |buffer| {
            let (own_y, own_x) = buffer.split_at_mut(e.n * size.x);
            collect(g, i, size.y, x, own_x);
            let bias = bias.map(|b| &b[i * e.c..][..e.c]);
            T::conv_transpose2d_forward(e, own_x, &w[i * size.w..][..size.w], bias, own_y);
            spread(g, i, size.x, own_y, &y);
        });
    });
}

/// Computes the gradient of w, written (not added) into `dw`.
pub fn conv2d_backward_weights<T: Scalar>(g: &GroupedConv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    if g.groups == 1 {
        return T::conv2d_backward_weights(&g.each, x, dy, dw);
    }
    let (size, e) = (Sizes::of("conv2d backward", g, x.len(), dw.len(), dy.len()), &g.each);
    if dy.is_empty() {
        return dw.fill(T::ZERO);
    }
    let dw = Shared::new(dw);
    each_group(g, |i| {
        T::lend(e.n * (size.x + size.y), |buffer| {
            let (own_x, own_dy) = buffer.split_at_mut(e.n * size.x);
            collect(g, i, size.x, x, own_x);
            collect(g, i, size.y, dy, own_dy);
            // SAFETY: the filters of this group, which one task alone writes.
            T::conv2d_backward_weights(e, own_x, own_dy, unsafe { dw.piece(i * size.w, size.w) });
        });
    });
}
