//! The nearest neighbours of every sample among all others, exactly.
//!
//! Half a squared distance is `|x|²/2 + |y|²/2 - x·y`: for all pairs a matrix product, three times faster than squared
//! differences. But the terms cancel, and near neighbours are distinguished by rounding noise. So the product only
//! sifts. Its error is bounded, so each pair gets a *floor*, below which its distance cannot be, and a ceiling.
//! Whatever has its floor above the k-th lowest ceiling is out; for the few that remain the differences are squared and
//! added, k upwards in blocks of 256, as everywhere in [`crate::distance`], and these distances decide. So the result
//! is that of comparing all squared differences, to the last bit, whatever the sieve's own rounding.
//!
//! The bound. With u the unit roundoff, d terms and c the samples less their mean, the errors of a sum of products, of
//! the halves, of taking the mean away, of rounding floors and ceilings and of the squared differences come to at most
//! `(d + 8) u (|c_i| + |c_j|)²`, which is at most `e (h_i + h_j)` with `e = 4 (d + 8) u` and `h = |c|²/2`.

use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::geometry::product;
use crate::splits::K_BLOCK;
use crate::{MatRef, Scalar, parallel};

/// Columns of a tile.
const LANES: usize = 16;
/// Rows of a tile.
const TILE: usize = 8;
/// Rows of one piece of parallel work, a multiple of a tile's. All samples are read once for each piece.
const ROWS: usize = 96;
/// Candidates measured side by side.
const ABREAST: usize = 8;
/// Squares below this may have lost digits to underflow.
const TINY: f64 = 1e-37;

/// Finds the `k` nearest other rows of each row of `x`, nearest first (on a tie, the lower index first): `index` and
/// squared `distance` are `[rows, k]`. Every pair is looked at. NaN counts as infinitely far.
pub fn knn<T: Scalar>(x: MatRef<'_, T>, k: usize, index: &mut [u32], distance: &mut [T]) {
    let fits = Some(index.len()) == product(&[x.rows, k]) && distance.len() == index.len();
    assert!(fits && (k == 0 || k < x.rows) && x.rows <= u32::MAX as usize, "knn: shapes do not fit");
    if k == 0 {
        return;
    }
    let rows: Vec<T> = (0..x.rows * x.cols).map(|at| x.at(at / x.cols, at % x.cols)).collect();
    let x = Samples { data: &rows, rows: x.rows, cols: x.cols };
    let (level, sieve) = (isa(), Sieve::new(&x));
    let serial = x.rows.saturating_mul(x.rows).saturating_mul(x.cols) < 1 << 16;
    parallel::zip_chunks_unless(serial, index, ROWS * k, distance, ROWS * k, |piece, index, distance| {
        let first = piece * ROWS;
        let mut found = Found::new(first..x.rows.min(first + ROWS), k);
        match (&sieve, level) {
            (Some(sieve), Isa::Scalar) => sieve.pass::<false>(level, &mut found),
            (Some(sieve), _) => sieve.pass::<true>(level, &mut found),
            (None, _) => found.all(x.rows),
        }
        let mut exact = Vec::new();
        for (r, (index, distance)) in index.chunks_mut(k).zip(distance.chunks_mut(k)).enumerate() {
            exact.clear();
            vectorize(level, Measure { x, row: first + r, among: &found.rows[r].near, exact: &mut exact });
            exact.sort_unstable_by(|a, b| a.0.partial_cmp(&b.0).expect("no NaN").then(a.1.cmp(&b.1)));
            for ((index, distance), (d, j)) in index.iter_mut().zip(distance).zip(&exact) {
                (*index, *distance) = (*j, *d);
            }
        }
    });
}

/// A matrix without gaps.
#[derive(Clone, Copy)]
struct Samples<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
}

impl<'a, T> Samples<'a, T> {
    #[inline(always)]
    fn row(&self, i: usize) -> &'a [T] {
        &self.data[i * self.cols..][..self.cols]
    }
}

/// The samples as the sieve reads them.
struct Sieve<T> {
    /// The samples less their mean, row by row.
    centered: Vec<T>,
    /// The same in panels of 16: in each, column after column. Missing rows are zero.
    panels: Vec<T>,
    /// h of each sample.
    half: Vec<T>,
    /// h (1 - e) less what underflow may have taken, in panels; infinite for missing rows.
    floor: Vec<T>,
    cols: usize,
    /// e.
    bound: f64,
}

impl<T: Scalar> Sieve<T> {
    /// Prepares the samples; `None` if there are values with which the bound does not hold: those not finite, or with
    /// squares that are not.
    fn new(x: &Samples<'_, T>) -> Option<Self> {
        let (n, d) = (x.rows, x.cols);
        let mean: Vec<f64> = (0..d).map(|k| (0..n).map(|i| x.row(i)[k].to_f64()).sum::<f64>() / n as f64).collect();
        let mut centered = vec![T::ZERO; n * d];
        parallel::chunks(&mut centered, (d * 256).max(1), |piece, rows| {
            for (r, row) in rows.chunks_mut(d).enumerate() {
                for ((c, x), mean) in row.iter_mut().zip(x.row(piece * 256 + r)).zip(&mean) {
                    *c = T::from_f64(x.to_f64() - mean);
                }
            }
        });
        let square = |i: usize| centered[i * d..][..d].iter().map(|c| c.to_f64() * c.to_f64()).sum::<f64>();
        let half: Vec<f64> = (0..n).map(|i| square(i) / 2.0).collect();
        if !half.iter().all(|&h| h < T::MAX.to_f64() / 16.0) {
            return None;
        }
        let bound = 4.0 * (d + 8) as f64 * T::EPSILON.to_f64() / 2.0;
        let mut panels = vec![T::ZERO; n.next_multiple_of(LANES) * d];
        parallel::chunks(&mut panels, (LANES * d).max(1), |p, panel| {
            for l in 0..LANES.min(n - p * LANES) {
                (0..d).for_each(|k| panel[k * LANES + l] = centered[(p * LANES + l) * d + k]);
            }
        });
        let mut floor = vec![T::INFINITY; n.next_multiple_of(LANES)];
        floor.iter_mut().zip(&half).for_each(|(f, h)| *f = T::from_f64(h * (1.0 - bound) - TINY * (d + 1) as f64));
        Some(Self { centered, panels, half: half.into_iter().map(T::from_f64).collect(), floor, cols: d, bound })
    }

    /// Passes all samples by the rows of `found`.
    fn pass<const FMA: bool>(&self, level: Isa, found: &mut Found<T>) {
        let (first, tiles, d) = (found.first, found.rows.len().div_ceil(TILE), self.cols);
        // The rows, negative, in tiles: in each, column after column.
        let mut rows = vec![T::ZERO; tiles * TILE * d];
        for r in 0..found.rows.len() {
            for k in 0..d {
                rows[(r / TILE * d + k) * TILE + r % TILE] = -self.centered[(first + r) * d + k];
            }
        }
        let mut limits = vec![[-T::INFINITY; TILE]; tiles];
        (0..found.rows.len()).for_each(|row| limits[row / TILE][row % TILE] = T::INFINITY);
        for (p, floor) in self.floor.as_chunks().0.iter().enumerate() {
            let y = &self.panels[p * LANES * d..][..LANES * d];
            for (tile, limits) in limits.iter_mut().enumerate() {
                let x = &rows[tile * TILE * d..][..TILE * d];
                let (hit, floors) = vectorize(level, Tile::<'_, T, FMA> { x, y, floor: *floor, limits: *limits });
                if !hit {
                    continue;
                }
                for (row, floors) in (tile * TILE..found.rows.len()).zip(&floors) {
                    found.rows[row].take(p * LANES, floors, first + row);
                    if found.rows[row].near.len() >= found.room {
                        self.narrow(found, row);
                        limits[row % TILE] = found.rows[row].limit;
                    }
                }
            }
        }
        (0..found.rows.len()).for_each(|row| self.narrow(found, row));
    }

    /// Lowers a row's limit to the k-th lowest ceiling so far, and drops what is above it.
    fn narrow(&self, found: &mut Found<T>, row: usize) {
        let (own, k) = (self.half[found.first + row].to_f64(), found.k);
        let slack =
            |j: u32| 2.0 * (self.bound * (own + self.half[j as usize].to_f64()) + TINY * (self.cols + 1) as f64);
        let Candidates { near, limit } = &mut found.rows[row];
        if near.len() > k {
            // A floor is relative to the row: own h is omitted, but for its part of the bound.
            let ceiling = |&(floor, j): &(T, u32)| T::from_f64(floor.to_f64() + slack(j));
            found.ceilings.clear();
            found.ceilings.extend(near.iter().map(ceiling));
            let (_, kth, _) = found.ceilings.select_nth_unstable_by(k - 1, |a, b| a.partial_cmp(b).expect("no NaN"));
            *limit = *kth;
            near.retain(|(floor, _)| *floor <= *limit);
        }
        found.room = found.room.max(2 * near.len());
    }
}

/// What has been found for some rows.
struct Found<T> {
    first: usize,
    k: usize,
    rows: Vec<Candidates<T>>,
    /// Candidates of a row at which it is time to narrow down.
    room: usize,
    ceilings: Vec<T>,
}

/// The candidates of one row with their floors, and the floor above which others need not come.
struct Candidates<T> {
    near: Vec<(T, u32)>,
    limit: T,
}

impl<T: Scalar> Found<T> {
    fn new(rows: std::ops::Range<usize>, k: usize) -> Self {
        let room = 2 * k + 4 * LANES;
        let empty = || Candidates { near: Vec::with_capacity(room + LANES), limit: T::INFINITY };
        Self { first: rows.start, k, rows: rows.map(|_| empty()).collect(), room, ceilings: Vec::new() }
    }

    /// Makes all of `n` samples candidates.
    fn all(&mut self, n: usize) {
        for (r, row) in self.rows.iter_mut().enumerate() {
            row.near = (0..n).filter(|&j| j != self.first + r).map(|j| (T::ZERO, j as u32)).collect();
        }
    }
}

impl<T: Scalar> Candidates<T> {
    /// Takes those of 16 samples from `start` on whose floors are not above the limit, except the row `own`.
    #[inline(always)]
    fn take(&mut self, start: usize, floors: &[T; LANES], own: usize) {
        for (l, &floor) in floors.iter().enumerate() {
            if floor <= self.limit && floor < T::INFINITY && start + l != own {
                self.near.push((floor, (start + l) as u32));
            }
        }
    }
}

/// The floors of 8 rows and 16 samples, and whether one is not above its row's limit.
struct Tile<'a, T, const FMA: bool> {
    x: &'a [T],
    y: &'a [T],
    floor: [T; LANES],
    limits: [T; TILE],
}

impl<T: Scalar, const FMA: bool> Loop for Tile<'_, T, FMA> {
    type Output = (bool, [[T; LANES]; TILE]);
    #[inline(always)]
    fn run(self) -> Self::Output {
        let [mut f0, mut f1, mut f2, mut f3, mut f4, mut f5, mut f6, mut f7] = [self.floor; TILE];
        for (x, y) in self.x.chunks_exact(TILE).zip(self.y.chunks_exact(LANES)) {
            add_products::<T, FMA>(&mut f0, x[0], y);
            add_products::<T, FMA>(&mut f1, x[1], y);
            add_products::<T, FMA>(&mut f2, x[2], y);
            add_products::<T, FMA>(&mut f3, x[3], y);
            add_products::<T, FMA>(&mut f4, x[4], y);
            add_products::<T, FMA>(&mut f5, x[5], y);
            add_products::<T, FMA>(&mut f6, x[6], y);
            add_products::<T, FMA>(&mut f7, x[7], y);
        }
        let floors = [f0, f1, f2, f3, f4, f5, f6, f7];
        // How far the lowest floor is below its row's limit, for each column.
        let mut below = [-T::INFINITY; LANES];
        for r in 0..TILE {
            for l in 0..LANES {
                let under = self.limits[r] - floors[r][l];
                below[l] = if under > below[l] { under } else { below[l] };
            }
        }
        let mut hit = false;
        for l in 0..LANES {
            hit |= below[l] >= T::ZERO;
        }
        (hit, floors)
    }
}

/// `floors[l] += x y[l]`.
#[inline(always)]
fn add_products<T: Scalar, const FMA: bool>(floors: &mut [T; LANES], x: T, y: &[T]) {
    for l in 0..LANES {
        floors[l] = if FMA { x.mul_add(y[l], floors[l]) } else { x * y[l] + floors[l] };
    }
}

/// The squared distances of one row to some others.
struct Measure<'a, T> {
    x: Samples<'a, T>,
    row: usize,
    among: &'a [(T, u32)],
    exact: &'a mut Vec<(T, u32)>,
}

impl<T: Scalar> Loop for Measure<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let at = self.x.row(self.row);
        for some in self.among.chunks(ABREAST) {
            let mut others = [at; ABREAST];
            for l in 0..some.len() {
                others[l] = self.x.row(some[l].1 as usize);
            }
            let mut total = [T::ZERO; ABREAST];
            for start in (0..at.len()).step_by(K_BLOCK) {
                let mut sum = [T::ZERO; ABREAST];
                for k in start..at.len().min(start + K_BLOCK) {
                    for l in 0..ABREAST {
                        let difference = at[k] - others[l][k];
                        sum[l] += difference * difference;
                    }
                }
                for l in 0..ABREAST {
                    total[l] += sum[l];
                }
            }
            for l in 0..some.len() {
                let d = if total[l].is_nan() { T::INFINITY } else { total[l] };
                self.exact.push((d, some[l].1));
            }
        }
    }
}
