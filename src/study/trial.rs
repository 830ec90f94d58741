//! A trial: one evaluated point of the space; and which of two values is better.

use super::space::Point;
use crate::train::Direction;

/// The decision on a trial after each report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Continue.
    No,
    /// Stop: the trial is pruned.
    Yes,
}

/// The state of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has begun. If its process has died, another one runs it again.
    Running,
    /// It is complete.
    Complete,
    /// It was stopped because it was worse than others.
    Pruned,
    /// It has no value: the loss was not finite, or the network could not be built.
    Failed,
}

/// One point and its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number, from 0.
    pub number: usize,
    /// The point.
    pub point: Point,
    /// Seed of everything random in it but the data, which all trials share.
    pub seed: u64,
    /// Its state.
    pub state: State,
    /// The objective. A pruned trial's is the best that it reported.
    pub value: Option<f64>,
    /// What it reported: step (epoch) and value.
    pub curve: Vec<(usize, f64)>,
    /// Seconds it took.
    pub seconds: f64,
    /// Why it failed.
    pub fault: String,
    /// Whether another program began it: then it is neither run nor trained again here.
    pub foreign: bool,
}

impl Trial {
    /// Creates a trial in the state running.
    pub fn new(number: usize, point: Point, seed: u64) -> Self {
        let (state, fault) = (State::Running, String::new());
        Self { number, point, seed, state, value: None, curve: Vec::new(), seconds: 0.0, fault, foreign: false }
    }

    /// Returns whether it is finished.
    pub fn is_finished(&self) -> bool {
        self.state != State::Running
    }

    /// Returns whether it is unfinished, and no other program will finish it.
    pub fn is_ours_to_run(&self) -> bool {
        !self.is_finished() && !self.foreign
    }

    /// Returns the best value reported up to and with `step`; none before the first.
    pub fn best_until(&self, step: usize, direction: Direction) -> Option<f64> {
        let values = self.curve.iter().filter(|(at, _)| *at <= step).map(|(_, value)| *value);
        values.reduce(|a, b| direction.better(a, b))
    }

    /// Returns the last step that it reported.
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

/// Returns the best complete trial of ours, of equals the first.
pub fn best(trials: &[Trial], direction: Direction) -> Option<&Trial> {
    let complete = trials.iter().filter(|trial| trial.state == State::Complete && !trial.foreign);
    let loss = |trial: &&Trial| direction.loss(trial.value.unwrap_or(f64::NAN));
    complete.min_by(|a, b| loss(a).total_cmp(&loss(b)).then(a.number.cmp(&b.number)))
}
