//! Elementary functions: errors in ulp over dense sweeps, special values, and the same bits at every level.

use crate::common::{Data, always, assert_bits, on_threads};
use gradus_kernels::{Scalar, dispatch, math};

/// Every float whose bits are a multiple of a prime, both signs.
fn sweep() -> impl Iterator<Item = f32> {
    (0..0x7f80_0000u32).step_by(397).flat_map(|bits| [f32::from_bits(bits), -f32::from_bits(bits)])
}

/// The spacing of floats at `x`, subnormal spacing at least.
fn ulp(x: f64) -> f64 {
    let exponent = (x.abs().log2().floor() as i32).max(-126);
    2f64.powi(exponent - 23)
}

/// The largest error of `f` in ulp over the sweep, where `exact` is in range, and where it is.
fn worst(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, domain: impl Fn(f32) -> bool) -> (f64, f32) {
    let mut worst = (0.0, 0.0);
    for x in sweep().filter(|&x| domain(x)) {
        let (got, expected) = (f(x), exact(f64::from(x)));
        if expected == 0.0 {
            assert_eq!(got, 0.0, "at {x:e}");
        } else if expected.abs() >= f64::from(f32::MAX) * (1.0 + 2f64.powi(-25)) {
            assert_eq!(f64::from(got), f64::INFINITY * expected.signum(), "at {x:e}");
        } else {
            let error = (f64::from(got) - expected).abs() / ulp(expected);
            assert!(error.is_finite(), "{got} for {expected} at {x:e}");
            if error > worst.0 {
                worst = (error, x);
            }
        }
    }
    println!("worst error {:.3} ulp at {:e}", worst.0, worst.1);
    worst
}

#[test]
fn exp_is_accurate() {
    assert!(worst(math::exp, libm::exp, |_| true).0 < 1.1);
}

#[test]
fn ln_is_accurate() {
    assert!(worst(math::ln, libm::log, |x| x > 0.0).0 < 1.0);
}

#[test]
fn ln_1p_is_accurate() {
    assert!(worst(math::ln_1p, libm::log1p, |x| x > -1.0).0 < 3.0);
}

#[test]
fn tanh_is_accurate() {
    assert!(worst(math::tanh, libm::tanh, |_| true).0 < 1.5);
}

#[test]
fn erf_is_accurate() {
    assert!(worst(math::erf, libm::erf, |_| true).0 < 1.5);
}

#[test]
fn erfc_is_accurate() {
    // Where it is subnormal, its factors are rounded to a step of their own.
    assert!(worst(math::erfc, libm::erfc, |x| x < 9.1).0 < 8.0);
    assert!(worst(math::erfc, libm::erfc, |x| (9.1..10.0).contains(&x)).0 < 6.0);
    assert_eq!([math::erfc(0.0), math::erfc(20.0), math::erfc(-20.0)], [1.0, 0.0, 2.0]);
}

#[test]
fn sigmoid_is_accurate() {
    let exact = |x: f64| if x < 0.0 { libm::exp(x) / (1.0 + libm::exp(x)) } else { 1.0 / (1.0 + libm::exp(-x)) };
    assert!(worst(math::sigmoid, exact, |_| true).0 < 2.5);
}

#[test]
fn special_values() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    assert_eq!([math::exp(inf), math::exp(-inf), math::exp(0.0), math::exp(-0.0)], [inf, 0.0, 1.0, 1.0]);
    assert_eq!([math::exp(f32::MAX), math::exp(f32::MIN)], [inf, 0.0]);
    assert_eq!([math::ln(inf), math::ln(0.0), math::ln(-0.0), math::ln(1.0)], [inf, -inf, -inf, 0.0]);
    assert!(math::ln(-1.0).is_nan() && math::ln(-inf).is_nan() && math::ln(-f32::MIN_POSITIVE / 2.0).is_nan());
    assert_eq!([math::ln_1p(inf), math::ln_1p(-1.0), math::ln_1p(0.0), math::ln_1p(1e-30)], [inf, -inf, 0.0, 1e-30]);
    assert!(math::ln_1p(-1.5).is_nan());
    assert_eq!([math::tanh(inf), math::tanh(-inf), math::tanh(1e-30)], [1.0, -1.0, 1e-30]);
    assert_eq!([math::erf(inf), math::erf(-inf), math::erf(5.0)], [1.0, -1.0, 1.0]);
    assert_eq!([math::sigmoid(inf), math::sigmoid(-inf), math::sigmoid(0.0)], [1.0, 0.0, 0.5]);
    assert!(math::tanh(-0.0).is_sign_negative() && math::erf(-0.0).is_sign_negative());
    for f in [math::exp, math::ln, math::ln_1p, math::tanh, math::erf, math::erfc, math::sigmoid] {
        assert!(f(nan).is_nan());
    }
}

/// Derivative of GELU: a function large enough that a closure would not be inlined.
struct GeluDerivative;
impl math::Pointwise<f32, 2> for GeluDerivative {
    #[inline(always)]
    fn at(&self, [x, g]: [f32; 2]) -> f32 {
        g * (0.5 * (1.0 + Scalar::erf(x * 0.7)) + x * Scalar::exp(-x * x * 0.5) * 0.4)
    }
}

/// All the loops on one set of data.
fn all(len: usize) -> Vec<Vec<f32>> {
    let mut data = Data::new(len as u64);
    let (mut x, y, z) = (data.floats(len), data.floats(len), data.floats(len));
    x.iter_mut().for_each(|x| *x *= 30.0);
    if len > 4 {
        (x[0], x[1], x[2], x[3]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MIN_POSITIVE / 3.0);
    }
    let out = |f: &dyn Fn(&mut [f32])| {
        let mut out = vec![f32::NAN; len];
        f(&mut out);
        out
    };
    let mut updated = y.clone();
    math::update(&mut updated, &x, |y, x| 0.9 * y + 0.1 * x * x);
    vec![
        out(&|o| math::map(&x, o, Scalar::exp)),
        out(&|o| math::map(&x, o, Scalar::ln)),
        out(&|o| math::map(&x, o, Scalar::tanh)),
        out(&|o| math::map(&x, o, Scalar::erf)),
        out(&|o| math::map(&x, o, Scalar::sigmoid)),
        out(&|o| math::zip_map(&x, &y, o, |x, y| x * y + 0.3)),
        out(&|o| math::zip3_map(&x, &y, &z, o, |x, y, z| Scalar::max(x * y, z) + z)),
        out(&|o| math::apply([&x, &y], o, &GeluDerivative)),
        updated,
    ]
}

#[test]
fn every_level_and_thread_count_gives_the_same_bits() {
    for len in [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 1000, 50_001] {
        let expected = dispatch::with(dispatch::Isa::Scalar, || all(len));
        for &isa in dispatch::variants() {
            for threads in [1, 2, 3, 8] {
                let got = on_threads(threads, || dispatch::with(isa, || all(len)));
                for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
                    assert_bits(got, expected, &format!("{isa:?}, loop {i}, length {len}, {threads} threads"));
                }
            }
        }
    }
}

#[test]
fn loops_apply_their_functions() {
    let x: Vec<f64> = (0..100).map(f64::from).collect();
    let mut y = vec![0.0; 100];
    math::map(&x, &mut y, |x| 2.0 * x);
    math::update(&mut y, &x, |y, x| y - x);
    assert_eq!(x, y);
    math::zip3_map(&x, &x, &x, &mut y, |a, b, c| a * b - c);
    assert!(y.iter().zip(&x).all(|(y, x)| *y == x * x - x));
}

#[test]
fn gathered_rows() {
    for row in [0, 1, 2, 8, 9, 784] {
        let mut data = Data::new(row as u64);
        let x = data.floats(40 * row);
        let chosen: Vec<usize> = (0..3000).map(|i| i * 7 % 40).collect();
        let expected: Vec<f32> = chosen.iter().flat_map(|&i| x[i * row..][..row].to_vec()).collect();
        always(&expected, "gather", || {
            let mut out = vec![f32::NAN; expected.len()];
            gradus_kernels::gather(&x, row, &chosen, &mut out);
            out
        });
    }
}
