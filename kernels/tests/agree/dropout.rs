//! Dropout: the formula, and that the mask looks random.

use crate::common::{Data, always};
use gradus_kernels::dropout::{dropout, random_bits};

#[test]
fn elements_are_dropped_by_their_bits() {
    for n in [0, 1, 17, 40_000] {
        let x = Data::new(n as u64).floats(n);
        let keep = |i: usize| random_bits(0x1234_5678_9abc_def0, i as u32) >= (0.3 * 4_294_967_296.0) as u32;
        let expected: Vec<f32> = (0..n).map(|i| x[i] * if keep(i) { (1.0 / 0.7) as f32 } else { 0.0 }).collect();
        always(&expected, "dropout", || {
            let mut y = vec![f32::NAN; n];
            dropout(0x1234_5678_9abc_def0, 0.3, &x, &mut y);
            y
        });
    }
}

/// Asserts that `hits` of `n` trials fit the probability `p`, within five standard deviations.
#[track_caller]
fn fits(hits: usize, n: usize, p: f64, what: &str) {
    let (mean, deviation) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
    assert!((hits as f64 - mean).abs() < 5.0 * deviation, "{what}: {hits} of {n}, expected {mean} +- {deviation}");
}

#[test]
fn masks_are_random_within_and_between_keys() {
    const N: usize = 100_000;
    // Keys from a generator as the streams give them, and poor ones.
    let keys = [0x8f3a_11c6_27d4_905e, 0x1b79_e02d_5fc8_643a, 0, 1, 1 << 32, u64::MAX];
    let mask = |key: u64, p: f64| -> Vec<bool> {
        (0..N as u32).map(|i| f64::from(random_bits(key, i)) < p * 4_294_967_296.0).collect()
    };
    let both = |a: &[bool], b: &[bool]| a.iter().zip(b).filter(|(a, b)| **a && **b).count();
    for p in [0.1, 0.3, 0.5] {
        let masks = keys.map(|key| mask(key, p));
        for (k, m) in masks.iter().enumerate() {
            fits(m.iter().filter(|m| **m).count(), N, p, "dropped");
            for lag in [1, 2, 3, 16, 25, 64, 1600] {
                fits(both(m, &m[lag..]), N - lag, p * p, &format!("pairs at distance {lag}, key {k}"));
            }
            for (l, other) in masks[..k].iter().enumerate() {
                fits(both(m, other), N, p * p, &format!("pairs under keys {k} and {l}"));
            }
        }
    }
}

#[test]
fn every_bit_is_as_often_set_as_not() {
    for bit in 0..32 {
        let set = (0..100_000).filter(|&i| random_bits(0x8f3a_11c6_27d4_905e, i) >> bit & 1 == 1).count();
        fits(set, 100_000, 0.5, &format!("bit {bit}"));
    }
}
