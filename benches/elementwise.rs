//! How many numbers a second do elementwise functions take, in cache and in memory?
//!
//! ReLU does hardly any arithmetic: it shows what reading and writing cost, and the others how much their polynomials
//! add.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradus_kernels::math;
use std::hint::black_box;

fn elementwise(bench: &mut Criterion) {
    for (place, n) in [("in cache", 1 << 13), ("in memory", 1 << 24)] {
        let x: Vec<f32> = (0..n).map(|i| (i % 1000) as f32 / 250.0 - 2.0).collect();
        let mut y = vec![0.0; n];
        let mut group = bench.benchmark_group(place);
        group.throughput(Throughput::Elements(n as u64));
        group
            .bench_function("relu", |b| b.iter(|| math::map(black_box(&x), &mut y, |x| if x > 0.0 { x } else { 0.0 })));
        group.bench_function("exp", |b| b.iter(|| math::map(black_box(&x), &mut y, math::exp)));
        group.bench_function("ln", |b| b.iter(|| math::map(black_box(&x), &mut y, math::ln)));
        group.bench_function("tanh", |b| b.iter(|| math::map(black_box(&x), &mut y, math::tanh)));
        group.bench_function("sigmoid", |b| b.iter(|| math::map(black_box(&x), &mut y, math::sigmoid)));
        group.bench_function("product", |b| b.iter(|| math::zip_map(black_box(&x), &x, &mut y, |a, b| a * b)));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = elementwise
}
criterion_main!(benches);
