//! Lesson 06: softmax and cross-entropy, and why the gradient is p - y.
//!
//! A classifier ends in K numbers z of any sign and size, the *logits*. Softmax (Bridle 1990) turns them into
//! probabilities p; cross-entropy measures how surprised p is by the true label y, which is 1 at the true class c and 0
//! elsewhere:
//!
//! ```text
//! p_k = exp(z_k) / Σ_j exp(z_j)              L = -Σ_k y_k log p_k = -log p_c
//! ```
//!
//! **The derivation** takes two lines, because the logarithm undoes the exponential:
//!
//! ```text
//! L = -z_c + log Σ_j exp(z_j)
//! dL/dz_k = -[k = c] + exp(z_k) / Σ_j exp(z_j) = p_k - y_k
//! ```
//!
//! The gradient is the error itself: prediction minus target. It lies between -1 and 1, sums to zero over the classes,
//! and is small only where the prediction is correct. The gradient of a squared error on top of softmax has the factor
//! p (1 - p), so a network learns almost nothing from a confident incorrect prediction (Golik et al. 2013).
//!
//! **Large logits.** exp(89) is already too large for `f32`. But softmax does not change when the same number is
//! taken from all logits, since exp(z - m) = exp(z) / exp(m) and the divisor cancels; with m = max z no exponent is
//! above 0, and at least one term of the sum is 1. For the same reason the loss is computed from the logits in one op,
//! and not as the logarithm of a probability that may have been rounded to 0.

use gradus::autograd::{Tape, Var};
use gradus::ops::ClassTarget;
use gradus::report::chart::LineChart;
use gradus::tensor::Tensor;
use std::path::PathBuf;

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    println!("1. From logits to a loss, by hand\n");
    let (z, label) = ([2.0, 1.0, -1.0], 1);
    let e = z.map(libm::exp);
    let sum: f64 = e.iter().sum();
    let p = e.map(|e| e / sum);
    println!("   class            {:>9} {:>9} {:>9}", 0, "1 (true)", 2);
    row("logit z", &z);
    row("exp z", &e);
    row("p = exp z / sum", &p);
    let loss = -libm::log(p[label]);
    println!("\n   loss = -log p[1] = -log {:.4} = {loss:.4}", p[label]);

    println!("\n2. Its gradient, by four independent ways\n");
    let y = [0.0, 1.0, 0.0];
    let formula: [f64; 3] = std::array::from_fn(|k| p[k] - y[k]);
    row("p - y", &formula);

    // The op used in training: softmax and cross-entropy in one.
    let (value, by_op) = loss_and_gradient(&z, |z| z.cross_entropy(ClassTarget::Labels(&[label])))?;
    row("cross_entropy", &by_op);

    // The definition, op by op: the tape multiplies the derivatives of softmax, log, product, sum and sign.
    let target = Var::constant(Tensor::from_f64(&y, [1, 3])?);
    let (_, by_chain) = loss_and_gradient(&z, |z| z.softmax(1)?.log()?.mul(&target)?.sum()?.neg())?;
    row("chain rule", &by_chain);

    // Differences: nudge one logit up and down, and see what the loss does.
    let h = 1e-5;
    let loss_at = |z: &[f64]| libm::log(z.iter().map(|&z| libm::exp(z)).sum()) - z[label];
    let by_differences: [f64; 3] = std::array::from_fn(|k| {
        let (mut up, mut down) = (z, z);
        (up[k], down[k]) = (z[k] + h, z[k] - h);
        (loss_at(&up) - loss_at(&down)) / (2.0 * h)
    });
    row("differences", &by_differences);
    for k in 0..3 {
        assert!((by_op[k] - formula[k]).abs() < 1e-14 && (by_chain[k] - formula[k]).abs() < 1e-14);
        assert!((by_differences[k] - formula[k]).abs() < 1e-9);
    }
    assert!((value - loss).abs() < 1e-14 && formula.iter().sum::<f64>().abs() < 1e-14);
    println!("\n   They agree. The entries sum to 0: what one class gains, the others lose.");

    println!("\n3. Large logits in f32\n");
    let big = [1000.0f32, 999.0, 0.0];
    let naive: f32 = libm::expf(big[0]) / big.map(libm::expf).iter().sum::<f32>();
    let shifted = big.map(|z| libm::expf(z - 1000.0));
    let stable = shifted[0] / shifted.iter().sum::<f32>();
    println!("   z = {big:?}");
    println!("   exp(z0) / sum          = inf / inf = {naive}");
    println!("   exp(z0 - max) / sum    = {:.4} / {:.4} = {stable:.4}", shifted[0], shifted.iter().sum::<f32>());
    let op = Var::constant(Tensor::new(big.to_vec(), [1, 3])?).softmax(1)?;
    println!("   softmax op             = {:.4}", op.value().data()[0]);
    assert!(naive.is_nan() && (stable - op.value().data()[0]).abs() < 1e-6);

    // Confident and incorrect: the true class is 200 behind, and its probability e^-200 is 0 in f32.
    let tape = Tape::<f32>::new();
    let leaf = tape.leaf(Tensor::new(vec![200.0, 0.0], [1, 2])?);
    let log_of_rounded = leaf.softmax(1)?.log()?.value().data()[1];
    let loss = leaf.cross_entropy(ClassTarget::Labels(&[1]))?;
    let in_one_op = loss.value().item();
    let gradient = tape.backward(&loss)?.of(&leaf)?.expect("the loss depends on it").to_vec();
    println!("\n   z = [200, 0], the second class is true, p[1] = e^-200 is rounded to 0");
    println!("   -log(softmax(z)[1])    = {}       log of a rounded number", -log_of_rounded);
    println!("   cross_entropy(z)       = {in_one_op}       from the logits: exact");
    println!("   its gradient p - y     = {gradient:?}   and still as large as it can be");
    assert!(log_of_rounded == f32::NEG_INFINITY && in_one_op == 200.0 && gradient == [1.0, -1.0]);

    println!("\n4. Against the squared error, for two classes and z = [d, 0], the first being true\n");
    println!(
        "   {:>6} {:>8} | {:>13} {:>9} | {:>13} {:>9}",
        "d", "p[0]", "cross-entropy", "gradient", "(p - y)²", "gradient"
    );
    let target = Var::constant(Tensor::from_f64(&[1.0, 0.0], [1, 2])?);
    let mut curves: [Vec<(f64, f64)>; 4] = Default::default();
    for i in -40..=40 {
        let d = f64::from(i) / 5.0;
        let (entropy, entropy_gradient) = loss_and_gradient(&[d, 0.0], |z| z.cross_entropy(ClassTarget::Labels(&[0])))?;
        let (squared, squared_gradient) = loss_and_gradient(&[d, 0.0], |z| z.softmax(1)?.mse(&target))?;
        if i % 10 == 0 {
            let (p, a, b) = (libm::exp(-entropy), entropy_gradient[0], squared_gradient[0]);
            println!("   {d:>6.1} {p:>8.4} | {entropy:>13.4} {a:>9.4} | {squared:>13.4} {b:>9.4}");
        }
        let values = [entropy, squared, entropy_gradient[0], squared_gradient[0]];
        curves.iter_mut().zip(values).for_each(|(curve, v)| curve.push((d, v)));
    }
    let (pull, weak) = (curves[2][0].1, curves[3][0].1);
    assert!(pull < -0.999 && weak.abs() < 0.001);
    println!(
        "\n   At d = -8 the prediction is confident and incorrect. The gradient of cross-entropy is {pull:.4}, of the squared error {weak:.4}."
    );

    let chart = |title: &str, y: &str, [a, b]: [&[(f64, f64)]; 2]| {
        let chart = LineChart::new(title).axes("d: logit of the true class minus the other", y);
        chart.series("cross-entropy", a).series("squared error", b).draw()
    };
    let title = "Confident mistakes have a large loss only with cross-entropy";
    chart(title, "loss", [&curves[0], &curves[1]]).save(&folder, "loss")?;
    let title = "The gradient of the squared error vanishes on both sides";
    chart(title, "derivative of the loss with respect to d", [&curves[2], &curves[3]]).save(&folder, "derivative")?;
    println!("\nFigures: loss and derivative (.svg, .png) in {}", folder.display());
    Ok(())
}

/// One line of numbers under a common heading.
fn row(name: &str, values: &[f64]) {
    print!("   {name:<16}");
    values.iter().for_each(|v| print!(" {v:>9.4}"));
    println!();
}

/// Returns the loss `f` of one sample's logits, and its gradient by the tape.
fn loss_and_gradient(z: &[f64], f: impl Fn(&Var<f64>) -> gradus::Result<Var<f64>>) -> gradus::Result<(f64, Vec<f64>)> {
    let tape = Tape::new();
    let z = tape.leaf(Tensor::from_f64(z, [1, z.len()])?);
    let loss = f(&z)?;
    let value = loss.value().item();
    Ok((value, tape.backward(&loss)?.of(&z)?.expect("the loss depends on the logits").to_vec()))
}
