//! Whether a network fits into memory, before its weights are allocated.

use crate::error::Result;
use crate::run::memory;

/// Bytes of a weight while it is trained: never less, whatever the optimizer.
const LEAST_PER_WEIGHT: u64 = 12;
/// Below this number of bytes, nobody looks whether they fit.
pub(super) const SMALL: u64 = 200_000_000;

/// Refuses a network whose weights will not fit into memory, before they are drawn. `layer` stands at `place` and has
/// `parameters` weights; `so_far` are those of the layers before it.
pub(super) fn check_weights(place: &str, layer: &str, parameters: usize, so_far: usize) -> Result<()> {
    let all = (so_far as u64).saturating_add(parameters as u64);
    let bytes = all.saturating_mul(LEAST_PER_WEIGHT);
    if bytes < SMALL {
        return Ok(());
    }
    let what = format!("{layer}: training {all} weights up to it");
    memory::demand(place, &what, bytes, "give it, or the layer before, fewer filters or units")
}
