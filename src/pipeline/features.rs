//! Stage 2. Features: a few numbers instead of many pixels, brought to one scale.
//!
//! The scale is learned from the training split alone; validation and test are only mapped by it.

use super::config::FeatureConfig;
use crate::analysis::features::{Feature, extract};
use crate::analysis::scale::Scaler;
use crate::data::{ImageData, Images};
use crate::error::Result;
use crate::tensor::Tensor;
use ndarray::Array2;

/// The feature tables of the three splits, one row a picture.
#[derive(Clone, Debug)]
pub struct Features {
    /// Which features, in the order of the columns.
    pub names: Vec<Feature>,
    /// As computed: train, val, test.
    pub raw: [Array2<f32>; 3],
    /// On the common scale: train, val, test.
    pub scaled: [Array2<f32>; 3],
    /// The scale, learned from the training split.
    pub scaler: Scaler,
}

/// Computes the features of all pictures.
pub fn compute(config: &FeatureConfig, data: &ImageData) -> Result<Features> {
    let table = |images: &Images| of_pictures(&config.names, &images.pixels);
    let raw = [table(&data.train)?, table(&data.val)?, table(&data.test)?];
    let scaler = Scaler::fit(config.scaling, raw[0].view())?;
    let scaled = [scaler.transform(raw[0].view())?, scaler.transform(raw[1].view())?, scaler.transform(raw[2].view())?];
    Ok(Features { names: config.names.clone(), raw, scaled, scaler })
}

/// The features of pictures `[N, C, H, W]`, colours first turned to gray.
pub fn of_pictures(features: &[Feature], pixels: &Tensor) -> Result<Array2<f32>> {
    let gray = to_gray(pixels);
    let (h, w) = (gray.shape()[2], gray.shape()[3]);
    let planes: Vec<&[f32]> = gray.data().chunks(h * w).collect();
    extract(features, &planes, h, w)
}

/// Luma, 0.299 R + 0.587 G + 0.114 B; gray pictures stay.
fn to_gray(pixels: &Tensor) -> Tensor {
    let &[n, channels, h, w] = pixels.shape() else { unreachable!("pictures have four axes") };
    if channels == 1 {
        return pixels.clone();
    }
    let area = h * w;
    Tensor::build([n, 1, h, w], |gray| {
        for (picture, gray) in pixels.data().chunks(3 * area).zip(gray.chunks_mut(area)) {
            for (i, v) in gray.iter_mut().enumerate() {
                *v = 0.299 * picture[i] + 0.587 * picture[area + i] + 0.114 * picture[2 * area + i];
            }
        }
    })
}
