//! Stage 1. Data: pictures, divided once into training, validation and test.
//!
//! The test split is looked at only when everything is trained. Given splits are kept; otherwise the pictures are
//! divided 70/15/15, class by class, by a seeded shuffle.

use super::config::Config;
use crate::data::{FolderOptions, Galaxies, ImageData, load};
use crate::error::{Error, Result};
use crate::run::Watch;
use std::path::Path;

/// Fewer samples than this have no neighbourhoods to map.
const FEWEST: usize = 5;

/// Loads or renders the pictures and divides them.
pub fn prepare(config: &Config, watch: &mut dyn Watch) -> Result<ImageData> {
    let d = &config.data;
    let data = if config.is_rendered() {
        Galaxies { per_class: d.per_class, size: d.size, seed: config.seed }.divided(d.split)?
    } else {
        read(config, watch)?
    };
    for (name, images) in data.splits() {
        if images.len() < FEWEST {
            let what = format!("leaves {} pictures for {name}; maps and metrics need at least {FEWEST}", images.len());
            let help = "give more pictures, or change the shares of data.split";
            return Err(Error::data(&config.data.source, what, help));
        }
    }
    data.notes().iter().for_each(|line| watch.note(line));
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
