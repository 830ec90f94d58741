//! The tree-structured Parzen estimator (Bergstra, Bardenet, Bengio and Kégl 2011).
//!
//! The trials seen so far are divided at a quantile of their losses into good and bad ones. For each parameter two
//! densities are fitted, l(x) to the good values and g(x) to the bad ones. The expected improvement over the quantile
//! grows with l(x) / g(x), so some candidates are drawn from l, and the one with the largest ratio is tried.
//!
//! * **Good and bad.** Of n trials the best ⌈γ n⌉ are good, 25 at most. Complete trials come first, by their value;
//!   then pruned ones, those that came further before the others; then failed ones, which so tell where not to look.
//! * **Intervals.** The density is a mean of normals truncated to the interval (in logarithms where the domain is
//!   logarithmic): one around each value, and one as wide as the interval around its middle, the prior. The width of
//!   a value's normal is the distance to its farther neighbour (of a lone value half the distance to the farther end),
//!   and at least 1 / min(100, n + 2) of the interval.
//! * **Whole numbers** take the probability of their cell, from ½ below to ½ above.
//! * **Choices** have probability (nᵢ + 1) / (n + k): counts, with one more for each of k choices.
//!
//! Parameters are treated one by one, as if independent; conditions make the tree: whoever does not count is not drawn,
//! and a density is fitted only to trials where its parameter counted.

use super::sampler::{Random, Sampler, Situation};
use super::space::{Domain, Point};
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
    /// Share of good trials.
    pub gamma: f64,
}

impl Default for Tpe {
    fn default() -> Self {
        Self { startup: 10, candidates: 24, gamma: 0.2 }
    }
}

impl Sampler for Tpe {
    fn sample(&self, at: &Situation<'_>) -> Point {
        if at.number < self.startup || at.seen.is_empty() {
            return Random.sample(at);
        }
        let (good, bad) = self.divide(at);
        let mut rng = at.rng();
        at.space.point(|i, param| {
            let values = |trials: &[&Trial]| trials.iter().filter_map(|trial| trial.point[i]).collect::<Vec<f64>>();
            let (l, g) = (Parzen::fit(&param.domain, &values(&good)), Parzen::fit(&param.domain, &values(&bad)));
            let mut best = (f64::NEG_INFINITY, 0.0);
            for _ in 0..self.candidates {
                let x = l.draw(&mut rng);
                let ratio = l.log_density(x) - g.log_density(x);
                if ratio > best.0 {
                    best = (ratio, x);
                }
            }
            best.1
        })
    }
}

impl Tpe {
    /// The good trials and the bad ones.
    fn divide<'a>(&self, at: &Situation<'a>) -> (Vec<&'a Trial>, Vec<&'a Trial>) {
        let mut ranked: Vec<&Trial> = at.seen.iter().collect();
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

/// A density over a domain.
struct Parzen<'a> {
    domain: &'a Domain,
    /// The interval in the domain's coordinate.
    interval: (f64, f64),
    /// Middle and width of each normal, the prior's last; empty for choices.
    normals: Vec<(f64, f64)>,
    /// The probability of each choice; empty for intervals.
    shares: Vec<f64>,
}

impl<'a> Parzen<'a> {
    fn fit(domain: &'a Domain, values: &[f64]) -> Self {
        let interval = domain.interval();
        if let Domain::Choice(choices) = domain {
            let (n, k) = (values.len() as f64, choices.len() as f64);
            let count = |i: usize| values.iter().filter(|&&value| value as usize == i).count() as f64;
            let shares = (0..choices.len()).map(|i| (count(i) + 1.0) / (n + k)).collect();
            return Self { domain, interval, normals: Vec::new(), shares };
        }
        let (low, high) = interval;
        let width = high - low;
        let mut places: Vec<f64> = values.iter().map(|&value| domain.coordinate(value)).collect();
        places.sort_by(f64::total_cmp);
        let narrowest = width / (places.len() as f64 + 2.0).min(100.0);
        let mut normals: Vec<(f64, f64)> = (0..places.len())
            .map(|i| {
                let place = places[i];
                let left = if i > 0 { place - places[i - 1] } else { 0.0 };
                let right = places.get(i + 1).map_or(0.0, |next| next - place);
                let apart = if places.len() == 1 { 0.5 * (place - low).max(high - place) } else { left.max(right) };
                (place, apart.clamp(narrowest, width))
            })
            .collect();
        normals.push((0.5 * (low + high), width));
        Self { domain, interval, normals, shares: Vec::new() }
    }

    fn draw(&self, rng: &mut Rng) -> f64 {
        if !self.shares.is_empty() {
            let mut left = rng.uniform();
            let chosen = self.shares.iter().position(|share| {
                left -= share;
                left < 0.0
            });
            return chosen.unwrap_or(self.shares.len() - 1) as f64;
        }
        let (low, high) = self.interval;
        let (middle, width) = self.normals[rng.below(self.normals.len())];
        // The middle lies in the interval and the width is at most its length: at least a third of draws are inside.
        loop {
            let x = middle + width * rng.normal();
            if (low..=high).contains(&x) {
                return self.domain.value_at(x);
            }
        }
    }

    fn log_density(&self, value: f64) -> f64 {
        if !self.shares.is_empty() {
            return libm::log(self.shares[value as usize]);
        }
        let (low, high) = self.interval;
        if high <= low {
            return 0.0;
        }
        let mean: f64 = self
            .normals
            .iter()
            .map(|&(middle, width)| {
                let below = |x: f64| normal_cdf((x.clamp(low, high) - middle) / width);
                let inside = below(high) - below(low);
                match self.domain.cell(value) {
                    Some((from, to)) => (below(to) - below(from)) / inside,
                    None => {
                        let z = (self.domain.coordinate(value) - middle) / width;
                        libm::exp(-0.5 * z * z) / (width * (2.0 * PI).sqrt() * inside)
                    }
                }
            })
            .sum();
        libm::log(mean / self.normals.len() as f64)
    }
}

/// Φ(z) = ½ (1 + erf(z / √2)).
fn normal_cdf(z: f64) -> f64 {
    0.5 * (1.0 + libm::erf(z / SQRT_2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::space::Space;
    use crate::study::trial::Direction;

    /// Over an interval the density integrates to one, over cells and choices it sums to one.
    #[test]
    fn densities_are_densities() {
        let float = Domain::Float { low: 1e-3, high: 10.0, log: true, step: None };
        let l = Parzen::fit(&float, &[0.002, 0.5, 0.6]);
        let (low, high) = float.interval();
        let n = 20_000;
        let node = |i: usize| libm::exp(low + (high - low) * (i as f64 + 0.5) / n as f64);
        let integral = (0..n).map(|i| libm::exp(l.log_density(node(i)))).sum::<f64>() * (high - low) / n as f64;
        assert!((integral - 1.0).abs() < 1e-6, "{integral}");
        for domain in [
            Domain::Int { low: 1, high: 9, log: true, step: 1 },
            Domain::Int { low: 4, high: 64, log: false, step: 4 },
            Domain::Float { low: 0.0, high: 0.5, log: false, step: Some(0.1) },
            Domain::Choice(vec!["a".into(), "b".into(), "c".into()]),
        ] {
            let values = domain.spread(100);
            let g = Parzen::fit(&domain, &[values[1], values[1], values[2]]);
            let sum: f64 = values.iter().map(|&value| libm::exp(g.log_density(value))).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{domain:?}: {sum}");
        }
    }

    /// By hand: values 0.1, 0.2 and 0.6 of [0, 1] have neighbours at 0.1, 0.4 and 0.4; at least 1/5. One at 0.3 alone
    /// has half of 0.7.
    #[test]
    fn widths_reach_the_farther_neighbour() {
        let domain = Domain::Float { low: 0.0, high: 1.0, log: false, step: None };
        let l = Parzen::fit(&domain, &[0.6, 0.1, 0.2]);
        let alone = Parzen::fit(&domain, &[0.3]);
        let wanted = [(0.1, 0.2), (0.2, 0.4), (0.6, 0.4), (0.5, 1.0), (0.3, 0.35), (0.5, 1.0)];
        assert_eq!(l.normals.len() + alone.normals.len(), wanted.len());
        for (got, wanted) in l.normals.iter().chain(&alone.normals).zip(wanted) {
            assert!((got.0 - wanted.0).abs() < 1e-12 && (got.1 - wanted.1).abs() < 1e-12, "{got:?}, {wanted:?}");
        }
        let mut rng = Rng::new(1, "test", 0);
        assert!((0..1000).all(|_| (0.0..=1.0).contains(&l.draw(&mut rng))));
    }

    #[test]
    fn ranks_are_complete_then_far_then_near_then_failed() {
        let space = Space::read(&toml::from_str("a = { uniform = [0, 1] }").unwrap()).unwrap();
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
