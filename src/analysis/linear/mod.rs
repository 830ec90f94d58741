//! Linear models: ŷ = w · x + b, with what is known of the weights.
//!
//! Two ways to find w from n samples (the rows of X, n x d, and y):
//!
//! * [`LeastSquares`] minimizes Σ (ŷ - y)² (Legendre 1805; Gauss 1809). Every column gets a weight, and where columns are many
//!   and samples few, most of what it gives them is noise.
//! * [`Relevance`] puts a normal prior of mean 0 on each weight, with a precision of its own, and finds the precisions under
//!   which the data are most probable: automatic relevance determination (MacKay 1992; Tipping 2001). The precision of a column
//!   that explains nothing grows without bound, which takes the column out of the model.
//!
//! Both centre the columns of X and y first, so that b = ȳ - w · x̄ and the prior is on slopes alone.

mod least_squares;
mod relevance;

pub use least_squares::LeastSquares;
pub use relevance::{Ard, Relevance};

use super::{column_means, flat, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use faer::{Col, Mat};
use ndarray::ArrayView2;

/// Samples and targets without their means.
struct Centred {
    x: Mat<f64>,
    y: Col<f64>,
    x_mean: Vec<f64>,
    y_mean: f64,
}

impl Centred {
    /// Fails unless there is a finite target for each of at least two rows of finite numbers.
    fn new<T: Real>(op: &str, x: ArrayView2<'_, T>, y: &[f64]) -> Result<Self> {
        let x = samples(op, x)?;
        let (n, d) = x.dim();
        if n != y.len() || n < 2 {
            let k = y.len();
            let what = format!("{op}: expected at least 2 rows and a target for each, found {n} rows and {k} targets");
            return Err(Error::invalid(what));
        }
        if let Some(i) = y.iter().position(|y| !y.is_finite()) {
            return Err(Error::invalid(format!("{op}: target {i} is {}: expected a finite number", y[i])));
        }
        let x_mean = column_means(&x);
        let y_mean = y.iter().sum::<f64>() / n as f64;
        let numbers = flat(&x);
        Ok(Self {
            x: Mat::from_fn(n, d, |i, j| numbers[i * d + j].to_f64() - x_mean[j]),
            y: Col::from_fn(n, |i| y[i] - y_mean),
            x_mean,
            y_mean,
        })
    }

    /// The intercept that belongs to the weights.
    fn intercept(&self, weights: &[f64]) -> f64 {
        self.y_mean - weights.iter().zip(&self.x_mean).map(|(w, m)| w * m).sum::<f64>()
    }

    /// The sum of squared residuals.
    fn squares(&self, weights: &[f64]) -> f64 {
        let of = |i: usize| self.y[i] - weights.iter().enumerate().map(|(j, w)| w * self.x[(i, j)]).sum::<f64>();
        (0..self.y.nrows()).map(|i| of(i) * of(i)).sum()
    }
}

/// ŷ = w · x + b for each row of x.
fn predict<T: Real>(op: &str, x: ArrayView2<'_, T>, weights: &[f64], intercept: f64) -> Result<Vec<f64>> {
    if x.ncols() != weights.len() {
        let (d, k) = (x.ncols(), weights.len());
        return Err(Error::invalid(format!("{op}: x has {d} columns, but it was fitted on {k}")));
    }
    let row = |row: ndarray::ArrayView1<'_, T>| row.iter().zip(weights).map(|(x, w)| x.to_f64() * w).sum::<f64>();
    Ok(x.rows().into_iter().map(|x| row(x) + intercept).collect())
}
