//! # Lesson 02: the tape and the chain rule
//!
//! A network is a chain of simple functions, and the derivative of a chain is a product of simple derivatives:
//!
//! ```text
//! L = f(g(h(w)))      dL/dw = f'(g) · g'(h) · h'(w)
//! ```
//!
//! Multiplied from the left, each partial product is the derivative of L by one intermediate result. That is
//! *reverse mode*: a single walk from the end to the beginning yields the derivative by **every** input, at the price
//! of about one more evaluation, however many inputs there are. All it needs is a list of what was computed: the
//! *tape*. Where a result is used twice, two derivatives arrive, and they **add up** (the chain rule for several
//! variables).
//!
//! This lesson writes such a tape in a few lines, for single numbers; the library's does the same for tensors. The
//! example is one neuron with the squared error of its prediction:
//!
//! ```text
//! L = (σ(w x + b) - y)²,    σ(z) = 1 / (1 + e⁻ᶻ),    σ' = σ (1 - σ)
//! ```
//!
//! Sources: S. Linnainmaa, master's thesis, Helsinki (1970); D. Rumelhart, G. Hinton and R. Williams, Nature 323
//! (1986); A. Griewank and A. Walther, *Evaluating Derivatives* (2008).
//!
//! Run it: `cargo run --release --example lesson -- 02`

use gradus::autograd::{Tape, Var};
use gradus::report::chart::{Graph, LineChart, NodeKind};
use gradus::report::{Align, Table};
use gradus::tensor::Tensor;
use std::path::PathBuf;

/// One line of our tape: a value, and for each input the *local* derivative of this value by it.
struct Entry {
    name: &'static str,
    formula: &'static str,
    value: f64,
    inputs: Vec<(usize, f64)>,
}

/// The neuron, written down step by step. Every derivative here is school mathematics.
fn record(x: f64, w: f64, b: f64, y: f64) -> Vec<Entry> {
    let leaf = |name, value| Entry { name, formula: "", value, inputs: vec![] };
    let entry = |name, formula, value, inputs: &[(usize, f64)]| Entry { name, formula, value, inputs: inputs.to_vec() };
    let (product, z) = (w * x, w * x + b);
    let p = 1.0 / (1.0 + (-z).exp());
    let d = p - y;
    vec![
        leaf("x", x),
        leaf("w", w),
        entry("a", "w · x", product, &[(1, x), (0, w)]),
        leaf("b", b),
        entry("z", "a + b", z, &[(2, 1.0), (3, 1.0)]),
        entry("p", "sigmoid z", p, &[(4, p * (1.0 - p))]),
        leaf("y", y),
        entry("d", "p − y", d, &[(5, 1.0), (6, -1.0)]),
        entry("L", "d · d", d * d, &[(7, d), (7, d)]),
    ]
}

/// Backpropagation: from the last entry to the first, each passes its gradient to its inputs.
fn backward(tape: &[Entry]) -> Vec<f64> {
    let mut gradient = vec![0.0; tape.len()];
    gradient[tape.len() - 1] = 1.0; // dL/dL
    for (i, entry) in tape.iter().enumerate().rev() {
        for &(input, derivative) in &entry.inputs {
            gradient[input] += derivative * gradient[i];
        }
    }
    gradient
}

/// The same neuron on the library's tape: its loss, and the derivatives by w, b and the intermediate result d. The
/// library frees an intermediate gradient as soon as it was passed on, unless it is retained.
fn with_the_library(x: f64, w: f64, b: f64, y: f64) -> gradus::Result<[f64; 4]> {
    let tape = Tape::new();
    let (w, b) = (tape.leaf(Tensor::scalar(w)), tape.leaf(Tensor::scalar(b)));
    let (x, y) = (Var::constant(Tensor::scalar(x)), Var::constant(Tensor::scalar(y)));
    let d = w.mul(&x)?.add(&b)?.sigmoid()?.sub(&y)?.retain()?;
    let loss = d.mul(&d)?;
    let value = loss.value().item();
    let gradients = tape.backward(&loss)?;
    let of = |var| gradients.of(var).map(|g| g.expect("the loss depends on it").item());
    Ok([value, of(&w)?, of(&b)?, of(&d)?])
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let (x, w, b, y) = (2.0, 0.5, 0.1, 1.0);

    println!("1. Forward: compute, and write down what was done\n");
    let tape = record(x, w, b, y);
    use Align::{Left, Right};
    let table = Table::new(&["entry", "name", "computed as", "value", "derivatives by its inputs"]);
    let mut table = table.align(&[Right, Left, Left, Right, Left]);
    for (i, e) in tape.iter().enumerate() {
        let locals = e.inputs.iter().map(|&(j, s)| format!("∂{}/∂{} = {s:.4}", e.name, tape[j].name));
        let formula = if e.inputs.is_empty() { "given" } else { e.formula };
        let value = format!("{:.4}", e.value);
        table.row([i.to_string(), e.name.into(), formula.into(), value, locals.collect::<Vec<_>>().join(", ")]);
    }
    println!("{}", table.text());

    println!("2. Backward: from the last entry to the first, (gradient so far) x (local derivative)\n");
    let gradient = backward(&tape);
    for (i, e) in tape.iter().enumerate().rev().filter(|(_, e)| !e.inputs.is_empty()) {
        for &(j, derivative) in &e.inputs {
            let (from, to, g) = (e.name, tape[j].name, gradient[i]);
            println!("   {from} -> {to}:  {g:8.4} x {derivative:8.4} = {:8.4}", g * derivative);
        }
    }
    println!("\n   d is used twice in d · d, so two gradients arrive at d and add up: {:.4}", gradient[7]);
    println!("   dL/dw = {:.4}, dL/db = {:.4}", gradient[1], gradient[3]);
    assert!((gradient[7] - 2.0 * tape[7].value).abs() < 1e-15, "the derivative of d² is 2d");

    println!("\n3. The library's tape finds the same\n");
    let [loss, dw, db, dd] = with_the_library(x, w, b, y)?;
    println!("   L = {loss:.4}, dL/dw = {dw:.4}, dL/db = {db:.4}, and, retained, dL/dd = {dd:.4}");
    approx::assert_abs_diff_eq!(loss, tape[8].value, epsilon = 1e-14);
    approx::assert_abs_diff_eq!(dw, gradient[1], epsilon = 1e-14);
    approx::assert_abs_diff_eq!(db, gradient[3], epsilon = 1e-14);
    approx::assert_abs_diff_eq!(dd, gradient[7], epsilon = 1e-14);

    println!("\n4. Its use: gradient descent\n");
    let (mut w, mut b, mut losses) = (w, b, vec![]);
    for step in 0..=40 {
        let [loss, dw, db, _] = with_the_library(x, w, b, y)?;
        if step % 10 == 0 {
            println!("   step {step:2}: w = {w:.4}, b = {b:.4}, L = {loss:.5}");
        }
        losses.push((f64::from(step), loss));
        (w, b) = (w - 0.5 * dw, b - 0.5 * db);
    }
    assert!(losses.windows(2).all(|pair| pair[1].1 < pair[0].1), "each small step lowers the loss");

    let mut graph =
        Graph::new("The tape of L = (σ(w x + b) − y)²: each entry with its value and the gradient that arrives");
    for (e, g) in tape.iter().zip(&gradient) {
        let kind = match e.name {
            "w" | "b" => NodeKind::Parameter,
            "L" => NodeKind::Output,
            _ if e.inputs.is_empty() => NodeKind::Input,
            _ => NodeKind::Op,
        };
        let head = if e.formula.is_empty() { e.name.to_owned() } else { format!("{} = {}", e.name, e.formula) };
        let (value, gradient) = (format!("{:.4}", e.value), format!("∂L/∂{} = {g:.4}", e.name));
        let [value, gradient] = [value, gradient].map(|words| words.replace('-', "−"));
        let to = graph.node(kind, &[&head, &value, &gradient]);
        let mut inputs: Vec<usize> = e.inputs.iter().map(|i| i.0).collect();
        inputs.dedup(); // d enters L twice: one arrow says so
        for from in inputs {
            let twice = if e.name == "L" { "twice" } else { "" };
            graph.edge(from, to, twice);
        }
    }
    graph.draw().save(&folder, "tape")?;
    let descent = LineChart::new("Gradient descent on w and b").axes("step", "L").series("L", &losses);
    descent.draw().save(&folder, "descent")?;
    println!("\nFigures (tape, descent) are in {}", folder.display());
    Ok(())
}
