//! Principal component analysis: the few directions along which the samples vary most.
//!
//! The directions are the eigenvectors of the covariance matrix C = Xcᵀ Xc / (n - 1), where Xc are the samples minus
//! their mean (Pearson 1901; Hotelling 1933); the eigenvalues are the variances along them.
//!
//! C is d x d. Where there are fewer samples than dimensions (2000 activations of 65,536 numbers) the same directions
//! come from the small Gram matrix G = Xc Xcᵀ (n x n): if G u = λ u, then v = Xcᵀ u / √λ is a unit eigenvector of C
//! with variance λ / (n - 1) (the "snapshot" method, Sirovich 1987). Where samples and dimensions are both many, a
//! random projection finds the few leading directions without any large matrix ([`Pca::fit_randomized`]). Xc is never
//! stored whole, but made block by block.
//!
//! Of all ways to put samples through `c` numbers by linear maps and back, the components lose least (Eckart & Young
//! 1936), and the spectrum says how much: the baseline for an autoencoder ([`Pca::reconstruction_errors`]).
//!
//! An eigenvector's sign is arbitrary. Ours has its largest loading positive, as in scikit-learn.

mod parts;
mod randomized;

pub use randomized::Randomized;

use super::{column_means, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::{Array1, Array2, ArrayView2, Axis, CowArray, Ix2, Slice};
use parts::{BLOCK, Directions, accumulate, blocks, centred_rows, eigen, gemm, lifted, trace, view};
use std::ops::Range;

/// A fitted projection onto `c` directions of a `d`-dimensional space.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca<T> {
    /// The samples' mean, d numbers.
    pub mean: Array1<T>,
    /// c x d: one unit vector a row, the most important first.
    pub components: Array2<T>,
    /// Variance along each component (divided by n - 1).
    pub explained_variance: Vec<f64>,
    /// The same as a fraction of the total variance; 0 if there is none.
    pub explained_variance_ratio: Vec<f64>,
    /// Variance along all d directions together (divided by n - 1).
    pub total_variance: f64,
    /// Samples fitted, n.
    pub n_samples: usize,
}

impl<T: Real> Pca<T> {
    /// Returns the first `components` principal components of the rows of `x` (n x d).
    ///
    /// `components` may be at most min(n, d), and n at least 2. Directions without variance, which the Gram path alone
    /// cannot determine, come out as zero rows with variance 0.
    pub fn fit(x: ArrayView2<'_, T>, components: usize) -> Result<Self> {
        let (x, mean) = prepared(x, components)?;
        let found = if x.nrows() < x.ncols() { gram(&x, &mean, components) } else { covariance(&x, &mean, components) };
        Ok(Self::from_directions(found, mean, x.nrows()))
    }

    /// Returns the same, nearly, by a random projection (see [`Randomized`]). With q power iterations and l mixtures
    /// it takes (2q + 2) n d l multiplications instead of n d min(n, d), and no large matrix.
    ///
    /// The same `seed` gives the same components. Variances are at most the true ones; directions without any come out
    /// as zero rows with variance 0.
    pub fn fit_randomized(x: ArrayView2<'_, T>, components: usize, how: Randomized, seed: u64) -> Result<Self> {
        let (x, mean) = prepared(x, components)?;
        let found = randomized::directions(&x, &mean, components, how, seed);
        Ok(Self::from_directions(found, mean, x.nrows()))
    }

    fn from_directions((mut variances, mut rows, total): Directions<T>, mean: Array1<T>, n_samples: usize) -> Self {
        variances.iter_mut().for_each(|v| *v = v.max(0.0));
        rows.rows_mut().into_iter().for_each(|mut row| {
            let largest = row.iter().fold(T::ZERO, |a, &v| if v.abs() > a.abs() { v } else { a });
            if largest < T::ZERO {
                row.mapv_inplace(|v| -v);
            }
        });
        let ratio = variances.iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect();
        Self {
            mean,
            components: rows,
            explained_variance: variances,
            explained_variance_ratio: ratio,
            total_variance: total,
            n_samples,
        }
    }

    /// Returns the coordinates of the rows of `x` (n x d) along the components: n x c.
    pub fn transform(&self, x: ArrayView2<'_, T>) -> Result<Array2<T>> {
        let x = samples("pca transform", x)?;
        self.check("transform", x.ncols(), self.mean.len())?;
        let mut out = Array2::from_elem((x.nrows(), self.components.nrows()), T::ZERO);
        for (block, mut rows) in blocks(x.nrows(), BLOCK).zip(out.axis_chunks_iter_mut(Axis(0), BLOCK)) {
            let block = centred_rows(&x, &self.mean, block);
            gemm(view(&block), view(&self.components).t(), rows.as_slice_mut().expect("pca: whole rows"));
        }
        Ok(out)
    }

    /// Returns the samples (n x d) that lie at the coordinates `y` (n x c) in the components' plane.
    pub fn inverse_transform(&self, y: ArrayView2<'_, T>) -> Result<Array2<T>> {
        let y = samples("pca inverse_transform", y)?;
        self.check("inverse_transform", y.ncols(), self.components.nrows())?;
        let mut x = Array2::from_elem((y.nrows(), self.mean.len()), T::ZERO);
        let rows = x.as_slice_mut().expect("pca: standard layout");
        T::linear(
            super::mat(&y),
            view(&self.components).t(),
            self.mean.as_slice().expect("pca: standard layout"),
            rows,
        );
        Ok(x)
    }

    /// Returns the mean squared error per number of the fitted samples if only the first k components are kept, for k
    /// from 0 (each sample replaced by the mean) to c, all at once from the spectrum:
    ///
    /// ```text
    /// E_k = Σ_ij (x_ij - x̂_ij)² / (n d) = (n - 1) / (n d) (total variance - Σ_{i <= k} variance_i)
    /// ```
    ///
    /// As exact as the variances are: of a [randomized](Self::fit_randomized) fit it is an upper bound.
    pub fn reconstruction_errors(&self) -> Vec<f64> {
        let n = self.n_samples as f64;
        let scale = (n - 1.0) / (n * self.mean.len() as f64);
        without_first(self.total_variance, &self.explained_variance).map(|left| left.max(0.0) * scale).collect()
    }

    /// Returns the same of any samples `x` (n x d), such as test samples. The components being orthonormal, what the
    /// k-th takes away from a squared error is its squared coordinate: |x - x̂_k|² = |x - mean|² - Σ_{i <= k} y_i².
    pub fn reconstruction_errors_of(&self, x: ArrayView2<'_, T>) -> Result<Vec<f64>> {
        let y = self.transform(x)?;
        let mut taken = vec![0.0; self.components.nrows()];
        for row in y.rows() {
            taken.iter_mut().zip(row).for_each(|(t, v)| *t += v.to_f64() * v.to_f64());
        }
        let mut whole = 0.0;
        for row in x.rows() {
            whole += row.iter().zip(&self.mean).map(|(v, m)| (v.to_f64() - m.to_f64()).powi(2)).sum::<f64>();
        }
        let scale = 1.0 / x.len() as f64;
        Ok(without_first(whole, &taken).map(|left| left.max(0.0) * scale).collect())
    }

    fn check(&self, what: &str, got: usize, expected: usize) -> Result<()> {
        if got == expected {
            return Ok(());
        }
        Err(Error::invalid(format!("pca {what}: the matrix has {got} columns: expected {expected}")))
    }
}

/// Returns the samples and their mean, if `components` can be had of them.
fn prepared<'a, T: Real>(x: ArrayView2<'a, T>, components: usize) -> Result<(CowArray<'a, T, Ix2>, Array1<T>)> {
    let x = samples("pca", x)?;
    let (n, d) = x.dim();
    if components == 0 || components > n.min(d) {
        return Err(Error::invalid(format!(
            "pca: {components} components of {n} samples with {d} dimensions; choose 1 to {}",
            n.min(d)
        )));
    }
    if n < 2 {
        return Err(Error::invalid("pca: a single sample has no variance; at least 2 are needed"));
    }
    let mean = Array1::from_iter(column_means(&x).into_iter().map(T::from_f64));
    Ok((x, mean))
}

/// Returns `whole`, and what is left of it after the first part, the first two, and so on.
fn without_first(whole: f64, parts: &[f64]) -> impl Iterator<Item = f64> {
    std::iter::once(whole).chain(parts.iter().scan(whole, |left, part| {
        *left -= part;
        Some(*left)
    }))
}

/// Returns some columns of the centred data.
fn centred_columns<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, columns: Range<usize>) -> Array2<T> {
    let part = x.slice_axis(Axis(1), Slice::from(columns.clone()));
    Array2::from_shape_fn(part.dim(), |(i, j)| part[[i, j]] - mean[columns.start + j])
}

/// By C = Xcᵀ Xc / (n - 1).
fn covariance<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, components: usize) -> Directions<T> {
    let (n, d) = x.dim();
    let scatter = accumulate(d * d, blocks(n, BLOCK), |block, sum| {
        let block = centred_rows(x, mean, block);
        gemm(view(&block).t(), view(&block), sum);
    });
    let (values, vectors) = eigen(&scatter, d);
    let scale = 1.0 / (n - 1) as f64;
    let rows = Array2::from_shape_fn((components, d), |(c, j)| T::from_f64(vectors[(j, d - 1 - c)]));
    let variances = (0..components).map(|c| values[d - 1 - c] * scale).collect();
    (variances, rows, trace(&scatter, d) * scale)
}

/// By G = Xc Xcᵀ, for n < d.
fn gram<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, components: usize) -> Directions<T> {
    let (n, d) = x.dim();
    let g = accumulate(n * n, blocks(d, BLOCK), |block, sum| {
        let block = centred_columns(x, mean, block);
        gemm(view(&block), view(&block).t(), sum);
    });
    let (values, rows) = lifted(&g, n, d, components, |block| centred_columns(x, mean, block));
    let scale = 1.0 / (n - 1) as f64;
    (values.into_iter().map(|v| v * scale).collect(), rows, trace(&g, n) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Samples along (3, 4) / 5 at -5, 0, 5: variance 25, and none across.
    #[test]
    fn a_line_by_hand() {
        let x = array![[-3.0, -4.0], [0.0, 0.0], [3.0, 4.0]];
        let pca = Pca::fit(x.view(), 2).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        near(pca.components[[0, 0]], 0.6);
        near(pca.components[[0, 1]], 0.8);
        near(pca.explained_variance[0], 25.0);
        near(pca.explained_variance_ratio[1], 0.0);
        near(pca.transform(array![[6.0, 8.0]].view()).unwrap()[[0, 0]], 10.0);
    }

    /// Three samples span a plane: of three components, the Gram path finds two and says so.
    #[test]
    fn missing_directions_are_zero() {
        let x = Array2::from_shape_fn((3, 7), |(i, j)| ((i * i + 1) * (j + i)) as f32);
        let pca = Pca::fit(x.view(), 3).unwrap();
        assert_eq!(pca.explained_variance[2], 0.0);
        assert!(pca.components.row(2).iter().all(|&v| v == 0.0));
        assert!(pca.explained_variance[1] > 0.0);
    }

    #[test]
    fn constant_samples_have_no_variance() {
        for shape in [(5, 3), (3, 5)] {
            let pca = Pca::fit(Array2::from_elem(shape, 2.5f32).view(), 2).unwrap();
            assert_eq!((pca.explained_variance, pca.explained_variance_ratio), (vec![0.0; 2], vec![0.0; 2]));
        }
    }

    #[test]
    fn invalid_inputs_are_named() {
        let x = Array2::from_shape_fn((4, 3), |(i, j)| (i * j) as f64);
        let message = |c| Pca::fit(x.view(), c).unwrap_err().to_string();
        assert_eq!(message(4), "pca: 4 components of 4 samples with 3 dimensions; choose 1 to 3");
        assert!(message(0).contains("choose 1 to 3"));
        assert!(Pca::fit(array![[1.0, 2.0]].view(), 1).is_err());
        assert!(Pca::fit(x.view(), 2).unwrap().transform(array![[1.0]].view()).is_err());
    }
}
