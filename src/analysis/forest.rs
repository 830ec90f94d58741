//! Random forests: the mean of many trees, each grown on a sample of its own.
//!
//! A tree splits the samples by one column and a threshold, and each part again, where that lowers the squared error most
//! (Breiman et al. 1984). A forest (Breiman 2001) grows each tree on as many samples as there are, drawn with replacement
//! (bootstrap), and lets each split look at some of the columns only, drawn anew. So the trees err differently, and their mean errs
//! less than one of them.
//!
//! The trees are grown by the crate smartcore, one forest of one tree for each, so that they grow in parallel and every seed comes
//! from [`Rng`]. What is kept of a tree are its nodes: plain numbers, which predict without that crate.

use super::{flat, samples, standard};
use crate::error::{Error, Result};
use crate::rng::Rng;
use gradus_kernels::parallel;
use ndarray::{Array2, ArrayView2};
use serde::Deserialize;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::linalg::basic::matrix::DenseMatrix;

/// Numbers that make a node.
pub const NODE: usize = 4;
/// The column of a leaf, which splits by none.
const LEAF: f32 = -1.0;
/// Most nodes of a forest: their places are kept as `f32`, which holds whole numbers up to here.
const MOST_NODES: usize = 1 << 24;
/// Most splits from the root to a leaf.
pub const DEEPEST: usize = 10_000;

/// Settings of a forest.
///
/// ```
/// use gradus::analysis::forest::Forest;
/// // A step at 1: two leaves would do.
/// let x = ndarray::Array2::from_shape_fn((40, 1), |(i, _)| i as f32 / 20.0);
/// let y: Vec<f64> = x.iter().map(|&x| if x < 1.0 { 0.0 } else { 5.0 }).collect();
/// let trees = Forest { trees: 20, depth: 0, leaf: 1, columns: 1.0 }.fit(x.view(), &y, 7)?;
/// let predicted = trees.predict(ndarray::array![[0.3_f32], [1.7]].view())?;
/// assert_eq!(predicted, [0.0, 5.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forest {
    /// Number of trees, 1 or more.
    pub trees: usize,
    /// Most splits from the root to a leaf, up to [`DEEPEST`]; 0 is unlimited.
    pub depth: usize,
    /// Least number of drawn samples in a leaf, 1 or more.
    pub leaf: usize,
    /// Fraction of the columns that a split looks at, above 0 to 1; at least one column.
    pub columns: f64,
}

/// The nodes of all trees.
#[derive(Clone, Debug, PartialEq)]
pub struct Trees {
    /// The place of each tree's root among the nodes.
    pub roots: Vec<f32>,
    /// Each node: its column (-1 for a leaf), its threshold (of a leaf: its prediction), and the places of the nodes for numbers up
    /// to the threshold and above it. K x [`NODE`].
    pub nodes: Array2<f32>,
    /// Number of columns.
    pub columns: usize,
}

/// What of smartcore's forest is needed here, by the names of its file format.
#[derive(Deserialize)]
struct Written {
    forest_regressor: WrittenForest,
}

#[derive(Deserialize)]
struct WrittenForest {
    trees: Vec<WrittenTree>,
}

#[derive(Deserialize)]
struct WrittenTree {
    nodes: Vec<WrittenNode>,
}

#[derive(Deserialize)]
struct WrittenNode {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

impl Forest {
    /// Grows the trees on samples `x` (n x d) and their numbers `y`. The seeds of the trees are drawn from the stream
    /// ("trees", 0) of `seed`. Fails unless there is a finite number for each row of finite numbers, and if there would be
    /// more than 2²⁴ nodes.
    pub fn fit(&self, x: ArrayView2<'_, f32>, y: &[f64], seed: u64) -> Result<Trees> {
        let x = samples("forest", x)?;
        let (n, d) = x.dim();
        if y.len() != n || y.iter().any(|y| !y.is_finite()) {
            let what = format!("forest: expected a finite target for each of {n} rows, found {} targets", y.len());
            return Err(Error::invalid(what));
        }
        let failed = |what: String| Error::invalid(format!("forest: {what}"));
        let rows = DenseMatrix::new(n, d, flat(&x).to_vec(), false).map_err(|e| failed(e.to_string()))?;
        let y = y.to_vec();
        let mut rng = Rng::new(seed, "trees", 0);
        let seeds: Vec<u64> = (0..self.trees).map(|_| rng.bits()).collect();
        let grow = |t: usize| -> Result<Vec<[f32; NODE]>> {
            let parameters = RandomForestRegressorParameters {
                // smartcore counts the levels of nodes.
                max_depth: (self.depth > 0).then(|| (self.depth.min(DEEPEST) + 1) as u16),
                min_samples_leaf: self.leaf,
                min_samples_split: 2,
                n_trees: 1,
                m: Some(((self.columns * d as f64) as usize).clamp(1, d)),
                keep_samples: false,
                seed: seeds[t],
            };
            let tree = RandomForestRegressor::fit(&rows, &y, parameters).map_err(|e| failed(e.to_string()))?;
            let text = serde_json::to_vec(&tree).map_err(|e| failed(e.to_string()))?;
            let written: Written = serde_json::from_slice(&text).map_err(|e| failed(e.to_string()))?;
            written.forest_regressor.trees.iter().flat_map(|tree| &tree.nodes).map(node).collect()
        };
        let grown: Vec<Vec<[f32; NODE]>> = parallel::map(self.trees, grow).into_iter().collect::<Result<_>>()?;
        joined(&grown, d)
    }
}

/// A node in numbers. The threshold becomes the largest `f32` that is no larger, so that the same numbers lie below it.
fn node(written: &WrittenNode) -> Result<[f32; NODE]> {
    match (written.true_child, written.false_child, written.split_value) {
        (Some(below), Some(above), Some(threshold)) => {
            let near = threshold as f32;
            let threshold = if f64::from(near) > threshold { near.next_down() } else { near };
            Ok([written.split_feature as f32, threshold, below as f32, above as f32])
        }
        (None, None, _) => Ok([LEAF, written.output as f32, 0.0, 0.0]),
        _ => Err(Error::invalid("forest: a node has one child: expected none or two")),
    }
}

/// The nodes of all trees in one matrix.
fn joined(grown: &[Vec<[f32; NODE]>], columns: usize) -> Result<Trees> {
    let count: usize = grown.iter().map(Vec::len).sum();
    if count > MOST_NODES {
        let what = format!("forest: the trees have {count} nodes, more than {MOST_NODES}");
        return Err(Error::invalid(format!(
            "{what}; grow fewer trees, or raise the least number of samples in a leaf"
        )));
    }
    let (mut roots, mut numbers) = (Vec::new(), Vec::with_capacity(count * NODE));
    for tree in grown {
        let start = (numbers.len() / NODE) as f32;
        roots.push(start);
        for &[column, number, below, above] in tree {
            let is_leaf = column == LEAF;
            numbers.extend([
                column,
                number,
                if is_leaf { 0.0 } else { start + below },
                if is_leaf { 0.0 } else { start + above },
            ]);
        }
    }
    let nodes = Array2::from_shape_vec((count, NODE), numbers).expect("nodes of one length");
    Ok(Trees { roots, nodes, columns })
}

impl Trees {
    /// Returns the mean of all trees' leaves for each row. Fails unless the rows have as many columns as the samples had.
    pub fn predict(&self, x: ArrayView2<'_, f32>) -> Result<Vec<f64>> {
        if x.ncols() != self.columns {
            let (d, k) = (x.ncols(), self.columns);
            return Err(Error::invalid(format!("forest: x has {d} columns, but it was fitted on {k}")));
        }
        Ok(predict(&self.roots, self.nodes.as_slice().expect("nodes in rows"), x))
    }

    /// Returns the most splits from the root to a leaf, of each tree.
    pub fn depths(&self) -> Vec<usize> {
        let each = self.roots.iter().map(|&root| {
            let (mut deepest, mut open) = (0, vec![(root as usize, 0)]);
            while let Some((at, depth)) = open.pop() {
                deepest = deepest.max(depth);
                if self.nodes[[at, 0]] != LEAF {
                    open.extend([2, 3].map(|child| (self.nodes[[at, child]] as usize, depth + 1)));
                }
            }
            deepest
        });
        each.collect()
    }

    /// Returns the number of leaves of all trees.
    pub fn leaves(&self) -> usize {
        self.nodes.column(0).iter().filter(|&&column| column == LEAF).count()
    }
}

/// Computes the predictions of [`Trees`] whose nodes lie in other memory, for rows of as many columns as the samples had.
pub fn predict(roots: &[f32], nodes: &[f32], x: ArrayView2<'_, f32>) -> Vec<f64> {
    let (x, d) = (standard(x), x.ncols());
    let leaf = |row: &[f32], root: f32| {
        let mut node = &nodes[root as usize * NODE..][..NODE];
        while node[0] != LEAF {
            let next = if row[node[0] as usize] <= node[1] { node[2] } else { node[3] };
            node = &nodes[next as usize * NODE..][..NODE];
        }
        f64::from(node[1])
    };
    parallel::map(x.nrows(), |i| {
        let row = &flat(&x)[i * d..(i + 1) * d];
        roots.iter().map(|&root| leaf(row, root)).sum::<f64>() / roots.len() as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(n: usize) -> (Array2<f32>, Vec<f64>) {
        let mut rng = Rng::new(3, "forest test", 0);
        let x = Array2::from_shape_fn((n, 3), |_| rng.uniform() as f32);
        let y = x.rows().into_iter().map(|x| f64::from(4.0 * x[0] * x[1]) + 0.1 * rng.normal()).collect();
        (x, y)
    }

    #[test]
    fn depth_and_leaves_are_bounded() {
        let (x, y) = noisy(200);
        let forest = Forest { trees: 8, depth: 0, leaf: 1, columns: 1.0 };
        assert!(forest.fit(x.view(), &y, 1).unwrap().depths().iter().all(|&depth| depth > 5));
        // One split: two leaves in each tree.
        let stumps = Forest { depth: 1, ..forest }.fit(x.view(), &y, 1).unwrap();
        assert_eq!((stumps.depths(), stumps.leaves()), (vec![1; 8], 16));
        let coarse = Forest { leaf: 40, ..forest }.fit(x.view(), &y, 1).unwrap();
        assert!(coarse.leaves() <= 8 * 5, "200 drawn samples make at most 5 leaves of 40: {}", coarse.leaves());
    }

    #[test]
    fn the_seed_and_nothing_else_makes_the_trees() {
        let (x, y) = noisy(100);
        let forest = Forest { trees: 5, depth: 0, leaf: 2, columns: 0.5 };
        let trees = forest.fit(x.view(), &y, 1).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| forest.fit(x.view(), &y, 1).unwrap()), trees);
        assert_ne!(forest.fit(x.view(), &y, 2).unwrap(), trees);
        assert_ne!(trees.nodes.row(trees.roots[0] as usize), trees.nodes.row(trees.roots[1] as usize));
    }

    #[test]
    fn one_column_in_three_is_looked_at() {
        // The first column is y itself: a split that may look at all takes it, others do not.
        let (mut x, y) = noisy(100);
        (0..100).for_each(|i| x[[i, 0]] = y[i] as f32);
        let roots = |columns: f64| {
            let trees = Forest { trees: 30, depth: 1, leaf: 1, columns }.fit(x.view(), &y, 5).unwrap();
            trees.roots.iter().filter(|&&root| trees.nodes[[root as usize, 0]] == 0.0).count()
        };
        assert_eq!(roots(1.0), 30);
        assert!((3..=20).contains(&roots(0.34)), "{}", roots(0.34));
    }

    #[test]
    fn a_forest_errs_less_than_its_trees() {
        let (x, y) = noisy(300);
        let (train_x, test_x) = x.view().split_at(ndarray::Axis(0), 200);
        let test_y = &y[200..];
        let error = |trees: usize| {
            let forest = Forest { trees, depth: 0, leaf: 1, columns: 1.0 };
            let model = forest.fit(train_x, &y[..200], 1).unwrap();
            model.predict(test_x).unwrap().iter().zip(test_y).map(|(p, y)| (p - y) * (p - y)).sum::<f64>()
        };
        assert!(error(50) < 0.8 * error(1), "{} {}", error(50), error(1));
    }

    #[test]
    fn thresholds_split_as_they_were_found() {
        let leaf =
            |output| WrittenNode { output, split_feature: 0, split_value: None, true_child: None, false_child: None };
        let above = 0.1_f32; // larger than 0.1
        let split = WrittenNode { split_value: Some(0.1), true_child: Some(1), false_child: Some(2), ..leaf(0.0) };
        let nodes: Vec<_> = [split, leaf(1.0), leaf(2.0)].iter().map(|written| node(written).unwrap()).collect();
        let trees = joined(&[nodes], 1).unwrap();
        assert!(f64::from(above) > 0.1);
        let x = ndarray::array![[above], [above.next_down()]];
        assert_eq!(trees.predict(x.view()).unwrap(), [2.0, 1.0]);
    }

    #[test]
    fn bad_input_is_refused() {
        let forest = Forest { trees: 2, depth: 0, leaf: 1, columns: 1.0 };
        let x = ndarray::array![[1.0_f32], [2.0]];
        assert!(forest.fit(x.view(), &[1.0], 1).unwrap_err().to_string().contains("each of 2 rows, found 1"));
        let trees = forest.fit(x.view(), &[1.0, 2.0], 1).unwrap();
        let wide = ndarray::array![[1.0_f32, 2.0]];
        assert!(trees.predict(wide.view()).unwrap_err().to_string().contains("2 columns"));
    }
}
