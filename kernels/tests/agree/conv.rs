//! Convolutions: every variant against the reference, bit for bit, over random geometries.

use crate::common::{Data, assert_bits, fused_levels, on_threads};
use gradus_kernels::dispatch::{self, Isa};
use gradus_kernels::{Conv2d, Scalar, reference};
use proptest::prelude::*;

/// Data for a geometry: x, w, bias, dy, and a bias for the adjoint.
struct Case {
    g: Conv2d,
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
    back: Vec<f32>,
}

impl Case {
    fn new(g: Conv2d, seed: u64) -> Self {
        let mut data = Data::new(seed);
        Self {
            g,
            x: data.floats(g.n * g.c * g.h * g.w),
            w: data.floats(g.o * g.k()),
            bias: data.floats(g.o),
            dy: data.floats(g.n * g.o * g.out_h() * g.out_w()),
            back: data.floats(g.c),
        }
    }

    /// y with and without bias, dx, dw, dx and a bias by the kernels in use. The outputs start as NaN: they must be
    /// written whole.
    fn run(&self) -> [Vec<f32>; 5] {
        let nan = |like: &[f32]| vec![f32::NAN; like.len()];
        let mut out = [nan(&self.dy), nan(&self.dy), nan(&self.x), nan(&self.w), nan(&self.x)];
        f32::conv2d_forward(&self.g, &self.x, &self.w, Some(&self.bias), &mut out[0]);
        f32::conv2d_forward(&self.g, &self.x, &self.w, None, &mut out[1]);
        f32::conv2d_backward_data(&self.g, &self.dy, &self.w, &mut out[2]);
        f32::conv2d_backward_weights(&self.g, &self.x, &self.dy, &mut out[3]);
        f32::conv_transpose2d_forward(&self.g, &self.dy, &self.w, Some(&self.back), &mut out[4]);
        out
    }

    fn reference<T: Scalar>(&self) -> [Vec<T>; 5] {
        let t = |x: &[f32]| x.iter().map(|&x| T::from_f64(x.into())).collect::<Vec<T>>();
        let (x, w, bias, dy, back) = (t(&self.x), t(&self.w), t(&self.bias), t(&self.dy), t(&self.back));
        let mut out = [dy.clone(), dy.clone(), x.clone(), w.clone(), x.clone()];
        reference::conv2d_forward(&self.g, &x, &w, Some(&bias), &mut out[0]);
        reference::conv2d_forward(&self.g, &x, &w, None, &mut out[1]);
        reference::conv2d_backward_data(&self.g, &dy, &w, &mut out[2]);
        reference::conv2d_backward_weights(&self.g, &x, &dy, &mut out[3]);
        reference::conv_transpose2d_forward(&self.g, &dy, &w, Some(&back), &mut out[4]);
        out
    }

    /// The same with every number's absolute value: the sizes in the error bound.
    fn sizes(&self) -> [Vec<f64>; 5] {
        let abs = |x: &[f32]| x.iter().map(|x| x.abs()).collect();
        let (x, w, bias, dy, back) = (abs(&self.x), abs(&self.w), abs(&self.bias), abs(&self.dy), abs(&self.back));
        Self { g: self.g, x, w, bias, dy, back }.reference()
    }

    fn check(&self) {
        let (expected, exact, sizes) = (self.reference::<f32>(), self.reference::<f64>(), self.sizes());
        let names = ["y + bias", "y", "dx", "dw", "dx + bias"];
        for isa in fused_levels() {
            let got = dispatch::with(isa, || self.run());
            for i in 0..5 {
                assert_bits(&got[i], &expected[i], &format!("{} {isa:?} {:?}", names[i], self.g));
            }
        }
        let plain = dispatch::with(Isa::Scalar, || self.run());
        let g = &self.g;
        let pixels = g.n * g.out_h() * g.out_w();
        let over = g.o * g.kernel[0] * g.kernel[1];
        let terms = [g.k() + 1, g.k(), over, pixels, over + 1];
        for i in 0..5 {
            for ((&got, &exact), &size) in expected[i].iter().zip(&exact[i]).zip(&sizes[i]) {
                let bound = (terms[i] + 1) as f64 * f64::from(f32::EPSILON) * size + 1e-37;
                assert!((f64::from(got) - exact).abs() <= bound, "{}: {got} for {exact}, {g:?}", names[i]);
            }
            for ((&got, &exact), &size) in plain[i].iter().zip(&exact[i]).zip(&sizes[i]) {
                let bound = (terms[i] + 1) as f64 * f64::from(f32::EPSILON) * size + 1e-37;
                assert!((f64::from(got) - exact).abs() <= bound, "plain {}: {got} for {exact}, {g:?}", names[i]);
            }
        }
    }
}

fn same(n: usize, c: usize, o: usize, size: usize) -> Conv2d {
    let (kernel, stride, pad, dilation) = ([3, 3], [1, 1], [[1, 1], [1, 1]], [1, 1]);
    Conv2d { n, c, h: size, w: size, o, kernel, stride, pad, dilation }
}

#[test]
fn layers_of_the_course_network() {
    for (c, o, size) in [(1, 16, 32), (16, 32, 16), (32, 64, 8), (64, 128, 4)] {
        Case::new(same(3, c, o, size), 1).check();
    }
}

#[test]
fn widths_around_the_vectors() {
    for size in [1, 2, 3, 7, 8, 9, 14, 15, 16, 17, 31, 33, 47, 49] {
        Case::new(same(1, 2, 9, size), size as u64).check();
    }
}

#[test]
fn more_terms_than_a_block() {
    Case::new(same(2, 64, 9, 5), 3).check();
    Case::new(Conv2d { kernel: [1, 1], pad: [[0, 0], [0, 0]], ..same(2, 300, 33, 4) }, 4).check();
}

#[test]
fn more_blocks_than_groups() {
    Case::new(same(11, 1, 3, 20), 5).check();
    Case::new(same(1, 1, 3, 60), 6).check();
}

#[test]
fn strides_beyond_the_kernel_leave_zero_gradients() {
    let g = Conv2d { kernel: [2, 1], stride: [3, 4], pad: [[0, 0], [0, 0]], ..same(2, 2, 3, 11) };
    Case::new(g, 7).check();
}

/// Almost all border, or all gaps: the fast paths leave these to the reference's loops.
#[test]
fn geometries_beyond_all_measure() {
    let g = Conv2d { stride: [1 << 40, 1], pad: [[1 << 40, 3], [1, 1]], ..same(2, 2, 3, 4) };
    Case::new(g, 14).check();
    Case::new(Conv2d { stride: [1 << 50, 1 << 62], ..same(1, 2, 3, 4) }, 15).check();
    Case::new(Conv2d { dilation: [1 << 40, 1], pad: [[1 << 40, 1 << 40], [1, 1]], ..same(1, 2, 3, 4) }, 16).check();
}

#[test]
fn kernels_larger_than_the_image() {
    Case::new(Conv2d { kernel: [5, 7], pad: [[3, 2], [4, 4]], ..same(2, 2, 3, 3) }, 8).check();
    // The window does not fit at all: there is no output, and no gradient.
    Case::new(Conv2d { kernel: [5, 5], pad: [[0, 0], [0, 0]], ..same(2, 2, 3, 3) }, 8).check();
}

#[test]
fn nothing_in_gives_nothing_out() {
    for (n, c, o) in [(0, 2, 3), (2, 0, 3), (2, 2, 0)] {
        Case::new(same(n, c, o, 5), 9).check();
    }
    // An image without pixels, all border: what comes out is the bias.
    for [h, w] in [[0, 4], [4, 0], [0, 0]] {
        Case::new(Conv2d { h, w, pad: [[2, 1], [1, 3]], ..same(2, 2, 3, 0) }, 12).check();
        Case::new(Conv2d { h, w, ..same(2, 2, 3, 0) }, 13).check();
    }
}

/// Whether two results are alike where they are not finite.
fn alike(got: f32, expected: f32) -> bool {
    got.is_nan() == expected.is_nan()
        && (got == expected || got.is_finite() && expected.is_finite() || expected.is_nan())
}

#[test]
fn infinities_and_nans_come_through() {
    for special in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        for place in 0..6 {
            let mut case = Case::new(same(2, 3, 9, 8), 10);
            case.x[300] = f32::MIN_POSITIVE / 4.0;
            match place {
                0 => case.x[70] = special,
                1 => case.dy[100] = special,
                2 => case.bias[2] = special,
                3 => case.back[1] = special,
                4 => case.w[40] = special,
                _ => (case.x[70], case.dy[100]) = (special, f32::INFINITY),
            }
            let expected = case.reference::<f32>();
            assert!(expected.iter().flatten().any(|w| !w.is_finite()));
            for &isa in dispatch::variants() {
                // im2col does not multiply filters by outputs that are not there, the others do, by zero.
                if isa == Isa::Scalar && place == 4 {
                    continue;
                }
                let got = dispatch::with(isa, || case.run());
                for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
                    let fits = got.iter().zip(expected).all(|(&g, &w)| alike(g, w));
                    assert!(fits, "{special} at {place}, result {i}, {isa:?}");
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let cases = [Case::new(same(5, 8, 17, 24), 11), Case::new(same(1, 8, 17, 64), 12)];
    for case in &cases {
        let one = on_threads(1, || case.run());
        for threads in [2, 3, 8] {
            let many = on_threads(threads, || case.run());
            (0..5).for_each(|i| assert_bits(&many[i], &one[i], "threads"));
        }
    }
}

prop_compose! {
    fn geometry()(n in 1usize..4, c in 1usize..6, o in 1usize..20, h in 1usize..24, w in 1usize..40,
                  kernel in prop::array::uniform2(1usize..5), stride in prop::array::uniform2(1usize..4),
                  pad in prop::array::uniform2(prop::array::uniform2(0usize..4)),
                  dilation in prop::array::uniform2(1usize..4)) -> Conv2d {
        Conv2d { n, c, h, w, o, kernel, stride, pad, dilation }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn random_geometries(g in geometry(), seed: u64) {
        Case::new(g, seed).check();
    }
}
