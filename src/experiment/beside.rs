//! Networks of the literature in numbers, to set a network beside them: depth, parameters, multiply-adds.
//!
//! They are counted from their layers, never built: AlexNet's weights alone would fill 244 MB.

use crate::nn::summary::Summary;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A known network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Known {
    /// Krizhevsky, Sutskever and Hinton (2012), as it was trained on two graphics cards: its second, fourth and fifth
    /// convolutions are in two groups.
    Alexnet,
}

/// What a network is, in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// Channels, height and width of its input.
    pub input: Vec<usize>,
    /// Convolutions.
    pub convolutions: usize,
    /// Fully connected layers.
    pub dense: usize,
    /// Weights and biases.
    pub parameters: usize,
    /// Multiply-adds for one image.
    pub macs: u64,
}

/// A convolution: input channels, filters, kernel, groups, and the side of its output. Without padding or with,
/// the output is given, so that nothing needs to be said of strides.
struct Conv(usize, usize, usize, usize, usize);

const ALEXNET_CONVOLUTIONS: [Conv; 5] = [
    Conv(3, 96, 11, 1, 55),
    Conv(96, 256, 5, 2, 27),
    Conv(256, 384, 3, 1, 13),
    Conv(384, 384, 3, 2, 13),
    Conv(384, 256, 3, 2, 13),
];
/// The last pooling leaves 256 x 6 x 6.
const ALEXNET_DENSE: [usize; 4] = [256 * 6 * 6, 4096, 4096, 1000];

impl Known {
    /// Its name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Known::Alexnet => "AlexNet",
        }
    }

    /// Its size.
    pub fn size(self) -> Size {
        let Known::Alexnet = self;
        let (mut parameters, mut macs) = (0, 0);
        for Conv(channels, filters, kernel, groups, side) in ALEXNET_CONVOLUTIONS {
            let weights = filters * (channels / groups) * kernel * kernel;
            parameters += weights + filters;
            macs += (weights * side * side) as u64;
        }
        for width in ALEXNET_DENSE.windows(2) {
            parameters += width[0] * width[1] + width[1];
            macs += (width[0] * width[1]) as u64;
        }
        let (convolutions, dense) = (ALEXNET_CONVOLUTIONS.len(), ALEXNET_DENSE.len() - 1);
        Size { input: vec![3, 227, 227], convolutions, dense, parameters, macs }
    }
}

impl Size {
    /// The size of a network with this summary.
    pub fn of(summary: &Summary, input: &[usize]) -> Self {
        let count = |sort: &str| summary.rows.iter().filter(|row| row.kind.starts_with(sort)).count();
        Self {
            input: input.to_vec(),
            convolutions: count("conv "),
            dense: count("linear"),
            parameters: summary.parameters,
            macs: summary.macs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that the literature gives.
    #[test]
    fn alexnet_has_61_million_parameters() {
        let size = Known::Alexnet.size();
        assert_eq!((size.parameters, size.macs), (60_965_224, 724_406_816));
        assert_eq!((size.convolutions, size.dense), (5, 3));
    }
}
