//! Support vector regression: a function that errs by less than ε where it can, and is as flat as that allows.
//!
//! ε-SVR (Drucker et al. 1997; Smola and Schölkopf 2004) predicts ŷ(x) = Σ β_i K(x_i, x) + b. Its coefficients minimize the dual
//!
//! ```text
//! ½ βᵀ K β - yᵀ β + ε Σ |β_i|    subject to    Σ β_i = 0  and  -C <= β_i <= C
//! ```
//!
//! Samples that err by less than ε have β_i = 0 and drop out; the others are the support vectors. With the linear kernel
//! K(x, z) = x · z the function is a weighted sum of the columns; with the Gaussian one, K(x, z) = exp(-γ |x - z|²), it bends
//! within distances of about 1 / √γ.
//!
//! The dual is convex, so its optimum is one value. It is found by sequential minimal optimization (Platt 1998): β of two samples
//! are moved at a time, by equal amounts in opposite directions, until no pair is left that would gain. The pair is chosen by
//! second-order information as in LIBSVM (Fan, Chen and Lin 2005), which scikit-learn calls. Here a sample has one variable β_i
//! with a kink of the objective at 0, where LIBSVM has two, α_i and α_i*; one of those is 0 at each of its steps, so the steps are
//! the same.

use super::{flat, samples};
use crate::error::{Error, Result};
use gradus_kernels::{math, parallel};
use ndarray::{Array2, ArrayView2, Axis};
use std::rc::Rc;

/// The search ends when no pair of samples violates the optimality conditions by more than this, in units of y.
const TOLERANCE: f64 = 1e-4;
/// The least number of steps after which the search is given up, as in LIBSVM; 100 for each sample if that is more.
const MOST_STEPS: usize = 10_000_000;
/// The curvature along a pair of samples that lie at the same place, for which it would be 0.
const FLAT: f64 = 1e-12;
/// Bytes of kernel rows that are kept at a time.
const CACHE: usize = 256 << 20;
/// Samples whose kernel values are computed by one task.
const PIECE: usize = 1 << 11;

/// How alike two samples are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kernel {
    /// K(x, z) = x · z.
    Linear,
    /// The Gaussian kernel K(x, z) = exp(-γ |x - z|²), also called radial basis function, with γ above 0.
    Rbf(f32),
}

impl Kernel {
    /// Returns γ = 1 / (d v) for the n x d samples `x`, v being the variance of all their numbers: scikit-learn's
    /// `gamma="scale"`. 1 if the numbers are all the same.
    ///
    /// ```
    /// use gradus::analysis::svr::Kernel;
    /// let x = ndarray::array![[0.0_f32, 2.0], [2.0, 0.0]]; // variance 1
    /// assert_eq!(Kernel::scale(x.view()), 0.5);
    /// ```
    pub fn scale(x: ArrayView2<'_, f32>) -> f32 {
        let n = x.len() as f64;
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = x.iter().map(|&v| (f64::from(v) - mean) * (f64::from(v) - mean)).sum::<f64>() / n;
        if variance > 0.0 { (1.0 / (x.ncols() as f64 * variance)) as f32 } else { 1.0 }
    }
}

/// Settings of the regression.
///
/// ```
/// use gradus::analysis::svr::{Kernel, Svr};
/// // A parabola, which no line follows.
/// let x = ndarray::Array2::from_shape_fn((41, 1), |(i, _)| i as f32 / 10.0 - 2.0);
/// let y: Vec<f64> = x.iter().map(|&x| f64::from(x * x)).collect();
/// let model = Svr { kernel: Kernel::Rbf(1.0), c: 100.0, epsilon: 0.05 }.fit(x.view(), &y)?;
/// let errors = model.predict(x.view())?.into_iter().zip(&y).map(|(p, y)| (p - y).abs());
/// assert!(errors.fold(0.0, f64::max) < 0.06);
/// assert!(model.coefficients.len() < 20); // most samples err by less than epsilon
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Svr {
    /// How alike two samples are.
    pub kernel: Kernel,
    /// C, the bound of |β_i|, above 0: the larger, the more an error beyond ε costs beside a function that is not flat.
    pub c: f64,
    /// ε, errors below which cost nothing, in units of y; 0 or more.
    pub epsilon: f64,
}

/// A fitted regression.
#[derive(Clone, Debug, PartialEq)]
pub struct SupportVectors {
    /// The samples whose coefficient is not 0, S x D.
    pub vectors: Array2<f32>,
    /// β of each.
    pub coefficients: Vec<f32>,
    /// b.
    pub intercept: f32,
    /// The kernel.
    pub kernel: Kernel,
}

impl SupportVectors {
    /// Returns Σ β_s K(x_s, x) + b for each row x. Fails unless the rows have as many columns as the support vectors.
    pub fn predict(&self, x: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
        predict(self.vectors.view(), &self.coefficients, self.intercept, self.kernel, x)
    }
}

/// Computes the predictions of [`SupportVectors`] that lie in other memory.
pub fn predict(
    vectors: ArrayView2<'_, f32>,
    coefficients: &[f32],
    intercept: f32,
    kernel: Kernel,
    x: ArrayView2<'_, f32>,
) -> Result<Vec<f64>> {
    if x.ncols() != vectors.ncols() {
        let (d, k) = (x.ncols(), vectors.ncols());
        return Err(Error::invalid(format!("svr: x has {d} columns, but it was fitted on {k}")));
    }
    let (vectors, x) = (Columns::new(vectors), super::standard(x));
    let d = x.ncols().max(1);
    Ok(parallel::map(x.nrows(), |i| {
        let mut row = vec![0.0; vectors.n];
        vectors.kernel(kernel, &flat(&x)[i * d..(i + 1) * d], 0, &mut row);
        let sum: f64 = row.iter().zip(coefficients).map(|(&k, &b)| f64::from(k) * f64::from(b)).sum();
        sum + f64::from(intercept)
    }))
}

/// Samples column by column, so that the kernel of one sample and many others is computed for neighbours side by side.
struct Columns {
    data: Vec<f32>,
    n: usize,
}

impl Columns {
    fn new(x: ArrayView2<'_, f32>) -> Self {
        Self { data: x.t().iter().copied().collect(), n: x.nrows() }
    }

    /// Writes the kernel of `x` and the samples from `start` on.
    fn kernel(&self, kernel: Kernel, x: &[f32], start: usize, out: &mut [f32]) {
        out.fill(0.0);
        let len = out.len();
        for (k, &x) in x.iter().enumerate() {
            let column = &self.data[k * self.n + start..][..len];
            match kernel {
                Kernel::Linear => out.iter_mut().zip(column).for_each(|(sum, z)| *sum += x * z),
                // Differences, not |x|² + |z|² - 2 x · z, which cancels for neighbours.
                Kernel::Rbf(_) => out.iter_mut().zip(column).for_each(|(sum, z)| *sum += (x - z) * (x - z)),
            }
        }
        if let Kernel::Rbf(gamma) = kernel {
            out.iter_mut().for_each(|v| *v = math::exp(-gamma * *v));
        }
    }
}

/// Rows of the kernel matrix; the least recently used ones are forgotten.
struct Rows<'a> {
    kernel: Kernel,
    x: &'a [f32],
    columns: Columns,
    held: Vec<usize>,
    rows: Vec<Option<Rc<Vec<f32>>>>,
    used: Vec<usize>,
    time: usize,
}

impl<'a> Rows<'a> {
    fn new(kernel: Kernel, x: &'a [f32], columns: Columns) -> Self {
        let n = columns.n;
        Self { kernel, x, columns, held: Vec::new(), rows: vec![None; n], used: vec![0; n], time: 0 }
    }

    /// Returns K(x_i, x_i) of each sample.
    fn diagonal(&self) -> Vec<f64> {
        let d = self.x.len() / self.columns.n;
        let square = |x: &[f32]| f64::from(x.iter().map(|v| v * v).sum::<f32>());
        match self.kernel {
            Kernel::Linear => self.x.chunks_exact(d).map(square).collect(),
            Kernel::Rbf(_) => vec![1.0; self.columns.n],
        }
    }

    /// Returns K(x_i, x_j) for all j.
    fn row(&mut self, i: usize) -> Rc<Vec<f32>> {
        self.time += 1;
        self.used[i] = self.time;
        if let Some(row) = &self.rows[i] {
            return Rc::clone(row);
        }
        let n = self.columns.n;
        if self.held.len() >= (CACHE / (4 * n)).max(2) {
            let oldest = (0..self.held.len()).min_by_key(|&k| self.used[self.held[k]]).expect("rows are held");
            self.rows[self.held.swap_remove(oldest)] = None;
        }
        let d = self.x.len() / n;
        let x = &self.x[i * d..(i + 1) * d];
        let mut row = vec![0.0; n];
        parallel::chunks(&mut row, PIECE, |p, piece| self.columns.kernel(self.kernel, x, p * PIECE, piece));
        let row = Rc::new(row);
        self.rows[i] = Some(Rc::clone(&row));
        self.held.push(i);
        row
    }
}

impl Svr {
    /// Finds the support vectors of samples `x` (n x d) and their numbers `y`. Fails unless there is a finite number for each row
    /// of finite numbers, and if the search does not end: then C is too large for samples that are not on one scale.
    pub fn fit(&self, x: ArrayView2<'_, f32>, y: &[f64]) -> Result<SupportVectors> {
        let x = samples("svr", x)?;
        let n = x.nrows();
        if y.len() != n || y.iter().any(|y| !y.is_finite()) {
            let what = format!("svr: expected a finite target for each of {n} rows, found {} targets", y.len());
            return Err(Error::invalid(what));
        }
        let mut rows = Rows::new(self.kernel, flat(&x), Columns::new(x.view()));
        let (beta, intercept) = self.solve(&mut rows, y)?;
        let chosen: Vec<usize> = (0..n).filter(|&i| beta[i] != 0.0).collect();
        Ok(SupportVectors {
            vectors: x.select(Axis(0), &chosen),
            coefficients: chosen.iter().map(|&i| beta[i] as f32).collect(),
            intercept: intercept as f32,
            kernel: self.kernel,
        })
    }

    /// The derivative of the objective with its sign changed, for a β that grows; `None` at the upper bound.
    fn upwards(&self, beta: f64, f: f64) -> Option<f64> {
        if beta < 0.0 { Some(self.epsilon - f) } else { (beta < self.c).then_some(-self.epsilon - f) }
    }

    /// The same for a β that shrinks; `None` at the lower bound.
    fn downwards(&self, beta: f64, f: f64) -> Option<f64> {
        if beta > 0.0 { Some(-self.epsilon - f) } else { (beta > -self.c).then_some(self.epsilon - f) }
    }

    /// Sequential minimal optimization: β and b.
    fn solve(&self, rows: &mut Rows<'_>, y: &[f64]) -> Result<(Vec<f64>, f64)> {
        let n = y.len();
        let diagonal = rows.diagonal();
        let mut beta = vec![0.0; n];
        let mut f: Vec<f64> = y.iter().map(|y| -y).collect(); // f = K β - y
        let most = MOST_STEPS.max(100 * n);
        for _ in 0..most {
            // The sample that gains most from a larger β, and the gain that the others leave.
            let (mut i, mut highest, mut lowest) = (0, f64::NEG_INFINITY, f64::INFINITY);
            for t in 0..n {
                if let Some(up) = self.upwards(beta[t], f[t]).filter(|up| *up > highest) {
                    (i, highest) = (t, up);
                }
                lowest = self.downwards(beta[t], f[t]).map_or(lowest, |down| down.min(lowest));
            }
            if highest - lowest < TOLERANCE {
                let b = self.intercept(&beta, &f, (highest + lowest) / 2.0);
                return Ok((beta, b));
            }
            // The partner with which the objective falls most, were there no bounds.
            let k_i = rows.row(i);
            let (mut j, mut most_gain) = (i, 0.0);
            for t in 0..n {
                let Some(gap) = self.downwards(beta[t], f[t]).map(|down| highest - down) else { continue };
                if gap > 0.0 {
                    let gain = gap * gap / curvature(diagonal[i], diagonal[t], k_i[t]);
                    if gain > most_gain {
                        (j, most_gain) = (t, gain);
                    }
                }
            }
            let k_j = rows.row(j);
            let gap = highest - self.downwards(beta[j], f[j]).expect("a partner can shrink");
            // As far as the objective falls: to its minimum, to a bound, or to the kink at 0.
            let ends = [if beta[i] < 0.0 { 0.0 } else { self.c }, if beta[j] > 0.0 { 0.0 } else { -self.c }];
            let (room_i, room_j) = (ends[0] - beta[i], beta[j] - ends[1]);
            let step = (gap / curvature(diagonal[i], diagonal[j], k_i[j])).min(room_i).min(room_j);
            beta[i] = if step >= room_i { ends[0] } else { beta[i] + step };
            beta[j] = if step >= room_j { ends[1] } else { beta[j] - step };
            for ((f, a), b) in f.iter_mut().zip(&*k_i).zip(&*k_j) {
                *f += step * (f64::from(*a) - f64::from(*b));
            }
        }
        let what = format!("svr: no optimum after {most} steps with c = {}", self.c);
        Err(Error::invalid(format!("{what}; expected columns of one scale and a smaller c")))
    }

    /// b: by samples between the bounds, whose error is ε, else in the middle of what the optimality conditions allow.
    fn intercept(&self, beta: &[f64], f: &[f64], middle: f64) -> f64 {
        let is_free = |b: f64| b != 0.0 && b.abs() < self.c;
        let free: Vec<f64> = (0..beta.len())
            .filter(|&i| is_free(beta[i]))
            .map(|i| if beta[i] > 0.0 { -self.epsilon - f[i] } else { self.epsilon - f[i] })
            .collect();
        if free.is_empty() { middle } else { free.iter().sum::<f64>() / free.len() as f64 }
    }
}

/// The second derivative of the objective along a pair of samples.
fn curvature(k_ii: f64, k_jj: f64, k_ij: f32) -> f64 {
    (k_ii + k_jj - 2.0 * f64::from(k_ij)).max(FLAT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A curve of two columns with noise.
    fn curve(n: usize) -> (Array2<f32>, Vec<f64>) {
        let mut rng = Rng::new(1, "svr test", 0);
        let x = Array2::from_shape_fn((n, 2), |_| rng.range(-2.0, 2.0) as f32);
        let y = x.rows().into_iter().map(|x| f64::from(x[0] * x[0] - x[1]) + 0.2 * rng.normal()).collect();
        (x, y)
    }

    /// The optimality conditions of a convex problem hold at its optimum and nowhere else, whoever found it.
    fn is_optimal(svr: &Svr, x: &Array2<f32>, y: &[f64]) {
        let mut rows = Rows::new(svr.kernel, x.as_slice().unwrap(), Columns::new(x.view()));
        let (beta, b) = svr.solve(&mut rows, y).unwrap();
        assert!(beta.iter().sum::<f64>().abs() < 1e-9 * svr.c * y.len() as f64);
        let predicted = svr.fit(x.view(), y).unwrap().predict(x.view()).unwrap();
        let close = 1e-3 * (1.0 + svr.c / 100.0);
        for i in 0..y.len() {
            let row: f64 = rows.row(i).iter().zip(&beta).map(|(&k, b)| f64::from(k) * b).sum();
            let error = y[i] - row - b;
            assert!((predicted[i] - row - b).abs() < close, "{} {}", predicted[i], row + b);
            match beta[i] {
                0.0 => assert!(error.abs() <= svr.epsilon + close, "{error}"),
                v if v.abs() < svr.c => assert!((error - svr.epsilon * v.signum()).abs() < close, "{error}"),
                v => assert!(error * v.signum() >= svr.epsilon - close && v.abs() == svr.c, "{error}"),
            }
        }
    }

    #[test]
    fn the_optimality_conditions_hold() {
        let (x, y) = curve(120);
        for kernel in [Kernel::Linear, Kernel::Rbf(0.5), Kernel::Rbf(5.0)] {
            for (c, epsilon) in [(0.1, 0.1), (1.0, 0.3), (30.0, 0.0)] {
                is_optimal(&Svr { kernel, c, epsilon }, &x, &y);
            }
        }
    }

    #[test]
    fn a_line_is_found_by_the_linear_kernel() {
        let x = Array2::from_shape_fn((50, 2), |(i, j)| ((i * (j + 3)) % 17) as f32 / 17.0);
        let y: Vec<f64> = x.rows().into_iter().map(|x| f64::from(3.0 * x[0] - x[1]) + 0.5).collect();
        let model = Svr { kernel: Kernel::Linear, c: 100.0, epsilon: 0.01 }.fit(x.view(), &y).unwrap();
        for (p, y) in model.predict(x.view()).unwrap().iter().zip(&y) {
            assert!((p - y).abs() < 0.011, "{p} {y}");
        }
    }

    #[test]
    fn errors_within_epsilon_need_no_support_vector() {
        let x = ndarray::array![[0.0_f32], [1.0], [2.0]];
        let model = Svr { kernel: Kernel::Rbf(1.0), c: 1.0, epsilon: 0.5 }.fit(x.view(), &[1.0, 1.4, 0.9]).unwrap();
        assert_eq!((model.vectors.dim(), model.coefficients.len()), ((0, 1), 0));
        // The middle of what is allowed.
        assert!(model.predict(x.view()).unwrap().iter().all(|p| (p - 1.15).abs() < 1e-6));
    }

    #[test]
    fn rows_that_are_forgotten_are_computed_again() {
        let (x, _) = curve(20);
        let mut rows = Rows::new(Kernel::Rbf(1.0), x.as_slice().unwrap(), Columns::new(x.view()));
        let first = rows.row(3);
        assert_eq!(first[3], 1.0);
        let at = rows.held.iter().position(|&i| i == 3).unwrap();
        rows.held.swap_remove(at);
        rows.rows[3] = None;
        assert_eq!(rows.row(3), first);
    }

    #[test]
    fn bad_input_is_refused() {
        let svr = Svr { kernel: Kernel::Linear, c: 1.0, epsilon: 0.1 };
        let x = ndarray::array![[1.0_f32], [2.0]];
        assert!(svr.fit(x.view(), &[1.0]).unwrap_err().to_string().contains("each of 2 rows, found 1"));
        assert!(svr.fit(x.view(), &[1.0, f64::NAN]).is_err());
        let model = svr.fit(x.view(), &[1.0, 2.0]).unwrap();
        let wide = ndarray::array![[1.0_f32, 2.0]];
        assert!(model.predict(wide.view()).unwrap_err().to_string().contains("2 columns"));
    }
}
