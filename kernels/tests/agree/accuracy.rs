//! Long sums keep their digits: the error of each grows with the logarithm of the number of terms, as `reduce` derives,
//! and is held against double precision for any data, and for equal numbers, which lose most.

use crate::common::{Data, on_threads};
use gradus_kernels::chain::{self, FilterGradients, Filters, Passed, Stage};
use gradus_kernels::norm::{Channels, NormGradients, Scales, batch_norm_backward, moments};
use gradus_kernels::{BlockGradients, Conv2d, Scalar, reduce};
use proptest::prelude::*;

const HALF_EPSILON: f64 = f32::EPSILON as f64 / 2.0;

/// What a sum of `n` terms may be off by, the sum of whose magnitudes is `size`; `more` roundings go into each term.
fn bound(n: usize, more: f64, size: f64) -> f64 {
    // First order in ε: a thousandth covers the rest.
    (16.0 + more + (n.max(1) as f64).log2().ceil()) * HALF_EPSILON * size * 1.001
}

fn exact(x: impl Iterator<Item = f64>) -> [f64; 2] {
    x.fold([0.0, 0.0], |[sum, size], x| [sum + x, size + x.abs()])
}

#[track_caller]
fn near(got: f32, [sum, size]: [f64; 2], n: usize, more: f64, what: &str) {
    let error = (f64::from(got) - sum).abs();
    assert!(error <= bound(n, more, size), "{what} of {n}: off by {error:e}, allowed {:e}", bound(n, more, size));
}

/// Numbers of one sign or of both, equal or not, on very different scales or on one.
fn numbers(kind: usize, len: usize, seed: u64) -> Vec<f32> {
    let mut data = Data::new(seed);
    let mut number = |i: usize| match kind {
        0 => 0.1,
        1 => data.float(),
        2 => data.float().abs() + 0.5,
        _ => data.float() * if i.is_multiple_of(97) { 1e6 } else { 1e-3 },
    };
    (0..len).map(&mut number).collect()
}

fn check(x: &[f32], what: &str) {
    let wide = |x: &f32| f64::from(*x);
    let n = x.len();
    near(reduce::sum(x), exact(x.iter().map(wide)), n, 0.0, &format!("sum {what}"));
    near(reduce::dot(x, x), exact(x.iter().map(|x| wide(x) * wide(x))), n, 1.0, &format!("dot {what}"));
    for inner in [1, 3, 9] {
        let rows = n / inner;
        let mut y = vec![f32::NAN; inner];
        reduce::sum_axis(&x[..rows * inner], 1, rows, inner, &mut y);
        for (j, &y) in y.iter().enumerate() {
            let column = x[..rows * inner].iter().skip(j).step_by(inner).map(wide);
            near(y, exact(column), rows, 0.0, &format!("column {j} of {inner}, {what}"));
        }
    }
    for images in [1, 7] {
        let hw = n / images;
        let mut y = [f32::NAN];
        reduce::sum_channels(&x[..images * hw], images, 1, hw, &mut y);
        near(y[0], exact(x[..images * hw].iter().map(wide)), images * hw, 16.0, &format!("channel {what}"));
    }
    check_moments(x, what);
}

fn check_moments(x: &[f32], what: &str) {
    let n = x.len();
    let [sum, _] = exact(x.iter().map(|&x| f64::from(x)));
    let mean = sum / n as f64;
    let deviations = x.iter().map(|&x| f64::from(x) - mean);
    let [spread, squares] = deviations.fold([0.0, 0.0], |[a, b], d| [a + d.abs() / n as f64, b + d * d / n as f64]);
    for places in [1, n] {
        let g = Channels { n: n / places, c: 1, places };
        let (mut got, mut variance) = ([f32::NAN], [f32::NAN]);
        moments(&g, x, &mut got, &mut variance);
        // Its own rounding, and that of the sum of what the first mean has left over.
        let allowed = 2.0 * HALF_EPSILON * mean.abs() + bound(n, 4.0, spread);
        let error = (f64::from(got[0]) - mean).abs();
        assert!(error <= allowed, "mean {what} of {n}, {places} places: off by {error:e}, allowed {allowed:e}");
        let error = (f64::from(variance[0]) - squares).abs();
        let first = bound(n, 4.0, mean.abs() + spread);
        let allowed = bound(n, 6.0, squares) + first * first * 1e-3 + 1e-37;
        assert!(error <= allowed, "variance {what} of {n}: off by {error:e}, allowed {allowed:e}");
    }
    let (one, zero, dy) = ([1.0], [mean as f32], vec![0.1f32; n]);
    let (mut dw, mut db) = ([f32::NAN], [f32::NAN]);
    let s = Scales { mean: &zero, inverse: &one, weight: &one };
    let out = NormGradients { dx: None, dw: &mut dw, db: &mut db };
    batch_norm_backward(&Channels { n: 1, c: 1, places: n }, x, &dy, &s, true, None, out);
    near(db[0], exact(dy.iter().map(|&dy| f64::from(dy))), n, 0.0, &format!("db {what}"));
    let terms = x.iter().map(|&x| f64::from(0.1f32) * (f64::from(x) - f64::from(zero[0])));
    near(dw[0], exact(terms), n, 4.0, &format!("dw {what}"));
}

#[test]
fn errors_grow_with_the_logarithm() {
    for len in [1, 15, 16, 17, 255, 257, 4096, 65_536, 65_537, 300_000, 1_048_576] {
        for kind in 0..4 {
            check(&numbers(kind, len, len as u64), &format!("kind {kind}"));
        }
    }
}

/// What used to be 4e-5 off.
#[test]
fn the_mean_of_equal_numbers_is_that_number() {
    for n in [65_536, 1_000_000] {
        let mean = on_threads(2, || reduce::sum(&vec![0.1f32; n])) / n as f32;
        assert!((mean - 0.1).abs() <= 2.0 * f32::EPSILON * 0.1, "{mean} of {n}");
    }
}

/// The bias gradients of fused layers over a large image, each beside the plain one.
#[test]
fn bias_gradients_of_large_images() {
    let (kernel, stride, pad, dilation) = ([3, 3], [1, 1], [[1, 1]; 2], [1, 1]);
    for c in [1, 5] {
        let g = Conv2d { n: 1, c, h: 512, w: 512, o: 1, kernel, stride, pad, dilation };
        let (x, w, bias) = (vec![0.0f32; c << 18], vec![0.0f32; 9 * c], [1.0f32]);
        let (dy, mut y, mut codes) = (vec![0.1f32; 1 << 16], vec![0.0f32; 1 << 16], vec![0; 1 << 16]);
        f32::conv2d_block_forward(&g, &x, &w, &bias, true, &mut y, Some(&mut codes));
        for with_dx in [false, true] {
            let (mut dx, mut dw, mut db) = (vec![f32::NAN; x.len()], vec![f32::NAN; w.len()], [f32::NAN]);
            let out = BlockGradients { dx: with_dx.then_some(&mut dx), dw: &mut dw, db: &mut db };
            f32::conv2d_block_backward(&g, &x, &w, &dy, &codes, out);
            near(db[0], exact(dy.iter().map(|&dy| f64::from(dy))), 1 << 16, 32.0, "a block's db");
        }
    }
    let g = Conv2d { n: 2, c: 1, h: 90, w: 90, o: 1, kernel, stride, pad, dilation };
    let stage = Stage { conv: g, transposed: false, relu: false };
    let (x, w, bias, dy) = (vec![0.0f32; 16_200], [0.0f32; 9], [1.0f32], vec![0.1f32; 16_200]);
    let (mut y, mut kept) = (dy.clone(), vec![0.0; chain::kept_len(&[stage])]);
    let filters = [Filters { w: &w, bias: &bias }];
    chain::forward(&[stage], &x, &filters, &mut y, Some(&mut kept));
    let (mut dw, mut db) = ([f32::NAN; 9], [f32::NAN]);
    let passed = Passed { x: &x, y: &y, kept: &kept };
    let mut out = [FilterGradients { dw: &mut dw, db: &mut db }];
    chain::backward(&[stage], passed, &filters, &dy, None, &mut out);
    // Each row of 90 pixels is added in turn.
    near(db[0], exact(dy.iter().map(|&dy| f64::from(dy))), 16_200, 90.0, "a chain's db");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn sums_of_any_length(len in 1usize..9000, kind in 0usize..4, seed: u64) {
        check(&numbers(kind, len, seed), &format!("kind {kind}"));
    }
}
