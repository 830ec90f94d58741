//! Layers: modules that own parameters and call the ops.
//!
//! A [`Module`] has two duties. `forward` computes; `walk` names each parameter, [`Buffer`] and child once. Everything
//! else follows from `walk`: counting, saving, loading, freezing, optimizing, printing.
//!
//! A network is a graph of modules: [`Sequential`] puts them one after the other, [`Residual`] and [`Parallel`] side by
//! side. A pass that captures ([`Ctx::capture`]) records the graph, whose nodes know whose outputs they read; summaries
//! and exports are built from it.
//!
//! Each layer is a file in `layers/`, which has all that is to be said of it; `layers/mod.rs` has the one table of them.

mod branches;
mod buffer;
mod context;
mod freeze;
mod fuse;
pub mod init;
mod join;
mod kind;
pub(crate) mod layers;
mod link;
mod module;
pub mod onnx;
mod sequential;
pub mod state;
pub mod summary;
mod walk;

pub use branches::{Parallel, Residual};
pub use buffer::{Buffer, Proposals};
pub use context::{Added, Captured, Ctx, Draws, Read, Source};
pub use freeze::{fits, freeze, unfreeze};
pub use init::Init;
pub use join::Join;
pub use kind::{Kind, Properties, Reach, Work};
pub use layers::*;
pub use link::{Activated, Link};
pub use module::{Module, buffers, count_parameters, parameters};
pub use sequential::{Part, Sequential};
pub use walk::Walk;
