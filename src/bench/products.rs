//! Matrix products C = A B in `f32`: squares, and the shapes of convolutions.

use super::measure::{Bench, Row};
use crate::error::Result;
use crate::rng::Rng;
use crate::tensor::Tensor;
use gradus_kernels::{MatMut, MatRef, Scalar};
use std::hint::black_box;

/// M, K, N.
pub const SHAPES: [[usize; 3]; 8] = [
    [256, 256, 256],
    [512, 512, 512],
    [1024, 1024, 1024],
    [2048, 2048, 2048],
    [32, 288, 8192],
    [64, 576, 4096],
    [128, 1152, 1024],
    [16, 9, 16384],
];

/// Operations after which a measurement of a product may end: about half a second.
const ENOUGH: f64 = 1e11;

/// Returns the name of a product as a workload.
pub(super) fn name([m, k, n]: [usize; 3]) -> String {
    format!("G {m}x{k}x{n}")
}

/// Measures one product.
pub(super) fn run([m, k, n]: [usize; 3], bench: &Bench) -> Result<Row> {
    let mut rng = Rng::new(super::nets::SEED, "bench product", 0);
    let a: Tensor = Tensor::randn([m, k], &mut rng);
    let b: Tensor = Tensor::randn([k, n], &mut rng);
    let mut c = vec![0.0; m * n];
    let operations = 2.0 * (m * k * n) as f64;
    // Some ten milliseconds a sample.
    let per_sample = (2e9 / operations).ceil();
    let samples = (ENOUGH / (operations * per_sample)).ceil();
    let timing = bench.time(samples as usize, per_sample as usize, || {
        let (a, b) = (MatRef::new(black_box(a.data()), m, k), MatRef::new(b.data(), k, n));
        f32::gemm(a, b, 0.0, MatMut::new(&mut c, m, n));
        black_box(&c);
        Ok(())
    })?;
    Ok(bench.row(name([m, k, n]), timing, operations))
}
