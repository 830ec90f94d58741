//! Layers: modules that own parameters and call the ops.
//!
//! A [`Module`] has two duties. `forward` computes; `walk` names each parameter and child once. Everything else
//! follows from `walk`: counting, saving, loading, freezing, optimizing, printing.

mod fuse;
pub mod init;
mod layers;
mod module;
mod sequential;
pub mod state;
pub mod summary;

pub use fuse::Link;
pub use init::Init;
pub use layers::{
    Activation, AvgPool2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, LogSoftmax, MaxPool2d, Softmax, Unflatten,
};
pub use module::{Captured, Ctx, Kind, Module, Walk, count_parameters, parameters};
pub use sequential::Sequential;
