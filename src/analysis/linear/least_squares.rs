//! Ordinary least squares, by the singular value decomposition.
//!
//! With X = U S Vᵀ (centred), the minimizer of ‖y - Xw‖² is w = V S⁻¹ Uᵀ y. Singular values that are rounding errors (at most
//! max(n, d) ε times the largest) are left out, which gives the shortest of all minimizers where columns depend on each other
//! or are more than the samples. The normal equations would square the condition of X.
//!
//! If y = Xw + b + noise, the noise being independent, of mean 0 and variance σ², then the covariance of the estimate is
//! σ² (XᵀX)⁻¹ = σ² V S⁻² Vᵀ, and σ² is estimated by the sum of squared residuals over n - 1 - rank (Hastie, Tibshirani and
//! Friedman 2009, section 3.2).

use super::{Centred, predict};
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::ArrayView2;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A linear model that was fitted by ordinary least squares.
///
/// ```
/// use gradus::analysis::linear::LeastSquares;
/// use ndarray::array;
///
/// // y = 2 u - v + 1, with a little noise.
/// let x = array![[0.0, 1.0], [1.0, 0.0], [2.0, 2.0], [3.0, 1.0], [4.0, 3.0]];
/// let model = LeastSquares::fit(x.view(), &[0.1, 2.9, 3.0, 6.1, 5.9])?;
/// assert!((model.weights[0] - 2.0).abs() < 0.1 && (model.weights[1] + 1.0).abs() < 0.1);
/// // The intervals hold the true weights.
/// let (low, high) = model.interval(0, 0.95).unwrap();
/// assert!(low < 2.0 && 2.0 < high);
/// assert!((model.predict(array![[5.0, 5.0]].view())?[0] - 6.0).abs() < 0.3);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LeastSquares {
    /// w, a weight for each column, in units of y per unit of the column.
    pub weights: Vec<f64>,
    /// b, in units of y.
    pub intercept: f64,
    /// The standard error of each weight, the square root of the diagonal of σ² (XᵀX)⁻¹. `None` where it is not defined: the
    /// columns depend on each other, or no degree of freedom is left.
    pub standard_errors: Option<Vec<f64>>,
    /// The estimate of σ², the variance of the noise; `None` without a degree of freedom.
    pub noise_variance: Option<f64>,
    /// How many columns are linearly independent.
    pub rank: usize,
    /// n - 1 - rank.
    pub degrees_of_freedom: usize,
}

impl LeastSquares {
    /// Fits w and b to the rows of `x` (n x d) and their targets. A constant column gets the weight 0.
    ///
    /// Fails with fewer than two rows, without a target for each, or on numbers that are not finite.
    pub fn fit<T: Real>(x: ArrayView2<'_, T>, y: &[f64]) -> Result<Self> {
        let data = Centred::new("least squares", x, y)?;
        let (n, d) = (data.x.nrows(), data.x.ncols());
        let fault = |_| Error::invalid("least squares: the singular values do not converge: scale the columns");
        let svd = data.x.thin_svd().map_err(fault)?;
        let (u, s, v) = (svd.U(), svd.S(), svd.V());
        let largest = (0..n.min(d)).map(|k| s[k]).fold(0.0, f64::max);
        let noise = n.max(d) as f64 * f64::EPSILON * largest;
        let kept: Vec<usize> = (0..n.min(d)).filter(|&k| s[k] > noise).collect();
        // Uᵀ y over S.
        let along: Vec<f64> = kept.iter().map(|&k| (0..n).map(|i| u[(i, k)] * data.y[i]).sum::<f64>() / s[k]).collect();
        let weights: Vec<f64> =
            (0..d).map(|j| kept.iter().zip(&along).map(|(&k, a)| v[(j, k)] * a).sum::<f64>()).collect();
        let (rank, degrees_of_freedom) = (kept.len(), (n - 1).saturating_sub(kept.len()));
        let noise_variance = (degrees_of_freedom > 0).then(|| data.squares(&weights) / degrees_of_freedom as f64);
        let error =
            |j: usize, variance: f64| (variance * kept.iter().map(|&k| (v[(j, k)] / s[k]).powi(2)).sum::<f64>()).sqrt();
        let standard_errors = noise_variance
            .filter(|_| rank == d)
            .map(|variance| (0..d).map(|j| error(j, variance)).collect::<Vec<f64>>());
        let intercept = data.intercept(&weights);
        Ok(Self { weights, intercept, standard_errors, noise_variance, rank, degrees_of_freedom })
    }

    /// Returns the interval of weight `j` that holds the true weight with probability `coverage`, if the noise is normal:
    /// w ± t SE, t being the quantile of Student's distribution. `None` where there is no standard error.
    pub fn interval(&self, j: usize, coverage: f64) -> Option<(f64, f64)> {
        let error = self.standard_errors.as_ref()?[j];
        let student = StudentsT::new(0.0, 1.0, self.degrees_of_freedom as f64).ok()?;
        let half = student.inverse_cdf(0.5 + 0.5 * coverage) * error;
        Some((self.weights[j] - half, self.weights[j] + half))
    }

    /// Returns ŷ for each row of `x`. Fails if it has another number of columns.
    pub fn predict<T: Real>(&self, x: ArrayView2<'_, T>) -> Result<Vec<f64>> {
        predict("least squares", x, &self.weights, self.intercept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    /// A line through (0, 1), (1, 3), (2, 4), (3, 7): slope 1.9, intercept 0.9, squared residuals 0.7.
    #[test]
    fn a_line_by_hand() {
        let x = array![[0.0], [1.0], [2.0], [3.0]];
        let line = LeastSquares::fit(x.view(), &[1.0, 3.0, 4.0, 7.0]).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        close(line.weights[0], 1.9);
        close(line.intercept, 0.9);
        close(line.noise_variance.unwrap(), 0.35);
        close(line.standard_errors.clone().unwrap()[0], (0.35f64 / 5.0).sqrt());
        // Student's quantile of 0.975 with 2 degrees of freedom is 4.302653.
        let (low, high) = line.interval(0, 0.95).unwrap();
        assert!((high - low - 2.0 * 4.302_653 * 0.07f64.sqrt()).abs() < 1e-5);
        close(line.predict(array![[10.0f32]].view()).unwrap()[0], 19.9);
    }

    #[test]
    fn dependent_columns_share_a_weight_and_have_no_standard_error() {
        let x = array![[1.0, 1.0, 5.0], [2.0, 2.0, 5.0], [4.0, 4.0, 5.0], [7.0, 7.0, 5.0]];
        let model = LeastSquares::fit(x.view(), &[2.0, 4.0, 8.0, 14.0]).unwrap();
        assert_eq!((model.rank, model.degrees_of_freedom), (1, 2));
        assert!(model.weights.iter().zip([1.0, 1.0, 0.0]).all(|(w, expected)| (w - expected).abs() < 1e-12));
        assert!(model.standard_errors.is_none() && model.interval(0, 0.95).is_none());
        // More columns than samples: the samples are met, and nothing is known of the noise.
        let wide = LeastSquares::fit(array![[1.0, 0.0, 2.0, 1.0], [0.0, 1.0, 1.0, 5.0]].view(), &[3.0, -1.0]).unwrap();
        assert_eq!((wide.rank, wide.noise_variance), (1, None));
    }

    #[test]
    fn invalid_inputs_are_named() {
        let message = |x: Array2<f64>, y: &[f64]| LeastSquares::fit(x.view(), y).unwrap_err().to_string();
        let two = array![[1.0], [2.0]];
        let count = "least squares: expected at least 2 rows and a target for each, found 2 rows and 1 targets";
        assert_eq!(message(two.clone(), &[1.0]), count);
        assert!(message(two.clone(), &[1.0, f64::NAN]).contains("target 1 is NaN"));
        assert!(message(array![[1.0], [f64::INFINITY]], &[1.0, 2.0]).contains("row 1, column 0"));
        let model = LeastSquares::fit(two.view(), &[1.0, 2.0]).unwrap();
        let other = model.predict(array![[1.0, 2.0]].view()).unwrap_err().to_string();
        assert_eq!(other, "least squares: x has 2 columns, but it was fitted on 1");
    }
}
