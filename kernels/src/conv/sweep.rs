//! The product that convolution and its adjoint share: a matrix of coefficients times the shifted pixels of an image.
//!
//! `out[m, i, j] = sum over k of a[m, k] * image[i * row_step + j + offset[k]]`, k in blocks of 256.
//!
//! Pixels are taken a vector at a time, three vectors and some rows of coefficients per tile. Rows of pixels end
//! somewhere inside their last vector; where rows are short, it is cheaper to walk the bordered image from end to end
//! and drop the pixels that belong to no output.

use super::image::Layout;
use super::size::serial;
use crate::parallel::{self, Shared};
use crate::simd::{Kernels, MAX_LANES, MAX_TILE, MAX_VECTORS, Store, Tile};
use crate::splits::K_BLOCK;
use crate::{Conv2d, MatRef, pack, scratch};

/// Tasks that a convolution of few images should be cut into at least.
const TASKS: usize = 8;

pub(super) fn forward(kernels: &Kernels, g: &Conv2d, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    let (oh, ow) = (g.out_h(), g.out_w());
    if y.is_empty() {
        return;
    }
    let bands = TASKS.div_ceil(g.n).min(oh);
    let band = oh.div_ceil(bands);
    let (bands, k, panels) = (oh.div_ceil(band), g.k(), g.o.div_ceil(kernels.rows));
    scratch::floats(panels * kernels.rows * k, |a| {
        pack::panels(kernels, MatRef::new(w, g.o, k).t(), 0..k, 0..g.o, kernels.rows, a);
        let (a, out) = (&*a, Shared::new(y));
        parallel::tasks(g.n * bands, serial(g), |task| {
            let (n, rows) = (task / bands, task % bands * band..oh.min((task % bands + 1) * band));
            let layout = Layout::forward(g, rows.clone());
            let sweep =
                Sweep { kernels, m: g.o, k, rows: rows.len(), cols: ow, row_step: g.stride[0] * layout.row_len() };
            let target = Target {
                start: n * g.o * oh * ow + rows.start * ow,
                plane: oh * ow,
                row: ow,
                col: 1,
                bias,
                out: out.pointer(),
            };
            scratch::floats(layout.len(kernels.lanes), |image| {
                layout.fill(&x[n * g.c * g.h * g.w..][..g.c * g.h * g.w], image);
                scratch::indices(k, |offsets| {
                    taps(g, &layout, offsets);
                    // SAFETY: offsets were made for this layout; each task writes its own rows of its own image.
                    unsafe { sweep.run(a, offsets, image, &target) };
                });
            });
        });
    });
}

/// The offset of each row (c, p, q) of the im2col matrix.
pub(super) fn taps(g: &Conv2d, layout: &Layout, offsets: &mut [u32]) {
    let mut offsets = offsets.iter_mut();
    for c in 0..g.c {
        for p in 0..g.kernel[0] {
            for q in 0..g.kernel[1] {
                let offset = offsets.next().expect("one for each row");
                *offset = layout.offset(c, p * g.dilation[0], q * g.dilation[1]) as u32;
            }
        }
    }
}

/// Lays `a(m, k)` out in panels of `rows`: panel after panel, in each k after k.
fn pack_coefficients(rows: usize, m: usize, k: usize, a: impl Fn(usize, usize) -> f32, out: &mut [f32]) {
    for (panel, out) in out.chunks_exact_mut((rows * k).max(1)).enumerate() {
        for r in 0..rows {
            for k in 0..k {
                out[k * rows + r] = if panel * rows + r < m { a(panel * rows + r, k) } else { 0.0 };
            }
        }
    }
}

/// The taps along one axis that reach a pixel, and their outputs.
///
/// Pixel `x` is reached by tap p from output i when `i s + p d = x + pad`. Every s-th pixel from `first` on (a class)
/// has the same taps: those with `p d = first + pad (mod s)`, the t-th one from output `t + (first + pad - p d) / s`.
pub(super) struct Class {
    /// The first pixel of the class, and how many there are.
    pub(super) first: usize,
    pub(super) count: usize,
    /// (p, the output under p for the first pixel), p rising.
    pub(super) taps: Vec<(usize, isize)>,
}

impl Class {
    /// Returns the classes along an axis; there may be fewer pixels than remainders.
    pub(super) fn all(g: &Conv2d, axis: usize) -> impl Iterator<Item = Self> + use<'_> {
        (0..g.stride[axis].min([g.h, g.w][axis])).map(move |first| Self::new(g, axis, first))
    }

    fn new(g: &Conv2d, axis: usize, first: usize) -> Self {
        let (s, d, pad, size) = (g.stride[axis], g.dilation[axis], g.pad[axis][0], [g.h, g.w][axis]);
        let taps = (0..g.kernel[axis])
            .filter(|p| (first + pad) % s == p * d % s)
            .map(|p| (p, (first + pad) as isize - (p * d) as isize))
            .map(|(p, distance)| (p, distance / s as isize))
            .collect();
        Self { first, count: (size - first).div_ceil(s), taps }
    }

    /// Returns the outputs that reach the class: the first one, and one past the last.
    pub(super) fn reach(&self) -> (isize, isize) {
        let low = self.taps.iter().map(|t| t.1).min().unwrap_or(0);
        let high = self.taps.iter().map(|t| t.1).max().unwrap_or(0);
        (low, high + self.count as isize)
    }
}

/// The adjoint of [`forward`], and a bias: what is called dY here is its input, and what is called dX its output.
pub(super) fn transpose(kernels: &Kernels, g: &Conv2d, dy: &[f32], w: &[f32], bias: Option<&[f32]>, dx: &mut [f32]) {
    if dx.is_empty() {
        return;
    }
    let out = Shared::new(dx);
    for down in Class::all(g, 0) {
        for right in Class::all(g, 1) {
            transpose_class(kernels, g, dy, w, bias, [&down, &right], &out);
        }
    }
}

/// The pixels of one class: a sweep of stride 1 over dY.
fn transpose_class(
    kernels: &Kernels,
    g: &Conv2d,
    dy: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    [down, right]: [&Class; 2],
    out: &Shared<'_, f32>,
) {
    let (oh, ow, per_map) = (g.out_h(), g.out_w(), down.taps.len() * right.taps.len());
    let ((top, bottom), (left, end)) = (down.reach(), right.reach());
    let layout = Layout {
        channels: g.o,
        source: [oh, ow],
        rows: (bottom - top) as usize,
        border: [-top, -left],
        phases: 1,
        phase_len: (end - left) as usize,
    };
    let k = g.o * per_map;
    let tap = |k: usize| {
        let (o, down_tap, right_tap) = (k / per_map, k % per_map / right.taps.len(), k % right.taps.len());
        (o, down.taps[down_tap], right.taps[right_tap])
    };
    let sweep = Sweep { kernels, m: g.c, k, rows: down.count, cols: right.count, row_step: layout.row_len() };
    let panels = g.c.div_ceil(kernels.rows);
    scratch::floats(panels * kernels.rows * k, |a| {
        scratch::indices(k, |offsets| {
            // Once where the coefficients of channel 0 are, once where the pixels are.
            for (k, source) in offsets.iter_mut().enumerate() {
                let (o, (p, _), (q, _)) = tap(k);
                *source = ((o * g.c * g.kernel[0] + p) * g.kernel[1] + q) as u32;
            }
            pack_coefficients(kernels.rows, g.c, k, |c, k| w[offsets[k] as usize + c * g.kernel[0] * g.kernel[1]], a);
            for (k, offset) in offsets.iter_mut().enumerate() {
                let (o, (_, i), (_, j)) = tap(k);
                *offset = layout.offset(o, (i - top) as usize, (j - left) as usize) as u32;
            }
            let (a, offsets) = (&*a, &*offsets);
            parallel::tasks(g.n, serial(g), |n| {
                scratch::floats(layout.len(kernels.lanes), |image| {
                    layout.fill(&dy[n * g.o * oh * ow..][..g.o * oh * ow], image);
                    let target = Target {
                        start: n * g.c * g.h * g.w + down.first * g.w + right.first,
                        plane: g.h * g.w,
                        row: g.stride[0] * g.w,
                        col: g.stride[1],
                        bias,
                        out: out.pointer(),
                    };
                    // SAFETY: offsets were made for this layout; each task writes the class's pixels of its own image.
                    unsafe { sweep.run(a, offsets, image, &target) };
                });
            });
        });
    });
}

/// The sizes of one product.
struct Sweep<'a> {
    kernels: &'a Kernels,
    m: usize,
    k: usize,
    rows: usize,
    cols: usize,
    row_step: usize,
}

/// Where the results go: element (m, i, j) to `start + m plane + i row + j col`.
struct Target<'a> {
    start: usize,
    plane: usize,
    row: usize,
    col: usize,
    bias: Option<&'a [f32]>,
    out: *mut f32,
}

/// The vectors that cover the output: `per_row` to a row, or, if `flat`, `count` from end to end.
#[derive(Clone, Copy)]
struct Cover {
    flat: bool,
    per_row: usize,
    count: usize,
}

impl Sweep<'_> {
    /// Chooses the order, row by row or from end to end, whichever takes fewer vectors.
    fn cover(&self) -> Cover {
        let lanes = self.kernels.lanes;
        let per_row = self.cols.div_ceil(lanes);
        let flat = ((self.rows - 1) * self.row_step + self.cols).div_ceil(lanes);
        if flat < self.rows * per_row {
            Cover { flat: true, per_row, count: flat }
        } else {
            Cover { flat: false, per_row, count: self.rows * per_row }
        }
    }

    /// # Safety
    /// Each offset must be inside of the image's layout, and the target's elements this caller's alone.
    unsafe fn run(&self, a: &[f32], offsets: &[u32], image: &[f32], target: &Target<'_>) {
        let (lanes, cover) = (self.kernels.lanes, self.cover());
        let place = |vector: usize| match cover.flat {
            true => vector * lanes,
            false => vector / cover.per_row * self.row_step + vector % cover.per_row * lanes,
        };
        let mut out = [0.0; MAX_TILE];
        let mut vector = 0;
        while vector < cover.count {
            let vectors = width(cover.count - vector, self.kernels.vectors);
            let mut places = [0; MAX_VECTORS];
            (0..vectors).for_each(|v| places[v] = place(vector + v));
            let mut segments = [Segment::default(); MAX_LANES];
            let count = self.segments(&places[..vectors], cover.flat, &mut segments);
            for panel in 0..self.m.div_ceil(self.kernels.rows) {
                let a = &a[panel * self.kernels.rows * self.k..][..self.kernels.rows * self.k];
                // SAFETY: a vector starts at a pixel of the output, so every tap of it is in the layout, which is
                // followed by the slack that whole vectors may need.
                unsafe { self.tile(a, offsets, image, &places[..vectors], &mut out) };
                // SAFETY: the target is this caller's alone.
                unsafe { self.store(&out, panel * self.kernels.rows, &segments[..count], target) };
            }
            vector += vectors;
        }
    }

    /// One tile, block of k after block.
    ///
    /// # Safety
    /// Whole vectors must be readable at each place plus each offset.
    unsafe fn tile(&self, a: &[f32], offsets: &[u32], image: &[f32], places: &[usize], out: &mut [f32; MAX_TILE]) {
        if self.k == 0 {
            return out.fill(0.0);
        }
        let mut b = [image.as_ptr(); MAX_VECTORS];
        for (b, &place) in b.iter_mut().zip(places) {
            *b = image[place..].as_ptr();
        }
        for start in (0..self.k).step_by(K_BLOCK) {
            let tile = Tile {
                len: K_BLOCK.min(self.k - start),
                a: a[start * self.kernels.rows..].as_ptr(),
                offsets: offsets[start..].as_ptr(),
                b,
                out: out.as_mut_ptr(),
                add: start > 0,
            };
            // SAFETY: `a` holds rows x k; the rest is promised by the caller.
            unsafe { self.kernels.tile[places.len() - 1](&tile) };
        }
    }

    /// Finds the stretches of a tile's row that are outputs, and returns how many there are.
    fn segments(&self, places: &[usize], flat: bool, out: &mut [Segment; MAX_LANES]) -> usize {
        let mut count = 0;
        for (v, &place) in places.iter().enumerate() {
            let (mut i, mut j, mut lane) = (place / self.row_step, place % self.row_step, 0);
            while lane < self.kernels.lanes && i < self.rows {
                let len = self.cols.saturating_sub(j).min(self.kernels.lanes - lane);
                let next = Segment { from: v * self.kernels.lanes + lane, len, i, j };
                if count > 0 && out[count - 1].continues(&next) {
                    out[count - 1].len += len;
                } else if len > 0 {
                    out[count] = next;
                    count += 1;
                }
                if !flat {
                    break;
                }
                lane += self.row_step - j;
                (i, j) = (i + 1, 0);
            }
        }
        count
    }

    /// Writes the segments of a tile, whose first row is row `m` of the output.
    ///
    /// # Safety
    /// The target must be this caller's alone.
    unsafe fn store(&self, tile: &[f32; MAX_TILE], m: usize, segments: &[Segment], target: &Target<'_>) {
        let rows = self.kernels.rows.min(self.m - m);
        for segment in segments {
            let start = target.start + m * target.plane + segment.i * target.row + segment.j * target.col;
            // SAFETY: (m.., i, j..j + len) are elements of the target.
            unsafe {
                let store = Store {
                    from: tile.as_ptr().add(segment.from),
                    bias: target.bias.map_or(std::ptr::null(), |bias| bias[m..].as_ptr()),
                    to: target.out.add(start),
                    plane: target.plane,
                    rows,
                    len: segment.len,
                };
                if target.col == 1 {
                    (self.kernels.store)(&store);
                } else {
                    self.scatter(&store, target.col);
                }
            }
        }
    }

    /// Writes a segment to every `step`-th float.
    ///
    /// # Safety
    /// The target must be this caller's alone.
    unsafe fn scatter(&self, s: &Store, step: usize) {
        for m in 0..s.rows {
            // SAFETY: the caller vouches for the rows' biases, if there are any.
            let bias = unsafe { s.bias(m) };
            for l in 0..s.len {
                // SAFETY: promised by the caller.
                unsafe { *s.to.add(m * s.plane + l * step) = *s.from.add(m * self.kernels.tile_stride() + l) + bias };
            }
        }
    }
}

/// A stretch of a tile's row, `from..from + len`, that is output row `i` from column `j` on.
#[derive(Clone, Copy, Default)]
struct Segment {
    from: usize,
    len: usize,
    i: usize,
    j: usize,
}

impl Segment {
    /// Returns whether `next` begins where this one ends, in the tile and in the output.
    fn continues(&self, next: &Segment) -> bool {
        self.i == next.i && self.j + self.len == next.j && self.from + self.len == next.from
    }
}

/// Vectors of the next tile: as many as it takes, but two and two rather than three and one.
fn width(left: usize, most: usize) -> usize {
    if left == 4 { 2 } else { left.min(most) }
}
