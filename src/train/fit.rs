//! The training loop.
//!
//! Each epoch goes once through the training samples in a new order, a batch at a time; then the validation samples
//! are evaluated. The weights of the epoch with the lowest validation loss are kept, and training ends early when
//! that epoch lies `patience` epochs back (Prechelt 1998). Without validation samples all epochs are trained and the last
//! is kept. What cannot be trained is refused before the first step.
//!
//! Everything random is keyed by (seed, epoch) or (seed, network, layer, step), and the loop's place is written down as
//! [`Progress`]: a resumed training ends in the same bits as one that never stopped.

use super::batch::Batches;
use super::checkpoint::{Progress, Running};
use super::criterion::{Batch, Criterion, loss_of, predictions_of};
use super::evaluate::{first_odd, kind, losses, measure};
use super::history::{Epoch, History, Keep};
use super::objective::Objective;
use super::samples::{Drawn, Samples};
use crate::autograd::{Tape, Var};
use crate::error::{Error, Result};
use crate::nn::state::{State, load_state_dict, state_dict};
use crate::nn::{Captured, Ctx, Draws, Module, Proposals};
use crate::optim::{Optimizer, Schedule};

/// Outputs of a classifier beyond this say nothing any more: neighbouring numbers of `f32` lie 10⁸ apart there, and the
/// squares that maps and distances are made of leave its range soon after.
const LARGEST: f32 = 1e15;

/// The settings of a training by a loss: one of this crate's, by its [`Objective`], or your own
/// ([`with_loss`](Self::with_loss), [`with_objective`](Self::with_objective)).
///
/// ```
/// use gradus::prelude::*;
///
/// // Two clouds of points, a small network, and early stopping by validation loss.
/// let mut rng = Rng::new(1, "clouds", 0);
/// let mut cloud = |n: usize| {
///     let rows = Tensor::from_fn([n, 2], |i| (rng.normal() + if i / 2 % 2 == 0 { -2.0 } else { 2.0 }) as f32);
///     Matrix::new(rows, (0..n).map(|i| i % 2).collect())
/// };
/// let (train, val) = (cloud(40)?, cloud(20)?);
/// let model = gradus::models::mlp::mlp(2, &[8], 2, Activation::Relu, &mut Rng::new(1, "init", 0));
///
/// let fit = Fit::new(50, 5, 8, 1); // epochs, patience, batch, seed
/// let trained = fit.run(&model, &mut FirstOrder::new(Adam::new(0.01)), &train, &val, None, &mut Silent)?;
/// assert!(trained.history.best().unwrap().val_accuracy.unwrap() > 0.9);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fit<C = Objective> {
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a better one after which training stops.
    pub patience: usize,
    /// Samples per step.
    pub batch: usize,
    /// Seed of order, augmentation and dropout.
    pub seed: u64,
    /// The network's name, by which its layers draw other random numbers than those of the run's other networks.
    pub network: String,
    /// The loss.
    pub objective: C,
    /// By what the best epoch is chosen.
    pub keep: Keep,
    /// How the learning rate changes from epoch to epoch; it begins with the optimizer's.
    pub schedule: Schedule,
    /// Whether the last batch of an epoch is omitted if it is not full. Another order in each epoch sees to it that all
    /// samples are met.
    pub drop_last: bool,
    /// What messages call the learning rate: the key of its setting, such as `cnn.lr`.
    pub rate: &'static str,
}

/// An observer of a training: a progress bar, a log, what stops or saves it.
///
/// ```
/// use gradus::prelude::*;
///
/// /// Prints each epoch's losses.
/// struct Print;
///
/// impl Observer for Print {
///     fn epoch(&mut self, record: &Epoch, best: bool) {
///         let [train, val] = record.losses();
///         println!("epoch {}: {train:.3}, {val:.3}{}", record.epoch, if best { " *" } else { "" });
///     }
/// }
///
/// let samples = Matrix::new(Tensor::zeros([4, 2]), vec![0, 1, 0, 1])?;
/// let model = Linear::new(2, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// Fit::new(3, 3, 2, 1).run(&model, &mut FirstOrder::new(Sgd::new(0.1)), &samples, &samples, None, &mut Print)?;
/// # Ok::<(), Error>(())
/// ```
pub trait Observer {
    /// After each step: `done` of `total` samples of epoch number `epoch` have been seen.
    fn step(&mut self, epoch: usize, done: usize, total: usize) {
        let _ = (epoch, done, total);
    }

    /// After each epoch. `best` tells whether it is the best so far.
    fn epoch(&mut self, record: &Epoch, best: bool) {
        let _ = (record, best);
    }

    /// Asked after each step: whether to stop now. The training then saves itself and ends with
    /// [`Error::Interrupted`].
    fn interrupted(&self) -> bool {
        false
    }

    /// Offered after each epoch, and always before an interruption (`must`): `progress()` is everything needed to
    /// take the training up from here.
    fn save(&mut self, must: bool, progress: &dyn Fn() -> Progress) -> Result<()> {
        let _ = (must, progress);
        Ok(())
    }
}

/// An observer that does nothing.
#[derive(Debug)]
pub struct Silent;
impl Observer for Silent {}

/// A finished training. The model itself holds the best epoch's weights.
#[derive(Clone, Debug)]
pub struct Trained {
    /// All epochs.
    pub history: History,
    /// The last epoch's weights.
    pub last: State<f32>,
}

impl Fit {
    /// Cross-entropy, and the epoch with the lowest validation loss is kept.
    pub fn new(epochs: usize, patience: usize, batch: usize, seed: u64) -> Self {
        Self {
            epochs,
            patience,
            batch,
            seed,
            network: String::new(),
            objective: Objective::default(),
            keep: Keep::Loss,
            schedule: Schedule::default(),
            drop_last: false,
            rate: "the learning rate",
        }
    }

    /// The same training by a loss that a closure computes from a batch's output: a scalar. See [`Criterion`] for losses
    /// with classes.
    ///
    /// ```
    /// use gradus::prelude::*;
    /// // The mean absolute error of an autoencoder.
    /// let fit = Fit::new(10, 10, 32, 1).with_loss(|output, batch| {
    ///     output.sub(&Var::constant(batch.inputs.clone()))?.abs()?.mean()
    /// });
    /// ```
    pub fn with_loss<F: Fn(&Var, &Batch<'_>) -> Result<Var>>(self, loss: F) -> Fit<F> {
        self.with_objective(loss)
    }
}

impl<C> Fit<C> {
    /// The same training by another objective.
    pub fn with_objective<D>(self, objective: D) -> Fit<D> {
        let Self { epochs, patience, batch, seed, network, keep, schedule, drop_last, rate, .. } = self;
        Fit { epochs, patience, batch, seed, network, objective, keep, schedule, drop_last, rate }
    }

    /// Number of samples that an epoch meets, of `n`.
    fn met(&self, n: usize) -> usize {
        if self.drop_last { n - n % self.batch } else { n }
    }

    /// Refuses what is decided by validation figures if there are no validation samples; see [`without_validation`].
    pub fn check_validation(&self, samples: usize) -> Result<()> {
        if samples == 0 { without_validation(self.patience != usize::MAX, &self.schedule) } else { Ok(()) }
    }

    /// Refuses what would fail in the midst of an epoch: no batch, and a batch of one sample where batch normalization has
    /// a single value per channel to normalize, whose variance is 0.
    fn check(&self, model: &dyn Module, train: &dyn Samples, val: &dyn Samples) -> Result<()> {
        if self.batch == 0 {
            return Err(Error::config("train.batch", "is 0", "give a whole number from 1"));
        }
        self.check_validation(val.len())?;
        let met = self.met(train.len());
        if met == 0 {
            let what = format!("is {}, but there are {} training samples", self.batch, train.len());
            return Err(Error::config("train.batch", what, "choose a smaller batch, or drop_last = false"));
        }
        if !(met - 1).is_multiple_of(self.batch) {
            return Ok(()); // No batch has one sample.
        }
        let mut cx = Ctx::eval().capture(&|_| true);
        model.forward(&Var::constant(train.batch(&[0], None)), &mut cx)?;
        let single = |layer: &Captured<f32>| {
            let shape = layer.output.shape();
            layer.kind.properties().is_some_and(|says| says.over_batch)
                && shape[1..].iter().skip(1).product::<usize>() == 1
        };
        let Some(norm) = cx.captured().into_iter().find(single) else { return Ok(()) };
        let what = format!(
            "is {}: of {} training samples the last batch holds one, and {} (batch normalization) cannot be trained on a \
             single value per channel",
            self.batch,
            train.len(),
            norm.path
        );
        let help = match self.batch {
            1 => "choose a larger batch",
            _ => "set train.drop_last = true, which omits that batch, or choose another batch size",
        };
        Err(Error::config("train.batch", what, help))
    }
}

impl<C: Criterion> Fit<C> {
    /// Trains `model` and leaves the best epoch's weights in it. `from` resumes a training that was stopped.
    ///
    /// Fails before the first step if the settings do not fit the samples (see [`Error::Config`]), and with
    /// [`Error::Diverged`] if the loss, a gradient or the validation loss is not finite, or a classifier's outputs for the
    /// validation samples go beyond 10¹⁵.
    pub fn run(
        &self,
        model: &dyn Module,
        optimizer: &mut dyn Optimizer<f32>,
        train: &dyn Samples,
        val: &dyn Samples,
        from: Option<Progress>,
        observer: &mut dyn Observer,
    ) -> Result<Trained> {
        self.check(model, train, val)?;
        let (base, met) = (optimizer.lr(), self.met(train.len()));
        let (mut history, mut best, mut running) = (History::default(), state_dict(model), Running::default());
        if let Some(progress) = from {
            load_state_dict(model, &progress.model)?;
            optimizer.load(progress.steps, progress.optimizer)?;
            (history, best, running) = (progress.history, progress.best, progress.running);
        }
        while history.epochs.len() < self.epochs && (history.epochs.is_empty() || history.stale() < self.patience) {
            let epoch = history.epochs.len() + 1;
            let so_far: Vec<f64> = history.epochs.iter().filter_map(|e| e.val_loss).collect();
            optimizer.set_lr(self.schedule.lr(base, epoch, self.epochs, &so_far));
            let batches = Batches::new(train.len(), self.batch, self.seed, epoch as u64, true);
            let (done, all) = (running.seen.div_ceil(self.batch), met.div_ceil(self.batch));
            for indices in batches.take(all).skip(done) {
                self.step(model, optimizer, train, epoch, &indices, &mut running)?;
                observer.step(epoch, running.seen, met);
                if observer.interrupted() {
                    observer.save(true, &|| progress(model, optimizer, &history, &best, running))?;
                    return Err(Error::Interrupted(format!("interrupted in epoch {epoch}")));
                }
            }
            // A running average of the weights, if one is kept, is what is evaluated and what may be the best.
            let mut moving = None;
            if let Some(average) = optimizer.averaged(model) {
                moving = Some(state_dict(model));
                load_state_dict(model, &average)?;
            }
            let measured = if val.is_empty() {
                Ok((None, None))
            } else if !self.objective.classifies() {
                losses(model, val, &self.objective, self.seed).map(|losses| (Some(losses.loss), None))
            } else {
                measure(model, val, &self.objective, &mut |_| Ok(())).and_then(|found| {
                    if found.largest > LARGEST && found.loss.is_finite() {
                        let (what, place) =
                            (format!("an output of {:.1e}", found.largest), "the end of the network".to_owned());
                        return Err(self.diverged(what, place, optimizer.steps(), optimizer.lr()));
                    }
                    Ok((Some(found.loss), Some(found.accuracy)))
                })
            };
            let (val_loss, val_accuracy) = match measured {
                Err(Error::NotFinite { .. }) => (Some(f64::NAN), None),
                measured => measured?,
            };
            if val_loss.is_some_and(|loss| !loss.is_finite()) {
                let first: Vec<usize> = (0..val.len().min(self.batch)).collect();
                let (what, place) = first_fault(model, val, &first);
                return Err(self.diverged(what, place, optimizer.steps(), optimizer.lr()));
            }
            let record = Epoch {
                epoch,
                train_loss: running.loss / running.weight,
                train_accuracy: self.objective.classifies().then(|| running.right as f64 / running.seen as f64),
                val_loss,
                val_accuracy,
            };
            running = Running::default();
            let is_best = history.push(record, self.keep);
            if is_best {
                best = state_dict(model);
            }
            if let Some(moving) = &moving {
                load_state_dict(model, moving)?;
            }
            observer.epoch(&record, is_best);
            observer.save(false, &|| progress(model, optimizer, &history, &best, running))?;
        }
        let last = state_dict(model);
        load_state_dict(model, &best)?;
        Ok(Trained { history, last })
    }

    /// One step on the samples `indices`.
    fn step(
        &self,
        model: &dyn Module,
        optimizer: &mut dyn Optimizer<f32>,
        train: &dyn Samples,
        epoch: usize,
        indices: &[usize],
        running: &mut Running,
    ) -> Result<()> {
        let drawn = Drawn::new(train, indices, Some(epoch as u64));
        let step = optimizer.steps() + 1;
        let (mut right, mut proposals) = (0, Proposals::default());
        let loss = optimizer.step(model, &mut || {
            let tape = Tape::new();
            let mut cx = Ctx::train(&tape, Draws { seed: self.seed, network: &self.network }, step);
            let output = model.forward(&Var::constant(drawn.inputs.clone()), &mut cx)?;
            let predictions = predictions_of(&self.objective, output.value(), indices.len())?;
            right = predictions.iter().zip(&drawn.labels).filter(|(predicted, label)| predicted == label).count();
            let mut loss = loss_of(&self.objective, &output, &drawn.batch())?;
            for added in cx.losses() {
                loss = loss.add(&added.value.affine(added.weight, 0.0)?)?;
            }
            proposals = cx.proposals();
            let value = loss.value().item();
            Ok((value, tape.backward(&loss)?))
        });
        match loss {
            Ok(loss) => {
                proposals.commit();
                running.seen += indices.len();
                running.loss += f64::from(loss) * self.objective.weight(&drawn.labels);
                running.weight += self.objective.weight(&drawn.labels);
                running.right += right;
                Ok(())
            }
            Err(Error::Diverged { what, place, step, .. }) => {
                // Of a loss the layer is sought; a gradient has its parameter's name already.
                let fault = if place == "loss" { first_fault(model, train, indices) } else { (what, place) };
                Err(self.diverged(fault.0, fault.1, step, optimizer.lr()))
            }
            Err(other) => Err(other),
        }
    }

    /// The error of a training that diverged.
    fn diverged(&self, what: String, place: String, step: u64, lr: f64) -> Error {
        let help = format!("lower {} (it is {lr:?} now), or look for odd samples in the data", self.rate);
        Error::Diverged { what, place, step, help }
    }
}

/// Refuses what is decided by validation figures, for a training without validation samples: early stopping (`stops`), and a
/// learning rate that follows the loss. The last epoch is kept then.
pub fn without_validation(stops: bool, schedule: &Schedule) -> Result<()> {
    let follows = matches!(schedule, Schedule::Plateau { .. });
    let needed = [
        ("train.patience", stops, "ends the training by the validation loss", "0"),
        ("train.schedule", follows, "follows the validation loss", "{ kind = \"constant\" }"),
    ];
    match needed.into_iter().find(|(_, set, ..)| *set) {
        None => Ok(()),
        Some((key, _, what, without)) => Err(Error::config(
            key,
            format!("{what}, but there are no validation samples (data.val = 0)"),
            format!("write {key} = {without}, or give data.val a fraction above 0, such as 0.15"),
        )),
    }
}

/// Everything needed to take the training up again.
fn progress(
    model: &dyn Module,
    optimizer: &dyn Optimizer<f32>,
    history: &History,
    best: &State<f32>,
    running: Running,
) -> Progress {
    Progress {
        model: state_dict(model),
        optimizer: optimizer.state(),
        steps: optimizer.steps(),
        best: best.clone(),
        history: history.clone(),
        running,
    }
}

/// What is not finite, and the first place where it is seen: the input, a layer's output, or the loss.
fn first_fault(model: &dyn Module, samples: &dyn Samples, indices: &[usize]) -> (String, String) {
    let found = first_odd(model, &samples.batch(indices, None));
    let (value, place) = found.unwrap_or((f32::NAN, "the loss".to_owned()));
    (kind(value).into(), place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::mlp::mlp;
    use crate::nn::{Activation, Sequential};
    use crate::optim::{Adam, FirstOrder};
    use crate::rng::Rng;
    use crate::tensor::Tensor;
    use crate::train::Matrix;

    /// Stops after so many steps, and keeps what it was given to save.
    struct StopAfter(usize, Option<Progress>);

    impl Observer for StopAfter {
        fn step(&mut self, _: usize, _: usize, _: usize) {
            self.0 = self.0.saturating_sub(1);
        }
        fn interrupted(&self) -> bool {
            self.0 == 0
        }
        fn save(&mut self, must: bool, progress: &dyn Fn() -> Progress) -> Result<()> {
            if must {
                self.1 = Some(progress());
            }
            Ok(())
        }
    }

    /// Seven samples in batches of three: the last batch of an epoch is not full.
    #[test]
    fn stopped_after_any_step_it_ends_in_the_same_bits() {
        let mut rng = Rng::new(3, "test", 0);
        let samples = Matrix::new(Tensor::randn([7, 4], &mut rng), vec![0, 1, 0, 1, 1, 0, 1]).unwrap();
        let fit = Fit::new(3, 9, 3, 5);
        let new_model = || -> Sequential { mlp(4, &[5], 2, Activation::Tanh, &mut Rng::new(1, "init", 0)) };
        let run = |from: Option<Progress>, observer: &mut dyn Observer| {
            let model = new_model();
            let mut adam = FirstOrder::new(Adam::new(0.05));
            let trained = fit.run(&model, &mut adam, &samples, &samples, from, observer)?;
            Ok::<_, Error>((trained.history, trained.last, state_dict(&model)))
        };
        let whole = run(None, &mut Silent).unwrap();
        for steps in 1..=9 {
            let mut stop = StopAfter(steps, None);
            assert!(matches!(run(None, &mut stop), Err(Error::Interrupted(_))), "after {steps} steps");
            assert_eq!(run(stop.1, &mut Silent).unwrap(), whole, "stopped after {steps} steps");
        }
    }
}
