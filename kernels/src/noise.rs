//! Standard normal noise that is a function of a key and a place, as dropout's mask is: asking again gives the same, in
//! any order and on any number of threads.
//!
//! Each place has 32 random bits ([`random_bits`]): one is the sign, and the others a probability p between 0 and 1/2,
//! to which belongs the number with p of the normal distribution beyond it. That number comes from the rational
//! approximations of Wichura (*Algorithm AS 241: the percentage points of the normal distribution*, 1988), seven digits
//! good; with 31 bits it is at most 6.3.

use crate::dispatch::{Loop, isa, vectorize};
use crate::dropout::random_bits;
use crate::{Scalar, parallel};

/// Elements per piece of parallel work.
const PIECE: usize = 1 << 12;

/// Returns `(..(c[0] x + c[1]) x + ..) x + c[last]`.
#[inline(always)]
fn polynomial<T: Scalar, const N: usize>(x: T, coefficients: [f64; N]) -> T {
    coefficients.into_iter().fold(T::ZERO, |sum, c| sum * x + T::from_f64(c))
}

/// Returns the standard normal number of 32 random bits.
#[inline(always)]
pub fn normal<T: Scalar>(bits: u32) -> T {
    // The middles of 2^31 equal parts of (0, 1/2).
    let p = T::from_f64((f64::from(bits >> 1) + 0.5) * (1.0 / 4_294_967_296.0));
    let q = T::from_f64(0.5) - p;
    let r = T::from_f64(0.180_625) - q * q;
    let centre = q * polynomial(r, [59.109_374_720, 159.291_132_02, 50.434_271_938, 3.387_132_717_9])
        / polynomial(r, [67.187_563_600, 78.757_757_664, 17.895_169_469, 1.0]);
    let r = (-p.ln()).sqrt() - T::from_f64(1.6);
    let tail = polynomial(r, [0.170_238_211_03, 1.306_728_481_6, 2.756_815_390_0, 1.423_437_277_7])
        / polynomial(r, [0.120_211_329_75, 0.737_001_642_50, 1.0]);
    let size = if q < T::from_f64(0.425) { centre } else { tail };
    if bits & 1 == 0 { size } else { -size }
}

struct Normals<'a, T> {
    key: u64,
    start: usize,
    y: &'a mut [T],
}

impl<T: Scalar> Loop for Normals<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let start = self.start as u32;
        for (i, y) in self.y.iter_mut().enumerate() {
            *y = normal(random_bits(self.key, start.wrapping_add(i as u32)));
        }
    }
}

/// Writes independent standard normals; element i depends on `key` and i alone.
pub fn normals<T: Scalar>(key: u64, y: &mut [T]) {
    let level = isa();
    parallel::chunks(y, PIECE, |piece, y| vectorize(level, Normals { key, start: piece * PIECE, y }));
}
