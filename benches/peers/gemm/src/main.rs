//! How long does the `gemm` crate take for the products of `benches/gemm.rs`? A line of JSON for each:
//! `{"name": "G MxKxN", "ms": ..}`, the median of repeated calls. Threads: `RAYON_NUM_THREADS`, 2 if it is not set.

use gemm::{Parallelism, gemm};
use std::time::Instant;

/// M, K, N.
const PRODUCTS: [[usize; 3]; 8] = [
    [256, 256, 256],
    [512, 512, 512],
    [1024, 1024, 1024],
    [2048, 2048, 2048],
    [32, 288, 8192],
    [64, 576, 4096],
    [128, 1152, 1024],
    [16, 9, 16384],
];

fn main() {
    let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|v| v.parse().ok()).unwrap_or(2);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().expect("the first pool");
    for [m, k, n] in PRODUCTS {
        let number = |i: usize| (i * 7919 % 1000) as f32 / 1000.0 - 0.5;
        let (a, b): (Vec<f32>, Vec<f32>) = ((0..m * k).map(number).collect(), (0..k * n).map(number).collect());
        let mut c = vec![0.0f32; m * n];
        let mut run = || {
            let start = Instant::now();
            let (rows, cols) = (|stride: usize| stride as isize, 1);
            // SAFETY: row-major matrices of m x k, k x n and m x n elements.
            unsafe {
                gemm(
                    m,
                    n,
                    k,
                    c.as_mut_ptr(),
                    cols,
                    rows(n),
                    false,
                    a.as_ptr(),
                    cols,
                    rows(k),
                    b.as_ptr(),
                    cols,
                    rows(n),
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    Parallelism::Rayon(threads),
                );
            }
            start.elapsed().as_secs_f64() * 1e3
        };
        let warm = Instant::now();
        while warm.elapsed().as_millis() < 100 {
            run();
        }
        let mut times: Vec<f64> = Vec::new();
        let begun = Instant::now();
        while times.len() < 20 || begun.elapsed().as_millis() < 300 {
            times.push(run());
        }
        times.sort_by(f64::total_cmp);
        println!("{{\"name\": \"G {m}x{k}x{n}\", \"ms\": {:.5}}}", times[times.len() / 2]);
    }
}
