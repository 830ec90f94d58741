//! Backward for the first layer: 3 x 3 filters of few channels, of an image that needs no gradient.
//!
//! Rows of one to four channels are too short to fill a vector, so here the windows stand side by side instead, all
//! four pixels of each with a gradient that is 0 but at the argmax. That wastes three quarters of the arithmetic, of
//! which a first layer has little.

use super::super::image::Layout;
use super::block::{Gradients, pooled};
use super::sums::{RowSum, finite, in_groups};
use super::window::DEAD;
use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::simd::{Direct, Kernels, UNIT};
use crate::{Conv2d, reduce, scratch};

/// Most channels.
const CHANNELS: usize = 4;
/// Gradients at a time: part of a first-level cache.
const GRADIENTS: usize = 1 << 12;
/// Taps of a filter.
const TAPS: usize = 9;

/// Returns whether this is such a layer, whose image needs no gradient.
pub(super) fn fits(g: &Conv2d, with_dx: bool) -> bool {
    !with_dx && g.kernel == [3, 3] && g.c <= CHANNELS
}

/// Computes dW and db; returns whether all factors were finite; otherwise the result is not valid.
pub(super) fn run(
    kernels: &Kernels,
    g: &Conv2d,
    x: &[f32],
    dy: &[f32],
    codes: &[u8],
    out: &mut Gradients<'_, f32>,
) -> bool {
    let ([ph, pw], level) = (pooled(g), isa());
    let (size, outputs, filters) = (g.c * g.h * g.w, g.o * ph * pw, g.o * g.k());
    let image = |n: usize, sums: &mut [f32]| {
        let outputs = n * outputs..(n + 1) * outputs;
        image(kernels, level, g, &x[n * size..][..size], &dy[outputs.clone()], &codes[outputs], sums)
    };
    in_groups(g, filters + g.o, image, |sums| {
        out.dw.copy_from_slice(&sums[..filters]);
        out.db.copy_from_slice(&sums[filters..]);
    })
}

/// Processes one image: adds its part to the sums (filters, then biases). Returns whether all was finite.
fn image(kernels: &Kernels, level: Isa, g: &Conv2d, x: &[f32], dy: &[f32], codes: &[u8], sums: &mut [f32]) -> bool {
    let [ph, pw] = pooled(g);
    let cols = pw.next_multiple_of(UNIT);
    let layout = Layout {
        channels: g.c,
        source: [g.h, g.w],
        rows: 2 * ph + 2,
        border: [g.pad[0][0] as isize, g.pad[1][0] as isize],
        phases: 2,
        phase_len: cols + 1,
    };
    let band = (GRADIENTS / (4 * cols)).clamp(1, ph);
    let (dw, db) = sums.split_at_mut(g.o * g.k());
    let mut fine = finite(level, x);
    let levels = RowSum::levels(ph) * UNIT;
    scratch::floats(layout.len(UNIT) + levels + 4 * cols * band, |buffer| {
        let (image, rest) = buffer.split_at_mut(layout.len(UNIT));
        let (levels, gradients) = rest.split_at_mut(levels);
        layout.fill(x, image);
        for (o, (dw, db)) in dw.chunks_exact_mut(g.k()).zip(db).enumerate() {
            let mut taps = [[[0.0; UNIT]; TAPS]; CHANNELS];
            let mut block = [0.0; UNIT];
            let mut lanes = RowSum { block: &mut block, levels: levels.as_chunks_mut().0.as_chunks_mut().0 };
            for i in (0..ph).step_by(band) {
                let rows = band.min(ph - i);
                let gradients = &mut gradients[..4 * cols * rows];
                let cells = (o * ph + i) * pw..(o * ph + i + rows) * pw;
                let (dy, codes) = (&dy[cells.clone()], &codes[cells]);
                vectorize(level, Spread { dy, codes, pw, cols, first: i, gradients, lanes: &mut lanes });
                for (c, taps) in taps[..g.c].iter_mut().enumerate() {
                    let direct = Direct {
                        gradients,
                        cols,
                        image: image[c * layout.plane_len() + 2 * i * layout.row_len()..].as_ptr(),
                        row: layout.row_len(),
                        phase: layout.phase_len,
                        out: taps.as_flattened_mut().as_mut_ptr(),
                    };
                    // SAFETY: the rows under these windows and the two below are in the layout, each phase of which
                    // has a column more than there are windows; the slack takes what is read behind the last.
                    unsafe { (kernels.direct)(&direct) };
                }
            }
            for (dw, &lanes) in dw.iter_mut().zip(taps.as_flattened()) {
                *dw += reduce::tree(lanes);
            }
            let sum = lanes.total(ph);
            *db += sum;
            fine &= sum.is_finite();
        }
    });
    fine
}

/// Deals the gradients of windows out to their four pixels, `[rows, 4, cols]`, and adds them to the lanes.
struct Spread<'a, 'b> {
    dy: &'a [f32],
    codes: &'a [u8],
    pw: usize,
    cols: usize,
    /// The first row's number in the plane.
    first: usize,
    gradients: &'a mut [f32],
    lanes: &'a mut RowSum<'b>,
}

impl Loop for Spread<'_, '_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let rows = self.dy.chunks_exact(self.pw).zip(self.codes.chunks_exact(self.pw));
        for (row, (gradients, (dy, codes))) in
            (self.first..).zip(self.gradients.chunks_exact_mut(4 * self.cols).zip(rows))
        {
            for (pixel, gradients) in gradients.chunks_exact_mut(self.cols).enumerate() {
                for ((gradient, &dy), &code) in gradients.iter_mut().zip(dy).zip(codes) {
                    let is_argmax = u32::from(code & 3) == pixel as u32;
                    *gradient = if is_argmax { live(dy, code) } else { 0.0 };
                }
                gradients[self.pw..].fill(0.0);
            }
            for (dy, codes) in dy.chunks(UNIT).zip(codes.chunks(UNIT)) {
                for ((lane, &dy), &code) in self.lanes.block.iter_mut().zip(dy).zip(codes) {
                    *lane += live(dy, code);
                }
            }
            self.lanes.end_row(row);
        }
    }
}

/// Returns the gradient that ReLU lets through. Not simply 0 where it lets nothing through: 0 times infinity is NaN.
#[inline(always)]
fn live(dy: f32, code: u8) -> f32 {
    dy * if code < DEAD { 1.0 } else { 0.0 }
}
