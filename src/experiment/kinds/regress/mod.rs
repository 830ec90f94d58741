//! `kind = "regress"`: a network that predicts numbers.
//!
//! The network learns on the scale of its outputs (mean 0, deviation 1 over the training split); every figure but the loss
//! is in the units of the data. Beside the errors stands the coefficient of determination, which compares the network with
//! always predicting the mean, and an interval for new predictions that is computed from the residuals of the validation split.
//! That split also chose the epoch, so its residuals are a little smaller than those of new samples.

pub mod findings;
mod learned;
mod report;

use crate::analysis::linear::LeastSquares;
use crate::analysis::metrics::{RegressionErrors, conformal_half_width, r_squared_interval};
use crate::error::{Error, Result};
use crate::experiment::at_once::{inputs, targets};
use crate::experiment::forecasts::Forecasts;
use crate::experiment::found::{Found, OfSplit, Run};
use crate::experiment::kind::{Kind, Learns, NETWORK};
use crate::experiment::spec::Experiment;
use crate::experiment::task::{NetworkOnSamples, OneNetwork, Runner, Task};
use crate::experiment::values::ValueScale;
use crate::report::table::csv_bytes;
use crate::run::{Book, RunFolder, Watch};
use crate::tensor::Tensor;
use crate::train::{Loss, losses, outputs};
use serde_json::{Map, Value, json};

/// The probability with which a prediction interval holds a new true value.
pub const COVERAGE: f64 = 0.95;
/// The table of the run that holds true and predicted values of the test samples.
pub const PREDICTIONS: &str = "tables/predictions.csv";

/// The trained network on one split.
pub struct OnSplit {
    /// `train`, `val` or `test`.
    pub name: &'static str,
    /// Number of samples.
    pub samples: usize,
    /// Mean loss, on the scale of the outputs.
    pub loss: f64,
    /// The errors of each number, in its units.
    pub errors: Vec<RegressionErrors>,
}

/// One of the numbers, on the test split.
pub struct Predicted {
    /// What it is called.
    pub name: String,
    /// The true values.
    pub true_values: Vec<f64>,
    /// The predicted ones.
    pub predicted: Vec<f64>,
    /// The 95 % interval of R² over new samples.
    pub r_squared_interval: Option<(f64, f64)>,
    /// The half-width of a prediction interval (see [`conformal_half_width`]); none without enough validation samples.
    pub half_width: Option<f64>,
}

impl Predicted {
    /// The fraction of test samples whose true value lies in the prediction interval.
    pub fn coverage(&self) -> Option<f64> {
        let q = self.half_width?;
        let held = self.true_values.iter().zip(&self.predicted).filter(|(y, p)| (*y - *p).abs() <= q).count();
        Some(held as f64 / self.true_values.len() as f64)
    }
}

/// What makes the kind.
static KIND: Kind = Kind {
    name: "regress",
    learns: Learns::Values,
    losses: &[Loss::Mse, Loss::Mae, Loss::Huber],
    gives: "predicts numbers",
    end: "end with a `linear` of units = 0: one for each number to predict",
    implied: "",
    instead: "for rows of numbers: gradus predict RUN TABLE.csv",
    takes: NETWORK,
    fitting: None,
};

/// `kind = "regress"`: one number or several for each sample.
pub struct Regress;

impl Runner for Regress {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn begin(&self, e: &Experiment, watch: &mut dyn Watch) -> Result<Box<dyn Task>> {
        OneNetwork::begin(e, watch, |run| Ok(Box::new(Regressed::new(run)?)))
    }

    fn figures(&self, on: &NetworkOnSamples<'_>) -> Result<Value> {
        let scale = scale_of(on.values)?;
        let none = || Error::invalid("evaluate: these samples have no numbers to predict");
        let values = on.images.target.values().ok_or_else(none)?;
        let (all, seed): (Vec<usize>, u64) = ((0..on.samples.len()).collect(), on.experiment.seed);
        let errors = errors_of(scale, values, &outputs(on.model, on.samples, &all, seed)?)?;
        Ok(figures(losses(on.model, on.samples, on.objective, seed)?.loss, &scale.names, &errors))
    }
}

/// Everything such a run found out.
pub struct Regressed {
    /// The run.
    pub run: Run,
    /// The training, validation (if there is one) and test split.
    pub splits: Vec<OnSplit>,
    /// Each number on the test split.
    pub test: Vec<Predicted>,
    /// What it is worth as a forecast, if the data are a time series.
    pub forecasts: Option<Forecasts>,
    /// The lowest training loss that its network can have, by least squares; none of a network that is not linear.
    pub least_squares: Option<f64>,
}

/// The scale of what a regression predicts. Fails for other runs.
pub(in crate::experiment) fn scale_of(values: Option<&ValueScale>) -> Result<&ValueScale> {
    values.ok_or_else(|| Error::State("this run does not say which numbers it predicts".into()))
}

/// The errors of outputs on the scale of the network, for each number in its units.
fn errors_of(scale: &ValueScale, values: &Tensor, outputs: &Tensor) -> Result<Vec<RegressionErrors>> {
    let each =
        (0..scale.names.len()).map(|j| RegressionErrors::of(&true_values(values, j), &scale.in_units(outputs, j)));
    each.collect()
}

/// Number `j` of each sample of `[N, M]`.
fn true_values(values: &Tensor, j: usize) -> Vec<f64> {
    values.data().iter().skip(j).step_by(values.shape()[1]).map(|&y| f64::from(y)).collect()
}

impl Found for Regressed {
    fn metrics(&self) -> Result<Value> {
        Ok(self.metrics())
    }
    fn write(&self, folder: &RunFolder) -> Result<()> {
        self.write(folder)
    }
    fn run(&mut self) -> Option<&mut Run> {
        Some(&mut self.run)
    }
}

impl Regressed {
    /// Evaluates the trained network.
    pub fn new(run: Run) -> Result<Self> {
        let p = &run.prepared;
        let scale = scale_of(p.preparation.values.as_ref())?;
        let (mut splits, mut residuals, mut test) = (Vec::new(), vec![None; scale.names.len()], Vec::new());
        for OfSplit { name, images, samples } in run.splits() {
            let Some(values) = images.target.values() else { continue };
            let loss = losses(&p.model, samples, &p.fit.objective, run.experiment.seed)?.loss;
            let outputs = run.outputs(samples)?;
            splits.push(OnSplit { name, samples: samples.len(), loss, errors: errors_of(scale, values, &outputs)? });
            for (j, name_of_number) in scale.names.iter().enumerate() {
                let (true_values, predicted) = (true_values(values, j), scale.in_units(&outputs, j));
                if name == "val" {
                    let residual: Vec<f64> = true_values.iter().zip(&predicted).map(|(y, p)| y - p).collect();
                    residuals[j] = conformal_half_width(&residual, COVERAGE);
                } else if name == "test" {
                    let r_squared_interval = r_squared_interval(&true_values, &predicted, run.experiment.seed);
                    let (name, half_width) = (name_of_number.clone(), residuals[j]);
                    test.push(Predicted { name, true_values, predicted, r_squared_interval, half_width });
                }
            }
        }
        let forecasts = Forecasts::of(&run, &test[0].predicted)?;
        let least_squares = least_squares(&run)?;
        Ok(Self { run, splits, test, forecasts, least_squares })
    }

    /// Writes the section on forecasts, if there is one, and returns the number of the section after it.
    pub(in crate::experiment) fn write_forecasts(&self, number: usize, book: &mut Book<'_>) -> Result<usize> {
        let Some(forecasts) = &self.forecasts else { return Ok(number) };
        forecasts.write(&number.to_string(), &self.run, book)?;
        Ok(number + 1)
    }

    /// The test split.
    pub fn on_test(&self) -> &OnSplit {
        self.splits.last().expect("the test set is not empty")
    }

    /// The content of `metrics.json`.
    pub fn metrics(&self) -> Value {
        let names: Vec<&String> = self.test.iter().map(|number| &number.name).collect();
        let split = |name: &str| {
            let found = self.splits.iter().find(|s| s.name == name);
            found.map(|s| figures(s.loss, &names, &s.errors))
        };
        let intervals = self.test.iter().map(|t| {
            json!({
                "target": t.name, "half_width": t.half_width, "coverage": COVERAGE, "test_coverage": t.coverage(),
                "r_squared_interval": t.r_squared_interval,
            })
        });
        let mut own = json!({
            "train": split("train"),
            "val": split("val"),
            "test": split("test"),
            "intervals": intervals.collect::<Vec<_>>(),
        });
        if let Some(forecasts) = &self.forecasts {
            own["forecasts"] = forecasts.metrics();
        }
        if let Some(lowest) = self.least_squares {
            own["least_squares"] = json!({ "lowest_train_loss": lowest, "train_loss": self.splits[0].loss });
        }
        self.run.metrics(own, json!({ "targets": names }))
    }

    /// True and predicted values of every test sample, with prediction intervals where there are any.
    fn predictions(&self) -> Vec<u8> {
        let mut header = vec!["sample".to_owned()];
        for t in &self.test {
            header.extend(["true", "predicted"].map(|word| format!("{word} {}", t.name)));
            header.extend(t.half_width.iter().flat_map(|_| ["low", "high"].map(|word| format!("{word} {}", t.name))));
        }
        let row = |(i, name): (usize, &String)| {
            let mut row = vec![name.clone()];
            for t in &self.test {
                row.extend([t.true_values[i], t.predicted[i]].map(|v| v.to_string()));
                row.extend(t.half_width.iter().flat_map(|q| [-q, *q].map(|q| (t.predicted[i] + q).to_string())));
            }
            row
        };
        let rows = self.run.prepared.data.test.names.iter().enumerate().map(row);
        csv_bytes(std::iter::once(header).chain(rows)).expect("the rows have one length")
    }

    /// The mean squared error of each test sample over its numbers, in units: what a paired comparison of two runs needs.
    fn squared_errors(&self) -> Vec<f64> {
        let m = self.test.len() as f64;
        let of = |i: usize| self.test.iter().map(|t| (t.true_values[i] - t.predicted[i]).powi(2)).sum::<f64>() / m;
        (0..self.run.prepared.data.test.len()).map(of).collect()
    }
}

/// The lowest mean squared error on the training split of any linear model, by least squares, if the network is one and is trained by
/// that loss: `linear` layers alone, all of whose weights learn and none of which is narrower than both inputs and outputs.
fn least_squares(run: &Run) -> Result<Option<f64>> {
    let (e, p) = (&run.experiment, &run.prepared);
    let widths: Vec<usize> = p.summary.rows.iter().map(|row| row.output.iter().product()).collect();
    let least = widths.last().map(|outputs| p.preparation.input().iter().product::<usize>().min(*outputs));
    let is_linear = p.summary.rows.iter().all(|row| row.kind == "linear") && widths.iter().min() >= least.as_ref();
    if !is_linear || e.kind != &KIND || e.train.loss != Loss::Mse || !e.model.freeze.is_empty() {
        return Ok(None);
    }
    let x = inputs(p.train.as_ref());
    let each = targets(p.train.as_ref())?.into_iter().map(|y| {
        let fitted = LeastSquares::fit(x.view(), &y)?.predict(x.view())?;
        Ok(fitted.iter().zip(&y).map(|(p, y)| (p - y) * (p - y)).sum::<f64>() / y.len() as f64)
    });
    let each: Vec<f64> = each.collect::<Result<_>>()?;
    Ok(Some(each.iter().sum::<f64>() / each.len() as f64))
}

/// The figures of one split: means over the numbers, and each number's where there are several.
pub(super) fn figures(loss: f64, names: &[impl AsRef<str>], errors: &[RegressionErrors]) -> Value {
    let mean = |of: fn(&RegressionErrors) -> f64| errors.iter().map(of).sum::<f64>() / errors.len() as f64;
    let r_squared: Option<Vec<f64>> = errors.iter().map(|e| e.r_squared).collect();
    let r_squared = r_squared.map(|all| all.iter().sum::<f64>() / all.len() as f64);
    let mut value = json!({
        "loss": loss, "mse": mean(|e| e.mse), "rmse": mean(|e| e.rmse), "mae": mean(|e| e.mae), "r_squared": r_squared,
    });
    if errors.len() > 1 {
        let each = names.iter().zip(errors).map(|(name, e)| (name.as_ref().to_owned(), json!(e)));
        value["targets"] = each.collect::<Map<String, Value>>().into();
    }
    value
}
