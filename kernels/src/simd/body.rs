//! The micro-kernels, written once for any [`Vector`]; each instruction set compiles them at its own sizes.

use super::args::{
    Argmaxes, Direct, Gather, Gradient, LaneGradient, MAX_VECTORS, Points, SUMS, Scatter, Store, Tile, UNIT, Windows,
};
use super::vector::Vector;
use crate::DEAD;
use crate::splits::K_BLOCK;

/// A [`Tile`] of `ROWS` rows and `V` vectors.
///
/// # Safety
/// As for [`TileFn`](super::args::TileFn).
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

/// Computes `sum ← x · sum + y` in [`SUMS`] registers, `rounds` times; returns the total of the sums.
///
/// # Safety
/// The instruction set must be present.
#[inline(always)]
pub(super) unsafe fn multiply_adds<S: Vector>(rounds: usize, x: f32, y: f32) -> f32 {
    let mut lanes = [[0.0; UNIT]; SUMS];
    // SAFETY: promised by the caller; a vector is no longer than a unit.
    unsafe {
        let (x, y) = (S::splat(x), S::splat(y));
        let mut sums = [S::splat(1.0); SUMS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = y.fma(x, *sum);
            }
        }
        for (lanes, sum) in lanes.iter_mut().zip(sums) {
            sum.store(lanes.as_mut_ptr());
        }
    }
    lanes.as_flattened().iter().sum()
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
/// As for [`StoreFn`](super::args::StoreFn).
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
            let rest = S::mask(s.len - l);
            S::load_first(from.add(l), rest).add(bias).store_first(to.add(l), rest);
        }
    }
}

/// A [`Gradient`] tile of `T` taps and `V` vectors.
///
/// # Safety
/// As for [`GradientFn`](super::args::GradientFn).
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
/// As for [`GatherFn`](super::args::GatherFn).
#[inline(always)]
pub(super) unsafe fn gather<S: Vector, const R: usize, const V: usize>(g: &Gather<'_>) {
    const { assert!(UNIT.is_multiple_of(S::LANES)) };
    // SAFETY: the caller vouches for V vectors at each place in each row of the image, and in R rows of output.
    unsafe {
        let mut sum = [[S::splat(0.0); V]; R];
        for (&at, &gradient) in g.at.iter().zip(g.gradients) {
            let gradient = S::splat(gradient);
            for r in 0..R {
                let row = g.rows[r].add(at as usize);
                for v in 0..V {
                    sum[r][v] = sum[r][v].fma(gradient, S::load(row.add(v * S::LANES)));
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
/// As for [`ScatterFn`](super::args::ScatterFn).
#[inline(always)]
pub(super) unsafe fn scatter<S: Vector, const R: usize, const V: usize>(s: &Scatter<'_>) {
    const { assert!(UNIT.is_multiple_of(S::LANES)) };
    // SAFETY: the caller vouches for V vectors at each place in each row of the image, and in R rows of weights.
    unsafe {
        let mut w = [[S::splat(0.0); V]; R];
        for r in 0..R {
            for v in 0..V {
                w[r][v] = S::load(s.w.add(r * s.w_stride + v * S::LANES));
            }
        }
        for (&at, &gradient) in s.at.iter().zip(s.gradients) {
            let gradient = S::splat(gradient);
            for r in 0..R {
                let row = s.rows[r].add(at as usize);
                for v in 0..V {
                    let to = row.add(v * S::LANES);
                    S::load(to).fma(gradient, w[r][v]).store(to);
                }
            }
        }
    }
}

/// The places and gradients of a unit of windows.
#[inline(always)]
fn unit(
    w: &Argmaxes<'_>,
    start: u32,
    dy: &[f32; UNIT],
    codes: &[u8; UNIT],
    places: &mut [u32; UNIT],
    gradients: &mut [f32; UNIT],
) {
    let codes = codes.map(u32::from);
    for l in 0..UNIT {
        let column = 2 * l as u32 + (codes[l] & 1);
        places[l] = start + column * w.right + (codes[l] >> 1 & 1) * w.down;
    }
    for l in 0..UNIT {
        gradients[l] = dy[l] * if codes[l] < u32::from(DEAD) { 1.0 } else { 0.0 };
    }
}

/// Lists [`Argmaxes`].
///
/// # Safety
/// As for [`ArgmaxesFn`](super::args::ArgmaxesFn).
#[inline(always)]
pub(super) unsafe fn argmaxes<S: Vector>(w: &mut Argmaxes<'_>) -> usize {
    // In a register: to the compiler, what is written through `at` and `gradients` might be the lanes.
    let (mut count, mut lanes) = (0, *w.lanes);
    for (chunk, (dy, codes)) in w.dy.chunks(UNIT).zip(w.codes.chunks(UNIT)).enumerate() {
        let start = w.start + (2 * UNIT * chunk) as u32 * w.right;
        let (mut places, mut gradients) = ([0; UNIT], [0.0; UNIT]);
        if let (Ok(dy), Ok(codes)) = (<&[f32; UNIT]>::try_from(dy), <&[u8; UNIT]>::try_from(codes)) {
            unit(w, start, dy, codes, &mut places, &mut gradients);
        } else {
            let (mut rest, mut rest_codes) = ([0.0; UNIT], [DEAD; UNIT]);
            rest[..dy.len()].copy_from_slice(dy);
            rest_codes[..dy.len()].copy_from_slice(codes);
            unit(w, start, &rest, &rest_codes, &mut places, &mut gradients);
        }
        for l in 0..UNIT {
            lanes[l] += gradients[l];
        }
        // SAFETY: the caller vouches for the room.
        count += unsafe { S::keep(&places, &gradients, w.at.add(count), w.gradients.add(count)) };
    }
    *w.lanes = lanes;
    count
}

/// A [`Direct`] gradient: for each vector of windows, the four pixels of each under nine taps.
///
/// # Safety
/// As for [`DirectFn`](super::args::DirectFn).
#[inline(always)]
pub(super) unsafe fn direct<S: Vector>(d: &Direct<'_>) {
    // A vector of lanes from the first to the last window, then the next lanes: each lane has a sum of its own.
    for part in (0..UNIT).step_by(S::LANES) {
        // SAFETY: the caller vouches for whole units of windows in each row, and for the pixels under them.
        unsafe {
            let mut sum = [S::splat(0.0); 9];
            for tap in 0..9 {
                sum[tap] = S::load(d.out.add(tap * UNIT + part));
            }
            for (i, gradients) in d.gradients.chunks_exact(4 * d.cols).enumerate() {
                let image = d.image.add(2 * i * d.row);
                for j in (part..d.cols).step_by(UNIT) {
                    for pixel in 0..4 {
                        let gradient = S::load(gradients.as_ptr().add(pixel * d.cols + j));
                        for tap in 0..9 {
                            let (y, x) = (pixel / 2 + tap / 3, pixel % 2 + tap % 3);
                            let at = image.add(y * d.row + x % 2 * d.phase + x / 2 + j);
                            sum[tap] = sum[tap].fma(gradient, S::load(at));
                        }
                    }
                }
            }
            for tap in 0..9 {
                sum[tap].store(d.out.add(tap * UNIT + part));
            }
        }
    }
}

/// [`Windows`]: `W` windows of four pixels, `V` vectors of filters.
///
/// # Safety
/// As for [`WindowsFn`](super::args::WindowsFn).
#[inline(always)]
pub(super) unsafe fn windows<S: Vector, const W: usize, const V: usize>(t: &Windows) {
    // SAFETY: the caller vouches for len x V vectors of filters, for the pixels at each offset of each window, and for
    // V vectors of results for each.
    unsafe {
        let mut total = [[[S::splat(0.0); V]; 4]; W];
        for start in (0..t.len).step_by(K_BLOCK) {
            let mut sum = [[[S::splat(0.0); V]; 4]; W];
            for k in start..t.len.min(start + K_BLOCK) {
                let offset = *t.offsets.add(k) as usize;
                let mut filters = [S::splat(0.0); V];
                for v in 0..V {
                    filters[v] = S::load(t.filters.add((k * V + v) * S::LANES));
                }
                for w in 0..W {
                    for pixel in 0..4 {
                        let at = t.windows[w].add(offset + pixel / 2 * t.row + pixel % 2);
                        let x = S::splat(*at);
                        for v in 0..V {
                            sum[w][pixel][v] = sum[w][pixel][v].fma(filters[v], x);
                        }
                    }
                }
            }
            for w in 0..W {
                for pixel in 0..4 {
                    for v in 0..V {
                        let sum = sum[w][pixel][v];
                        total[w][pixel][v] = if start == 0 { sum } else { total[w][pixel][v].add(sum) };
                    }
                }
            }
        }
        for w in 0..W {
            for v in 0..V {
                let bias = S::load(t.bias.add(v * S::LANES));
                let at = w * t.stride + v * S::LANES;
                // No closure here: it would not be compiled for the instruction set.
                let mut window = [bias; 4];
                for pixel in 0..4 {
                    window[pixel] = total[w][pixel][v].add(bias);
                }
                S::pool(window, t.floor, t.y.add(at), t.codes.add(at));
            }
        }
    }
}

/// [`Points`]: `ROWS` rows and `V` vectors.
///
/// # Safety
/// As for [`PointsFn`](super::args::PointsFn).
#[inline(always)]
pub(super) unsafe fn points<S: Vector, const ROWS: usize, const V: usize>(p: &Points) {
    // SAFETY: the caller vouches for len x ROWS floats at a, len offsets, a vector at each of them for each of the V,
    // and a vector at each place for the rows that are written, and for their biases.
    unsafe {
        let mut sum = [[S::splat(0.0); V]; ROWS];
        for k in 0..p.len {
            let offset = *p.offsets.add(k) as usize;
            let mut b = [S::splat(0.0); V];
            for v in 0..V {
                b[v] = S::load(p.b[v].add(offset));
            }
            for m in 0..ROWS {
                let a = S::splat(*p.a.add(k * ROWS + m));
                for v in 0..V {
                    sum[m][v] = sum[m][v].fma(a, b[v]);
                }
            }
        }
        for m in 0..ROWS {
            if m < p.rows {
                // Adding -0 changes nothing.
                let bias = S::splat(if p.bias.is_null() { -0.0 } else { *p.bias.add(m) });
                for v in 0..V {
                    let to = p.to[v].add(m * p.plane);
                    let sum = if p.add { S::load(to).add(sum[m][v]) } else { sum[m][v] };
                    sum.add(bias).store(to);
                }
            }
        }
    }
}

/// A [`LaneGradient`] of `O` channels and `T` taps.
///
/// # Safety
/// As for [`LaneGradientFn`](super::args::LaneGradientFn).
#[inline(always)]
pub(super) unsafe fn lane_gradient<S: Vector, const O: usize, const T: usize>(g: &LaneGradient) {
    // SAFETY: the caller vouches for a vector at each pixel of each channel and under each tap, and for the sums.
    unsafe {
        let mut sum = [[S::splat(0.0); O]; T];
        for i in 0..g.grid[0] {
            for j in 0..g.grid[1] {
                let (pixel, at) = (i * g.tap_steps[0] + j * g.tap_steps[1], i * g.dy_steps[0] + j * g.dy_steps[1]);
                let mut dy = [S::splat(0.0); O];
                for o in 0..O {
                    dy[o] = S::load(g.dy[o].add(at));
                }
                for t in 0..T {
                    let x = S::load(g.taps[t].add(pixel));
                    for o in 0..O {
                        sum[t][o] = sum[t][o].fma(x, dy[o]);
                    }
                }
            }
        }
        for t in 0..T {
            for o in 0..O {
                put(g.out.add(o * g.out_steps[0] + t * g.out_steps[1]), sum[t][o], true);
            }
        }
    }
}
