//! # Lesson 17: self-attention by hand
//!
//! A sentence of four tokens, four numbers each, goes through one layer of self-attention with two heads. Every matrix is
//! computed from its formula and printed, and at the end the library's layer, the same thing in one call, must agree.
//!
//! ```text
//! Q = X Wqᵀ      K = X Wkᵀ      V = X Wvᵀ              each token asks, offers a key, and has a value
//! S = Q Kᵀ / √d                                         how well each query fits each key
//! P = softmax of each row of S                          the weights of a token's mean
//! Y = P V                                               the mean of the values       (Vaswani et al. 2017)
//! ```
//!
//! Each head has its own half of the numbers, d = 2 of 4, and its own map P. Then the gradient of one weight, of those that
//! make the queries, is computed by hand and held against differences.
//!
//! Run it: `cargo run --release --example lesson -- 17`

use gradus::autograd::Var;
use gradus::nn::{Attention, Ctx, Init, Module};
use gradus::report::chart::LineChart;
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use std::path::PathBuf;

/// Tokens, numbers of a token, heads, numbers of a head.
const TOKENS: usize = 4;
const DIM: usize = 4;
const HEADS: usize = 2;
const DEPTH: usize = DIM / HEADS;

/// A matrix, row by row.
type Matrix = Vec<Vec<f64>>;

/// A Bᵀ: the scalar products of the rows.
fn times_transposed(a: &Matrix, b: &Matrix) -> Matrix {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum();
    a.iter().map(|x| b.iter().map(|y| dot(x, y)).collect()).collect()
}

fn transposed(a: &Matrix) -> Matrix {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

/// Columns of a matrix: the part of a head.
fn columns(a: &Matrix, from: usize, count: usize) -> Matrix {
    a.iter().map(|row| row[from..from + count].to_vec()).collect()
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = row.iter().map(|s| libm::exp(s - largest)).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|e| e / sum).collect()
}

fn print(name: &str, a: &Matrix) {
    for (i, row) in a.iter().enumerate() {
        let name = if i == 0 { format!("{name} =") } else { String::new() };
        println!("   {name:>10} {}", row.iter().map(|x| format!("{x:8.3}")).collect::<String>());
    }
    println!();
}

/// What a head computes on the way.
struct Head {
    q: Matrix,
    k: Matrix,
    v: Matrix,
    s: Matrix,
    p: Matrix,
    y: Matrix,
}

/// One head, from the queries, keys and values of all of them.
fn head(h: usize, [q, k, v]: [&Matrix; 3], causal: bool) -> Head {
    let [q, k, v] = [q, k, v].map(|all| columns(all, h * DEPTH, DEPTH));
    let scale = 1.0 / (DEPTH as f64).sqrt();
    let mut s: Matrix = times_transposed(&q, &k).iter().map(|row| row.iter().map(|s| s * scale).collect()).collect();
    if causal {
        s.iter_mut().enumerate().for_each(|(i, row)| row[i + 1..].fill(f64::NEG_INFINITY));
    }
    let p: Matrix = s.iter().map(|row| softmax(row)).collect();
    let y = times_transposed(&p, &transposed(&v));
    Head { q, k, v, s, p, y }
}

/// The outputs of both heads side by side.
fn beside(heads: &[Head]) -> Matrix {
    (0..TOKENS).map(|i| heads.iter().flat_map(|head| head.y[i].clone()).collect()).collect()
}

fn rows(data: &[f64], width: usize) -> Matrix {
    data.chunks(width).map(<[f64]>::to_vec).collect()
}

fn largest_difference(a: &Matrix, b: &[f64]) -> f64 {
    a.iter().flatten().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let mut rng = Rng::new(17, "lesson", 0);
    let x: Tensor<f64> = Tensor::randn([1, TOKENS, DIM], &mut rng);
    let layer = Attention::<f64>::new(DIM, HEADS, false, Init::XavierUniform, &mut rng)?;
    // Rows 0..4 of the packed weight make the queries, 4..8 the keys, 8..12 the values. The biases are 0.
    let packed = layer.qkv.weight.get();
    let weights: Vec<Matrix> = packed.data().chunks(DIM * DIM).map(|part| rows(part, DIM)).collect();
    let tokens = rows(x.data(), DIM);

    println!("1. Four tokens of four numbers, and what each asks, offers and has\n");
    print("X", &tokens);
    let project = |weights: &[Matrix]| [0, 1, 2].map(|part| times_transposed(&tokens, &weights[part]));
    let [q, k, v] = project(&weights);
    print("Wq", &weights[0]);
    print("Q = X Wqᵀ", &q);
    print("K = X Wkᵀ", &k);
    print("V = X Wvᵀ", &v);

    println!("2. Two heads: columns 1 and 2 of Q, K and V, and columns 3 and 4\n");
    let heads = [0, 1].map(|h| head(h, [&q, &k, &v], false));
    for (h, head) in heads.iter().enumerate() {
        println!("   head {}: S = Q Kᵀ/√{DEPTH}, P = softmax of the rows, Y = P V", h + 1);
        print("Q", &head.q);
        print("K", &head.k);
        print("V", &head.v);
        print("S", &head.s);
        print("P", &head.p);
        print("Y", &head.y);
        assert!(head.p.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12));
    }
    println!(
        "   Each row of P sums to 1: token i gets a mean of all values, weighted by how well its query fits their keys.\n"
    );

    println!("3. The library's layer is the same, with a linear layer behind it that mixes the heads\n");
    let out = rows(layer.out.weight.get().data(), DIM);
    let by_hand = times_transposed(&beside(&heads), &out);
    print("out", &by_hand);
    let maps_and_context = |path: &str| path == "map";
    let mut cx = Ctx::eval().capture(&maps_and_context);
    let by_layer = layer.forward(&Var::constant(x.clone()), &mut cx)?.into_value();
    let maps = cx.captured()[0].output.clone();
    let far = largest_difference(&by_hand, by_layer.data());
    let far_maps =
        heads.iter().zip(maps.data().chunks(TOKENS * TOKENS)).map(|(head, map)| largest_difference(&head.p, map));
    let far_maps = far_maps.fold(0.0, f64::max);
    println!("   largest difference: {far:.1e}; of the captured maps: {far_maps:.1e}\n");
    assert!(far < 1e-12 && far_maps < 1e-12);

    println!("4. Nothing else knows the order of the tokens\n");
    let turned = Tensor::from_fn([1, TOKENS, DIM], |i| x.data()[(TOKENS - 1 - i / DIM) * DIM + i % DIM]);
    let other = layer.forward(&Var::constant(turned), &mut Ctx::eval())?.into_value();
    let reversed: Matrix = rows(other.data(), DIM).into_iter().rev().collect();
    let far = largest_difference(&reversed, by_layer.data());
    println!("   the tokens in reverse give the outputs in reverse, up to {far:.1e}: so positions are added before\n");
    assert!(far < 1e-12);

    println!("5. A causal mask: token i sees tokens 1 to i, the rest of S is -∞\n");
    let masked = head(0, [&q, &k, &v], true);
    print("P", &masked.p);
    assert!((0..TOKENS).all(|i| masked.p[i][i + 1..].iter().all(|&p| p == 0.0)));
    assert_eq!(masked.p[0][0], 1.0);

    println!("6. The gradient of one weight by hand: Wq[1, 1], for the loss L = ½ Σ Y²\n");
    // dY = Y. dP = dY Vᵀ, dS = P (dP - rowsum(P dP))/√d, dQ = dS K, dWq = dQᵀ X; the first number of Q is head 1's.
    let Head { k: keys, v: values, p, y, .. } = &heads[0];
    let dp = times_transposed(y, values);
    let scale = 1.0 / (DEPTH as f64).sqrt();
    let ds: Matrix = p
        .iter()
        .zip(&dp)
        .map(|(p, dp)| {
            let mean: f64 = p.iter().zip(dp).map(|(p, dp)| p * dp).sum();
            p.iter().zip(dp).map(|(p, dp)| p * (dp - mean) * scale).collect()
        })
        .collect();
    let dq = times_transposed(&ds, &transposed(keys));
    print("dP", &dp);
    print("dS", &ds);
    print("dQ", &dq);
    let by_formula: f64 = (0..TOKENS).map(|i| dq[i][0] * tokens[i][0]).sum();
    let loss = |change: f64| -> f64 {
        let mut weights = weights.clone();
        weights[0][0][0] += change;
        let [q, k, v] = project(&weights);
        let heads = [0, 1].map(|h| head(h, [&q, &k, &v], false));
        0.5 * beside(&heads).iter().flatten().map(|y| y * y).sum::<f64>()
    };
    let step = 1e-5;
    let by_differences = (loss(step) - loss(-step)) / (2.0 * step);
    println!("   dL/dWq[1, 1] = Σᵢ dQ[i, 1] X[i, 1] = {by_formula:.8}");
    println!("   (L(w + h) - L(w - h))/2h with h = {step:e}:  {by_differences:.8}\n");
    assert!((by_formula - by_differences).abs() < 1e-8 * by_formula.abs().max(1.0));

    println!("7. Why 1/√d: without it, the scores grow with d and softmax chooses a single token\n");
    let chosen = |depth: usize, scale: f64| {
        let mut rng = Rng::new(17, "scores", depth as u64);
        let mean = |n: usize, f: &mut dyn FnMut() -> f64| (0..n).map(|_| f()).sum::<f64>() / n as f64;
        mean(200, &mut || {
            let dot = |rng: &mut Rng| (0..depth).map(|_| rng.normal() * rng.normal()).sum::<f64>() * scale;
            let scores: Vec<f64> = (0..TOKENS).map(|_| dot(&mut rng)).collect();
            softmax(&scores).into_iter().fold(0.0, f64::max)
        })
    };
    let depths = [1, 2, 4, 8, 16, 32, 64, 128, 256];
    let curve = |scaled: bool| -> Vec<(f64, f64)> {
        let point = |&d: &usize| (d as f64, chosen(d, if scaled { 1.0 / (d as f64).sqrt() } else { 1.0 }));
        depths.iter().map(point).collect()
    };
    let (scaled, plain) = (curve(true), curve(false));
    println!("   the largest of four weights, on average, for random queries and keys:");
    for (scaled, plain) in scaled.iter().zip(&plain) {
        println!("   d = {:3}: with 1/√d {:.2}, without {:.2}", scaled.0, scaled.1, plain.1);
    }
    assert!(plain[8].1 > 0.9 && scaled[8].1 < 0.7);
    LineChart::new("The largest of four attention weights")
        .axes("numbers of a head, d", "largest weight, mean of 200 draws")
        .log_x()
        .series("scores divided by √d", &scaled)
        .series("scores as they are", &plain)
        .draw()
        .save(&folder, "scale")?;
    println!("\n   figure: {}", folder.join("scale.svg").display());
    Ok(())
}
