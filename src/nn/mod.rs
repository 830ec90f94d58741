//! Layers: modules that own parameters and call the ops.
//!
//! A [`Module`] has two duties. `forward` computes; `walk` names each parameter, [`Buffer`] and child once. Everything
//! else follows from `walk`: counting, saving, loading, freezing, optimizing, printing.
//!
//! A network is a graph of modules: [`Sequential`] puts them one after the other, [`Residual`] and [`Parallel`] side by
//! side. A pass that is asked to ([`Ctx::capture`]) records the graph, whose nodes know whose outputs they read; summaries
//! and exports are built from it.

mod branches;
mod buffer;
mod context;
mod freeze;
mod fuse;
pub mod init;
mod join;
mod kind;
mod latent;
mod layers;
mod link;
mod module;
mod norm;
mod sequential;
pub mod state;
pub mod summary;
mod transposed;
mod walk;

pub use branches::{Parallel, Residual};
pub use buffer::{Buffer, Proposals};
pub use context::{Added, Captured, Ctx, Draws, Read, Source};
pub use freeze::{fits, freeze, unfreeze};
pub use init::Init;
pub use join::Join;
pub use kind::{Kind, Reach};
pub use latent::{GaussianLatent, GaussianNoise};
pub use layers::{
    Activation, AvgPool2d, Conv2d, Dropout, Flatten, GlobalAvgPool2d, Linear, LogSoftmax, MaxPool2d, Softmax,
    Unflatten, Upsample,
};
pub use link::{Filter, Link};
pub use module::{Module, buffers, count_parameters, parameters};
pub use norm::{BatchNorm, BatchNorm1d, BatchNorm2d, LayerNorm, Standardize};
pub use sequential::{Part, Sequential};
pub use transposed::{ConvTranspose2d, TiedLinear};
pub use walk::Walk;
