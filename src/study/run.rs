//! The loop of a study: workers take trials, run them, and record their results.
//!
//! # The same trials for any number of workers
//!
//! With several workers, which trials are finished when the next one begins is a matter of chance; a sampler that used
//! them all would never give the same study twice. So trial t uses the trials numbered up to t - `parallel` and no
//! others, and does not begin before these are finished. `parallel` belongs to the study, like its seed: with one
//! worker trial t could use more trials than it is shown, and with more than `parallel` workers some are idle. The
//! price is that the sampler does not use the last `parallel` - 1 trials; with 1 it uses all, and trials run one after
//! the other. The same rule holds for pruners.
//!
//! What a trial reports must depend on its point and its seed alone, which training does, on any number of threads.

use super::journal::{Claim, Journal, Next};
use super::pruner::Pruner;
use super::sampler::{Sampler, Situation};
use super::space::Space;
use super::trial::{Prune, State, Trial};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::train::Direction;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// The interval at which a waiting worker looks again.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A study: the space, how it is searched, and for how long.
pub struct Study {
    /// Its name.
    pub name: String,
    /// What is searched.
    pub space: Space,
    /// Chooses the next point.
    pub sampler: Box<dyn Sampler>,
    /// Decides when to stop a trial.
    pub pruner: Box<dyn Pruner>,
    /// Which values are better.
    pub direction: Direction,
    /// The number of trials.
    pub trials: usize,
    /// Trials that may run at the same time: trial t uses those up to t - `parallel`.
    pub parallel: usize,
    /// Seed of the points and of the trials' own seeds.
    pub seed: u64,
    /// Whether each trial has a seed of its own, or all have the study's.
    pub own_seeds: bool,
}

/// The objective: computes a trial's value from its point and its seed. It reports each step, and stops when the report
/// returns [`Prune::Yes`]; what it returns then is not used. An error of the trial (a loss that is not finite, settings
/// that do not fit) fails the trial; missing data, or an interruption, end the study.
pub type Objective<'a> = dyn Fn(&Trial, &mut dyn FnMut(usize, f64) -> Prune) -> Result<f64> + Sync + 'a;

/// An event of a running study.
#[derive(Clone, Debug)]
pub enum StudyEvent {
    /// A trial begins, or is run again.
    Begun(Trial),
    /// A trial has reported: its number and the step.
    Step(usize, usize),
    /// A trial is finished.
    Over(Trial),
}

/// An observer of the workers, which can stop them.
pub trait Overseer {
    /// Receives an event.
    fn event(&mut self, event: StudyEvent);

    /// Returns whether to stop; called often. Trials that are running then are run again when the study is resumed.
    fn stops(&mut self) -> bool {
        false
    }
}

/// An observer that does nothing.
#[derive(Debug)]
pub struct Unseen;

impl Overseer for Unseen {
    fn event(&mut self, _: StudyEvent) {}
}

impl Study {
    /// Runs the study, or resumes it, until all trials are finished or the time is `until`; `journal` is its file.
    /// Returns the trials by number.
    pub fn run(
        &self,
        journal: &Path,
        workers: usize,
        until: Option<Instant>,
        objective: &Objective<'_>,
        overseer: &mut dyn Overseer,
    ) -> Result<Vec<Trial>> {
        let stop = AtomicBool::new(false);
        let workers = workers.clamp(1, self.parallel.max(1));
        let each = (rayon::current_num_threads() / workers).max(1);
        let (sender, events) = channel();
        let results: Vec<Result<()>> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers)
                .map(|_| {
                    let (sender, stop) = (sender.clone(), &stop);
                    scope.spawn(move || {
                        let work = || {
                            let result = self.work(journal, until, objective, &sender, stop);
                            if result.is_err() {
                                stop.store(true, Ordering::Relaxed);
                            }
                            result
                        };
                        if workers == 1 {
                            return work();
                        }
                        // Each worker gets an equal part of the threads.
                        let pool = rayon::ThreadPoolBuilder::new().num_threads(each).build();
                        pool.map_err(|e| Error::invalid(format!("cannot start {each} threads: {e}")))?.install(work)
                    })
                })
                .collect();
            drop(sender);
            loop {
                match events.recv_timeout(LOOK_EVERY) {
                    Ok(event) => overseer.event(event),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
                if overseer.stops() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            let join = |handle: std::thread::ScopedJoinHandle<'_, _>| match handle.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            handles.into_iter().map(join).collect()
        });
        let trials = self.open(journal)?.trials().to_vec();
        // The error of a worker that only stopped because of another's fault is not reported.
        let faults = results.into_iter().filter_map(Result::err);
        match faults.min_by_key(|fault| matches!(fault, Error::Interrupted(_))) {
            Some(fault) => Err(fault),
            None => Ok(trials),
        }
    }

    /// Returns the study's journal.
    pub fn open(&self, journal: &Path) -> Result<Journal> {
        Journal::open(journal, &self.name, self.direction, self.seed, &self.space)
    }

    /// Returns how many trials there will be: a grid may have fewer points than the requested trials.
    pub fn limit(&self) -> usize {
        self.sampler.most(&self.space).map_or(self.trials, |most| most.min(self.trials))
    }

    /// Returns the trials that trial `number` may see.
    pub fn seen<'t>(&self, number: usize, trials: &'t [Trial]) -> &'t [Trial] {
        &trials[..(number + 1).saturating_sub(self.parallel.max(1)).min(trials.len())]
    }

    /// Returns the new trial `number`, from those before it.
    pub fn trial(&self, number: usize, trials: &[Trial]) -> Trial {
        let seen = self.seen(number, trials);
        let at = Situation { space: &self.space, seen, number, seed: self.seed, direction: self.direction };
        // 31 bits: a seed that people can type again.
        let own = Rng::new(self.seed, "study trial", number as u64).bits() >> 33;
        Trial::new(number, self.sampler.sample(&at), if self.own_seeds { own } else { self.seed })
    }

    /// Takes one trial after the other.
    fn work(
        &self,
        journal: &Path,
        until: Option<Instant>,
        objective: &Objective<'_>,
        events: &Sender<StudyEvent>,
        stop: &AtomicBool,
    ) -> Result<()> {
        let mut journal = self.open(journal)?;
        loop {
            if stop.load(Ordering::Relaxed) {
                return Err(Error::Interrupted("interrupted between trials".into()));
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Ok(());
            }
            match journal.claim(self.limit(), self.parallel.max(1), |number, trials| self.trial(number, trials))? {
                Next::Over => return Ok(()),
                Next::Wait => std::thread::sleep(LOOK_EVERY),
                Next::Run(trial, claim) => self.one(*trial, claim, &mut journal, objective, events, stop)?,
            }
        }
    }

    /// Runs one trial and writes its end.
    fn one(
        &self,
        mut trial: Trial,
        claim: Claim,
        journal: &mut Journal,
        objective: &Objective<'_>,
        events: &Sender<StudyEvent>,
        stop: &AtomicBool,
    ) -> Result<()> {
        // The receiver may be gone; the journal is what counts.
        let _ = events.send(StudyEvent::Begun(trial.clone()));
        let (started, given) = (Instant::now(), trial.clone());
        let seen = self.seen(trial.number, journal.trials()).to_vec();
        let (mut pruned, mut fault) = (false, None);
        let result = objective(&given, &mut |step, value| {
            if !value.is_finite() {
                fault = Some(Error::invalid(format!("reports {value} at step {step}")));
                return Prune::Yes;
            }
            trial.note(step, value);
            if let Err(error) = journal.report(&trial, step, value) {
                fault = Some(error);
                return Prune::Yes;
            }
            let _ = events.send(StudyEvent::Step(trial.number, step));
            if stop.load(Ordering::Relaxed) {
                fault = Some(Error::Interrupted(format!("interrupted in trial {}", trial.number)));
                return Prune::Yes;
            }
            pruned = pruned || self.pruner.prune(&trial, &seen, self.direction);
            if pruned { Prune::Yes } else { Prune::No }
        });
        trial.seconds = started.elapsed().as_secs_f64();
        let result = fault.map_or(result, Err);
        (trial.state, trial.value) = match result {
            Err(error @ (Error::Interrupted(_) | Error::Data { .. } | Error::Io { .. } | Error::State(_))) => {
                return Err(error);
            }
            Err(error) => {
                trial.fault = error.to_string();
                (State::Failed, None)
            }
            Ok(_) if pruned => (State::Pruned, trial.best_until(usize::MAX, self.direction)),
            Ok(value) if value.is_finite() => (State::Complete, Some(value)),
            Ok(value) => {
                trial.fault = format!("its value is {value}");
                (State::Failed, None)
            }
        };
        journal.finish(&trial, claim)?;
        let _ = events.send(StudyEvent::Over(trial));
        Ok(())
    }
}
