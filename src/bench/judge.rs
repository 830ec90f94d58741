//! The quality of an embedding by the same measures for every program: from the samples and the embedding alone, in
//! `f64`.
//!
//! * KL(P‖Q) as in [`crate::analysis::tsne`], perplexity 30. Up to [`DENSE_UP_TO`] samples P has all pairs; beyond, the
//!   91 nearest neighbours of each sample, as the large-scale methods define it. Z sums all pairs always.
//! * The fraction of each sample's ten nearest neighbours that are among its ten nearest in the embedding.
//! * Trustworthiness (Venna & Kaski 2001) with 12 neighbours, defined as in scikit-learn.
//!
//! The last two are means over all samples, or over [`JUDGED`] of them drawn from a fixed seed if there are more.

use crate::analysis::neighbors::{Neighbors, nearest_others};
use crate::analysis::standard;
use crate::analysis::tsne::affinity::conditional;
use crate::error::{Error, Result};
use crate::rng::Rng;
use gradus_kernels::parallel;
use ndarray::{ArrayView2, Axis};
use serde::Serialize;

/// Samples up to which P has all pairs.
pub const DENSE_UP_TO: usize = 10_000;

/// Most samples whose neighbours are compared.
pub const JUDGED: usize = 10_000;

/// The perplexity of P.
pub const PERPLEXITY: f64 = 30.0;

/// Neighbours of each sample in a P without all pairs: 3 times the perplexity and one, as in scikit-learn.
const KEPT: usize = 91;

/// Neighbours that an embedding should keep.
const NEAR: usize = 10;

/// Neighbours of trustworthiness.
const TRUSTED: usize = 12;

/// The quality of an embedding.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quality {
    /// KL(P‖Q).
    pub kl: f64,
    /// Fraction of the ten nearest neighbours that the embedding keeps.
    pub knn10: f64,
    /// Trustworthiness.
    pub trustworthiness: f64,
}

/// Evaluates the embedding `low` (n x 2) of the samples `high` (n x d). Fails unless there is a point for each sample,
/// and at least 100 of them.
pub fn judge(high: ArrayView2<'_, f32>, low: ArrayView2<'_, f32>) -> Result<Quality> {
    let n = high.nrows();
    if low.dim() != (n, 2) || n < KEPT + NEAR {
        return Err(Error::invalid(format!(
            "judge: an embedding of {n} samples, at least 100, is {n} x 2; found {:?}",
            low.dim()
        )));
    }
    // The neighbours in P are found in `f32`, by the engine's exact search; their distances are computed in `f64`.
    let near = (n > DENSE_UP_TO).then(|| nearest_others(&standard(high), KEPT));
    let (high, low) = (Points::new(high), Points::new(low));
    let judged: Vec<usize> = match n <= JUDGED {
        true => (0..n).collect(),
        false => Rng::new(0, "judge", n as u64).permutation(n)[..JUDGED].to_vec(),
    };
    let shares = each(judged.len(), |s, room| neighbourhood(&high, &low, judged[s], room));
    let mean = |k: usize| shares.iter().map(|share| share[k]).sum::<f64>() / judged.len() as f64;
    let kl = divergence(&high, &low, near.as_ref());
    // The most that all penalties of a sample can add up to, for k neighbours: k (2n - 3k - 1) / 2.
    let worst = (TRUSTED * (2 * n - 3 * TRUSTED - 1)) as f64 / 2.0;
    Ok(Quality { kl, knn10: mean(0), trustworthiness: 1.0 - mean(1) / worst })
}

/// Points in `f64`, coordinate by coordinate: distances of one to all others are straight loops.
struct Points {
    n: usize,
    columns: Vec<Vec<f64>>,
}

impl Points {
    fn new(x: ArrayView2<'_, f32>) -> Self {
        let columns = x.axis_iter(Axis(1)).map(|column| column.iter().map(|&v| f64::from(v)).collect()).collect();
        Self { n: x.nrows(), columns }
    }

    /// Returns the squared distances of point `i` from all, its own infinite.
    fn squared<'a>(&self, i: usize, room: &'a mut Vec<f64>) -> &'a mut [f64] {
        room.clear();
        room.resize(self.n, 0.0);
        for column in &self.columns {
            let at = column[i];
            room.iter_mut().zip(column).for_each(|(s, v)| *s += (v - at) * (v - at));
        }
        room[i] = f64::INFINITY;
        room
    }

    /// Returns the squared distance of two points.
    fn between(&self, i: usize, j: usize) -> f64 {
        self.columns.iter().map(|column| (column[i] - column[j]) * (column[i] - column[j])).sum()
    }
}

/// Returns `f(i)` for i below `n`, in parallel, with room for two rows of distances: a new one for each i would be
/// slow to touch.
fn each<R: Send>(n: usize, f: impl Fn(usize, &mut [Vec<f64>; 2]) -> R + Sync + Send) -> Vec<R> {
    const PIECE: usize = 64;
    let pieces = parallel::map(n.div_ceil(PIECE), |piece| {
        let mut room = [Vec::new(), Vec::new()];
        (piece * PIECE..n.min((piece + 1) * PIECE)).map(|i| f(i, &mut room)).collect::<Vec<R>>()
    });
    pieces.into_iter().flatten().collect()
}

/// Returns the `k` smallest entries, nearest first, equals in order.
fn smallest(squared: &[f64], k: usize) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::with_capacity(k + 1);
    let mut limit = f64::INFINITY;
    for (j, &d) in squared.iter().enumerate() {
        if d < limit {
            found.insert(found.partition_point(|&f| squared[f] <= d), j);
            found.truncate(k);
            if found.len() == k {
                limit = squared[found[k - 1]];
            }
        }
    }
    found
}

/// Returns for one sample the fraction of its neighbours that the embedding keeps, and the penalty by ranks of the
/// embedding's false neighbours.
fn neighbourhood(high: &Points, low: &Points, i: usize, [room, other]: &mut [Vec<f64>; 2]) -> [f64; 2] {
    let (squared, on_map) = (high.squared(i, room), smallest(low.squared(i, other), TRUSTED));
    let near = smallest(squared, NEAR);
    let kept = on_map[..NEAR].iter().filter(|j| near.contains(j)).count();
    let rank = |j: usize| squared.iter().filter(|d| **d < squared[j]).count() + 1;
    let penalty: usize = on_map.iter().map(|&j| rank(j).saturating_sub(TRUSTED)).sum();
    [kept as f64 / NEAR as f64, penalty as f64]
}

/// Computes KL(P‖Q) = Σ p ln (p / w) + ln Z, with p_ij = (p(j|i) + p(i|j)) / 2n, w = 1 / (1 + |y_i - y_j|²), Z = Σ w.
fn divergence(high: &Points, low: &Points, near: Option<&Neighbors<f32>>) -> f64 {
    let n = high.n;
    // Each sample's p(j|i) with j rising: of all samples, or of its neighbours.
    let neighbours: Option<Vec<Vec<u32>>> = near.map(|near| {
        let sorted = |i| {
            let mut of = near.of(i).to_vec();
            of.sort_unstable();
            of
        };
        (0..n).map(sorted).collect()
    });
    let rows: Vec<Vec<f64>> = each(n, |i, [room, _]| match &neighbours {
        None => {
            // Itself is last for a moment, so that it can be omitted, and back in its place with p = 0.
            let squared = high.squared(i, room);
            squared.swap(i, n - 1);
            let mut p = vec![0.0; n];
            conditional(&squared[..n - 1], PERPLEXITY, &mut p[..n - 1]);
            p.swap(i, n - 1);
            p
        }
        Some(of) => {
            let squared: Vec<f64> = of[i].iter().map(|&j| high.between(i, j as usize)).collect();
            let mut p = vec![0.0; squared.len()];
            conditional(&squared, PERPLEXITY, &mut p);
            p
        }
    });
    let sums = each(n, |i, [room, _]| {
        let w = low.squared(i, room);
        w.iter_mut().for_each(|d| *d = 1.0 / (1.0 + *d));
        let term = |j: usize, sum: f64| match sum / (2 * n) as f64 {
            joint if joint > 0.0 => joint * libm::log(joint / w[j]),
            _ => 0.0,
        };
        let divergence: f64 = match &neighbours {
            None => (0..n).map(|j| term(j, rows[i][j] + rows[j][i])).sum(),
            Some(of) => {
                let pairs = of[i].iter().zip(&rows[i]).map(|(&j, p)| (j as usize, p));
                let terms = pairs.map(|(j, p)| match of[j].binary_search(&(i as u32)) {
                    Ok(at) => term(j, p + rows[j][at]),
                    // The pair has a term in two rows of the sum; i is not a neighbour of j, so the row of j leaves it
                    // to this one.
                    Err(_) => 2.0 * term(j, *p),
                });
                terms.sum()
            }
        };
        [divergence, w.iter().sum()]
    });
    let total = |k: usize| sums.iter().map(|s: &[f64; 2]| s[k]).sum::<f64>();
    total(0) + libm::log(total(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::metrics::trustworthiness;
    use crate::analysis::tsne::affinity::Affinity;
    use ndarray::Array2;

    /// Samples, and an embedding of them that is far from perfect.
    fn pair(n: usize) -> (Array2<f32>, Array2<f32>) {
        let mut rng = Rng::new(3, "test", n as u64);
        let high = Array2::from_shape_fn((n, 6), |_| rng.normal() as f32);
        let low = Array2::from_shape_fn((n, 2), |(i, j)| high[[i, j]] + 0.3 * rng.normal() as f32);
        (high, low)
    }

    #[test]
    fn the_measures_agree_with_the_definitions() {
        let (high, low) = pair(300);
        let quality = judge(high.view(), low.view()).unwrap();
        let (x, y) = (high.mapv(f64::from), low.mapv(f64::from));
        let kl = Affinity::dense(x.view(), PERPLEXITY).kl_divergence(y.view());
        assert!((quality.kl / kl - 1.0).abs() < 1e-6, "{} and {kl}", quality.kl);
        let trust = trustworthiness(x.view(), y.view(), TRUSTED).unwrap();
        assert!((quality.trustworthiness - trust).abs() < 1e-12, "{} and {trust}", quality.trustworthiness);
        assert!(quality.knn10 > 0.05 && quality.knn10 < 0.9, "{}", quality.knn10);
    }

    #[test]
    fn with_nearest_neighbours_only_it_agrees_too() {
        let (high, low) = pair(300);
        let (x, y) = (high.mapv(f64::from), low.mapv(f64::from));
        let expected = Affinity::sparse(x.view(), PERPLEXITY).kl_divergence(y.view());
        let near = nearest_others(&standard(high.view()), KEPT);
        let got = divergence(&Points::new(high.view()), &Points::new(low.view()), Some(&near));
        assert!((got / expected - 1.0).abs() < 1e-6, "{got} and {expected}");
    }

    #[test]
    fn the_samples_themselves_are_the_perfect_embedding() {
        let (_, flat) = pair(200);
        let quality = judge(flat.view(), flat.view()).unwrap();
        assert_eq!((quality.knn10, quality.trustworthiness), (1.0, 1.0));
        assert!(judge(flat.view(), pair(199).1.view()).is_err());
    }
}
