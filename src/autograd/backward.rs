//! What the tape knows of an op: how a gradient goes back through it. The tape stores it, and ops stand above the tape.

use crate::real::Real;
use crate::tensor::Tensor;

/// The tape's view of a recorded op: any number of inputs, types erased. An [`Op`](super::Op) is its
/// fixed-arity face; ops of any number of inputs (concat) implement it directly.
pub trait Backward<T: Real> {
    /// The op's name.
    fn name(&self) -> &'static str;
    /// Calls `give(input, gradient)` for each input whose gradient is known, at most once an input.
    fn backward(&self, g: &Tensor<T>, give: &mut dyn FnMut(usize, Tensor<T>));
}
