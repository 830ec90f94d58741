//! Elementary functions on `f32`, and loops that run them (and any other function of one element) at full width.
//!
//! Every function is branch-free and uses plain multiplications and additions, which round alike on every
//! instruction set: the compiler may turn the loop into any vectors it likes, and the bits stay.
//!
//! Each function reduces its argument to a short interval and evaluates a polynomial there. The coefficients are our
//! own: weighted least squares on Chebyshev points, reweighted until the relative error is level (Lawson, 1961), then
//! rounded to `f32` one after the other, lowest power first, the rest fitted again.
//! Errors are stated in ulp (units in the last place of the true value) and held to in `tests/agree/math.rs`.

use crate::dispatch::{Loop, isa, vectorize};
use crate::in_step::piece;
use crate::{Scalar, parallel};

/// Elements per piece of parallel elementwise work.
const PIECE: usize = 1 << 12;

/// `1.5 * 2^23`: adding it rounds a small number to an integer, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Returns e^x, within 1.1 ulp; subnormal results within 1 step. NaN stays NaN.
///
/// 2^n comes in two factors because n reaches from -150 to 128.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Beyond these the result is infinity or zero anyway.
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -104.0 { -104.0 } else { x };
    let (e, n) = exp_parts(x);
    let half = n >> 1;
    e * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// Returns the factors of `e^x = e^r 2^n`: `x = n ln 2 + r` with `|r| <= ln 2 / 2`, and e^r is a polynomial.
#[inline(always)]
fn exp_parts(x: f32) -> (f32, i32) {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first so short that its product with n is exact.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let p = 0.001_382_169_7;
    let p = p * r + 0.008_368_67;
    let p = p * r + 0.041_668_255;
    let p = p * r + 0.166_665_21;
    let p = p * r + 0.499_999_94;
    let e = (p * (r * r) + r) + 1.0;
    (e, (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32))
}

/// Returns 2^n for n in -126..=127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// Returns ln x, within 1 ulp; -infinity at 0, NaN below.
///
/// `x = 2^k (1 + f)` with `1 + f` between the roots of 1/2 and of 2; `ln (1 + f) = 2 artanh s` with `s = f / (2 + f)`.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    const HALF_ROOT: i32 = 0x3f35_04f3; // the bits of sqrt(1/2)
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    let bits = (scaled.to_bits() as i32).wrapping_sub(HALF_ROOT);
    let k = (bits >> 23) as f32 - if subnormal { 23.0 } else { 0.0 };
    let f = f32::from_bits(((bits & 0x007f_ffff) + HALF_ROOT) as u32) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let p = 0.240_343_06;
    let p = p * z + 0.285_098_9;
    let p = p * z + 0.400_008_53;
    let p = (p * z + 0.666_666_6) * z;
    // ln (1 + f) = f - f²/2 + s (f²/2 + p), and k ln 2 in two parts, smallest terms first.
    let square = 0.5 * f * f;
    let y = k * 0.693_138_1 - ((square - (s * (square + p) + k * 9.058_001e-6)) - f);
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x < 0.0 || x.is_nan() { f32::NAN } else { y }
}

/// Returns ln (1 + x), within 3 ulp, for small x too: the rounding of `w = 1 + x` is undone by the factor `x / (w - 1)`
/// (Kahan).
#[inline(always)]
pub fn ln_1p(x: f32) -> f32 {
    let w = 1.0 + x;
    let y = ln(w) * (x / (w - 1.0));
    if w == 1.0 || x == f32::INFINITY { x } else { y }
}

/// Returns tanh x, within 1.5 ulp: a polynomial near 0, `1 - 2 / (e^2x + 1)` beyond.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let t = x.abs();
    let z = x * x;
    let p = -0.005_643_734;
    let p = p * z + 0.020_585_043;
    let p = p * z + -0.053_723_365;
    let p = p * z + 0.133_312_48;
    let p = p * z + -0.333_332_75;
    let near = p * z * t + t;
    // From 10 on, tanh is 1, and so far no power of e needs more than one power of two.
    let (e, n) = exp_parts(if t > 10.0 { 20.0 } else { t + t });
    let far = 1.0 - 2.0 / (e * power_of_two(n) + 1.0);
    (if t < 0.625 { near } else { far }).copysign(x)
}

/// Returns the logistic function `1 / (1 + e^-x)`, within 2.5 ulp, without overflow on either side.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let top = if x < 0.0 { e } else { 1.0 };
    top / (1.0 + e)
}

/// Computes erf x for x in [0, 0.9].
#[inline(always)]
fn erf_near(x: f32) -> f32 {
    let z = x * x;
    let p = -0.000_608_106_8;
    let p = p * z + 0.005_009_916;
    let p = p * z + -0.026_777_28;
    let p = p * z + 0.112_820_85;
    let p = p * z + -0.376_125_16;
    let p = p * z + 0.128_379_15;
    p * x + x
}

/// Returns erf x, within 1.5 ulp: a polynomial near 0, `1 - e^-q(x)` beyond.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let t = x.abs();
    let near = erf_near(t);
    // From 4 on, erf is 1.
    let c = if t > 4.0 { 4.0 } else { t };
    let q = 2.068_692_3e-5;
    let q = q * c + -0.000_429_765_6;
    let q = q * c + 0.004_148_427_4;
    let q = q * c + -0.025_060_184;
    let q = q * c + 0.108_189_09;
    let q = q * c + 0.633_429;
    let q = q * c + 1.129_474_6;
    let q = q * c + -0.000_166_376_66;
    let far = 1.0 - exp(-q);
    (if t < 0.9 { near } else { far }).copysign(x)
}

/// Returns erfc x = 1 - erf x, within 8 ulp; subnormal results within 6 steps. On the right 1 - erf x has no digits
/// left from 4 on, so it is e^(-x²) times a polynomial in 1 / (1 + 0.4 x) there, 1 - erf x near 0, and 2 - erfc(-x) on
/// the left.
#[inline(always)]
pub fn erfc(x: f32) -> f32 {
    let t = x.abs();
    let near = 1.0 - erf_near(t).copysign(x);
    // Beyond this the result is 0 or 2 anyway.
    let c = if t > 10.25 { 10.25 } else { t };
    let u = 1.0 / (1.0 + 0.4 * c);
    let p = -0.029_013_924;
    let p = p * u + 0.194_861_98;
    let p = p * u + -0.491_404_7;
    let p = p * u + 0.537_564_04;
    let p = p * u + -0.276_163_43;
    let p = p * u + 0.267_667_83;
    let p = p * u + 0.131_197_99;
    let p = p * u + 0.214_594_3;
    let p = p * u + 0.224_991_02;
    let p = (p * u + 0.225_704_91) * u;
    // x² in two parts, the first of 12 bits squared and so exact: rounded, it would cost e^(-x²) its last digits.
    let high = f32::from_bits(c.to_bits() & 0xffff_f000);
    let far = p * exp(-(c - high) * (c + high)) * exp(-high * high);
    let far = if x < 0.0 { 2.0 - far } else { far };
    let far = if x.is_nan() { x } else { far };
    if t < 0.5 { near } else { far }
}

/// A function of N numbers, for [`apply`].
///
/// A closure will do for most: see [`map`]. But the compiler keeps a large closure out of line, one call per element,
/// some fifty times slower. A method marked `#[inline(always)]` is always inlined.
pub trait Pointwise<T, const N: usize>: Sync {
    /// Returns the function's value. Mark the implementation `#[inline(always)]`.
    fn at(&self, x: [T; N]) -> T;
}

/// Closures as functions.
struct Closure<F>(F);

impl<T, F: Fn([T; N]) -> T + Sync, const N: usize> Pointwise<T, N> for Closure<F> {
    #[inline(always)]
    fn at(&self, x: [T; N]) -> T {
        (self.0)(x)
    }
}

/// One piece of [`apply`].
struct Map<'a, T, F, const N: usize> {
    inputs: [&'a [T]; N],
    out: &'a mut [T],
    f: &'a F,
}

impl<T: Scalar, F: Pointwise<T, N>, const N: usize> Loop for Map<'_, T, F, N> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let len = self.out.len();
        let mut inputs = [&[] as &[T]; N];
        for n in 0..N {
            inputs[n] = &self.inputs[n][..len];
        }
        for i in 0..len {
            let mut at = [T::ZERO; N];
            for n in 0..N {
                at[n] = inputs[n][i];
            }
            self.out[i] = self.f.at(at);
        }
    }
}

/// Computes `out[i] = f([inputs[0][i], inputs[1][i], ..])`, at full width and in parallel.
pub fn apply<T: Scalar, const N: usize>(inputs: [&[T]; N], out: &mut [T], f: &impl Pointwise<T, N>) {
    assert!(inputs.iter().all(|x| x.len() == out.len()), "apply: the lengths do not fit");
    let level = isa();
    parallel::chunks(out, PIECE, |i, out| {
        let from = i * PIECE;
        let inputs = piece(inputs, from, out.len());
        vectorize(level, Map { inputs, out, f });
    });
}

/// Computes `y[i] = f(x[i])`.
pub fn map<T: Scalar>(x: &[T], y: &mut [T], f: impl Fn(T) -> T + Sync) {
    assert_eq!(x.len(), y.len(), "map: the lengths do not fit");
    apply([x], y, &Closure(|[x]: [T; 1]| f(x)));
}

/// Computes `z[i] = f(x[i], y[i])`.
pub fn zip_map<T: Scalar>(x: &[T], y: &[T], z: &mut [T], f: impl Fn(T, T) -> T + Sync) {
    assert!(x.len() == z.len() && y.len() == z.len(), "zip_map: the lengths do not fit");
    apply([x, y], z, &Closure(|[x, y]: [T; 2]| f(x, y)));
}

/// Computes `w[i] = f(x[i], y[i], z[i])`.
pub fn zip3_map<T: Scalar>(x: &[T], y: &[T], z: &[T], w: &mut [T], f: impl Fn(T, T, T) -> T + Sync) {
    assert!(x.len() == w.len() && y.len() == w.len() && z.len() == w.len(), "zip3_map: the lengths do not fit");
    apply([x, y, z], w, &Closure(|[x, y, z]: [T; 3]| f(x, y, z)));
}

/// One piece of [`update`].
struct Update<'a, T, F> {
    y: &'a mut [T],
    x: &'a [T],
    f: &'a F,
}

impl<T: Scalar, F: Fn(T, T) -> T> Loop for Update<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (y, &x) in self.y.iter_mut().zip(self.x) {
            *y = (self.f)(*y, x);
        }
    }
}

/// Computes `y[i] = f(y[i], x[i])`, in place.
pub fn update<T: Scalar>(y: &mut [T], x: &[T], f: impl Fn(T, T) -> T + Sync) {
    assert_eq!(x.len(), y.len(), "update: the lengths do not fit");
    let level = isa();
    parallel::chunks(y, PIECE, |i, y| {
        let from = i * PIECE;
        let x = &x[from..from + y.len()];
        vectorize(level, Update { y, x, f: &f });
    });
}
