//! What a program that trains a network needs: `use gradus::prelude::*;`.

pub use crate::autograd::{Gradients, Op, Param, Tape, Var, VariadicOp, apply, apply_variadic};
pub use crate::error::{Error, Result};
pub use crate::nn::{Activation, Ctx, Module, Sequential};
pub use crate::ops::Target;
pub use crate::ops::layout::concat;
pub use crate::optim::{
    Adadelta, Adagrad, Adam, Around, FirstOrder, Nadam, Optimizer, OptimizerSpec, RmsProp, Schedule, Sgd,
};
pub use crate::real::Real;
pub use crate::rng::Rng;
pub use crate::shape::Shape;
pub use crate::tensor::Tensor;
