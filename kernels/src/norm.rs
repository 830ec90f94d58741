//! Normalization of channels: the moments of each channel, and batch normalization with its derivative.
//!
//! Data are `[N, C, P]`: N samples of C channels of P places (1 for plain features, height times width for images). A
//! sum over a channel takes each sample's P places by themselves, in the 16 lanes of [`reduce`](crate::reduce), and
//! adds the samples up in turn and then in pairs, as written there. With P = 1 that is a sum over rows, and the loops
//! run along the channels instead, which then are neighbours: the same bits. Elementwise work goes sample by sample and
//! channel by channel.

use crate::dispatch::{Isa, Loop, isa, vectorize};
use crate::geometry::product;
use crate::in_step::{at, piece};
use crate::reduce::{Fold, Rows, add_rows, in_turn};
use crate::{Scalar, parallel};

/// Elements per piece of elementwise work.
const PIECE: usize = 1 << 12;
/// Channels per piece of a sum over rows.
const COLUMNS: usize = 256;
/// Elements below which a sum stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 15;

/// The sizes `[N, C, P]` of data by channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// Samples.
    pub n: usize,
    /// Channels.
    pub c: usize,
    /// Places of a channel in a sample.
    pub places: usize,
}

impl Channels {
    /// Returns the number of elements.
    fn len(&self) -> usize {
        product(&[self.n, self.c, self.places])
            .unwrap_or_else(|| panic!("norm: the data do not fit into memory: {self:?}"))
    }

    /// Returns the number of values of one channel in all samples.
    ///
    /// # Panics
    /// If they do not fit into memory.
    pub fn per_channel(&self) -> usize {
        product(&[self.n, self.places]).unwrap_or_else(|| panic!("norm: a channel does not fit into memory: {self:?}"))
    }
}

/// The coefficients by which a channel is normalized.
#[derive(Clone, Copy, Debug)]
pub struct Scales<'a, T> {
    /// The mean.
    pub mean: &'a [T],
    /// One over the standard deviation: 1/√(variance + ε).
    pub inverse: &'a [T],
    /// The scale γ that follows.
    pub weight: &'a [T],
}

/// Computes the mean μ of each channel and its mean squared deviation from it (the biased variance), by the corrected
/// two-pass algorithm (Chan, Golub and LeVeque, *Algorithms for computing the sample variance*, 1983). With m values x
/// and a first mean a,
///
/// ```text
/// a = Σ x / m      d = Σ (x - a) / m      μ = a + d      variance = Σ (x - a)² / m - d²
/// ```
///
/// d is what rounding has left over in a. It takes the rounding of the long sum out of the mean, so that the mean of a
/// constant channel is exactly its constant c, and its variance is of the order of (ε² c)². No variance is negative.
/// Channels of no values have NaN for both; one with an infinite value has its infinite mean, and NaN for a variance.
pub fn moments<T: Scalar>(g: &Channels, x: &[T], mean: &mut [T], variance: &mut [T]) {
    assert!(x.len() == g.len() && mean.len() == g.c && variance.len() == g.c, "moments: the lengths do not fit");
    let count = T::from_usize(g.per_channel());
    sums(g, [x], [], [&mut *mean], |[x], []| [x]);
    mean.iter_mut().for_each(|sum| *sum /= count);
    let mut left = vec![T::ZERO; g.c];
    sums(g, [x], [&*mean], [&mut left, &mut *variance], |[x], [mean]| [x - mean, (x - mean) * (x - mean)]);
    for ((mean, variance), left) in mean.iter_mut().zip(variance).zip(left) {
        let d = left / count;
        *variance = (*variance / count - d * d).max(T::ZERO);
        if d.is_finite() {
            *mean += d;
        }
    }
}

/// Computes `y = (x - mean) (inverse weight) + bias`, channel by channel, and with `relu` max(y, 0) at once: a network reads
/// and writes its activations once less.
pub fn batch_norm_forward<T: Scalar>(g: &Channels, x: &[T], s: &Scales<'_, T>, bias: &[T], relu: bool, y: &mut [T]) {
    check("batch_norm", g, &[x.len(), y.len()], &[s.mean.len(), s.inverse.len(), s.weight.len(), bias.len()]);
    let factor = products(s.inverse, s.weight);
    let coefficients = [s.mean, &factor, bias];
    if relu {
        return each(g, [x, x], coefficients, y, |[x, _], [mean, factor, bias]| {
            let y = (x - mean) * factor + bias;
            if y <= T::ZERO { T::ZERO } else { y }
        });
    }
    each(g, [x, x], coefficients, y, |[x, _], [mean, factor, bias]| (x - mean) * factor + bias);
}

/// Where [`batch_norm_backward`] writes; all of it is written whole.
#[derive(Debug)]
pub struct NormGradients<'a, T> {
    /// The gradient of x, if it is needed.
    pub dx: Option<&'a mut [T]>,
    /// The gradient of the weight.
    pub dw: &'a mut [T],
    /// The gradient of the bias.
    pub db: &'a mut [T],
}

/// Computes the gradients of [`batch_norm_forward`]. With z = (x - mean) inverse, a channel's are
///
/// ```text
/// db = Σ dy     dw = Σ dy z     dx = inverse weight (dy - db/m - z dw/m)
/// ```
///
/// where m is the number of the channel's values if mean and variance are this batch's own (`own`) and so move with x;
/// else they are constants, and the two last terms of dx fall away.
///
/// `relu` is the bias if a ReLU followed: dy is then the gradient of its output, of which nothing passes where the
/// normalized value, which is computed anew from x, was not above 0.
pub fn batch_norm_backward<T: Scalar>(
    g: &Channels,
    x: &[T],
    dy: &[T],
    s: &Scales<'_, T>,
    own: bool,
    relu: Option<&[T]>,
    out: NormGradients<'_, T>,
) {
    let factor = products(s.inverse, s.weight);
    match relu {
        // Without a ReLU the bias is not looked at.
        None => backward(g, [x, dy], s, [&factor, s.mean], own, out, |dy, _, _, _| dy),
        Some(bias) => backward(g, [x, dy], s, [&factor, bias], own, out, |dy, from_mean, factor, bias| {
            // Not simply 0 where nothing passes: 0 times infinity is NaN.
            dy * if from_mean * factor + bias <= T::ZERO { T::ZERO } else { T::ONE }
        }),
    }
}

/// [`batch_norm_backward`], where `passed(dy, x - mean, inverse weight, bias)` is what comes through the ReLU.
fn backward<T: Scalar>(
    g: &Channels,
    [x, dy]: [&[T]; 2],
    s: &Scales<'_, T>,
    [factor, bias]: [&[T]; 2],
    own: bool,
    out: NormGradients<'_, T>,
    passed: impl Fn(T, T, T, T) -> T + Copy + Sync,
) {
    let NormGradients { dx, dw, db } = out;
    check(
        "batch_norm backward",
        g,
        &[x.len(), dy.len()],
        &[s.mean.len(), s.inverse.len(), s.weight.len(), bias.len(), dw.len(), db.len()],
    );
    sums(g, [x, dy], [s.mean, factor, bias], [&mut *db, &mut *dw], |[x, dy], [mean, factor, bias]| {
        let from_mean = x - mean;
        let dy = passed(dy, from_mean, factor, bias);
        [dy, dy * from_mean]
    });
    dw.iter_mut().zip(s.inverse).for_each(|(sum, inverse)| *sum *= *inverse);
    let Some(dx) = dx else { return };
    assert_eq!(dx.len(), g.len(), "batch_norm backward: the length of dx does not fit");
    if !own {
        return each(g, [x, dy], [s.mean, factor, bias], dx, |[x, dy], [mean, factor, bias]| {
            passed(dy, x - mean, factor, bias) * factor
        });
    }
    let count = T::from_usize(g.per_channel());
    let mean_dy: Vec<T> = db.iter().map(|&db| db / count).collect();
    let along: Vec<T> = dw.iter().zip(s.inverse).map(|(&dw, &inverse)| inverse * dw / count).collect();
    let coefficients = [s.mean, factor, bias, &mean_dy, &along];
    each(g, [x, dy], coefficients, dx, |[x, dy], [mean, factor, bias, mean_dy, along]| {
        let from_mean = x - mean;
        factor * (passed(dy, from_mean, factor, bias) - mean_dy - from_mean * along)
    });
}

/// Panics unless all `whole` are as long as the data and all `channels` as the channels.
fn check(name: &str, g: &Channels, whole: &[usize], channels: &[usize]) {
    let fits = whole.iter().all(|&len| len == g.len()) && channels.iter().all(|&len| len == g.c);
    assert!(fits, "{name}: the lengths do not fit");
}

/// Returns `a[i] b[i]`.
fn products<T: Scalar>(a: &[T], b: &[T]) -> Vec<T> {
    a.iter().zip(b).map(|(&a, &b)| a * b).collect()
}

/// Returns `y[s][c] = Σ term([x[0], x[1], ..], coefficients of c)[s]` over the elements of channel c of the arrays, in
/// the order of the module.
fn sums<T: Scalar, const N: usize, const K: usize, const S: usize>(
    g: &Channels,
    x: [&[T]; N],
    coefficients: [&[T]; K],
    y: [&mut [T]; S],
    term: impl Fn([T; N], [T; K]) -> [T; S] + Copy + Sync,
) {
    if g.len() == 0 {
        return y.into_iter().for_each(|y| y.fill(T::ZERO));
    }
    let (level, serial) = (isa(), g.len() < SERIAL_BELOW);
    if g.places == 1 {
        return parallel::pieces_unless(serial, y, COLUMNS, |start, y| {
            let x = x.map(|x| &x[start..]);
            let coefficients = piece(coefficients, start, y[0].len());
            add_rows(level, Rows { x, stride: g.c, rows: g.n, coefficients }, y, term);
        });
    }
    parallel::pieces_unless(serial, y, 1, |start, y| {
        for c in start..start + y[0].len() {
            let k = at(coefficients, c);
            let sums = in_turn(g.n, |n| {
                let x = piece(x, (n * g.c + c) * g.places, g.places);
                vectorize(level, Fold { x, term: |x: [T; N]| term(x, k) })
            });
            (0..S).for_each(|s| y[s][c - start] = sums[s]);
        }
    });
}

/// Computes `out = f([a, b], coefficients of the channel)` for each element.
fn each<T: Scalar, const K: usize>(
    g: &Channels,
    x: [&[T]; 2],
    coefficients: [&[T]; K],
    out: &mut [T],
    f: impl Fn([T; 2], [T; K]) -> T + Copy + Sync,
) {
    let level = isa();
    if g.len() == 0 {
        return;
    }
    // A piece is some whole rows of channels, or some whole channels of a sample.
    let row = if g.places == 1 { g.c } else { g.places };
    let rows = (PIECE / row).max(1);
    parallel::chunks(out, rows * row, |i, out| {
        for (k, out) in out.chunks_mut(row).enumerate() {
            let r = i * rows + k;
            let x = piece(x, r * row, row);
            if g.places == 1 {
                vectorize(level, Row { x, coefficients, out, f });
            } else {
                plane(level, x, at(coefficients, r % g.c), out, f);
            }
        }
    });
}

/// One sample's plane of a channel: the coefficients are the same everywhere.
fn plane<T: Scalar, const K: usize>(
    level: Isa,
    x: [&[T]; 2],
    k: [T; K],
    out: &mut [T],
    f: impl Fn([T; 2], [T; K]) -> T,
) {
    vectorize(level, Row { x, coefficients: [], out, f: |x: [T; 2], _: [T; 0]| f(x, k) });
}

/// `out[j] = f(..)` along a row, each place with coefficients of its own.
struct Row<'a, T, F, const K: usize> {
    x: [&'a [T]; 2],
    coefficients: [&'a [T]; K],
    out: &'a mut [T],
    f: F,
}

impl<T: Scalar, F: Fn([T; 2], [T; K]) -> T, const K: usize> Loop for Row<'_, T, F, K> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let len = self.out.len();
        let (coefficients, [a, b]) = (piece(self.coefficients, 0, len), piece(self.x, 0, len));
        for j in 0..len {
            self.out[j] = (self.f)([a[j], b[j]], at(coefficients, j));
        }
    }
}
