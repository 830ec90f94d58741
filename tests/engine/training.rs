//! The training loop: its objective against PyTorch, what it refuses before the first step, and what it says when it
//! diverges.

use crate::common::{Portable, StopAfter};
use gradus::autograd::{Tape, Var};
use gradus::nn::state::state_dict;
use gradus::nn::{
    Activation, BatchNorm1d, BatchNorm2d, Buffer, Conv2d, Ctx, Flatten, Init, Kind, Linear, Module, Sequential, Walk,
};
use gradus::ops;
use gradus::optim::{Adam, FirstOrder, Sgd};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::train::{
    Batch, Criterion, Epoch, Fit, Keep, Loss, Matrix, Objective, Observer, Progress, Samples, Silent, Trained,
    evaluate, losses, outputs,
};
use gradus::{Error, Result, Target};
use serde::Deserialize;

fn rng() -> Rng {
    Rng::new(1, "init", 0)
}

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    label_smoothing: f64,
    class_weights: Option<Vec<f32>>,
    loss: f64,
    gradient: Vec<f64>,
}

#[test]
fn label_smoothing_is_pytorchs() {
    let golden: Golden = serde_json::from_str(include_str!("../golden/objective.json")).unwrap();
    assert_eq!(golden.cases.len(), 6);
    let logits: Tensor = Portable::new(3).draw("signed", &[7, 4]).cast();
    let target = Target::Classes((0..7).map(|n| n * n % 4).collect());
    let batch = Batch { inputs: &logits, target: &target };
    for case in golden.cases {
        let (label_smoothing, class_weights) = (case.label_smoothing, case.class_weights);
        let objective = Objective { class_weights, label_smoothing, ..Objective::default() };
        let tape = Tape::new();
        let leaf = tape.leaf(logits.clone());
        let loss = objective.loss(&leaf, &batch).unwrap();
        assert!((f64::from(loss.value().item()) - case.loss).abs() < 1e-6 * case.loss, "{objective:?}: {loss:?}");
        let gradients = tape.backward(&loss).unwrap();
        for (found, expected) in gradients.of(&leaf).unwrap().unwrap().data().iter().zip(&case.gradient) {
            assert!((f64::from(*found) - expected).abs() < 1e-7, "{objective:?}: {found}, expected {expected}");
        }
    }
    let nll = Objective { loss: Loss::Nll, label_smoothing: 0.1, ..Objective::default() };
    let error = nll.loss(&Var::constant(logits.clone()), &batch).unwrap_err();
    assert!(error.to_string().contains("label_smoothing"), "{error}");
}

/// Smoothing takes part in training, and in the validation loss.
#[test]
fn label_smoothing_reaches_the_loop() {
    let samples = Matrix::new(Tensor::randn([6, 3], &mut rng()), vec![0, 1, 2, 0, 1, 2]).unwrap();
    let train = |label_smoothing| {
        let model = Sequential::new().with("out", Linear::new(3, 3, Init::PyTorch, &mut rng()));
        let fit = Fit { objective: Objective { label_smoothing, ..Objective::default() }, ..Fit::new(2, 2, 3, 1) };
        let trained =
            fit.run(&model, &mut FirstOrder::new(Sgd::new(0.1)), &samples, &samples, None, &mut Silent).unwrap();
        (trained.last, trained.history.epochs[0].get("val_loss").unwrap())
    };
    let (plain, smooth) = (train(0.0), train(0.3));
    assert_ne!(plain.0, smooth.0);
    assert_ne!(plain.1, smooth.1);
}

/// Counts the samples of each step.
#[derive(Default)]
struct Steps(Vec<usize>, usize);

impl Observer for Steps {
    fn step(&mut self, _: usize, done: usize, total: usize) {
        self.0.push(done);
        self.1 = total;
    }
}

fn matrix(n: usize) -> Matrix {
    Matrix::new(Tensor::randn([n, 2], &mut rng()), (0..n).map(|i| i % 2).collect::<Vec<_>>()).unwrap()
}

/// A network with batch normalization of features.
fn normed() -> Sequential {
    Sequential::new().with("norm", BatchNorm1d::new(2)).with("out", Linear::new(2, 2, Init::PyTorch, &mut rng()))
}

fn fit(
    model: &dyn Module,
    fit: &Fit,
    train: &dyn Samples,
    val: &dyn Samples,
    watch: &mut dyn Observer,
) -> Result<Trained> {
    fit.run(model, &mut FirstOrder::new(Sgd::new(0.1)), train, val, None, watch)
}

#[test]
fn the_last_batch_is_dropped_if_it_is_not_full() {
    for (n, drop_last, expected) in [
        (7, false, vec![3, 6, 7, 3, 6, 7]),
        (7, true, vec![3, 6, 3, 6]),
        (6, true, vec![3, 6, 3, 6]),
        (3, true, vec![3, 3]),
    ] {
        let model = Linear::new(2, 2, Init::PyTorch, &mut rng());
        let mut steps = Steps::default();
        let settings = Fit { drop_last, ..Fit::new(2, 2, 3, 1) };
        let trained = fit(&model, &settings, &matrix(n), &matrix(2), &mut steps).unwrap();
        assert_eq!((steps.0, steps.1), (expected.clone(), *expected.last().unwrap()), "{n} samples");
        // The epoch's mean is that of the samples met.
        assert!(trained.history.epochs.iter().all(|e: &Epoch| e.losses()[0].is_finite()));
    }
    let model = Linear::new(2, 2, Init::PyTorch, &mut rng());
    let error = fit(&model, &Fit { drop_last: true, ..Fit::new(2, 2, 3, 1) }, &matrix(2), &matrix(2), &mut Silent);
    let error = error.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().starts_with("train.batch: is 3, but there are 2 training samples"), "{error}");
}

/// Stopped in the midst of an epoch and resumed, the omitted samples stay omitted.
#[test]
fn a_resumed_training_drops_the_same_batch() {
    struct Stop(usize, Option<gradus::train::Progress>);
    impl Observer for Stop {
        fn step(&mut self, _: usize, _: usize, _: usize) {
            self.0 = self.0.saturating_sub(1);
        }
        fn interrupted(&self) -> bool {
            self.0 == 0
        }
        fn save(&mut self, must: bool, progress: &dyn Fn() -> gradus::train::Progress) -> Result<()> {
            self.1 = must.then(progress);
            Ok(())
        }
    }
    let settings = Fit { drop_last: true, ..Fit::new(3, 9, 3, 1) };
    let run = |from, observer: &mut dyn Observer| {
        let model = normed();
        settings
            .run(&model, &mut FirstOrder::new(Adam::new(0.1)), &matrix(8), &matrix(4), from, observer)
            .map(|t| t.last)
    };
    let whole = run(None, &mut Silent).unwrap();
    for steps in 1..=6 {
        let mut stop = Stop(steps, None);
        assert!(matches!(run(None, &mut stop), Err(Error::Interrupted(_))));
        assert_eq!(run(stop.1, &mut Silent).unwrap(), whole, "stopped after {steps} steps");
    }
}

#[test]
fn a_single_value_per_channel_is_refused_before_the_first_step() {
    let refused = |model: &dyn Module, n: usize, settings: &Fit| {
        let before = state_dict(model);
        let mut steps = Steps::default();
        let error = fit(model, settings, &matrix(n), &matrix(2), &mut steps).err();
        if error.is_some() {
            assert!(steps.0.is_empty() && state_dict(model) == before, "a step was taken");
        }
        error.map(|e| (e.exit_code(), e.to_string()))
    };
    let settings = Fit::new(1, 1, 3, 1);
    let (code, message) = refused(&normed(), 7, &settings).unwrap();
    assert_eq!(code, 2);
    for part in ["train.batch: is 3", "7 training samples", "norm (batch normalization)", "drop_last = true"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(refused(&normed(), 7, &Fit { drop_last: true, ..settings.clone() }).is_none());
    assert!(refused(&normed(), 8, &settings).is_none());
    assert!(refused(&normed(), 4, &Fit::new(1, 1, 1, 1)).unwrap().1.contains("choose a larger batch"));
    // Without batch normalization a batch of one is a batch; so it is where each channel has several places.
    assert!(refused(&Linear::new(2, 2, Init::PyTorch, &mut rng()), 7, &settings).is_none());
    let images = |norm_of_one_place: bool| {
        let kernel = if norm_of_one_place { [2, 2] } else { [1, 1] };
        Sequential::new()
            .with("image", gradus::nn::Unflatten([1, 2, 2].into()))
            .with("conv", Conv2d::new(1, 2, kernel, ops::Conv2d::default(), Init::PyTorch, &mut rng()))
            .with("norm", BatchNorm2d::new(2))
            .with("flatten", Flatten)
            .with("out", Linear::new(if norm_of_one_place { 2 } else { 8 }, 2, Init::PyTorch, &mut rng()))
    };
    let four = Matrix::new(Tensor::randn([7, 4], &mut rng()), vec![0, 1, 0, 1, 0, 1, 0]).unwrap();
    assert!(fit(&images(false), &settings, &four, &four, &mut Silent).is_ok());
    assert!(fit(&images(true), &settings, &four, &four, &mut Silent).unwrap_err().to_string().contains("norm"));
}

/// Without validation samples all epochs are trained, and the weights are those of the last.
#[test]
fn without_validation_samples_the_last_weights_are_kept() {
    let none = Matrix::new(Tensor::zeros([0, 2]), vec![]).unwrap();
    let model = Linear::new(2, 2, Init::PyTorch, &mut rng());
    let trained = fit(&model, &Fit::new(4, usize::MAX, 3, 1), &matrix(6), &none, &mut Silent).unwrap();
    let history = &trained.history;
    assert_eq!((history.epochs.len(), history.best_epoch, history.epochs[3].get("val_loss")), (4, 4, None));
    assert!(trained.last == state_dict(&model) && history.epochs[3].get("train_accuracy").is_some());
}

#[test]
fn no_samples_are_an_error_and_no_panic() {
    let model = Linear::new(2, 2, Init::PyTorch, &mut rng());
    let none = Matrix::new(Tensor::zeros([0, 2]), vec![]).unwrap();
    let error = fit(&model, &Fit::new(1, 1, 3, 1), &matrix(3), &none, &mut Silent).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().starts_with("train.patience: ends the training"), "{error}");
    assert!(fit(&model, &Fit::new(1, 1, 3, 1), &none, &matrix(3), &mut Silent).is_err());
    assert!(fit(&model, &Fit::new(1, 1, 0, 1), &matrix(3), &matrix(3), &mut Silent).is_err());
    assert!(evaluate(&model, &none, &Objective::default()).is_err());
    assert!(outputs(&model, &none, &[], 1).is_err());
    let back = Objective { loss: Loss::ReconstructionMse, ..Objective::default() };
    assert!(evaluate(&model, &matrix(3), &back).is_err(), "a reconstruction has no classes");
}

#[test]
fn divergence_names_the_key_the_rate_and_the_place() {
    let settings = Fit { rate: "cnn.lr", ..Fit::new(9, 9, 3, 1) };
    let model = Sequential::new()
        .with("fc", Linear::new(2, 4, Init::PyTorch, &mut rng()))
        .with("out", Linear::new(4, 2, Init::PyTorch, &mut rng()));
    let mut sgd = FirstOrder::new(Sgd::new(1e30));
    let error = settings.run(&model, &mut sgd, &matrix(7), &matrix(3), None, &mut Silent).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().contains("lower cnn.lr (it is 1e30 now)"), "{error}");
    assert!(!error.to_string().contains("checkpoint"), "the loop knows of none: {error}");
}

/// y = √x of a parameter that is 0: the value is finite, its gradient is not.
struct Root(Linear, gradus::autograd::Param, Buffer);

impl Module for Root {
    fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        let root = cx.param(&self.1).sqrt()?;
        cx.call("out", &self.0, x)?.add(&root)
    }
    fn walk(&self, walk: &mut Walk<'_, f32>) {
        walk.child("out", &self.0);
        walk.param("radius", &self.1);
        walk.buffer("kept", &self.2);
    }
    fn kind(&self) -> Kind {
        Kind::Container
    }
}

#[test]
fn a_gradient_that_is_not_finite_stops_the_training_with_its_parameter() {
    let zeros = |n: usize| Tensor::zeros([n]);
    let out = Linear::new(2, 2, Init::PyTorch, &mut rng());
    let model = Root(out, gradus::autograd::Param::new(zeros(2)), Buffer::new(zeros(2)));
    let before = state_dict(&model);
    let error = fit(&model, &Fit::new(1, 1, 3, 1), &matrix(3), &matrix(3), &mut Silent).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().contains("the gradient of radius, step 1"), "{error}");
    assert_eq!(state_dict(&model), before, "nothing was written");
}

#[test]
fn activations_of_a_batch_of_one_are_those_of_the_batch() {
    let model = Sequential::new()
        .with("fc", Linear::new(2, 3, Init::PyTorch, &mut rng()))
        .with("relu", Activation::Relu)
        .with("out", Linear::new(3, 2, Init::PyTorch, &mut rng()));
    let samples = matrix(5);
    let all = outputs(&model, &samples, &[0, 1, 2, 3, 4], 1).unwrap();
    let one = outputs(&model, &samples, &[3], 1).unwrap();
    assert_eq!(one.data(), &all.data()[6..8]);
}

/// Cross-entropy as a user writes it.
fn own_loss(output: &Var, batch: &Batch<'_>) -> Result<Var> {
    output.cross_entropy(ops::ClassTarget::Labels(batch.labels()))
}

/// The same with classes, and a count of the calls.
#[derive(Clone)]
struct OwnClasses;

impl Criterion for OwnClasses {
    fn loss(&self, output: &Var, batch: &Batch<'_>) -> Result<Var> {
        own_loss(output, batch)
    }
    fn classifies(&self, _: &Target) -> bool {
        true
    }
    fn predictions(&self, output: &Tensor) -> Vec<usize> {
        output.data().chunks(2).map(|y| usize::from(y[1] > y[0])).collect()
    }
}

fn two_layers() -> Sequential {
    gradus::models::mlp::mlp(2, &[4], 2, Activation::Tanh, &mut rng())
}

/// Trains two layers by an objective; everything that came of it.
fn trained_by<C: Criterion>(fit: &Fit<C>, from: Option<Progress>, watch: &mut dyn Observer) -> Result<Trained> {
    let model = two_layers();
    let trained = fit.run(&model, &mut FirstOrder::new(Adam::new(0.05)), &matrix(7), &matrix(5), from, watch)?;
    assert_eq!(trained.best, state_dict(&model));
    Ok(Trained { last: state_dict(&model), ..trained })
}

#[test]
fn a_loss_of_ones_own_trains_as_the_same_loss_of_this_crate_bit_for_bit() {
    let settings = Fit::new(4, 4, 3, 1);
    let expected = trained_by(&settings, None, &mut Silent).unwrap();
    let by_type = trained_by(&settings.clone().with_objective(OwnClasses), None, &mut Silent).unwrap();
    assert_eq!((&by_type.history, &by_type.last), (&expected.history, &expected.last));
    // A closure has no classes, so no accuracy; all else is the same.
    let by_closure = trained_by(&settings.clone().with_loss(own_loss), None, &mut Silent).unwrap();
    assert_eq!(by_closure.last, expected.last);
    for (found, expected) in by_closure.history.epochs.iter().zip(&expected.history.epochs) {
        assert_eq!(found.losses(), expected.losses());
        assert_eq!((found.get("train_accuracy"), found.get("val_accuracy")), (None, None));
    }
}

#[test]
fn a_training_by_ones_own_loss_stops_early_keeps_the_best_and_resumes() {
    // |output| rises for the validation samples as it falls for the others, if their signs are turned.
    let fit = Fit::new(30, 3, 3, 1).with_loss(|output, batch| {
        let sign = if batch.samples() == 5 { -1.0 } else { 1.0 };
        (sign * output).mean()
    });
    let trained = trained_by(&fit, None, &mut Silent).unwrap();
    assert_eq!((trained.history.best_epoch, trained.history.epochs.len()), (1, 4), "{:?}", trained.history);
    let own = Fit { keep: Keep::Accuracy, ..Fit::new(3, 3, 3, 1) }.with_objective(OwnClasses);
    let whole = trained_by(&own, None, &mut Silent).unwrap();
    for steps in [1, 4, 8] {
        let mut stop = StopAfter(steps, None);
        assert!(matches!(trained_by(&own, None, &mut stop), Err(Error::Interrupted(_))));
        let resumed = trained_by(&own, stop.1, &mut Silent).unwrap();
        assert_eq!((&resumed.history, &resumed.last), (&whole.history, &whole.last), "stopped after {steps} steps");
    }
}

#[test]
fn targets_reach_a_loss_that_asks_for_them() {
    let rows = Tensor::from_fn([6, 1], |i| i as f32);
    let samples = Matrix::new(rows.clone(), Target::Values(&rows * 3.0)).unwrap();
    assert_eq!(samples.target().gather(&[4, 1]).values().unwrap().data(), [12.0, 3.0]);
    let model = Linear::new(1, 1, Init::PyTorch, &mut rng());
    let squared = |output: &Var, batch: &Batch<'_>| output.mse(&batch.values()?);
    let measured = losses(&model, &samples, &squared, 1).unwrap().loss;
    let [w, b] = ["weight", "bias"].map(|name| state_dict(&model)[name].item());
    let by_hand = (0..6).map(|x| f64::from(w * x as f32 + b - 3.0 * x as f32).powi(2)).sum::<f64>() / 6.0;
    assert!((measured / by_hand - 1.0).abs() < 1e-6, "{measured} {by_hand}");
    // Labels are not targets, and the numbers must agree.
    let error = losses(&two_layers(), &matrix(3), &squared, 1).unwrap_err().to_string();
    assert!(error.contains("help: Target::Values"), "{error}");
    assert!(Matrix::new(rows.clone(), Target::Values(Tensor::zeros([5, 1]))).is_err());
    // Samples of which nothing is to be predicted have no loss of classes, and no predictions to be measured.
    let nothing = Matrix::new(Tensor::zeros([6, 2]), Target::None).unwrap();
    assert!(losses(&two_layers(), &nothing, &Objective::default(), 1).unwrap_err().to_string().contains("neither"));
    assert!(evaluate(&two_layers(), &nothing, &Objective::default()).unwrap_err().to_string().contains("classes"));
}

#[test]
fn losses_that_are_no_scalars_and_predictions_that_are_too_few_are_refused() {
    let error = trained_by(&Fit::new(1, 1, 3, 1).with_loss(|output, _| output.relu()), None, &mut Silent).unwrap_err();
    assert_eq!(error.to_string(), "loss expected a scalar, found [3, 2]. help: end it with mean()");
    struct Short;
    impl Criterion for Short {
        fn loss(&self, output: &Var, batch: &Batch<'_>) -> Result<Var> {
            own_loss(output, batch)
        }
        fn classifies(&self, _: &Target) -> bool {
            true
        }
        fn predictions(&self, _: &Tensor) -> Vec<usize> {
            vec![0]
        }
    }
    let error = trained_by(&Fit::new(1, 1, 3, 1).with_objective(Short), None, &mut Silent).unwrap_err();
    assert_eq!(error.to_string(), "predictions: expected one for each of 3 samples, found 1");
    // Without probabilities there is nothing to evaluate, and with a closure neither.
    let error = evaluate(&two_layers(), &matrix(3), &OwnClasses).unwrap_err().to_string();
    assert!(error.contains("reads no probabilities"), "{error}");
}

/// Two layers in a row, of which the walk names one.
struct Forgetful {
    first: Linear,
    forgotten: Linear,
}

impl Module for Forgetful {
    fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        let h = cx.call("first", &self.first, x)?;
        cx.call("forgotten", &self.forgotten, &h)
    }
    fn walk(&self, walk: &mut Walk<'_, f32>) {
        walk.child("first", &self.first);
    }
    fn kind(&self) -> Kind {
        Kind::Container
    }
}

#[test]
fn a_child_forgotten_in_walk_is_named_before_anything_is_written() {
    let model = Forgetful {
        first: Linear::new(2, 3, Init::PyTorch, &mut rng()),
        forgotten: Linear::new(3, 2, Init::PyTorch, &mut rng()),
    };
    let before = state_dict(&model);
    let mut adam = FirstOrder::new(Adam::new(0.1));
    let mut run = || Fit::new(1, 1, 3, 1).run(&model, &mut adam, &matrix(6), &matrix(3), None, &mut Silent);
    let error = run().unwrap_err().to_string();
    assert!(
        error.contains("a parameter of shape [2, 3] that the model's walk does not name") && error.contains("in walk"),
        "{error}"
    );
    assert_eq!(state_dict(&model), before);
    // One of the two frozen is the other's turn; both frozen are not a fault.
    let parameters = gradus::nn::parameters(&model.forgotten);
    parameters[0].1.set_trainable(false);
    let error = run().unwrap_err().to_string();
    assert!(error.contains("of shape [2] that"), "{error}");
    parameters[1].1.set_trainable(false);
    run().unwrap();
    assert_ne!(state_dict(&model), before);
}
