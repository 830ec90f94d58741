//! Stage 7. The parameter count lesson: why a convolution has so few parameters.
//!
//! A fully connected layer has a weight for each pair of input and output; a convolution has one for each tap of each
//! filter, and uses it at every place of the image.

use crate::error::Result;
use crate::nn::Module;
use crate::nn::summary::{Summary, summarize};

/// A layer of the lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Its kind.
    pub layer: String,
    /// The formula of its number of parameters.
    pub formula: String,
    /// Their number.
    pub parameters: usize,
}

/// The comparison, and the networks as trained.
#[derive(Clone, Debug)]
pub struct ParameterLesson {
    /// Fully connected, 128 · 128 -> 512.
    pub dense: Count,
    /// Convolution with 64 filters 3 x 3.
    pub convolution: Count,
    /// The MLP, layer by layer.
    pub mlp: Summary,
    /// The CNN, layer by layer.
    pub cnn: Summary,
    /// Images in the training split.
    pub training_images: usize,
}

/// Returns the counts.
pub fn count(
    mlp: &dyn Module,
    features: usize,
    cnn: &dyn Module,
    input: [usize; 3],
    images: usize,
) -> Result<ParameterLesson> {
    Ok(ParameterLesson {
        dense: dense(128 * 128, 512),
        convolution: convolution(1, 64, 3),
        mlp: summarize(mlp, &[features])?,
        cnn: summarize(cnn, &input)?,
        training_images: images,
    })
}

/// Returns a fully connected layer: inputs · outputs weights and a bias for each output.
fn dense(inputs: usize, outputs: usize) -> Count {
    Count {
        layer: format!("fully connected, {inputs} -> {outputs}"),
        formula: format!("{inputs} · {outputs} + {outputs}"),
        parameters: inputs * outputs + outputs,
    }
}

/// Returns a convolution: for each filter, channels · kernel · kernel weights and a bias.
fn convolution(channels: usize, filters: usize, kernel: usize) -> Count {
    Count {
        layer: format!("convolution, {filters} filters {kernel}x{kernel} on {channels} channel"),
        formula: format!("{filters} · ({channels} · {kernel} · {kernel} + 1)"),
        parameters: filters * (channels * kernel * kernel + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_assignment() {
        assert_eq!(dense(128 * 128, 512).parameters, 8_389_120);
        assert_eq!(convolution(1, 64, 3).parameters, 640);
    }
}
