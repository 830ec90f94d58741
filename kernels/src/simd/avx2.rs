//! AVX2 and FMA: 16 registers of 8 floats.

use super::{Gradient, Kernels, MAX_TAPS, MAX_VECTORS, Store, Tile, Transpose};
use std::arch::x86_64::*;

const LANES: usize = 8;
/// 6 x 2 sums, 2 columns and a coefficient: 15 of the 16 registers.
const ROWS: usize = 6;
/// 6 x 2 sums, 2 columns and a coefficient: 15 of the 16 registers.
const TAPS: usize = 6;

pub(super) static KERNELS: Kernels = Kernels {
    lanes: LANES,
    rows: ROWS,
    vectors: 2,
    tile: [tile::<1>, tile::<2>, tile::<2>],
    store: store_rows,
    transpose,
    taps: TAPS,
    gradient: [gradients::<1>(), gradients::<2>()],
};

/// Reads one vector.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn load(from: *const f32) -> __m256 {
    // SAFETY: the caller vouches for a vector of memory there.
    unsafe { _mm256_loadu_ps(from) }
}

/// Writes `sum`, or adds it to what is there.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn store(to: *mut f32, sum: __m256, add: bool) {
    // SAFETY: the caller vouches for a vector of memory there.
    unsafe {
        let sum = if add { _mm256_add_ps(_mm256_loadu_ps(to), sum) } else { sum };
        _mm256_storeu_ps(to, sum);
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const V: usize>(t: &Tile) {
    // SAFETY: the caller vouches for len x ROWS floats at a, len offsets, V x LANES columns at each of them, and
    // ROWS rows of output.
    unsafe {
        let mut sum = [[_mm256_setzero_ps(); V]; ROWS];
        for k in 0..t.len {
            let offset = *t.offsets.add(k) as usize;
            let mut b = [_mm256_setzero_ps(); V];
            for v in 0..V {
                b[v] = load(t.b[v].add(offset));
            }
            for m in 0..ROWS {
                let a = _mm256_set1_ps(*t.a.add(k * ROWS + m));
                for v in 0..V {
                    sum[m][v] = _mm256_fmadd_ps(a, b[v], sum[m][v]);
                }
            }
        }
        for m in 0..ROWS {
            for v in 0..V {
                store(t.out.add((m * MAX_VECTORS + v) * LANES), sum[m][v], t.add);
            }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn store_rows(s: &Store) {
    // SAFETY: the caller vouches for rows x len floats in the tile and at `to`, and for the rows' biases.
    unsafe {
        for m in 0..s.rows {
            let bias = _mm256_set1_ps(s.bias(m));
            let (from, to) = (s.from.add(m * MAX_VECTORS * LANES), s.to.add(m * s.plane));
            let mut l = 0;
            while l + LANES <= s.len {
                _mm256_storeu_ps(to.add(l), _mm256_add_ps(load(from.add(l)), bias));
                l += LANES;
            }
            while l < s.len {
                *to.add(l) = *from.add(l) + s.bias(m);
                l += 1;
            }
        }
    }
}

/// In blocks of 8 x 8; AVX-512 takes this too.
///
/// # Safety
/// As for [`super::TransposeFn`].
#[target_feature(enable = "avx2")]
pub(super) unsafe fn transpose(t: &Transpose) {
    let (rows, cols) = (t.rows / 8 * 8, t.cols / 8 * 8);
    // SAFETY: promised by the caller.
    unsafe {
        for c in (0..cols).step_by(8) {
            for r in (0..rows).step_by(8) {
                let from = t.from.add(c * t.from_stride + r);
                transpose8(from, t.from_stride, t.to.add(r * t.to_stride + c), t.to_stride);
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

/// The gradient kernels of one width, by number of taps; heights beyond [`TAPS`] are never asked for.
const fn gradients<const V: usize>() -> [super::GradientFn; MAX_TAPS] {
    [
        gradient::<V, 1>,
        gradient::<V, 2>,
        gradient::<V, 3>,
        gradient::<V, 4>,
        gradient::<V, 5>,
        gradient::<V, 6>,
        gradient::<V, TAPS>,
        gradient::<V, TAPS>,
        gradient::<V, TAPS>,
    ]
}

#[target_feature(enable = "avx2,fma")]
unsafe fn gradient<const V: usize, const T: usize>(g: &Gradient<'_>) {
    // SAFETY: the caller vouches for the runs' pixels under each tap, a row of V x LANES at b for each pixel, and T
    // rows of output.
    unsafe {
        let mut sum = [[_mm256_setzero_ps(); V]; T];
        let mut row = g.b;
        for run in g.runs {
            let mut taps = [g.b; T];
            for t in 0..T {
                taps[t] = g.taps[t].add(run.start);
            }
            for k in 0..run.len {
                let mut b = [_mm256_setzero_ps(); V];
                for v in 0..V {
                    b[v] = load(row.add(v * LANES));
                }
                for t in 0..T {
                    let a = _mm256_set1_ps(*taps[t].add(k));
                    for v in 0..V {
                        sum[t][v] = _mm256_fmadd_ps(a, b[v], sum[t][v]);
                    }
                }
                row = row.add(V * LANES);
            }
        }
        for t in 0..T {
            for v in 0..V {
                store(g.out.add(t * g.out_stride + v * LANES), sum[t][v], g.add);
            }
        }
    }
}
