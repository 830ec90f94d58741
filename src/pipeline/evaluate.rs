//! `gradus evaluate` and `gradus predict`: applies a trained run to other images.

use super::artifacts::Artifacts;
use super::config::Config;
use crate::analysis::features::of_images;
use crate::analysis::kmeans::Clustering;
use crate::analysis::metrics::Confusion;
use crate::data::manifest::identity as identity_of;
use crate::data::{Border, load_all};
use crate::error::Result;
use crate::nn::Sequential;
use crate::run::{RunFolder, Watch, identity, ledger};
use crate::target::Target;
use crate::tensor::Tensor;
use crate::train::{Evaluation, ImageSamples, Matrix, Objective, classify, evaluate as run_network};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// The same images as each of the three classifiers takes them; K-means, which needs no more, has predicted.
struct Prepared {
    clusters: Vec<usize>,
    mlp: Matrix,
    cnn: ImageSamples,
}

/// The three classifiers of a finished run, loaded.
pub struct Classifiers {
    artifacts: Artifacts,
    size: usize,
    clustering: Clustering<f32>,
    mlp: Sequential,
    cnn: Sequential,
}

impl Classifiers {
    /// Loads them with the best epochs' weights.
    pub fn open(folder: &RunFolder, config: &Config) -> Result<Self> {
        let artifacts = Artifacts::read(folder)?;
        let (mlp, cnn) = artifacts.networks(folder, config)?;
        let clustering = Clustering { centroids: artifacts.centroids()?, labels: vec![], inertia: 0.0, iterations: 0 };
        Ok(Self { artifacts, size: config.data.size, clustering, mlp, cnn })
    }

    /// Returns channels, height and width of an image.
    pub fn input(&self) -> [usize; 3] {
        [self.artifacts.channels, self.size, self.size]
    }

    /// Brightness along the border of the training images; `None` for runs that did not record it.
    pub fn border(&self) -> Option<&Border> {
        self.artifacts.border.as_ref()
    }

    fn prepare(&self, pixels: &Tensor, target: &Target) -> Result<Prepared> {
        let artifacts = &self.artifacts;
        let features = artifacts.scaler.transform(of_images(&artifacts.features, pixels)?.view())?;
        let clusters = self.clustering.predict(features.view())?;
        Ok(Prepared {
            clusters: clusters.into_iter().map(|c| artifacts.cluster_names[c]).collect(),
            mlp: Matrix::new(Tensor::from(features), target.clone())?,
            cnn: ImageSamples::new(pixels, target.clone(), &artifacts.normalization)?,
        })
    }

    /// Returns the predictions for the image `[1, C, H, W]` that was read from `path`.
    pub fn predict(&self, path: &Path, image: &Tensor) -> Result<PipelinePrediction> {
        let classes = &self.artifacts.classes;
        let prepared = self.prepare(image, &Target::None)?;
        let cnn = classify(&self.cnn, &prepared.cnn, &Objective::default())?;
        let mlp = classify(&self.mlp, &prepared.mlp, &Objective::default())?;
        let probabilities: Vec<f64> = cnn.probabilities.data().iter().map(|&p| f64::from(p)).collect();
        let class = cnn.predicted[0];
        Ok(PipelinePrediction {
            path: path.display().to_string(),
            class: classes[class].clone(),
            probability: probabilities[class],
            probabilities,
            mlp: classes[mlp.predicted[0]].clone(),
            cluster: classes[prepared.clusters[0]].clone(),
        })
    }
}

/// Evaluates a run on all images of a folder with the same classes.
pub fn evaluate(folder: &RunFolder, config: &Config, data: &Path, watch: &mut dyn Watch) -> Result<Value> {
    let classifiers = Classifiers::open(folder, config)?;
    let artifacts = &classifiers.artifacts;
    let loaded = load_all(data, &artifacts.classes, artifacts.channels, config.data.size, &mut |done, total| {
        watch.progress(done, total, "images read");
    })?;
    let (images, k) = (&loaded.images, artifacts.classes.len());
    let prepared = classifiers.prepare(&images.pixels, &images.target)?;
    let mlp = run_network(&classifiers.mlp, &prepared.mlp, &Objective::default())?;
    let cnn = run_network(&classifiers.cnn, &prepared.cnn, &Objective::default())?;
    let clusters = Confusion::new(images.labels(), &prepared.clusters, k)?;
    let network = |e: &Evaluation| -> Result<Value> {
        let confusion = Confusion::new(images.labels(), &e.predicted, k)?;
        Ok(json!({
            "test_accuracy": e.accuracy,
            "test_loss": e.loss,
            "macro_f1": confusion.macro_f1(),
            "confusion": confusion.counts,
        }))
    };
    let figures = |accuracy: f64| json!({ "accuracy": accuracy });
    let networks =
        [("kmeans", figures(clusters.accuracy())), ("mlp", figures(mlp.accuracy)), ("cnn", figures(cnn.accuracy))];
    let split = (identity_of(&loaded.sha256, images), images.len());
    ledger::note(folder, "evaluate", split, &networks, Some(cnn.accuracy), watch);
    let trained_on =
        if folder.path(identity::MANIFEST).exists() { identity::manifest(folder)?.trained_on(images) } else { 0 };
    if trained_on > 0 {
        watch.note(&format!("warning: {trained_on} of {} images are in the run's training set", images.len()));
    }
    Ok(json!({
        "in_training_set": trained_on,
        "data": { "classes": artifacts.classes, "test": images.counts(), "skipped": loaded.skipped, "sha256": loaded.sha256 },
        "kmeans": { "test_accuracy": clusters.accuracy(), "confusion": clusters.counts },
        "mlp": network(&mlp)?,
        "cnn": network(&cnn)?,
    }))
}

/// The predictions for one image.
#[derive(Clone, Debug, Serialize)]
pub struct PipelinePrediction {
    /// The file.
    pub path: String,
    /// The CNN's prediction.
    pub class: String,
    /// Its probability.
    pub probability: f64,
    /// The CNN's probability of each class, in the order of the classes.
    pub probabilities: Vec<f64>,
    /// The MLP's prediction.
    pub mlp: String,
    /// The class after which the nearest cluster is named.
    pub cluster: String,
}
