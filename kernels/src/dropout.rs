//! Dropout without a stored mask: whether element i is kept is a function of a key and i, cheap enough to be computed
//! again in the backward pass.

use crate::dispatch::{Loop, isa, vectorize};
use crate::{Scalar, parallel};

/// Elements per piece of parallel work.
const PIECE: usize = 1 << 12;

/// Returns 32 random bits for each `i` under `key`: a counter-based generator (Salmon et al., *Parallel random numbers:
/// as easy as 1, 2, 3*, 2011), whose function of the counter is two rounds of shifting, multiplying by odd numbers and
/// exclusive or, with one half of the key before each.
#[inline(always)]
pub fn random_bits(key: u64, i: u32) -> u32 {
    let round = |x: u32| {
        let x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
        let x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
        x ^ (x >> 16)
    };
    round(round(i.wrapping_mul(0x9e37_79b9).wrapping_add(key as u32)) ^ (key >> 32) as u32)
}

struct Mask<'a, T> {
    key: u64,
    threshold: u32,
    scale: T,
    start: usize,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Scalar> Loop for Mask<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let start = self.start as u32;
        for (i, (y, &x)) in self.y.iter_mut().zip(self.x).enumerate() {
            let kept = random_bits(self.key, start.wrapping_add(i as u32)) >= self.threshold;
            *y = x * if kept { self.scale } else { T::ZERO };
        }
    }
}

/// Computes `y[i] = x[i] m[i] / (1 - p)`, where m is 0 with probability p (to 32 bits) and else 1, and depends on `key`
/// and i alone.
pub fn dropout<T: Scalar>(key: u64, p: f64, x: &[T], y: &mut [T]) {
    assert_eq!(x.len(), y.len(), "dropout: the lengths do not fit");
    let (level, threshold, scale) = (isa(), (p * 4_294_967_296.0) as u32, T::from_f64(1.0 / (1.0 - p)));
    parallel::chunks(y, PIECE, |piece, y| {
        let start = piece * PIECE;
        vectorize(level, Mask { key, threshold, scale, start, x: &x[start..start + y.len()], y });
    });
}
