//! Models that are computed at once: a training of one epoch, by whatever computes the model's tensors from the training split.

use super::found::{Found, Run};
use super::preparation::PREPARATION;
use super::prepared::{MODEL, Prepared};
use super::spec::Experiment;
use super::task::Task;
use crate::data::ImageData;
use crate::error::{Error, Result};
use crate::nn::state::{State, load_state_dict, state_dict};
use crate::run::{Trainer, Watch};
use crate::train::{Figures, History, Learner, Observer, Samples, States, Training, losses};
use ndarray::Array2;

/// Computes the model's state from the training split.
pub type Fit = fn(&Experiment, &Prepared) -> Result<State<f32>>;

/// All inputs of some samples, N x D.
pub fn inputs(samples: &dyn Samples) -> Array2<f32> {
    let all: Vec<usize> = (0..samples.len()).collect();
    let x = samples.batch(&all, None);
    let d = x.numel() / all.len().max(1);
    Array2::from_shape_vec((all.len(), d), x.data().to_vec()).expect("rows of one length")
}

/// The true values of some samples on the scale of the model's outputs, for each number in turn. Fails without any.
pub fn targets(samples: &dyn Samples) -> Result<Vec<Vec<f64>>> {
    let values = samples.target().values().ok_or_else(|| Error::invalid("there are no numbers to predict"))?;
    let m = values.shape()[1];
    Ok((0..m).map(|j| values.data().iter().skip(j).step_by(m).map(|&v| f64::from(v)).collect()).collect())
}

/// Fits a prepared model, without a folder to keep it in.
pub fn train(e: &Experiment, p: &Prepared, fit: Fit, observer: &mut dyn Observer) -> Result<()> {
    training(p).run(&mut AtOnce { experiment: e, prepared: p, fit }, None, observer).map(drop)
}

fn training(p: &Prepared) -> Training {
    Training { epochs: 1, ..p.fit.training() }
}

/// Such a model as a learner: its one epoch computes it.
struct AtOnce<'a> {
    experiment: &'a Experiment,
    prepared: &'a Prepared,
    fit: Fit,
}

impl Learner for AtOnce<'_> {
    fn epoch(&mut self, _: &History, _: &mut dyn Observer) -> Result<Figures> {
        let p = self.prepared;
        load_state_dict(&p.model, &(self.fit)(self.experiment, p)?)?;
        let seed = self.experiment.seed;
        let loss = |samples: &dyn Samples| Ok::<_, Error>(losses(&p.model, samples, &p.fit.objective, seed)?.loss);
        let mut figures: Figures = [("train_loss", loss(p.train.as_ref())?)].into();
        if !p.val.is_empty() {
            figures.set("val_loss", loss(p.val.as_ref())?);
        }
        Ok(figures)
    }

    fn weights(&self) -> State<f32> {
        state_dict(&self.prepared.model)
    }

    fn set_weights(&mut self, weights: &State<f32>) -> Result<()> {
        load_state_dict(&self.prepared.model, weights)
    }

    fn states(&self) -> States {
        States { tensors: [(MODEL.to_owned(), self.weights())].into(), ..States::default() }
    }

    fn load(&mut self, mut states: States) -> Result<()> {
        self.set_weights(&states.tensor(MODEL))
    }
}

/// The task of a kind whose model is computed at once.
pub struct AtOnceTask {
    experiment: Experiment,
    prepared: Prepared,
    history: History,
    fit: Fit,
    test: Box<dyn FnOnce(Run) -> Result<Box<dyn Found>>>,
}

impl AtOnceTask {
    /// Reads the data. Refuses images: such a model takes rows of numbers.
    pub fn begin(
        e: &Experiment,
        watch: &mut dyn Watch,
        fit: Fit,
        test: impl FnOnce(Run) -> Result<Box<dyn Found>> + 'static,
    ) -> Result<Box<dyn Task>> {
        let prepared = Prepared::new(e, watch)?;
        if prepared.preparation.input().len() != 1 {
            let what = format!("holds images: expected rows of numbers, which kind = \"{}\" takes", e.kind.name);
            return Err(Error::config("data.kind", what, "give a table (csv) or an array of rows (npz)"));
        }
        Ok(Box::new(Self { experiment: e.clone(), prepared, history: History::default(), fit, test: Box::new(test) }))
    }
}

impl Task for AtOnceTask {
    fn data(&mut self) -> &mut ImageData {
        &mut self.prepared.data
    }

    fn train(&mut self, trainer: &mut Trainer<'_>) -> Result<()> {
        let (experiment, prepared) = (&self.experiment, &self.prepared);
        let mut learner = AtOnce { experiment, prepared, fit: self.fit };
        self.history = trainer.train(MODEL, &training(prepared), &mut learner)?;
        trainer.export(MODEL)?;
        let text = serde_json::to_vec_pretty(&prepared.preparation).expect("plain numbers and words");
        trainer.folder.write(PREPARATION, &text)
    }

    fn test(self: Box<Self>) -> Result<Box<dyn Found>> {
        let Self { experiment, prepared, history, test, .. } = *self;
        test(Run::new(experiment, prepared, history))
    }
}
