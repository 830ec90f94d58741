//! MNIST and the sets made in its image: four IDX files, 60,000 training and 10,000 test pictures of 28 x 28.
//!
//! LeCun, Cortes and Burges (1998) gave away the digits; Xiao, Rasul and Vollgraf (2017) clothes in the same form.

use super::dataset::Images;
use super::idx::Idx;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Which of the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Handwritten digits.
    Mnist,
    /// Articles of clothing.
    Fashion,
}

impl Set {
    /// Names of the classes.
    pub fn classes(self) -> [&'static str; 10] {
        match self {
            Set::Mnist => ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Set::Fashion => {
                ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
            }
        }
    }

    /// The name in experiment files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Set::Mnist => "mnist",
            Set::Fashion => "fashion-mnist",
        }
    }
}

/// The pictures of a set, as their makers divided them.
#[derive(Clone, Debug)]
pub struct Digits {
    /// 60,000 of them.
    pub train: Images,
    /// 10,000 of them.
    pub test: Images,
    /// SHA-256 over the uncompressed files, in order.
    pub sha256: String,
}

/// Reads the four files from a folder, plain or gzipped.
pub fn load(folder: &Path, set: Set) -> Result<Digits> {
    let mut hash = Sha256::new();
    let mut part = |part: &str, split: &str| -> Result<Images> {
        let images = read(folder, &format!("{part}-images"), 3, set, &mut hash)?;
        let labels = read(folder, &format!("{part}-labels"), 1, set, &mut hash)?;
        join(folder, images, labels, set, split)
    };
    let (train, test) = (part("train", "train")?, part("t10k", "test")?);
    Ok(Digits { train, test, sha256: hash.finalize().iter().map(|b| format!("{b:02x}")).collect() })
}

/// Finds and reads one file under its usual names.
fn read(folder: &Path, stem: &str, axes: usize, set: Set, hash: &mut Sha256) -> Result<Idx> {
    let names = [format!("{stem}-idx{axes}-ubyte"), format!("{stem}.idx{axes}-ubyte")];
    let paths: Vec<PathBuf> =
        names.iter().flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))]).collect();
    let Some(path) = paths.iter().find(|path| path.is_file()) else {
        let what = format!("holds no {} (nor .gz)", names.join(" or "));
        return Err(Error::data(folder, what, format!("give the folder with the four files of {}", set.name())));
    };
    let idx = Idx::read(path)?;
    hash.update(idx.to_bytes());
    if idx.shape.len() != axes {
        let what = format!("has {} axes, where {axes} are wanted", idx.shape.len());
        return Err(Error::data(path, what, "the files may have been given each other's names"));
    }
    Ok(idx)
}

/// Pictures and their labels.
fn join(folder: &Path, images: Idx, labels: Idx, set: Set, split: &str) -> Result<Images> {
    let n = images.shape[0];
    let refuse = |what: String| Err(Error::data(folder, what, "the files do not belong together"));
    if labels.shape[0] != n {
        return refuse(format!("holds {n} {split} pictures, but {} labels", labels.shape[0]));
    }
    if let Some(label) = labels.data.iter().find(|&&label| label > 9) {
        return refuse(format!("holds the label {label}, where 0 to 9 are wanted"));
    }
    let shape = [n, 1, images.shape[1], images.shape[2]];
    let pixels = Tensor::from_fn(shape, |i| f32::from(images.data[i]) / 255.0);
    Ok(Images {
        names: (0..n).map(|i| format!("{split}/{i}")).collect(),
        pixels,
        labels: labels.data.iter().map(|&label| usize::from(label)).collect(),
        classes: set.classes().map(String::from).to_vec(),
    })
}
