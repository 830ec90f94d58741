//! NEON: 32 registers of 4 floats.

use super::{Gradient, Kernels, MAX_TAPS, MAX_VECTORS, Store, Tile, Transpose};
use std::arch::aarch64::*;

const LANES: usize = 4;
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
    transpose,
    taps: TAPS,
    gradient: [gradients::<1>(), gradients::<2>()],
};

/// Reads one vector.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn load(from: *const f32) -> float32x4_t {
    // SAFETY: the caller vouches for a vector of memory there.
    unsafe { vld1q_f32(from) }
}

/// Writes `sum`, or adds it to what is there.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn store(to: *mut f32, sum: float32x4_t, add: bool) {
    // SAFETY: the caller vouches for a vector of memory there.
    unsafe {
        let sum = if add { vaddq_f32(vld1q_f32(to), sum) } else { sum };
        vst1q_f32(to, sum);
    }
}

#[target_feature(enable = "neon")]
unsafe fn tile<const V: usize>(t: &Tile) {
    // SAFETY: the caller vouches for len x ROWS floats at a, len offsets, V x LANES columns at each of them, and
    // ROWS rows of output.
    unsafe {
        let mut sum = [[vdupq_n_f32(0.0); V]; ROWS];
        for k in 0..t.len {
            let offset = *t.offsets.add(k) as usize;
            let mut b = [vdupq_n_f32(0.0); V];
            for v in 0..V {
                b[v] = load(t.b[v].add(offset));
            }
            for m in 0..ROWS {
                let a = vdupq_n_f32(*t.a.add(k * ROWS + m));
                for v in 0..V {
                    sum[m][v] = vfmaq_f32(sum[m][v], a, b[v]);
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

#[target_feature(enable = "neon")]
unsafe fn store_rows(s: &Store) {
    // SAFETY: the caller vouches for rows x len floats in the tile and at `to`, and for the rows' biases.
    unsafe {
        for m in 0..s.rows {
            let bias = vdupq_n_f32(s.bias(m));
            let (from, to) = (s.from.add(m * MAX_VECTORS * LANES), s.to.add(m * s.plane));
            let mut l = 0;
            while l + LANES <= s.len {
                vst1q_f32(to.add(l), vaddq_f32(load(from.add(l)), bias));
                l += LANES;
            }
            while l < s.len {
                *to.add(l) = *from.add(l) + s.bias(m);
                l += 1;
            }
        }
    }
}

#[target_feature(enable = "neon")]
unsafe fn transpose(t: &Transpose) {
    // SAFETY: promised by the caller.
    unsafe { t.rest([0, 0]) };
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

#[target_feature(enable = "neon")]
unsafe fn gradient<const V: usize, const T: usize>(g: &Gradient<'_>) {
    // SAFETY: the caller vouches for the runs' pixels under each tap, a row of V x LANES at b for each pixel, and T
    // rows of output.
    unsafe {
        let mut sum = [[vdupq_n_f32(0.0); V]; T];
        let mut row = g.b;
        for run in g.runs {
            let mut taps = [g.b; T];
            for t in 0..T {
                taps[t] = g.taps[t].add(run.start);
            }
            for k in 0..run.len {
                let mut b = [vdupq_n_f32(0.0); V];
                for v in 0..V {
                    b[v] = load(row.add(v * LANES));
                }
                for t in 0..T {
                    let a = vdupq_n_f32(*taps[t].add(k));
                    for v in 0..V {
                        sum[t][v] = vfmaq_f32(sum[t][v], a, b[v]);
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
