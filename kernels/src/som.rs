//! One step of a self-organizing map that learns sample by sample.
//!
//! A step moves units towards a sample, and the next step first needs the distance of every unit to the next sample.
//! Both are done in one pass, while a unit is in the cache: a step is bound by memory, and this halves its traffic.

use crate::dispatch::{Loop, isa, vectorize};
use crate::{Scalar, parallel};

/// Running sums of a squared distance.
const LANES: usize = 16;
/// Units of one piece of parallel work.
const UNITS: usize = 32;
/// Numbers in all units below which a step stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 17;

/// Moves each of `gains.len()` units towards the sample `x`, `w += gain (x - w)`, and writes the squared distance of each
/// to the sample `next`: 16 running sums of its squared differences, added up in order, then the terms of the rest.
///
/// `units` holds them one after the other, each of the length of `x`. A unit whose gain is 0 stays as it is.
pub fn step<T: Scalar>(units: &mut [T], gains: &[T], x: &[T], next: &[T], squared: &mut [T]) {
    let d = x.len();
    let fits = d > 0 && next.len() == d && squared.len() == gains.len() && units.len() / d == gains.len();
    assert!(fits && units.len().is_multiple_of(d), "som step: shapes do not fit");
    let (level, serial) = (isa(), units.len() < SERIAL_BELOW);
    parallel::zip_chunks_unless(serial, units, UNITS * d, squared, UNITS, |piece, units, squared| {
        let gains = &gains[piece * UNITS..][..squared.len()];
        vectorize(level, Step { units, gains, x, next, squared });
    });
}

/// A step of some units.
struct Step<'a, T> {
    units: &'a mut [T],
    gains: &'a [T],
    x: &'a [T],
    next: &'a [T],
    squared: &'a mut [T],
}

impl<T: Scalar> Loop for Step<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { units, gains, x, next, squared } = self;
        for ((w, &gain), squared) in units.chunks_exact_mut(x.len()).zip(gains).zip(squared) {
            if gain != T::ZERO {
                w.iter_mut().zip(x).for_each(|(w, &x)| *w += gain * (x - *w));
            }
            let mut lanes = [T::ZERO; LANES];
            let ((w, w_rest), (next, next_rest)) = (w.as_chunks::<LANES>(), next.as_chunks::<LANES>());
            for (w, next) in w.iter().zip(next) {
                for l in 0..LANES {
                    let difference = next[l] - w[l];
                    lanes[l] += difference * difference;
                }
            }
            let mut sum = lanes[0];
            lanes[1..].iter().for_each(|&lane| sum += lane);
            for (&w, &next) in w_rest.iter().zip(next_rest) {
                sum += (next - w) * (next - w);
            }
            *squared = sum;
        }
    }
}
