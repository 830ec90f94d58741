//! Sums and maxima in one fixed order.
//!
//! A running sum of n numbers loses digits in proportion to n: the mean of 65,536 equal numbers came out 4e-5 off. So
//! every long sum here is a tree, whose error grows with log n, and the order of its additions depends on n alone:
//!
//! * **In turn, then in pairs.** Sixteen terms are added in turn, from zero upwards: a *block*. Blocks are added
//!   pairwise, neighbour to neighbour, then pairs to neighbouring pairs, as a binary counter carries (`Pairs`). Blocks
//!   left over at the end are added to the larger group on their left, the smallest first.
//! * **In lanes.** A sum over neighbours in memory is [`LANES`] such sums side by side, element i belonging to lane
//!   `i % LANES`: 256 elements are a block of each lane. At the end the lanes are combined as a tree, halves to halves.
//!   That is one AVX-512 register, two of AVX2 or four of NEON, and the same bits.
//! * **Along an axis** whose elements are not neighbours, the terms are whole rows, for many outputs at a time.
//!
//! A term passes through 15 additions in its block at most, and one at each level of pairs and lanes. So the error of a
//! sum of n terms x is at most `(16 + ⌈log2 n⌉) ε/2 Σ|x|` to first order, ε being the distance from 1 to the next
//! number.

use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::geometry::product;
use crate::in_step::{self, at};
use crate::{Scalar, parallel};

/// Number of running values; the same on every instruction set.
pub const LANES: usize = 16;
/// Terms that are added in turn; and the elements of a block of all lanes.
pub(crate) const TURNS: usize = 16;
const BLOCK: usize = TURNS * LANES;
/// Elements up to which a sum is one piece.
const PIECE: usize = 1 << 16;
/// Pieces that a longer sum is cut into at most.
const PIECES: usize = 64;
/// Elements below which a reduction stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 15;
/// Columns from which [`sum_axis`] adds whole rows.
const WIDE: usize = 8;

/// Sums of blocks, added pairwise as they come: `S` sums of `W` lanes.
///
/// Level k holds the sum of the last 2^k blocks that still wait for 2^k more; bit k of `blocks` says whether it does.
/// What lies at the other levels is of no account.
pub(crate) struct Pairs<'a, T, const W: usize, const S: usize> {
    levels: &'a mut [[[T; W]; S]],
    blocks: usize,
}

/// Levels that so many blocks need.
#[inline(always)]
pub(crate) const fn levels(blocks: usize) -> usize {
    (usize::BITS - blocks.leading_zeros()) as usize
}

impl<'a, T: Scalar, const W: usize, const S: usize> Pairs<'a, T, W, S> {
    /// After `blocks` blocks, whose sums the levels hold.
    #[inline(always)]
    pub(crate) fn after(blocks: usize, levels: &'a mut [[[T; W]; S]]) -> Self {
        Self { levels, blocks }
    }

    /// The next block's sums.
    #[inline(always)]
    pub(crate) fn push(&mut self, mut block: [[T; W]; S]) {
        let carries = self.blocks.trailing_ones() as usize;
        for level in &self.levels[..carries] {
            block = plus(level, block);
        }
        self.levels[carries] = block;
        self.blocks += 1;
    }

    /// Returns the sums of all blocks; zero if there were none.
    #[inline(always)]
    pub(crate) fn total(&self) -> [[T; W]; S] {
        let mut left = (0..self.levels.len()).filter(|k| self.blocks >> k & 1 == 1);
        let Some(first) = left.next() else { return [[T::ZERO; W]; S] };
        left.fold(self.levels[first], |sum, k| plus(&self.levels[k], sum))
    }
}

/// Levels for as many blocks as can be counted.
pub(crate) const ALL: usize = usize::BITS as usize;

#[inline(always)]
fn plus<T: Scalar, const W: usize, const S: usize>(a: &[[T; W]; S], mut b: [[T; W]; S]) -> [[T; W]; S] {
    for s in 0..S {
        for l in 0..W {
            b[s][l] = a[s][l] + b[s][l];
        }
    }
    b
}

/// Returns the `S` sums of `term(k)` for k below `n`, in turn and then in pairs.
#[inline(always)]
pub(crate) fn in_turn<T: Scalar, const S: usize>(n: usize, mut term: impl FnMut(usize) -> [T; S]) -> [T; S] {
    let mut room = [[[T::ZERO; 1]; S]; ALL];
    let mut pairs = Pairs::after(0, &mut room);
    for start in (0..n).step_by(TURNS) {
        let mut block = [[T::ZERO; 1]; S];
        for k in start..n.min(start + TURNS) {
            let terms = term(k);
            for s in 0..S {
                block[s][0] += terms[s];
            }
        }
        pairs.push(block);
    }
    pairs.total().map(|[sum]| sum)
}

/// `S` sums of the numbers that `term([x[0][i], x[1][i], ..])` gives, in lanes.
pub(crate) struct Fold<'a, T, F, const N: usize, const S: usize> {
    pub(crate) x: [&'a [T]; N],
    pub(crate) term: F,
}

impl<T: Scalar, F: Fn([T; N]) -> [T; S], const N: usize, const S: usize> Fold<'_, T, F, N, S> {
    /// Returns the lanes of one block.
    #[inline(always)]
    fn block(&self, start: usize, end: usize) -> [[T; LANES]; S] {
        let mut lanes = [[T::ZERO; LANES]; S];
        let whole = start + (end - start) / LANES * LANES;
        for first in (start..whole).step_by(LANES) {
            let row = in_step::piece(self.x, first, LANES);
            for l in 0..LANES {
                let terms = (self.term)(at(row, l));
                for s in 0..S {
                    lanes[s][l] += terms[s];
                }
            }
        }
        for i in whole..end {
            let terms = (self.term)(at(self.x, i));
            for s in 0..S {
                lanes[s][i - whole] += terms[s];
            }
        }
        lanes
    }

    /// Returns the lanes of up to 256 blocks.
    #[inline(always)]
    fn piece(&self, start: usize, end: usize) -> [[T; LANES]; S] {
        let mut room = [[[T::ZERO; LANES]; S]; levels(PIECE / BLOCK)];
        let mut pairs = Pairs::after(0, &mut room);
        for at in (start..end).step_by(BLOCK) {
            pairs.push(self.block(at, end.min(at + BLOCK)));
        }
        pairs.total()
    }
}

impl<T: Scalar, F: Fn([T; N]) -> [T; S], const N: usize, const S: usize> Loop for Fold<'_, T, F, N, S> {
    type Output = [T; S];
    #[inline(always)]
    fn run(self) -> [T; S] {
        let len = self.x[0].len();
        if len <= BLOCK {
            return self.block(0, len).map(tree);
        }
        if len <= PIECE {
            return self.piece(0, len).map(tree);
        }
        // A piece is a power of two of blocks: this is the same counter, from level 8 on.
        let mut room = [[[T::ZERO; LANES]; S]; ALL];
        let mut pairs = Pairs::after(0, &mut room);
        for at in (0..len).step_by(PIECE) {
            pairs.push(self.piece(at, len.min(at + PIECE)));
        }
        pairs.total().map(tree)
    }
}

/// Returns the lanes' sum: halves added to halves.
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

/// Returns a sum in up to [`PIECES`] pieces, whose sums are summed in the same way.
fn fold_pieces<T: Scalar, const N: usize>(x: [&[T]; N], term: impl Fn([T; N]) -> T + Copy + Sync) -> T {
    let (level, len, term) = (isa(), x[0].len(), move |x| [term(x)]);
    let sum_of = |x: [&[T]; N]| {
        let [sum] = vectorize(level, Fold { x, term });
        sum
    };
    if len <= PIECE {
        return sum_of(x);
    }
    let piece = PIECE.max(len.div_ceil(PIECES)).next_multiple_of(LANES);
    let mut sums = [T::ZERO; PIECES];
    let sums = &mut sums[..len.div_ceil(piece)];
    parallel::chunks_unless(false, sums, 1, |i, sum| {
        sum[0] = sum_of(in_step::piece(x, i * piece, piece.min(len - i * piece)));
    });
    sum_at(level, sums)
}

/// Returns the sum of a slice.
pub fn sum<T: Scalar>(x: &[T]) -> T {
    fold_pieces([x], |[x]| x)
}

/// Returns the inner product of two slices.
pub fn dot<T: Scalar>(x: &[T], y: &[T]) -> T {
    assert_eq!(x.len(), y.len(), "dot: the lengths do not fit");
    fold_pieces([x, y], |[x, y]| x * y)
}

/// Returns the sum of a slice on the calling thread, in one piece.
pub(crate) fn sum_at<T: Scalar>(level: Isa, x: &[T]) -> T {
    let [sum] = vectorize(level, Fold { x: [x], term: |[x]: [T; 1]| [x] });
    sum
}

/// Rows of several matrices, of which some columns are summed.
pub(crate) struct Rows<'a, T, const N: usize, const K: usize> {
    /// The matrices, from the first row's first column on.
    pub(crate) x: [&'a [T]; N],
    /// Elements from row to row.
    pub(crate) stride: usize,
    pub(crate) rows: usize,
    /// Numbers that belong to the columns.
    pub(crate) coefficients: [&'a [T]; K],
}

/// Returns `y[s][j] = Σ_k term([x[0][k, j], x[1][k, j], ..], coefficients of column j)[s]`, rows in turn and then in
/// pairs.
pub(crate) fn add_rows<T, F, const N: usize, const K: usize, const S: usize>(
    level: Isa,
    rows: Rows<'_, T, N, K>,
    y: [&mut [T]; S],
    term: F,
) where
    T: Scalar,
    F: Fn([T; N], [T; K]) -> [T; S],
{
    // The levels of `Pairs`, for sums of which only the caller knows how many there are.
    let blocks = rows.rows.div_ceil(TURNS);
    let levels = if blocks <= 1 { 0 } else { levels(blocks) };
    T::lend(levels * S * y[0].len(), |room| vectorize(level, AddRows { rows, y, room, term }));
}

/// The work of [`add_rows`]; `room` is what lies at each level, sum after sum.
struct AddRows<'a, T, F, const N: usize, const K: usize, const S: usize> {
    rows: Rows<'a, T, N, K>,
    y: [&'a mut [T]; S],
    room: &'a mut [T],
    term: F,
}

impl<T, F, const N: usize, const K: usize, const S: usize> AddRows<'_, T, F, N, K, S>
where
    T: Scalar,
    F: Fn([T; N], [T; K]) -> [T; S],
{
    /// Returns the sums of `W` columns over one block, in registers.
    #[inline(always)]
    fn block<const W: usize>(&self, block: usize, start: usize) -> [[T; W]; S] {
        let Rows { x, stride, rows, coefficients } = &self.rows;
        let (mut of_row, mut of_column) = ([[T::ZERO; W]; N], [[T::ZERO; W]; K]);
        for k in 0..K {
            of_column[k].copy_from_slice(&coefficients[k][start..start + W]);
        }
        let mut sum = [[T::ZERO; W]; S];
        for row in block * TURNS..(block * TURNS + TURNS).min(*rows) {
            let at = row * stride + start;
            for n in 0..N {
                of_row[n].copy_from_slice(&x[n][at..at + W]);
            }
            for l in 0..W {
                // Loops, not `map`: that would copy the arrays.
                let (mut x, mut coefficient) = ([T::ZERO; N], [T::ZERO; K]);
                for n in 0..N {
                    x[n] = of_row[n][l];
                }
                for k in 0..K {
                    coefficient[k] = of_column[k][l];
                }
                let terms = (self.term)(x, coefficient);
                for s in 0..S {
                    sum[s][l] += terms[s];
                }
            }
        }
        sum
    }

    /// Takes `W` columns of a block into account; see [`Pairs::push`].
    #[inline(always)]
    fn push<const W: usize>(&mut self, block: usize, start: usize) {
        let (len, only) = (self.y[0].len(), self.rows.rows <= TURNS);
        let carries = block.trailing_ones() as usize;
        let mut sum = self.block::<W>(block, start);
        for s in 0..S {
            for level in 0..carries {
                let mut left = [[T::ZERO; W]];
                left[0].copy_from_slice(&self.room[(level * S + s) * len + start..][..W]);
                [sum[s]] = plus(&left, [sum[s]]);
            }
            let to = if only { &mut self.y[s][start..] } else { &mut self.room[(carries * S + s) * len + start..] };
            to[..W].copy_from_slice(&sum[s]);
        }
    }
}

impl<T, F, const N: usize, const K: usize, const S: usize> Loop for AddRows<'_, T, F, N, K, S>
where
    T: Scalar,
    F: Fn([T; N], [T; K]) -> [T; S],
{
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        let (len, blocks) = (self.y[0].len(), self.rows.rows.div_ceil(TURNS));
        for block in 0..blocks {
            // Sizes that the compiler knows: it keeps them in registers.
            let mut start = 0;
            while start + 32 <= len {
                self.push::<32>(block, start);
                start += 32;
            }
            while start + 8 <= len {
                self.push::<8>(block, start);
                start += 8;
            }
            while start < len {
                self.push::<1>(block, start);
                start += 1;
            }
        }
        if blocks == 1 {
            return;
        }
        for (s, y) in self.y.into_iter().enumerate() {
            let mut left = (0..levels(blocks)).filter(|k| blocks >> k & 1 == 1);
            let level = |k: usize| &self.room[(k * S + s) * len..][..len];
            match left.next() {
                None => y.fill(T::ZERO),
                Some(k) => y.copy_from_slice(level(k)),
            }
            for k in left {
                y.iter_mut().zip(level(k)).for_each(|(sum, &left)| *sum = left + *sum);
            }
        }
    }
}

/// Returns the sum of every `stride`-th element, in lanes.
fn sum_strided<T: Scalar>(x: &[T], stride: usize, n: usize) -> T {
    let mut room = [[[T::ZERO; LANES]; 1]; ALL];
    let mut pairs = Pairs::after(0, &mut room);
    for start in (0..n).step_by(BLOCK) {
        let mut lanes = [T::ZERO; LANES];
        (start..n.min(start + BLOCK)).for_each(|k| lanes[k % LANES] += x[k * stride]);
        pairs.push([lanes]);
    }
    let [lanes] = pairs.total();
    tree(lanes)
}

/// Sums the middle axis of `x`, seen as `[outer, n, inner]`, into `y` = `[outer, inner]`.
///
/// Up to 7 columns are summed one by one, in lanes; more of them row by row.
pub fn sum_axis<T: Scalar>(x: &[T], outer: usize, n: usize, inner: usize, y: &mut [T]) {
    let lengths = [product(&[outer, n, inner]), product(&[outer, inner])];
    assert!(lengths == [Some(x.len()), Some(y.len())], "sum_axis: the lengths do not fit");
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
            let rows = Rows { x: [&x[o * n * inner + j..]], stride: inner, rows: n, coefficients: [] };
            add_rows(level, rows, [y], |[x], []| [x]);
        });
    }
}

/// Sums `x` = `[n, c, hw]` into `y` = `[c]`: the bias gradient of a convolution. Each plane is summed by itself, in
/// lanes; the planes of a channel are added in turn and then in pairs.
pub fn sum_channels<T: Scalar>(x: &[T], n: usize, c: usize, hw: usize, y: &mut [T]) {
    assert!(product(&[n, c, hw]) == Some(x.len()) && y.len() == c, "sum_channels: the lengths do not fit");
    if x.is_empty() {
        return y.fill(T::ZERO);
    }
    if hw == 1 {
        return sum_axis(x, 1, n, c, y);
    }
    let level = isa();
    parallel::chunks_unless(x.len() < SERIAL_BELOW, y, 1, |c0, y| {
        [y[0]] = in_turn(n, |n| [sum_at(level, &x[(n * c + c0) * hw..][..hw])]);
    });
}

/// Running maxima over rows, by the rule of [`Scalar::exceeds`].
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
                let larger = x.exceeds(*y);
                *y = if larger { x } else { *y };
                *index = if larger { k as u32 } else { *index };
            }
        }
    }
}

/// Computes the maxima along the middle axis of `x`, seen as `[outer, n, inner]`, and their places along it: of equal
/// numbers the first, and a NaN before any number ([`Scalar::exceeds`]).
pub fn max_axis<T: Scalar>(x: &[T], outer: usize, n: usize, inner: usize, y: &mut [T], index: &mut [u32]) {
    let lengths = [product(&[outer, n, inner]), product(&[outer, inner])];
    assert!(lengths == [Some(x.len()), Some(y.len())] && index.len() == y.len(), "max_axis: the lengths do not fit");
    assert!(n > 0 && n <= u32::MAX as usize, "max_axis: of no elements, or more than 2^32");
    let level = isa();
    parallel::zip_chunks(y, inner, index, inner, |o, y, index| {
        vectorize(level, MaxRows { x: &x[o * n * inner..][..n * inner], inner, n, y, index });
    });
}
