//! The flags that stand for settings, shared by the commands that take a configuration.

use clap::Args;
use gradus::Result;
use gradus::pipeline::ConfigSource;
use std::path::PathBuf;

/// Flags beat `--set`, which beats the config file, which beats the defaults.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsArgs {
    /// `galaxies` (rendered by the program), or a folder or .zip with one sub-folder of images per class, or with
    /// train/, val/, test/ holding such folders [default: galaxies]
    #[arg(long, value_name = "PATH")]
    data: Option<String>,
    /// A file of settings; --print-config shows all of them
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// One setting, such as cnn.lr=1e-4 or cnn.widths=[8,16]; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Seed of everything random but the data, whose split has a seed of its own: --set data.seed=N [default: 42]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Most epochs of both networks
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Height and width to which images are brought [default: 128]
    #[arg(long, value_name = "PIXELS")]
    size: Option<u32>,
    /// Colour of the images; auto is rgb when the training images are in colour [default: auto]
    #[arg(long, value_parser = ["auto", "gray", "rgb"])]
    color: Option<String>,
    /// Keep files together whose first capture group is the same, a patient's number, say: '(patient\d+)_'
    #[arg(long, value_name = "REGEX")]
    group_by: Option<String>,
    /// Every stage in a few seconds: few small images, few epochs
    #[arg(long)]
    smoke: bool,
}

impl SettingsArgs {
    /// Whether this is a smoke run: small images and few epochs, to see that every stage works.
    pub(crate) fn is_smoke(&self) -> bool {
        self.smoke
    }

    /// What was written of the settings: in the file, then by `--set`, then by flags.
    pub(crate) fn source(&self) -> Result<ConfigSource> {
        let mut settings = self.config.as_deref().map_or(Ok(ConfigSource::new()), ConfigSource::file)?;
        self.set.iter().try_for_each(|set| settings.set(set))?;
        if self.smoke {
            settings.smoke();
        }
        for (flag, key, text) in [
            ("--data", "data.source", &self.data),
            ("--color", "data.color", &self.color),
            ("--group-by", "data.group_by", &self.group_by),
        ] {
            if let Some(text) = text {
                settings.flag(flag, key, text.as_str())?;
            }
        }
        for (flag, key, number) in [
            ("--seed", "seed", self.seed.map(|seed| seed as i64)),
            ("--epochs", "mlp.epochs", self.epochs.map(i64::from)),
            ("--epochs", "cnn.epochs", self.epochs.map(i64::from)),
            ("--size", "data.size", self.size.map(i64::from)),
        ] {
            if let Some(number) = number {
                settings.flag(flag, key, number)?;
            }
        }
        Ok(settings)
    }
}
