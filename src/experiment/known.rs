//! What an experiment's file tells of its data before they are read: shapes, classes, bytes.

use super::data::given_path;
use super::room::SMALL;
use super::spec::{DataKind, Experiment, Features};
use crate::error::Result;
use crate::run::memory;
use std::path::Path;

impl Experiment {
    /// The shape of a sample as the network gets it; none if the images must be seen first.
    pub fn input(&self) -> Option<Vec<usize>> {
        let d = &self.data;
        let image = match d.kind {
            DataKind::Mnist | DataKind::FashionMnist | DataKind::Digits => [1, 28, 28],
            DataKind::Galaxies => [1, d.size, d.size],
            DataKind::Folder => [d.color.channels()?, d.size, d.size],
            DataKind::Csv | DataKind::Npz => return None,
        };
        match d.features {
            Features::Pixels => Some(image.to_vec()),
            Features::HandCrafted => Some(vec![d.hand_crafted.len()]),
            Features::Hog => d.hog.dimensions([image[1], image[2]]).ok().map(|d| vec![d]),
        }
    }

    /// The number of classes, where the kind of data says it.
    pub fn classes(&self) -> Option<usize> {
        match self.data.kind {
            DataKind::Mnist | DataKind::FashionMnist | DataKind::Digits => Some(10),
            DataKind::Galaxies => Some(3),
            DataKind::Folder | DataKind::Csv | DataKind::Npz => None,
        }
    }

    /// A number of bytes that reading the data takes at least, as far as it can be told without reading them.
    pub(super) fn least_data(&self) -> u64 {
        let d = &self.data;
        let side = d.size as u64;
        let path = given_path(d).ok();
        let length = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
        match d.kind {
            DataKind::Mnist | DataKind::FashionMnist => 4 * path.and_then(pixels_in).unwrap_or(70_000 * 784),
            DataKind::Digits => 10 * d.per_class as u64 * 784 * 4,
            DataKind::Galaxies => 3 * d.per_class as u64 * side * side * 4,
            DataKind::Folder => {
                let channels = d.color.channels().unwrap_or(1) as u64;
                path.filter(|path| path.is_dir()).map_or(0, |path| files_in(path, 4) * side * side * channels * 4)
            }
            // A number of a table takes at least two characters, and becomes four bytes; arrays may be packed.
            DataKind::Csv => path.map_or(0, |path| length(path) / 2),
            DataKind::Npz => path.map_or(0, length),
        }
    }
}

/// Pixels in the IDX files of a folder; none if they are packed or not there.
fn pixels_in(folder: &Path) -> Option<u64> {
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let images = files.filter(|file| file.file_name().to_string_lossy().contains("images"));
    let lengths = images.map(|file| match file.path().extension() {
        Some(ending) if ending == "gz" => None,
        _ => file.metadata().ok().map(|meta| meta.len()),
    });
    lengths.sum::<Option<u64>>().filter(|&pixels| pixels > 0)
}

/// Files below a folder.
fn files_in(folder: &Path, depth: usize) -> u64 {
    let count = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() && depth > 0 => files_in(&entry.path(), depth - 1),
        Ok(kind) => u64::from(kind.is_file()),
        Err(_) => 0,
    };
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(count).sum()
}

/// Refuses data that will not fit into memory, before they are read.
pub fn check_data(e: &Experiment) -> Result<()> {
    let least = e.least_data();
    if least < SMALL {
        return Ok(());
    }
    let help = "make data.size smaller, take fewer files, or a machine with more memory";
    memory::demand("data", "reading the data", 2 * least, help)
}
