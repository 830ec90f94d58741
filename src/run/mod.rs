//! A run: a job with a folder, an observer, and a checkpoint from which it is resumed.
//!
//! The main job ([`pipeline`](crate::pipeline)) and the experiments ([`experiment`](crate::experiment)) are runs.
//!
//! * [`folder`]: the folder on the disk, written whole, locked by its writer, with checksums at the end;
//! * [`replace`]: replacing runs, and removing the leftovers of killed processes;
//! * [`settings`]: the settings of a run, and which of them may change;
//! * [`identity`]: the identity of a run's data; [`ledger`]: how often test sets were evaluated on;
//! * [`memory`]: the available memory, and whether a job fits into it;
//! * [`weights`]: a finished run's weights, whole and finite;
//! * [`book`]: writing the report;
//! * [`findings`]: its sentences on a trained classifier, as functions of numbers;
//! * [`list`](mod@list): the runs in a folder;
//! * [`trainer`]: trainings with a checkpoint; [`scores`]: a trained classifier's figures;
//! * [`watch`]: observers of a run.

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
pub mod scores;
pub mod settings;
pub mod stages;
pub mod trainer;
pub mod watch;
pub mod weights;

pub use book::Book;
pub use environment::Beginning;
pub use folder::{Fate, RunFolder};
pub use replace::Aside;
pub use scores::{Scores, score};
pub use settings::Settings;
pub use stages::{Stages, conclude};
pub use trainer::Trainer;
pub use watch::{Unwatched, Watch};
