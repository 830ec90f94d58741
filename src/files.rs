//! Reading and writing files: a written file is either whole or absent, and only regular files are read.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes a file atomically: a reader finds the old contents or the new, never half, also after a loss of power. It
/// writes to a temporary name, syncs, renames, and syncs the folder. Creates the folder if it does not exist.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    write_atomic_by(path, |temporary| temporary.write_all(bytes).map_err(Error::io("write", path)))
}

/// Does what [`write_atomic`] does, with the bytes that `fill` writes into the file.
pub fn write_atomic_by(path: &Path, fill: impl FnOnce(&mut NamedTempFile) -> Result<()>) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_folder(folder)?;
    let mut temporary = tempfile::Builder::new()
        .prefix(".gradus-")
        .suffix(".tmp")
        .tempfile_in(folder)
        .map_err(Error::io("write", path))?;
    fill(&mut temporary)?;
    temporary.as_file().sync_all().map_err(Error::io("write", path))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o644);
        temporary.as_file().set_permissions(readable).map_err(Error::io("write", path))?;
    }
    temporary.persist(path).map_err(|e| Error::io("write", path)(e.error))?;
    // Not every file system lets a folder be synced; the file itself is safe by now.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Opens a regular file for reading. A pipe would wait for ever for a writer, and a device may never
/// end. The kind is checked before opening, since opening a pipe already waits, and again after, since the name may
/// have changed hands meanwhile.
pub fn open_regular(path: impl AsRef<Path>) -> std::io::Result<File> {
    let path = path.as_ref();
    refuse_irregular(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    refuse_irregular(&file.metadata()?)?;
    Ok(file)
}

/// Reads a whole regular file (see [`open_regular`]).
pub fn read_regular(path: impl AsRef<Path>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn refuse_irregular(meta: &std::fs::Metadata) -> std::io::Result<()> {
    if meta.is_file() {
        return Ok(());
    }
    let kind = match meta.file_type() {
        kind if kind.is_dir() => "a folder",
        kind => special(kind),
    };
    Err(std::io::Error::other(format!("expected a regular file, found {kind}")))
}

#[cfg(unix)]
fn special(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        _ if kind.is_fifo() => "a pipe",
        _ if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(not(unix))]
fn special(_: std::fs::FileType) -> &'static str {
    "a device"
}

/// Reads a whole regular file.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    read_regular(path.as_ref()).map_err(Error::io("read", path))
}

/// Returns the SHA-256 of a file's contents, hexadecimal.
pub fn sha256(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let mut file = open_regular(path).map_err(Error::io("read", path))?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).map_err(Error::io("read", path))? {
            0 => return Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect()),
            n => hash.update(&piece[..n]),
        }
    }
}

/// Makes a folder and those above it.
pub fn create_folder(path: impl AsRef<Path>) -> Result<()> {
    std::fs::create_dir_all(path.as_ref()).map_err(Error::io("create", path))
}

/// Returns a name that came from outside (a class, a column, a file) in a form that is safe to print: control
/// characters, line and paragraph separators, and characters that reverse or hide text become `\u{1b}` and the like.
/// All other characters stay, so a name in any script reads as it was written.
pub fn printable(name: &str) -> Cow<'_, str> {
    escape_if(name, is_unsafe)
}

/// Does what [`printable`] does for a whole text: its line ends and tabs stay.
pub fn printable_text(text: &str) -> Cow<'_, str> {
    escape_if(text, |c| is_unsafe(c) && !matches!(c, '\n' | '\t'))
}

fn escape_if(text: &str, escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&escaped) {
        return Cow::Borrowed(text);
    }
    let each = text.chars().map(|c| if escaped(c) { c.escape_unicode().to_string() } else { c.to_string() });
    Cow::Owned(each.collect())
}

/// Returns whether a terminal or a page would obey the character instead of showing it.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_text};

    #[test]
    fn a_name_that_would_command_the_terminal_is_escaped() {
        assert_eq!(printable("a\x1b[31mred\r\n"), "a\\u{1b}[31mred\\u{d}\\u{a}");
        assert_eq!(printable("\u{202e}gpj.exe\u{85}"), "\\u{202e}gpj.exe\\u{85}");
        for plain in ["spiral arm", "Straße", "渦巻", "e\u{301}", "a\\b \"c\"", ""] {
            assert_eq!(printable(plain), plain);
        }
        assert_eq!(printable_text("a\tb\n\x07"), "a\tb\n\\u{7}");
    }
}
