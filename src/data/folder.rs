//! Loads images from a folder or a zip, split into training, validation and test.
//!
//! Files are read and decoded in parallel, but order, labels, splits and hashes depend only on sorted names and the
//! seed, so the result is the same on any machine. An image that cannot be used is skipped and listed with its reason;
//! a data set that cannot be used is an error that says what to change.

use super::dataset::{Columns, ImageData, Images, Leak, LeakKind, Skipped, folded};
use super::decode::{Color, FORMATS, Pixels};
use super::layout::{Item, Layout};
use super::source::{self, Source, shown};
use super::split::{self, Split};
use crate::error::{Error, Result};
use crate::files;
use crate::rng::Rng;
use crate::target::Target;
use crate::tensor::Tensor;
use crate::text::counted;
use rayon::prelude::*;
use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Fewest and most classes.
const CLASSES: std::ops::RangeInclusive<usize> = 2..=100;
/// Smallest and largest side that images are brought to.
const SIZES: std::ops::RangeInclusive<usize> = 8..=1024;
/// Most numbers that all pixels together may be (16 GiB).
const MAX_VALUES: usize = 1 << 32;
/// Images decoded between two reports of progress.
const STRIDE: usize = 128;

/// How a folder is read and split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FolderOptions {
    /// Height and width that each image is brought to: scaled to cover the square, then cut to the middle.
    pub size: usize,
    /// Gray or colour.
    pub color: Color,
    /// A regular expression; the text of its first capture group in a file's name names its group,
    /// across classes too. A file that does not match is a group of its own.
    pub group_by: Option<String>,
    /// Seed of the split.
    pub seed: u64,
    /// Fractions of training, validation and test. With 0 for validation, none is carved from the training images.
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
        let [train, val, test] = self.fractions;
        if !(train > 0.0 && val >= 0.0 && test > 0.0) || (sum - 1.0).abs() > 1e-6 {
            let what = format!("{:?} are not valid fractions of training, validation and test", self.fractions);
            let help = "give three numbers of sum 1, positive but for the second, which may be 0";
            return Err(Error::config("fractions", what, help));
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
        Error::config("group_by", format!("`{pattern}` is not a regular expression: {e}"), "quote it for the shell")
    })?;
    if regex.captures_len() < 2 {
        let help = "put parentheses around the part that names the group, as in '(patient\\d+)_'";
        return Err(Error::config("group_by", format!("`{pattern}` has no capture group"), help));
    }
    Ok(regex)
}

/// Loads a folder or a `.zip`: one sub-folder per class, or `train`, `val`, `test` holding such folders.
///
/// Given splits stay as they are; a split that is missing is carved from `train`. `progress` is called with (done,
/// total).
pub fn load(path: &Path, options: &FolderOptions, progress: &mut dyn FnMut(usize, usize)) -> Result<ImageData> {
    let regex = options.validate()?;
    let source = Source::open(path)?;
    let layout = Layout::of(&source)?;
    check_classes(&source, &layout)?;

    let mut decoded = decode(&source, &layout, options.size, options.color, progress)?;
    let groups = regex.map(|regex| Groups::new(&regex, &source, &decoded.items));
    let splits = divide(&source, &layout, &decoded, groups.as_ref(), options)?;

    let in_colour = |i: usize| decoded.pixels[i].as_ref().is_some_and(|p| p.channels == 3);
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
    let (train, val, test) = (of(Split::Train)?, of(Split::Val)?, of(Split::Test)?);
    Ok(ImageData {
        train,
        val,
        test,
        classes: layout.classes,
        skipped: all_skipped(&source, decoded.skipped, layout.strays),
        ignored: source.ignored,
        leakage,
        sha256: decoded.sha256,
        given_splits: layout.given_splits,
        grouped: groups.map(|g| g.matched),
    })
}

/// Everything that was skipped: images, images outside class folders, folders.
fn all_skipped(source: &Source, images: Vec<(usize, Skipped)>, strays: Vec<Skipped>) -> Vec<Skipped> {
    images.into_iter().map(|s| s.1).chain(strays).chain(source.skipped.iter().cloned()).collect()
}

/// All images of a folder, as [`load_all`] returns them.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The images, labelled by the given classes.
    pub images: Images,
    /// Skipped images, with the reasons.
    pub skipped: Vec<Skipped>,
    /// SHA-256 over names and contents of all files read.
    pub sha256: String,
}

impl Folder {
    /// Returns notes on the data: what was skipped.
    pub fn note(&self) -> Option<String> {
        Skipped::note(&self.skipped)
    }
}

/// Loads all images of a folder or zip whose class folders bear names out of `classes` (not all need be there),
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
    check_images(&source, &layout)?;
    // A run of another system may have its classes' names decomposed.
    let composed: Vec<String> = classes.iter().map(|class| shown(class)).collect();
    let mut place = vec![];
    for class in &layout.classes {
        place.push(composed.iter().position(|c| c == class).ok_or_else(|| {
            let what = format!("holds images of a class `{class}` that was not trained");
            let alike = composed.iter().find(|c| folded(c) == folded(class));
            let rename = alike.map_or("rename or remove the folder".into(), |c| format!("rename the folder to `{c}`"));
            Error::data(path, what, format!("the classes are: {}; {rename}", classes.join(", ")))
        })?);
    }
    layout.items.iter_mut().for_each(|item| item.label = place[item.label]);

    let mut decoded = decode(&source, &layout, size, color_of(channels), progress)?;
    if decoded.items.is_empty() {
        return Err(Error::data(path, "has no readable image", reasons(decoded.skipped.iter().map(|s| &s.1))));
    }
    let all: Vec<usize> = (0..decoded.items.len()).collect();
    let images = decoded.images(&all, &source, classes, channels, size)?;
    let skipped = all_skipped(&source, decoded.skipped, layout.strays);
    Ok(Folder { images, skipped, sha256: decoded.sha256 })
}

/// Reads one image from a file, as `[1, channels, size, size]`, treated exactly as the images of a folder are.
pub fn read_image(path: &Path, channels: usize, size: usize) -> Result<Tensor<f32>> {
    image_from_bytes(&file_bytes(path)?, &path.to_string_lossy(), channels, size)
}

/// Returns the bytes of an image's file; a pipe, a folder or a file beyond the limit is refused.
pub(super) fn file_bytes(path: &Path) -> Result<Vec<u8>> {
    let file = files::open_regular(path).map_err(|e| source::unreadable(path, &e))?;
    source::read_limited(file).map_err(|why| Error::data(path, why, format!("give a smaller {FORMATS} file")))
}

/// Decodes one image from the bytes of a file, as `[1, channels, size, size]`; `name` is for the error message.
pub fn image_from_bytes(bytes: &[u8], name: &str, channels: usize, size: usize) -> Result<Tensor<f32>> {
    assert!(channels == 1 || channels == 3, "image_from_bytes: 1 or 3 channels, not {channels}");
    check_size(size)?;
    let pixels = Pixels::decode(bytes, size, color_of(channels));
    let pixels = pixels.map_err(|why| Error::data(name, why, format!("give a whole {FORMATS} file")))?;
    Ok(Tensor::build([1, channels, size, size], |out| pixels.write(channels, out)))
}

/// Returns the colour mode that yields this number of channels.
fn color_of(channels: usize) -> Color {
    if channels == 1 { Color::Gray } else { Color::Rgb }
}

/// The decoded images.
struct Decoded {
    items: Vec<Item>,
    /// Taken out when they are written to a tensor, so that pixels are not held twice.
    pixels: Vec<Option<Pixels>>,
    /// Over the pixels of each image.
    digests: Vec<[u8; 32]>,
    /// With the label of the image skipped.
    skipped: Vec<(usize, Skipped)>,
    sha256: String,
}

impl Decoded {
    /// Moves the images `members` to a tensor. Those that lost a slight tint, before it was known that colour is
    /// needed, are decoded once more.
    fn images(
        &mut self,
        members: &[usize],
        source: &Source,
        classes: &[String],
        channels: usize,
        size: usize,
    ) -> Result<Images> {
        for &i in members {
            if channels == 3 && self.pixels[i].as_ref().is_some_and(|p| p.tinted) {
                let file = self.items[i].file;
                let again = source.read(file).and_then(|bytes| Pixels::decode(&bytes, size, Color::Rgb));
                let changed = |why| {
                    Error::data(&source.path, format!("{} {why}", source.names[file]), "it changed while it was read")
                };
                self.pixels[i] = Some(again.map_err(changed)?);
            }
        }
        let pixels = Tensor::build([members.len(), channels, size, size], |out| {
            for (&i, out) in members.iter().zip(out.chunks_exact_mut(channels * size * size)) {
                self.pixels[i].take().expect("each image is in one split").write(channels, out);
            }
        });
        let names = members.iter().map(|&i| source.names[self.items[i].file].clone()).collect();
        let labels = members.iter().map(|&i| self.items[i].label).collect();
        Ok(Images {
            names,
            pixels,
            target: Target::Classes(labels),
            classes: classes.to_vec(),
            value_names: Vec::new(),
            columns: Columns::default(),
        })
    }
}

/// Reads and decodes all items, some at a time in parallel.
fn decode(
    source: &Source,
    layout: &Layout,
    size: usize,
    color: Color,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Decoded> {
    let total = layout.items.len();
    if total.saturating_mul(size * size) > MAX_VALUES {
        let what = format!("has {}, too many for memory at {size}x{size}", counted(total, "image"));
        return Err(Error::data(&source.path, what, "choose a smaller --size, or fewer images"));
    }
    let one = |item: &Item| {
        let bytes = source.read(item.file)?;
        let pixels = Pixels::decode(&bytes, size, color);
        Ok((Sha256::digest(&bytes), pixels.map(|p| (digest(&p), p))))
    };
    let mut hash = Sha256::new();
    let (mut items, mut pixels, mut digests, mut skipped) = (vec![], vec![], vec![], vec![]);
    progress(0, total);
    for (k, piece) in layout.items.chunks(STRIDE).enumerate() {
        let results: Vec<Result<_, String>> = piece.par_iter().map(one).collect();
        for (item, result) in piece.iter().zip(results) {
            let name = &source.names[item.file];
            hash.update(&name.as_bytes()[layout.wrapping..]);
            hash.update([0]);
            let decoded = result.and_then(|(file, decoded)| {
                hash.update(file);
                decoded
            });
            match decoded {
                Ok((digest, decoded)) => {
                    items.push(Item { ..*item });
                    digests.push(digest);
                    pixels.push(Some(decoded));
                }
                Err(reason) => skipped.push((item.label, Skipped { path: name.clone(), reason, images: 1 })),
            }
        }
        progress((k * STRIDE + piece.len()).min(total), total);
    }
    let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(Decoded { items, pixels, digests, skipped, sha256 })
}

/// SHA-256 over an image's pixels at the size of the network's input.
fn digest(pixels: &Pixels) -> [u8; 32] {
    let bytes: Vec<u8> = pixels.planes.iter().flat_map(|v| v.to_le_bytes()).collect();
    Sha256::digest(&bytes).into()
}

/// The groups of the images.
struct Groups {
    /// For each image, its group.
    of: Vec<usize>,
    /// For each group, the text captured; `None` for a file that did not match.
    keys: Vec<Option<String>>,
    /// Number of images that matched.
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

/// Returns the split of each image: as given, and missing ones carved from `train`.
fn divide(
    source: &Source,
    layout: &Layout,
    decoded: &Decoded,
    groups: Option<&Groups>,
    options: &FolderOptions,
) -> Result<Vec<Split>> {
    let given = |split| decoded.items.iter().any(|item| item.split == Some(split));
    let is_carved = |s: Split| s == Split::Train || !layout.given_splits || !given(s);
    let carved: Vec<Split> =
        Split::ALL.into_iter().filter(|&s| is_carved(s) && options.fractions[s as usize] > 0.0).collect();
    let pool: Vec<usize> = (0..decoded.items.len())
        .filter(|&i| !layout.given_splits || decoded.items[i].split == Some(Split::Train))
        .collect();
    let mut splits: Vec<Split> = decoded.items.iter().map(|item| item.split.unwrap_or(Split::Train)).collect();
    let labels: Vec<usize> = pool.iter().map(|&i| decoded.items[i].label).collect();
    check_counts(source, layout, decoded, &labels, &carved)?;

    let parts: Vec<f64> = carved.iter().map(|&s| options.fractions[s as usize]).collect();
    let fractions: Vec<f64> = parts.iter().map(|part| part / parts.iter().sum::<f64>()).collect();
    let mut rng = Rng::new(options.seed, "split", 0);
    let parts = match groups {
        None => split::stratified(&labels, &fractions, &mut rng),
        Some(groups) => {
            let of: Vec<usize> = pool.iter().map(|&i| groups.of[i]).collect();
            split::stratified_groups(&labels, &of, &fractions, &mut rng)
        }
    };
    pool.iter().zip(&parts).for_each(|(&i, &part)| splits[i] = carved[part]);

    for split in Split::ALL.into_iter().filter(|split| carved.contains(split) || !is_carved(*split)) {
        for (label, class) in layout.classes.iter().enumerate() {
            if (0..splits.len()).any(|i| splits[i] == split && decoded.items[i].label == label) {
                continue;
            }
            let what = if carved.contains(&split) {
                format!("class `{class}` falls into too few groups: none is left for {}", split.name())
            } else {
                format!("{} has no readable image of class `{class}`", split.name())
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

/// Each class needs an image for each split that is made from these `labels`.
fn check_counts(source: &Source, layout: &Layout, decoded: &Decoded, labels: &[usize], carved: &[Split]) -> Result<()> {
    let mut counts = vec![0; layout.classes.len()];
    labels.iter().for_each(|&label| counts[label] += 1);
    if let Some(label) = split::too_small(&counts, carved.len()) {
        let (class, n) = (&layout.classes[label], counts[label]);
        let place = if layout.given_splits { " in train" } else { "" };
        let names: Vec<&str> = carved.iter().map(|s| s.name()).collect();
        let what = format!(
            "class `{class}` has {}{place}; at least {} are needed, one each for {}",
            counted(n, "readable image"),
            carved.len(),
            names.join(", ")
        );
        let skipped = decoded.skipped.iter().filter(|s| s.0 == label).map(|s| &s.1);
        let help = format!("add images to that class, or remove its folder{}", reasons(skipped.chain(&source.skipped)));
        return Err(Error::data(&source.path, what, help));
    }
    Ok(())
}

/// Returns the first few of what was skipped, each on a line of its own.
fn reasons<'a>(skipped: impl Iterator<Item = &'a Skipped>) -> String {
    let lines: Vec<String> = skipped.map(|s| format!("\n    skipped: {} {}", s.path, s.reason)).collect();
    let more = lines.len().saturating_sub(5);
    let more = if more > 0 { format!("\n    .. and {more} more") } else { String::new() };
    lines.into_iter().take(5).collect::<String>() + &more
}

fn check_images(source: &Source, layout: &Layout) -> Result<()> {
    if !layout.items.is_empty() {
        return Ok(());
    }
    let what = match &layout.strays[..] {
        [] if source.folders.is_empty() => "is empty: no image, no folder".to_owned(),
        [] => "holds no image".to_owned(),
        [first, ..] => format!("has no class folders: in `{}` {}", first.path, first.reason),
    };
    let help = format!(
        "expected one sub-folder of images ({FORMATS}) per class, or train/, val/, test/ holding such folders{}",
        reasons(source.skipped.iter())
    );
    Err(Error::data(&source.path, what, help))
}

fn check_classes(source: &Source, layout: &Layout) -> Result<()> {
    check_images(source, layout)?;
    let n = layout.classes.len();
    if n < *CLASSES.start() {
        let class = &layout.classes[0];
        let with_images: BTreeSet<&str> = source.names.iter().flat_map(|name| name.split('/')).collect();
        let empty: Vec<&str> = source
            .folders
            .iter()
            .filter_map(|folder| folder.rsplit('/').next())
            .filter(|folder| !with_images.contains(folder))
            .collect();
        let what = format!("holds one class only: `{class}`");
        let mut help = "at least two sub-folders with images are needed, one per class".to_owned();
        if !empty.is_empty() {
            help += &format!("; without any image: {}", empty.join(", "));
        }
        help += &reasons(source.skipped.iter());
        return Err(Error::data(&source.path, what, help));
    }
    if n > *CLASSES.end() {
        let what = format!("holds {n} classes; at most {} are possible", CLASSES.end());
        return Err(Error::data(&source.path, what, "check that each sub-folder is a class; merge or remove some"));
    }
    Ok(())
}

/// Groups and identical images that are in more than one split.
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
