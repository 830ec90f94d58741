//! The manifest of a data set: which samples there are, and in which split each of them is.
//!
//! A split separates training and test only as long as it stays the same. A file added to a folder changes the split of
//! all others, because the split is drawn anew from all of them: a network that is evaluated after that would be
//! evaluated on samples it was trained on. So a run keeps the manifest of its data, one line a sample, and every
//! command that reads the data again compares them with it. The checksum of a sample is that of its pixels before the
//! network's preprocessing; it also shows whether samples from elsewhere were trained on.

use super::dataset::{ImageData, Images};
use super::split::Split;
use crate::error::{Error, Result};
use crate::target::Target;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use gradus_kernels::parallel;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

/// Names that a message lists at most.
const LISTED: usize = 3;

/// A sample and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The split it is in.
    pub split: Split,
    /// The name of its class.
    pub class: String,
    /// See [`checksums`].
    pub checksum: u64,
    /// Its name: of a file, or of a row.
    pub name: String,
}

/// All samples of a data set: training, validation, test, each in the order of the split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// One entry a sample.
    pub samples: Vec<Sample>,
}

/// Returns the checksum of each image: the first eight bytes of the SHA-256 of its numbers (`f32`, little-endian).
pub fn checksums(images: &Images) -> Vec<u64> {
    let size = images.channels() * images.height() * images.width();
    parallel::map(images.len(), |i| {
        let bytes: Vec<u8> = images.pixels.data()[i * size..][..size].iter().flat_map(|x| x.to_le_bytes()).collect();
        let digest = Sha256::digest(&bytes);
        u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
    })
}

/// Returns the identity of a set of samples that networks are evaluated on: 16 hexadecimal digits of the SHA-256 over
/// the checksum of the data and the samples' names in ascending order. It is the same whatever size images are brought
/// to.
pub fn identity(sha256: &str, images: &Images) -> String {
    let names: BTreeSet<&String> = images.names.iter().collect();
    let mut hash = Sha256::new();
    hash.update(sha256);
    names.into_iter().for_each(|name| hash.update([&[0], name.as_bytes()].concat()));
    hash.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect()
}

impl Manifest {
    /// Returns the manifest of a data set.
    pub fn of(data: &ImageData) -> Self {
        let mut samples = Vec::new();
        for (split, (_, images)) in Split::ALL.into_iter().zip(data.splits()) {
            // Numbers to predict stand in the place of a class: others are other data.
            let class = |i: usize| match &images.target {
                Target::Classes(labels) => data.classes.get(labels[i]).cloned().unwrap_or_default(),
                Target::Values(values) => {
                    let row = values.gather(&[i]);
                    row.data().iter().map(f32::to_string).collect::<Vec<_>>().join(" ")
                }
                Target::None => String::new(),
            };
            let each = images.names.iter().zip(checksums(images)).enumerate();
            samples.extend(each.map(|(i, (name, checksum))| Sample {
                split,
                class: class(i),
                checksum,
                name: name.clone(),
            }));
        }
        Self { samples }
    }

    /// Returns the manifest as a file: CSV, gzipped; columns `split`, `class`, `checksum` (hexadecimal), `name`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut csv = csv::Writer::from_writer(GzEncoder::new(Vec::new(), Compression::fast()));
        let mut write = |row: [&str; 4]| csv.write_record(row).expect("writing to memory cannot fail");
        write(["split", "class", "checksum", "name"]);
        for s in &self.samples {
            write([s.split.name(), &s.class, &format!("{:016x}", s.checksum), &s.name]);
        }
        let gzip = csv.into_inner().unwrap_or_else(|_| unreachable!("writing to memory cannot fail"));
        gzip.finish().expect("writing to memory cannot fail")
    }

    /// Reads what [`Manifest::to_bytes`] wrote. Fails with [`Error::State`] on anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |what: String| Error::State(format!("the manifest of the data is damaged: {what}"));
        let mut csv = csv::Reader::from_reader(GzDecoder::new(bytes));
        let mut samples = Vec::new();
        for record in csv.records() {
            let record = record.map_err(|e| damaged(e.to_string()))?;
            let split = Split::ALL.into_iter().find(|split| record.get(0) == Some(split.name()));
            let checksum = record.get(2).and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let (Some(split), Some(class), Some(checksum), Some(name)) =
                (split, record.get(1), checksum, record.get(3))
            else {
                return Err(damaged(format!("expected split, class, checksum and name, found {record:?}")));
            };
            samples.push(Sample { split, class: class.to_owned(), checksum, name: name.to_owned() });
        }
        Ok(Self { samples })
    }

    /// Returns what has changed since this manifest was written; `None` if every split holds the same samples of the
    /// same classes in the same order. Names may differ: a network does not see them.
    pub fn difference(&self, now: &Manifest) -> Option<Difference> {
        let place = |s: &Sample| (s.split, s.class.clone(), s.checksum);
        if self.samples.iter().map(place).eq(now.samples.iter().map(place)) {
            return None;
        }
        let mut known: HashMap<(&str, u64), Vec<&Sample>> = HashMap::new();
        self.samples.iter().rev().for_each(|s| known.entry((&s.class, s.checksum)).or_default().push(s));
        let (mut added, mut moved) = (Vec::new(), 0);
        for sample in &now.samples {
            match known.get_mut(&(sample.class.as_str(), sample.checksum)).and_then(Vec::pop) {
                Some(before) => moved += usize::from(before.split != sample.split),
                None => added.push(sample.name.as_str()),
            }
        }
        let gone: BTreeSet<&str> = known.into_values().flatten().map(|s| s.name.as_str()).collect();
        let new: BTreeSet<&str> = added.into_iter().collect();
        let owned = |names: Vec<&&str>| names.into_iter().map(|name| (*name).to_owned()).collect();
        Some(Difference {
            added: owned(new.difference(&gone).collect()),
            removed: owned(gone.difference(&new).collect()),
            changed: owned(gone.intersection(&new).collect()),
            moved,
        })
    }

    /// Returns how many of these images are identical to training samples.
    pub fn trained_on(&self, images: &Images) -> usize {
        let training = self.samples.iter().filter(|s| s.split == Split::Train);
        let known: HashSet<u64> = training.map(|s| s.checksum).collect();
        checksums(images).iter().filter(|checksum| known.contains(checksum)).count()
    }

    /// Returns the samples of one split.
    pub fn part(&self, split: Split) -> Manifest {
        Manifest { samples: self.samples.iter().filter(|s| s.split == split).cloned().collect() }
    }
}

/// How the samples of today differ from those of a manifest, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Samples that were not there.
    pub added: Vec<String>,
    /// Samples that are not there any more.
    pub removed: Vec<String>,
    /// Samples of the same name with another content or class.
    pub changed: Vec<String>,
    /// Samples that are there as before, but in another split.
    pub moved: usize,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = BTreeMap::from([
            (0, ("added", &self.added)),
            (1, ("removed", &self.removed)),
            (2, ("changed", &self.changed)),
        ]);
        let mut words: Vec<String> = Vec::new();
        for (what, names) in parts.into_values().filter(|(_, names)| !names.is_empty()) {
            let some: Vec<String> = names.iter().take(LISTED).map(|name| name.escape_debug().to_string()).collect();
            let more = if names.len() > LISTED { ", .." } else { "" };
            words.push(format!("{} {what} ({}{more})", names.len(), some.join(", ")));
        }
        if words.is_empty() {
            words.push("the same samples in another order".into());
        }
        if self.moved > 0 {
            words.push(format!("{} in another split", self.moved));
        }
        write!(f, "{}", words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Tensor;

    /// `n` samples of two classes in turn, each another image.
    fn data(numbers: &[usize]) -> ImageData {
        let images = Images {
            names: numbers.iter().map(|i| format!("{i}.png")).collect(),
            pixels: Tensor::from_fn([numbers.len(), 1, 2, 2], |i| (numbers[i / 4] * 4 + i % 4) as f32),
            target: Target::Classes(numbers.iter().map(|i| i % 2).collect()),
            classes: vec!["a".into(), "b,\"c\"".into()],
            columns: Default::default(),
            value_names: Vec::new(),
        };
        images.divided("numbers", [0.6, 0.2, 0.2], 1).unwrap()
    }

    #[test]
    fn a_manifest_comes_back() {
        let manifest = Manifest::of(&data(&(0..20).collect::<Vec<_>>()));
        assert_eq!(manifest.samples.len(), 20);
        assert_eq!(manifest.part(Split::Test).samples.len(), 4);
        let bytes = manifest.to_bytes();
        assert_eq!(Manifest::from_bytes(&bytes).unwrap(), manifest);
        assert!(Manifest::from_bytes(&bytes[..bytes.len() / 2]).is_err());
        assert!(Manifest::from_bytes(b"split,class").is_err());
    }

    #[test]
    fn changes_are_listed_by_name() {
        let numbers: Vec<usize> = (0..20).collect();
        let before = Manifest::of(&data(&numbers));
        assert_eq!(before.difference(&Manifest::of(&data(&numbers))), None);
        let words = |now: &Manifest| before.difference(now).unwrap().to_string();
        let more = Manifest::of(&data(&(0..21).collect::<Vec<_>>()));
        assert!(words(&more).starts_with("1 added (20.png)"), "{}", words(&more));
        let fewer = Manifest::of(&data(&numbers[4..]));
        assert!(words(&fewer).starts_with("4 removed (0.png, 1.png, 2.png, ..)"), "{}", words(&fewer));
        let mut changed = before.clone();
        changed.samples[3].checksum ^= 1;
        assert_eq!(words(&changed), format!("1 changed ({})", before.samples[3].name));
        let mut relabelled = before.clone();
        relabelled.samples[3].class = "z".into();
        assert_eq!(words(&relabelled), format!("1 changed ({})", before.samples[3].name));
        let mut moved = before.clone();
        moved.samples[3].split = Split::Test;
        assert_eq!(words(&moved), "the same samples in another order, 1 in another split");
        let mut renamed = before.clone();
        renamed.samples[3].name = "other".into();
        assert_eq!(before.difference(&renamed), None, "a network does not see a name");
    }

    #[test]
    fn training_samples_are_known_again() {
        let data = data(&(0..20).collect::<Vec<_>>());
        let manifest = Manifest::of(&data);
        assert_eq!(manifest.trained_on(&data.train), data.train.len());
        assert_eq!(manifest.trained_on(&data.test), 0);
        assert_eq!(manifest.trained_on(&data.train.subset(&[2, 2])), 2);
        assert_eq!(identity("x", &data.test), identity("x", &data.test.subset(&[3, 2, 1, 0])));
        assert_ne!(identity("x", &data.test), identity("y", &data.test));
        assert_ne!(identity("x", &data.test), identity("x", &data.test.subset(&[0, 1])));
    }
}
