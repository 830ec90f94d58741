//! Ten steps of each rule against torch.optim (`golden/optimizers.json`), and what all optimizers promise.

mod common;

use common::{Portable, digest};
use gradus::autograd::{Gradients, Param, Tape, Var};
use gradus::nn::{Ctx, Kind, Module, Walk};
use gradus::optim::{Adam, FirstOrder, Optimizer, RmsProp, Sgd};
use gradus::tensor::Tensor;
use gradus::{Error, Real, Result};
use serde::Deserialize;

/// Nothing but parameters.
struct Bare<T: Real>(Vec<Param<T>>);

impl<T: Real> Module<T> for Bare<T> {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        Ok(x.clone())
    }
    fn walk(&self, walk: &mut Walk<'_, T>) {
        self.0.iter().enumerate().for_each(|(i, param)| walk.param(&format!("p{i}"), param));
    }
    fn kind(&self) -> Kind {
        Kind::Other("bare")
    }
}

const SHAPES: [&[usize]; 2] = [&[3, 4], &[5]];

fn fresh() -> Bare<f64> {
    let value = |i: usize| Portable::new(i as u64).draw("signed", SHAPES[i]);
    Bare((0..2).map(|i| Param::new(value(i))).collect())
}

/// A loss whose gradients are those of step `t`: Σ ⟨g, p⟩.
fn loss(model: &Bare<f64>, t: u64) -> Result<(f64, Gradients<f64>)> {
    let tape = Tape::new();
    let mut total = Var::constant(Tensor::scalar(0.0));
    for (i, param) in model.0.iter().enumerate() {
        let g = Portable::new(10 * t + i as u64).draw("signed", SHAPES[i]);
        total = total.add(&tape.param(param).mul(&Var::constant(g))?.sum()?)?;
    }
    let value = total.value().item();
    Ok((value, tape.backward(&total)?))
}

#[derive(Deserialize)]
struct Golden {
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    rule: String,
    settings: Settings,
    steps: Vec<Vec<Vec<f64>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    lr: f64,
    weight_decay: Option<f64>,
    momentum: Option<f64>,
    nesterov: Option<bool>,
    betas: Option<[f64; 2]>,
    alpha: Option<f64>,
    eps: Option<f64>,
}

fn optimizer(rule: &str, s: &Settings) -> Box<dyn Optimizer<f64>> {
    let adam = |rule: Adam| Adam {
        weight_decay: s.weight_decay.unwrap_or(rule.weight_decay),
        betas: s.betas.unwrap_or(rule.betas),
        eps: s.eps.unwrap_or(rule.eps),
        ..rule
    };
    match rule {
        "sgd" => Box::new(FirstOrder::new(Sgd {
            momentum: s.momentum.unwrap_or(0.0),
            nesterov: s.nesterov.unwrap_or(false),
            weight_decay: s.weight_decay.unwrap_or(0.0),
            ..Sgd::new(s.lr)
        })),
        "adam" => Box::new(FirstOrder::new(adam(Adam::new(s.lr)))),
        "adamw" => Box::new(FirstOrder::new(adam(Adam::w(s.lr)))),
        "rmsprop" => Box::new(FirstOrder::new(RmsProp {
            weight_decay: s.weight_decay.unwrap_or(0.0),
            alpha: s.alpha.unwrap_or(RmsProp::new(s.lr).alpha),
            eps: s.eps.unwrap_or(RmsProp::new(s.lr).eps),
            ..RmsProp::new(s.lr)
        })),
        other => panic!("no rule is called {other}"),
    }
}

#[test]
fn ten_steps_are_pytorchs() {
    let golden: Golden = serde_json::from_str(include_str!("golden/optimizers.json")).unwrap();
    assert_eq!(golden.runs.len(), 12);
    for run in &golden.runs {
        let (model, mut optimizer) = (fresh(), optimizer(&run.rule, &run.settings));
        for (step, wanted) in run.steps.iter().enumerate() {
            if step == 6 {
                optimizer.set_lr(optimizer.lr() * 0.1);
            }
            optimizer.step(&model, &mut || loss(&model, step as u64 + 1)).unwrap();
            for (param, wanted) in model.0.iter().zip(wanted) {
                for ((found, scale), wanted) in digest(&param.get()).into_iter().zip(wanted) {
                    let error = (found - wanted).abs() / scale.max(1.0);
                    assert!(error < 1e-12, "{}, step {}: {found} for {wanted}", run.rule, step + 1);
                }
            }
        }
    }
}

type Make = fn() -> Box<dyn Optimizer<f64>>;

/// Each rule once, with all that it can do switched on.
fn rules() -> Vec<(&'static str, Make)> {
    vec![
        ("sgd", || {
            Box::new(FirstOrder::new(Sgd { momentum: 0.9, nesterov: true, weight_decay: 0.01, ..Sgd::new(0.1) }))
        }),
        ("adam", || Box::new(FirstOrder::new(Adam { weight_decay: 0.01, ..Adam::new(0.01) }))),
        ("adamw", || Box::new(FirstOrder::new(Adam::w(0.01)))),
        ("rmsprop", || Box::new(FirstOrder::new(RmsProp::new(0.01)))),
    ]
}

fn bits(model: &Bare<f64>) -> Vec<u64> {
    model.0.iter().flat_map(|p| p.get().to_vec()).map(f64::to_bits).collect()
}

fn take_steps(optimizer: &mut dyn Optimizer<f64>, model: &Bare<f64>, steps: std::ops::RangeInclusive<u64>) {
    for t in steps {
        optimizer.step(model, &mut || loss(model, t)).unwrap();
    }
}

#[test]
fn a_resumed_optimizer_goes_on_bit_for_bit() {
    for (name, make) in rules() {
        let (whole, mut optimizer) = (fresh(), make());
        take_steps(optimizer.as_mut(), &whole, 1..=10);

        let (first, mut optimizer) = (fresh(), make());
        take_steps(optimizer.as_mut(), &first, 1..=4);
        let second = Bare(first.0.iter().map(|p| Param::new(p.get())).collect());
        let mut resumed = make();
        resumed.load(optimizer.steps(), optimizer.state()).unwrap();
        take_steps(resumed.as_mut(), &second, 5..=10);

        assert_eq!(resumed.steps(), 10);
        assert_eq!(bits(&whole), bits(&second), "{name}");
    }
}

#[test]
fn a_loss_that_is_not_finite_changes_nothing() {
    for (name, make) in rules() {
        for (bad, word) in [(f64::NAN, "NaN"), (f64::INFINITY, "infinity")] {
            let (model, mut optimizer) = (fresh(), make());
            optimizer.step(&model, &mut || loss(&model, 1)).unwrap();
            let before = bits(&model);
            let error = optimizer.step(&model, &mut || Ok((bad, loss(&model, 2)?.1))).unwrap_err();
            assert!(matches!(&error, Error::Diverged { step: 2, .. }), "{name}: {error}");
            assert!(error.to_string().contains(word), "{name}: {error}");
            assert_eq!((bits(&model), optimizer.steps()), (before, 1), "{name}");
        }
    }
}

#[test]
fn frozen_parameters_stay() {
    for (name, make) in rules() {
        let (model, mut optimizer) = (fresh(), make());
        model.0[0].set_trainable(false);
        optimizer.step(&model, &mut || loss(&model, 1)).unwrap();
        assert_eq!(model.0[0].get(), fresh().0[0].get(), "{name}");
        assert_ne!(model.0[1].get(), fresh().0[1].get(), "{name}");
    }
}

#[test]
fn a_tied_parameter_is_stepped_once() {
    for (name, make) in rules() {
        let (single, tied) = (fresh(), fresh());
        let twice = Bare(vec![tied.0[0].clone(), tied.0[1].clone(), tied.0[0].clone()]);
        let (mut one, mut two) = (make(), make());
        for t in 1..4 {
            one.step(&single, &mut || loss(&single, t)).unwrap();
            two.step(&twice, &mut || loss(&tied, t)).unwrap();
        }
        assert_eq!(bits(&single), bits(&tied), "{name}");
    }
}

#[test]
fn an_incomplete_state_is_refused() {
    let (model, mut optimizer) = (fresh(), FirstOrder::new(Adam::new(0.1)));
    optimizer.step(&model, &mut || loss(&model, 1)).unwrap();
    let mut state = optimizer.state();
    assert_eq!(state.keys().collect::<Vec<_>>(), ["p0/exp_avg", "p0/exp_avg_sq", "p1/exp_avg", "p1/exp_avg_sq"]);
    state.remove("p1/exp_avg_sq");
    let message = optimizer.load(1, state).unwrap_err().to_string();
    assert!(message.contains("p1") && message.contains("exp_avg_sq"), "{message}");
}

#[test]
fn parameters_are_written_in_place() {
    for (name, make) in rules() {
        let (model, mut optimizer) = (fresh(), make());
        let address = || model.0.iter().map(|p| p.get().data().as_ptr()).collect::<Vec<_>>();
        let before = address();
        for t in 1..4 {
            optimizer.step(&model, &mut || loss(&model, t)).unwrap();
        }
        assert_eq!(address(), before, "{name} copied a parameter");
    }
}
