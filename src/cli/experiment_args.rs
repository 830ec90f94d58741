//! The arguments that `train` and `study` have in common: the experiment, its settings, and the folder of its run.

use clap::Args;
use gradus::experiment::{self, Source, builtin};
use gradus::run::RunFolder;
use gradus::text::guess;
use gradus::{Error, Result};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct ExperimentArgs {
    /// A file, or the name of a built-in experiment (`gradus init --list`)
    #[arg(value_name = "EXP.toml|NAME", required_unless_present = "resume")]
    experiment: Option<String>,
    /// One setting, such as train.epochs=3 or model.layer.conv1.filters=16; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The folder or file of the data: stands for the key data.path
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// Epochs at most: stands for the key train.epochs
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Samples per step: stands for the key train.batch
    #[arg(long, value_name = "N")]
    batch: Option<u32>,
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

impl ExperimentArgs {
    /// Returns the experiment as it was typed.
    pub(super) fn word(&self) -> &str {
        self.experiment.as_deref().unwrap_or_default()
    }

    /// Returns the file with the settings of the command line.
    pub(super) fn source(&self) -> Result<Source> {
        let word = self.word();
        let mut source = match experiment::builtin(word) {
            Some(known) => Source::text(known.text, word)?,
            None if Path::new(word).exists() => Source::file(Path::new(word))?,
            None => return Err(missing(word)),
        };
        if let Some(path) = &self.data {
            source.data(path)?;
        }
        for (flag, key, number) in [
            ("--epochs", "train.epochs", self.epochs.map(i64::from)),
            ("--batch", "train.batch", self.batch.map(i64::from)),
        ] {
            number.map_or(Ok(()), |number| source.flag(flag, key, number))?;
        }
        self.set.iter().try_for_each(|set| source.set(set))?;
        self.seed.map_or(Ok(()), |seed| source.flag("--seed", "seed", seed as i64))?;
        Ok(source)
    }

    /// Returns the folder of the run, of this name if none was given.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| RunFolder::fresh_path(name))
    }
}

/// Returns the error for an experiment that does not exist: a missing file, or an unknown name.
fn missing(word: &str) -> Error {
    let path = Path::new(word);
    let looks_like_a_file = path.extension().is_some() || path.components().count() > 1;
    if !looks_like_a_file {
        let guess = builtin::nearest(word).map_or(String::new(), |known| format!("did you mean `{known}`? "));
        let help = format!("{guess}`gradus init --list` shows the built-in ones");
        return Error::config(word, "is neither a file nor a built-in experiment", help);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "toml"))
        .map(|file| file.strip_prefix("./").unwrap_or(&file).display().to_string())
        .collect();
    let guess = guess::nearest(word, files.iter().map(String::as_str));
    let help = match guess {
        Some(file) => format!("did you mean `{file}`?"),
        None => "`gradus init NAME --out FILE` writes an experiment to start from".to_owned(),
    };
    Error::config(word, "does not exist", help)
}
