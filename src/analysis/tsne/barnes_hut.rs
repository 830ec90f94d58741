//! The gradient by neighbours and a quadtree (van der Maaten 2014): O(n log n) a step.
//!
//! Attraction is summed exactly over the stored neighbours. Repulsion walks the tree: a cell that looks small from the
//! point (width / distance < theta) acts as one heavy point at its mean.

use super::affinity::Affinity;
use super::forces::Forces;
use super::tree::QuadTree;
use crate::real::Real;
use gradus_kernels::parallel;
use gradus_kernels::tsne::Sums;

/// Points of one piece of parallel work, neighbours along the curve: their walks meet the same cells.
const PIECE: usize = 64;

/// Attraction, repulsion and Z for the points `y` (x and y of each in turn).
pub fn forces<T: Real>(affinity: &Affinity<T>, y: &[T], theta: f64, out: &mut Forces<T>) {
    let Affinity::Sparse { offsets, columns, p } = affinity else {
        panic!("tsne barnes_hut: expected the affinities of neighbours")
    };
    let tree = QuadTree::new(y);
    let theta = T::from_f64(theta);
    let order = tree.order();
    let pieces = parallel::map(order.len().div_ceil(PIECE), |piece| {
        let ranks = piece * PIECE..order.len().min((piece + 1) * PIECE);
        let row = |rank: usize| {
            let i = order[rank] as usize;
            let range = offsets[i]..offsets[i + 1];
            let attraction = attraction(i, &columns[range.clone()], &p[range], y);
            let [rx, ry, weight] = tree.repulsion(rank, theta);
            Sums { attraction, repulsion: [rx, ry], weight }
        };
        ranks.map(row).collect::<Vec<_>>()
    });
    for (&i, row) in order.iter().zip(pieces.into_iter().flatten()) {
        out.rows[i as usize] = row;
    }
    out.sum_z();
}

/// Returns Σ_j p_ij w_ij (y_i - y_j) over the neighbours of `i`.
fn attraction<T: Real>(i: usize, columns: &[u32], p: &[T], y: &[T]) -> [T; 2] {
    let mut sum = [T::ZERO; 2];
    for (&j, &p) in columns.iter().zip(p) {
        let (dx, dy) = (y[2 * i] - y[2 * j as usize], y[2 * i + 1] - y[2 * j as usize + 1]);
        let pull = p / (T::ONE + dx * dx + dy * dy);
        sum[0] += pull * dx;
        sum[1] += pull * dy;
    }
    sum
}
