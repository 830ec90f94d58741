//! The public data sets that the program knows by name: how each is found, read and got.

use super::cifar;
use super::mnist::{self, Set};
use super::train_test::TrainTest;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A public data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicSet {
    /// Handwritten digits.
    Mnist,
    /// Articles of clothing.
    Fashion,
    /// Colour images of animals and vehicles.
    Cifar10,
}

/// A file of a set, as its makers published it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicFile {
    /// Its name, without `.gz`.
    pub name: String,
    /// SHA-256 of its contents, in hexadecimal.
    pub sha256: &'static str,
    /// Length of its contents.
    pub bytes: u64,
}

impl PublicSet {
    /// All of them.
    pub const ALL: [PublicSet; 3] = [PublicSet::Mnist, PublicSet::Fashion, PublicSet::Cifar10];

    /// Returns the name in experiment files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            PublicSet::Mnist => Set::Mnist.name(),
            PublicSet::Fashion => Set::Fashion.name(),
            PublicSet::Cifar10 => "cifar-10",
        }
    }

    /// Returns what it is, its size and its licence.
    pub fn about(self) -> &'static str {
        match self {
            PublicSet::Mnist => "70,000 handwritten digits, 28 x 28 gray, CC BY-SA 3.0",
            PublicSet::Fashion => "70,000 articles of clothing, 28 x 28 gray, MIT",
            PublicSet::Cifar10 => "60,000 animals and vehicles, 32 x 32 colour, cite Krizhevsky 2009",
        }
    }

    /// Returns channels, height and width of an image.
    pub fn image(self) -> [usize; 3] {
        match self {
            PublicSet::Mnist | PublicSet::Fashion => [1, 28, 28],
            PublicSet::Cifar10 => cifar::IMAGE,
        }
    }

    /// Returns the number of images, of training and test set together.
    pub fn images(self) -> u64 {
        match self {
            PublicSet::Mnist | PublicSet::Fashion => 70_000,
            PublicSet::Cifar10 => 60_000,
        }
    }

    /// Returns the files, in the order of [`find`](Self::find).
    pub fn files(self) -> Vec<PublicFile> {
        let of_idx = |set: Set| {
            let file = |i: usize| PublicFile {
                name: mnist::names(mnist::FILES[i].0, mnist::FILES[i].1)[0].clone(),
                sha256: set.sha256()[i],
                bytes: mnist::BYTES[i] as u64,
            };
            (0..4).map(file).collect()
        };
        match self {
            PublicSet::Mnist => of_idx(Set::Mnist),
            PublicSet::Fashion => of_idx(Set::Fashion),
            PublicSet::Cifar10 => {
                let file =
                    |(name, sha256): (&str, _)| PublicFile { name: name.into(), sha256, bytes: cifar::BYTES as u64 };
                cifar::FILES.map(file).to_vec()
            }
        }
    }

    /// Finds the files in a folder, under any of their usual names and places. Fails with [`Error::Data`] if one is missing.
    pub fn find(self, folder: &Path) -> Result<Vec<PathBuf>> {
        match self {
            PublicSet::Mnist => mnist::find(folder, Set::Mnist).map(Vec::from),
            PublicSet::Fashion => mnist::find(folder, Set::Fashion).map(Vec::from),
            PublicSet::Cifar10 => cifar::find(folder).map(Vec::from),
        }
    }

    /// Reads the files in a folder.
    pub fn load(self, folder: &Path) -> Result<TrainTest> {
        match self {
            PublicSet::Mnist => mnist::load(folder, Set::Mnist),
            PublicSet::Fashion => mnist::load(folder, Set::Fashion),
            PublicSet::Cifar10 => cifar::load(folder),
        }
    }
}

impl FromStr for PublicSet {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known: Vec<&str> = PublicSet::ALL.map(PublicSet::name).to_vec();
        let found = PublicSet::ALL.into_iter().find(|set| set.name() == name);
        found.ok_or_else(|| Error::invalid(format!("there is no set `{name}`; there are {}", known.join(", "))))
    }
}
