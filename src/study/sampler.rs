//! Samplers, which choose the next point: at random, on a grid, or ([`super::tpe`]) near good points.
//!
//! A sampler has no memory and no generator of its own. The point of trial t is a function of the study's seed, of t,
//! and of those earlier trials that t is allowed to see; so it does not matter which process computes it, when, or how
//! often.

use super::space::{Point, Space};
use super::trial::Trial;
use crate::rng::Rng;
use crate::train::Direction;

/// The information for choosing the point of a trial.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The space.
    pub space: &'a Space,
    /// Finished trials that may be seen, by number.
    pub seen: &'a [Trial],
    /// The trial's number, from 0.
    pub number: usize,
    /// The study's seed.
    pub seed: u64,
    /// Which values are better.
    pub direction: Direction,
}

impl Situation<'_> {
    /// Returns the trial's own stream of random numbers.
    pub fn rng(&self) -> Rng {
        Rng::new(self.seed, "study point", self.number as u64)
    }
}

/// Chooses points.
pub trait Sampler: Sync {
    /// Returns the point of a trial.
    fn sample(&self, at: &Situation<'_>) -> Point;

    /// Returns the number of trials after which there is nothing left to try.
    fn most(&self, space: &Space) -> Option<usize> {
        let _ = space;
        None
    }
}

/// Each parameter on its own, evenly over its interval or choices (Bergstra and Bengio 2012: better than a grid of as
/// many points where few parameters matter, as no value of one that matters is tried twice).
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl Sampler for Random {
    fn sample(&self, at: &Situation<'_>) -> Point {
        let mut rng = at.rng();
        at.space.point(|_, param| param.domain.draw(&mut rng))
    }
}

/// All combinations of some values of each parameter, in an order shuffled by the seed, so a study that is stopped
/// early has not covered one corner only.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Values of a parameter that has more.
    pub values: usize,
}

impl Sampler for Grid {
    fn sample(&self, at: &Situation<'_>) -> Point {
        let points = at.space.grid(self.values);
        let order = Rng::new(at.seed, "study grid", 0).permutation(points.len());
        points[order[at.number % points.len()]].clone()
    }

    fn most(&self, space: &Space) -> Option<usize> {
        Some(space.grid(self.values).len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn space() -> Space {
        let text =
            "a = { log = [1, 100] }\nb = { uniform = [0, 1], when = \"c = x\" }\nc = { choice = [\"x\", \"y\"] }";
        Space::read(&toml::from_str(text).unwrap()).unwrap()
    }

    #[test]
    fn points_depend_on_seed_and_number_alone() {
        let space = space();
        let point = |seed, number| {
            let at = Situation { space: &space, seen: &[], number, seed, direction: Direction::Minimize };
            Random.sample(&at)
        };
        assert_eq!(point(1, 3), point(1, 3));
        assert!(point(1, 3) != point(1, 4) && point(1, 3) != point(2, 3));
    }

    /// Three values of `a`; with `c = x` also three of `b`: 3 (3 + 1) points, each once.
    #[test]
    fn a_grid_is_walked_once() {
        let (space, grid) = (space(), Grid { values: 3 });
        assert_eq!(grid.most(&space), Some(12));
        let walked: BTreeSet<String> = (0..12)
            .map(|number| {
                let at = Situation { space: &space, seen: &[], number, seed: 5, direction: Direction::Minimize };
                format!("{:?}", grid.sample(&at))
            })
            .collect();
        assert_eq!(walked.len(), 12);
        assert!(walked.iter().any(|point| point.contains("10.0")), "the middle of 1 to 100 on a log scale: {walked:?}");
    }
}
