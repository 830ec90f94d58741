//! Backward: only the pixels that won their window carry a gradient, so only they are visited.
//!
//! Image and filters are laid out with the channels innermost. Under one pixel the taps (p, 0), (p, 1), .. of all
//! channels then are one contiguous row, and a winner with slope s adds
//! * `s * (row of the image)` to the row p of its filter's gradient: a *gather*, the sums in registers;
//! * `s * (row of the filter)` to the row of the image's gradient: a *scatter*, the filter in registers.
//!
//! A few rows of pooled pixels at a time, so that what is read again for each filter stays in the first-level cache.
//! The order of each sum is written down in [`crate::reference::conv2d_block_backward`].

use super::{DEAD, Gradients, pooled};
use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::parallel::{self, Shared};
use crate::reference::{BLOCK_UNITS, block_bands, block_groups, block_tiles};
use crate::simd::{Gather, Kernels, Scatter, Transpose, UNIT};
use crate::{Conv2d, reduce, scratch};
use std::sync::atomic::{AtomicBool, Ordering};

/// Computes the gradients; returns whether all factors were finite, so that the result holds.
pub(super) fn run(
    kernels: &Kernels,
    g: &Conv2d,
    x: &[f32],
    w: &[f32],
    dy: &[f32],
    codes: &[u8],
    out: &mut Gradients<'_, f32>,
) -> bool {
    let job = Job::new(kernels, g);
    if !job.finite(w) {
        return false;
    }
    let groups = block_groups(g.n);
    let (count, filters) = (g.n.div_ceil(groups), g.o * job.filter);
    let finite = AtomicBool::new(true);
    scratch::floats(count * (filters + g.o) + filters, |buffer| {
        let (weights, partial) = buffer.split_at_mut(filters);
        let wanted = out.dx.is_some();
        if wanted {
            job.pack(w, weights);
        }
        let (weights, shared) = (&*weights, Shared::new(partial));
        let dx = Shared::new(out.dx.as_deref_mut().unwrap_or(&mut []));
        parallel::tasks(count, super::super::serial(g), |i| {
            // SAFETY: each group has its own part of `partial`.
            let sums =
                unsafe { std::slice::from_raw_parts_mut(shared.pointer().add(i * (filters + g.o)), filters + g.o) };
            sums.fill(0.0);
            for n in i * groups..g.n.min((i + 1) * groups) {
                let size = g.c * g.h * g.w;
                // SAFETY: each image is in one group.
                let dx = wanted
                    .then(|| unsafe { std::slice::from_raw_parts_mut(dx.pointer().add(n * size), size) })
                    .map(|dx| (weights, dx));
                let outputs = g.o * job.ph * job.pw;
                let gradient = &dy[n * outputs..][..outputs];
                if !job.image(&x[n * size..][..size], gradient, &codes[n * outputs..][..outputs], sums, dx) {
                    finite.store(false, Ordering::Relaxed);
                }
            }
        });
        job.finish(partial, out);
    });
    finite.into_inner()
}

/// The sizes.
struct Job<'a> {
    kernels: &'a Kernels,
    level: Isa,
    g: &'a Conv2d,
    ph: usize,
    pw: usize,
    /// Pixels per row of the bordered image, and its rows: those that the pooled outputs see.
    width: usize,
    rows: usize,
    /// Floats of a row of a filter, rounded up to whole units; and of a filter.
    row: usize,
    filter: usize,
}

impl<'a> Job<'a> {
    fn new(kernels: &'a Kernels, g: &'a Conv2d) -> Self {
        let [ph, pw] = pooled(g);
        let row = (g.kernel[1] * g.c).next_multiple_of(UNIT);
        Self {
            kernels,
            level: isa(),
            g,
            ph,
            pw,
            width: 2 * pw + g.kernel[1] - 1,
            rows: 2 * ph + g.kernel[0] - 1,
            row,
            filter: g.kernel[0] * row,
        }
    }

    fn finite(&self, x: &[f32]) -> bool {
        vectorize(self.level, Finite(x))
    }

    /// Filters `[O, C, KH, KW]` to `[O, KH, row]`, in a row channel after channel for each tap.
    fn pack(&self, w: &[f32], out: &mut [f32]) {
        let (g, [kh, kw]) = (self.g, self.g.kernel);
        out.fill(0.0);
        for (filter, out) in w.chunks_exact(g.k()).zip(out.chunks_exact_mut(self.filter)) {
            for (k, &w) in filter.iter().enumerate() {
                out[k / kw % kh * self.row + k % kw * g.c + k / (kh * kw)] = w;
            }
        }
    }

    /// One image: adds its part to the sums (filters, then biases), writes its dX. Returns whether all was finite.
    fn image(
        &self,
        x: &[f32],
        dy: &[f32],
        codes: &[u8],
        sums: &mut [f32],
        mut dx: Option<(&[f32], &mut [f32])>,
    ) -> bool {
        let g = self.g;
        let size = self.rows * self.width * g.c + UNIT;
        let bands = block_bands(g);
        let cells = g.o * bands * self.pw;
        let mut finite = self.finite(x);
        let (dw, db) = sums.split_at_mut(g.o * self.filter);
        scratch::floats(2 * size + cells, |buffer| {
            let (image, rest) = buffer.split_at_mut(size);
            let (gradient, slopes) = rest.split_at_mut(size);
            self.border(x, image);
            if dx.is_some() {
                gradient.fill(0.0);
            }
            scratch::indices(cells + g.o, |indices| {
                let (at, counts) = indices.split_at_mut(cells);
                for i in (0..self.ph).step_by(bands) {
                    let rows = i..self.ph.min(i + bands);
                    let stride = rows.len() * self.pw;
                    for o in 0..g.o {
                        let place = o * self.ph * self.pw + rows.start * self.pw;
                        let (dy, codes) = (&dy[place..][..stride], &codes[place..][..stride]);
                        let list = List { at: &mut at[o * stride..], slopes: &mut slopes[o * stride..] };
                        let (count, sum) = self.winners(dy, codes, rows.start, list);
                        counts[o] = count as u32;
                        db[o] += sum;
                        // Any infinity or NaN among the slopes shows in their sum.
                        finite &= sum.is_finite();
                    }
                    let list = |o: usize| {
                        let list = o * stride..o * stride + counts[o] as usize;
                        (&at[list.clone()], &slopes[list])
                    };
                    self.gather(list, image, dw);
                    if let Some((weights, _)) = dx {
                        self.scatter(list, weights, gradient);
                    }
                }
            });
            if let Some((_, dx)) = &mut dx {
                self.unborder(gradient, dx);
            }
        });
        finite
    }

    /// Copies an image `[C, H, W]` with its zero border to `[rows, width, C]`.
    fn border(&self, x: &[f32], out: &mut [f32]) {
        let g = self.g;
        let ([top, _], [left, _]) = (g.pad[0], g.pad[1]);
        let (from, to) = (left.min(self.width), (left + g.w).min(self.width));
        let (pixels, slack) = out.split_at_mut(self.rows * self.width * g.c);
        slack.fill(0.0);
        for (r, row) in pixels.chunks_exact_mut(self.width * g.c).enumerate() {
            if r < top || r - top >= g.h {
                row.fill(0.0);
                continue;
            }
            row[..from * g.c].fill(0.0);
            row[to * g.c..].fill(0.0);
            let source = &x[(r - top) * g.w..];
            if to > from {
                let shape = Transposed { rows: to - from, cols: g.c, from_stride: g.h * g.w, to_stride: g.c };
                shape.run(self.kernels, source, &mut row[from * g.c..]);
            }
        }
    }

    /// The adjoint of [`border`](Self::border).
    fn unborder(&self, gradient: &[f32], dx: &mut [f32]) {
        let g = self.g;
        let ([top, _], [left, _]) = (g.pad[0], g.pad[1]);
        let seen = g.w.min(self.width.saturating_sub(left));
        if seen < g.w || g.h + top > self.rows {
            dx.fill(0.0);
        }
        for y in 0..g.h.min(self.rows.saturating_sub(top)) {
            if seen > 0 {
                let shape = Transposed { rows: g.c, cols: seen, from_stride: g.c, to_stride: g.h * g.w };
                shape.run(self.kernels, &gradient[((y + top) * self.width + left) * g.c..], &mut dx[y * g.w..]);
            }
        }
    }

    /// Lists the winners of some rows of one plane, from row `first` on, that have a slope: where in the bordered
    /// image, and the slope. Returns how many there are, and the sum of the slopes.
    ///
    /// The two halves of a row take turns: the windows of neighbours overlap, and a scatter that must wait for the one
    /// before it is slow.
    fn winners(&self, dy: &[f32], codes: &[u8], first: usize, list: List<'_>) -> (usize, f32) {
        let c = self.g.c as u32;
        let (pw, half, down) = (self.pw, self.pw.div_ceil(2), self.width as u32 * c);
        scratch::floats(dy.len(), |slopes| {
            scratch::indices(dy.len(), |at| {
                for (r, at) in at.chunks_exact_mut(pw).enumerate() {
                    let cells = r * pw..(r + 1) * pw;
                    let slopes = &mut slopes[cells.clone()];
                    let start = 2 * (first + r) as u32 * down;
                    let (dy, codes) = (&dy[cells.clone()], &codes[cells]);
                    vectorize(self.level, Winners { dy, codes, start, right: c, down, at, slopes });
                }
                let mut count = 0;
                for (at, slopes) in at.chunks_exact(pw).zip(slopes.chunks_exact(pw)) {
                    let mut keep = |j: usize| {
                        (list.at[count], list.slopes[count]) = (at[j], slopes[j]);
                        count += usize::from(slopes[j] != 0.0);
                    };
                    for j in 0..half {
                        keep(j);
                        if half + j < pw {
                            keep(half + j);
                        }
                    }
                }
                (count, reduce::sum_at(self.level, slopes))
            })
        })
    }

    /// `dw[o] += sum over the winners of o of slope * image`.
    fn gather<'l>(&self, list: impl Fn(usize) -> (&'l [u32], &'l [f32]), image: &[f32], dw: &mut [f32]) {
        for [p, l] in block_tiles(self.g, self.kernels.units) {
            let row = |r: usize| image[(p.start + r.min(p.len() - 1)) * self.width * self.g.c + l.start..].as_ptr();
            let (rows, kernel) = ([row(0), row(1), row(2)], self.kernels.gather[p.len() - 1][l.len() / UNIT - 1]);
            for (o, dw) in dw.chunks_exact_mut(self.filter).enumerate() {
                let (at, slopes) = list(o);
                let out = dw[p.start * self.row + l.start..].as_mut_ptr();
                // SAFETY: a winner's window lies in the bordered image, which has a unit of slack; dw has all its rows.
                unsafe { kernel(&Gather { at, slopes, rows, out, out_stride: self.row }) };
            }
        }
    }

    /// `gradient += slope * weights[o]` at each winner of each o.
    fn scatter<'l>(&self, list: impl Fn(usize) -> (&'l [u32], &'l [f32]), weights: &[f32], gradient: &mut [f32]) {
        let gradient = gradient.as_mut_ptr();
        for [p, l] in block_tiles(self.g, BLOCK_UNITS) {
            // SAFETY: rows of the bordered image.
            let row =
                |r: usize| unsafe { gradient.add((p.start + r.min(p.len() - 1)) * self.width * self.g.c + l.start) };
            let (rows, kernel) = ([row(0), row(1), row(2)], self.kernels.scatter[p.len() - 1][l.len() / UNIT - 1]);
            for (o, weights) in weights.chunks_exact(self.filter).enumerate() {
                let (at, slopes) = list(o);
                let w = weights[p.start * self.row + l.start..].as_ptr();
                // SAFETY: as for `gather`.
                unsafe { kernel(&Scatter { at, slopes, rows, w, w_stride: self.row }) };
            }
        }
    }

    /// Adds up the groups' sums, in turn, into dW and db.
    fn finish(&self, partial: &mut [f32], out: &mut Gradients<'_, f32>) {
        let (g, [kh, kw]) = (self.g, self.g.kernel);
        let (sum, others) = partial.split_at_mut(g.o * self.filter + g.o);
        parallel::chunks_unless(sum.len() < 1 << 14, sum, 1 << 12, |piece, sum| {
            for other in others.chunks_exact(g.o * self.filter + g.o) {
                sum.iter_mut().zip(&other[piece << 12..]).for_each(|(sum, x)| *sum += x);
            }
        });
        let (filters, biases) = sum.split_at(g.o * self.filter);
        out.db.copy_from_slice(biases);
        for (dw, sum) in out.dw.chunks_exact_mut(g.k()).zip(filters.chunks_exact(self.filter)) {
            for (k, dw) in dw.iter_mut().enumerate() {
                *dw = sum[k / kw % kh * self.row + k % kw * g.c + k / (kh * kw)];
            }
        }
    }
}

/// Room for the winners of one filter.
struct List<'a> {
    at: &'a mut [u32],
    slopes: &'a mut [f32],
}

/// Where the winners of a row of windows are, and their slopes.
struct Winners<'a> {
    dy: &'a [f32],
    codes: &'a [u8],
    /// The first window's first pixel, and the steps to the right and down.
    start: u32,
    right: u32,
    down: u32,
    at: &'a mut [u32],
    slopes: &'a mut [f32],
}

impl Loop for Winners<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let cells = self.dy.iter().zip(self.codes).zip(self.at.iter_mut().zip(self.slopes));
        for (j, ((&dy, &code), (at, slope))) in cells.enumerate() {
            let code = u32::from(code);
            *at = self.start + (2 * j as u32 + (code & 1)) * self.right + (code >> 1 & 1) * self.down;
            *slope = dy * if code < u32::from(DEAD) { 1.0 } else { 0.0 };
        }
    }
}

/// Whether no number is infinite or NaN.
struct Finite<'a>(&'a [f32]);

impl Loop for Finite<'_> {
    type Output = bool;
    #[inline(always)]
    fn run(self) -> bool {
        const EXPONENT: u32 = 0x7f80_0000;
        self.0.iter().fold(0, |bad, x| bad | u32::from(x.to_bits() & EXPONENT == EXPONENT)) == 0
    }
}

/// `to[r * to_stride + c] = from[c * from_stride + r]`, checked.
struct Transposed {
    rows: usize,
    cols: usize,
    from_stride: usize,
    to_stride: usize,
}

impl Transposed {
    fn run(&self, kernels: &Kernels, from: &[f32], to: &mut [f32]) {
        assert!((self.cols - 1) * self.from_stride + self.rows <= from.len());
        assert!((self.rows - 1) * self.to_stride + self.cols <= to.len());
        let transpose = Transpose {
            from: from.as_ptr(),
            from_stride: self.from_stride,
            to: to.as_mut_ptr(),
            to_stride: self.to_stride,
            rows: self.rows,
            cols: self.cols,
        };
        // SAFETY: the last element read and the last one written lie inside, as asserted.
        unsafe { (kernels.transpose)(&transpose) };
    }
}
