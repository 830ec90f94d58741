//! What this machine can do at most: multiply-adds a second, and bytes a second to and from memory.
//!
//! Two loops that do nothing useful as fast as possible, measured on the threads in use. Every benchmark is a share of
//! one of the two limits; which one says what to work on.

use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::parallel;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Independent sums: a multiply-add takes 4 or 5 cycles and two start in each.
const SUMS: usize = 12;

/// Multiply-adds of each lane between two looks at the clock.
const ROUNDS: usize = 20_000;

/// Elements of each array of the memory test: 256 MiB, beyond any cache.
const ELEMENTS: usize = 1 << 26;

/// `sum ← x · sum + y` on vectors of L numbers in registers, again and again; fused where there is an instruction for it.
struct MultiplyAdds<const L: usize, const FUSED: bool> {
    x: f32,
    y: f32,
}

impl<const L: usize, const FUSED: bool> MultiplyAdds<L, FUSED> {
    #[inline(always)]
    fn add(&self, sum: &mut [f32; L]) {
        for s in sum {
            // Without the instruction, `mul_add` would be a call of a slow function.
            *s = if FUSED { self.x.mul_add(*s, self.y) } else { self.x * *s + self.y };
        }
    }
}

impl<const L: usize, const FUSED: bool> Loop for MultiplyAdds<L, FUSED> {
    type Output = (f32, usize);
    #[inline(always)]
    fn run(self) -> (f32, usize) {
        // By name, not in an array: the compiler then keeps each in a register.
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h, mut i, mut j, mut k, mut l] = [[1.0; L]; SUMS];
        for _ in 0..ROUNDS {
            self.add(&mut a);
            self.add(&mut b);
            self.add(&mut c);
            self.add(&mut d);
            self.add(&mut e);
            self.add(&mut f);
            self.add(&mut g);
            self.add(&mut h);
            self.add(&mut i);
            self.add(&mut j);
            self.add(&mut k);
            self.add(&mut l);
        }
        ([a, b, c, d, e, f, g, h, i, j, k, l].iter().flatten().sum(), 2 * ROUNDS * SUMS * L)
    }
}

/// One burst of arithmetic at a level: what came out, and how many operations it took.
fn burst(level: Isa, x: f32, y: f32) -> (f32, usize) {
    match level {
        Isa::Avx512 => vectorize(level, MultiplyAdds::<16, true> { x, y }),
        Isa::Avx2 => vectorize(level, MultiplyAdds::<8, true> { x, y }),
        Isa::Neon => vectorize(level, MultiplyAdds::<4, true> { x, y }),
        Isa::Scalar => vectorize(level, MultiplyAdds::<4, false> { x, y }),
    }
}

/// The most floating-point operations a second (in 10⁹, a multiply-add counting two) of all threads together, in `f32`:
/// the best of several rounds of about this length.
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

/// The most bytes a second (in 10⁹) between memory and all threads together: the triad `a[i] = b[i] + s c[i]` (McCalpin
/// 1995), counting the bytes of the three arrays; the best of several passes. `share` of 1 takes arrays of 256 MiB.
pub fn bandwidth_gb_s(share: f64) -> f64 {
    let n = ((ELEMENTS as f64 * share.clamp(0.0, 1.0)) as usize).max(1);
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

    /// The loop must not be optimized away: every level does the same arithmetic, whose limit is y / (1 - x).
    #[test]
    fn the_arithmetic_is_really_done() {
        for &level in variants() {
            let (total, operations) = burst(level, 0.5, 0.25);
            assert_eq!(total, 0.5 * (operations / (2 * ROUNDS)) as f32, "{level:?}");
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
