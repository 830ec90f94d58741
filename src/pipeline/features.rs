//! Stage 2. Features: a few numbers for each image, scaled to a common range.
//!
//! The scaler is fitted on the training split alone and applied to validation and test.

use super::config::FeatureConfig;
use crate::analysis::features::{Feature, of_images};
use crate::analysis::scale::Scaler;
use crate::data::{ImageData, Images};
use crate::error::Result;
use ndarray::Array2;

/// The feature tables of the three splits, one row an image.
#[derive(Clone, Debug)]
pub struct FeatureStage {
    /// The features, in the order of the columns.
    pub names: Vec<Feature>,
    /// As computed: train, val, test.
    pub raw: [Array2<f32>; 3],
    /// On the common scale: train, val, test.
    pub scaled: [Array2<f32>; 3],
    /// The scaler, fitted on the training split.
    pub scaler: Scaler,
}

/// Computes the features of all images.
pub fn compute(config: &FeatureConfig, data: &ImageData) -> Result<FeatureStage> {
    let table = |images: &Images| of_images(&config.names, &images.pixels);
    let raw = [table(&data.train)?, table(&data.val)?, table(&data.test)?];
    let scaler = Scaler::fit(config.scaling, raw[0].view())?;
    let scaled = [scaler.transform(raw[0].view())?, scaler.transform(raw[1].view())?, scaler.transform(raw[2].view())?];
    Ok(FeatureStage { names: config.names.clone(), raw, scaled, scaler })
}
