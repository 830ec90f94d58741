//! Output on stdout and stderr. A closed pipe (`| head`) ends the output, not the work. Names of classes, columns and
//! files come from elsewhere: their control characters are printed escaped.

use gradus::files::printable_text;
use gradus::{Error, Result};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};

/// Prints a result on stdout.
pub(crate) fn print(text: &str) -> Result<()> {
    let (mut out, text) = (stdout().lock(), printable_text(text));
    let written = out.write_all(text.as_bytes()).and_then(|()| match text.ends_with('\n') {
        true => Ok(()),
        false => out.write_all(b"\n"),
    });
    match written.and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::io("write", "stdout")(e)),
        _ => Ok(()),
    }
}

/// Prints a result as JSON on stdout.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::invalid(format!("no JSON: {e}")))?;
    print(&text)
}

/// Prints anything but results on stderr.
pub(crate) fn say(line: &str) {
    write_line(&printable_text(line));
}

fn write_line(line: &str) {
    let _ = writeln!(stderr().lock(), "{line}");
}

/// Returns whether stderr is a terminal that shows colours, and its user wants them.
pub(crate) fn colored() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    is_terminal() && !set("NO_COLOR")
}

/// Returns whether stderr is a terminal that can redraw a line.
pub(crate) fn is_terminal() -> bool {
    stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Prints an error: what is wrong, where, and what to do about it.
pub(crate) fn error(error: &Error) {
    let head = if matches!(error, Error::Interrupted(_)) { "stopped" } else { "error" };
    let text = error.to_string();
    if colored() {
        let text = printable_text(&text);
        write_line(&format!("\x1b[1;31m{head}:\x1b[0m {}", text.replace("\n  help:", "\n  \x1b[1;36mhelp:\x1b[0m")));
    } else {
        say(&format!("{head}: {text}"));
    }
}

/// Formats columns of text, the first `left` of them left-aligned, the others right-aligned.
pub(crate) fn table(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(c, (cell, &w))| if c < left { format!("{cell:<w$}") } else { format!("{cell:>w$}") });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let rows = [vec!["a".into(), "1".into()], vec!["bcd".into(), "23".into()]];
        assert_eq!(table(&rows, 1), "a     1\nbcd  23\n");
    }
}
