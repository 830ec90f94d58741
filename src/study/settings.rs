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
use serde::{Deserialize, Serialize};
use toml::Table;

/// The sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// At random.
    Random,
    /// Near good points (tree-structured Parzen estimator).
    Tpe,
    /// All combinations.
    Grid,
}

/// The pruner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrunerKind {
    /// Never.
    None,
    /// When it is worse than the median of others.
    Median,
    /// By successive halving, in several brackets.
    Hyperband,
}

/// The seeds of the trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seeds {
    /// Each trial has its own, made of the study's and its number: no setting is chosen for its result with one seed.
    Own,
    /// All have the study's: differences are those of the settings. The split is the same in all trials either way: it
    /// has a seed of its own, `data.seed`.
    Same,
}

/// The section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The number of trials.
    pub trials: usize,
    /// The sampler.
    pub sampler: SamplerKind,
    /// The pruner.
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
    /// Hyperband: one trial in so many continues.
    pub factor: usize,
    /// The seeds of the trials.
    pub seeds: Seeds,
    /// The space.
    pub space: Table,
}

impl Default for Settings {
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

impl Settings {
    /// Reads the section; the places of errors are its keys.
    pub fn read(section: &Table) -> Result<Self> {
        let settings: Settings = toml::Value::Table(section.clone()).try_into().map_err(|e: toml::de::Error| {
            let words: Vec<&str> = e.message().split('`').collect();
            let place = match words.as_slice() {
                [_, key, ..] if section.contains_key(*key) => format!("study.{key}"),
                _ => "study".into(),
            };
            Error::config(place, e.message().trim(), "`gradus help study` shows examples")
        })?;
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

    /// Returns the space.
    pub fn space(&self) -> Result<Space> {
        Space::read(&self.space)
    }

    /// Returns the sampler.
    pub fn sampler(&self) -> Box<dyn Sampler> {
        match self.sampler {
            SamplerKind::Random => Box::new(Random),
            SamplerKind::Tpe => Box::new(Tpe { startup: self.startup, gamma: self.gamma, ..Tpe::default() }),
            SamplerKind::Grid => Box::new(Grid { values: self.values }),
        }
    }

    /// Returns the pruner, for trials of at most `epochs` epochs.
    pub fn pruner(&self, epochs: usize) -> Result<Box<dyn Pruner>> {
        Ok(match self.pruner {
            PrunerKind::None => Box::new(NoPruner),
            PrunerKind::Median => Box::new(Median { warmup: self.warmup, ..Median::default() }),
            PrunerKind::Hyperband => Box::new(Hyperband::new(epochs, self.factor)?),
        })
    }
}
