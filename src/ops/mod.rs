//! The ops: each with its shape rule, its value and its derivative in one place, one file per family.
//!
//! To read one, look for three things: the formula in its documentation, `forward` (or `f`), and `backward` (or
//! `df`). Backward receives g = dL/dy and returns dL/dx for each input x: the transposed Jacobian times g.
//!
//! Ops are applied through methods of [`Var`](crate::autograd::Var), which each family adds beside its ops:
//! `x.relu()?`, `a.matmul(&b)?`.
//!
//! Adding an op touches its file here and one row of the table in [`gradcheck`](crate::gradcheck): a test fails as
//! long as the row is missing.

pub mod arith;
pub mod conv;
pub mod conv_block;
pub mod conv_chain;
pub mod conv_transpose;
pub mod dropout;
pub mod latent;
pub mod layer_norm;
pub mod layout;
pub mod loss;
pub mod matmul;
pub mod norm;
pub mod pool;
pub mod reduce;
pub mod scalar;
pub mod softmax;
pub mod upsample;

pub use conv::{Conv2d, Padding};
pub use conv_transpose::ConvTranspose2d;
pub use loss::Target;
pub use pool::Window;
pub use upsample::{Interpolation, Upsample};
