//! What the run of an experiment found out, whatever its kind.

use super::folds::CrossValidated;
use super::prepared::Prepared;
use super::spec::Experiment;
use crate::data::manifest::identity;
use crate::data::{ImageData, Images};
use crate::error::Result;
use crate::optim::Stopped;
use crate::run::{RunFolder, ledger};
use crate::tensor::Tensor;
use crate::train::{History, STOPPED, Samples, outputs};
use serde_json::{Map, Value, json};

/// Everything that a run has found out once it is trained and evaluated.
pub trait Found {
    /// The content of `metrics.json`; `test` holds the figures of the held-out test set.
    fn metrics(&self) -> Result<Value>;

    /// Writes `report.html`, the figures and the tables.
    fn write(&self, folder: &RunFolder) -> Result<()>;

    /// Returns the run of its network, or of what predicts in its place, which takes what is found out later. A kind that has none
    /// takes that itself.
    fn run(&mut self) -> Option<&mut Run> {
        None
    }

    /// Takes how often the test set was evaluated on.
    fn settle(&mut self, test_set: ledger::Summary) {
        self.run().into_iter().for_each(|run| run.test_set = test_set);
    }

    /// Takes what the cross-validation found.
    fn cross_validated(&mut self, found: CrossValidated) {
        self.run().into_iter().for_each(|run| run.folds = Some(found.clone()));
    }

    /// Takes the name and wall time of each stage so far.
    fn took(&mut self, seconds: &[(String, f64)]) {
        self.run().into_iter().for_each(|run| run.seconds = seconds.to_vec());
    }
}

/// The figures that stand in the ledger.
pub fn short(figures: &Value) -> Value {
    let of = |key: &str| Some((key.to_owned(), figures.get(key)?.clone()));
    Value::Object(["accuracy", "r_squared", "mse", "loss", "quantization_error"].into_iter().filter_map(of).collect())
}

/// A run with one network, trained: what all kinds of such runs have in common.
pub struct Run {
    /// The experiment.
    pub experiment: Experiment,
    /// Its samples and its network, with the weights that are kept.
    pub prepared: Prepared,
    /// The epochs.
    pub history: History,
    /// How often its test set was evaluated on.
    pub test_set: ledger::Summary,
    /// What its cross-validation found, if it had one.
    pub folds: Option<CrossValidated>,
    /// Wall time of each stage.
    pub seconds: Vec<(String, f64)>,
}

/// One split of a run.
pub struct OfSplit<'a> {
    /// `train`, `val` or `test`.
    pub name: &'static str,
    /// Its samples as they were read.
    pub images: &'a Images,
    /// The same as the network takes them.
    pub samples: &'a dyn Samples,
}

impl Run {
    /// Takes a run after its training.
    pub fn new(experiment: Experiment, prepared: Prepared, history: History) -> Self {
        Self { experiment, prepared, history, test_set: ledger::Summary::default(), folds: None, seconds: Vec::new() }
    }

    /// Returns the splits that hold samples, in the order train, val, test; the test split always does.
    pub fn splits(&self) -> impl Iterator<Item = OfSplit<'_>> {
        let p = &self.prepared;
        let each = p.data.splits().into_iter().zip([&p.train, &p.val, &p.test]);
        each.map(|((name, images), samples)| OfSplit { name, images, samples: samples.as_ref() })
            .filter(|split| !split.samples.is_empty())
    }

    /// Returns how many steps of the optimizer ended for which reason, in all epochs; empty where steps end by themselves.
    pub fn stopped(&self) -> Vec<(Stopped, usize)> {
        let steps = |why: Stopped| self.history.curve(&format!("{STOPPED}{}", why.name())).iter().sum::<f64>() as usize;
        Stopped::ALL.into_iter().map(|why| (why, steps(why))).filter(|(_, steps)| *steps > 0).collect()
    }

    /// Returns the network's outputs for all samples of a split; what it draws by its nature is drawn.
    pub fn outputs(&self, samples: &dyn Samples) -> Result<Tensor> {
        let all: Vec<usize> = (0..samples.len()).collect();
        outputs(&self.prepared.model, samples, &all, self.experiment.seed)
    }

    /// Whether there were validation samples to choose an epoch by.
    pub fn is_validated(&self) -> bool {
        !self.prepared.val.is_empty()
    }

    /// Returns `metrics.json`: the keys that all kinds have, with those of a kind among them and among its `data`. The keys are
    /// a contract; new ones may be added.
    pub fn metrics(&self, own: Value, own_data: Value) -> Value {
        let Self { experiment, prepared: p, history, seconds, folds, .. } = self;
        let mut own = own;
        if let (Some(folds), Value::Object(own)) = (folds, &mut own) {
            own.insert("cross_validation".into(), folds.metrics());
        }
        let stopped = self.stopped();
        if !stopped.is_empty() {
            let each = stopped.iter().map(|(why, steps)| (why.name().to_owned(), json!(steps)));
            own["optimizer_stopped"] = Value::Object(each.collect());
        }
        let sizes = json!({ "parameters": p.summary.parameters, "macs": p.summary.macs });
        Common { experiment, data: &p.data, history, seconds, sizes }.metrics(own, own_data)
    }
}

/// What `metrics.json` says of every run, whether it trained a network or not.
pub struct Common<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// Its samples.
    pub data: &'a ImageData,
    /// The epochs.
    pub history: &'a History,
    /// Wall time of each stage.
    pub seconds: &'a [(String, f64)],
    /// How large the trained thing is: `parameters`, and what else there is to say.
    pub sizes: Value,
}

impl Common<'_> {
    /// Returns `metrics.json`, with the keys of a kind (`own`) among the common ones and among those of `data`.
    pub fn metrics(self, own: Value, own_data: Value) -> Value {
        let Self { experiment: e, data: d, history, .. } = self;
        let mut metrics = Map::new();
        let mut add = |values: Value| {
            if let Value::Object(values) = values {
                metrics.extend(values);
            }
        };
        add(json!({ "recipe": "train", "kind": e.kind, "experiment": e.name, "seed": e.seed }));
        add(self.sizes);
        add(json!({ "best_epoch": history.best_epoch, "epochs": history.epochs.len() }));
        add(own);
        let mut data = json!({
            "kind": e.data.kind,
            "train": d.train.counts(),
            "val": d.val.counts(),
            "test": d.test.counts(),
            "seed": e.data.seed,
            "test_set": identity(&d.sha256, &d.test),
            "sha256": d.sha256,
        });
        if let (Value::Object(data), Value::Object(own)) = (&mut data, own_data) {
            data.extend(own);
        }
        let mut seconds: Map<String, Value> = self.seconds.iter().map(|(name, s)| (name.clone(), json!(s))).collect();
        seconds.insert("total".into(), json!(self.seconds.iter().map(|(_, s)| s).sum::<f64>()));
        add(json!({ "data": data, "seconds": seconds }));
        Value::Object(metrics)
    }
}
