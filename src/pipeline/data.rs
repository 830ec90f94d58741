//! Stage 1. Data: pictures, divided once into training, validation and test.
//!
//! The test split is looked at only when everything is trained. Given splits are kept; otherwise the pictures are
//! divided 70/15/15, class by class, by a seeded shuffle.

use super::Watch;
use super::config::Config;
use crate::data::split::stratified;
use crate::data::{FolderOptions, Galaxies, ImageData, Images, load};
use crate::error::{Error, Result};
use crate::rng::Rng;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Fewer samples than this have no neighbourhoods to map.
const FEWEST: usize = 5;

/// Loads or renders the pictures and divides them.
pub fn prepare(config: &Config, watch: &mut dyn Watch) -> Result<ImageData> {
    let data = if config.is_rendered() { render(config)? } else { read(config, watch)? };
    for (name, images) in data.splits() {
        if images.len() < FEWEST {
            let what = format!("leaves {} pictures for {name}; maps and metrics need at least {FEWEST}", images.len());
            let help = "give more pictures, or change the shares of data.split";
            return Err(Error::data(&config.data.source, what, help));
        }
    }
    let counts = data.splits().map(|(name, images)| format!("{} {name}", images.len())).join(", ");
    watch.note(&format!("{} classes ({}): {counts}", data.classes.len(), data.classes.join(", ")));
    if !data.skipped.is_empty() {
        let (first, n) = (&data.skipped[0], data.skipped.len());
        watch.note(&format!("skipped {n} pictures; the first: {}: {}", first.path, first.reason));
    }
    if !data.leakage.is_empty() {
        watch.note(&format!("warning: {} pictures or groups stand in more than one split", data.leakage.len()));
    }
    Ok(data)
}

/// Pictures from a folder or zip.
fn read(config: &Config, watch: &mut dyn Watch) -> Result<ImageData> {
    let d = &config.data;
    let options = FolderOptions {
        size: d.size,
        color: d.color,
        group_by: (!d.group_by.is_empty()).then(|| d.group_by.clone()),
        seed: config.seed,
        fractions: d.split,
    };
    load(Path::new(&d.source), &options, &mut |done, total| watch.progress(done, total, "pictures read"))
}

/// Galaxies from the renderer, divided like any folder.
fn render(config: &Config) -> Result<ImageData> {
    let d = &config.data;
    let (pixels, labels, names) = Galaxies { per_class: d.per_class, size: d.size, seed: config.seed }.render()?;
    let classes: Vec<String> = Galaxies::CLASSES.iter().map(|c| c.to_string()).collect();
    let mut hash = Sha256::new();
    pixels.data().iter().for_each(|x| hash.update(x.to_le_bytes()));
    let assigned = stratified(&labels, &d.split, &mut Rng::new(config.seed, "split", 0));
    let all = Images { names, pixels, labels, classes: classes.clone() };
    let [train, val, test] = [0, 1, 2].map(|part| {
        let indices: Vec<usize> = (0..all.len()).filter(|&i| assigned[i] == part).collect();
        all.subset(&indices)
    });
    let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    let (skipped, leakage) = (Vec::new(), Vec::new());
    Ok(ImageData { train, val, test, classes, skipped, leakage, sha256, given_splits: false, grouped: None })
}
