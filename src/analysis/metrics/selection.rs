//! The gain that choosing the best of several has by chance alone.

use std::f64::consts::{PI, SQRT_2};

/// Returns the expected maximum of `k` independent standard normal variables,
///
/// E = ∫ x k φ(x) Φ(x)^(k-1) dx,
///
/// with the density φ and the distribution function Φ. It is 0 for k = 1, 0.5642 for 2, 1.5388 for 10, 2.5076 for 100,
/// and grows like √(2 ln k); 0 for k = 0. The trapezoidal rule on [-12, 12] in steps of 1/64: for an analytic
/// integrand that vanishes with all derivatives at both ends its error falls exponentially with the step (Trefethen
/// and Weideman 2014), here below 1e-12.
pub fn expected_maximum(k: usize) -> f64 {
    if k == 0 {
        return 0.0;
    }
    const STEP: f64 = 1.0 / 64.0;
    let density = |x: f64| libm::exp(-0.5 * x * x) / (2.0 * PI).sqrt();
    let below = |x: f64| 0.5 * libm::erfc(-x / SQRT_2);
    let value = |i: i32| {
        let x = f64::from(i) * STEP;
        x * k as f64 * density(x) * libm::pow(below(x), (k - 1) as f64)
    };
    (-768..=768).map(value).sum::<f64>() * STEP
}

/// Returns how far above its true accuracy the best of `k` networks is expected to come out on `n` test samples, if
/// all of them have the true accuracy `p` and one is chosen by that very test:
///
/// √(p (1 - p) / n) · E\[max of k standard normals\].
///
/// The normal distribution stands for the binomial one, and the networks' mistakes are taken as independent. Networks
/// that err on the same samples gain less, so this is an upper bound. 0 without samples.
pub fn selection_gain(p: f64, n: usize, k: usize) -> f64 {
    if n == 0 { 0.0 } else { (p * (1.0 - p) / n as f64).max(0.0).sqrt() * expected_maximum(k) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// 1/√π and 3/(2√π) are exact; the others stand in tables (Harter 1961).
    #[test]
    fn the_maximum_of_normals_by_table() {
        let known = [
            (0, 0.0),
            (1, 0.0),
            (2, 1.0 / PI.sqrt()),
            (3, 1.5 / PI.sqrt()),
            (5, 1.162_964_473_640_519_6),
            (10, 1.538_752_730_835_174_8),
            (100, 2.507_593_6),
        ];
        for (k, value) in known {
            assert!((expected_maximum(k) - value).abs() < 1e-7, "{k}: {} and {value}", expected_maximum(k));
        }
    }

    /// 20 networks that are correct in 90 of 100 cases, tested on 500 samples: the best of them, in the mean of 2,000
    /// such races.
    #[test]
    fn the_best_of_twenty_by_simulation() {
        let (p, n, k, races) = (0.9, 500, 20, 2000);
        let mut rng = Rng::new(5, "selection", 0);
        let mut best_of = || (0..k).map(|_| (0..n).filter(|_| rng.chance(p)).count()).max().unwrap() as f64 / n as f64;
        let mean = (0..races).map(|_| best_of()).sum::<f64>() / f64::from(races);
        let gain = selection_gain(p, n, k);
        assert!((mean - p - gain).abs() < 0.06 * gain, "simulated {}, computed {gain}", mean - p);
        assert_eq!(selection_gain(0.9, 0, 5), 0.0);
        assert_eq!(selection_gain(1.0, 50, 5), 0.0);
    }
}
