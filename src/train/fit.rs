//! The settings of a training of a network by a loss.
//!
//! The weights of the epoch with the lowest validation loss are kept, and training ends early when that epoch lies
//! `patience` epochs back (Prechelt 1998). Without validation samples all epochs are trained and the last is kept. What
//! cannot be trained is refused before the first step. The loop is [`Training`]; an epoch is [`Supervised`](super::Supervised)'s.

use super::criterion::Batch;
use super::learner::Training;
use super::measure::Keep;
use super::objective::Objective;
use super::samples::Samples;
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::{Captured, Ctx, Module};
use crate::optim::Schedule;

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
///     Matrix::new(rows, (0..n).map(|i| i % 2).collect::<Vec<_>>())
/// };
/// let (train, val) = (cloud(40)?, cloud(20)?);
/// let model = gradus::models::mlp::mlp(2, &[8], 2, Activation::Relu, &mut Rng::new(1, "init", 0));
///
/// let fit = Fit::new(50, 5, 8, 1); // epochs, patience, batch, seed
/// let trained = fit.run(&model, &mut FirstOrder::new(Adam::new(0.01)), &train, &val, None, &mut Silent)?;
/// assert!(trained.history.best().unwrap().get("val_accuracy").unwrap() > 0.9);
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
    /// Whether the rate changes from step to step instead: the schedule's epochs are then steps
    /// ([`Schedule::in_steps`]).
    pub by_step: bool,
    /// Whether the last batch of an epoch is omitted if it is not full. Another order in each epoch sees to it that all
    /// samples are met.
    pub drop_last: bool,
    /// What messages call the learning rate: the key of its setting, such as `cnn.lr`.
    pub rate: &'static str,
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
            by_step: false,
            drop_last: false,
            rate: "the learning rate",
        }
    }

    /// The same training by a loss that a closure computes from a batch's output: a scalar. See [`Criterion`](super::Criterion) for losses
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
        let Self { epochs, patience, batch, seed, network, keep, schedule, by_step, drop_last, rate, .. } = self;
        Fit { epochs, patience, batch, seed, network, objective, keep, schedule, by_step, drop_last, rate }
    }

    /// Returns the number of samples that an epoch meets, of `n`.
    pub(super) fn met(&self, n: usize) -> usize {
        if self.drop_last { n - n % self.batch } else { n }
    }

    /// Refuses what is decided by validation figures if there are no validation samples; see [`without_validation`].
    pub fn check_validation(&self, samples: usize) -> Result<()> {
        if samples == 0 { without_validation(self.patience != usize::MAX, &self.schedule) } else { Ok(()) }
    }

    /// Refuses what would fail in the midst of an epoch: no batch, and a batch of one sample where batch normalization has
    /// a single value per channel to normalize, whose variance is 0.
    pub(super) fn check(&self, model: &dyn Module, train: &dyn Samples, val: &dyn Samples) -> Result<()> {
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

impl<C> Fit<C> {
    /// Returns how long is trained, and by what the best epoch is chosen.
    pub fn training(&self) -> Training {
        Training { epochs: self.epochs, patience: self.patience, measures: self.keep.measures() }
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

#[cfg(test)]
mod tests {
    use super::super::learner::{Observer, Progress, Silent};
    use super::*;
    use crate::models::mlp::mlp;
    use crate::nn::state::state_dict;
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
