//! The folder of a run.

use crate::error::{Error, Result};
use crate::files;
use std::path::{Path, PathBuf};

/// The folder that holds everything a run writes.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// The run at `path`.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned() }
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, atomically, and makes its sub-folder if need be.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(name);
        files::create_folder(path.parent().expect("a file in a folder has a parent"))?;
        files::write_atomic(path, bytes)
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        files::read(self.path(name))
    }

    /// Reads a JSON file.
    pub fn read_json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.path(name);
        serde_json::from_slice(&files::read(&path)?)
            .map_err(|e| Error::data(&path, format!("is not what this program writes: {e}"), "use a whole run folder"))
    }
}
