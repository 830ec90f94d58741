//! Stage 4. Embeddings: t-SNE of the features and of the networks' outputs, in two dimensions.

use super::config::TsneConfig;
use crate::error::Result;
use ndarray::{Array2, ArrayView2};
use std::time::Instant;

/// An embedding and how it was computed.
#[derive(Clone, Debug)]
pub struct NamedEmbedding {
    /// The name of the embedded space: a key of `metrics.json`.
    pub name: String,
    /// n x 2.
    pub points: Array2<f32>,
    /// Kullback-Leibler divergence, the loss of t-SNE.
    pub kl: f64,
    /// `exact`, `barnes_hut` or `fft`.
    pub method: &'static str,
    /// The perplexity used.
    pub perplexity: f64,
    /// Wall time.
    pub seconds: f64,
}

/// Computes the embedding of the rows of `x`.
pub fn embed(name: &str, config: &TsneConfig, x: ArrayView2<'_, f32>, seed: u64) -> Result<NamedEmbedding> {
    let start = Instant::now();
    let settings = config.settings(x.nrows());
    let fitted = settings.fit(x, seed)?;
    Ok(NamedEmbedding {
        name: name.to_owned(),
        points: fitted.embedding,
        kl: fitted.kl,
        method: fitted.method.name(),
        perplexity: settings.perplexity,
        seconds: start.elapsed().as_secs_f64(),
    })
}
