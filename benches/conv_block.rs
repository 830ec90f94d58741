//! What does fusing a block (convolution, bias, ReLU, 2 x 2 max-pooling) save, forward and backward?
//!
//! The four blocks of the course network, batch 32. Criterion's "elem/s" counts the floating-point operations of the
//! dense computation, two per multiply-add, so the fused backward pass may exceed the machine's peak.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradus_kernels::{BlockGradients, Conv2d, Pool2d, Scalar, reduce};

fn block(bench: &mut Criterion) {
    for (c, o, side) in [(1, 16, 128), (16, 32, 64), (32, 64, 32), (64, 128, 16)] {
        let (kernel, stride, pad, dilation) = ([3, 3], [1, 1], [[1, 1], [1, 1]], [1, 1]);
        let g = Conv2d { n: 32, c, h: side, w: side, o, kernel, stride, pad, dilation };
        let planes = g.n * o;
        let pool = Pool2d { planes, h: side, w: side, kernel: [2, 2], stride: [2, 2], pad: [[0, 0], [0, 0]] };
        let (dense, outputs) = (planes * side * side, planes * side * side / 4);
        // Waves, so that each pixel of a window wins now and then.
        let wave = |n: usize, f: f32| (0..n).map(|i| (i as f32 * f).sin()).collect::<Vec<f32>>();
        let (x, w, bias, dy) =
            (wave(g.n * c * side * side, 0.71), wave(o * g.k(), 1.3), wave(o, 0.5), wave(outputs, 0.37));
        let (mut z, mut y, mut dz) = (vec![0.0; dense], dy.clone(), vec![0.0; dense]);
        let (mut argmax, mut codes) = (vec![0; outputs], vec![0; outputs]);
        let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), bias.clone());
        let needs_dx = c > 1;

        let mut group = bench.benchmark_group(format!("block {c} to {o} on {side}"));
        group.throughput(Throughput::Elements((2 * dense * g.k()) as u64));
        group.bench_function("forward, fused", |bench| {
            bench.iter(|| f32::conv2d_block_forward(&g, &x, &w, &bias, true, &mut y, Some(&mut codes)));
        });
        group.bench_function("forward, one after the other", |bench| {
            bench.iter(|| {
                f32::conv2d_forward(&g, &x, &w, Some(&bias), &mut z);
                z.iter_mut().for_each(|z| *z = z.max(0.0));
                f32::max_pool2d_forward(&pool, &z, &mut y, &mut argmax);
            });
        });
        group.throughput(Throughput::Elements((2 * dense * g.k() * (1 + usize::from(needs_dx))) as u64));
        group.bench_function("backward, fused", |bench| {
            bench.iter(|| {
                let out = BlockGradients { dx: needs_dx.then_some(&mut dx), dw: &mut dw, db: &mut db };
                f32::conv2d_block_backward(&g, &x, &w, &dy, &codes, out);
            });
        });
        group.bench_function("backward, one after the other", |bench| {
            bench.iter(|| {
                f32::max_pool2d_backward(&pool, &dy, &argmax, &mut dz);
                dz.iter_mut().zip(&z).for_each(|(dz, &z)| *dz *= if z > 0.0 { 1.0 } else { 0.0 });
                reduce::sum_channels(&dz, g.n, o, side * side, &mut db);
                f32::conv2d_backward_weights(&g, &x, &dz, &mut dw);
                if needs_dx {
                    f32::conv2d_backward_data(&g, &dz, &w, &mut dx);
                }
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = block
}
criterion_main!(benches);
