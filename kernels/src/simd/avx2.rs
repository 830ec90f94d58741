//! AVX2 and FMA: 16 registers of 8 floats.

use super::{Gradient, Kernels, MAX_TAPS, Tile};
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
    taps: TAPS,
    gradient: [gradients::<1>(), gradients::<2>()],
};

/// Reads one vector.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(from: *const f32) -> __m256 {
    // SAFETY: only called by the kernels below, on memory that their callers vouch for.
    unsafe { _mm256_loadu_ps(from) }
}

/// Writes `sum`, or adds it to what is there.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn store(to: *mut f32, sum: __m256, add: bool) {
    // SAFETY: only called by the kernels below, on memory that their callers vouch for.
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
                store(t.out.add((m * super::MAX_VECTORS + v) * LANES), sum[m][v], t.add);
            }
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
