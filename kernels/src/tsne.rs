//! The sums over pairs in t-SNE, several pairs at a time, on embeddings of any dimension `D` (two or three, that is).
//!
//! With w_ij = 1 / (1 + |y_i - y_j|²), a step needs for each point i
//!
//! ```text
//! attraction  Σ_j p_ij w_ij (y_i - y_j)      repulsion  Σ_j w_ij² (y_i - y_j)      Z_i = Σ_{j≠i} w_ij
//! ```
//!
//! The one order of each sum: term j goes to lane j mod 16 of its block of `BLOCK` terms, j rising; a block's lanes
//! are added up by halves, then the blocks. No sum depends on how rows are divided among tasks.
//!
//! Division is the slowest step, so two terms share one: 1/a = b / (ab) and 1/b = a / (ab). That costs 1.5 units in the
//! last place at most, and the same ones on every machine, unlike the approximate reciprocals of the instruction sets.

use crate::dispatch::{Loop, isa, vectorize};
use crate::mesh::Mesh;
use crate::{Scalar, parallel};

/// Running sums kept side by side.
const LANES: usize = 16;
/// Terms after which the lanes are added up: short sums keep their digits.
const BLOCK: usize = 4096;
/// Rows of one piece of parallel work over all pairs.
const ROWS: usize = 16;
/// Rows of one piece of parallel work over neighbours.
const SPARSE_ROWS: usize = 256;

type Lanes<T> = [T; LANES];

/// The sums of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sums<T, const D: usize> {
    /// Σ_j p_ij w_ij (y_i - y_j).
    pub attraction: [T; D],
    /// Σ_j w_ij² (y_i - y_j).
    pub repulsion: [T; D],
    /// Its part of Z, Σ_{j≠i} w_ij.
    pub weight: T,
}

impl<T: Scalar, const D: usize> Sums<T, D> {
    /// All zero.
    pub const ZERO: Self = Self { attraction: [T::ZERO; D], repulsion: [T::ZERO; D], weight: T::ZERO };
}

/// Computes all sums of all points over all pairs, `p` being n x n, row-major, and `axes` the points' coordinates, axis
/// by axis.
pub fn all_pairs<T: Scalar, const D: usize>(p: &[T], axes: [&[T]; D], out: &mut [Sums<T, D>]) {
    let n = out.len();
    assert!(p.len() == n * n && axes.iter().all(|a| a.len() == n), "tsne all_pairs: shapes do not fit");
    let level = isa();
    parallel::chunks_unless(n < 64, out, ROWS, |piece, out| {
        for (r, sums) in out.iter_mut().enumerate() {
            let i = piece * ROWS + r;
            *sums = vectorize(level, Row { at: axes.map(|a| a[i]), axes, p: &p[i * n..][..n] });
            sums.weight -= T::ONE; // the pair of i with itself
        }
    });
}

/// Computes Σ_j w_ij over all j ≠ i, for each point i.
pub fn weights<T: Scalar, const D: usize>(axes: [&[T]; D], out: &mut [T]) {
    assert!(axes.iter().all(|a| a.len() == out.len()), "tsne weights: shapes do not fit");
    let (n, level) = (out.len(), isa());
    parallel::chunks_unless(n < 64, out, ROWS, |piece, out| {
        for (r, weight) in out.iter_mut().enumerate() {
            let i = piece * ROWS + r;
            *weight = vectorize(level, WeightRow { at: axes.map(|a| a[i]), axes }) - T::ONE;
        }
    });
}

/// One point against all.
struct Row<'a, T, const D: usize> {
    at: [T; D],
    axes: [&'a [T]; D],
    p: &'a [T],
}

/// The sums of a point, lane by lane.
type LaneSums<T, const D: usize> = Sums<Lanes<T>, D>;

impl<T: Scalar, const D: usize> Loop for Row<'_, T, D> {
    type Output = Sums<T, D>;
    #[inline(always)]
    fn run(self) -> Sums<T, D> {
        let mut totals = Sums::ZERO;
        for (b, p) in self.p.chunks(BLOCK).enumerate() {
            let zero = [T::ZERO; LANES];
            let mut sums = LaneSums { attraction: [zero; D], repulsion: [zero; D], weight: zero };
            let axes = self.axes.map(|a| a[b * BLOCK..][..p.len()].as_chunks::<LANES>());
            let (ps, p_rest) = p.as_chunks();
            let pairs = ps.len() / 2;
            for k in 0..pairs {
                let (k, m) = (2 * k, 2 * k + 1);
                let a = Apart::new(self.at, axes.map(|a| &a.0[k]));
                let b = Apart::new(self.at, axes.map(|a| &a.0[m]));
                let [v, w] = reciprocals(&a.square, &b.square);
                a.add(&v, &ps[k], &mut sums);
                b.add(&w, &ps[m], &mut sums);
            }
            if ps.len() % 2 == 1 {
                let k = 2 * pairs;
                single(self.at, axes.map(|a| &a.0[k]), &ps[k], &mut sums);
            }
            if !p_rest.is_empty() {
                let rest = axes.map(|a| filled(a.1, far()));
                single(self.at, rest.each_ref(), &filled(p_rest, T::ZERO), &mut sums);
            }
            for a in 0..D {
                totals.attraction[a] += total(sums.attraction[a]);
                totals.repulsion[a] += total(sums.repulsion[a]);
            }
            totals.weight += total(sums.weight);
        }
        totals
    }
}

/// Adds 16 terms, each with a division of its own.
#[inline(always)]
fn single<T: Scalar, const D: usize>(at: [T; D], others: [&Lanes<T>; D], p: &Lanes<T>, sums: &mut LaneSums<T, D>) {
    let a = Apart::new(at, others);
    let mut w = [T::ONE; LANES];
    for l in 0..LANES {
        w[l] = T::ONE / a.square[l];
    }
    a.add(&w, p, sums);
}

/// The weights of one point's pairs.
struct WeightRow<'a, T, const D: usize> {
    at: [T; D],
    axes: [&'a [T]; D],
}

impl<T: Scalar, const D: usize> Loop for WeightRow<'_, T, D> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        let (n, mut all) = (self.axes[0].len(), T::ZERO);
        for start in (0..n).step_by(BLOCK) {
            let axes = self.axes.map(|a| a[start..n.min(start + BLOCK)].as_chunks::<LANES>());
            let mut sum = [T::ZERO; LANES];
            for k in 0..axes[0].0.len() {
                add_weights(self.at, axes.map(|a| &a.0[k]), &mut sum);
            }
            if !axes[0].1.is_empty() {
                let rest = axes.map(|a| filled(a.1, far()));
                add_weights(self.at, rest.each_ref(), &mut sum);
            }
            all += total(sum);
        }
        all
    }
}

#[inline(always)]
fn add_weights<T: Scalar, const D: usize>(at: [T; D], others: [&Lanes<T>; D], sum: &mut Lanes<T>) {
    let square = Apart::new(at, others).square;
    for l in 0..LANES {
        sum[l] += T::ONE / square[l];
    }
}

/// Returns the sum of the lanes.
///
/// Out of line, lest the compiler cut the loop before it into the small vectors of the tree.
#[inline(never)]
fn total<T: Scalar>(lanes: Lanes<T>) -> T {
    crate::reduce::tree(lanes)
}

/// So far away that every term vanishes beside those of true pairs.
#[inline(always)]
fn far<T: Scalar>() -> T {
    T::from_f64(1e18)
}

/// Returns `rest` and then `fill`.
#[inline(always)]
fn filled<T: Scalar>(rest: &[T], fill: T) -> Lanes<T> {
    let mut lanes = [fill; LANES];
    lanes[..rest.len()].copy_from_slice(rest);
    lanes
}

/// Returns 1 / `a` and 1 / `b`, by one division.
#[inline(always)]
fn reciprocals<T: Scalar>(a: &Lanes<T>, b: &Lanes<T>) -> [Lanes<T>; 2] {
    let mut both = [[T::ZERO; LANES]; 2];
    for l in 0..LANES {
        let r = T::ONE / (a[l] * b[l]);
        both[0][l] = b[l] * r;
        both[1][l] = a[l] * r;
    }
    both
}

/// How one point and 16 others lie apart: the differences along each axis, and 1 + the sum of their squares.
struct Apart<T, const D: usize> {
    along: [Lanes<T>; D],
    square: Lanes<T>,
}

impl<T: Scalar, const D: usize> Apart<T, D> {
    #[inline(always)]
    fn new(at: [T; D], others: [&Lanes<T>; D]) -> Self {
        let mut apart = Self { along: [[T::ZERO; LANES]; D], square: [T::ONE; LANES] };
        for a in 0..D {
            for l in 0..LANES {
                let difference = at[a] - others[a][l];
                apart.along[a][l] = difference;
                apart.square[l] += difference * difference;
            }
        }
        apart
    }

    /// Adds the terms with weights `w` to the sums.
    #[inline(always)]
    fn add(&self, w: &Lanes<T>, p: &Lanes<T>, sums: &mut LaneSums<T, D>) {
        let (mut pull, mut push) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        for l in 0..LANES {
            (pull[l], push[l]) = (p[l] * w[l], w[l] * w[l]);
            sums.weight[l] += w[l];
        }
        for a in 0..D {
            for l in 0..LANES {
                sums.attraction[a][l] += pull[l] * self.along[a][l];
                sums.repulsion[a][l] += push[l] * self.along[a][l];
            }
        }
    }
}

/// A symmetric sparse matrix, row by row: those of row i are at `offsets[i]..offsets[i + 1]`.
#[derive(Clone, Copy, Debug)]
pub struct Sparse<'a, T> {
    /// n + 1 positions.
    pub offsets: &'a [usize],
    /// The column of each entry.
    pub columns: &'a [u32],
    /// The value of each entry.
    pub values: &'a [T],
}

/// Computes the attraction of each of the points `y` of a plane by the neighbours that `p` lists, and from
/// `rest(start, ..)` the other sums of the points from `start` on.
pub fn neighbours<T: Scalar>(
    p: Sparse<'_, T>,
    y: &[[T; 2]],
    out: &mut [Sums<T, 2>],
    rest: impl Fn(usize, &mut [Sums<T, 2>]) + Sync,
) {
    let n = out.len();
    assert!(
        p.offsets.len() == n + 1 && p.columns.len() == p.values.len() && y.len() == n,
        "tsne neighbours: shapes do not fit"
    );
    let level = isa();
    parallel::chunks_unless(n < SPARSE_ROWS, out, SPARSE_ROWS, |piece, out| {
        let start = piece * SPARSE_ROWS;
        rest(start, out);
        vectorize(level, Pull { p, y, start, out });
    });
}

/// Computes all sums of the points `y` of a plane: the attraction by the neighbours that `p` lists, the others from the
/// potential φ(y) = Σ_j 1 / (1 + |y - y_j|²), whose weights on the nodes of `mesh` are `potential`. With w² = -½ ∂w/∂(y²)
/// the repulsion is -½ ∇φ, and φ counts each point's pair with itself.
pub fn on_mesh<T: Scalar>(p: Sparse<'_, T>, y: &[[T; 2]], mesh: &Mesh<T>, potential: &[T], out: &mut [Sums<T, 2>]) {
    let minus_half = T::from_f64(-0.5);
    neighbours(p, y, out, |start, rows| {
        for (row, &point) in rows.iter_mut().zip(&y[start..]) {
            let [value, along_x, along_y] = mesh.read(potential, point);
            (row.repulsion, row.weight) = ([minus_half * along_x, minus_half * along_y], value - T::ONE);
        }
    });
}

/// The attraction of the points from `start` on.
struct Pull<'a, T> {
    p: Sparse<'a, T>,
    y: &'a [[T; 2]],
    start: usize,
    out: &'a mut [Sums<T, 2>],
}

impl<T: Scalar> Loop for Pull<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        // The neighbours' positions are first collected, then read 16 at a time.
        const ROOM: usize = 256;
        let mut near = [[T::ZERO; 2]; ROOM];
        for (r, out) in self.out.iter_mut().enumerate() {
            let (i, mut totals) = (self.start + r, [T::ZERO; 2]);
            let at = self.y[i];
            let range = self.p.offsets[i]..self.p.offsets[i + 1];
            for (columns, p) in self.p.columns[range.clone()].chunks(ROOM).zip(self.p.values[range].chunks(ROOM)) {
                for (near, &j) in near.iter_mut().zip(columns) {
                    *near = self.y[j as usize];
                }
                let full = columns.len().next_multiple_of(LANES);
                near[columns.len()..full].fill(at);
                let (near, _) = near[..full].as_chunks::<LANES>();
                let (whole, rest) = p.as_chunks();
                let mut sums = [[T::ZERO; LANES]; 2];
                for (p, near) in whole.iter().zip(near) {
                    pull(at, near, p, &mut sums);
                }
                if !rest.is_empty() {
                    pull(at, &near[whole.len()], &filled(rest, T::ZERO), &mut sums);
                }
                totals[0] += total(sums[0]);
                totals[1] += total(sums[1]);
            }
            out.attraction = totals;
        }
    }
}

/// Adds 16 terms of attraction.
#[inline(always)]
fn pull<T: Scalar>(at: [T; 2], near: &[[T; 2]; LANES], p: &Lanes<T>, sums: &mut [Lanes<T>; 2]) {
    for l in 0..LANES {
        let (dx, dy) = (at[0] - near[l][0], at[1] - near[l][1]);
        let pull = p[l] / (T::ONE + dx * dx + dy * dy);
        sums[0][l] += pull * dx;
        sums[1][l] += pull * dy;
    }
}
