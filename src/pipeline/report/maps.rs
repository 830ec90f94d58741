//! What the report says of every t-SNE map.

use crate::pipeline::maps::NamedMap;

/// The points of a map for a chart.
pub(super) fn points(map: &NamedMap) -> Vec<(f64, f64)> {
    map.points.rows().into_iter().map(|p| (f64::from(p[0]), f64::from(p[1]))).collect()
}

/// What to remember while looking at a t-SNE embedding.
pub(super) const MAP_CAVEAT: &str = "t-SNE preserves neighbourhoods and nothing else: distances between clusters, their sizes and \
                          their positions have no scale, so the axes have no numbers.";
/// The two directions of an embedding.
pub(super) const MAP_AXES: (&str, &str) = ("t-SNE 1", "t-SNE 2");
