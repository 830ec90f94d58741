//! `gradus init`: the files of the built-in experiments.

use super::output;
use clap::Args;
use gradus::experiment::builtin;
use gradus::{Error, Result};
use std::path::PathBuf;

/// Writes the commented file of a built-in experiment, to be read, changed and given to `gradus train`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  gradus init --list\n  gradus init cnn-small --out mine.toml")]
pub(crate) struct Init {
    /// The name of a built-in experiment
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// Show the names and what they are
    #[arg(long)]
    list: bool,
    /// The file to write; it must not exist [default: to the terminal]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Init {
    pub(crate) fn run(self) -> Result<()> {
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
