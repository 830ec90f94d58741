//! Stage 8. The depth lesson: how the separation of the classes changes from layer to layer.
//!
//! The same validation samples are measured in several spaces: the hand-crafted features, the MLP's output, the
//! activations after each block's pooling, the CNN's output. Spaces of many dimensions are first reduced by PCA, so
//! that distances are comparable. In each space three measures describe how compact and how separate the classes are.

use super::cnn::CnnStage;
use super::config::Config;
use super::embeddings::{NamedEmbedding, embed};
use super::features::FeatureStage;
use super::mlp::MlpStage;
use crate::analysis::metrics::{fisher_ratio, knn_correct, silhouettes};
use crate::analysis::pca::Pca;
use crate::data::{ImageData, split};
use crate::error::{Error, Result};
use crate::report::words::counted;
use crate::rng::Rng;
use crate::run::Trainer;
use crate::train::{ImageSamples, activations};
use ndarray::{Array2, ArrayView2, Axis};
use std::collections::BTreeSet;

/// How separate the classes are in one space.
#[derive(Clone, Debug)]
pub struct Space {
    /// `features`, `mlp_output`, `block1`, .., `cnn_output`.
    pub name: String,
    /// Number of dimensions before PCA.
    pub dimensions: usize,
    /// Mean silhouette (Rousseeuw 1987): 1 where classes are compact and separate, 0 where they touch.
    pub silhouette: f64,
    /// Trace of the scatter between classes over that within.
    pub fisher_ratio: f64,
    /// Leave-one-out accuracy of the k nearest neighbours.
    pub knn_accuracy: f64,
    /// The silhouette of each sample.
    pub silhouettes: Vec<f64>,
    /// Whether each sample's nearest neighbours classify it correctly.
    pub knn_correct: Vec<bool>,
    /// Fisher's ratio of bootstrap samples, the same samples in every space, for the uncertainty of the ratio.
    pub fisher_resampled: Vec<f64>,
    /// t-SNE of the space.
    pub embedding: NamedEmbedding,
}

/// The spaces from shallow to deep.
#[derive(Clone, Debug)]
pub struct DepthLesson {
    /// Labels of the samples.
    pub labels: Vec<usize>,
    /// One entry a space; none if the measures are not defined for the samples.
    pub spaces: Vec<Space>,
    /// The reason if there are no spaces, as a sentence.
    pub omitted: Option<String>,
}

/// Bootstrap samples of each space.
const RESAMPLES: usize = 200;

/// Measures every space.
pub fn measure(
    config: &Config,
    data: &ImageData,
    features: &FeatureStage,
    mlp: &MlpStage,
    cnn: &CnnStage,
    trainer: &mut Trainer<'_>,
) -> Result<DepthLesson> {
    let chosen = split::subset(data.val.labels(), config.depth.max_samples, config.data.seed);
    let labels: Vec<usize> = chosen.iter().map(|&i| data.val.labels()[i]).collect();
    if let Some(why) = undefined(&labels) {
        trainer.watch.note(&why);
        return Ok(DepthLesson { labels, spaces: Vec::new(), omitted: Some(why) });
    }
    let images = ImageSamples::new(&data.val.pixels, data.val.target.clone(), &cnn.normalization)?;
    let blocks: Vec<String> = (1..=config.cnn.widths.len()).map(|i| format!("block{i}")).collect();
    let names = [&["features".to_owned(), "mlp_output".to_owned()], &blocks[..], &["cnn_output".to_owned()]].concat();

    let mut spaces = Vec::new();
    for (i, name) in names.iter().enumerate() {
        if trainer.watch.interrupted() {
            return Err(Error::Interrupted("interrupted in the depth lesson".into()));
        }
        trainer.watch.progress(i, names.len(), name);
        let x = match name.as_str() {
            "features" => features.scaled[1].select(Axis(0), &chosen),
            "mlp_output" => mlp.logits[0].select(Axis(0), &chosen),
            "cnn_output" => activations(&cnn.model, "", &images, &chosen)?,
            block => activations(&cnn.model, block, &images, &chosen)?,
        };
        spaces.push(space(config, name, x, &labels)?);
    }
    Ok(DepthLesson { labels, spaces, omitted: None })
}

/// Returns why compactness and separability cannot be measured on samples with these labels, if they cannot: a class
/// has a spread and a neighbour of its own only with two samples, and a silhouette is a comparison with another class.
fn undefined(labels: &[usize]) -> Option<String> {
    let classes = labels.iter().collect::<BTreeSet<_>>().len();
    if classes >= 2 && classes < labels.len() {
        return None;
    }
    Some(format!(
        "The depth lesson is omitted: the validation split has {} of {}, and silhouette, Fisher ratio and neighbours need \
         two classes, one of them with two samples.",
        counted(labels.len(), "sample"),
        if classes == 1 { "1 class".to_owned() } else { format!("{classes} classes") }
    ))
}

fn space(config: &Config, name: &str, x: Array2<f32>, labels: &[usize]) -> Result<Space> {
    let dimensions = x.ncols();
    let components = config.depth.components.min(x.nrows() - 1);
    let x = if dimensions > components { Pca::fit(x.view(), components)?.transform(x.view())? } else { x };
    let silhouettes = silhouettes(x.view(), labels)?;
    let knn_correct = knn_correct(x.view(), labels, config.depth.neighbors.min(labels.len() - 1))?;
    Ok(Space {
        name: name.to_owned(),
        dimensions,
        silhouette: silhouettes.iter().sum::<f64>() / silhouettes.len() as f64,
        fisher_ratio: fisher_ratio(x.view(), labels)?,
        knn_accuracy: knn_correct.iter().filter(|c| **c).count() as f64 / knn_correct.len() as f64,
        silhouettes,
        knn_correct,
        fisher_resampled: resampled_fisher(x.view(), labels, config.seed)?,
        embedding: embed(name, &config.tsne, x.view(), config.seed)?,
    })
}

/// Computes Fisher's ratio of [`RESAMPLES`] bootstrap samples (Efron 1979). The draws depend on the seed alone:
/// every space has the same samples, so differences between spaces are paired.
fn resampled_fisher(x: ArrayView2<'_, f32>, labels: &[usize], seed: u64) -> Result<Vec<f64>> {
    let n = labels.len();
    let mut ratios = Vec::with_capacity(RESAMPLES);
    for i in 0..RESAMPLES {
        let mut rng = Rng::new(seed, "depth.bootstrap", i as u64);
        let drawn: Vec<usize> = (0..n).map(|_| rng.below(n)).collect();
        let of_drawn: Vec<usize> = drawn.iter().map(|&j| labels[j]).collect();
        // A draw of one class only has no ratio.
        if of_drawn.iter().any(|&label| label != of_drawn[0]) {
            ratios.push(fisher_ratio(x.select(Axis(0), &drawn).view(), &of_drawn)?);
        } else {
            ratios.push(f64::NAN);
        }
    }
    Ok(ratios)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_need_two_classes_and_a_pair() {
        assert_eq!(undefined(&[0, 1, 1]), None);
        for labels in [&[0, 1, 2, 3, 4][..], &[2, 2, 2], &[]] {
            assert!(undefined(labels).unwrap().contains("omitted"));
        }
        assert!(undefined(&[0, 1, 2, 3, 4]).unwrap().contains("5 samples of 5 classes"));
    }
}
