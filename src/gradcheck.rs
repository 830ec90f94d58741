//! The table of gradient checks: every op, layer, loss and model, held against finite differences.
//!
//! `gradus gradcheck` prints it and the tests run it. A row says by what name something goes, where it is evaluated
//! and how it is called; the first word of its name is the op's `NAME` or the layer's type. How a check works is told
//! in [`autograd::check`](crate::autograd::check). A test fails as long as an op or a layer has no row.
//!
//! All numbers are `f64`. The five-point formula leaves errors of some 1e-10 on the functions here, which is why the
//! tolerance can be 1e-8: an error of one ten-thousandth in a single derivative shows. Piecewise functions (`smooth`
//! is false) are evaluated further from their kinks than the differences reach: on numbers of a grid with gaps of
//! 0.1 that passes 0 by at 0.05; whole networks, whose inner numbers cannot be put on a grid, with a smaller step and
//! on weights drawn again until no inner number is near a kink.

mod table;

use crate::autograd::check::{self, Report};
use crate::autograd::{Tape, Var};
use crate::error::Result;
use crate::nn::{Ctx, Module, Sequential, parameters};
use crate::rng::Rng;
use crate::tensor::Tensor;
use serde::Serialize;

pub use table::table;

/// What the five-point formula reaches on every smooth row, with a digit to spare.
const TOLERANCE: f64 = 1e-8;
/// What it reaches with the step of [`NEAR_KINKS`], where rounding counts for more.
const TOLERANCE_NEAR_KINKS: f64 = 1e-6;
/// Step of the differences through networks with kinks.
const NEAR_KINKS: f64 = 4e-6;
/// Distance from the nearest kink at which such networks are evaluated. In the networks below, two steps of size
/// [`NEAR_KINKS`] move no inner number by more than 1e-3 (sums of absolute inputs times the largest weights).
const MARGIN: f64 = 2e-3;

/// One check.
pub struct Row {
    /// The op's `NAME` or the layer's type, a comma, and what is special about this row.
    pub name: &'static str,
    /// `op`, `loss`, `layer` or `model`.
    pub kind: &'static str,
    /// Whether the function has a derivative everywhere.
    pub smooth: bool,
    /// The largest relative error that passes.
    pub tolerance: f64,
    run: Box<Check>,
}

/// Draws its numbers from a stream and compares, within a tolerance.
type Check = dyn Fn(&mut Rng, f64) -> Result<Report>;

/// What came of a check.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Name of the row.
    pub name: &'static str,
    /// `op`, `loss`, `layer` or `model`.
    pub kind: &'static str,
    /// The worst relative error over inputs and directions.
    pub relative_error: f64,
    /// The largest that passes.
    pub tolerance: f64,
    /// Whether it passed.
    pub pass: bool,
    /// If not: the worst coordinate, or why the check could not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
}

impl Row {
    /// Runs the check on numbers drawn for `seed`.
    pub fn run(&self, seed: u64) -> Outcome {
        let mut rng = Rng::new(seed, self.name, 0);
        let report = (self.run)(&mut rng, self.tolerance)
            .unwrap_or_else(|error| Report { relative_error: f64::MAX, worst: Some(error.to_string()) });
        Outcome {
            name: self.name,
            kind: self.kind,
            relative_error: report.relative_error.min(f64::MAX),
            tolerance: self.tolerance,
            pass: report.relative_error <= self.tolerance,
            worst: report.worst,
        }
    }

    fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    fn with_kinks(self) -> Self {
        Self { smooth: false, ..self }
    }
}

/// Runs all rows on numbers drawn for `seed`.
pub fn run_all(seed: u64) -> Vec<Outcome> {
    table().iter().map(|row| row.run(seed)).collect()
}

/// How an input is drawn.
type Draw = fn(&[usize], &mut Rng) -> Tensor<f64>;
/// An input: how it is drawn, and its shape.
type Input = (Draw, &'static [usize]);

/// Standard normals.
fn normal(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    Tensor::randn(shape, rng)
}

/// Uniform on [0.5, 2): for functions of positive numbers.
fn positive(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    Tensor::rand(shape, 0.5, 2.0, rng)
}

/// The numbers ±0.05, ±0.15, ±0.25, .. in random order: away from 0, and from each other.
fn apart(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    let order = rng.permutation(shape.iter().product());
    let middle = order.len() as f64 / 2.0;
    Tensor::from_fn(shape, |i| 0.1 * (order[i] as f64 - middle.floor() + 0.5))
}

/// Positive rows that sum to 1: soft targets.
fn distribution(n: usize, classes: usize, rng: &mut Rng) -> Tensor<f64> {
    let raw = positive(&[n, classes], rng);
    let total = |row: usize| raw.data()[row * classes..][..classes].iter().sum::<f64>();
    Tensor::from_fn([n, classes], |i| raw.data()[i] / total(i / classes))
}

/// A row for a function that is smooth everywhere (or where its inputs are drawn).
fn smooth(name: &'static str, inputs: &'static [Input], f: fn(&[Var<f64>]) -> Result<Var<f64>>) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let x: Vec<_> = inputs.iter().map(|(draw, shape)| draw(shape, rng)).collect();
        check::check(&x, tolerance, rng, &f)
    };
    Row { name, kind: "op", smooth: true, tolerance: TOLERANCE, run: Box::new(run) }
}

/// A row for a function with kinks, whose inputs are drawn away from them.
fn kinked(name: &'static str, inputs: &'static [Input], f: fn(&[Var<f64>]) -> Result<Var<f64>>) -> Row {
    smooth(name, inputs, f).with_kinks()
}

/// A row for a loss of logits that needs more than variables (labels, targets drawn at random).
fn loss(name: &'static str, shape: &'static [usize], f: fn(&Var<f64>, Rng) -> Result<Var<f64>>) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let (x, targets) = (normal(shape, rng), rng.clone());
        check::check(&[x], tolerance, rng, &|x| f(&x[0], targets.clone()))
    };
    Row { name, kind: "loss", smooth: true, tolerance: TOLERANCE, run: Box::new(run) }
}

/// A row for a layer, with respect to its input and all its parameters, in training mode.
fn layer(name: &'static str, (draw, shape): Input, make: fn(&mut Rng) -> Box<dyn Module<f64>>) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let (x, module) = (draw(shape, rng), make(rng));
        check_module(module.as_ref(), &x, check::STEP, tolerance, rng)
    };
    Row { name, kind: "layer", smooth: true, tolerance: TOLERANCE, run: Box::new(run) }
}

/// A row for a network with ReLU and max-pooling, drawn again until no inner number lies near a kink.
fn kinked_model(name: &'static str, shape: &'static [usize], make: fn(&mut Rng) -> Result<Sequential<f64>>) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let (mut x, mut model) = (normal(shape, rng), make(rng)?);
        while distance_to_kinks(&model, &x)? < MARGIN {
            (x, model) = (normal(shape, rng), make(rng)?);
        }
        check_module(&model, &x, NEAR_KINKS, tolerance, rng)
    };
    Row { name, kind: "model", smooth: false, tolerance: TOLERANCE_NEAR_KINKS, run: Box::new(run) }
}

/// Checks the gradients of a module with respect to its input and its parameters.
fn check_module(module: &dyn Module<f64>, x: &Tensor<f64>, step: f64, tolerance: f64, rng: &mut Rng) -> Result<Report> {
    let params = parameters(module);
    // One seed and one step, so that dropout draws the same mask each time.
    let forward = |tape: &Tape<f64>, x: &Var<f64>| module.forward(x, &mut Ctx::train(tape, 0, 0));
    let tape = Tape::new();
    let leaf = tape.leaf(x.clone());
    let y = forward(&tape, &leaf)?;
    let u = normal(y.shape(), rng);
    let gradients = tape.backward_from(&y, u.clone())?;

    let mut inputs = vec![x.clone()];
    inputs.extend(params.iter().map(|(_, p)| p.get()));
    let mut found = vec![gradients.of(&leaf).cloned()];
    found.extend(params.iter().map(|(_, p)| gradients.param(p).cloned()));
    let found: Vec<_> =
        found.into_iter().zip(&inputs).map(|(g, x)| g.unwrap_or_else(|| Tensor::zeros(x.shape_owned()))).collect();

    check::compare(&inputs, &found, step, tolerance, rng, &|inputs| {
        params.iter().zip(&inputs[1..]).for_each(|((_, p), value)| p.set(value.clone()));
        Ok(check::inner(forward(&Tape::new(), &Var::constant(inputs[0].clone()))?.value().data(), u.data()))
    })
}

/// How far the inputs of all ReLUs are from 0, and the winners of all 2x2 max-pools from the runners-up.
fn distance_to_kinks(model: &Sequential<f64>, x: &Tensor<f64>) -> Result<f64> {
    let relevant = |path: &str| path.ends_with("conv") || path.ends_with("fc1") || path.ends_with(".relu");
    let mut cx = Ctx::eval().capture(&relevant);
    model.forward(&Var::constant(x.clone()), &mut cx)?;
    let mut distance = f64::INFINITY;
    for seen in cx.captured() {
        let y = seen.output;
        if !seen.path.ends_with("relu") {
            distance = y.data().iter().fold(distance, |d, v| d.min(v.abs()));
            continue;
        }
        let (h, w) = (y.shape()[2], y.shape()[3]);
        for top_left in (0..y.numel()).filter(|i| i / w % h % 2 == 0 && i % w % 2 == 0) {
            let mut window = [0, 1, w, w + 1].map(|k| y.data()[top_left + k]);
            window.sort_by(f64::total_cmp);
            // Four zeros stay zeros: their ReLUs are far from the kink.
            if window[3] > 0.0 {
                distance = distance.min(window[3] - window[2]);
            }
        }
    }
    Ok(distance)
}
