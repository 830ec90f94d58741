//! Training: epochs, validation, early stopping, checkpoints.
//!
//! * [`samples`]: what a batch is made of: rows of a matrix, or images;
//! * [`batch`]: the order in which training meets the samples, and pixels brought to mean 0 and deviation 1;
//! * [`augment`]: flips, turns, shifts and other light, drawn by number so that a resumed run draws the same;
//! * [`criterion`]: what a loss is, so that it may be one of your own;
//! * [`objective`]: the losses of this crate, and how an output is read as a prediction;
//! * [`learner`]: what learns, and the loop that it goes through; [`measure`]: by what an epoch is chosen;
//! * [`fit`]: the settings of a network's training by a loss; [`supervised`]: an epoch of it;
//! * [`mod@evaluate`]: loss, accuracy and probabilities of a trained model;
//! * [`views`]: several views of an image, over which a prediction is averaged;
//! * [`history`]: what is remembered of each epoch;
//! * [`checkpoint`]: the one file from which a run resumes.

pub mod augment;
pub mod batch;
pub mod checkpoint;
pub mod criterion;
pub mod evaluate;
pub mod fit;
pub mod history;
pub mod learner;
pub mod measure;
pub mod objective;
pub mod samples;
pub mod supervised;
pub mod views;

pub use augment::{Affine, Augment, Place, Symmetry, gather};
pub use batch::{Batches, Normalization, standardize_each};
pub use checkpoint::Checkpoint;
pub use criterion::{Batch, Criterion};
pub use evaluate::{Evaluation, Losses, Predictions, activations, check_finite, classify, evaluate, losses, outputs};
pub use fit::Fit;
pub use history::{Epoch, Figures, History, STOPPED};
pub use learner::{Learner, Observer, Progress, Silent, States, Trained, Training};
pub use measure::{Direction, Keep, Measure, VAL_ACCURACY, VAL_LOSS};
pub use objective::{Loss, Objective, balanced};
pub use samples::{ImageSamples, Matrix, Samples};
pub use supervised::Supervised;
pub use views::{MeanOverViews, Views};
