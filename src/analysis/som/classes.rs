//! What the units of a map say of labelled samples: classification by majority vote.
//!
//! A unit stands for the class that most of its samples have (of equally many the first). A unit without samples stands for
//! none: a new sample is classified by the nearest unit that stands for a class.

use super::map::{Map, Matches};
use crate::analysis::one_label_a_row;
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::ArrayView2;

/// The classes of the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassMap {
    /// The class of each unit; none of a unit that is no sample's best matching unit.
    pub classes: Vec<Option<usize>>,
    /// For each unit the number of its samples of each class.
    pub votes: Vec<Vec<usize>>,
}

impl ClassMap {
    /// Takes the votes of samples whose best matching units and labels are known.
    ///
    /// Fails for labels that are not as many as the samples, or not below `classes`.
    pub fn new(matches: &Matches, labels: &[usize], classes: usize) -> Result<Self> {
        one_label_a_row("som classes", matches.best.len(), labels)?;
        if let Some(label) = labels.iter().find(|&&label| label >= classes) {
            return Err(Error::invalid(format!("som classes: there is a label {label}, but only {classes} classes")));
        }
        let mut votes = vec![vec![0; classes]; matches.hits().len()];
        matches.best.iter().zip(labels).for_each(|(&best, &label)| votes[best][label] += 1);
        let most = |votes: &Vec<usize>| (1..classes).fold(0, |b, c| if votes[c] > votes[b] { c } else { b });
        let class = |votes: &Vec<usize>| votes.iter().any(|&n| n > 0).then(|| most(votes));
        Ok(Self { classes: votes.iter().map(class).collect(), votes })
    }

    /// Returns the class of each row of `x`: that of the nearest unit that stands for one.
    pub fn predict<T: Real>(&self, map: &Map<T>, x: ArrayView2<'_, T>) -> Result<Vec<usize>> {
        let among: Vec<bool> = self.classes.iter().map(Option::is_some).collect();
        if among.len() != map.units.nrows() || !among.contains(&true) {
            return Err(Error::invalid("som predict: no unit of the map stands for a class"));
        }
        let matches = map.nearest(x, &among)?;
        Ok(matches.best.iter().filter_map(|&best| self.classes[best]).collect())
    }

    /// Returns the fraction of samples that have the class of their best matching unit; none without samples.
    pub fn purity(&self) -> Option<f64> {
        let most: usize = self.votes.iter().filter_map(|votes| votes.iter().max()).sum();
        let all: usize = self.votes.iter().flatten().sum();
        (all > 0).then(|| most as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::som::{Grid, Lattice};
    use ndarray::array;

    #[test]
    fn units_vote_and_unused_units_do_not_answer() {
        let lattice = Lattice::new(1, 3, Grid::Rectangular, false).unwrap();
        let map = Map { lattice, units: array![[0.0], [5.0], [10.0]] };
        let x = array![[0.0], [1.0], [2.0], [9.0], [11.0]];
        let matches = map.matches(x.view()).unwrap();
        let classes = ClassMap::new(&matches, &[2, 1, 1, 2, 0], 3).unwrap();
        assert_eq!(classes.classes, [Some(1), None, Some(0)]); // a tie goes to the lower class
        assert_eq!(classes.purity(), Some(0.6));
        // 4.9 is nearest to the unused unit, then to the first.
        assert_eq!(classes.predict(&map, array![[4.9], [5.1], [99.0]].view()).unwrap(), [1, 0, 0]);
        let said = |labels: &[usize]| ClassMap::new(&matches, labels, 2).unwrap_err().to_string();
        assert_eq!(said(&[0, 0, 0, 0, 2]), "som classes: there is a label 2, but only 2 classes");
        assert!(said(&[0]).contains("x has 5 rows, but there are 1 labels"));
    }
}
