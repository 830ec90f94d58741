//! The passes of K-means against plain ones that keep no bounds and add up whole numbers.

use crate::common::{Data, on_threads};
use gradus_kernels::dispatch::{self, Isa};
use gradus_kernels::kmeans::{Clusters, Samples};
use gradus_kernels::{MatRef, Scalar, reference};
use proptest::prelude::*;

/// What a pass should find: labels, sums and sizes.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    labels: Vec<usize>,
    sum: Vec<f64>,
    size: Vec<i64>,
}

/// Without fused multiply-adds, as on [`Isa::Scalar`].
fn unfused<T: Scalar>(x: &[T], c: &[T]) -> T {
    let block = |(x, c): (&[T], &[T])| x.iter().zip(c).fold(T::ZERO, |sum, (&x, &c)| sum + (x - c) * (x - c));
    x.chunks(256).zip(c.chunks(256)).map(block).fold(T::ZERO, |total, block| total + block)
}

/// Every distance looked at, the first of the nearest taken; every value rounded to its column's quantum, the quanta
/// added up as integers.
fn plain<T: Scalar>(x: &[T], d: usize, centroids: &[T], fused: bool) -> Plain {
    let (n, k) = (x.len() / d, centroids.len() / d);
    let squared = if fused { reference::squared_distance } else { unfused };
    let nearest = |x: &[T]| {
        let far: Vec<T> = centroids.chunks(d).map(|c| squared(x, c)).collect();
        (1..k).fold(0, |b, c| if far[c] < far[b] { c } else { b })
    };
    let labels: Vec<usize> = x.chunks(d).map(nearest).collect();
    let mut whole = Plain { sum: vec![0.0; k * d], size: vec![0; k], labels };
    whole.labels.iter().for_each(|&c| whole.size[c] += 1);
    for j in 0..d {
        let largest = (0..n).fold(0.0, |m: f64, i| m.max(x[i * d + j].to_f64().abs()));
        let bits = 53 - n.max(8).next_power_of_two().ilog2() as i32;
        let quantum = if largest == 0.0 { 1.0 } else { 2f64.powi(largest.log2().floor() as i32 + 1 - bits) };
        let mut quanta = vec![0i128; k];
        for (i, &c) in whole.labels.iter().enumerate() {
            quanta[c] += (x[i * d + j].to_f64() / quantum).round_ties_even() as i128;
        }
        (0..k).for_each(|c| whole.sum[c * d + j] = quanta[c] as f64 * quantum);
    }
    whole
}

/// Some steps of Lloyd from the first samples, then a jump, then more steps.
fn walk<T: Scalar>(x: &[T], d: usize, k: usize, fused: bool) -> Vec<(Vec<T>, Plain)> {
    let mut centroids = x[..k * d].to_vec();
    let mut found = Vec::new();
    for step in 0..8 {
        let pass = plain(x, d, &centroids, fused);
        let mean = |(at, &sum): (usize, &f64)| match pass.size[at / d] {
            0 => centroids[at],
            size => T::from_f64(sum / size as f64),
        };
        let mut next: Vec<T> = pass.sum.iter().enumerate().map(mean).collect();
        if step == 4 {
            next[..d].copy_from_slice(&x[x.len() - d..]);
        }
        found.push((std::mem::replace(&mut centroids, next), pass));
    }
    found
}

/// Walks every instruction set and number of threads.
#[track_caller]
fn check<T: Scalar>(x: &[T], d: usize, k: usize) {
    let walks = [walk(x, d, k, false), walk(x, d, k, true)];
    let mut inertia: Option<f64> = None;
    for &isa in dispatch::variants() {
        let walk = &walks[usize::from(isa != Isa::Scalar)];
        for threads in [1, 2, 3, 8] {
            let run = || {
                let rows = MatRef::new(x, x.len() / d, d);
                let mut room = vec![T::ZERO; Samples::room(&rows)];
                let samples = Samples::new(rows, &mut room);
                let mut clusters = Clusters::new(&samples, k);
                let mut before = vec![usize::MAX; x.len() / d];
                for (step, (centroids, expected)) in walk.iter().enumerate() {
                    let changed = clusters.assign(centroids);
                    let got = Plain {
                        labels: clusters.labels(),
                        sum: clusters.sums().sum.clone(),
                        size: clusters.sums().size.clone(),
                    };
                    assert_eq!(&got, expected, "{isa:?}, {threads} threads, step {step}");
                    assert_eq!(changed, (0..before.len()).filter(|&i| before[i] != expected.labels[i]).count());
                    before = got.labels;
                }
                clusters.inertia()
            };
            let got = on_threads(threads, || dispatch::with(isa, run));
            if isa != Isa::Scalar {
                assert_eq!(inertia.get_or_insert(got).to_bits(), got.to_bits(), "{isa:?}, {threads} threads: inertia");
            }
            let own = |(x, &c): (&[T], &usize)| -> f64 {
                let c = &walk[7].0[c * d..][..d];
                x.iter().zip(c).map(|(x, c)| (x.to_f64() - c.to_f64()) * (x.to_f64() - c.to_f64())).sum()
            };
            let expected: f64 = x.chunks(d).zip(&walk[7].1.labels).map(own).sum();
            assert!((got - expected).abs() <= 1e-12 * expected, "{got} {expected}");
        }
    }
}

/// Blobs: the bounds have something to decide.
fn blobs(n: usize, d: usize, k: usize, spread: f32, seed: u64) -> Vec<f32> {
    let mut data = Data::new(seed);
    let centres = data.floats(k * d);
    (0..n * d).map(|at| centres[at / d * 7 % k * d + at % d] + spread * data.float()).collect()
}

#[test]
fn shapes_around_tiles_groups_and_tasks() {
    for (n, d, k) in [
        (1, 1, 1),
        (15, 3, 2),
        (17, 5, 3),
        (40, 1, 30),
        (100, 15, 4),
        (100, 16, 9),
        (700, 17, 10),
        (530, 50, 100),
        (90, 300, 5),
        (33, 600, 8),
        (5000, 5, 3),
        (3000, 20, 7),
    ] {
        check(&blobs(n, d, k, 0.4, (n + d + k) as u64), d, k);
    }
}

#[test]
fn doubles_too() {
    for (n, d, k) in [(20, 2, 3), (600, 18, 6), (1200, 4, 12), (50, 300, 3)] {
        let x: Vec<f64> = blobs(n, d, k, 0.4, 1).iter().map(|&x| f64::from(x) / 3.0).collect();
        check(&x, d, k);
    }
}

/// Data far from the origin, tiny and huge data (whose squares underflow and overflow), columns of different scale.
#[test]
fn any_scale() {
    for (scale, offset) in [(1.0, 1000.0), (1e-22, 0.0), (1e19, 0.0), (1e-3, 1.0)] {
        let x: Vec<f32> = blobs(700, 20, 6, 0.3, 4).iter().map(|&x| scale * x + offset).collect();
        check(&x, 20, 6);
    }
    let x: Vec<f32> =
        blobs(700, 6, 5, 0.5, 5).iter().enumerate().map(|(at, &x)| x * [1e6, 1.0, 1e-6][at % 3]).collect();
    check(&x, 6, 5);
}

/// Whole numbers: many distances are equal, many samples too.
#[test]
fn ties_go_to_the_lower_index() {
    for (n, d, k) in [(300, 2, 9), (300, 20, 9), (64, 1, 5)] {
        let x: Vec<f32> = blobs(n, d, 3, 1.0, 6).iter().map(|x| x.round()).collect();
        check(&x, d, k);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn random_blobs(n in 30usize..400, d in 1usize..40, k in 1usize..30, spread in 0.05f32..1.0, seed: u64) {
        check(&blobs(n, d, k, spread, seed), d, k);
    }
}
