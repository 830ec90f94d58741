//! Grouped convolutions against the reference, bit for bit, and against one convolution whose filters are zero outside
//! their group.

use crate::common::{Data, assert_bits, fused_levels, on_threads};
use gradus_kernels::dispatch::{self, Isa};
use gradus_kernels::{Conv2d, GroupedConv2d, Scalar, grouped, reference};
use proptest::prelude::*;

/// Data for a geometry: x, w, bias, dy.
struct Case {
    g: GroupedConv2d,
    data: [Vec<f32>; 4],
}

impl Case {
    fn new(g: GroupedConv2d, seed: u64) -> Self {
        let (e, mut data) = (g.each, Data::new(seed));
        let lengths = [e.n * e.c * e.h * e.w, e.o * e.k(), e.o, e.n * e.o * e.out_h() * e.out_w()];
        Self { g, data: lengths.map(|len| data.floats(g.groups * len)) }
    }

    /// y, dx, dw by the kernels in use, in `T`. The outputs start as NaN: they must be written whole. Without a bias, y
    /// is that with a bias of zeros.
    fn run<T: Scalar>(&self) -> [Vec<T>; 3] {
        let [x, w, bias, dy] = self.data.each_ref().map(|data| cast::<T>(data));
        let mut out = [&dy, &x, &w].map(|like| vec![T::NAN; like.len()]);
        let [mut without, mut zeros] = [vec![T::NAN; dy.len()], vec![T::NAN; dy.len()]];
        grouped::conv2d_forward(&self.g, &x, &w, None, &mut without);
        grouped::conv2d_forward(&self.g, &x, &w, Some(&vec![T::ZERO; bias.len()]), &mut zeros);
        assert!(without.iter().zip(&zeros).all(|(a, b)| a == b || a.is_nan() && b.is_nan()), "{:?}", self.g);
        grouped::conv2d_forward(&self.g, &x, &w, Some(&bias), &mut out[0]);
        grouped::conv2d_backward_data(&self.g, &dy, &w, &mut out[1]);
        grouped::conv2d_backward_weights(&self.g, &x, &dy, &mut out[2]);
        out
    }

    fn reference<T: Scalar>(&self) -> [Vec<T>; 3] {
        let [x, w, bias, dy] = self.data.each_ref().map(|data| cast::<T>(data));
        reference::grouped_conv2d(&self.g, &x, &w, Some(&bias), &dy)
    }

    fn check(&self) {
        let (expected, exact) = (self.reference::<f32>(), self.reference::<f64>());
        for isa in fused_levels() {
            for threads in [1, 3] {
                let got = on_threads(threads, || dispatch::with(isa, || self.run::<f32>()));
                for (i, name) in ["y", "dx", "dw"].into_iter().enumerate() {
                    assert_bits(&got[i], &expected[i], &format!("{name} {isa:?} {:?}", self.g));
                }
            }
        }
        // All numbers are at most 1: a sum of m products is off by at most (m + 1) m ε.
        let (e, plain, double) = (&self.g.each, dispatch::with(Isa::Scalar, || self.run::<f32>()), self.run::<f64>());
        let terms = [e.k() + 1, e.o * e.kernel[0] * e.kernel[1], e.n * e.out_h() * e.out_w()].map(|m| m as f64);
        for i in 0..3 {
            for ((&plain, &double), &exact) in plain[i].iter().zip(&double[i]).zip(&exact[i]) {
                let bound = (terms[i] + 1.0) * terms[i];
                let off = [f64::from(plain) - exact, double - exact].map(f64::abs);
                assert!(off[0] <= bound * f64::from(f32::EPSILON), "{plain} for {exact}, {:?}", self.g);
                assert!(off[1] <= bound * f64::EPSILON, "{double} for {exact}, {:?}", self.g);
            }
        }
    }
}

fn cast<T: Scalar>(x: &[f32]) -> Vec<T> {
    x.iter().map(|&x| T::from_f64(x.into())).collect()
}

/// `groups` groups of 3 x 3 convolutions from c to o channels.
fn same(groups: usize, n: usize, c: usize, o: usize, size: usize) -> GroupedConv2d {
    let (kernel, stride, pad, dilation) = ([3, 3], [1, 1], [[1, 1], [1, 1]], [1, 1]);
    GroupedConv2d { groups, each: Conv2d { n, c, h: size, w: size, o, kernel, stride, pad, dilation } }
}

/// The definition in one sentence: a convolution of all channels, with zeros where a filter must not look.
#[test]
fn a_grouped_convolution_is_one_with_zeros() {
    for (groups, c, o) in [(2, 3, 2), (4, 1, 1), (3, 1, 2)] {
        let case = Case::new(same(groups, 2, c, o, 5), 1);
        let [x, w, bias, dy] = case.data.each_ref().map(|data| cast::<f64>(data));
        let whole = Conv2d { c: groups * c, o: groups * o, ..case.g.each };
        let inside = |k: usize| {
            (k / (9 * groups * c) / o == k / 9 % (groups * c) / c).then(|| {
                let (filter, channel, tap) = (k / (9 * groups * c), k / 9 % (groups * c), k % 9);
                (filter * c + channel % c) * 9 + tap
            })
        };
        let wide: Vec<f64> = (0..whole.o * whole.k()).map(|k| inside(k).map_or(0.0, |own| w[own])).collect();
        let (mut y, mut dx, mut dw) = (dy.clone(), x.clone(), wide.clone());
        reference::conv2d_forward(&whole, &x, &wide, Some(&bias), &mut y);
        reference::conv2d_backward_data(&whole, &dy, &wide, &mut dx);
        reference::conv2d_backward_weights(&whole, &x, &dy, &mut dw);
        let narrow = (0..dw.len()).filter_map(|k| inside(k).map(|_| dw[k])).collect();
        for (got, expected) in case.run::<f64>().iter().zip([y, dx, narrow]) {
            assert_eq!(got.len(), expected.len());
            assert!(got.iter().zip(&expected).all(|(g, w)| (g - w).abs() < 1e-13));
        }
    }
}

#[test]
fn depthwise_and_few_and_many_groups() {
    for (groups, c, o) in [(1, 4, 5), (2, 4, 6), (7, 2, 1), (8, 1, 1), (33, 1, 1), (16, 1, 2)] {
        Case::new(same(groups, 3, c, o, 14), groups as u64).check();
    }
    // Enough for several threads.
    Case::new(same(24, 5, 1, 1, 28), 9).check();
}

/// In groups, too, the adjoint with a bias is the gradient of x and then the bias of each channel.
#[test]
fn a_grouped_adjoint_adds_its_bias() {
    for g in [same(3, 2, 2, 4, 9), same(9, 2, 1, 1, 7)] {
        let case = Case::new(g, 5);
        let ([_, w, _, dy], bias) = (&case.data, Data::new(6).floats(g.groups * g.each.c));
        let (mut expected, plane) = (case.reference::<f32>()[1].clone(), g.each.h * g.each.w);
        expected.iter_mut().enumerate().for_each(|(i, v)| *v += bias[i / plane % bias.len()]);
        for isa in fused_levels() {
            let mut got = vec![f32::NAN; expected.len()];
            dispatch::with(isa, || grouped::conv_transpose2d_forward(&g, dy, w, Some(&bias), &mut got));
            assert_bits(&got, &expected, &format!("{isa:?} {g:?}"));
        }
    }
}

/// NaN and infinities stay in their group, and come through as from the reference.
#[test]
fn infinities_and_nans_come_through() {
    for special in [f32::INFINITY, f32::NAN] {
        for place in 0..4 {
            for groups in [3, 9] {
                let mut case = Case::new(same(groups, 2, 2, 2, 6), 11);
                case.data[place][1] = special;
                let expected = case.reference::<f32>();
                assert!(expected.iter().flatten().any(|w| !w.is_finite()) && expected[0].iter().any(|w| w.is_finite()));
                for isa in fused_levels() {
                    let got = dispatch::with(isa, || case.run::<f32>());
                    (0..3).for_each(|i| assert_bits(&got[i], &expected[i], &format!("{special} at {place}, {isa:?}")));
                }
            }
        }
    }
}

#[test]
fn nothing_in_gives_nothing_out() {
    for (n, c, o) in [(0, 2, 3), (2, 0, 3), (2, 2, 0)] {
        Case::new(same(3, n, c, o, 5), 9).check();
    }
}

prop_compose! {
    fn geometry()(groups in 1usize..12, n in 1usize..4, c in 1usize..4, o in 1usize..4, h in 1usize..16, w in 1usize..20,
                  kernel in prop::array::uniform2(1usize..4), stride in prop::array::uniform2(1usize..4),
                  pad in prop::array::uniform2(prop::array::uniform2(0usize..3)),
                  dilation in prop::array::uniform2(1usize..3)) -> GroupedConv2d {
        GroupedConv2d { groups, each: Conv2d { n, c, h, w, o, kernel, stride, pad, dilation } }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn random_geometries(g in geometry(), seed: u64) {
        Case::new(g, seed).check();
    }
}
