//! AVX2 and FMA: 16 registers of 8 floats.

use super::args::Transpose;
use super::compile::compile;
use super::vector::Vector;
use crate::DEAD;
use std::arch::x86_64::*;

impl Vector for __m256 {
    type Mask = __m256i;
    const LANES: usize = 8;
    #[inline(always)]
    unsafe fn mask(n: usize) -> __m256i {
        // SAFETY: promised by the caller, here and below.
        unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, mask: __m256i) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_maskload_ps(from, mask) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, mask: __m256i) {
        // SAFETY: as above.
        unsafe { _mm256_maskstore_ps(to, mask, self) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn fma(self, a: Self, b: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_min_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_max_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self {
        // SAFETY: as above.
        unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LT_OQ>(self, other)) }
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 2] {
        // SAFETY: as above.
        unsafe {
            let (low, high) = (_mm256_unpacklo_ps(self, other), _mm256_unpackhi_ps(self, other));
            [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)]
        }
    }
    #[inline(always)]
    unsafe fn pool(window: [Self; 4], floor: f32, y: *mut f32, codes: *mut u8) {
        // SAFETY: as above; of the codes the lower half of a register is written, which are `LANES` bytes.
        unsafe {
            let (mut best, mut code) = (window[0], _mm256_setzero_ps());
            for k in 1..4 {
                let value = window[k];
                // `Scalar::exceeds`: not (less, equal or unordered), but for a best that is NaN already.
                let number = _mm256_cmp_ps::<_CMP_ORD_Q>(best, best);
                let larger = _mm256_and_ps(number, _mm256_cmp_ps::<_CMP_NLE_UQ>(value, best));
                best = _mm256_blendv_ps(best, value, larger);
                code = _mm256_blendv_ps(code, _mm256_castsi256_ps(_mm256_set1_epi32(k as i32)), larger);
            }
            let floor = _mm256_set1_ps(floor);
            let off = _mm256_cmp_ps::<_CMP_LE_OQ>(best, floor);
            code = _mm256_blendv_ps(code, _mm256_castsi256_ps(_mm256_set1_epi32(i32::from(DEAD))), off);
            Self::store(_mm256_blendv_ps(best, floor, off), y);
            let code = _mm256_castps_si256(code);
            let [low, high] = [_mm256_castsi256_si128(code), _mm256_extracti128_si256::<1>(code)];
            let words = _mm_packs_epi32(low, high);
            _mm_storel_epi64(codes.cast(), _mm_packus_epi16(words, words));
        }
    }
}

compile! {
    __m256, "avx2,fma",
    // 6 x 2 sums, 2 columns and a coefficient: 15 of the 16 registers.
    rows: 6, vectors: 2,
    taps: 6,
    // 3 x 4 sums of half a unit.
    units: 2,
    // 4 pixels x 2 sums.
    windows: 1,
    transpose: transpose
}

/// In blocks of 8 x 8; AVX-512 takes this too.
///
/// # Safety
/// As for [`TransposeFn`](super::args::TransposeFn).
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose(t: &Transpose) {
    let (rows, cols) = (t.rows / 8 * 8, t.cols / 8 * 8);
    // SAFETY: promised by the caller.
    unsafe {
        let block = |r: usize, c: usize| {
            transpose8(t.from.add(c * t.from_stride + r), t.from_stride, t.to.add(r * t.to_stride + c), t.to_stride);
        };
        // Eight distant lines at a time, and along them: more would drive each other out of the cache.
        if t.from_stride > t.to_stride {
            for c in (0..cols).step_by(8) {
                for r in (0..rows).step_by(8) {
                    block(r, c);
                }
            }
        } else {
            for r in (0..rows).step_by(8) {
                for c in (0..cols).step_by(8) {
                    block(r, c);
                }
            }
        }
        t.rest([rows, cols]);
    }
}

/// One block: pairs of rows are interleaved by ones, then by twos, then by fours.
///
/// # Safety
/// 8 rows of 8 must be readable and writable.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn transpose8(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        let row = |i: usize| _mm256_loadu_ps(from.add(i * from_stride));
        let ones = |i: usize| (_mm256_unpacklo_ps(row(i), row(i + 1)), _mm256_unpackhi_ps(row(i), row(i + 1)));
        // Columns 0, 1, 2, 3 (and 4, 5, 6, 7 in the upper halves) of the four rows from i on.
        let twos = |i: usize| {
            let ((a, b), (c, d)) = (ones(i), ones(i + 2));
            [
                _mm256_shuffle_ps::<0x44>(a, c),
                _mm256_shuffle_ps::<0xee>(a, c),
                _mm256_shuffle_ps::<0x44>(b, d),
                _mm256_shuffle_ps::<0xee>(b, d),
            ]
        };
        let (top, bottom) = (twos(0), twos(4));
        for i in 0..4 {
            _mm256_storeu_ps(to.add(i * to_stride), _mm256_permute2f128_ps::<0x20>(top[i], bottom[i]));
            _mm256_storeu_ps(to.add((i + 4) * to_stride), _mm256_permute2f128_ps::<0x31>(top[i], bottom[i]));
        }
    }
}
