//! Layer normalization against the reference, bit for bit, and against its formula in double precision.

use crate::common::{Data, always, spice};
use gradus_kernels::layer_norm::{backward, forward};
use gradus_kernels::norm::NormGradients;
use gradus_kernels::{Scalar, reference};

const EPS: f64 = 1e-5;

/// y, what is kept, and dx, dw, db; then dw and db where dx is not needed.
fn run<T: Scalar>(x: &[T], w: &[T], b: &[T], dy: &[T]) -> Vec<T> {
    let nan = |len: usize| vec![T::NAN; len];
    let (mut y, mut kept) = (nan(x.len()), nan(2 * x.len() / w.len()));
    forward(x, w, b, EPS, &mut y, &mut kept);
    let (mut dx, mut dw, mut db) = (nan(x.len()), nan(w.len()), nan(w.len()));
    backward(x, &kept, w, dy, NormGradients { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
    let (mut dw_alone, mut db_alone) = (nan(w.len()), nan(w.len()));
    backward(x, &kept, w, dy, NormGradients { dx: None, dw: &mut dw_alone, db: &mut db_alone });
    [y, kept, dx, dw, db, dw_alone, db_alone].concat()
}

fn expected<T: Scalar>(x: &[T], w: &[T], b: &[T], dy: &[T]) -> Vec<T> {
    let [y, kept] = reference::layer_norm_forward(x, w, b, EPS);
    let [dx, dw, db] = reference::layer_norm_backward(x, &kept, w, dy);
    [&y[..], &kept, &dx, &dw, &db, &dw, &db].concat()
}

/// Rows and their length: short ones, ragged ones, one row, no row, long ones, and many tasks.
const SIZES: [[usize; 2]; 8] = [[3, 1], [5, 7], [1, 64], [0, 4], [17, 300], [700, 64], [33, 1000], [2, 70_000]];

fn data([rows, len]: [usize; 2]) -> [Vec<f32>; 4] {
    let mut data = Data::new((rows * 100 + len) as u64);
    [rows * len, len, len, rows * len].map(|len| data.floats(len))
}

#[test]
fn bits_are_those_of_the_reference() {
    for sizes in SIZES {
        let [mut x, w, b, dy] = data(sizes);
        always(&expected(&x, &w, &b, &dy), &format!("layer_norm {sizes:?}"), || run(&x, &w, &b, &dy));
        spice(&mut x);
        always(&expected(&x, &w, &b, &dy), &format!("layer_norm {sizes:?}, spiced"), || run(&x, &w, &b, &dy));
    }
}

#[test]
fn values_are_those_of_the_formula() {
    for sizes in SIZES {
        let [x, w, b, dy] = data(sizes);
        let [wide_x, wide_w, wide_b, wide_dy] =
            [&x, &w, &b, &dy].map(|x| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        let exact = expected(&wide_x, &wide_w, &wide_b, &wide_dy);
        // A row of one number has the variance 0, of which rounding makes all.
        let largest = exact.iter().fold(1.0f64, |most, x| most.max(x.abs()));
        for (got, exact) in run(&x, &w, &b, &dy).iter().zip(&exact) {
            assert!((f64::from(*got) - exact).abs() < 1e-5 * largest, "{sizes:?}: {got} is not {exact}");
        }
    }
}

/// A constant row has exactly its constant for a mean, so its output is exactly the bias.
#[test]
fn constant_rows_become_the_bias() {
    let (w, b) = ([3.0f32; 50], [0.25f32; 50]);
    let (mut y, mut kept) = ([0.0; 100], [0.0; 4]);
    let x: Vec<f32> = [[0.1; 50], [1e6; 50]].concat();
    forward(&x, &w, &b, EPS, &mut y, &mut kept);
    assert_eq!(y, [0.25; 100]);
}

#[test]
#[should_panic(expected = "layer_norm: the lengths do not fit")]
fn lengths_are_checked() {
    forward(&[0.0f32; 7], &[1.0; 2], &[0.0; 2], EPS, &mut [0.0; 7], &mut [0.0; 6]);
}
