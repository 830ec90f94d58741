//! Ten steps of each rule against torch.optim and Keras (`golden/optimizers.json`), schedules against
//! torch.optim.lr_scheduler, and what all optimizers promise.

use crate::common::{Portable, digest};
use gradus::autograd::{Gradients, Param, Tape, Var};
use gradus::nn::state::{from_safetensors, load_state_dict, state_dict, to_safetensors};
use gradus::nn::{Ctx, Init, Kind, Linear, Module, Walk, parameters};
use gradus::optim::{Adam, Around, Choice, FirstOrder, Group, Muon, Optimizer, OptimizerSpec, Schedule, Sgd};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::{Error, Real, Result};
use serde::Deserialize;

/// Nothing but parameters.
pub(crate) struct Bare<T: Real>(pub(crate) Vec<Param<T>>);

impl<T: Real> Module<T> for Bare<T> {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        Ok(x.clone())
    }
    fn walk(&self, walk: &mut Walk<'_, T>) {
        self.0.iter().enumerate().for_each(|(i, param)| walk.param(&format!("p{i}"), param));
    }
    fn kind(&self) -> Kind {
        Kind::layer("bare")
    }
}

const SHAPES: [&[usize]; 2] = [&[3, 4], &[5]];

fn fresh<T: Real>() -> Bare<T> {
    let value = |i: usize| Portable::new(i as u64).draw("signed", SHAPES[i]).cast();
    Bare((0..2).map(|i| Param::new(value(i))).collect())
}

/// The gradient of parameter `i` in step `t`.
fn gradient<T: Real>(t: u64, i: usize) -> Tensor<T> {
    Portable::new(10 * t + i as u64).draw("signed", SHAPES[i]).cast()
}

/// A loss whose gradients are those of step `t`: Σ ⟨g, p⟩.
fn loss<T: Real>(model: &Bare<T>, t: u64) -> Result<(T, Gradients<T>)> {
    let tape = Tape::new();
    let mut total = Var::constant(Tensor::scalar(T::ZERO));
    for (i, param) in model.0.iter().enumerate() {
        total = total.add(&tape.param(param).mul(&Var::constant(gradient(t, i % 2)))?.sum()?)?;
    }
    let value = total.value().item();
    Ok((value, tape.backward(&total)?))
}

#[derive(Deserialize)]
struct Golden {
    runs: Vec<Run>,
    base: f64,
    losses: Vec<Option<f64>>,
    schedules: Vec<Rates>,
}

#[derive(Default, Deserialize)]
struct Run {
    rule: String,
    settings: serde_json::Map<String, serde_json::Value>,
    steps: Vec<Vec<Vec<f64>>>,
    #[serde(default)]
    averages: Vec<Vec<Vec<f64>>>,
    /// The step from which on the first parameter is trained.
    #[serde(default)]
    unfrozen: usize,
}

impl Run {
    /// The settings as a file would give them.
    fn spec(&self) -> OptimizerSpec {
        let mut table = self.settings.clone();
        table.insert("kind".into(), self.rule.clone().into());
        let spec: OptimizerSpec = serde_json::from_value(table.into()).unwrap();
        spec.validate("").unwrap();
        spec
    }
}

#[derive(Deserialize)]
struct Rates {
    schedule: Schedule,
    rates: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/optimizers.json")).unwrap()
}

/// Takes the steps of all runs; errors are on the scale of the digests' terms.
fn ten_steps_agree<T: Real>(tolerance: f64) {
    let runs = golden().runs;
    assert_eq!((runs.len(), runs.iter().filter(|run| !run.averages.is_empty()).count()), (53, 1));
    assert_eq!(runs.iter().filter(|run| run.unfrozen > 1).count(), 8);
    for run in &runs {
        let (model, mut optimizer) = (fresh::<T>(), run.spec().build_for::<T>());
        let close = |value: &Tensor<T>, expected: &[f64], step: usize| {
            for ((found, scale), expected) in digest(&value.cast()).into_iter().zip(expected) {
                let error = (found - expected).abs() / scale.max(1.0);
                let (rule, settings) = (&run.rule, &run.settings);
                assert!(error < tolerance, "{rule} {settings:?}, step {}: {found} for {expected}", step + 1);
            }
        };
        assert_eq!(run.steps.len(), 10);
        for (step, expected) in run.steps.iter().enumerate() {
            if step == 6 {
                optimizer.set_lr(optimizer.lr() * 0.1);
            }
            model.0[0].set_trainable(step + 1 >= run.unfrozen);
            optimizer.step(&model, &mut || loss(&model, step as u64 + 1)).unwrap();
            for (param, expected) in model.0.iter().zip(expected) {
                close(&param.get(), expected, step);
            }
            let averaged = optimizer.averaged(&model);
            assert_eq!(averaged.is_some(), !run.averages.is_empty());
            if let Some(averaged) = averaged {
                averaged.values().zip(&run.averages[step]).for_each(|(value, expected)| close(value, expected, step));
            }
        }
    }
}

#[test]
fn ten_steps_are_pytorchs_and_kerass() {
    ten_steps_agree::<f64>(1e-12);
}

/// Ten steps of fewer than 20 roundings each, by at most 2⁻²⁴.
#[test]
fn ten_steps_in_f32_differ_by_roundings() {
    ten_steps_agree::<f32>(10.0 * 20.0 / (1 << 24) as f64);
}

#[test]
fn rates_are_pytorchs() {
    let golden = golden();
    let losses: Vec<f64> = golden.losses.iter().map(|loss| loss.unwrap_or(f64::NAN)).collect();
    assert_eq!(golden.schedules.len(), 11);
    for Rates { schedule, rates } in &golden.schedules {
        schedule.validate("").unwrap();
        for (e, expected) in rates.iter().enumerate() {
            let found = schedule.lr(golden.base, e + 1, rates.len(), &losses[..e.min(losses.len())]);
            assert!((found - expected).abs() < 1e-14, "{schedule:?}, epoch {}: {found} for {expected}", e + 1);
        }
    }
}

type Make = Box<dyn Fn() -> Box<dyn Optimizer<f64>>>;

/// Each setting of the goldens, and each rule with all that may be done around it.
fn rules() -> Vec<(String, Make)> {
    let make = |spec: OptimizerSpec| -> (String, Make) { (format!("{spec:?}"), Box::new(move || spec.build_for())) };
    let all = Around {
        clip_value: Some(1.5),
        clip_norm: Some(3.0),
        global_clip_norm: Some(3.5),
        gradient_accumulation_steps: 3,
        lookahead_steps: 2,
        lookahead_alpha: 0.25,
        use_ema: true,
        ema_momentum: 0.75,
    };
    let specs: Vec<OptimizerSpec> = golden().runs.iter().map(Run::spec).collect();
    let surrounded = specs.iter().map(|spec| OptimizerSpec { around: all, ..spec.clone() });
    specs.iter().cloned().chain(surrounded).map(make).collect()
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
fn a_resumed_optimizer_continues_bit_for_bit() {
    for (name, make) in rules() {
        let (whole, mut optimizer_of_whole) = (fresh(), make());
        take_steps(optimizer_of_whole.as_mut(), &whole, 1..=10);

        let (first, mut optimizer) = (fresh(), make());
        take_steps(optimizer.as_mut(), &first, 1..=4);
        let second = Bare(first.0.iter().map(|p| Param::new(p.get())).collect());
        let mut resumed = make();
        let state = from_safetensors(&to_safetensors(&optimizer.state()).unwrap()).unwrap();
        resumed.load(optimizer.steps(), state).unwrap();
        take_steps(resumed.as_mut(), &second, 5..=10);

        assert_eq!(resumed.steps(), 10);
        assert_eq!(bits(&whole), bits(&second), "{name}");
        assert_eq!(resumed.state(), optimizer_of_whole.state(), "{name}");
        assert_eq!(resumed.averaged(&second), optimizer_of_whole.averaged(&whole), "{name}");
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

/// A loss that is finite, as of √x at 0, with one number in a gradient that is not; a large one is not a fault.
#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    for (name, make) in rules() {
        for (bad, word) in [(f64::NAN, "NaN"), (f64::NEG_INFINITY, "infinity"), (1e200, "")] {
            let (model, mut optimizer) = (fresh(), make());
            take_steps(optimizer.as_mut(), &model, 1..=4);
            let (before, state) = (bits(&model), optimizer.state());
            let mut odd = || {
                let tape = Tape::new();
                let factors = Var::constant(Tensor::new(vec![0.5, -0.5, 0.25, bad, 1.0], [5])?);
                let total = tape.param(&model.0[0]).sum()?.add(&tape.param(&model.0[1]).mul(&factors)?.sum()?)?;
                Ok((1.0, tape.backward(&total)?))
            };
            let stepped = optimizer.step(&model, &mut odd);
            if word.is_empty() {
                assert!(stepped.is_ok(), "{name}: {stepped:?}");
                continue;
            }
            let error = stepped.unwrap_err();
            assert!(matches!(&error, Error::Diverged { step: 5, .. }), "{name}: {error}");
            assert!(error.to_string().contains(&format!("{word} at the gradient of p1, step 5")), "{name}: {error}");
            assert_eq!((bits(&model), optimizer.steps()), (before, 4), "{name}");
            assert_eq!(optimizer.state(), state, "{name}");
        }
    }
}

/// The same rule with decay in either way.
fn decaying() -> Vec<(String, Make)> {
    let mut found = Vec::new();
    for run in golden().runs {
        for decoupled in [false, true] {
            let mut run = Run { settings: run.settings.clone(), rule: run.rule.clone(), ..Default::default() };
            run.settings.insert("weight_decay".into(), 0.2.into());
            if run.rule != "adamw" {
                run.settings.insert("decoupled".into(), decoupled.into());
            }
            let spec = run.spec();
            found.push((format!("{spec:?}"), Box::new(move || spec.build_for()) as Make));
        }
    }
    found
}

/// Frozen from the start, or after some steps and, where gradients are accumulated, in the midst of them: it stays to
/// the bit, whatever decays or has momentum; unfrozen it moves again.
#[test]
fn frozen_parameters_stay() {
    for (name, make) in rules().into_iter().chain(decaying()) {
        for trained in [0, 1, 4] {
            let (model, mut optimizer) = (fresh(), make());
            take_steps(optimizer.as_mut(), &model, 1..=trained);
            let [before, other] = [0, 1].map(|i| model.0[i].get().to_vec());
            model.0[0].set_trainable(false);
            take_steps(optimizer.as_mut(), &model, trained + 1..=trained + 6);
            assert_eq!(model.0[0].get().to_vec(), before, "{name}, frozen after {trained} steps");
            assert_ne!(model.0[1].get().to_vec(), other, "{name}");
            model.0[0].set_trainable(true);
            take_steps(optimizer.as_mut(), &model, trained + 7..=trained + 12);
            assert_ne!(model.0[0].get().to_vec(), before, "{name}, unfrozen");
        }
    }
}

/// At a rate of 0.1 Adam's first move is 0.1 g / (|g| + eps) in each component, at whatever step it comes.
#[test]
fn a_parameter_unfrozen_late_first_moves_by_the_rate() {
    for spec in [Choice::Adam(Adam::new(0.1)), Choice::AdamW(Adam { weight_decay: 0.0, ..Adam::w(0.1) })] {
        let (model, mut optimizer) = (fresh::<f64>(), OptimizerSpec::new(spec).build_for::<f64>());
        model.0[0].set_trainable(false);
        take_steps(optimizer.as_mut(), &model, 1..=1000);
        model.0[0].set_trainable(true);
        let before = model.0[0].get();
        take_steps(optimizer.as_mut(), &model, 1001..=1001);
        let gradient = gradient::<f64>(1001, 0);
        for ((now, before), g) in model.0[0].get().data().iter().zip(before.data()).zip(gradient.data()) {
            let moved = now - before;
            assert!((moved + 0.1 * g / (g.abs() + 1e-8)).abs() < 1e-12, "moved by {moved} along {g}");
        }
    }
}

/// Beyond 2²⁴ moves, which `f32` cannot count one by one, a resumed count is still exact.
#[test]
fn counts_of_moves_are_kept_exactly() {
    let (model, spec) = (fresh::<f32>(), OptimizerSpec::new(Choice::Adam(Adam::new(0.1))));
    let mut optimizer = spec.build_for::<f32>();
    optimizer.step(&model, &mut || loss(&model, 1)).unwrap();
    let mut state = optimizer.state();
    assert_eq!(state["p0/step"].data(), [0.0, 1.0]);
    state.insert("p0/step".into(), Tensor::new(vec![2.0, 16_777_215.0], [2]).unwrap());
    optimizer.load(7, state.clone()).unwrap();
    optimizer.step(&model, &mut || loss(&model, 2)).unwrap();
    assert_eq!(optimizer.state()["p0/step"].data(), [3.0, 0.0]);
    for wrong in [vec![0.5, 1.0], vec![-1.0, 0.0], vec![f32::NAN, 0.0], vec![0.0, 16_777_216.0]] {
        state.insert("p0/step".into(), Tensor::new(wrong, [2]).unwrap());
        assert!(optimizer.load(7, state.clone()).unwrap_err().to_string().contains("no count"));
    }
    // A state of another network's shapes is noticed at the first step.
    let mut state = spec.build_for::<f32>().state();
    for name in ["exp_avg", "exp_avg_sq"] {
        state.insert(format!("p0/{name}"), Tensor::zeros([4]));
    }
    state.insert("p0/step".into(), Tensor::new(vec![0.0, 1.0], [2]).unwrap());
    optimizer.load(1, state).unwrap();
    let error = optimizer.step(&model, &mut || loss(&model, 2)).unwrap_err().to_string();
    assert!(error.contains("p0 has another shape"), "{error}");
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
    let (model, mut optimizer) = (fresh::<f64>(), FirstOrder::new(Adam::new(0.1)));
    optimizer.step(&model, &mut || loss(&model, 1)).unwrap();
    let mut state = optimizer.state();
    assert_eq!(
        state.keys().collect::<Vec<_>>(),
        ["p0/exp_avg", "p0/exp_avg_sq", "p0/step", "p1/exp_avg", "p1/exp_avg_sq", "p1/step"]
    );
    state.remove("p1/exp_avg_sq");
    let message = optimizer.load(1, state).unwrap_err().to_string();
    assert!(message.contains("p1") && message.contains("exp_avg_sq"), "{message}");
    // One that belongs to another rule, and one where none is kept.
    let state = optimizer.state();
    let mut sgd = FirstOrder::new(Sgd { momentum: 0.9, ..Sgd::new(0.1) });
    assert!(sgd.load(1, state.clone()).unwrap_err().to_string().contains("momentum_buffer"));
    assert!(FirstOrder::new(Sgd::new(0.1)).load(1, state).is_err());
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

/// Two steps of one move are one step along the mean.
#[test]
fn accumulated_gradients_move_once() {
    let around = Around { gradient_accumulation_steps: 2, ..Around::default() };
    let (model, mut optimizer) = (fresh::<f64>(), FirstOrder::new(Sgd::new(0.5)).around(around));
    let start = model.0[1].get().to_vec();
    optimizer.step(&model, &mut || loss(&model, 1)).unwrap();
    assert_eq!(model.0[1].get().to_vec(), start);
    optimizer.step(&model, &mut || loss(&model, 2)).unwrap();
    let (a, b) = (gradient::<f64>(1, 1), gradient::<f64>(2, 1));
    let expected: Vec<f64> = (0..5).map(|i| start[i] - 0.5 * ((a.data()[i] + b.data()[i]) / 2.0)).collect();
    assert_eq!((model.0[1].get().to_vec(), optimizer.steps()), (expected, 2));
    assert!(optimizer.state().values().all(|sum| sum.data().iter().all(|v| *v == 0.0)), "the sums begin anew");

    // A parameter that has a gradient in one of the steps only.
    let half = Bare(vec![model.0[0].clone()]);
    let before = model.0[1].get().to_vec();
    optimizer.step(&model, &mut || loss(&model, 3)).unwrap();
    optimizer.step(&model, &mut || loss(&half, 4)).unwrap();
    let g = gradient::<f64>(3, 1);
    let expected: Vec<f64> = (0..5).map(|i| before[i] - 0.5 * (g.data()[i] / 2.0)).collect();
    assert_eq!(model.0[1].get().to_vec(), expected);
}

/// Each clipping alone is Keras's (see the goldens); together they act one after the other.
#[test]
fn clippings_act_in_order() {
    let clipped = |around: Around| {
        let (model, mut optimizer) = (fresh::<f64>(), FirstOrder::new(Sgd::new(1.0)).around(around));
        optimizer.step(&model, &mut || loss(&model, 1)).unwrap();
        // What was gone, for a rate of 1: the gradient.
        let gone = |(p, q): (&Param<f64>, &Param<f64>)| {
            p.get().data().iter().zip(q.get().data()).map(|(a, b)| a - b).collect::<Vec<f64>>()
        };
        fresh::<f64>().0.iter().zip(&model.0).map(gone).collect::<Vec<_>>()
    };
    let norm = |g: &[f64]| g.iter().map(|v| v * v).sum::<f64>().sqrt();
    let plain = clipped(Around::default());
    let by_value = clipped(Around { clip_value: Some(1.0), ..Around::default() });
    for (a, b) in plain.iter().flatten().zip(by_value.iter().flatten()) {
        assert!((a.clamp(-1.0, 1.0) - b).abs() < 1e-15);
    }
    let both = clipped(Around { clip_value: Some(1.0), clip_norm: Some(1.25), ..Around::default() });
    for (value, both) in by_value.iter().zip(&both) {
        assert!(norm(value) > 1.25 && (norm(both) - 1.25).abs() < 1e-14);
        let factor = 1.25 / norm(value);
        assert!(value.iter().zip(both).all(|(v, b)| (v * factor - b).abs() < 1e-15));
    }
    let all = Around { clip_value: Some(1.0), clip_norm: Some(1.25), global_clip_norm: Some(1.0), ..Around::default() };
    let all = clipped(all).concat();
    assert!((norm(&all) - 1.0).abs() < 1e-14);
    assert!(both.concat().iter().zip(&all).all(|(b, a)| (b / norm(&both.concat()) - a).abs() < 1e-15));
}

/// Two moves by hand, then a quarter of the way from the start to where they led; with an average beside the slow weights.
#[test]
fn slow_weights_go_a_part_of_the_way() {
    for use_ema in [false, true] {
        let around = Around { lookahead_steps: 2, lookahead_alpha: 0.25, use_ema, ..Around::default() };
        let (model, mut optimizer) = (fresh::<f64>(), FirstOrder::new(Sgd::new(0.5)).around(around));
        let start = model.0[1].get().to_vec();
        for t in 1..=3 {
            optimizer.step(&model, &mut || loss(&model, t)).unwrap();
        }
        let g: Vec<_> = (1..=3).map(|t| gradient::<f64>(t, 1)).collect();
        for (i, found) in model.0[1].get().data().iter().enumerate() {
            let fast = start[i] - 0.5 * (g[0].data()[i] + g[1].data()[i]);
            let expected = start[i] + 0.25 * (fast - start[i]) - 0.5 * g[2].data()[i];
            assert!((found - expected).abs() < 1e-14, "{found} for {expected}");
        }
    }
}

/// Each group moves as its rule alone would move it; saved and loaded they go on alike.
#[test]
fn groups_move_by_their_own_rules() {
    let names: Vec<String> = parameters(&fresh::<f64>()).into_iter().map(|(path, _)| path).collect();
    let (first, rest) = (Choice::Sgd(Sgd { momentum: 0.9, ..Sgd::new(0.5) }), Choice::Adam(Adam::new(0.1)));
    let group = Group { params: vec![names[1].clone()], rule: first };
    let around = Around { use_ema: true, ..Around::default() };
    let spec = OptimizerSpec { rule: rest, around, groups: vec![group] };
    let alone = |rule| OptimizerSpec { around, ..OptimizerSpec::new(rule) };
    let (model, mut optimizer) = (fresh::<f64>(), spec.build_for::<f64>());
    let (by_first, mut first) = (fresh::<f64>(), alone(first).build_for::<f64>());
    let (by_rest, mut rest) = (fresh::<f64>(), alone(rest).build_for::<f64>());
    optimizer.check(&model).unwrap();
    for t in 1..=4 {
        if t == 3 {
            // Rates change in proportion, and a saved state begins where it ended.
            let (steps, state) = (optimizer.steps(), optimizer.state());
            optimizer = spec.build_for::<f64>();
            optimizer.load(steps, state).unwrap();
            optimizer.set_lr(0.05);
            first.set_lr(0.25);
            rest.set_lr(0.05);
        }
        optimizer.step(&model, &mut || loss(&model, t)).unwrap();
        first.step(&by_first, &mut || loss(&by_first, t)).unwrap();
        rest.step(&by_rest, &mut || loss(&by_rest, t)).unwrap();
    }
    let averages = [optimizer.averaged(&model), first.averaged(&by_first), rest.averaged(&by_rest)].map(Option::unwrap);
    for (i, name) in names.iter().enumerate() {
        let of = if i == 1 { &by_first } else { &by_rest };
        assert_eq!(model.0[i].get(), of.0[i].get(), "{name}");
        assert_eq!(averages[0][name], averages[if i == 1 { 1 } else { 2 }][name], "{name}");
    }
    assert!(optimizer.load(0, [("nobody/exp_avg".to_owned(), Tensor::zeros([1]))].into()).is_err());
    let wrong = Group { params: vec!["head.*".into()], rule: Choice::Sgd(Sgd::new(0.1)) };
    let refusal = OptimizerSpec { groups: vec![wrong], ..OptimizerSpec::new(Choice::Adam(Adam::new(0.1))) };
    let refusal = refusal.build_for::<f64>().check(&model).unwrap_err().to_string();
    assert!(refusal.contains("train.optimizer.group.1.params") && refusal.contains(&names[0]), "{refusal}");
}

#[test]
fn muon_refuses_what_is_no_matrix() {
    let model = Linear::<f64>::new(3, 2, Init::PyTorch, &mut Rng::new(1, "muon", 0));
    let muon = OptimizerSpec::new(Choice::Muon(Muon::new(0.02)));
    let refusal = muon.build_for::<f64>().check(&model).unwrap_err().to_string();
    assert!(refusal.contains("cannot move bias of the shape [2]") && refusal.contains("optimizer.group"), "{refusal}");
    let group = Group { params: vec!["bias".into()], rule: Choice::Sgd(Sgd::new(0.1)) };
    OptimizerSpec { groups: vec![group], ..muon }.build_for::<f64>().check(&model).unwrap();
}

#[test]
fn averages_stand_in_for_the_model() {
    let around = Around { use_ema: true, ema_momentum: 0.5, ..Around::default() };
    let spec = OptimizerSpec { rule: Choice::Adam(Adam::new(0.1)), around, groups: Vec::new() };
    let (model, mut optimizer) = (fresh::<f64>(), spec.build_for::<f64>());
    let before = state_dict(&model);
    assert_eq!(optimizer.averaged(&model).unwrap(), before, "no step taken");
    model.0[0].set_trainable(false);
    take_steps(optimizer.as_mut(), &model, 1..=1);
    let first = state_dict(&model);
    assert_eq!(optimizer.averaged(&model).unwrap(), first, "the first average is the weights");
    take_steps(optimizer.as_mut(), &model, 2..=2);
    let averaged = optimizer.averaged(&model).unwrap();
    assert_eq!(averaged["p0"], before["p0"], "a frozen parameter is itself");
    let mean = |i: usize| 0.5 * first["p1"].data()[i] + 0.5 * model.0[1].get().data()[i];
    assert_eq!(averaged["p1"].to_vec(), (0..5).map(mean).collect::<Vec<f64>>());
    load_state_dict(&model, &averaged).unwrap();
    assert!(FirstOrder::<f64, _>::new(Adam::new(0.1)).averaged(&model).is_none());
}
