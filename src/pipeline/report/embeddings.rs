//! The caption and the points of the report's t-SNE embeddings.

use crate::pipeline::embeddings::NamedEmbedding;

/// Returns the points of an embedding for a chart.
pub(super) fn points(embedding: &NamedEmbedding) -> Vec<(f64, f64)> {
    embedding.points.rows().into_iter().map(|p| (f64::from(p[0]), f64::from(p[1]))).collect()
}

/// The caveat on reading a t-SNE embedding.
pub(super) const EMBEDDING_CAVEAT: &str = "t-SNE preserves neighbourhoods and nothing else: distances between clusters, their sizes and \
                          their positions have no scale, so the axes have no numbers.";
/// The two directions of an embedding.
pub(super) const EMBEDDING_AXES: (&str, &str) = ("t-SNE 1", "t-SNE 2");
