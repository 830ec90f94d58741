//! Cross-validation: how well a model does on rows that it was not trained on, measured on all rows but the test split.
//!
//! The test split is held out first. The other rows are divided into k folds: by class, so that each fold has the proportions
//! of the whole (stratified), or at random where numbers are predicted. For each fold a model is trained from the beginning on
//! the other folds and evaluated on this one (Stone 1974; Kohavi 1995), so that every row is evaluated once in each repeat.
//! Everything that is learned (weights, scales, categories, fills, the best epoch) is learned anew from the other folds alone:
//! of their rows the fraction `data.val` is the validation split that chooses the epoch. The folds of another repeat are drawn
//! anew.
//!
//! The figures are the mean and the standard deviation over all folds. The models of two folds share training rows, so the
//! deviation over √folds is no standard error of the mean; it is smaller than that (Bengio and Grandvalet 2004).
//!
//! A run keeps the figures of each finished fold, so that it resumes with the fold in which it was stopped.

use super::data::Data;
use super::folds::{CrossValidated, check_folds, fold_of_each};
use super::kinds::runner;
use super::load::{learn_categories, unlearned};
use super::prepared::Prepared;
use super::read::to_toml;
use super::spec::Experiment;
use super::task::NetworkOnSamples;
use crate::data::{ImageData, Images, split};
use crate::error::Result;
use crate::report::table::csv_bytes;
use crate::rng::Rng;
use crate::run::{RunFolder, Unwatched, Watch};
use crate::train::Observer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The rows outside the test split, ready to be divided.
pub struct CrossValidation<'a> {
    experiment: &'a Experiment,
    rows: Images,
    classes: Vec<String>,
    /// Checksum of the data.
    pub sha256: String,
}

impl<'a> CrossValidation<'a> {
    /// Reads the data of an experiment. Fails if there are more folds than samples of a class.
    pub fn new(e: &'a Experiment, watch: &mut dyn Watch) -> Result<Self> {
        let ImageData { train, val, classes, sha256, .. } = unlearned(e, watch)?;
        let rows = train.joined(&val);
        let folds = e.validation.folds;
        check_folds(folds, &rows.counts(), &classes)?;
        Ok(Self { experiment: e, rows, classes, sha256 })
    }

    /// Returns the number of models that are trained.
    pub fn models(&self) -> usize {
        self.experiment.validation.folds * self.experiment.validation.repeats
    }

    /// Returns the fold of each row in a repeat, from 0.
    fn of_rows(&self, repeat: usize) -> Vec<usize> {
        let e = self.experiment;
        fold_of_each(&self.rows.strata(), e.validation.folds, e.data.seed, repeat)
    }

    /// Returns the fold of each row in each repeat as a CSV file, folds counted from 1.
    pub fn table(&self) -> Vec<u8> {
        let repeats = 0..self.experiment.validation.repeats;
        let each: Vec<Vec<usize>> = repeats.clone().map(|repeat| self.of_rows(repeat)).collect();
        let head = std::iter::once("sample".to_owned()).chain(repeats.map(|repeat| format!("repeat {}", repeat + 1)));
        let mut rows = vec![head.collect::<Vec<String>>()];
        rows.extend(self.rows.names.iter().enumerate().map(|(i, name)| {
            std::iter::once(name.clone()).chain(each.iter().map(|of| (of[i] + 1).to_string())).collect()
        }));
        csv_bytes(rows).expect("the rows have one length")
    }

    /// Returns the data of one model: the fold is its test split.
    pub fn data(&self, number: usize) -> ImageData {
        let Data { seed, val, .. } = self.experiment.data;
        let folds = self.experiment.validation.folds;
        let (repeat, fold) = (number / folds, number % folds);
        let of = self.of_rows(repeat);
        let of_fold = |inside: bool| (0..of.len()).filter(|&i| (of[i] == fold) == inside).collect::<Vec<usize>>();
        let (rest, held) = (self.rows.subset(&of_fold(false)), self.rows.subset(&of_fold(true)));
        let mut rng = Rng::new(seed, "fold validation", number as u64);
        let part = split::stratified(&rest.strata(), &[1.0 - val, val], &mut rng);
        let of_part = |p: usize| (0..part.len()).filter(|&i| part[i] == p).collect::<Vec<usize>>();
        ImageData {
            train: rest.subset(&of_part(0)),
            val: rest.subset(&of_part(1)),
            test: held,
            classes: self.classes.clone(),
            skipped: Vec::new(),
            ignored: Default::default(),
            leakage: Vec::new(),
            sha256: self.sha256.clone(),
            given_splits: false,
            grouped: None,
        }
    }

    /// Trains the model of one fold and returns its figures on the fold.
    pub fn evaluate(&self, number: usize, observer: &mut dyn Observer) -> Result<Value> {
        let (e, mut data) = (self.experiment, self.data(number));
        learn_categories(&e.data, &mut data, &mut Unwatched)?;
        let p = Prepared::of(e, data, &mut Unwatched)?;
        let runner = runner(e.kind);
        runner.train(e, &p, observer)?;
        runner.figures(&NetworkOnSamples {
            experiment: e,
            model: &p.model,
            objective: &p.fit.objective,
            images: &p.data.test,
            samples: p.test.as_ref(),
            values: p.preparation.values.as_ref(),
        })
    }

    /// Evaluates all folds; those that `folder` holds of the same settings and data are taken from there.
    pub fn run(&self, folder: &RunFolder, watch: &mut dyn Watch) -> Result<CrossValidated> {
        let (all, mut kept) = (self.models(), self.kept(folder));
        if !kept.figures.is_empty() {
            watch.note(&format!("resuming the cross-validation after fold {} of {all}", kept.figures.len()));
        }
        for number in kept.figures.len()..all {
            watch.progress(number, all, &format!("fold {}", number + 1));
            kept.figures.push(self.evaluate(number, &mut Interrupted(watch))?);
            folder.write_unlisted(KEPT, &serde_json::to_vec_pretty(&kept).expect("plain numbers and words"))?;
        }
        watch.progress(all, all, "folds");
        let validation = self.experiment.validation;
        let (folds, repeats, rows) = (validation.folds, validation.repeats, self.rows.len());
        Ok(CrossValidated { folds, repeats, rows, figures: kept.figures })
    }

    /// The finished folds that a run holds, none of other settings or data; a file that cannot be read is as good as none.
    fn kept(&self, folder: &RunFolder) -> Kept {
        let none = Kept { experiment: to_toml(self.experiment), data: self.sha256.clone(), figures: Vec::new() };
        let read = std::fs::read(folder.path(KEPT)).ok().and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let is_same = |kept: &Kept| (&kept.experiment, &kept.data) == (&none.experiment, &none.data);
        read.filter(|kept| is_same(kept) && kept.figures.len() <= self.models()).unwrap_or(none)
    }
}

/// Where a run keeps its finished folds.
const KEPT: &str = "checkpoints/folds.json";

/// The finished folds of a run.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The settings, the seeds among them.
    experiment: String,
    /// Checksum of the data.
    data: String,
    /// The figures of each fold; those of fold f of repeat r, both from 0, are number r · folds + f.
    figures: Vec<Value>,
}

/// Stops the training of a fold when the run is to stop.
struct Interrupted<'a>(&'a mut dyn Watch);

impl Observer for Interrupted<'_> {
    fn interrupted(&self) -> bool {
        self.0.interrupted()
    }
}
