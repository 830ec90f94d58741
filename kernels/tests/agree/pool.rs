//! Max- and average-pooling against a look at every pixel of every window.

use crate::common::{Data, assert_bits, spice};
use gradus_kernels::{Pool2d, Scalar, avg_pool2d_backward, avg_pool2d_forward, dispatch, reference};
use proptest::prelude::*;

/// Max-pooling by looking at every pixel of every window.
fn plain_pool(g: &Pool2d, x: &[f32]) -> (Vec<f32>, Vec<u32>) {
    let mut out = (Vec::new(), Vec::new());
    for plane in 0..g.planes {
        for i in 0..g.out_h() {
            for j in 0..g.out_w() {
                let mut best: Option<(f32, usize)> = None;
                for p in 0..g.kernel[0] {
                    for q in 0..g.kernel[1] {
                        let (y, c) = (i * g.stride[0] + p, j * g.stride[1] + q);
                        let (Some(y), Some(c)) = (y.checked_sub(g.pad[0][0]), c.checked_sub(g.pad[1][0])) else {
                            continue;
                        };
                        if y < g.h && c < g.w {
                            let v = x[(plane * g.h + y) * g.w + c];
                            if best.is_none_or(|(b, _)| v > b || (v.is_nan() && !b.is_nan())) {
                                best = Some((v, y * g.w + c));
                            }
                        }
                    }
                }
                let (v, at) = best.expect("a window has a pixel");
                out.0.push(v);
                out.1.push(at as u32);
            }
        }
    }
    out
}

fn check_pool(g: Pool2d, seed: u64, constant: bool) {
    let mut data = Data::new(seed);
    let mut x = if constant { vec![1.0; g.planes * g.h * g.w] } else { data.floats(g.planes * g.h * g.w) };
    spice(&mut x);
    let (y, argmax) = plain_pool(&g, &x);
    let dy = data.floats(y.len());
    let mut dx = vec![0.0; x.len()];
    for (k, &at) in argmax.iter().enumerate() {
        dx[k / (g.out_h() * g.out_w()) * g.h * g.w + at as usize] += dy[k];
    }
    for &isa in dispatch::variants() {
        dispatch::with(isa, || {
            let (mut got, mut at, mut gradient) = (vec![f32::NAN; y.len()], vec![9; y.len()], vec![f32::NAN; x.len()]);
            f32::max_pool2d_forward(&g, &x, &mut got, &mut at);
            f32::max_pool2d_backward(&g, &dy, &at, &mut gradient);
            assert_bits(&got, &y, "max pool");
            assert_eq!(at, argmax, "{g:?}");
            assert_bits(&gradient, &dx, "max pool backward");
        });
    }
}

#[test]
fn halving_pools_of_every_width() {
    for w in (2..36).chain([63, 64, 65, 128]) {
        for h in [2, 3, 8] {
            let g = Pool2d { planes: 3, h, w, kernel: [2, 2], stride: [2, 2], pad: [[0, 0], [0, 0]] };
            check_pool(g, (h * w) as u64, false);
            check_pool(g, 0, true);
        }
    }
}

proptest! {
    #[test]
    fn pools_of_any_shape(planes in 1usize..4, h in 3usize..20, w in 3usize..20, kh in 1usize..4, kw in 1usize..4,
                          sh in 1usize..4, sw in 1usize..4, pads in prop::array::uniform4(0usize..3), seed: u64) {
        let pad = [[pads[0] % kh, pads[1] % kh], [pads[2] % kw, pads[3] % kw]];
        check_pool(Pool2d { planes, h, w, kernel: [kh, kw], stride: [sh, sw], pad }, seed, seed % 2 == 0);
    }
}

#[test]
fn the_first_nan_of_a_window_wins() {
    for kernel in [[2, 2], [1, 4]] {
        let g = Pool2d { planes: 1, h: 2, w: 4, kernel, stride: kernel, pad: [[0, 0], [0, 0]] };
        let x = [1.0, f32::NAN, 2.0, 3.0, f32::NAN, 4.0, f32::NAN, f32::NAN];
        let (mut y, mut at) = (vec![0.0f32; 2], vec![0; 2]);
        f32::max_pool2d_forward(&g, &x, &mut y, &mut at);
        assert!(y.iter().all(|y| y.is_nan()));
        assert_eq!(at, if kernel == [2, 2] { [1, 6] } else { [1, 4] });
    }
}

/// The pixels of each window, as places in the data.
fn windows(g: &Pool2d) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    for at in 0..g.planes * g.out_h() * g.out_w() {
        let (plane, i, j) = (at / (g.out_h() * g.out_w()), at / g.out_w() % g.out_h(), at % g.out_w());
        let axis = |size: usize, start: usize, kernel: usize, pad: usize| {
            (start..start + kernel).filter_map(move |at| at.checked_sub(pad)).filter(move |&at| at < size)
        };
        let rows = axis(g.h, i * g.stride[0], g.kernel[0], g.pad[0][0]);
        let places = rows.flat_map(|r| {
            axis(g.w, j * g.stride[1], g.kernel[1], g.pad[1][0]).map(move |c| (plane * g.h + r) * g.w + c)
        });
        all.push(places.collect());
    }
    all
}

fn check_average(g: Pool2d, seed: u64) {
    let (mut data, windows) = (Data::new(seed), windows(&g));
    let mut x = data.floats(g.planes * g.h * g.w);
    let mut dy = data.floats(windows.len());
    if seed.is_multiple_of(3) {
        spice(&mut x);
        spice(&mut dy);
    }
    let scale = 1.0 / (g.kernel[0] * g.kernel[1]) as f32;
    let average = |places: &Vec<usize>| reference::sum_in_turn(places.len(), |k| x[places[k]]) * scale;
    let (y, mut dx): (Vec<f32>, _) = (windows.iter().map(average).collect(), vec![0.0; x.len()]);
    windows.iter().zip(&dy).for_each(|(places, dy)| places.iter().for_each(|&at| dx[at] += dy * scale));
    for &isa in dispatch::variants() {
        dispatch::with(isa, || {
            let (mut got, mut gradient) = (vec![f32::NAN; y.len()], vec![f32::NAN; x.len()]);
            avg_pool2d_forward(&g, &x, &mut got);
            avg_pool2d_backward(&g, &dy, &mut gradient);
            assert_bits(&got, &y, &format!("average {g:?}"));
            assert_bits(&gradient, &dx, &format!("average backward {g:?}"));
        });
    }
}

proptest! {
    #[test]
    fn averages_of_any_shape(planes in 1usize..4, h in 6usize..20, w in 6usize..20, kh in 1usize..7, kw in 1usize..7,
                             sh in 1usize..4, sw in 1usize..4, pads in prop::array::uniform4(0usize..3), seed: u64) {
        let pad = [[pads[0] % kh, pads[1] % kh], [pads[2] % kw, pads[3] % kw]];
        check_average(Pool2d { planes, h, w, kernel: [kh, kw], stride: [sh, sw], pad }, seed);
    }
}

/// A window over a whole large plane is a long sum.
#[test]
fn the_average_of_equal_numbers_is_that_number() {
    let g = Pool2d { planes: 2, h: 256, w: 256, kernel: [256, 256], stride: [1, 1], pad: [[0, 0]; 2] };
    check_average(g, 1);
    let mut y = [0.0f32; 2];
    avg_pool2d_forward(&g, &[0.1; 2 * 65_536], &mut y);
    assert!(y.iter().all(|y| (y - 0.1).abs() <= 2.0 * f32::EPSILON * 0.1), "{y:?}");
}

/// An axis without pixels has no window, with padding either.
#[test]
fn nothing_in_gives_nothing_out() {
    for (planes, h, w, pad) in [(3, 0, 4, 1), (3, 4, 0, 1), (0, 4, 4, 0), (3, 1, 4, 0), (2, 0, 0, 1)] {
        let g = Pool2d { planes, h, w, kernel: [2, 2], stride: [1, 1], pad: [[pad; 2]; 2] };
        let [input, output] = g.lengths().unwrap();
        assert_eq!(output, 0, "{g:?}");
        let (x, mut dx) = (vec![1.0f32; input], vec![f32::NAN; input]);
        f32::max_pool2d_forward(&g, &x, &mut [], &mut []);
        f32::max_pool2d_backward(&g, &[], &[], &mut dx);
        assert!(dx.iter().all(|&dx| dx == 0.0));
        dx.fill(f32::NAN);
        avg_pool2d_forward(&g, &x, &mut []);
        avg_pool2d_backward(&g, &[], &mut dx);
        assert!(dx.iter().all(|&dx| dx == 0.0));
    }
}
