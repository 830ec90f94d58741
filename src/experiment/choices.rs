//! What some keys of section `[data]` may be (words, columns, or lists of them), and what they are if the file is silent.

use crate::analysis::features::Feature;
use crate::data::Column;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the first line of a table holds names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "true, false or \"auto\"")]
pub enum HeaderLine {
    /// It does, or does not.
    Said(bool),
    /// The reader looks.
    Found(Auto),
}

/// The word `auto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// Found by looking.
    Auto,
}

/// One column, or a list of columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "the name of a column in quotes, its number from 1, or a list of them")]
pub enum Targets {
    /// One.
    One(Column),
    /// Several, or none.
    Many(Vec<Column>),
}

impl Default for Targets {
    fn default() -> Self {
        Targets::Many(Vec::new())
    }
}

impl Targets {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All of them.
    pub fn columns(&self) -> Vec<Column> {
        match self {
            Targets::One(column) => vec![column.clone()],
            Targets::Many(columns) => columns.clone(),
        }
    }
}

impl Default for HeaderLine {
    fn default() -> Self {
        HeaderLine::Found(Auto::Auto)
    }
}

/// What the network is given of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Features {
    /// Its pixels, `[C, H, W]`.
    #[default]
    Pixels,
    /// Histograms of oriented gradients.
    Hog,
    /// The features of the main job: brightness, edges, symmetry and so on.
    HandCrafted,
}

/// The scale of pixels or features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalize {
    /// Mean 0 and standard deviation 1 over the training split, for each channel or feature.
    #[default]
    Standard,
    /// Mean 0 and standard deviation 1 over each image alone, which takes its exposure away; for pixels.
    PerImage,
    /// As they come: pixels between 0 and 1.
    None,
}

/// What becomes of the columns of a table that hold words.
///
/// The categories of a column are the different words in the rows of the training split, in natural order (2 before 10).
/// Words that occur in other rows alone are unknown: nothing is learned from validation or test rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Categories {
    /// They are refused, so that a misspelt number is not taken for a category.
    #[default]
    Refuse,
    /// A column of zeros and ones for each category (one-hot). An unknown category is a row of zeros.
    OneHot,
    /// One column: the place of the category among them, from 0. An unknown category has no place and is refused.
    Codes,
}

/// What becomes of the cells of a table that hold no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gaps {
    /// They are refused, with line and column.
    #[default]
    Refuse,
    /// They are filled: a number by the median of its column over the training split, a category by the most frequent one
    /// there.
    Median,
}

pub(super) fn fifteen_percent() -> f64 {
    0.15
}

pub(super) fn size() -> usize {
    128
}

pub(super) fn per_class() -> usize {
    300
}

pub(super) fn hand_crafted() -> Vec<Feature> {
    Feature::DEFAULT.to_vec()
}

/// The seed of the split, if the file names none.
pub(super) fn seed() -> u64 {
    42
}
