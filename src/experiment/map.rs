//! Maps: samples laid out in two or three dimensions, by principal components or by t-SNE, as a layer of a network sees
//! them.

use crate::analysis::metrics::knn_accuracy;
use crate::analysis::pca::{Pca, Randomized};
use crate::analysis::tsne::Tsne;
use crate::error::Result;
use crate::report::Figure;
use crate::report::chart::Scatter;
use ndarray::{Array2, ArrayView1, ArrayView2};

/// With more dimensions than these the covariances of all pairs take longer than random projections of the samples.
const WIDE: usize = 1000;
/// To so many dimensions samples are brought before t-SNE: distances there are nearly those they had, and take a fraction
/// of the time.
const NARROW: usize = 50;
/// Neighbours whose classes vote.
const NEIGHBOURS: usize = 5;

/// How samples are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Neighbours stay together.
    Tsne,
    /// The directions of largest variance.
    Pca,
}

impl Method {
    /// Its name in charts.
    pub fn name(self) -> &'static str {
        match self {
            Method::Tsne => "t-SNE",
            Method::Pca => "PCA",
        }
    }
}

/// Samples laid out.
#[derive(Clone, Debug)]
pub struct Map {
    /// How.
    pub method: Method,
    /// A row for each sample, with a column for each dimension of the map.
    pub points: Array2<f32>,
    /// Class of each sample.
    pub labels: Vec<usize>,
    /// Fraction of samples whose five nearest neighbours in the map name their class.
    pub knn_accuracy: f64,
    /// Of principal components: the fraction of the variance along each axis.
    pub explained: Option<Vec<f64>>,
}

impl Map {
    /// Lays out the rows of `x` in `dims` dimensions; principal components are never more than x has columns.
    pub fn of(x: ArrayView2<'_, f32>, labels: &[usize], method: Method, dims: usize, seed: u64) -> Result<Self> {
        let (points, explained) = match method {
            Method::Pca => {
                let pca = principal(x, dims.min(x.ncols()), seed)?;
                (pca.transform(x)?, Some(pca.explained_variance_ratio))
            }
            Method::Tsne => {
                let perplexity = Tsne::perplexity_for(x.nrows(), 30.0);
                let tsne = Tsne { perplexity, n_components: dims, ..Tsne::default() };
                let narrow = NARROW.min(x.nrows());
                let few = if x.ncols() > narrow { principal(x, narrow, seed)?.transform(x)? } else { x.to_owned() };
                (tsne.fit(few.view(), seed)?.embedding, None)
            }
        };
        let knn_accuracy = neighbours_agree(points.view(), labels)?;
        Ok(Self { method, points, labels: labels.to_vec(), knn_accuracy, explained })
    }

    /// The chart; of three dimensions from three sides.
    pub fn figure(&self, title: &str, classes: &[String]) -> Figure {
        let chart = Scatter::new(title, classes);
        let rows = self.points.rows().into_iter();
        let at = |row: &ArrayView1<'_, f32>, j: usize| row.get(j).map_or(0.0, |&v| f64::from(v));
        if self.points.ncols() == 3 {
            let points: Vec<[f64; 3]> = rows.map(|row| [0, 1, 2].map(|j| at(&row, j))).collect();
            return chart.projections("", &points, &self.labels).draw();
        }
        // What has one dimension lies on a line.
        let points: Vec<(f64, f64)> = rows.map(|row| (at(&row, 0), at(&row, 1))).collect();
        let name = |axis: usize| format!("{} {axis}", self.method.name());
        chart.panel("", &points, &self.labels).dimensions(&name(1), &name(2)).draw()
    }
}

/// Principal components, the way that is quicker.
fn principal(x: ArrayView2<'_, f32>, components: usize, seed: u64) -> Result<Pca<f32>> {
    if x.ncols() > WIDE {
        return Pca::fit_randomized(x, components, Randomized::default(), seed);
    }
    Pca::fit(x, components)
}

/// Fraction of rows whose five nearest neighbours name their class.
pub fn neighbours_agree(x: ArrayView2<'_, f32>, labels: &[usize]) -> Result<f64> {
    knn_accuracy(x, labels, NEIGHBOURS)
}
