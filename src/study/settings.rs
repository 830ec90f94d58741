//! Section `[study]` of an experiment file.
//!
//! ```toml
//! [study]
//! trials = 20
//! sampler = "tpe"      # random, tpe or grid
//! pruner = "median"    # none, median or hyperband
//!
//! [study.space]
//! "train.optimizer.lr" = { log = [1e-4, 1e-1] }
//! ```

use super::pruner::{Hyperband, Median, NoPruner, Pruner};
use super::sampler::{Grid, Random, Sampler};
use super::space::Space;
use super::tpe::Tpe;
use crate::error::{Error, Result};
use crate::experiment;
use crate::settings::{Schema, read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::Table;

/// Where to look next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// Anywhere.
    Random,
    /// Where good points have been.
    Tpe,
    /// All combinations.
    Grid,
}

/// When to give a trial up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrunerKind {
    /// Never.
    None,
    /// When it is worse than the median of others.
    Median,
    /// By successive halving, in several brackets.
    Hyperband,
}

/// Whose seed a trial has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Seeds {
    /// Its own, made of the study's and its number: a setting is not chosen for going well with one seed.
    Own,
    /// The study's: differences are those of the settings. The split is the same in all trials either way: it has a seed
    /// of its own, `data.seed`.
    Same,
}

/// Returns what a file of an experiment may hold, its section `[study]` included.
pub fn schema() -> Schema {
    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "its schema is what is used")]
    struct Beside {
        /// The search for good settings: what `gradus study` reads.
        #[serde(default)]
        study: StudySettings,
    }
    experiment::read::schema().and(Schema::of::<Beside>())
}

/// The section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StudySettings {
    /// How many trials there shall be.
    pub trials: usize,
    /// Where to look next.
    pub sampler: SamplerKind,
    /// When to give a trial up.
    pub pruner: PrunerKind,
    /// Trials that may run at the same time: trial t learns from those up to t - `parallel` (see [`super::run`]).
    pub parallel: usize,
    /// TPE: random trials to begin with.
    pub startup: usize,
    /// TPE: fraction of trials that are good.
    pub gamma: f64,
    /// Grid: values of a parameter that has more.
    pub values: usize,
    /// Median: epochs in which nothing is stopped.
    pub warmup: usize,
    /// Hyperband: one trial in so many goes on.
    pub factor: usize,
    /// Whose seed a trial has.
    pub seeds: Seeds,
    /// What is searched.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub space: Table,
}

impl Default for StudySettings {
    fn default() -> Self {
        let tpe = Tpe::default();
        Self {
            trials: 20,
            sampler: SamplerKind::Tpe,
            pruner: PrunerKind::None,
            parallel: 2,
            startup: tpe.startup,
            gamma: tpe.gamma,
            values: 4,
            warmup: Median::default().warmup,
            factor: 3,
            seeds: Seeds::Own,
            space: Table::new(),
        }
    }
}

impl StudySettings {
    /// Reads the section; the places of errors are its keys.
    pub fn read(section: &Table) -> Result<Self> {
        let settings: StudySettings = read("study", section.clone().into())?;
        Error::in_range("study.trials", settings.trials as f64, 1.0, 1e5)?;
        Error::in_range("study.parallel", settings.parallel as f64, 1.0, 1024.0)?;
        Error::in_range("study.gamma", settings.gamma, 0.01, 0.5)?;
        Error::in_range("study.values", settings.values as f64, 1.0, 1000.0)?;
        Error::in_range("study.factor", settings.factor as f64, 2.0, 100.0)?;
        if settings.space.is_empty() {
            let help = "write [study.space] with lines such as \"train.optimizer.lr\" = { log = [1e-4, 1e-1] }, or give \
                        --search 'train.optimizer.lr = { log = [1e-4, 1e-1] }'";
            return Err(Error::config("study.space", "is empty: there is nothing to search", help));
        }
        Ok(settings)
    }

    /// What is searched.
    pub fn space(&self) -> Result<Space> {
        Space::read(&self.space)
    }

    /// The sampler.
    pub fn sampler(&self) -> Box<dyn Sampler> {
        match self.sampler {
            SamplerKind::Random => Box::new(Random),
            SamplerKind::Tpe => Box::new(Tpe { startup: self.startup, gamma: self.gamma, ..Tpe::default() }),
            SamplerKind::Grid => Box::new(Grid { values: self.values }),
        }
    }

    /// The pruner, for trials of at most `epochs` epochs.
    pub fn pruner(&self, epochs: usize) -> Result<Box<dyn Pruner>> {
        Ok(match self.pruner {
            PrunerKind::None => Box::new(NoPruner),
            PrunerKind::Median => Box::new(Median { warmup: self.warmup, ..Median::default() }),
            PrunerKind::Hyperband => Box::new(Hyperband::new(epochs, self.factor)?),
        })
    }
}
