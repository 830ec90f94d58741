//! The data set that the loader returns: images as one tensor, their labels, and what the report says of their origin.

use super::split::{self, Split, stratified};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::target::Target;
use crate::tensor::Tensor;
use crate::text::{counted, thousands};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// Most classes that a note names.
const NAMED: usize = 12;

/// The columns of a table that a network is given, and the one that holds the class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// Names of the features, in the order of the numbers; `x0`, `x1`, .. if the file has none.
    pub features: Vec<String>,
    /// Name of the class's column; empty if the file has none.
    pub label: String,
    /// The categories of each column of words, by its name. Such a column is kept as places in this list; the place behind
    /// the last one stands for a category that is not in it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, Vec<String>>,
}

/// Images of one size, or the rows of a table as images of height 1, and what is to be predicted of them.
#[derive(Clone, Debug)]
pub struct Images {
    /// For each image, the name to show: its path inside the data folder or zip.
    pub names: Vec<String>,
    /// `[N, C, H, W]`, each value in [0, 1]; C is 1 (gray) or 3 (red, green, blue). Of a table `[N, 1, 1, D]`, any finite
    /// numbers; NaN where a cell is a gap.
    pub pixels: Tensor<f32>,
    /// What is to be predicted: classes as indices into `classes`, or numbers in the units of their file.
    pub target: Target,
    /// Names of the classes; empty where numbers are to be predicted.
    pub classes: Vec<String>,
    /// Names of the numbers to predict; empty where there are classes.
    pub value_names: Vec<String>,
    /// What the columns are called, if the samples are rows of a table; empty for images.
    pub columns: Columns,
}

impl Images {
    /// Returns the number of images.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the class of each image; empty where numbers are to be predicted.
    pub fn labels(&self) -> &[usize] {
        self.target.labels()
    }

    /// Returns the group of each image that a split keeps in proportion: its class, or one group for all without classes.
    pub(crate) fn strata(&self) -> Vec<usize> {
        if let Target::Classes(labels) = &self.target { labels.clone() } else { vec![0; self.len()] }
    }

    /// Returns 1 for gray, 3 for colour.
    pub fn channels(&self) -> usize {
        self.pixels.shape()[1]
    }

    /// Returns whether the samples are rows of a table, which are kept as images of height 1.
    pub fn is_table(&self) -> bool {
        self.pixels.shape()[1..3] == [1, 1]
    }

    /// Returns the word for one sample in messages and reports: `row` or `image`.
    pub fn noun(&self) -> &'static str {
        if self.is_table() { "row" } else { "image" }
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> usize {
        self.pixels.shape()[2]
    }

    /// Returns the width in pixels.
    pub fn width(&self) -> usize {
        self.pixels.shape()[3]
    }

    /// Returns the images `indices`, in that order. Panics on an index outside.
    pub fn subset(&self, indices: &[usize]) -> Images {
        Images {
            names: indices.iter().map(|&i| self.names[i].clone()).collect(),
            pixels: self.pixels.gather(indices),
            target: self.target.gather(indices),
            classes: self.classes.clone(),
            value_names: self.value_names.clone(),
            columns: self.columns.clone(),
        }
    }

    /// Returns these samples and then the others, which are of the same kind: two splits of one data set.
    pub fn joined(&self, other: &Images) -> Images {
        let [_, c, h, w] = self.pixels.shape() else { unreachable!("samples have four axes") };
        let pixels = [self.pixels.data(), other.pixels.data()].concat();
        let rows = |values: &Tensor| values.numel() / values.shape()[1].max(1);
        Images {
            names: [&self.names[..], &other.names[..]].concat(),
            pixels: Tensor::new(pixels, [self.len() + other.len(), *c, *h, *w]).expect("samples of one shape"),
            target: match (&self.target, &other.target) {
                (Target::Classes(a), Target::Classes(b)) => Target::Classes([&a[..], &b[..]].concat()),
                (Target::Values(a), Target::Values(b)) => {
                    let shape = [rows(a) + rows(b), a.shape()[1]];
                    Target::Values(Tensor::new([a.data(), b.data()].concat(), shape).expect("as many numbers each"))
                }
                _ => Target::None,
            },
            classes: self.classes.clone(),
            value_names: self.value_names.clone(),
            columns: self.columns.clone(),
        }
    }

    /// Returns the number of images of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len().max(1)];
        self.strata().into_iter().for_each(|label| counts[label] += 1);
        counts
    }

    /// Returns at most `n` of the images: a stratified sample that depends on `seed` alone, and of which a smaller one
    /// is a part (see [`split::subset`]).
    pub fn sample(&self, n: usize, seed: u64) -> Images {
        if n >= self.len() { self.clone() } else { self.subset(&split::subset(&self.strata(), n, seed)) }
    }

    /// Returns at most the first `n` of the images.
    pub fn first(&self, n: usize) -> Images {
        self.subset(&(0..n.min(self.len())).collect::<Vec<_>>())
    }

    /// Returns at most the last `n` of the images.
    pub fn last(&self, n: usize) -> Images {
        self.subset(&(self.len().saturating_sub(n)..self.len()).collect::<Vec<_>>())
    }

    /// Splits these samples into training, validation and test set by these fractions, class by class, by the stream
    /// ("split", 0) of `seed`. The checksum of the result is over classes, labels and pixels. Nothing is listed as
    /// skipped, and no sample is in two splits.
    ///
    /// Fails, as a folder does, if a class has fewer samples than there are splits; `place` is named in the message.
    pub fn divided(self, place: impl AsRef<Path>, fractions: [f64; 3], seed: u64) -> Result<ImageData> {
        let parts: Vec<&str> =
            Split::ALL.into_iter().filter(|&s| fractions[s as usize] > 0.0).map(Split::name).collect();
        if let Some(class) = split::too_small(&self.counts(), parts.len()) {
            let n = self.counts()[class];
            let what = format!(
                "{} has {n} sample{}; at least {} are needed, one each for {}",
                self.classes.get(class).map_or("it".to_owned(), |class| format!("class `{}`", class.escape_debug())),
                if n == 1 { "" } else { "s" },
                parts.len(),
                parts.join(", ")
            );
            return Err(Error::data(place, what, "add samples, or remove the class"));
        }
        let mut hash = Sha256::new();
        self.classes.iter().for_each(|class| hash.update([class.as_bytes(), &[0]].concat()));
        let strata = self.strata();
        strata.iter().for_each(|&label| hash.update((label as u64).to_le_bytes()));
        self.pixels.data().iter().for_each(|x| hash.update(x.to_le_bytes()));
        if let Some(values) = self.target.values() {
            values.data().iter().for_each(|x| hash.update(x.to_le_bytes()));
        }
        let part = stratified(&strata, &fractions, &mut Rng::new(seed, "split", 0));
        let [train, val, test] = [0, 1, 2].map(|number| {
            let indices: Vec<usize> = (0..self.len()).filter(|&i| part[i] == number).collect();
            self.subset(&indices)
        });
        Ok(ImageData {
            train,
            val,
            test,
            classes: self.classes,
            skipped: Vec::new(),
            ignored: BTreeMap::new(),
            leakage: Vec::new(),
            sha256: hash.finalize().iter().map(|b| format!("{b:02x}")).collect(),
            given_splits: false,
            grouped: None,
        })
    }
}

/// A data set in its three splits, with its history.
#[derive(Clone, Debug)]
pub struct ImageData {
    /// The training set.
    pub train: Images,
    /// The validation set: it decides when to stop and which epoch to keep.
    pub val: Images,
    /// The held-out test set.
    pub test: Images,
    /// Names of the classes, in the order of the labels.
    pub classes: Vec<String>,
    /// Skipped images, with the reasons.
    pub skipped: Vec<Skipped>,
    /// The number of ignored files and folders of file managers and network drives, by kind.
    pub ignored: BTreeMap<String, usize>,
    /// Leakage: images and groups that are in more than one split, which make the test too easy.
    pub leakage: Vec<Leak>,
    /// SHA-256 (hexadecimal) over names and contents of all files read, in order: the same for a folder and its zip.
    pub sha256: String,
    /// Whether the data came with a `train` folder of their own.
    pub given_splits: bool,
    /// Number of images whose file name matched `group_by`; `None` without one.
    pub grouped: Option<usize>,
}

impl ImageData {
    /// Returns 1 for gray, 3 for colour.
    pub fn channels(&self) -> usize {
        self.train.channels()
    }

    /// Returns the word for one sample in messages and reports: `row` or `image`.
    pub fn noun(&self) -> &'static str {
        self.train.noun()
    }

    /// Returns notes on the data: classes and sizes, skipped images, leakage between splits.
    pub fn notes(&self) -> Vec<String> {
        let counts = self.splits().map(|(name, images)| format!("{} {name}", images.len())).join(", ");
        let (named, more) = self.classes.split_at(self.classes.len().min(NAMED));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let mut notes = vec![match &self.train.target {
            Target::Values(_) => format!("to predict: {}; samples: {counts}", self.train.value_names.join(", ")),
            _ => format!("{} classes ({}{more}): {counts}", self.classes.len(), named.join(", ")),
        }];
        notes.extend(Skipped::note(&self.skipped));
        if !self.ignored.is_empty() {
            let kinds: Vec<String> = self.ignored.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
            let n = self.ignored.values().sum();
            let kinds = kinds.join(", ");
            notes.push(format!("ignored {} of file managers and network drives ({kinds})", counted(n, "entry")));
        }
        for pair in alike(&self.classes) {
            let [a, b] = pair;
            notes.push(format!(
                "warning: the classes `{a}` and `{b}` differ only in upper and lower case or spaces; if they are one class, rename one of them"
            ));
        }
        if !self.leakage.is_empty() {
            let (n, verb) = (self.leakage.len(), if self.leakage.len() == 1 { "is" } else { "are" });
            let what = if n == 1 { "1 image or group".into() } else { format!("{} images or groups", thousands(n)) };
            notes.push(format!("warning: {what} {verb} in more than one split"));
        }
        notes.extend(self.missing().iter().map(|missing| format!("warning: {}", missing.words())));
        notes
    }

    /// Returns the classes without a sample in the training, validation or test set. Figures of such a split say
    /// nothing of them.
    pub fn missing(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        // A split that does not exist lacks no class.
        for (split, images) in self.splits().into_iter().filter(|(_, images)| !images.is_empty()) {
            let none = images.counts().into_iter().enumerate().filter(|&(_, n)| n == 0);
            missing.extend(none.map(|(c, _)| Missing { split: split.to_owned(), class: self.classes[c].clone() }));
        }
        missing
    }

    /// Returns the splits with their names, in the order train, val, test.
    pub fn splits(&self) -> [(&'static str, &Images); 3] {
        [("train", &self.train), ("val", &self.val), ("test", &self.test)]
    }
}

/// A class without a sample in one of the splits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// `train`, `val` or `test`.
    pub split: String,
    /// The class.
    pub class: String,
}

impl Missing {
    /// Returns the sentence for logs and reports.
    pub fn words(&self) -> String {
        let set = match self.split.as_str() {
            "train" => "training",
            "val" => "validation",
            other => other,
        };
        format!("the {set} set has no sample of class `{}`", self.class.escape_debug())
    }
}

/// A skipped image, or several of one folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Path inside the data folder or zip; of a folder with a slash at its end.
    pub path: String,
    /// The reason.
    pub reason: String,
    /// For how many images this stands; 0 for a folder that could not be opened, since the number of its images is
    /// unknown.
    #[serde(default = "one")]
    pub images: usize,
}

fn one() -> usize {
    1
}

impl Skipped {
    /// Returns a line for everything that was skipped, with the first reason; `None` if nothing was skipped.
    pub fn note(skipped: &[Skipped]) -> Option<String> {
        let first = skipped.first()?;
        let first_of = if skipped.len() > 1 { "; the first" } else { "" };
        // The contents of such a folder are unknown: perhaps a whole class.
        let warning = if skipped.iter().any(|s| s.images == 0) { "warning: " } else { "" };
        Some(format!("{warning}skipped {}{first_of}: {}: {}", Self::counted(skipped), first.path, first.reason))
    }

    /// Returns how much was skipped, in words: `2 images`, `1 folder`, `2 images and 1 folder`.
    pub fn counted(skipped: &[Skipped]) -> String {
        let images = skipped.iter().map(|s| s.images).sum();
        let folders = skipped.iter().filter(|s| s.images == 0).count();
        match (images, folders) {
            (_, 0) => counted(images, "image"),
            (0, _) => counted(folders, "folder"),
            _ => format!("{} and {}", counted(images, "image"), counted(folders, "folder")),
        }
    }
}

/// Returns neighbouring pairs of names that differ only in upper and lower case and spaces: `Cat` and `cat `.
pub(super) fn alike(names: &[String]) -> Vec<[&str; 2]> {
    let mut of: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    names.iter().for_each(|name| of.entry(folded(name)).or_default().push(name));
    of.values().flat_map(|same| same.windows(2).map(|pair| [pair[0], pair[1]])).collect()
}

/// Returns the name in lower case and without its outer spaces.
pub(super) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// The kind of a leak between splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeakKind {
    /// The same group (patient) by `group_by`.
    Group,
    /// Images that are the same, pixel for pixel, at the size of the network's input.
    Identical,
}

/// An image or a group that is in more than one split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leak {
    /// A shared group, or images that are the same.
    pub kind: LeakKind,
    /// The group, or the names of the images, joined by ` = `.
    pub what: String,
    /// The splits it is in.
    pub splits: Vec<String>,
}
