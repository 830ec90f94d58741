//! Automatic relevance determination: a linear model that finds out which columns matter.
//!
//! The noise is normal with precision β (the inverse of its variance), and weight j is normal with mean 0 and precision αⱼ.
//! Given these, the weights' posterior is normal with covariance and mean
//!
//! ```text
//! Σ = (β XᵀX + A)⁻¹,    m = β Σ Xᵀ y,    A = diag(α)
//! ```
//!
//! The precisions are those that make the data most probable, found by MacKay's updates (MacKay 1992; Tipping 2001, equations
//! 16 to 18). With γⱼ = 1 - αⱼ Σⱼⱼ, the fraction of weight j that the data determine and not the prior:
//!
//! ```text
//! αⱼ ← (γⱼ + 2a) / (mⱼ² + 2b),    β ← (n - Σⱼ γⱼ + 2c) / (‖y - Xm‖² + 2d)
//! ```
//!
//! where a, b, c and d are the parameters of nearly flat gamma priors on the precisions, all 1e-6. A column whose αⱼ exceeds a
//! threshold is taken out: its weight is 0, and it does not come back.
//!
//! Σ is never computed as written. With S = A^(-1/2) and Z = X S, both
//!
//! ```text
//! Σ = S (I + β ZᵀZ)⁻¹ S                                (k x k, for the k columns that are left)
//! Σ = S (I - β Zᵀ (I + β Z Zᵀ)⁻¹ Z) S                  (n x n: Woodbury 1950)
//! ```
//!
//! have a matrix to invert whose eigenvalues are at least 1, however large or small the precisions are. The second is taken
//! while there are more columns than samples. From it γⱼ = β zⱼᵀ (I + β Z Zᵀ)⁻¹ zⱼ comes without a difference of nearly equal
//! numbers.

use super::{Centred, predict};
use crate::error::{Error, Result};
use crate::real::Real;
use faer::linalg::solvers::{DenseSolveCore, Llt, Solve};
use faer::{Mat, MatRef, Side};
use ndarray::ArrayView2;

/// The parameters a, b, c and d of the priors on the precisions.
const FLAT: f64 = 1e-6;

/// The settings of automatic relevance determination. Conventions and defaults are those of scikit-learn's `ARDRegression`,
/// which calls α `lambda_` and β `alpha_`.
///
/// ```
/// use gradus::analysis::linear::Ard;
/// use gradus::rng::Rng;
/// use ndarray::Array2;
///
/// // Of three columns one matters: y = 3 x₁ + noise.
/// let mut rng = Rng::new(1, "example", 0);
/// let x = Array2::from_shape_fn((100, 3), |_| rng.normal());
/// let y: Vec<f64> = x.column(1).iter().map(|x| 3.0 * x + 0.1 * rng.normal()).collect();
/// let model = Ard::default().fit(x.view(), &y)?;
/// assert!((model.weights[1] - 3.0).abs() < 0.05);
/// assert!(model.weights[0].abs() < 0.02 && model.weights[2].abs() < 0.02);
/// assert!(model.precisions[0] > 100.0 * model.precisions[1]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ard {
    /// Most rounds of updates.
    pub max_iter: usize,
    /// The updates end when the weights change by less than this, summed over the weights.
    pub tol: f64,
    /// A column with a larger precision is taken out. It has the unit of 1 / w², so it depends on the units of x and y: of
    /// columns and targets with standard deviation 1, the default takes out weights that are probably below 0.01.
    pub threshold: f64,
}

impl Default for Ard {
    fn default() -> Self {
        Self { max_iter: 300, tol: 1e-3, threshold: 1e4 }
    }
}

/// A linear model whose columns' relevance was determined.
#[derive(Clone, Debug, PartialEq)]
pub struct Relevance {
    /// m, the posterior mean of each weight, in units of y per unit of the column; 0 for a column that was taken out.
    pub weights: Vec<f64>,
    /// b, in units of y.
    pub intercept: f64,
    /// The posterior standard deviation of each weight, √Σⱼⱼ, given the precisions; 0 for a column that was taken out.
    pub deviations: Vec<f64>,
    /// αⱼ, the precision of each weight's prior; of a column that was taken out, the one at which it was.
    pub precisions: Vec<f64>,
    /// β, the precision of the noise.
    pub noise_precision: f64,
    /// The columns that are left, in order.
    pub relevant: Vec<usize>,
    /// Rounds of updates.
    pub iterations: usize,
    /// Whether the weights stopped changing, or no column is left; else `max_iter` ended the updates.
    pub converged: bool,
}

/// The posterior of the weights of the columns that are left.
struct Posterior {
    mean: Vec<f64>,
    variance: Vec<f64>,
    /// γ of each.
    determined: Vec<f64>,
}

impl Ard {
    /// Fits the model to the rows of `x` (n x d) and their targets. A target or a column that never changes has weights of 0.
    ///
    /// Fails with fewer than two rows, without a target for each, or on numbers that are not finite.
    pub fn fit<T: Real>(&self, x: ArrayView2<'_, T>, y: &[f64]) -> Result<Relevance> {
        let data = Centred::new("relevance determination", x, y)?;
        let (n, d) = (data.x.nrows(), data.x.ncols());
        let variance = data.y.iter().map(|y| y * y).sum::<f64>() / n as f64;
        let mut noise_precision = 1.0 / (variance + f64::EPSILON);
        let mut precisions = vec![1.0; d];
        let mut relevant: Vec<usize> = (0..d).collect();
        let (mut before, mut iterations, mut converged) = (None::<Vec<f64>>, 0, false);
        while iterations < self.max_iter && !converged {
            iterations += 1;
            let posterior = posterior(&data, &relevant, &precisions, noise_precision)?;
            let squares = data.squares(&spread(d, &relevant, &posterior.mean));
            for (i, &j) in relevant.iter().enumerate() {
                let (determined, mean) = (posterior.determined[i], posterior.mean[i]);
                precisions[j] = (determined + 2.0 * FLAT) / (mean * mean + 2.0 * FLAT);
            }
            let determined = posterior.determined.iter().sum::<f64>();
            noise_precision = (n as f64 - determined + 2.0 * FLAT) / (squares + 2.0 * FLAT);
            let mut weights = spread(d, &relevant, &posterior.mean);
            relevant.retain(|&j| precisions[j] < self.threshold);
            (0..d).filter(|j| !relevant.contains(j)).for_each(|j| weights[j] = 0.0);
            let change = |old: &Vec<f64>| old.iter().zip(&weights).map(|(a, b)| (a - b).abs()).sum::<f64>();
            converged = relevant.is_empty() || before.as_ref().is_some_and(|old| change(old) < self.tol);
            before = Some(weights);
        }
        let last = posterior(&data, &relevant, &precisions, noise_precision)?;
        let weights = spread(d, &relevant, &last.mean);
        let deviations: Vec<f64> = last.variance.iter().map(|v| v.max(0.0).sqrt()).collect();
        Ok(Relevance {
            intercept: data.intercept(&weights),
            weights,
            deviations: spread(d, &relevant, &deviations),
            precisions,
            noise_precision,
            relevant,
            iterations,
            converged,
        })
    }
}

impl Relevance {
    /// Returns ŷ for each row of `x`. Fails if it has another number of columns.
    pub fn predict<T: Real>(&self, x: ArrayView2<'_, T>) -> Result<Vec<f64>> {
        predict("relevance determination", x, &self.weights, self.intercept)
    }
}

/// Numbers of the relevant columns among zeros for the others.
fn spread(d: usize, relevant: &[usize], values: &[f64]) -> Vec<f64> {
    let mut all = vec![0.0; d];
    relevant.iter().zip(values).for_each(|(&j, &value)| all[j] = value);
    all
}

/// The posterior of the weights of some columns under these precisions.
fn posterior(data: &Centred, columns: &[usize], precisions: &[f64], noise: f64) -> Result<Posterior> {
    let (n, k) = (data.x.nrows(), columns.len());
    let scale: Vec<f64> = columns.iter().map(|&j| 1.0 / precisions[j].sqrt()).collect();
    let z = Mat::from_fn(n, k, |i, c| data.x[(i, columns[c])] * scale[c]);
    let scaled = |by: &dyn Fn(usize) -> f64| (0..k).map(by).collect::<Vec<f64>>();
    if k > n {
        let inverse = one_and(noise, z.as_ref(), z.transpose())?;
        let y = inverse.solve(&data.y);
        let mean = z.transpose() * y;
        let solved = inverse.solve(&z);
        let determined = scaled(&|c| noise * (0..n).map(|i| z[(i, c)] * solved[(i, c)]).sum::<f64>());
        return Ok(Posterior {
            mean: scaled(&|c| noise * scale[c] * mean[c]),
            variance: scaled(&|c| scale[c] * scale[c] * (1.0 - determined[c])),
            determined,
        });
    }
    let solver = one_and(noise, z.transpose(), z.as_ref())?;
    let mean = solver.solve(z.transpose() * &data.y);
    let inverse = solver.inverse();
    Ok(Posterior {
        mean: scaled(&|c| noise * scale[c] * mean[c]),
        variance: scaled(&|c| scale[c] * scale[c] * inverse[(c, c)]),
        determined: scaled(&|c| 1.0 - inverse[(c, c)]),
    })
}

/// The Cholesky factor of I + noise a b.
fn one_and(noise: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Result<Llt<f64>> {
    let product = a * b;
    let one = |i: usize, j: usize| if i == j { 1.0 } else { 0.0 };
    let sum = Mat::from_fn(product.nrows(), product.ncols(), |i, j| one(i, j) + noise * product[(i, j)]);
    let fault = |_| Error::invalid("relevance determination: the columns differ too much in scale: scale them");
    sum.llt(Side::Lower).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use ndarray::Array2;

    /// Both forms of the posterior are the same matrix: forced by adding rows of zeros, which change nothing.
    #[test]
    fn both_forms_agree() {
        let mut rng = Rng::new(4, "test", 0);
        let x = Array2::from_shape_fn((6, 9), |_| rng.normal());
        let y: Vec<f64> = (0..6).map(|_| rng.normal()).collect();
        let wide = Centred::new("test", x.view(), &y).unwrap();
        let tall = Centred {
            x: Mat::from_fn(12, 9, |i, j| if i < 6 { wide.x[(i, j)] } else { 0.0 }),
            y: faer::Col::from_fn(12, |i| if i < 6 { wide.y[i] } else { 0.0 }),
            x_mean: wide.x_mean.clone(),
            y_mean: wide.y_mean,
        };
        let precisions: Vec<f64> = (0..9).map(|j| 10f64.powi(j - 4)).collect();
        let columns: Vec<usize> = (0..9).collect();
        let [a, b] = [&wide, &tall].map(|data| posterior(data, &columns, &precisions, 30.0).unwrap());
        for (a, b) in [(a.mean, b.mean), (a.variance, b.variance), (a.determined, b.determined)] {
            for (a, b) in a.iter().zip(&b) {
                assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a} {b}");
            }
        }
    }
}
