//! The joint probabilities P, which measure how close samples are.
//!
//! Sample i would pick j as its neighbour with p(j|i) ∝ exp(-β_i |x_i - x_j|²). The precision β_i is searched until the
//! *perplexity* exp(H), H = -Σ_j p(j|i) ln p(j|i), is the given one: dense regions get narrow Gaussians, sparse ones
//! wide. The joint probability is p_ij = (p(j|i) + p(i|j)) / 2n, so that no outlier is without pull.
//!
//! For Barnes-Hut only the 3·perplexity nearest neighbours of each sample are kept: the rest is zero to many digits.

use crate::analysis::{neighbors, standard};
use crate::real::Real;
use gradus_kernels::{parallel, tsne};
use ndarray::ArrayView2;

/// The perplexity is met to within this.
pub const PERPLEXITY_TOLERANCE: f64 = 1e-5;

/// Steps after which the search stops: among duplicates some perplexities are reached at no width.
const MAX_STEPS: usize = 200;

/// |ln β| stays below this: e⁷⁰⁹ is the largest number of `f64`.
const LARGEST_LN_BETA: f64 = 600.0;

/// The symmetric joint probabilities; they sum to 1, the diagonal is 0.
#[derive(Clone, Debug)]
pub enum Affinity<T> {
    /// All pairs, n x n, row-major.
    Dense {
        /// Number of samples.
        n: usize,
        /// p_ij at i n + j.
        p: Vec<T>,
    },
    /// Neighbours only, row by row: those of i are at `offsets[i]..offsets[i + 1]`, columns rising.
    Sparse {
        /// n + 1 positions.
        offsets: Vec<usize>,
        /// j of each entry.
        columns: Vec<u32>,
        /// p_ij of each entry.
        p: Vec<T>,
    },
}

/// Turns squared distances from one sample to some others into p(·|i) with the given perplexity; returns β.
///
/// Newton's method on ln β, kept inside a bracket by bisection. With d measured from the nearest neighbour (which
/// cancels in p), `H = ln Σ e^(-βd) + β E[d]`, and `dH/dlnβ = -β² Var[d]`. If more samples lie at distance 0 than
/// `perplexity`, or all at one distance, no β will do, and p ends up uniform on the nearest.
pub fn conditional(squared: &[f64], perplexity: f64, p: &mut [f64]) -> f64 {
    assert_eq!(squared.len(), p.len(), "affinity: one probability for each distance");
    let nearest = squared.iter().copied().fold(f64::INFINITY, f64::min);
    let mean = squared.iter().map(|d| d - nearest).sum::<f64>() / squared.len() as f64;
    if mean <= 0.0 {
        p.fill(1.0 / p.len() as f64);
        return 1.0;
    }
    let target = libm::log(perplexity);
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let mut ln_beta = -libm::log(mean);
    for _ in 0..MAX_STEPS {
        let beta = libm::exp(ln_beta);
        let (entropy, derivative) = gaussian(squared, nearest, beta, p);
        if (libm::exp(entropy) - perplexity).abs() < PERPLEXITY_TOLERANCE / 2.0 {
            break;
        }
        // Entropy falls as β grows.
        if entropy > target {
            low = ln_beta
        } else {
            high = ln_beta
        }
        let newton = ln_beta + (target - entropy) / derivative;
        let reach = 8.0; // a factor of 3000 a step while one side of the bracket is open
        ln_beta = if newton > low && newton < high && (newton - ln_beta).abs() < reach {
            newton
        } else if low.is_infinite() {
            high - reach
        } else if high.is_infinite() {
            low + reach
        } else {
            (low + high) / 2.0
        };
        // Where no β will do it runs away, and e^ln β must stay a number: ∞ · 0 is none.
        ln_beta = ln_beta.clamp(-LARGEST_LN_BETA, LARGEST_LN_BETA);
    }
    libm::exp(ln_beta)
}

/// Computes p for a given β; returns its entropy in nats and the entropy's derivative with respect to ln β.
fn gaussian(squared: &[f64], nearest: f64, beta: f64, p: &mut [f64]) -> (f64, f64) {
    let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
    for (p, d) in p.iter_mut().zip(squared) {
        let e = beta * (d - nearest);
        // e^-45 is below the rounding error of the sum, which holds e^0.
        *p = if e < 45.0 { libm::exp(-e) } else { 0.0 };
        sum += *p;
        first += *p * e;
        second += *p * e * e;
    }
    p.iter_mut().for_each(|p| *p /= sum);
    let mean = first / sum;
    (libm::log(sum) + mean, -(second / sum - mean * mean))
}

impl<T: Real> Affinity<T> {
    /// Returns all pairs of the rows of `x`, which must be finite and at least two.
    pub fn dense(x: ArrayView2<'_, T>, perplexity: f64) -> Self {
        let (x, n) = (&standard(x), x.nrows());
        let rows = neighbors::map_rows(x, |i, squared| {
            let others: Vec<f64> = (0..n).filter(|&j| j != i).map(|j| squared[j].to_f64()).collect();
            let mut conditional_row = vec![0.0; n - 1];
            conditional(&others, perplexity, &mut conditional_row);
            conditional_row.insert(i, 0.0);
            conditional_row.into_iter().map(T::from_f64).collect::<Vec<T>>()
        });
        let mut p = rows.concat();
        drop(rows);
        let scale = 1.0 / (2 * n) as f64;
        for i in 0..n {
            for j in 0..i {
                let joint = T::from_f64((p[i * n + j].to_f64() + p[j * n + i].to_f64()) * scale);
                p[i * n + j] = joint;
                p[j * n + i] = joint;
            }
        }
        Affinity::Dense { n, p }
    }

    /// Returns the 3·`perplexity` (at most n - 1) nearest neighbours of each row of `x`, which must be finite and at
    /// least two.
    pub fn sparse(x: ArrayView2<'_, T>, perplexity: f64) -> Self {
        let (x, n) = (&standard(x), x.nrows());
        let k = (n - 1).min((3.0 * perplexity) as usize + 1);
        let near = neighbors::nearest_others(x, k);
        let rows = parallel::map(n, |i| {
            let squared: Vec<f64> = near.squared[i * k..][..k].iter().map(|d| d.to_f64()).collect();
            let mut row = vec![0.0; k];
            conditional(&squared, perplexity, &mut row);
            row
        });
        // Each p(j|i) is an entry of row i and of row j; sorted, the two halves of a pair meet.
        let mut entries: Vec<Vec<(u32, f64)>> = vec![Vec::new(); n];
        for (i, row) in rows.iter().enumerate() {
            for (&j, &p) in near.of(i).iter().zip(row) {
                entries[i].push((j, p));
                entries[j as usize].push((i as u32, p));
            }
        }
        let (mut offsets, mut columns, mut p) = (vec![0], Vec::new(), Vec::new());
        for row in &mut entries {
            row.sort_by_key(|e| e.0);
            for pair in row.chunk_by(|a, b| a.0 == b.0) {
                // At most two: p(j|i) and p(i|j). Their sum has the same bits in either order.
                let sum: f64 = pair.iter().map(|e| e.1).sum();
                columns.push(pair[0].0);
                p.push(T::from_f64(sum / (2 * n) as f64));
            }
            offsets.push(columns.len());
        }
        Affinity::Sparse { offsets, columns, p }
    }

    /// Returns the number of samples.
    pub fn len(&self) -> usize {
        match self {
            Affinity::Dense { n, .. } => *n,
            Affinity::Sparse { offsets, .. } => offsets.len() - 1,
        }
    }

    /// Returns whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the stored p_ij of row `i`, with their j.
    pub fn row(&self, i: usize) -> Box<dyn Iterator<Item = (usize, T)> + '_> {
        match self {
            Affinity::Dense { n, p } => Box::new(p[i * n..][..*n].iter().copied().enumerate()),
            Affinity::Sparse { offsets, columns, p } => {
                let range = offsets[i]..offsets[i + 1];
                Box::new(columns[range.clone()].iter().map(|&j| j as usize).zip(p[range].iter().copied()))
            }
        }
    }

    /// Computes KL(P‖Q) = Σ p_ij ln(p_ij / q_ij) of an embedding (n x 2 or n x 3), over all pairs with p_ij > 0, in
    /// `f64`; Z over all pairs, each row's fraction of it in `T`.
    pub fn kl_divergence(&self, y: ArrayView2<'_, T>) -> f64 {
        assert_eq!(y.nrows(), self.len(), "kl_divergence: one point for each sample");
        match y.ncols() {
            2 => self.kl_in::<2>(y),
            3 => self.kl_in::<3>(y),
            _ => panic!("kl_divergence: embeddings have two or three dimensions"),
        }
    }

    fn kl_in<const D: usize>(&self, y: ArrayView2<'_, T>) -> f64 {
        let axes: [Vec<T>; D] = std::array::from_fn(|a| y.column(a).to_vec());
        let weight = |i: usize, j: usize| {
            let squares = axes.each_ref().map(|a| {
                let difference = a[i].to_f64() - a[j].to_f64();
                difference * difference
            });
            1.0 / squares.into_iter().fold(1.0, |sum, s| sum + s)
        };
        // Σ p ln(p / w) and Σ p need only stored pairs; with them KL = Σ p ln(p / w) + ln Z Σ p.
        let mut weights = vec![T::ZERO; y.nrows()];
        tsne::weights(axes.each_ref().map(Vec::as_slice), &mut weights);
        let z: f64 = weights.iter().map(|w| w.to_f64()).sum();
        let rows = parallel::map(y.nrows(), |i| {
            let (mut divergence, mut mass) = (0.0, 0.0);
            for (j, p) in self.row(i).map(|(j, p)| (j, p.to_f64())).filter(|e| e.1 > 0.0) {
                divergence += p * libm::log(p / weight(i, j));
                mass += p;
            }
            [divergence, mass]
        });
        let total = |k: usize| rows.iter().map(|r| r[k]).sum::<f64>();
        total(0) + total(1) * libm::log(z)
    }
}
