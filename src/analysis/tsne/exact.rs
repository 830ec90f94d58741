//! The gradient over all pairs.
//!
//! O(n²) a step, and yet the fastest way for a few thousand points: the loop over j runs straight through one row of P
//! and the coordinates, without a branch, eight pairs at a time.

use super::Forces;
use super::affinity::Affinity;
use crate::real::Real;
use gradus_kernels::parallel;

/// Running sums that are kept side by side: as many pairs are in flight. The order of summation is part of the bits.
const LANES: usize = 8;

/// Rows of one piece of parallel work.
const ROWS: usize = 16;

/// Attraction, repulsion and Z for the points `y` (x and y of each in turn).
///
/// `affinity` is only read; it comes as `&mut` because parallel pieces are cut from mutable slices.
pub fn forces<T: Real>(affinity: &mut Affinity<T>, y: &[T], out: &mut Forces<T>) {
    let Affinity::Dense { n, p } = affinity else { panic!("tsne exact: all pairs are wanted") };
    let n = *n;
    let points = Points::new(y);
    parallel::zip_chunks(p, ROWS * n, &mut out.rows, ROWS, |piece, p, rows| {
        for (r, (p, row)) in p.chunks(n).zip(rows).enumerate() {
            *row = points.row(piece * ROWS + r, p);
        }
    });
    out.sum_z();
}

/// The coordinates apart, so that eight of one kind lie side by side.
struct Points<T> {
    x: Vec<T>,
    y: Vec<T>,
}

impl<T: Real> Points<T> {
    fn new(y: &[T]) -> Self {
        Self { x: y.iter().step_by(2).copied().collect(), y: y.iter().skip(1).step_by(2).copied().collect() }
    }

    /// The five sums of point `i`; `p` is its row of P.
    fn row(&self, i: usize, p: &[T]) -> [T; 5] {
        let (xi, yi) = (self.x[i], self.y[i]);
        let mut lanes = [[T::ZERO; LANES]; 5];
        let pairs = |xs: &[T], ys: &[T], p: &[T], lanes: &mut [[T; LANES]; 5]| {
            for l in 0..xs.len().min(LANES) {
                let (dx, dy) = (xi - xs[l], yi - ys[l]);
                let w = T::ONE / (T::ONE + dx * dx + dy * dy);
                let (pull, push) = (p[l] * w, w * w);
                lanes[0][l] += pull * dx;
                lanes[1][l] += pull * dy;
                lanes[2][l] += push * dx;
                lanes[3][l] += push * dy;
                lanes[4][l] += w;
            }
        };
        let (xs, ys, ps) = (self.x.chunks_exact(LANES), self.y.chunks_exact(LANES), p.chunks_exact(LANES));
        let rest = (xs.remainder(), ys.remainder(), ps.remainder());
        for ((xs, ys), ps) in xs.zip(ys).zip(ps) {
            pairs(xs, ys, ps, &mut lanes);
        }
        pairs(rest.0, rest.1, rest.2, &mut lanes);
        let mut sums = lanes.map(|lane| lane.into_iter().fold(T::ZERO, |a, b| a + b));
        sums[4] -= T::ONE; // the pair of i with itself
        sums
    }
}
