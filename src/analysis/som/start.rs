//! Where the units of a map begin.

use super::settings::{Som, Start};
use crate::analysis::pca::{Pca, Randomized};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::rng::Rng;
use ndarray::{Array2, CowArray, Ix2};

/// With more columns than these the covariances of all pairs take longer than random projections of the samples.
const WIDE: usize = 1000;

/// Returns the weights of the units before training: units x d.
pub(super) fn units<T: Real>(som: &Som, x: &CowArray<'_, T, Ix2>, seed: u64) -> Result<Array2<T>> {
    match som.start {
        Start::Pca => principal(som, x, seed),
        Start::Linear => linear(som, x),
        Start::Random => random(som, x, seed),
    }
}

/// Samples drawn at random, none twice while there are others.
fn random<T: Real>(som: &Som, x: &CowArray<'_, T, Ix2>, seed: u64) -> Result<Array2<T>> {
    let (n, units) = (x.nrows(), som.lattice()?.units());
    let mut rng = Rng::new(seed, "som start", 0);
    let mut chosen = Vec::new();
    while chosen.len() < units {
        let more = rng.permutation(n);
        chosen.extend(more.into_iter().take(units - chosen.len()));
    }
    Ok(Array2::from_shape_fn((units, x.ncols()), |(unit, j)| x[[chosen[unit], j]]))
}

/// Evenly from the smallest to the largest value of each feature: the first, third, .. along the columns of the map, the
/// others along its rows. Along a side of one unit every feature follows the other side.
fn linear<T: Real>(som: &Som, x: &CowArray<'_, T, Ix2>) -> Result<Array2<T>> {
    let lattice = som.lattice()?;
    let least = |a: f64, v: &T| a.min(v.to_f64());
    let most = |a: f64, v: &T| a.max(v.to_f64());
    let range =
        x.columns().into_iter().map(|c| (c.iter().fold(f64::INFINITY, least), c.iter().fold(-f64::INFINITY, most)));
    let range: Vec<(f64, f64)> = range.collect();
    Ok(Array2::from_shape_fn((lattice.units(), x.ncols()), |(unit, j)| {
        let (down, across) = lattice.fractions(unit);
        let along_columns = (j % 2 == 0 && lattice.columns > 1) || lattice.rows == 1;
        let at = if along_columns { across } else { down };
        T::from_f64(range[j].0 + (range[j].1 - range[j].0) * at)
    }))
}

/// The plane of the two largest principal components, the longer side of the map along the larger. Along each the units
/// reach √3 standard deviations to either side, so that they have the variance of the samples.
fn principal<T: Real>(som: &Som, x: &CowArray<'_, T, Ix2>, seed: u64) -> Result<Array2<T>> {
    let lattice = som.lattice()?;
    if x.nrows() < 2 {
        let help = "write start = \"linear\" or \"random\"";
        return Err(Error::config(
            "start",
            "is pca, but there is only one sample, which has no principal components",
            help,
        ));
    }
    let components = 2.min(x.ncols()).min(x.nrows());
    let pca = if x.ncols() > WIDE {
        Pca::fit_randomized(x.view(), components, Randomized::default(), seed)?
    } else {
        Pca::fit(x.view(), components)?
    };
    let reach: Vec<f64> = pca.explained_variance.iter().map(|variance| (3.0 * variance).sqrt()).collect();
    Ok(Array2::from_shape_fn((lattice.units(), x.ncols()), |(unit, j)| {
        let (down, across) = lattice.fractions(unit);
        let along = if lattice.columns >= lattice.rows { [across, down] } else { [down, across] };
        let steps = reach.iter().zip(along).map(|(reach, at)| reach * (2.0 * at - 1.0));
        let component = |c: usize| pca.components[[c, j]].to_f64();
        let moved: f64 = steps.enumerate().map(|(c, step)| step * component(c)).sum();
        T::from_f64(pca.mean[j].to_f64() + moved)
    }))
}
