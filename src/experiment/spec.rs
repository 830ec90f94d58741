//! What an experiment is: data, a network, a training. The types are the file's sections, field for field.

use super::beside::Known;
use super::kind::{Kind, Learns, unresolved};
use super::layers::Layer;
use crate::analysis::features::Feature;
use crate::analysis::hog::Hog;
use crate::data::{Color, Column, NpzOptions, TableOptions};
use crate::optim::{Adam, Choice, OptimizerSpec, Schedule};
use crate::train::Augment;
use crate::train::{Keep, Loss, Measure};
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
    /// What is predicted: classify (a class), regress (numbers) or reconstruct (the input itself). Without it, what
    /// `train.loss` is for.
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
    /// What the report shows.
    #[serde(default)]
    pub report: Report,
    /// The search for good settings, as it stands there: [`StudySettings`](crate::study::StudySettings) reads it.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub study: Table,
}

fn seed() -> u64 {
    42
}

/// The kinds of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// 70,000 handwritten digits, from IDX files.
    Mnist,
    /// 70,000 articles of clothing, from IDX files.
    FashionMnist,
    /// A folder or zip with one sub-folder of images per class.
    Folder,
    /// Galaxies that the program renders: three classes.
    Galaxies,
    /// Digits that the program renders: ten classes of 28 x 28.
    Digits,
    /// A table of numbers, a row for each sample, one column being its class.
    Csv,
    /// NumPy's arrays `x` and `y`: rows of numbers, or images.
    Npz,
}

impl DataKind {
    /// The name, as the file writes it.
    pub fn name(self) -> &'static str {
        match self {
            DataKind::Mnist => "mnist",
            DataKind::FashionMnist => "fashion-mnist",
            DataKind::Folder => "folder",
            DataKind::Galaxies => "galaxies",
            DataKind::Digits => "digits",
            DataKind::Csv => "csv",
            DataKind::Npz => "npz",
        }
    }

    /// Whether the program renders the samples.
    pub fn is_rendered(self) -> bool {
        matches!(self, DataKind::Galaxies | DataKind::Digits)
    }

    /// All of them.
    pub const ALL: [DataKind; 7] = [
        DataKind::Mnist,
        DataKind::FashionMnist,
        DataKind::Folder,
        DataKind::Galaxies,
        DataKind::Digits,
        DataKind::Csv,
        DataKind::Npz,
    ];
}

/// Section `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The kind of data.
    pub kind: DataKind,
    /// The folder or file; empty for data that need none.
    #[serde(default)]
    pub path: String,
    /// Validation samples taken from the training split: a fraction, or (of MNIST and its like) their number. With 0 there
    /// are none: all epochs are trained and the last is kept.
    #[serde(default = "val")]
    pub val: f64,
    /// Test samples, for data without a test split of their own: a fraction above 0.
    #[serde(default = "test")]
    pub test: f64,
    /// Seed of the split, of subsets of it (`limit`, `labelled`) and of rendered samples. It belongs to the data, not to the
    /// training: runs and trials with other seeds are trained and evaluated on the same samples.
    #[serde(default = "seed")]
    pub seed: u64,
    /// Most training samples: a stratified sample of that many, and validation and test sets smaller in proportion; 0 is
    /// all. A smaller sample is a part of a larger one.
    #[serde(default)]
    #[schemars(extend("unit" = "samples"))]
    pub limit: usize,
    /// Most labelled samples: a stratified sample of the training set, while validation and test set stay whole; 0 is all.
    #[serde(default)]
    #[schemars(extend("unit" = "samples"))]
    pub labelled: usize,
    /// Height and width to which images of a folder are resized, 8 to 1024.
    #[serde(default = "size")]
    #[schemars(extend("unit" = "pixels"))]
    pub size: usize,
    /// Colour of the images of a folder.
    #[serde(default)]
    pub color: Color,
    /// Regular expression; files whose first capture group is the same stay in one split.
    #[serde(default)]
    pub group_by: String,
    /// Whether the first line of a table holds names: true, false, or "auto", which looks.
    #[serde(default)]
    pub header: HeaderLine,
    /// The character that separates the cells of a table, or "tab"; empty looks for comma, semicolon and tab.
    #[serde(default)]
    pub delimiter: String,
    /// The column of a table that holds the class: its name, or its number from 1. Without it, the last one, or the one
    /// that is called label, class, target, species or y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Column>,
    /// The columns of a table that hold the numbers to predict, for kind = "regress": one, by name or number, or a list.
    /// Without it, the column that `label` names or that is found in its place.
    #[serde(default, skip_serializing_if = "Targets::is_empty")]
    pub target: Targets,
    /// The columns of a table that are features, by name or number; empty is all but those omitted.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// Columns of a table that are omitted, by name or number.
    #[serde(default)]
    pub ignore: Vec<Column>,
    /// The array of a .npz that holds the samples; empty looks.
    #[serde(default)]
    pub x: String,
    /// The array of a .npz that holds the labels; empty looks.
    #[serde(default)]
    pub y: String,
    /// Rendered images of each class, 10 to 100000.
    #[serde(default = "per_class")]
    #[schemars(extend("unit" = "images"))]
    pub per_class: usize,
    /// What the network is given.
    #[serde(default)]
    pub features: Features,
    /// The scale of the input.
    #[serde(default)]
    pub normalize: Normalize,
    /// Augmentation: how training images are varied, anew in each epoch.
    #[serde(default)]
    pub augment: Augment,
    /// For `features = "hand-crafted"`: the features that are computed.
    #[serde(default = "hand_crafted")]
    pub hand_crafted: Vec<Feature>,
    /// For `features = "hog"`: how histograms of oriented gradients are computed (Dalal and Triggs 2005).
    #[serde(default)]
    pub hog: Hog,
}

/// Whether the first line of a table holds names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "true, false or \"auto\"")]
pub enum HeaderLine {
    /// It does, or does not.
    Said(bool),
    /// The reader looks.
    Found(Auto),
}

/// The word `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// Found by looking.
    Auto,
}

/// One column, or a list of columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "the name of a column in quotes, its number from 1, or a list of them")]
pub enum Targets {
    /// One.
    One(Column),
    /// Several, or none.
    Many(Vec<Column>),
}

impl Default for Targets {
    fn default() -> Self {
        Targets::Many(Vec::new())
    }
}

impl Targets {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All of them.
    pub fn columns(&self) -> Vec<Column> {
        match self {
            Targets::One(column) => vec![column.clone()],
            Targets::Many(columns) => columns.clone(),
        }
    }
}

impl Default for HeaderLine {
    fn default() -> Self {
        HeaderLine::Found(Auto::Auto)
    }
}

impl Data {
    /// How a table is read.
    pub fn table_options(&self, learns: Learns) -> TableOptions {
        TableOptions {
            header: if let HeaderLine::Said(said) = self.header { Some(said) } else { None },
            delimiter: if self.delimiter == "tab" { Some(b'\t') } else { self.delimiter.bytes().next() },
            // Runs of old wrote an empty name for none.
            label: self.label.clone().filter(|column| *column != Column::Name(String::new())),
            columns: self.columns.clone(),
            ignore: self.ignore.clone(),
            targets: (learns == Learns::Values).then(|| self.target.columns()),
        }
    }

    /// How arrays are read, to train on or to evaluate a trained network on.
    pub fn npz_options(&self, learns: Learns, evaluated: bool) -> NpzOptions {
        let name = |name: &String| (!name.is_empty()).then(|| name.clone());
        NpzOptions { x: name(&self.x), y: name(&self.y), evaluated, values: learns == Learns::Values }
    }
}

fn val() -> f64 {
    0.15
}

fn test() -> f64 {
    0.15
}

fn size() -> usize {
    128
}

fn per_class() -> usize {
    300
}

fn hand_crafted() -> Vec<Feature> {
    Feature::DEFAULT.to_vec()
}

impl Data {
    /// Where the samples come from, as messages call it.
    pub fn source(&self) -> &str {
        if self.path.is_empty() { self.kind.name() } else { &self.path }
    }

    /// The first key, if any, by which two sections have other samples in their validation or test set.
    pub fn other_split(&self, other: &Data) -> Option<&'static str> {
        let differs = [
            ("data.kind", self.kind != other.kind),
            ("data.path", self.path != other.path),
            ("data.val", self.val != other.val),
            ("data.test", self.test != other.test),
            ("data.seed", self.seed != other.seed),
            ("data.limit", self.limit != other.limit),
            ("data.group_by", self.group_by != other.group_by),
            ("data.per_class", self.per_class != other.per_class),
        ];
        differs.into_iter().find(|(_, differs)| *differs).map(|(key, _)| key)
    }
}

/// What the network is given of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Features {
    /// Its pixels, `[C, H, W]`.
    #[default]
    Pixels,
    /// Histograms of oriented gradients.
    Hog,
    /// The features of the main job: brightness, edges, symmetry and so on.
    HandCrafted,
}

/// The scale of pixels or features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Mean 0 and standard deviation 1 over the training split, for each channel or feature.
    #[default]
    Standard,
    /// Mean 0 and standard deviation 1 over each image alone, which takes its exposure away; for pixels.
    PerImage,
    /// As they come: pixels between 0 and 1.
    None,
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
