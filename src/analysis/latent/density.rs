//! Where the codes lie: a Gaussian fitted to them, or a box around them; and the quantiles of the normal distribution.
//!
//! Nothing in the training of a plain autoencoder fixes the distribution of its codes. To sample new images one has to
//! estimate it: a normal distribution with the codes' mean and covariance keeps the correlations, a box does not. A
//! variational autoencoder is trained so that its codes come from the prior N(0, I), [`Gaussian::standard`].

use super::width;
use crate::analysis::{column_means, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::rng::Rng;
use ndarray::{Array2, ArrayView2};

/// A normal distribution N(mean, L Lᵀ) over d dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Gaussian {
    /// d numbers.
    pub mean: Vec<f64>,
    /// L, lower triangular, d x d: the Cholesky factor of the covariance.
    pub cholesky: Array2<f64>,
}

impl Gaussian {
    /// Returns N(0, I) over `d` dimensions, the prior of a variational autoencoder.
    pub fn standard(d: usize) -> Self {
        Self { mean: vec![0.0; d], cholesky: Array2::eye(d) }
    }

    /// Returns the mean and the covariance (divided by n - 1, as `numpy.cov` does) of the rows of `codes` (n x d), n
    /// at least 2.
    ///
    /// The covariance may be singular: a dimension that never changes, or that others determine, gets no width of its
    /// own.
    pub fn fit<T: Real>(codes: ArrayView2<'_, T>) -> Result<Self> {
        let x = samples("gaussian", codes)?;
        let (n, d) = x.dim();
        if n < 2 {
            return Err(Error::invalid("gaussian: a single code has no covariance; at least 2 are needed"));
        }
        let mean = column_means(&x);
        let mut covariance = Array2::zeros((d, d));
        for row in x.rows() {
            let off: Vec<f64> = row.iter().zip(&mean).map(|(v, m)| v.to_f64() - m).collect();
            for i in 0..d {
                (0..=i).for_each(|j| covariance[[i, j]] += off[i] * off[j]);
            }
        }
        covariance.mapv_inplace(|v: f64| v / (n - 1) as f64);
        Ok(Self { mean, cholesky: cholesky(covariance) })
    }

    /// Returns the covariance, L Lᵀ.
    pub fn covariance(&self) -> Array2<f64> {
        self.cholesky.dot(&self.cholesky.t())
    }

    /// Returns `n` draws, n x d: y = mean + L z, z standard normal. Row i is that of the stream (`seed`, i).
    pub fn sample<T: Real>(&self, n: usize, seed: u64) -> Array2<T> {
        let d = self.mean.len();
        rows(n, d, |i| {
            let mut rng = Rng::new(seed, "latent gaussian", i);
            let z: Vec<f64> = (0..d).map(|_| rng.normal()).collect();
            let along = |j: usize| (0..=j).map(|k| self.cholesky[[j, k]] * z[k]).sum::<f64>();
            (0..d).map(|j| self.mean[j] + along(j)).collect()
        })
    }
}

/// Returns the rows that `f` makes, n x d.
fn rows<T: Real>(n: usize, d: usize, f: impl Fn(u64) -> Vec<f64>) -> Array2<T> {
    let data: Vec<T> = (0..n as u64).flat_map(f).map(T::from_f64).collect();
    Array2::from_shape_vec((n, d), data).expect("latent: rows of one length")
}

/// L of a symmetric matrix A = L Lᵀ that has no negative eigenvalue, from its lower half (Cholesky, published 1924).
///
/// What a dimension has left after those before it, its pivot, may be zero; then its column is zero too, since a
/// covariance is at most the root of the product of two variances. Rounding leaves pivots of d ε times the variance.
fn cholesky(mut a: Array2<f64>) -> Array2<f64> {
    let d = a.nrows();
    let noise: Vec<f64> = (0..d).map(|i| 8.0 * d as f64 * f64::EPSILON * a[[i, i]]).collect();
    for j in 0..d {
        let pivot = a[[j, j]] - (0..j).map(|k| a[[j, k]] * a[[j, k]]).sum::<f64>();
        let root = if pivot > noise[j] { pivot.sqrt() } else { 0.0 };
        a[[j, j]] = root;
        for i in j + 1..d {
            a[[j, i]] = 0.0;
            let left = a[[i, j]] - (0..j).map(|k| a[[i, k]] * a[[j, k]]).sum::<f64>();
            a[[i, j]] = if root > 0.0 { left / root } else { 0.0 };
        }
    }
    a
}

/// A box: the lowest and the highest value of each dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// d numbers.
    pub low: Vec<f64>,
    /// d numbers, none below its `low`.
    pub high: Vec<f64>,
}

impl Bounds {
    /// Returns the smallest box around the rows of `codes` (n x d).
    pub fn of<T: Real>(codes: ArrayView2<'_, T>) -> Result<Self> {
        Self::of_fraction(codes, 1.0)
    }

    /// Returns the box that holds the central `fraction` (above 0, at most 1) of each dimension's values, without a few
    /// outliers: between the quantiles (1 - fraction) / 2 and (1 + fraction) / 2, by linear interpolation as in
    /// `numpy.quantile`.
    pub fn of_fraction<T: Real>(codes: ArrayView2<'_, T>, fraction: f64) -> Result<Self> {
        let x = samples("bounds", codes)?;
        if !(fraction > 0.0 && fraction <= 1.0) {
            return Err(Error::invalid(format!("bounds: fraction is {fraction}; it must be above 0 and at most 1")));
        }
        let ends = x.columns().into_iter().map(|column| {
            let mut sorted: Vec<f64> = column.iter().map(|v| v.to_f64()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let at = |q: f64| {
                let place = q * (sorted.len() - 1) as f64;
                let below = place as usize;
                let above = (below + 1).min(sorted.len() - 1);
                sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
            };
            (at((1.0 - fraction) / 2.0), at((1.0 + fraction) / 2.0))
        });
        let (low, high) = ends.unzip();
        Ok(Self { low, high })
    }

    /// Returns `n` draws, uniform in the box, n x d. Row i is that of the stream (`seed`, i).
    pub fn sample<T: Real>(&self, n: usize, seed: u64) -> Array2<T> {
        rows(n, self.low.len(), |i| {
            let mut rng = Rng::new(seed, "latent box", i);
            self.low.iter().zip(&self.high).map(|(&low, &high)| rng.range(low, high)).collect()
        })
    }

    /// Returns `n` evenly spaced values along a dimension, from its lowest to its highest; the middle for n = 1.
    pub fn axis(&self, dimension: usize, n: usize) -> Result<Vec<f64>> {
        if dimension >= self.low.len() {
            let d = self.low.len();
            return Err(Error::invalid(format!("bounds: there is no dimension {dimension}; choose 0 to {}", d - 1)));
        }
        let (low, high) = (self.low[dimension], self.high[dimension]);
        let place = |i: usize| if n == 1 { 0.5 } else { i as f64 / (n - 1) as f64 };
        Ok((0..n).map(|i| low + place(i) * (high - low)).collect())
    }

    /// Returns which rows of `codes` (n x d) lie in the box, its faces included.
    pub fn contains<T: Real>(&self, codes: ArrayView2<'_, T>) -> Result<Vec<bool>> {
        width("bounds", "codes", codes.ncols(), self.low.len())?;
        let inside = |(j, v): (usize, &T)| (self.low[j]..=self.high[j]).contains(&v.to_f64());
        Ok(codes.rows().into_iter().map(|row| row.iter().enumerate().all(inside)).collect())
    }
}

/// Returns the z below which a standard normal variate lies with probability `p`, for p in (0, 1): Φ(z) = p.
///
/// Newton's method on ln Φ(z) = ln p. ln Φ is concave and rises, so its tangents lie above it: from the left each step
/// comes closer and none goes too far. z = -√(-2 ln p) is on the left, since Φ(z) <= exp(-z²/2) / 2. Panics for other
/// p.
pub fn normal_quantile(p: f64) -> f64 {
    assert!(p > 0.0 && p < 1.0, "normal_quantile: p is {p}; it must be between 0 and 1");
    if p > 0.5 {
        // 1 - p is exact here.
        return -normal_quantile(1.0 - p);
    }
    let mut z = -(-2.0 * libm::log(p)).sqrt();
    for _ in 0..64 {
        let below = 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
        let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
        let step = libm::log(below / p) * below / density;
        z -= step;
        if step.abs() <= 1e-15 * (1.0 + z.abs()) {
            break;
        }
    }
    z
}

/// Returns the `n` values that cut the standard normal distribution into n parts of the same probability, each at the
/// middle of its part: z_i = Φ⁻¹((i + ½) / n). So a grid over a prior shows each code as often as the prior draws it
/// (Kingma & Welling 2014, figure 4).
pub fn normal_quantiles(n: usize) -> Vec<f64> {
    (0..n).map(|i| normal_quantile((i as f64 + 0.5) / n as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[track_caller]
    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{a} {b}");
    }

    /// Columns (0, 2, 4) and (0, 0, 3): means 2 and 1, variances 4 and 3, covariance ((-2)(-1) + 2 · 2) / 2 = 3.
    /// L = [2 0; 3/2 √(3 - 9/4)].
    #[test]
    fn a_gaussian_by_hand() {
        let fit = Gaussian::fit(array![[0.0, 0.0], [2.0, 0.0], [4.0, 3.0]].view()).unwrap();
        assert_eq!(fit.mean, [2.0, 1.0]);
        near(fit.cholesky[[0, 0]], 2.0);
        near(fit.cholesky[[1, 0]], 1.5);
        near(fit.cholesky[[1, 1]], 0.75f64.sqrt());
        assert_eq!(fit.cholesky[[0, 1]], 0.0);
        near(fit.covariance()[[0, 1]], 3.0);
        assert!(Gaussian::fit(array![[1.0, 2.0]].view()).unwrap_err().to_string().contains("at least 2"));
    }

    /// A constant dimension, and one that is the sum of two others: the covariance comes back, and so do the relations.
    #[test]
    fn singular_covariances_are_sampled() {
        let mut rng = Rng::new(3, "codes", 0);
        let codes = Array2::from_shape_fn((500, 2), |_| rng.normal());
        let codes = Array2::from_shape_fn((500, 4), |(i, j)| match j {
            0 => codes[[i, 0]],
            1 => 7.0,
            2 => 3.0 * codes[[i, 1]],
            _ => codes[[i, 0]] + 3.0 * codes[[i, 1]] - 1.0,
        });
        let fit = Gaussian::fit(codes.view()).unwrap();
        let drawn: Array2<f64> = fit.sample(20_000, 1);
        assert!(drawn.column(1).iter().all(|&v| v == 7.0));
        for row in drawn.rows() {
            assert!((row[0] + row[2] - 1.0 - row[3]).abs() < 1e-9, "{row}");
        }
        // A mean of 20,000 has a deviation of at most 3 / √20,000 = 0.02, a covariance one of at most 10 √(2 / 20,000)
        // = 0.1.
        let again = Gaussian::fit(drawn.view()).unwrap();
        (0..4).for_each(|i| assert!((again.mean[i] - fit.mean[i]).abs() < 0.15));
        let (found, expected) = (again.covariance(), fit.covariance());
        assert!(found.iter().zip(&expected).all(|(f, w)| (f - w).abs() < 0.6), "{found} {expected}");
    }

    #[test]
    fn longer_lists_begin_with_the_shorter() {
        let (long, short): (Array2<f32>, Array2<f32>) =
            (Gaussian::standard(3).sample(9, 5), Gaussian::standard(3).sample(4, 5));
        assert_eq!(long.as_slice().unwrap()[..12], *short.as_slice().unwrap());
        assert_ne!(Gaussian::standard(3).sample::<f32>(4, 6), short);
        assert_ne!(long.row(0), long.row(1));
    }

    #[test]
    fn boxes_by_hand() {
        let codes = array![[0.0, 5.0], [1.0, 5.0], [2.0, 7.0], [3.0, 6.0], [4.0, -5.0]];
        let bounds = Bounds::of(codes.view()).unwrap();
        assert_eq!((&bounds.low[..], &bounds.high[..]), (&[0.0, -5.0][..], &[4.0, 7.0][..]));
        // The middle half lies between the second and the fourth of five: 1 to 3, and of -5 5 5 6 7: 5 to 6.
        let half = Bounds::of_fraction(codes.view(), 0.5).unwrap();
        assert_eq!((&half.low[..], &half.high[..]), (&[1.0, 5.0][..], &[3.0, 6.0][..]));
        assert_eq!(Bounds::of_fraction(array![[0.0], [1.0]].view(), 0.5).unwrap().low, [0.25]);
        assert_eq!(bounds.axis(1, 3).unwrap(), [-5.0, 1.0, 7.0]);
        assert_eq!(bounds.axis(0, 1).unwrap(), [2.0]);
        assert!(bounds.axis(2, 3).unwrap_err().to_string().contains("choose 0 to 1"));
        let drawn: Array2<f64> = half.sample(1000, 2);
        assert!(half.contains(drawn.view()).unwrap().iter().all(|&inside| inside));
        let mean = drawn.column(0).mean().unwrap();
        assert!((mean - 2.0).abs() < 0.1, "{mean}"); // deviation 2 / √12 / √1000 = 0.018
        assert_eq!(half.contains(array![[1.0, 6.0], [1.0, 6.1]].view()).unwrap(), [true, false]);
        assert!(half.contains(array![[1.0]].view()).is_err() && Bounds::of_fraction(codes.view(), 0.0).is_err());
    }

    /// From tables of the normal distribution.
    #[test]
    fn quantiles_by_hand() {
        near(normal_quantile(0.5), 0.0);
        near(normal_quantile(0.975), 1.959963984540054);
        near(normal_quantile(0.025), -1.959963984540054);
        near(normal_quantile(1e-10), -6.361340902404056);
        for (got, expected) in normal_quantiles(3).into_iter().zip([-0.967421566101701, 0.0, 0.967421566101701]) {
            near(got, expected);
        }
        // And back again, from the smallest number up.
        for p in [f64::MIN_POSITIVE, 1e-300, 1e-100, 1e-20, 1e-5, 0.01, 0.3, 0.49999] {
            let back = 0.5 * libm::erfc(-normal_quantile(p) / std::f64::consts::SQRT_2);
            assert!((back / p - 1.0).abs() < 1e-11, "{p:e} {back:e}"); // Φ'/Φ is about |z| < 38, so the error 38² ε at most
        }
    }
}
