//! The head of a run's report: the title and the author that the user gives.

use clap::Args;
use gradus::Result;
use gradus::run::RunFolder;
use gradus::run::book::{AUTHOR, SMOKE, TITLE};

#[derive(Debug, Args)]
#[command(next_help_heading = "Report")]
pub(crate) struct Masthead {
    /// Title of the report
    #[arg(long, value_name = "WORDS")]
    title: Option<String>,
    /// Author of the report
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
}

impl Masthead {
    /// Records title and author in the run's env.json, where its report finds them, and whether the run is a smoke run.
    pub(crate) fn note(&self, folder: &RunFolder, is_smoke: bool) -> Result<()> {
        for (key, words) in [(TITLE, &self.title), (AUTHOR, &self.author)] {
            if let Some(words) = words.as_ref().filter(|words| !words.trim().is_empty()) {
                folder.update_env(key, words.trim())?;
            }
        }
        if is_smoke { folder.update_env(SMOKE, true) } else { Ok(()) }
    }
}
