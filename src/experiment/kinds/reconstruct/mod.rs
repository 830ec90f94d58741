//! `kind = "reconstruct"`: a network whose target is its input, that is an autoencoder (Hinton and Salakhutdinov 2006) or a
//! variational one (Kingma and Welling 2014). There are no classes to predict: the figures are the loss, its parts, and the
//! reconstructions.
//!
//! Whatever the loss is, the mean squared error per value is reported too, since autoencoders are compared by it. In all
//! figures a variational network draws its latent samples, and a denoising network gets noisy inputs, whose targets are the
//! clean ones.

mod report;

use crate::analysis::latent::active_units;
use crate::error::Result;
use crate::experiment::found::{Found, OfSplit, Run};
use crate::experiment::kind::{Kind, Learns, NETWORK};
use crate::experiment::spec::Experiment;
use crate::experiment::task::{NetworkOnSamples, OneNetwork, Runner, Task};
use crate::nn::summary::Row;
use crate::run::{RunFolder, Watch};
use crate::tensor::Tensor;
use crate::train::evaluate::activations;
use crate::train::{Loss, Losses, Samples, losses, outputs};
use serde_json::{Value, json};

/// The figures of the trained network on one split.
pub struct OnSplit {
    /// `train`, `val` or `test`.
    pub name: &'static str,
    /// Number of samples.
    pub samples: usize,
    /// The losses.
    pub losses: Losses,
    /// Mean squared error of a number.
    pub mse: f64,
}

/// What makes the kind.
static KIND: Kind = Kind {
    name: "reconstruct",
    learns: Learns::Inputs,
    losses: &[Loss::ReconstructionMse, Loss::ReconstructionBce],
    gives: "gives its input back",
    end: "a reconstruction has the shape of the input",
    implied: "",
    instead: "look at its codes: gradus latent RUN",
    takes: NETWORK,
    fitting: None,
};

/// `kind = "reconstruct"`: the input itself, through a code: an autoencoder.
pub struct Reconstruct;

impl Runner for Reconstruct {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn begin(&self, e: &Experiment, watch: &mut dyn Watch) -> Result<Box<dyn Task>> {
        OneNetwork::begin(e, watch, |run| Ok(Box::new(Reconstructed::new(run)?)))
    }

    fn figures(&self, on: &NetworkOnSamples<'_>) -> Result<Value> {
        let (all, e): (Vec<usize>, &Experiment) = ((0..on.samples.len()).collect(), on.experiment);
        let errors = errors(on.samples, &outputs(on.model, on.samples, &all, e.seed)?);
        let mse = errors.iter().sum::<f64>() / errors.len() as f64;
        Ok(split(&losses(on.model, on.samples, on.objective, e.seed)?, mse, e.train.loss))
    }
}

/// Everything such a run found out.
pub struct Reconstructed {
    /// The run.
    pub run: Run,
    /// The training, validation (if there is one) and test split.
    pub splits: Vec<OnSplit>,
    /// What the network gives for the test samples.
    pub outputs: Tensor,
    /// Mean squared error of each test sample.
    pub errors: Vec<f64>,
    /// Active units of a variational code on the test split.
    pub active_units: Option<usize>,
}

/// The layer whose output is the code, and how many numbers that is: the one named `code`, else the narrowest, of equals
/// the first. Of a variational code, which is made of `mean` and `log_var`, it is the layer that holds them.
pub fn code(rows: &[Row]) -> Option<(&str, usize)> {
    let numbers = |row: &Row| row.output.iter().product::<usize>();
    fn layer(row: &Row) -> &str {
        row.path.split('.').next().unwrap_or(&row.path)
    }
    let is_last = |(i, row): &(usize, &Row)| rows.get(i + 1).is_none_or(|next| layer(next) != layer(row));
    let ends: Vec<&Row> = rows.iter().enumerate().filter(is_last).map(|(_, row)| row).collect();
    let named = ends.iter().find(|row| layer(row) == "code");
    let row = named.or_else(|| ends.iter().min_by_key(|row| numbers(row)))?;
    Some((layer(row), numbers(row)))
}

impl Found for Reconstructed {
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

impl Reconstructed {
    /// Evaluates the trained network.
    pub fn new(run: Run) -> Result<Self> {
        let p = &run.prepared;
        let (mut splits, mut last) = (Vec::new(), None);
        for OfSplit { name, samples, .. } in run.splits() {
            let losses = losses(&p.model, samples, &p.fit.objective, run.experiment.seed)?;
            let outputs = run.outputs(samples)?;
            let errors = errors(samples, &outputs);
            let mse = errors.iter().sum::<f64>() / errors.len() as f64;
            splits.push(OnSplit { name, samples: samples.len(), losses, mse });
            last = Some((outputs, errors));
        }
        let (outputs, errors) = last.expect("the test set is not empty");
        let rows = &p.summary.rows;
        let mean =
            code(rows).map(|(layer, _)| format!("{layer}.mean")).filter(|path| rows.iter().any(|r| r.path == *path));
        let active_units = match mean {
            Some(path) => {
                let all: Vec<usize> = (0..p.test.len()).collect();
                let codes = activations(&p.model, &path, p.test.as_ref(), &all)?;
                Some(active_units(codes.view())?.into_iter().filter(|active| *active).count())
            }
            None => None,
        };
        Ok(Self { run, splits, outputs, errors, active_units })
    }

    /// The test split.
    pub fn test(&self) -> &OnSplit {
        self.splits.last().expect("the test set is not empty")
    }

    /// The content of `metrics.json`.
    pub fn metrics(&self) -> Value {
        let p = &self.run.prepared;
        let split = |name: &str| {
            let found = self.splits.iter().find(|s| s.name == name);
            found.map(|s| split(&s.losses, s.mse, self.run.experiment.train.loss))
        };
        let own = json!({
            "code": code(&p.summary.rows).map(|(layer, numbers)| json!({
                "layer": layer, "numbers": numbers, "active": self.active_units,
            })),
            "train": split("train"),
            "val": split("val"),
            "test": split("test"),
        });
        self.run.metrics(own, json!({ "missing": p.data.missing() }))
    }
}

/// Whether these losses make an evidence lower bound: the likelihood of an image, and a divergence.
fn has_elbo(losses: &Losses, loss: Loss) -> bool {
    loss == Loss::ReconstructionBce && !losses.added.is_empty()
}

/// The figures of one split.
pub fn split(losses: &Losses, mse: f64, loss: Loss) -> Value {
    let mut value = json!({ "loss": losses.loss, "reconstruction": losses.objective, "mse": mse });
    if !losses.added.is_empty() {
        value["added"] = json!(losses.added);
    }
    if has_elbo(losses, loss) {
        value["elbo"] = json!(losses.elbo());
    }
    value
}

/// The mean squared error of each sample's numbers.
pub fn errors(samples: &dyn Samples, outputs: &Tensor) -> Vec<f64> {
    let size = outputs.numel() / samples.len().max(1);
    let mut errors = Vec::with_capacity(samples.len());
    for start in (0..samples.len()).step_by(1024) {
        let indices: Vec<usize> = (start..(start + 1024).min(samples.len())).collect();
        let x = samples.batch(&indices, None);
        let rows = x.data().chunks(size).zip(outputs.data()[start * size..].chunks(size));
        errors.extend(rows.map(|(x, y)| {
            let sum: f64 = x.iter().zip(y).map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum();
            sum / size as f64
        }));
    }
    errors
}
