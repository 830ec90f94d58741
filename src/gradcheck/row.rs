//! A row of the table: how its inputs are drawn, and how its derivative is compared with differences.

use crate::autograd::check::{self, Evaluated, Report};
use crate::autograd::{Tape, Var};
use crate::error::Result;
use crate::nn::{Ctx, LayerExample, Module, Sequential, parameters};
use crate::rng::Rng;
use crate::tensor::Tensor;
use serde::Serialize;
use std::borrow::Cow;

/// What the five-point formula reaches on every smooth row, with a digit to spare.
const TOLERANCE: f64 = 1e-8;
/// What it reaches with the step of [`NEAR_KINKS`], where rounding counts for more.
const TOLERANCE_NEAR_KINKS: f64 = 1e-6;
/// Step of the differences through networks with kinks.
const NEAR_KINKS: f64 = 4e-6;
/// What stands for units = 0 in an example.
const OUTPUTS: usize = 2;
/// How often a row draws its inputs before it gives up finding a point without a kink.
const DRAWS: usize = 100;

/// One check.
///
/// ```
/// use gradus::gradcheck::table;
/// let row = table().into_iter().find(|row| row.name == "matmul").expect("every op has a row");
/// let outcome = row.run(1);
/// assert!(outcome.pass && outcome.relative_error < outcome.tolerance);
/// ```
pub struct Row {
    /// The op's `NAME` or the layer's type, a comma, and what is special about this row.
    pub name: Cow<'static, str>,
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
pub struct CheckOutcome {
    /// Name of the row.
    pub name: Cow<'static, str>,
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
    pub fn run(&self, seed: u64) -> CheckOutcome {
        let mut rng = Rng::new(seed, &self.name, 0);
        let mut draw = || {
            (self.run)(&mut rng, self.tolerance).unwrap_or_else(|error| Report {
                relative_error: f64::MAX,
                worst: Some(error.to_string()),
                near_kink: false,
            })
        };
        let mut report = draw();
        let mut draws = 1;
        while report.near_kink && draws < DRAWS {
            report = draw();
            draws += 1;
        }
        if report.near_kink {
            report.worst = Some(format!("in {DRAWS} draws no inputs were found at which the differences agree"));
        }
        CheckOutcome {
            name: self.name.clone(),
            kind: self.kind,
            relative_error: report.relative_error.min(f64::MAX),
            tolerance: self.tolerance,
            pass: report.relative_error <= self.tolerance,
            worst: report.worst,
        }
    }

    pub(super) fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    pub(super) fn with_kinks(self) -> Self {
        Self { smooth: false, ..self }
    }
}

/// How an input is drawn.
type Draw = fn(&[usize], &mut Rng) -> Tensor<f64>;
/// An input: how it is drawn, and its shape.
pub(super) type Input = (Draw, &'static [usize]);

/// Standard normals.
pub(super) fn normal(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    Tensor::randn(shape, rng)
}

/// Uniform on [0.5, 2): for functions of positive numbers.
pub(super) fn positive(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    Tensor::rand(shape, 0.5, 2.0, rng)
}

/// The numbers ±0.05, ±0.15, ±0.25, .. in random order: away from 0, and from each other.
pub(super) fn away_from_0(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    steps(shape, 0.5, rng)
}

/// The numbers 0, ±0.1, ±0.2, .. in random order: away from each other and from those [`away_from_0`].
pub(super) fn beside(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    steps(shape, 0.0, rng)
}

/// The numbers 0.025, 0.125, -0.075, .. in random order: away from all of these.
pub(super) fn between(shape: &[usize], rng: &mut Rng) -> Tensor<f64> {
    steps(shape, 0.25, rng)
}

/// Numbers around 0 at distances of 0.1, moved by `shift` of that, in random order.
fn steps(shape: &[usize], shift: f64, rng: &mut Rng) -> Tensor<f64> {
    let order = rng.permutation(shape.iter().product());
    let middle = order.len() as f64 / 2.0;
    Tensor::from_fn(shape, |i| 0.1 * (order[i] as f64 - middle.floor() + shift))
}

/// Positive rows that sum to 1: soft targets.
pub(super) fn distribution(n: usize, classes: usize, rng: &mut Rng) -> Tensor<f64> {
    let raw = positive(&[n, classes], rng);
    let total = |row: usize| raw.data()[row * classes..][..classes].iter().sum::<f64>();
    Tensor::from_fn([n, classes], |i| raw.data()[i] / total(i / classes))
}

/// A row for a function that is smooth everywhere (or where its inputs are drawn).
pub(super) fn smooth(name: &'static str, inputs: &'static [Input], f: fn(&[Var<f64>]) -> Result<Var<f64>>) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let x: Vec<_> = inputs.iter().map(|(draw, shape)| draw(shape, rng)).collect();
        check::check(&x, tolerance, rng, &f)
    };
    Row { name: name.into(), kind: "op", smooth: true, tolerance: TOLERANCE, run: Box::new(run) }
}

/// A row for a function with kinks.
pub(super) fn kinked(name: &'static str, inputs: &'static [Input], f: fn(&[Var<f64>]) -> Result<Var<f64>>) -> Row {
    smooth(name, inputs, f).with_kinks()
}

/// A row for a loss of logits that needs more than variables (labels, targets drawn at random).
pub(super) fn loss(name: &'static str, shape: &'static [usize], f: fn(&Var<f64>, Rng) -> Result<Var<f64>>) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let (x, targets) = (normal(shape, rng), rng.clone());
        check::check(&[x], tolerance, rng, &|x| f(&x[0], targets.clone()))
    };
    Row { name: name.into(), kind: "loss", smooth: true, tolerance: TOLERANCE, run: Box::new(run) }
}

/// A row for a layer, with respect to its input and all its parameters, in training mode.
pub(super) fn layer(name: &'static str, (draw, shape): Input, make: fn(&mut Rng) -> Box<dyn Module<f64>>) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let (x, module) = (draw(shape, rng), make(rng));
        check_module(module.as_ref(), &x, check::STEP, tolerance, rng)
    };
    Row { name: name.into(), kind: "layer", smooth: true, tolerance: TOLERANCE, run: Box::new(run) }
}

/// A row for an example of a layer of the table, the same way.
pub(super) fn example(LayerExample { name, example, settings, .. }: LayerExample) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let x = if example.kinks { away_from_0 } else { normal }(example.batch, rng);
        let module = settings.module(&example.batch[1..], OUTPUTS, rng)?;
        check_module(module.as_ref(), &x, check::STEP, tolerance, rng)
    };
    Row { name: name.into(), kind: "layer", smooth: !example.kinks, tolerance: TOLERANCE, run: Box::new(run) }
}

/// A row for a network with ReLU and max-pooling.
pub(super) fn kinked_model(
    name: &'static str,
    shape: &'static [usize],
    make: fn(&mut Rng) -> Result<Sequential<f64>>,
) -> Row {
    let run = move |rng: &mut Rng, tolerance: f64| {
        let (x, model) = (normal(shape, rng), make(rng)?);
        check_module(&model, &x, NEAR_KINKS, tolerance, rng)
    };
    Row { name: name.into(), kind: "model", smooth: false, tolerance: TOLERANCE_NEAR_KINKS, run: Box::new(run) }
}

/// Checks the gradients of a module with respect to its input and its parameters, all of them and, the others constant
/// or frozen, some of them.
fn check_module(module: &dyn Module<f64>, x: &Tensor<f64>, step: f64, tolerance: f64, rng: &mut Rng) -> Result<Report> {
    let params = parameters(module);
    // One seed and one step, so that dropout draws the same mask each time.
    let forward = |tape: &Tape<f64>, x: &Var<f64>| module.forward(x, &mut Ctx::train(tape, 0, 0));
    let value = |x: &Tensor<f64>| Ok(forward(&Tape::new(), &Var::constant(x.clone()))?.into_value());
    let u = normal(value(x)?.shape(), rng);
    let evaluate = |leaves: &[bool]| -> Result<Evaluated> {
        params.iter().zip(&leaves[1..]).for_each(|((_, param), &leaf)| param.set_trainable(leaf));
        let tape = Tape::new();
        let input = if leaves[0] { tape.leaf(x.clone()) } else { Var::constant(x.clone()) };
        let y = forward(&tape, &input)?;
        let mut found = vec![None; leaves.len()];
        if y.is_recorded() {
            let gradients = tape.backward_from(&y, u.clone())?;
            if leaves[0] {
                found[0] = gradients.of(&input)?.cloned();
            }
            params.iter().zip(&mut found[1..]).for_each(|((_, p), g)| *g = gradients.param(p).cloned());
        }
        params.iter().for_each(|(_, param)| param.set_trainable(true));
        Ok((y.into_value(), found))
    };

    let mut inputs = vec![x.clone()];
    inputs.extend(params.iter().map(|(_, p)| p.get()));
    let (y, found) = evaluate(&vec![true; inputs.len()])?;
    let found: Vec<_> =
        found.into_iter().zip(&inputs).map(|(g, x)| g.unwrap_or_else(|| Tensor::zeros(x.shape_owned()))).collect();
    if let fault @ Some(_) = check::hold_subsets(&y, &found, &evaluate)? {
        return Ok(Report { relative_error: f64::MAX, worst: fault, near_kink: false });
    }
    check::compare(&inputs, &found, step, tolerance, rng, &|inputs| {
        params.iter().zip(&inputs[1..]).for_each(|((_, p), value)| p.set(value.clone()));
        Ok(check::inner(value(&inputs[0])?.data(), u.data()))
    })
}
