//! Is it more than luck?

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval (1927) for a share, `successes` out of `n`.
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

/// The result of McNemar's test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Samples that only the first classifier got right.
    pub only_a: usize,
    /// Samples that only the second got right.
    pub only_b: usize,
    /// The chance of a split at least as uneven if both were equally good.
    pub p_value: f64,
}

/// McNemar's test (1947) between two classifiers on the same samples, exact and two-sided.
///
/// Samples that both got right or both wrong say nothing about the difference. If the classifiers are equally good,
/// each of the other m went either way by the toss of a coin: p = min(1, 2 P(Binomial(m, 1/2) <= min(only_a, only_b))).
/// Panics if the slices differ in length.
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
