//! The numerical kernels of Gradus: slices in, slices out.
//!
//! Contracts that hold for every kernel here:
//! * **Lengths** are checked on entry; an incorrect one is a bug of the caller and panics with the kernel's name.
//! * **Outputs** are written whole and never read first (unless the kernel's name says that it adds).
//! * **Aliasing**: the borrow checker forbids it; no kernel needs inputs and outputs to overlap.
//! * **Bits** depend neither on the number of threads nor on the instruction set: every sum has one order, written
//!   down in [`mod@reference`] or with the kernel, and work is split into fixed pieces. Exempt from equality across
//!   instruction sets are matrix products and convolutions in `f64`, and on machines without fused multiply-add.
//! * **Memory**: kernels on the path of a training step keep their scratch buffers per thread and allocate nothing once
//!   warm, but for a handful of words.
//!
//! How it is built, from below; no file imports itself by way of others:
//! * [`geometry`] and `mat` check sizes and matrices, [`splits`] cuts long sums, [`dispatch`] finds the instruction set
//!   (and says how code for vectors is written), and the threads are a [team](mod@parallel) that stays awake between
//!   kernels;
//! * [`Scalar`] is what a number type is to the kernels, and how they are reached through it;
//! * everything elementwise ([`math`], [`reduce`], pooling, [`optim`], [`distance`]) is plain Rust that the compiler
//!   vectorizes once per instruction set;
//! * `simd` holds the micro-kernels, written once for each instruction set; `dense`, `gemm` and `conv` block, pack and
//!   distribute the work around them, and [`kmeans`] searches with the same registers;
//! * `floats` says for `f32` and `f64` which of all these a call of [`Scalar`] reaches, and [`Kernels`] has the rest: what is
//!   the same code for both is compiled here, once for each.

pub mod attention;
mod conv;
pub mod convolve;
pub mod counting;
mod dense;
pub mod dispatch;
pub mod distance;
mod doors;
pub mod dropout;
mod floats;
mod gather;
mod gemm;
pub mod geometry;
mod in_step;
pub mod kmeans;
pub mod knn;
pub mod layer_norm;
pub mod machine;
mod mat;
pub mod math;
pub mod mesh;
pub mod noise;
pub mod norm;
pub mod optim;
mod pack;
pub mod parallel;
mod pool;
pub mod reduce;
pub mod reference;
pub mod rows;
mod scalar;
mod scratch;
mod simd;
pub mod som;
pub mod splits;
mod team;
pub mod tsne;
pub mod upsample;

pub use conv::pooled::{DEAD, Gradients as BlockGradients};
pub use conv::{chain, grouped};
pub use doors::Kernels;
pub use gather::gather;
pub use geometry::{Conv2d, GroupedConv2d, Pool2d, SizeError};
pub use mat::{MatMut, MatRef};
pub use pool::{avg_backward as avg_pool2d_backward, avg_forward as avg_pool2d_forward};
pub use scalar::Scalar;
