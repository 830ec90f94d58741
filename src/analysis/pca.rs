//! Principal component analysis: the few directions along which the samples vary most.
//!
//! The directions are the eigenvectors of the covariance matrix C = Xcᵀ Xc / (n - 1), where Xc are the samples minus
//! their mean (Pearson 1901; Hotelling 1933); the eigenvalues are the variances along them.
//!
//! C is d x d. Where there are fewer samples than dimensions (2000 activations of 65,536 numbers) the same directions
//! come from the small Gram matrix G = Xc Xcᵀ (n x n): if G u = λ u, then v = Xcᵀ u / √λ is a unit eigenvector of C with
//! variance λ / (n - 1) (the "snapshot" method, Sirovich 1987). Xc is never stored whole, but made block by block.
//!
//! An eigenvector's sign is arbitrary. Ours has its largest loading positive, as in scikit-learn.

use super::{column_means, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, Par};
use gradus_kernels::{MatMut, MatRef};
use ndarray::{Array1, Array2, ArrayView2, Axis, CowArray, Ix2, Slice};

/// Rows (covariance) or columns (Gram) of one centred block.
const BLOCK: usize = 2048;

/// A fitted projection onto `c` directions of a `d`-dimensional space.
#[derive(Clone, Debug, PartialEq)]
pub struct Pca<T> {
    /// The samples' mean, d numbers.
    pub mean: Array1<T>,
    /// c x d: one unit vector a row, the most important first.
    pub components: Array2<T>,
    /// Variance along each component (divided by n - 1).
    pub explained_variance: Vec<f64>,
    /// The same as a share of the total variance; 0 if there is none.
    pub explained_variance_ratio: Vec<f64>,
}

impl<T: Real> Pca<T> {
    /// The first `components` principal components of the rows of `x` (n x d).
    ///
    /// `components` may be at most min(n, d), and n at least 2. Directions without variance, which only the Gram path
    /// cannot tell, come out as zero rows with variance 0.
    pub fn fit(x: ArrayView2<'_, T>, components: usize) -> Result<Self> {
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
        let (mut variances, mut rows, total) =
            if n < d { gram(&x, &mean, components) } else { covariance(&x, &mean, components) };
        variances.iter_mut().for_each(|v| *v = v.max(0.0));
        rows.rows_mut().into_iter().for_each(|mut row| {
            let largest = row.iter().fold(T::ZERO, |a, &v| if v.abs() > a.abs() { v } else { a });
            if largest < T::ZERO {
                row.mapv_inplace(|v| -v);
            }
        });
        let ratio = variances.iter().map(|v| if total > 0.0 { v / total } else { 0.0 }).collect();
        Ok(Self { mean, components: rows, explained_variance: variances, explained_variance_ratio: ratio })
    }

    /// The coordinates of the rows of `x` (n x d) along the components: n x c.
    pub fn transform(&self, x: ArrayView2<'_, T>) -> Result<Array2<T>> {
        let x = samples("pca transform", x)?;
        self.check("transform", x.ncols(), self.mean.len())?;
        let mut out = Array2::from_elem((x.nrows(), self.components.nrows()), T::ZERO);
        for (i, mut rows) in out.axis_chunks_iter_mut(Axis(0), BLOCK).enumerate() {
            let block = centred(&x, &self.mean, i, Axis(0));
            gemm(view(&block), view(&self.components).t(), rows.as_slice_mut().expect("pca: whole rows"));
        }
        Ok(out)
    }

    /// The samples (n x d) that lie at the coordinates `y` (n x c) in the components' plane.
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

    fn check(&self, what: &str, got: usize, wanted: usize) -> Result<()> {
        if got == wanted {
            return Ok(());
        }
        Err(Error::invalid(format!("pca {what}: the matrix has {got} columns, but {wanted} are wanted")))
    }
}

/// c = a b.
fn gemm<T: Real>(a: MatRef<'_, T>, b: MatRef<'_, T>, c: &mut [T]) {
    T::gemm(a, b, T::ZERO, MatMut::new(c, a.rows, b.cols));
}

fn view<T>(x: &Array2<T>) -> MatRef<'_, T> {
    MatRef::new(x.as_slice().expect("pca: standard layout"), x.nrows(), x.ncols())
}

/// The `block`-th block of rows (axis 0) or columns (axis 1), minus the mean.
fn centred<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, block: usize, axis: Axis) -> Array2<T> {
    let (start, end) = (block * BLOCK, x.len_of(axis).min((block + 1) * BLOCK));
    let part = x.slice_axis(axis, Slice::from(start..end));
    let shift = if axis.0 == 1 { start } else { 0 };
    Array2::from_shape_fn(part.dim(), |(i, j)| part[[i, j]] - mean[shift + j])
}

/// The top eigenpairs by C = Xcᵀ Xc / (n - 1): variances, components, and the total variance.
fn covariance<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, components: usize) -> (Vec<f64>, Array2<T>, f64) {
    let (n, d) = x.dim();
    let scatter = accumulate(d, n.div_ceil(BLOCK), |block, sum| {
        let block = centred(x, mean, block, Axis(0));
        gemm(view(&block).t(), view(&block), sum);
    });
    let (values, vectors) = eigen(&scatter, d);
    let scale = 1.0 / (n - 1) as f64;
    let rows = Array2::from_shape_fn((components, d), |(c, j)| T::from_f64(vectors[(j, d - 1 - c)]));
    let variances = (0..components).map(|c| values[d - 1 - c] * scale).collect();
    (variances, rows, trace(&scatter, d) * scale)
}

/// The same by G = Xc Xcᵀ, for n < d.
fn gram<T: Real>(x: &CowArray<'_, T, Ix2>, mean: &Array1<T>, components: usize) -> (Vec<f64>, Array2<T>, f64) {
    let (n, d) = x.dim();
    let blocks = d.div_ceil(BLOCK);
    let g = accumulate(n, blocks, |block, sum| {
        let block = centred(x, mean, block, Axis(1));
        gemm(view(&block), view(&block).t(), sum);
    });
    let (values, vectors) = eigen(&g, n);
    // Centring takes one rank away, and rounding puts noise of about this size in its place.
    let noise = n as f64 * T::EPSILON.to_f64() * values[n - 1].max(0.0);
    let value = |c: usize| if values[n - 1 - c] > noise { values[n - 1 - c] } else { 0.0 };
    let combine = Array2::from_shape_fn((components, n), |(c, i)| {
        T::from_f64(if value(c) > 0.0 { vectors[(i, n - 1 - c)] / value(c).sqrt() } else { 0.0 })
    });
    let mut rows = Array2::from_elem((components, d), T::ZERO);
    for block in 0..blocks {
        let part = centred(x, mean, block, Axis(1));
        let mut out = Array2::from_elem((components, part.ncols()), T::ZERO);
        gemm(view(&combine), view(&part), out.as_slice_mut().expect("pca: standard layout"));
        rows.slice_axis_mut(Axis(1), Slice::from(block * BLOCK..block * BLOCK + part.ncols())).assign(&out);
    }
    for mut row in rows.rows_mut() {
        let norm = row.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>().sqrt();
        if norm > 0.0 {
            row.mapv_inplace(|v| T::from_f64(v.to_f64() / norm));
        }
    }
    let scale = 1.0 / (n - 1) as f64;
    ((0..components).map(|c| value(c) * scale).collect(), rows, trace(&g, n) * scale)
}

/// The sum of `blocks` products of `size` x `size`, each made in T, added up in `f64`.
fn accumulate<T: Real>(size: usize, blocks: usize, product: impl Fn(usize, &mut [T])) -> Vec<f64> {
    let mut sum = vec![0.0; size * size];
    let mut part = vec![T::ZERO; size * size];
    for block in 0..blocks {
        product(block, &mut part);
        sum.iter_mut().zip(&part).for_each(|(s, p)| *s += p.to_f64());
    }
    sum
}

fn trace(a: &[f64], size: usize) -> f64 {
    (0..size).map(|i| a[i * size + i]).sum()
}

/// Eigenvalues, rising, and eigenvectors (columns) of a symmetric matrix. On one thread: its bits then depend on the
/// machine's instruction set at most.
fn eigen(a: &[f64], size: usize) -> (Vec<f64>, Mat<f64>) {
    let a = Mat::from_fn(size, size, |i, j| a[i * size + j]);
    let (mut values, mut vectors) = (Diag::zeros(size), Mat::zeros(size, size));
    let need = self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(need);
    let stack = MemStack::new(&mut memory);
    self_adjoint_evd(a.as_ref(), values.as_mut(), Some(vectors.as_mut()), Par::Seq, stack, Default::default())
        .expect("pca: the eigenvalues of a finite symmetric matrix converge");
    ((0..size).map(|i| values[i]).collect(), vectors)
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
    fn wrong_inputs_are_named() {
        let x = Array2::from_shape_fn((4, 3), |(i, j)| (i * j) as f64);
        let message = |c| Pca::fit(x.view(), c).unwrap_err().to_string();
        assert_eq!(message(4), "pca: 4 components of 4 samples with 3 dimensions; choose 1 to 3");
        assert!(message(0).contains("choose 1 to 3"));
        assert!(Pca::fit(array![[1.0, 2.0]].view(), 1).is_err());
        assert!(Pca::fit(x.view(), 2).unwrap().transform(array![[1.0]].view()).is_err());
    }
}
