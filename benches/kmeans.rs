//! How long do 20 iterations of K-means take, from many wide samples to very many narrow ones?
//!
//! Gaussian blobs around centres that are uniform in the unit cube; the first k samples are the initial centroids.

use criterion::{Criterion, criterion_group, criterion_main};
use gradus::analysis::kmeans::KMeans;
use gradus::rng::Rng;
use ndarray::{Array2, s};

/// A data set: its name, samples, columns, clusters, and the standard deviation of a cluster.
const SETS: [(&str, [usize; 3], f64); 3] = [
    ("60,000 x 784, k 10", [60_000, 784, 10], 0.05),
    ("1,000,000 x 5, k 3", [1_000_000, 5, 3], 0.3),
    ("100,000 x 50, k 100", [100_000, 50, 100], 0.3),
];

fn blobs([n, d, k]: [usize; 3], deviation: f64) -> Array2<f32> {
    let mut rng = Rng::new(1, "blobs", 0);
    let centres = Array2::from_shape_fn((k, d), |_| rng.uniform());
    let own: Vec<usize> = (0..n).map(|_| rng.below(k)).collect();
    Array2::from_shape_fn((n, d), |(i, j)| (centres[[own[i], j]] + deviation * rng.normal()) as f32)
}

fn kmeans(bench: &mut Criterion) {
    for (name, sizes, deviation) in SETS {
        let x = blobs(sizes, deviation);
        let initial = x.slice(s![..sizes[2], ..]).to_owned();
        let settings = KMeans { tol: 0.0, max_iter: 20, ..KMeans::new(sizes[2]) };
        bench.bench_function(name, |bench| {
            bench.iter(|| settings.fit_from(x.view(), initial.clone()).expect("finite samples"));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = kmeans
}
criterion_main!(benches);
