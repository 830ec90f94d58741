//! The checks of a chain's arguments, and the length of the values kept between its two passes.

use super::super::size::{bordered, is_compact};
use super::map;
use super::stage::{FilterGradients, Filters, Passed, Stage};
use crate::reduce;

/// Returns whether all stages may go through the lanes: no array is empty, and sixteen images with their borders have
/// places of 32 bits.
pub(super) fn fits_lanes(stages: &[Stage]) -> bool {
    let small = |floats: usize| floats <= u32::MAX as usize / (2 * reduce::LANES);
    stages.iter().all(|s| is_compact(&s.conv) && bordered(&s.conv).is_some_and(small))
}

/// Returns how many numbers [`forward`](super::forward) keeps for [`backward`](super::backward).
///
/// # Panics
/// If there is no stage, or a stage's arrays do not fit into memory.
pub fn kept_len(stages: &[Stage]) -> usize {
    assert!(!stages.is_empty(), "chain: no stages");
    if fits_lanes(stages) {
        return map::kept_len(stages);
    }
    stages[..stages.len() - 1].iter().map(output_len).fold(0, usize::saturating_add)
}

/// Returns the length of a stage's input.
fn input_len(stage: &Stage) -> usize {
    let lengths = stage.conv.lengths().unwrap_or_else(|e| panic!("chain: {e}: {stage:?}"));
    if stage.transposed { lengths.y } else { lengths.x }
}

/// Returns the length of a stage's output.
pub(super) fn output_len(stage: &Stage) -> usize {
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
    assert!(follow && fit && x == input_len(first) && y == output_len(&last), "chain: the lengths do not fit");
}

/// [`check`], and what the forward pass writes.
pub(super) fn check_forward<T>(stages: &[Stage], x: &[T], filters: &[Filters<'_, T>], y: &[T], kept: Option<&[T]>) {
    check(stages, x.len(), filters, y.len());
    assert!(kept.is_none_or(|kept| kept.len() == kept_len(stages)), "chain: the length of kept does not fit");
}

/// [`check`], and what the backward pass reads and writes.
pub(super) fn check_backward<T>(
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
    assert!(
        fit && ends && out.len() == stages.len() && passed.y.len() == dy.len(),
        "chain backward: the lengths do not fit"
    );
}
