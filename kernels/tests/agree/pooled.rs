//! Convolution, bias, ReLU and max-pooling in one: against the four steps, and bit for bit against the reference.

use crate::common::{Data, assert_bits, fused_levels, on_threads};
use gradus_kernels::dispatch::{self, Isa};
use gradus_kernels::{BlockGradients, Conv2d, DEAD, Pool2d, Scalar, reference};
use proptest::prelude::*;

/// Data for a geometry; dy is that of the pooled output.
struct Case {
    g: Conv2d,
    /// Whether there is a ReLU: in the cases of even seeds.
    relu: bool,
    x: Vec<f32>,
    w: Vec<f32>,
    bias: Vec<f32>,
    dy: Vec<f32>,
}

/// What a block computes.
struct Out {
    y: Vec<f32>,
    codes: Vec<u8>,
    dx: Vec<f32>,
    dw: Vec<f32>,
    db: Vec<f32>,
    /// dw and db when dx is not needed.
    alone: [Vec<f32>; 2],
}

impl Case {
    fn new(g: Conv2d, seed: u64) -> Self {
        let mut data = Data::new(seed);
        let outputs = g.n * g.o * (g.out_h() / 2) * (g.out_w() / 2);
        Self {
            g,
            relu: seed.is_multiple_of(2),
            x: data.floats(g.n * g.c * g.h * g.w),
            w: data.floats(g.o * g.k()),
            bias: data.floats(g.o),
            dy: data.floats(outputs),
        }
    }

    /// The block by the kernels in use. The outputs start as NaN: they must be written whole.
    fn run(&self) -> Out {
        let nan = |like: &[f32]| vec![f32::NAN; like.len()];
        let (mut y, mut codes) = (nan(&self.dy), vec![99; self.dy.len()]);
        let (mut dx, mut dw, mut db) = (nan(&self.x), nan(&self.w), nan(&self.bias));
        f32::conv2d_block_forward(&self.g, &self.x, &self.w, &self.bias, self.relu, &mut y, Some(&mut codes));
        let mut alone = nan(&self.dy);
        f32::conv2d_block_forward(&self.g, &self.x, &self.w, &self.bias, self.relu, &mut alone, None);
        assert_bits(&alone, &y, "y without codes");
        let out = BlockGradients { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
        f32::conv2d_block_backward(&self.g, &self.x, &self.w, &self.dy, &codes, out);
        let (mut dw_alone, mut db_alone) = (nan(&self.w), nan(&self.bias));
        let out = BlockGradients { dx: None, dw: &mut dw_alone, db: &mut db_alone };
        f32::conv2d_block_backward(&self.g, &self.x, &self.w, &self.dy, &codes, out);
        Out { y, codes, dx, dw, db, alone: [dw_alone, db_alone] }
    }

    /// The four steps in `T`, by the reference convolution and the kernels of pooling.
    fn steps<T: Scalar>(&self) -> [Vec<T>; 4] {
        let t = |x: &[f32]| x.iter().map(|&x| T::from_f64(x.into())).collect::<Vec<T>>();
        let (g, x, w, bias, dy) = (&self.g, t(&self.x), t(&self.w), t(&self.bias), t(&self.dy));
        let pixels = g.out_h() * g.out_w();
        let mut z = vec![T::ZERO; g.n * g.o * pixels];
        reference::conv2d_forward(g, &x, &w, Some(&bias), &mut z);
        let dead = |z: T| self.relu && z <= T::ZERO;
        let a: Vec<T> = z.iter().map(|&z| if dead(z) { T::ZERO } else { z }).collect();
        let (kernel, pad) = ([2, 2], [[0, 0], [0, 0]]);
        let pool = Pool2d { planes: g.n * g.o, h: g.out_h(), w: g.out_w(), kernel, stride: kernel, pad };
        let (mut y, mut at) = (dy.clone(), vec![0; dy.len()]);
        T::max_pool2d_forward(&pool, &a, &mut y, &mut at);
        let mut dz = z.clone();
        T::max_pool2d_backward(&pool, &dy, &at, &mut dz);
        for (dz, &a) in dz.iter_mut().zip(&a) {
            *dz *= if dead(a) { T::ZERO } else { T::ONE };
        }
        let (mut dx, mut dw) = (x.clone(), w.clone());
        reference::conv2d_backward_data(g, &dz, &w, &mut dx);
        reference::conv2d_backward_weights(g, &x, &dz, &mut dw);
        let mut db = vec![T::ZERO; g.o];
        dz.chunks(pixels.max(1)).enumerate().for_each(|(k, dz)| dz.iter().for_each(|&v| db[k % g.o] += v));
        [y, dx, dw, db]
    }

    fn check(&self) {
        let steps = self.steps::<f32>();
        let exact = self.steps::<f64>();
        for isa in fused_levels() {
            let got = dispatch::with(isa, || self.run());
            let what = format!("{isa:?} {:?}", self.g);
            assert_bits(&got.y, &steps[0], &format!("y {what}"));
            let live = |y: f32| !self.relu || y > 0.0;
            assert!(got.codes.iter().zip(&got.y).all(|(&c, &y)| (c < DEAD) == live(y)), "codes {what}");
            if self.g.stride == [1, 1] && self.g.dilation == [1, 1] && self.g.c > 0 {
                let expected = reference::conv2d_block_backward(&self.g, &self.x, &self.w, &self.dy, &got.codes);
                for ((got, expected), name) in
                    [&got.dx, &got.dw, &got.db].into_iter().zip(&expected).zip(["dx", "dw", "db"])
                {
                    assert_bits(got, expected, &format!("{name} {what}"));
                }
                let expected = match self.g.kernel == [3, 3] && self.g.c <= 4 {
                    true => reference::conv2d_block_backward_first(&self.g, &self.x, &self.dy, &got.codes),
                    false => [got.dw.clone(), got.db.clone()],
                };
                assert_bits(&got.alone[0], &expected[0], &format!("dw without dx {what}"));
                assert_bits(&got.alone[1], &expected[1], &format!("db without dx {what}"));
            }
            self.close(&got, &exact);
        }
        self.close(&dispatch::with(Isa::Scalar, || self.run()), &exact);
    }

    /// Near the four steps in double precision, through the sizes of their sums. Where rounding alone decided a window,
    /// another pixel takes the gradient than in double precision: then only y is compared.
    fn close(&self, got: &Out, exact: &[Vec<f64>; 4]) {
        let g = &self.g;
        let (taps, pixels) = (g.kernel[0] * g.kernel[1], g.n * g.out_h() * g.out_w());
        let bound = |terms: usize| (terms + 2) as f64 * f64::from(f32::EPSILON) * (terms as f64).sqrt() + 1e-30;
        let pairs = [(&got.y, 0), (&got.dx, 1), (&got.dw, 2), (&got.db, 3), (&got.alone[0], 2), (&got.alone[1], 3)];
        let compared = if self.rounding_decided(&got.codes, bound(g.k())) { 1 } else { pairs.len() };
        for (got, i) in &pairs[..compared] {
            let bound = bound([g.k(), g.o * taps, pixels, pixels][*i]);
            let worst = got.iter().zip(&exact[*i]).map(|(&g, e)| (f64::from(g) - e).abs()).fold(0.0, f64::max);
            assert!(worst <= bound, "off by {worst:e}, allowed {bound:e}: {g:?}");
        }
    }

    /// Whether some window has another argmax than in double precision. Asserts that it is smaller by no more than
    /// the rounding of two pixels, each `bound`.
    fn rounding_decided(&self, codes: &[u8], bound: f64) -> bool {
        let double = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let (g, [oh, ow]) = (&self.g, [self.g.out_h(), self.g.out_w()]);
        let mut z = vec![0.0; g.n * g.o * oh * ow];
        reference::conv2d_forward(g, &double(&self.x), &double(&self.w), Some(&double(&self.bias)), &mut z);
        let mut decided = false;
        for (cell, &code) in codes.iter().enumerate() {
            let (plane, i, j) = (cell / (oh / 2 * (ow / 2)), cell / (ow / 2) % (oh / 2), cell % (ow / 2));
            let pixel = |k: usize| z[(plane * oh + 2 * i + k / 2) * ow + 2 * j + k % 2].max(0.0);
            let best = (0..4).map(pixel).fold(0.0, f64::max);
            let chosen = if code < DEAD { pixel(usize::from(code & 3)) } else { 0.0 };
            assert!(
                best - chosen <= 2.0 * bound,
                "the argmax of window {cell} has {chosen}, another pixel {best}: {g:?}"
            );
            decided |= chosen != best || (code < DEAD) != (best > 0.0);
        }
        decided
    }
}

fn same(n: usize, c: usize, o: usize, size: usize) -> Conv2d {
    let (kernel, stride, pad, dilation) = ([3, 3], [1, 1], [[1, 1], [1, 1]], [1, 1]);
    Conv2d { n, c, h: size, w: size, o, kernel, stride, pad, dilation }
}

#[test]
fn blocks_of_the_course_networks() {
    for (c, o, size) in [(1, 16, 32), (16, 32, 16), (32, 64, 8), (64, 128, 4), (1, 32, 28), (32, 64, 14), (64, 128, 7)]
    {
        Case::new(same(3, c, o, size), 1).check();
    }
    let valid = |n, c, o, size| Conv2d { pad: [[0, 0], [0, 0]], ..same(n, c, o, size) };
    Case::new(valid(2, 1, 32, 28), 2).check();
    Case::new(valid(2, 32, 64, 13), 3).check();
}

#[test]
fn sizes_at_the_edge() {
    for size in [1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 47, 49] {
        Case::new(same(1, 2, 9, size), size as u64).check();
    }
    for (n, c, o) in [(0, 2, 3), (2, 0, 3), (2, 2, 0)] {
        Case::new(same(n, c, o, 6), 9).check();
    }
    // Many images: groups of more than one.
    Case::new(same(35, 3, 5, 6), 10).check();
}

/// As the four steps one after the other, NaN for NaN and infinity for infinity: in every array, with the gradients of
/// a first layer (few channels, dx not needed) and of others, and with filters that no fast path is made for.
#[test]
fn infinities_and_nans_come_through() {
    let others = Conv2d { kernel: [5, 2], pad: [[2, 2], [1, 0]], ..same(2, 6, 9, 8) };
    for g in [same(2, 3, 9, 8), others, Conv2d { stride: [2, 1], ..others }] {
        for special in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            for place in 0..5 {
                let mut case = Case::new(g, 10);
                match place {
                    0 => case.x[70] = special,
                    1 => case.x[20..90].fill(special),
                    2 => case.w[40] = special,
                    3 => case.bias[3] = special,
                    _ => case.dy[20..40].fill(special),
                }
                let expected = case.steps::<f32>();
                // A window that ReLU cuts off hides what is below zero.
                assert!(special == f32::NEG_INFINITY || expected.iter().flatten().any(|w| !w.is_finite()));
                for &isa in dispatch::variants() {
                    // im2col does not multiply filters by outputs that are not there, the others do, by zero.
                    let results = if isa == Isa::Scalar && place == 2 { 1 } else { 6 };
                    let got = dispatch::with(isa, || case.run());
                    let got = [&got.y, &got.dx, &got.dw, &got.db, &got.alone[0], &got.alone[1]];
                    for (got, i) in got.into_iter().zip([0, 1, 2, 3, 2, 3]).take(results) {
                        let alike = |g: f32, w: f32| {
                            g.is_nan() == w.is_nan() && (g == w || g.is_finite() && w.is_finite() || w.is_nan())
                        };
                        let fits = got.iter().zip(&expected[i]).all(|(&g, &w)| alike(g, w));
                        assert!(fits, "{special} at {place}, result {i}, {isa:?}, {g:?}");
                    }
                }
            }
        }
    }
}

/// One rule at every level: NaN is larger than any number, and of equal numbers the first is the largest. Zeros of both
/// signs are equal, and so is what ReLU makes zero.
#[test]
fn ties_and_nans_in_a_window() {
    let values = [0.0, -0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    // A filter of one tap, so that the pixels are the values: all windows of four of them, side by side.
    let count = values.len().pow(4);
    let g = Conv2d { h: 2, w: 2 * count, kernel: [1, 1], pad: [[0, 0]; 2], ..same(1, 1, 1, 0) };
    let pixel = |window: usize, k: usize| values[window / values.len().pow(k as u32) % values.len()];
    let row = |r: usize| (0..g.w).map(move |j| pixel(j / 2, 2 * r + j % 2));
    let x: Vec<f32> = row(0).chain(row(1)).collect();
    let rule = |window: usize| {
        let relu = |x: f32| if x <= 0.0 { 0.0 } else { x };
        let pixels: [f32; 4] = std::array::from_fn(|k| relu(pixel(window, k)));
        let better = |k: usize, best: usize| pixels[k] > pixels[best] || pixels[k].is_nan() && !pixels[best].is_nan();
        let best = (1..4).fold(0, |best, k| if better(k, best) { k } else { best });
        // ReLU's derivative is 0 where x <= 0: at NaN it is 1, as in PyTorch.
        (pixels[best], best as u8 | if pixels[best] <= 0.0 { DEAD } else { 0 })
    };
    let (y, codes): (Vec<f32>, Vec<u8>) = (0..count).map(rule).unzip();
    for &isa in dispatch::variants() {
        let (mut got, mut found) = (vec![9.0; count], vec![99; count]);
        dispatch::with(isa, || f32::conv2d_block_forward(&g, &x, &[1.0], &[0.0], true, &mut got, Some(&mut found)));
        assert_bits(&got, &y, &format!("{isa:?}"));
        assert_eq!(found, codes, "{isa:?}");
    }
}

/// More rows of windows than a block of sixteen, in every path.
#[test]
fn biases_of_tall_images() {
    for (c, kernel) in [(2, [3, 3]), (2, [3, 2]), (6, [3, 3])] {
        let g = Conv2d { h: 150, kernel, ..same(2, c, 3, 11) };
        Case::new(g, 14).check();
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for case in
        [Case::new(same(21, 8, 17, 24), 11), Case::new(same(21, 2, 17, 24), 13), Case::new(same(1, 8, 17, 64), 12)]
    {
        let one = on_threads(1, || case.run());
        for threads in [2, 3, 8] {
            let many = on_threads(threads, || case.run());
            assert_bits(&many.y, &one.y, "y");
            assert_eq!(many.codes, one.codes);
            assert_bits(&many.dx, &one.dx, "dx");
            assert_bits(&many.dw, &one.dw, "dw");
            assert_bits(&many.db, &one.db, "db");
            assert_bits(&many.alone[0], &one.alone[0], "dw without dx");
        }
    }
}

/// Two pixels of a window here differ by less than a rounding: the argmax is not the one of double precision.
#[test]
fn a_window_that_rounding_decides() {
    let g = Conv2d { w: 11, kernel: [5, 1], pad: [[2, 0], [0, 0]], ..same(1, 16, 7, 23) };
    Case::new(g, 11_217_261_845_885_862_648).check();
}

prop_compose! {
    fn geometry()(n in 1usize..4, c in 1usize..20, o in 1usize..20, h in 1usize..24, w in 1usize..40,
                  kernel in prop::array::uniform2(1usize..6), stride in 1usize..3,
                  pad in prop::array::uniform2(prop::array::uniform2(0usize..4))) -> Conv2d {
        // Strides other than 1 go the plain way.
        Conv2d { n, c, h, w, o, kernel, stride: [stride, 1], pad, dilation: [1, 1] }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn random_geometries(g in geometry(), seed: u64) {
        Case::new(g, seed).check();
    }
}
