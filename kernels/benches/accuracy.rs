//! Prints how far long sums in `f32` are from those in double precision. `benches/peers/accuracy.py` prints the same of
//! PyTorch, on the same numbers.

use gradus_kernels::norm::{Channels, NormGradients, Scales, batch_norm_backward, batch_norm_forward, moments};
use gradus_kernels::{Pool2d, Scalar, avg_pool2d_forward, reduce};

const EPS: f64 = 1e-5;

/// Numbers in [0, 1) of 24 bits, and `shift`.
fn uniform(len: usize, shift: f32) -> Vec<f32> {
    numbers(len, 2_654_435_761, shift)
}

/// Others, for gradients.
fn gradients(len: usize) -> Vec<f32> {
    numbers(len, 2_246_822_519, -0.25)
}

fn numbers(len: usize, factor: u32, shift: f32) -> Vec<f32> {
    let bits = |i: usize| (i as u32).wrapping_mul(factor) >> 8;
    (0..len).map(|i| bits(i) as f32 / (1 << 24) as f32 + shift).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| x.into()).collect()
}

/// Prints the largest error, relative to the largest exact value if `relative`.
fn report(name: &str, got: &[f32], exact: &[f64], relative: bool) {
    let error = got.iter().zip(exact).map(|(&g, e)| (f64::from(g) - e).abs()).fold(0.0, f64::max);
    let size = if relative { exact.iter().fold(0.0f64, |m, e| m.max(e.abs())) } else { 1.0 };
    println!("{name}\t{:.1e}", error / size);
}

/// Batch normalization of x with its own moments, and its gradients for dy: `[y, dx, dw, db]`.
fn batch_norm<T: Scalar>(g: &Channels, x: &[T], dy: &[T]) -> [Vec<T>; 4] {
    let (mut mean, mut variance) = (vec![T::ZERO; g.c], vec![T::ZERO; g.c]);
    moments(g, x, &mut mean, &mut variance);
    let inverse: Vec<T> = variance.iter().map(|&v| T::ONE / (v + T::from_f64(EPS)).sqrt()).collect();
    let (weight, bias) = (vec![T::ONE; g.c], vec![T::ZERO; g.c]);
    let s = Scales { mean: &mean, inverse: &inverse, weight: &weight };
    let (mut y, mut dx) = (x.to_vec(), x.to_vec());
    let (mut dw, mut db) = (bias.clone(), bias.clone());
    batch_norm_forward(g, x, &s, &bias, false, &mut y);
    batch_norm_backward(g, x, dy, &s, true, None, NormGradients { dx: Some(&mut dx), dw: &mut dw, db: &mut db });
    [y, dx, dw, db]
}

fn main() {
    let (equal, spread) = (vec![0.1f32; 1 << 20], uniform(1 << 20, 0.0));
    for (name, x) in [
        ("mean of 65,536 equal numbers", &equal[..1 << 16]),
        ("mean of 1,048,576 equal numbers", &equal[..]),
        ("mean of 1,048,576 uniform numbers", &spread[..]),
    ] {
        let exact = wide(x).iter().sum::<f64>() / x.len() as f64;
        report(name, &[reduce::sum(x) / x.len() as f32], &[exact], true);
    }
    for (name, x) in [("equal", &equal), ("uniform", &spread)] {
        let (mut y, exact) = ([0.0f32], wide(x).iter().sum::<f64>());
        reduce::sum_channels(x, 1, 1, x.len(), &mut y);
        report(&format!("bias gradient of a 1024 x 1024 convolution, {name}"), &y, &[exact], true);
    }
    let (mut y, mut exact) = (vec![0.0f32; 64], vec![0.0f64; 64]);
    reduce::sum_axis(&spread, 1, 1 << 14, 64, &mut y);
    reduce::sum_axis(&wide(&spread), 1, 1 << 14, 64, &mut exact);
    report("sum of 16,384 rows", &y, &exact, true);
    let g = Pool2d { planes: 1, h: 256, w: 256, kernel: [256, 256], stride: [1, 1], pad: [[0, 0]; 2] };
    let (mut y, mut exact) = ([0.0f32], [0.0f64]);
    avg_pool2d_forward(&g, &equal[..1 << 16], &mut y);
    avg_pool2d_forward(&g, &wide(&equal[..1 << 16]), &mut exact);
    report("average-pooling of 256 x 256 equal pixels", &y, &exact, true);

    let shifted = uniform(1 << 20, 10.0);
    for (name, sizes, x) in [
        ("batch norm, one channel of 1024 x 1024, uniform", [1, 1, 1 << 20], &spread),
        ("batch norm, one channel of 1024 x 1024, mean 10", [1, 1, 1 << 20], &shifted),
        ("batch norm, 65,536 rows of 16 columns, uniform", [1 << 16, 16, 1], &spread),
        ("batch norm, 65,536 rows of constant columns", [1 << 16, 16, 1], &equal),
        ("layer norm, 16 rows of 65,536, uniform", [1, 16, 1 << 16], &spread),
        ("layer norm, 16 constant rows of 65,536", [1, 16, 1 << 16], &equal),
    ] {
        let (g, dy) = (Channels { n: sizes[0], c: sizes[1], places: sizes[2] }, gradients(1 << 20));
        let (got, exact) = (batch_norm(&g, x, &dy), batch_norm(&g, &wide(x), &wide(&dy)));
        report(&format!("{name}: output"), &got[0], &exact[0], false);
        report(&format!("{name}: dx"), &got[1], &exact[1], true);
        if name.starts_with("batch") {
            report(&format!("{name}: bias gradient"), &got[3], &exact[3], true);
        }
    }
}
