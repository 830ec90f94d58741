//! Convolutions and transposed convolutions one after the other, with ReLU between them, without a trip to memory: the
//! encoders and decoders of small images.
//!
//! One image of 8 x 8 pixels fills a vector badly, with strides worse. Sixteen images side by side fill it whatever
//! their size: `lanes.rs` lays 16 of them out pixel by pixel, takes them through all stages that way, and only the
//! first input and the last output are ever transposed. What the backward pass needs stays in that layout.
//!
//! The values are those of the stages one after the other, bit for bit. The gradients of filters and biases have
//! another order of sums, see [`crate::reference::lane_weights`]: 16 running sums instead of one image after the other.
//!
//! `f64`, and machines without a micro-kernel, run the stages one by one.

mod check;
mod lanes;
mod map;
mod plain;
mod stage;

pub use check::kept_len;
pub(crate) use plain::{plain_backward, plain_forward};
pub use stage::{FilterGradients, Filters, Passed, Stage};

use super::size::is_compact;
use crate::dispatch::isa;
use crate::{Scalar, reduce, simd};
use check::{check_backward, check_forward, fits_lanes};

/// Most floats of an image between two stages, and most coefficients of a stage, for which this was measured to be
/// quicker: sixteen images shall stay in a core's caches, and the sixteen sums of each coefficient in the shared one.
const MOST_FLOATS: usize = 1 << 13;
const MOST_COEFFICIENTS: usize = 1 << 17;

/// Returns whether these stages are quicker in one go: from 16 small images on, where there are several stages, or one
/// that skips pixels. A question of sizes alone.
pub fn pays(stages: &[Stage]) -> bool {
    let small = |s: &Stage| {
        if !is_compact(&s.conv) {
            return false;
        }
        let floats = |[c, h, w]: [usize; 3]| c * h * w;
        floats(s.input()).max(floats(s.output())) <= MOST_FLOATS && s.conv.o * s.conv.k() <= MOST_COEFFICIENTS
    };
    let skips = |s: &Stage| s.conv.stride != [1, 1];
    let worth = stages.len() > 1 || stages.iter().any(skips);
    worth && stages.first().is_some_and(|s| s.conv.n >= reduce::LANES) && stages.iter().all(small)
}

/// Computes the last stage's output; what the backward pass needs is written to `kept` ([`kept_len`] numbers), if it is
/// given.
pub fn forward<T: Scalar>(stages: &[Stage], x: &[T], filters: &[Filters<'_, T>], y: &mut [T], kept: Option<&mut [T]>) {
    T::conv_chain_forward(stages, x, filters, y, kept);
}

/// Computes the gradients for `dy`, that of the last output: of all filters, and of x if `dx` is given.
pub fn backward<T: Scalar>(
    stages: &[Stage],
    passed: Passed<'_, T>,
    filters: &[Filters<'_, T>],
    dy: &[T],
    dx: Option<&mut [T]>,
    out: &mut [FilterGradients<'_, T>],
) {
    T::conv_chain_backward(stages, passed, filters, dy, dx, out);
}

pub(crate) fn forward_f32(
    stages: &[Stage],
    x: &[f32],
    filters: &[Filters<'_, f32>],
    y: &mut [f32],
    kept: Option<&mut [f32]>,
) {
    check_forward(stages, x, filters, y, kept.as_deref());
    match simd::kernels(isa()) {
        Some(kernels) if fits_lanes(stages) => lanes::forward(kernels, stages, x, filters, y, kept),
        _ => plain_forward(stages, x, filters, y, kept),
    }
}

pub(crate) fn backward_f32(
    stages: &[Stage],
    passed: Passed<'_, f32>,
    filters: &[Filters<'_, f32>],
    dy: &[f32],
    dx: Option<&mut [f32]>,
    out: &mut [FilterGradients<'_, f32>],
) {
    check_backward(stages, &passed, filters, dy, dx.as_deref(), out);
    match simd::kernels(isa()) {
        Some(kernels) if fits_lanes(stages) => lanes::backward(kernels, stages, passed.kept, filters, dy, dx, out),
        _ => plain_backward(stages, passed, filters, dy, dx, out),
    }
}
