//! Lloyd's K-means (1982), exactly, doing only the work that can change the result.
//!
//! Each pass asks for every sample's nearest centroid and for the sums of the samples of each cluster. Three things
//! make it fast, none of which alters a bit:
//!
//! * **Distances by the tile.** Sixteen samples are transposed so that each lies in one lane, and meet several
//!   centroids at once. Differences are squared and added ([`squared_distance`](crate::reference::squared_distance)),
//!   which unlike `|c|² - 2 x·c` does not cancel. A squared distance is off by at most d/2 + 2 epsilons of *itself*,
//!   however far from the origin the data lies, and the nearest is the nearest up to that. Ties go to the lower index.
//! * **Bounds** (Hamerly, *Making k-means even faster*, 2010). A sample keeps an upper bound u on the distance to its
//!   own centroid and a lower bound l on that to any other. When the centroids move, u grows by the own one's step and
//!   l shrinks by the longest step of the others. While u < l nothing about the sample can change, and it is not even
//!   read. The bounds carry a margin for rounding, so the labels are those that the plain computation would find.
//! * **Sums without rounding.** Each value is rounded once to a multiple of a quantum of its column, chosen so that the
//!   sum of any n of them is exact in `f64`. Then the order of a sum is immaterial, no thread count can change it, and
//!   a sample that changes its cluster is subtracted from one sum and added to another. An `f32` within a factor
//!   2^(29 - log2 n) of its column's largest is not rounded at all; an error of half a quantum is 2^-(54 - log2 n) of
//!   the largest.
//!
//! Without fused multiply-adds ([`Isa::Scalar`]) distances may differ in the last bits; sums never do.

mod groups;
mod lanes;

use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::geometry::product;
use crate::parallel;
use crate::splits::K_BLOCK;
use crate::{MatRef, Scalar};
#[doc(hidden)]
pub use groups::{Groups, Nearest};
use groups::{LANES, row};
pub(crate) use lanes::{nearest_f32, nearest_f64, transpose_f32, transpose_f64};

/// Samples that are searched at a time for those whose bounds have failed.
const PIECE: usize = 512;
/// Most tasks for the samples.
const TASKS: usize = 32;
/// Multiply-adds per sample below which a distance costs less than keeping bounds.
const BOUNDS_FROM: usize = 64;
/// Numbers in the samples that are transposed at a time.
const BATCH: usize = 1 << 12;

/// The samples, and the quantum that each of their columns is rounded to.
pub struct Samples<'a, T> {
    x: MatRef<'a, T>,
    /// 1.5 · 2^52 quanta for each column: adding and subtracting it rounds to a multiple of the quantum.
    rounder: Vec<f64>,
    /// With few columns, the samples in tiles of 16, each column after column.
    transposed: &'a [T],
}

impl<'a, T: Scalar> Samples<'a, T> {
    /// Returns how many numbers [`new`](Self::new) needs room for: with few columns, the samples are transposed once
    /// for all.
    pub fn room(x: &MatRef<'_, T>) -> usize {
        if x.cols > LANES {
            return 0;
        }
        let room = x.rows.checked_next_multiple_of(LANES).and_then(|rows| product(&[rows, x.cols]));
        room.expect("kmeans: the samples do not fit into memory")
    }

    /// Prepares the rows of `x` (contiguous, finite). `transposed` is [`room`](Self::room) for as many numbers.
    pub fn new(x: MatRef<'a, T>, transposed: &'a mut [T]) -> Self {
        assert!(x.cols > 0 && x.col_stride == 1, "kmeans: rows must be contiguous and not empty");
        assert!((1..=u32::MAX as usize).contains(&x.rows), "kmeans: no samples, or more than 2^32");
        assert_eq!(transposed.len(), Self::room(&x), "kmeans: the room does not fit");
        let level = isa();
        if !transposed.is_empty() {
            parallel::chunks(transposed, PIECE * x.cols, |p, to| {
                let rows: Vec<u32> = (p * PIECE..x.rows.min((p + 1) * PIECE)).map(|i| i as u32).collect();
                T::transpose_rows(level, &x, &rows, to);
            });
        }
        let transposed = &*transposed;
        // Tiles are read as rows of 16 d.
        let (view, lanes) = match transposed.len() {
            0 => (x, 1),
            len => (MatRef::new(transposed, len / (LANES * x.cols), LANES * x.cols), LANES),
        };
        let rows = view.rows.div_ceil(TASKS).max(1);
        let parts = parallel::map(view.rows.div_ceil(rows), |t| {
            vectorize(level, Largest { x: view, rows: t * rows..view.rows.min((t + 1) * rows) })
        });
        let largest = |j: usize| parts.iter().flat_map(move |part| &part[j * lanes..(j + 1) * lanes]);
        let rounder = |j| rounding_constant(largest(j).fold(0.0, |m, v| v.to_f64().max(m)), x.rows);
        let rounder = (0..x.cols).map(rounder).collect();
        Self { x, rounder, transposed }
    }
}

/// Returns 1.5 · 2^52 quanta, where n times the power of two above `largest` is at most 2^53 quanta.
fn rounding_constant(largest: f64, n: usize) -> f64 {
    let above = 2.0 * f64::from_bits(largest.to_bits() & 0x7ff0_0000_0000_0000);
    let bits = 53 - n.max(8).next_power_of_two().trailing_zeros() as i32;
    1.5 * above * libm::ldexp(1.0, 52 - bits)
}

/// The largest magnitude in each column.
struct Largest<'a, T> {
    x: MatRef<'a, T>,
    rows: std::ops::Range<usize>,
}

impl<T: Scalar> Loop for Largest<'_, T> {
    type Output = Vec<T>;
    #[inline(always)]
    fn run(self) -> Vec<T> {
        let mut largest = vec![T::ZERO; self.x.cols];
        for i in self.rows {
            for (m, v) in largest.iter_mut().zip(row(&self.x, i)) {
                let v = v.abs();
                *m = if v > *m { v } else { *m };
            }
        }
        largest
    }
}

/// The partition of the samples into `k` clusters, with the bounds of the search.
pub struct Clusters<'a, T> {
    samples: &'a Samples<'a, T>,
    k: usize,
    /// Of the last pass; empty before the first.
    centroids: Vec<T>,
    tasks: Vec<Task<T>>,
    total: Sums,
}

/// Sums and sizes of clusters, or changes of them.
#[derive(Clone)]
pub struct Sums {
    /// k x d.
    pub sum: Vec<f64>,
    /// k.
    pub size: Vec<i64>,
}

impl Sums {
    fn new(k: usize, d: usize) -> Self {
        Self { sum: vec![0.0; k * d], size: vec![0; k] }
    }

    /// A sample moves from one cluster, or none, to another. Its values come with what rounds them.
    #[inline(always)]
    fn settle<'v, T: Scalar>(&mut self, from: T, to: T, values: impl Iterator<Item = &'v T>, rounder: &[f64]) {
        let d = rounder.len();
        let values = values.zip(rounder).map(|(v, r)| (v.to_f64() + r) - r);
        let to = index(to);
        self.size[to] += 1;
        if from < T::ZERO {
            self.sum[to * d..][..d].iter_mut().zip(values).for_each(|(to, v)| *to += v);
            return;
        }
        let from = index(from);
        self.size[from] -= 1;
        let sum = &mut self.sum[..];
        for (j, v) in values.enumerate() {
            sum[to * d + j] += v;
            sum[from * d + j] -= v;
        }
    }
}

/// Some consecutive samples.
struct Task<T> {
    start: usize,
    /// Whole numbers, to be compared in vectors; negative if there is none yet.
    labels: Vec<T>,
    /// At least the distance to the own centroid, and at most that to any other; empty if distances are cheap.
    upper: Vec<T>,
    lower: Vec<T>,
    /// The changes of the last pass.
    changed: usize,
    change: Sums,
}

impl<'a, T: Scalar> Clusters<'a, T> {
    /// Begins a partition: all samples are without a cluster until the first [`assign`](Self::assign).
    pub fn new(samples: &'a Samples<'a, T>, k: usize) -> Self {
        let (n, d) = (samples.x.rows, samples.x.cols);
        assert!(k > 0 && k < 1 << 24, "kmeans: at least one cluster is needed");
        let rows = n.div_ceil(TASKS).max(4 * k).next_multiple_of(PIECE);
        let task = |start: usize| {
            let len = rows.min(n - start);
            let bounds = if k * d < BOUNDS_FROM && !samples.transposed.is_empty() { 0 } else { len };
            Task {
                start,
                labels: vec![-T::ONE; len],
                upper: vec![T::INFINITY; bounds],
                lower: vec![T::ZERO; bounds],
                changed: 0,
                change: Sums::new(k, d),
            }
        };
        let tasks = (0..n).step_by(rows).map(task).collect();
        Self { samples, k, centroids: Vec::new(), tasks, total: Sums::new(k, d) }
    }

    /// Gives each sample the label of its nearest centroid (k x d); returns how many labels that changed.
    pub fn assign(&mut self, centroids: &[T]) -> usize {
        let (n, d) = (self.samples.x.rows, self.samples.x.cols);
        assert_eq!(Some(centroids.len()), product(&[self.k, d]), "kmeans: k x d centroids are needed");
        let pass = Pass::new(self.samples, centroids, &self.centroids, self.k);
        parallel::chunks_unless(n.saturating_mul(self.k * d) < 1 << 16, &mut self.tasks, 1, |_, task| {
            vectorize(pass.level, Walk { task: &mut task[0], pass: &pass });
        });
        for task in self.tasks.iter().filter(|task| task.changed > 0) {
            self.total.sum.iter_mut().zip(&task.change.sum).for_each(|(total, change)| *total += change);
            self.total.size.iter_mut().zip(&task.change.size).for_each(|(total, change)| *total += change);
        }
        self.centroids.clear();
        self.centroids.extend_from_slice(centroids);
        self.tasks.iter().map(|task| task.changed).sum()
    }

    /// Returns for each sample the index of its cluster.
    pub fn labels(&self) -> Vec<usize> {
        let mut labels = vec![0; self.samples.x.rows];
        let rows = self.tasks.first().map_or(1, |task| task.labels.len());
        parallel::chunks(&mut labels, rows, |t, to| {
            to.iter_mut().zip(&self.tasks[t].labels).for_each(|(to, &label)| *to = index(label));
        });
        labels
    }

    /// Returns the sum of the squared distances of the samples to the centroids that they were last assigned to, in
    /// `f64`.
    pub fn inertia(&self) -> f64 {
        let level = isa();
        let part = |t: usize| vectorize(level, Inertia { clusters: self, task: &self.tasks[t] });
        parallel::map(self.tasks.len(), part).iter().sum()
    }

    /// Returns sums and sizes of the clusters.
    pub fn sums(&self) -> &Sums {
        &self.total
    }
}

/// One task's part of the inertia.
struct Inertia<'a, T> {
    clusters: &'a Clusters<'a, T>,
    task: &'a Task<T>,
}

impl<T: Scalar> Loop for Inertia<'_, T> {
    type Output = f64;
    #[inline(always)]
    fn run(self) -> f64 {
        let (x, mut total) = (&self.clusters.samples.x, 0.0);
        for (i, &label) in self.task.labels.iter().enumerate() {
            let (x, c) = (row(x, self.task.start + i), &self.clusters.centroids[index(label) * x.cols..][..x.cols]);
            let square = |(x, c): (&T, &T)| (x.to_f64() - c.to_f64()) * (x.to_f64() - c.to_f64());
            let whole = x.len() / LANES * LANES;
            let mut lanes = [0.0; LANES];
            for (x, c) in x.chunks_exact(LANES).zip(c.chunks_exact(LANES)) {
                lanes.iter_mut().zip(x.iter().zip(c)).for_each(|(sum, pair)| *sum += square(pair));
            }
            let mut sum = if whole > 0 { lanes.iter().sum() } else { 0.0 };
            x[whole..].iter().zip(&c[whole..]).for_each(|pair| sum += square(pair));
            total += sum;
        }
        total
    }
}

/// The data common to all tasks of one pass.
struct Pass<'a, T> {
    level: Isa,
    samples: &'a Samples<'a, T>,
    groups: Groups<T>,
    /// For each cluster how far its centroid has moved at most, and how far any other.
    steps: Vec<[T; 2]>,
    margin: Margin<T>,
}

impl<'a, T: Scalar> Pass<'a, T> {
    fn new(samples: &'a Samples<'a, T>, centroids: &[T], before: &[T], k: usize) -> Self {
        let (level, d) = (isa(), samples.x.cols);
        let margin = Margin::new(d);
        let squared = |(a, b): (&[T], &[T])| -> f64 {
            a.iter().zip(b).map(|(a, b)| (a.to_f64() - b.to_f64()) * (a.to_f64() - b.to_f64())).sum()
        };
        let moved = centroids.chunks(d).zip(before.chunks(d)).map(squared);
        let moved: Vec<T> = moved.map(|squared| margin.up(T::from_f64(squared.sqrt()))).collect();
        let (mut first, mut second) = (T::ZERO, T::ZERO);
        for &m in &moved {
            (first, second) = if m > first { (m, first) } else { (first, second.max(m)) };
        }
        let others = |m: T| if m == first { second } else { first };
        let mut steps: Vec<[T; 2]> = moved.iter().map(|&m| [m, others(m)]).collect();
        steps.resize(k, [T::ZERO; 2]);
        Self { level, samples, groups: Groups::new(level, centroids, k), steps, margin }
    }
}

/// Room for rounding: a bound of a distance stays one when it is widened by this.
#[derive(Clone, Copy)]
struct Margin<T> {
    /// Covers twice the roundings of a squared distance.
    relative: T,
    /// Covers what underflows.
    absolute: T,
}

impl<T: Scalar> Margin<T> {
    fn new(d: usize) -> Self {
        let roundings = d.min(K_BLOCK) + d / K_BLOCK + 8;
        Self { relative: T::from_usize(roundings) * T::EPSILON, absolute: T::from_usize(16) / T::MAX.sqrt() }
    }
    #[inline(always)]
    fn up(&self, bound: T) -> T {
        bound + (bound * self.relative + self.absolute)
    }
    #[inline(always)]
    fn down(&self, bound: T) -> T {
        // An infinite bound becomes NaN, and decides nothing: only the square may have overflowed.
        bound - (bound * self.relative + self.absolute)
    }
}

/// One task's part of a pass.
struct Walk<'a, T> {
    task: &'a mut Task<T>,
    pass: &'a Pass<'a, T>,
}

impl<T: Scalar> Loop for Walk<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { task, pass } = self;
        if task.changed > 0 {
            task.change.sum.fill(0.0);
            task.change.size.fill(0);
            task.changed = 0;
        }
        if task.upper.is_empty() {
            task.pass_all(pass);
        } else {
            task.pass_open(pass);
        }
    }
}

impl<T: Scalar> Task<T> {
    /// Searches for all samples, which are transposed already.
    #[inline(always)]
    fn pass_all(&mut self, pass: &Pass<'_, T>) {
        let Samples { x, transposed, .. } = pass.samples;
        let mut found = [Nearest::none(T::ZERO); PIECE / LANES];
        let mut moved = [0u32; PIECE];
        let (rounder, d) = (&pass.samples.rounder[..], x.cols);
        for start in (0..self.labels.len()).step_by(PIECE) {
            let len = PIECE.min(self.labels.len() - start);
            let found = &mut found[..len.div_ceil(LANES)];
            let tiles = &transposed[(self.start + start) * x.cols..][..found.len() * LANES * x.cols];
            T::nearest(&pass.groups, tiles, found);
            let mut count = 0;
            for (tile, (labels, found)) in self.labels[start..start + len].chunks(LANES).zip(&*found).enumerate() {
                let bit = |l: usize, label: T| u32::from(label != found.index[l]) << l;
                let mut moves = match <&[T; LANES]>::try_from(labels) {
                    Ok(labels) => (0..LANES).fold(0, |bits, l| bits | bit(l, labels[l])),
                    Err(_) => labels.iter().enumerate().fold(0, |bits, (l, &label)| bits | bit(l, label)),
                };
                while moves != 0 {
                    moved[count] = (tile * LANES) as u32 + moves.trailing_zeros();
                    moves &= moves - 1;
                    count += 1;
                }
            }
            for &i in &moved[..count] {
                let (tile, l) = (i as usize / LANES, i as usize % LANES);
                let (from, to) = (self.labels[start + i as usize], found[tile].index[l]);
                self.labels[start + i as usize] = to;
                let values = tiles[tile * LANES * d + l..].iter().step_by(LANES);
                self.change.settle(from, to, values, rounder);
            }
            self.changed += count;
        }
    }

    /// Searches for the samples that the bounds leave open.
    #[inline(always)]
    fn pass_open(&mut self, pass: &Pass<'_, T>) {
        let x = &pass.samples.x;
        // As many tiles at a time as lie in the first cache.
        let tiles = (BATCH / (LANES * x.cols)).clamp(1, PIECE / LANES);
        let mut found = vec![Nearest::none(T::ZERO); tiles];
        let mut buffer = vec![T::ZERO; tiles * LANES * x.cols];
        let mut open = [0u32; PIECE];
        for start in (0..self.labels.len()).step_by(PIECE) {
            let count = self.widen(start, PIECE.min(self.labels.len() - start), pass, &mut open);
            for rows in open[..count].chunks(tiles * LANES) {
                let tiles = rows.len().div_ceil(LANES);
                let buffer = &mut buffer[..tiles * LANES * x.cols];
                T::transpose_rows(pass.level, x, rows, buffer);
                T::nearest(&pass.groups, buffer, &mut found[..tiles]);
                for (rows, found) in rows.chunks(LANES).zip(&found) {
                    for (l, &i) in rows.iter().enumerate() {
                        let i = i as usize - self.start;
                        let from = std::mem::replace(&mut self.labels[i], found.index[l]);
                        if from != found.index[l] {
                            let values = row(x, self.start + i).iter();
                            self.change.settle(from, found.index[l], values, &pass.samples.rounder);
                            self.changed += 1;
                        }
                        self.upper[i] = pass.margin.up(found.first[l].sqrt());
                        self.lower[i] = pass.margin.down(found.second[l].sqrt());
                    }
                }
            }
        }
    }

    /// Widens the bounds of `len` samples by what the centroids have moved; lists those that they no longer decide.
    #[inline(always)]
    fn widen(&mut self, start: usize, len: usize, pass: &Pass<'_, T>, open: &mut [u32; PIECE]) -> usize {
        let first = self.start + start;
        if self.labels[start] < T::ZERO {
            open.iter_mut().zip(first..first + len).for_each(|(o, i)| *o = i as u32);
            return len;
        }
        let labels = &self.labels[start..start + len];
        let (upper, lower) = (&mut self.upper[start..start + len], &mut self.lower[start..start + len]);
        let mut count = 0;
        for (i, &label) in labels.iter().enumerate() {
            let [own, others] = pass.steps[index(label)];
            upper[i] = pass.margin.up(upper[i] + own);
            lower[i] = pass.margin.down(lower[i] - others);
            let decided = pass.margin.up(upper[i]) < lower[i];
            open[count] = (first + i) as u32;
            count += usize::from(!decided);
        }
        count
    }
}

/// Returns a label as an index.
#[inline(always)]
fn index<T: Scalar>(label: T) -> usize {
    label.to_f64() as usize
}
