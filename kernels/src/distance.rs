//! Pairwise squared Euclidean distances.
//!
//! The well-known shortcut `|x|² + |y|² - 2 x·y` is a matrix product, some three times faster, but cancels: the
//! distance of a point to itself would not be zero, and near neighbours would be distinguished by rounding noise. Here
//! the differences are squared and added, k upwards in blocks of 256, for 4 rows of x and 16 of y at a time. What k-NN
//! and t-SNE rest on is then exact: no distance is negative, equal points are at distance zero, d(x, y) = d(y, x).

use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::in_step::piece;
use crate::splits::K_BLOCK;
use crate::{MatMut, MatRef, Scalar, parallel};

/// Rows of x and of y in a tile.
const ROWS: usize = 4;
const LANES: usize = 16;

/// Rows of y in panels of [`LANES`]: in each, column after column. Missing rows are zero.
struct Panels<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
}

impl<T: Scalar> Panels<T> {
    fn new(y: MatRef<'_, T>) -> Self {
        let mut data = vec![T::ZERO; y.rows.next_multiple_of(LANES) * y.cols];
        parallel::chunks(&mut data, (LANES * y.cols).max(1), |p, panel| {
            for l in 0..LANES.min(y.rows - p * LANES) {
                (0..y.cols).for_each(|k| panel[k * LANES + l] = y.at(p * LANES + l, k));
            }
        });
        Self { data, rows: y.rows, cols: y.cols }
    }

    /// Calls `f(first row of y, distances, how many)` for each panel, for the rows `x`.
    #[inline(always)]
    fn each(&self, level: Isa, x: [&[T]; ROWS], mut f: impl FnMut(usize, &[[T; LANES]; ROWS], usize)) {
        for start in (0..self.rows).step_by(LANES) {
            let y = &self.data[start * self.cols..][..LANES * self.cols];
            f(start, &vectorize(level, Tile { x, y }), LANES.min(self.rows - start));
        }
    }
}

/// The distances of 4 rows of x to the 16 rows of a panel.
struct Tile<'a, T> {
    x: [&'a [T]; ROWS],
    y: &'a [T],
}

impl<T: Scalar> Loop for Tile<'_, T> {
    type Output = [[T; LANES]; ROWS];
    #[inline(always)]
    fn run(self) -> Self::Output {
        let mut total = [[T::ZERO; LANES]; ROWS];
        let cols = self.x[0].len();
        for start in (0..cols).step_by(K_BLOCK) {
            let end = cols.min(start + K_BLOCK);
            let x = piece(self.x, start, end - start);
            let [mut d0, mut d1, mut d2, mut d3] = [[T::ZERO; LANES]; ROWS];
            for (k, y) in self.y[start * LANES..end * LANES].chunks_exact(LANES).enumerate() {
                add_squares(&mut d0, x[0][k], y);
                add_squares(&mut d1, x[1][k], y);
                add_squares(&mut d2, x[2][k], y);
                add_squares(&mut d3, x[3][k], y);
            }
            for (total, d) in total.iter_mut().zip([d0, d1, d2, d3]) {
                (0..LANES).for_each(|l| total[l] += d[l]);
            }
        }
        total
    }
}

/// `d[l] += (x - y[l])²`.
#[inline(always)]
fn add_squares<T: Scalar>(d: &mut [T; LANES], x: T, y: &[T]) {
    for l in 0..LANES {
        let difference = x - y[l];
        d[l] += difference * difference;
    }
}

/// Returns a matrix whose rows are contiguous: itself, or a copy.
fn rows_of<'a, T: Scalar>(x: &MatRef<'a, T>, copy: &'a mut Vec<T>) -> MatRef<'a, T> {
    if x.col_stride == 1 {
        return *x;
    }
    *copy = (0..x.rows * x.cols).map(|i| x.at(i / x.cols, i % x.cols)).collect();
    MatRef::new(copy, x.rows, x.cols)
}

/// Rows `i..i + 4` of `x`; past the end, the last one again.
fn four<'a, T>(x: &MatRef<'a, T>, i: usize) -> [&'a [T]; ROWS] {
    std::array::from_fn(|r| match x.cols {
        0 => &[][..],
        cols => &x.data[(i + r).min(x.rows - 1) * x.row_stride..][..cols],
    })
}

/// Returns whether the work is too small for several threads.
fn serial<T>(x: &MatRef<'_, T>, others: usize) -> bool {
    x.rows.saturating_mul(x.cols).saturating_mul(others) < 1 << 16
}

/// Computes the squared Euclidean distances between the rows of `x` and of `y`,
/// `d[i, j] = sum over k of (x[i,k] - y[j,k])²`.
pub fn squared_distances<T: Scalar>(x: MatRef<'_, T>, y: MatRef<'_, T>, d: MatMut<'_, T>) {
    assert!(x.cols == y.cols && d.rows == x.rows && d.cols == y.rows, "squared_distances: shapes do not fit");
    if d.rows == 0 || d.cols == 0 {
        return;
    }
    if d.col_stride != 1 || d.row_stride < d.cols {
        return strided(x, y, d);
    }
    let mut copy = Vec::new();
    let (x, panels, level) = (rows_of(&x, &mut copy), Panels::new(y), isa());
    let (stride, cols) = (d.row_stride, d.cols);
    let used = (d.rows - 1) * stride + cols;
    parallel::chunks_unless(serial(&x, y.rows), &mut d.data[..used], ROWS * stride, |piece, d| {
        panels.each(level, four(&x, piece * ROWS), |start, tile, len| {
            for (row, tile) in d.chunks_mut(stride).zip(tile) {
                row[start..start + len].copy_from_slice(&tile[..len]);
            }
        });
    });
}

/// [`squared_distances`] into a matrix of any strides.
fn strided<T: Scalar>(x: MatRef<'_, T>, y: MatRef<'_, T>, mut d: MatMut<'_, T>) {
    let mut rows = vec![T::ZERO; d.rows * d.cols];
    squared_distances(x, y, MatMut::new(&mut rows, d.rows, d.cols));
    for i in 0..d.rows {
        for j in 0..d.cols {
            *d.at_mut(i, j) = rows[i * d.cols + j];
        }
    }
}
