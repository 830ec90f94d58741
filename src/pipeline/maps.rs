//! Stage 4. Maps: t-SNE of what each stage knows of the samples, two dimensions that keep neighbours together.

use super::config::TsneConfig;
use crate::error::Result;
use ndarray::{Array2, ArrayView2};
use std::time::Instant;

/// A map and how it was made.
#[derive(Clone, Debug)]
pub struct NamedMap {
    /// What was mapped: a key of `metrics.json`.
    pub name: String,
    /// n x 2.
    pub points: Array2<f32>,
    /// Kullback-Leibler divergence: how much of the neighbourhoods is lost.
    pub kl: f64,
    /// `exact`, `barnes_hut` or `fft`.
    pub method: &'static str,
    /// The perplexity used.
    pub perplexity: f64,
    /// Wall time.
    pub seconds: f64,
}

/// Maps the rows of `x`.
pub fn map(name: &str, config: &TsneConfig, x: ArrayView2<'_, f32>, seed: u64) -> Result<NamedMap> {
    let start = Instant::now();
    let settings = config.settings(x.nrows());
    let map = settings.fit(x, seed)?;
    Ok(NamedMap {
        name: name.to_owned(),
        points: map.embedding,
        kl: map.kl,
        method: map.method.name(),
        perplexity: settings.perplexity,
        seconds: start.elapsed().as_secs_f64(),
    })
}
