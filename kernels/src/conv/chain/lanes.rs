//! The stages on sixteen images side by side.
//!
//! A task takes sixteen images through all stages; a task of the backward pass takes a group of such blocks, and keeps
//! sixteen sums for each coefficient, which are added up at the very end. Groups depend on the number of images alone.

use super::super::size::work;
use super::map::{self, Map, Maps, Sweep, Tables, total};
use super::stage::{FilterGradients, Filters, Stage};
use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::parallel::{self, Shared};
use crate::reduce::{LANES, Pairs, TURNS, tree};
use crate::simd::{Kernels, LaneGradient, MAX_POINTS, MAX_TAPS, Points, Transpose};
use crate::splits::{K_BLOCK, WeightGroups, lane_groups, lane_rows};
use crate::{Scalar, reduce, scratch};

/// Multiply-adds below which all stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 18;
/// Gradients per piece of the final addition.
const PIECE: usize = 256;

/// Map `i` among several one after the other.
fn of<'a>(maps: &[Map], i: usize, data: &'a [f32]) -> &'a [f32] {
    &data[total(&maps[..i])..][..maps[i].len()]
}

/// Maps `i` and `i + 1`.
fn two<'a>(maps: &[Map], i: usize, data: &'a mut [f32]) -> [&'a mut [f32]; 2] {
    let (first, rest) = data[total(&maps[..i])..].split_at_mut(maps[i].len());
    [first, &mut rest[..maps[i + 1].len()]]
}

fn serial(stages: &[Stage]) -> bool {
    stages.iter().map(|s| work(&s.conv)).fold(0, usize::saturating_add) < SERIAL_BELOW
}

/// Calls `f` with the sweeps of each stage and their tables; `which` says of a stage whether the sweeps are an
/// adjoint's, and between which maps they go.
fn with_sweeps(
    kernels: &Kernels,
    stages: &[Stage],
    filters: &[Filters<'_, f32>],
    which: impl Fn(usize) -> (bool, [Map; 2]),
    f: impl FnOnce(&[Vec<Sweep>], &[f32], &[u32]),
) {
    let rooms = stages.iter().enumerate().map(|(i, s)| map::room(&s.conv, which(i).0, kernels.rows));
    let [floats, indices] = rooms.fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    scratch::floats(floats, |coefficients| {
        scratch::indices(indices, |offsets| {
            let mut tables = Tables { coefficients, offsets, used: [0, 0] };
            let mut sweeps = vec![Vec::new(); stages.len()];
            for (i, (stage, sweeps)) in stages.iter().zip(&mut sweeps).enumerate() {
                let (adjoint, [from, to]) = which(i);
                map::sweeps(&stage.conv, adjoint, kernels.rows, [&from, &to], filters[i].w, &mut tables, sweeps);
            }
            f(&sweeps, tables.coefficients, tables.offsets);
        });
    });
}

pub(super) fn forward(
    kernels: &Kernels,
    stages: &[Stage],
    x: &[f32],
    filters: &[Filters<'_, f32>],
    y: &mut [f32],
    kept: Option<&mut [f32]>,
) {
    let (maps, level, n) = (Maps::new(stages).values, isa(), stages[0].conv.n);
    let (slot, y, kept) = (total(&maps), Shared::new(y), kept.map(Shared::new));
    let pair = |i: usize| (stages[i].transposed, [maps[i], maps[i + 1]]);
    with_sweeps(kernels, stages, filters, pair, |sweeps, coefficients, offsets| {
        parallel::tasks(n.div_ceil(LANES), serial(stages), |block| {
            let run = |data: &mut [f32]| {
                enter(kernels, &maps[0], x, block, n, data);
                for (i, stage) in stages.iter().enumerate() {
                    let [from, to] = two(&maps, i, data);
                    maps[i + 1].clear(to);
                    for sweep in &sweeps[i] {
                        sweep.run(kernels, coefficients, offsets, from, Some(filters[i].bias), to);
                    }
                    if stage.relu {
                        vectorize(level, Relu(to));
                    }
                    maps[i + 1].clear_missing(images(block, n), to);
                }
                let last = maps.len() - 1;
                leave(kernels, &maps[last], of(&maps, last, data), block, n, &y);
            };
            match &kept {
                // SAFETY: each block has a slot of its own.
                Some(kept) => run(unsafe { kept.piece(block * slot, slot) }),
                None => scratch::floats(slot, run),
            }
        });
    });
}

pub(super) fn backward(
    kernels: &Kernels,
    stages: &[Stage],
    kept: &[f32],
    filters: &[Filters<'_, f32>],
    dy: &[f32],
    dx: Option<&mut [f32]>,
    out: &mut [FilterGradients<'_, f32>],
) {
    let (Maps { values, gradients }, level, n) = (Maps::new(stages), isa(), stages[0].conv.n);
    let groups = lane_groups(n);
    // The sums of a group: those of the coefficients of each stage, then those of its bias.
    let sums: Vec<usize> = filters.iter().flat_map(|f| [f.w.len() * LANES, f.bias.len() * LANES]).collect();
    let size: usize = sums.iter().sum();
    let dx = dx.map(Shared::new);
    let pair = |i: usize| (!stages[i].transposed, [gradients[i + 1], gradients[i]]);
    scratch::floats(groups.len() * size, |partial| {
        let all = Shared::new(&mut *partial);
        with_sweeps(kernels, stages, filters, pair, |sweeps, coefficients, offsets| {
            parallel::tasks(groups.len(), serial(stages), |group| {
                // SAFETY: each group has sums of its own.
                let sums_here = unsafe { all.piece(group * size, size) };
                sums_here.fill(0.0);
                scratch::floats(total(&gradients), |data| {
                    gradients.iter().fold(0, |at, map| {
                        map.clear(&mut data[at..][..map.len()]);
                        at + map.len()
                    });
                    for block in groups.get(group) {
                        let kept = &kept[block * total(&values)..][..total(&values)];
                        let last = stages.len();
                        let at = total(&gradients[..last]);
                        enter(kernels, &gradients[last], dy, block, n, &mut data[at..]);
                        for (i, stage) in stages.iter().enumerate().rev() {
                            let [before, after] = two(&gradients, i, data);
                            let (value, result) = (of(&values, i, kept), of(&values, i + 1, kept));
                            if stage.relu {
                                for (gradient, value) in gradients[i + 1].rows().zip(values[i + 1].rows()) {
                                    vectorize(level, Mask { gradients: &mut after[gradient], values: &result[value] });
                                }
                            }
                            let start: usize = sums[..2 * i].iter().sum();
                            let (dw, db) =
                                sums_here[start..][..sums[2 * i] + sums[2 * i + 1]].split_at_mut(sums[2 * i]);
                            bias_gradient(level, &gradients[i + 1], after, db);
                            let (gradient, value) = ((&gradients[i + 1], &*after), (&values[i], value));
                            let [image, gradient] =
                                if stage.transposed { [gradient, value] } else { [value, gradient] };
                            filter_gradient(kernels, stage, image, gradient, dw);
                            if i > 0 || dx.is_some() {
                                for sweep in &sweeps[i] {
                                    sweep.run(kernels, coefficients, offsets, after, None, before);
                                }
                                gradients[i].clear_missing(images(block, n), before);
                            }
                        }
                        if let Some(dx) = &dx {
                            leave(kernels, &gradients[0], of(&gradients, 0, data), block, n, dx);
                        }
                    }
                });
            });
        });
        let mut start = 0;
        for (i, out) in out.iter_mut().enumerate() {
            for (gradient, len) in [(&mut *out.dw, sums[2 * i]), (&mut *out.db, sums[2 * i + 1])] {
                parallel::chunks_unless(serial(stages), gradient, PIECE, |piece, gradient| {
                    let first = start + piece * PIECE * LANES;
                    vectorize(level, AddUp { partial, first, size, groups: &groups, gradient });
                });
                start += len;
            }
        }
    });
}

/// Images of a block: sixteen, or fewer in the last.
fn images(block: usize, n: usize) -> usize {
    (n - block * LANES).min(LANES)
}

/// Lays the images of a block out side by side, with their border; missing ones are zeros.
fn enter(kernels: &Kernels, map: &Map, x: &[f32], block: usize, n: usize, data: &mut [f32]) {
    let len: usize = map.sizes.iter().product();
    let count = images(block, n);
    let lay = |to: &mut [f32]| {
        if count < LANES {
            to[..len * LANES].fill(0.0);
        }
        let from = &x[block * LANES * len..][..count * len];
        let (from, to) = (from.as_ptr(), to[..len * LANES].as_mut_ptr());
        let transpose = Transpose { from, from_stride: len, to, to_stride: LANES, rows: len, cols: count };
        // SAFETY: `count` images of `len` floats are read, and `count` of the sixteen floats of `len` pixels written.
        unsafe { (kernels.transpose)(&transpose) };
    };
    if map.is_bare() {
        return lay(data);
    }
    map.clear(data);
    scratch::floats(len * LANES, |bare| {
        lay(bare);
        let mut at = 0;
        for row in map.rows() {
            let width = row.len();
            data[row].copy_from_slice(&bare[at..][..width]);
            at += width;
        }
    });
}

/// The inverse of [`enter`]: writes the block's images to where they belong.
fn leave(kernels: &Kernels, map: &Map, data: &[f32], block: usize, n: usize, to: &Shared<'_, f32>) {
    assert!(map.is_bare(), "what leaves has no border");
    let len: usize = map.sizes.iter().product();
    let count = images(block, n);
    // SAFETY: these images are this task's alone.
    let to = unsafe { to.piece(block * LANES * len, count * len) };
    let (from, to) = (data[..len * LANES].as_ptr(), to.as_mut_ptr());
    let transpose = Transpose { from, from_stride: LANES, to, to_stride: len, rows: count, cols: len };
    // SAFETY: `count` of the sixteen floats of `len` pixels are read, and `count` images of `len` floats written.
    unsafe { (kernels.transpose)(&transpose) };
}

impl Sweep {
    /// Computes all outputs, some pixels and some rows of coefficients at a time.
    fn run(
        &self,
        kernels: &Kernels,
        coefficients: &[f32],
        offsets: &[u32],
        from: &[f32],
        bias: Option<&[f32]>,
        to: &mut [f32],
    ) {
        let (offsets, height) = (&offsets[self.offsets..][..self.k], map::height(self.m, kernels.rows));
        let table: &[_] = if height == 1 { &kernels.line } else { &kernels.points[..kernels.vectors] };
        let (pixels, place) = (self.grid[0] * self.grid[1], |start: usize, steps: [usize; 2], pixel: usize| {
            start + pixel / self.grid[1] * steps[0] + pixel % self.grid[1] * steps[1]
        });
        let mut pixel = 0;
        while pixel < pixels {
            let left = pixels - pixel;
            let count = if left == table.len() + 1 { left.div_ceil(2) } else { left.min(table.len()) };
            let (mut reads, mut writes) = ([0; MAX_POINTS], [0; MAX_POINTS]);
            for v in 0..count {
                reads[v] = place(self.from, self.from_steps, pixel + v);
                writes[v] = place(self.to, self.to_steps, pixel + v);
            }
            for m in (0..self.m).step_by(height) {
                let rows = height.min(self.m - m);
                let panel = &coefficients[self.coefficients + m * self.k..][..height * self.k];
                for start in (0..self.k.max(1)).step_by(K_BLOCK) {
                    let last = start + K_BLOCK >= self.k;
                    let bias = bias.filter(|_| last).map_or(std::ptr::null(), |bias| bias[m..][..rows].as_ptr());
                    for part in (0..LANES).step_by(kernels.lanes) {
                        let mut points = Points {
                            len: (self.k - start).min(K_BLOCK),
                            a: panel[start * height..].as_ptr(),
                            offsets: offsets[start..].as_ptr(),
                            b: [from.as_ptr(); MAX_POINTS],
                            bias,
                            to: [to.as_mut_ptr(); MAX_POINTS],
                            plane: self.plane,
                            rows,
                            add: start > 0,
                        };
                        for v in 0..count {
                            points.b[v] = from[reads[v] + part..].as_ptr();
                            // SAFETY: an offset inside of the map.
                            points.to[v] = unsafe { to.as_mut_ptr().add(writes[v] + m * self.plane + part) };
                        }
                        // SAFETY: the maps hold every pixel under a tap of an output, and every output.
                        unsafe { table[count - 1](&points) };
                    }
                }
            }
            pixel += count;
        }
    }
}

/// Adds a block's sums over the pixels of each channel.
fn bias_gradient(level: Isa, map: &Map, gradients: &[f32], db: &mut [f32]) {
    for (rows, db) in map.sizes_by_channel().zip(db.chunks_exact_mut(LANES)) {
        vectorize(level, AddPixels { gradients, rows, row: map.sizes[2] * LANES, step: map.steps()[0], db });
    }
}

/// Adds a block's gradients of the filters, some rows of pixels at a time: dw[o, k] += sum over pixels of dy[o, pixel]
/// image[pixel under tap k].
fn filter_gradient(
    kernels: &Kernels,
    stage: &Stage,
    (image, x): (&Map, &[f32]),
    (gradient, dy): (&Map, &[f32]),
    dw: &mut [f32],
) {
    let (g, k) = (&stage.conv, stage.conv.k());
    scratch::indices(k, |offsets| {
        let start = map::taps(g, image, offsets);
        let (image_row, dy_row) = (image.steps()[0], gradient.steps()[0]);
        let [oh, ow] = [g.out_h(), g.out_w()];
        for first in (0..k).step_by(kernels.taps) {
            let count = kernels.taps.min(k - first);
            for o in (0..g.o).step_by(2) {
                let outs = 2.min(g.o - o);
                for part in (0..LANES).step_by(kernels.lanes) {
                    let mut taps = [x.as_ptr(); MAX_TAPS];
                    for (tap, &offset) in taps.iter_mut().zip(&offsets[first..first + count]) {
                        *tap = x[start + offset as usize + part..].as_ptr();
                    }
                    for row in (0..oh).step_by(lane_rows(ow)) {
                        let plane = |o: usize| dy[gradient.at(o, row, 0) + part..].as_ptr();
                        let lane_gradient = LaneGradient {
                            grid: [lane_rows(ow).min(oh - row), ow],
                            // SAFETY: the map holds the rows of pixels under the outputs' rows.
                            taps: taps.map(|tap| unsafe { tap.add(row * g.stride[0] * image_row) }),
                            tap_steps: [g.stride[0] * image_row, g.stride[1] * LANES],
                            dy: [plane(o), plane(o + outs - 1)],
                            dy_steps: [dy_row, LANES],
                            out: dw[(o * k + first) * LANES + part..].as_mut_ptr(),
                            out_steps: [k * LANES, LANES],
                        };
                        // SAFETY: the maps hold every pixel under a tap of an output, and every output; `dw` has
                        // sixteen sums for each coefficient.
                        unsafe { kernels.lane_gradient[outs - 1][count - 1](&lane_gradient) };
                    }
                }
            }
        }
    });
}

/// max(x, 0), and NaN of NaN.
struct Relu<'a>(&'a mut [f32]);

impl Loop for Relu<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.0.iter_mut().for_each(|x| *x = if *x <= 0.0 { 0.0 } else { *x });
    }
}

/// Gradients pass where the value is positive.
struct Mask<'a> {
    gradients: &'a mut [f32],
    values: &'a [f32],
}

impl Loop for Mask<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.gradients
            .iter_mut()
            .zip(self.values)
            .for_each(|(gradient, y)| *gradient *= if *y <= 0.0 { 0.0 } else { 1.0 });
    }
}

/// `db[l] +=` the sum of lane l over the pixels of some rows, each row by itself, the rows in turn and then in pairs.
struct AddPixels<'a> {
    gradients: &'a [f32],
    /// Where the first row begins, and how many there are.
    rows: (usize, usize),
    row: usize,
    step: usize,
    db: &'a mut [f32],
}

impl Loop for AddPixels<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut room = [[[0.0; LANES]]; reduce::ALL];
        let mut pairs = Pairs::after(0, &mut room);
        for start in (0..self.rows.1).step_by(TURNS) {
            let mut block = [0.0; LANES];
            for r in start..self.rows.1.min(start + TURNS) {
                let mut sum = [0.0; LANES];
                for pixel in self.gradients[self.rows.0 + r * self.step..][..self.row].chunks_exact(LANES) {
                    for l in 0..LANES {
                        sum[l] += pixel[l];
                    }
                }
                for l in 0..LANES {
                    block[l] += sum[l];
                }
            }
            pairs.push([block]);
        }
        let [sum] = pairs.total();
        self.db.iter_mut().zip(sum).for_each(|(db, sum)| *db += sum);
    }
}

/// Adds up the groups' sums, and then the sixteen.
struct AddUp<'a> {
    partial: &'a [f32],
    /// Where the first gradient has its first group's sums, and floats from group to group.
    first: usize,
    size: usize,
    groups: &'a WeightGroups,
    gradient: &'a mut [f32],
}

impl Loop for AddUp<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (i, gradient) in self.gradient.iter_mut().enumerate() {
            let mut sum = [f32::ZERO; LANES];
            for group in 0..self.groups.len() {
                let sums = &self.partial[group * self.size + self.first + i * LANES..][..LANES];
                for l in 0..LANES {
                    sum[l] += sums[l];
                }
            }
            *gradient = tree(sum);
        }
    }
}
