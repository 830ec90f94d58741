//! Self-organizing maps of 25 x 15 units, trained in batch mode for 100 epochs on Gaussian blobs.

use super::blobs::{Blobs, Centres};
use super::measure::{Bench, Row};
use super::nets::SEED;
use crate::analysis::som::{Decay, Som};
use crate::error::Result;

/// A workload.
#[derive(Debug, PartialEq)]
pub struct Mapping {
    /// Its name.
    pub name: &'static str,
    data: Blobs,
}

impl Eq for Mapping {}

/// The workloads: the sizes that TorchSOM publishes times for.
pub static ALL: [Mapping; 2] = [mapping("SOM1", 4_000, 50), mapping("SOM2", 16_000, 300)];

const fn mapping(name: &'static str, n: usize, d: usize) -> Mapping {
    Mapping { name, data: Blobs { name, n, d, clusters: 10, centres: Centres::Cube, spread: 0.3 } }
}

/// Epochs of the training.
const EPOCHS: usize = 100;

impl Mapping {
    /// Measures it.
    pub(super) fn run(&'static self, bench: &Bench) -> Result<Row> {
        let (data, epochs) =
            if bench.quick { (Blobs { n: self.data.n / 40, ..self.data }, EPOCHS / 20) } else { (self.data, EPOCHS) };
        let x = data.load(&bench.data, data.n)?;
        // The peers' radii and their law of decay: a smaller radius at the end lowers one error and raises the other.
        let (radius, final_radius, radius_decay) = (3.0, 1.0, Decay::Inverse);
        let som = Som { rows: 25, columns: 15, radius, final_radius, radius_decay, ..Som::default() };
        let mut found = None;
        let timing = bench.time(3, 1, || {
            found = Some(som.fit(x.view(), epochs, SEED)?);
            Ok(())
        })?;
        let units = som.rows * som.columns;
        // Distances to all units, and the smoothing of the sums over the map, as products.
        let operations = 2.0 * (epochs * units * data.d) as f64 * (data.n + units) as f64;
        let mut row = bench.row(self.name, timing, operations);
        let matches = found.expect("it ran").matches(x.view())?;
        row.more.insert("quantization_error".into(), matches.quantization_error().into());
        row.more.insert("topographic_error".into(), matches.topographic_error().into());
        Ok(row)
    }
}
