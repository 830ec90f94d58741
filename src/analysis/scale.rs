//! Scaling: features of different units made comparable.
//!
//! Distances (K-means, t-SNE) and gradient steps (MLP) add features up, so a feature measured in thousands would drown
//! one measured in hundredths. A [`Scaler`] learns each column's place and width from the *training* samples only and
//! applies the same affine map everywhere. Learning from test samples would be leakage.
//!
//! Its numbers are saved with a run.

use super::{column_means, column_variances, flat, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::{Array2, ArrayView2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a scaled column looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scaling {
    /// Mean 0 and standard deviation 1 (divided by n, as in scikit-learn).
    #[default]
    Standard,
    /// Smallest value `low`, largest value `high`.
    MinMax {
        /// The image of the column's minimum.
        low: f64,
        /// The image of the column's maximum.
        high: f64,
    },
}

/// The affine map `y[i,j] = (x[i,j] - center[j]) / width[j] + base`, its numbers taken from the training samples.
///
/// A constant column has no width; it gets 1, so that it is mapped to 0 (`Standard`) or to `low` (`MinMax`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// Which scaling this is.
    pub scaling: Scaling,
    /// Mean (`Standard`) or minimum (`MinMax`) of each column.
    pub center: Vec<f64>,
    /// Standard deviation, or range divided by `high - low`, of each column.
    pub width: Vec<f64>,
}

impl Scaler {
    /// Learns the map from the rows of `x` (n x d).
    pub fn fit<T: Real>(scaling: Scaling, x: ArrayView2<'_, T>) -> Result<Self> {
        let x = samples("scaler", x)?;
        let (center, width) = match scaling {
            Scaling::Standard => {
                let mean = column_means(&x);
                let variance = column_variances(&x, &mean);
                let n = x.nrows() as f64;
                let width = mean.iter().zip(variance).map(|(&m, v)| deviation(m, v, n)).collect();
                (mean, width)
            }
            Scaling::MinMax { low, high } => {
                if !(low.is_finite() && high.is_finite() && low < high) {
                    return Err(Error::invalid(format!("scaler: min-max needs low < high, found {low} and {high}")));
                }
                let (mut min, mut max) = (vec![f64::INFINITY; x.ncols()], vec![f64::NEG_INFINITY; x.ncols()]);
                for row in flat(&x).chunks(x.ncols()) {
                    for (j, v) in row.iter().enumerate() {
                        min[j] = min[j].min(v.to_f64());
                        max[j] = max[j].max(v.to_f64());
                    }
                }
                let range = |(a, b): (&f64, f64)| if b > *a { (b - a) / (high - low) } else { 1.0 };
                let width = min.iter().zip(max).map(range).collect();
                (min, width)
            }
        };
        Ok(Self { scaling, center, width })
    }

    /// Returns the scaled samples.
    pub fn transform<T: Real>(&self, x: ArrayView2<'_, T>) -> Result<Array2<T>> {
        let base = self.base();
        self.apply(x, |v, center, width| (v - center) / width + base)
    }

    /// Returns the samples that would be scaled to `y`.
    pub fn inverse_transform<T: Real>(&self, y: ArrayView2<'_, T>) -> Result<Array2<T>> {
        let base = self.base();
        self.apply(y, |v, center, width| (v - base) * width + center)
    }

    /// Returns the image of `center`.
    fn base(&self) -> f64 {
        match self.scaling {
            Scaling::Standard => 0.0,
            Scaling::MinMax { low, .. } => low,
        }
    }

    fn apply<T: Real>(&self, x: ArrayView2<'_, T>, f: impl Fn(f64, f64, f64) -> f64) -> Result<Array2<T>> {
        if x.ncols() != self.center.len() {
            let (got, expected) = (x.ncols(), self.center.len());
            return Err(Error::invalid(format!("scaler: x has {got} columns, but it was fitted on {expected}")));
        }
        Ok(Array2::from_shape_fn(x.dim(), |(i, j)| T::from_f64(f(x[[i, j]].to_f64(), self.center[j], self.width[j]))))
    }
}

/// Returns the standard deviation, or 1 where the variance is no more than the rounding errors of computing it
/// (scikit-learn's bound: n eps variance + (n eps mean)²).
fn deviation(mean: f64, variance: f64, n: f64) -> f64 {
    let rounding = n * f64::EPSILON * variance + (n * f64::EPSILON * mean) * (n * f64::EPSILON * mean);
    if variance <= rounding { 1.0 } else { variance.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn standard_by_hand() {
        let x = array![[1.0f32, 5.0], [3.0, 5.0]];
        let scaler = Scaler::fit(Scaling::Standard, x.view()).unwrap();
        assert_eq!(scaler.transform(x.view()).unwrap(), array![[-1.0, 0.0], [1.0, 0.0]]);
        assert_eq!(scaler.transform(array![[5.0f32, 6.0]].view()).unwrap(), array![[3.0, 1.0]]);
    }

    #[test]
    fn min_max_by_hand() {
        let x = array![[1.0, 5.0], [3.0, 5.0], [2.0, 5.0]];
        let scaler = Scaler::fit(Scaling::MinMax { low: -1.0, high: 1.0 }, x.view()).unwrap();
        let y = scaler.transform(x.view()).unwrap();
        assert_eq!(y, array![[-1.0, -1.0], [1.0, -1.0], [0.0, -1.0]]);
        assert_eq!(scaler.inverse_transform(y.view()).unwrap(), x);
    }

    /// 0.1 has no exact form; its mean over many rows is off by rounding, which must not be blown up to a width.
    #[test]
    fn a_constant_column_is_recognized_in_spite_of_rounding() {
        let x = Array2::from_elem((1000, 1), 0.1f64);
        let y = Scaler::fit(Scaling::Standard, x.view()).unwrap().transform(x.view()).unwrap();
        assert!(y.iter().all(|v| v.abs() < 1e-12), "{}", y[[0, 0]]);
    }

    #[test]
    fn invalid_inputs_are_named() {
        let x = array![[1.0, 2.0]];
        assert!(Scaler::fit(Scaling::MinMax { low: 1.0, high: 1.0 }, x.view()).is_err());
        assert!(Scaler::fit(Scaling::Standard, Array2::<f32>::zeros((0, 3)).view()).is_err());
        let scaler = Scaler::fit(Scaling::Standard, x.view()).unwrap();
        let message = scaler.transform(array![[1.0]].view()).unwrap_err().to_string();
        assert_eq!(message, "scaler: x has 1 columns, but it was fitted on 2");
    }

    #[test]
    fn names_in_files() {
        assert_eq!(serde_json::to_string(&Scaling::Standard).unwrap(), "\"standard\"");
        let min_max = serde_json::to_string(&Scaling::MinMax { low: 0.0, high: 1.0 }).unwrap();
        assert_eq!(min_max, r#"{"min_max":{"low":0.0,"high":1.0}}"#);
    }
}
