//! Comparing forecasts of one series: their errors are paired, and those near each other in time depend on each other.

use super::significance::Z;
use crate::error::{Error, Result};
use serde::Serialize;

/// The mean loss of one forecast minus that of another on the same values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ForecastDifference {
    /// d̄, the mean of the first losses minus that of the second.
    pub difference: f64,
    /// The 95 % interval of its expectation.
    pub interval: [f64; 2],
}

/// Compares the losses `a` and `b` (squared errors, say) of two forecasts of the same consecutive values, made `horizon` steps
/// ahead (Diebold and Mariano 1995).
///
/// Errors of forecasts h steps ahead depend on each other up to h - 1 steps apart even where the forecasts are as good as can be.
/// With `d[t] = a[t] - b[t]` and its autocovariances `γ[k] = Σ (d[t] - d̄) (d[t-k] - d̄) / n`, the interval is
///
/// ```text
/// d̄ ± 1.96 √(V / n)        V = γ[0] + 2 Σ γ[k],  k = 1, .., h - 1
/// ```
///
/// That V may come out at 0 or below; then `γ[k]` is weighted by `1 - k / h`, whose sum cannot be negative (Newey and West 1987).
/// With horizon 1 the interval is the usual one of a mean of pairs.
///
/// Fails unless there are at least two losses in each, as many, all finite, and more than `horizon`, which is at least 1.
///
/// ```
/// use gradus::analysis::metrics::diebold_mariano;
/// let found = diebold_mariano(&[1.0, 2.0, 1.0, 2.0], &[2.0, 4.0, 2.0, 4.0], 1)?;
/// assert_eq!(found.difference, -1.5);
/// assert!(found.interval[1] < 0.0, "the first is better");
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn diebold_mariano(a: &[f64], b: &[f64], horizon: usize) -> Result<ForecastDifference> {
    let (n, m) = (a.len(), b.len());
    if n != m || n < 2 || n <= horizon || horizon == 0 {
        let what = format!(
            "diebold mariano: expected as many losses of both, more than the horizon {horizon} from 1, found {n} and {m}"
        );
        return Err(Error::invalid(what));
    }
    let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    if let Some(i) = d.iter().position(|d| !d.is_finite()) {
        return Err(Error::invalid(format!("diebold mariano: the losses of value {i} are {} and {}", a[i], b[i])));
    }
    let mean = d.iter().sum::<f64>() / n as f64;
    let covariance = |k: usize| d[k..].iter().zip(&d).map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>() / n as f64;
    let each: Vec<f64> = (0..horizon).map(covariance).collect();
    let variance = |weight: &dyn Fn(usize) -> f64| {
        each[0] + 2.0 * each.iter().enumerate().skip(1).map(|(k, c)| weight(k) * c).sum::<f64>()
    };
    let flat = variance(&|_| 1.0);
    let long_run = if flat > 0.0 { flat } else { variance(&|k| 1.0 - k as f64 / horizon as f64).max(0.0) };
    let half = Z * (long_run / n as f64).sqrt();
    Ok(ForecastDifference { difference: mean, interval: [mean - half, mean + half] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_difference_by_hand() {
        // d = 1, 3, 2, 2, 4, 0: mean 2; γ0 = (1 + 1 + 0 + 0 + 4 + 4) / 6, γ1 = (-1 + 0 + 0 + 0 - 4) / 6.
        let (a, b) = ([2.0, 4.0, 3.0, 3.0, 5.0, 1.0], [1.0; 6]);
        let half = |horizon: usize| {
            let found = diebold_mariano(&a, &b, horizon).unwrap();
            assert_eq!(found.difference, 2.0);
            let [low, high] = found.interval;
            assert!((low + high - 4.0).abs() < 1e-12);
            (high - low) / 2.0
        };
        assert!((half(1) - Z * (10.0f64 / 36.0).sqrt()).abs() < 1e-12);
        // γ0 + 2 γ1 = 0: weighted by one half, 10 / 6 - 5 / 6.
        assert!((half(2) - Z * (5.0f64 / 36.0).sqrt()).abs() < 1e-12);
        // γ2 = 0, so the sum is 0 again; with weights 2/3 and 1/3 it is 10 / 6 - 2 · 2/3 · 5 / 6 = 5 / 9.
        assert!((half(3) - Z * (5.0f64 / 54.0).sqrt()).abs() < 1e-12);
        let doubled = diebold_mariano(&b, &a, 1).unwrap();
        assert!(doubled.difference == -2.0 && doubled.interval[1] < 0.0);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for (a, b, horizon) in [
            (&[1.0, 2.0][..], &[1.0][..], 1),
            (&[1.0], &[1.0], 1),
            (&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 3),
            (&[1.0, 2.0], &[1.0, 2.0], 0),
            (&[1.0, f64::NAN], &[1.0, 2.0], 1),
        ] {
            assert!(diebold_mariano(a, b, horizon).is_err(), "{a:?} {b:?} {horizon}");
        }
    }

    /// Sums of three independent numbers depend on each other up to two steps apart: with horizon 3 the interval holds the true
    /// difference, 0, about as often as it should; with horizon 1 it is too narrow.
    #[test]
    fn intervals_of_dependent_losses_hold_the_true_difference() {
        let (n, rounds) = (400, 600);
        let mut held = [0; 2];
        for round in 0..rounds {
            let mut rng = Rng::new(3, "test", round);
            let noise: Vec<f64> = (0..n + 2).map(|_| rng.normal()).collect();
            let a: Vec<f64> = noise.windows(3).map(|three| three.iter().sum()).collect();
            for (held, horizon) in held.iter_mut().zip([3, 1]) {
                let [low, high] = diebold_mariano(&a, &vec![0.0; n], horizon).unwrap().interval;
                *held += usize::from(low <= 0.0 && 0.0 <= high);
            }
        }
        let [right, narrow] = held.map(|n| n as f64 / rounds as f64);
        assert!((0.92..=0.97).contains(&right) && narrow < 0.85, "{right} {narrow}");
    }
}
