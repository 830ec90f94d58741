//! 2-d convolution on `f32`: im2col, without ever making the columns.
//!
//! Row (c, p, q) of the im2col matrix is the image itself, shifted by the tap: if the image is copied once with its
//! zero border ([`image`]), element (k, pixel) lies at `pixel + offset[k]`, for any stride, padding and dilation. The
//! micro-kernels read it there. Three products follow:
//! * forward: filters x columns ([`sweep`]);
//! * the gradient of the image, which is also transposed convolution: the same sweep over dY with the filters turned
//!   around, one for each of the `stride x stride` classes of pixels that see the same taps;
//! * the gradient of the filters: dY x columnsᵀ ([`weights`]).
//!
//! [`pooled`] adds what follows a convolution in most networks, bias, ReLU and max-pooling, without a trip to memory.
//!
//! [`chain`] takes sixteen small pictures at a time through several convolutions.
//!
//! [`grouped`] runs several such convolutions side by side, each on channels of its own.
//!
//! Machines without a micro-kernel, and `f64`, take [`plain`]: im2col in memory and one GEMM per image. A geometry that
//! is almost all padding or gaps (a stride of 2^40, say) takes the reference's loops, which never copy the border.

pub mod chain;
pub mod grouped;
mod image;
pub(crate) mod plain;
pub(crate) mod pooled;
mod sweep;
mod weights;

use crate::dispatch::isa;
use crate::geometry::product;
use crate::{Conv2d, Scalar, reference, simd};

/// Multiply-adds below which a convolution stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 18;

/// Panics unless the slices have the sizes that `g` says, and these can exist.
pub(crate) fn check(name: &str, g: &Conv2d, x: usize, w: usize, y: usize) {
    let lengths = g.lengths().unwrap_or_else(|e| panic!("{name}: {e}: {g:?}"));
    assert!([lengths.x, lengths.w, lengths.y] == [x, w, y], "{name}: wrong lengths: {x}, {w}, {y} for {lengths:?}");
}

/// [`check`], and the bias of each output channel.
fn check_forward<T>(g: &Conv2d, x: usize, w: usize, bias: Option<&[T]>, y: usize) {
    check("conv2d", g, x, w, y);
    assert!(bias.is_none_or(|b| b.len() == g.o), "conv2d: wrong length of bias");
}

/// The same for the adjoint, which goes from the convolution's outputs to its inputs.
fn check_transpose<T>(g: &Conv2d, x: usize, w: usize, bias: Option<&[T]>, y: usize) {
    check("conv2d's adjoint", g, y, w, x);
    assert!(bias.is_none_or(|b| b.len() == g.c), "conv2d's adjoint: wrong length of bias");
}

/// The product, or `usize::MAX` if it is larger.
fn times(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |all, &size| all.saturating_mul(size))
}

/// Multiply-adds of a convolution.
fn work(g: &Conv2d) -> usize {
    times(&[g.n, g.o, g.k(), g.out_h(), g.out_w()])
}

/// Whether the work is too small to be shared out.
fn serial(g: &Conv2d) -> bool {
    work(g) < SERIAL_BELOW
}

/// Floats of the largest copy of an image with its border, which the fast paths read; `None` if an array of the convolution
/// is empty, or the copies would not be of the order of the data. So sizes of copies cannot wrap, and padding or gaps
/// beyond all measure allocate nothing.
fn bordered(g: &Conv2d) -> Option<usize> {
    let [oh, ow] = [g.out_h(), g.out_w()];
    if [g.n, g.c, g.h, g.w, g.o, oh, ow].contains(&0) {
        return None;
    }
    let reach = |axis: usize| (g.kernel[axis] - 1) * g.dilation[axis] + 1;
    // Forward: what lies between the first and the last tap, in whole phases of columns; and, in the maps of a chain, the
    // pixels that no tap falls on.
    let read = |axis: usize, size: usize, out: usize| {
        let taps = ((out - 1) * g.stride[axis]).saturating_add(reach(axis));
        taps.max(g.pad[axis][0] + size).div_ceil(g.stride[axis]).saturating_mul(g.stride[axis])
    };
    // Backward: the outputs that the taps over all pixels fall on, there or not.
    let seen = |axis: usize, size: usize, out: usize| {
        let beyond = size.saturating_add(reach(axis)).saturating_add(reach(axis)) / g.stride[axis];
        out.saturating_add(beyond).saturating_add(2)
    };
    let forward = times(&[g.c, read(0, g.h, oh), read(1, g.w, ow)]);
    let backward = times(&[g.o, seen(0, g.h, oh), seen(1, g.w, ow)]);
    let data = times(&[g.c, g.h, g.w]).saturating_add(times(&[g.o.max(g.k()), oh, ow]));
    let most = data.saturating_mul(64).saturating_add(1 << 16);
    Some(forward.max(backward)).filter(|&floats| floats <= most)
}

/// Whether the fast paths may take this convolution: their copies of an image are of the order of the data, and places in
/// them and in the filters fit into 32 bits.
pub(crate) fn is_compact(g: &Conv2d) -> bool {
    const PLACES: usize = u32::MAX as usize / 2;
    bordered(g).is_some_and(|floats| floats <= PLACES) && product(&[g.o, g.k()]).is_some_and(|len| len <= PLACES)
}

/// y = x * w (+ bias), in any number type.
pub(crate) fn forward<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    check_forward(g, x.len(), w.len(), bias, y.len());
    if is_compact(g) {
        plain::forward(g, x, w, bias, y);
    } else if !y.is_empty() {
        reference::conv2d_forward(g, x, w, bias, y);
    }
}

pub(crate) fn forward_f32(g: &Conv2d, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    check_forward(g, x.len(), w.len(), bias, y.len());
    match simd::kernels(isa()) {
        Some(kernels) if is_compact(g) => sweep::forward(kernels, g, x, w, bias, y),
        _ => forward(g, x, w, bias, y),
    }
}

/// The adjoint of [`forward`], in any number type.
pub(crate) fn transpose<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    check_transpose(g, x.len(), w.len(), bias, y.len());
    if is_compact(g) {
        plain::transpose(g, x, w, bias, y);
    } else if x.is_empty() || w.is_empty() {
        // Empty sums. There may be more taps in an array of no filters than anyone can count.
        let plane = y.len() / g.n.saturating_mul(g.c).max(1);
        let planes = y.chunks_mut(plane.max(1)).enumerate();
        planes.for_each(|(i, plane)| plane.fill(bias.map_or(T::ZERO, |bias| T::ZERO + bias[i % g.c])));
    } else {
        reference::conv_transpose2d_forward(g, x, w, bias, y);
    }
}

pub(crate) fn transpose_f32(g: &Conv2d, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    check_transpose(g, x.len(), w.len(), bias, y.len());
    match simd::kernels(isa()) {
        Some(kernels) if is_compact(g) => sweep::transpose(kernels, g, x, w, bias, y),
        _ => transpose(g, x, w, bias, y),
    }
}

/// The gradient of the filters, in any number type.
pub(crate) fn backward_weights<T: Scalar>(g: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    check("conv2d backward", g, x.len(), dw.len(), dy.len());
    if is_compact(g) {
        plain::backward_weights(g, x, dy, dw);
    } else if dy.is_empty() {
        dw.fill(T::ZERO);
    } else {
        reference::conv2d_backward_weights(g, x, dy, dw);
    }
}

pub(crate) fn backward_weights_f32(g: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    check("conv2d backward", g, x.len(), dw.len(), dy.len());
    match simd::kernels(isa()) {
        Some(kernels) if is_compact(g) => weights::backward(kernels, g, x, dy, dw),
        _ => backward_weights(g, x, dy, dw),
    }
}
