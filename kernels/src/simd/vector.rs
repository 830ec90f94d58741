//! A register of floats, and what can be done with it: the only place of the crate, with the file of each instruction
//! set, that knows the processor's own instructions. [`crate::dispatch`] says when to write code over a [`Vector`].
//!
//! Every method is inlined into a function that was compiled for the instruction set, so it becomes an instruction or
//! two.

use super::args::{ORDER, UNIT};
use crate::conv::pooled::pool_window;

/// # Safety Of all methods: the instruction set must be present, and pointers must be good for `LANES` floats, or for
/// the part of them that the mask names.
pub(crate) trait Vector: Copy {
    /// Which of the first places are meant.
    type Mask: Copy;
    /// Number of floats.
    const LANES: usize;

    /// Returns the first `n` places, `n` from 0 to `LANES`.
    unsafe fn mask(n: usize) -> Self::Mask;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// Zero in the places outside of the mask, which are not read.
    unsafe fn load_first(from: *const f32, mask: Self::Mask) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn store_first(self, to: *mut f32, mask: Self::Mask);
    /// Asks for the cache line at any address, which is not read.
    #[inline(always)]
    unsafe fn prefetch(_at: *const f32) {}
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a b`, rounded once.
    unsafe fn fma(self, a: Self, b: Self) -> Self;

    unsafe fn sub(self, other: Self) -> Self;
    /// Returns the smaller in each place; not for NaN, of which the instruction sets make different things.
    unsafe fn min(self, other: Self) -> Self;
    /// Returns the larger in each place; not for NaN either.
    unsafe fn max(self, other: Self) -> Self;
    /// Where `self < other`, `yes`, else `no`.
    unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self;
    /// `[a0 b0 a1 b1 ..]`, the first half of it and the second, where a is `self`.
    unsafe fn interleave(self, other: Self) -> [Self; 2];

    /// Appends the pairs of `UNIT` places and gradients whose gradient is not 0, in the order of [`ORDER`]; returns
    /// how many. The lists must have room for `UNIT` more.
    #[inline(always)]
    unsafe fn keep(
        places: &[u32; UNIT],
        gradients: &[f32; UNIT],
        to_places: *mut u32,
        to_gradients: *mut f32,
    ) -> usize {
        let mut count = 0;
        for l in ORDER {
            // SAFETY: promised by the caller; count is at most the number of turns so far.
            unsafe {
                *to_places.add(count) = places[l];
                *to_gradients.add(count) = gradients[l];
            }
            count += usize::from(gradients[l] != 0.0);
        }
        count
    }

    /// ReLU (or none, see [`pool_window`]) and max-pooling of `LANES` windows, whose four pixels are given: the values and the codes of
    /// [`pool_window`].
    #[inline(always)]
    unsafe fn pool(window: [Self; 4], floor: f32, y: *mut f32, codes: *mut u8) {
        let mut pixels = [[0.0; UNIT]; 4];
        let (mut values, mut found) = ([0.0; UNIT], [0; UNIT]);
        // SAFETY: a vector is no longer than a unit; the rest is promised by the caller.
        unsafe {
            for (pixels, window) in pixels.iter_mut().zip(window) {
                window.store(pixels.as_mut_ptr());
            }
            for l in 0..Self::LANES {
                (values[l], found[l]) = pool_window(pixels.map(|pixels| pixels[l]), floor);
            }
            for l in 0..Self::LANES {
                *y.add(l) = values[l];
                *codes.add(l) = found[l] as u8;
            }
        }
    }
}
