//! `gradus completions`: words that a shell can complete.

use super::{Cli, output};
use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};
use gradus::Result;

/// Prints the completions of a shell, to be put where it looks for them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradus completions bash >> ~/.bash_completion")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<()> {
        let mut text = Vec::new();
        generate(self.shell, &mut Cli::command(), "gradus", &mut text);
        output::print(&String::from_utf8_lossy(&text))
    }
}
