//! How long does a training step of a small network take?
//!
//! Gather, forward, loss, backward, optimizer, written as a user writes it: an MLP 784-300-10 (RMSprop, batch 128) and
//! 2-50-50-1 with tanh (mean squared error) on its 1,600 points at once, and in batches of 40 with SGD and Adam.
//! Steps are timed in runs, because one alone is shorter than a clock's caprice. Prints the median and the minimum
//! over the runs, in microseconds a step. `cargo bench --bench small_nets [NAME]`

use gradus::nn::{Init, Linear};
use gradus::optim::Rule;
use gradus::prelude::*;
use std::time::Instant;

const RUNS: usize = 41;

/// Fully connected layers of these widths, an activation between any two.
fn mlp(widths: &[usize], activation: Activation, rng: &mut Rng) -> Sequential {
    let layers = widths.len() - 1;
    (0..layers).fold(Sequential::new(), |net, i| {
        let net = net.with(format!("linear{i}"), Linear::new(widths[i], widths[i + 1], Init::PyTorch, rng));
        if i + 1 < layers { net.with(format!("activation{i}"), activation) } else { net }
    })
}

/// Times `step(batch)` over batches of `batch` of `samples`, `steps` to a run.
fn time(
    name: &str,
    samples: usize,
    batch: usize,
    steps: usize,
    mut step: impl FnMut(u64, &[usize]) -> Result<f32>,
) -> Result<()> {
    if std::env::args().skip(1).any(|wanted| !wanted.starts_with('-') && !name.contains(&wanted)) {
        return Ok(());
    }
    let order = Rng::new(0, "order", 0).permutation(samples);
    let mut losses = Vec::new();
    let mut times = Vec::new();
    for run in 0..RUNS {
        let start = Instant::now();
        for i in run * steps..(run + 1) * steps {
            let at = i * batch % samples;
            losses.push(step(i as u64, &order[at..at + batch])?);
        }
        times.push(1e6 * start.elapsed().as_secs_f64() / steps as f64);
    }
    times.drain(..RUNS / 8);
    times.sort_by(f64::total_cmp);
    let (median, minimum) = (times[times.len() / 2], times[0]);
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    println!("{name:4} {median:9.2} us/step (min {minimum:9.2}), loss {first:.4} -> {last:.4}");
    Ok(())
}

/// A regression of 2 numbers on 1 by 2-50-50-1 with tanh.
fn curve<R: Rule<f32>>(name: &str, batch: usize, steps: usize, rule: R) -> Result<()> {
    let mut rng = Rng::new(0, "curve", 0);
    let x = Tensor::<f32>::randn([1600, 2], &mut rng);
    let y = Tensor::from_fn([1600, 1], |i| (x.data()[2 * i] * x.data()[2 * i + 1]).sin());
    let net = mlp(&[2, 50, 50, 1], Activation::Tanh, &mut rng);
    let mut optimizer = FirstOrder::new(rule);
    time(name, 1600, batch, steps, |step, chosen| {
        let (x, y) = (Var::constant(x.gather(chosen)), Var::constant(y.gather(chosen)));
        optimizer.step(&net, &mut || {
            let tape = Tape::new();
            let loss = net.forward(&x, &mut Ctx::train(&tape, 0, step))?.mse(&y)?;
            Ok((loss.value().item(), tape.backward(&loss)?))
        })
    })
}

fn main() -> Result<()> {
    let mut rng = Rng::new(0, "digits", 0);
    let images: Tensor = Tensor::randn([12800, 784], &mut rng);
    let labels: Vec<usize> = (0..12800).map(|_| rng.below(10)).collect();
    let net = mlp(&[784, 300, 10], Activation::Relu, &mut rng);
    let mut optimizer = FirstOrder::new(RmsProp::new(1e-3));
    time("P7", 12800, 128, 100, |step, chosen| {
        let x = Var::constant(images.gather(chosen));
        let y: Vec<usize> = chosen.iter().map(|&i| labels[i]).collect();
        optimizer.step(&net, &mut || {
            let tape = Tape::new();
            let loss = net.forward(&x, &mut Ctx::train(&tape, 0, step))?.cross_entropy(Target::Labels(&y))?;
            Ok((loss.value().item(), tape.backward(&loss)?))
        })
    })?;
    curve("P8a", 1600, 200, Sgd::new(0.05))?;
    curve("P8b", 40, 2000, Sgd::new(0.05))?;
    curve("P8c", 40, 2000, Adam::new(1e-3))?;
    Ok(())
}
