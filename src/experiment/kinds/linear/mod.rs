//! `kind = "linear"`: a weighted sum of the columns that predicts numbers, its weights computed at once.
//!
//! The model is a network of one fully connected layer, so that it is kept, used and exported as any other: what is special is
//! that its weights come from [least squares](LeastSquares) or [relevance determination](crate::analysis::linear::Ard) instead
//! of steps along a gradient. Both are computed, of the training split alone; `linear.method` says whose weights predict, and
//! the report shows the two side by side.

pub mod findings;
mod report;
pub mod settings;

use super::regress::{Regress, Regressed, scale_of};
use crate::analysis::linear::{LeastSquares, Relevance};
use crate::analysis::metrics::{MeanDifference, mean_difference};
use crate::data::ImageData;
use crate::error::{Error, Result};
use crate::experiment::folds::CrossValidated;
use crate::experiment::found::{Found, Run};
use crate::experiment::kind::{Kind, Learns};
use crate::experiment::layers::Layer;
use crate::experiment::preparation::PREPARATION;
use crate::experiment::prepared::{MODEL, Prepared};
use crate::experiment::spec::Experiment;
use crate::experiment::task::{NetworkOnSamples, Runner, Task};
use crate::nn::state::{State, load_state_dict, state_dict};
use crate::optim::Schedule;
use crate::run::{RunFolder, Trainer, Watch, ledger};
use crate::tensor::Tensor;
use crate::train::{Figures, History, Learner, Loss, Observer, Samples, States, Training, losses};
use ndarray::Array2;
use serde_json::{Value, json};
use settings::{LinearSettings, Method};

/// Most columns for which the method that was not chosen is computed too: its time grows with their cube.
const BESIDE: usize = 400;

/// What makes the kind.
static KIND: Kind = Kind {
    name: "linear",
    learns: Learns::Values,
    losses: &[Loss::Mse],
    gives: "predicts numbers",
    end: "remove [model]: the model is one `linear` layer of units = 0",
    implied: "[[model.layer]]\ntype = \"linear\"\nunits = 0\n",
    instead: "for rows of numbers: gradus predict RUN TABLE.csv",
    takes: &["model", "train", "linear", "validation"],
};

/// `kind = "linear"`: one number or several for each row, by linear models.
pub struct LinearFit;

impl Runner for LinearFit {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, e: &Experiment) -> Result<()> {
        e.linear.validate()?;
        let steps = "is for networks that are trained step by step; a linear model is computed at once";
        if !matches!(e.model.layer.as_slice(), [Layer::Linear(layer)] if layer.units == 0) {
            return Err(Error::config("model.layer", steps, KIND.end));
        }
        let set = [
            ("train.patience", e.train.patience != 0),
            ("train.schedule", e.train.schedule != Schedule::default()),
            ("model.weights", !e.model.weights.is_empty()),
            ("model.freeze", !e.model.freeze.is_empty()),
        ];
        match set.into_iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => Err(Error::config(key, steps, "remove it")),
            None => Ok(()),
        }
    }

    fn begin(&self, e: &Experiment, watch: &mut dyn Watch) -> Result<Box<dyn Task>> {
        let prepared = Prepared::new(e, watch)?;
        if prepared.preparation.input().len() != 1 {
            let what = "holds images: expected rows of numbers, whose columns get a weight each";
            return Err(Error::config("data.kind", what, "give a table (csv) or an array of rows (npz)"));
        }
        Ok(Box::new(LinearTask { experiment: e.clone(), prepared, history: History::default() }))
    }

    fn train(&self, e: &Experiment, p: &Prepared, observer: &mut dyn Observer) -> Result<()> {
        let mut learner = AtOnce { prepared: p, settings: e.linear, seed: e.seed };
        let training = Training { epochs: 1, ..p.fit.training() };
        training.run(&mut learner, None, observer).map(drop)
    }

    fn figures(&self, on: &NetworkOnSamples<'_>) -> Result<Value> {
        Regress.figures(on)
    }
}

/// The two linear models of one number.
pub struct Fitted {
    /// By least squares; `None` where it was not chosen and there are many columns.
    pub least_squares: Option<LeastSquares>,
    /// By relevance determination; `None` likewise.
    pub relevance: Option<Relevance>,
}

impl Fitted {
    /// Weights and intercept of a method, if it was computed.
    fn line(&self, method: Method) -> Option<(&[f64], f64)> {
        match method {
            Method::Ols => self.least_squares.as_ref().map(|m| (&m.weights[..], m.intercept)),
            Method::Ard => self.relevance.as_ref().map(|m| (&m.weights[..], m.intercept)),
        }
    }

    /// The predictions of a method.
    fn predict(&self, method: Method, x: &Array2<f32>) -> Option<Result<Vec<f64>>> {
        match method {
            Method::Ols => self.least_squares.as_ref().map(|m| m.predict(x.view())),
            Method::Ard => self.relevance.as_ref().map(|m| m.predict(x.view())),
        }
    }
}

/// All inputs of some samples, N x D.
fn inputs(samples: &dyn Samples) -> Array2<f32> {
    let all: Vec<usize> = (0..samples.len()).collect();
    let x = samples.batch(&all, None);
    let d = x.numel() / all.len().max(1);
    Array2::from_shape_vec((all.len(), d), x.data().to_vec()).expect("rows of one length")
}

/// Fits both methods to each number of the training split, on the scales of the network.
fn fit(p: &Prepared, settings: &LinearSettings) -> Result<Vec<Fitted>> {
    let x = inputs(p.train.as_ref());
    let values = p.train.target().values().ok_or_else(|| Error::invalid("linear: there are no numbers to predict"))?;
    let m = values.shape()[1];
    let is_computed = |method: Method| method == settings.method || x.ncols() <= BESIDE;
    let each = (0..m).map(|j| {
        let y: Vec<f64> = values.data().iter().skip(j).step_by(m).map(|&v| f64::from(v)).collect();
        let least_squares = is_computed(Method::Ols).then(|| LeastSquares::fit(x.view(), &y)).transpose()?;
        let relevance = is_computed(Method::Ard).then(|| settings.ard().fit(x.view(), &y)).transpose()?;
        Ok(Fitted { least_squares, relevance })
    });
    each.collect()
}

/// A linear model as a learner: its one epoch computes the weights.
struct AtOnce<'a> {
    prepared: &'a Prepared,
    settings: LinearSettings,
    seed: u64,
}

impl Learner for AtOnce<'_> {
    fn epoch(&mut self, _: &History, _: &mut dyn Observer) -> Result<Figures> {
        let p = self.prepared;
        let fitted = fit(p, &self.settings)?;
        let lines = fitted.iter().map(|f| f.line(self.settings.method).expect("the method that was chosen"));
        let (weights, biases): (Vec<&[f64]>, Vec<f64>) = lines.unzip();
        let mut state = state_dict(&p.model);
        for (path, tensor) in &mut state {
            let numbers: Vec<f32> = match path.ends_with("weight") {
                true => weights.concat().iter().map(|&w| w as f32).collect(),
                false => biases.iter().map(|&b| b as f32).collect(),
            };
            *tensor = Tensor::new(numbers, tensor.shape_owned())?;
        }
        load_state_dict(&p.model, &state)?;
        let loss = |samples: &dyn Samples| Ok::<_, Error>(losses(&p.model, samples, &p.fit.objective, self.seed)?.loss);
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

/// A linear model on its way.
struct LinearTask {
    experiment: Experiment,
    prepared: Prepared,
    history: History,
}

impl Task for LinearTask {
    fn data(&mut self) -> &mut ImageData {
        &mut self.prepared.data
    }

    fn train(&mut self, trainer: &mut Trainer<'_>) -> Result<()> {
        let (settings, seed) = (self.experiment.linear, self.experiment.seed);
        let mut learner = AtOnce { prepared: &self.prepared, settings, seed };
        let training = Training { epochs: 1, ..self.prepared.fit.training() };
        self.history = trainer.train(MODEL, &training, &mut learner)?;
        trainer.export(MODEL)?;
        let text = serde_json::to_vec_pretty(&self.prepared.preparation).expect("plain numbers and words");
        trainer.folder.write(PREPARATION, &text)
    }

    fn test(self: Box<Self>) -> Result<Box<dyn Found>> {
        let Self { experiment, prepared, history } = *self;
        let fitted = fit(&prepared, &experiment.linear)?;
        Ok(Box::new(Explained::new(Regressed::new(Run::new(experiment, prepared, history))?, fitted)?))
    }
}

/// Both methods on the test samples, for one number in its units.
#[derive(Clone, Debug)]
pub struct Beside {
    /// Mean squared error of least squares.
    pub least_squares: f64,
    /// And of relevance determination.
    pub relevance: f64,
    /// The first minus the second.
    pub difference: MeanDifference,
}

/// Everything that such a run found out.
pub struct Explained {
    /// What it predicts.
    pub regressed: Regressed,
    /// The models of each number.
    pub fitted: Vec<Fitted>,
    /// The names of the columns as the model takes them.
    pub columns: Vec<String>,
    /// The two methods compared, for each number; none unless both were computed and there are two test samples.
    pub beside: Vec<Option<Beside>>,
}

impl Explained {
    fn new(regressed: Regressed, fitted: Vec<Fitted>) -> Result<Self> {
        let p = &regressed.run.prepared;
        let scale = scale_of(p.preparation.values.as_ref())?;
        let x = inputs(p.test.as_ref());
        let columns = p.preparation.input_names();
        let columns = columns.unwrap_or_else(|| (0..x.ncols()).map(|j| format!("x{j}")).collect());
        let beside = fitted.iter().zip(&regressed.test).enumerate().map(|(j, (models, test))| {
            let squares = |method: Method| -> Option<Result<Array2<f64>>> {
                let unit = |y: &f64| y * scale.deviation[j] + scale.mean[j];
                let errors = |predicted: Vec<f64>| {
                    let each = predicted.iter().zip(&test.true_values).map(|(p, y)| (unit(p) - y).powi(2));
                    Array2::from_shape_vec((1, predicted.len()), each.collect()).expect("one row")
                };
                Some(models.predict(method, &x)?.map(errors))
            };
            let (Some(ols), Some(ard)) = (squares(Method::Ols), squares(Method::Ard)) else { return Ok(None) };
            let (ols, ard) = (ols?, ard?);
            let Ok(difference) = mean_difference(ols.view(), ard.view(), false) else { return Ok(None) };
            let mean = |squares: &Array2<f64>| squares.mean().unwrap_or(f64::NAN);
            Ok(Some(Beside { least_squares: mean(&ols), relevance: mean(&ard), difference }))
        });
        let beside = beside.collect::<Result<_>>()?;
        Ok(Self { regressed, fitted, columns, beside })
    }

    /// The names of the columns that relevance determination kept or, with `kept` false, took out.
    pub fn relevant(&self, model: &Relevance, kept: bool) -> Vec<String> {
        let of = |j: &usize| model.relevant.contains(j) == kept;
        (0..self.columns.len()).filter(of).map(|j| self.columns[j].clone()).collect()
    }

    fn figures(&self) -> Value {
        let each = self.fitted.iter().zip(&self.regressed.test).zip(&self.beside).map(|((models, test), beside)| {
            let relevance = models.relevance.as_ref().map(|m| {
                json!({
                    "relevant": self.relevant(m, true), "taken_out": self.relevant(m, false),
                    "iterations": m.iterations, "converged": m.converged,
                })
            });
            let least_squares = models.least_squares.as_ref();
            let least_squares =
                least_squares.map(|m| json!({ "rank": m.rank, "degrees_of_freedom": m.degrees_of_freedom }));
            let mse = beside.as_ref().map(|b| json!({ "ols": b.least_squares, "ard": b.relevance }));
            json!({ "target": test.name, "ols": least_squares, "ard": relevance, "test_mse": mse })
        });
        json!({ "method": self.regressed.run.experiment.linear.method, "models": each.collect::<Vec<_>>() })
    }
}

impl Found for Explained {
    fn metrics(&self) -> Result<Value> {
        let mut metrics = self.regressed.metrics();
        metrics["linear"] = self.figures();
        Ok(metrics)
    }
    fn write(&self, folder: &RunFolder) -> Result<()> {
        self.write(folder)
    }
    fn settle(&mut self, test_set: ledger::Summary) {
        self.regressed.run.test_set = test_set;
    }
    fn cross_validated(&mut self, found: CrossValidated) {
        self.regressed.run.folds = Some(found);
    }
    fn took(&mut self, seconds: &[(String, f64)]) {
        self.regressed.run.seconds = seconds.to_vec();
    }
}
