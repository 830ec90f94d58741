//! Noise: the same bits everywhere, and truly normal.

use crate::common::always;
use gradus_kernels::dropout::random_bits;
use gradus_kernels::noise::{normal, normals};

#[test]
fn the_same_at_every_level() {
    for len in [0, 1, 15, 17, 4097, 20_000] {
        let expected: Vec<f32> = (0..len).map(|i| normal(random_bits(7, i))).collect();
        always(&expected, "normals", || {
            let mut y = vec![f32::NAN; len as usize];
            normals(7, &mut y);
            y
        });
    }
}

/// The share of the normal distribution beyond the number is the probability that the bits stand for. An error of
/// δ z in z moves it by the share z² δ at most (Mills's ratio), and δ is 1e-7.
#[test]
fn the_number_has_its_probability_beyond_it() {
    for step in 0..200_000u32 {
        let bits = step.wrapping_mul(21_474) & !1;
        for bits in [bits, (step & 1023) << 1] {
            let p = (f64::from(bits >> 1) + 0.5) / 4_294_967_296.0;
            let z: f64 = normal(bits);
            let found = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
            assert!((found / p - 1.0).abs() < 2e-7 * (1.0 + z * z), "{bits}: {z} has {found}, not {p}");
            let (single, below): (f32, f64) = (normal(bits), normal(bits | 1));
            assert!((f64::from(single) - z).abs() < 1e-6 * (1.0 + z) && below == -z);
        }
    }
}

#[test]
fn moments_are_those_of_the_normal_distribution() {
    let n = 1 << 18;
    let mut x = vec![0.0f64; n];
    normals(0x1234_5678_9abc_def0, &mut x);
    let moment = |k: i32| x.iter().map(|x| x.powi(k)).sum::<f64>() / n as f64;
    // Five standard errors: the variances of x, x², x³, x⁴ are 1, 2, 15, 96. Neighbours do not know of each other.
    for (k, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0f64)] {
        let off = moment(k) - expected;
        assert!(off.abs() < 5.0 * (variance / n as f64).sqrt(), "moment {k} is off by {off}");
    }
    let together = x.windows(2).map(|x| x[0] * x[1]).sum::<f64>() / n as f64;
    assert!(together.abs() < 5.0 / (n as f64).sqrt(), "{together}");
}
