//! Forward: the convolution of a band of rows goes to a strip of memory in the cache, and is pooled from there.

use super::super::image::Layout;
use super::super::sweep::{Sweep, Target, taps};
use super::pooled;
use crate::parallel::{self, Shared};
use crate::simd::{Halve, Kernels, UNIT};
use crate::{Conv2d, MatRef, pack, scratch};

/// Floats of a strip, at most: a good part of a second-level cache.
const STRIP: usize = 1 << 14;
/// Tasks that a batch of few images should be cut into at least.
const TASKS: usize = 8;

pub(super) fn run(kernels: &Kernels, g: &Conv2d, x: &[f32], w: &[f32], bias: &[f32], y: &mut [f32], codes: &mut [u8]) {
    let [ph, pw] = pooled(g);
    let fits = (STRIP / (4 * g.o * pw)).max(1);
    let band = fits.min(ph.div_ceil(TASKS.div_ceil(g.n)));
    let (bands, k) = (ph.div_ceil(band), g.k());
    scratch::floats(g.o.next_multiple_of(kernels.rows) * k, |a| {
        pack::panels(kernels, MatRef::new(w, g.o, k).t(), 0..k, 0..g.o, kernels.rows, a);
        let (a, y, codes) = (&*a, Shared::new(y), Shared::new(codes));
        parallel::tasks(g.n * bands, super::super::serial(g), |task| {
            let (n, i) = (task / bands, task % bands * band);
            let rows = band.min(ph - i);
            let layout = Layout::forward(g, 2 * i..2 * (i + rows));
            let sweep = Sweep { kernels, m: g.o, k, rows: 2 * rows, cols: 2 * pw, row_step: layout.row_len() };
            let plane = 4 * rows * pw;
            scratch::floats(layout.len(kernels.lanes) + g.o * plane + 2 * UNIT, |buffer| {
                let (strip, image) = buffer.split_at_mut(g.o * plane + 2 * UNIT);
                layout.fill(&x[n * g.c * g.h * g.w..][..g.c * g.h * g.w], image);
                let strip = strip.as_mut_ptr();
                let target = Target { start: 0, plane, row: 2 * pw, col: 1, bias: Some(bias), out: strip };
                scratch::indices(k, |offsets| {
                    taps(g, &layout, offsets);
                    // SAFETY: offsets were made for this layout, and the strip is this task's.
                    unsafe { sweep.run(a, offsets, image, &target) };
                });
                for o in 0..g.o {
                    let at = ((n * g.o + o) * ph + i) * pw;
                    // SAFETY: these rows of the output belong to this task alone; what is read beyond the
                    // last plane is the strip's slack.
                    unsafe {
                        (kernels.halve)(&mut Halve {
                            z: strip.add(o * plane),
                            y: std::slice::from_raw_parts_mut(y.pointer().add(at), rows * pw),
                            codes: std::slice::from_raw_parts_mut(codes.pointer().add(at), rows * pw),
                            cols: pw,
                        });
                    }
                }
            });
        });
    });
}
