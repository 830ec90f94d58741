//! How many multiply-adds per second does a matrix product reach, at each instruction set?
//!
//! The sizes are those of the course network's linear layers (batch 32), squares for the ceiling, and convolutions as
//! products; `peers/gemm` measures the `gemm` crate on the last two. Criterion's "elem/s" counts floating-point
//! operations, two per multiply-add: Gelem/s reads as GFLOP/s.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gradus_kernels::{MatMut, MatRef, Scalar, dispatch};
use std::hint::black_box;

/// A product: its name, M, N, K, and whether A and B are read transposed.
const PRODUCTS: [(&str, [usize; 3], [bool; 2]); 12] = [
    ("linear forward", [32, 128, 8192], [false, true]),
    ("linear gradient of weights", [128, 8192, 32], [true, false]),
    ("linear gradient of input", [32, 8192, 128], [false, false]),
    ("head forward", [32, 3, 128], [false, true]),
    ("square 256", [256, 256, 256], [false, false]),
    ("square 512", [512, 512, 512], [false, false]),
    ("square 1024", [1024, 1024, 1024], [false, false]),
    ("square 2048", [2048, 2048, 2048], [false, false]),
    ("convolution 32x288x8192", [32, 8192, 288], [false, false]),
    ("convolution 64x576x4096", [64, 4096, 576], [false, false]),
    ("convolution 128x1152x1024", [128, 1024, 1152], [false, false]),
    ("convolution 16x9x16384", [16, 16384, 9], [false, false]),
];

fn view(data: &[f32], rows: usize, cols: usize, transposed: bool) -> MatRef<'_, f32> {
    if transposed { MatRef::new(data, cols, rows).t() } else { MatRef::new(data, rows, cols) }
}

fn gemm(bench: &mut Criterion) {
    for (name, [m, n, k], transposed) in PRODUCTS {
        let (a, b, mut c) = (vec![0.5; m * k], vec![0.25; k * n], vec![0.0; m * n]);
        let mut group = bench.benchmark_group(name);
        group.throughput(Throughput::Elements((2 * m * n * k) as u64));
        for &isa in dispatch::variants() {
            group.bench_function(format!("{isa:?}"), |bench| {
                let (a, b) = (view(&a, m, k, transposed[0]), view(&b, k, n, transposed[1]));
                dispatch::with(isa, || {
                    bench.iter(|| f32::gemm(black_box(a), black_box(b), 0.0, MatMut::new(&mut c, m, n)));
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = gemm
}
criterion_main!(benches);
