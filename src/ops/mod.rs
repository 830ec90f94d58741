//! The ops: each with its shape rule, its value and its derivative in one place, one file per family.
//!
//! To read one, look for three things: the formula in its documentation, `forward` (or `f`), and `backward` (or
//! `df`). Backward receives g = dL/dy and returns dL/dx for each input x: the transposed Jacobian times g.
//!
//! Ops are applied through methods of [`Var`](crate::autograd::Var), which each family adds beside its ops:
//! `x.relu()?`, `a.matmul(&b)?`. The four of arithmetic are operators, too: `&a * &b + 1.0`.
//!
//! ```
//! use gradus::prelude::*;
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::new(vec![-1.0, 2.0], [2])?);
//! let y = x.relu()?.mul(&x)?.sum()?; // Σ max(x, 0) x
//! assert_eq!(tape.backward(&y)?.of(&x)?.unwrap().data(), [0.0, 4.0]);
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! Adding an op touches its file here and one row of the table in [`gradcheck`](crate::gradcheck): a test fails as
//! long as the row is missing. The op of one layer alone stands in the layer's file, whose examples are its rows.
//!
//! # Conventions
//!
//! Where mathematics leaves a choice, the choice is PyTorch's, so that numbers can be compared: derivatives at kinks
//! and of NaN (relu and elu 1, abs and clamp 0), clamp's derivative 1 on its limits and its value `high` where low >
//! high, softmax of a line with +∞ or NaN or of -∞ alone NaN throughout, means of nothing NaN. The exceptions, all of
//! them, with their reasons (`tests/engine/conventions.rs` holds each row; PyTorch is version 2.15 on a CPU):
//!
//! | question | PyTorch | here | why |
//! |---|---|---|---|
//! | which of several NaN in a pooling window has the gradient | the last | the first | one rule for ties: the first of equals, NaN above all numbers |
//! | which of several equal elements has the gradient of `max` over all or several axes | all, in equal parts | the first | the same rule as in pooling windows, and as `max` along one axis has in PyTorch |
//! | which input has the gradient of `clamp_by` where low = high ≥ x, or where one of the three is NaN | x or low alone; of NaN mostly x | equals have half of it each, and of NaN both sides have it, as of `maximum` and `minimum` | it is these two, one after the other |
//! | cross-entropy with a *soft* target 0 for a class of log-probability -∞ | NaN | 0, as with a label | 0 · log 0 = 0: a one-hot target and its label are one loss |
//! | targets outside [0, 1] of `bce_with_logits` | accepted | an error | `bce` refuses them in both; they are almost always labels of several classes |
//! | GELU of +∞ | NaN | ∞ | x Φ(x) rises beyond all bounds |
//! | derivatives of sigmoid, tanh, ELU and losses of logits far out | 0 or wrong digits from x = 15 on | to the last places | see [`scalar`] and [`loss`] |
//! | a label that no class has, or as many labels as no samples | an exception, or undefined | an error with the sample's number | |
//! | losses of unequal shapes | `mse` broadcasts and warns | an error | a silent `[N]` against `[N, 1]` is a classic mistake |
//! | images without pixels (height or width 0) | an exception for some ops, an empty result for others | an error | a window has no place in them |
//! | padding `Same` with a stride above 1 | an exception | ⌈size / stride⌉ places, an odd zero below and right | as in TensorFlow |
//! | which samples refill several empty clusters of K-means | in the order of a partial sort (scikit-learn) | the farthest first, the first of equals | an order that can be stated; see [`kmeans`](crate::analysis::kmeans) |
//!
//! Not offered: dampening of SGD's momentum, `ceil_mode` and dilation of pooling windows, means without the padding,
//! `align_corners`, interpolation by factors that are not whole, padding by reflection, `ignore_index`, losses as
//! sums or per sample, second derivatives.

pub mod arith;
pub mod attention;
pub mod conv;
pub mod conv_block;
pub mod conv_chain;
pub mod conv_transpose;
pub mod cumulative;
pub mod dropout;
pub mod gather;
pub mod latent;
pub mod layer_norm;
pub mod layout;
pub mod linear_act;
pub mod loss;
pub mod matmul;
pub mod norm;
mod operators;
pub mod pool;
pub mod reduce;
pub mod scalar;
pub mod select;
pub mod softmax;
pub mod upsample;

pub use conv::{Conv2d, Padding};
pub use conv_transpose::ConvTranspose2d;
pub use loss::ClassTarget;
pub use pool::Window;
pub use reduce::argmax;
pub use upsample::{Interpolation, Upsample};
