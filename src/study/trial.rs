//! A trial: one point of the space, tried; and which of two values is better.

use super::space::Point;
use crate::train::Direction;

/// What the one who runs an objective is told after each report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Go on.
    No,
    /// Stop: it is not worth its time.
    Yes,
}

/// Where a trial stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has begun. It may be that nobody goes on with it: then somebody will run it again.
    Running,
    /// It came to its end.
    Complete,
    /// It was stopped because it was worse than others.
    Pruned,
    /// It has no value: the loss was no number, or the network could not be built.
    Failed,
}

/// One point, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number, from 0.
    pub number: usize,
    /// What was tried.
    pub point: Point,
    /// Seed of everything random in it but the data, which all trials share.
    pub seed: u64,
    /// Where it stands.
    pub state: State,
    /// The objective. A pruned trial's is the best that it reported.
    pub value: Option<f64>,
    /// What it reported: step (epoch) and value.
    pub curve: Vec<(usize, f64)>,
    /// Seconds it took.
    pub seconds: f64,
    /// Why it failed.
    pub fault: String,
    /// Whether another program began it: then it is not ours to run, and not ours to train again.
    pub foreign: bool,
}

impl Trial {
    /// A trial that begins.
    pub fn new(number: usize, point: Point, seed: u64) -> Self {
        let (state, fault) = (State::Running, String::new());
        Self { number, point, seed, state, value: None, curve: Vec::new(), seconds: 0.0, fault, foreign: false }
    }

    /// Whether it is over.
    pub fn is_finished(&self) -> bool {
        self.state != State::Running
    }

    /// Whether it has no end yet, and nobody else will see to that.
    pub fn is_ours_to_run(&self) -> bool {
        !self.is_finished() && !self.foreign
    }

    /// The best value reported up to and with `step`; none before the first.
    pub fn best_until(&self, step: usize, direction: Direction) -> Option<f64> {
        let values = self.curve.iter().filter(|(at, _)| *at <= step).map(|(_, value)| *value);
        values.reduce(|a, b| direction.better(a, b))
    }

    /// The last step that it reported.
    pub fn last_step(&self) -> usize {
        self.curve.last().map_or(0, |(step, _)| *step)
    }

    /// Notes a report; a step that is reported again (by a trial that is run again) is replaced.
    pub fn note(&mut self, step: usize, value: f64) {
        match self.curve.iter().position(|(at, _)| *at >= step) {
            Some(i) if self.curve[i].0 == step => self.curve[i].1 = value,
            Some(i) => self.curve.insert(i, (step, value)),
            None => self.curve.push((step, value)),
        }
    }
}

/// The best complete trial of ours, of equals the first.
pub fn best(trials: &[Trial], direction: Direction) -> Option<&Trial> {
    let complete = trials.iter().filter(|trial| trial.state == State::Complete && !trial.foreign);
    let loss = |trial: &&Trial| direction.loss(trial.value.unwrap_or(f64::NAN));
    complete.min_by(|a, b| loss(a).total_cmp(&loss(b)).then(a.number.cmp(&b.number)))
}
