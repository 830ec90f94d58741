//! What is learned: a class, a number, or the input itself.

use crate::train::Loss;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of experiments: `kind = "classify" | "regress" | "reconstruct"` in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The class of each sample.
    #[default]
    Classify,
    /// One number or several for each sample.
    Regress,
    /// The input itself, through a code: an autoencoder.
    Reconstruct,
}

impl Kind {
    /// The name, as the file writes it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Classify => "classify",
            Kind::Regress => "regress",
            Kind::Reconstruct => "reconstruct",
        }
    }

    /// The losses it can be trained by, the usual one first.
    pub fn losses(self) -> &'static [Loss] {
        match self {
            Kind::Classify => &[Loss::CrossEntropy, Loss::Nll, Loss::BceWithLogits, Loss::Bce, Loss::Mse],
            Kind::Regress => &[Loss::Mse, Loss::Mae, Loss::Huber],
            Kind::Reconstruct => &[Loss::ReconstructionMse, Loss::ReconstructionBce],
        }
    }

    /// The kind of a file that names none: what its loss is for, `mse` being for classes.
    pub fn of_loss(loss: Loss) -> Self {
        let all = [Kind::Classify, Kind::Regress, Kind::Reconstruct];
        all.into_iter().find(|kind| kind.losses().contains(&loss)).unwrap_or_default()
    }
}
