//! How many multiply-adds per second do the course network's convolutions reach, forward and backward?
//!
//! Four 3 x 3 layers, 1 to 16 to 32 to 64 to 128 channels on 128 to 16 pixels a side, batch 32. Criterion's "elem/s"
//! counts floating-point operations, two per multiply-add: Gelem/s reads as GFLOP/s.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradus_kernels::{Conv2d, Scalar, dispatch};

fn layer(c: usize, o: usize, side: usize) -> Conv2d {
    let (kernel, stride, pad, dilation) = ([3, 3], [1, 1], [[1, 1], [1, 1]], [1, 1]);
    Conv2d { n: 32, c, h: side, w: side, o, kernel, stride, pad, dilation }
}

fn conv(bench: &mut Criterion) {
    for (c, o, side) in [(1, 16, 128), (16, 32, 64), (32, 64, 32), (64, 128, 16)] {
        let g = layer(c, o, side);
        let pixels = g.n * g.out_h() * g.out_w();
        let (x, w, bias, dy) =
            (vec![0.5; g.n * c * side * side], vec![0.25; o * g.k()], vec![0.1; o], vec![0.5; pixels * o]);
        let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), w.clone());
        let mut group = bench.benchmark_group(format!("conv {c} to {o} on {side}"));
        group.throughput(Throughput::Elements((2 * pixels * o * g.k()) as u64));
        // The plain level is omitted: it is measured with the matrix products.
        for &isa in &dispatch::variants()[1..] {
            group.bench_function(format!("forward {isa:?}"), |bench| {
                dispatch::with(isa, || bench.iter(|| f32::conv2d_forward(&g, &x, &w, Some(&bias), &mut y)));
            });
            group.bench_function(format!("gradient of input {isa:?}"), |bench| {
                dispatch::with(isa, || bench.iter(|| f32::conv2d_backward_data(&g, &dy, &w, &mut dx)));
            });
            group.bench_function(format!("gradient of weights {isa:?}"), |bench| {
                dispatch::with(isa, || bench.iter(|| f32::conv2d_backward_weights(&g, &x, &dy, &mut dw)));
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = conv
}
criterion_main!(benches);
