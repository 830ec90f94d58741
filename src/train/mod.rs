//! Training: epochs, validation, early stopping, checkpoints.
//!
//! * [`samples`]: what a batch is made of: rows of a matrix, or pictures (normalized, augmented);
//! * [`objective`]: the loss, and how an output is read as an answer;
//! * [`fit`]: the training loop;
//! * [`mod@evaluate`]: loss, accuracy and probabilities of a trained model;
//! * [`history`]: what is remembered of each epoch;
//! * [`checkpoint`]: the one file from which a run resumes.

pub mod checkpoint;
pub mod evaluate;
pub mod fit;
pub mod history;
pub mod objective;
pub mod samples;

pub use checkpoint::{Checkpoint, Progress};
pub use evaluate::{Evaluation, Losses, activations, check_finite, evaluate, losses, outputs};
pub use fit::{Fit, Observer, Silent, Trained};
pub use history::{Epoch, History, Keep};
pub use objective::{Loss, Objective, balanced};
pub use samples::{Matrix, Pictures, Samples};
