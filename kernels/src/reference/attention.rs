//! Attention as it is written down: whole matrices of one head after the other, copied out of the packed rows.

use super::gemm;
use crate::attention::Attention;
use crate::reduce::{LANES, tree};
use crate::{MatMut, MatRef, Scalar};

/// Returns Q, K and V of a head, `[L, D/H]` each.
fn parts<T: Scalar>(g: &Attention, qkv: &[T], sample: usize, head: usize) -> [Vec<T>; 3] {
    let width = g.heads * g.depth;
    let of = |which: usize, i: usize, c: usize| qkv[((sample * g.tokens + i) * 3 + which) * width + head * g.depth + c];
    [0, 1, 2].map(|which| (0..g.tokens * g.depth).map(|at| of(which, at / g.depth, at % g.depth)).collect())
}

/// Returns A B, or A Bᵀ or Aᵀ B of views.
fn product<T: Scalar>(a: MatRef<'_, T>, b: MatRef<'_, T>) -> Vec<T> {
    let mut c = vec![T::ZERO; a.rows() * b.cols()];
    gemm(a, b, T::ZERO, MatMut::new(&mut c, a.rows(), b.cols()));
    c
}

/// Returns Σ `term(j)` for j below `len`: each of 16 lanes in turn from zero, then halves of the lanes to halves.
fn in_lanes<T: Scalar>(len: usize, term: impl Fn(usize) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    (0..len).for_each(|j| lanes[j % LANES] += term(j));
    tree(lanes)
}

/// Returns P of a head: softmax of the rows of Q Kᵀ/√(D/H), those behind the diagonal omitted if attention is causal.
fn map<T: Scalar>(g: &Attention, q: &[T], k: &[T]) -> Vec<T> {
    let view = |x| MatRef::new(x, g.tokens, g.depth);
    let mut p = product(view(q), view(k).t());
    for (i, row) in p.chunks_exact_mut(g.tokens).enumerate() {
        let (row, masked) = row.split_at_mut(if g.causal { i + 1 } else { g.tokens });
        row.iter_mut().for_each(|s| *s *= g.scale());
        let largest = row.iter().fold(row[0], |largest, &s| largest.max(s));
        row.iter_mut().for_each(|s| *s = (*s - largest).exp());
        let inverse = T::ONE / in_lanes(row.len(), |j| row[j]);
        row.iter_mut().for_each(|s| *s *= inverse);
        masked.fill(T::ZERO);
    }
    p
}

/// Returns Y and all maps P of attention; see [`crate::attention`].
pub fn attention_forward<T: Scalar>(g: &Attention, qkv: &[T]) -> [Vec<T>; 2] {
    let width = g.heads * g.depth;
    let (mut y, mut maps) = (vec![T::ZERO; g.n * g.tokens * width], Vec::new());
    for (sample, head) in (0..g.n).flat_map(|sample| (0..g.heads).map(move |head| (sample, head))) {
        let [q, k, v] = parts(g, qkv, sample, head);
        let p = map(g, &q, &k);
        let out = product(MatRef::new(&p, g.tokens, g.tokens), MatRef::new(&v, g.tokens, g.depth));
        for (at, &out) in out.iter().enumerate() {
            y[(sample * g.tokens + at / g.depth) * width + head * g.depth + at % g.depth] = out;
        }
        maps.extend(p);
    }
    [y, maps]
}

/// Returns the gradient of the packed rows; see [`crate::attention`].
pub fn attention_backward<T: Scalar>(g: &Attention, qkv: &[T], dy: &[T]) -> Vec<T> {
    let (width, tokens) = (g.heads * g.depth, g.tokens);
    let mut dqkv = vec![T::ZERO; qkv.len()];
    for (sample, head) in (0..g.n).flat_map(|sample| (0..g.heads).map(move |head| (sample, head))) {
        let [q, k, v] = parts(g, qkv, sample, head);
        let dy: Vec<T> = (0..tokens * g.depth)
            .map(|at| dy[(sample * tokens + at / g.depth) * width + head * g.depth + at % g.depth])
            .collect();
        let (flat, square) = (|x| MatRef::new(x, tokens, g.depth), |x| MatRef::new(x, tokens, tokens));
        let p = map(g, &q, &k);
        let mut ds = product(flat(&dy), flat(&v).t());
        for (i, (ds, p)) in ds.chunks_exact_mut(tokens).zip(p.chunks_exact(tokens)).enumerate() {
            let (ds, masked) = ds.split_at_mut(if g.causal { i + 1 } else { tokens });
            let mean = in_lanes(ds.len(), |j| p[j] * ds[j]);
            ds.iter_mut().zip(p).for_each(|(ds, &p)| *ds = p * (*ds - mean) * g.scale());
            masked.fill(T::ZERO);
        }
        let gradients =
            [product(square(&ds), flat(&k)), product(square(&ds).t(), flat(&q)), product(square(&p).t(), flat(&dy))];
        for (which, gradient) in gradients.into_iter().enumerate() {
            for (at, d) in gradient.into_iter().enumerate() {
                let token = sample * tokens + at / g.depth;
                dqkv[(token * 3 + which) * width + head * g.depth + at % g.depth] = d;
            }
        }
    }
    dqkv
}
