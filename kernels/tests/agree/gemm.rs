//! Matrix products: every variant against the reference, bit for bit.

use crate::common::{Data, assert_bits, fused_levels, on_threads};
use gradus_kernels::dispatch::{self, Isa};
use gradus_kernels::{MatMut, MatRef, Scalar, reference};
use proptest::prelude::*;

/// A matrix with the layout `kind`: by rows, by columns, or with gaps both ways.
fn strides(rows: usize, cols: usize, kind: u8) -> (usize, usize, usize) {
    let (rs, cs) = match kind {
        0 => (cols, 1),
        1 => (1, rows),
        2 => (cols + 3, 1),
        _ => (2 * cols + 1, 2),
    };
    (rs, cs, rows * rs + cols * cs + 1)
}

fn check(m: usize, n: usize, k: usize, kinds: [u8; 3], beta: f32, seed: u64) {
    let mut data = Data::new(seed);
    let ((ars, acs, al), (brs, bcs, bl), (crs, ccs, cl)) =
        (strides(m, k, kinds[0]), strides(k, n, kinds[1]), strides(m, n, kinds[2]));
    let (a, b, c) = (data.floats(al), data.floats(bl), data.floats(cl));
    let (a, b) = (MatRef::strided(&a, m, k, ars, acs), MatRef::strided(&b, k, n, brs, bcs));
    let mut expected = c.clone();
    reference::gemm(a, b, beta, MatMut::strided(&mut expected, m, n, crs, ccs));
    for isa in fused_levels() {
        let mut got = c.clone();
        dispatch::with(isa, || f32::gemm(a, b, beta, MatMut::strided(&mut got, m, n, crs, ccs)));
        assert_bits(&got, &expected, &format!("{isa:?} {m}x{n}x{k} {kinds:?} beta {beta}"));
    }
    // The plain level owes no bits, but the derived bound.
    let mut got = c.clone();
    dispatch::with(Isa::Scalar, || f32::gemm(a, b, beta, MatMut::strided(&mut got, m, n, crs, ccs)));
    for i in 0..m {
        for j in 0..n {
            let old = f64::from(c[i * crs + j * ccs]) * f64::from(beta);
            let products = (0..k).map(|k| f64::from(a.at(i, k)) * f64::from(b.at(k, j)));
            let (sum, size) = products.fold((old, old.abs()), |(s, z), p| (s + p, z + p.abs()));
            let bound = (k + 2) as f64 * f64::from(f32::EPSILON) * size + 1e-37;
            for out in [&got, &expected] {
                let error = (f64::from(out[i * crs + j * ccs]) - sum).abs();
                assert!(error <= bound, "({i}, {j}) of {m}x{n}x{k}: off by {error:e}, allowed {bound:e}");
            }
        }
    }
}

#[test]
fn sizes_around_the_tiles() {
    for m in [1, 2, 7, 8, 9, 17] {
        for n in [1, 15, 16, 17, 31, 33, 47, 48, 49] {
            for k in [0, 1, 2, 255, 256, 257, 513] {
                check(m, n, k, [0, 1, 0], 0.0, (m * n + k) as u64);
            }
        }
    }
}

#[test]
fn big_enough_for_several_threads() {
    check(130, 200, 300, [1, 0, 0], 1.0, 1);
    check(300, 70, 520, [0, 1, 1], 0.0, 2);
    check(33, 1000, 257, [0, 0, 3], 0.5, 3);
    // Several groups of panels, copied or not.
    check(40, 2500, 300, [0, 0, 0], 0.0, 4);
    check(17, 1030, 290, [1, 0, 0], 0.0, 5);
    check(70, 900, 270, [0, 1, 0], 0.0, 6);
    check(9, 2000, 270, [0, 0, 0], 0.0, 7);
}

#[test]
fn several_blocks_of_rows() {
    check(256, 256, 256, [0, 0, 0], 0.0, 1);
    check(301, 260, 515, [0, 1, 1], 0.5, 2);
    check(257, 3100, 30, [1, 0, 0], 1.0, 3);
    check(400, 300, 300, [0, 0, 3], 0.0, 4);
    check(290, 600, 520, [0, 1, 0], 0.0, 5);
}

#[test]
fn c_is_not_read_when_beta_is_zero() {
    let mut data = Data::new(5);
    for (m, n, k) in [(9, 17, 300), (3, 3, 0), (150, 150, 150), (260, 260, 300)] {
        let (a, b) = (data.floats(m * k), data.floats(k * n));
        for &isa in dispatch::variants() {
            let mut c = vec![f32::NAN; m * n];
            let run = |c: &mut [f32]| {
                f32::gemm(MatRef::new(&a, m, k), MatRef::new(&b, k, n), 0.0, MatMut::new(c, m, n));
            };
            dispatch::with(isa, || run(&mut c));
            assert!(c.iter().all(|x| x.is_finite()), "{isa:?}");
            let mut c64 = vec![f64::NAN; m * n];
            let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
            let (a, b) = (wide(&a), wide(&b));
            f64::gemm(MatRef::new(&a, m, k), MatRef::new(&b, k, n), 0.0, MatMut::new(&mut c64, m, n));
            assert!(c64.iter().all(|x| x.is_finite()));
        }
    }
}

#[test]
fn infinities_and_nans_come_through() {
    let (m, n, k) = (10, 50, 20);
    let mut data = Data::new(6);
    let (mut a, mut b) = (data.floats(m * k), data.floats(k * n));
    (a[3 * k + 4], b[7 * n + 20], b[8 * n + 30]) = (f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 8.0);
    for &isa in dispatch::variants() {
        let (mut got, mut expected) = (vec![0.0; m * n], vec![0.0; m * n]);
        let (a, b) = (MatRef::new(&a, m, k), MatRef::new(&b, k, n));
        reference::gemm(a, b, 0.0, MatMut::new(&mut expected, m, n));
        dispatch::with(isa, || f32::gemm(a, b, 0.0, MatMut::new(&mut got, m, n)));
        for (g, w) in got.iter().zip(&expected) {
            assert!(g.is_nan() == w.is_nan() && g.is_infinite() == w.is_infinite());
        }
        assert!(got[3 * n..4 * n].iter().all(|x| x.is_nan()));
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (m, n, k) in [(160, 300, 700), (260, 300, 520)] {
        let mut data = Data::new(7);
        let (a, b) = (data.floats(m * k), data.floats(k * n));
        let (a64, b64): (Vec<f64>, Vec<f64>) =
            (a.iter().map(|&x| x.into()).collect(), b.iter().map(|&x| x.into()).collect());
        let run = || {
            let (mut c, mut d) = (vec![0.0; m * n], vec![0.0; m * n]);
            f32::gemm(MatRef::new(&a, m, k), MatRef::new(&b, k, n), 0.0, MatMut::new(&mut c, m, n));
            f64::gemm(MatRef::new(&a64, m, k), MatRef::new(&b64, k, n), 0.0, MatMut::new(&mut d, m, n));
            (c, d)
        };
        let (one, one64) = on_threads(1, run);
        for threads in [2, 3, 8] {
            let (many, many64) = on_threads(threads, run);
            assert_bits(&many, &one, "threads");
            assert_eq!(many64, one64);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn random_shapes(m in 1usize..40, n in 1usize..120, k in 0usize..600, ka in 0u8..4, kb in 0u8..4, kc in 0u8..4,
                     beta in prop::sample::select(vec![0.0f32, 1.0, -0.5]), seed: u64) {
        check(m, n, k, [ka, kb, kc], beta, seed);
    }
}

/// Y = X Wᵀ + bias by the reference.
fn plain_linear(x: MatRef<'_, f32>, w: MatRef<'_, f32>, bias: &[f32]) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.rows() * w.rows()];
    reference::gemm(x, w.t(), 0.0, MatMut::new(&mut y, x.rows(), w.rows()));
    y.iter_mut().enumerate().for_each(|(i, y)| *y += bias[i % w.rows()]);
    y
}

#[test]
fn fully_connected_layers() {
    // Batches and layers of small networks; one of them shares out rows, one columns, one blocks of the depth.
    for (n, inputs, outputs) in
        [(1, 1, 1), (5, 3, 0), (40, 2, 50), (40, 50, 50), (40, 50, 1), (1000, 40, 50), (70, 300, 300), (9, 2100, 7)]
    {
        let mut data = Data::new((n + inputs) as u64);
        let (x, w, bias) = (data.floats(n * inputs), data.floats(outputs * inputs), data.floats(outputs));
        let (x, w) = (MatRef::new(&x, n, inputs), MatRef::new(&w, outputs, inputs));
        let expected = plain_linear(x, w, &bias);
        for isa in fused_levels() {
            for threads in [1, 2, 3, 8] {
                let mut got = vec![f32::NAN; n * outputs];
                on_threads(threads, || dispatch::with(isa, || f32::linear(x, w, &bias, &mut got)));
                assert_bits(&got, &expected, &format!("{isa:?}, {threads} threads, {n} x {inputs} -> {outputs}"));
            }
        }
        let mut got = vec![f32::NAN; n * outputs];
        dispatch::with(Isa::Scalar, || f32::linear(x, w, &bias, &mut got));
        let size = |i: usize| (0..inputs).map(|k| (x.at(i / outputs, k) * w.at(i % outputs, k)).abs()).sum::<f32>();
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert!((got - expected).abs() <= (inputs + 2) as f32 * 2.0 * f32::EPSILON * (size(i) + 1.0));
        }
    }
}

#[test]
fn gradients_of_fully_connected_layers() {
    // Long sums over the batch: the blocks of k are tasks of their own, and a thin result is computed transposed.
    for (m, n, k, kinds) in [
        (50, 50, 1600, [1, 0, 0]),
        (50, 2, 1600, [1, 0, 0]),
        (1, 50, 1600, [1, 0, 0]),
        (60, 3, 700, [1, 1, 3]),
        (50, 50, 1600, [1, 1, 2]),
        (1600, 50, 1, [0, 0, 0]),
        (90, 130, 300, [1, 0, 2]),
    ] {
        check(m, n, k, kinds, 0.0, (m * n + k) as u64);
    }
    // A row of ones that is one number, read again and again.
    let (g, one) = (Data::new(8).floats(700 * 33), [1.0]);
    let (ones, g) = (MatRef::strided(&one, 1, 700, 0, 0), MatRef::new(&g, 700, 33));
    let (mut got, mut expected) = ([0.0; 33], [0.0; 33]);
    reference::gemm(ones, g, 0.0, MatMut::new(&mut expected, 1, 33));
    for isa in fused_levels() {
        dispatch::with(isa, || f32::gemm(ones, g, 0.0, MatMut::new(&mut got, 1, 33)));
        assert_bits(&got, &expected, &format!("{isa:?}, column sums"));
    }
}
