//! Nearest neighbours, exactly: every distance is computed, and the k smallest of each row are kept.
//!
//! O(n² d) work at the speed of a matrix product, O(n k) memory. For the samples of a course this beats search trees,
//! which lose their edge above some ten dimensions.

use super::mat;
use crate::real::Real;
use gradus_kernels::{MatMut, MatRef, distance, knn, parallel};
use ndarray::{CowArray, Ix2};

/// Rows whose distances to all others are held at a time.
pub(crate) const ROWS: usize = 16;

/// For each sample its `k` nearest others, the nearest first; equal distances in the order of the samples.
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
    /// The neighbours of sample `i`.
    pub fn of(&self, i: usize) -> &[u32] {
        &self.index[i * self.k..][..self.k]
    }
}

/// `f(i, squared distances of row i to all rows)` for each row, in parallel, the results in order.
pub(crate) fn map_rows<T: Real, R: Send>(
    x: &CowArray<'_, T, Ix2>,
    f: impl Fn(usize, &mut [T]) -> R + Sync + Send,
) -> Vec<R> {
    let (all, n) = (mat(x), x.nrows());
    let pieces = parallel::map(n.div_ceil(ROWS), |p| {
        let (start, end) = (p * ROWS, n.min((p + 1) * ROWS));
        let rows = MatRef::new(&all.data[start * all.cols..end * all.cols], end - start, all.cols);
        let mut squared = vec![T::ZERO; (end - start) * n];
        distance::squared_distances(rows, all, MatMut::new(&mut squared, end - start, n));
        squared.chunks_mut(n).enumerate().map(|(r, row)| f(start + r, row)).collect::<Vec<R>>()
    });
    pieces.into_iter().flatten().collect()
}

/// The `k` nearest others of each row of `x`, `k < n`.
pub(crate) fn nearest_others<T: Real>(x: &CowArray<'_, T, Ix2>, k: usize) -> Neighbors<T> {
    assert!(k < x.nrows(), "neighbors: k must be below the number of samples");
    let (mut index, mut squared) = (vec![0; x.nrows() * k], vec![T::ZERO; x.nrows() * k]);
    knn::knn(mat(x), k, &mut index, &mut squared);
    Neighbors { k, index, squared }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, CowArray};

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
