//! Section `[forest]` of an experiment's file.

use crate::analysis::forest::{DEEPEST, Forest};
use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `[forest]`: a random forest. Its draws follow from `seed`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ForestSettings {
    /// Number of trees, whose mean predicts, 1 to 10000: more of them take longer and vary less with the seed.
    #[schemars(extend("unit" = "trees"))]
    pub trees: usize,
    /// Most splits from the root of a tree to a leaf, 1 to 10000; 0 is unlimited.
    #[schemars(extend("unit" = "splits"))]
    pub depth: usize,
    /// Least number of samples in a leaf, counted as often as they were drawn, 1 to 1000000: the more, the smoother the prediction.
    #[schemars(extend("unit" = "samples"))]
    pub leaf: usize,
    /// Fraction of the columns that each split looks at, drawn anew, above 0 to 1; at least one column. The fewer, the more the
    /// trees differ.
    pub columns: f64,
}

impl Default for ForestSettings {
    fn default() -> Self {
        Self { trees: 100, depth: 0, leaf: 1, columns: 1.0 }
    }
}

impl ForestSettings {
    /// Checks every number against its range.
    pub fn validate(&self) -> Result<()> {
        Error::in_range("forest.trees", self.trees as f64, 1.0, 1e4)?;
        Error::in_range("forest.depth", self.depth as f64, 0.0, DEEPEST as f64)?;
        Error::in_range("forest.leaf", self.leaf as f64, 1.0, 1e6)?;
        Error::in_range("forest.columns", self.columns, 1e-6, 1.0)
    }

    /// Returns the forest.
    pub fn forest(&self) -> Forest {
        Forest { trees: self.trees, depth: self.depth, leaf: self.leaf, columns: self.columns }
    }
}
