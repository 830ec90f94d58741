//! Who is told how a run goes, and may stop it.

/// Whoever watches a job: the terminal, a log, a test.
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
