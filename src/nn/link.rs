//! What a module is to the engine when it looks for neighbours that it can compute in one go.

use crate::autograd::Param;
use crate::ops::Window;
use crate::ops::conv_chain::Filtering;
use crate::real::Real;

/// A module as a link of a chain that [`Sequential`](super::Sequential) may compute in one go.
#[derive(Debug)]
pub enum Link<'a, T: Real> {
    /// A convolution or a transposed convolution, as its op takes it.
    Filter {
        /// Which of the two, and its settings.
        filtering: Filtering,
        /// The filters.
        weight: &'a Param<T>,
        /// A number for each output channel.
        bias: Option<&'a Param<T>>,
    },
    /// ReLU.
    Relu,
    /// Max-pooling.
    MaxPool2d(Window),
    /// Anything else.
    Other,
}
