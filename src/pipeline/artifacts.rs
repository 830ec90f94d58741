//! The artifacts of a run that `evaluate` and `predict` need besides the networks' weights.

use super::cnn::{self, CnnStage};
use super::config::Config;
use super::features::FeatureStage;
use super::kmeans::Clusters;
use super::mlp;
use crate::analysis::features::Feature;
use crate::analysis::scale::Scaler;
use crate::data::{Border, ImageData};
use crate::error::{Error, Result};
use crate::nn::Sequential;
use crate::run::RunFolder;
use crate::run::weights::load_best;
use crate::train::Normalization;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// The file in the run folder.
const FILE: &str = "artifacts.json";

/// The values that were fitted outside the networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Artifacts {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// 1 for gray, 3 for colour.
    pub channels: usize,
    /// The features, in order.
    pub features: Vec<Feature>,
    /// Their scale.
    pub scaler: Scaler,
    /// K-means' centroids, row by row.
    pub centroids: Vec<Vec<f32>>,
    /// The class each cluster is named after.
    pub cluster_names: Vec<usize>,
    /// The pixels' scale.
    pub normalization: Normalization,
    /// Brightness along the border of the training images.
    #[serde(default)]
    pub border: Option<Border>,
}

impl Artifacts {
    /// Collects and writes them.
    pub fn write(
        folder: &RunFolder,
        data: &ImageData,
        features: &FeatureStage,
        clusters: &Clusters,
        cnn: &CnnStage,
    ) -> Result<()> {
        let artifacts = Self {
            classes: data.classes.clone(),
            channels: data.channels(),
            features: features.names.clone(),
            scaler: features.scaler.clone(),
            centroids: clusters.clustering.centroids.rows().into_iter().map(|row| row.to_vec()).collect(),
            cluster_names: clusters.names.clone(),
            normalization: cnn.normalization.clone(),
            border: Border::fit(&data.train.pixels),
        };
        folder.write(FILE, &serde_json::to_vec_pretty(&artifacts).expect("plain numbers and words"))
    }

    /// Reads the artifacts of a finished run.
    pub fn read(folder: &RunFolder) -> Result<Self> {
        folder.verified()?.read_json(FILE)
    }

    /// Returns the centroids as a matrix.
    pub fn centroids(&self) -> Result<Array2<f32>> {
        let (k, d) = (self.centroids.len(), self.features.len());
        Array2::from_shape_vec((k, d), self.centroids.concat())
            .map_err(|_| Error::State(format!("artifacts.json: the centroids are not {k} rows of {d} numbers")))
    }

    /// Returns the two networks with the best epoch's weights.
    pub fn networks(&self, folder: &RunFolder, config: &Config) -> Result<(Sequential, Sequential)> {
        let classes = self.classes.len();
        let mlp = mlp::build(&config.mlp, config.mlp.activation, self.features.len(), classes, config.seed);
        let cnn = cnn::build(config, self.channels, classes)?;
        load_best(&mlp, folder, "mlp")?;
        load_best(&cnn, folder, "cnn")?;
        Ok((mlp, cnn))
    }
}
