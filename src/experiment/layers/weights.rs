//! Whether the weights of a network fit into memory, before they are drawn.

use super::outline::Outline;
use crate::error::Result;
use crate::run::memory;

/// Bytes below which nobody looks whether there is memory for them.
pub const SMALL: u64 = 200_000_000;

/// Bytes of a weight while it is trained: never less, whatever the optimizer.
const LEAST_PER_WEIGHT: u64 = 12;

/// Refuses a network whose weights will not fit into memory, before they are drawn; `so_far` are the weights of the layers
/// before this one, which stands at `place`.
pub(super) fn check_weights(place: &str, layer: &Outline, so_far: usize) -> Result<()> {
    let all = (so_far as u64).saturating_add(layer.parameters as u64);
    let bytes = all.saturating_mul(LEAST_PER_WEIGHT);
    if bytes < SMALL {
        return Ok(());
    }
    let what = format!("{} ({}): training {all} weights up to it", layer.name, layer.kind);
    memory::demand(place, &what, bytes, "give it, or the layer before, fewer filters or units")
}
