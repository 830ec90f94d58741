//! Measures of codes and of the samples decoded from them.

use super::width;
use crate::analysis::{column_means, column_variances, neighbors, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::ArrayView2;

/// The variance above which a latent dimension counts as active (Burda et al. 2016).
pub const ACTIVE: f64 = 0.01;

/// Returns the variance over the samples of each dimension of `means` (n x d, n at least 2), the means that an encoder
/// gives its codes: Var_x(E\[z | x\]), divided by n - 1.
pub fn unit_variances<T: Real>(means: ArrayView2<'_, T>) -> Result<Vec<f64>> {
    let x = samples("unit_variances", means)?;
    let n = x.nrows() as f64;
    if n < 2.0 {
        return Err(Error::invalid("unit_variances: a single code has no variance; at least 2 are needed"));
    }
    Ok(column_variances(&x, &column_means(&x)).into_iter().map(|v| v * n / (n - 1.0)).collect())
}

/// Returns the active units of a variational code: the dimensions whose mean has a variance above [`ACTIVE`] over the
/// samples. The others have collapsed to the prior: the encoder gives every image the same distribution there.
pub fn active_units<T: Real>(means: ArrayView2<'_, T>) -> Result<Vec<bool>> {
    Ok(unit_variances(means)?.into_iter().map(|v| v > ACTIVE).collect())
}

/// Returns the mean Euclidean distance of two different rows of `x` (n x d, n at least 2): 2 / (n (n - 1)) Σ_{i<j}
/// |x_i - x_j|.
pub fn mean_distance<T: Real>(x: ArrayView2<'_, T>) -> Result<f64> {
    let x = samples("mean_distance", x)?;
    let n = x.nrows();
    if n < 2 {
        return Err(Error::invalid("mean_distance: a single sample has no distance; at least 2 are needed"));
    }
    let rows = neighbors::map_rows(&x, |i, squared| squared[i + 1..].iter().map(|d| d.to_f64().sqrt()).sum::<f64>());
    Ok(rows.iter().sum::<f64>() * 2.0 / (n as f64 * (n - 1) as f64))
}

/// Returns the diversity of generated `samples` (m x d) beside true `data` (n x d): the ratio of their
/// [`mean_distance`]s. 1 is
/// as varied; 0, all the same; more than 1, farther apart than the data are. Fails if all data coincide.
pub fn diversity<T: Real>(samples: ArrayView2<'_, T>, data: ArrayView2<'_, T>) -> Result<f64> {
    width("diversity", "the data", data.ncols(), samples.ncols())?;
    let whole = mean_distance(data)?;
    if whole == 0.0 {
        return Err(Error::invalid("diversity: all data coincide, so nothing can be compared with their spread"));
    }
    Ok(mean_distance(samples)? / whole)
}

/// The samples with the smallest, median and largest errors, to show of a reconstruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extremes {
    /// The samples of the smallest errors, the smallest first.
    pub best: Vec<usize>,
    /// Those in the middle of the order, the smaller errors first.
    pub typical: Vec<usize>,
    /// Those of the largest errors, the largest first.
    pub worst: Vec<usize>,
}

impl Extremes {
    /// Selects `k` samples of each, or as many as there are; equal errors in the order of the samples. NaN counts as
    /// the worst.
    pub fn of<T: Real>(errors: &[T], k: usize) -> Self {
        let (n, k) = (errors.len(), k.min(errors.len()));
        let key = |i: usize| if errors[i].to_f64().is_nan() { f64::INFINITY } else { errors[i].to_f64() };
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| key(a).total_cmp(&key(b)));
        let middle = (n - k) / 2;
        let mut falling: Vec<usize> = (0..n).collect();
        falling.sort_by(|&a, &b| key(b).total_cmp(&key(a)));
        Self { best: order[..k].to_vec(), typical: order[middle..middle + k].to_vec(), worst: falling[..k].to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Variances 1, 0.0098 and 0.0128 of the three columns: (1 ∓ 0.07)² and ∓ 0.08 around their mean, two samples.
    #[test]
    fn active_units_by_hand() {
        let means = array![[0.0, 0.93, 5.08], [2.0f64.sqrt(), 1.07, 4.92]];
        let variances = unit_variances(means.view()).unwrap();
        for (got, expected) in variances.iter().zip([1.0, 0.0098, 0.0128]) {
            assert!((got - expected).abs() < 1e-12, "{got} {expected}");
        }
        assert_eq!(active_units(means.view()).unwrap(), [true, false, true]);
        assert!(active_units(array![[1.0]].view()).is_err());
    }

    /// Distances 5, 10 and 5 on a line; twice as far, twice the diversity.
    #[test]
    fn diversity_by_hand() {
        let data = array![[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]];
        assert!((mean_distance(data.view()).unwrap() - 20.0 / 3.0).abs() < 1e-12);
        assert!((diversity(data.mapv(|v| 2.0 * v).view(), data.view()).unwrap() - 2.0).abs() < 1e-12);
        let same = array![[1.0, 1.0], [1.0, 1.0]];
        assert_eq!(diversity(same.view(), data.view()).unwrap(), 0.0);
        assert!(diversity(data.view(), same.view()).unwrap_err().to_string().contains("coincide"));
        assert!(
            diversity(data.view(), array![[1.0], [2.0]].view()).is_err()
                && mean_distance(array![[1.0]].view()).is_err()
        );
    }

    #[test]
    fn extremes_by_hand() {
        let errors = [0.5, 0.1, 0.9, 0.3, 0.1, f64::NAN, 0.7];
        // In order: 1, 4 (0.1), 3, 0, 6, 2, 5 (NaN).
        let found = Extremes::of(&errors, 2);
        assert_eq!((found.best, found.typical, found.worst), (vec![1, 4], vec![3, 0], vec![5, 2]));
        let all = Extremes::of(&[2.0f32, 1.0], 5);
        assert_eq!((all.best, all.typical, all.worst), (vec![1, 0], vec![1, 0], vec![0, 1]));
        assert!(Extremes::of::<f32>(&[], 3).worst.is_empty());
    }
}
