//! Twenty iterations of Lloyd's K-means on Gaussian blobs, from the first k samples, without a tolerance.

use super::blobs::{Blobs, Centres};
use super::measure::{Bench, Row};
use crate::analysis::kmeans::KMeans;
use crate::error::Result;
use ndarray::Axis;

/// A K-means workload.
#[derive(Debug, PartialEq)]
pub struct Clusters {
    /// Its name.
    pub name: &'static str,
    data: Blobs,
    k: usize,
}

impl Eq for Clusters {}

/// The workloads.
pub static ALL: [Clusters; 3] = [
    clusters("K1", 60_000, 784, 10, 0.05),
    clusters("K2", 1_000_000, 5, 3, 0.3),
    clusters("K3", 100_000, 50, 100, 0.3),
];

const fn clusters(name: &'static str, n: usize, d: usize, k: usize, spread: f64) -> Clusters {
    Clusters { name, data: Blobs { name, n, d, clusters: k, centres: Centres::Cube, spread }, k }
}

/// Lloyd iterations.
const ITERATIONS: usize = 20;

impl Clusters {
    /// Measures it.
    pub(super) fn run(&'static self, bench: &Bench) -> Result<Row> {
        let (k, data) = (self.k, if bench.quick { Blobs { n: self.data.n / 100, ..self.data } } else { self.data });
        let x = data.load(&bench.data, data.n)?;
        let initial = x.view().split_at(Axis(0), k).0.to_owned();
        let kmeans = KMeans { max_iter: ITERATIONS, tol: 0.0, ..KMeans::new(k) };
        let mut found = None;
        let mut timing = bench.time(5, 1, || {
            found = Some(kmeans.fit_from(x.view(), initial.clone())?);
            Ok(())
        })?;
        timing.bytes /= ITERATIONS as u64;
        // Distances to all centroids, as products: the sums of the update are small beside them.
        let operations = 2.0 * (ITERATIONS * data.n * data.d * k) as f64;
        let mut row = bench.row(self.name, timing, operations);
        let found = found.expect("it ran");
        row.more.insert("iterations".into(), found.iterations.into());
        row.more.insert("inertia".into(), found.inertia.into());
        Ok(row)
    }
}
