//! The configuration of the main job: every setting with its default, and the checks on each value.

use crate::analysis::features::Feature;
use crate::analysis::scale::Scaling;
use crate::analysis::tsne::{Method, Tsne};
use crate::data::{Color, FolderOptions};
use crate::error::{Error, Result};
use crate::nn::Activation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// All settings of a pipeline run, as they stand in its `config.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Seed of everything random but the data: 0 to 9223372036854775807.
    pub seed: u64,
    /// Where the images come from.
    pub data: DataConfig,
    /// Hand-crafted features.
    pub features: FeatureConfig,
    /// K-means.
    pub kmeans: KMeansConfig,
    /// The network on the features.
    pub mlp: MlpConfig,
    /// The network on the pixels.
    pub cnn: CnnConfig,
    /// Maps.
    pub tsne: TsneConfig,
    /// The depth lesson.
    pub depth: DepthConfig,
}

/// Where the images come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// `galaxies` (rendered), or the path of a folder or .zip with one sub-folder per class.
    pub source: String,
    /// Height and width to which images are resized, 16 to 1024.
    #[schemars(extend("unit" = "pixels"))]
    pub size: usize,
    /// Colour of the images; `auto` is rgb if a training image is in colour.
    pub color: Color,
    /// Regular expression; files whose first capture group is the same stay in one split. Empty: none.
    pub group_by: String,
    /// Fractions of training, validation and test set, each 0.01 to 0.98; their sum is 1.
    pub split: [f64; 3],
    /// Seed of the split and of rendered galaxies; runs with another `seed` share the split.
    pub seed: u64,
    /// Rendered galaxies of each class, 10 to 100000.
    #[schemars(extend("unit" = "images"))]
    pub per_class: usize,
}

/// Hand-crafted features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureConfig {
    /// Features that are computed of each image.
    pub names: Vec<Feature>,
    /// Scale of the features: `standard` (mean 0, standard deviation 1), or a range,
    /// `{ min_max = { low = 0.0, high = 1.0 } }`.
    pub scaling: Scaling,
}

/// K-means; K is the number of classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KMeansConfig {
    /// Random initializations, 1 to 1000, of which the best is kept.
    pub n_init: usize,
    /// Most iterations from one initialization, 1 to 1000000.
    pub max_iter: usize,
}

/// The network on the features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Widths of the hidden layers, each 1 to 100000.
    pub hidden: Vec<usize>,
    /// Activation function of the hidden layers.
    pub activation: Activation,
    /// Most epochs, 1 to 1000000.
    pub epochs: usize,
    /// Epochs without a better validation loss after which training stops, 1 to 1000000.
    pub patience: usize,
    /// Samples per training step, 1 to 1000000.
    pub batch: usize,
    /// Adam's learning rate, 1e-12 to 1e30.
    pub lr: f64,
}

/// The network on the pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CnnConfig {
    /// Output channels of each block (convolution 3x3, ReLU, max-pooling 2x2): 1 to 8 blocks, each of 1 to 4096.
    pub widths: Vec<usize>,
    /// Width of the fully connected layer, 1 to 100000.
    pub hidden: usize,
    /// Most epochs, 1 to 1000000.
    pub epochs: usize,
    /// Epochs without a better validation loss after which training stops, 1 to 1000000.
    pub patience: usize,
    /// Samples per training step, 1 to 1000000.
    pub batch: usize,
    /// Adam's learning rate, 1e-12 to 1e30.
    pub lr: f64,
    /// Augmentation: mirrored images.
    pub flips: bool,
    /// Augmentation: images turned by multiples of 90 degrees.
    pub quarter_turns: bool,
}

/// Maps by t-SNE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TsneConfig {
    /// Largest perplexity, 2 to 1000; n samples get at most (n - 1) / 3.
    pub perplexity: f64,
    /// Iterations of the gradient descent, 10 to 1000000.
    pub n_iter: usize,
    /// How repulsion is computed.
    pub method: Method,
}

impl TsneConfig {
    /// The settings for `n` samples.
    pub fn settings(&self, n: usize) -> Tsne {
        let perplexity = Tsne::perplexity_for(n, self.perplexity);
        let exaggeration_iter = Tsne::default().exaggeration_iter.min(self.n_iter / 4);
        Tsne { perplexity, n_iter: self.n_iter, exaggeration_iter, method: self.method, ..Tsne::default() }
    }
}

/// The depth lesson.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DepthConfig {
    /// Most validation samples of the depth lesson, 10 to 100000.
    pub max_samples: usize,
    /// Dimensions that PCA keeps where there are more, 2 to 10000.
    pub components: usize,
    /// Neighbours of the k-NN accuracy, 1 to 100.
    pub neighbors: usize,
}

impl Default for Config {
    /// The settings for images of one's own.
    fn default() -> Self {
        Self {
            seed: 42,
            data: DataConfig {
                source: "galaxies".into(),
                size: 128,
                color: Color::Auto,
                group_by: String::new(),
                split: [0.70, 0.15, 0.15],
                seed: 42,
                per_class: 300,
            },
            features: FeatureConfig { names: Feature::DEFAULT.to_vec(), scaling: Scaling::Standard },
            kmeans: KMeansConfig { n_init: 10, max_iter: 300 },
            mlp: MlpConfig {
                hidden: vec![64, 32],
                activation: Activation::Relu,
                epochs: 40,
                patience: 12,
                batch: 32,
                lr: 1e-3,
            },
            cnn: CnnConfig {
                widths: vec![16, 32, 64, 128],
                hidden: 128,
                epochs: 40,
                patience: 20,
                batch: 32,
                lr: 1e-3,
                flips: true,
                quarter_turns: true,
            },
            tsne: TsneConfig { perplexity: 30.0, n_iter: 1000, method: Method::Auto },
            depth: DepthConfig { max_samples: 2000, components: 50, neighbors: 5 },
        }
    }
}

impl Config {
    /// The defaults for a data source: rendered galaxies are learned in fewer epochs than real ones.
    pub fn for_source(source: &str) -> Self {
        let mut config = Self::default();
        config.data.source = source.to_owned();
        if config.is_rendered() {
            config.cnn.epochs = 18;
        }
        config
    }

    /// Makes every stage as small as it can be and still run.
    pub fn smoke(&mut self) {
        self.data.per_class = 30;
        self.data.size = 32;
        self.kmeans.n_init = 2;
        self.mlp.epochs = 3;
        self.cnn.epochs = 2;
        self.tsne.n_iter = 100;
    }

    /// Whether the galaxies are rendered.
    pub fn is_rendered(&self) -> bool {
        self.data.source == "galaxies"
    }

    /// Checks every value; the error names the key, the value and the range.
    pub fn validate(&self) -> Result<()> {
        // TOML's whole numbers end there.
        for (key, seed) in [("seed", self.seed), ("data.seed", self.data.seed)] {
            if i64::try_from(seed).is_err() {
                return Err(Error::config(key, format!("is {seed}, above {}", i64::MAX), "choose a smaller one"));
            }
        }
        if self.data.source.is_empty() {
            return Err(Error::config("data.source", "is empty", "give `galaxies`, or the path of a folder or zip"));
        }
        self.check_group_by()?;
        Error::in_range("data.size", self.data.size as f64, 16.0, 1024.0)?;
        Error::in_range("data.per_class", self.data.per_class as f64, 10.0, 100_000.0)?;
        self.data.split.iter().try_for_each(|&s| Error::in_range("data.split", s, 0.01, 0.98))?;
        Error::in_range("the sum of data.split", self.data.split.iter().sum(), 1.0 - 1e-9, 1.0 + 1e-9)?;
        if self.features.names.is_empty() {
            return Err(Error::config("features.names", "is empty", "name at least one feature"));
        }
        if let Some(twice) = self.features.names.iter().enumerate().find(|(i, f)| self.features.names[..*i].contains(f))
        {
            let what = format!("names {} twice", twice.1.name());
            return Err(Error::config("features.names", what, "name each feature once"));
        }
        if let Scaling::MinMax { low, high } = self.features.scaling {
            Error::in_range("features.scaling.min_max.high - low", high - low, 1e-6, 1e6)?;
        }
        Error::in_range("kmeans.n_init", self.kmeans.n_init as f64, 1.0, 1000.0)?;
        Error::in_range("kmeans.max_iter", self.kmeans.max_iter as f64, 1.0, 1e6)?;
        for (net, epochs, patience, batch, lr) in [
            ("mlp", self.mlp.epochs, self.mlp.patience, self.mlp.batch, self.mlp.lr),
            ("cnn", self.cnn.epochs, self.cnn.patience, self.cnn.batch, self.cnn.lr),
        ] {
            Error::in_range(&format!("{net}.epochs"), epochs as f64, 1.0, 1e6)?;
            Error::in_range(&format!("{net}.patience"), patience as f64, 1.0, 1e6)?;
            Error::in_range(&format!("{net}.batch"), batch as f64, 1.0, 1e6)?;
            Error::in_range(&format!("{net}.lr"), lr, 1e-12, 1e30)?;
        }
        self.mlp.hidden.iter().try_for_each(|&w| Error::in_range("mlp.hidden", w as f64, 1.0, 1e5))?;
        self.cnn.widths.iter().try_for_each(|&w| Error::in_range("cnn.widths", w as f64, 1.0, 4096.0))?;
        Error::in_range("the number of cnn.widths", self.cnn.widths.len() as f64, 1.0, 8.0)?;
        Error::in_range("cnn.hidden", self.cnn.hidden as f64, 1.0, 1e5)?;
        if self.data.size >> self.cnn.widths.len() == 0 {
            let (blocks, size) = (self.cnn.widths.len(), self.data.size);
            let what = format!("has {blocks} blocks, each halving the image: nothing is left of {size} pixels");
            return Err(Error::config("cnn.widths", what, "use fewer blocks or a larger data.size"));
        }
        Error::in_range("tsne.perplexity", self.tsne.perplexity, 2.0, 1000.0)?;
        Error::in_range("tsne.n_iter", self.tsne.n_iter as f64, 10.0, 1e6)?;
        Error::in_range("depth.max_samples", self.depth.max_samples as f64, 10.0, 1e5)?;
        Error::in_range("depth.components", self.depth.components as f64, 2.0, 1e4)?;
        Error::in_range("depth.neighbors", self.depth.neighbors as f64, 1.0, 100.0)
    }

    /// Compiles `data.group_by`.
    fn check_group_by(&self) -> Result<()> {
        let pattern = Some(self.data.group_by.clone()).filter(|p| !p.is_empty());
        let options = FolderOptions { group_by: pattern, ..Default::default() };
        options.validate().map(drop).map_err(|error| match error {
            Error::Config { what, help, .. } => Error::config("data.group_by", what, help),
            other => other,
        })
    }
}
