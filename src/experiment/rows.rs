//! Predictions for the rows of a table that need not have a class.

use super::data::Like;
use super::kinds::regress::scale_of;
use super::trained::TrainedRun;
use crate::error::{Error, Result};
use crate::report::table::csv_bytes;
use crate::run::Unwatched;
use crate::target::Target;
use crate::train::{Samples, classify, outputs};
use serde::Serialize;
use std::path::Path;

/// What a run says about one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowPrediction {
    /// The row, counted from 1 below the names.
    pub row: usize,
    /// The class of the highest probability.
    pub class: String,
    /// Its probability.
    pub probability: f64,
    /// The probability of each class, in the order of the classes.
    pub probabilities: Vec<f64>,
}

/// Predicts the class of each row of a CSV file. Its columns are matched with the run's by name; one with the class may be
/// there, and is not looked at. Fails if the run was trained on images or gives no class, or the table does not fit it.
pub fn predict_rows(run: &TrainedRun, path: &Path) -> Result<Vec<RowPrediction>> {
    let p = &run.preparation;
    run.needs_classes("predict")?;
    let (samples, first) = samples(run, path)?;
    let found = classify(&run.model, samples.as_ref(), &run.objective()?)?;
    let k = p.classes.len();
    let all = found.predicted.iter().zip(found.probabilities.data().chunks_exact(k)).enumerate();
    Ok(all
        .map(|(i, (&class, each))| {
            let probabilities: Vec<f64> = each.iter().map(|&p| f64::from(p)).collect();
            let probability = probabilities[class];
            RowPrediction { row: first + i, class: p.classes[class].clone(), probability, probabilities }
        })
        .collect())
}

/// The rows of a CSV file as the run's network takes them (of a time series, the windows before the values that come after its
/// end), and the number of the first.
fn samples(run: &TrainedRun, path: &Path) -> Result<(Box<dyn Samples>, usize)> {
    let (p, e) = (&run.preparation, &run.experiment);
    if !p.is_table() {
        let help = "give images to a run that was trained on images";
        return Err(Error::config("predict", "takes rows, and this run was trained on images", help));
    }
    let (classes, columns) = (&p.classes, Some(p.columns()));
    let like = Like { data: &e.data, learns: e.kind.learns, classes, image: p.image, columns };
    let (rows, first) = e.data.kind.source().read_rows(path, &like, &mut Unwatched)?;
    Ok((p.samples(&rows, Target::None, None)?, first))
}

/// Numbers that a run predicts for one row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowValues {
    /// The row, counted from 1 below the names; of a time series, the row that the value after its end would have.
    pub row: usize,
    /// Each number, in units, by its name.
    pub values: Vec<NamedValue>,
}

/// A predicted number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NamedValue {
    /// What it is called.
    pub name: String,
    /// The prediction.
    pub value: f64,
    /// The ends of its prediction interval of 95 %; none if the run had too few validation samples.
    pub interval: Option<(f64, f64)>,
}

/// Predicts the numbers of each row of a CSV file. Its columns are matched with the run's by name; those with the numbers may
/// be there, and are not looked at. Of a run on a time series: the next values after the end of the one in the file, as many as
/// its horizon has steps. Fails if the run is no regression on a table, or the table does not fit it.
pub fn predict_values(run: &TrainedRun, path: &Path) -> Result<Vec<RowValues>> {
    let scale = scale_of(run.preparation.values.as_ref())?;
    let (samples, first) = samples(run, path)?;
    let all: Vec<usize> = (0..samples.len()).collect();
    let outputs = outputs(&run.model, samples.as_ref(), &all, run.experiment.seed)?;
    let half_widths = half_widths(run, scale.names.len())?;
    let columns: Vec<Vec<f64>> = (0..scale.names.len()).map(|j| scale.in_units(&outputs, j)).collect();
    let row = |i: usize| {
        let values = scale.names.iter().enumerate().map(|(j, name)| {
            let value = columns[j][i];
            NamedValue { name: name.clone(), value, interval: half_widths[j].map(|q| (value - q, value + q)) }
        });
        RowValues { row: first + i, values: values.collect() }
    };
    Ok(all.into_iter().map(row).collect())
}

/// The half-widths of prediction intervals, which the run learned from its validation samples.
fn half_widths(run: &TrainedRun, numbers: usize) -> Result<Vec<Option<f64>>> {
    let Some(folder) = &run.folder else { return Ok(vec![None; numbers]) };
    let metrics: serde_json::Value = folder.read_json("metrics.json")?;
    Ok((0..numbers).map(|j| metrics["intervals"][j]["half_width"].as_f64()).collect())
}

/// Predicted numbers as a CSV file: the row, each number, and the ends of its interval where there is one.
pub fn values_csv(predictions: &[RowValues]) -> Result<Vec<u8>> {
    let named = |p: &RowValues| {
        let each = p.values.iter().flat_map(|v| {
            let ends = v.interval.iter().flat_map(|_| ["low", "high"].map(|end| format!("{end} {}", v.name)));
            std::iter::once(v.name.clone()).chain(ends.collect::<Vec<_>>())
        });
        std::iter::once("row".to_owned()).chain(each).collect::<Vec<_>>()
    };
    let row = |p: &RowValues| {
        let each = p.values.iter().flat_map(|v| {
            let ends = v.interval.iter().flat_map(|(low, high)| [low.to_string(), high.to_string()]);
            std::iter::once(v.value.to_string()).chain(ends.collect::<Vec<_>>())
        });
        std::iter::once(p.row.to_string()).chain(each).collect::<Vec<_>>()
    };
    csv_bytes(predictions.first().map(named).into_iter().chain(predictions.iter().map(row)))
}

/// Predictions as a CSV file: the row, its class, and the probability of each class.
pub fn rows_csv(predictions: &[RowPrediction], classes: &[String]) -> Result<Vec<u8>> {
    let head = ["row", "class"].map(String::from).into_iter().chain(classes.iter().map(|class| format!("p_{class}")));
    let rows = predictions.iter().map(|p| {
        let each = p.probabilities.iter().map(|p| format!("{p:.6}"));
        [p.row.to_string(), p.class.clone()].into_iter().chain(each).collect::<Vec<_>>()
    });
    csv_bytes(std::iter::once(head.collect()).chain(rows))
}
