//! The gradient of the filters: `dw[o, k] = sum over images and pixels of dy[o, pixel] * image[pixel + offset[k]]`.
//!
//! The long sum over all pixels of all images is cut into blocks of at most 256 pixels of one image, and the list of
//! blocks into at most [`GROUPS`] groups, one task each. A task keeps its own copy of the gradient; at the end the
//! copies are added up in order. Blocks and groups depend on the sizes alone.

use super::image::Layout;
use super::size::serial;
use super::sweep::taps;
use crate::parallel::{self, Shared};
use crate::simd::{Gradient, Kernels, MAX_TAPS, Run};
use crate::splits::{K_BLOCK, weight_groups};
use crate::{Conv2d, MatRef, pack, scratch};

/// Elements per piece of the final addition.
const PIECE: usize = 1 << 12;

pub(super) fn backward(kernels: &Kernels, g: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let groups = weight_groups(g);
    if groups.is_empty() || dw.is_empty() {
        return dw.fill(0.0);
    }
    let layout = Layout::forward(g, 0..g.out_h());
    let width = g.o.next_multiple_of(kernels.lanes);
    let size = g.k() * width;
    scratch::floats(groups.len() * size, |partial| {
        scratch::indices(g.k(), |offsets| {
            taps(g, &layout, offsets);
            let job = Job { kernels, g, layout, offsets, width };
            let out = Shared::new(&mut *partial);
            parallel::tasks(groups.len(), serial(g), |i| {
                // SAFETY: each group has its own part of `partial`.
                let sum = unsafe { std::slice::from_raw_parts_mut(out.pointer().add(i * size), size) };
                job.group(groups.get(i), x, dy, sum);
            });
        });
        let (sum, others) = partial.split_at_mut(size);
        parallel::chunks_unless(serial(g), sum, PIECE, |piece, sum| {
            for other in others.chunks_exact(size) {
                sum.iter_mut().zip(&other[piece * PIECE..]).for_each(|(sum, x)| *sum += x);
            }
        });
        for (o, dw) in dw.chunks_exact_mut(g.k()).enumerate() {
            dw.iter_mut().zip(sum.chunks_exact(width)).for_each(|(dw, row)| *dw = row[o]);
        }
    });
}

/// The data common to all groups.
struct Job<'a> {
    kernels: &'a Kernels,
    g: &'a Conv2d,
    layout: Layout,
    offsets: &'a [u32],
    /// Floats per row of a partial gradient: the output channels, rounded up to whole vectors.
    width: usize,
}

impl Job<'_> {
    /// The sum over the blocks `blocks`, as a matrix `[K, width]`.
    fn group(&self, blocks: std::ops::Range<usize>, x: &[f32], dy: &[f32], sum: &mut [f32]) {
        let g = self.g;
        let (ow, pixels, first) = (g.out_w(), g.out_h() * g.out_w(), blocks.start);
        let per_image = pixels.div_ceil(K_BLOCK);
        let image_len = self.layout.len(self.kernels.lanes);
        scratch::floats(image_len + K_BLOCK * self.width, |buffer| {
            let (image, columns) = buffer.split_at_mut(image_len);
            for block in blocks {
                let n = block / per_image;
                if block == first || block % per_image == 0 {
                    self.layout.fill(&x[n * g.c * g.h * g.w..][..g.c * g.h * g.w], image);
                }
                let start = block % per_image * K_BLOCK;
                let span = start..pixels.min(start + K_BLOCK);
                self.pack(&dy[n * g.o * pixels..][..g.o * pixels], span.clone(), columns);
                // A block may touch many rows of a narrow image, but never more than it has pixels.
                let mut runs = [Run { start: 0, len: 0 }; K_BLOCK];
                let mut count = 0;
                let mut at = span.start;
                while at < span.end {
                    let (i, j) = (at / ow, at % ow);
                    let len = (ow - j).min(span.end - at);
                    runs[count] = Run { start: i * g.stride[0] * self.layout.row_len() + j, len };
                    count += 1;
                    at += len;
                }
                self.block(image, columns, &runs[..count], span.len(), block > first, sum);
            }
        });
    }

    /// Transposes the pixels `span` of dY into panels of two vectors of channels: in each, pixel after pixel.
    fn pack(&self, dy: &[f32], span: std::ops::Range<usize>, out: &mut [f32]) {
        let dy = MatRef::new(dy, self.g.o, self.g.out_h() * self.g.out_w());
        let mut rest = out;
        for o0 in (0..self.width).step_by(2 * self.kernels.lanes) {
            let width = (self.width - o0).min(2 * self.kernels.lanes);
            let (panel, after) = rest.split_at_mut(width * span.len());
            pack::panel(self.kernels, dy.t(), span.clone(), o0..self.g.o.min(o0 + width), width, panel);
            rest = after;
        }
    }

    /// Adds one block's products to `sum`, or overwrites it.
    fn block(&self, image: &[f32], columns: &[f32], runs: &[Run], pixels: usize, add: bool, sum: &mut [f32]) {
        let mut at = 0;
        for o0 in (0..self.width).step_by(2 * self.kernels.lanes) {
            let vectors = ((self.width - o0) / self.kernels.lanes).min(2);
            for (t, offsets) in self.offsets.chunks(self.kernels.taps).enumerate() {
                let mut taps = [image.as_ptr(); MAX_TAPS];
                for (tap, &offset) in taps.iter_mut().zip(offsets) {
                    *tap = image[offset as usize..].as_ptr();
                }
                let tile = Gradient {
                    runs,
                    taps,
                    b: columns[at..].as_ptr(),
                    out: sum[t * self.kernels.taps * self.width + o0..].as_mut_ptr(),
                    out_stride: self.width,
                    add,
                };
                // SAFETY: the layout holds every tap of every output pixel; the panel has a row per pixel; `sum` has
                // a row of `width` per tap.
                unsafe { self.kernels.gradient[vectors - 1][offsets.len() - 1](&tile) };
            }
            at += vectors * self.kernels.lanes * pixels;
        }
    }
}
