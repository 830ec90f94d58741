//! Self-organizing maps in plain loops: the definition, in `f64`, to be read and to be tested against.

use super::grid::Lattice;
use super::neighbourhood::Neighbourhood;
use super::training::clear;

/// Returns the squared Euclidean distance of two vectors.
fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Returns the best matching unit of a sample; of equally near ones the first.
pub fn best_matching_unit(units: &[Vec<f64>], x: &[f64]) -> usize {
    (1..units.len()).fold(0, |b, c| if squared(&units[c], x) < squared(&units[b], x) { c } else { b })
}

/// Trains one epoch in batch mode: each unit becomes the mean of all samples, weighted by the neighbourhood between the unit
/// and their best matching units. A unit without any weight stays.
pub fn batch(units: &mut [Vec<f64>], x: &[Vec<f64>], lattice: &Lattice, h: Neighbourhood, radius: f64) {
    let best: Vec<usize> = x.iter().map(|x| best_matching_unit(units, x)).collect();
    for (c, w) in units.iter_mut().enumerate() {
        let pull: Vec<f64> = best.iter().map(|&b| clear(h.at(lattice.squared_distance(c, b), radius))).collect();
        let weight: f64 = pull.iter().sum();
        if weight > 0.0 {
            for (j, w) in w.iter_mut().enumerate() {
                *w = x.iter().zip(&pull).map(|(x, pull)| pull * x[j]).sum::<f64>() / weight;
            }
        }
    }
}

/// Learns from one sample: each unit moves towards it by the learning rate times the neighbourhood.
pub fn online(units: &mut [Vec<f64>], x: &[f64], lattice: &Lattice, h: Neighbourhood, radius: f64, rate: f64) {
    let best = best_matching_unit(units, x);
    for (c, w) in units.iter_mut().enumerate() {
        let gain = rate * clear(h.at(lattice.squared_distance(c, best), radius));
        w.iter_mut().zip(x).for_each(|(w, x)| *w += gain * (x - *w));
    }
}

/// Returns the mean distance of samples from their best matching units, and the fraction of samples whose two nearest units
/// are not neighbours.
pub fn errors(units: &[Vec<f64>], x: &[Vec<f64>], lattice: &Lattice) -> (f64, f64) {
    let (mut distance, mut torn) = (0.0, 0);
    for x in x {
        let mut order: Vec<usize> = (0..units.len()).collect();
        order.sort_by(|&a, &b| squared(&units[a], x).total_cmp(&squared(&units[b], x)));
        distance += squared(&units[order[0]], x).sqrt();
        torn += usize::from(order.len() > 1 && !lattice.are_adjacent(order[0], order[1]));
    }
    (distance / x.len() as f64, torn as f64 / x.len() as f64)
}
