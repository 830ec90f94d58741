//! The memory layout of sixteen images side by side, and the sums that a stage takes over them.
//!
//! Pixel (c, y, x) of all sixteen is one stretch of 16 floats. Around each channel lies the border of zeros that its
//! reader needs: a tap then is a distance, and a stride just a longer step.

use super::super::sweep::Class;
use super::stage::Stage;
use crate::Conv2d;
use crate::reduce::LANES;
use std::ops::Range;

/// The layout of sixteen images with a border.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    /// Channels, height and width of an image.
    pub(super) sizes: [usize; 3],
    /// Rows and columns of zeros above and to the left.
    border: [usize; 2],
    /// Rows and columns in all.
    whole: [usize; 2],
}

impl Map {
    /// Returns the layout without a border.
    pub(super) fn bare(sizes: [usize; 3]) -> Self {
        Self { sizes, border: [0, 0], whole: [sizes[1], sizes[2]] }
    }

    /// Returns the layout in which the convolution reads its input: with all pixels that a tap falls on.
    pub(super) fn for_conv(g: &Conv2d) -> Self {
        let (sizes, out) = ([g.c, g.h, g.w], [g.out_h(), g.out_w()]);
        let whole = [0, 1].map(|axis| {
            let read = (out[axis] - 1) * g.stride[axis] + (g.kernel[axis] - 1) * g.dilation[axis] + 1;
            read.max(g.pad[axis][0] + sizes[1 + axis])
        });
        Self { sizes, border: [g.pad[0][0], g.pad[1][0]], whole }
    }

    /// Returns the layout in which the convolution's adjoint reads its input, which is the convolution's output.
    pub(super) fn for_adjoint(g: &Conv2d) -> Self {
        let sizes = [g.o, g.out_h(), g.out_w()];
        let reach = |axis: usize| {
            let start = (0, sizes[1 + axis] as isize);
            Class::all(g, axis).map(|class| class.reach()).fold(start, |all, one| (all.0.min(one.0), all.1.max(one.1)))
        };
        let ((top, bottom), (left, right)) = (reach(0), reach(1));
        let whole = [(bottom - top) as usize, (right - left) as usize];
        Self { sizes, border: [-top as usize, -left as usize], whole }
    }

    /// Returns the layout in which the stage reads its input.
    pub(super) fn input_of(stage: &Stage) -> Self {
        if stage.transposed { Self::for_adjoint(&stage.conv) } else { Self::for_conv(&stage.conv) }
    }

    /// Returns the layout in which the stage's backward pass reads the gradient of its output.
    pub(super) fn gradients_of(stage: &Stage) -> Self {
        if stage.transposed { Self::for_conv(&stage.conv) } else { Self::for_adjoint(&stage.conv) }
    }

    /// Floats in all.
    pub(super) fn len(&self) -> usize {
        self.sizes[0] * self.whole[0] * self.whole[1] * LANES
    }

    /// Returns the position of a pixel.
    pub(super) fn at(&self, c: usize, y: usize, x: usize) -> usize {
        ((c * self.whole[0] + self.border[0] + y) * self.whole[1] + self.border[1] + x) * LANES
    }

    /// Floats from row to row, and from channel to channel.
    pub(super) fn steps(&self) -> [usize; 2] {
        [self.whole[1] * LANES, self.whole[0] * self.whole[1] * LANES]
    }

    /// Returns whether there is no border.
    pub(super) fn is_bare(&self) -> bool {
        self.whole == [self.sizes[1], self.sizes[2]]
    }

    /// Returns the rows of the images: where each lies here, all of the same length, channel after channel.
    pub(super) fn rows(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let map = *self;
        let [c, h, w] = map.sizes;
        (0..c * h).map(move |r| map.at(r / h, r % h, 0)..map.at(r / h, r % h, 0) + w * LANES)
    }

    /// Returns where the rows of each channel begin, and how many there are.
    pub(super) fn sizes_by_channel(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let map = *self;
        (0..map.sizes[0]).map(move |c| (map.at(c, 0, 0), map.sizes[1]))
    }

    /// Writes zeros to the lanes from `images` on, which hold no image. Their values are never read, but a zero
    /// gradient times the infinity that an infinite bias leaves there is NaN, which would.
    pub(super) fn clear_missing(&self, images: usize, data: &mut [f32]) {
        if images < LANES {
            self.rows().for_each(|row| data[row].chunks_exact_mut(LANES).for_each(|pixel| pixel[images..].fill(0.0)));
        }
    }

    /// Writes the border's zeros.
    pub(super) fn clear(&self, data: &mut [f32]) {
        let mut end = 0;
        for row in self.rows() {
            data[end..row.start].fill(0.0);
            end = row.end;
        }
        data[end..self.len()].fill(0.0);
    }
}

/// The maps of a chain: those of the values, and those of their gradients.
pub(super) struct Maps {
    pub(super) values: Vec<Map>,
    pub(super) gradients: Vec<Map>,
}

impl Maps {
    pub(super) fn new(stages: &[Stage]) -> Self {
        let last = Map::bare(stages[stages.len() - 1].output());
        let values = stages.iter().map(Map::input_of).chain([last]).collect();
        let first = Map::bare(stages[0].input());
        Self { values, gradients: [first].into_iter().chain(stages.iter().map(Map::gradients_of)).collect() }
    }
}

/// Floats of several maps one after the other.
pub(super) fn total(maps: &[Map]) -> usize {
    maps.iter().map(Map::len).sum()
}

/// Numbers that the forward pass keeps for the backward pass: the values of all maps, block after block.
pub(super) fn kept_len(stages: &[Stage]) -> usize {
    stages[0].conv.n.div_ceil(LANES) * total(&Maps::new(stages).values)
}

/// A sum over taps for a grid of pixels: output (m, i, j), at `to + m plane + i to_steps[0] + j to_steps[1]`, is the
/// sum over k of coefficient (m, k) times the input at `from + offset[k] + i from_steps[0] + j from_steps[1]`.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) grid: [usize; 2],
    pub(super) from: usize,
    pub(super) from_steps: [usize; 2],
    pub(super) to: usize,
    pub(super) to_steps: [usize; 2],
    pub(super) plane: usize,
    /// Where its coefficients and offsets begin among those of all.
    pub(super) coefficients: usize,
    pub(super) offsets: usize,
}

/// Coefficients and offsets of many sweeps.
pub(super) struct Tables<'a> {
    pub(super) coefficients: &'a mut [f32],
    pub(super) offsets: &'a mut [u32],
    pub(super) used: [usize; 2],
}

/// Rows of coefficients that are multiplied together, of `m` in all and at most `rows`: few are taken one by one.
pub(super) fn height(m: usize, rows: usize) -> usize {
    if 2 * m < rows { 1 } else { rows }
}

/// Coefficients and offsets that [`sweeps`] writes.
pub(super) fn room(g: &Conv2d, adjoint: bool, rows: usize) -> [usize; 2] {
    let (m, k) = if adjoint { (g.c, g.o * g.kernel[0] * g.kernel[1]) } else { (g.o, g.k()) };
    [m.next_multiple_of(height(m, rows)) * k, k]
}

/// The sweeps of a convolution or its adjoint: one, or one for each class of pixels under the same taps.
pub(super) fn sweeps(
    g: &Conv2d,
    adjoint: bool,
    rows: usize,
    [from, to]: [&Map; 2],
    w: &[f32],
    tables: &mut Tables<'_>,
    out: &mut Vec<Sweep>,
) {
    let [kh, kw] = g.kernel;
    let [row, plane] = from.steps();
    let [to_row, to_plane] = to.steps();
    if !adjoint {
        let tap = |k: usize| {
            let (c, p, q) = (k / (kh * kw), k / kw % kh, k % kw);
            c * plane + p * g.dilation[0] * row + q * g.dilation[1] * LANES
        };
        let sweep = Sweep {
            m: g.o,
            k: g.k(),
            grid: [g.out_h(), g.out_w()],
            from: from.at(0, 0, 0) - g.pad[0][0] * row - g.pad[1][0] * LANES,
            from_steps: [g.stride[0] * row, g.stride[1] * LANES],
            to: to.at(0, 0, 0),
            to_steps: [to_row, LANES],
            plane: to_plane,
            coefficients: tables.used[0],
            offsets: tables.used[1],
        };
        return out.push(tables.add(sweep, rows, Coefficients { w, step: g.k() }, |k| (k, tap(k))));
    }
    for down in Class::all(g, 0) {
        for right in Class::all(g, 1) {
            let per_map = (down.taps.len() * right.taps.len()).max(1);
            let tap =
                |k: usize| (k / per_map, down.taps[k % per_map / right.taps.len()], right.taps[k % right.taps.len()]);
            // The first output under the taps may lie in the border: distances are counted from the map's first float.
            let source = |k: usize| {
                let (o, (_, i), (_, j)) = tap(k);
                let place =
                    |first: usize, step: isize| first.checked_add_signed(step).expect("the border is wide enough");
                o * plane + place(from.border[0], i) * row + place(from.border[1], j) * LANES
            };
            let first = |k: usize| {
                let (o, (p, _), (q, _)) = tap(k);
                (o * g.c * kh + p) * kw + q
            };
            let sweep = Sweep {
                m: g.c,
                k: g.o * down.taps.len() * right.taps.len(),
                grid: [down.count, right.count],
                from: 0,
                from_steps: [row, LANES],
                to: to.at(0, down.first, right.first),
                to_steps: [g.stride[0] * to_row, g.stride[1] * LANES],
                plane: to_plane,
                coefficients: tables.used[0],
                offsets: tables.used[1],
            };
            out.push(tables.add(sweep, rows, Coefficients { w, step: kh * kw }, |k| (first(k), source(k))));
        }
    }
}

/// Filters as a sweep takes them: coefficient (m, k) is `w[first(k) + m step]`.
struct Coefficients<'a> {
    w: &'a [f32],
    step: usize,
}

impl Tables<'_> {
    /// Writes a sweep's coefficients in panels of rows, in each k after k, and its offsets; `of` gives for each k the
    /// place of its first coefficient, and its offset.
    fn add(&mut self, sweep: Sweep, rows: usize, c: Coefficients<'_>, of: impl Fn(usize) -> (usize, usize)) -> Sweep {
        let (rows, k) = (height(sweep.m, rows), sweep.k);
        let panels = &mut self.coefficients[sweep.coefficients..][..sweep.m.next_multiple_of(rows) * k];
        for (i, offset) in self.offsets[sweep.offsets..][..k].iter_mut().enumerate() {
            let (first, source) = of(i);
            *offset = source as u32;
            for (panel, m) in (0..sweep.m).step_by(rows).enumerate() {
                let to = &mut panels[(panel * k + i) * rows..][..rows];
                let (full, rest) = to.split_at_mut(rows.min(sweep.m - m));
                full.iter_mut().enumerate().for_each(|(r, to)| *to = c.w[first + (m + r) * c.step]);
                rest.fill(0.0);
            }
        }
        self.used = [sweep.coefficients + panels.len(), sweep.offsets + k];
        sweep
    }
}

/// Returns where the taps of a convolution fall on its input for the first output: the offset of each k from the first
/// one's.
pub(super) fn taps(g: &Conv2d, image: &Map, offsets: &mut [u32]) -> usize {
    let ([kh, kw], [row, plane]) = (g.kernel, image.steps());
    for (k, to) in offsets.iter_mut().enumerate() {
        let (c, p, q) = (k / (kh * kw), k / kw % kh, k % kw);
        *to = (c * plane + p * g.dilation[0] * row + q * g.dilation[1] * LANES) as u32;
    }
    image.at(0, 0, 0) - g.pad[0][0] * row - g.pad[1][0] * LANES
}
