//! Elementary functions on `f32`, and loops that run them (and any other function of one element) at full width.
//!
//! Every function is branch-free and uses plain multiplications and additions, which round alike on every
//! instruction set: the compiler may turn the loop into any vectors it likes, and the bits stay.

use crate::{Scalar, parallel};

/// Elements per piece of parallel elementwise work.
const PIECE: usize = 1 << 14;

/// e^x.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    libm::expf(x)
}
/// ln x.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    libm::logf(x)
}
/// tanh x.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    libm::tanhf(x)
}
/// erf x.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    libm::erff(x)
}

/// `y[i] = f(x[i])`.
pub fn map<T: Scalar>(x: &[T], y: &mut [T], f: impl Fn(T) -> T + Sync) {
    assert_eq!(x.len(), y.len(), "map: wrong lengths");
    parallel::chunks(y, PIECE, |i, y| {
        for (y, &x) in y.iter_mut().zip(&x[i * PIECE..]) {
            *y = f(x);
        }
    });
}

/// `z[i] = f(x[i], y[i])`.
pub fn zip_map<T: Scalar>(x: &[T], y: &[T], z: &mut [T], f: impl Fn(T, T) -> T + Sync) {
    assert!(x.len() == z.len() && y.len() == z.len(), "zip_map: wrong lengths");
    parallel::chunks(z, PIECE, |i, z| {
        let at = i * PIECE;
        for ((z, &x), &y) in z.iter_mut().zip(&x[at..]).zip(&y[at..]) {
            *z = f(x, y);
        }
    });
}

/// `w[i] = f(x[i], y[i], z[i])`.
pub fn zip3_map<T: Scalar>(x: &[T], y: &[T], z: &[T], w: &mut [T], f: impl Fn(T, T, T) -> T + Sync) {
    assert!(x.len() == w.len() && y.len() == w.len() && z.len() == w.len(), "zip3_map: wrong lengths");
    parallel::chunks(w, PIECE, |i, w| {
        let at = i * PIECE;
        for (((w, &x), &y), &z) in w.iter_mut().zip(&x[at..]).zip(&y[at..]).zip(&z[at..]) {
            *w = f(x, y, z);
        }
    });
}

/// `y[i] = f(y[i], x[i])`, in place.
pub fn update<T: Scalar>(y: &mut [T], x: &[T], f: impl Fn(T, T) -> T + Sync) {
    assert_eq!(x.len(), y.len(), "update: wrong lengths");
    parallel::chunks(y, PIECE, |i, y| {
        for (y, &x) in y.iter_mut().zip(&x[i * PIECE..]) {
            *y = f(*y, x);
        }
    });
}
