//! Section `[svr]` of an experiment's file.

use crate::analysis::svr;
use crate::error::{Error, Result};
use ndarray::ArrayView2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How alike two rows are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// exp(-gamma |x - z|²), the Gaussian or radial basis function: the prediction is any smooth function of the columns.
    #[default]
    Rbf,
    /// x · z: the prediction is a weighted sum of the columns.
    Linear,
}

/// The width of the kernel `rbf`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "`scale`, or a number from 1e-9 to 1e9")]
pub enum Gamma {
    /// By rule.
    Rule(Rule),
    /// This number.
    Number(f64),
}

/// Rules for `gamma`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// 1 / (d v) for d columns, v being the variance of all numbers of the training split: 1 / d for columns of deviation 1.
    Scale,
}

/// Section `[svr]`: a support vector regression. It is fitted to columns and targets with mean 0 and standard deviation 1 over the
/// training split, unless `data.normalize` says otherwise of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SvrSettings {
    /// How alike two rows are.
    pub kernel: Kernel,
    /// C, the bound of a support vector's coefficient, 1e-6 to 1000000: the larger, the closer the prediction follows the training
    /// samples, and the longer the fit takes.
    pub c: f64,
    /// Errors below this cost nothing, 0 to 100.
    #[schemars(extend("unit" = "standard deviations of the target"))]
    pub epsilon: f64,
    /// The width of the kernel `rbf`, which falls to 1/e at a distance of 1 / √gamma: `scale`, or a number from 1e-9 to 1e9.
    pub gamma: Gamma,
}

impl Default for SvrSettings {
    fn default() -> Self {
        Self { kernel: Kernel::Rbf, c: 1.0, epsilon: 0.1, gamma: Gamma::Rule(Rule::Scale) }
    }
}

impl SvrSettings {
    /// Checks every number against its range.
    pub fn validate(&self) -> Result<()> {
        Error::in_range("svr.c", self.c, 1e-6, 1e6)?;
        Error::in_range("svr.epsilon", self.epsilon, 0.0, 100.0)?;
        match self.gamma {
            Gamma::Number(_) if self.kernel == Kernel::Linear => {
                Err(Error::config("svr.gamma", "is for svr.kernel = \"rbf\"", "remove it, or change the kernel"))
            }
            Gamma::Number(gamma) => Error::in_range("svr.gamma", gamma, 1e-9, 1e9),
            Gamma::Rule(_) => Ok(()),
        }
    }

    /// Returns the regression for training samples `x`, N x D.
    pub fn regression(&self, x: ArrayView2<'_, f32>) -> svr::Svr {
        let kernel = match (self.kernel, self.gamma) {
            (Kernel::Linear, _) => svr::Kernel::Linear,
            (Kernel::Rbf, Gamma::Number(gamma)) => svr::Kernel::Rbf(gamma as f32),
            (Kernel::Rbf, Gamma::Rule(Rule::Scale)) => svr::Kernel::Rbf(svr::Kernel::scale(x)),
        };
        svr::Svr { kernel, c: self.c, epsilon: self.epsilon }
    }
}
