//! The results of a run of the main job.

use super::config::Config;
use super::{baselines, cnn, depth, embeddings, features, kmeans, mlp, parameters};
use crate::data::ImageData;
use crate::run::ledger;

/// The results of a run.
pub struct Results {
    /// The settings.
    pub config: Config,
    /// The images.
    pub data: ImageData,
    /// Stage 2.
    pub features: features::FeatureStage,
    /// Stage 3.
    pub clusters: kmeans::Clusters,
    /// Stage 4: t-SNE of the test features.
    pub feature_embedding: embeddings::NamedEmbedding,
    /// Stage 5.
    pub mlp: mlp::MlpStage,
    /// Stage 5: t-SNE of the MLP's output on the test split.
    pub mlp_embedding: embeddings::NamedEmbedding,
    /// Stage 6.
    pub cnn: cnn::CnnStage,
    /// The baselines.
    pub baselines: baselines::Baselines,
    /// Stage 7.
    pub parameters: parameters::ParameterLesson,
    /// Stage 8.
    pub depth: depth::DepthLesson,
    /// How often its test set was evaluated on.
    pub test_set: ledger::Summary,
    /// Wall time of each stage.
    pub seconds: Vec<(String, f64)>,
}
