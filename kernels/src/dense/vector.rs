//! A vector of floats, as the instruction sets have it: just what a product of matrices needs.

/// A vector of floats.
///
/// # Safety
/// All methods want the instruction set of the vector; those with pointers, memory for a vector there, or for the
/// part of it that the mask names.
pub(super) trait Vector: Copy {
    /// Which of the first places are meant.
    type Mask: Copy;
    /// Number of places.
    const LANES: usize;

    /// The first `n` places, `n` from 0 to `LANES`.
    unsafe fn mask(n: usize) -> Self::Mask;
    /// Zero in all places.
    unsafe fn zero() -> Self;
    /// The number at `from` in all places.
    unsafe fn splat(from: *const f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// Zero in the places outside of the mask.
    unsafe fn load_first(from: *const f32, mask: Self::Mask) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn store_first(self, to: *mut f32, mask: Self::Mask);
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a b`, rounded once.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    // SAFETY (of all bodies): promised by the caller.
    impl Vector for __m512 {
        type Mask = __mmask16;
        const LANES: usize = 16;

        #[inline(always)]
        unsafe fn mask(n: usize) -> __mmask16 {
            ((1u32 << n) - 1) as u16
        }
        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: see above.
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(from: *const f32) -> Self {
            // SAFETY: see above.
            unsafe { _mm512_set1_ps(*from) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see above.
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, mask: __mmask16) -> Self {
            // SAFETY: see above.
            unsafe { _mm512_maskz_loadu_ps(mask, from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe { _mm512_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, mask: __mmask16) {
            // SAFETY: see above.
            unsafe { _mm512_mask_storeu_ps(to, mask, self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { _mm512_add_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe { _mm512_fmadd_ps(a, b, self) }
        }
    }

    impl Vector for __m256 {
        type Mask = __m256i;
        const LANES: usize = 8;

        #[inline(always)]
        unsafe fn mask(n: usize) -> __m256i {
            // SAFETY: see above.
            unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
        }
        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: see above.
            unsafe { _mm256_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn splat(from: *const f32) -> Self {
            // SAFETY: see above.
            unsafe { _mm256_set1_ps(*from) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see above.
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, mask: __m256i) -> Self {
            // SAFETY: see above.
            unsafe { _mm256_maskload_ps(from, mask) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe { _mm256_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, mask: __m256i) {
            // SAFETY: see above.
            unsafe { _mm256_maskstore_ps(to, mask, self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { _mm256_add_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe { _mm256_fmadd_ps(a, b, self) }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod arm {
    use super::Vector;
    use std::arch::aarch64::*;

    // SAFETY (of all bodies): promised by the caller; NEON is part of every AArch64.
    impl Vector for float32x4_t {
        type Mask = usize;
        const LANES: usize = 4;

        #[inline(always)]
        unsafe fn mask(n: usize) -> usize {
            n
        }
        #[inline(always)]
        unsafe fn zero() -> Self {
            // SAFETY: see above.
            unsafe { vdupq_n_f32(0.0) }
        }
        #[inline(always)]
        unsafe fn splat(from: *const f32) -> Self {
            // SAFETY: see above.
            unsafe { vld1q_dup_f32(from) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see above.
            unsafe { vld1q_f32(from) }
        }
        #[inline(always)]
        unsafe fn load_first(from: *const f32, n: usize) -> Self {
            // SAFETY: see above; `whole` is a vector long.
            unsafe {
                let mut whole = [0.0; 4];
                std::ptr::copy_nonoverlapping(from, whole.as_mut_ptr(), n);
                vld1q_f32(whole.as_ptr())
            }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see above.
            unsafe { vst1q_f32(to, self) }
        }
        #[inline(always)]
        unsafe fn store_first(self, to: *mut f32, n: usize) {
            // SAFETY: see above; `whole` is a vector long.
            unsafe {
                let mut whole = [0.0; 4];
                vst1q_f32(whole.as_mut_ptr(), self);
                std::ptr::copy_nonoverlapping(whole.as_ptr(), to, n);
            }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { vaddq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe { vfmaq_f32(self, a, b) }
        }
    }
}
