//! A command that runs a job in a run's folder: what it says, what it leaves, and how it is taken up again.

use super::output;
use super::progress::Terminal;
use gradus::run::RunFolder;
use gradus::run::folder::utc;
use gradus::{Error, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::time::SystemTime;

/// The words of the command line, for the record.
pub(crate) fn command_line() -> Vec<String> {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// Runs `job` in its folder and returns its figures. A new run that failed for want of good data leaves nothing.
pub(crate) fn run(
    command: &str,
    folder: &RunFolder,
    is_new: bool,
    job: impl FnOnce(&mut Terminal) -> Result<Value>,
) -> Result<Value> {
    let mut watch = Terminal::new(Some(folder.clone()));
    output::say(&format!("run: {}", folder.root().display()));
    watch.log(&format!("gradus {} on {} threads", env!("CARGO_PKG_VERSION"), rayon::current_num_threads()));
    let result = job(&mut watch).and_then(|metrics| {
        watch.log("complete");
        folder.complete()?;
        Ok(metrics)
    });
    watch.finish();
    result.map_err(|error| {
        watch.log(&format!("error: {error}"));
        if is_new && matches!(error, Error::Data { .. } | Error::Config { .. }) {
            folder.remove_fruitless();
        }
        with_way_back(error, command, folder.root())
    })
}

/// Notes that a run is taken up again.
pub(crate) fn note_resumed(folder: &RunFolder) -> Result<()> {
    let mut times = folder.env("resumed")?.as_array().cloned().unwrap_or_default();
    times.push(json!(utc(SystemTime::now())));
    folder.update_env("resumed", times)
}

/// Tells how to go on with a run that was stopped.
fn with_way_back(error: Error, command: &str, run: &Path) -> Error {
    match error {
        Error::Interrupted(what) => {
            let program = std::env::args().next().unwrap_or_else(|| "gradus".into());
            let run = quoted(&run.display().to_string());
            Error::Interrupted(format!(
                "{what}; everything so far is saved\n  help: go on with: {program} {command} --resume {run}"
            ))
        }
        other => other,
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,\\".contains(c) || !c.is_ascii();
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("runs/2026_a"), "runs/2026_a");
        assert_eq!(quoted("my run"), "'my run'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
