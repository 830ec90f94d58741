//! Pruners: stop a trial whose curve so far is worse than those of others.
//!
//! Both rules compare the best value that a trial has reported by a step (of an epoch here) with what earlier trials
//! had reported by that step, and only earlier trials that this one is allowed to see, all of them finished. So the
//! decision does not depend on which trials run at the same time.

use super::trial::{State, Trial};
use crate::error::{Error, Result};
use crate::train::Direction;

/// Decides whether a trial is pruned.
pub trait Pruner: Sync {
    /// Returns whether to stop `trial`, which has just reported the last step of its curve. `seen`: finished trials.
    fn prune(&self, trial: &Trial, seen: &[Trial], direction: Direction) -> bool;
}

/// Every trial runs to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPruner;

impl Pruner for NoPruner {
    fn prune(&self, _: &Trial, _: &[Trial], _: Direction) -> bool {
        false
    }
}

/// Stops a trial whose best value is worse than the median of others' at the same step (Golovin et al. 2017, the
/// median stopping rule, here of best values rather than of running means).
#[derive(Clone, Copy, Debug)]
pub struct Median {
    /// Trials that must have reported the step before anything is compared with them.
    pub startup: usize,
    /// Steps at which nothing is stopped yet.
    pub warmup: usize,
}

impl Default for Median {
    fn default() -> Self {
        Self { startup: 3, warmup: 1 }
    }
}

/// Returns the losses of trials at a step, of those that reached it.
fn losses_at<'a>(
    trials: impl Iterator<Item = &'a Trial> + 'a,
    step: usize,
    direction: Direction,
) -> impl Iterator<Item = f64> + 'a {
    trials
        .filter(move |trial| trial.state != State::Failed && trial.last_step() >= step)
        .filter_map(move |trial| trial.best_until(step, direction))
        .map(move |value| direction.loss(value))
}

impl Pruner for Median {
    fn prune(&self, trial: &Trial, seen: &[Trial], direction: Direction) -> bool {
        let step = trial.last_step();
        let Some(own) = trial.best_until(step, direction) else { return false };
        let mut losses: Vec<f64> = losses_at(seen.iter(), step, direction).collect();
        if step <= self.warmup || losses.len() < self.startup.max(1) {
            return false;
        }
        losses.sort_by(f64::total_cmp);
        let n = losses.len();
        let median = 0.5 * (losses[(n - 1) / 2] + losses[n / 2]);
        direction.loss(own) > median
    }
}

/// Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar 2018): several successive halvings that begin with
/// different numbers of steps, since it is unknown how early a curve predicts its end.
///
/// With at most R steps and a factor η there are brackets s = 0, .., s_max = ⌊log_η R⌋. A trial of bracket s is judged
/// after R η^-s, R η^(1-s), .. steps, and continues if it is among the best 1/η of its bracket there. Of each round of
/// trials ⌈(s_max + 1) / (s + 1) · η^s⌉ go to bracket s, mixed evenly.
///
/// A trial is judged when it arrives, against those that were there before (asynchronous halving, Li et al. 2020): so
/// no trial waits for a rung to fill, at the price of some early trials that run longer than they would otherwise.
#[derive(Clone, Debug)]
pub struct Hyperband {
    /// R: most steps of a trial.
    most: usize,
    /// η.
    factor: usize,
    /// The bracket of each trial of a round.
    round: Vec<u32>,
}

impl Hyperband {
    /// Creates the pruner for trials of at most `most` steps. Refused if `factor` is below 2.
    pub fn new(most: usize, factor: usize) -> Result<Self> {
        if factor < 2 || most == 0 {
            let what = format!("is {factor} with {most} epochs");
            return Err(Error::config("study.factor", what, "give 2 or more, and at least one epoch"));
        }
        let last = (0..).take_while(|&s| factor.pow(s) <= most).last().unwrap_or(0);
        let count = |s: u32| ((last as usize + 1) * factor.pow(s)).div_ceil(s as usize + 1);
        // The k-th of n trials of a bracket comes at (k + ½) / n of the round.
        let mut places: Vec<(f64, u32)> =
            (0..=last).flat_map(|s| (0..count(s)).map(move |k| ((k as f64 + 0.5) / count(s) as f64, s))).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        Ok(Self { most, factor, round: places.into_iter().map(|(_, s)| s).collect() })
    }

    /// Returns the bracket of a trial: the larger, the sooner it is judged.
    pub fn bracket(&self, number: usize) -> u32 {
        self.round[number % self.round.len()]
    }

    /// Returns the steps at which trials of a bracket are judged.
    pub fn rungs(&self, bracket: u32) -> Vec<usize> {
        (0..bracket).map(|k| (self.most / self.factor.pow(bracket - k)).max(1)).collect()
    }
}

impl Pruner for Hyperband {
    fn prune(&self, trial: &Trial, seen: &[Trial], direction: Direction) -> bool {
        let (step, bracket) = (trial.last_step(), self.bracket(trial.number));
        let Some(own) = trial.best_until(step, direction).map(|value| direction.loss(value)) else { return false };
        if !self.rungs(bracket).contains(&step) {
            return false;
        }
        let same = seen.iter().filter(|other| self.bracket(other.number) == bracket);
        let losses: Vec<f64> = losses_at(same, step, direction).collect();
        let better = losses.iter().filter(|&&loss| loss < own).count();
        let kept = ((losses.len() + 1) / self.factor).max(1);
        better >= kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(number: usize, curve: &[f64]) -> Trial {
        let mut trial = Trial::new(number, vec![], 0);
        curve.iter().enumerate().for_each(|(i, &value)| trial.note(i + 1, value));
        trial
    }

    fn finished(number: usize, curve: &[f64]) -> Trial {
        Trial { state: State::Complete, value: curve.last().copied(), ..trial(number, curve) }
    }

    const DOWN: Direction = Direction::Minimize;

    /// Best values at step 2: 0.5, 0.6, 0.2, 0.9; the median is 0.55. The third trial's 0.3 counts as 0.2.
    #[test]
    fn the_median_by_hand() {
        let seen = [
            finished(0, &[1.0, 0.5]),
            finished(1, &[0.8, 0.6, 0.1]),
            finished(2, &[0.2, 0.3]),
            finished(3, &[0.9, 0.9]),
            finished(4, &[0.0]),
        ];
        let rule = Median { startup: 4, warmup: 1 };
        assert!(rule.prune(&trial(5, &[2.0, 0.56]), &seen, DOWN));
        assert!(!rule.prune(&trial(5, &[2.0, 0.55]), &seen, DOWN));
        assert!(!rule.prune(&trial(5, &[0.1, 9.0]), &seen, DOWN), "its best counts");
        assert!(!rule.prune(&trial(5, &[9.0]), &seen, DOWN), "warm-up");
        assert!(!rule.prune(&trial(5, &[9.0, 9.0, 9.0]), &seen, DOWN), "one trial came so far, four are needed");
        assert!(rule.prune(&trial(5, &[0.0, 0.1]), &seen, Direction::Maximize));
        let failed: Vec<Trial> = seen.iter().cloned().map(|t| Trial { state: State::Failed, ..t }).collect();
        assert!(!rule.prune(&trial(5, &[9.0, 9.0]), &failed, DOWN));
    }

    /// R = 9, η = 3: s_max = 2; 9, 5 and 3 trials are first judged after 1, 3 and 9 steps.
    #[test]
    fn brackets_by_hand() {
        let rule = Hyperband::new(9, 3).unwrap();
        let count = |s| rule.round.iter().filter(|&&bracket| bracket == s).count();
        assert_eq!([count(2), count(1), count(0)], [9, 5, 3]);
        assert_eq!([rule.rungs(2), rule.rungs(1), rule.rungs(0)], [vec![1, 3], vec![3], vec![]]);
        let first: Vec<u32> = (0..6).map(|number| rule.bracket(number)).collect();
        assert!(first.contains(&0) && first.contains(&1) && first.contains(&2), "mixed: {first:?}");
        assert_eq!(Hyperband::new(1, 3).unwrap().round, [0]);
        assert!(Hyperband::new(9, 1).is_err());
    }

    #[test]
    fn a_rung_keeps_a_third() {
        let rule = Hyperband::new(9, 3).unwrap();
        let in_bracket: Vec<usize> = (0..).filter(|&number| rule.bracket(number) == 2).take(7).collect();
        let seen: Vec<Trial> = in_bracket[..5].iter().zip(1..).map(|(&n, i)| finished(n, &[f64::from(i)])).collect();
        // With 1, 2, 3, 4, 5 there already, a sixth continues if it is among the best two.
        assert!(!rule.prune(&trial(in_bracket[5], &[1.5]), &seen, DOWN));
        assert!(rule.prune(&trial(in_bracket[5], &[2.5]), &seen, DOWN));
        assert!(!rule.prune(&trial(in_bracket[5], &[2.5, 2.5]), &seen, DOWN), "two is not a rung");
        // The first to arrive is compared with none; the second must be the best.
        assert!(!rule.prune(&trial(in_bracket[0], &[9.0]), &[], DOWN));
        assert!(rule.prune(&trial(in_bracket[1], &[9.0]), &seen[..1], DOWN));
        let other = (0..).find(|&number| rule.bracket(number) == 1).unwrap();
        assert!(!rule.prune(&trial(other, &[99.0]), &seen, DOWN), "another bracket");
    }
}
