//! # Lesson 20: why residuals
//!
//! Deeper should not be worse: a block that has nothing to add could compute its input. Yet plain networks of many layers
//! train badly, and not because they overfit: their *training* loss is higher (He et al. 2016). A residual block makes the
//! input the easy case,
//!
//! ```text
//! y = x + f(x),      dy/dx = 1 + f'(x),
//! ```
//!
//! so that the derivative through L blocks is a product of matrices 1 + f', which contains the 1: a way for the gradient past
//! every block. Without shortcuts it is the product of the f' alone. If these shrink a vector to the fraction c on average,
//! the first of L blocks gets a gradient of about c^L (Hochreiter 1991; Bengio, Simard and Frasconi 1994). Veit, Wilber and
//! Belongie (2016) multiply the other product out: a sum over 2^L ways, of which the short ones carry most of the gradient.
//!
//! This lesson measures both: the norm of the gradient at each depth, and what a training makes of it.
//!
//! Sources: K. He, X. Zhang, S. Ren and J. Sun, *Deep residual learning for image recognition* and *Identity mappings in deep
//! residual networks* (2016); A. Veit, M. Wilber and S. Belongie, *Residual networks behave like ensembles of relatively
//! shallow networks* (2016).
//!
//! Run it: `cargo run --release --example lesson -- 20`

use gradus::data::Moons;
use gradus::prelude::*;
use gradus::report::chart::LineChart;
use gradus::report::{Align, Table};
use std::path::PathBuf;

/// Width of every block.
const WIDTH: usize = 16;
/// Blocks of the networks that are trained.
const DEEP: usize = 24;

/// A network of two inputs, `depth` blocks and two classes; f is a linear layer, tanh and another linear layer, which He
/// et al. would give convolutions. The weights are drawn alike with and without shortcuts.
fn network(depth: usize, has_shortcuts: bool) -> Sequential {
    let rng = &mut Rng::new(20, "init", 0);
    let mut net = Sequential::new().with("first", Linear::new(2, WIDTH, Init::PyTorch, rng));
    for block in 1..=depth {
        let f = Sequential::new()
            .with("fc1", Linear::new(WIDTH, WIDTH, Init::PyTorch, rng))
            .with("tanh", Activation::Tanh)
            .with("fc2", Linear::new(WIDTH, WIDTH, Init::PyTorch, rng));
        net = match has_shortcuts {
            true => net.with(format!("block{block}"), Residual::new(f)),
            false => net.with(format!("block{block}"), f),
        };
    }
    net.with("last", Linear::new(WIDTH, 2, Init::PyTorch, rng))
}

/// The norm of the gradient by the first weight of each block.
fn norms(net: &Sequential, x: &Tensor, labels: &[usize]) -> gradus::Result<Vec<f64>> {
    let tape = Tape::new();
    let y = net.forward(&Var::constant(x.clone()), &mut Ctx::eval_on(&tape))?;
    let gradients = tape.backward(&y.cross_entropy(ClassTarget::Labels(labels))?)?;
    let of = parameters(net).into_iter().filter(|(name, _)| name.ends_with("fc1.weight"));
    Ok(of
        .map(|(_, param)| {
            let gradient = gradients.param(&param).expect("every block takes part");
            gradient.data().iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt()
        })
        .collect())
}

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let points = Moons { per_class: 200, noise: 0.1, seed: 20 }.render()?;
    let labels = points.labels().to_vec();
    let x = points.pixels.reshape([labels.len(), 2])?;

    println!("1. The gradient of the first block, by the number of blocks\n");
    let heads = ["blocks", "without shortcuts: first", "last", "with shortcuts: first", "last"];
    let mut table = Table::new(&heads).align(&[Align::Right; 5]);
    let mut firsts = Vec::new();
    for depth in [2, 4, 8, 16, 32] {
        let [plain, residual] =
            [norms(&network(depth, false), &x, &labels)?, norms(&network(depth, true), &x, &labels)?];
        let ends = |norms: &[f64]| [norms[0], norms[depth - 1]].map(|n| format!("{n:.1e}"));
        table.row([vec![depth.to_string()], ends(&plain).to_vec(), ends(&residual).to_vec()].concat());
        firsts.push((depth, plain[0], residual[0]));
    }
    println!("{}", table.text());
    let [(few, plain_few, residual_few), .., (many, plain_many, residual_many)] = firsts[..] else {
        unreachable!("several depths")
    };
    let shrinks = (plain_many / plain_few).powf(1.0 / (many - few) as f64);
    println!(
        "   Without shortcuts each further block leaves {shrinks:.2} of the first block's gradient: {many} blocks instead of"
    );
    println!(
        "   {few} divide it by {:.0e}. With shortcuts it is {:.1} times as large.",
        plain_few / plain_many,
        residual_many / residual_few
    );
    assert!(shrinks < 0.6, "the product of the f' shrinks: {shrinks}");
    assert!((0.2..5.0).contains(&(residual_many / residual_few)), "the 1 in 1 + f' does not let it: {residual_many}");

    println!("\n2. The same within one network of {DEEP} blocks\n");
    let [plain, residual] = [network(DEEP, false), network(DEEP, true)];
    let [of_plain, of_residual] = [norms(&plain, &x, &labels)?, norms(&residual, &x, &labels)?];
    let chart = |title: &str, axis: &str| LineChart::new(title).axes(axis, "norm of the gradient").log_y();
    chart("The gradient reaches the first blocks only past the others", "block")
        .epochs("without shortcuts", &of_plain)
        .epochs("with shortcuts", &of_residual)
        .draw()
        .save(&folder, "gradients")?;
    let ratio = |norms: &[f64]| norms[DEEP - 1] / norms[0];
    println!(
        "   the last block's gradient over the first's: without shortcuts {:.0e}, with shortcuts {:.2}",
        ratio(&of_plain),
        ratio(&of_residual)
    );
    assert!(ratio(&of_plain) > 1e6 && (0.05..20.0).contains(&ratio(&of_residual)));

    println!("\n3. What becomes of the training\n");
    let samples = Matrix::new(x, labels)?;
    let mut chart = LineChart::new("Two half circles, 24 blocks").axes("epoch", "training loss");
    let mut ends = Vec::new();
    for (name, net) in [("without shortcuts", &plain), ("with shortcuts", &residual)] {
        let fit = Fit::new(30, usize::MAX, 40, 20);
        let mut sgd = FirstOrder::new(Sgd { momentum: 0.9, ..Sgd::new(0.01) });
        let curve = fit.run(net, &mut sgd, &samples, &samples, None, &mut Silent)?.history.curve("train_loss");
        let end = *curve.last().expect("thirty epochs");
        println!("   {name}: training loss {:.4} in the first epoch, {end:.4} in the last", curve[0]);
        chart = chart.epochs(name, &curve);
        ends.push(end);
    }
    chart.draw().save(&folder, "training")?;
    println!("   ln 2 = {:.4} is the loss of a network that knows nothing of its two classes.", 2f64.ln());
    assert!(ends[0] > 0.6 && ends[1] < 0.2, "{ends:?}");
    println!(
        "\n   {:.0} times as low a loss with the same weights at the beginning: only the shortcuts differ.",
        ends[0] / ends[1]
    );
    println!("\nFigures (gradients, training) are in {}", folder.display());
    Ok(())
}
