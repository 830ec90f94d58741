//! Which experiment is asked for, and where its run goes: the words that `train` and `study` share.

use clap::Args;
use gradus::experiment::{self, Source, builtin};
use gradus::run::RunFolder;
use gradus::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Asked {
    /// A file, or the name of a built-in experiment (`gradus init --list`)
    #[arg(value_name = "EXP.toml|NAME", required_unless_present = "resume")]
    experiment: Option<String>,
    /// One setting, such as train.epochs=3 or model.layer.conv1.filters=16; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Seed of everything random but the data, whose split has a seed of its own: --set data.seed=N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// The folder of the run itself; it must not exist [default: runs/DATE_NAME_ID]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace --out if it holds a Gradus run (and only then)
    #[arg(long)]
    pub(super) force: bool,
}

impl Asked {
    /// What was typed for the experiment.
    pub(super) fn word(&self) -> &str {
        self.experiment.as_deref().unwrap_or_default()
    }

    /// The file, with everything set upon it.
    pub(super) fn source(&self) -> Result<Source> {
        let word = self.word();
        let mut source = match experiment::builtin(word) {
            Some(known) => Source::text(known.text, word)?,
            None if Path::new(word).exists() => Source::file(Path::new(word))?,
            None => {
                let help = format!("did you mean `{}`? `gradus init --list` shows all", builtin::nearest(word));
                return Err(Error::config(word, "is neither a file nor a built-in experiment", help));
            }
        };
        self.set.iter().try_for_each(|set| source.set(set))?;
        if let Some(seed) = self.seed {
            source.set(&format!("seed={seed}"))?;
        }
        Ok(source)
    }

    /// The folder of the run, of this name if none was given.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| RunFolder::fresh_path(name))
    }
}
