//! Runs a study of an experiment as a whole: its trials, the test of the best network, and the report.

use super::importance::Importance;
use super::job::StudyJob;
use super::outcome::{BEST, StudyOutcome};
use super::report;
use super::run::{Overseer, Study, StudyEvent};
use super::settings::StudySettings;
use super::trial::{Prune, State, Trial, best};
use crate::error::{Error, Result};
use crate::experiment::read::{self, to_toml};
use crate::experiment::{self, Prepared, Source};
use crate::run::book::fault_of;
use crate::run::folder::Finisher;
use crate::run::{Beginning, RunFolder, Watch, identity};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The journal's name in the run's folder.
pub const JOURNAL: &str = "study.jsonl";
/// The database's name there, if one is requested.
pub const DATABASE: &str = "study.db";

/// The number of concurrent trials, and the time limit.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Trials that are trained at the same time.
    pub workers: usize,
    /// After this time no trial is begun.
    pub timeout: Option<Duration>,
}

impl StudyJob {
    /// Runs the study in `folder`, or continues it; several processes may. Then the best trial is trained again and
    /// tested, and the report written; if all trials are finished, and not only the time is over, the study is
    /// complete. Returns `metrics.json`.
    pub fn run(&self, folder: &RunFolder, effort: Effort, watch: &mut dyn Watch) -> Result<Value> {
        const STAGES: usize = 3;
        let started = Instant::now();
        watch.stage(1, STAGES, "trials");
        // The data are checked before the first trial: a fault in them is not the fault of a trial.
        let mut prepared = Prepared::new(&self.experiment, watch)?;
        experiment::cost::check(&self.experiment, &prepared)?;
        if prepared.val.is_empty() && !self.is_folded() {
            let what = "is 0: there are no validation samples, by which trials are compared";
            return Err(Error::config("data.val", what, "give a fraction above 0, such as 0.15"));
        }
        let sha256 = prepared.data.sha256.clone();
        identity::settle(folder, self.experiment.data.source(), &mut prepared.data)?;
        drop(prepared);
        let study = self.study()?;
        let journal = folder.path(JOURNAL);
        let stops = AtomicBool::new(false);
        let known = {
            let mut opened = study.open(&journal)?;
            let kept = self.kept_settings();
            let changes = kept.compare(&opened.settle(kept.values())?, &[])?;
            changes.iter().for_each(|change| watch.note(&format!("changed in config.toml: {change}")));
            opened.trials().to_vec()
        };
        let over = known.iter().filter(|trial| trial.is_finished()).count();
        if over > 0 {
            watch.note(&format!("resuming after {over} trials"));
        }
        let mut live = Live::new(self, study.limit(), &known, watch, &stops);
        let until = effort.timeout.map(|timeout| Instant::now() + timeout);
        let objective = |trial: &Trial, report: &mut dyn FnMut(usize, f64) -> Prune| {
            self.train(trial, Some(&sha256), report, &stops)
        };
        let trials = study.run(&journal, effort.workers, until, &objective, &mut live)?;
        let Some(best) = best(&trials, study.direction) else {
            let fault = trials.iter().find(|trial| !trial.fault.is_empty()).map(|trial| trial.fault.as_str());
            let what = fault.unwrap_or("the time was too short").replace("\n  help: ", "; ");
            return Err(Error::invalid(format!("no trial was completed: {what}")));
        };

        watch.stage(2, STAGES, "best trial");
        // Another process may be doing it: the second one finds the work done.
        let _finisher = wait_for(folder, watch)?;
        let metrics = self.retrain(best, folder, &sha256, watch)?;

        watch.stage(3, STAGES, "report");
        let importance = Importance::of(&self.space, &trials, study.direction, study.seed);
        let outcome = StudyOutcome {
            job: self,
            direction: study.direction,
            trials: &trials,
            best,
            importance,
            metrics: &metrics,
        };
        let fault = fault_of(report::write(&outcome, folder), folder, watch)?;
        let mut metrics = outcome.figures(started.elapsed().as_secs_f64());
        if let Some(fault) = fault {
            metrics["warning"] = fault.into();
        }
        folder.write("metrics.json", &serde_json::to_vec_pretty(&metrics).expect("numbers and words"))?;
        // Another process may have requested more trials meanwhile.
        let file = Source::text(&folder.config_text()?, "config.toml")?.resolve()?;
        let limit = Study { trials: StudySettings::read(&file.study)?.trials, ..study }.limit();
        if trials.len() >= limit && !trials.iter().any(Trial::is_ours_to_run) {
            let _ = std::fs::remove_dir(journal.with_extension("running"));
            folder.list(JOURNAL)?;
            folder.complete()?;
        }
        Ok(metrics)
    }

    /// Trains the best trial as a run of its own, or resumes that; a run of another trial there is replaced.
    fn retrain(&self, best: &Trial, folder: &RunFolder, sha256: &str, watch: &mut dyn Watch) -> Result<Value> {
        let (path, e) = (folder.path(BEST), self.at(&best.point, best.seed)?);
        let config = to_toml(&e);
        // Its data may lie elsewhere by now; their checksum shows whether they are the same.
        let is_same = |run: &RunFolder| {
            read::of_run(run).is_ok_and(|mut there| {
                there.data.path.clone_from(&e.data.path);
                there == e
            })
        };
        let there = RunFolder::open(&path).ok().filter(is_same);
        if let Some(run) = there.as_ref().filter(|run| run.is_complete()) {
            return run.read_json("metrics.json");
        }
        let run = match there {
            Some(run) => run.locked()?,
            None => {
                let words = folder.env("command_line")?;
                let line: Vec<String> = serde_json::from_value(words).unwrap_or_default();
                let threads = rayon::current_num_threads();
                let data = (!e.data.path.is_empty()).then(|| std::path::Path::new(&e.data.path));
                let recipe = "train";
                let beginning = Beginning { recipe, config: &config, seed: e.seed, data, command_line: &line, threads };
                let run = RunFolder::create(&path, beginning, true)?;
                if !e.data.kind.source().is_rendered() {
                    run.update_env(identity::CHECKSUM, sha256)?;
                }
                run
            }
        };
        experiment::run(&e, &run, watch)
    }
}

/// Returns the right to write the end of the study; waits while another process has it.
fn wait_for(folder: &RunFolder, watch: &mut dyn Watch) -> Result<Finisher> {
    loop {
        if let Some(finisher) = folder.finisher()? {
            return Ok(finisher);
        }
        if watch.interrupted() {
            return Err(Error::Interrupted("interrupted before the best trial".into()));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Reports the state of a running study to a [`Watch`].
struct Live<'a> {
    job: &'a StudyJob,
    limit: usize,
    watch: &'a mut dyn Watch,
    stops: &'a AtomicBool,
    /// Steps of the trials that are running.
    running: BTreeMap<usize, usize>,
    over: usize,
    pruned: usize,
    failed: usize,
    best: Option<(f64, usize)>,
}

impl<'a> Live<'a> {
    fn new(job: &'a StudyJob, limit: usize, known: &[Trial], watch: &'a mut dyn Watch, stops: &'a AtomicBool) -> Self {
        let (running, over, pruned, failed, best) = (BTreeMap::new(), 0, 0, 0, None);
        let mut live = Self { job, limit, watch, stops, running, over, pruned, failed, best };
        for trial in known.iter().filter(|trial| trial.is_finished()) {
            live.count(trial);
        }
        let steps = format!("{}s", job.steps().1);
        live.watch
            .epoch(&row(["trial", "", job.measure().words, steps.as_str(), "seconds", "settings"].map(String::from)));
        live
    }

    /// Adds a finished trial; returns whether it is the best so far.
    fn count(&mut self, trial: &Trial) -> bool {
        self.over += 1;
        self.pruned += usize::from(trial.state == State::Pruned);
        self.failed += usize::from(trial.state == State::Failed);
        let loss = |value: f64| self.job.measure().direction.loss(value);
        let counts = trial.state == State::Complete && !trial.foreign;
        let Some(value) = trial.value.filter(|_| counts) else { return false };
        let better = self.best.is_none_or(|(best, _)| loss(value) < loss(best));
        if better {
            self.best = Some((value, trial.number));
        }
        better
    }

    fn show(&mut self) {
        let epochs = self.job.steps().0;
        let done = self.over * epochs + self.running.values().sum::<usize>();
        let best = match self.best {
            Some((value, number)) => format!("best {value:.5} (trial {number})"),
            None => "no result yet".into(),
        };
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let (running, pruned) = (self.running.len(), self.pruned);
        let remark =
            format!("{best}; {} of {} over, {running} running, {pruned} pruned{failed}", self.over, self.limit);
        self.watch.progress(done.min(self.limit * epochs), self.limit * epochs, &remark);
    }
}

impl Overseer for Live<'_> {
    fn event(&mut self, event: StudyEvent) {
        match event {
            StudyEvent::Begun(trial) => drop(self.running.insert(trial.number, 0)),
            StudyEvent::Step(number, step) => drop(self.running.insert(number, step)),
            StudyEvent::Over(trial) => {
                self.running.remove(&trial.number);
                let best = self.count(&trial);
                let word = match trial.state {
                    State::Pruned => "pruned",
                    State::Failed => "failed",
                    _ if best => "best",
                    _ => "",
                };
                let mut settings = self.job.space.words(&trial.point);
                if let Some(fault) = trial.fault.lines().next() {
                    settings = format!("{settings}: {fault}");
                }
                let value = trial.value.map_or("-".into(), |value| format!("{value:.5}"));
                let (number, epochs) = (trial.number.to_string(), trial.last_step().to_string());
                let seconds = format!("{:.1}", trial.seconds);
                self.watch.note(&row([number, word.into(), value, epochs, seconds, settings]));
            }
        }
        self.show();
    }

    fn stops(&mut self) -> bool {
        if self.watch.interrupted() {
            self.stops.store(true, Ordering::Relaxed);
        }
        self.stops.load(Ordering::Relaxed)
    }
}

/// Returns a row of the live table.
fn row([number, word, value, epochs, seconds, settings]: [String; 6]) -> String {
    format!("{number:>5} {word:<6} {value:>19} {epochs:>6} {seconds:>8}  {settings}")
}
