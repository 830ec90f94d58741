//! Affine maps of images against PyTorch, against the symmetries, and on any number of threads.
//!
//! `golden/augment.json` is written by `golden/make_augment.py`.

use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::train::{Affine, Augment, Symmetry, gather};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    size: [usize; 2],
    degrees: f64,
    zoom: f64,
    shift: [f64; 2],
    /// In units of 1/64.
    from_: Vec<f32>,
    to: Vec<f64>,
}

fn through(affine: Affine, symmetry: Symmetry, from: &[f32], [h, w]: [usize; 2]) -> Vec<f32> {
    let mut to = vec![f32::NAN; h * w];
    affine.apply(symmetry, from, &mut to, h, w);
    to
}

#[test]
fn the_values_are_those_of_grid_sample() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../golden/augment.json")).unwrap();
    assert_eq!(cases.len(), 6);
    for Case { size, degrees, zoom, shift, from_, to } in cases {
        let from: Vec<f32> = from_.iter().map(|v| v / 64.0).collect();
        let got = through(Affine { degrees, zoom, shift, ..Affine::IDENTITY }, Symmetry::IDENTITY, &from, size);
        assert_eq!(got.len(), to.len());
        for (i, (g, w)) in got.iter().zip(&to).enumerate() {
            // Values up to 1: a share rounded to f32, then three mixtures of two products and a sum: 2^-25 for the
            // share and for each operation, of which at most ten lie on the way.
            assert!((f64::from(*g) - w).abs() < 10.0 * 2f64.powi(-25), "{size:?} by {degrees}°, {i}: {g}, not {w}");
        }
    }
}

#[test]
fn whole_steps_are_exact_and_symmetries_come_first() {
    let x = Tensor::<f32>::rand([5, 5], 0.0, 1.0, &mut Rng::new(1, "x", 0)).to_vec();
    let size = [5, 5];
    assert_eq!(through(Affine::IDENTITY, Symmetry::IDENTITY, &x, size), x);
    // One down and two to the left: the border is repeated.
    let shifted = through(Affine { shift: [1.0, -2.0], ..Affine::IDENTITY }, Symmetry::IDENTITY, &x, size);
    for (i, v) in shifted.iter().enumerate() {
        let (y, x_) = (i / 5, i % 5);
        assert_eq!(*v, x[y.saturating_sub(1) * 5 + (x_ + 2).min(4)]);
    }
    for symmetry in [Symmetry::turn(1), Symmetry::turn(2), Symmetry { flip_x: true, ..Symmetry::turn(3) }] {
        let mut expected = vec![0.0; 25];
        symmetry.apply(&x, &mut expected, 5, 5);
        assert_eq!(through(Affine::IDENTITY, symmetry, &x, size), expected);
    }
    // Twice as wide and half as tall: from the middle outwards, each column stands twice, and rows are two apart.
    let stretched = through(Affine { stretch: 2.0, ..Affine::IDENTITY }, Symmetry::IDENTITY, &x, size);
    let at = |values: &[f32], row: usize, column: usize| values[row * 5 + column];
    assert_eq!(at(&stretched, 2, 2), at(&x, 2, 2));
    assert_eq!((at(&stretched, 2, 4), at(&stretched, 2, 0)), (at(&x, 2, 3), at(&x, 2, 1)));
    assert_eq!((at(&stretched, 1, 2), at(&stretched, 3, 2)), (at(&x, 0, 2), at(&x, 4, 2)));
    // A turn by 90° is a quarter turn, but for the rounding of the cosine.
    let mut expected = vec![0.0; 25];
    Symmetry::turn(1).apply(&x, &mut expected, 5, 5);
    let turned = through(Affine { degrees: 90.0, ..Affine::IDENTITY }, Symmetry::IDENTITY, &x, size);
    assert!(turned.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn bits_are_the_same_on_any_number_of_threads() {
    let x = Tensor::rand([40, 1, 28, 28], 0.0, 1.0, &mut Rng::new(3, "x", 0));
    let augment = Augment { mirror: true, shift: 2.0, rotate: 15.0, zoom: 0.1, ..Augment::NONE };
    let all: Vec<usize> = (0..40).collect();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| gather(&x, &all, &augment, 5, 1))
    };
    let one = with(1);
    assert_ne!(one, x);
    for threads in [2, 3, 8] {
        assert_eq!(with(threads), one, "{threads} threads");
    }
}

#[test]
fn whole_numbers_do_for_amounts() {
    let augment: Augment = toml::from_str("shift = 2\nrotate = 10\nmirror = true").unwrap();
    assert_eq!(augment, Augment { shift: 2.0, rotate: 10.0, mirror: true, ..Augment::NONE });
    assert_eq!(toml::from_str::<Augment>("").unwrap(), Augment::NONE);
    assert!(toml::from_str::<Augment>("shear = 2").unwrap_err().to_string().contains("unknown field"));
}
