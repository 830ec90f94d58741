//! The main job: from a folder of pictures to a report.
//!
//! Each stage is a file that reads as the assignment does; [`run`] calls them in order.

pub mod config;
pub mod folder;
pub mod settings;

pub use config::Config;
pub use folder::RunFolder;
pub use settings::Settings;

/// Whoever watches a job: the terminal, a log, a test.
pub trait Watch {
    /// A stage begins.
    fn stage(&mut self, number: usize, of: usize, name: &str);

    /// Within the stage, `done` of `total` (pictures, epochs, iterations), with a short remark such as the loss.
    fn progress(&mut self, done: usize, total: usize, remark: &str);

    /// A line worth keeping: a result, a warning.
    fn note(&mut self, line: &str);

    /// Whether the user wants to stop.
    fn interrupted(&self) -> bool;
}
