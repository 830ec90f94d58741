//! The checksums of a finished run's files.
//!
//! `checksums.json` lists each file that a command reads again (settings, weights, scales, figures) with its length and
//! its SHA-256. It is written just before `COMPLETE`, from the bytes that were written, not from what is read
//! back. A file of a finished run is compared with it whenever it is read, so a flipped bit in a weight is an error.
//! Files that grow after the end of a run (a log, a ledger) are not listed.

use crate::error::{Error, Result};
use crate::files;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// The file's name in the folder of a run.
pub(super) const CHECKSUMS: &str = "checksums.json";

/// Length and checksum of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    sha256: String,
}

/// The files of a run by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    files: BTreeMap<String, Entry>,
}

impl Manifest {
    /// Reads the list of the run in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(CHECKSUMS);
        let help = format!("write it and the report again from the run's state: gradus report {}", folder.display());
        if !path.exists() {
            let what = "is missing: an older gradus made this run, or the file was lost";
            return Err(Error::data(&path, what, help));
        }
        serde_json::from_slice(&files::read(&path)?).map_err(|e| Error::data(&path, format!("is damaged: {e}"), help))
    }

    /// Returns the text of the file.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("plain words and numbers");
        text.push(b'\n');
        text
    }

    /// Records the contents of a file.
    pub(super) fn record(&mut self, name: &str, bytes: &[u8]) {
        let entry = Entry { bytes: bytes.len() as u64, sha256: sha256(bytes) };
        self.files.insert(name.to_owned(), entry);
    }

    /// Fails unless `bytes` are the recorded contents of the file `name` of the run in `folder`.
    pub(super) fn check(&self, folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
        let entry = self.entry(folder, name)?;
        if entry.bytes != bytes.len() as u64 {
            let what = format!("is not what the run wrote: expected {} bytes, found {}", entry.bytes, bytes.len());
            return Err(Error::data(folder.join(name), what, DAMAGED));
        }
        if entry.sha256 != sha256(bytes) {
            let what = "is not what the run wrote: its SHA-256 differs from the one in checksums.json";
            return Err(Error::data(folder.join(name), what, DAMAGED));
        }
        Ok(())
    }

    /// Does what [`check`](Self::check) does for a file that may have grown since.
    pub(super) fn check_beginning(&self, folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
        let length = self.entry(folder, name)?.bytes.min(bytes.len() as u64) as usize;
        self.check(folder, name, &bytes[..length])
    }

    fn entry(&self, folder: &Path, name: &str) -> Result<&Entry> {
        self.files.get(name).ok_or_else(|| {
            let what = format!("does not list {name}, which a finished run has");
            Error::data(folder.join(CHECKSUMS), what, DAMAGED)
        })
    }
}

const DAMAGED: &str = "copy the run again from an intact copy; weights and figures can also be written again from the \
                       run's state: gradus report RUN";

/// Returns a SHA-256 in hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_a_cut_and_an_unlisted_file_are_refused() {
        let folder = Path::new("runs/a");
        let mut manifest = Manifest::default();
        manifest.record("config.toml", b"seed = 1\n");
        let back: Manifest = serde_json::from_slice(&manifest.to_json()).unwrap();
        assert_eq!(back, manifest);
        back.check(folder, "config.toml", b"seed = 1\n").unwrap();
        for (name, bytes, words) in [
            ("config.toml", &b"seed = 2\n"[..], "SHA-256"),
            ("config.toml", b"seed = 1", "expected 9 bytes, found 8"),
            ("metrics.json", b"{}", "does not list metrics.json"),
        ] {
            let error = back.check(folder, name, bytes).unwrap_err();
            assert!(error.exit_code() == 3 && error.to_string().contains(words), "{error}");
        }
        back.check_beginning(folder, "config.toml", b"seed = 1\nmore").unwrap();
        assert!(back.check_beginning(folder, "config.toml", b"seed = 2\nmore").is_err());
        assert!(back.check_beginning(folder, "config.toml", b"seed").is_err());
        // The SHA-256 of nothing, as the standard gives it.
        assert!(sha256(b"").starts_with("e3b0c44298fc1c149afbf4c8996fb924"));
    }
}
