//! Gradus (Latin: step): a deep-learning engine that reads like a textbook.
//!
//! # Where to start reading
//!
//! Take the files in this order, and each needs only what came before it:
//!
//! 1. [`shape`] and [`tensor`]: numbers in row-major order.
//! 2. [`autograd`]: the tape, and the one loop that is backpropagation.
//! 3. [`ops`]: every op with its shape rule, value and derivative side by side.
//! 4. [`nn`]: layers that own parameters and call the ops.
//! 5. [`optim`]: how gradients change parameters.
//! 6. [`train`]: epochs, validation, early stopping, checkpoints.
//! 7. [`pipeline`]: the main job, from a folder of images to a report.
//! 8. [`experiment`]: any network on any data, from a file.
//! 9. [`study`]: the search for its best settings.
//!
//! Beside them stand [`analysis`] (K-means, PCA, t-SNE, metrics: plain mathematics without the tape),
//! [`data`] (files to batches), [`report`] (charts and the one-file page) and [`gradcheck`] (the table of derivatives
//! compared with differences). The fast kernels are a crate of their own, `gradus-kernels`, whose `reference` module
//! is the plain definition of each.
//!
//! # A network in a few lines
//!
//! ```
//! use gradus::prelude::*;
//!
//! // Four points and their classes: the exclusive or.
//! let x = Tensor::new(vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [4, 2])?;
//! let labels = [0, 1, 1, 0];
//!
//! let net = gradus::models::mlp::mlp(2, &[16], 2, Activation::Tanh, &mut Rng::new(1, "init", 0));
//! let mut adam = FirstOrder::new(Adam::new(0.05));
//! for step in 0..200 {
//!     adam.step(&net, &mut || {
//!         let tape = Tape::new();
//!         let logits = net.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, 1, step))?;
//!         let loss = logits.cross_entropy(ClassTarget::Labels(&labels))?;
//!         Ok((loss.value().item(), tape.backward(&loss)?))
//!     })?;
//! }
//!
//! let logits = net.forward(&Var::constant(x), &mut Ctx::eval())?;
//! assert!(logits.cross_entropy(ClassTarget::Labels(&labels))?.value().item() < 0.05);
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! The [`prelude`] has all that such a program needs; its documentation shows a residual network with an op and a loss
//! of one's own, checked, trained by [`Fit`](train::Fit), saved and loaded.
//!
//! # Promises
//!
//! * It reads like a textbook: names are the field's, and each public item states its formula, shapes and source.
//! * It is correct: derivatives are checked against differences and values against PyTorch and scikit-learn.
//! * The same seed gives the same bits on any number of threads.
//!
//! Which module may import which is written in `ARCHITECTURE.md` and enforced by a test.

#![forbid(unsafe_code)]

#[cfg(feature = "program")]
pub mod analysis;
pub mod autograd;
#[cfg(feature = "program")]
pub mod bench;
#[cfg(feature = "program")]
pub mod data;
pub mod error;
#[cfg(feature = "program")]
pub mod experiment;
#[cfg(feature = "program")]
pub mod export;
pub mod files;
pub mod gradcheck;
pub mod models;
pub mod nn;
pub mod ops;
pub mod optim;
#[cfg(feature = "program")]
pub mod pipeline;
pub mod prelude;
pub mod real;
#[cfg(feature = "program")]
pub mod report;
pub mod rng;
#[cfg(feature = "program")]
pub mod run;
#[cfg(feature = "program")]
pub mod settings;
pub mod shape;
#[cfg(feature = "program")]
pub mod study;
pub mod target;
pub mod tensor;
#[cfg(feature = "program")]
pub mod text;
pub mod train;

pub use error::{Error, Result};
pub use real::Real;
pub use target::Target;
