//! t-SNE embeddings of Gaussian blobs, with their quality, since a fast embedding of poor quality is worthless.

use super::blobs::{Blobs, Centres};
use super::judge::{Quality, judge};
use super::measure::{Bench, Row, Timing};
use crate::analysis::tsne::{Method, Tsne};
use crate::error::Result;
use gradus_kernels::counting::bytes_during;
use ndarray::{Array2, ArrayView2};
use std::path::Path;
use std::time::Instant;

/// A t-SNE workload: the first `n` samples of the common file.
#[derive(Debug, PartialEq, Eq)]
pub struct Embedding {
    /// Its name.
    pub name: &'static str,
    n: usize,
    iterations: usize,
    method: Method,
}

/// The workloads: all pairs; any method; any method on many samples.
pub static ALL: [Embedding; 3] = [
    Embedding { name: "T1", n: 2_000, iterations: 1000, method: Method::Exact },
    Embedding { name: "T2", n: 10_000, iterations: 1000, method: Method::Auto },
    Embedding { name: "T3", n: 60_000, iterations: 500, method: Method::Auto },
];

const DATA: Blobs = Blobs { name: "T", n: 60_000, d: 50, clusters: 10, centres: Centres::Normal(3.0), spread: 1.0 };

/// Operations of a pair of points in one iteration, counted on the formulas: two differences, the squared distance
/// (4), w (2), Z (1), w² (1), the force (4).
const PAIR: f64 = 14.0;

impl Embedding {
    /// Returns the samples.
    pub fn samples(&self, folder: &Path, quick: bool) -> Result<Array2<f32>> {
        let data = if quick { Blobs { n: 600, ..DATA } } else { DATA };
        data.load(folder, if quick { 300 } else { self.n })
    }

    /// Evaluates an embedding of this workload's samples, made by any program.
    pub fn judge(&self, folder: &Path, embedding: ArrayView2<'_, f32>) -> Result<Quality> {
        judge(self.samples(folder, false)?.view(), embedding)
    }

    /// Measures the workload: one fit, which is long enough.
    pub(super) fn run(&'static self, bench: &Bench) -> Result<Row> {
        let x = self.samples(&bench.data, bench.quick)?;
        let iterations = if bench.quick { 30 } else { self.iterations };
        let tsne = Tsne { n_iter: iterations, method: self.method, ..Tsne::default() };
        let start = Instant::now();
        let (fitted, bytes) = bytes_during(|| tsne.fit(x.view(), super::nets::SEED));
        let (fitted, ms) = (fitted?, 1e3 * start.elapsed().as_secs_f64());
        let pairs = (x.nrows() * x.nrows()) as f64;
        let timing = Timing { median: ms, min: ms, bytes: bytes / iterations as u64 };
        let mut row = bench.row(self.name, timing, PAIR * pairs * iterations as f64);
        let quality = judge(x.view(), fitted.embedding.view())?;
        row.more.insert("kl".into(), quality.kl.into());
        row.more.insert("knn10".into(), quality.knn10.into());
        row.more.insert("trustworthiness".into(), quality.trustworthiness.into());
        row.more.insert("iterations".into(), iterations.into());
        Ok(row)
    }
}
