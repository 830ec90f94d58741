//! `gradus init`: the files of the built-in experiments, and the keys that a file may hold.

use super::output;
use clap::Args;
use gradus::experiment::builtin;
use gradus::settings::listing::listing;
use gradus::{Error, Result};
use std::path::PathBuf;

/// Writes the commented file of a built-in experiment, to be read, changed and given to `gradus train`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  gradus init --list\n  gradus init cnn-small --out mine.toml\n  gradus init --keys\n  \
                  gradus init --keys train.optimizer"
)]
pub(crate) struct Init {
    /// The name of a built-in experiment
    #[arg(required_unless_present_any = ["list", "keys"])]
    name: Option<String>,
    /// Show the names and what they are
    #[arg(long)]
    list: bool,
    /// Show every key that a file may hold, with its default and what it means; with a PREFIX those that begin with it
    #[arg(long, value_name = "PREFIX", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["name", "list", "out"])]
    keys: Option<String>,
    /// The file to write; it must not exist [default: to the terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Init {
    pub(crate) fn run(self) -> Result<()> {
        if let Some(prefix) = &self.keys {
            return output::print(&listing(&gradus::study::settings::schema(), prefix)?);
        }
        if self.list {
            let rows: Vec<Vec<String>> =
                builtin::ALL.iter().map(|known| vec![known.name.to_owned(), known.about().to_owned()]).collect();
            return output::print(&output::table(&rows, 2));
        }
        let name = self.name.unwrap_or_default();
        let known = builtin::builtin(&name).ok_or_else(|| {
            let guess = builtin::nearest(&name).map_or(String::new(), |known| format!("did you mean `{known}`? "));
            Error::config(&name, "is not a built-in experiment", format!("{guess}`gradus init --list` shows all"))
        })?;
        let Some(path) = self.out else { return output::print(known.text) };
        if path.exists() {
            return Err(Error::config(format!("--out {}", path.display()), "exists already", "choose another name"));
        }
        gradus::files::write_atomic(&path, known.text.as_bytes())?;
        output::say(&format!("written: {}", path.display()));
        Ok(())
    }
}
