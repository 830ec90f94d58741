//! A run: a job with a folder, somebody who watches it, and a checkpoint from which it goes on.
//!
//! The main job ([`pipeline`](crate::pipeline)) and the experiments ([`experiment`](crate::experiment)) are runs.
//!
//! * [`folder`]: the folder on the disk, written whole, locked by its writer, with checksums at the end;
//! * [`replace`]: runs that make room for others, and what killed processes left;
//! * [`settings`]: what a run was trained with, and what of it may change;
//! * [`identity`]: the data of a run, known again; [`ledger`]: how often test sets were evaluated on;
//! * [`memory`]: how much there is, and whether a job fits into it;
//! * [`weights`]: a finished run's weights, whole and finite;
//! * [`book`]: the report while it is written;
//! * [`findings`]: what it says of a trained classifier, as functions of numbers;
//! * [`list`](mod@list): the runs in a folder;
//! * [`trainer`]: trainings with a checkpoint, and a trained classifier's figures.

pub mod book;
mod environment;
pub mod findings;
pub mod folder;
pub mod identity;
pub mod ledger;
pub mod list;
mod lock;
mod manifest;
pub mod memory;
pub mod replace;
pub mod settings;
pub mod trainer;
pub mod weights;

pub use book::Book;
pub use folder::{Beginning, Fate, RunFolder};
pub use replace::Aside;
pub use settings::Settings;
pub use trainer::{Scores, Trainer, score};

/// Whoever watches a job: the terminal, a log, a test.
pub trait Watch {
    /// A stage begins.
    fn stage(&mut self, number: usize, of: usize, name: &str);

    /// Within the stage, `done` of `total` (pictures, epochs, iterations), with a short remark such as the loss.
    fn progress(&mut self, done: usize, total: usize, remark: &str);

    /// A line worth keeping: a result, a warning.
    fn note(&mut self, line: &str);

    /// An epoch of a training is over. There may be hundreds: a terminal need not show them all.
    fn epoch(&mut self, line: &str) {
        self.note(line);
    }

    /// Whether the user wants to stop.
    fn interrupted(&self) -> bool;
}

/// Nobody watches: a test, or a program that prints its own words.
pub struct Unwatched;

impl Watch for Unwatched {
    fn stage(&mut self, _: usize, _: usize, _: &str) {}
    fn progress(&mut self, _: usize, _: usize, _: &str) {}
    fn note(&mut self, _: &str) {}
    fn interrupted(&self) -> bool {
        false
    }
}
