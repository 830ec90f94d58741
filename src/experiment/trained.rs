//! Asking a trained run: how good it is on other data, what it says about single images, how it sees them.

use super::found::short;
use super::kind::Learns;
use super::kinds;
use super::load::{Other, load, other};
use super::map::{Map, Method, neighbours_agree};
use super::preparation::{PREPARATION, Preparation};
use super::prepared::{MODEL, objective, plan};
use super::read::of_run;
use super::spec::Experiment;
use super::task::NetworkOnSamples;
use crate::data::manifest::identity as identity_of;
use crate::data::{ImageData, Images, Like, Reader};
use crate::error::{Error, Result};
use crate::nn::Sequential;
use crate::report::Figure;
use crate::run::weights::load_best;
use crate::run::{RunFolder, Watch, identity, ledger};
use crate::target::Target;
use crate::tensor::Tensor;
use crate::train::{Objective, Samples, activations, classify};
use ndarray::Array2;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// A finished run, its network loaded.
pub struct TrainedRun {
    /// What it was.
    pub experiment: Experiment,
    /// From images to samples.
    pub preparation: Preparation,
    /// With the best epoch's weights.
    pub model: Sequential,
    /// Its folder; none for a network trained by a program that keeps no run, whose data cannot have changed meanwhile.
    pub folder: Option<RunFolder>,
}

/// What a run says about one image.
#[derive(Clone, Debug, Serialize)]
pub struct Prediction {
    /// The file.
    pub path: String,
    /// The class of the highest probability.
    pub class: String,
    /// Its probability.
    pub probability: f64,
    /// The probability of each class, in the order of the classes.
    pub probabilities: Vec<f64>,
}

/// The samples of a split, laid out as a layer sees them.
pub struct Embedding {
    /// The chart.
    pub figure: Figure,
    /// Where each sample lies.
    pub map: Map,
    /// Numbers that the layer gives for a sample.
    pub dimensions: usize,
    /// Fraction of samples whose five nearest neighbours, as the layer sees them, name their class.
    pub knn_accuracy: f64,
}

impl TrainedRun {
    /// Loads a finished run of `gradus train`; its files must be what it wrote, and its weights finite.
    pub fn open(folder: &RunFolder) -> Result<Self> {
        let folder = &folder.verified()?;
        let experiment = of_run(folder)?;
        if !experiment.kind.predicts() {
            let kind = experiment.kind;
            return Err(Error::data(folder.root(), format!("is no run of a network: it {}", kind.gives), kind.instead));
        }
        let preparation: Preparation = folder.read_json(PREPARATION)?;
        let (model, _) = plan(&experiment, &preparation.input(), preparation.outputs())?;
        load_best(&model, folder, MODEL)?;
        Ok(Self { experiment, preparation, model, folder: Some(folder.clone()) })
    }

    /// The run's data, read again. Data that have changed since the run began are refused: in a new split, test samples
    /// would be among those that the network was trained on.
    pub fn data(&self, watch: &mut dyn Watch) -> Result<ImageData> {
        let mut data = load(&self.experiment, watch)?;
        if let Some(folder) = &self.folder {
            identity::check(folder, self.experiment.data.source(), &mut data)?;
        }
        Ok(data)
    }

    /// The loss of a run that is only evaluated: class weights were learned from the training split and count no more.
    pub(super) fn objective(&self) -> Result<Objective> {
        let plain = objective(&self.experiment, &[], self.preparation.classes.len())?;
        Ok(Objective { class_weights: None, ..plain })
    }

    /// Its figures on its own test set, or on other data: a path or a kind. The evaluation is written into the ledger. If some
    /// of the other samples are in the run's training set, the key `in_training_set` says how many.
    pub fn evaluate(&self, data: Option<&str>, watch: &mut dyn Watch) -> Result<Value> {
        let e = &self.experiment;
        let (Other { images, sha256 }, objective) = match data {
            Some(spec) => (other(e, spec, &self.preparation, watch)?, self.objective()?),
            None => {
                let all = self.data(watch)?;
                let objective = objective(e, all.train.labels(), all.classes.len())?;
                (Other { images: all.test, sha256: all.sha256 }, objective)
            }
        };
        let mut found = self.measure(&images, &objective)?;
        let trained_on = match (data, &self.folder) {
            (Some(_), Some(folder)) if folder.path(identity::MANIFEST).exists() => {
                identity::manifest(folder)?.trained_on(&images)
            }
            _ => 0,
        };
        if trained_on > 0 {
            watch.note(&format!("warning: {trained_on} of {} samples are in the run's training set", images.len()));
            found["in_training_set"] = trained_on.into();
        }
        if let Some(folder) = &self.folder {
            let split = (identity_of(&sha256, &images), images.len());
            ledger::note(folder, "evaluate", split, &[(MODEL, short(&found))], found["accuracy"].as_f64(), watch);
        }
        Ok(found)
    }

    /// The figures on some samples.
    fn measure(&self, images: &Images, objective: &Objective) -> Result<Value> {
        let (experiment, model) = (&self.experiment, &self.model);
        let samples = self.preparation.samples_of(images, None)?;
        let (samples, values) = (samples.as_ref(), self.preparation.values.as_ref());
        kinds::runner(experiment.kind).figures(&NetworkOnSamples {
            experiment,
            model,
            objective,
            images,
            samples,
            values,
        })
    }

    /// Notes in the ledger that a figure was computed on the run's test set.
    pub fn note(&self, command: &str, data: &ImageData, figures: Value, watch: &mut dyn Watch) {
        if let Some(folder) = &self.folder {
            let split = (identity_of(&data.sha256, &data.test), data.test.len());
            ledger::note(folder, command, split, &[(MODEL, figures)], None, watch);
        }
    }

    /// Refuses `command` for a run that names no class.
    pub fn needs_classes(&self, command: &str) -> Result<()> {
        let kind = self.experiment.kind;
        if kind.learns == Learns::Classes {
            return Ok(());
        }
        let what = format!("expected a run that names a class; this run's network {}", kind.gives);
        Err(Error::config(command, what, kind.instead))
    }

    /// A reader of single images for [`TrainedRun::predict`]. Fails for runs that name no class, or take no images.
    pub fn reader(&self, like: Option<Like>) -> Result<Reader> {
        self.needs_classes("predict")?;
        if self.preparation.is_table() {
            let help = "give its rows as a table: gradus predict RUN TABLE.csv";
            return Err(Error::config("predict", "takes images, and this run was trained on a table", help));
        }
        Reader::new(self.preparation.image, like)
    }

    /// The prediction for the image `[1, C, H, W]` that was read from `path`.
    pub fn predict(&self, path: &Path, image: &Tensor) -> Result<Prediction> {
        let samples = self.preparation.samples(image, Target::None, None)?;
        let found = classify(&self.experiment.views.of(&self.model), samples.as_ref(), &self.objective()?)?;
        let probabilities: Vec<f64> = found.probabilities.data().iter().map(|&p| f64::from(p)).collect();
        let class = found.predicted[0];
        Ok(Prediction {
            path: path.display().to_string(),
            class: self.preparation.classes[class].clone(),
            probability: probabilities[class],
            probabilities,
        })
    }

    /// A stratified sample of at most `most` test samples as layer `layer` sees them, laid out in `dims` dimensions (2 or 3).
    pub fn embed(
        &self,
        layer: &str,
        (method, dims): (Method, usize),
        most: usize,
        watch: &mut dyn Watch,
    ) -> Result<Embedding> {
        if self.experiment.kind.learns == Learns::Values {
            let help = "its residuals are in its report and in tables/predictions.csv";
            return Err(Error::config("embed", "colours samples by class, and this run predicts numbers", help));
        }
        let known: Vec<&str> = self.model.names().collect();
        if !known.contains(&layer) && layer != "input" {
            let what = format!("there is no layer `{layer}`");
            return Err(Error::config("--layer", what, format!("choose `input`, {}", known.join(", "))));
        }
        let data = self.data(watch)?;
        let test = data.test.sample(most, self.experiment.data.seed);
        let chosen: Vec<usize> = (0..test.len()).collect();
        let samples = self.preparation.samples_of(&test, None)?;
        let seen = self.seen(layer, samples.as_ref(), &chosen)?;
        let map = Map::of(seen.view(), test.labels(), method, dims, self.experiment.seed)?;
        let figure = map.figure(&format!("{}: {layer}", self.experiment.name), &self.preparation.classes);
        let knn_accuracy = neighbours_agree(seen.view(), test.labels())?;
        self.note("embed", &data, json!({ "layer": layer, "knn_accuracy": knn_accuracy }), watch);
        Ok(Embedding { figure, map, dimensions: seen.ncols(), knn_accuracy })
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
