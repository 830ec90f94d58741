//! Observers of a run, which receive its progress and may stop it.

/// An observer of a job: the terminal, a log, a test.
pub trait Watch {
    /// A stage begins.
    fn stage(&mut self, number: usize, of: usize, name: &str);

    /// Within the stage, `done` of `total` (images, epochs, iterations), with a short remark such as the loss.
    fn progress(&mut self, done: usize, total: usize, remark: &str);

    /// A line worth keeping: a result, a warning.
    fn note(&mut self, line: &str);

    /// An epoch of a training is over. There may be hundreds: a terminal need not show them all.
    fn epoch(&mut self, line: &str) {
        self.note(line);
    }

    /// Returns whether the user wants to stop.
    fn interrupted(&self) -> bool;
}

/// An observer that does nothing, for tests and for programs with output of their own.
pub struct Unwatched;

impl Watch for Unwatched {
    fn stage(&mut self, _: usize, _: usize, _: &str) {}
    fn progress(&mut self, _: usize, _: usize, _: &str) {}
    fn note(&mut self, _: &str) {}
    fn interrupted(&self) -> bool {
        false
    }
}
