//! Training: epochs, validation, early stopping, checkpoints.
//!
//! * [`samples`]: what a batch is made of: rows of a matrix, or images;
//! * [`batch`]: the order in which training meets the samples, and pixels brought to mean 0 and deviation 1;
//! * [`augment`]: flips, turns, shifts and other light, drawn by number so that a resumed run draws the same;
//! * [`criterion`]: what a loss is, so that it may be one of your own;
//! * [`objective`]: the losses of this crate, and how an output is read as a prediction;
//! * [`fit`]: the training loop;
//! * [`mod@evaluate`]: loss, accuracy and probabilities of a trained model;
//! * [`history`]: what is remembered of each epoch;
//! * [`checkpoint`]: the one file from which a run resumes.

pub mod augment;
pub mod batch;
pub mod checkpoint;
pub mod criterion;
pub mod evaluate;
pub mod fit;
pub mod history;
pub mod objective;
pub mod samples;

pub use augment::{Affine, Augment, Symmetry, gather};
pub use batch::{Batches, Normalization, standardize_each};
pub use checkpoint::{Checkpoint, Progress};
pub use criterion::{Batch, Criterion};
pub use evaluate::{Evaluation, Losses, activations, check_finite, evaluate, losses, outputs};
pub use fit::{Fit, Observer, Silent, Trained};
pub use history::{Epoch, History, Keep};
pub use objective::{Loss, Objective, balanced};
pub use samples::{ImageSamples, Matrix, Samples};
