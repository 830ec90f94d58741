//! Scaled dot-product attention of several heads (Vaswani et al., *Attention is all you need*, 2017), forward and
//! backward, without copies of the heads.
//!
//! Queries, keys and values of a sample of L tokens lie side by side, as one linear layer gives them: a row of 3 D numbers
//! for each token, the D of the query first, then those of the key and of the value. Head h owns the numbers
//! `h D/H .. (h + 1) D/H` of each of the three, and of the row of D numbers of the output. With Q, K and V of one head,
//!
//! ```text
//! S = Q Kᵀ / √(D/H)      P = softmax of the rows of S      Y = P V
//! dV = Pᵀ dY      dP = dY Vᵀ      dS = P (dP - rowsum(P dP)) / √(D/H)      dQ = dS K      dK = dSᵀ Q
//! ```
//!
//! If `causal`, token i attends to the tokens up to i alone: the entries of S behind the diagonal count as -∞.
//!
//! Each pair of a sample and a head is one task, and reads its matrices in the packed rows by strides (small ones sixteen at
//! a time, in `lanes`). A task takes
//! [`ROWS`] queries at a time, so that its room is that of a few rows of S whatever the number of tokens. P is not kept for
//! the backward pass, but two numbers of each row: its maximum and one over its sum, from which the same bits come again.
//!
//! Sums: the products are those of [`crate::reference::gemm`]; the sums along a row run in 16 lanes, element j in lane
//! j % 16 in turn, and the lanes are added halves to halves. The sums over the queries (dK and dV) take the blocks of
//! queries in turn, as a matrix product of all of them would.

mod lanes;
mod sizes;

pub use sizes::Attention;

use crate::dispatch::{self, Isa, Loop, isa, vectorize};
use crate::parallel::{self, Shared};
use crate::reduce::{LANES, tree};
use crate::splits::K_BLOCK;
use crate::{MatMut, MatRef, Scalar};
use sizes::seen;

/// Queries that are taken at a time.
pub const ROWS: usize = K_BLOCK;

/// Whether sixteen pairs are computed side by side: if they are small, and there are fused multiply-adds.
fn is_for_lanes(g: &Attention) -> bool {
    isa() != Isa::Scalar && lanes::suits(g)
}

/// Calls `f(sample, head)` for each pair, in parallel.
fn each(g: &Attention, f: impl Fn(usize, usize) + Sync + Send) {
    let level = isa();
    parallel::tasks(g.n * g.heads, g.is_small(), |task| {
        dispatch::with(level, || f(task / g.heads, task % g.heads));
    });
}

/// Returns the blocks of queries: the first of each, and how many.
fn blocks(g: &Attention) -> impl Iterator<Item = (usize, usize)> + use<> {
    let tokens = g.tokens;
    (0..tokens).step_by(ROWS).map(move |first| (first, ROWS.min(tokens - first)))
}

/// The matrices of one head in the packed rows.
struct Head<'a, T> {
    rows: &'a [T],
    g: &'a Attention,
    first: usize,
}

impl<'a, T: Scalar> Head<'a, T> {
    fn new(g: &'a Attention, qkv: &'a [T], sample: usize, head: usize) -> Self {
        let size = g.tokens * 3 * g.width();
        Self { rows: &qkv[sample * size..][..size], g, first: head * g.depth }
    }

    /// Rows `first ..` of the query (0), key (1) or value (2).
    fn part(&self, which: usize, first: usize, count: usize) -> MatRef<'a, T> {
        let stride = 3 * self.g.width();
        let at = first * stride + which * self.g.width() + self.first;
        MatRef::strided(&self.rows[at.min(self.rows.len())..], count, self.g.depth, stride, 1)
    }

    /// Computes the rows of Q Kᵀ of a block of queries.
    fn scores(&self, (first, count): (usize, usize), s: &mut [T]) {
        let tokens = self.g.tokens;
        T::gemm(self.part(0, first, count), self.part(1, 0, tokens).t(), T::ZERO, MatMut::new(s, count, tokens));
    }
}

/// Computes Y, `[N, L, D]`, from the packed rows `[N, L, 3 D]`; `kept`, `[N, H, L, 2]`, receives what [`backward`] needs.
pub fn forward<T: Scalar>(g: &Attention, qkv: &[T], y: &mut [T], kept: &mut [T]) {
    g.check("attention", &[qkv.len()], &[y.len()], &[kept.len()]);
    if kept.is_empty() {
        return; // no row, in however many samples
    }
    let (y, kept, tokens) = (Shared::new(y), Shared::new(kept), g.tokens);
    if is_for_lanes(g) {
        return lanes::forward(g, qkv, &y, &kept);
    }
    each(g, |sample, head| {
        let of = Head::new(g, qkv, sample, head);
        // SAFETY: each pair of a sample and a head has its own rows, written by its task alone.
        let kept = unsafe { kept.piece((sample * g.heads + head) * 2 * tokens, 2 * tokens) };
        T::lend(ROWS.min(tokens) * (tokens + g.depth), |room| {
            for (first, count) in blocks(g) {
                let (p, out) = room[..count * (tokens + g.depth)].split_at_mut(count * tokens);
                of.scores((first, count), p);
                softmax(g, first, p, &mut kept[2 * first..2 * (first + count)]);
                let value = of.part(2, 0, tokens);
                T::gemm(MatRef::new(p, count, tokens), value, T::ZERO, MatMut::new(out, count, g.depth));
                for (i, row) in out.chunks_exact(g.depth.max(1)).enumerate() {
                    let at = (sample * tokens + first + i) * g.width() + head * g.depth;
                    // SAFETY: as above: the numbers of this head in this token's row.
                    unsafe { y.piece(at, g.depth) }.copy_from_slice(row);
                }
            }
        });
    });
}

/// Computes the maps P, `[N, H, L, L]`: row i of a map is how token i weights the values of all tokens.
pub fn maps<T: Scalar>(g: &Attention, qkv: &[T], p: &mut [T]) {
    g.check("attention maps", &[qkv.len()], &[], &[]);
    assert_eq!(Some(p.len()), g.maps(), "attention maps: the length of p does not fit");
    let (level, size) = (isa(), g.tokens * g.tokens);
    parallel::chunks_unless(g.is_small(), p, size, |pair, p| {
        dispatch::with(level, || {
            let of = Head::new(g, qkv, pair / g.heads, pair % g.heads);
            for (first, count) in blocks(g) {
                let p = &mut p[first * g.tokens..(first + count) * g.tokens];
                of.scores((first, count), p);
                T::lend(2 * count, |kept| softmax(g, first, p, kept));
            }
        });
    });
}

/// Computes the gradient of the packed rows from that of Y and what [`forward`] kept.
pub fn backward<T: Scalar>(g: &Attention, qkv: &[T], kept: &[T], dy: &[T], dqkv: &mut [T]) {
    g.check("attention backward", &[qkv.len(), dqkv.len()], &[dy.len()], &[kept.len()]);
    if kept.is_empty() {
        return;
    }
    let (dqkv, tokens, depth, width) = (Shared::new(dqkv), g.tokens, g.depth, g.width());
    if is_for_lanes(g) {
        return lanes::backward(g, qkv, kept, dy, &dqkv);
    }
    each(g, |sample, head| {
        let of = Head::new(g, qkv, sample, head);
        let kept = &kept[(sample * g.heads + head) * 2 * tokens..][..2 * tokens];
        let dy = &dy[sample * tokens * width..][..tokens * width];
        let (square, flat) = (ROWS.min(tokens) * tokens, tokens * depth);
        T::lend(2 * square + 3 * flat, |room| {
            let (p, room) = room.split_at_mut(square);
            let (ds, room) = room.split_at_mut(square);
            let (dq, room) = room.split_at_mut(flat);
            let (dk, dv) = room.split_at_mut(flat);
            for (first, count) in blocks(g) {
                let (p, ds) = (&mut p[..count * tokens], &mut ds[..count * tokens]);
                let dy = MatRef::strided(&dy[first * width + head * depth..], count, depth, width, 1);
                of.scores((first, count), p);
                again(g, first, p, &kept[2 * first..2 * (first + count)]);
                T::gemm(dy, of.part(2, 0, tokens).t(), T::ZERO, MatMut::new(ds, count, tokens));
                through(g, first, p, ds);
                let (p, ds) = (MatRef::new(p, count, tokens), MatRef::new(ds, count, tokens));
                let add = if first == 0 { T::ZERO } else { T::ONE };
                T::gemm(p.t(), dy, add, MatMut::new(dv, tokens, depth));
                T::gemm(ds.t(), of.part(0, first, count), add, MatMut::new(dk, tokens, depth));
                let dq = &mut dq[first * depth..(first + count) * depth];
                T::gemm(ds, of.part(1, 0, tokens), T::ZERO, MatMut::new(dq, count, depth));
            }
            for (which, part) in [&*dq, &*dk, &*dv].into_iter().enumerate() {
                for (i, row) in part.chunks_exact(depth.max(1)).enumerate() {
                    let at = ((sample * tokens + i) * 3 + which) * width + head * depth;
                    // SAFETY: the numbers of this head in this token's row, written by this task alone.
                    unsafe { dqkv.piece(at, depth) }.copy_from_slice(row);
                }
            }
        });
    });
}

/// Makes of rows of Q Kᵀ, those of the queries from `first` on, rows of P; keeps the maximum of each and one over its sum.
fn softmax<T: Scalar>(g: &Attention, first: usize, s: &mut [T], kept: &mut [T]) {
    let (tokens, causal, scale) = (g.tokens, g.causal, g.scale());
    vectorize(isa(), Softmax { tokens, causal, first, scale, s, kept });
}

struct Softmax<'a, T> {
    tokens: usize,
    causal: bool,
    first: usize,
    scale: T,
    s: &'a mut [T],
    kept: &'a mut [T],
}

impl<T: Scalar> Loop for Softmax<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { tokens, causal, first, scale, s, kept } = self;
        for (i, (row, kept)) in s.chunks_exact_mut(tokens).zip(kept.chunks_exact_mut(2)).enumerate() {
            let (row, masked) = row.split_at_mut(seen(causal, tokens, first + i));
            row.iter_mut().for_each(|s| *s *= scale);
            let largest = in_lanes(row.len(), row[0], T::max, |j| row[j]).into_iter().fold(row[0], T::max);
            row.iter_mut().for_each(|s| *s = (*s - largest).exp());
            let inverse = T::ONE / tree(in_lanes(row.len(), T::ZERO, |a, b| a + b, |j| row[j]));
            row.iter_mut().for_each(|s| *s *= inverse);
            masked.fill(T::ZERO);
            (kept[0], kept[1]) = (largest, inverse);
        }
    }
}

/// Returns in lane l the terms l, l + 16, .. joined in turn, beginning with `start`.
#[inline(always)]
fn in_lanes<T: Scalar>(len: usize, start: T, join: impl Fn(T, T) -> T, term: impl Fn(usize) -> T) -> [T; LANES] {
    let mut lanes = [start; LANES];
    let whole = len / LANES * LANES;
    for first in (0..whole).step_by(LANES) {
        for l in 0..LANES {
            lanes[l] = join(lanes[l], term(first + l));
        }
    }
    for j in whole..len {
        lanes[j - whole] = join(lanes[j - whole], term(j));
    }
    lanes
}

/// Makes of rows of Q Kᵀ the rows of P again, by what was kept of them.
fn again<T: Scalar>(g: &Attention, first: usize, s: &mut [T], kept: &[T]) {
    let (tokens, causal, scale) = (g.tokens, g.causal, g.scale());
    vectorize(isa(), Again { tokens, causal, first, scale, s, kept });
}

struct Again<'a, T> {
    tokens: usize,
    causal: bool,
    first: usize,
    scale: T,
    s: &'a mut [T],
    kept: &'a [T],
}

impl<T: Scalar> Loop for Again<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { tokens, causal, first, scale, s, kept } = self;
        for (i, (row, kept)) in s.chunks_exact_mut(tokens).zip(kept.chunks_exact(2)).enumerate() {
            let (row, masked) = row.split_at_mut(seen(causal, tokens, first + i));
            row.iter_mut().for_each(|s| *s = (*s * scale - kept[0]).exp() * kept[1]);
            masked.fill(T::ZERO);
        }
    }
}

/// Makes of the gradients of all maps, `[N, H, L, L]`, those of the products Q Kᵀ, in place.
pub fn scores_backward<T: Scalar>(g: &Attention, p: &[T], dp: &mut [T]) {
    assert!(g.maps() == Some(p.len()) && p.len() == dp.len(), "attention maps backward: the lengths do not fit");
    let size = g.tokens * g.tokens;
    for (p, dp) in p.chunks_exact(size.max(1)).zip(dp.chunks_exact_mut(size.max(1))) {
        through(g, 0, p, dp);
    }
}

/// Makes of rows of dP rows of dS.
fn through<T: Scalar>(g: &Attention, first: usize, p: &[T], dp: &mut [T]) {
    let (tokens, causal, scale) = (g.tokens, g.causal, g.scale());
    vectorize(isa(), Through { tokens, causal, first, scale, p, dp });
}

struct Through<'a, T> {
    tokens: usize,
    causal: bool,
    first: usize,
    scale: T,
    p: &'a [T],
    dp: &'a mut [T],
}

impl<T: Scalar> Loop for Through<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { tokens, causal, first, scale, p, dp } = self;
        for (i, (dp, p)) in dp.chunks_exact_mut(tokens).zip(p.chunks_exact(tokens)).enumerate() {
            let count = seen(causal, tokens, first + i);
            let (dp, masked) = dp.split_at_mut(count);
            let p = &p[..count];
            let mean = tree(in_lanes(count, T::ZERO, |a, b| a + b, |j| p[j] * dp[j]));
            dp.iter_mut().zip(p).for_each(|(dp, &p)| *dp = p * (*dp - mean) * scale);
            masked.fill(T::ZERO);
        }
    }
}
