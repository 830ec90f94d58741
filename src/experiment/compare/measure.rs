//! What runs are compared by.

use serde::Serialize;
use std::cmp::Ordering;

/// What runs are compared by: a mean over the test samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestMeasure {
    /// The fraction of test samples classified correctly: the more the better.
    Accuracy,
    /// The evidence lower bound in nats, of variational autoencoders: the more the better.
    Elbo,
    /// The mean squared error of a value that a network reconstructs: the less the better.
    Mse,
}

impl TestMeasure {
    /// All of them.
    pub const ALL: [TestMeasure; 3] = [TestMeasure::Accuracy, TestMeasure::Elbo, TestMeasure::Mse];

    /// As the command line writes it.
    pub fn name(self) -> &'static str {
        match self {
            TestMeasure::Accuracy => "accuracy",
            TestMeasure::Elbo => "elbo",
            TestMeasure::Mse => "mse",
        }
    }

    /// As a table writes it.
    pub fn title(self) -> &'static str {
        match self {
            TestMeasure::Accuracy => "test accuracy",
            TestMeasure::Elbo => "test ELBO (nats)",
            TestMeasure::Mse => "test mean squared error",
        }
    }

    /// The better value first.
    pub(super) fn order(self, a: f64, b: f64) -> Ordering {
        match self {
            TestMeasure::Accuracy | TestMeasure::Elbo => b.total_cmp(&a),
            TestMeasure::Mse => a.total_cmp(&b),
        }
    }
}
