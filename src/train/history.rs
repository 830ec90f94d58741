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
    /// Share of training samples answered rightly.
    pub train_accuracy: f64,
    /// Validation loss.
    pub val_loss: f64,
    /// Validation accuracy.
    pub val_accuracy: f64,
}

/// The epochs of a training, and which was best.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// All epochs so far.
    pub epochs: Vec<Epoch>,
    /// Number of the epoch with the lowest validation loss; 0 before the first.
    pub best_epoch: usize,
}

impl History {
    /// The best epoch's figures.
    pub fn best(&self) -> Option<&Epoch> {
        self.best_epoch.checked_sub(1).and_then(|i| self.epochs.get(i))
    }

    /// Appends an epoch, and tells whether it is the best so far.
    pub fn push(&mut self, epoch: Epoch) -> bool {
        let better = self.best().is_none_or(|best| epoch.val_loss < best.val_loss);
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
