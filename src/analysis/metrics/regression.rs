//! How near predicted numbers come to the true ones.

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
    /// The coefficient of determination R² = 1 - Σ (ŷ - y)² / Σ (y - ȳ)², ȳ being the mean of y: 1 is perfect, 0 is as good as
    /// always predicting ȳ, and below 0 is worse. `None` if all true values are equal.
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
    pub fn of(truth: &[f64], predicted: &[f64]) -> Result<Self> {
        let n = truth.len();
        if n == 0 || n != predicted.len() {
            let what = format!(
                "regression errors: expected a prediction for each of at least one value, found {n} values and {} predictions",
                predicted.len()
            );
            return Err(Error::invalid(what));
        }
        let sum = |f: &dyn Fn(f64, f64) -> f64| truth.iter().zip(predicted).map(|(&y, &p)| f(y, p)).sum::<f64>();
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

/// The 95 % interval of R² over new samples: the percentile bootstrap (Efron 1979) of 1000 draws with replacement, by the
/// stream ("r_squared", 0) of `seed`. `None` where R² has no value.
pub fn r_squared_interval(truth: &[f64], predicted: &[f64], seed: u64) -> Option<(f64, f64)> {
    RegressionErrors::of(truth, predicted).ok()?.r_squared?;
    let mut rng = Rng::new(seed, "r_squared", 0);
    let n = truth.len();
    let mut values: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let drawn: Vec<usize> = (0..n).map(|_| rng.below(n)).collect();
            let of = |values: &[f64]| drawn.iter().map(|&i| values[i]).collect::<Vec<_>>();
            RegressionErrors::of(&of(truth), &of(predicted)).ok()?.r_squared
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |q: f64| values.get(((values.len() - 1) as f64 * q).round() as usize).copied();
    Some((at(0.025)?, at(0.975)?))
}

/// The half-width q of prediction intervals ŷ ± q that hold a new true value with probability `coverage` at least, learned
/// from absolute residuals |ŷ - y| of samples that the network was not trained on: the k-th smallest of n, with
/// k = ⌈(n + 1) coverage⌉ (split conformal prediction; Vovk, Gammerman and Shafer 2005, Lei et al. 2018). It holds if these
/// samples and the new ones are exchangeable. `None` if n is too small for it.
pub fn conformal_half_width(residuals: &[f64], coverage: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    sorted.sort_by(f64::total_cmp);
    let k = ((sorted.len() + 1) as f64 * coverage).ceil() as usize;
    sorted.get(k.checked_sub(1)?).copied()
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
            let truth: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let predicted: Vec<f64> = truth.iter().map(|y| y + 0.5 * rng.normal()).collect();
            let value = RegressionErrors::of(&truth, &predicted).unwrap().r_squared.unwrap();
            let (low, high) = r_squared_interval(&truth, &predicted, 1).unwrap();
            assert!(low < value && value < high, "{low} {value} {high}");
            high - low
        };
        assert!(width(2000) < 0.5 * width(100));
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
