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
use super::space::{Searched, Space};
use super::tpe::Tpe;
use crate::error::{Error, Result};
use crate::experiment;
use crate::settings::{Schema, read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use toml::Table;

/// The sampler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// At random.
    Random,
    /// Near good points (tree-structured Parzen estimator).
    Tpe,
    /// Every combination of the values of a grid.
    Grid,
}

/// The pruner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PrunerKind {
    /// Never.
    None,
    /// When its best value so far is worse than the median of the others at the same epoch.
    Median,
    /// By successive halving, in several brackets (Li et al. 2018).
    Hyperband,
}

/// The seeds of the trials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Seeds {
    /// Each trial has its own, made of the study's and its number: no setting is chosen for its result with one seed.
    Own,
    /// All have the study's: differences are those of the settings. The split is the same in all trials either way: it
    /// has a seed of its own, `data.seed`.
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

/// The search for good settings: what `gradus study` reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StudySettings {
    /// Number of trials, 1 to 100000.
    #[schemars(extend("unit" = "trials"))]
    pub trials: usize,
    /// How the next point is chosen.
    pub sampler: SamplerKind,
    /// When a trial is pruned.
    pub pruner: PrunerKind,
    /// Trials that may run at the same time, 1 to 1024: trial t learns from those up to t - `parallel`.
    pub parallel: usize,
    /// For the sampler tpe: random trials to begin with.
    #[schemars(extend("unit" = "trials"))]
    pub startup: usize,
    /// For the sampler tpe: the fraction of trials that count as good, 0.01 to 0.5.
    pub gamma: f64,
    /// For the sampler grid: most values that are tried of one setting, 1 to 1000.
    pub values: usize,
    /// For the pruner median: epochs in which no trial is pruned.
    #[schemars(extend("unit" = "epochs"))]
    pub warmup: usize,
    /// For the pruner hyperband: one trial in so many continues, 2 to 100.
    pub factor: usize,
    /// Which seed a trial has.
    pub seeds: Seeds,
    /// What is searched: for each key of the file the values that it may take.
    #[schemars(with = "BTreeMap<String, Searched>")]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::builtin::ALL;
    use crate::settings::listing::{Block, blocks, listing};
    use toml::Value;

    /// The keys of a table for which there is no row, each with the list's items as `N`.
    fn missing(blocks: &[Block], path: &str, table: &Table, into: &mut Vec<String>) {
        let rows = || blocks.iter().flat_map(|block| &block.rows);
        for (key, value) in table {
            // What is searched is named by keys of the user's own.
            let key = if path == "study.space" { "KEY" } else { key };
            let key = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            // A layer within a layer has the keys of a layer.
            let after = |list: &&str| key.rfind(*list).map(|at| at + list.len());
            let key = match [".layer.N.", ".shortcut.N."].iter().filter_map(after).max() {
                Some(at) => format!("model.layer.N.{}", &key[at..]),
                None => key,
            };
            let is_row = rows().any(|row| row.key == key);
            match value {
                Value::Table(inner) if !is_row => missing(blocks, &key, inner, into),
                Value::Array(list) if list.iter().any(Value::is_table) => {
                    let inner = list.iter().filter_map(Value::as_table);
                    inner.for_each(|inner| missing(blocks, &format!("{key}.N"), inner, into));
                }
                _ if is_row => {}
                _ => into.push(key),
            }
        }
    }

    #[test]
    fn every_key_of_every_built_in_file_is_explained() {
        let blocks = blocks(&schema());
        for file in ALL {
            let mut unknown = Vec::new();
            missing(&blocks, "", &file.text.parse().unwrap(), &mut unknown);
            assert!(unknown.is_empty(), "{}: {unknown:?}", file.name);
        }
        for row in blocks.iter().flat_map(|block| &block.rows) {
            assert!(row.sentence.ends_with('.'), "{}: {}", row.key, row.sentence);
            assert!(!row.sentence.contains("](") && !row.sentence.contains("::"), "{}: {}", row.key, row.sentence);
            assert!(!row.sort.is_empty() && !row.default.is_empty(), "{}", row.key);
        }
        for block in &blocks {
            assert!(!block.about.is_empty(), "{}", block.path);
        }
        // Nothing is known that is not in the files at all.
        let mut unknown = Vec::new();
        let odd = "nam = 1\n[train]\nepoch = 2\n[study.space]\na = { lug = [1, 2] }\n[[model.layer]]\nlayer = [{ a = 1 }]\nshortcut = [{ b = 1 }]";
        missing(&blocks, "", &odd.parse().unwrap(), &mut unknown);
        assert_eq!(unknown, ["model.layer.N.a", "model.layer.N.b", "nam", "study.space.KEY.lug", "train.epoch"]);
    }

    #[test]
    fn the_keys_are_readable_at_80_columns() {
        let all = listing(&schema(), "").unwrap();
        let wide: Vec<&str> = all.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:#?}");
        let part = listing(&schema(), "train.optimizer").unwrap();
        assert!(part.starts_with("[train.optimizer]\n") && part.contains("kind = \"adadelta\""), "{part}");
        assert!(!part.contains("train.epochs") && !part.contains("data."), "{part}");
        // The decay of AdamW has another default than that of Adam.
        let decay = |kind: &str| {
            let part = listing(&schema(), &format!("train.optimizer.{kind}")).unwrap();
            let line = part.lines().find(|line| line.contains("weight_decay")).unwrap();
            line.split_whitespace().last().unwrap().to_owned()
        };
        assert_eq!((decay("adam").as_str(), decay("adamw").as_str()), ("0.0", "0.01"));
        let error = listing(&schema(), "epoch").unwrap_err().to_string();
        assert!(error.contains("did you mean `train.epochs`?"), "{error}");
    }
}
