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
use crate::error::{Error, Result};
use crate::experiment::at_once::{self, AtOnceTask, inputs, targets};
use crate::experiment::found::{Found, Run};
use crate::experiment::kind::{Kind, Learns};
use crate::experiment::layers::Layer;
use crate::experiment::prepared::Prepared;
use crate::experiment::spec::Experiment;
use crate::experiment::task::{NetworkOnSamples, Runner, Task};
use crate::nn::state::{State, state_dict};
use crate::optim::Schedule;
use crate::run::{RunFolder, Watch};
use crate::tensor::Tensor;
use crate::train::{Loss, Observer};
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
    fitting: None,
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
            ("train.schedule_by_step", e.train.schedule_by_step),
            ("model.weights", !e.model.weights.is_empty()),
            ("model.freeze", !e.model.freeze.is_empty()),
        ];
        match set.into_iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => Err(Error::config(key, steps, "remove it")),
            None => Ok(()),
        }
    }

    fn begin(&self, e: &Experiment, watch: &mut dyn Watch) -> Result<Box<dyn Task>> {
        AtOnceTask::begin(e, watch, weights, |run| {
            let fitted = fit(&run.prepared, &run.experiment.linear)?;
            Ok(Box::new(Explained::new(Regressed::new(run)?, fitted)?))
        })
    }

    fn train(&self, e: &Experiment, p: &Prepared, observer: &mut dyn Observer) -> Result<()> {
        at_once::train(e, p, weights, observer)
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

/// Fits both methods to each number of the training split, on the scales of the network.
fn fit(p: &Prepared, settings: &LinearSettings) -> Result<Vec<Fitted>> {
    let x = inputs(p.train.as_ref());
    let is_computed = |method: Method| method == settings.method || x.ncols() <= BESIDE;
    let each = targets(p.train.as_ref())?.into_iter().map(|y| {
        let least_squares = is_computed(Method::Ols).then(|| LeastSquares::fit(x.view(), &y)).transpose()?;
        let relevance = is_computed(Method::Ard).then(|| settings.ard().fit(x.view(), &y)).transpose()?;
        Ok(Fitted { least_squares, relevance })
    });
    each.collect()
}

/// The weights of the method that was chosen, as those of the network's one layer.
fn weights(e: &Experiment, p: &Prepared) -> Result<State<f32>> {
    let fitted = fit(p, &e.linear)?;
    let lines = fitted.iter().map(|f| f.line(e.linear.method).expect("the method that was chosen"));
    let (weights, biases): (Vec<&[f64]>, Vec<f64>) = lines.unzip();
    let mut state = state_dict(&p.model);
    for (path, tensor) in &mut state {
        let numbers: Vec<f32> = match path.ends_with("weight") {
            true => weights.concat().iter().map(|&w| w as f32).collect(),
            false => biases.iter().map(|&b| b as f32).collect(),
        };
        *tensor = Tensor::new(numbers, tensor.shape_owned())?;
    }
    Ok(state)
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
    fn run(&mut self) -> Option<&mut Run> {
        Some(&mut self.regressed.run)
    }
}
