//! From samples as they were read to what the network is given: features and scales, learned from the training split.

use super::data::{Data, Features, Normalize};
use super::encoding::Encoding;
use super::values::ValueScale;
use crate::analysis::features::{Feature, of_images};
use crate::analysis::hog::Hog;
use crate::analysis::scale::{Scaler, Scaling};
use crate::data::{Border, Columns, Images};
use crate::error::Result;
use crate::target::Target;
use crate::tensor::Tensor;
use crate::train::Normalization;
use crate::train::batch::standardize_each;
use crate::train::{ImageSamples, Matrix, Samples};
use serde::{Deserialize, Serialize};

/// What `evaluate` and `predict` need besides the weights.
pub const PREPARATION: &str = "preparation.json";

/// Everything between an image and the network, learned from the training split: saved with the run, so that other
/// images are treated alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Channels, height and width of an image.
    pub image: [usize; 3],
    /// What the columns of a table are called; other tables are matched by these names.
    #[serde(default)]
    pub columns: Columns,
    /// How the columns of a table become numbers, if they are not numbers already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// What the network is given.
    pub features: Features,
    /// Which features, if they are hand-crafted.
    pub hand_crafted: Vec<Feature>,
    /// How histograms of oriented gradients are computed, if they are the features.
    pub hog: Hog,
    /// Whether each image is brought to mean 0 and deviation 1.
    pub per_image: bool,
    /// The scale of the pixels.
    pub normalization: Option<Normalization>,
    /// The scale of the features.
    pub scaler: Option<Scaler>,
    /// The numbers that a regression predicts, and their scale.
    #[serde(default)]
    pub values: Option<ValueScale>,
    /// Brightness along the border of the training images; runs of old did not record it.
    #[serde(default)]
    pub border: Option<Border>,
}

impl Preparation {
    /// Learns the scales from the training split.
    pub fn fit(d: &Data, train: &Images) -> Result<Self> {
        let mut preparation = Self {
            classes: train.classes.clone(),
            image: [train.channels(), train.height(), train.width()],
            columns: train.columns.clone(),
            encoding: if train.is_table() { Encoding::fit(d, train)? } else { None },
            features: d.features,
            hand_crafted: d.hand_crafted.clone(),
            hog: d.hog.clone(),
            per_image: d.normalize == Normalize::PerImage,
            normalization: None,
            scaler: None,
            values: train.target.values().map(|values| match d.kind.source().is_ordered() {
                // Of all values of the training part, not of those alone that are predicted: losses are then on one scale,
                // whatever the lags.
                true => {
                    let values = d.series.windows().spanned(train);
                    ValueScale::fit(&train.value_names, &Tensor::from_fn([values.len(), 1], |i| values[i]))
                }
                false => ValueScale::fit(&train.value_names, values),
            }),
            border: None,
        };
        if !preparation.is_table() {
            preparation.border = Border::fit(&train.pixels);
        }
        match (d.normalize, d.features) {
            (Normalize::None | Normalize::PerImage, _) => {}
            (Normalize::Standard, Features::Pixels) if !preparation.is_table() => {
                preparation.normalization = Some(Normalization::fit(&train.pixels)?);
            }
            (Normalize::Standard, _) => {
                let raw = preparation.raw_features(&train.pixels)?;
                preparation.scaler = Some(Scaler::fit(Scaling::Standard, raw.view())?);
            }
        }
        Ok(preparation)
    }

    /// What the columns of a table are called; numbered, if the run was made before names were kept.
    pub fn columns(&self) -> Columns {
        if self.is_table() && self.columns.features.is_empty() {
            let numbered = (0..self.image[2]).map(|i| format!("x{i}")).collect();
            return Columns { features: numbered, ..self.columns.clone() };
        }
        self.columns.clone()
    }

    /// What the numbers that the network is given of a table's row are called; `None` for images.
    pub fn input_names(&self) -> Option<Vec<String>> {
        let encoded = || self.encoding.as_ref().map_or_else(|| self.columns().features, Encoding::names);
        self.is_table().then(encoded)
    }

    /// Numbers that the network gives for each sample: one for each class, or those of a regression.
    pub fn outputs(&self) -> usize {
        self.values.as_ref().map_or(self.classes.len(), |scale| scale.names.len())
    }

    /// These images as samples, with the numbers to predict, if there are any, on the scale of the network's outputs.
    pub fn samples_of(&self, images: &Images, augment: Option<(&Data, u64)>) -> Result<Box<dyn Samples>> {
        let target = match (&self.values, &images.target) {
            (Some(scale), Target::Values(values)) => Target::Values(scale.scaled(values)),
            (_, target) => target.clone(),
        };
        self.samples(&images.pixels, target, augment)
    }

    /// Whether a sample is a row of a table, and no image.
    pub fn is_table(&self) -> bool {
        self.image[..2] == [1, 1]
    }

    /// The shape of a sample as the network gets it.
    pub fn input(&self) -> Vec<usize> {
        match self.features {
            Features::Pixels if self.is_table() => vec![self.encoding.as_ref().map_or(self.image[2], Encoding::width)],
            Features::Pixels => self.image.to_vec(),
            Features::HandCrafted => vec![self.hand_crafted.len()],
            Features::Hog => self.hog.dimensions([self.image[1], self.image[2]]).map_or(vec![], |d| vec![d]),
        }
    }

    /// What the scale is applied to: images as they are, the rows of a table, or the features of the images.
    pub(super) fn raw(&self, pixels: &Tensor) -> Result<Tensor> {
        match self.features {
            Features::Pixels if !self.is_table() => Ok(pixels.clone()),
            _ => Ok(Tensor::from(self.raw_features(pixels)?)),
        }
    }

    fn raw_features(&self, pixels: &Tensor) -> Result<ndarray::Array2<f32>> {
        match (self.features, &self.encoding) {
            (Features::Pixels, Some(encoding)) => encoding.encode(pixels),
            (Features::Pixels, None) => {
                let (n, d) = (pixels.shape()[0], self.image[2]);
                Ok(ndarray::Array2::from_shape_fn((n, d), |(i, j)| pixels.data()[i * d + j]))
            }
            (Features::Hog, _) => self.hog.of_images(pixels),
            (Features::HandCrafted, _) => of_images(&self.hand_crafted, pixels),
        }
    }

    /// Images `[N, C, H, W]` with values in [0, 1] as samples; training images are varied by `augment`. Numbers of the
    /// target are on the scale of the network's outputs.
    pub fn samples(&self, pixels: &Tensor, target: Target, augment: Option<(&Data, u64)>) -> Result<Box<dyn Samples>> {
        if self.features == Features::Pixels && !self.is_table() {
            let identity = Normalization { mean: vec![0.0; self.image[0]], std: vec![1.0; self.image[0]] };
            let pixels = &if self.per_image { standardize_each(pixels)? } else { pixels.clone() };
            let samples = ImageSamples::new(pixels, target, self.normalization.as_ref().unwrap_or(&identity))?;
            return Ok(Box::new(match augment {
                Some((d, seed)) => samples.augmented(d.augment, seed),
                None => samples,
            }));
        }
        let raw = self.raw_features(pixels)?;
        let scaled = match &self.scaler {
            Some(scaler) => scaler.transform(raw.view())?,
            None => raw,
        };
        Ok(Box::new(Matrix::new(Tensor::from(scaled), target)?))
    }
}
