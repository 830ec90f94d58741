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
        let at = [self.x[i], self.y[i]];
        let (xs, x_rest) = self.x.as_chunks();
        let (ys, y_rest) = self.y.as_chunks();
        let (ps, p_rest) = p.as_chunks();
        let mut sums = Sums::new();
        for ((xs, ys), ps) in xs.iter().zip(ys).zip(ps) {
            sums.add(at, xs, ys, ps);
        }
        if !x_rest.is_empty() {
            // Filled up with pairs so far apart that every term vanishes beside those of the true pairs.
            let far = T::from_f64(1e18);
            sums.add(at, &filled(x_rest, far), &filled(y_rest, far), &filled(p_rest, T::ZERO));
        }
        let mut total = sums.total();
        total[4] -= T::ONE; // the pair of i with itself
        total
    }
}

/// `rest` and then `fill`.
fn filled<T: Real>(rest: &[T], fill: T) -> [T; LANES] {
    std::array::from_fn(|l| rest.get(l).copied().unwrap_or(fill))
}

/// Running sums of attraction, repulsion and Z.
struct Sums<T> {
    pull: [[T; LANES]; 2],
    push: [[T; LANES]; 2],
    z: [T; LANES],
}

impl<T: Real> Sums<T> {
    fn new() -> Self {
        Self { pull: [[T::ZERO; LANES]; 2], push: [[T::ZERO; LANES]; 2], z: [T::ZERO; LANES] }
    }

    /// Adds [`LANES`] pairs. One short loop for each quantity: the compiler makes each a few vector instructions.
    #[inline(always)]
    fn add(&mut self, at: [T; 2], xs: &[T; LANES], ys: &[T; LANES], p: &[T; LANES]) {
        let dx: [T; LANES] = std::array::from_fn(|l| at[0] - xs[l]);
        let dy: [T; LANES] = std::array::from_fn(|l| at[1] - ys[l]);
        let w: [T; LANES] = std::array::from_fn(|l| T::ONE / (T::ONE + dx[l] * dx[l] + dy[l] * dy[l]));
        let pull: [T; LANES] = std::array::from_fn(|l| p[l] * w[l]);
        let push: [T; LANES] = std::array::from_fn(|l| w[l] * w[l]);
        add(&mut self.pull[0], |l| pull[l] * dx[l]);
        add(&mut self.pull[1], |l| pull[l] * dy[l]);
        add(&mut self.push[0], |l| push[l] * dx[l]);
        add(&mut self.push[1], |l| push[l] * dy[l]);
        add(&mut self.z, |l| w[l]);
    }

    fn total(self) -> [T; 5] {
        let all = [self.pull[0], self.pull[1], self.push[0], self.push[1], self.z];
        all.map(|lanes| lanes.into_iter().fold(T::ZERO, |a, b| a + b))
    }
}

#[inline(always)]
fn add<T: Real>(lanes: &mut [T; LANES], term: impl Fn(usize) -> T) {
    for l in 0..LANES {
        lanes[l] += term(l);
    }
}
