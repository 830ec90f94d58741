//! What does a step of t-SNE cost, by each way to its gradient, and what do the affinities cost before the first?
//!
//! The samples are ten blobs in 50 dimensions; the embedding is a disk about as wide as theirs becomes. Criterion's
//! "elem/s" counts points.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gradus::analysis::tsne::affinity::Affinity;
use gradus::analysis::tsne::{Forces, barnes_hut, exact, fft};
use gradus::rng::Rng;
use gradus_kernels::Kernels;
use ndarray::Array2;
use std::hint::black_box;

const PERPLEXITY: f64 = 30.0;

fn blobs(n: usize) -> Array2<f32> {
    let mut rng = Rng::new(7, "blobs", 0);
    let centers = Array2::from_shape_fn((10, 50), |_| 3.0 * rng.normal());
    Array2::from_shape_fn((n, 50), |(i, j)| (centers[[i % 10, j]] + rng.normal()) as f32)
}

/// Points all over a disk, one to a unit of area: the embedding of ten thousand samples becomes as wide.
fn map(n: usize) -> Vec<f32> {
    let mut rng = Rng::new(7, "map", 0);
    let radius = (n as f64 / std::f64::consts::PI).sqrt();
    let mut point = || {
        let (r, angle) = (radius * rng.uniform().sqrt(), 2.0 * std::f64::consts::PI * rng.uniform());
        [(r * angle.cos()) as f32, (r * angle.sin()) as f32]
    };
    (0..n).flat_map(|_| point()).collect()
}

fn affinities(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("affinities");
    for n in [2000, 10_000] {
        let x = blobs(n);
        group.throughput(Throughput::Elements(n as u64));
        if n == 2000 {
            group.bench_function(BenchmarkId::new("dense", n), |b| {
                b.iter(|| Affinity::dense(black_box(x.view()), PERPLEXITY))
            });
        }
        group.bench_function(BenchmarkId::new("sparse", n), |b| {
            b.iter(|| Affinity::sparse(black_box(x.view()), PERPLEXITY))
        });
    }
}

fn gradients(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("gradient");
    for n in [2000, 10_000] {
        let (x, y, mut out) = (blobs(n), map(n), Forces::new(n));
        group.throughput(Throughput::Elements(n as u64));
        if n == 2000 {
            let dense = Affinity::dense(x.view(), PERPLEXITY);
            group.bench_function(BenchmarkId::new("exact", n), |b| {
                b.iter(|| exact::forces(&dense, &y, f32::tsne_pairs_2d, &mut out))
            });
        }
        let (sparse, mut field) = (Affinity::sparse(x.view(), PERPLEXITY), fft::Field::default());
        group.bench_function(BenchmarkId::new("tree", n), |b| {
            b.iter(|| barnes_hut::forces(&sparse, &y, 0.5, &mut out));
        });
        group.bench_function(BenchmarkId::new("fft", n), |b| {
            b.iter(|| fft::forces(&sparse, &y, &mut field, &mut out));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = affinities, gradients
}
criterion_main!(benches);
