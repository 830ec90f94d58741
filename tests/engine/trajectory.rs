//! Ten training steps of the Figure-1 network against PyTorch (`golden/trajectory.json`).
//!
//! In `f64` logits, gradients, losses and final weights are PyTorch's to 1e-9. In `f32` they may stray from the exact
//! ones four times as far as PyTorch's own `float32` run does on the same numbers: both round the same sums, in
//! different orders. All of it holds for blocks computed in one go and for their modules one after the other.

use crate::common::{Portable, digest};
use gradus::Real;
use gradus::autograd::{Tape, Var};
use gradus::models::cnn::Cnn;
use gradus::nn::{Ctx, Module, Sequential, parameters};
use gradus::ops::ClassTarget;
use gradus::optim::{Adam, FirstOrder, Optimizer};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use serde::Deserialize;

const SIZE: usize = 32;
const BATCH: usize = 8;
const STEPS: usize = 10;

#[derive(Deserialize)]
struct Golden {
    losses: Vec<f64>,
    logits: Vec<f64>,
    names: Vec<String>,
    gradients: Vec<Vec<f64>>,
    gradient_norms: Vec<f64>,
    weights: Vec<Vec<f64>>,
    float32: Strays,
}

/// How far PyTorch's float32 run strays from its float64 run: losses absolutely, the others relative to their norm.
#[derive(Deserialize)]
struct Strays {
    losses: Vec<f64>,
    logits: f64,
    gradients: Vec<f64>,
    weights: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/trajectory.json")).unwrap()
}

/// The network with the weights of `make_trajectory.py`.
fn network<T: Real>() -> Sequential<T> {
    let cnn = Cnn { input: [1, SIZE, SIZE], widths: vec![16, 32, 64, 128], hidden: 128, classes: 3 };
    let model = cnn.build(&mut Rng::new(0, "init", 0)).unwrap();
    let mut fan_in = 0;
    for (i, (_, param)) in parameters(&model).into_iter().enumerate() {
        let shape = param.get().shape_owned();
        if i % 2 == 0 {
            fan_in = shape[1..].iter().product();
        }
        let scale = libm::exp2(-libm::log2(2.0 * (fan_in as f64).sqrt()).floor());
        let draw = Portable::new(100 + i as u64).draw("signed", &shape);
        param.set(draw.map(|v| v * scale).cast());
    }
    model
}

fn batch<T: Real>(step: usize) -> (Tensor<T>, Vec<usize>) {
    let mut x = Portable::new(50 + step as u64 % 2).draw("signed", &[BATCH, 1, SIZE, SIZE]);
    for (i, v) in x.data_mut().iter_mut().enumerate() {
        let (sample, column) = (i / (SIZE * SIZE), i % SIZE);
        if column < sample % 3 * SIZE / 8 {
            *v += 1.0;
        }
    }
    (x.cast(), (0..BATCH).map(|n| n % 3).collect())
}

struct Trajectory {
    losses: Vec<f64>,
    logits: Tensor<f64>,
    names: Vec<String>,
    gradients: Vec<Tensor<f64>>,
    weights: Vec<Tensor<f64>>,
}

/// `fused`: whether blocks are computed in one go, as they are unless someone looks in between.
fn train<T: Real>(fused: bool) -> Trajectory {
    let look = |_: &str| !fused;
    let model = network::<T>();
    let mut optimizer = FirstOrder::new(Adam::new(1e-3));
    let params = parameters(&model);
    let (mut losses, mut first) = (Vec::new(), None);
    for step in 0..STEPS {
        let (x, labels) = batch(step);
        let mut closure = || {
            let tape = Tape::new();
            let mut cx = Ctx::train(&tape, 0, step as u64).capture(&look);
            let logits = model.forward(&Var::constant(x.clone()), &mut cx)?;
            let loss = logits.cross_entropy(ClassTarget::Labels(&labels))?;
            let gradients = tape.backward(&loss)?;
            first.get_or_insert_with(|| {
                let of = |param| gradients.param(param).unwrap().cast();
                (logits.value().cast(), params.iter().map(|(_, p)| of(p)).collect())
            });
            Ok((loss.value().item(), gradients))
        };
        losses.push(optimizer.step(&model, &mut closure).unwrap().to_f64());
    }
    let (logits, gradients) = first.unwrap();
    let weights = params.iter().map(|(_, p)| p.get().cast()).collect();
    Trajectory { losses, logits, names: params.into_iter().map(|(name, _)| name).collect(), gradients, weights }
}

fn norm(t: &Tensor<f64>) -> f64 {
    t.data().iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// The norm of the difference, relative to the norm of `exact`.
fn strays(found: &Tensor<f64>, exact: &Tensor<f64>) -> f64 {
    norm(&Tensor::from_fn(exact.shape(), |i| found.data()[i] - exact.data()[i])) / norm(exact)
}

fn assert_digest(what: &str, tensor: &Tensor<f64>, expected: &[f64]) {
    for ((found, scale), expected) in digest(tensor).into_iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-9 * scale, "{what}: {found} for {expected}");
    }
}

#[test]
fn ten_steps_are_pytorchs() {
    compare(true);
}

#[test]
fn ten_steps_are_pytorchs_module_after_module() {
    compare(false);
}

fn compare(fused: bool) {
    let golden = golden();
    let exact = train::<f64>(fused);
    assert_eq!(exact.names, golden.names);
    for (found, expected) in exact.logits.data().iter().zip(&golden.logits) {
        assert!((found - expected).abs() < 1e-9 * norm(&exact.logits), "logit {found} for {expected}");
    }
    for (i, name) in golden.names.iter().enumerate() {
        assert_digest(&format!("gradient of {name}"), &exact.gradients[i], &golden.gradients[i]);
        let (found, expected) = (norm(&exact.gradients[i]), golden.gradient_norms[i]);
        assert!((found / expected - 1.0).abs() < 1e-9, "norm of the gradient of {name}: {found} for {expected}");
        assert_digest(&format!("{name} in the end"), &exact.weights[i], &golden.weights[i]);
    }
    for (step, (found, expected)) in exact.losses.iter().zip(&golden.losses).enumerate() {
        assert!((found - expected).abs() < 1e-9, "loss of step {}: {found} for {expected}", step + 1);
    }

    let (rounded, allowed) = (train::<f32>(fused), golden.float32);
    let check = |what: &str, strayed: f64, pytorch: f64| {
        assert!(strayed <= 4.0 * pytorch, "{what} strays by {strayed:.3e} in f32, PyTorch by {pytorch:.3e}");
    };
    check("the logits", strays(&rounded.logits, &exact.logits), allowed.logits);
    for (i, name) in golden.names.iter().enumerate() {
        check(&format!("gradient of {name}"), strays(&rounded.gradients[i], &exact.gradients[i]), allowed.gradients[i]);
        check(&format!("{name} in the end"), strays(&rounded.weights[i], &exact.weights[i]), allowed.weights[i]);
    }
    // A single loss may agree by chance: the worst of ten counts.
    let worst = allowed.losses.iter().fold(0.0, |m: f64, &v| m.max(v));
    for (step, (rounded, exact)) in rounded.losses.iter().zip(&exact.losses).enumerate() {
        check(&format!("loss of step {}", step + 1), (rounded - exact).abs(), worst);
    }
}
