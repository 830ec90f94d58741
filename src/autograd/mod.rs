//! Reverse-mode automatic differentiation (Linnainmaa 1970; the tape after Griewank and Walther 2008).
//!
//! While a network computes forward, a [`Tape`] records one entry per op: its inputs, and the values that its
//! derivative needs. The recorded order is already a topological order, so [`Tape::backward`] is one loop over the
//! entries from the last to the first. It takes the gradient that has arrived at an entry, asks its op for the
//! gradients of its inputs, adds those up at the inputs' entries, and frees the entry.
//!
//! * [`mod@backward`]: the backward pass of a recorded op, which is all that the tape knows of it;
//! * [`op`]: what an op is (shape rule, value, derivative) and how it is applied;
//! * [`variadic`]: the same for ops of any number of inputs;
//! * [`tape`]: [`Tape`], [`Var`] (a tensor that may remember how it was made) and [`Gradients`];
//! * [`param`]: [`Param`], a tensor with an identity that training changes;
//! * [`check`]: derivatives compared with finite differences.

pub mod backward;
pub mod check;
pub mod op;
pub mod param;
pub mod tape;
pub mod variadic;

pub use backward::Backward;
pub use op::{Op, apply};
pub use param::Param;
pub use tape::{Gradients, Tape, Var};
pub use variadic::{VariadicOp, apply_variadic};
