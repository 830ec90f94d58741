//! What runs of models that are fitted at once and are no networks found: their predictions, what is special of the model, and
//! which columns it rests on.

mod report;

use super::at_once::{self, AtOnceTask, Fit, inputs, targets};
use super::fitted::Fitting;
use super::found::{Found, Run};
use super::kind::Kind;
use super::kinds::regress::{Regress, Regressed};
use super::prepared::Prepared;
use super::spec::Experiment;
use super::task::{NetworkOnSamples, Runner, Task};
use crate::analysis::importance::permutation_importance;
use crate::error::Result;
use crate::nn::state::state_dict;
use crate::report::Table;
use crate::report::chart::Interval;
use crate::run::{RunFolder, Watch};
use crate::target::Target;
use crate::tensor::Tensor;
use crate::train::{Matrix, Observer, outputs};
use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};

/// How often each column is shuffled.
const REPEATS: usize = 5;
/// Most validation rows on which columns are shuffled.
const ROWS: usize = 1000;

/// How experiments of a kind are run whose model is fitted at once and is no network.
pub struct FittedKind {
    /// What makes the kind; it has a `fitting`.
    pub kind: &'static Kind,
    /// Checks the settings that only this kind has.
    pub check: fn(&Experiment) -> Result<()>,
    /// Computes the tensors of its model.
    pub fit: Fit,
    /// What the report says of its model.
    pub special: fn(&Explained) -> Special,
}

impl Runner for FittedKind {
    fn kind(&self) -> &'static Kind {
        self.kind
    }

    fn check(&self, e: &Experiment) -> Result<()> {
        (self.check)(e)
    }

    fn begin(&self, e: &Experiment, watch: &mut dyn Watch) -> Result<Box<dyn Task>> {
        let (fitting, special) = (self.kind.fitting.expect("such a kind has one"), self.special);
        AtOnceTask::begin(e, watch, self.fit, move |run| Ok(Box::new(Explained::new(run, fitting, special)?)))
    }

    fn train(&self, e: &Experiment, p: &Prepared, observer: &mut dyn Observer) -> Result<()> {
        at_once::train(e, p, self.fit, observer)
    }

    fn figures(&self, on: &NetworkOnSamples<'_>) -> Result<Value> {
        Regress.figures(on)
    }
}

/// What is special of a kind's model: a table with a row for each number, sentences, and figures for `metrics.json`.
pub struct Special {
    /// The table.
    pub table: Table,
    /// What it shows.
    pub caption: String,
    /// Sentences.
    pub words: Vec<String>,
    /// The figures of each number.
    pub figures: Vec<Value>,
    /// One of them for the head of the report: the figure, what it is, and a note.
    pub score: Option<(String, &'static str, String)>,
}

impl Special {
    /// Returns an empty table with these headings, and nothing else.
    pub fn new(headings: &[&str]) -> Self {
        let (table, caption) = (Table::new(headings), String::new());
        Self { table, caption, words: Vec::new(), figures: Vec::new(), score: None }
    }
}

/// Everything that such a run found out.
pub struct Explained {
    /// What it predicts.
    pub regressed: Regressed,
    /// What it predicts with.
    pub fitting: &'static Fitting,
    /// The names of the columns as the model takes them.
    pub columns: Vec<String>,
    /// The permutation importance of each number, column and repeat, in variances of the number; empty without validation rows.
    pub importance: Vec<Vec<Vec<f64>>>,
    /// The validation rows that it was measured on.
    pub rows: usize,
    special: fn(&Explained) -> Special,
}

impl Explained {
    /// Evaluates the fitted model, and shuffles columns of the validation split.
    pub fn new(run: Run, fitting: &'static Fitting, special: fn(&Explained) -> Special) -> Result<Self> {
        let regressed = Regressed::new(run)?;
        let p = &regressed.run.prepared;
        let width = p.preparation.input().iter().product();
        let columns = p.preparation.input_names();
        let columns = columns.unwrap_or_else(|| (0..width).map(|j| format!("x{j}")).collect());
        let (importance, rows) = importance(&regressed.run)?;
        Ok(Self { regressed, fitting, columns, importance, rows, special })
    }

    /// The mean importance of each column for number `j`, with the least and the largest, in the order of the columns.
    fn ranges(&self, j: usize) -> Vec<Interval> {
        let range = |repeats: &Vec<f64>| {
            let mean = repeats.iter().sum::<f64>() / repeats.len() as f64;
            (
                mean,
                (
                    repeats.iter().copied().fold(f64::INFINITY, f64::min),
                    repeats.iter().copied().fold(f64::MIN, f64::max),
                ),
            )
        };
        self.importance[j].iter().map(range).collect()
    }
}

/// The permutation importance on at most [`ROWS`] rows of the validation split, evenly spaced, and their number.
fn importance(run: &Run) -> Result<(Vec<Vec<Vec<f64>>>, usize)> {
    let (p, seed) = (&run.prepared, run.experiment.seed);
    if p.val.is_empty() {
        return Ok((Vec::new(), 0));
    }
    let every = p.val.len().div_ceil(ROWS);
    let chosen: Vec<usize> = (0..p.val.len()).step_by(every).collect();
    let x = inputs(p.val.as_ref()).select(ndarray::Axis(0), &chosen);
    let y = targets(p.val.as_ref())?;
    let (n, m) = (chosen.len(), y.len());
    let y = Array2::from_shape_fn((n, m), |(i, j)| y[j][chosen[i]]);
    let predict = |x: ArrayView2<'_, f32>| -> Result<Array2<f64>> {
        let rows = Tensor::new(x.iter().copied().collect(), [n, x.ncols()])?;
        let all: Vec<usize> = (0..n).collect();
        let predicted = outputs(&p.model, &Matrix::new(rows, Target::None)?, &all, seed)?;
        Ok(Array2::from_shape_fn((n, m), |(i, j)| f64::from(predicted.data()[i * m + j])))
    };
    Ok((permutation_importance(&predict, x.view(), y.view(), REPEATS, seed)?, n))
}

impl Found for Explained {
    fn metrics(&self) -> Result<Value> {
        let run = &self.regressed.run;
        let mut metrics = self.regressed.metrics();
        // It has no weights; this is how many numbers make it.
        let numbers: usize = state_dict(&run.prepared.model).values().map(Tensor::numel).sum();
        metrics["parameters"] = numbers.into();
        let importance = |j: usize| -> Option<Value> {
            let ranges = self.importance.get(j).map(|_| self.ranges(j))?;
            let each = self.columns.iter().zip(ranges).map(|(column, (mean, _))| (column.clone(), json!(mean)));
            Some(Value::Object(each.collect()))
        };
        let mut models = (self.special)(self).figures;
        models.iter_mut().enumerate().for_each(|(j, model)| model["importance"] = json!(importance(j)));
        metrics[run.experiment.kind.name] = json!({ "models": models });
        Ok(metrics)
    }
    fn write(&self, folder: &RunFolder) -> Result<()> {
        self.report(folder)
    }
    fn run(&mut self) -> Option<&mut Run> {
        Some(&mut self.regressed.run)
    }
}
