//! Layers: modules that own parameters and call the ops.
//!
//! A [`Module`] has two duties. `forward` computes; `walk` names each parameter, [`Buffer`] and child once. Everything
//! else follows from `walk`: counting, saving, loading, freezing, optimizing, printing.

mod buffer;
mod freeze;
mod fuse;
pub mod init;
mod latent;
mod layers;
mod module;
mod norm;
mod sequential;
pub mod state;
pub mod summary;
mod transposed;

pub use buffer::{Buffer, Proposals};
pub use freeze::{fits, freeze, unfreeze};
pub use fuse::Link;
pub use init::Init;
pub use latent::{GaussianLatent, GaussianNoise};
pub use layers::{
    Activation, AvgPool2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, LogSoftmax, MaxPool2d, Softmax,
    Unflatten, Upsample,
};
pub use module::{Added, Captured, Ctx, Draws, Kind, Module, Walk, buffers, count_parameters, parameters};
pub use norm::{BatchNorm, BatchNorm1d, BatchNorm2d, LayerNorm, Standardize};
pub use sequential::{Part, Sequential};
pub use transposed::{ConvTranspose2d, TiedLinear};
