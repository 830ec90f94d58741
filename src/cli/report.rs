//! `gradus report`: writes a finished run's report again.

use super::evaluate::open_finished;
use super::masthead::Masthead;
use super::progress::Terminal;
use super::{output, signals};
use clap::Args;
use gradus::experiment::{self, read};
use gradus::pipeline::{self, source};
use gradus::run::RunFolder;
use gradus::{Error, Result};
use std::path::PathBuf;

/// Writes the report of a finished run again, from its weights and its data; nothing is trained.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  gradus report runs/2026-11-20_cnn-small_k7f3 --title \"Digits\" --author \"A. Student\""
)]
pub(crate) struct Report {
    /// The folder of a finished run
    run: PathBuf,
    #[command(flatten)]
    masthead: Masthead,
}

impl Report {
    pub(crate) fn run(self) -> Result<()> {
        signals::ask_first()?;
        let folder = RunFolder::open(&self.run)?;
        if !folder.is_complete() {
            return open_finished(&self.run).map(drop);
        }
        // Without its checksums, the files are written again from the run's state, and with them the checksums.
        let folder = folder.verified().or_else(|error| {
            output::say(&format!("warning: {error}"));
            Ok::<_, Error>(folder.clone())
        })?;
        if folder.recipe()? == "study" {
            self.masthead.note(&folder, false)?;
            return super::study::report(&folder);
        }
        let folder = folder.locked()?;
        self.masthead.note(&folder, false)?;
        let mut watch = Terminal::new(Some(folder.clone()));
        match folder.recipe()?.as_str() {
            "train" => drop(experiment::run(&read::at_home(read::of_run(&folder)?, &folder)?, &folder, &mut watch)?),
            "pipeline" => drop(pipeline::run(&source::of_run(&folder)?, &folder, &mut watch)?),
            other => return Err(Error::data(folder.root(), format!("is a run of `{other}`"), "use a newer gradus")),
        }
        watch.finish();
        output::print(&super::job::report_line(&folder))
    }
}
