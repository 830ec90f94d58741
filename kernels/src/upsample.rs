//! Upsampling by whole factors: every output lies between two inputs along each axis, and mixes them.
//!
//! With factor s, output i has its centre at `(i + 1/2)/s - 1/2` of the input's pixels: the one on its left gets the
//! weight 1 - t, the next one t, t being how far beyond the left one it lies. Outside the outermost centres the border
//! pixel stands alone. Nearest neighbour is the same with one pixel, `i / s`. Rows are mixed first, then columns; the
//! adjoint takes the same steps backwards, output after output. Work is split by planes.

use crate::geometry::{SizeError, length};
use crate::{Scalar, parallel};

/// Elements of output per piece of parallel work.
const PIECE: usize = 1 << 13;

/// An upsampling of each of `planes` = N C planes of H x W to (H s) x (W s').
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upsample2d {
    /// Number of planes, N times C.
    pub planes: usize,
    /// Input height.
    pub h: usize,
    /// Input width.
    pub w: usize,
    /// Vertical and horizontal factor.
    pub scale: [usize; 2],
    /// Whether neighbours are mixed; else the nearest is taken.
    pub bilinear: bool,
}

/// The two pixels that an output lies between, and the weight of the second; one alone has the weight 1 and no second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Between {
    /// The pixel on the left (above).
    pub first: usize,
    /// The pixel on the right (below) and its weight t; the first then has 1 - t.
    pub second: Option<(usize, f64)>,
}

impl Upsample2d {
    /// Returns output height and width.
    ///
    /// # Panics
    /// Where [`lengths`](Self::lengths) is an error for this reason.
    pub fn out(&self) -> [usize; 2] {
        self.checked_out().unwrap_or_else(|e| panic!("upsample: {e}: {self:?}"))
    }

    fn checked_out(&self) -> Result<[usize; 2], SizeError> {
        let [down, right] = self.scale;
        Ok([length("output height", &[self.h, down])?, length("output width", &[self.w, right])?])
    }

    /// Returns the lengths of the smaller and the larger planes; an error if one cannot exist.
    pub fn lengths(&self) -> Result<[usize; 2], SizeError> {
        let [oh, ow] = self.checked_out()?;
        Ok([length("input", &[self.planes, self.h, self.w])?, length("output", &[self.planes, oh, ow])?])
    }

    /// Returns where output `i` lies along an axis: 0 downwards, 1 to the right.
    pub fn between(&self, axis: usize, i: usize) -> Between {
        let (size, scale) = ([self.h, self.w][axis], self.scale[axis]);
        if !self.bilinear {
            return Between { first: i / scale, second: None };
        }
        // In halves of an output's width: 2 i + 1 - s, of which a pixel has 2 s.
        let place = (2 * i + 1).saturating_sub(scale);
        let (first, rest) = (place / (2 * scale), place % (2 * scale));
        let second = (rest > 0 && first + 1 < size).then(|| (first + 1, rest as f64 / (2 * scale) as f64));
        Between { first, second }
    }

    /// Planes per piece of work, and the lengths of a plane before and after; none if there is nothing in them.
    fn split(&self, name: &str, small: usize, large: usize) -> Option<[usize; 3]> {
        let lengths = self.lengths().unwrap_or_else(|e| panic!("{name}: {e}: {self:?}"));
        assert!(lengths == [small, large], "{name}: expected the lengths {lengths:?}, found [{small}, {large}]");
        let large = (large > 0).then(|| large / self.planes)?;
        Some([(PIECE / large).max(1), small / self.planes, large])
    }
}

/// Returns `(1 - t) a + t b`.
#[inline(always)]
fn mix<T: Scalar>(a: T, b: T, t: f64) -> T {
    a * T::from_f64(1.0 - t) + b * T::from_f64(t)
}

/// Upsamples: writes the larger planes.
pub fn forward<T: Scalar>(g: &Upsample2d, x: &[T], y: &mut [T]) {
    let Some([count, small, large]) = g.split("upsample", x.len(), y.len()) else { return };
    let columns: Vec<Between> = (0..g.out()[1]).map(|j| g.between(1, j)).collect();
    parallel::chunks(y, count * large, |piece, y| {
        T::lend(g.w, |mixed| {
            for (p, y) in y.chunks_exact_mut(large.max(1)).enumerate() {
                let x = &x[(piece * count + p) * small..][..small];
                for (i, y) in y.chunks_exact_mut(columns.len()).enumerate() {
                    let row = |r: usize| &x[r * g.w..][..g.w];
                    let Between { first, second } = g.between(0, i);
                    mixed.copy_from_slice(row(first));
                    if let Some((next, t)) = second {
                        mixed.iter_mut().zip(row(next)).for_each(|(a, &b)| *a = mix(*a, b, t));
                    }
                    for (y, column) in y.iter_mut().zip(&columns) {
                        let a = mixed[column.first];
                        *y = column.second.map_or(a, |(next, t)| mix(a, mixed[next], t));
                    }
                }
            }
        });
    });
}

/// Computes the adjoint: writes the gradient of the smaller planes.
pub fn backward<T: Scalar>(g: &Upsample2d, dy: &[T], dx: &mut [T]) {
    let Some([count, small, large]) = g.split("upsample backward", dx.len(), dy.len()) else {
        return dx.fill(T::ZERO);
    };
    let columns: Vec<Between> = (0..g.out()[1]).map(|j| g.between(1, j)).collect();
    let weight = |t: f64| T::from_f64(t);
    parallel::chunks_unless(dy.len() < PIECE, dx, count * small, |piece, dx| {
        T::lend(g.w, |sums| {
            for (p, dx) in dx.chunks_exact_mut(small.max(1)).enumerate() {
                dx.fill(T::ZERO);
                let dy = &dy[(piece * count + p) * large..][..large];
                for (i, dy) in dy.chunks_exact(columns.len()).enumerate() {
                    sums.fill(T::ZERO);
                    for (&dy, column) in dy.iter().zip(&columns) {
                        match column.second {
                            None => sums[column.first] += dy,
                            Some((next, t)) => {
                                sums[column.first] += dy * weight(1.0 - t);
                                sums[next] += dy * weight(t);
                            }
                        }
                    }
                    let Between { first, second } = g.between(0, i);
                    let left = second.map_or(T::ONE, |(_, t)| weight(1.0 - t));
                    let rows = [(first, left)].into_iter().chain(second.map(|(next, t)| (next, weight(t))));
                    for (row, weight) in rows {
                        dx[row * g.w..][..g.w].iter_mut().zip(&*sums).for_each(|(dx, &sum)| *dx += sum * weight);
                    }
                }
            }
        });
    });
}
