//! Section `[linear]` of an experiment's file.

use crate::analysis::linear::Ard;
use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the weights of a linear model are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Method {
    /// Ordinary least squares: the weights with the smallest sum of squared residuals, with their standard errors.
    #[default]
    #[serde(rename = "ols")]
    Ols,
    /// Automatic relevance determination (Tipping 2001): each weight has a prior of its own, and columns that explain nothing
    /// are taken out.
    #[serde(rename = "ard")]
    Ard,
}

impl Method {
    /// Returns the usual abbreviation.
    pub fn short(self) -> &'static str {
        match self {
            Method::Ols => "OLS",
            Method::Ard => "ARD",
        }
    }
}

/// Section `[linear]`: how a linear model is fitted. Weights are computed of columns and targets with mean 0 and standard
/// deviation 1 over the training split, unless `data.normalize` says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinearSettings {
    /// The method whose weights predict; the report shows the other one beside it.
    pub method: Method,
    /// Most rounds of updates of `ard`, 1 to 1000000.
    pub max_iter: usize,
    /// The updates of `ard` end when the weights change by less than this in sum, 1e-12 to 1.
    pub tol: f64,
    /// The precision above which `ard` takes a column out, 1 to 1e12: with 10000, a weight whose prior has a standard deviation
    /// below 0.01.
    pub threshold: f64,
}

impl Default for LinearSettings {
    fn default() -> Self {
        let Ard { max_iter, tol, threshold } = Ard::default();
        Self { method: Method::default(), max_iter, tol, threshold }
    }
}

impl LinearSettings {
    /// Whether no setting was changed.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the settings of automatic relevance determination.
    pub fn ard(&self) -> Ard {
        Ard { max_iter: self.max_iter, tol: self.tol, threshold: self.threshold }
    }

    /// Checks every number against its range.
    pub fn validate(&self) -> Result<()> {
        Error::in_range("linear.max_iter", self.max_iter as f64, 1.0, 1e6)?;
        Error::in_range("linear.tol", self.tol, 1e-12, 1.0)?;
        Error::in_range("linear.threshold", self.threshold, 1.0, 1e12)
    }
}
