//! Pictures from a folder or a zip, divided into training, validation and test.
//!
//! Files are read and decoded in parallel, but everything that is decided (order, labels, splits, hashes) is decided
//! from sorted names and the seed, so the result is the same on any machine. A picture that cannot be used is skipped
//! and listed with its reason; a data set that cannot be used is an error that says what to change.

use super::dataset::{ImageData, Images, Leak, LeakKind, Skipped};
use super::decode::Picture;
use super::layout::{Item, Layout};
use super::source::{self, Source};
use super::split::{self, Split};
use super::table::Columns;
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::tensor::Tensor;
use rayon::prelude::*;
use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Fewest and most classes.
const CLASSES: std::ops::RangeInclusive<usize> = 2..=100;
/// Smallest and largest side that pictures are brought to.
const SIZES: std::ops::RangeInclusive<usize> = 8..=1024;
/// Most numbers that all pixels together may be (16 GiB).
const MAX_VALUES: usize = 1 << 32;
/// Pictures decoded between two reports of progress.
const STRIDE: usize = 128;

/// Gray, colour, or as the pictures are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Colour if a training picture is in colour (its channels differ), else gray.
    #[default]
    Auto,
    /// One channel: 0.299 R + 0.587 G + 0.114 B.
    Gray,
    /// Three channels.
    Rgb,
}

impl Color {
    /// The number of channels, if the pictures need not be seen for it.
    pub fn channels(self) -> Option<usize> {
        match self {
            Color::Auto => None,
            Color::Gray => Some(1),
            Color::Rgb => Some(3),
        }
    }
}

/// How a folder is read and divided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FolderOptions {
    /// Height and width that each picture is brought to: scaled to cover the square, then cut to the middle.
    pub size: usize,
    /// Gray or colour.
    pub color: Color,
    /// A regular expression; the text of its first capture group in a file's name says which pictures belong
    /// together, across classes too. A file that does not match is a group of its own.
    pub group_by: Option<String>,
    /// Seed of the division.
    pub seed: u64,
    /// Shares of training, validation and test.
    pub fractions: [f64; 3],
}

impl Default for FolderOptions {
    fn default() -> Self {
        Self { size: 128, color: Color::Auto, group_by: None, seed: 42, fractions: [0.70, 0.15, 0.15] }
    }
}

impl FolderOptions {
    /// Checks every value, and compiles `group_by`.
    pub fn validate(&self) -> Result<Option<Regex>> {
        check_size(self.size)?;
        let sum: f64 = self.fractions.iter().sum();
        if self.fractions.iter().any(|&f| f.is_nan() || f <= 0.0) || (sum - 1.0).abs() > 1e-6 {
            let what = format!("{:?} are no shares of training, validation and test", self.fractions);
            return Err(Error::config("fractions", what, "give three positive numbers of sum 1"));
        }
        self.group_by.as_deref().map(compile).transpose()
    }
}

fn check_size(size: usize) -> Result<()> {
    if SIZES.contains(&size) {
        return Ok(());
    }
    let help = format!("choose {} to {}", SIZES.start(), SIZES.end());
    Err(Error::config("size", format!("{size} is out of range"), help))
}

fn compile(pattern: &str) -> Result<Regex> {
    let regex = Regex::new(pattern).map_err(|e| {
        Error::config("group_by", format!("`{pattern}` is no regular expression: {e}"), "quote it for the shell")
    })?;
    if regex.captures_len() < 2 {
        let help = "put parentheses around the part that names the group, as in '(patient\\d+)_'";
        return Err(Error::config("group_by", format!("`{pattern}` has no capture group"), help));
    }
    Ok(regex)
}

/// Loads a folder or a `.zip`: one sub-folder per class, or `train`, `val`, `test` holding such folders.
///
/// Given splits stay as they are; a split that is missing is carved from `train`. `progress` is told (done, total).
pub fn load(path: &Path, options: &FolderOptions, progress: &mut dyn FnMut(usize, usize)) -> Result<ImageData> {
    let regex = options.validate()?;
    let source = Source::open(path)?;
    let layout = Layout::of(&source)?;
    check_classes(&source, &layout)?;

    let mut decoded = decode(&source, &layout, options.size, progress)?;
    let groups = regex.map(|regex| Groups::new(&regex, &source, &decoded.items));
    let splits = divide(&source, &layout, &decoded, groups.as_ref(), options)?;

    let in_colour = |i: usize| decoded.pictures[i].as_ref().is_some_and(|p| p.channels == 3);
    let channels = match options.color {
        Color::Gray => 1,
        Color::Rgb => 3,
        Color::Auto => 1 + 2 * usize::from((0..splits.len()).any(|i| splits[i] == Split::Train && in_colour(i))),
    };
    let name = |i: usize| source.names[decoded.items[i].file].clone();
    let leakage = leakage(&decoded.digests, groups.as_ref(), &splits, name);
    let mut of = |split: Split| {
        let members: Vec<usize> = (0..splits.len()).filter(|&i| splits[i] == split).collect();
        decoded.images(&members, &source, &layout.classes, channels, options.size)
    };
    let [train, val, test] = Split::ALL.map(&mut of);
    Ok(ImageData {
        train,
        val,
        test,
        classes: layout.classes,
        skipped: decoded.skipped.into_iter().map(|s| s.1).chain(layout.strays).collect(),
        leakage,
        sha256: decoded.sha256,
        given_splits: layout.given_splits,
        grouped: groups.map(|g| g.matched),
    })
}

/// All pictures of a folder, as [`load_all`] returns them.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The pictures, labelled by the classes asked for.
    pub images: Images,
    /// Pictures that were not used, and why.
    pub skipped: Vec<Skipped>,
    /// SHA-256 over names and contents of all files read.
    pub sha256: String,
}

/// Loads all pictures of a folder or zip whose class folders bear names out of `classes` (not all need be there),
/// labelled in the order of `classes`; folders `train`, `val` and `test` are taken together.
pub fn load_all(
    path: &Path,
    classes: &[String],
    channels: usize,
    size: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Folder> {
    check_size(size)?;
    let source = Source::open(path)?;
    let mut layout = Layout::of(&source)?;
    check_pictures(&source, &layout)?;
    let mut place = vec![];
    for class in &layout.classes {
        place.push(classes.iter().position(|c| c == class).ok_or_else(|| {
            let what = format!("holds pictures of a class `{class}` that was not trained");
            Error::data(path, what, format!("the classes are: {}; rename or remove the folder", classes.join(", ")))
        })?);
    }
    layout.items.iter_mut().for_each(|item| item.label = place[item.label]);

    let mut decoded = decode(&source, &layout, size, progress)?;
    if decoded.items.is_empty() {
        return Err(Error::data(path, "has no readable picture", reasons(decoded.skipped.iter().map(|s| &s.1))));
    }
    let all: Vec<usize> = (0..decoded.items.len()).collect();
    let images = decoded.images(&all, &source, classes, channels, size);
    let skipped = decoded.skipped.into_iter().map(|s| s.1).chain(layout.strays).collect();
    Ok(Folder { images, skipped, sha256: decoded.sha256 })
}

/// One picture from a file, as `[1, channels, size, size]`, treated exactly as the pictures of a folder are.
pub fn read_image(path: &Path, channels: usize, size: usize) -> Result<Tensor<f32>> {
    let meta = std::fs::metadata(path).map_err(|e| source::unreadable(path, &e))?;
    if !meta.is_file() {
        return Err(Error::data(path, "is no file", "give a PNG or JPEG file"));
    }
    let file = std::fs::File::open(path).map_err(|e| source::unreadable(path, &e))?;
    let bytes = source::read_limited(file).map_err(|why| Error::data(path, why, "give a smaller PNG or JPEG file"))?;
    image_from_bytes(&bytes, &path.to_string_lossy(), channels, size)
}

/// One picture from the bytes of a PNG or JPEG file, as `[1, channels, size, size]`; `name` is for the error message.
pub fn image_from_bytes(bytes: &[u8], name: &str, channels: usize, size: usize) -> Result<Tensor<f32>> {
    assert!(channels == 1 || channels == 3, "image_from_bytes: 1 or 3 channels, not {channels}");
    check_size(size)?;
    let picture = Picture::decode(bytes, size).map_err(|why| Error::data(name, why, "give a PNG or JPEG file"))?;
    Ok(Tensor::build([1, channels, size, size], |out| picture.write(channels, out)))
}

/// The pictures that could be decoded, with what was learned on the way.
struct Decoded {
    items: Vec<Item>,
    /// Taken out when they are written to a tensor, so that pixels are not held twice.
    pictures: Vec<Option<Picture>>,
    /// Over the pixels of each picture.
    digests: Vec<[u8; 32]>,
    /// With the label of the picture skipped.
    skipped: Vec<(usize, Skipped)>,
    sha256: String,
}

impl Decoded {
    /// Moves the pictures `members` to a tensor.
    fn images(
        &mut self,
        members: &[usize],
        source: &Source,
        classes: &[String],
        channels: usize,
        size: usize,
    ) -> Images {
        let pixels = Tensor::build([members.len(), channels, size, size], |out| {
            for (&i, out) in members.iter().zip(out.chunks_exact_mut(channels * size * size)) {
                self.pictures[i].take().expect("each picture is in one split").write(channels, out);
            }
        });
        let names = members.iter().map(|&i| source.names[self.items[i].file].clone()).collect();
        let labels = members.iter().map(|&i| self.items[i].label).collect();
        Images { names, pixels, labels, classes: classes.to_vec(), columns: Columns::default() }
    }
}

/// Reads and decodes all items, some at a time in parallel.
fn decode(source: &Source, layout: &Layout, size: usize, progress: &mut dyn FnMut(usize, usize)) -> Result<Decoded> {
    let total = layout.items.len();
    if total.saturating_mul(size * size) > MAX_VALUES {
        let what = format!("has {total} pictures, too many for memory at {size}x{size}");
        return Err(Error::data(&source.path, what, "choose a smaller --size, or fewer pictures"));
    }
    let one = |item: &Item| {
        let bytes = source.read(item.file)?;
        let picture = Picture::decode(&bytes, size);
        Ok((Sha256::digest(&bytes), picture.map(|p| (digest(&p), p))))
    };
    let mut hash = Sha256::new();
    let (mut items, mut pictures, mut digests, mut skipped) = (vec![], vec![], vec![], vec![]);
    progress(0, total);
    for (k, piece) in layout.items.chunks(STRIDE).enumerate() {
        let results: Vec<Result<_, String>> = piece.par_iter().map(one).collect();
        for (item, result) in piece.iter().zip(results) {
            let name = &source.names[item.file];
            hash.update(&name.as_bytes()[layout.wrapping..]);
            hash.update([0]);
            let picture = result.and_then(|(file, picture)| {
                hash.update(file);
                picture
            });
            match picture {
                Ok((digest, picture)) => {
                    items.push(Item { ..*item });
                    digests.push(digest);
                    pictures.push(Some(picture));
                }
                Err(reason) => skipped.push((item.label, Skipped { path: name.clone(), reason })),
            }
        }
        progress((k * STRIDE + piece.len()).min(total), total);
    }
    let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(Decoded { items, pictures, digests, skipped, sha256 })
}

/// SHA-256 over a picture's pixels at the size the network sees.
fn digest(picture: &Picture) -> [u8; 32] {
    let bytes: Vec<u8> = picture.planes.iter().flat_map(|v| v.to_le_bytes()).collect();
    Sha256::digest(&bytes).into()
}

/// Who belongs together.
struct Groups {
    /// For each picture, its group.
    of: Vec<usize>,
    /// For each group, the text captured; `None` for a file that did not match.
    keys: Vec<Option<String>>,
    /// Number of pictures that matched.
    matched: usize,
}

impl Groups {
    fn new(regex: &Regex, source: &Source, items: &[Item]) -> Groups {
        let mut groups = Groups { of: vec![], keys: vec![], matched: 0 };
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for item in items {
            let file = source.names[item.file].rsplit('/').next().unwrap_or_default();
            let key = regex.captures(file).and_then(|c| c.get(1)).map(|m| m.as_str().to_owned());
            let fresh = groups.keys.len();
            let group = key.as_ref().map_or(fresh, |key| *known.entry(key.clone()).or_insert(fresh));
            groups.matched += usize::from(key.is_some());
            if group == fresh {
                groups.keys.push(key);
            }
            groups.of.push(group);
        }
        groups
    }
}

/// The split of each picture: as given, and missing ones carved from `train`.
fn divide(
    source: &Source,
    layout: &Layout,
    decoded: &Decoded,
    groups: Option<&Groups>,
    options: &FolderOptions,
) -> Result<Vec<Split>> {
    let given = |split| decoded.items.iter().any(|item| item.split == Some(split));
    let carved: Vec<Split> =
        Split::ALL.into_iter().filter(|&s| s == Split::Train || !layout.given_splits || !given(s)).collect();
    let pool: Vec<usize> = (0..decoded.items.len())
        .filter(|&i| !layout.given_splits || decoded.items[i].split == Some(Split::Train))
        .collect();
    let mut splits: Vec<Split> = decoded.items.iter().map(|item| item.split.unwrap_or(Split::Train)).collect();
    let labels: Vec<usize> = pool.iter().map(|&i| decoded.items[i].label).collect();
    check_counts(source, layout, decoded, &labels, &carved)?;

    let shares: Vec<f64> = carved.iter().map(|&s| options.fractions[s as usize]).collect();
    let fractions: Vec<f64> = shares.iter().map(|share| share / shares.iter().sum::<f64>()).collect();
    let mut rng = Rng::new(options.seed, "split", 0);
    let parts = match groups {
        None => split::stratified(&labels, &fractions, &mut rng),
        Some(groups) => {
            let of: Vec<usize> = pool.iter().map(|&i| groups.of[i]).collect();
            split::stratified_groups(&labels, &of, &fractions, &mut rng)
        }
    };
    pool.iter().zip(&parts).for_each(|(&i, &part)| splits[i] = carved[part]);

    for split in Split::ALL {
        for (label, class) in layout.classes.iter().enumerate() {
            if (0..splits.len()).any(|i| splits[i] == split && decoded.items[i].label == label) {
                continue;
            }
            let what = if carved.contains(&split) {
                format!("class `{class}` falls into too few groups: none is left for {}", split.name())
            } else {
                format!("{} has no readable picture of class `{class}`", split.name())
            };
            let help = if carved.contains(&split) {
                format!("at least {} groups of that class are needed; check --group-by", carved.len())
            } else {
                format!("add some, or remove the folder {} to have it carved from train", split.name())
            };
            return Err(Error::data(&source.path, what, help));
        }
    }
    Ok(splits)
}

/// Each class needs a picture for each split that is made from these `labels`.
fn check_counts(source: &Source, layout: &Layout, decoded: &Decoded, labels: &[usize], carved: &[Split]) -> Result<()> {
    let mut counts = vec![0; layout.classes.len()];
    labels.iter().for_each(|&label| counts[label] += 1);
    if let Some(label) = split::too_small(&counts, carved.len()) {
        let (class, n) = (&layout.classes[label], counts[label]);
        let place = if layout.given_splits { " in train" } else { "" };
        let names: Vec<&str> = carved.iter().map(|s| s.name()).collect();
        let what = format!(
            "class `{class}` has {n} readable picture{}{place}; at least {} are needed, one each for {}",
            if n == 1 { "" } else { "s" },
            carved.len(),
            names.join(", ")
        );
        let skipped = decoded.skipped.iter().filter(|s| s.0 == label).map(|s| &s.1);
        let help = format!("add pictures to that class, or remove its folder{}", reasons(skipped));
        return Err(Error::data(&source.path, what, help));
    }
    Ok(())
}

/// The first few of the pictures skipped, each on a line of its own.
fn reasons<'a>(skipped: impl Iterator<Item = &'a Skipped>) -> String {
    let lines: Vec<String> = skipped.map(|s| format!("\n    skipped: {} {}", s.path, s.reason)).collect();
    let more = lines.len().saturating_sub(5);
    let more = if more > 0 { format!("\n    .. and {more} more") } else { String::new() };
    lines.into_iter().take(5).collect::<String>() + &more
}

fn check_pictures(source: &Source, layout: &Layout) -> Result<()> {
    let help = "wanted: one sub-folder of PNG or JPEG files per class, or train/, val/, test/ holding such folders";
    if !layout.items.is_empty() {
        return Ok(());
    }
    let what = match &layout.strays[..] {
        [] if source.folders.is_empty() => "is empty: no picture, no folder".to_owned(),
        [] => "holds no picture".to_owned(),
        [first, ..] => format!("has no class folders: in `{}` {}", first.path, first.reason),
    };
    Err(Error::data(&source.path, what, help))
}

fn check_classes(source: &Source, layout: &Layout) -> Result<()> {
    check_pictures(source, layout)?;
    let n = layout.classes.len();
    if n < *CLASSES.start() {
        let class = &layout.classes[0];
        let with_pictures: BTreeSet<&str> = source.names.iter().flat_map(|name| name.split('/')).collect();
        let empty: Vec<&str> = source
            .folders
            .iter()
            .filter_map(|folder| folder.rsplit('/').next())
            .filter(|folder| !with_pictures.contains(folder))
            .collect();
        let what = format!("holds one class only: `{class}`");
        let mut help = "at least two sub-folders with pictures are needed, one per class".to_owned();
        if !empty.is_empty() {
            help += &format!("; without any picture: {}", empty.join(", "));
        }
        return Err(Error::data(&source.path, what, help));
    }
    if n > *CLASSES.end() {
        let what = format!("holds {n} classes; at most {} are possible", CLASSES.end());
        return Err(Error::data(&source.path, what, "check that each sub-folder is a class; merge or remove some"));
    }
    Ok(())
}

/// Groups and identical pictures that stand in more than one split.
fn leakage(
    digests: &[[u8; 32]],
    groups: Option<&Groups>,
    splits: &[Split],
    name: impl Fn(usize) -> String,
) -> Vec<Leak> {
    let splits_of = |members: &[usize]| -> Vec<String> {
        let found: BTreeSet<Split> = members.iter().map(|&i| splits[i]).collect();
        found.into_iter().map(|s| s.name().to_owned()).collect()
    };
    let mut leaks = vec![];
    if let Some(groups) = groups {
        let mut members = vec![vec![]; groups.keys.len()];
        groups.of.iter().enumerate().for_each(|(i, &g)| members[g].push(i));
        for (key, members) in groups.keys.iter().zip(&members) {
            let splits = splits_of(members);
            if let (Some(key), true) = (key, splits.len() > 1) {
                leaks.push(Leak { kind: LeakKind::Group, what: key.clone(), splits });
            }
        }
    }
    let mut same: BTreeMap<&[u8; 32], Vec<usize>> = BTreeMap::new();
    digests.iter().enumerate().for_each(|(i, digest)| same.entry(digest).or_default().push(i));
    let mut same: Vec<Vec<usize>> = same.into_values().filter(|members| members.len() > 1).collect();
    same.sort();
    for members in same {
        let splits = splits_of(&members);
        if splits.len() > 1 {
            let names: Vec<String> = members.iter().map(|&i| name(i)).collect();
            leaks.push(Leak { kind: LeakKind::Identical, what: names.join(" = "), splits });
        }
    }
    leaks
}
