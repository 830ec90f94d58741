//! Backward: only the argmax of a window receives a gradient, so only the argmaxes are visited.
//!
//! Image and filters are laid out with the channels innermost. Under one pixel the taps (p, 0), (p, 1), .. of all
//! channels then are one contiguous row, and an argmax with gradient g adds
//! * `g * (row of the image)` to the row p of its filter's gradient: a *gather*, the sums in registers;
//! * `g * (row of the filter)` to the row of the image's gradient: a *scatter*, the filter in registers.
//!
//! A few rows of pooled pixels at a time, so that what is read again for each filter stays in the first-level cache.
//! The order of each sum is written down in [`crate::reference::conv2d_block_backward`].

use super::block::{Gradients, pooled};
use super::sums::{RowSum, finite, in_groups};
use crate::dispatch::{Isa, isa};
use crate::parallel::Shared;
use crate::simd::{Argmaxes, Gather, Kernels, Scatter, Transpose, UNIT};
use crate::splits::{BLOCK_UNITS, block_bands, block_tiles};
use crate::{Conv2d, scratch};
use std::ops::Range;

/// Computes the gradients; returns whether all factors were finite; otherwise the result is not valid.
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
    if !finite(job.level, w) {
        return false;
    }
    let (filters, size, outputs) = (g.o * job.filter, g.c * g.h * g.w, g.o * job.ph * job.pw);
    scratch::floats(filters, |weights| {
        let with_dx = out.dx.is_some();
        if with_dx {
            job.pack(w, weights);
        }
        let weights = &*weights;
        let dx = Shared::new(out.dx.as_deref_mut().unwrap_or(&mut []));
        let image = |n: usize, sums: &mut [f32]| {
            // SAFETY: each image is in one group.
            let dx = with_dx.then(|| unsafe { std::slice::from_raw_parts_mut(dx.pointer().add(n * size), size) });
            let outputs = n * outputs..(n + 1) * outputs;
            job.image(&x[n * size..][..size], &dy[outputs.clone()], &codes[outputs], sums, dx.map(|dx| (weights, dx)))
        };
        in_groups(g, filters + g.o, image, |sums| {
            let (filters, biases) = sums.split_at(filters);
            job.unpack(filters, out.dw);
            out.db.copy_from_slice(biases);
        })
    })
}

/// The sizes.
struct Job<'a> {
    kernels: &'a Kernels,
    level: Isa,
    g: &'a Conv2d,
    ph: usize,
    pw: usize,
    /// Pixels per row of the bordered image, and its rows: those under the pooled outputs.
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

    /// Filters `[O, C, KH, KW]` to `[O, KH, row]`, in a row channel after channel for each tap.
    fn pack(&self, w: &[f32], out: &mut [f32]) {
        let (g, [kh, kw]) = (self.g, self.g.kernel);
        out.fill(0.0);
        for (filter, out) in w.chunks_exact(g.k()).zip(out.chunks_exact_mut(self.filter)) {
            for (c, w) in filter.chunks_exact(kh * kw).enumerate() {
                for (p, w) in w.chunks_exact(kw).enumerate() {
                    w.iter().enumerate().for_each(|(q, w)| out[p * self.row + q * g.c + c] = *w);
                }
            }
        }
    }

    /// Processes one image: adds its part to the sums (filters, then biases), writes its dX. Returns whether all was
    /// finite.
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
        // The list of a filter in a band has room for a unit more than there are windows.
        let room = bands * self.pw + UNIT;
        let mut fine = finite(self.level, x);
        let (dw, db) = sums.split_at_mut(g.o * self.filter);
        let levels = RowSum::levels(self.ph);
        scratch::floats(2 * size + g.o * (room + UNIT + levels * UNIT), |buffer| {
            let (image, rest) = buffer.split_at_mut(size);
            let (bordered, rest) = rest.split_at_mut(size);
            let (gradients, rest) = rest.split_at_mut(g.o * room);
            let (lanes, levels_of_all) = rest.split_at_mut(g.o * UNIT);
            let levels_of_all = levels_of_all.as_chunks_mut().0.as_chunks_mut().0;
            self.border(x, image);
            if dx.is_some() {
                bordered.fill(0.0);
            }
            lanes.fill(0.0);
            scratch::indices(g.o * (room + 1), |indices| {
                let (at, counts) = indices.split_at_mut(g.o * room);
                for i in (0..self.ph).step_by(bands) {
                    let rows = i..self.ph.min(i + bands);
                    let sums = lanes.as_chunks_mut().0.iter_mut().zip(levels_of_all.chunks_exact_mut(levels));
                    for (o, (block, levels)) in sums.enumerate() {
                        let plane = o * self.ph * self.pw;
                        let (at, gradients) = (&mut at[o * room..][..room], &mut gradients[o * room..][..room]);
                        let sum = RowSum { block, levels };
                        counts[o] = self.argmaxes(&dy[plane..], &codes[plane..], rows.clone(), at, gradients, sum);
                    }
                    let list = |o: usize| {
                        let list = o * room..o * room + counts[o] as usize;
                        (&at[list.clone()], &gradients[list])
                    };
                    self.gather(list, image, dw);
                    if let Some((weights, _)) = dx {
                        self.scatter(list, weights, bordered);
                    }
                }
            });
            let sums = lanes.as_chunks_mut().0.iter_mut().zip(levels_of_all.chunks_exact_mut(levels));
            for (db, (block, levels)) in db.iter_mut().zip(sums) {
                let sum = RowSum { block, levels }.total(self.ph);
                *db += sum;
                // Any infinity or NaN among the gradients shows in their sum.
                fine &= sum.is_finite();
            }
            if let Some((_, dx)) = &mut dx {
                self.unborder(bordered, dx);
            }
        });
        fine
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
    fn unborder(&self, bordered: &[f32], dx: &mut [f32]) {
        let g = self.g;
        let ([top, _], [left, _]) = (g.pad[0], g.pad[1]);
        let seen = g.w.min(self.width.saturating_sub(left));
        if seen < g.w || g.h + top > self.rows {
            dx.fill(0.0);
        }
        for y in 0..g.h.min(self.rows.saturating_sub(top)) {
            if seen > 0 {
                let shape = Transposed { rows: g.c, cols: seen, from_stride: g.c, to_stride: g.h * g.w };
                shape.run(self.kernels, &bordered[((y + top) * self.width + left) * g.c..], &mut dx[y * g.w..]);
            }
        }
    }

    /// Lists the argmaxes of some rows of one plane whose gradient is not 0: where they are in the bordered image, and
    /// the gradients. Adds the gradients to the sum. Returns how many there are.
    fn argmaxes(
        &self,
        dy: &[f32],
        codes: &[u8],
        rows: Range<usize>,
        at: &mut [u32],
        gradients: &mut [f32],
        mut sum: RowSum<'_>,
    ) -> u32 {
        assert!(at.len() == gradients.len() && at.len() >= rows.len() * self.pw + UNIT);
        let (right, mut count) = (self.g.c as u32, 0);
        let down = self.width as u32 * right;
        for i in rows {
            let cells = i * self.pw..(i + 1) * self.pw;
            // SAFETY: the lists have room for all windows and a unit more.
            count += unsafe {
                (self.kernels.argmaxes)(&mut Argmaxes {
                    dy: &dy[cells.clone()],
                    codes: &codes[cells],
                    start: 2 * i as u32 * down,
                    right,
                    down,
                    at: at.as_mut_ptr().add(count),
                    gradients: gradients.as_mut_ptr().add(count),
                    lanes: &mut *sum.block,
                })
            };
            sum.end_row(i);
        }
        count as u32
    }

    /// Adds to each filter: `dw[o] += sum over the argmaxes of o of gradient * image`.
    fn gather<'l>(&self, list: impl Fn(usize) -> (&'l [u32], &'l [f32]), image: &[f32], dw: &mut [f32]) {
        for [p, l] in block_tiles(self.g, self.kernels.units) {
            let row = |r: usize| image[(p.start + r.min(p.len() - 1)) * self.width * self.g.c + l.start..].as_ptr();
            let (rows, kernel) = ([row(0), row(1), row(2)], self.kernels.gather[p.len() - 1][l.len() / UNIT - 1]);
            for (o, dw) in dw.chunks_exact_mut(self.filter).enumerate() {
                let (at, gradients) = list(o);
                let out = dw[p.start * self.row + l.start..].as_mut_ptr();
                // SAFETY: an argmax's window lies in the bordered image, which has a unit of slack; dw has all its
                // rows.
                unsafe { kernel(&Gather { at, gradients, rows, out, out_stride: self.row }) };
            }
        }
    }

    /// Adds to the image's gradient: `bordered += gradient * weights[o]` at the argmaxes of each o.
    fn scatter<'l>(&self, list: impl Fn(usize) -> (&'l [u32], &'l [f32]), weights: &[f32], bordered: &mut [f32]) {
        let bordered = bordered.as_mut_ptr();
        for [p, l] in block_tiles(self.g, BLOCK_UNITS) {
            // SAFETY: rows of the bordered image.
            let row =
                |r: usize| unsafe { bordered.add((p.start + r.min(p.len() - 1)) * self.width * self.g.c + l.start) };
            let (rows, kernel) = ([row(0), row(1), row(2)], self.kernels.scatter[p.len() - 1][l.len() / UNIT - 1]);
            for (o, weights) in weights.chunks_exact(self.filter).enumerate() {
                let (at, gradients) = list(o);
                let w = weights[p.start * self.row + l.start..].as_ptr();
                // SAFETY: as for `gather`.
                unsafe { kernel(&Scatter { at, gradients, rows, w, w_stride: self.row }) };
            }
        }
    }

    /// The inverse of [`pack`](Self::pack).
    fn unpack(&self, sums: &[f32], dw: &mut [f32]) {
        let (g, [kh, kw]) = (self.g, self.g.kernel);
        for (dw, sum) in dw.chunks_exact_mut(g.k()).zip(sums.chunks_exact(self.filter)) {
            for (c, dw) in dw.chunks_exact_mut(kh * kw).enumerate() {
                for (p, dw) in dw.chunks_exact_mut(kw).enumerate() {
                    dw.iter_mut().enumerate().for_each(|(q, dw)| *dw = sum[p * self.row + q * g.c + c]);
                }
            }
        }
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
