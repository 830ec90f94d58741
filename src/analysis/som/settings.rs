//! The settings of a self-organizing map: section `[som]` of an experiment.

use super::grid::{Grid, Lattice};
use super::neighbourhood::{Decay, Neighbourhood};
use crate::error::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a map learns of an epoch's samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From all of them at once, as a weighted mean.
    #[default]
    Batch,
    /// From one after the other, in random order.
    Online,
}

/// Where the units begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// On the plane of the two largest principal components, spread like the samples.
    #[default]
    Pca,
    /// Spread evenly over the ranges of the features: those of odd number along the columns of the map, the others along its
    /// rows.
    Linear,
    /// On samples, drawn at random.
    Random,
}

/// The settings of a self-organizing map.
///
/// ```
/// use gradus::analysis::som::{Som, Start};
/// use ndarray::Array2;
///
/// // A ring of 200 points, and a chain of 20 units that is closed to a ring itself.
/// let angle = |i: usize| i as f64 * std::f64::consts::TAU / 200.0;
/// let x = Array2::from_shape_fn((200, 2), |(i, j)| if j == 0 { angle(i).cos() } else { angle(i).sin() });
/// let som = Som { rows: 1, columns: 20, toroidal: true, start: Start::Random, ..Som::default() };
/// let map = som.fit(x.view(), 50, 7)?;
/// let matches = map.matches(x.view())?;
/// assert!(matches.quantization_error() < 0.2);
/// assert_eq!(matches.topographic_error(), 0.0); // the two nearest units of each point are neighbours
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Som {
    /// Rows of the map, 1 or more; rows times columns are at most 5000 units.
    #[schemars(extend("unit" = "units"))]
    pub rows: usize,
    /// Columns of the map, 1 or more.
    #[schemars(extend("unit" = "units"))]
    pub columns: usize,
    /// How its units lie.
    pub grid: Grid,
    /// Whether opposite sides of the map meet, so that it has no border.
    pub toroidal: bool,
    /// How a map learns of an epoch's samples.
    pub mode: Mode,
    /// Where the units begin.
    pub start: Start,
    /// How much a unit at distance r on the map from the best matching unit learns.
    pub neighbourhood: Neighbourhood,
    /// The radius σ of the neighbourhood at the beginning, 0.01 to 1000; 0 is half of the longer side, and no less than
    /// `final_radius`.
    #[schemars(extend("unit" = "units"))]
    pub radius: f64,
    /// The radius at the end, 0.01 to 1000.
    #[schemars(extend("unit" = "units"))]
    pub final_radius: f64,
    /// How the radius falls from `radius` to `final_radius`.
    pub radius_decay: Decay,
    /// For online training: the learning rate at the beginning, above 0 and at most 1.
    pub rate: f64,
    /// For online training: the learning rate at the end, above 0 and at most 1.
    pub final_rate: f64,
    /// For online training: how the learning rate falls from `rate` to `final_rate`.
    pub rate_decay: Decay,
    /// For online training: samples that are drawn in an epoch, up to 10000000; 0 is each of the training set once.
    #[schemars(extend("unit" = "samples"))]
    pub steps: usize,
}

impl Default for Som {
    fn default() -> Self {
        Self {
            rows: 10,
            columns: 10,
            grid: Grid::default(),
            toroidal: false,
            mode: Mode::default(),
            start: Start::default(),
            neighbourhood: Neighbourhood::default(),
            radius: 0.0,
            final_radius: 0.7,
            radius_decay: Decay::default(),
            rate: 0.5,
            final_rate: 0.01,
            rate_decay: Decay::default(),
            steps: 0,
        }
    }
}

impl Som {
    /// Returns the places of the units. Fails as [`Lattice::new`] does.
    pub fn lattice(&self) -> Result<Lattice> {
        Lattice::new(self.rows, self.columns, self.grid, self.toroidal)
    }

    /// Returns the radius at the beginning: `radius`, or what stands for 0.
    pub fn first_radius(&self) -> f64 {
        let half = self.rows.max(self.columns) as f64 / 2.0;
        if self.radius == 0.0 { half.max(self.final_radius) } else { self.radius }
    }

    /// Checks every setting; the place of an error is the setting.
    pub fn check(&self) -> Result<()> {
        self.lattice()?;
        if self.radius != 0.0 {
            Error::in_range("radius", self.radius, 0.01, 1000.0)?;
        }
        Error::in_range("final_radius", self.final_radius, 0.01, 1000.0)?;
        Error::in_range("rate", self.rate, 1e-9, 1.0)?;
        Error::in_range("final_rate", self.final_rate, 1e-9, 1.0)?;
        Error::in_range("steps", self.steps as f64, 0.0, 1e7)?;
        if self.neighbourhood == Neighbourhood::MexicanHat && self.mode == Mode::Batch {
            let what = "is mexican_hat, whose negative values have no weighted mean: batch training needs one";
            return Err(Error::config("neighbourhood", what, "write mode = \"online\", or another neighbourhood"));
        }
        Ok(())
    }
}
