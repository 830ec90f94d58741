//! The backward pass of an op, as the tape stores it: the tape knows nothing else of the ops, which stand above it.

use crate::real::Real;
use crate::tensor::Tensor;

/// A recorded op as the tape sees it: any number of inputs, types erased. An [`Op`](super::Op) is its
/// fixed-arity face; ops of any number of inputs (concat) implement it directly.
pub trait Backward<T: Real> {
    /// Returns the op's name.
    fn name(&self) -> &'static str;
    /// Calls `give(input, gradient)` for each input whose gradient is known, at most once an input.
    fn backward(&self, g: &Tensor<T>, give: &mut dyn FnMut(usize, Tensor<T>));
}
