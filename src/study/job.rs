//! A study of an experiment: searches its settings over many trainings and tests the best network.
//!
//! A trial is the experiment with the trial's settings and seed. Its value is the best validation accuracy or loss
//! (the one by which the experiment keeps its best epoch, `train.keep`), and it reports that of each epoch. With
//! cross-validation (`validation.folds`) its value is the mean over the folds, and it reports the mean so far after each fold. At the end
//! the best complete trial is trained once more as a run of its own, in the folder `best/`, and evaluated on the test
//! split, which is not used before. It has the trial's seed, so its weights are the same, bit for bit.

use super::run::Study;
use super::settings::{Seeds, StudySettings};
use super::space::{Point, Space};
use super::trial::{Prune, Trial};
use crate::error::{Error, Result};
use crate::experiment::cross_validation::CrossValidation;
use crate::experiment::kinds::runner;
use crate::experiment::spec::Validation;
use crate::experiment::{Experiment, Prepared, Source, plan_early};
use crate::run::{RunFolder, Settings, Unwatched};
use crate::train::{Epoch, Measure, Observer};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// An experiment and the space that is searched.
pub struct StudyJob {
    /// The file, with the settings of the command line.
    pub source: Source,
    /// The experiment as the file has it.
    pub experiment: Experiment,
    /// Section `[study]`.
    pub settings: StudySettings,
    /// The space that is searched.
    pub space: Space,
}

impl StudyJob {
    /// Reads the section, and tries every parameter at its ends, and at each choice, on the experiment: a study should
    /// not fail in its tenth trial for a key that was misspelt.
    pub fn new(source: Source) -> Result<Self> {
        let experiment = source.resolve()?;
        if !experiment.kind.predicts() {
            let what = format!(
                "is {}: a study searches the settings of networks and of other predictors",
                experiment.kind.name
            );
            let help = "train it by `gradus train`, or study an experiment that predicts";
            return Err(source.say_where(Error::config("kind", what, help)));
        }
        let settings = StudySettings::read(&experiment.study).map_err(|error| source.say_where(error))?;
        let space = settings.space().map_err(|error| source.say_where(error))?;
        let job = Self { source, experiment, settings, space };
        for i in 0..job.space.params.len() {
            for value in job.space.params[i].domain.spread(2) {
                job.check(&job.with(i, value))?;
            }
        }
        Ok(job)
    }

    /// Returns a point where parameter `i` has a value, its conditions hold, and the others are in their middles.
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
            // Else a test sample of the best trial could have been a training sample of another.
            let validation = (e.validation != self.experiment.validation).then_some("validation");
            if let Some(key) = e.data.other_split(&self.experiment.data).or(validation) {
                let what = "changes the split, which all trials of a study share";
                return Err(Error::config(key, what, "search settings of the network or of its training"));
            }
            plan_early(&e)
        };
        check().map_err(|error| {
            let place = format!("[study.space] with {}", self.space.words(point));
            let text = error.to_string();
            let (what, help) = text.split_once("\n  help: ").unwrap_or((&text, "change the space, or the file"));
            Error::config(place, what.replace("--set ", ""), help)
        })
    }

    /// Returns the experiment with the settings of a point.
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

    /// Returns what a trial's value is: the figure by which its epochs are chosen or, with cross-validation, its mean over the
    /// folds.
    pub fn measure(&self) -> Measure {
        let measure = self.experiment.measures()[0];
        match (self.is_folded(), measure.key()) {
            (false, _) => measure,
            (true, "accuracy") => Measure { words: "cross-validated accuracy", ..measure },
            (true, _) => Measure { words: "cross-validated loss", ..measure },
        }
    }

    /// Whether trials are compared by cross-validation.
    pub(super) fn is_folded(&self) -> bool {
        self.experiment.validation.folds > 0
    }

    /// Returns the steps of a trial that is not pruned, and what a step is called.
    pub(super) fn steps(&self) -> (usize, &'static str) {
        let Validation { folds, repeats } = self.experiment.validation;
        let epochs = if self.experiment.kind.fitting.is_some() { 1 } else { self.experiment.train.epochs };
        if self.is_folded() { (folds * repeats, "fold") } else { (epochs, "epoch") }
    }

    /// Returns the study: space, sampler, pruner and the rest.
    pub fn study(&self) -> Result<Study> {
        Ok(Study {
            name: self.experiment.name.clone(),
            space: self.space.clone(),
            sampler: self.settings.sampler(),
            pruner: self.settings.pruner(self.steps().0)?,
            direction: self.measure().direction,
            trials: self.settings.trials,
            parallel: self.settings.parallel,
            seed: self.experiment.seed,
            own_seeds: self.settings.seeds == Seeds::Own,
        })
    }

    /// Returns the study with more trials, and writes the new number into the settings in its folder.
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

    /// Returns the settings of the study, and which of them may change before it is resumed: the number of
    /// trials, and the place of the data, whose checksum shows whether they are the same.
    pub(super) fn kept_settings(&self) -> Settings {
        let mut e = toml::Table::try_from(&self.experiment).expect("an experiment is plain tables");
        let study = toml::Table::try_from(&self.settings).expect("settings are plain tables");
        e.insert("study".into(), study.into());
        Settings::new(&e).free(&["name", "about", "report", "data.path", "study.trials"])
    }

    /// Trains one trial. `sha256` is the checksum of the study's data, if it is known: a trial on other data could not
    /// be compared with the rest, and its training set might hold test samples of the best. `stops` is called after
    /// each step.
    pub fn train(
        &self,
        trial: &Trial,
        sha256: Option<&str>,
        report: &mut dyn FnMut(usize, f64) -> Prune,
        stops: &AtomicBool,
    ) -> Result<f64> {
        let e = self.at(&trial.point, trial.seed)?;
        if self.is_folded() {
            return self.cross_validate(&e, sha256, report, stops);
        }
        let p = Prepared::new(&e, &mut Unwatched)?;
        same_data(&e, sha256, &p.data.sha256)?;
        let mut observer = Epochs { report, measure: self.measure(), best: None, pruned: false, stops };
        match runner(e.kind).train(&e, &p, &mut observer) {
            Err(Error::Interrupted(_)) if observer.pruned => {}
            result => result?,
        }
        observer.best.ok_or_else(|| Error::invalid("no epoch was completed"))
    }

    /// Trains a model for each fold; each fold reports the mean so far.
    fn cross_validate(
        &self,
        e: &Experiment,
        sha256: Option<&str>,
        report: &mut dyn FnMut(usize, f64) -> Prune,
        stops: &AtomicBool,
    ) -> Result<f64> {
        let all = CrossValidation::new(e, &mut Unwatched)?;
        same_data(e, sha256, &all.sha256)?;
        let (key, mut sum) = (self.measure().key(), 0.0);
        for number in 0..all.models() {
            let figures = all.evaluate(number, &mut Stopped(stops))?;
            sum += figures[key].as_f64().ok_or_else(|| Error::invalid(format!("fold {} has no {key}", number + 1)))?;
            if report(number + 1, sum / (number + 1) as f64) == Prune::Yes {
                break;
            }
        }
        Ok(sum / all.models() as f64)
    }
}

/// Refuses data other than those of the study, whose checksum is `known`.
fn same_data(e: &Experiment, known: Option<&str>, found: &str) -> Result<()> {
    if !e.data.kind.source().is_rendered() && known.is_some_and(|known| known != found) {
        let help = "put the same files back, and resume the study";
        return Err(Error::data(e.data.source(), "holds other samples than when this study began", help));
    }
    Ok(())
}

/// Stops the training of a fold with the study.
struct Stopped<'a>(&'a AtomicBool);

impl Observer for Stopped<'_> {
    fn interrupted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Hands each epoch to the study.
struct Epochs<'a> {
    report: &'a mut dyn FnMut(usize, f64) -> Prune,
    measure: Measure,
    best: Option<f64>,
    pruned: bool,
    stops: &'a AtomicBool,
}

impl Observer for Epochs<'_> {
    fn epoch(&mut self, e: &Epoch, _: bool) {
        let value = e.get(self.measure.name).expect("a study has validation samples");
        self.best = Some(self.best.map_or(value, |best| self.measure.direction.better(best, value)));
        self.pruned |= (self.report)(e.epoch, value) == Prune::Yes;
    }

    fn interrupted(&self) -> bool {
        self.pruned || self.stops.load(Ordering::Relaxed)
    }
}
