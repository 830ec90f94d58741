//! # Lesson 13: a gradient through a random draw
//!
//! A variational autoencoder draws its code z from a normal distribution whose mean m and deviation s the encoder
//! gives, and needs the gradient of the expected loss E[f(z)] with respect to m and s. There are two ways to get a
//! gradient through a random draw:
//!
//! ```text
//! score function:      ∂/∂m E[f(z)] = E[ f(z) ∂ ln p(z)/∂m ] = E[ f(z) (z - m) / s² ]          (Williams 1992)
//! reparametrization:   z = m + s ε,  ε from N(0, 1):   ∂/∂m E[f(z)] = E[ f'(m + s ε) ]        (Kingma and Welling 2014)
//! ```
//!
//! Both are unbiased. The second uses the derivative of f, and its variance is far smaller: one draw for each sample of
//! a batch is enough for training. Here both are measured for f(z) = z², where everything is known: E[f] = m² + s², so
//! the gradient is 2m.
//!
//! The KL divergence of a code's distribution from the prior N(0, 1) is
//! KL = ½ (m² + s² - ln s² - 1); a figure at the end shows it.
//!
//! Run it: `cargo run --release --example lesson -- 13`

use gradus::autograd::{Tape, Var};
use gradus::report::chart::LineChart;
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use std::path::PathBuf;

/// Draws for each estimate.
const DRAWS: usize = 20_000;

pub(crate) fn run(folder: PathBuf) -> gradus::Result<()> {
    let (m, s) = (1.5f64, 0.7f64);
    let log_var = 2.0 * libm::log(s);

    println!("1. Two estimates of d/dm E[z²] = 2m = {}\n", 2.0 * m);
    let mut rng = Rng::new(13, "lesson", 0);
    let noise: Tensor<f64> = Tensor::randn([DRAWS, 1], &mut rng);
    // The tape differentiates each draw: its gradient at element i is f'(z_i).
    let tape = Tape::new();
    let mean = tape.leaf(Tensor::full([DRAWS, 1], m));
    let z = mean.reparametrize(&Var::constant(Tensor::full([DRAWS, 1], log_var)), &noise)?;
    let loss = z.mul(&z)?.sum()?;
    let z = z.value().clone();
    let derivatives = tape.backward(&loss)?.of(&mean)?.expect("the mean took part").clone();
    let scores: Vec<f64> = z.data().iter().map(|z| z * z * (z - m) / (s * s)).collect();
    let moments = |values: &[f64]| {
        let average = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - average) * (v - average)).sum::<f64>() / values.len() as f64;
        (average, variance.sqrt())
    };
    println!("        ε        z = m + s ε    f'(z) = 2z    f(z) (z - m) / s²");
    for i in 0..4 {
        println!("   {:7.3} {:12.3} {:14.3} {:14.3}", noise.data()[i], z.data()[i], derivatives.data()[i], scores[i]);
    }
    println!("   ... and so on, {DRAWS} times; on average:");
    let (by_derivative, by_score) = (moments(derivatives.data()), moments(&scores));
    println!("   reparametrization: {:.3}, standard deviation of a draw {:.2}", by_derivative.0, by_derivative.1);
    println!("   score function:    {:.3}, standard deviation of a draw {:.2}", by_score.0, by_score.1);
    // Within four standard errors both are correct; the deviation of 2z is 2s exactly.
    for (average, deviation) in [by_derivative, by_score] {
        assert!((average - 2.0 * m).abs() < 4.0 * deviation / (DRAWS as f64).sqrt());
    }
    assert!((by_derivative.1 - 2.0 * s).abs() < 0.05 && by_score.1 > 3.0 * by_derivative.1);

    println!("\n2. The means of more and more draws\n");
    let running = |values: &[f64]| -> Vec<(f64, f64)> {
        let mut sum = 0.0;
        let means = values.iter().enumerate().map(|(i, v)| {
            sum += v;
            ((i + 1) as f64, sum / (i + 1) as f64)
        });
        means.filter(|(n, _)| (*n as usize).is_power_of_two() || (*n as usize).is_multiple_of(250)).take(60).collect()
    };
    LineChart::new("Two estimates of one gradient")
        .axes("draws", "mean so far")
        .log_x()
        .series("reparametrization", &running(derivatives.data()))
        .series("score function", &running(&scores))
        .series("2m", &[(1.0, 2.0 * m), (10_000.0, 2.0 * m)])
        .draw()
        .save(&folder, "estimates")?;
    println!("    draws   reparametrization   score function");
    for n in [10, 100, 1000, 10_000, DRAWS] {
        let mean = |values: &[f64]| values[..n].iter().sum::<f64>() / n as f64;
        println!("   {n:>6} {:19.3} {:16.3}", mean(derivatives.data()), mean(&scores));
    }
    // The standard error falls with the root of the number of draws.
    let more = (by_score.1 / by_derivative.1) * (by_score.1 / by_derivative.1);
    println!("   for the same accuracy, the score function needs {more:.0} times as many; drawn in estimates.svg");

    println!("\n3. The KL divergence of a code\n");
    let cost = |m: f64, s: f64| -> gradus::Result<f64> {
        let whole = |v: f64| Var::constant(Tensor::<f64>::full([1, 1], v));
        Ok(whole(m).kl_normal(&whole(2.0 * libm::log(s)))?.value().item())
    };
    for (m, s) in [(0.0, 1.0), (1.0, 1.0), (0.0, 0.1), (2.0, 0.1)] {
        let formula = 0.5 * (m * m + s * s - 2.0 * libm::log(s) - 1.0);
        println!("   m = {m}, s = {s}: {:.3} nats", cost(m, s)?);
        assert!((cost(m, s)? - formula).abs() < 1e-12);
    }
    let mut chart = LineChart::new("The KL divergence from the prior").axes("deviation s", "nats").log_x();
    for m in [0.0, 1.0, 2.0] {
        let curve: gradus::Result<Vec<(f64, f64)>> =
            (0..60).map(|i| libm::pow(10.0, -2.0 + 2.5 * f64::from(i) / 59.0)).map(|s| Ok((s, cost(m, s)?))).collect();
        chart = chart.series(&format!("m = {m}"), &curve?);
    }
    chart.draw().save(&folder, "divergence")?;
    println!("\n   it is 0 only for the prior itself: m = 0, s = 1\n\nfigures: {}", folder.display());
    Ok(())
}
