//! `gradus evaluate` and `gradus predict`: a trained run on other pictures.

use super::artifacts::Artifacts;
use super::config::Config;
use crate::analysis::features::of_pictures;
use crate::analysis::kmeans::Clustering;
use crate::analysis::metrics::Confusion;
use crate::data::manifest::identity as identity_of;
use crate::data::{load_all, read_image};
use crate::error::Result;
use crate::run::{RunFolder, Watch, identity, ledger};
use crate::tensor::Tensor;
use crate::train::{Evaluation, Matrix, Objective, Pictures, evaluate as run_network};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The three answers to the same pictures.
struct Answers {
    clusters: Vec<usize>,
    mlp: Evaluation,
    cnn: Evaluation,
}

/// Asks all three classifiers of a run.
fn answer(
    folder: &RunFolder,
    config: &Config,
    artifacts: &Artifacts,
    pixels: &Tensor,
    labels: &[usize],
) -> Result<Answers> {
    let (mlp, cnn) = artifacts.networks(folder, config)?;
    let features = artifacts.scaler.transform(of_pictures(&artifacts.features, pixels)?.view())?;
    let clustering = Clustering { centroids: artifacts.centroids()?, labels: vec![], inertia: 0.0, iterations: 0 };
    let clusters = clustering.predict(features.view())?.into_iter().map(|c| artifacts.cluster_names[c]).collect();
    let objective = Objective::default();
    Ok(Answers {
        clusters,
        mlp: run_network(&mlp, &Matrix::new(Tensor::from(features), labels.to_vec())?, &objective)?,
        cnn: run_network(&cnn, &Pictures::new(pixels, labels.to_vec(), &artifacts.normalization)?, &objective)?,
    })
}

/// Evaluates a run on all pictures of a folder with the same classes.
pub fn evaluate(folder: &RunFolder, config: &Config, data: &Path, watch: &mut dyn Watch) -> Result<Value> {
    let artifacts = Artifacts::read(folder)?;
    let loaded = load_all(data, &artifacts.classes, artifacts.channels, config.data.size, &mut |done, total| {
        watch.progress(done, total, "pictures read");
    })?;
    let (images, k) = (&loaded.images, artifacts.classes.len());
    let answers = answer(folder, config, &artifacts, &images.pixels, &images.labels)?;
    let clusters = Confusion::new(&images.labels, &answers.clusters, k)?;
    let network = |e: &Evaluation| -> Result<Value> {
        let confusion = Confusion::new(&images.labels, &e.predicted, k)?;
        Ok(json!({
            "test_accuracy": e.accuracy,
            "test_loss": e.loss,
            "macro_f1": confusion.macro_f1(),
            "confusion": confusion.counts,
        }))
    };
    let figures = |accuracy: f64| json!({ "accuracy": accuracy });
    let networks = [
        ("kmeans", figures(clusters.accuracy())),
        ("mlp", figures(answers.mlp.accuracy)),
        ("cnn", figures(answers.cnn.accuracy)),
    ];
    let split = (identity_of(&loaded.sha256, images), images.len());
    ledger::note(folder, "evaluate", split, &networks, Some(answers.cnn.accuracy), watch);
    let trained_on =
        if folder.path(identity::MANIFEST).exists() { identity::manifest(folder)?.trained_on(images) } else { 0 };
    if trained_on > 0 {
        watch.note(&format!("warning: {trained_on} of {} images are in the run's training set", images.len()));
    }
    Ok(json!({
        "in_training_set": trained_on,
        "data": { "classes": artifacts.classes, "test": images.counts(), "skipped": loaded.skipped, "sha256": loaded.sha256 },
        "kmeans": { "test_accuracy": clusters.accuracy(), "confusion": clusters.counts },
        "mlp": network(&answers.mlp)?,
        "cnn": network(&answers.cnn)?,
    }))
}

/// The answers to one picture.
#[derive(Clone, Debug, Serialize)]
pub struct Prediction {
    /// The file.
    pub path: String,
    /// The CNN's answer.
    pub class: String,
    /// Its probability.
    pub probability: f64,
    /// The CNN's probability of each class, in the order of the classes.
    pub probabilities: Vec<f64>,
    /// The MLP's answer.
    pub mlp: String,
    /// The class after which the nearest cluster is named.
    pub cluster: String,
}

/// Answers for single pictures.
pub fn predict(folder: &RunFolder, config: &Config, images: &[PathBuf]) -> Result<Vec<Prediction>> {
    let artifacts = Artifacts::read(folder)?;
    let mut predictions = Vec::new();
    for path in images {
        let pixels = read_image(path, artifacts.channels, config.data.size)?;
        let answers = answer(folder, config, &artifacts, &pixels, &[0])?;
        let probabilities: Vec<f64> = answers.cnn.probabilities.data().iter().map(|&p| f64::from(p)).collect();
        let class = answers.cnn.predicted[0];
        predictions.push(Prediction {
            path: path.display().to_string(),
            class: artifacts.classes[class].clone(),
            probability: probabilities[class],
            probabilities,
            mlp: artifacts.classes[answers.mlp.predicted[0]].clone(),
            cluster: artifacts.classes[answers.clusters[0]].clone(),
        });
    }
    Ok(predictions)
}
