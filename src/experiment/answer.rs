//! Asking a trained run: how good it is on other data, what it says about single pictures, how it sees them.

use super::data::{Preparation, load, other};
use super::job::{MODEL, PREPARATION, figures, objective, plan};
use super::read::Source;
use super::spec::Experiment;
use crate::analysis::metrics::knn_accuracy;
use crate::analysis::pca::Pca;
use crate::analysis::tsne::Tsne;
use crate::data::read_image;
use crate::error::{Error, Result};
use crate::nn::{Sequential, state};
use crate::report::Figure;
use crate::report::chart::Scatter;
use crate::run::{RunFolder, Watch};
use crate::tensor::Tensor;
use crate::train::{Objective, Samples, activations, evaluate};
use ndarray::Array2;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A finished run, its network loaded.
pub struct Trained {
    /// What it was.
    pub experiment: Experiment,
    /// From pictures to samples.
    pub preparation: Preparation,
    /// With the best epoch's weights.
    pub model: Sequential,
}

/// What a run says about one picture.
#[derive(Clone, Debug, Serialize)]
pub struct Prediction {
    /// The file.
    pub path: String,
    /// The answer.
    pub class: String,
    /// Its probability.
    pub probability: f64,
    /// The probability of each class, in the order of the classes.
    pub probabilities: Vec<f64>,
}

/// How samples are laid out in the plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Neighbours stay together.
    Tsne,
    /// The two directions of largest variance.
    Pca,
}

/// The samples of a split as points in the plane.
pub struct Embedding {
    /// The chart.
    pub figure: Figure,
    /// One row a sample.
    pub points: Array2<f32>,
    /// Classes of the samples.
    pub labels: Vec<usize>,
    /// Numbers that the layer gives for each sample.
    pub dimensions: usize,
    /// Share of samples whose five nearest neighbours in the layer's space vote for their class.
    pub knn_accuracy: f64,
}

impl Trained {
    /// Loads a run of `gradus train`.
    pub fn open(folder: &RunFolder) -> Result<Self> {
        let experiment = of_run(folder)?;
        if !folder.path(PREPARATION).exists() {
            let help = format!("finish it: gradus train --resume {}", folder.root().display());
            return Err(Error::data(folder.root(), "was not trained to its end", help));
        }
        let preparation: Preparation = folder.read_json(PREPARATION)?;
        let (model, _) = plan(&experiment, &preparation.input(), preparation.classes.len())?;
        state::load(&model, folder.path(&format!("checkpoints/{MODEL}-best.safetensors")))?;
        Ok(Self { experiment, preparation, model })
    }

    /// The loss of a run that is only asked: class weights were learned from the training split and count no more.
    fn objective(&self) -> Result<Objective> {
        let plain = objective(&self.experiment, &[], self.preparation.classes.len())?;
        Ok(Objective { class_weights: None, ..plain })
    }

    /// How good it is on its own test split, or on other data: a path or a kind.
    pub fn evaluate(&self, data: Option<&str>, watch: &mut dyn Watch) -> Result<Value> {
        let e = &self.experiment;
        let (images, objective) = match data {
            Some(spec) => (other(e, spec, &self.preparation, watch)?, self.objective()?),
            None => {
                let all = load(e, watch)?;
                let objective = objective(e, &all.train.labels, all.classes.len())?;
                (all.test, objective)
            }
        };
        let samples = self.preparation.samples(&images.pixels, &images.labels, None)?;
        let result = evaluate(&self.model, samples.as_ref(), &objective)?;
        figures(&result, &images.labels, images.classes.len())
    }

    /// What it says about single pictures.
    pub fn predict(&self, images: &[PathBuf]) -> Result<Vec<Prediction>> {
        let [channels, height, width] = self.preparation.picture;
        if self.preparation.is_table() {
            let help = "give its rows as a table: gradus evaluate RUN --data TABLE.csv";
            return Err(Error::config("predict", "takes pictures, and this run was trained on a table", help));
        }
        if height != width {
            return Err(Error::invalid(format!("this run wants pictures of {height}x{width}; only squares are read")));
        }
        let mut predictions = Vec::new();
        for path in images {
            let pixels = read_image(path, channels, height)?;
            let samples = self.preparation.samples(&pixels, &[0], None)?;
            let answer = evaluate(&self.model, samples.as_ref(), &self.objective()?)?;
            let probabilities: Vec<f64> = answer.probabilities.data().iter().map(|&p| f64::from(p)).collect();
            let class = answer.predicted[0];
            predictions.push(Prediction {
                path: path.display().to_string(),
                class: self.preparation.classes[class].clone(),
                probability: probabilities[class],
                probabilities,
            });
        }
        Ok(predictions)
    }

    /// The first `n` test samples as the network is given them.
    pub fn samples(&self, n: usize, watch: &mut dyn Watch) -> Result<Tensor> {
        let all = load(&self.experiment, watch)?;
        let chosen: Vec<usize> = (0..all.test.len().min(n)).collect();
        let test = all.test.subset(&chosen);
        Ok(self.preparation.samples(&test.pixels, &test.labels, None)?.batch(&chosen, None))
    }

    /// At most `most` test samples as layer `layer` sees them, laid out in the plane.
    pub fn embed(&self, layer: &str, method: Method, most: usize, watch: &mut dyn Watch) -> Result<Embedding> {
        let known: Vec<&str> = self.model.names().collect();
        if !known.contains(&layer) && layer != "input" {
            let what = format!("there is no layer `{layer}`");
            return Err(Error::config("--layer", what, format!("choose `input`, {}", known.join(", "))));
        }
        let all = load(&self.experiment, watch)?;
        let chosen: Vec<usize> = (0..all.test.len().min(most)).collect();
        let test = all.test.subset(&chosen);
        let samples = self.preparation.samples(&test.pixels, &test.labels, None)?;
        let seen = self.seen(layer, samples.as_ref(), &chosen)?;
        let knn_accuracy = knn_accuracy(seen.view(), &test.labels, 5)?;
        let dimensions = seen.ncols();
        let points = match method {
            Method::Pca => Pca::fit(seen.view(), 2)?.transform(seen.view())?,
            Method::Tsne => {
                // Distances in many dimensions are those in fifty, nearly, and take a fraction of the time.
                let few = if dimensions > 50 { Pca::fit(seen.view(), 50)?.transform(seen.view())? } else { seen };
                let perplexity = 30.0f64.min((test.len() as f64 - 1.0) / 3.0);
                Tsne { perplexity, ..Tsne::default() }.fit(few.view(), self.experiment.seed)?.embedding
            }
        };
        let places: Vec<(f64, f64)> = points.rows().into_iter().map(|p| (f64::from(p[0]), f64::from(p[1]))).collect();
        let title = format!("{}: {layer}", self.experiment.name);
        let figure = Scatter::new(&title, &self.preparation.classes).panel("", &places, &test.labels).draw();
        Ok(Embedding { figure, points, labels: test.labels, dimensions, knn_accuracy })
    }

    /// What a layer gives for each sample, one row each.
    fn seen(&self, layer: &str, samples: &dyn Samples, chosen: &[usize]) -> Result<Array2<f32>> {
        if layer == "input" {
            let x = samples.batch(chosen, None);
            let width = x.numel() / chosen.len().max(1);
            return Ok(Array2::from_shape_vec((chosen.len(), width), x.data().to_vec()).expect("rows of one length"));
        }
        activations(&self.model, layer, samples, chosen)
    }
}

/// The experiment of a run.
pub fn of_run(folder: &RunFolder) -> Result<Experiment> {
    if folder.recipe()? != "train" {
        return Err(Error::data(folder.root(), "is no run of `gradus train`", "give the folder of one"));
    }
    Source::text(&folder.config_text()?, "config.toml")?.resolve()
}

/// Finds relative data from where a run was begun, if they are not here.
pub fn at_home(mut e: Experiment, folder: &RunFolder) -> Result<Experiment> {
    let path = Path::new(&e.data.path);
    if !e.data.path.is_empty() && !path.exists() {
        let begun_in = folder.env("working_folder")?;
        let there = Path::new(begun_in.as_str().unwrap_or("")).join(path);
        if there.exists() {
            e.data.path = there.display().to_string();
        }
    }
    Ok(e)
}
