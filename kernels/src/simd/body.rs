//! The micro-kernels, written once for any [`Vector`]; each instruction set compiles them at its own sizes.

use super::vector::Vector;
use super::{Gather, Gradient, MAX_VECTORS, Scatter, Store, Tile, UNIT};

/// A [`Tile`] of `ROWS` rows and `V` vectors.
///
/// # Safety
/// As for [`super::TileFn`].
#[inline(always)]
pub(super) unsafe fn tile<S: Vector, const ROWS: usize, const V: usize>(t: &Tile) {
    // SAFETY: the caller vouches for len x ROWS floats at a, len offsets, V x LANES columns at each of them, and
    // ROWS rows of output.
    unsafe {
        let mut sum = [[S::splat(0.0); V]; ROWS];
        for k in 0..t.len {
            let offset = *t.offsets.add(k) as usize;
            let mut b = [S::splat(0.0); V];
            for v in 0..V {
                b[v] = S::load(t.b[v].add(offset));
            }
            for m in 0..ROWS {
                let a = S::splat(*t.a.add(k * ROWS + m));
                for v in 0..V {
                    sum[m][v] = sum[m][v].fma(a, b[v]);
                }
            }
        }
        for m in 0..ROWS {
            for v in 0..V {
                put(t.out.add((m * MAX_VECTORS + v) * S::LANES), sum[m][v], t.add);
            }
        }
    }
}

/// Writes `sum`, or adds it to what is there.
///
/// # Safety
/// As for [`Vector::store`].
#[inline(always)]
unsafe fn put<S: Vector>(to: *mut f32, sum: S, add: bool) {
    // SAFETY: promised by the caller.
    unsafe { if add { S::load(to).add(sum) } else { sum }.store(to) };
}

/// # Safety
/// As for [`super::StoreFn`].
#[inline(always)]
pub(super) unsafe fn store<S: Vector>(s: &Store) {
    // SAFETY: the caller vouches for rows x len floats in the tile and at `to`, and for the rows' biases.
    unsafe {
        for m in 0..s.rows {
            let bias = S::splat(s.bias(m));
            let (from, to) = (s.from.add(m * MAX_VECTORS * S::LANES), s.to.add(m * s.plane));
            let mut l = 0;
            while l + S::LANES <= s.len {
                S::load(from.add(l)).add(bias).store(to.add(l));
                l += S::LANES;
            }
            S::add_tail(from.add(l), s.bias(m), to.add(l), s.len - l);
        }
    }
}

/// A [`Gradient`] tile of `T` taps and `V` vectors.
///
/// # Safety
/// As for [`super::GradientFn`].
#[inline(always)]
pub(super) unsafe fn gradient<S: Vector, const V: usize, const T: usize>(g: &Gradient<'_>) {
    // SAFETY: the caller vouches for the runs' pixels under each tap, a row of V x LANES at b for each pixel, and T
    // rows of output.
    unsafe {
        let mut sum = [[S::splat(0.0); V]; T];
        let mut row = g.b;
        for run in g.runs {
            let mut taps = [g.b; T];
            for t in 0..T {
                taps[t] = g.taps[t].add(run.start);
            }
            for k in 0..run.len {
                let mut b = [S::splat(0.0); V];
                for v in 0..V {
                    b[v] = S::load(row.add(v * S::LANES));
                }
                for t in 0..T {
                    let a = S::splat(*taps[t].add(k));
                    for v in 0..V {
                        sum[t][v] = sum[t][v].fma(a, b[v]);
                    }
                }
                row = row.add(V * S::LANES);
            }
        }
        for t in 0..T {
            for v in 0..V {
                put(g.out.add(t * g.out_stride + v * S::LANES), sum[t][v], g.add);
            }
        }
    }
}

/// A [`Gather`] of `R` rows and `V` vectors.
///
/// # Safety
/// As for [`super::GatherFn`].
#[inline(always)]
pub(super) unsafe fn gather<S: Vector, const R: usize, const V: usize>(g: &Gather<'_>) {
    const { assert!(UNIT % S::LANES == 0) };
    // SAFETY: the caller vouches for V vectors at each place in each row of the image, and in R rows of output.
    unsafe {
        let mut sum = [[S::splat(0.0); V]; R];
        for (&at, &slope) in g.at.iter().zip(g.slopes) {
            let slope = S::splat(slope);
            for r in 0..R {
                let row = g.rows[r].add(at as usize);
                for v in 0..V {
                    sum[r][v] = sum[r][v].fma(slope, S::load(row.add(v * S::LANES)));
                }
            }
        }
        for r in 0..R {
            for v in 0..V {
                put(g.out.add(r * g.out_stride + v * S::LANES), sum[r][v], true);
            }
        }
    }
}

/// A [`Scatter`] of `R` rows and `V` vectors.
///
/// # Safety
/// As for [`super::ScatterFn`].
#[inline(always)]
pub(super) unsafe fn scatter<S: Vector, const R: usize, const V: usize>(s: &Scatter<'_>) {
    const { assert!(UNIT % S::LANES == 0) };
    // SAFETY: the caller vouches for V vectors at each place in each row of the image, and in R rows of weights.
    unsafe {
        let mut w = [[S::splat(0.0); V]; R];
        for r in 0..R {
            for v in 0..V {
                w[r][v] = S::load(s.w.add(r * s.w_stride + v * S::LANES));
            }
        }
        for (&at, &slope) in s.at.iter().zip(s.slopes) {
            let slope = S::splat(slope);
            for r in 0..R {
                let row = s.rows[r].add(at as usize);
                for v in 0..V {
                    let to = row.add(v * S::LANES);
                    S::load(to).fma(slope, w[r][v]).store(to);
                }
            }
        }
    }
}
