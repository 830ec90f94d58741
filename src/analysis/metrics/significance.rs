//! Intervals and tests: is a difference larger than chance explains?
//!
//! Fractions of independent samples: [`wilson_interval`] for one, [`difference_interval`] for two. The same samples
//! classified by two classifiers: [`mcnemar`]. Any paired differences: [`mean_interval`].

/// The 97.5 % quantile of the normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// Computes Wilson's 95 % interval (1927) for a proportion, `successes` out of `n`.
///
/// Unlike p ± 1.96 √(p(1-p)/n) it stays within [0, 1] and has a width also at 0 and n. (0, 1) for n = 0.
pub fn wilson_interval(successes: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (n as f64, successes as f64 / n as f64);
    let scale = 1.0 / (1.0 + Z * Z / n);
    let (middle, half) = (p + Z * Z / (2.0 * n), Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt());
    ((scale * (middle - half)).max(0.0), (scale * (middle + half)).min(1.0))
}

/// Computes Newcombe's 95 % interval (1998, method 10) for the difference p_a - p_b of two fractions of independent
/// samples, each given as `(successes, n)`.
///
/// With Wilson's intervals (l, u) of the two: from d - √((p_a - l_a)² + (u_b - p_b)²) to d + √((u_a - p_a)² + (p_b -
/// l_b)²). The difference is significant at the 5 % level if 0 lies outside. (-1, 1) if either n is 0.
pub fn difference_interval(a: (usize, usize), b: (usize, usize)) -> (f64, f64) {
    if a.1 == 0 || b.1 == 0 {
        return (-1.0, 1.0);
    }
    let fraction = |(hits, n): (usize, usize)| hits as f64 / n as f64;
    let ((low_a, high_a), (low_b, high_b)) = (wilson_interval(a.0, a.1), wilson_interval(b.0, b.1));
    let (p_a, p_b) = (fraction(a), fraction(b));
    let d = p_a - p_b;
    (d - libm::hypot(p_a - low_a, high_b - p_b), d + libm::hypot(high_a - p_a, p_b - low_b))
}

/// Returns the normal 95 % interval x̄ ± 1.96 s / √n for the mean of independent values, s with divisor n - 1. The
/// whole line for fewer than two values.
pub fn mean_interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    if values.len() < 2 {
        return (f64::NEG_INFINITY, f64::INFINITY);
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    let half = Z * (variance / n).sqrt();
    (mean - half, mean + half)
}

/// The result of McNemar's test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Samples that only the first classifier predicts correctly.
    pub only_a: usize,
    /// Samples that only the second predicts correctly.
    pub only_b: usize,
    /// The probability of a split at least as uneven if both were equally good.
    pub p_value: f64,
}

/// Computes McNemar's test (1947) between two classifiers on the same samples, exact and two-sided.
///
/// Samples that both predict correctly, or both incorrectly, say nothing about the difference. If the classifiers are
/// equally good, each of the other m went either way by the toss of a coin: p = min(1, 2 P(Binomial(m, 1/2) <=
/// min(only_a, only_b))). Panics if the slices differ in length.
pub fn mcnemar(a_correct: &[bool], b_correct: &[bool]) -> McNemar {
    assert_eq!(a_correct.len(), b_correct.len(), "mcnemar: both classifiers on the same samples");
    let count = |f: fn(bool, bool) -> bool| a_correct.iter().zip(b_correct).filter(|&(&a, &b)| f(a, b)).count();
    let (only_a, only_b) = (count(|a, b| a && !b), count(|a, b| b && !a));
    let m = only_a + only_b;
    // P(i) = m! / (i! (m-i)!) / 2^m, by logarithms, so that it does not underflow for large m.
    let ln_choose = |i: usize| {
        let ln_factorial = |k: usize| libm::lgamma(k as f64 + 1.0);
        ln_factorial(m) - ln_factorial(i) - ln_factorial(m - i)
    };
    let coin = |i: usize| libm::exp(ln_choose(i) - m as f64 * std::f64::consts::LN_2);
    let tail: f64 = (0..=only_a.min(only_b)).map(coin).sum();
    McNemar { only_a, only_b, p_value: (2.0 * tail).min(1.0) }
}
