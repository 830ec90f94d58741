//! Distances against plain loops.

use crate::common::{Data, always};
use gradus_kernels::{MatMut, MatRef, distance};

/// The documented order: k upwards in blocks of 256.
pub(crate) fn plain_distance(x: &[f32], y: &[f32]) -> f32 {
    let block = |(x, y): (&[f32], &[f32])| x.iter().zip(y).fold(0.0, |sum, (x, y)| sum + (x - y) * (x - y));
    x.chunks(256).zip(y.chunks(256)).map(block).fold(0.0, |total, block| total + block)
}

#[test]
fn distances_of_all_pairs() {
    for (n, m, d) in [(1, 1, 1), (5, 3, 2), (17, 16, 33), (30, 47, 257), (100, 5, 600), (3, 2, 0), (200, 40, 16)] {
        let mut data = Data::new((n + m + d) as u64);
        let (x, y) = (data.floats(n * d), data.floats(m * d));
        let row = |x: &'_ [f32], i: usize| x[i * d..][..d].to_vec();
        let pair = |i: usize, j: usize| plain_distance(&row(&x, i), &row(&y, j));
        let expected: Vec<f32> = (0..n * m).map(|at| pair(at / m, at % m)).collect();
        let (a, b) = (MatRef::new(&x, n, d), MatRef::new(&y, m, d));
        always(&expected, "squared_distances", || {
            let mut out = vec![f32::NAN; n * m];
            distance::squared_distances(a, b, MatMut::new(&mut out, n, m));
            out
        });
        // The same through transposed views and into a strided output.
        let transposed: Vec<f32> = (0..n * d).map(|at| x[at % n * d + at / n]).collect();
        let mut out = vec![f32::NAN; n * m];
        distance::squared_distances(MatRef::new(&transposed, d, n).t(), b, MatMut::strided(&mut out, n, m, 1, n));
        assert!((0..n * m).all(|at| out[at % m * n + at / m].to_bits() == expected[at].to_bits()));
    }
}
