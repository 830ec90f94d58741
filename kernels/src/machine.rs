//! Measures the limits of this machine: multiply-adds a second, and bytes a second to and from memory.
//!
//! Two loops that do nothing useful as fast as possible, measured on the computing threads. Every benchmark is a
//! fraction of one of the two limits; the nearer limit shows what to optimize.

use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::parallel;
use crate::simd::{SUMS, kernels};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Multiply-adds of each lane between two looks at the clock.
const ROUNDS: usize = 20_000;

/// Elements of each array of the memory test: 256 MiB, beyond any cache.
const ELEMENTS: usize = 1 << 26;

/// Numbers that the plain loop computes side by side.
const PLAIN: usize = 48;

/// `sum ← x · sum + y` in plain Rust, which does not presume fused multiply-adds.
struct MultiplyAdds {
    x: f32,
    y: f32,
}

impl Loop for MultiplyAdds {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        let mut sums = [1.0f32; PLAIN];
        for _ in 0..ROUNDS {
            sums.iter_mut().for_each(|sum| *sum = self.x * *sum + self.y);
        }
        sums.iter().sum()
    }
}

/// One burst of arithmetic at a level: what came out, and how many operations it took.
fn burst(level: Isa, x: f32, y: f32) -> (f32, usize) {
    let (total, sums) = match kernels(level) {
        // SAFETY: `level` is one that this machine can run.
        Some(kernels) => (unsafe { (kernels.multiply_adds)(ROUNDS, x, y) }, SUMS * kernels.lanes),
        None => (vectorize(level, MultiplyAdds { x, y }), PLAIN),
    };
    (total, 2 * ROUNDS * sums)
}

/// Measures the most floating-point operations a second (in 10⁹, a multiply-add counting two) of all threads together,
/// in `f32`: the best of several rounds of about this length.
pub fn peak_gflops(round: Duration) -> f64 {
    let level = isa();
    let start = Instant::now();
    let once = || black_box(burst(level, black_box(0.5), black_box(0.25))).1;
    once();
    let bursts = (2.0 * round.as_secs_f64() / start.elapsed().as_secs_f64()).ceil() as usize;
    let rate = || {
        let start = Instant::now();
        let operations: usize = parallel::map(bursts, |_| once()).into_iter().sum();
        operations as f64 / start.elapsed().as_secs_f64() / 1e9
    };
    (0..5).map(|_| rate()).fold(0.0, f64::max)
}

/// Measures the most bytes a second (in 10⁹) between memory and all threads together: the triad `a[i] = b[i] + s c[i]`
/// (McCalpin 1995), counting the bytes of the three arrays; the best of several passes. `fraction` of 1 takes arrays of
/// 256 MiB.
pub fn bandwidth_gb_s(fraction: f64) -> f64 {
    let n = ((ELEMENTS as f64 * fraction.clamp(0.0, 1.0)) as usize).max(1);
    let (b, c, mut a) = (vec![1.0f32; n], vec![2.0f32; n], vec![0.0f32; n]);
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        parallel::chunks(&mut a, 1 << 16, |piece, a| {
            let from = piece << 16;
            for ((a, b), c) in a.iter_mut().zip(&b[from..]).zip(&c[from..]) {
                *a = b + 3.0 * c;
            }
        });
        best = best.min(start.elapsed().as_secs_f64());
        black_box(&a);
    }
    (3 * n * size_of::<f32>()) as f64 / best / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::{variants, with};
    use crate::{MatMut, MatRef, Scalar};

    /// The loop must not be optimized away: every level does the same arithmetic, whose limit is y / (1 - x).
    #[test]
    fn the_arithmetic_is_really_done() {
        for &level in variants() {
            let (total, operations) = burst(level, 0.5, 0.25);
            assert_eq!(total, 0.5 * (operations / (2 * ROUNDS)) as f32, "{level:?}");
        }
    }

    /// A fraction of the peak above 1 would mislead. Half is required, since the machine may be busy with other work.
    #[test]
    fn no_product_is_much_faster_than_the_peak() {
        let n = 192;
        let (a, b, mut c) = (vec![0.5f32; n * n], vec![0.25f32; n * n], vec![0.0f32; n * n]);
        for &level in variants().iter().filter(|level| kernels(**level).is_some()) {
            let (peak, product) = with(level, || {
                let mut product = || {
                    let start = Instant::now();
                    f32::gemm(MatRef::new(&a, n, n), MatRef::new(&b, n, n), 0.0, MatMut::new(&mut c, n, n));
                    (2 * n * n * n) as f64 / start.elapsed().as_secs_f64() / 1e9
                };
                let product = (0..20).map(|_| product()).fold(0.0, f64::max);
                (peak_gflops(Duration::from_millis(5)), product)
            });
            assert!(peak > 0.5 * product, "{level:?}: a product reaches {product} of {peak} GFLOP/s");
        }
    }

    #[test]
    fn both_limits_are_positive() {
        for &level in variants() {
            let peak = with(level, || peak_gflops(Duration::from_millis(1)));
            assert!(peak > 0.1 && peak < 1e6, "{level:?}: {peak} GFLOP/s");
        }
        assert!(bandwidth_gb_s(0.001) > 0.01);
    }
}
