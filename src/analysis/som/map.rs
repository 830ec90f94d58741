//! A trained map, and what is measured of it.

use super::grid::Lattice;
use crate::analysis::{mat, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use gradus_kernels::{MatMut, MatRef, parallel};
use ndarray::{Array2, ArrayView2};

/// Samples whose distances to all units are held at a time.
const ROWS: usize = 128;

/// A trained self-organizing map.
#[derive(Clone, Debug, PartialEq)]
pub struct Map<T> {
    /// Where the units lie on the grid.
    pub lattice: Lattice,
    /// Their weights: units x d, row by row of the grid.
    pub units: Array2<T>,
}

/// For each sample its two nearest units.
#[derive(Clone, Debug, PartialEq)]
pub struct Matches {
    /// The best matching unit; of equally near ones the first.
    pub best: Vec<usize>,
    /// The second nearest unit; on a map of one unit that one.
    pub second: Vec<usize>,
    /// The Euclidean distance to the best matching unit.
    pub distance: Vec<f64>,
    lattice: Lattice,
}

impl<T: Real> Map<T> {
    /// Returns the two nearest units of each row of `x` (n x d).
    pub fn matches(&self, x: ArrayView2<'_, T>) -> Result<Matches> {
        self.nearest(x, &vec![true; self.units.nrows()])
    }

    /// The same among some of the units only.
    pub(super) fn nearest(&self, x: ArrayView2<'_, T>, among: &[bool]) -> Result<Matches> {
        let x = samples("som matches", x)?;
        let ((n, d), (k, of_units)) = (x.dim(), self.units.dim());
        if d != of_units {
            let what = format!("som matches: x has {d} columns, but the units have {of_units} weights");
            return Err(Error::invalid(what));
        }
        let units = self.units.as_standard_layout();
        let all = mat(&x);
        let pieces = parallel::map(n.div_ceil(ROWS), |p| {
            let rows = p * ROWS..n.min((p + 1) * ROWS);
            let part = MatRef::new(&all.data()[rows.start * d..rows.end * d], rows.len(), d);
            let mut squared = vec![T::ZERO; rows.len() * k];
            T::squared_distances(part, mat(&units), MatMut::new(&mut squared, rows.len(), k));
            squared.chunks(k).map(|row| two_smallest(row, among)).collect::<Vec<_>>()
        });
        let mut matches = Matches { best: vec![], second: vec![], distance: vec![], lattice: self.lattice };
        for (best, second, squared) in pieces.into_iter().flatten() {
            matches.best.push(best);
            matches.second.push(second);
            matches.distance.push(squared.to_f64().sqrt());
        }
        Ok(matches)
    }

    /// Returns for each unit the mean distance of its weights from those of its neighbours on the grid: the U-matrix
    /// (Ultsch and Siemon 1990). Large values are borders between clusters. It is 0 on a map of one unit.
    pub fn u_matrix(&self) -> Vec<f64> {
        let distance = |a: usize, b: usize| {
            let pairs = self.units.row(a).into_iter().zip(self.units.row(b));
            pairs.map(|(a, b)| (a.to_f64() - b.to_f64()) * (a.to_f64() - b.to_f64())).sum::<f64>().sqrt()
        };
        let of = |unit: usize| {
            let adjacent = self.lattice.adjacent(unit);
            adjacent.iter().map(|&other| distance(unit, other)).sum::<f64>() / adjacent.len().max(1) as f64
        };
        parallel::map(self.lattice.units(), of)
    }

    /// Returns the weights of all units for feature `j`: a component plane.
    pub fn component(&self, j: usize) -> Vec<f64> {
        self.units.column(j).iter().map(|w| w.to_f64()).collect()
    }
}

/// Returns the places of the smallest and the second smallest of the allowed numbers, and the smallest; ties go to the first.
fn two_smallest<T: Real>(values: &[T], among: &[bool]) -> (usize, usize, T) {
    let (mut first, mut second) = ((T::INFINITY, usize::MAX), (T::INFINITY, usize::MAX));
    for (c, (&v, _)) in values.iter().zip(among).enumerate().filter(|(_, (_, allowed))| **allowed) {
        if v < first.0 || first.1 == usize::MAX {
            (first, second) = ((v, c), first);
        } else if v < second.0 || second.1 == usize::MAX {
            second = (v, c);
        }
    }
    if second.1 == usize::MAX {
        second = first;
    }
    (first.1, second.1, first.0)
}

impl Matches {
    /// Returns the mean distance of the samples from their best matching units.
    pub fn quantization_error(&self) -> f64 {
        self.distance.iter().sum::<f64>() / self.distance.len() as f64
    }

    /// Returns the fraction of samples whose two nearest units are not neighbours on the grid (Kiviluoto 1996): at a corner
    /// of a rectangular grid units are neighbours too. It is 0 on a map of one unit.
    pub fn topographic_error(&self) -> f64 {
        let torn = |(best, second): &(&usize, &usize)| best != second && !self.lattice.are_adjacent(**best, **second);
        self.best.iter().zip(&self.second).filter(torn).count() as f64 / self.best.len() as f64
    }

    /// Returns for each unit the number of samples whose best matching unit it is.
    pub fn hits(&self) -> Vec<usize> {
        let mut hits = vec![0; self.lattice.units()];
        self.best.iter().for_each(|&best| hits[best] += 1);
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::som::Grid;
    use ndarray::array;

    /// A chain of four units at 0, 1, 2 and 10, folded so that the second and the third are not neighbours of each other.
    #[test]
    fn errors_by_hand() {
        let lattice = Lattice::new(1, 4, Grid::Rectangular, false).unwrap();
        let map = Map { lattice, units: array![[0.0], [2.0], [10.0], [1.0]] };
        let matches = map.matches(array![[0.1], [0.9], [1.6], [8.0]].view()).unwrap();
        assert_eq!((&matches.best[..], &matches.second[..]), (&[0, 3, 1, 2][..], &[3, 0, 3, 1][..]));
        assert!((matches.quantization_error() - (0.1 + 0.1 + 0.4 + 2.0) / 4.0).abs() < 1e-12);
        // 0-3, 3-0 and 1-3 are no neighbours, 2-1 are.
        assert_eq!(matches.topographic_error(), 0.75);
        assert_eq!(matches.hits(), [1, 1, 1, 1]);
        assert_eq!(map.u_matrix(), [2.0, 5.0, 8.5, 9.0]);
        assert_eq!(map.component(0), [0.0, 2.0, 10.0, 1.0]);
        let said = map.matches(array![[1.0, 2.0]].view()).unwrap_err().to_string();
        assert_eq!(said, "som matches: x has 2 columns, but the units have 1 weights");
    }

    #[test]
    fn a_map_of_one_unit_has_no_topographic_error() {
        let map = Map { lattice: Lattice::new(1, 1, Grid::Hexagonal, false).unwrap(), units: array![[3.0f32]] };
        let matches = map.matches(array![[1.0], [4.0]].view()).unwrap();
        assert_eq!((matches.quantization_error(), matches.topographic_error()), (1.5, 0.0));
        assert_eq!((map.u_matrix(), matches.hits()), (vec![0.0], vec![2]));
    }
}
