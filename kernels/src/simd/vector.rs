//! A register of floats, and what the micro-kernels ask of it.
//!
//! Every method is inlined into a function that was compiled for the instruction set, so it becomes one instruction.

use super::{ORDER, UNIT};
use crate::conv::pooled::winner;

/// # Safety
/// Of all methods: the instruction set must be present, and pointers must be good for `LANES` floats (or `len`).
pub(super) trait Vector: Copy {
    /// Number of floats.
    const LANES: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a b`, rounded once.
    unsafe fn fma(self, a: Self, b: Self) -> Self;

    /// `to[..len] = from[..len] + bias`, for `len` below `LANES`.
    #[inline(always)]
    unsafe fn add_tail(from: *const f32, bias: f32, to: *mut f32, len: usize) {
        for l in 0..len {
            // SAFETY: promised by the caller.
            unsafe { *to.add(l) = *from.add(l) + bias };
        }
    }

    /// Appends the pairs of `UNIT` places and slopes whose slope is not 0, in the order of [`super::ORDER`]; returns
    /// how many. The lists must have room for `UNIT` more.
    #[inline(always)]
    unsafe fn keep(places: &[u32; UNIT], slopes: &[f32; UNIT], to_places: *mut u32, to_slopes: *mut f32) -> usize {
        let mut count = 0;
        for l in ORDER {
            // SAFETY: promised by the caller; count is at most the number of turns so far.
            unsafe {
                *to_places.add(count) = places[l];
                *to_slopes.add(count) = slopes[l];
            }
            count += usize::from(slopes[l] != 0.0);
        }
        count
    }

    /// ReLU and 2 x 2 max-pooling of a unit of windows: two rows of 2 `UNIT` floats to values and codes.
    #[inline(always)]
    unsafe fn halve(top: *const f32, bottom: *const f32, y: &mut [f32; UNIT], codes: &mut [u8; UNIT]) {
        let mut winners = [0; UNIT];
        for l in 0..UNIT {
            // SAFETY: promised by the caller.
            let window = unsafe { [*top.add(2 * l), *top.add(2 * l + 1), *bottom.add(2 * l), *bottom.add(2 * l + 1)] };
            (y[l], winners[l]) = winner(window);
        }
        for l in 0..UNIT {
            codes[l] = winners[l] as u8;
        }
    }
}
