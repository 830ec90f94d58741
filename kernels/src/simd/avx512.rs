//! AVX-512: 32 registers of 16 floats.

use super::{Gradient, Kernels, MAX_TAPS, MAX_VECTORS, Store, Tile};
use std::arch::x86_64::*;

const LANES: usize = 16;
/// 8 x 3 sums, 3 columns and a coefficient: 28 of the 32 registers.
const ROWS: usize = 8;
/// 9 x 2 sums: one channel of a 3 x 3 filter at a time.
const TAPS: usize = 9;

pub(super) static KERNELS: Kernels = Kernels {
    lanes: LANES,
    rows: ROWS,
    vectors: MAX_VECTORS,
    tile: [tile::<1>, tile::<2>, tile::<3>],
    store: store_rows,
    transpose: super::avx2::transpose,
    taps: TAPS,
    gradient: [gradients::<1>(), gradients::<2>()],
};

/// Reads one vector.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(from: *const f32) -> __m512 {
    // SAFETY: the caller vouches for a vector of memory there.
    unsafe { _mm512_loadu_ps(from) }
}

/// Writes `sum`, or adds it to what is there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn store(to: *mut f32, sum: __m512, add: bool) {
    // SAFETY: the caller vouches for a vector of memory there.
    unsafe {
        let sum = if add { _mm512_add_ps(_mm512_loadu_ps(to), sum) } else { sum };
        _mm512_storeu_ps(to, sum);
    }
}

#[target_feature(enable = "avx512f")]
unsafe fn tile<const V: usize>(t: &Tile) {
    // SAFETY: the caller vouches for len x ROWS floats at a, len offsets, V x LANES columns at each of them, and
    // ROWS rows of output.
    unsafe {
        let mut sum = [[_mm512_setzero_ps(); V]; ROWS];
        for k in 0..t.len {
            let offset = *t.offsets.add(k) as usize;
            let mut b = [_mm512_setzero_ps(); V];
            for v in 0..V {
                b[v] = load(t.b[v].add(offset));
            }
            for m in 0..ROWS {
                let a = _mm512_set1_ps(*t.a.add(k * ROWS + m));
                for v in 0..V {
                    sum[m][v] = _mm512_fmadd_ps(a, b[v], sum[m][v]);
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

#[target_feature(enable = "avx512f")]
unsafe fn store_rows(s: &Store) {
    // SAFETY: the caller vouches for rows x len floats in the tile and at `to`, and for the rows' biases.
    unsafe {
        for m in 0..s.rows {
            let bias = _mm512_set1_ps(s.bias(m));
            let (from, to) = (s.from.add(m * MAX_VECTORS * LANES), s.to.add(m * s.plane));
            let mut l = 0;
            while l + LANES <= s.len {
                _mm512_storeu_ps(to.add(l), _mm512_add_ps(load(from.add(l)), bias));
                l += LANES;
            }
            if l < s.len {
                let tail = (1u16 << (s.len - l)) - 1;
                let sum = _mm512_add_ps(_mm512_maskz_loadu_ps(tail, from.add(l)), bias);
                _mm512_mask_storeu_ps(to.add(l), tail, sum);
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
        gradient::<V, 7>,
        gradient::<V, 8>,
        gradient::<V, 9>,
    ]
}

#[target_feature(enable = "avx512f")]
unsafe fn gradient<const V: usize, const T: usize>(g: &Gradient<'_>) {
    // SAFETY: the caller vouches for the runs' pixels under each tap, a row of V x LANES at b for each pixel, and T
    // rows of output.
    unsafe {
        let mut sum = [[_mm512_setzero_ps(); V]; T];
        let mut row = g.b;
        for run in g.runs {
            let mut taps = [g.b; T];
            for t in 0..T {
                taps[t] = g.taps[t].add(run.start);
            }
            for k in 0..run.len {
                let mut b = [_mm512_setzero_ps(); V];
                for v in 0..V {
                    b[v] = load(row.add(v * LANES));
                }
                for t in 0..T {
                    let a = _mm512_set1_ps(*taps[t].add(k));
                    for v in 0..V {
                        sum[t][v] = _mm512_fmadd_ps(a, b[v], sum[t][v]);
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
