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
//! Machines without a micro-kernel, and `f64`, take [`plain`]: im2col in memory and one GEMM per image.

pub mod chain;
pub mod grouped;
mod image;
pub(crate) mod plain;
pub(crate) mod pooled;
mod sweep;
mod weights;

use crate::dispatch::isa;
use crate::{Conv2d, simd};

/// Multiply-adds below which a convolution stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 18;

/// Panics unless the slices have the sizes that `g` says.
pub(crate) fn check(name: &str, g: &Conv2d, x: usize, w: usize, y: usize) {
    assert!(
        x == g.n * g.c * g.h * g.w && w == g.o * g.k() && y == g.n * g.o * g.out_h() * g.out_w(),
        "{name}: wrong lengths"
    );
    assert!(g.kernel[0] * g.kernel[1] * g.stride[0] * g.stride[1] > 0, "{name}: a kernel or stride of 0");
}

/// Whether the work is too small to be shared out.
fn serial(g: &Conv2d) -> bool {
    g.n * g.o * g.k() * g.out_h() * g.out_w() < SERIAL_BELOW
}

pub(crate) fn forward_f32(g: &Conv2d, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    check("conv2d", g, x.len(), w.len(), y.len());
    assert!(bias.is_none_or(|b| b.len() == g.o), "conv2d: wrong length of bias");
    match simd::kernels(isa()) {
        Some(kernels) => sweep::forward(kernels, g, x, w, bias, y),
        None => plain::forward(g, x, w, bias, y),
    }
}

/// The same for the adjoint, which goes from the convolution's outputs to its inputs.
pub(crate) fn check_transpose<T>(g: &Conv2d, x: usize, w: usize, bias: Option<&[T]>, y: usize) {
    check("conv2d's adjoint", g, y, w, x);
    assert!(bias.is_none_or(|b| b.len() == g.c), "conv2d's adjoint: wrong length of bias");
}

pub(crate) fn transpose_f32(g: &Conv2d, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    check_transpose(g, x.len(), w.len(), bias, y.len());
    match simd::kernels(isa()) {
        Some(kernels) => sweep::transpose(kernels, g, x, w, bias, y),
        None => plain::transpose(g, x, w, bias, y),
    }
}

pub(crate) fn backward_weights_f32(g: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    check("conv2d backward", g, x.len(), dw.len(), dy.len());
    match simd::kernels(isa()) {
        Some(kernels) => weights::backward(kernels, g, x, dy, dw),
        None => plain::backward_weights(g, x, dy, dw),
    }
}
