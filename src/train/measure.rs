//! By which figure one epoch, trial or run is better than another.

use serde::{Deserialize, Serialize};

/// Whether a figure is better when it is smaller or when it is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Smaller is better: a loss.
    Minimize,
    /// Larger is better: an accuracy.
    Maximize,
}

impl Direction {
    /// Returns the value with its sign turned if larger is better: the smaller the returned value, the better.
    pub fn loss(self, value: f64) -> f64 {
        match self {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }

    /// Returns the better of two values.
    pub fn better(self, a: f64, b: f64) -> f64 {
        if self.is_better(b, a) { b } else { a }
    }

    /// Whether `a` is better than `b`.
    pub fn is_better(self, a: f64, b: f64) -> bool {
        self.loss(a) < self.loss(b)
    }
}

/// A figure of an epoch by which epochs are chosen and trials are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The name among the [`Figures`](super::Figures) of an epoch, which begins with the split: `val_loss`.
    pub name: &'static str,
    /// What reports call it: `validation loss`.
    pub words: &'static str,
    /// Which of two values is better.
    pub direction: Direction,
}

/// The validation loss.
pub const VAL_LOSS: Measure = Measure { name: "val_loss", words: "validation loss", direction: Direction::Minimize };
/// The fraction of correct predictions on the validation samples.
pub const VAL_ACCURACY: Measure =
    Measure { name: "val_accuracy", words: "validation accuracy", direction: Direction::Maximize };

impl Measure {
    /// Returns the name without its split, as `metrics.json` has it under the key of the split: `loss`.
    pub fn key(self) -> &'static str {
        self.name.split_once('_').map_or(self.name, |(_, key)| key)
    }
}

/// By what the best epoch is chosen: its validation loss or its validation accuracy. Without validation samples the last
/// epoch is kept.
///
/// ```
/// use gradus::prelude::*;
///
/// let epoch = |epoch, loss, accuracy| Epoch { epoch, figures: [("val_loss", loss), ("val_accuracy", accuracy)].into() };
/// let best = |keep: Keep| {
///     let mut history = History::default();
///     history.push(epoch(1, 0.30, 0.90), keep.measures());
///     history.push(epoch(2, 0.35, 0.92), keep.measures());
///     history.best_epoch
/// };
/// assert_eq!((best(Keep::Loss), best(Keep::Accuracy)), (1, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The lowest loss.
    #[default]
    Loss,
    /// The highest accuracy, and of equals the lowest loss. Where outputs are no classes, the lowest loss.
    Accuracy,
}

impl Keep {
    /// Returns the measures that decide, the first first.
    pub fn measures(self) -> &'static [Measure] {
        match self {
            Keep::Loss => &[VAL_LOSS],
            Keep::Accuracy => &[VAL_ACCURACY, VAL_LOSS],
        }
    }
}
