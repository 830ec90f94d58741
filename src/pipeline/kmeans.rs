//! Stage 3. K-means on the features: which groups are there, without labels?
//!
//! K is the number of classes. A majority vote over the training labels names each cluster, and so makes a
//! classifier of the clustering; the test split measures its accuracy.

use super::config::Config;
use super::features::FeatureStage;
use crate::analysis::kmeans::{Clustering, KMeans, name_clusters};
use crate::analysis::metrics::{Confusion, adjusted_rand, normalized_mutual_information};
use crate::data::ImageData;
use crate::error::Result;

/// Clusters and how well they agree with the labels.
#[derive(Clone, Debug)]
pub struct Clusters {
    /// Centroids, labels of the training samples, inertia.
    pub clustering: Clustering<f32>,
    /// For each cluster, the class that most of its training samples have.
    pub names: Vec<usize>,
    /// For each test sample, its cluster.
    pub test_clusters: Vec<usize>,
    /// For each test sample, the class its cluster is named after.
    pub predicted: Vec<usize>,
    /// Fraction of training samples in a cluster of their class.
    pub train_accuracy: f64,
    /// The same for the test samples, class by class.
    pub confusion: Confusion,
    /// Normalized mutual information of clusters and labels on the test split: needs no names.
    pub nmi: f64,
    /// The adjusted Rand index of the same: 0 is what chance gives.
    pub adjusted_rand: f64,
}

/// Clusters the training features and scores the clusters on the test split.
pub fn cluster(config: &Config, features: &FeatureStage, data: &ImageData) -> Result<Clusters> {
    let k = data.classes.len();
    let settings = KMeans { n_init: config.kmeans.n_init, max_iter: config.kmeans.max_iter, ..KMeans::new(k) };
    let clustering = settings.fit(features.scaled[0].view(), config.seed)?;
    let names = name_clusters(&clustering.labels, data.train.labels(), k, k);
    let named = |clusters: &[usize]| -> Vec<usize> { clusters.iter().map(|&c| names[c]).collect() };
    let train_accuracy = Confusion::new(data.train.labels(), &named(&clustering.labels), k)?.accuracy();
    let test_clusters = clustering.predict(features.scaled[2].view())?;
    let predicted = named(&test_clusters);
    let confusion = Confusion::new(data.test.labels(), &predicted, k)?;
    let nmi = normalized_mutual_information(data.test.labels(), &test_clusters);
    let adjusted_rand = adjusted_rand(data.test.labels(), &test_clusters);
    Ok(Clusters { clustering, names, test_clusters, predicted, train_accuracy, confusion, nmi, adjusted_rand })
}
