//! What is said to somebody whose run was stopped.

use gradus::Error;
use std::path::Path;

/// Tells how to go on with a run that was stopped.
pub(crate) fn with_way_back(error: Error, command: &str, run: &Path) -> Error {
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
pub(crate) fn quoted(word: &str) -> String {
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
