//! Nearest neighbours against sorting all plain distances: ties, duplicates, samples far from zero, outliers, NaN.

use crate::common::{Data, always, spice};
use crate::distance::plain_distance;
use gradus_kernels::MatRef;
use gradus_kernels::knn::knn;

/// All other rows sorted by plain distance, then by index: the first k of each, and their distances.
fn plain(x: &[f32], n: usize, d: usize, k: usize) -> Vec<f32> {
    let mut expected = Vec::new();
    for i in 0..n {
        let far = |j: usize| plain_distance(&x[i * d..][..d], &x[j * d..][..d]);
        let far = |j: usize| if far(j).is_nan() { f32::INFINITY } else { far(j) };
        let mut others: Vec<usize> = (0..n).filter(|&j| j != i).collect();
        others.sort_by(|&a, &b| far(a).total_cmp(&far(b)).then(a.cmp(&b)));
        expected.extend(others[..k].iter().flat_map(|&j| [j as f32, far(j)]));
    }
    expected
}

fn check(what: &str, x: &[f32], n: usize, d: usize, k: usize) {
    always(&plain(x, n, d, k), what, || {
        let (mut index, mut distance) = (vec![9; n * k], vec![f32::NAN; n * k]);
        knn(MatRef::new(x, n, d), k, &mut index, &mut distance);
        index.iter().zip(&distance).flat_map(|(&i, &d)| [i as f32, d]).collect()
    });
}

#[test]
fn neighbours_are_exact_and_sorted() {
    for (n, d, k) in
        [(2, 3, 1), (6, 2, 5), (50, 7, 10), (130, 3, 30), (4, 2, 0), (300, 300, 7), (401, 33, 20), (9, 0, 3)]
    {
        let x = Data::new(n as u64).floats(n * d);
        check("even", &x, n, d, k);
        let mut ties = x.clone();
        ties.iter_mut().for_each(|x| *x = (*x * 3.0).round()); // ties, and equal points
        check("ties", &ties, n, d, k);
        // Distances are lost in the rounding of products here: all depends on the bound.
        let far: Vec<f32> =
            x.iter().enumerate().map(|(i, x)| 1e-3 * x + if i / d % 2 == 0 { 1000.0 } else { -1000.0 }).collect();
        check("two far clusters", &far, n, d, k);
        for scale in [1e-21, 1e-25, 1e18, 1e25] {
            check("scaled", &x.iter().map(|x| scale * x).collect::<Vec<_>>(), n, d, k);
        }
        let mut outlier = x.clone();
        outlier.iter_mut().take(d).for_each(|x| *x = 1e6);
        check("an outlier", &outlier, n, d, k);
        let mut odd = x.clone();
        spice(&mut odd);
        check("not a number", &odd, n, d, k);
    }
}

/// More samples than one piece of rows, so that limits fall while others pass.
#[test]
fn many_neighbours_of_many() {
    let (n, d, k) = (1500, 10, 40);
    let mut x = Data::new(1).floats(n * d);
    check("many", &x, n, d, k);
    x.iter_mut().for_each(|x| *x = (*x * 2.0).round());
    check("many ties", &x, n, d, k);
}
