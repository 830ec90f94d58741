//! `gradus pipeline`: the main job.

use super::masthead::Masthead;
use super::settings::SettingsArgs;
use super::{job, output, signals};
use clap::Args;
use gradus::pipeline::{self, Config, source};
use gradus::run::{Beginning, RunFolder};
use gradus::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// From a folder of images to a report: features, K-means, an MLP and a CNN compared.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Pipeline {
    /// Show all settings as they would be used, and stop
    #[arg(long)]
    print_config: bool,
    /// The folder of the run itself; it must not exist [default: runs/DATE_pipeline_ID]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace --out if it holds a Gradus run (and only then)
    #[arg(long)]
    force: bool,
    /// Resume a run that was stopped
    #[arg(long, value_name = "RUN", conflicts_with = "force")]
    resume: Option<PathBuf>,
    /// Print metrics.json to stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    masthead: Masthead,
}

const EXAMPLES: &str = "\
Examples:
  gradus pipeline                                     rendered galaxies, a minute or so
  gradus pipeline --smoke                             every stage in a few seconds
  gradus pipeline --data photos/ --epochs 20          your own images
  gradus pipeline --data xray.zip --group-by '(person\\d+)_' --size 64
  gradus pipeline --set cnn.lr=1e-4 --set cnn.widths=[8,16,32]
  gradus pipeline --print-config > my.toml            all settings, to be changed and passed back:
  gradus pipeline --config my.toml
  gradus pipeline --resume runs/2026-11-20_pipeline_k7f3

A folder that is called `galaxies` is given as ./galaxies.";

impl Pipeline {
    pub(crate) fn run(self) -> Result<()> {
        if let Some(path) = &self.resume {
            return self.resume(path);
        }
        let config = self.settings.source()?.resolve()?;
        if self.print_config {
            return output::print(&source::to_toml(&config)?);
        }
        check_source(&config)?;
        signals::ask_first()?;
        let path = self.out.clone().unwrap_or_else(|| RunFolder::fresh_path("pipeline"));
        let line = job::command_line();
        let text = source::to_toml(&config)?;
        let beginning = Beginning {
            recipe: "pipeline",
            config: &text,
            seed: config.seed,
            data: (!config.is_rendered()).then(|| Path::new(&config.data.source)),
            command_line: &line,
            threads: rayon::current_num_threads(),
        };
        let folder = RunFolder::create(&path, beginning, self.force)?;
        self.masthead.note(&folder, self.settings.is_smoke())?;
        self.show(&folder, &job::run("pipeline", &folder, true, |watch| pipeline::run(&config, &folder, watch))?)
    }

    /// Resumes the run at `path`, with its own settings.
    fn resume(&self, path: &Path) -> Result<()> {
        let place = format!("--resume {}", path.display());
        let as_usage = |error| match error {
            Error::Data { what, help, .. } => Error::config(&place, what, help),
            other => other,
        };
        let folder = RunFolder::open(path).map_err(as_usage)?;
        let config = source::of_run(&folder).map_err(as_usage)?;
        self.check_unchanged(&place, path, &config)?;
        if self.print_config {
            return output::print(&source::to_toml(&config)?);
        }
        if folder.is_complete() {
            let folder = folder.verified()?;
            folder.config_text()?; // checked: an edited file would misstate how the run was made
            output::say(&format!("{} is complete: there is nothing left to do", path.display()));
            return self.show(&folder, &folder.read_json("metrics.json")?);
        }
        let folder = folder.locked()?;
        let config = at_home(config, &folder)?;
        check_source(&config)?;
        signals::ask_first()?;
        job::note_resumed(&folder)?;
        self.masthead.note(&folder, false)?;
        self.show(&folder, &job::run("pipeline", &folder, false, |watch| pipeline::run(&config, &folder, watch))?)
    }

    /// A resumed run keeps its settings and its place.
    fn check_unchanged(&self, place: &str, path: &Path, config: &Config) -> Result<()> {
        let help = "omit it, or start a new run";
        if self.out.as_ref().is_some_and(|out| out != path) {
            return Err(Error::config(place, "stays where it is: --out cannot be changed", help));
        }
        let wanted = self.settings.source()?.over(config)?;
        match source::difference(config, &wanted)? {
            Some((key, old, new)) => {
                Err(Error::config(place, format!("was begun with {key} = {old}; it cannot become {new}"), help))
            }
            None => Ok(()),
        }
    }

    /// Prints the result, short or as JSON.
    fn show(&self, folder: &RunFolder, metrics: &Value) -> Result<()> {
        if self.json {
            return output::json(metrics);
        }
        let accuracy = |name: &str| {
            let fraction = metrics[name]["test_accuracy"].as_f64();
            fraction.map_or("-".into(), |a| format!("{:.1} %", 100.0 * a))
        };
        let rows = [("K-means", "kmeans"), ("MLP on features", "mlp"), ("CNN on pixels", "cnn")];
        let rows = rows.map(|(label, name)| vec![label.to_owned(), accuracy(name)]);
        output::print(&format!("test accuracy\n{}{}", output::table(&rows, 1), job::report_line(folder)))
    }
}

/// A typing mistake should not leave a run folder behind.
fn check_source(config: &Config) -> Result<()> {
    let source = &config.data.source;
    if config.is_rendered() || Path::new(source).exists() {
        return Ok(());
    }
    let help = "check the spelling; a relative path starts at the current folder";
    Err(Error::data(source, "does not exist", help))
}

/// Finds relative data from where the run was begun, if they are not here.
fn at_home(mut config: Config, folder: &RunFolder) -> Result<Config> {
    if !config.is_rendered()
        && let Some(there) = folder.from_home(&config.data.source)?
    {
        config.data.source = there;
    }
    Ok(config)
}
