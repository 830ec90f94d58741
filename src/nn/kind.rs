//! The kinds of layers: all that is to be said of a layer but its weights.

use super::join::Join;
use crate::ops::{Padding, Upsample, Window};
use crate::shape::Shape;

/// The sorts of layers, with all that is to be said of one but its weights: what a summary counts by, and from which a
/// network can be written down in another format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Made of other modules.
    Container,
    /// Convolution.
    Conv2d {
        /// Height and width.
        kernel: [usize; 2],
        /// Vertical and horizontal step.
        stride: [usize; 2],
        /// Zeros around the image.
        padding: Padding,
        /// Distance between taps.
        dilation: [usize; 2],
        /// Groups of channels.
        groups: usize,
    },
    /// Transposed convolution.
    ConvTranspose2d {
        /// Height and width.
        kernel: [usize; 2],
        /// Vertical and horizontal step.
        stride: [usize; 2],
        /// Rows and columns cut off on each side.
        padding: [usize; 2],
        /// Rows and columns added below and to the right.
        output_padding: [usize; 2],
        /// Distance between taps.
        dilation: [usize; 2],
        /// Groups of channels.
        groups: usize,
    },
    /// Fully connected.
    Linear,
    /// Fully connected, with the weight of a layer that goes the other way.
    TiedLinear,
    /// Enlarged maps.
    Upsample(Upsample),
    /// Max-pooling.
    MaxPool(Window),
    /// Average-pooling, zeros of the padding counted in.
    AvgPool(Window),
    /// The mean of each plane, `[N, C, H, W]` to `[N, C]`.
    GlobalAvgPool,
    /// An elementwise function, by name, and what its formula leaves open.
    Activation {
        /// As in PyTorch's functions: `leaky_relu`.
        name: &'static str,
        /// The slope of leaky ReLU's negative side, the α of ELU.
        alpha: Option<f64>,
    },
    /// Batch normalization of the channels.
    BatchNorm {
        /// What is added to the variance.
        eps: f64,
    },
    /// Layer normalization.
    LayerNorm {
        /// How many axes are normalized, the last ones.
        axes: usize,
        /// What is added to the variance.
        eps: f64,
    },
    /// Standardization by fixed numbers.
    Standardize,
    /// Softmax along axis 1, or its logarithm.
    Softmax {
        /// Whether the logarithm is taken.
        log: bool,
    },
    /// Dropout with this probability.
    Dropout(f64),
    /// Noise of this standard deviation, in training.
    GaussianNoise(f64),
    /// A code drawn from a normal distribution in training, whose mean it is otherwise; made of `mean` and `log_var`.
    GaussianLatent,
    /// `[N, ..]` to `[N, M]`.
    Flatten,
    /// `[N, ..]` to `[N, sizes]`.
    Unflatten(Shape),
    /// Several values joined to one.
    Join(Join),
    /// A layer from outside this crate.
    Other(&'static str),
}

impl Kind {
    /// Whether it is made of other modules, which are captured and counted by themselves.
    pub fn has_parts(self) -> bool {
        matches!(self, Kind::Container | Kind::GaussianLatent)
    }
}
