//! How a kind of experiment is run: from the file to a task, which reads its data, is trained, and is evaluated.

use super::cost;
use super::found::{Found, Run};
use super::kind::Kind;
use super::preparation::PREPARATION;
use super::prepared::{MODEL, Prepared};
use super::spec::Experiment;
use crate::data::{ImageData, Images};
use crate::error::Result;
use crate::nn::Module;
use crate::run::{Trainer, Watch};
use crate::train::{History, Objective, Observer, Samples};
use serde_json::Value;

/// How experiments of one kind are run. A kind is a type that implements this, in a folder of its own, and a row in
/// [`kinds`](super::kinds).
pub trait Runner: Sync {
    /// Returns what makes the kind.
    fn kind(&self) -> &'static Kind;

    /// Checks the settings that only this kind has, before anything is read; the place of an error is the key.
    fn check(&self, e: &Experiment) -> Result<()> {
        let _ = e;
        Ok(())
    }

    /// Reads the data and builds what is trained. Refuses what cannot be trained.
    fn begin(&self, e: &Experiment, watch: &mut dyn Watch) -> Result<Box<dyn Task>>;

    /// Trains what was prepared, without a folder to keep it in: one model of a cross-validation.
    fn train(&self, e: &Experiment, p: &Prepared, observer: &mut dyn Observer) -> Result<()> {
        let mut optimizer = e.train.optimizer.build();
        p.fit.run(&p.model, optimizer.as_mut(), p.train.as_ref(), p.val.as_ref(), None, observer).map(drop)
    }

    /// Computes the figures of a trained network on samples, as `metrics.json` has them for each split. Kinds without a
    /// network have none.
    fn figures(&self, on: &NetworkOnSamples<'_>) -> Result<Value>;
}

/// An experiment on its way: its data have been read.
pub trait Task {
    /// Returns the data.
    fn data(&mut self) -> &mut ImageData;

    /// Trains all its learners, and writes what is needed to use them.
    fn train(&mut self, trainer: &mut Trainer<'_>) -> Result<()>;

    /// Evaluates them on all splits.
    fn test(self: Box<Self>) -> Result<Box<dyn Found>>;
}

/// A trained network and samples that it is evaluated on.
pub struct NetworkOnSamples<'a> {
    /// The experiment that trained it.
    pub experiment: &'a Experiment,
    /// The network.
    pub model: &'a dyn Module,
    /// Its loss.
    pub objective: &'a Objective,
    /// The samples as they were read.
    pub images: &'a Images,
    /// The same samples as the network takes them.
    pub samples: &'a dyn Samples,
    /// The scale of numbers that it predicts.
    pub values: Option<&'a super::values::ValueScale>,
}

/// The task of a kind that trains one network by a loss: `test` is all that such kinds do differently.
pub struct OneNetwork {
    experiment: Experiment,
    prepared: Prepared,
    history: History,
    test: fn(Run) -> Result<Box<dyn Found>>,
}

impl OneNetwork {
    /// Reads the data and builds the network. Refuses a training that does not fit into memory.
    pub fn begin(
        e: &Experiment,
        watch: &mut dyn Watch,
        test: fn(Run) -> Result<Box<dyn Found>>,
    ) -> Result<Box<dyn Task>> {
        let prepared = Prepared::new(e, watch)?;
        cost::check(e, &prepared)?;
        Ok(Box::new(Self { experiment: e.clone(), prepared, history: History::default(), test }))
    }
}

impl Task for OneNetwork {
    fn data(&mut self) -> &mut ImageData {
        &mut self.prepared.data
    }

    fn train(&mut self, trainer: &mut Trainer<'_>) -> Result<()> {
        let mut optimizer = self.experiment.train.optimizer.build();
        let Prepared { model, fit, train, val, preparation, .. } = &self.prepared;
        let mut learner = fit.learner(model, optimizer.as_mut(), train.as_ref(), val.as_ref())?;
        self.history = trainer.train(MODEL, &fit.training(), &mut learner)?;
        trainer.export(MODEL)?;
        let text = serde_json::to_vec_pretty(preparation).expect("plain numbers and words");
        trainer.folder.write(PREPARATION, &text)
    }

    fn test(self: Box<Self>) -> Result<Box<dyn Found>> {
        let Self { experiment, prepared, history, test } = *self;
        test(Run::new(experiment, prepared, history))
    }
}
