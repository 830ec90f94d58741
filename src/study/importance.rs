//! Importance of parameters: functional analysis of variance on a random forest (Hutter, Hoos and Leyton-Brown 2014).
//!
//! A forest of regression trees (Breiman 2001) is fitted to the trials' losses over the unit cube, one axis for each
//! parameter. A tree is constant on boxes, so its mean over all parameters but some, the marginal, is a finite sum:
//!
//! ```text
//! a(x_i) = Σ_leaves [x_i in the leaf] · value · volume / width_i        V_i = ∫ (a(x_i) - mean)² dx_i
//! ```
//!
//! The importance of parameter i is V_i / V, the fraction of the tree's whole variance V that i explains alone,
//! averaged over the trees. The rest to 1 belongs to interactions of parameters.
//!
//! The forest is fitted to complete and pruned trials (the latter with the best value that they reached, which is worse
//! than their final one would have been). Losses far above the median (by more than twice the distance from the best to
//! it) are cut there: else one diverged trial would dominate the variance. A parameter that was not used in a trial is
//! put in the middle.

use super::space::{Point, Space};
use super::trial::{State, Trial};
use crate::rng::Rng;
use crate::train::Direction;

/// Trees of a forest.
const TREES: usize = 64;
/// Samples below which a leaf is not split, and fewest in a leaf.
const SPLIT_FROM: usize = 4;
const LEAF_FROM: usize = 2;
/// Fewest trials for a fit.
const FEWEST: usize = 6;

/// A box of the unit cube and the mean of the samples in it.
#[derive(Clone, Debug)]
struct Leaf {
    low: Vec<f64>,
    high: Vec<f64>,
    value: f64,
}

impl Leaf {
    fn width(&self, axis: usize) -> f64 {
        self.high[axis] - self.low[axis]
    }

    fn volume(&self) -> f64 {
        (0..self.low.len()).map(|axis| self.width(axis)).product()
    }

    fn holds(&self, axis: usize, x: f64) -> bool {
        self.low[axis] <= x && (x < self.high[axis] || self.high[axis] >= 1.0)
    }
}

/// Regression trees on the unit cube.
#[derive(Clone, Debug)]
pub struct Forest {
    trees: Vec<Vec<Leaf>>,
    axes: usize,
}

impl Forest {
    /// Fits trees to samples drawn with replacement from rows `x` in the unit cube with values `y`.
    pub fn fit(x: &[Vec<f64>], y: &[f64], seed: u64) -> Self {
        let axes = x.first().map_or(0, Vec::len);
        let grow = |tree: usize| {
            let mut rng = Rng::new(seed, "forest", tree as u64);
            let samples: Vec<usize> = (0..x.len()).map(|_| rng.below(x.len())).collect();
            let mut leaves = Vec::new();
            let whole = Leaf { low: vec![0.0; axes], high: vec![1.0; axes], value: 0.0 };
            divide(x, y, samples, whole, &mut leaves);
            leaves
        };
        Self { trees: (0..TREES).map(grow).collect(), axes }
    }

    /// Returns the mean over the cube where the axes `fixed` have these values.
    pub fn marginal(&self, fixed: &[(usize, f64)]) -> f64 {
        self.trees.iter().map(|tree| marginal(tree, fixed)).sum::<f64>() / self.trees.len() as f64
    }

    /// Returns V_i / V of each axis, averaged over the trees that are not constant.
    pub fn fractions(&self) -> Vec<f64> {
        let (mut sums, mut counted) = (vec![0.0; self.axes], 0);
        for tree in &self.trees {
            let mean = marginal(tree, &[]);
            let variance: f64 = tree.iter().map(|leaf| leaf.volume() * (leaf.value - mean) * (leaf.value - mean)).sum();
            if variance <= 0.0 {
                continue;
            }
            counted += 1;
            for (axis, sum) in sums.iter_mut().enumerate() {
                // The marginal is constant between the thresholds of the tree.
                let mut cuts: Vec<f64> = tree.iter().flat_map(|leaf| [leaf.low[axis], leaf.high[axis]]).collect();
                cuts.sort_by(f64::total_cmp);
                cuts.dedup();
                let of_piece = |piece: &[f64]| {
                    let a = marginal(tree, &[(axis, 0.5 * (piece[0] + piece[1]))]);
                    (piece[1] - piece[0]) * (a - mean) * (a - mean)
                };
                *sum += cuts.windows(2).map(of_piece).sum::<f64>() / variance;
            }
        }
        sums.iter().map(|sum| sum / f64::from(counted.max(1))).collect()
    }
}

fn marginal(tree: &[Leaf], fixed: &[(usize, f64)]) -> f64 {
    let inside = tree.iter().filter(|leaf| fixed.iter().all(|&(axis, x)| leaf.holds(axis, x)));
    inside
        .map(|leaf| leaf.value * leaf.volume() / fixed.iter().map(|&(axis, _)| leaf.width(axis)).product::<f64>())
        .sum()
}

/// Splits a box where the squared error falls most, and its parts again.
fn divide(x: &[Vec<f64>], y: &[f64], samples: Vec<usize>, mut leaf: Leaf, leaves: &mut Vec<Leaf>) {
    let n = samples.len();
    let mean = samples.iter().map(|&i| y[i]).sum::<f64>() / n as f64;
    let mut best: Option<(f64, usize, f64)> = None;
    if n >= SPLIT_FROM {
        for axis in 0..leaf.low.len() {
            let mut order = samples.clone();
            order.sort_by(|&a, &b| x[a][axis].total_cmp(&x[b][axis]));
            let (mut left, total) = (0.0, samples.iter().map(|&i| y[i] - mean).sum::<f64>());
            for k in 1..n {
                left += y[order[k - 1]] - mean;
                let (a, b) = (x[order[k - 1]][axis], x[order[k]][axis]);
                if a == b || k < LEAF_FROM || n - k < LEAF_FROM {
                    continue;
                }
                // The error falls by the squared sums of both sides over their counts.
                let right = total - left;
                let gain = left * left / k as f64 + right * right / (n - k) as f64;
                if gain > best.map_or(1e-300, |found| found.0) {
                    best = Some((gain, axis, 0.5 * (a + b)));
                }
            }
        }
    }
    let Some((_, axis, cut)) = best else {
        leaf.value = mean;
        return leaves.push(leaf);
    };
    let (below, above): (Vec<usize>, Vec<usize>) = samples.into_iter().partition(|&i| x[i][axis] < cut);
    let mut upper = leaf.clone();
    (leaf.high[axis], upper.low[axis]) = (cut, cut);
    divide(x, y, below, leaf, leaves);
    divide(x, y, above, upper, leaves);
}

/// The importance of a study's parameters.
#[derive(Clone, Debug)]
pub struct Importance {
    /// The fraction of the variance that each parameter explains alone, in the order of the space.
    pub fractions: Vec<f64>,
    forest: Forest,
    direction: Direction,
}

impl Importance {
    /// Fits the forest to the trials that have a value; `None` if they are too few, or all equal.
    pub fn of(space: &Space, trials: &[Trial], direction: Direction, seed: u64) -> Option<Self> {
        let usable = trials.iter().filter(|trial| matches!(trial.state, State::Complete | State::Pruned));
        let (x, mut y): (Vec<Vec<f64>>, Vec<f64>) =
            usable.filter_map(|trial| Some((in_cube(space, &trial.point), direction.loss(trial.value?)))).unzip();
        let mut sorted = y.clone();
        sorted.sort_by(f64::total_cmp);
        if y.len() < FEWEST || sorted[0] == sorted[y.len() - 1] {
            return None;
        }
        let (best, median) = (sorted[0], sorted[y.len() / 2]);
        if median > best {
            y.iter_mut().for_each(|loss| *loss = loss.min(median + 2.0 * (median - best)));
        }
        let forest = Forest::fit(&x, &y, seed);
        Some(Self { fractions: forest.fractions(), forest, direction })
    }

    /// Returns the two most important parameters, those that explain most first; none if there are not two.
    pub fn leading(&self) -> Option<[usize; 2]> {
        let mut order: Vec<usize> = (0..self.fractions.len()).collect();
        order.sort_by(|&a, &b| self.fractions[b].total_cmp(&self.fractions[a]).then(a.cmp(&b)));
        Some([*order.first()?, *order.get(1)?])
    }

    /// Returns the value that the forest predicts, on average over the other parameters, where these are at places
    /// between 0 and 1 of their intervals.
    pub fn expected(&self, fixed: &[(usize, f64)]) -> f64 {
        self.direction.loss(self.forest.marginal(fixed))
    }
}

fn in_cube(space: &Space, point: &Point) -> Vec<f64> {
    let place = |(i, value): (usize, &Option<f64>)| value.map_or(0.5, |value| space.params[i].domain.unit(value));
    point.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: leaves 0 on [0, ½] × [0, 1], 1 on [½, 1] × [0, ½], 3 on the rest. Mean ½·0 + ¼·1 + ¼·3 = 1,
    /// variance ½·1 + ¼·0 + ¼·4 = 3/2. Marginals: of x 0 and 2, variance 1; of y ½ and 3/2, variance ¼.
    #[test]
    fn variances_by_hand() {
        let leaf = |low: [f64; 2], high: [f64; 2], value| Leaf { low: low.into(), high: high.into(), value };
        let tree = vec![
            leaf([0.0, 0.0], [0.5, 1.0], 0.0),
            leaf([0.5, 0.0], [1.0, 0.5], 1.0),
            leaf([0.5, 0.5], [1.0, 1.0], 3.0),
        ];
        let forest = Forest { trees: vec![tree], axes: 2 };
        let fractions = forest.fractions();
        assert!((fractions[0] - 1.0 / 1.5).abs() < 1e-12 && (fractions[1] - 0.25 / 1.5).abs() < 1e-12, "{fractions:?}");
        assert_eq!(forest.marginal(&[(0, 1.0)]), 2.0);
        assert_eq!(forest.marginal(&[(0, 0.7), (1, 0.2)]), 1.0);
    }

    /// f = 5 (x - 0.3)² + 0.5 y, z does nothing. By integration: the variance of x's part is 25 (4/45 + ..) and so on;
    /// the test checks the order, and that z explains next to nothing.
    #[test]
    fn what_matters_is_found() {
        let text = "x = { uniform = [0, 1] }\ny = { uniform = [0, 1] }\nz = { choice = [\"a\", \"b\"] }";
        let space = Space::read(&toml::from_str(text).unwrap()).unwrap();
        let mut rng = Rng::new(1, "test", 0);
        let trials: Vec<Trial> = (0..120)
            .map(|number| {
                let point = space.point(|_, param| param.domain.draw(&mut rng));
                let (x, y) = (point[0].unwrap(), point[1].unwrap());
                let value = Some(5.0 * (x - 0.3) * (x - 0.3) + 0.5 * y);
                Trial { state: State::Complete, value, ..Trial::new(number, point, 0) }
            })
            .collect();
        let found = Importance::of(&space, &trials, Direction::Minimize, 1).unwrap();
        let [x, y, z] = found.fractions[..] else { panic!() };
        assert!(x > 0.6 && y > 0.02 && y < 0.4 && z < 0.02, "{:?}", found.fractions);
        assert_eq!(found.leading(), Some([0, 1]));
        assert!(found.expected(&[(0, 0.3)]) < found.expected(&[(0, 0.9)]));
        // With the other direction, the same fractions, and values come back with their sign.
        let turned: Vec<Trial> = trials.iter().map(|t| Trial { value: t.value.map(|v| -v), ..t.clone() }).collect();
        let up = Importance::of(&space, &turned, Direction::Maximize, 1).unwrap();
        assert_eq!(up.fractions, found.fractions);
        assert_eq!(up.expected(&[(0, 0.3)]), -found.expected(&[(0, 0.3)]));
        assert!(Importance::of(&space, &trials[..5], Direction::Minimize, 1).is_none());
    }
}
