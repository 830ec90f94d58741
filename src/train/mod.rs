//! Training: epochs, validation, early stopping, checkpoints.
//!
//! * [`samples`]: what a batch is made of: rows of a matrix, or images (normalized, augmented);
//! * [`criterion`]: what a loss is, so that it may be one of your own;
//! * [`objective`]: the losses of this crate, and how an output is read as a prediction;
//! * [`fit`]: the training loop;
//! * [`mod@evaluate`]: loss, accuracy and probabilities of a trained model;
//! * [`history`]: what is remembered of each epoch;
//! * [`checkpoint`]: the one file from which a run resumes.

pub mod checkpoint;
pub mod criterion;
pub mod evaluate;
pub mod fit;
pub mod history;
pub mod objective;
pub mod samples;

pub use checkpoint::{Checkpoint, Progress};
pub use criterion::{Batch, Criterion};
pub use evaluate::{Evaluation, Losses, activations, check_finite, evaluate, losses, outputs};
pub use fit::{Fit, Observer, Silent, Trained};
pub use history::{Epoch, History, Keep};
pub use objective::{Loss, Objective, balanced};
pub use samples::{Matrix, Pictures, Samples};
