//! The command line: one struct per command, each in its file, and here the table of them.
//!
//! The commands are thin: they turn arguments into a call of the library and its result into text. Results go to
//! stdout, everything else to stderr. Errors are printed in one place, here, and decide the exit code: 0 ok; 1
//! runtime; 2 usage or config; 3 data; 4 diverged; 5 a check failed; 130 interrupted.

mod bench;
mod compare;
mod completions;
mod data;
mod dream;
mod dry_run;
mod embed;
mod evaluate;
mod experiment_args;
mod export;
mod gradcheck;
mod init;
mod job;
mod latent;
mod masthead;
mod output;
mod pipeline;
mod predict;
mod progress;
mod report;
mod runs;
mod settings;
mod signals;
mod study;
mod summary;
mod train;

use clap::{CommandFactory, Parser, Subcommand};
use gradus::{Error, Result};
use std::panic::{PanicHookInfo, set_hook};
use std::process::{ExitCode, exit};

/// Train, compare and explain image classifiers: a deep-learning engine that reads like a textbook.
#[derive(Debug, Parser)]
#[command(name = "gradus", version, after_help = EXAMPLES, arg_required_else_help = false)]
struct Cli {
    /// Threads to compute on [default: one for each core]. The results are the same for any number.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The table of commands.
#[derive(Debug, Subcommand)]
enum Command {
    Pipeline(pipeline::Pipeline),
    Init(init::Init),
    Train(train::Train),
    Study(study::Study),
    Evaluate(evaluate::Evaluate),
    Predict(predict::Predict),
    Embed(embed::Embed),
    Dream(dream::DreamArgs),
    Latent(latent::Latent),
    Compare(compare::Compare),
    Runs(runs::Runs),
    Export(export::Export),
    Report(report::Report),
    Data(data::Data),
    Summary(summary::Summary),
    Gradcheck(gradcheck::Gradcheck),
    Bench(bench::Bench),
    Completions(completions::Completions),
}

const EXAMPLES: &str = "\
Examples:
  gradus pipeline                          the whole job on galaxies that the program renders
  gradus pipeline --data photos.zip        the same on your own images, one sub-folder per class
  gradus predict runs/RUN a.png b.jpg      the predictions of the trained networks for new images
  gradus help pipeline                     everything about a command

Exit codes: 0 ok; 1 runtime; 2 usage or config; 3 data; 4 diverged; 5 a check failed; 130 interrupted.";

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    set_hook(Box::new(report_panic));
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
        }
    }
}

impl Cli {
    fn run(self) -> Result<()> {
        if let Some(n) = self.threads {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n.into()).build_global();
            pool.map_err(|e| Error::invalid(format!("cannot start {n} threads: {e}")))?;
        }
        match self.command {
            Some(Command::Pipeline(command)) => command.run(),
            Some(Command::Init(command)) => command.run(),
            Some(Command::Train(command)) => command.run(),
            Some(Command::Study(command)) => command.run(),
            Some(Command::Evaluate(command)) => command.run(),
            Some(Command::Predict(command)) => command.run(),
            Some(Command::Embed(command)) => command.run(),
            Some(Command::Dream(command)) => command.run(),
            Some(Command::Latent(command)) => command.run(),
            Some(Command::Compare(command)) => command.run(),
            Some(Command::Runs(command)) => command.run(),
            Some(Command::Export(command)) => command.run(),
            Some(Command::Report(command)) => command.run(),
            Some(Command::Data(command)) => command.run(),
            Some(Command::Summary(command)) => command.run(),
            Some(Command::Gradcheck(command)) => command.run(),
            Some(Command::Bench(command)) => command.run(),
            Some(Command::Completions(command)) => command.run(Cli::command()),
            None => output::print(&Cli::command().render_help().to_string()),
        }
    }
}

/// Marks an internal error as a bug, since it must not look like a mistake of the user.
fn report_panic(info: &PanicHookInfo<'_>) {
    let words = info.payload();
    let message = words.downcast_ref::<&str>().copied().or_else(|| words.downcast_ref::<String>().map(String::as_str));
    let place = info.location().map(|l| format!(" ({}:{})", l.file(), l.line())).unwrap_or_default();
    output::say(&format!(
        "internal error: {}{place}\n  This is a bug in gradus {}. Please report it, with this message and the command: {}",
        message.unwrap_or("unknown"),
        env!("CARGO_PKG_VERSION"),
        std::env::args().collect::<Vec<_>>().join(" ")
    ));
    if std::env::var_os("RUST_BACKTRACE").is_some() {
        output::say(&std::backtrace::Backtrace::force_capture().to_string());
    }
    exit(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_commands_is_sound() {
        Cli::command().debug_assert();
    }
}
