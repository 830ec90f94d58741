//! A study of an experiment: from its file, over many trainings, to its best network, tested.
//!
//! A trial is the experiment with the trial's settings and seed. Its value is the best validation accuracy or loss,
//! whichever the experiment keeps its best epoch by (`train.keep`), and what it reports is that of each epoch. At the
//! end the best complete trial is trained once more as a run of its own, in the folder `best/`, and tested. It has the
//! trial's seed, so it comes to the same weights, bit for bit; the test split was never looked at before.

use super::importance::Importance;
use super::report;
use super::run::{Event, Overseer, Study};
use super::settings::{Seeds, Settings};
use super::space::{Point, Space};
use super::trial::{Direction, Prune, State, Trial, best};
use crate::error::{Error, Result};
use crate::experiment::answer;
use crate::experiment::read::to_toml;
use crate::experiment::{self, Experiment, Prepared, Source, plan};
use crate::files;
use crate::report::table::csv_bytes;
use crate::run::book::told;
use crate::run::folder::Finisher;
use crate::run::{Beginning, RunFolder, Settings as RunSettings, Unwatched, Watch, identity};
use crate::train::{Epoch, Keep, Observer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The journal's name in the run's folder.
pub const JOURNAL: &str = "study.jsonl";
/// The database's name there, if one is asked for.
pub const DATABASE: &str = "study.db";
/// The folder of the best trial's run.
pub const BEST: &str = "best";

/// An experiment and what is to be searched in it.
pub struct Job {
    /// The file, with all that was set upon it.
    pub source: Source,
    /// The experiment as the file has it.
    pub experiment: Experiment,
    /// Section `[study]`.
    pub settings: Settings,
    /// What is searched.
    pub space: Space,
}

/// How much is done at once, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Trials that are trained at the same time.
    pub workers: usize,
    /// After this time no trial is begun.
    pub timeout: Option<Duration>,
}

/// Everything a study found out.
pub struct Outcome<'a> {
    /// What was searched.
    pub job: &'a Job,
    /// Which values are better.
    pub direction: Direction,
    /// All trials by number.
    pub trials: &'a [Trial],
    /// The best of them.
    pub best: &'a Trial,
    /// Which parameters mattered, if there are trials enough to tell.
    pub importance: Option<Importance>,
    /// The figures of the best trial's run.
    pub metrics: &'a Value,
}

impl Job {
    /// Reads the section, and tries every parameter at its ends, and at each choice, on the experiment: a study should not
    /// fail in its tenth trial for a key that was misspelt.
    pub fn new(source: Source) -> Result<Self> {
        let experiment = source.resolve()?;
        let settings = Settings::read(&experiment.study).map_err(|error| source.say_where(error))?;
        let space = settings.space().map_err(|error| source.say_where(error))?;
        let job = Self { source, experiment, settings, space };
        for i in 0..job.space.params.len() {
            for value in job.space.params[i].domain.spread(2) {
                job.check(&job.with(i, value))?;
            }
        }
        Ok(job)
    }

    /// A point where parameter `i` has a value, its conditions hold, and the others are in their middles.
    fn with(&self, i: usize, value: f64) -> Point {
        let mut given = BTreeMap::from([(i, value)]);
        let mut child = i;
        while let Some(when) = &self.space.params[child].when {
            given.insert(when.parent, when.choices[0] as f64);
            child = when.parent;
        }
        self.space.point(|j, param| given.get(&j).copied().unwrap_or_else(|| param.domain.spread(1)[0]))
    }

    fn check(&self, point: &Point) -> Result<()> {
        let check = || {
            let e = self.at(point, self.experiment.seed)?;
            // Else a test sample of the best trial might have been a training sample of another.
            if let Some(key) = e.data.other_split(&self.experiment.data) {
                let what = "changes the split, which all trials of a study share";
                return Err(Error::config(key, what, "search settings of the network or of its training"));
            }
            e.input().map_or(Ok(()), |input| plan(&e, &input, e.classes().unwrap_or(2)).map(drop))
        };
        check().map_err(|error| {
            let place = format!("[study.space] with {}", self.space.words(point));
            let text = error.to_string();
            let (what, help) = text.split_once("\n  help: ").unwrap_or((&text, "change the space, or the file"));
            Error::config(place, what.replace("--set ", ""), help)
        })
    }

    /// The experiment with the settings of a point.
    pub fn at(&self, point: &Point, seed: u64) -> Result<Experiment> {
        let mut source = self.source.clone();
        for (key, value) in self.space.settings(point) {
            source.set(&format!("{key}={value}"))?;
        }
        source.set(&format!("seed={seed}"))?;
        let mut e = source.resolve()?;
        e.study.clear();
        Ok(e)
    }

    /// Small accuracies are as bad as large losses.
    pub fn direction(&self) -> Direction {
        match self.experiment.train.keep {
            Keep::Loss => Direction::Minimize,
            Keep::Accuracy => Direction::Maximize,
        }
    }

    /// What a trial's value is.
    pub fn measure(&self) -> &'static str {
        match self.direction() {
            Direction::Minimize => "validation loss",
            Direction::Maximize => "validation accuracy",
        }
    }

    /// The study: what is searched, and how.
    pub fn study(&self) -> Result<Study> {
        Ok(Study {
            name: self.experiment.name.clone(),
            space: self.space.clone(),
            sampler: self.settings.sampler(),
            pruner: self.settings.pruner(self.experiment.train.epochs)?,
            direction: self.direction(),
            trials: self.settings.trials,
            parallel: self.settings.parallel,
            seed: self.experiment.seed,
            own_seeds: self.settings.seeds == Seeds::Own,
        })
    }

    /// The same study with more trials; the settings in its folder say so from now on.
    pub fn with_trials(mut self, trials: usize, folder: &RunFolder) -> Result<Self> {
        let change = format!("study.trials: {} -> {trials}", self.settings.trials);
        let trials = toml::Value::Integer(i64::try_from(trials).unwrap_or(i64::MAX));
        // The file keeps the path of its data as it stands there.
        let mut file = Source::text(&folder.config_text()?, "config.toml")?;
        file.put(&["study", "trials"], trials.clone())?;
        folder.write_config(&file.to_toml())?;
        folder.extend_env("changed", [change.into()])?;
        self.source.put(&["study", "trials"], trials)?;
        Self::new(self.source)
    }

    /// The settings of the study, and which of them may change before it is resumed: more trials may be wanted. Data may
    /// lie elsewhere by then: their checksum tells whether they are the same.
    fn kept_settings(&self) -> RunSettings {
        let mut e = toml::Table::try_from(&self.experiment).expect("an experiment is plain tables");
        let study = toml::Table::try_from(&self.settings).expect("settings are plain tables");
        e.insert("study".into(), study.into());
        RunSettings::new(&e).free(&["name", "about", "report", "data.path", "study.trials"])
    }

    /// Trains one trial. `sha256` is the checksum of the study's data, if it is known: a trial on other data could not be
    /// compared with the rest, and its training set might hold test samples of the best. `stops` is asked after each step.
    pub fn train(
        &self,
        trial: &Trial,
        sha256: Option<&str>,
        report: &mut dyn FnMut(usize, f64) -> Prune,
        stops: &AtomicBool,
    ) -> Result<f64> {
        let e = self.at(&trial.point, trial.seed)?;
        let p = Prepared::new(&e, &mut Unwatched)?;
        if !e.data.kind.is_rendered() && sha256.is_some_and(|known| known != p.data.sha256) {
            let help = "put the same files back, and resume the study";
            return Err(Error::data(e.data.source(), "holds other samples than when this study began", help));
        }
        let mut optimizer = e.train.optimizer.build();
        let direction = self.direction();
        let mut observer = Epochs { report, direction, best: None, pruned: false, stops };
        let (train, val) = (p.train.as_ref(), p.val.as_ref());
        match p.fit.run(&p.model, optimizer.as_mut(), train, val, None, &mut observer) {
            Err(Error::Interrupted(_)) if observer.pruned => {}
            result => drop(result?),
        }
        observer.best.ok_or_else(|| Error::invalid("no epoch came to its end"))
    }

    /// Runs the study in `folder`, or continues it; several processes may. Then the best trial is trained again and tested,
    /// and the report written; if all trials are over by then, and not only the time, the study is complete. Returns
    /// `metrics.json`.
    pub fn run(&self, folder: &RunFolder, effort: Effort, watch: &mut dyn Watch) -> Result<Value> {
        const STAGES: usize = 3;
        let started = Instant::now();
        watch.stage(1, STAGES, "trials");
        // The data are looked at before the first trial: what is wrong with them is no trial's fault.
        let mut prepared = Prepared::new(&self.experiment, watch)?;
        experiment::cost::check(&self.experiment, &prepared)?;
        if prepared.val.is_empty() {
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
            return Err(Error::invalid(format!("no trial came to its end: {what}")));
        };

        watch.stage(2, STAGES, "best trial");
        // Another process may be at it: who comes second finds the work done.
        let _finisher = wait_for(folder, watch)?;
        let metrics = self.retrain(best, folder, &sha256, watch)?;

        watch.stage(3, STAGES, "report");
        let importance = Importance::of(&self.space, &trials, study.direction, study.seed);
        let outcome =
            Outcome { job: self, direction: study.direction, trials: &trials, best, importance, metrics: &metrics };
        let fault = told(report::write(&outcome, folder), folder, watch)?;
        let mut metrics = outcome.figures(started.elapsed().as_secs_f64());
        if let Some(fault) = fault {
            metrics["warning"] = fault.into();
        }
        folder.write("metrics.json", &serde_json::to_vec_pretty(&metrics).expect("numbers and words"))?;
        // Another process may have been asked for more trials meanwhile.
        let file = Source::text(&folder.config_text()?, "config.toml")?.resolve()?;
        let limit = Study { trials: Settings::read(&file.study)?.trials, ..study }.limit();
        if trials.len() >= limit && !trials.iter().any(Trial::is_ours_to_run) {
            let _ = std::fs::remove_dir(journal.with_extension("running"));
            folder.list(JOURNAL)?;
            folder.complete()?;
        }
        Ok(metrics)
    }

    /// Trains the best trial as a run of its own, or goes on with that; what is there of another trial is replaced.
    fn retrain(&self, best: &Trial, folder: &RunFolder, sha256: &str, watch: &mut dyn Watch) -> Result<Value> {
        let (path, e) = (folder.path(BEST), self.at(&best.point, best.seed)?);
        let config = to_toml(&e);
        // Its data may lie elsewhere by now; their checksum tells whether they are the same.
        let is_same = |run: &RunFolder| {
            answer::of_run(run).is_ok_and(|mut there| {
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
                if !e.data.kind.is_rendered() {
                    run.update_env(identity::CHECKSUM, sha256)?;
                }
                run
            }
        };
        experiment::run(&e, &run, watch)
    }
}

/// The right to write the end of the study; waits while another process has it.
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

/// Hands each epoch to the study.
struct Epochs<'a> {
    report: &'a mut dyn FnMut(usize, f64) -> Prune,
    direction: Direction,
    best: Option<f64>,
    pruned: bool,
    stops: &'a AtomicBool,
}

impl Observer for Epochs<'_> {
    fn epoch(&mut self, e: &Epoch, _: bool) {
        let value = match self.direction {
            Direction::Minimize => e.val_loss,
            Direction::Maximize => e.val_accuracy,
        };
        let value = value.expect("a study has validation samples");
        self.best = Some(self.best.map_or(value, |best| self.direction.better(best, value)));
        self.pruned |= (self.report)(e.epoch, value) == Prune::Yes;
    }

    fn interrupted(&self) -> bool {
        self.pruned || self.stops.load(Ordering::Relaxed)
    }
}

/// The state of a study while it runs, told to a [`Watch`].
struct Live<'a> {
    job: &'a Job,
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
    fn new(job: &'a Job, limit: usize, known: &[Trial], watch: &'a mut dyn Watch, stops: &'a AtomicBool) -> Self {
        let (running, over, pruned, failed, best) = (BTreeMap::new(), 0, 0, 0, None);
        let mut live = Self { job, limit, watch, stops, running, over, pruned, failed, best };
        for trial in known.iter().filter(|trial| trial.is_finished()) {
            live.count(trial);
        }
        live.watch.epoch(&row(["trial", "", job.measure(), "epochs", "seconds", "settings"].map(String::from)));
        live
    }

    /// Takes a finished trial in; tells whether it is the best so far.
    fn count(&mut self, trial: &Trial) -> bool {
        self.over += 1;
        self.pruned += usize::from(trial.state == State::Pruned);
        self.failed += usize::from(trial.state == State::Failed);
        let loss = |value: f64| self.job.direction().loss(value);
        let counts = trial.state == State::Complete && !trial.foreign;
        let Some(value) = trial.value.filter(|_| counts) else { return false };
        let better = self.best.is_none_or(|(best, _)| loss(value) < loss(best));
        if better {
            self.best = Some((value, trial.number));
        }
        better
    }

    fn show(&mut self) {
        let epochs = self.job.experiment.train.epochs;
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
    fn event(&mut self, event: Event) {
        match event {
            Event::Begun(trial) => drop(self.running.insert(trial.number, 0)),
            Event::Step(number, step) => drop(self.running.insert(number, step)),
            Event::Over(trial) => {
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

/// A row of the live table.
fn row([number, word, value, epochs, seconds, settings]: [String; 6]) -> String {
    format!("{number:>5} {word:<6} {value:>19} {epochs:>6} {seconds:>8}  {settings}")
}

impl Outcome<'_> {
    /// The trials in this state.
    pub fn count(&self, state: State) -> usize {
        self.trials.iter().filter(|trial| trial.state == state).count()
    }

    /// Epochs of all trials together.
    pub fn epochs(&self) -> usize {
        self.trials.iter().map(|trial| trial.curve.len()).sum()
    }

    /// The content of `metrics.json`.
    fn figures(&self, seconds: f64) -> Value {
        let space = &self.job.space;
        let set = |trial: &Trial| -> Map<String, Value> {
            let each = space.params.iter().zip(&trial.point);
            let named = each.filter_map(|(param, value)| Some((param.name.clone(), param.domain.value((*value)?))));
            named.map(|(name, value)| (name, serde_json::to_value(value).expect("plain values"))).collect()
        };
        let shares = self.importance.as_ref().map(|importance| {
            let each = space.params.iter().zip(&importance.shares);
            each.map(|(param, share)| (param.name.clone(), json!(share))).collect::<Map<String, Value>>()
        });
        json!({
            "recipe": "study",
            "experiment": self.job.experiment.name,
            "seed": self.job.experiment.seed,
            "measure": self.job.measure(),
            "trials": self.trials.len(),
            "complete": self.count(State::Complete),
            "pruned": self.count(State::Pruned),
            "failed": self.count(State::Failed),
            "epochs": self.epochs(),
            "best": {
                "trial": self.best.number, "value": self.best.value, "seed": self.best.seed, "settings": set(self.best),
                "run": BEST, "val": self.metrics["val"], "test": self.metrics["test"],
            },
            "importance": shares,
            "seconds": { "trials": self.trials.iter().map(|trial| trial.seconds).sum::<f64>(), "total": seconds },
        })
    }

    /// All trials as a file: what was tried, and what came of it.
    pub fn table(&self) -> Vec<u8> {
        let head = ["trial", "state", "value", "epochs", "seconds", "seed"].map(String::from);
        let names = self.job.space.params.iter().map(|param| param.name.clone());
        let mut rows: Vec<Vec<String>> = vec![head.into_iter().chain(names).collect()];
        for trial in self.trials {
            let state = format!("{:?}", trial.state).to_lowercase();
            let value = trial.value.map_or(String::new(), |value| value.to_string());
            let (epochs, seconds) = (trial.curve.len().to_string(), format!("{:.3}", trial.seconds));
            let mut row = vec![trial.number.to_string(), state, value, epochs, seconds, trial.seed.to_string()];
            let each = self.job.space.params.iter().zip(&trial.point);
            row.extend(each.map(|(param, value)| {
                value.map_or(String::new(), |value| {
                    let value = param.domain.value(value);
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                })
            }));
            rows.push(row);
        }
        csv_bytes(rows).expect("the rows have one length")
    }

    /// Writes the table of all trials.
    pub(super) fn save_table(&self, folder: &RunFolder) -> Result<()> {
        files::write_atomic(folder.path("tables/trials.csv"), &self.table())
    }
}
