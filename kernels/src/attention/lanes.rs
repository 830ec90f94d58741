//! Small heads: sixteen pairs of a sample and a head at a time, one in each lane of a vector.
//!
//! A product of 17 x 8 by 8 x 17 is too small to fill registers along its columns, and calling one costs as much as
//! computing it. So the matrices of sixteen pairs are laid side by side, element by element, and every operation computes all
//! of them at once: no lane idles, whatever the sizes. The sums are those of the other way, so the bits are too.

use super::sizes::{Attention, seen};
use crate::Scalar;
use crate::dispatch::{Loop, isa, vectorize};
use crate::parallel::{self, Shared};
use crate::reduce::LANES;
use crate::splits::K_BLOCK;

/// Multiply-adds of a product up to which this way is taken: beyond it, a single matrix fills the registers.
const MOST: usize = 1 << 15;
/// Columns of a product that are computed at a time.
const COLUMNS: usize = 4;

/// One number of each pair.
type Lane<T> = [T; LANES];

/// Whether heads of this size are computed here: they are small, and each sum of a product is one block.
pub(super) fn suits(g: &Attention) -> bool {
    let most = K_BLOCK.min(MOST);
    g.tokens <= most && g.depth <= most && g.tokens * g.tokens * g.depth <= MOST
}

/// The pairs of a block of sixteen, of which the last may have fewer.
fn pairs(g: &Attention, block: usize) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let (heads, last) = (g.heads, g.n * g.heads);
    (0..LANES).map(move |l| (l, block * LANES + l)).filter(move |(_, pair)| *pair < last).map(move |(l, pair)| {
        let (sample, head) = (pair / heads, pair % heads);
        (l, sample, head)
    })
}

/// Calls `f(block)` for each sixteen pairs, in parallel.
fn each(g: &Attention, f: impl Fn(usize) + Sync + Send) {
    parallel::tasks((g.n * g.heads).div_ceil(LANES), g.is_small(), f);
}

/// Lends `f` room for as many numbers of each of sixteen pairs.
fn lend<T: Scalar>(len: usize, f: impl FnOnce(&mut [Lane<T>])) {
    T::lend(len * LANES, |room| f(room.as_chunks_mut().0));
}

/// Computes Y as [`super::forward`] does.
pub(super) fn forward<T: Scalar>(g: &Attention, qkv: &[T], y: &Shared<'_, T>, kept: &Shared<'_, T>) {
    let level = isa();
    let len = 4 * g.tokens * g.depth + g.tokens * g.tokens + 2 * g.tokens;
    // The room is lent out here: a closure that something else calls would not be compiled for the instruction set.
    each(g, |block| lend(len, |room| vectorize(level, Forward { g, qkv, block, y, kept, room })));
}

/// Computes the gradient of the packed rows as [`super::backward`] does.
pub(super) fn backward<T: Scalar>(g: &Attention, qkv: &[T], kept: &[T], dy: &[T], dqkv: &Shared<'_, T>) {
    let level = isa();
    let len = 7 * g.tokens * g.depth + 2 * g.tokens * g.tokens + 2 * g.tokens;
    each(g, |block| lend(len, |room| vectorize(level, Backward { g, qkv, kept, dy, block, dqkv, room })));
}

struct Forward<'a, 'b, T> {
    g: &'a Attention,
    qkv: &'a [T],
    block: usize,
    y: &'a Shared<'b, T>,
    kept: &'a Shared<'b, T>,
    room: &'a mut [Lane<T>],
}

impl<T: Scalar> Loop for Forward<'_, '_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { g, qkv, block, y, kept, room } = self;
        let (tokens, depth) = (g.tokens, g.depth);
        let (flat, square) = (tokens * depth, tokens * tokens);
        let (all, room) = room.split_at_mut(3 * flat);
        let (out, room) = room.split_at_mut(flat);
        let (p, statistics) = room.split_at_mut(square);
        enter(g, block, 3, qkv, all);
        let (q, rest) = all.split_at(flat);
        let (k, v) = rest.split_at(flat);
        product([tokens, depth, tokens], (q, [depth, 1]), (k, [1, depth]), p);
        softmax(g, p, statistics);
        product([tokens, tokens, depth], (p, [tokens, 1]), (v, [depth, 1]), out);
        leave(g, block, 1, out, y);
        for (l, sample, head) in pairs(g, block) {
            // SAFETY: each pair has its own rows, written by its task alone.
            let kept = unsafe { kept.piece((sample * g.heads + head) * 2 * tokens, 2 * tokens) };
            kept.iter_mut().zip(&*statistics).for_each(|(kept, lane)| *kept = lane[l]);
        }
    }
}

struct Backward<'a, 'b, T> {
    g: &'a Attention,
    qkv: &'a [T],
    kept: &'a [T],
    dy: &'a [T],
    block: usize,
    dqkv: &'a Shared<'b, T>,
    room: &'a mut [Lane<T>],
}

impl<T: Scalar> Loop for Backward<'_, '_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { g, qkv, kept, dy, block, dqkv, room } = self;
        let (tokens, depth) = (g.tokens, g.depth);
        let (flat, square) = (tokens * depth, tokens * tokens);
        let (all, room) = room.split_at_mut(3 * flat);
        let (gradients, room) = room.split_at_mut(3 * flat);
        let (dy_here, room) = room.split_at_mut(flat);
        let (p, room) = room.split_at_mut(square);
        let (ds, statistics) = room.split_at_mut(square);
        enter(g, block, 3, qkv, all);
        enter(g, block, 1, dy, dy_here);
        statistics.fill([T::ZERO; LANES]);
        for (l, sample, head) in pairs(g, block) {
            let kept = &kept[(sample * g.heads + head) * 2 * tokens..][..2 * tokens];
            statistics.iter_mut().zip(kept).for_each(|(lane, &kept)| lane[l] = kept);
        }
        let (q, rest) = all.split_at(flat);
        let (k, v) = rest.split_at(flat);
        let (dq, rest) = gradients.split_at_mut(flat);
        let (dk, dv) = rest.split_at_mut(flat);
        product([tokens, depth, tokens], (q, [depth, 1]), (k, [1, depth]), p);
        again(g, p, statistics);
        product([tokens, depth, tokens], (dy_here, [depth, 1]), (v, [1, depth]), ds);
        through(g, p, ds);
        product([tokens, tokens, depth], (p, [1, tokens]), (dy_here, [depth, 1]), dv);
        product([tokens, tokens, depth], (ds, [1, tokens]), (q, [depth, 1]), dk);
        product([tokens, tokens, depth], (ds, [tokens, 1]), (k, [depth, 1]), dq);
        leave(g, block, 3, gradients, dqkv);
    }
}

/// Lays the matrices of a block's pairs side by side: `parts` of them, each `[L, D/H]`, out of rows of `parts` D numbers.
/// Lanes without a pair are zero.
#[inline(always)]
fn enter<T: Scalar>(g: &Attention, block: usize, parts: usize, rows: &[T], to: &mut [Lane<T>]) {
    let (tokens, depth, width) = (g.tokens, g.depth, g.width());
    if (block + 1) * LANES > g.n * g.heads {
        to.fill([T::ZERO; LANES]);
    }
    for (l, sample, head) in pairs(g, block) {
        for t in 0..tokens {
            for part in 0..parts {
                let from = ((sample * tokens + t) * parts + part) * width + head * depth;
                let to = &mut to[(part * tokens + t) * depth..][..depth];
                to.iter_mut().zip(&rows[from..from + depth]).for_each(|(lane, &x)| lane[l] = x);
            }
        }
    }
}

/// Writes the matrices back into the rows.
#[inline(always)]
fn leave<T: Scalar>(g: &Attention, block: usize, parts: usize, from: &[Lane<T>], rows: &Shared<'_, T>) {
    let (tokens, depth, width) = (g.tokens, g.depth, g.width());
    for (l, sample, head) in pairs(g, block) {
        for t in 0..tokens {
            for part in 0..parts {
                let at = ((sample * tokens + t) * parts + part) * width + head * depth;
                // SAFETY: the numbers of this head in this token's row, written by this task alone.
                let to = unsafe { rows.piece(at, depth) };
                to.iter_mut().zip(&from[(part * tokens + t) * depth..]).for_each(|(x, lane)| *x = lane[l]);
            }
        }
    }
}

/// Computes C = A B, `[m, k]` by `[k, n]`, of each pair; the strides are [from row to row, from column to column].
#[inline(always)]
fn product<T: Scalar>(
    [m, k, n]: [usize; 3],
    (a, a_strides): (&[Lane<T>], [usize; 2]),
    (b, b_strides): (&[Lane<T>], [usize; 2]),
    c: &mut [Lane<T>],
) {
    let whole = n / COLUMNS * COLUMNS;
    for i in 0..m {
        let a = &a[i * a_strides[0]..];
        let c = &mut c[i * n..][..n];
        for j in (0..whole).step_by(COLUMNS) {
            columns::<T, COLUMNS>(k, (a, a_strides[1]), (&b[j * b_strides[1]..], b_strides), &mut c[j..]);
        }
        for j in whole..n {
            columns::<T, 1>(k, (a, a_strides[1]), (&b[j * b_strides[1]..], b_strides), &mut c[j..]);
        }
    }
}

/// Computes some numbers of one row of C.
#[inline(always)]
fn columns<T: Scalar, const C: usize>(
    k: usize,
    (a, along): (&[Lane<T>], usize),
    (b, [down, across]): (&[Lane<T>], [usize; 2]),
    c: &mut [Lane<T>],
) {
    let mut sums = [[T::ZERO; LANES]; C];
    for k in 0..k {
        let a = &a[k * along];
        for j in 0..C {
            let b = &b[k * down + j * across];
            for l in 0..LANES {
                sums[j][l] = a[l].mul_add(b[l], sums[j][l]);
            }
        }
    }
    c[..C].copy_from_slice(&sums);
}

/// Applies f to each lane.
#[inline(always)]
fn map<T: Scalar>(x: &mut Lane<T>, f: impl Fn(usize, T) -> T) {
    for l in 0..LANES {
        x[l] = f(l, x[l]);
    }
}

/// Sums the terms of a row, j in part j % 16 in turn, and then halves of the parts to halves.
#[inline(always)]
fn sum<T: Scalar>(len: usize, term: impl Fn(usize, usize) -> T) -> Lane<T> {
    let mut parts = [[T::ZERO; LANES]; LANES];
    for j in 0..len {
        map(&mut parts[j % LANES], |l, sum| sum + term(j, l));
    }
    let mut width = LANES / 2;
    while width > 0 {
        for part in 0..width {
            let other = parts[part + width];
            map(&mut parts[part], |l, sum| sum + other[l]);
        }
        width /= 2;
    }
    parts[0]
}

/// See [`super::softmax`].
#[inline(always)]
fn softmax<T: Scalar>(g: &Attention, s: &mut [Lane<T>], statistics: &mut [Lane<T>]) {
    let (tokens, scale) = (g.tokens, g.scale::<T>());
    for (i, (row, kept)) in s.chunks_exact_mut(tokens).zip(statistics.chunks_exact_mut(2)).enumerate() {
        let (row, masked) = row.split_at_mut(seen(g.causal, tokens, i));
        row.iter_mut().for_each(|s| map(s, |_, s| s * scale));
        let mut largest = row[0];
        row.iter().for_each(|s| map(&mut largest, |l, most| most.max(s[l])));
        row.iter_mut().for_each(|s| map(s, |l, s| (s - largest[l]).exp()));
        let mut inverse = sum(row.len(), |j, l| row[j][l]);
        map(&mut inverse, |_, sum| T::ONE / sum);
        row.iter_mut().for_each(|s| map(s, |l, s| s * inverse[l]));
        masked.fill([T::ZERO; LANES]);
        (kept[0], kept[1]) = (largest, inverse);
    }
}

/// See [`super::again`].
#[inline(always)]
fn again<T: Scalar>(g: &Attention, s: &mut [Lane<T>], statistics: &[Lane<T>]) {
    let (tokens, scale) = (g.tokens, g.scale::<T>());
    for (i, (row, kept)) in s.chunks_exact_mut(tokens).zip(statistics.chunks_exact(2)).enumerate() {
        let (row, masked) = row.split_at_mut(seen(g.causal, tokens, i));
        row.iter_mut().for_each(|s| map(s, |l, s| (s * scale - kept[0][l]).exp() * kept[1][l]));
        masked.fill([T::ZERO; LANES]);
    }
}

/// See [`super::through`].
#[inline(always)]
fn through<T: Scalar>(g: &Attention, p: &[Lane<T>], dp: &mut [Lane<T>]) {
    let (tokens, scale) = (g.tokens, g.scale::<T>());
    for (i, (dp, p)) in dp.chunks_exact_mut(tokens).zip(p.chunks_exact(tokens)).enumerate() {
        let count = seen(g.causal, tokens, i);
        let (dp, masked) = dp.split_at_mut(count);
        let mean = sum(count, |j, l| p[j][l] * dp[j][l]);
        dp.iter_mut().zip(p).for_each(|(dp, p)| map(dp, |l, dp| p[l] * (dp - mean[l]) * scale));
        masked.fill([T::ZERO; LANES]);
    }
}
