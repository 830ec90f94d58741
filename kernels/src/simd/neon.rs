//! NEON: 32 registers of 4 floats.

use super::args::{MAX_VECTORS, Transpose};
use super::compile::compile;
use super::vector::Vector;
use std::arch::aarch64::*;

impl Vector for float32x4_t {
    type Mask = usize;
    const LANES: usize = 4;
    #[inline(always)]
    unsafe fn mask(n: usize) -> usize {
        n
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: promised by the caller, here and below.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        let mut whole = [0.0; 4];
        // SAFETY: as above; `whole` is a vector long.
        unsafe {
            std::ptr::copy_nonoverlapping(from, whole.as_mut_ptr(), n);
            vld1q_f32(whole.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { vst1q_f32(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        let mut whole = [0.0; 4];
        // SAFETY: as above; `whole` is a vector long.
        unsafe {
            vst1q_f32(whole.as_mut_ptr(), self);
            std::ptr::copy_nonoverlapping(whole.as_ptr(), to, n);
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { vaddq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { vfmaq_f32(self, a, b) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { vsubq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { vminq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { vmaxq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: as above.
        unsafe { vbslq_f32(vcltq_f32(self, other), yes, no) }
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 2] {
        // SAFETY: as above.
        unsafe { [vzip1q_f32(self, other), vzip2q_f32(self, other)] }
    }
}

compile! {
    float32x4_t, "neon",
    // 8 x 3 sums, 3 columns and a coefficient: 28 of the 32 registers.
    rows: 8, vectors: MAX_VECTORS,
    // 9 x 2 sums: one channel of a 3 x 3 filter at a time.
    taps: 9,
    // 3 x 8 sums of a quarter of a unit.
    units: 2,
    // 12 pixels x 2 sums.
    windows: 3,
    transpose: transpose
}

unsafe fn transpose(t: &Transpose) {
    // SAFETY: promised by the caller.
    unsafe { t.rest([0, 0]) };
}
