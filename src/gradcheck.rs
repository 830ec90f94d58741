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

use crate::autograd::check::{self, Report};
use crate::autograd::{Tape, Var};
use crate::error::Result;
use crate::models::cnn::Cnn;
use crate::models::mlp::mlp;
use crate::nn::{self, Activation, Ctx, Init, Module, Sequential, parameters};
use crate::ops::layout::concat;
use crate::ops::{Conv2d, Padding, Target, Window};
use crate::rng::Rng;
use crate::tensor::Tensor;
use serde::Serialize;

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

/// All rows.
pub fn table() -> Vec<Row> {
    [
        elementwise(),
        arithmetic(),
        reductions(),
        layout(),
        products(),
        convolutions(),
        pooling(),
        softmax_and_losses(),
        normalizations(),
        layers(),
        models(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn elementwise() -> Vec<Row> {
    vec![
        smooth("neg", &[(normal, &[2, 3])], |x| x[0].neg()),
        smooth("affine", &[(normal, &[2, 3])], |x| x[0].affine(-1.5, 0.3)),
        smooth("exp", &[(normal, &[2, 3])], |x| x[0].exp()),
        smooth("log", &[(positive, &[2, 3])], |x| x[0].log()),
        smooth("sqrt", &[(positive, &[2, 3])], |x| x[0].sqrt()),
        smooth("pow, 0", &[(normal, &[2, 3])], |x| x[0].pow(0.0)),
        smooth("pow, 1", &[(normal, &[2, 3])], |x| x[0].pow(1.0)),
        smooth("pow, 2 of any sign", &[(normal, &[2, 3])], |x| x[0].pow(2.0)),
        smooth("pow, 3 of any sign", &[(normal, &[2, 3])], |x| x[0].pow(3.0)),
        smooth("pow, 4 of any sign", &[(normal, &[2, 3])], |x| x[0].pow(4.0)),
        smooth("pow, -1.7", &[(positive, &[2, 3])], |x| x[0].pow(-1.7)),
        kinked("abs", &[(apart, &[3, 5])], |x| x[0].abs()),
        kinked("relu", &[(apart, &[3, 5])], |x| x[0].relu()),
        kinked("leaky_relu", &[(apart, &[3, 5])], |x| x[0].leaky_relu(0.2)),
        kinked("clamp", &[(apart, &[4, 5])], |x| x[0].clamp(-0.4, 0.6)),
        smooth("sigmoid", &[(normal, &[2, 3])], |x| x[0].sigmoid()),
        smooth("tanh", &[(normal, &[2, 3])], |x| x[0].tanh()),
        smooth("gelu", &[(normal, &[3, 4])], |x| x[0].gelu()),
        kinked("elu", &[(apart, &[3, 5])], |x| x[0].elu(1.0)),
        kinked("elu, 0.3", &[(apart, &[3, 5])], |x| x[0].elu(0.3)),
        smooth("softplus", &[(normal, &[3, 4])], |x| x[0].softplus()),
        smooth("softplus, further from 0", &[(normal, &[3, 4])], |x| x[0].affine(3.0, 0.0)?.softplus()),
        smooth("dropout, one fixed mask", &[(normal, &[4, 5])], |x| x[0].dropout(0.4, Rng::new(1, "mask", 0))),
    ]
}

fn arithmetic() -> Vec<Row> {
    vec![
        smooth("add", &[(normal, &[2, 3]), (normal, &[2, 3])], |x| x[0].add(&x[1])),
        smooth("add, row to matrix", &[(normal, &[4, 3]), (normal, &[3])], |x| x[0].add(&x[1])),
        smooth("add, column to row", &[(normal, &[4, 1]), (normal, &[1, 3])], |x| x[0].add(&x[1])),
        smooth("sub", &[(normal, &[2, 3]), (normal, &[2, 3])], |x| x[0].sub(&x[1])),
        smooth("sub, matrix from scalar", &[(normal, &[]), (normal, &[2, 3])], |x| x[0].sub(&x[1])),
        smooth("mul", &[(normal, &[2, 3]), (normal, &[2, 3])], |x| x[0].mul(&x[1])),
        smooth("mul, with itself", &[(normal, &[2, 3])], |x| x[0].mul(&x[0])),
        smooth("mul, middle axis repeated", &[(normal, &[2, 1, 3]), (normal, &[4, 1])], |x| x[0].mul(&x[1])),
        smooth("div", &[(normal, &[2, 3]), (positive, &[2, 3])], |x| x[0].div(&x[1])),
        smooth("div, by a row", &[(normal, &[2, 4, 3]), (positive, &[1, 3])], |x| x[0].div(&x[1])),
    ]
}

fn reductions() -> Vec<Row> {
    vec![
        smooth("sum, all", &[(normal, &[2, 3, 4])], |x| x[0].sum()),
        smooth("sum, outer axes", &[(normal, &[2, 3, 4])], |x| x[0].sum_axes(&[0, 2], false)),
        smooth("sum, middle axis kept", &[(normal, &[2, 3, 4])], |x| x[0].sum_axes(&[1], true)),
        smooth("mean, all", &[(normal, &[2, 3, 4])], |x| x[0].mean()),
        smooth("mean, last axes kept", &[(normal, &[2, 3, 4])], |x| x[0].mean_axes(&[1, 2], true)),
        kinked("max, all", &[(apart, &[2, 3, 4])], |x| x[0].max()),
        kinked("max, first and last axis", &[(apart, &[2, 3, 4])], |x| x[0].max_axes(&[0, 2], false)),
        kinked("max, middle axis kept", &[(apart, &[2, 3, 4])], |x| x[0].max_axes(&[1], true)),
    ]
}

fn layout() -> Vec<Row> {
    vec![
        smooth("reshape", &[(normal, &[2, 6])], |x| x[0].reshape([3, 4])),
        smooth("reshape, flatten", &[(normal, &[2, 3, 2])], |x| x[0].flatten()),
        smooth("reshape, unflatten", &[(normal, &[2, 12])], |x| x[0].unflatten(&[3, 2, 2])),
        smooth("permute", &[(normal, &[2, 3, 4, 5])], |x| x[0].permute(&[2, 0, 3, 1])),
        smooth("slice, middle axis", &[(normal, &[3, 5, 2])], |x| x[0].slice(1, 1..4)),
        smooth("slice, last axis", &[(normal, &[3, 5])], |x| x[0].slice(1, 3..5)),
        smooth("pad, middle axis", &[(normal, &[2, 3, 2])], |x| x[0].pad(1, 2, 1, 0.7)),
        smooth("pad, first axis, behind only", &[(normal, &[2, 3])], |x| x[0].pad(0, 0, 2, 0.0)),
        smooth(
            "concat, four of different lengths",
            &[(normal, &[2, 1, 3]), (normal, &[2, 4, 3]), (normal, &[2, 2, 3]), (normal, &[2, 1, 3])],
            |x| concat(&[&x[0], &x[1], &x[2], &x[3]], 1),
        ),
        smooth("concat, with itself", &[(normal, &[2, 3])], |x| concat(&[&x[0], &x[0]], 0)),
    ]
}

fn products() -> Vec<Row> {
    vec![
        smooth("matmul", &[(normal, &[3, 5]), (normal, &[5, 2])], |x| x[0].matmul(&x[1])),
        smooth("matmul, with itself", &[(normal, &[3, 3])], |x| x[0].matmul(&x[0])),
        smooth("bmm", &[(normal, &[2, 3, 5]), (normal, &[2, 5, 2])], |x| x[0].bmm(&x[1])),
        smooth("bmm, many small ones", &[(normal, &[9, 2, 1]), (normal, &[9, 1, 3])], |x| x[0].bmm(&x[1])),
        smooth("bmm, with itself", &[(normal, &[2, 3, 3])], |x| x[0].bmm(&x[0])),
        smooth("linear", &[(normal, &[4, 5]), (normal, &[3, 5]), (normal, &[3])], |x| x[0].linear(&x[1], &x[2])),
    ]
}

/// A convolution's settings, in short.
fn conv(stride: [usize; 2], padding: Padding, dilation: [usize; 2]) -> Conv2d {
    Conv2d { stride, padding, dilation, groups: 1 }
}

fn convolutions() -> Vec<Row> {
    use Padding::{Fixed, Same, Valid};
    vec![
        smooth("conv2d, 3x3", &[(normal, &[2, 3, 5, 6]), (normal, &[4, 3, 3, 3])], |x| {
            x[0].conv2d(&x[1], None, conv([1, 1], Valid, [1, 1]))
        }),
        smooth("conv2d, stride 2 down, 1 across", &[(normal, &[2, 2, 7, 5]), (normal, &[3, 2, 3, 2])], |x| {
            x[0].conv2d(&x[1], None, conv([2, 1], Valid, [1, 1]))
        }),
        smooth("conv2d, dilation 2 down, 3 across", &[(normal, &[1, 2, 7, 9]), (normal, &[2, 2, 2, 3])], |x| {
            x[0].conv2d(&x[1], None, conv([1, 1], Valid, [2, 3]))
        }),
        smooth("conv2d, 1x1", &[(normal, &[2, 3, 4, 3]), (normal, &[5, 3, 1, 1])], |x| {
            x[0].conv2d(&x[1], None, conv([1, 1], Valid, [1, 1]))
        }),
        smooth("conv2d_bias, same", &[(normal, &[2, 2, 5, 4]), (normal, &[3, 2, 3, 3]), (normal, &[3])], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), conv([1, 1], Same, [1, 1]))
        }),
        smooth(
            "conv2d_bias, same with an even kernel",
            &[(normal, &[2, 2, 5, 6]), (normal, &[3, 2, 2, 4]), (normal, &[3])],
            |x| x[0].conv2d(&x[1], Some(&x[2]), conv([1, 1], Same, [1, 1])),
        ),
        smooth(
            "conv2d_bias, stride, padding and dilation all different",
            &[(normal, &[2, 3, 8, 7]), (normal, &[2, 3, 3, 2]), (normal, &[2])],
            |x| x[0].conv2d(&x[1], Some(&x[2]), conv([2, 3], Fixed([2, 1]), [1, 2])),
        ),
        smooth("conv2d, two groups", &[(normal, &[2, 4, 5, 4]), (normal, &[6, 2, 3, 2])], |x| {
            x[0].conv2d(&x[1], None, Conv2d { groups: 2, ..conv([1, 2], Valid, [1, 1]) })
        }),
        smooth("conv2d_bias, depthwise", &[(normal, &[2, 3, 5, 4]), (normal, &[3, 1, 3, 3]), (normal, &[3])], |x| {
            x[0].conv2d(&x[1], Some(&x[2]), Conv2d { groups: 3, ..conv([1, 1], Same, [1, 1]) })
        }),
    ]
}

/// A pooling window, in short.
fn window(kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]) -> Window {
    Window { kernel, stride, padding }
}

fn pooling() -> Vec<Row> {
    vec![
        kinked("max_pool2d, 2x2", &[(apart, &[2, 2, 4, 6])], |x| x[0].max_pool2d(Window::square(2))),
        kinked("max_pool2d, overlapping and padded", &[(apart, &[2, 2, 5, 6])], |x| {
            x[0].max_pool2d(window([3, 2], [2, 1], [1, 1]))
        }),
        kinked("max_pool2d, odd sizes with a rest", &[(apart, &[1, 2, 7, 5])], |x| {
            x[0].max_pool2d(window([2, 3], [3, 2], [0, 0]))
        }),
        kinked("conv2d_block, same", &[(normal, &[2, 2, 6, 5]), (normal, &[3, 2, 3, 3]), (normal, &[3])], |x| {
            x[0].conv2d_block(&x[1], &x[2], conv([1, 1], Padding::Same, [1, 1]))
        }),
        kinked("conv2d_block, valid", &[(normal, &[1, 3, 7, 8]), (normal, &[2, 3, 2, 3]), (normal, &[2])], |x| {
            x[0].conv2d_block(&x[1], &x[2], conv([1, 1], Padding::Valid, [1, 1]))
        }),
        smooth("avg_pool2d, 2x2", &[(normal, &[2, 2, 4, 6])], |x| x[0].avg_pool2d(Window::square(2))),
        smooth("avg_pool2d, overlapping and padded", &[(normal, &[2, 2, 5, 6])], |x| {
            x[0].avg_pool2d(window([3, 2], [2, 1], [1, 1]))
        }),
        smooth("global_avg_pool2d", &[(normal, &[2, 3, 4, 5])], |x| x[0].global_avg_pool2d()),
        smooth("global_avg_pool2d, one pixel", &[(normal, &[2, 3, 1, 1])], |x| x[0].global_avg_pool2d()),
    ]
}

fn softmax_and_losses() -> Vec<Row> {
    const LABELS: [usize; 4] = [2, 0, 1, 2];
    const WEIGHTS: [f64; 3] = [0.5, 2.0, 1.25];
    vec![
        smooth("softmax, last axis", &[(normal, &[4, 3])], |x| x[0].softmax(1)),
        smooth("softmax, middle axis", &[(normal, &[2, 4, 3])], |x| x[0].softmax(1)),
        smooth("log_softmax, last axis", &[(normal, &[4, 3])], |x| x[0].log_softmax(1)),
        smooth("log_softmax, first axis", &[(normal, &[4, 3])], |x| x[0].log_softmax(0)),
        loss("cross_entropy, labels", &[4, 3], |x, _| x.cross_entropy(Target::Labels(&LABELS))),
        loss("cross_entropy, labels and class weights", &[4, 3], |x, _| {
            x.cross_entropy_weighted(Target::Labels(&LABELS), &WEIGHTS)
        }),
        loss("cross_entropy, soft targets", &[4, 3], |x, mut rng| {
            x.cross_entropy(Target::Probabilities(&distribution(4, 3, &mut rng)))
        }),
        loss("cross_entropy, soft targets and class weights", &[4, 3], |x, mut rng| {
            x.cross_entropy_weighted(Target::Probabilities(&distribution(4, 3, &mut rng)), &WEIGHTS)
        }),
        loss("nll, labels", &[4, 3], |x, _| x.nll(&LABELS, None)),
        loss("nll, labels and class weights", &[4, 3], |x, _| x.nll(&LABELS, Some(&WEIGHTS))),
        loss("bce, of sigmoids", &[4, 3], |x, mut rng| x.sigmoid()?.bce(&distribution(4, 3, &mut rng))),
        loss("bce, hard targets", &[2, 3], |x, _| {
            x.sigmoid()?.bce(&Tensor::from_fn([2, 3], |i| if i % 2 == 0 { 1.0 } else { 0.0 }))
        }),
        loss("bce_with_logits", &[4, 3], |x, mut rng| x.bce_with_logits(&distribution(4, 3, &mut rng), None)),
        loss("bce_with_logits, positive weights", &[4, 3], |x, mut rng| {
            x.bce_with_logits(&distribution(4, 3, &mut rng), Some(&positive(&[3], &mut rng)))
        }),
        smooth("mse", &[(normal, &[3, 4]), (normal, &[3, 4])], |x| x[0].mse(&x[1])).kind("loss"),
    ]
}

fn normalizations() -> Vec<Row> {
    const IMAGES: &[Input] = &[(normal, &[3, 2, 2, 3]), (normal, &[2]), (normal, &[2])];
    vec![
        smooth("batch_norm, features", &[(normal, &[6, 3]), (normal, &[3]), (normal, &[3])], |x| {
            Ok(x[0].batch_norm(&x[1], &x[2], 1e-5)?.0)
        }),
        smooth("batch_norm, images, a large eps", IMAGES, |x| Ok(x[0].batch_norm(&x[1], &x[2], 0.5)?.0)),
        smooth("batch_norm, given statistics", IMAGES, |x| {
            let (mean, variance) = (Tensor::from_f64(&[0.3, -1.0], [2])?, Tensor::from_f64(&[0.5, 2.0], [2])?);
            x[0].batch_norm_with(&x[1], &x[2], &mean, &variance, 1e-5)
        }),
    ]
}

fn layers() -> Vec<Row> {
    vec![
        layer("Linear", (normal, &[3, 5]), |rng| Box::new(nn::Linear::new(5, 4, Init::PyTorch, rng))),
        layer("Conv2d", (normal, &[2, 2, 5, 4]), |rng| {
            Box::new(nn::Conv2d::new(2, 3, [3, 3], conv([1, 1], Padding::Same, [1, 1]), Init::PyTorch, rng))
        }),
        layer("Conv2d, without a bias", (normal, &[2, 2, 5, 4]), |rng| {
            let settings = conv([2, 1], Padding::Fixed([1, 0]), [1, 1]);
            Box::new(nn::Conv2d::new(2, 3, [3, 2], settings, Init::HeNormal, rng).without_bias())
        }),
        layer("Conv2d, in groups", (normal, &[2, 4, 4, 5]), |rng| {
            let settings = Conv2d { groups: 2, ..conv([1, 1], Padding::Same, [1, 1]) };
            Box::new(nn::Conv2d::new(4, 2, [3, 3], settings, Init::PyTorch, rng))
        }),
        layer("MaxPool2d", (apart, &[2, 2, 4, 4]), |_| Box::new(nn::MaxPool2d(Window::square(2)))).with_kinks(),
        layer("AvgPool2d", (normal, &[2, 2, 4, 4]), |_| Box::new(nn::AvgPool2d(Window::square(2)))),
        layer("BatchNorm, features", (normal, &[5, 3]), |_| Box::new(nn::BatchNorm1d::new(3))),
        layer("BatchNorm, images", (normal, &[3, 2, 3, 2]), |_| Box::new(nn::BatchNorm2d::new(2))),
        layer("GlobalAvgPool2d", (normal, &[2, 3, 3, 2]), |_| Box::new(nn::GlobalAvgPool2d)),
        layer("Unflatten", (normal, &[2, 12]), |_| Box::new(nn::Unflatten([3, 2, 2].into()))),
        layer("Softmax", (normal, &[4, 3]), |_| Box::new(nn::Softmax)),
        layer("LogSoftmax", (normal, &[4, 3]), |_| Box::new(nn::LogSoftmax)),
        layer("Flatten", (normal, &[2, 3, 2]), |_| Box::new(nn::Flatten)),
        layer("Dropout, one fixed mask", (normal, &[4, 5]), |_| Box::new(nn::Dropout(0.5))),
        layer("Activation, relu", (apart, &[3, 4]), |_| Box::new(Activation::Relu)).with_kinks(),
        layer("Activation, leaky_relu", (apart, &[3, 4]), |_| Box::new(Activation::LeakyRelu)).with_kinks(),
        layer("Activation, tanh", (normal, &[3, 4]), |_| Box::new(Activation::Tanh)),
        layer("Activation, sigmoid", (normal, &[3, 4]), |_| Box::new(Activation::Sigmoid)),
        layer("Activation, gelu", (normal, &[3, 4]), |_| Box::new(Activation::Gelu)),
        layer("Activation, elu", (apart, &[3, 4]), |_| Box::new(Activation::Elu)).with_kinks(),
        layer("Activation, softplus", (normal, &[3, 4]), |_| Box::new(Activation::Softplus)),
        layer("Sequential, linear, tanh, linear", (normal, &[3, 4]), |rng| {
            let first = nn::Linear::new(4, 5, Init::XavierUniform, rng);
            let second = nn::Linear::new(5, 2, Init::XavierUniform, rng);
            Box::new(Sequential::new().with("fc1", first).with("tanh", Activation::Tanh).with("fc2", second))
        }),
    ]
}

fn models() -> Vec<Row> {
    vec![
        layer("mlp, gelu", (normal, &[3, 4]), |rng| Box::new(mlp(4, &[6, 5], 3, Activation::Gelu, rng))).kind("model"),
        kinked_model("mlp, relu", &[3, 4], |rng| Ok(mlp(4, &[6], 3, Activation::Relu, rng))),
        kinked_model("Cnn, two blocks on 8x8", &[1, 1, 8, 8], |rng| {
            Cnn { input: [1, 8, 8], widths: vec![2, 3], hidden: 4, classes: 3 }.build(rng)
        }),
    ]
}
