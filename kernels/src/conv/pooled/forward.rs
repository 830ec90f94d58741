//! Forward: four pixels of a window under a vector or two of filters, from the first term to the pooled value in
//! registers.
//!
//! The image is copied with its border as for any convolution, and read where it lies. Values and codes come out filter
//! beside filter and are transposed into planes at the end.

use super::super::image::Layout;
use super::super::size::serial;
use super::super::sweep::taps;
use super::block::pooled;
use crate::parallel::{self, Shared};
use crate::simd::{Kernels, MAX_WINDOWS, Transpose, Windows};
use crate::{Conv2d, MatRef, pack, scratch};
use std::ops::Range;

/// Floats of the bordered image that a task takes at a time, at most: part of a second-level cache.
const IMAGE: usize = 1 << 16;
/// Rows and columns of codes that are transposed at a time.
const BLOCK: usize = 8;
/// Tasks that a batch of few images should be cut into at least.
const TASKS: usize = 8;

pub(super) fn run(
    kernels: &Kernels,
    g: &Conv2d,
    x: &[f32],
    w: &[f32],
    (bias, floor): (&[f32], f32),
    y: &mut [f32],
    codes: Option<&mut [u8]>,
) {
    let [ph, pw] = pooled(g);
    let row = g.c * (g.w + g.kernel[1]);
    let fits = ((IMAGE / row).saturating_sub(g.kernel[0]) / 2).max(1);
    let band = fits.min(ph.div_ceil(TASKS.div_ceil(g.n)));
    let (bands, k) = (ph.div_ceil(band), g.k());
    // Whole pairs of vectors, and a single one at the end if that is enough.
    let width = g.o.next_multiple_of(kernels.lanes);
    scratch::floats(width * (k + 1), |buffer| {
        let (filters, biases) = buffer.split_at_mut(width * k);
        biases[..g.o].copy_from_slice(bias);
        biases[g.o..].fill(0.0);
        for panel in panels(kernels, width) {
            let (w, out) = (MatRef::new(w, g.o, k).t(), &mut filters[panel.start * k..panel.end * k]);
            pack::panel(kernels, w, 0..k, panel.start..panel.end.min(g.o), panel.len(), out);
        }
        let with_codes = codes.is_some();
        let (filters, biases, y, codes) = (&*filters, &*biases, Shared::new(y), Shared::new(codes.unwrap_or(&mut [])));
        parallel::tasks(g.n * bands, serial(g), |task| {
            let (n, i) = (task / bands, task % bands * band);
            let rows = i..ph.min(i + band);
            let layout = Layout::forward(g, 2 * rows.start..2 * rows.end);
            let (x, cells) = (&x[n * g.c * g.h * g.w..][..g.c * g.h * g.w], rows.len() * pw);
            scratch::floats(layout.len(0) + cells * width, |buffer| {
                let (image, values) = buffer.split_at_mut(layout.len(0));
                layout.fill(x, image);
                scratch::bytes(cells * width, |by_cell| {
                    scratch::indices(k, |offsets| {
                        taps(g, &layout, offsets);
                        let band = Band { kernels, width, k, pw, cells, row: layout.row_len(), floor, offsets };
                        band.run(filters, biases, image, values, by_cell);
                    });
                    let at = (n * g.o * ph + rows.start) * pw;
                    // SAFETY: these rows of each plane of the output belong to this task alone.
                    unsafe {
                        let sizes = [g.o, cells, width, ph * pw];
                        transpose_values(kernels, values, sizes, y.pointer().add(at));
                        if with_codes {
                            transpose_codes(by_cell, sizes, codes.pointer().add(at));
                        }
                    }
                });
            });
        });
    });
}

/// Returns the filters that are taken together: two vectors, or the one that is left.
fn panels(kernels: &Kernels, width: usize) -> impl Iterator<Item = Range<usize>> {
    (0..width).step_by(2 * kernels.lanes).map(move |o| o..width.min(o + 2 * kernels.lanes))
}

/// Some rows of windows of one image.
struct Band<'a> {
    kernels: &'a Kernels,
    /// Filters, rounded up to whole vectors.
    width: usize,
    k: usize,
    pw: usize,
    /// Number of windows.
    cells: usize,
    /// Floats from row to row of the image.
    row: usize,
    /// What pixels are at least.
    floor: f32,
    offsets: &'a [u32],
}

impl Band<'_> {
    /// Values and codes, `[cells, width]`.
    fn run(&self, filters: &[f32], biases: &[f32], image: &[f32], values: &mut [f32], codes: &mut [u8]) {
        assert!(values.len() >= self.cells * self.width && codes.len() >= self.cells * self.width);
        for panel in panels(self.kernels, self.width) {
            let kernels = &self.kernels.block[panel.len() / self.kernels.lanes - 1];
            // Where the next window starts, and how many are left in its row.
            let (mut place, mut left) = (0, self.pw);
            for first in (0..self.cells).step_by(self.kernels.windows) {
                let count = self.kernels.windows.min(self.cells - first);
                let mut windows = [image.as_ptr(); MAX_WINDOWS];
                for window in &mut windows[..count] {
                    *window = image[place..].as_ptr();
                    (place, left) = (place + 2, left - 1);
                    if left == 0 {
                        (place, left) = (place + 2 * (self.row - self.pw), self.pw);
                    }
                }
                let at = first * self.width + panel.start;
                let tile = Windows {
                    len: self.k,
                    filters: filters[panel.start * self.k..].as_ptr(),
                    offsets: self.offsets.as_ptr(),
                    windows,
                    row: self.row,
                    bias: biases[panel.start..].as_ptr(),
                    floor: self.floor,
                    y: values[at..].as_mut_ptr(),
                    codes: codes[at..].as_mut_ptr(),
                    stride: self.width,
                };
                // SAFETY: the layout holds every tap of each window's pixels; the panel has k rows; there is room for
                // a panel of results for each window.
                unsafe { kernels[count - 1](&tile) };
            }
        }
    }
}

/// Transposes values `[cells, width]` into planes, `plane` apart.
///
/// # Safety
/// `cells` elements from the start of each of `o` planes must be this caller's alone.
unsafe fn transpose_values(kernels: &Kernels, from: &[f32], [o, cells, width, plane]: [usize; 4], y: *mut f32) {
    assert!(from.len() >= cells * width && o <= width);
    let from = from.as_ptr();
    let transpose = Transpose { from, from_stride: width, to: y, to_stride: plane, rows: o, cols: cells };
    // SAFETY: read inside of `from`, written as promised by the caller.
    unsafe { (kernels.transpose)(&transpose) };
}

/// The same for codes.
///
/// # Safety
/// As above.
unsafe fn transpose_codes(by_cell: &[u8], [o, cells, width, plane]: [usize; 4], codes: *mut u8) {
    for o0 in (0..o).step_by(BLOCK) {
        for cell in (0..cells).step_by(BLOCK) {
            let (rows, cols) = (BLOCK.min(o - o0), BLOCK.min(cells - cell));
            let mut block = [[0; BLOCK]; BLOCK];
            for (c, block) in block[..cols].iter_mut().enumerate() {
                let from = &by_cell[(cell + c) * width + o0..];
                match from.first_chunk() {
                    Some(from) => *block = *from,
                    None => block[..rows].copy_from_slice(&from[..rows]),
                }
            }
            for (r, row) in transposed(block)[..rows].iter().enumerate() {
                // SAFETY: as promised by the caller.
                unsafe {
                    let to = codes.add((o0 + r) * plane + cell);
                    if cols == BLOCK {
                        to.cast::<[u8; BLOCK]>().write(*row);
                    } else {
                        std::ptr::copy_nonoverlapping(row.as_ptr(), to, cols);
                    }
                }
            }
        }
    }
}

/// Returns the transpose of 8 x 8 bytes, each row a word: blocks of four, two and one are exchanged across the
/// diagonal.
#[inline(always)]
fn transposed(block: [[u8; BLOCK]; BLOCK]) -> [[u8; BLOCK]; BLOCK] {
    let mut rows = block.map(u64::from_le_bytes);
    for (size, mask) in [(4, 0x0000_0000_ffff_ffff), (2, 0x0000_ffff_0000_ffff), (1, 0x00ff_00ff_00ff_00ff_u64)] {
        for i in 0..BLOCK {
            if i & size == 0 {
                let (low, high, shift) = (rows[i], rows[i + size], 8 * size as u32);
                rows[i] = low & mask | (high & mask) << shift;
                rows[i + size] = low >> shift & mask | high & !mask;
            }
        }
    }
    rows.map(u64::to_le_bytes)
}
