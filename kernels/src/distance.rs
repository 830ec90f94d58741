//! Pairwise distances.

use crate::{MatMut, MatRef, Scalar, reduce};

/// Squared Euclidean distances between the rows of `x` and of `y`, `d[i, j] = sum over k of (x[i,k] - y[j,k])²`.
pub fn squared_distances<T: Scalar>(x: MatRef<'_, T>, y: MatRef<'_, T>, mut d: MatMut<'_, T>) {
    assert!(x.cols == y.cols && d.rows == x.rows && d.cols == y.rows, "squared_distances: shapes do not fit");
    for i in 0..x.rows {
        for j in 0..y.rows {
            let difference: Vec<T> = (0..x.cols).map(|k| x.at(i, k) - y.at(j, k)).collect();
            *d.at_mut(i, j) = reduce::dot(&difference, &difference);
        }
    }
}

/// For each row of `x` the nearest row of `centers` (the first on a tie) and its squared distance.
pub fn nearest<T: Scalar>(x: MatRef<'_, T>, centers: MatRef<'_, T>, index: &mut [u32], distance: &mut [T]) {
    assert!(
        x.cols == centers.cols && index.len() == x.rows && distance.len() == x.rows && centers.rows > 0,
        "nearest: shapes do not fit"
    );
    let mut row = vec![T::ZERO; centers.rows];
    for i in 0..x.rows {
        let one = MatRef::strided(&x.data[i * x.row_stride..], 1, x.cols, x.row_stride, x.col_stride);
        squared_distances(one, centers, MatMut::new(&mut row, 1, centers.rows));
        let best = (1..centers.rows).fold(0, |b, j| if row[j] < row[b] { j } else { b });
        index[i] = best as u32;
        distance[i] = row[best];
    }
}
