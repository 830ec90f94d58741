//! Reverse-mode automatic differentiation (Linnainmaa 1970; the tape after Griewank and Walther 2008).
//!
//! While a network computes forward, a [`Tape`] writes down one entry per op: who its inputs were, and what its
//! derivative will need. The order of writing is already a topological order, so [`Tape::backward`] is one loop over
//! the entries from the last to the first: take the gradient that has arrived at an entry, ask its op for the
//! gradients of its inputs, add those up at the inputs' entries, free the entry.
//!
//! * [`mod@backward`]: how a gradient goes back through a recorded op, which is all that the tape knows of it;
//! * [`op`]: what an op is (shape rule, value, derivative) and how it is applied;
//! * [`variadic`]: the same for ops of any number of inputs;
//! * [`tape`]: [`Tape`], [`Var`] (a tensor that may remember how it was made) and [`Gradients`];
//! * [`param`]: [`Param`], a tensor with an identity that training changes;
//! * [`check`]: derivatives held against finite differences.

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
