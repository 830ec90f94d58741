//! Sums and maxima in one fixed order.
//!
//! A sum has [`LANES`] running values, element i going to value `i % LANES`; at the end they are combined as a tree.
//! That is one AVX-512 register, two of AVX2 or four of NEON, and the same bits. Sums along an axis whose elements are
//! not neighbours run over the axis in order, for many outputs at a time.

use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::{Scalar, parallel};

/// Number of running values; the same on every instruction set.
pub const LANES: usize = 16;
/// Elements up to which a sum is one piece.
const PIECE: usize = 1 << 16;
/// Pieces that a longer sum is cut into at most.
const PIECES: usize = 64;
/// Elements below which a reduction stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 15;
/// Columns from which [`sum_axis`] adds whole rows.
const WIDE: usize = 8;

/// The sum of `term([x[0][i], x[1][i], ..])`.
pub(crate) struct Fold<'a, T, F, const N: usize> {
    pub(crate) x: [&'a [T]; N],
    pub(crate) term: F,
}

impl<T: Scalar, F: Fn([T; N]) -> T, const N: usize> Loop for Fold<'_, T, F, N> {
    type Output = T;
    #[inline(always)]
    fn run(self) -> T {
        let len = self.x[0].len();
        let mut lanes = [T::ZERO; LANES];
        let whole = len / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            let block = self.x.map(|x| &x[start..start + LANES]);
            for l in 0..LANES {
                lanes[l] += (self.term)(block.map(|x| x[l]));
            }
        }
        for i in whole..len {
            lanes[i - whole] += (self.term)(self.x.map(|x| x[i]));
        }
        tree(lanes)
    }
}

/// The lanes' sum: halves added to halves.
#[inline(always)]
pub(crate) fn tree<T: Scalar>(mut lanes: [T; LANES]) -> T {
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] += lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// A sum in up to [`PIECES`] pieces, whose sums are summed in the same way.
fn fold_pieces<T: Scalar, const N: usize>(x: [&[T]; N], term: impl Fn([T; N]) -> T + Copy + Sync) -> T {
    let (level, len) = (isa(), x[0].len());
    if len <= PIECE {
        return vectorize(level, Fold { x, term });
    }
    let piece = PIECE.max(len.div_ceil(PIECES)).next_multiple_of(LANES);
    let mut sums = [T::ZERO; PIECES];
    let sums = &mut sums[..len.div_ceil(piece)];
    parallel::chunks_unless(false, sums, 1, |i, sum| {
        let x = x.map(|x| &x[i * piece..len.min((i + 1) * piece)]);
        sum[0] = vectorize(level, Fold { x, term });
    });
    vectorize(level, Fold { x: [&*sums], term: |[x]: [T; 1]| x })
}

/// The sum of a slice.
pub fn sum<T: Scalar>(x: &[T]) -> T {
    fold_pieces([x], |[x]| x)
}

/// The inner product of two slices.
pub fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    assert_eq!(x.len(), y.len(), "dot: wrong lengths");
    fold_pieces([x, y], |[x, y]| x * y)
}

/// The sum of a slice on the calling thread, in one piece.
fn sum_at<T: Scalar>(level: Isa, x: &[T]) -> T {
    vectorize(level, Fold { x: [x], term: |[x]: [T; 1]| x })
}

/// `y[j] += x[k * stride + j]` for each k in turn, y starting from zero.
struct AddRows<'a, T> {
    x: &'a [T],
    stride: usize,
    n: usize,
    y: &'a mut [T],
}

impl<T: Scalar> Loop for AddRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.y.fill(T::ZERO);
        for k in 0..self.n {
            let row = &self.x[k * self.stride..][..self.y.len()];
            for (y, &x) in self.y.iter_mut().zip(row) {
                *y += x;
            }
        }
    }
}

/// The sum of every `stride`-th element, in the lanes' order.
fn sum_strided<T: Scalar>(x: &[T], stride: usize, n: usize) -> T {
    let mut lanes = [T::ZERO; LANES];
    (0..n).for_each(|k| lanes[k % LANES] += x[k * stride]);
    tree(lanes)
}

/// Sums the middle axis of `x`, seen as `[outer, n, inner]`, into `y` = `[outer, inner]`.
pub fn sum_axis<T: Scalar>(x: &[T], outer: usize, n: usize, inner: usize, y: &mut [T]) {
    assert!(x.len() == outer * n * inner && y.len() == outer * inner, "sum_axis: wrong lengths");
    if n == 0 {
        return y.fill(T::ZERO);
    }
    let (level, serial) = (isa(), x.len() < SERIAL_BELOW);
    if inner == 1 && outer == 1 {
        y[0] = sum(x);
    } else if inner < WIDE {
        // Few columns: each output is a sum of its own, 16 outputs to a piece.
        parallel::chunks_unless(serial, y, LANES, |i, y| {
            for (k, y) in y.iter_mut().enumerate() {
                let (o, j) = ((i * LANES + k) / inner, (i * LANES + k) % inner);
                let x = &x[o * n * inner..][..n * inner];
                *y = if inner == 1 { sum_at(level, x) } else { sum_strided(&x[j..], inner, n) };
            }
        });
    } else {
        // Pieces never cross from one of the outer indices to the next.
        let piece = if outer == 1 { inner.min(1024) } else { inner };
        parallel::chunks_unless(serial, y, piece, |i, y| {
            let at = i * piece;
            let (o, j) = (at / inner, at % inner);
            vectorize(level, AddRows { x: &x[o * n * inner + j..], stride: inner, n, y });
        });
    }
}

/// Sums `x` = `[n, c, hw]` into `y` = `[c]`: the bias gradient of a convolution. Each plane is summed by itself, the
/// planes of a channel in turn.
pub fn sum_channels<T: Scalar>(x: &[T], n: usize, c: usize, hw: usize, y: &mut [T]) {
    assert!(x.len() == n * c * hw && y.len() == c, "sum_channels: wrong lengths");
    if hw == 1 {
        return sum_axis(x, 1, n, c, y);
    }
    let level = isa();
    parallel::chunks_unless(x.len() < SERIAL_BELOW, y, 1, |c0, y| {
        let plane = |n: usize| sum_at(level, &x[(n * c + c0) * hw..][..hw]);
        y[0] = (0..n).fold(T::ZERO, |sum, n| sum + plane(n));
    });
}

/// Running maxima over rows: the first largest wins, NaN wins over numbers.
struct MaxRows<'a, T> {
    x: &'a [T],
    inner: usize,
    n: usize,
    y: &'a mut [T],
    index: &'a mut [u32],
}

impl<T: Scalar> Loop for MaxRows<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.y.copy_from_slice(&self.x[..self.inner]);
        self.index.fill(0);
        for k in 1..self.n {
            let row = &self.x[k * self.inner..][..self.inner];
            for ((y, index), &x) in self.y.iter_mut().zip(self.index.iter_mut()).zip(row) {
                let wins = (x > *y) | (x.is_nan() & !y.is_nan());
                *y = if wins { x } else { *y };
                *index = if wins { k as u32 } else { *index };
            }
        }
    }
}

/// The maxima along the middle axis of `x`, seen as `[outer, n, inner]`, and where along it they are. The first of
/// equal ones wins, and NaN wins over numbers.
pub fn max_axis<T: Scalar>(x: &[T], outer: usize, n: usize, inner: usize, y: &mut [T], index: &mut [u32]) {
    assert!(
        x.len() == outer * n * inner && y.len() == outer * inner && index.len() == y.len() && n > 0,
        "max_axis: wrong lengths"
    );
    let level = isa();
    parallel::zip_chunks(y, inner, index, inner, |o, y, index| {
        vectorize(level, MaxRows { x: &x[o * n * inner..][..n * inner], inner, n, y, index });
    });
}
