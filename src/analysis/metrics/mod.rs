//! Metrics: how good is an answer, and how sure are we?
//!
//! * [`Confusion`]: which class is taken for which; accuracy, precision, recall, F1.
//! * `cluster`: clusters against labels (mutual information, Rand index), and groups against the space they live in
//!   (silhouette, Fisher's ratio).
//! * `neighbor`: what the nearest neighbours say (k-NN accuracy, trustworthiness of a map).
//! * `significance`: is a difference more than luck (Wilson's interval, McNemar's test)?

mod cluster;
mod confusion;
mod neighbor;
mod significance;

pub use cluster::{adjusted_rand, fisher_ratio, normalized_mutual_information, silhouette};
pub use confusion::Confusion;
pub use neighbor::{knn_accuracy, trustworthiness};
pub use significance::{McNemar, mcnemar, wilson_interval};
