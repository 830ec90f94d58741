//! The settings of data that are samples of a function.

use crate::data::function::SURFACES;
use crate::data::{Function, Spacing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One formula, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a formula in quotes, or a list of them")]
pub enum Formulas {
    /// One.
    One(String),
    /// Several, mixed by the weights.
    Many(Vec<String>),
}

/// Section `[data.function]`: samples of a function, f = Σ wᵢ fᵢ / Σ wᵢ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionSettings {
    /// The formula, of x or of x and y, such as "-sin(0.8*pi*x)"; or a list of them, which are mixed.
    pub formula: Formulas,
    /// The weight of each formula in the mixture; empty for equal weights.
    pub weights: Vec<f64>,
    /// The least and the largest value of each variable.
    pub range: [f64; 2],
    /// Number of samples of all splits together, 10 to 10000000.
    #[schemars(extend("unit" = "samples"))]
    pub samples: usize,
    /// Standard deviation of the normal noise that is added to each value, from 0.
    pub noise: f64,
    /// Where the points lie: drawn uniformly, or on a grid that includes both ends.
    pub spacing: Spacing,
}

impl Default for FunctionSettings {
    fn default() -> Self {
        let Function { mut formulas, weights, range, n, noise, spacing, .. } = Function::default();
        Self { formula: Formulas::One(formulas.remove(0)), weights, range, samples: n, noise, spacing }
    }
}

impl FunctionSettings {
    /// The recipe, with the seed of its points and noise.
    pub fn function(&self, seed: u64) -> Function {
        let formulas = match &self.formula {
            Formulas::One(formula) => vec![formula.clone()],
            Formulas::Many(formulas) => formulas.clone(),
        };
        let Self { weights, range, samples, noise, spacing, .. } = self.clone();
        Function { formulas, weights, range, n: samples, noise, spacing, seed, place: "data.function" }
    }
}

/// Section `[data.surface]`: samples of a surface over the unit square, a mixture of the five functions of Hwang et al.
/// (1994): simple interaction, radial, harmonic, additive, complicated interaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SurfaceSettings {
    /// The weights of the five functions: digits of a student's number, say, of which not all may be 0.
    pub digits: [u8; 5],
    /// Number of samples of all splits together, 10 to 10000000.
    #[schemars(extend("unit" = "samples"))]
    pub samples: usize,
    /// Standard deviation of the normal noise that is added to each value, from 0.
    pub noise: f64,
    /// Where the points lie: drawn uniformly, or on a grid that includes both ends.
    pub spacing: Spacing,
}

impl Default for SurfaceSettings {
    fn default() -> Self {
        Self { digits: [9, 9, 7, 6, 5], samples: 3000, noise: 0.0, spacing: Spacing::Random }
    }
}

impl SurfaceSettings {
    /// The recipe, with the seed of its points and noise.
    pub fn function(&self, seed: u64) -> Function {
        Function {
            formulas: SURFACES.map(|(_, formula)| formula.to_owned()).to_vec(),
            weights: self.digits.map(f64::from).to_vec(),
            range: [0.0, 1.0],
            n: self.samples,
            noise: self.noise,
            spacing: self.spacing,
            seed,
            place: "data.surface",
        }
    }
}
