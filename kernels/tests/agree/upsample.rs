//! Upsampling against its definition, pixel by pixel, bit for bit; and its adjoint against its value.

use crate::common::{Data, always, assert_bits};
use gradus_kernels::upsample::{Upsample2d, backward, forward};
use gradus_kernels::{Scalar, reference};
use proptest::prelude::*;

fn check(g: Upsample2d, seed: u64) {
    let mut data = Data::new(seed);
    let small = g.planes * g.h * g.w;
    let (x, dy) = (data.floats(small), data.floats(small * g.scale[0] * g.scale[1]));
    let run = |dx: bool| {
        let mut out = vec![f32::NAN; if dx { x.len() } else { dy.len() }];
        if dx {
            backward(&g, &dy, &mut out)
        } else {
            forward(&g, &x, &mut out)
        }
        out
    };
    always(&reference::upsample2d(&g, &x), &format!("y {g:?}"), || run(false));
    always(&reference::upsample2d_backward(&g, &dy), &format!("dx {g:?}"), || run(true));
}

#[test]
fn the_weights_are_those_of_the_centres() {
    let g = Upsample2d { planes: 1, h: 1, w: 3, scale: [1, 2], bilinear: true };
    let mut y = [0.0; 6];
    forward(&g, &[0.0, 4.0, 8.0], &mut y);
    assert_bits(&y, &[0.0, 1.0, 3.0, 5.0, 7.0, 8.0], "bilinear");
    let mut y = [0.0; 6];
    forward(&Upsample2d { bilinear: false, ..g }, &[0.0, 4.0, 8.0], &mut y);
    assert_bits(&y, &[0.0, 0.0, 4.0, 4.0, 8.0, 8.0], "nearest");
}

/// ⟨A x, y⟩ = ⟨x, Aᵀ y⟩.
#[test]
fn backward_is_the_adjoint() {
    for bilinear in [false, true] {
        let g = Upsample2d { planes: 3, h: 4, w: 5, scale: [3, 2], bilinear };
        let mut data = Data::new(3);
        let f64s = |x: Vec<f32>| x.into_iter().map(f64::from).collect::<Vec<_>>();
        let (x, dy) = (f64s(data.floats(60)), f64s(data.floats(360)));
        let (mut y, mut dx) = (vec![0.0; 360], vec![0.0; 60]);
        forward(&g, &x, &mut y);
        backward(&g, &dy, &mut dx);
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        assert!((dot(&y, &dy) - dot(&x, &dx)).abs() < 1e-12 * f64::ONE.max(dot(&y, &dy).abs()));
    }
}

#[test]
fn large_enough_for_several_threads() {
    check(Upsample2d { planes: 40, h: 14, w: 14, scale: [2, 2], bilinear: true }, 1);
    check(Upsample2d { planes: 3, h: 60, w: 70, scale: [2, 3], bilinear: false }, 2);
    check(Upsample2d { planes: 0, h: 4, w: 4, scale: [2, 2], bilinear: true }, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn random_sizes(planes in 1usize..5, h in 1usize..9, w in 1usize..20, scale in prop::array::uniform2(1usize..5),
                    bilinear: bool, seed: u64) {
        check(Upsample2d { planes, h, w, scale, bilinear }, seed);
    }
}
