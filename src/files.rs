//! Files that are either whole or absent.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use tempfile::NamedTempFile;

/// Writes a file so that a reader, or a machine that loses power, finds the old contents or the new, never half: to
/// a temporary name, synced, renamed, and the folder synced. Makes the folder if need be.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    write_atomic_by(path, |temporary| temporary.write_all(bytes).map_err(Error::io("write", path)))
}

/// As [`write_atomic`], the bytes being written by `fill` into the file that it is given.
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

/// Reads a whole file.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    std::fs::read(path.as_ref()).map_err(Error::io("read", path))
}

/// Makes a folder and those above it.
pub fn create_folder(path: impl AsRef<Path>) -> Result<()> {
    std::fs::create_dir_all(path.as_ref()).map_err(Error::io("create", path))
}
