//! What a module is to the engine when it looks for neighbours that it can compute in one go.

use crate::autograd::Param;
use crate::ops::Window;
use crate::ops::conv_chain::Filtering;
use crate::real::Real;

/// A module as a link of a chain that [`Sequential`](super::Sequential) may compute in one go.
#[derive(Debug)]
pub enum Link<'a, T: Real> {
    /// A convolution or a transposed convolution.
    Filter(Filter<'a, T>),
    /// ReLU.
    Relu,
    /// Max-pooling.
    MaxPool2d(Window),
    /// Anything else.
    Other,
}

/// A convolution or a transposed convolution, as its op takes it.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a, T: Real> {
    /// Which of the two, and its settings.
    pub filtering: Filtering,
    /// The filters.
    pub weight: &'a Param<T>,
    /// A number for each output channel.
    pub bias: Option<&'a Param<T>>,
}
