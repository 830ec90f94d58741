//! Attention by itself, forward and backward: 32 samples of 256 tokens, 8 heads of 32 numbers.

use super::measure::{Bench, Row};
use crate::error::Result;
use crate::rng::Rng;
use crate::tensor::Tensor;
use gradus_kernels::Kernels;
use gradus_kernels::attention::Attention;
use std::hint::black_box;

/// The name of the workload.
pub(super) const NAME: &str = "attention";

/// The sizes.
const SIZES: Attention = Attention { n: 32, tokens: 256, heads: 8, depth: 32, causal: false };

/// Measures one pass forward and one backward, from packed queries, keys and values to their gradient. Two products of the
/// textbook's six are forward; those that the backward pass computes again do not count.
pub(super) fn run(bench: &Bench) -> Result<Row> {
    let Attention { n, tokens, heads, depth, .. } = SIZES;
    let mut rng = Rng::new(super::nets::SEED, "bench attention", 0);
    let qkv: Tensor = Tensor::randn([n, tokens, 3 * heads * depth], &mut rng);
    let dy: Tensor = Tensor::randn([n, tokens, heads * depth], &mut rng);
    let (mut y, mut dqkv) = (vec![0.0; dy.numel()], vec![0.0; qkv.numel()]);
    let mut kept = vec![0.0; n * heads * tokens * 2];
    let operations = 6.0 * 2.0 * (n * heads * tokens * tokens * depth) as f64;
    let timing = bench.time(20, 1, || {
        f32::attention_forward(&SIZES, black_box(qkv.data()), &mut y, &mut kept);
        f32::attention_backward(&SIZES, qkv.data(), &kept, dy.data(), &mut dqkv);
        black_box((&y, &dqkv));
        Ok(())
    })?;
    Ok(bench.row(NAME, timing, operations))
}
