//! Sums and maxima against their documented order.

use crate::common::{Data, always, spice};
use gradus_kernels::{Scalar, reduce, reference};

/// The documented order of a sum over neighbours.
fn plain_sum(x: &[f32]) -> f32 {
    reference::sum_in_lanes(x.len(), |i| x[i])
}

fn plain_long_sum(x: &[f32]) -> f32 {
    if x.len() <= 1 << 16 {
        return plain_sum(x);
    }
    let piece = (1 << 16).max(x.len().div_ceil(64)).next_multiple_of(16);
    plain_sum(&x.chunks(piece).map(plain_sum).collect::<Vec<_>>())
}

/// The order itself, on numbers whose sum shows it: 2^24 + 1 is 2^24.
#[test]
fn sixteen_in_turn_and_then_in_pairs() {
    let large = 16_777_216.0f32;
    let in_turn = |x: &[f32]| reference::sum_in_turn(x.len(), |i| x[i]);
    // Ones that come one by one to a large number are lost; those of the next block come as sixteen.
    let mut x = [1.0; 32];
    x[0] = large;
    assert_eq!(in_turn(&x), large + 16.0);
    // Five blocks: ((0 + 1) + (2 + 3)) + 4.
    let mut blocks = [0.0; 80];
    (blocks[0], blocks[16], blocks[32], blocks[48], blocks[64]) = (large, 1.0, 1.0, 1.0, 4.0);
    assert_eq!(in_turn(&blocks), large + 6.0);
    // In lanes: the lanes of 256 elements, then 0 + 8, 4 + 12, ..
    let mut lanes = [0.0; 16];
    (lanes[0], lanes[8], lanes[4], lanes[12]) = (large, 1.0, 1.0, 1.0);
    assert_eq!(reduce::sum(&lanes), large + 2.0);
    let rows: Vec<f32> = x.iter().flat_map(|&x| [x; 9]).collect();
    let mut y = [0.0; 9];
    reduce::sum_axis(&rows, 1, 32, 9, &mut y);
    assert_eq!(y, [large + 16.0; 9]);
}

#[test]
fn sums_keep_their_order() {
    for len in [0, 1, 2, 15, 16, 17, 31, 33, 255, 256, 257, 513, 1000, 4096, 65_536, 65_537, 300_000, 5_000_000] {
        let mut data = Data::new(len as u64);
        let (x, y) = (data.floats(len), data.floats(len));
        let products: Vec<f32> = x.iter().zip(&y).map(|(x, y)| x * y).collect();
        always(&[plain_long_sum(&x), plain_long_sum(&products)], "sum, dot", || {
            vec![reduce::sum(&x), reduce::dot(&x, &y)]
        });
        let exact: f64 = x.iter().map(|&x| f64::from(x)).sum();
        let size: f64 = x.iter().map(|&x| f64::from(x.abs())).sum();
        let bound = (16.0 + (len.max(1) as f64).log2().ceil()) * f64::from(f32::EPSILON) / 2.0 * size;
        assert!((f64::from(reduce::sum(&x)) - exact).abs() <= bound, "{len} numbers");
    }
    let mut x = vec![1.0; 100];
    x[50] = f32::NAN;
    assert!(reduce::sum(&x).is_nan());
}

#[test]
fn sums_along_an_axis() {
    for (outer, n, inner) in [
        (1, 5, 1),
        (3, 1, 4),
        (7, 100, 1),
        (40, 33, 1),
        (2, 50, 3),
        (1, 100, 7),
        (1, 64, 8),
        (5, 9, 17),
        (1, 20, 5000),
        (300, 10, 20),
        (3000, 17, 2),
        (1, 700, 40),
        (3, 100, 33),
        (1, 600, 3),
        (2, 0, 3),
        (0, 3, 3),
        (3, 3, 0),
    ] {
        let mut x = Data::new((outer * n + inner) as u64).floats(outer * n * inner);
        spice(&mut x);
        let at = |o: usize, k: usize, j: usize| x[(o * n + k) * inner + j];
        let mut expected = Vec::new();
        for o in 0..outer {
            for j in 0..inner {
                let column: Vec<f32> = (0..n).map(|k| at(o, k, j)).collect();
                expected.push(if inner < 8 { plain_sum(&column) } else { reference::sum_in_turn(n, |k| column[k]) });
            }
        }
        always(&expected, &format!("sum_axis {outer} {n} {inner}"), || {
            let mut y = vec![f32::NAN; outer * inner];
            reduce::sum_axis(&x, outer, n, inner, &mut y);
            y
        });
    }
}

#[test]
fn sums_of_channels() {
    for (n, c, hw) in
        [(1, 1, 1), (3, 5, 1), (100, 5, 1), (50, 9, 1), (2, 3, 17), (8, 16, 1024), (40, 3, 300), (0, 4, 4)]
    {
        let x = Data::new(hw as u64).floats(n * c * hw);
        let plane = |n: usize, c0: usize| plain_sum(&x[(n * c + c0) * hw..][..hw]);
        let mut expected: Vec<f32> = (0..c).map(|c| reference::sum_in_turn(n, |n| plane(n, c))).collect();
        if hw == 1 && c < 8 {
            expected = (0..c).map(|j| plain_sum(&(0..n).map(|n| x[n * c + j]).collect::<Vec<_>>())).collect();
        }
        always(&expected, "sum_channels", || {
            let mut y = vec![f32::NAN; c];
            reduce::sum_channels(&x, n, c, hw, &mut y);
            y
        });
    }
}

#[test]
fn maxima_along_an_axis() {
    for (outer, n, inner) in [(1, 1, 1), (4, 10, 1), (3, 6, 19), (1, 300, 5), (200, 3, 100)] {
        let mut x = Data::new(n as u64).floats(outer * n * inner);
        x.iter_mut().for_each(|x| *x = (*x * 4.0).round()); // ties
        spice(&mut x);
        let mut expected = Vec::new();
        for o in 0..outer {
            for j in 0..inner {
                let at = |k: usize| x[(o * n + k) * inner + j];
                let exceeds = |k: usize, b: usize| at(k) > at(b) || (at(k).is_nan() && !at(b).is_nan());
                let best = (1..n).fold(0, |b, k| if exceeds(k, b) { k } else { b });
                expected.extend([at(best), best as f32]);
            }
        }
        always(&expected, "max_axis", || {
            let (mut y, mut index) = (vec![f32::NAN; outer * inner], vec![0; outer * inner]);
            reduce::max_axis(&x, outer, n, inner, &mut y, &mut index);
            y.iter().zip(&index).flat_map(|(&y, &i)| [y, i as f32]).collect()
        });
    }
}

/// The one rule of max-pooling and maxima: larger, or NaN after a number.
#[test]
fn what_exceeds_the_largest_so_far() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    for [x, best] in [[2.0, 1.0], [inf, 1.0], [-1.0, -inf], [nan, 1.0], [nan, inf]] {
        assert!(x.exceeds(best) && !best.exceeds(x), "{x} {best}");
    }
    for [x, best] in [[1.0, 1.0], [0.0, -0.0], [-0.0, 0.0], [inf, inf], [nan, nan]] {
        assert!(!x.exceeds(best), "{x} {best}");
    }
}

#[test]
fn the_first_nan_is_the_maximum() {
    let x = [1.0, f32::NAN, f32::NAN, f32::INFINITY];
    let (mut y, mut index) = ([0.0], [9]);
    reduce::max_axis(&x, 1, 4, 1, &mut y, &mut index);
    assert!(y[0].is_nan() && index == [1]);
}
