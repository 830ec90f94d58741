//! Runs a job in the folder of a run, with its messages, its clean-up and the hint how to resume it.

use super::output;
use super::progress::Terminal;
use gradus::run::book::shell_word;
use gradus::run::folder::utc;
use gradus::run::{Fate, RunFolder};
use gradus::{Error, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::time::SystemTime;

/// Returns the words of the command line, for the record.
pub(crate) fn command_line() -> Vec<String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// Runs `job` in its folder and returns its figures. A new run that failed because of its data is removed, and the
/// run that it was to replace is kept.
pub(crate) fn run(
    command: &str,
    folder: &RunFolder,
    is_new: bool,
    job: impl FnOnce(&mut Terminal) -> Result<Value>,
) -> Result<Value> {
    let mut watch = Terminal::new(Some(folder.clone()));
    output::say(&format!("run: {}", folder.root().display()));
    watch.log(&format!("gradus {} on {} threads", env!("CARGO_PKG_VERSION"), rayon::current_num_threads()));
    let result = job(&mut watch);
    watch.finish();
    result.inspect(|_| watch.log(if folder.is_complete() { "complete" } else { "stopped; it can be resumed" })).map_err(
        |error| {
            watch.log(&format!("error: {error}"));
            let unfit = matches!(error, Error::Data { .. } | Error::Config { .. });
            let fate = if is_new { folder.give_up(unfit) } else { Ok(Fate::Kept) };
            match fate {
                Ok(Fate::Kept) => with_way_back(error, command, folder.root()),
                Ok(Fate::KeptBeside(old)) => {
                    output::say(&format!(
                        "note: the replaced run is kept as {} until the new one is complete",
                        old.display()
                    ));
                    with_way_back(error, command, folder.root())
                }
                Ok(Fate::Removed { restored }) => {
                    if restored {
                        let run = folder.root().display();
                        output::say(&format!("note: {run} holds the previous run again"));
                    }
                    error
                }
                // The first error is the one to report.
                Err(_) => error,
            }
        },
    )
}

/// Records that a run is resumed.
pub(crate) fn note_resumed(folder: &RunFolder) -> Result<()> {
    folder.extend_env("resumed", [json!(utc(SystemTime::now()))])
}

/// Returns the path of the report; `None` if it could not be written.
pub(crate) fn report_line(folder: &RunFolder) -> String {
    let report = folder.path("report.html");
    if report.exists() { format!("report: {}\n", report.display()) } else { String::new() }
}

/// Adds to an error how to resume the run that was stopped.
fn with_way_back(error: Error, command: &str, run: &Path) -> Error {
    let program = std::env::args().next().unwrap_or_else(|| "gradus".into());
    let way = format!("{program} {command} --resume {}", shell_word(&run.display().to_string()));
    match error {
        Error::Interrupted(what) => {
            Error::Interrupted(format!("{what}; everything so far is saved\n  help: continue with: {way}"))
        }
        // A full disk, say. What was saved last is still there.
        Error::Io { action, path, source } if run.exists() => {
            let words = format!("{source}\n  help: when that is fixed, continue with: {way}");
            Error::Io { action, path, source: std::io::Error::new(source.kind(), words) }
        }
        other => other,
    }
}
