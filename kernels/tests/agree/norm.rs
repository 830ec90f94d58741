//! Batch normalization against the reference, bit for bit, and against double precision.

use crate::common::{Data, always, assert_bits, spice};
use gradus_kernels::norm::{Channels, NormGradients, Scales, batch_norm_backward, batch_norm_forward, moments};
use gradus_kernels::{Scalar, reference};
use proptest::prelude::*;

/// Data for some sizes; the channels' coefficients are not the data's own moments, and need not be.
struct Case {
    g: Channels,
    x: Vec<f32>,
    dy: Vec<f32>,
    /// Mean, inverse, weight, bias.
    channels: [Vec<f32>; 4],
    /// Whether a ReLU follows: in the cases of odd seeds.
    relu: bool,
}

impl Case {
    fn new([n, c, places]: [usize; 3], seed: u64) -> Self {
        let mut data = Data::new(seed);
        let (x, dy) = (data.floats(n * c * places), data.floats(n * c * places));
        Self { g: Channels { n, c, places }, x, dy, channels: [0; 4].map(|_| data.floats(c)), relu: seed % 2 == 1 }
    }

    /// Mean, variance, y, and dx, dw, db with the batch's own statistics and with others.
    fn run(&self) -> Vec<f32> {
        let nan = |len: usize| vec![f32::NAN; len];
        let [mean, inverse, weight, bias] = &self.channels;
        let (g, s) = (&self.g, Scales { mean, inverse, weight });
        let (mut of_x, mut y) = ([nan(g.c), nan(g.c)], nan(self.x.len()));
        let [found_mean, variance] = &mut of_x;
        moments(g, &self.x, found_mean, variance);
        batch_norm_forward(g, &self.x, &s, bias, self.relu, &mut y);
        let relu = self.relu.then_some(&bias[..]);
        let mut all: Vec<f32> = of_x.into_iter().flatten().chain(y).collect();
        for own in [true, false] {
            let (mut dx, mut dw, mut db) = (nan(self.x.len()), nan(g.c), nan(g.c));
            let out = NormGradients { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
            batch_norm_backward(g, &self.x, &self.dy, &s, own, relu, out);
            let (mut dw_alone, mut db_alone) = (nan(g.c), nan(g.c));
            let out = NormGradients { dx: None, dw: &mut dw_alone, db: &mut db_alone };
            batch_norm_backward(g, &self.x, &self.dy, &s, own, relu, out);
            assert_bits(&dw_alone, &dw, "dw without dx");
            assert_bits(&db_alone, &db, "db without dx");
            all.extend(dx.into_iter().chain(dw).chain(db));
        }
        all
    }

    /// The same by the reference.
    fn reference<T: Scalar>(&self) -> Vec<T> {
        let t = |x: &[f32]| x.iter().map(|&x| T::from_f64(x.into())).collect::<Vec<T>>();
        let (x, dy) = (t(&self.x), t(&self.dy));
        let [mean, inverse, weight, bias] = &self.channels.each_ref().map(|k| t(k));
        let s = Scales { mean, inverse, weight };
        let mut all = reference::moments(&self.g, &x).concat();
        // A ReLU is a step of its own: of the values, and of the gradients that come back through it.
        let y = reference::batch_norm_forward(&self.g, &x, &s, bias);
        let dead = |y: T| self.relu && y <= T::ZERO;
        let dy: Vec<T> = dy.iter().zip(&y).map(|(&dy, &y)| dy * if dead(y) { T::ZERO } else { T::ONE }).collect();
        all.extend(y.into_iter().map(|y| if dead(y) { T::ZERO } else { y }));
        for own in [true, false] {
            all.extend(reference::batch_norm_backward(&self.g, &x, &dy, &s, own).concat());
        }
        all
    }

    fn check(&self) {
        let expected = self.reference::<f32>();
        always(&expected, &format!("{:?}", self.g), || self.run());
        // All numbers are at most 2, and so are the terms of all sums, whose error is that of a tree; dx multiplies two
        // of them, and coefficients, with a few roundings more.
        let m = self.g.per_channel() as f64;
        for (&got, exact) in expected.iter().zip(self.reference::<f64>()) {
            let bound = f64::from(f32::EPSILON) / 2.0 * (24.0 + m.max(1.0).log2().ceil()) * 8.0 * m.max(1.0);
            assert!((f64::from(got) - exact).abs() <= bound, "{got} for {exact}, {:?}", self.g);
        }
    }
}

#[test]
fn sizes_around_the_vectors() {
    for places in [1, 2, 15, 16, 17, 33] {
        for c in [1, 3, 16, 17] {
            Case::new([5, c, places], (c * places) as u64).check();
        }
    }
    Case::new([1, 4, 1], 1).check();
    Case::new([3, 300, 1], 2).check();
}

#[test]
fn large_enough_for_many_threads() {
    Case::new([200, 600, 1], 3).check();
    Case::new([12, 20, 400], 4).check();
    Case::new([2, 3, 9000], 5).check();
    Case::new([1, 2, 70_000], 8).check();
    Case::new([40, 3, 300], 9).check();
}

#[test]
fn nothing_in_gives_nothing_out() {
    for sizes in [[0, 3, 4], [2, 0, 4], [0, 3, 1], [2, 0, 1]] {
        let case = Case::new(sizes, 6);
        assert_bits(&case.run(), &case.reference::<f32>(), "no data");
    }
}

#[test]
fn infinities_and_nans_come_through() {
    for places in [1, 20] {
        let mut case = Case::new([12, 4, places], 7);
        spice(&mut case.x);
        spice(&mut case.dy);
        let expected = case.reference::<f32>();
        assert!(expected.iter().any(|w| w.is_nan()));
        always(&expected, "special values", || case.run());
    }
}

/// The mean's size takes no digits from the variance: numbers near 4096 whose variance is known exactly.
#[test]
fn a_large_mean_leaves_the_variance_its_digits() {
    let x: Vec<f32> = (0..64).map(|i| 4096.0 + (i % 2) as f32 / 64.0).collect();
    let (mut mean, mut variance) = ([0.0], [0.0]);
    moments(&Channels { n: 2, c: 1, places: 32 }, &x, &mut mean, &mut variance);
    assert_eq!((mean, variance), ([4096.0 + 1.0 / 128.0], [1.0 / 16384.0]));
}

/// A constant channel has its constant for a mean, whatever the constant and however many values there are.
#[test]
fn constant_channels_have_no_spread() {
    for constant in [0.1f32, -3.3, 1e6 + 0.25, 1e-30, 0.0] {
        for [n, places] in [[65_536, 1], [1, 65_536], [1000, 1], [7, 1001], [1, 50], [1, 1_000_000]] {
            let g = Channels { n, c: 2, places };
            let x = vec![constant; 2 * n * places];
            let (mut mean, mut variance) = ([f32::NAN; 2], [f32::NAN; 2]);
            moments(&g, &x, &mut mean, &mut variance);
            assert_eq!(mean, [constant; 2], "{n} x {places}");
            let most = (f64::from(constant) * 1e-12).powi(2) as f32;
            assert!(
                variance.iter().all(|v| (0.0..=most).contains(v)),
                "{variance:?} of {n} x {places} times {constant}"
            );
        }
    }
}

/// An infinite value makes an infinite mean, as a plain sum does, and no variance.
#[test]
fn an_infinite_value_has_an_infinite_mean() {
    let mut x = vec![1.0f32; 40];
    x[3] = f32::INFINITY;
    for places in [1, 40] {
        let g = Channels { n: 40 / places, c: 1, places };
        let (mut mean, mut variance) = ([0.0], [0.0]);
        moments(&g, &x, &mut mean, &mut variance);
        assert!(mean == [f32::INFINITY] && variance[0].is_nan());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn random_sizes(n in 1usize..9, c in 1usize..40, places in 1usize..70, seed: u64) {
        Case::new([n, c, places], seed).check();
    }
}
