//! Max-pooling against a look at every pixel of every window.

use crate::common::{Data, assert_bits, spice};
use gradus_kernels::{Pool2d, Scalar, dispatch};
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
            let (mut got, mut at, mut slope) = (vec![f32::NAN; y.len()], vec![9; y.len()], vec![f32::NAN; x.len()]);
            f32::max_pool2d_forward(&g, &x, &mut got, &mut at);
            f32::max_pool2d_backward(&g, &dy, &at, &mut slope);
            assert_bits(&got, &y, "max pool");
            assert_eq!(at, argmax, "{g:?}");
            assert_bits(&slope, &dx, "max pool backward");
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
