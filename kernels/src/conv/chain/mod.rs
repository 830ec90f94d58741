//! Convolutions and transposed convolutions one after the other, with ReLU between them, without a trip to memory: the
//! encoders and decoders of small pictures.
//!
//! One picture of 8 x 8 pixels fills a vector badly, with strides worse. Sixteen pictures side by side fill it whatever
//! their size: `lanes.rs` lays 16 of them out pixel by pixel, takes them through all stages that way, and only the first
//! input and the last output are ever transposed. What the backward pass needs stays in that layout.
//!
//! The values are those of the stages one after the other, bit for bit. The gradients of filters and biases have another
//! order of sums, see [`crate::reference::lane_weights`]: 16 running sums instead of one image after the other.
//!
//! `f64`, and machines without a micro-kernel, run the stages one by one.

mod lanes;
mod map;

use crate::dispatch::isa;
use crate::{Conv2d, Scalar, math, reduce, simd};

/// One stage: a convolution or its adjoint, a bias, and ReLU or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The convolution, or the one whose adjoint this is.
    pub conv: Conv2d,
    /// Whether it is the adjoint: then the convolution's output is this stage's input.
    pub transposed: bool,
    /// Whether ReLU follows.
    pub relu: bool,
}

impl Stage {
    /// Channels, height and width of the input.
    pub fn input(&self) -> [usize; 3] {
        let g = &self.conv;
        if self.transposed { [g.o, g.out_h(), g.out_w()] } else { [g.c, g.h, g.w] }
    }

    /// Channels, height and width of the output.
    pub fn output(&self) -> [usize; 3] {
        let g = &self.conv;
        if self.transposed { [g.c, g.h, g.w] } else { [g.o, g.out_h(), g.out_w()] }
    }
}

/// The filters of a stage, `[O, C, KH, KW]` of its convolution, and a bias for each channel of its output.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a, T> {
    /// The filters.
    pub w: &'a [T],
    /// The bias.
    pub bias: &'a [T],
}

/// Receives the gradients of a stage's [`Filters`]; written whole.
#[derive(Debug)]
pub struct FilterGradients<'a, T> {
    /// Of the filters.
    pub dw: &'a mut [T],
    /// Of the bias.
    pub db: &'a mut [T],
}

/// What [`backward`] reads beside the filters.
#[derive(Clone, Copy, Debug)]
pub struct Passed<'a, T> {
    /// The input.
    pub x: &'a [T],
    /// The output.
    pub y: &'a [T],
    /// What [`forward`] kept.
    pub kept: &'a [T],
}

/// Most floats of a picture between two stages, and most coefficients of a stage, for which this was measured to be
/// quicker: sixteen pictures shall stay in a core's caches, and the sixteen sums of each coefficient in the shared one.
const MOST_FLOATS: usize = 1 << 13;
const MOST_COEFFICIENTS: usize = 1 << 17;

/// Whether these stages are quicker in one go: from 16 small pictures on, where there are several stages, or one that skips
/// pixels. A question of sizes alone.
pub fn pays(stages: &[Stage]) -> bool {
    let small = |s: &Stage| {
        if !super::is_compact(&s.conv) {
            return false;
        }
        let floats = |[c, h, w]: [usize; 3]| c * h * w;
        floats(s.input()).max(floats(s.output())) <= MOST_FLOATS && s.conv.o * s.conv.k() <= MOST_COEFFICIENTS
    };
    let skips = |s: &Stage| s.conv.stride != [1, 1];
    let worth = stages.len() > 1 || stages.iter().any(skips);
    worth && stages.first().is_some_and(|s| s.conv.n >= reduce::LANES) && stages.iter().all(small)
}

/// Whether all stages may go through the lanes: no array is empty, and sixteen images with their borders have places of 32
/// bits.
fn fits_lanes(stages: &[Stage]) -> bool {
    let small = |floats: usize| floats <= u32::MAX as usize / (2 * reduce::LANES);
    stages.iter().all(|s| super::is_compact(&s.conv) && super::bordered(&s.conv).is_some_and(small))
}

/// Numbers that [`forward`] keeps for [`backward`].
///
/// # Panics
/// If there is no stage, or a stage's arrays do not fit into memory.
pub fn kept_len(stages: &[Stage]) -> usize {
    assert!(!stages.is_empty(), "chain: no stages");
    if fits_lanes(stages) {
        return lanes::kept_len(stages);
    }
    stages[..stages.len() - 1].iter().map(output_len).fold(0, usize::saturating_add)
}

/// Length of a stage's input.
fn input_len(stage: &Stage) -> usize {
    let lengths = stage.conv.lengths().unwrap_or_else(|e| panic!("chain: {e}: {stage:?}"));
    if stage.transposed { lengths.y } else { lengths.x }
}

/// Length of a stage's output.
fn output_len(stage: &Stage) -> usize {
    input_len(&Stage { transposed: !stage.transposed, ..*stage })
}

/// Panics unless the stages follow one from the other and the slices have their lengths.
fn check<T>(stages: &[Stage], x: usize, filters: &[Filters<'_, T>], y: usize) {
    let (first, last) = (stages.first().expect("chain: no stages"), stages[stages.len() - 1]);
    let follow = stages.windows(2).all(|s| s[0].output() == s[1].input() && s[0].conv.n == s[1].conv.n);
    let filter = |s: &Stage, f: &Filters<'_, T>| {
        s.conv.lengths().is_ok_and(|l| l.w == f.w.len()) && f.bias.len() == s.output()[0]
    };
    let fit = filters.len() == stages.len() && stages.iter().zip(filters).all(|(s, f)| filter(s, f));
    assert!(follow && fit && x == input_len(first) && y == output_len(&last), "chain: wrong lengths");
}

/// [`check`], and what the forward pass writes.
fn check_forward<T>(stages: &[Stage], x: &[T], filters: &[Filters<'_, T>], y: &[T], kept: Option<&[T]>) {
    check(stages, x.len(), filters, y.len());
    assert!(kept.is_none_or(|kept| kept.len() == kept_len(stages)), "chain: wrong length of kept");
}

/// [`check`], and what the backward pass reads and writes.
fn check_backward<T>(
    stages: &[Stage],
    passed: &Passed<'_, T>,
    filters: &[Filters<'_, T>],
    dy: &[T],
    dx: Option<&[T]>,
    out: &[FilterGradients<'_, T>],
) {
    check(stages, passed.x.len(), filters, dy.len());
    let fit = out.iter().zip(filters).all(|(o, f)| o.dw.len() == f.w.len() && o.db.len() == f.bias.len());
    let ends = passed.kept.len() == kept_len(stages) && dx.is_none_or(|dx| dx.len() == passed.x.len());
    assert!(fit && ends && out.len() == stages.len() && passed.y.len() == dy.len(), "chain backward: wrong lengths");
}

/// The last stage's output; what the backward pass needs is written to `kept` ([`kept_len`] numbers), if wanted.
pub fn forward<T: Scalar>(stages: &[Stage], x: &[T], filters: &[Filters<'_, T>], y: &mut [T], kept: Option<&mut [T]>) {
    T::conv_chain_forward(stages, x, filters, y, kept);
}

/// The gradients for `dy`, that of the last output: of all filters, and of x if wanted.
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

/// Stage after stage; `kept` receives the outputs of all but the last one after the other.
pub(crate) fn plain_forward<T: Scalar>(
    stages: &[Stage],
    x: &[T],
    filters: &[Filters<'_, T>],
    y: &mut [T],
    kept: Option<&mut [T]>,
) {
    check_forward(stages, x, filters, y, kept.as_deref());
    let mut own = Vec::new();
    let mut rest = match kept {
        Some(kept) => kept,
        None => {
            own.resize(kept_len(stages), T::ZERO);
            &mut own
        }
    };
    let run = |stage: &Stage, f: &Filters<'_, T>, from: &[T], to: &mut [T]| {
        if stage.transposed {
            T::conv_transpose2d_forward(&stage.conv, from, f.w, Some(f.bias), to);
        } else {
            T::conv2d_forward(&stage.conv, from, f.w, Some(f.bias), to);
        }
        if stage.relu {
            to.iter_mut().for_each(|v| *v = if *v <= T::ZERO { T::ZERO } else { *v });
        }
    };
    let (mut from, last) = (x, stages.len() - 1);
    for (stage, f) in stages[..last].iter().zip(filters) {
        let (to, after) = rest.split_at_mut(output_len(stage));
        run(stage, f, from, to);
        (from, rest) = (to, after);
    }
    run(&stages[last], &filters[last], from, y);
}

/// Stage after stage, backwards.
pub(crate) fn plain_backward<T: Scalar>(
    stages: &[Stage],
    passed: Passed<'_, T>,
    filters: &[Filters<'_, T>],
    dy: &[T],
    mut dx: Option<&mut [T]>,
    out: &mut [FilterGradients<'_, T>],
) {
    check_backward(stages, &passed, filters, dy, dx.as_deref(), out);
    let mut end: usize = stages[..stages.len() - 1].iter().map(output_len).sum();
    let (mut slopes, mut values) = (dy.to_vec(), passed.y);
    for (i, stage) in stages.iter().enumerate().rev() {
        let (g, [c, h, w]) = (&stage.conv, stage.output());
        if stage.relu {
            math::update(&mut slopes, values, |slope, y| slope * if y <= T::ZERO { T::ZERO } else { T::ONE });
        }
        let input = if i == 0 {
            passed.x
        } else {
            end -= output_len(&stages[i - 1]);
            &passed.kept[end..][..output_len(&stages[i - 1])]
        };
        reduce::sum_channels(&slopes, g.n, c, h * w, out[i].db);
        let (image, at) = if stage.transposed { (&*slopes, input) } else { (input, &*slopes) };
        T::conv2d_backward_weights(g, image, at, out[i].dw);
        let mut before = vec![T::ZERO; input.len()];
        if i > 0 || dx.is_some() {
            if stage.transposed {
                T::conv2d_forward(g, &slopes, filters[i].w, None, &mut before);
            } else {
                T::conv2d_backward_data(g, &slopes, filters[i].w, &mut before);
            }
        }
        (slopes, values) = (before, input);
    }
    if let Some(dx) = dx.as_mut() {
        dx.copy_from_slice(&slopes);
    }
}
