//! Determines the class and the split of each image from the names alone.
//!
//! Two layouts are known: `CLASS/image`, and `train/CLASS/image` with `val` and `test` beside it. A folder that
//! only wraps one of these (as zips often have) is looked through. Deeper folders inside a class belong to the class.

use super::dataset::Skipped;
use super::source::{Source, natural};
use super::split::Split;
use crate::error::{Error, Result};
use crate::text::counted;
use std::collections::{BTreeMap, BTreeSet};

/// An image with its class and split.
#[derive(Debug)]
pub(super) struct Item {
    /// Number of the file in its source.
    pub(super) file: usize,
    /// Index into [`Layout::classes`].
    pub(super) label: usize,
    /// The split that the folder gives, if any.
    pub(super) split: Option<Split>,
}

/// The classes and splits of a whole source.
#[derive(Debug)]
pub(super) struct Layout {
    /// All images that have a class, in the order of the source.
    pub(super) items: Vec<Item>,
    /// Names of the classes, sorted.
    pub(super) classes: Vec<String>,
    /// Whether there are `train`, `val`, `test`.
    pub(super) given_splits: bool,
    /// Images outside any class, one line for each folder.
    pub(super) strays: Vec<Skipped>,
    /// Length of the wrapping folder's name, with its slash: the same for all names that have a class.
    pub(super) wrapping: usize,
}

impl Layout {
    /// Reads the names of `source`.
    pub(super) fn of(source: &Source) -> Result<Layout> {
        let parts: Vec<Vec<&str>> = source.names.iter().map(|name| name.split('/').collect()).collect();
        let level = wrapping_levels(&parts);
        let wrapping =
            parts.iter().find(|p| p.len() > level).map_or(0, |p| p[..level].iter().map(|w| w.len() + 1).sum());

        let given_splits = has_splits(source, &parts, level)?;
        let class_at = if given_splits { level + 1 } else { level };
        let (mut found, mut strays) = (vec![], BTreeMap::<String, usize>::new());
        for (file, part) in parts.iter().enumerate() {
            let split = part.get(level).and_then(|folder| split_named(folder)).filter(|_| given_splits);
            if part.len() > class_at + 1 && (split.is_some() || !given_splits) {
                found.push((file, part[class_at], split));
            } else {
                let folder = part[..(part.len() - 1).min(level + 1)].join("/");
                *strays.entry(folder).or_default() += 1;
            }
        }

        let names: BTreeSet<&str> = found.iter().map(|f| f.1).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_by(|a, b| natural(a, b));
        let label: BTreeMap<&str, usize> = names.iter().enumerate().map(|(i, &name)| (name, i)).collect();
        let items = found.iter().map(|&(file, class, split)| Item { file, label: label[class], split }).collect();
        let classes = names.into_iter().map(String::from).collect();
        let strays = strays.into_iter().map(|(folder, n)| Skipped {
            path: if folder.is_empty() { ".".into() } else { folder },
            reason: format!(
                "{} outside the class folders",
                counted(n, "image") + if n == 1 { " lies" } else { " lie" }
            ),
            images: n,
        });
        Ok(Layout { items, given_splits, strays: strays.collect(), wrapping, classes })
    }
}

/// Returns the number of folders that hold all class folders and nothing but one folder each.
fn wrapping_levels(parts: &[Vec<&str>]) -> usize {
    let mut level = 0;
    loop {
        let deeper = || parts.iter().filter(|p| p.len() > level + 1);
        let folders: BTreeSet<&str> = deeper().map(|p| p[level]).collect();
        let holds_images = deeper().any(|p| p.len() == level + 2);
        if folders.len() != 1 || holds_images || folders.iter().any(|f| split_named(f).is_some()) {
            return level;
        }
        level += 1;
    }
}

/// Returns whether the folders at `level` are splits: one is called `train` and holds folders of images.
fn has_splits(source: &Source, parts: &[Vec<&str>], level: usize) -> Result<bool> {
    let with_classes: BTreeSet<&str> = parts.iter().filter(|p| p.len() > level + 2).map(|p| p[level]).collect();
    let named = |split| with_classes.iter().filter(move |f| split_named(f) == Some(split)).collect::<Vec<_>>();
    if named(Split::Train).is_empty() {
        if !with_classes.is_empty() && with_classes.iter().all(|f| split_named(f).is_some()) {
            let help = "put the training images into train/CLASS/, or all of them into CLASS/ folders";
            return Err(Error::data(&source.path, "has a folder for validation or test, but no train folder", help));
        }
        return Ok(false);
    }
    for split in Split::ALL {
        if let [first, second, ..] = named(split)[..] {
            let what = format!("has two folders for the same split: {first} and {second}");
            return Err(Error::data(&source.path, what, "keep one of them"));
        }
    }
    Ok(true)
}

/// Returns the split a folder's name stands for.
fn split_named(folder: &str) -> Option<Split> {
    match folder.to_ascii_lowercase().as_str() {
        "train" | "training" => Some(Split::Train),
        "val" | "valid" | "validation" => Some(Split::Val),
        "test" | "testing" => Some(Split::Test),
        _ => None,
    }
}
