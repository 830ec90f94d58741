//! L-BFGS against scipy's (`golden/lbfgs.json`), and what others have got wrong.

use crate::common::Portable;
use crate::optimizers::Bare;
use gradus::autograd::{Param, Tape, Var};
use gradus::nn::state::state_dict;
use gradus::optim::{Lbfgs, Optimizer, OptimizerSpec, QuasiNewton, Stopped};
use gradus::tensor::Tensor;
use gradus::{Real, Result};
use serde::Deserialize;

/// A function of parameters, as the tape records it.
type Function<T> = dyn Fn(&[Var<T>]) -> Result<Var<T>>;

/// A step on a function of parameters that the tape differentiates; returns the loss before it.
fn step<T: Real>(optimizer: &mut dyn Optimizer<T>, model: &Bare<T>, f: &Function<T>) -> Result<f64> {
    let loss = optimizer.step(model, &mut || {
        let tape = Tape::new();
        let x: Vec<Var<T>> = model.0.iter().map(|param| tape.param(param)).collect();
        let y = f(&x)?;
        Ok((y.value().item(), tape.backward(&y)?))
    })?;
    Ok(loss.to_f64())
}

fn value<T: Real>(model: &Bare<T>, f: &Function<T>) -> f64 {
    let x: Vec<Var<T>> = model.0.iter().map(|param| Var::constant(param.get())).collect();
    f(&x).unwrap().value().item().to_f64()
}

fn scalars<T: Real>(values: &[f64]) -> Bare<T> {
    Bare(values.iter().map(|&v| Param::new(Tensor::scalar(T::from_f64(v)))).collect())
}

/// 100 (b - a²)² + (1 - a)².
fn rosenbrock<T: Real>(x: &[Var<T>]) -> Result<Var<T>> {
    let (a, b) = (&x[0], &x[1]);
    let valley = b.sub(&a.mul(a)?)?;
    let rest = a.affine(-1.0, 1.0)?;
    valley.mul(&valley)?.affine(100.0, 0.0)?.add(&rest.mul(&rest)?)
}

#[derive(Deserialize)]
struct Golden {
    rosenbrock: Reached,
    network: Reached,
}

#[derive(Deserialize)]
struct Reached {
    #[serde(default)]
    start: f64,
    iterations: Vec<usize>,
    values: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/lbfgs.json")).unwrap()
}

fn iterations(max_iter: usize) -> QuasiNewton<f64> {
    let settings =
        Lbfgs { max_iter, max_eval: Some(1_000_000), tolerance_grad: 0.0, tolerance_change: 0.0, ..Lbfgs::default() };
    QuasiNewton::new(settings)
}

#[test]
fn rosenbrocks_valley_is_descended_as_scipy_does() {
    let Reached { iterations: n, values, .. } = golden().rosenbrock;
    let mut ours = Vec::new();
    for n in n {
        let model = scalars::<f64>(&[-1.2, 1.0]);
        assert!(
            (step(&mut iterations(n), &model, &rosenbrock).unwrap() - 24.2).abs() < 1e-12,
            "the loss before the step"
        );
        ours.push(value(&model, &rosenbrock));
    }
    // Two line searches take other ways; both are at the bottom after forty iterations.
    println!("ours {ours:?}, scipy's {values:?}");
    assert!(ours[3] < 1e-15 && values[3] < 1e-15, "{ours:?}");
    assert!(ours[1] < 10.0 * values[1] && ours.windows(2).all(|pair| pair[1] < pair[0]), "{ours:?}");
    // In single precision it ends where the loss can fall no more.
    let model = scalars::<f32>(&[-1.2, 1.0]);
    let mut optimizer = QuasiNewton::new(Lbfgs { max_iter: 100, ..Lbfgs::default() });
    step(&mut optimizer, &model, &rosenbrock).unwrap();
    assert!(value(&model, &rosenbrock) < 1e-9, "{:?}", optimizer.stopped());
    assert_ne!(optimizer.stopped(), Some(Stopped::Iterations));
}

/// With one iteration a step, as where curves are drawn over the epochs, a search still goes on to its end.
#[test]
fn one_iteration_a_step_comes_as_far() {
    let model = scalars::<f64>(&[-1.2, 1.0]);
    let mut optimizer = QuasiNewton::new(Lbfgs { max_iter: 1, ..Lbfgs::default() });
    for _ in 0..50 {
        step(&mut optimizer, &model, &rosenbrock).unwrap();
    }
    assert!(value(&model, &rosenbrock) < 1e-12, "{:?} {}", optimizer.stopped(), value(&model, &rosenbrock));
}

/// The network 2-50-50-1 of `make_lbfgs.py`.
fn network() -> (Bare<f64>, Box<Function<f64>>) {
    let shapes: [&[usize]; 6] = [&[50, 2], &[50], &[50, 50], &[50], &[1, 50], &[1]];
    let start = |i: usize| Portable::new(i as u64).draw("signed", shapes[i]).cast::<f64>() * 0.25;
    let x: Tensor<f64> = Portable::new(100).draw("signed", &[100, 2]).cast();
    let target = Tensor::from_fn([100, 1], |i| x.data()[2 * i].sin() + (2.0 * x.data()[2 * i + 1]).cos());
    let f = move |p: &[Var<f64>]| {
        let layer = |x: &Var<f64>, i: usize| x.matmul(&p[i].permute(&[1, 0])?)?.add(&p[i + 1]);
        let h = layer(&layer(&Var::constant(x.clone()), 0)?.tanh()?, 2)?.tanh()?;
        layer(&h, 4)?.mse(&Var::constant(target.clone()))
    };
    (Bare((0..6).map(|i| Param::new(start(i))).collect()), Box::new(f))
}

#[test]
fn a_network_ends_as_low_as_with_scipy() {
    let Reached { start, iterations: n, values } = golden().network;
    for (n, theirs) in n.into_iter().zip(values) {
        let (model, f) = network();
        assert!((value(&model, &*f) - start).abs() < 1e-12);
        step(&mut iterations(n), &model, &*f).unwrap();
        let ours = value(&model, &*f);
        println!("after {n} iterations: {ours:e}, scipy's {theirs:e}");
        assert!(ours < 2.0 * theirs, "after {n} iterations {ours}, scipy's {theirs}");
    }
}

#[test]
fn saved_and_loaded_it_goes_on_in_the_same_bits() {
    let run = |stop: bool| {
        let (model, f) = network();
        let mut optimizer = iterations(5);
        for n in 0..6 {
            if stop && n == 3 {
                let (steps, state) = (optimizer.steps(), optimizer.state());
                assert!(state.contains_key("p2/s.0") && state.contains_key("p5/y.9"), "{:?}", state.keys());
                optimizer = iterations(5);
                optimizer.load(steps, state).unwrap();
            }
            step(&mut optimizer, &model, &*f).unwrap();
        }
        (optimizer.steps(), state_dict(&model))
    };
    assert_eq!(run(false), run(true));
    // What was saved of another model is refused.
    let (model, f) = network();
    let mut optimizer = iterations(1);
    let mut saved = iterations(5);
    step(&mut saved, &scalars::<f64>(&[-1.2, 1.0]), &rosenbrock).unwrap();
    optimizer.load(1, saved.state()).unwrap();
    let before = state_dict(&model);
    assert!(step(&mut optimizer, &model, &*f).unwrap_err().to_string().contains("p0"));
    assert_eq!(state_dict(&model), before);
}

#[test]
fn nothing_that_is_not_finite_comes_back() {
    // √(1 - x) - 3 x is lowest at 1, and beyond it is NaN: the first steps go there.
    let f = |x: &[Var<f64>]| x[0].affine(-1.0, 1.0)?.sqrt()?.affine(0.1, 0.0)?.sub(&x[0].affine(3.0, 0.0)?);
    let model = scalars::<f64>(&[-5.0]);
    let mut optimizer = QuasiNewton::new(Lbfgs { lr: 100.0, ..Lbfgs::default() });
    for _ in 0..20 {
        let before = value(&model, &f);
        step(&mut optimizer, &model, &f).unwrap();
        let after = value(&model, &f);
        assert!(after.is_finite() && after <= before, "{before} to {after}");
    }
    assert!(value(&model, &f) < -2.5, "{}", value(&model, &f));
    // A start that is not finite is refused, and nothing moves.
    let model = scalars::<f64>(&[2.0]);
    assert!(step(&mut optimizer, &model, &f).unwrap_err().to_string().contains("NaN"));
    assert_eq!(model.0[0].get().item(), 2.0);
}

#[test]
fn a_derivative_that_lies_does_not_raise_the_loss() {
    // The gradient is that of -x, the value that of |x|: no step is lower.
    let model = scalars::<f64>(&[0.5]);
    let mut optimizer = QuasiNewton::new(Lbfgs { max_eval: Some(100), ..Lbfgs::default() });
    let step = |optimizer: &mut QuasiNewton<f64>, offset: f64| {
        let mut evaluations = 0;
        let loss = optimizer.step(&model, &mut || {
            evaluations += 1;
            let tape = Tape::new();
            let x = tape.param(&model.0[0]);
            let y = x.affine(-1.0, 0.0)?;
            Ok((x.value().item().abs() + offset, tape.backward(&y)?))
        });
        assert_eq!((loss.unwrap(), model.0[0].get().item()), (0.5 + offset, 0.5));
        assert_eq!(optimizer.stopped(), Some(Stopped::NoLowerPoint));
        assert!(optimizer.stopped().unwrap().to_string().contains("steepest descent"));
        evaluations
    };
    assert!((2..=62).contains(&step(&mut optimizer, 0.0)));
    let mut resumed = QuasiNewton::new(Lbfgs { max_eval: Some(100), ..Lbfgs::default() });
    resumed.load(1, optimizer.state()).unwrap();
    for optimizer in [&mut optimizer, &mut resumed] {
        assert_eq!(step(optimizer, 0.0), 1, "from the same point with the same loss nothing is searched again");
        assert!(step(optimizer, 0.25) > 1, "other samples, whose loss is another one, are searched");
    }
}

#[test]
fn pairs_without_curvature_are_skipped_and_frozen_parameters_stay() {
    // A plane has no curvature: the gradient never changes, and nothing is remembered.
    let plane = |x: &[Var<f64>]| x[0].affine(2.0, 0.0)?.add(&x[1]);
    let model = scalars::<f64>(&[0.0, 7.0]);
    model.0[1].set_trainable(false);
    let mut optimizer = QuasiNewton::new(Lbfgs { max_iter: 3, ..Lbfgs::default() });
    step(&mut optimizer, &model, &plane).unwrap();
    assert!(optimizer.state().is_empty() && model.0[0].get().item() < 0.0);
    assert_eq!(model.0[1].get().item(), 7.0);
}

#[test]
fn its_settings_are_read_and_nothing_is_done_around_it() {
    let read = |text: &str| toml::from_str::<OptimizerSpec>(text).unwrap();
    let spec = read("kind = \"lbfgs\"\nhistory_size = 4\nmax_iter = 7");
    assert_eq!((spec.lr(), spec.slots()), (1.0, 8));
    spec.validate("train.optimizer").unwrap();
    for (text, words) in [
        ("kind = \"lbfgs\"\nclip_norm = 1.0", "train.optimizer.clip_norm"),
        ("kind = \"lbfgs\"\nuse_ema = true", "train.optimizer.use_ema"),
        ("kind = \"lbfgs\"\nhistory_size = 0", "train.optimizer.history_size"),
        ("kind = \"lbfgs\"\nmax_iter = 0", "train.optimizer.max_iter"),
        ("kind = \"lbfgs\"\ntolerance_grad = -1.0", "train.optimizer.tolerance_grad"),
    ] {
        let message = read(text).validate("train.optimizer").unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}
