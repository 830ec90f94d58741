//! Convolution, bias, ReLU and 2 x 2 max-pooling in one kernel: a block of a convolutional network. Some have no ReLU.
//!
//! Written one after the other, these four stream an activation of four times the output's size through memory again
//! and again. Here the activation before pooling never leaves the cache ([`forward`]); a byte per output remembers
//! which of its four pixels is the argmax, and whether ReLU sent it to zero. And as pooling sends at least three
//! quarters of the gradient to zero, the backward pass ([`backward`]) visits the argmaxes only: a quarter of the
//! arithmetic.
//!
//! Zero times infinity is NaN, which skipping zeros would hide: if any number is not finite, the dense way (`plain.rs`)
//! computes everything anew.

mod backward;
mod block;
mod direct;
mod forward;
mod plain;
mod sums;
mod window;

pub use block::Gradients;
pub(crate) use plain::{plain_backward, plain_forward};
pub use window::DEAD;
pub(crate) use window::pool_window;

use crate::dispatch::isa;
use crate::{Conv2d, simd};
use block::{check_backward, check_forward, fits};

pub(crate) fn forward_f32(
    g: &Conv2d,
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    relu: bool,
    y: &mut [f32],
    codes: Option<&mut [u8]>,
) {
    check_forward(g, x, w, bias, y, codes.as_deref());
    match simd::kernels(isa()) {
        Some(kernels) if fits(g) => forward::run(kernels, g, x, w, (bias, window::floor(relu)), y, codes),
        _ => plain_forward(g, x, w, bias, relu, y, codes),
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
