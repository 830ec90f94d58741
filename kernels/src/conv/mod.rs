//! 2-d convolution on `f32`: im2col, without ever making the columns.
//!
//! Row (c, p, q) of the im2col matrix is the image itself, shifted by the tap: if the image is copied once with its
//! zero border ([`image`]), element (k, pixel) lies at `pixel + offset[k]`, for any stride, padding and dilation. The
//! micro-kernels read it there. Three products follow:
//! * forward: filters x columns ([`sweep`]);
//! * the gradient of the image, which is also transposed convolution: the same sweep over dY with the filters
//!   transposed, one for each of the `stride x stride` classes of pixels under the same taps;
//! * the gradient of the filters: dY x columnsᵀ ([`weights`]).
//!
//! [`pooled`] adds what follows a convolution in most networks, bias, ReLU and max-pooling, without a trip to memory.
//!
//! [`chain`] takes sixteen small images at a time through several convolutions.
//!
//! [`grouped`] runs several such convolutions side by side, each on channels of its own.
//!
//! Whether a convolution may take these ways, and whether it is worth threads, depends on its sizes alone ([`size`]).
//!
//! Machines without a micro-kernel, and `f64`, take [`plain`]: im2col in memory and one GEMM per image. A geometry that
//! is almost all padding or gaps (a stride of 2^40, say) takes the reference's loops, which never copy the border.

pub mod chain;
pub mod grouped;
mod image;
mod plain;
pub(crate) mod pooled;
mod size;
mod sweep;
mod weights;

use crate::dispatch::isa;
use crate::{Conv2d, Scalar, reference, simd};
use size::is_compact;

/// Panics unless the slices fit the convolution, with a bias for each output channel if any.
fn check_forward<T>(g: &Conv2d, x: usize, w: usize, bias: Option<&[T]>, y: usize) {
    g.check("conv2d", x, w, y);
    assert!(bias.is_none_or(|b| b.len() == g.o), "conv2d: the length of the bias does not fit");
}

/// The same for the adjoint, which goes from the convolution's outputs to its inputs.
fn check_transpose<T>(g: &Conv2d, x: usize, w: usize, bias: Option<&[T]>, y: usize) {
    g.check("conv2d's adjoint", y, w, x);
    assert!(bias.is_none_or(|b| b.len() == g.c), "conv2d's adjoint: the length of the bias does not fit");
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
        // Empty sums. There may be more taps in an array of no filters than can be counted.
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
    g.check("conv2d backward", x.len(), dw.len(), dy.len());
    if is_compact(g) {
        plain::backward_weights(g, x, dy, dw);
    } else if dy.is_empty() {
        dw.fill(T::ZERO);
    } else {
        reference::conv2d_backward_weights(g, x, dy, dw);
    }
}

pub(crate) fn backward_weights_f32(g: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    g.check("conv2d backward", x.len(), dw.len(), dy.len());
    match simd::kernels(isa()) {
        Some(kernels) if is_compact(g) => weights::backward(kernels, g, x, dy, dw),
        _ => backward_weights(g, x, dy, dw),
    }
}
