//! What is remembered of each epoch.

use serde::{Deserialize, Serialize};

/// One epoch. Training figures are means over the epoch's batches while the weights moved; validation figures are
/// measured after it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Mean training loss.
    pub train_loss: f64,
    /// Fraction of correct predictions for the training samples; none without classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_accuracy: Option<f64>,
    /// Validation loss; none without validation samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_loss: Option<f64>,
    /// Validation accuracy; none without classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub val_accuracy: Option<f64>,
}

impl Epoch {
    /// Training and validation loss, for a chart; not a number without validation samples.
    pub fn losses(&self) -> [f64; 2] {
        [self.train_loss, self.val_loss.unwrap_or(f64::NAN)]
    }

    /// Training and validation accuracy, for a chart; not a number without classes or validation samples.
    pub fn accuracies(&self) -> [f64; 2] {
        [self.train_accuracy, self.val_accuracy].map(|a| a.unwrap_or(f64::NAN))
    }
}

/// By what the best epoch is chosen: its validation loss or its validation accuracy. Without validation samples the last
/// epoch is kept.
///
/// ```
/// use gradus::prelude::*;
///
/// let epoch = |epoch, loss, accuracy| Epoch {
///     epoch,
///     train_loss: loss,
///     train_accuracy: Some(accuracy),
///     val_loss: Some(loss),
///     val_accuracy: Some(accuracy),
/// };
/// let best = |keep| {
///     let mut history = History::default();
///     history.push(epoch(1, 0.30, 0.90), keep);
///     history.push(epoch(2, 0.35, 0.92), keep);
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
    /// Whether `epoch` is better than `best`.
    fn better(self, epoch: &Epoch, best: &Epoch) -> bool {
        let (Some(loss), Some(least)) = (epoch.val_loss, best.val_loss) else { return true };
        let lower_loss = loss < least;
        match self {
            Keep::Loss => lower_loss,
            Keep::Accuracy if epoch.val_accuracy == best.val_accuracy => lower_loss,
            Keep::Accuracy => epoch.val_accuracy > best.val_accuracy,
        }
    }
}

/// The epochs of a training, and which was best.
///
/// ```
/// use gradus::prelude::*;
/// let mut history = History::default();
/// for (epoch, loss) in [(1, 0.9), (2, 0.4), (3, 0.5)] {
///     let record =
///         Epoch { epoch, train_loss: loss, train_accuracy: None, val_loss: Some(loss), val_accuracy: None };
///     history.push(record, Keep::Loss);
/// }
/// assert_eq!((history.best_epoch, history.stale()), (2, 1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// All epochs so far.
    pub epochs: Vec<Epoch>,
    /// Number of the epoch that [`Keep`] chose; 0 before the first.
    pub best_epoch: usize,
}

impl History {
    /// The best epoch's figures.
    pub fn best(&self) -> Option<&Epoch> {
        self.best_epoch.checked_sub(1).and_then(|i| self.epochs.get(i))
    }

    /// Appends an epoch, and tells whether it is the best so far.
    pub fn push(&mut self, epoch: Epoch, keep: Keep) -> bool {
        let better = self.best().is_none_or(|best| keep.better(&epoch, best));
        if better {
            self.best_epoch = epoch.epoch;
        }
        self.epochs.push(epoch);
        better
    }

    /// Epochs since the best one.
    pub fn stale(&self) -> usize {
        self.epochs.len() - self.best_epoch
    }
}
