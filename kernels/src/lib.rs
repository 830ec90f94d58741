//! The numerical kernels of Gradus: slices in, slices out.
//!
//! Contracts that hold for every kernel here:
//! * **Lengths** are checked on entry; a wrong one is a bug of the caller and panics with the kernel's name.
//! * **Outputs** are written whole and never read first (unless the kernel's name says that it adds).
//! * **Aliasing**: the borrow checker forbids it; no kernel needs inputs and outputs to overlap.
//! * **Bits** depend neither on the number of threads nor on the instruction set: every sum has one order, written
//!   down in [`reference`], and work is split into fixed pieces.

mod conv;
pub mod dispatch;
pub mod distance;
mod gemm;
mod geometry;
mod mat;
pub mod math;
pub mod optim;
pub mod parallel;
mod pool;
pub mod reduce;
pub mod reference;
mod scalar;
mod scratch;
mod simd;

pub use geometry::{Conv2d, Pool2d};
pub use mat::{MatMut, MatRef};
pub use pool::{avg_backward as avg_pool2d_backward, avg_forward as avg_pool2d_forward};
pub use scalar::Scalar;
