//! The caption and the points of the report's t-SNE embeddings.

use crate::pipeline::maps::NamedMap;

/// Returns the points of an embedding for a chart.
pub(super) fn points(map: &NamedMap) -> Vec<(f64, f64)> {
    map.points.rows().into_iter().map(|p| (f64::from(p[0]), f64::from(p[1]))).collect()
}

/// The caveat on reading a t-SNE embedding.
pub(super) const MAP_CAVEAT: &str = "t-SNE preserves neighbourhoods and nothing else: distances between clusters, their sizes and \
                          their positions have no scale, so the axes have no numbers.";
/// The two directions of an embedding.
pub(super) const MAP_AXES: (&str, &str) = ("t-SNE 1", "t-SNE 2");
