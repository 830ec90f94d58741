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
//! * [`stages`]: a run from its first stage to its figures; [`trainer`]: trainings with a checkpoint; [`scores`]: a trained classifier's figures;
//! * [`watch`]: who is told how it goes.

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
