//! Lesson 10: t-SNE, from distances to an embedding (van der Maaten and Hinton 2008).
//!
//! Samples with many features become points in two dimensions such that neighbours stay neighbours. Five steps:
//!
//! ```text
//! 1. distances      d_ij² = |x_i - x_j|²
//! 2. conditional    p(j|i) ∝ exp(-β_i d_ij²)          β_i such that exp(-Σ_j p(j|i) log p(j|i)) = perplexity
//! 3. symmetric      p_ij = (p(j|i) + p(i|j)) / 2n     how much i and j are neighbours in the data
//! 4. embedding      q_ij = w_ij / Σ w,  w_ij = 1 / (1 + |y_i - y_j|²)
//! 5. descent        KL = Σ p_ij log(p_ij / q_ij),  dKL/dy_i = 4 Σ_j (p_ij - q_ij) w_ij (y_i - y_j)
//! ```
//!
//! The *perplexity* is the number of neighbours that each sample should have: crowded regions get narrow Gaussians,
//! empty ones wide ones. In the embedding the Gaussian is replaced by Student's t with one degree of freedom, whose
//! heavy tail gives far points room. KL punishes a close pair that is drawn far apart (p large, q small), and hardly a
//! far pair that is drawn close: the embedding shows neighbourhoods.
//!
//! It shows **nothing else**. β_i has divided each region by its own scale, so the width of a cluster and the distance
//! between clusters in the embedding say nothing about the data. The last table shows it in numbers.

use gradus::analysis::tsne::{Tsne, affinity};
use gradus::report::chart::{LineChart, Scatter};
use gradus::rng::Rng;
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use std::path::PathBuf;

const EACH: usize = 40;
const N: usize = 3 * EACH;
const PERPLEXITY: f64 = 15.0;

/// Squared distances between all rows.
fn distances(x: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn((x.nrows(), x.nrows()), |(i, j)| {
        x.row(i).iter().zip(x.row(j)).map(|(a, b)| (a - b) * (a - b)).sum()
    })
}

/// p(j|i) for a given β, and its perplexity.
fn conditional(d: &[f64], i: usize, beta: f64) -> (Vec<f64>, f64) {
    let weight = |(j, d): (usize, &f64)| if j == i { 0.0 } else { libm::exp(-beta * d) };
    let weights: Vec<f64> = d.iter().enumerate().map(weight).collect();
    let sum: f64 = weights.iter().sum();
    let p: Vec<f64> = weights.iter().map(|w| w / sum).collect();
    let entropy: f64 = p.iter().filter(|p| **p > 0.0).map(|p| -p * libm::log(*p)).sum();
    (p, libm::exp(entropy))
}

/// The β with the given perplexity, by bisection on a logarithmic scale: perplexity falls as β grows.
fn search(d: &[f64], i: usize) -> (f64, Vec<f64>) {
    let (mut low, mut high) = (1e-6, 1e3);
    for _ in 0..60 {
        let middle = f64::sqrt(low * high);
        if conditional(d, i, middle).1 > PERPLEXITY { low = middle } else { high = middle }
    }
    (low, conditional(d, i, low).0)
}

/// The unnormalized w and the normalized q of an embedding.
fn student(y: &Array2<f64>) -> (Array2<f64>, Array2<f64>) {
    let mut w = distances(y).mapv(|d| 1.0 / (1.0 + d));
    w.diag_mut().fill(0.0);
    let q = &w / w.sum();
    (w, q)
}

fn kl(p: &Array2<f64>, q: &Array2<f64>) -> f64 {
    p.iter().zip(q).filter(|(p, _)| **p > 0.0).map(|(p, q)| p * libm::log(p / q)).sum()
}

fn gradient(p: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
    let (w, q) = student(y);
    let force = |i: usize, j: usize| 4.0 * (p[[i, j]] - q[[i, j]]) * w[[i, j]];
    Array2::from_shape_fn((N, 2), |(i, a)| (0..N).map(|j| force(i, j) * (y[[i, a]] - y[[j, a]])).sum())
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    // Three clusters in ten dimensions: two tight neighbours, and a wide one far away.
    let (spread, place) = ([0.3, 0.3, 3.0], [0.0, 4.0, 40.0]);
    let labels: Vec<usize> = (0..N).map(|i| i / EACH).collect();
    let rng = &mut Rng::new(10, "blobs", 0);
    let x = Array2::from_shape_fn((N, 10), |(i, j)| {
        (if j == 0 { place[labels[i]] } else { 0.0 }) + spread[labels[i]] * rng.normal()
    });

    println!("1.-2. Each sample looks for the width at which it has {PERPLEXITY} neighbours\n");
    let d = distances(&x);
    let rows: Vec<(f64, Vec<f64>)> = (0..N).map(|i| search(&d.row(i).to_vec(), i)).collect();
    println!("   sample  cluster   β found   width 1/√2β   perplexity reached");
    for (i, cluster) in [(0, "A"), (EACH, "B"), (2 * EACH, "C")] {
        let (beta, row) = (rows[i].0, d.row(i).to_vec());
        let (sigma, reached) = (1.0 / f64::sqrt(2.0 * beta), conditional(&row, i, beta).1);
        println!("   {i:>6} {cluster:>8} {beta:>9.4} {sigma:>13.3} {reached:>20.4}");
        // The library searches by Newton's method; it must find the same β.
        let others = [&row[..i], &row[i + 1..]].concat();
        let theirs = affinity::conditional(&others, PERPLEXITY, &mut [0.0; N - 1]);
        assert!((theirs / beta - 1.0).abs() < 1e-4 && (reached - PERPLEXITY).abs() < 1e-6);
    }
    println!("\n   The wide cluster C gets a Gaussian some ten times as wide: density is divided out.");

    let p = Array2::from_shape_fn((N, N), |(i, j)| (rows[i].1[j] + rows[j].1[i]) / (2 * N) as f64);
    println!("\n3. P is symmetric, p[0,1] = {:.6} = p[1,0], and sums to {:.6}", p[[0, 1]], p.sum());
    assert!((p.sum() - 1.0).abs() < 1e-12 && p[[0, 1]] == p[[1, 0]]);

    println!("\n4.-5. The gradient, by the formula and by differences of KL, at a random embedding\n");
    let y = Array2::from_shape_fn((N, 2), |_| rng.normal());
    let by_formula = gradient(&p, &y);
    for at in [[0, 0], [0, 1], [EACH, 0]] {
        let nudged = |h: f64| {
            let mut y = y.clone();
            y[at] += h;
            kl(&p, &student(&y).1)
        };
        let by_differences = (nudged(1e-5) - nudged(-1e-5)) / 2e-5;
        println!("   dKL/dy{at:?}   formula {:>12.8}   differences {by_differences:>12.8}", by_formula[at]);
        assert!((by_formula[at] - by_differences).abs() < 1e-8);
    }

    println!("\n6. The descent (the library's, with momentum and a gain for each coordinate)\n");
    println!("   iteration       KL");
    let shown = [1, 25, 50, 250, 300, 1000];
    let (mut frames, mut curve) = (Vec::new(), Vec::new());
    // So few samples need smaller steps than the least of the automatic rate, 50.
    let tsne = Tsne { perplexity: PERPLEXITY, learning_rate: Some(10.0), ..Tsne::default() };
    let map = tsne.fit_with(x.view(), 10, |frame| {
        if frame.iteration % 10 == 0 || frame.iteration == 1 {
            curve.push((frame.iteration as f64, frame.kl()));
        }
        if shown.contains(&frame.iteration) {
            println!("   {:>9} {:>8.4}", frame.iteration, frame.kl());
            frames.push((frame.iteration, frame.kl(), frame.embedding.to_owned()));
        }
    })?;
    let own_kl = kl(&p, &student(&map.embedding).1);
    let length = |y: &Array2<f64>| gradient(&p, y).mapv(|g| g * g).sum().sqrt();
    let (end, random) = (length(&map.embedding), length(&y));
    println!(
        "\n   Up to iteration 250 the forces come from 12 P: clusters shrink to dots, which can still pass each other."
    );
    println!("   Then P is taken as it is, and the dots unfold: KL takes its second step down.\n");
    println!(
        "   KL of the last embedding, computed here: {own_kl:.6}. Its gradient's length: {end:.1e} (at random: {random:.1e})."
    );
    assert!((own_kl - map.kl).abs() < 1e-4 && end < 0.01 * random);
    assert!(frames.windows(2).all(|f| f[1].1 < f[0].1));

    println!("\n7. What the embedding does not show\n");
    println!("   {:<34} {:>9} {:>9}", "", "in data", "embedded");
    let (y, ratio) = (&map.embedding, |x: &Array2<f64>| gap(x, 1, 2) / gap(x, 0, 1));
    let rows = [
        ("width of C / width of A", widths(&x, 2, 0), widths(y, 2, 0)),
        ("distance B to C / distance A to B", ratio(&x), ratio(y)),
    ];
    for (name, data, paper) in rows {
        println!("   {name:<34} {data:>9.2} {paper:>9.2}");
        assert!(data > 8.0 && paper < 3.0);
    }
    println!("\n   C is ten times as wide and nine times as far away, and the embedding shows neither.");

    let names = ["A: tight", "B: tight, near A", "C: wide, far away"].map(String::from);
    let sheet = frames.iter().fold(
        Scatter::new("The embedding over the iterations", &names).columns(3),
        |sheet, (t, kl, y)| {
            let points: Vec<(f64, f64)> = y.rows().into_iter().map(|r| (r[0], r[1])).collect();
            sheet.panel(&format!("iteration {t}: KL = {kl:.2}"), &points, &labels)
        },
    );
    sheet.draw().save(&folder, "frames")?;
    let chart =
        LineChart::new("KL falls").axes("iteration", "KL divergence of the embedding from P").series("KL", &curve);
    chart.marker(250.0, "exaggeration ends").y_range(0.0, curve[0].1).draw().save(&folder, "kl")?;
    println!("\nFigures: frames and kl (.svg, .png) in {}", folder.display());
    Ok(())
}

/// The samples of a cluster and their center.
fn cluster(x: &Array2<f64>, c: usize) -> (ArrayView2<'_, f64>, Array1<f64>) {
    let own = x.slice(s![c * EACH..(c + 1) * EACH, ..]);
    (own, own.mean_axis(Axis(0)).expect("a cluster has samples"))
}

/// The ratio of the widths (root mean squared distances from the center) of clusters a and b.
fn widths(x: &Array2<f64>, a: usize, b: usize) -> f64 {
    let scatter = |(own, center): (ArrayView2<'_, f64>, Array1<f64>)| (&own - &center).mapv(|v| v * v).sum();
    (scatter(cluster(x, a)) / scatter(cluster(x, b))).sqrt()
}

/// The distance between the centers of clusters a and b.
fn gap(x: &Array2<f64>, a: usize, b: usize) -> f64 {
    (cluster(x, a).1 - cluster(x, b).1).mapv(|v| v * v).sum().sqrt()
}
