//! A network with a loss, an optimizer and samples: the learner of nearly all trainings.
//!
//! Each epoch goes once through the training samples in a new order, a batch at a time; then the validation samples are
//! evaluated. Everything random is keyed by (seed, epoch) or (seed, network, layer, step), and the place within an epoch is
//! part of the state: a resumed training ends in the same bits as one that never stopped.

use super::batch::Batches;
use super::criterion::{Criterion, loss_of, predictions_of};
use super::evaluate::{first_odd, kind, losses, measure};
use super::fit::Fit;
use super::history::{Figures, History, STOPPED};
use super::learner::{Learner, Observer, Progress, States, Trained};
use super::samples::{Drawn, Samples};
use crate::autograd::{Tape, Var};
use crate::error::{Error, Result};
use crate::nn::state::{State, load_state_dict, state_dict};
use crate::nn::{Ctx, Draws, Module, Proposals};
use crate::optim::{Optimizer, Schedule, Stopped};

/// Outputs of a classifier beyond this say nothing any more: neighbouring numbers of `f32` lie 10⁸ apart there, and the
/// squares that embeddings and distances are made of leave its range soon after.
const LARGEST: f32 = 1e15;

/// A network that is trained by a loss; see [`Fit::learner`].
pub struct Supervised<'a, C> {
    fit: &'a Fit<C>,
    model: &'a dyn Module,
    optimizer: &'a mut dyn Optimizer<f32>,
    train: &'a dyn Samples,
    val: &'a dyn Samples,
    /// The learning rate that the schedule begins with.
    lr: f64,
    running: Running,
}

/// Sums over the batches of a running epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Running {
    /// Samples seen.
    seen: usize,
    /// Sum of their losses, each times its weight.
    loss: f64,
    /// Sum of their weights.
    weight: f64,
    /// Correct predictions.
    correct: usize,
    /// Steps by the reason for which they ended, in the order of [`Stopped::ALL`].
    stopped: [usize; Stopped::ALL.len()],
}

impl Running {
    /// The steps that ended for each reason.
    fn stopped_by_name(&self) -> [(String, f64); Stopped::ALL.len()] {
        Stopped::ALL.map(|why| (format!("{STOPPED}{}", why.name()), self.stopped[why as usize] as f64))
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
        self.training().run(&mut self.learner(model, optimizer, train, val)?, from, observer)
    }

    /// Returns the learner that [`run`](Self::run) trains. Fails if the settings do not fit the samples.
    pub fn learner<'a>(
        &'a self,
        model: &'a dyn Module,
        optimizer: &'a mut dyn Optimizer<f32>,
        train: &'a dyn Samples,
        val: &'a dyn Samples,
    ) -> Result<Supervised<'a, C>> {
        self.check(model, train, val)?;
        optimizer.check(model)?;
        Ok(Supervised::new(self, model, optimizer, train, val))
    }
}

impl<'a, C> Supervised<'a, C> {
    pub(super) fn new(
        fit: &'a Fit<C>,
        model: &'a dyn Module,
        optimizer: &'a mut dyn Optimizer<f32>,
        train: &'a dyn Samples,
        val: &'a dyn Samples,
    ) -> Self {
        let lr = optimizer.lr();
        Self { fit, model, optimizer, train, val, lr, running: Running::default() }
    }

    /// The error of a training that diverged.
    fn diverged(&self, what: String, place: String, step: u64) -> Error {
        let (rate, lr) = (self.fit.rate, self.optimizer.lr());
        let help = format!("lower {rate} (it is {lr:?} now), or look for odd samples in the data");
        Error::Diverged { what, place, step, help }
    }
}

impl<C: Criterion> Supervised<'_, C> {
    /// One step on the samples `indices`.
    fn step(&mut self, epoch: usize, indices: &[usize]) -> Result<()> {
        let Self { fit, model, train, running, .. } = self;
        let drawn = Drawn::new(*train, indices, Some(epoch as u64));
        let step = self.optimizer.steps() + 1;
        // Of several evaluations (a line search) the first is of the weights before the step, as the loss is.
        let (mut correct, mut proposals) = (None, Proposals::default());
        let loss = self.optimizer.step(*model, &mut || {
            let tape = Tape::new();
            let mut cx = Ctx::train(&tape, Draws { seed: fit.seed, network: &fit.network }, step);
            let output = model.forward(&Var::constant(drawn.inputs.clone()), &mut cx)?;
            let predictions = predictions_of(&fit.objective, output.value(), &drawn.batch())?;
            correct.get_or_insert_with(|| {
                predictions.iter().zip(drawn.target.labels()).filter(|(predicted, label)| predicted == label).count()
            });
            let mut loss = loss_of(&fit.objective, &output, &drawn.batch())?;
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
                let weight = fit.objective.weight(&drawn.batch());
                running.seen += indices.len();
                running.loss += f64::from(loss) * weight;
                running.weight += weight;
                running.correct += correct.unwrap_or(0);
                self.optimizer.stopped().into_iter().for_each(|why| running.stopped[why as usize] += 1);
                Ok(())
            }
            Err(Error::Diverged { what, place, step, .. }) => {
                // Of a loss the layer is sought; a gradient has its parameter's name already.
                let (what, place) = if place == "loss" { first_fault(*model, *train, indices) } else { (what, place) };
                Err(self.diverged(what, place, step))
            }
            Err(other) => Err(other),
        }
    }

    /// Measures the network, as it is, on the validation samples.
    fn validate(&self, figures: &mut Figures) -> Result<()> {
        let Self { fit, model, val, .. } = self;
        let measured = if fit.objective.classifies(val.target()) {
            measure(*model, *val, &fit.objective, &mut |_| Ok(())).and_then(|found| {
                if found.largest > LARGEST && found.loss.is_finite() {
                    let (what, place) =
                        (format!("an output of {:.1e}", found.largest), "the end of the network".into());
                    return Err(self.diverged(what, place, self.optimizer.steps()));
                }
                Ok((found.loss, Some(found.accuracy)))
            })
        } else {
            losses(*model, *val, &fit.objective, fit.seed).map(|losses| (losses.loss, None))
        };
        let (loss, accuracy) = match measured {
            Err(Error::NotFinite { .. }) => (f64::NAN, None),
            measured => measured?,
        };
        if !loss.is_finite() {
            let first: Vec<usize> = (0..val.len().min(fit.batch)).collect();
            let (what, place) = first_fault(*model, *val, &first);
            return Err(self.diverged(what, place, self.optimizer.steps()));
        }
        figures.set("val_loss", loss);
        accuracy.into_iter().for_each(|accuracy| figures.set("val_accuracy", accuracy));
        Ok(())
    }
}

impl<C: Criterion> Learner for Supervised<'_, C> {
    fn epoch(&mut self, history: &History, observer: &mut dyn Observer) -> Result<Figures> {
        let (fit, met) = (self.fit, self.fit.met(self.train.len()));
        let epoch = history.epochs.len() + 1;
        let batches = Batches::new(self.train.len(), fit.batch, fit.seed, epoch as u64, true);
        let (done, all) = (self.running.seen.div_ceil(fit.batch), met.div_ceil(fit.batch));
        let by_step = fit.by_step && !matches!(fit.schedule, Schedule::Plateau { .. });
        let schedule = if by_step { fit.schedule.in_steps(all) } else { fit.schedule };
        self.optimizer.set_lr(fit.schedule.lr(self.lr, epoch, fit.epochs, &history.curve("val_loss")));
        for (number, indices) in batches.take(all).enumerate().skip(done) {
            if by_step {
                self.optimizer.set_lr(schedule.lr(self.lr, (epoch - 1) * all + number + 1, fit.epochs * all, &[]));
            }
            self.step(epoch, &indices)?;
            observer.step(epoch, self.running.seen, met);
            if observer.interrupted() {
                return Err(Error::Interrupted(format!("interrupted in epoch {epoch}")));
            }
        }
        let running = std::mem::take(&mut self.running);
        let mut figures: Figures = [("train_loss", running.loss / running.weight)].into();
        if fit.objective.classifies(self.train.target()) {
            figures.set("train_accuracy", running.correct as f64 / running.seen as f64);
        }
        if !self.val.is_empty() {
            // A running average of the weights, if one is kept, is what is evaluated and what may be the best.
            let moving = self.optimizer.averaged(self.model).map(|average| (state_dict(self.model), average));
            if let Some((_, average)) = &moving {
                load_state_dict(self.model, average)?;
            }
            let measured = self.validate(&mut figures);
            if let Some((moving, _)) = &moving {
                load_state_dict(self.model, moving)?;
            }
            measured?;
        }
        let ended = running.stopped_by_name().into_iter().filter(|(_, steps)| *steps > 0.0);
        ended.for_each(|(name, steps)| figures.set(&name, steps));
        Ok(figures)
    }

    fn weights(&self) -> State<f32> {
        self.optimizer.averaged(self.model).unwrap_or_else(|| state_dict(self.model))
    }

    fn set_weights(&mut self, weights: &State<f32>) -> Result<()> {
        load_state_dict(self.model, weights)
    }

    fn states(&self) -> States {
        let Running { seen, loss, weight, correct, .. } = self.running;
        let tensors = [("model", state_dict(self.model)), ("optimizer", self.optimizer.state())];
        let numbers = [
            ("steps", self.optimizer.steps() as f64),
            ("seen", seen as f64),
            ("loss", loss),
            ("weight", weight),
            ("correct", correct as f64),
        ];
        States {
            tensors: tensors.map(|(part, state)| (part.to_owned(), state)).into(),
            numbers: numbers
                .map(|(name, value)| (name.to_owned(), value))
                .into_iter()
                .chain(self.running.stopped_by_name())
                .collect(),
        }
    }

    fn load(&mut self, mut states: States) -> Result<()> {
        load_state_dict(self.model, &states.tensor("model"))?;
        self.optimizer.load(states.number("steps") as u64, states.tensor("optimizer"))?;
        let [seen, correct] = ["seen", "correct"].map(|name| states.number(name) as usize);
        let stopped = Stopped::ALL.map(|why| states.number(&format!("{STOPPED}{}", why.name())) as usize);
        self.running = Running { seen, loss: states.number("loss"), weight: states.number("weight"), correct, stopped };
        Ok(())
    }
}

/// What is not finite, and the first place where it is seen: the input, a layer's output, or the loss.
fn first_fault(model: &dyn Module, samples: &dyn Samples, indices: &[usize]) -> (String, String) {
    let found = first_odd(model, &samples.batch(indices, None));
    let (value, place) = found.unwrap_or((f32::NAN, "the loss".to_owned()));
    (kind(value).into(), place)
}
