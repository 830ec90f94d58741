//! Metrics of predicted numbers: errors, R², prediction intervals.

use crate::error::{Error, Result};
use crate::rng::Rng;
use serde::Serialize;

/// Samples drawn anew for an interval.
const DRAWS: u64 = 1000;

/// The errors of n predictions ŷ of true values y, in the units of y.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RegressionErrors {
    /// The mean squared error, Σ (ŷ - y)² / n.
    pub mse: f64,
    /// Its root.
    pub rmse: f64,
    /// The mean absolute error, Σ |ŷ - y| / n.
    pub mae: f64,
    /// The coefficient of determination R² = 1 - Σ (ŷ - y)² / Σ (y - ȳ)², ȳ being the mean of y: 1 is perfect, 0 is as
    /// good as always predicting ȳ, and below 0 is worse. `None` if all true values are equal.
    pub r_squared: Option<f64>,
}

impl RegressionErrors {
    /// Computes the errors. Fails unless there is a prediction for each of at least one true value.
    ///
    /// ```
    /// use gradus::analysis::metrics::RegressionErrors;
    /// let errors = RegressionErrors::of(&[1.0, 2.0, 3.0, 4.0], &[1.0, 2.0, 3.0, 2.0])?;
    /// assert_eq!((errors.mse, errors.mae, errors.r_squared), (1.0, 0.5, Some(1.0 - 4.0 / 5.0)));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn of(y_true: &[f64], predicted: &[f64]) -> Result<Self> {
        let n = y_true.len();
        if n == 0 || n != predicted.len() {
            let what = format!(
                "regression errors: expected a prediction for each of at least one value, found {n} values and {} predictions",
                predicted.len()
            );
            return Err(Error::invalid(what));
        }
        let sum = |f: &dyn Fn(f64, f64) -> f64| y_true.iter().zip(predicted).map(|(&y, &p)| f(y, p)).sum::<f64>();
        let squares = sum(&|y, p| (p - y) * (p - y));
        let mean = sum(&|y, _| y) / n as f64;
        let total = sum(&|y, _| (y - mean) * (y - mean));
        let mse = squares / n as f64;
        Ok(Self {
            mse,
            rmse: mse.sqrt(),
            mae: sum(&|y, p| (p - y).abs()) / n as f64,
            r_squared: (total > 0.0).then(|| 1.0 - squares / total),
        })
    }
}

/// Returns the 95 % interval of R² over new samples: the percentile bootstrap (Efron 1979) of 1000 draws with
/// replacement, by the stream ("r_squared", 0) of `seed`. `None` where R² has no value.
pub fn r_squared_interval(y_true: &[f64], predicted: &[f64], seed: u64) -> Option<(f64, f64)> {
    RegressionErrors::of(y_true, predicted).ok()?.r_squared?;
    let mut rng = Rng::new(seed, "r_squared", 0);
    let n = y_true.len();
    let mut values: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let drawn: Vec<usize> = (0..n).map(|_| rng.below(n)).collect();
            let of = |values: &[f64]| drawn.iter().map(|&i| values[i]).collect::<Vec<_>>();
            RegressionErrors::of(&of(y_true), &of(predicted)).ok()?.r_squared
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values.get(((values.len() - 1) as f64 * q).round() as usize).copied();
    Some((at(0.025)?, at(0.975)?))
}

/// Returns the half-width q of prediction intervals ŷ ± q that hold a new true value with probability `coverage` at
/// least, computed from absolute residuals |ŷ - y| of samples that the network was not trained on: the k-th smallest of
/// n, with k = ⌈(n + 1) coverage⌉ (split conformal prediction; Vovk, Gammerman and Shafer 2005, Lei et al. 2018). It
/// holds if these samples and the new ones are exchangeable. `None` if n is too small for it.
pub fn conformal_half_width(residuals: &[f64], coverage: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    sorted.sort_by(f64::total_cmp);
    let k = ((sorted.len() + 1) as f64 * coverage).ceil() as usize;
    sorted.get(k.checked_sub(1)?).copied()
}

/// Returns the range, central and of probability 95 % or more, of the fraction of `m` new values that intervals of
/// half-width q hold, q being computed from `n` residuals by [`conformal_half_width`]. q is a random number itself:
/// with k as there and without ties, the number held is beta-binomial with α = k and β = n + 1 - k (Vovk 2012). `None`
/// where q has no value, or m is 0.
pub fn conformal_coverage_range(n: usize, m: usize, coverage: f64) -> Option<(f64, f64)> {
    let k = ((n + 1) as f64 * coverage).ceil() as usize;
    if k == 0 || k > n || m == 0 {
        return None;
    }
    let (alpha, beta) = (k as f64, (n + 1 - k) as f64);
    let ln_beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let probability = |x: f64| {
        let rest = m as f64 - x;
        let ln_choose = -libm::log(m as f64 + 1.0) - ln_beta(x + 1.0, rest + 1.0);
        libm::exp(ln_choose + ln_beta(alpha + x, beta + rest) - ln_beta(alpha, beta))
    };
    let (mut below, mut ends) = (0.0, [m; 2]);
    for x in (0..=m).rev() {
        // From above: the upper end is the first number with no more than 2.5 % beyond it.
        let here = probability(x as f64);
        if below <= 0.025 && below + here > 0.025 {
            ends[1] = x;
        }
        if below < 0.975 && below + here >= 0.975 {
            ends[0] = x;
        }
        below += here;
    }
    Some((ends[0] as f64 / m as f64, ends[1] as f64 / m as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_by_hand() {
        let errors = RegressionErrors::of(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0]).unwrap();
        assert!((errors.mse - 0.375).abs() < 1e-12 && (errors.mae - 0.5).abs() < 1e-12);
        // 1 - 1.5 / 29.1875
        assert!((errors.r_squared.unwrap() - 0.948_608_137_044_967_9).abs() < 1e-12);
        assert_eq!(RegressionErrors::of(&[2.0, 2.0], &[1.0, 3.0]).unwrap().r_squared, None);
        assert!(RegressionErrors::of(&[], &[]).is_err() && RegressionErrors::of(&[1.0], &[]).is_err());
    }

    #[test]
    fn the_interval_of_r_squared_holds_it_and_shrinks_with_n() {
        let width = |n: usize| {
            let mut rng = Rng::new(3, "test", n as u64);
            let y_true: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let predicted: Vec<f64> = y_true.iter().map(|y| y + 0.5 * rng.normal()).collect();
            let value = RegressionErrors::of(&y_true, &predicted).unwrap().r_squared.unwrap();
            let (low, high) = r_squared_interval(&y_true, &predicted, 1).unwrap();
            assert!(low < value && value < high, "{low} {value} {high}");
            high - low
        };
        assert!(width(2000) < 0.5 * width(100));
    }

    /// Of one value and 19 residuals, 1 in 20 is not held, so both results are usual; of many, the range is that of α
    /// / (α + β).
    #[test]
    fn the_range_of_coverage_by_hand_and_by_simulation() {
        assert_eq!(conformal_coverage_range(19, 1, 0.95), Some((0.0, 1.0)));
        assert_eq!(conformal_coverage_range(18, 5, 0.95), None);
        // 90 of 90 held has the probability 87 88 89 90 / (177 178 179 180) = 0.06: not unusual.
        assert_eq!(conformal_coverage_range(90, 90, 0.95).unwrap().1, 1.0);
        let (low, high) = conformal_coverage_range(100_000, 100_000, 0.95).unwrap();
        assert!((0.9465..0.9485).contains(&low) && (0.9515..0.9535).contains(&high), "{low} {high}");
        let (n, m, rounds) = (199, 300, 2000);
        let (low, high) = conformal_coverage_range(n, m, 0.95).unwrap();
        let mut rng = Rng::new(5, "test", 0);
        let outside = (0..rounds).filter(|_| {
            let residuals: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let q = conformal_half_width(&residuals, 0.95).unwrap();
            let held = (0..m).filter(|_| rng.normal().abs() <= q).count() as f64 / m as f64;
            held < low || held > high
        });
        let outside = outside.count() as f64 / rounds as f64;
        assert!((0.02..=0.055).contains(&outside), "{outside}");
    }

    /// Of 2000 samples of 40 residuals each, the interval holds a new one in 95 % to 97 %: k = 39 of 41 places.
    #[test]
    fn intervals_hold_new_values() {
        let mut rng = Rng::new(7, "test", 0);
        let (mut held, rounds) = (0, 2000);
        for _ in 0..rounds {
            let residuals: Vec<f64> = (0..40).map(|_| rng.normal()).collect();
            let q = conformal_half_width(&residuals, 0.95).unwrap();
            held += usize::from(rng.normal().abs() <= q);
        }
        let coverage = held as f64 / rounds as f64;
        assert!((0.94..=0.965).contains(&coverage), "{coverage}");
        assert_eq!(conformal_half_width(&[1.0; 18], 0.95), None);
        assert_eq!(conformal_half_width(&[-2.0; 19], 0.95), Some(2.0));
    }
}
