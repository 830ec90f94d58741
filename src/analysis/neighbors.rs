//! Nearest neighbours, exactly: every distance is computed, and the k smallest of each row are kept.
//!
//! Either within one set of samples, each looking at all others, or from one set into another: is what a network
//! generates near something it was shown?
//!
//! O(n² d) work at the speed of a matrix product, O(n k) memory. For the samples of a course this beats search trees,
//! which lose their edge above some ten dimensions.

use super::{mat, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use gradus_kernels::{MatMut, MatRef, parallel};
use ndarray::{ArrayView2, CowArray, Ix2};

/// Rows whose distances to all others are held at a time.
pub(crate) const ROWS: usize = 16;
/// The same for rows that look into another set.
const QUERIES: usize = 64;

/// For each sample its `k` nearest others, or nearest rows of another set, the nearest first; equal distances in the
/// order of the samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbors<T> {
    /// Neighbours per sample.
    pub k: usize,
    /// n x k, row-major.
    pub index: Vec<u32>,
    /// Their squared Euclidean distances.
    pub squared: Vec<T>,
}

impl<T> Neighbors<T> {
    /// Returns the neighbours of sample `i`.
    pub fn of(&self, i: usize) -> &[u32] {
        &self.index[i * self.k..][..self.k]
    }
}

/// Returns `f(i, squared distances of row i to all rows)` for each row, in parallel, the results in order.
pub(crate) fn map_rows<T: Real, R: Send>(
    x: &CowArray<'_, T, Ix2>,
    f: impl Fn(usize, &mut [T]) -> R + Sync + Send,
) -> Vec<R> {
    let (all, n) = (mat(x), x.nrows());
    let pieces = parallel::map(n.div_ceil(ROWS), |p| {
        let (start, end) = (p * ROWS, n.min((p + 1) * ROWS));
        let rows = MatRef::new(&all.data()[start * all.cols()..end * all.cols()], end - start, all.cols());
        let mut squared = vec![T::ZERO; (end - start) * n];
        T::squared_distances(rows, all, MatMut::new(&mut squared, end - start, n));
        squared.chunks_mut(n).enumerate().map(|(r, row)| f(start + r, row)).collect::<Vec<R>>()
    });
    pieces.into_iter().flatten().collect()
}

/// Returns the `k` nearest others of each row of `x`, `k < n`.
pub(crate) fn nearest_others<T: Real>(x: &CowArray<'_, T, Ix2>, k: usize) -> Neighbors<T> {
    assert!(k < x.nrows(), "neighbors: k must be below the number of samples");
    let (mut index, mut squared) = (vec![0; x.nrows() * k], vec![T::ZERO; x.nrows() * k]);
    T::knn(mat(x), k, &mut index, &mut squared);
    Neighbors { k, index, squared }
}

/// Returns the `k` nearest rows of `x` (n x d) to each row of `queries` (m x d), k from 1 to n, m x k of them.
pub fn nearest_rows<T: Real>(queries: ArrayView2<'_, T>, x: ArrayView2<'_, T>, k: usize) -> Result<Neighbors<T>> {
    let (queries, x) = (samples("nearest_rows, queries", queries)?, samples("nearest_rows", x)?);
    let (n, d) = x.dim();
    if queries.ncols() != d {
        let got = queries.ncols();
        return Err(Error::invalid(format!("nearest_rows: the queries have {got} columns, but x has {d}")));
    }
    if k == 0 || k > n {
        return Err(Error::invalid(format!("nearest_rows: k is {k}; with {n} rows choose 1 to {n}")));
    }
    let (mut index, mut squared) = (Vec::new(), Vec::new());
    let all = mat(&queries);
    for start in (0..all.rows()).step_by(QUERIES) {
        let rows = QUERIES.min(all.rows() - start);
        let part = MatRef::new(&all.data()[start * d..(start + rows) * d], rows, d);
        let mut distances = vec![T::ZERO; rows * n];
        T::squared_distances(part, mat(&x), MatMut::new(&mut distances, rows, n));
        let near = parallel::map(rows, |r| smallest(&distances[r * n..][..n], k));
        for (j, distance) in near.into_iter().flatten() {
            index.push(j);
            squared.push(distance);
        }
    }
    Ok(Neighbors { k, index, squared })
}

/// Returns the places and values of the `k` smallest numbers, rising; equal ones in order.
fn smallest<T: Real>(values: &[T], k: usize) -> Vec<(u32, T)> {
    let by_value = |a: &u32, b: &u32| {
        let (x, y) = (values[*a as usize].to_f64(), values[*b as usize].to_f64());
        x.total_cmp(&y).then(a.cmp(b))
    };
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.select_nth_unstable_by(k - 1, by_value);
    order.truncate(k);
    order.sort_unstable_by(by_value);
    order.into_iter().map(|j| (j, values[j as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, CowArray, array};

    #[test]
    fn rows_of_another_set_by_hand() {
        let x = array![[0.0, 0.0], [3.0, 4.0], [0.0, 1.0], [0.0, 1.0]];
        let near = nearest_rows(array![[0.0, 0.5], [3.0, 4.0]].view(), x.view(), 3).unwrap();
        assert_eq!(near.index, [0, 2, 3, 1, 2, 3]);
        assert_eq!(near.squared, [0.25, 0.25, 0.25, 0.0, 18.0, 18.0]);
        assert_eq!(near.of(1), [1, 2, 3]);
        let message = |q: Array2<f64>, k| nearest_rows(q.view(), x.view(), k).unwrap_err().to_string();
        assert_eq!(message(array![[1.0]], 1), "nearest_rows: the queries have 1 columns, but x has 2");
        assert!(message(array![[1.0, 2.0]], 5).contains("choose 1 to 4"));
    }

    /// A set among itself, more rows than one block: the first is the row itself, the others are its nearest others.
    #[test]
    fn both_ways_to_neighbours_agree() {
        let x = Array2::from_shape_fn((150, 5), |(i, j)| libm::sin((i * 7 + j * 3) as f64 * 1.7));
        let (near, others) = (nearest_rows(x.view(), x.view(), 4).unwrap(), nearest_others(&CowArray::from(&x), 3));
        for i in 0..150 {
            assert_eq!((near.of(i)[0], &near.of(i)[1..]), (i as u32, others.of(i)));
        }
    }

    /// On a circle of 40 points the four nearest are the two on either side; equal distances rise with the index.
    #[test]
    fn neighbours_on_a_ring() {
        let ring = Array2::from_shape_fn((40, 40), |(i, j)| f64::from((i + 40 - j) % 40 < 20));
        let near = nearest_others(&CowArray::from(ring), 4);
        for i in 0..40u32 {
            let mut sides = [[(i + 1) % 40, (i + 39) % 40], [(i + 2) % 40, (i + 38) % 40]];
            sides.iter_mut().for_each(|s| s.sort_unstable());
            assert_eq!(near.of(i as usize), sides.concat());
            assert_eq!(near.squared[i as usize * 4..][..4], [2.0, 2.0, 4.0, 4.0]);
        }
    }

    #[test]
    fn duplicates_are_neighbours_but_no_sample_is_its_own() {
        let near = nearest_others(&CowArray::from(Array2::<f32>::zeros((3, 2))), 2);
        assert_eq!(near.index, [1, 2, 0, 2, 0, 1]);
    }
}
