//! What an experiment is: data, a network, a training. The types are the file's sections, field for field.

use super::beside::Known;
use super::data::Data;
use super::kind::{Kind, unresolved};
use super::kinds::forest::settings::ForestSettings;
use super::kinds::linear::settings::LinearSettings;
use super::kinds::svr::settings::SvrSettings;
use super::layers::Layer;
use crate::analysis::som::Som;
use crate::optim::{Adam, Choice, OptimizerSpec, Schedule};
use crate::train::{Keep, Loss, Measure, Views};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::Table;

/// What stands at the top of the file, before its sections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its name, which is part of the run folder's: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What it is, in one sentence for people.
    #[serde(default)]
    pub about: String,
    /// What is learned: classify (a class), regress (numbers), reconstruct (the input itself), linear (numbers, by a weighted
    /// sum of the columns whose weights are computed at once), svr (numbers, by support vectors), forest (numbers, by a random
    /// forest) or som (a map of the samples). Without it, what `train.loss` is for.
    #[serde(default, rename = "kind")]
    pub(super) kind_name: String,
    /// The kind of that name, from the table of kinds.
    #[serde(skip, default = "unresolved")]
    pub kind: &'static Kind,
    /// Seed of everything random but the data: initial weights, order of the samples, augmentation, dropout.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Where the samples come from, and what is done to them.
    pub data: Data,
    /// The network.
    pub model: Model,
    /// The training.
    pub train: Train,
    /// For kind = "som": the self-organizing map (Kohonen 1982) and its training.
    #[serde(default, skip_serializing_if = "is_default")]
    pub som: Som,
    /// Cross-validation of an experiment on a table: `{ folds = 5, repeats = 1 }`. Without it there is none.
    #[serde(default, skip_serializing_if = "Validation::is_default")]
    pub validation: Validation,
    /// For kind = "linear": how the weights are computed.
    #[serde(default, skip_serializing_if = "LinearSettings::is_default")]
    pub linear: LinearSettings,
    /// For kind = "svr": the support vector regression.
    #[serde(default, skip_serializing_if = "is_default")]
    pub svr: SvrSettings,
    /// For kind = "forest": the random forest.
    #[serde(default, skip_serializing_if = "is_default")]
    pub forest: ForestSettings,
    /// For kind = "classify" on images: the views of an image over which the trained network's outputs are averaged.
    #[serde(default, skip_serializing_if = "Views::is_default")]
    pub views: Views,
    /// What the report shows.
    #[serde(default)]
    pub report: Report,
    /// The search for good settings, as it stands there: [`StudySettings`](crate::study::StudySettings) reads it.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub study: Table,
}

/// Whether a section says nothing.
fn is_default<T: Default + PartialEq>(section: &T) -> bool {
    *section == T::default()
}

fn seed() -> u64 {
    42
}

/// Section `[model]`: what it begins with, and the layers, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Pretrained weights to begin with: the folder of a run, or a .safetensors file. Those whose name and shape occur in
    /// this network are taken, the others are not. Empty: none.
    #[serde(default)]
    pub weights: String,
    /// Which of the pretrained weights are taken, by name; `*` stands for any characters: `conv*` takes those whose name
    /// begins with conv.
    #[serde(default = "all")]
    pub take: Vec<String>,
    /// Parameters that are not trained, by name; `*` stands for any characters: `conv*`.
    #[serde(default)]
    pub freeze: Vec<String>,
    /// The layers, one after the other; a list [[model.layer]].
    #[serde(default)]
    pub layer: Vec<Layer>,
    /// Instead of the layers, the widths of the hidden ones of a multilayer perceptron: `[50, 20]` is short for a `linear` layer of
    /// 50 units, an activation, one of 20, an activation, and a `linear` layer of units = 0. The resolved file has the layers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// The activation after each layer of `hidden`.
    #[serde(default, skip_serializing_if = "Activation::is_default")]
    pub activation: Activation,
}

/// The activation after each of `model.hidden`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + exp(-x)), also called logistic.
    Sigmoid,
    /// None: the network stays linear.
    Identity,
}

impl Activation {
    /// Whether it is the usual one.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

/// Section `[train]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// The loss that is minimized; its default is the usual one of `kind`.
    #[serde(default)]
    pub loss: Loss,
    /// Samples per training step, 1 to 1000000.
    #[serde(default = "batch")]
    pub batch: usize,
    /// Most epochs, 1 to 1000000.
    #[serde(default = "epochs")]
    pub epochs: usize,
    /// Early stopping: epochs without a better one after which training stops; 0 never stops.
    #[serde(default)]
    pub patience: usize,
    /// Which epoch is the best, whose weights are kept: that of the highest validation accuracy, or of the lowest validation
    /// loss.
    #[serde(default = "keep")]
    pub keep: Keep,
    /// Weight of each class in the loss, 1e-6 to 1000000.
    #[serde(default)]
    pub class_weights: ClassWeights,
    /// Label smoothing, for cross_entropy: the fraction of each target that is spread evenly over all classes, from 0 to
    /// below 1.
    #[serde(default)]
    pub label_smoothing: f64,
    /// The residual from which on the loss huber is linear, in standard deviations of the target: 1e-6 to 1000000.
    #[serde(default = "one")]
    #[schemars(extend("unit" = "standard deviations"))]
    pub huber_delta: f64,
    /// Whether the last batch of an epoch is omitted if it is not full.
    #[serde(default)]
    pub drop_last: bool,
    /// The optimizer: how the weights follow from the gradients. Without a kind it is Adam with a learning rate of 0.001.
    #[serde(default = "adam")]
    pub optimizer: OptimizerSpec,
    /// How the learning rate changes from epoch to epoch e of E; `base` is train.optimizer.lr.
    #[serde(default)]
    pub schedule: Schedule,
    /// Whether the learning rate changes from step to step, along the same curve, instead of from epoch to epoch.
    #[serde(default)]
    pub schedule_by_step: bool,
}

fn one() -> f64 {
    1.0
}

fn batch() -> usize {
    32
}

fn epochs() -> usize {
    10
}

fn adam() -> OptimizerSpec {
    OptimizerSpec::new(Choice::Adam(Adam::default()))
}

fn keep() -> Keep {
    Keep::Accuracy
}

/// How much each class weighs in the loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "`none`, `balanced`, or a list with a number for each class")]
pub enum ClassWeights {
    /// By rule.
    Rule(WeightRule),
    /// A number for each class.
    Each(Vec<f32>),
}

impl Default for ClassWeights {
    fn default() -> Self {
        ClassWeights::Rule(WeightRule::None)
    }
}

/// Rules for class weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeightRule {
    /// All weights are 1.
    None,
    /// Every class counts the same in sum: n / (K · samples of the class).
    Balanced,
}

/// Section `[validation]`: cross-validation. The test split is held out first, and evaluated once, at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Validation {
    /// Folds into which the rows outside the test split are divided, by class where there are classes; for each fold a model is
    /// trained on the others and evaluated on it. 2 to 1000; 0 is no cross-validation.
    pub folds: usize,
    /// How often this is repeated with other folds, 1 to 1000.
    pub repeats: usize,
}

impl Default for Validation {
    fn default() -> Self {
        Self { folds: 0, repeats: 1 }
    }
}

impl Validation {
    /// Whether there is no cross-validation.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Section `[report]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Report {
    /// Misclassified test samples that are shown, the most confident first: 0 to 1000.
    pub mistakes: usize,
    /// Pairs of classes that are confused in at least this fraction of the class are listed, 0 to 1.
    pub confused_above: f64,
    /// A network of the literature whose size is compared with this one's.
    pub beside: Option<Known>,
}

impl Default for Report {
    fn default() -> Self {
        Self { mistakes: 24, confused_above: 0.01, beside: None }
    }
}

impl Experiment {
    /// Returns the same experiment with its kind.
    pub(super) fn of_kind(mut self, kind: &'static Kind) -> Self {
        (self.kind_name, self.kind) = (kind.name.to_owned(), kind);
        self
    }

    /// Returns by what its epochs are chosen and its trials are compared, the first first.
    pub fn measures(&self) -> &'static [Measure] {
        self.kind.measures(self.train.keep)
    }

    /// Makes everything small: few samples, two epochs.
    pub fn smoke(&mut self) {
        self.data.limit = 256;
        self.data.size = self.data.size.min(32);
        self.data.per_class = self.data.per_class.min(40);
        self.train.epochs = self.train.epochs.min(2);
        self.train.batch = self.train.batch.min(32);
    }
}
