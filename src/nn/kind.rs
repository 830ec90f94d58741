//! The kinds of layers: all that is to be said of a layer but its weights.

use super::join::Join;
use crate::ops::{Conv2d, ConvTranspose2d, Interpolation, Upsample, Window};
use crate::shape::Shape;
use std::fmt;

/// The sorts of layers, with all that is to be said of one but its weights: what a summary counts by, and from which a
/// network can be written down in another format.
///
/// ```
/// use gradus::prelude::*;
/// let pool: &dyn Module = &MaxPool2d(Window::square(2));
/// assert_eq!(pool.kind(), Kind::MaxPool(Window::square(2)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Made of other modules.
    Container,
    /// Convolution.
    Conv2d {
        /// Height and width of the filters.
        kernel: [usize; 2],
        /// Stride, padding, dilation, groups.
        settings: Conv2d,
    },
    /// Transposed convolution.
    ConvTranspose2d {
        /// Height and width of the filters.
        kernel: [usize; 2],
        /// Stride, padding, output padding, dilation, groups.
        settings: ConvTranspose2d,
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

/// Which of its input's positions an output of a layer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The same position alone.
    Point,
    /// A window around it.
    Window {
        /// Height and width.
        kernel: [usize; 2],
        /// Vertical and horizontal step.
        stride: [usize; 2],
        /// Distance between taps.
        dilation: [usize; 2],
    },
    /// Others: positions are mixed, or maps grow.
    Mixed,
}

impl Kind {
    /// Whether it is made of other modules, which are captured and counted by themselves.
    pub fn has_parts(self) -> bool {
        matches!(self, Kind::Container | Kind::GaussianLatent)
    }

    /// Returns which positions of the input an output depends on.
    pub fn reach(self) -> Reach {
        match self {
            Kind::Conv2d { kernel, settings: Conv2d { stride, dilation, .. } } => {
                Reach::Window { kernel, stride, dilation }
            }
            Kind::MaxPool(Window { kernel, stride, .. }) | Kind::AvgPool(Window { kernel, stride, .. }) => {
                Reach::Window { kernel, stride, dilation: [1, 1] }
            }
            Kind::ConvTranspose2d { .. }
            | Kind::Linear
            | Kind::TiedLinear
            | Kind::Flatten
            | Kind::Unflatten(_)
            | Kind::GlobalAvgPool
            | Kind::Upsample(_) => Reach::Mixed,
            _ => Reach::Point,
        }
    }

    /// Returns the multiply-adds for one sample, of a layer with this many weights that reads a batch of the shape `read` and
    /// gives samples of the shape `output`. Convolutions and fully connected layers are counted; the rest is negligible
    /// beside them.
    pub fn macs(self, weights: usize, read: &[usize], output: &[usize]) -> usize {
        match self {
            Kind::Conv2d { .. } => weights * output[1..].iter().product::<usize>(),
            // Each input pixel meets all taps of its filters. (A tied weight is listed with another layer.)
            Kind::ConvTranspose2d { kernel: [h, w], settings } => {
                read[1..].iter().product::<usize>() * output[0] / settings.groups * h * w
            }
            Kind::TiedLinear => read[1] * output[0],
            // The weights serve once for each vector of the sample.
            Kind::Linear => weights * output[..output.len().saturating_sub(1)].iter().product::<usize>(),
            _ => 0,
        }
    }
}

/// The kind in words: `conv 3x3`, `max-pool 2x2`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = |stride: [usize; 2]| match stride {
            [1, 1] => String::new(),
            [v, h] if v == h => format!(" stride {v}"),
            [v, h] => format!(" stride {v}x{h}"),
        };
        let apart = |groups: usize| if groups == 1 { String::new() } else { format!(" groups {groups}") };
        let words = match *self {
            Kind::Container => "container".into(),
            Kind::Conv2d { kernel: [h, w], settings: Conv2d { stride, groups, .. } } => {
                format!("conv {h}x{w}{}{}", step(stride), apart(groups))
            }
            Kind::ConvTranspose2d { kernel: [h, w], settings: ConvTranspose2d { stride, groups, .. } } => {
                format!("transposed conv {h}x{w}{}{}", step(stride), apart(groups))
            }
            Kind::Linear => "linear".into(),
            Kind::TiedLinear => "tied linear".into(),
            Kind::Upsample(Upsample { scale: [h, w], mode }) => match mode {
                Interpolation::Nearest => format!("upsample {h}x{w}"),
                Interpolation::Bilinear => format!("bilinear upsample {h}x{w}"),
            },
            Kind::MaxPool(window) => format!("max-pool {}x{}", window.kernel[0], window.kernel[1]),
            Kind::AvgPool(window) => format!("avg-pool {}x{}", window.kernel[0], window.kernel[1]),
            Kind::GlobalAvgPool => "global avg-pool".into(),
            Kind::Activation { name, .. } | Kind::Other(name) => name.into(),
            Kind::Join(join) => join.name().into(),
            Kind::BatchNorm { .. } => "batch-norm".into(),
            Kind::LayerNorm { .. } => "layer-norm".into(),
            Kind::Standardize => "standardize".into(),
            Kind::GaussianNoise(std) => format!("noise {std}"),
            Kind::GaussianLatent => "gaussian latent".into(),
            Kind::Softmax { log: false } => "softmax".into(),
            Kind::Softmax { log: true } => "log-softmax".into(),
            Kind::Dropout(p) => format!("dropout {p}"),
            Kind::Flatten => "flatten".into(),
            Kind::Unflatten(_) => "unflatten".into(),
        };
        f.write_str(&words)
    }
}
