//! Gzipped tar archives that hold the files of a set.
//!
//! Of an archive nothing is trusted: not its folders, of which only the last part of a name is used, nor its lengths, which
//! are bounded by those expected, nor its contents, which are checked before the first file is written.

use super::hexadecimal;
use crate::data::public::PublicFile;
use crate::error::{Error, Result};
use crate::files;
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::io::{BufReader, Read};
use std::path::Path;
use tar::Archive;

/// Fails unless the archive at `path` holds each of the files, with the contents expected.
pub(super) fn check(path: &Path, expected: &[PublicFile]) -> Result<()> {
    each(path, expected, &mut |file, bytes| {
        let found = hexadecimal(&Sha256::digest(bytes));
        if found == file.sha256 {
            return Ok(());
        }
        let what = format!("holds a {} with the SHA-256 {found}: expected {}", file.name, file.sha256);
        Err(Error::data(path, what, "it is damaged or another; get it again"))
    })
}

/// Writes the files of a checked archive into the folder `to`, and returns their names.
pub(super) fn unpack(path: &Path, expected: &[PublicFile], to: &Path) -> Result<Vec<String>> {
    let mut placed = Vec::new();
    each(path, expected, &mut |file, bytes| {
        placed.push(file.name.clone());
        files::write_atomic(to.join(&file.name), bytes)
    })?;
    Ok(placed)
}

/// Shows each expected file's bytes to `see`. Fails if one is missing or longer than expected.
fn each(path: &Path, expected: &[PublicFile], see: &mut dyn FnMut(&PublicFile, &[u8]) -> Result<()>) -> Result<()> {
    let fault = |what: String| Error::data(path, what, "it is damaged or another; get it again");
    let broken = |e: std::io::Error| fault(format!("cannot be read or unpacked: {e}"));
    let file = files::open_regular(path).map_err(|e| fault(format!("cannot be opened: {e}")))?;
    let mut archive = Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    let mut missing: Vec<&PublicFile> = expected.iter().collect();
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let name = entry.path().map_err(broken)?.file_name().map(|name| name.to_string_lossy().into_owned());
        let Some(at) = missing.iter().position(|file| Some(&file.name) == name.as_ref()) else { continue };
        let file = missing.remove(at);
        let mut bytes = Vec::new();
        entry.take(file.bytes + 1).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() as u64 > file.bytes {
            return Err(fault(format!("holds a {} of more than the {} bytes expected", file.name, file.bytes)));
        }
        see(file, &bytes)?;
        if missing.is_empty() {
            return Ok(());
        }
    }
    Err(fault(format!("holds no {}", missing[0].name)))
}
