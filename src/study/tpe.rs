//! The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl 2011), with joint densities (Falkner,
//! Klein and Hutter 2018).
//!
//! The trials seen so far are split at a quantile of their losses into good and bad ones. Two densities over the
//! space are fitted, l(x) to the good points and g(x) to the bad ones. The expected improvement over the quantile
//! grows with l(x) / g(x), so some candidates are drawn from l, and the one with the largest ratio is tried.
//!
//! * **Good and bad.** Of n trials the best ⌈γ n⌉ are good, 25 at most. Complete trials come first, by their value;
//!   then pruned ones, those that came further before the others; then failed ones, which thereby count as bad.
//! * **A density** is the mean of one kernel around each trial and one over the whole space, the prior. A kernel is a
//!   product of a factor for each parameter. So the density is joint: a learning rate that was good
//!   with SGD is not tried with Adam, as it would be if each parameter had a density of its own.
//! * **Intervals.** A factor is a normal distribution truncated to the interval (in logarithms where the domain is
//!   logarithmic), around the trial's value; the prior's is as wide as the interval, around its middle. The width is
//!   the distance to the farther one of the two neighbouring values (of a lone value half the distance to the farther
//!   end), and at least 1 / min(100, n + 2) of the interval.
//! * **Whole numbers** take the probability of their cell, from ½ below to ½ above.
//! * **Choices.** Of k choices and n trials, the trial's own has probability (n + 1) / (n + k), the others 1 / (n + k).
//! * **Conditions** make the tree: a parameter that does not count is not drawn and has no factor in the density; where
//!   it did not count in a trial, that trial's factor is the prior's.

use super::sampler::{Random, Sampler, Situation};
use super::space::{Domain, Point, SearchedParam, Space};
use super::trial::{State, Trial};
use crate::rng::Rng;
use std::f64::consts::{PI, SQRT_2};

/// The sampler.
#[derive(Clone, Copy, Debug)]
pub struct Tpe {
    /// Trials at random, before there is anything to learn from.
    pub startup: usize,
    /// Candidates of which the most promising is taken.
    pub candidates: usize,
    /// Fraction of good trials.
    pub gamma: f64,
}

impl Default for Tpe {
    fn default() -> Self {
        Self { startup: 10, candidates: 24, gamma: 0.1 }
    }
}

impl Sampler for Tpe {
    fn sample(&self, at: &Situation<'_>) -> Point {
        if at.number < self.startup || at.seen.is_empty() {
            return Random.sample(at);
        }
        let (good, bad) = self.divide(at);
        let (l, g) = (Parzen::fit(at.space, &good), Parzen::fit(at.space, &bad));
        let mut rng = at.rng();
        let candidates = (0..self.candidates.max(1)).map(|_| {
            let point = l.draw(&mut rng);
            (l.log_density(&point) - g.log_density(&point), point)
        });
        candidates.reduce(|best, other| if other.0 > best.0 { other } else { best }).expect("there is one").1
    }
}

impl Tpe {
    /// Returns the good trials and the bad ones.
    fn divide<'a>(&self, at: &Situation<'a>) -> (Vec<&'a Trial>, Vec<&'a Trial>) {
        let mut ranked: Vec<&Trial> = at.seen.iter().filter(|trial| trial.is_finished()).collect();
        let rank = |trial: &Trial| {
            let loss = trial.value.map_or(f64::INFINITY, |value| at.direction.loss(value));
            match trial.state {
                State::Complete => (0, 0, loss),
                State::Pruned => (1, usize::MAX - trial.last_step(), loss),
                State::Failed | State::Running => (2, 0, loss),
            }
        };
        ranked.sort_by(|a, b| {
            let (a, b) = (rank(a), rank(b));
            (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2))
        });
        let good = ((self.gamma * ranked.len() as f64).ceil() as usize).clamp(1, 25);
        let bad = ranked.split_off(good.min(ranked.len()));
        (ranked, bad)
    }
}

/// A density over a space.
struct Parzen<'a> {
    space: &'a Space,
    /// One for each trial, the prior's last; in each a factor for each parameter.
    kernels: Vec<Vec<Factor>>,
}

/// A density over the domain of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Factor {
    /// A normal distribution in the domain's coordinate, truncated to the interval.
    Normal { middle: f64, width: f64 },
    /// All choices are equally likely.
    Even,
    /// One choice is more likely than each other: as if it had been seen `count` times.
    Mostly { choice: usize, count: f64 },
}

impl<'a> Parzen<'a> {
    fn fit(space: &'a Space, trials: &[&Trial]) -> Self {
        let mut kernels = vec![Vec::new(); trials.len() + 1];
        for (i, param) in space.params.iter().enumerate() {
            let values: Vec<Option<f64>> = trials.iter().map(|trial| trial.point[i]).collect();
            for (kernel, factor) in kernels.iter_mut().zip(Factor::around(param, &values)) {
                kernel.push(factor);
            }
        }
        Self { space, kernels }
    }

    fn draw(&self, rng: &mut Rng) -> Point {
        let kernel = &self.kernels[rng.below(self.kernels.len())];
        self.space.point(|i, param| kernel[i].draw(&param.domain, rng))
    }

    fn log_density(&self, point: &Point) -> f64 {
        let of_kernel = |kernel: &Vec<Factor>| -> f64 {
            let each = self.space.params.iter().zip(kernel).zip(point);
            each.filter_map(|((param, factor), value)| Some(factor.log_density(&param.domain, (*value)?))).sum()
        };
        let logs: Vec<f64> = self.kernels.iter().map(of_kernel).collect();
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        most + libm::log(logs.iter().map(|log| libm::exp(log - most)).sum::<f64>() / logs.len() as f64)
    }
}

impl Factor {
    /// Returns the factors of a parameter: around the value of each trial, and the prior's.
    fn around(param: &SearchedParam, values: &[Option<f64>]) -> Vec<Self> {
        let (low, high) = param.domain.interval();
        let is_choice = matches!(param.domain, Domain::Choice(_));
        let prior =
            if is_choice { Factor::Even } else { Factor::Normal { middle: 0.5 * (low + high), width: high - low } };
        let mut places: Vec<f64> = values.iter().flatten().map(|&value| param.domain.coordinate(value)).collect();
        places.sort_by(f64::total_cmp);
        let n = places.len();
        let narrowest = (high - low) / (n as f64 + 2.0).min(100.0);
        let around = |value: f64| {
            if is_choice {
                return Factor::Mostly { choice: value as usize, count: n as f64 };
            }
            let middle = param.domain.coordinate(value);
            let at = places.partition_point(|&place| place < middle);
            let left = if at > 0 { middle - places[at - 1] } else { 0.0 };
            let right = places.get(at + 1).map_or(0.0, |next| next - middle);
            let apart = if n == 1 { 0.5 * (middle - low).max(high - middle) } else { left.max(right) };
            Factor::Normal { middle, width: apart.clamp(narrowest, high - low) }
        };
        values.iter().map(|value| value.map_or(prior, around)).chain([prior]).collect()
    }

    fn draw(self, domain: &Domain, rng: &mut Rng) -> f64 {
        let (low, high) = domain.interval();
        match self {
            Factor::Even => domain.draw(rng),
            Factor::Mostly { choice, count } => {
                let is_own = rng.uniform() * (count + high - low) < count;
                if is_own { choice as f64 } else { domain.draw(rng) }
            }
            // The middle lies in the interval and the width is at most its length: at least a third of draws are
            // inside.
            Factor::Normal { middle, width } => loop {
                let x = middle + width * rng.normal();
                if (low..=high).contains(&x) {
                    return domain.value_at(x);
                }
            },
        }
    }

    fn log_density(self, domain: &Domain, value: f64) -> f64 {
        let (low, high) = domain.interval();
        // The interval of k choices has length k.
        libm::log(match self {
            Factor::Even => 1.0 / (high - low),
            Factor::Mostly { choice, count } => {
                let own = if value as usize == choice { count } else { 0.0 };
                (own + 1.0) / (count + high - low)
            }
            Factor::Normal { .. } if high <= low => 1.0,
            Factor::Normal { middle, width } => {
                let below = |x: f64| normal_cdf((x.clamp(low, high) - middle) / width);
                let inside = below(high) - below(low);
                match domain.cell(value) {
                    Some((from, to)) => (below(to) - below(from)) / inside,
                    None => {
                        let z = (domain.coordinate(value) - middle) / width;
                        libm::exp(-0.5 * z * z) / (width * (2.0 * PI).sqrt() * inside)
                    }
                }
            }
        })
    }
}

/// Computes Φ(z) = ½ (1 + erf(z / √2)).
fn normal_cdf(z: f64) -> f64 {
    0.5 * (1.0 + libm::erf(z / SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Direction;

    fn space(text: &str) -> Space {
        Space::read(&toml::from_str(text).unwrap()).unwrap()
    }

    fn trial(point: Point) -> Trial {
        Trial::new(0, point, 0)
    }

    fn fit<'a>(space: &'a Space, points: &[Point]) -> Parzen<'a> {
        let trials: Vec<Trial> = points.iter().cloned().map(trial).collect();
        Parzen::fit(space, &trials.iter().collect::<Vec<_>>())
    }

    /// Over an interval the density integrates to one, over cells and choices it sums to one.
    #[test]
    fn densities_are_densities() {
        let of_points = |l: &Parzen<'_>, points: &[Point]| -> f64 {
            points.iter().map(|point| libm::exp(l.log_density(point))).sum()
        };
        for text in [
            "x = { int = [1, 9], log = true }",
            "x = { int = [4, 64], step = 4 }",
            "x = { uniform = [0, 0.5], step = 0.1 }",
            "x = { choice = [\"a\", \"b\", \"c\"] }",
        ] {
            let space = space(text);
            let all: Vec<Point> = space.grid(100);
            let sum = of_points(&fit(&space, &[all[1].clone(), all[1].clone(), all[2].clone()]), &all);
            assert!((sum - 1.0).abs() < 1e-9, "{text}: {sum}");
        }
        // Two parameters, one of which counts with one choice only.
        let tree = space("k = { choice = [\"a\", \"b\"] }\nx = { log = [1e-3, 10], when = \"k = a\" }");
        let of_b = vec![Some(1.0), None];
        let seen = [vec![Some(0.0), Some(0.002)], vec![Some(0.0), Some(0.5)], of_b.clone(), vec![Some(0.0), Some(0.6)]];
        let l = fit(&tree, &seen);
        let (low, high) = tree.params[1].domain.interval();
        let n = 20_000;
        let node = |i: usize| vec![Some(0.0), Some(libm::exp(low + (high - low) * (i as f64 + 0.5) / n as f64))];
        let of_a = of_points(&l, &(0..n).map(node).collect::<Vec<_>>()) * (high - low) / n as f64;
        let whole = of_a + libm::exp(l.log_density(&of_b));
        assert!((whole - 1.0).abs() < 1e-6, "{whole}");
        let mut rng = Rng::new(1, "test", 0);
        let draws: Vec<Point> = (0..4000).map(|_| l.draw(&mut rng)).collect();
        let drawn = draws.iter().filter(|point| point[0] == Some(0.0)).count() as f64 / 4000.0;
        assert!((drawn - of_a).abs() < 0.03, "draws {drawn}, density {of_a}");
        assert!(draws.iter().all(|point| point[1].is_some() == (point[0] == Some(0.0))));
        assert!(draws.iter().flat_map(|point| point[1]).all(|x| (1e-3..=10.0).contains(&x)));
    }

    /// By hand: values 0.1, 0.2 and 0.6 of [0, 1] have neighbours at 0.1, 0.4 and 0.4; at least 1/5. One at 0.3 alone
    /// has half of 0.7; the prior is as wide as the interval.
    #[test]
    fn widths_reach_the_farther_neighbour() {
        let space = space("x = { uniform = [0, 1] }");
        let factors = |values: &[f64]| {
            let values: Vec<Option<f64>> = values.iter().copied().map(Some).collect();
            Factor::around(&space.params[0], &values)
        };
        let expected = [(0.6, 0.4), (0.1, 0.2), (0.2, 0.4), (0.5, 1.0), (0.3, 0.35), (0.5, 1.0)];
        let found = [factors(&[0.6, 0.1, 0.2]), factors(&[0.3])].concat();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let Factor::Normal { middle, width } = *found else { panic!("{found:?}") };
            assert!(
                (middle - expected.0).abs() < 1e-12 && (width - expected.1).abs() < 1e-12,
                "{found:?}, {expected:?}"
            );
        }
    }

    /// Adam was good at 1e-3, SGD at 1e-1. If each parameter had a density of its own, the rate would be judged alike
    /// with both, and the two differences would add up to nothing.
    #[test]
    fn what_was_good_together_stays_together() {
        let space = space("kind = { choice = [\"adam\", \"sgd\"] }\nlr = { log = [1e-5, 10] }");
        let point = |kind: f64, lr: f64| vec![Some(kind), Some(lr)];
        let l = fit(&space, &[point(0.0, 1e-3), point(0.0, 1.2e-3), point(1.0, 0.1), point(1.0, 0.09)]);
        let of_adam = l.log_density(&point(0.0, 1e-3)) - l.log_density(&point(0.0, 0.1));
        let of_sgd = l.log_density(&point(1.0, 0.1)) - l.log_density(&point(1.0, 1e-3));
        assert!(of_adam > 0.0 && of_sgd > 0.0 && of_adam + of_sgd > 1.0, "{of_adam}, {of_sgd}");
    }

    #[test]
    fn ranks_are_complete_then_far_then_near_then_failed() {
        let space = space("a = { uniform = [0, 1] }");
        let trial = |number, state, value, steps| {
            let mut trial = Trial::new(number, vec![Some(0.5)], 0);
            (trial.state, trial.value) = (state, value);
            (1..=steps).for_each(|step| trial.note(step, 1.0));
            trial
        };
        let seen = [
            trial(0, State::Failed, None, 0),
            trial(1, State::Pruned, Some(0.1), 1),
            trial(2, State::Pruned, Some(0.9), 5),
            trial(3, State::Complete, Some(3.0), 9),
            trial(4, State::Complete, Some(2.0), 9),
        ];
        let at = Situation { space: &space, seen: &seen, number: 5, seed: 1, direction: Direction::Minimize };
        let numbers = |trials: Vec<&Trial>| trials.iter().map(|t| t.number).collect::<Vec<_>>();
        let (good, bad) = Tpe { gamma: 0.3, ..Tpe::default() }.divide(&at);
        assert_eq!((numbers(good), numbers(bad)), (vec![4, 3], vec![2, 1, 0]));
        let upward = Situation { direction: Direction::Maximize, ..at };
        assert_eq!(numbers(Tpe::default().divide(&upward).0), [3]);
    }
}
