//! How fast is max-pooling by 2, forward and backward, on the feature maps of the course network?
//!
//! Criterion's "elem/s" counts inputs. Forward reads 4 bytes for each and writes 2; backward reads 2 and writes 4:
//! next to the memory bandwidth that `gradus bench` prints, that says what is left.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradus_kernels::{Pool2d, Scalar};
use std::hint::black_box;

fn pooling(bench: &mut Criterion) {
    for (channels, side) in [(16, 128), (32, 64), (64, 32), (128, 16)] {
        let (planes, kernel) = (32 * channels, [2, 2]);
        let g = Pool2d { planes, h: side, w: side, kernel, stride: kernel, pad: [[0, 0]; 2] };
        let inputs = planes * side * side;
        let x: Vec<f32> = (0..inputs).map(|i| (i * 7919 % 1013) as f32).collect();
        let (mut y, mut argmax, mut dx) = (vec![0.0; inputs / 4], vec![0; inputs / 4], vec![0.0; inputs]);
        let mut group = bench.benchmark_group(format!("{channels} channels of {side} x {side}, batch 32"));
        group.throughput(Throughput::Elements(inputs as u64));
        group.bench_function("forward", |bench| {
            bench.iter(|| f32::max_pool2d_forward(&g, black_box(&x), &mut y, &mut argmax));
        });
        group.bench_function("backward", |bench| {
            bench.iter(|| f32::max_pool2d_backward(&g, black_box(&y), &argmax, &mut dx));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = pooling
}
criterion_main!(benches);
