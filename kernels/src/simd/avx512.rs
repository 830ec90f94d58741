//! AVX-512: 32 registers of 16 floats.

use super::args::{MAX_VECTORS, ORDER, UNIT};
use super::compile::compile;
use super::vector::Vector;
use crate::DEAD;
use std::arch::x86_64::*;

impl Vector for __m512 {
    type Mask = __mmask16;
    const LANES: usize = 16;
    #[inline(always)]
    unsafe fn mask(n: usize) -> __mmask16 {
        ((1u32 << n) - 1) as u16
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: promised by the caller, here and below.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, mask: __mmask16) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, mask: __mmask16) {
        // SAFETY: as above.
        unsafe { _mm512_mask_storeu_ps(to, mask, self) }
    }
    #[inline(always)]
    unsafe fn prefetch(at: *const f32) {
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_min_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_max_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self, other), no, yes) }
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 2] {
        // SAFETY: as above.
        unsafe {
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
            [_mm512_permutex2var_ps(self, low, other), _mm512_permutex2var_ps(self, high, other)]
        }
    }
    #[inline(always)]
    unsafe fn keep(
        places: &[u32; UNIT],
        gradients: &[f32; UNIT],
        to_places: *mut u32,
        to_gradients: *mut f32,
    ) -> usize {
        const SHUFFLE: [i32; UNIT] = {
            let mut order = [0; UNIT];
            let mut l = 0;
            while l < UNIT {
                order[l] = ORDER[l] as i32;
                l += 1;
            }
            order
        };
        // SAFETY: as above; whole vectors are written, for which there is room.
        unsafe {
            let order = _mm512_loadu_si512(SHUFFLE.as_ptr().cast());
            let gradients = _mm512_permutexvar_ps(order, _mm512_loadu_ps(gradients.as_ptr()));
            let places = _mm512_permutexvar_epi32(order, _mm512_loadu_si512(places.as_ptr().cast()));
            let kept = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(gradients, _mm512_setzero_ps());
            _mm512_storeu_ps(to_gradients, _mm512_maskz_compress_ps(kept, gradients));
            _mm512_storeu_si512(to_places.cast(), _mm512_maskz_compress_epi32(kept, places));
            kept.count_ones() as usize
        }
    }
    #[inline(always)]
    unsafe fn pool(window: [Self; 4], floor: f32, y: *mut f32, codes: *mut u8) {
        // SAFETY: as above.
        unsafe {
            let (mut best, mut code) = (window[0], _mm512_setzero_si512());
            for k in 1..4 {
                let value = window[k];
                // `Scalar::exceeds`: not (less, equal or unordered), but for a best that is NaN already.
                let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(best, best);
                let larger = _mm512_mask_cmp_ps_mask::<_CMP_NLE_UQ>(number, value, best);
                best = _mm512_mask_mov_ps(best, larger, value);
                code = _mm512_mask_mov_epi32(code, larger, _mm512_set1_epi32(k as i32));
            }
            let floor = _mm512_set1_ps(floor);
            let (off, dead) = (_mm512_cmp_ps_mask::<_CMP_LE_OQ>(best, floor), _mm512_set1_epi32(i32::from(DEAD)));
            code = _mm512_mask_mov_epi32(code, off, dead);
            Self::store(_mm512_mask_mov_ps(best, off, floor), y);
            _mm_storeu_si128(codes.cast(), _mm512_cvtepi32_epi8(code));
        }
    }
}

compile! {
    __m512, "avx512f",
    // 8 x 3 sums, 3 columns and a coefficient: 28 of the 32 registers.
    rows: 8, vectors: MAX_VECTORS,
    // 9 x 2 sums: one channel of a 3 x 3 filter at a time.
    taps: 9,
    // 3 x 6 sums.
    units: 6,
    // 12 pixels x 2 sums.
    windows: 3,
    transpose: super::avx2::transpose
}
