//! `gradus completions`: completions for a shell.

use super::output;
use clap::{Args, Command};
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
    /// Prints the completions of `program`.
    pub(crate) fn run(self, mut program: Command) -> Result<()> {
        let mut text = Vec::new();
        generate(self.shell, &mut program, "gradus", &mut text);
        output::print(&String::from_utf8_lossy(&text))
    }
}
