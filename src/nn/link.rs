//! What a module is to the engine when it looks for neighbours that it can compute in one go.

use crate::autograd::{Param, Var};
use crate::error::Result;
use crate::ops::Window;
use crate::ops::conv_chain::Filtering;
use crate::real::Real;

/// A fully connected layer with an activation function, of x, weight and bias.
pub type Activated<T> = fn(&Var<T>, &Var<T>, &Var<T>) -> Result<Var<T>>;

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
    /// A fully connected layer.
    Linear {
        /// `[O, K]`.
        weight: &'a Param<T>,
        /// `[O]`.
        bias: &'a Param<T>,
    },
    /// An activation function that can follow a fully connected layer in one op, which takes x, weight and bias.
    AfterLinear(Activated<T>),
    /// ReLU.
    Relu,
    /// Max-pooling.
    MaxPool2d(Window),
    /// Anything else.
    Other,
}
