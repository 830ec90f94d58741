//! Analysis of latent spaces: walks, samples and measures, for the codes of any encoder.
//!
//! An autoencoder turns an image into a *code*, a few numbers, and back. Here a code is a row of a matrix, and nothing
//! is known of the network that made it: what follows is plain mathematics, and the caller decodes the rows it gets.
//!
//! | question | answer |
//! |---|---|
//! | which codes are there? | [`Gaussian`] fitted to them, or the [`Bounds`] they lie in: both can be sampled |
//! | what lies between two codes? | [`interpolate`] |
//! | what does one dimension mean? | [`traverse`] it, the others kept |
//! | what do two mean together? | a [`plane`] through a code, with [`normal_quantiles`] or [`Bounds::axis`] along its sides |
//! | do differences mean something? | [`analogy`]: a - b + c |
//! | which units of a variational code are active? | [`active_units`] |
//! | which samples are rendered best, typically, worst? | [`Extremes`] |
//! | are generated samples as varied as true ones? | [`diversity`] |
//! | are they copies? | [`nearest_rows`](crate::analysis::neighbors::nearest_rows) among the training samples |
//! | does a classifier recognize them? | [`ClassProbabilities`](crate::analysis::metrics::ClassProbabilities) |
//!
//! Random rows have a stream each, so a longer list begins with the shorter one.

mod density;
mod measure;
mod walk;

pub use density::{Bounds, Gaussian, normal_quantile, normal_quantiles};
pub use measure::{ACTIVE, Extremes, active_units, diversity, mean_distance, unit_variances};
pub use walk::{analogy, interpolate, plane, traverse};

use crate::error::{Error, Result};

/// Fails unless there are `expected` numbers.
fn width(op: &str, what: &str, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::invalid(format!("{op}: {what} has {got} dimensions: expected {expected}")))
}
