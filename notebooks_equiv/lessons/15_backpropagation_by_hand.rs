//! # Lesson 15: backpropagation by hand
//!
//! The exercise of every course: two inputs, two hidden units with a sigmoid, one linear output, three samples, one step of
//! gradient descent. All numbers on the way forward and back, each with its formula, as they would stand on paper.
//!
//! ```text
//! z₁ = b₁ + w₁₁ x₁ + w₁₂ x₂      h₁ = σ(z₁)
//! z₂ = b₂ + w₂₁ x₁ + w₂₂ x₂      h₂ = σ(z₂)      σ(z) = 1 / (1 + e⁻ᶻ),   σ'(z) = σ(z) (1 - σ(z))
//! o = c + v₁ h₁ + v₂ h₂                          L = 1/3 Σ (o - t)²
//! ```
//!
//! Backwards, with δ the derivative of the loss by the sum z of a unit:
//!
//! ```text
//! δₒ = ∂L/∂o = 2/3 (o - t)                       the output is linear: its derivative is 1
//! δⱼ = δₒ vⱼ hⱼ (1 - hⱼ)                         a hidden unit: what arrives, times the derivative of σ at zⱼ
//! ∂L/∂c = Σ δₒ    ∂L/∂vⱼ = Σ δₒ hⱼ    ∂L/∂bⱼ = Σ δⱼ    ∂L/∂wⱼᵢ = Σ δⱼ xᵢ      sums over the samples
//! ```
//!
//! Two slips are classic. One takes the derivative of a sigmoid at the linear output too. The other evaluates the derivative at the
//! wrong place: σ'(h) instead of σ'(z). Both give numbers that look sensible, and a loss that falls; differences of the loss
//! tell them from the derivative (lesson 03).
//!
//! Sources: D. Rumelhart, G. Hinton and R. Williams, Nature 323 (1986); for the check, lesson 03.
//!
//! Run it: `cargo run --release --example lesson -- 15`

use gradus::autograd::{Tape, Var};
use gradus::report::chart::{Graph, GroupedBars, NodeKind};
use gradus::report::{Align, Table};
use gradus::tensor::Tensor;
use std::path::PathBuf;

/// What the nine weights are called.
const NAMES: [&str; 9] = ["b₁", "w₁₁", "w₁₂", "b₂", "w₂₁", "w₂₂", "c", "v₁", "v₂"];
/// Their values at first.
const WEIGHTS: [f64; 9] = [0.4, 0.2, -1.2, 0.7, -0.7, -0.7, 0.4, -0.5, 2.3];
/// The samples: x₁, x₂ and the true value t.
const SAMPLES: [[f64; 3]; 3] = [[1.0, 1.0, -1.0], [0.0, -2.0, 1.0], [-1.0, 1.0, 1.0]];
const LEARNING_RATE: f64 = 1.0;

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// What a sample gives on the way forward.
struct Forward {
    z: [f64; 2],
    h: [f64; 2],
    o: f64,
}

fn forward(w: &[f64; 9], [x1, x2, _]: [f64; 3]) -> Forward {
    let z = [w[0] + w[1] * x1 + w[2] * x2, w[3] + w[4] * x1 + w[5] * x2];
    let h = z.map(sigmoid);
    Forward { z, h, o: w[6] + w[7] * h[0] + w[8] * h[1] }
}

fn loss(w: &[f64; 9]) -> f64 {
    SAMPLES.iter().map(|&s| (forward(w, s).o - s[2]).powi(2)).sum::<f64>() / 3.0
}

/// How the way back is gone.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Right,
    /// The output's δ is multiplied by the derivative of a sigmoid that is not there.
    DerivativeAtLinearOutput,
    /// σ'(h) stands where σ'(z) should.
    DerivativeAtWrongPlace,
}

/// δₒ, δ₁ and δ₂ of a sample.
fn deltas(w: &[f64; 9], sample: [f64; 3], rule: Rule) -> [f64; 3] {
    let Forward { h, o, .. } = forward(w, sample);
    let mut output = 2.0 / 3.0 * (o - sample[2]);
    if rule == Rule::DerivativeAtLinearOutput {
        output *= sigmoid(o) * (1.0 - sigmoid(o));
    }
    let derivative = |h: f64| match rule {
        Rule::DerivativeAtWrongPlace => sigmoid(h) * (1.0 - sigmoid(h)),
        _ => h * (1.0 - h),
    };
    [output, output * w[7] * derivative(h[0]), output * w[8] * derivative(h[1])]
}

/// The nine derivatives: sums over the samples.
fn gradient(w: &[f64; 9], rule: Rule) -> [f64; 9] {
    let mut g = [0.0; 9];
    for sample in SAMPLES {
        let [x1, x2, _] = sample;
        let ([o, d1, d2], h) = (deltas(w, sample, rule), forward(w, sample).h);
        let parts = [d1, d1 * x1, d1 * x2, d2, d2 * x1, d2 * x2, o, o * h[0], o * h[1]];
        g.iter_mut().zip(parts).for_each(|(g, part)| *g += part);
    }
    g
}

/// Central differences of the loss: (L(w + ε) - L(w - ε)) / 2ε, whose error is of the order of ε².
fn by_differences(w: &[f64; 9]) -> [f64; 9] {
    const STEP: f64 = 1e-5;
    std::array::from_fn(|i| {
        let moved = |by: f64| {
            let mut w = *w;
            w[i] += by;
            loss(&w)
        };
        (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
    })
}

/// The same by the library: the loss, and the derivatives in the order of `NAMES`.
fn with_the_library() -> gradus::Result<(f64, [f64; 9])> {
    let tape = Tape::new();
    let part = |at: &[usize], shape: &[usize]| {
        Ok::<_, gradus::Error>(tape.leaf(Tensor::new(at.iter().map(|&i| WEIGHTS[i]).collect(), shape)?))
    };
    // A layer's weight has a row for each unit, and its bias a number.
    let (w, b) = (part(&[1, 2, 4, 5], &[2, 2])?, part(&[0, 3], &[2])?);
    let (v, c) = (part(&[7, 8], &[1, 2])?, part(&[6], &[1])?);
    let x = Tensor::new(SAMPLES.iter().flat_map(|s| [s[0], s[1]]).collect(), [3, 2])?;
    let t = Tensor::new(SAMPLES.iter().map(|s| s[2]).collect(), [3, 1])?;
    let h = Var::constant(x).matmul(&w.permute(&[1, 0])?)?.add(&b)?.sigmoid()?;
    let loss = h.matmul(&v.permute(&[1, 0])?)?.add(&c)?.mse(&Var::constant(t))?;
    let value = loss.value().item();
    let g = tape.backward(&loss)?;
    let of = |var: &Var<f64>| g.of(var).map(|g| g.expect("the loss depends on it").data().to_vec());
    let (w, b, v, c) = (of(&w)?, of(&b)?, of(&v)?, of(&c)?);
    Ok((value, [b[0], w[0], w[1], b[1], w[2], w[3], c[0], v[0], v[1]]))
}

/// A number as it stands in a formula: in parentheses if it is negative.
fn n(value: f64) -> String {
    let words = format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').replace('-', "−");
    let words = if words == "−0" { "0".to_owned() } else { words };
    if words.starts_with('−') { format!("({words})") } else { words }
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let w = WEIGHTS;

    println!("1. Forward: the sums, the hidden units, the output\n");
    for (k, sample) in SAMPLES.into_iter().enumerate() {
        let ([x1, x2, t], Forward { z, h, o }) = (sample, forward(&w, sample));
        println!("   sample {}: x = ({}, {}), t = {}", k + 1, n(x1), n(x2), n(t));
        for j in 0..2 {
            let (b, w1, w2) = (w[3 * j], w[3 * j + 1], w[3 * j + 2]);
            let i = ["₁", "₂"][j];
            println!("     z{i} = {} + {}·{} + {}·{} = {:.4}", n(b), n(w1), n(x1), n(w2), n(x2), z[j]);
            println!("     h{i} = σ({:.4}) = {:.4}", z[j], h[j]);
        }
        println!("     o  = {} + {}·{} + {}·{} = {o:.4}", n(w[6]), n(w[7]), n(h[0]), n(w[8]), n(h[1]));
        println!("     error o − t = {:.4}, squared {:.4}", o - t, (o - t).powi(2));
    }
    let before = loss(&w);
    println!("\n   L = a third of the sum of the squared errors = {before:.4}");

    println!("\n2. Back: δ of the output, then of the hidden units\n");
    for (k, sample) in SAMPLES.into_iter().enumerate() {
        let (Forward { h, o, .. }, [d, d1, d2]) = (forward(&w, sample), deltas(&w, sample, Rule::Right));
        println!("   sample {}", k + 1);
        println!("     δₒ = 2/3 · ({} − {}) · 1 = {d:.4}", n(o), n(sample[2]));
        for (j, delta) in [d1, d2].into_iter().enumerate() {
            let i = ["₁", "₂"][j];
            println!("     δ{i} = {} · {} · {}·(1 − {}) = {delta:.4}", n(d), n(w[7 + j]), n(h[j]), n(h[j]));
        }
    }

    println!("\n3. The nine derivatives, and one step with learning rate {LEARNING_RATE}\n");
    let g = gradient(&w, Rule::Right);
    let new: [f64; 9] = std::array::from_fn(|i| w[i] - LEARNING_RATE * g[i]);
    use Align::{Left, Right};
    let mut table = Table::new(&["weight", "derivative = sum over the samples", "", "old", "new"])
        .align(&[Left, Left, Right, Right, Right]);
    for i in 0..9 {
        let part = |sample: [f64; 3]| {
            let (d, h) = (deltas(&w, sample, Rule::Right), forward(&w, sample).h);
            let delta = d[[1, 1, 1, 2, 2, 2, 0, 0, 0][i]];
            match i {
                0 | 3 | 6 => n(delta),
                1 | 4 => format!("{}·{}", n(delta), n(sample[0])),
                2 | 5 => format!("{}·{}", n(delta), n(sample[1])),
                _ => format!("{}·{}", n(delta), n(h[i - 7])),
            }
        };
        let sum = SAMPLES.map(part).join(" + ");
        table.row([NAMES[i].into(), sum, format!("{:.4}", g[i]), format!("{:.4}", w[i]), format!("{:.4}", new[i])]);
    }
    println!("{}", table.text());
    let after = loss(&new);
    println!("   the loss was {before:.4} and is {after:.4} after the step");
    if after > before {
        println!("   It has grown: along the gradient the loss falls at first, but a step of 1 goes too far.");
        let small: [f64; 9] = std::array::from_fn(|i| w[i] - 0.1 * g[i]);
        println!("   With learning rate 0.1 it would be {:.4}.", loss(&small));
    }

    println!("\n4. The library's tape finds the same\n");
    let (value, theirs) = with_the_library()?;
    println!("   L = {value:.4}; the largest difference of a derivative is {:.1e}", distance(&theirs, &g));
    approx::assert_abs_diff_eq!(value, before, epsilon = 1e-14);
    approx::assert_abs_diff_eq!(theirs[..], g[..], epsilon = 1e-13);

    println!("\n5. Two slips, and the check that finds them\n");
    let checked = by_differences(&w);
    let rules = [
        ("as it should be", Rule::Right),
        ("derivative at the linear output", Rule::DerivativeAtLinearOutput),
        ("derivative at the wrong place", Rule::DerivativeAtWrongPlace),
    ];
    let heads = ["weight", "differences", rules[0].0, rules[1].0, rules[2].0];
    let mut table = Table::new(&heads).align(&[Left, Right, Right, Right, Right]);
    let found = rules.map(|(_, rule)| gradient(&w, rule));
    for i in 0..9 {
        let mut row = vec![NAMES[i].to_owned(), format!("{:.4}", checked[i])];
        row.extend(found.iter().map(|g| {
            let wrong = (g[i] - checked[i]).abs() > 1e-6;
            format!("{:.4}{}", g[i], if wrong { " ✗" } else { "  " })
        }));
        table.row(row);
    }
    println!("{}", table.text());
    let wrong =
        |g: &[f64; 9]| (0..9).filter(|&i| (g[i] - checked[i]).abs() > 1e-6).map(|i| NAMES[i]).collect::<Vec<_>>();
    let (first, second) = (wrong(&found[1]), wrong(&found[2]));
    assert!(wrong(&found[0]).is_empty() && distance(&found[0], &checked) < 1e-9);
    assert_eq!(first.len(), 9, "everything behind the output is wrong");
    assert_eq!(second, ["b₁", "w₁₁", "w₁₂", "b₂", "w₂₁", "w₂₂"], "only what lies behind the hidden units is wrong");
    println!("   The first slip makes all nine wrong: all of them pass through δₒ. So look at the last layer first.");
    println!("   The second leaves {} right and makes the rest wrong: the fault lies between.", NAMES[6..].join(", "));
    for ((name, _), g) in rules.iter().zip(&found).skip(1) {
        let cosine = dot(g, &checked) / (dot(g, g) * dot(&checked, &checked)).sqrt();
        let step: [f64; 9] = std::array::from_fn(|i| w[i] - 0.1 * g[i]);
        println!(
            "   {name}: its cosine with the gradient is {cosine:.3}; a step of 0.1 along it takes the loss from {before:.4} to {:.4}",
            loss(&step)
        );
        assert!(loss(&step) < before, "the loss falls all the same");
    }
    println!("   With both slips the loss falls nevertheless: that it falls is no check.");

    let groups = NAMES.map(String::from);
    let mut bars =
        GroupedBars::new("The nine derivatives, and what two slips make of them", &groups).axis("derivative");
    for ((name, _), g) in rules.iter().zip(&found) {
        bars = bars.series(name, g);
    }
    bars.draw().save(&folder, "slips")?;
    network(&w, &g).draw().save(&folder, "network")?;
    println!("\nFigures (network, slips) are in {}", folder.display());
    Ok(())
}

/// The network, each unit with the weights of its sum and the derivatives by them.
fn network(w: &[f64; 9], g: &[f64; 9]) -> Graph {
    let mut graph = Graph::new("The network: each weight, and the derivative of the loss by it");
    let minus = |words: String| words.replace('-', "−");
    let weight = |i: usize| minus(format!("{} = {:.2} | {:.3}", NAMES[i], w[i], g[i]));
    let x = ["x₁", "x₂"].map(|name| graph.node(NodeKind::Input, &[name]));
    let mut unit = |kind, name, i: usize| graph.node(kind, &[name, &weight(i), &weight(i + 1), &weight(i + 2)]);
    let h = [unit(NodeKind::Op, "h₁ = σ(z₁)", 0), unit(NodeKind::Op, "h₂ = σ(z₂)", 3)];
    let o = unit(NodeKind::Output, "o", 6);
    for to in h {
        x.iter().for_each(|&from| graph.edge(from, to, ""));
        graph.edge(to, o, "");
    }
    graph
}

fn dot(a: &[f64; 9], b: &[f64; 9]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn distance(a: &[f64; 9], b: &[f64; 9]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
