//! Predictions for the rows of a table that need not have a class.

use super::answer::Trained;
use crate::data::Table;
use crate::error::{Error, Result};
use crate::report::table::csv_bytes;
use crate::tensor::Tensor;
use crate::train::evaluate;
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
pub fn predict_rows(run: &Trained, path: &Path) -> Result<Vec<RowPrediction>> {
    let p = &run.preparation;
    if !p.is_table() || run.experiment.train.loss.is_reconstruction() {
        let help =
            "give images to a run that was trained on images; for the codes of an autoencoder: gradus latent RUN";
        return Err(Error::config("predict", "expected a run that names the class of rows", help));
    }
    let features = Table::read_rows_like(path, &run.experiment.data.table_options(), &p.columns())?;
    let (n, d) = features.dim();
    let rows = Tensor::from_fn([n, 1, 1, d], |i| features[[i / d, i % d]]);
    let found = evaluate(&run.model, p.samples(&rows, &vec![0; n], None)?.as_ref(), &run.objective()?)?;
    let k = p.classes.len();
    let all = found.predicted.iter().zip(found.probabilities.data().chunks_exact(k)).enumerate();
    Ok(all
        .map(|(i, (&class, each))| {
            let probabilities: Vec<f64> = each.iter().map(|&p| f64::from(p)).collect();
            let probability = probabilities[class];
            RowPrediction { row: i + 1, class: p.classes[class].clone(), probability, probabilities }
        })
        .collect())
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
