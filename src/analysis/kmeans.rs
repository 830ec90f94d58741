//! K-means clustering.
//!
//! The method looks for k centroids μ that make the *inertia*, the sum over samples of the squared distance to the
//! nearest centroid, small. Lloyd (1957, published 1982) alternates two steps, neither of which can raise it:
//!
//! 1. *assign* each sample to its nearest centroid;
//! 2. *update* each centroid to the mean of its samples.
//!
//! It ends in a local minimum that depends on where it starts. So it starts well (k-means++, Arthur & Vassilvitskii
//! 2007: spread-out samples, each drawn with probability proportional to its squared distance from those already
//! chosen) and it starts often (`n_init` times; the lowest inertia is kept). A centroid that loses all its samples is
//! moved to the sample that is farthest from its centroid, as scikit-learn does.
//!
//! Both steps are one pass over the samples, [`Clusters::assign`], which reads only those that may have changed
//! clusters.

use super::{column_means, column_variances, mat, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::rng::Rng;
use crate::tensor;
use gradus_kernels::kmeans::{Clusters, Samples, Sums};
use gradus_kernels::{MatMut, MatRef};
use ndarray::{Array2, ArrayView2, CowArray, Ix2};

/// The settings of K-means, with scikit-learn's names and defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KMeans {
    /// Number of clusters.
    pub k: usize,
    /// Number of starts; the one with the lowest inertia is kept.
    pub n_init: usize,
    /// Most iterations of one start.
    pub max_iter: usize,
    /// A start ends when the centroids move, together, by less than this times the mean variance of the columns
    /// (squared distances on both sides).
    pub tol: f64,
}

/// The result of K-means.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustering<T> {
    /// k x d, one centroid a row.
    pub centroids: Array2<T>,
    /// For each sample the index of its nearest centroid (the lowest on a tie).
    pub labels: Vec<usize>,
    /// Sum over samples of the squared distance to their centroid.
    pub inertia: f64,
    /// Iterations of the start that was kept.
    pub iterations: usize,
}

impl KMeans {
    /// Creates the settings for `k` clusters: ten starts, at most 300 iterations each, tolerance 1e-4.
    pub fn new(k: usize) -> Self {
        Self { k, n_init: 10, max_iter: 300, tol: 1e-4 }
    }

    /// Clusters the rows of `x` (n x d), starting `n_init` times from k-means++ seeds.
    ///
    /// Fails for k = 0, k > n, and values that are not finite. With fewer distinct samples than k the surplus clusters
    /// stay empty, their centroids lying on that of the largest cluster.
    pub fn fit<T: Real>(&self, x: ArrayView2<'_, T>, seed: u64) -> Result<Clustering<T>> {
        let x = samples("kmeans", x)?;
        self.check(x.nrows())?;
        let tol = self.absolute_tol(&x);
        let best = with_samples(&x, |prepared| {
            let mut best: Option<Clustering<T>> = None;
            for start in 0..self.n_init {
                let seeds = plus_plus(mat(&x), self.k, &mut Rng::new(seed, "kmeans", start as u64));
                let found = self.lloyd(&x, prepared, seeds, tol);
                if best.as_ref().is_none_or(|b| found.inertia < b.inertia) {
                    best = Some(found);
                }
            }
            best
        });
        Ok(best.expect("kmeans: n_init was checked"))
    }

    /// Clusters the rows of `x` in one start from the given centroids (k x d).
    pub fn fit_from<T: Real>(&self, x: ArrayView2<'_, T>, initial: Array2<T>) -> Result<Clustering<T>> {
        let x = samples("kmeans", x)?;
        self.check(x.nrows())?;
        if initial.dim() != (self.k, x.ncols()) {
            let (expected, got) = ((self.k, x.ncols()), initial.dim());
            return Err(Error::invalid(format!("kmeans: the initial centroids must be {expected:?}, found {got:?}")));
        }
        let initial = samples("kmeans, initial centroids", initial.view())?.into_owned();
        let tol = self.absolute_tol(&x);
        Ok(with_samples(&x, |samples| self.lloyd(&x, samples, initial, tol)))
    }

    fn check(&self, n: usize) -> Result<()> {
        let wrong = match self {
            Self { k: 0, .. } => "k is 0; at least one cluster is needed".to_owned(),
            Self { k, .. } if *k > n => format!("k is {k}, but there are only {n} samples; choose k <= {n}"),
            Self { n_init: 0, .. } => "n_init is 0; at least one start is needed".to_owned(),
            Self { max_iter: 0, .. } => "max_iter is 0; at least one iteration is needed".to_owned(),
            Self { tol, .. } if !tol.is_finite() || *tol < 0.0 => format!("tol is {tol}; it must be >= 0"),
            _ => return Ok(()),
        };
        Err(Error::invalid(format!("kmeans: {wrong}")))
    }

    /// Returns the tolerance in the data's own units: `tol` times the mean variance of the columns.
    fn absolute_tol<T: Real>(&self, x: &CowArray<'_, T, Ix2>) -> f64 {
        if self.tol == 0.0 {
            return 0.0;
        }
        let variances = column_variances(x, &column_means(x));
        self.tol * variances.iter().sum::<f64>() / variances.len() as f64
    }

    /// Assign, update, until no label changes or the centroids stand still.
    fn lloyd<T: Real>(
        &self,
        x: &CowArray<'_, T, Ix2>,
        samples: &Samples<'_, T>,
        mut centroids: Array2<T>,
        tol: f64,
    ) -> Clustering<T> {
        let mut clusters = Clusters::new(samples, self.k);
        T::kmeans_assign(&mut clusters, elements(&centroids));
        let mut iterations = 0;
        loop {
            iterations += 1;
            let (next, relocated) = update(x, &centroids, &clusters);
            let moved: f64 = next.iter().zip(&centroids).map(|(a, b)| square(a.to_f64() - b.to_f64())).sum();
            centroids = next;
            let changed = T::kmeans_assign(&mut clusters, elements(&centroids));
            if moved <= tol || iterations >= self.max_iter {
                break;
            }
            if changed == 0 && !relocated {
                iterations += 1; // scikit-learn counts the iteration that finds nothing left to change
                break;
            }
        }
        Clustering { centroids, labels: clusters.labels(), inertia: T::kmeans_inertia(&clusters), iterations }
    }
}

impl<T: Real> Clustering<T> {
    /// Returns the nearest centroid of each row of `x` (n x d).
    pub fn predict(&self, x: ArrayView2<'_, T>) -> Result<Vec<usize>> {
        let x = samples("kmeans predict", x)?;
        if x.ncols() != self.centroids.ncols() {
            let (got, expected) = (x.ncols(), self.centroids.ncols());
            return Err(Error::invalid(format!(
                "kmeans predict: x has {got} columns, but the centroids have {expected}"
            )));
        }
        Ok(with_samples(&x, |samples| {
            let mut clusters = Clusters::new(samples, self.centroids.nrows());
            let centroids = self.centroids.as_standard_layout();
            T::kmeans_assign(&mut clusters, centroids.as_slice().expect("a standard layout"));
            clusters.labels()
        }))
    }
}

/// Prepares the rows of `x` for the search.
fn with_samples<T: Real, R>(x: &CowArray<'_, T, Ix2>, work: impl FnOnce(&Samples<'_, T>) -> R) -> R {
    tensor::lend(Samples::room(&mat(x)), |room| work(&T::kmeans_samples(mat(x), room)))
}

fn square(x: f64) -> f64 {
    x * x
}

/// Returns all centroids, one after the other.
fn elements<T>(centroids: &Array2<T>) -> &[T] {
    centroids.as_slice().expect("kmeans: standard layout")
}

/// Returns the means of the clusters, empty ones relocated; and whether any was.
fn update<T: Real>(x: &CowArray<'_, T, Ix2>, centroids: &Array2<T>, clusters: &Clusters<'_, T>) -> (Array2<T>, bool) {
    let (k, d) = centroids.dim();
    let mut sums = clusters.sums().clone();
    let relocated = relocate_empty(x, centroids, clusters, &mut sums);
    // Only with fewer distinct samples than clusters is one still empty. It goes where the largest cluster is.
    let largest = (1..k).fold(0, |b, c| if sums.size[c] > sums.size[b] { c } else { b });
    let means = Array2::from_shape_fn((k, d), |(c, j)| {
        let c = if sums.size[c] == 0 { largest } else { c };
        T::from_f64(sums.sum[c * d + j] / sums.size[c] as f64)
    });
    (means, relocated)
}

/// Gives each empty cluster one sample: the farthest from its centroid, the next farthest, and so on.
fn relocate_empty<T: Real>(
    x: &CowArray<'_, T, Ix2>,
    centroids: &Array2<T>,
    clusters: &Clusters<'_, T>,
    sums: &mut Sums,
) -> bool {
    let (k, d) = centroids.dim();
    let empty: Vec<usize> = (0..k).filter(|&c| sums.size[c] == 0).collect();
    if empty.is_empty() {
        return false;
    }
    let labels = clusters.labels();
    let squared =
        |i: usize| x.row(i).iter().zip(centroids.row(labels[i])).map(|(a, b)| square(a.to_f64() - b.to_f64())).sum();
    let far: Vec<f64> = (0..labels.len()).map(squared).collect();
    let mut order: Vec<usize> = (0..labels.len()).filter(|&i| far[i] > 0.0).collect();
    order.sort_by(|&a, &b| far[b].total_cmp(&far[a]).then(a.cmp(&b)));
    let mut candidates = order.into_iter();
    let mut relocated = false;
    for c in empty {
        // A sample that is alone in its cluster stays: moving it would only empty that one instead.
        let Some(i) = candidates.find(|&i| sums.size[labels[i]] > 1) else { break };
        let old = labels[i];
        for j in 0..d {
            let v = x[[i, j]].to_f64();
            sums.sum[old * d + j] -= v;
            sums.sum[c * d + j] = v;
        }
        sums.size[old] -= 1;
        sums.size[c] = 1;
        relocated = true;
    }
    relocated
}

/// Seeds by k-means++, in its greedy form: of 2 + ln k samples drawn, the one that lowers the inertia most is kept.
fn plus_plus<T: Real>(x: MatRef<'_, T>, k: usize, rng: &mut Rng) -> Array2<T> {
    let trials = 2 + libm::log(k as f64) as usize;
    let mut chosen = vec![rng.below(x.rows())];
    let mut closest = squared_to_row(x, chosen[0]);
    while chosen.len() < k {
        let total: f64 = closest.iter().sum();
        let mut best: Option<(f64, usize, Vec<f64>)> = None;
        for _ in 0..trials {
            let candidate = draw(&closest, rng.uniform() * total);
            let mut with = squared_to_row(x, candidate);
            with.iter_mut().zip(&closest).for_each(|(w, &c)| *w = w.min(c));
            let left: f64 = with.iter().sum();
            if best.as_ref().is_none_or(|b| left < b.0) {
                best = Some((left, candidate, with));
            }
        }
        let (_, candidate, with) = best.expect("kmeans: at least two trials");
        chosen.push(candidate);
        closest = with;
    }
    Array2::from_shape_fn((k, x.cols()), |(c, j)| x.at(chosen[c], j))
}

/// Returns the index at which the running sum of `weights` first exceeds `at`.
fn draw(weights: &[f64], at: f64) -> usize {
    let mut sum = 0.0;
    let over = weights.iter().position(|w| {
        sum += w;
        sum > at
    });
    over.unwrap_or(weights.len() - 1)
}

/// Returns the squared distances of all rows from row `i`.
fn squared_to_row<T: Real>(x: MatRef<'_, T>, i: usize) -> Vec<f64> {
    let center = MatRef::new(&x.data()[i * x.cols()..][..x.cols()], 1, x.cols());
    let mut squared = vec![T::ZERO; x.rows()];
    T::squared_distances(x, center, MatMut::new(&mut squared, x.rows(), 1));
    squared.into_iter().map(|v| v.to_f64()).collect()
}

/// Names clusters by majority vote: for each of `k` clusters the class that most of its samples have.
///
/// Ties go to the lower class; an empty cluster gets the class that is the most frequent overall. Panics if the slices
/// differ in length or hold numbers beyond `k` and `classes`.
pub fn name_clusters(labels: &[usize], true_labels: &[usize], k: usize, classes: usize) -> Vec<usize> {
    assert_eq!(labels.len(), true_labels.len(), "name_clusters: one true class for each label");
    let argmax = |votes: &[usize]| (1..votes.len()).fold(0, |b, c| if votes[c] > votes[b] { c } else { b });
    let mut votes = vec![vec![0usize; classes]; k];
    let mut overall = vec![0usize; classes];
    for (&label, &class) in labels.iter().zip(true_labels) {
        votes[label][class] += 1;
        overall[class] += 1;
    }
    let majority = argmax(&overall);
    votes.iter().map(|v| if v.iter().all(|&n| n == 0) { majority } else { argmax(v) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// 0, 1 | 10, 12 from 0 and 1: first {0}, {1, 10, 12} with means 0 and 23/3; then {0, 1}, {10, 12}.
    #[test]
    fn a_line_by_hand() {
        let x = array![[0.0], [1.0], [10.0], [12.0]];
        let fit = KMeans::new(2).fit_from(x.view(), array![[0.0], [1.0]]).unwrap();
        assert_eq!(fit.labels, [0, 0, 1, 1]);
        assert_eq!(fit.centroids, array![[0.5], [11.0]]);
        assert_eq!(fit.inertia, 0.25 + 0.25 + 1.0 + 1.0);
        assert_eq!(fit.iterations, 3); // two that change labels, one in which nothing changes
        assert_eq!(fit.predict(array![[5.75], [5.76]].view()).unwrap(), [0, 1]); // halfway goes to the lower
    }

    /// All samples are nearest to the first centroid; the empty second one moves to the farthest sample, 9.
    #[test]
    fn an_empty_cluster_moves_to_the_farthest_sample() {
        let x = array![[0.0f32], [1.0], [2.0], [9.0]];
        let one = KMeans { max_iter: 1, ..KMeans::new(2) }.fit_from(x.view(), array![[1.0], [100.0]]).unwrap();
        assert_eq!(one.centroids, array![[1.0], [9.0]]);
        let fit = KMeans::new(2).fit_from(x.view(), array![[1.0], [100.0]]).unwrap();
        assert_eq!((fit.labels, fit.inertia), (vec![0, 0, 0, 1], 2.0));
    }

    #[test]
    fn more_clusters_than_distinct_samples_leave_some_empty() {
        let x = array![[0.0], [0.0], [0.0], [4.0], [4.0]];
        let fit = KMeans::new(4).fit(x.view(), 3).unwrap();
        assert_eq!(fit.inertia, 0.0);
        assert_eq!(fit.labels[..3], [fit.labels[0]; 3]);
        assert!(fit.labels[3] == fit.labels[4] && fit.labels[0] != fit.labels[3]);
        assert!(fit.centroids.iter().all(|&c| c == 0.0 || c == 4.0));
        let same = KMeans::new(2).fit(Array2::from_elem((3, 2), 7.0f32).view(), 0).unwrap();
        assert_eq!((same.labels, same.inertia), (vec![0; 3], 0.0));
    }

    #[test]
    fn k_of_n_and_1_are_the_extremes() {
        let x = array![[0.0, 0.0], [3.0, 0.0], [0.0, 6.0]];
        let all = KMeans::new(3).fit(x.view(), 1).unwrap();
        assert_eq!(all.inertia, 0.0);
        let one = KMeans::new(1).fit(x.view(), 1).unwrap();
        assert_eq!(one.centroids, array![[1.0, 2.0]]);
        assert_eq!(one.inertia, 5.0 + 8.0 + 17.0);
    }

    #[test]
    fn more_starts_are_never_worse() {
        let mut rng = Rng::new(1, "x", 0);
        let x = Array2::from_shape_fn((200, 2), |_| rng.uniform());
        let inertia = |n_init| KMeans { n_init, ..KMeans::new(12) }.fit(x.view(), 9).unwrap().inertia;
        let found: Vec<f64> = [1, 3, 10, 20].into_iter().map(inertia).collect();
        assert!(found.is_sorted_by(|a, b| a >= b) && found[0] > found[3], "{found:?}");
    }

    #[test]
    fn invalid_settings_and_samples_are_named() {
        let x = array![[0.0], [1.0]];
        let message = |k: KMeans, x: &Array2<f64>| k.fit(x.view(), 0).unwrap_err().to_string();
        assert!(message(KMeans::new(0), &x).contains("k is 0"));
        assert!(message(KMeans::new(3), &x).contains("k is 3, but there are only 2 samples"));
        assert!(message(KMeans::new(1), &array![[0.0, 1.0], [2.0, f64::NAN]]).contains("row 1, column 1 of x is NaN"));
        assert!(message(KMeans { n_init: 0, ..KMeans::new(1) }, &x).contains("n_init"));
        assert!(KMeans::new(2).fit_from(x.view(), array![[0.0, 1.0]]).is_err());
        let fit = KMeans::new(2).fit(x.view(), 0).unwrap();
        assert!(fit.predict(array![[0.0, 1.0]].view()).is_err());
    }

    #[test]
    fn columns_in_any_memory_order_are_the_same_samples() {
        let mut rng = Rng::new(2, "x", 0);
        let x = Array2::from_shape_fn((30, 4), |_| rng.uniform());
        let transposed = x.t().as_standard_layout().into_owned();
        assert_eq!(KMeans::new(3).fit(x.view(), 5).unwrap(), KMeans::new(3).fit(transposed.t(), 5).unwrap());
    }

    #[test]
    fn clusters_are_named_by_majority() {
        let (labels, true_labels) = ([0, 0, 0, 1, 1, 3], [2, 2, 1, 1, 0, 2]);
        assert_eq!(name_clusters(&labels, &true_labels, 4, 3), [2, 0, 2, 2]); // cluster 1 is tied, cluster 2 is empty
    }
}
