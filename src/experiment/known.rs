//! What is known of an experiment's data before they are read: shapes, classes, bytes.

use super::data::{Data, DataKind, Features};
use super::room::SMALL;
use super::spec::Experiment;
use crate::error::Result;
use crate::run::memory;
use std::path::Path;

impl Experiment {
    /// The shape of a sample as the network gets it; none if the images must be seen first.
    pub fn input(&self) -> Option<Vec<usize>> {
        let d = &self.data;
        let image = d.kind.source().image(d)?;
        match d.features {
            // A row of a table.
            Features::Pixels if image[..2] == [1, 1] => Some(vec![image[2]]),
            Features::Pixels => Some(image.to_vec()),
            Features::HandCrafted => Some(vec![d.hand_crafted.len()]),
            Features::Hog => d.hog.dimensions([image[1], image[2]]).ok().map(|d| vec![d]),
        }
    }

    /// The number of classes, where the kind of data says it.
    pub fn classes(&self) -> Option<usize> {
        self.data.kind.source().classes()
    }
}

impl DataKind {
    /// Returns the kind that reads these files for a run on data of the kind `run`.
    pub fn recognizing(path: &Path, run: DataKind) -> DataKind {
        let recognizes = |kind: &&DataKind| **kind != DataKind::Folder && kind.source().recognizes(path, run);
        Self::ALL.iter().find(recognizes).copied().unwrap_or(DataKind::Folder)
    }
}

impl Data {
    /// Where the samples come from, as messages call it.
    pub fn source(&self) -> &str {
        if self.path.is_empty() { self.kind.name() } else { &self.path }
    }

    /// The first key, if any, by which two sections have other samples in their validation or test set.
    pub fn other_split(&self, other: &Data) -> Option<&'static str> {
        let differs = [
            ("data.kind", self.kind != other.kind),
            ("data.path", self.path != other.path),
            ("data.val", self.val != other.val),
            ("data.test", self.test != other.test),
            ("data.seed", self.seed != other.seed),
            ("data.limit", self.limit != other.limit),
            ("data.group_by", self.group_by != other.group_by),
            ("data.per_class", self.per_class != other.per_class),
            ("data.function", self.function != other.function),
            ("data.surface", self.surface != other.surface),
            ("data.target", self.kind.source().is_ordered() && self.target != other.target),
        ];
        differs.into_iter().find(|(_, differs)| *differs).map(|(key, _)| key)
    }
}

/// Refuses data that will not fit into memory, before they are read.
pub fn check_data(e: &Experiment) -> Result<()> {
    let least = e.data.kind.source().least_bytes(&e.data);
    if least < SMALL {
        return Ok(());
    }
    let help = "make data.size smaller, take fewer files, or a machine with more memory";
    memory::demand("data", "reading the data", 2 * least, help)
}
