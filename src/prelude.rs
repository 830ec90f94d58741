//! What a program that trains a network needs: `use gradus::prelude::*;`.

pub use crate::autograd::{Gradients, Param, Tape, Var};
pub use crate::error::{Error, Result};
pub use crate::nn::{Activation, Ctx, Module, Sequential};
pub use crate::ops::Target;
pub use crate::optim::{
    Adadelta, Adagrad, Adam, Around, FirstOrder, Nadam, Optimizer, OptimizerSpec, RmsProp, Schedule, Sgd,
};
pub use crate::real::Real;
pub use crate::rng::Rng;
pub use crate::tensor::Tensor;
