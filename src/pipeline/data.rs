//! Stage 1. Data: images, split once into training, validation and test set.
//!
//! Nothing is chosen by the test set. Given splits are kept; otherwise the images are split 70/15/15, class by class,
//! by a shuffle that `data.seed` decides.

use super::config::Config;
use crate::data::{FolderOptions, Galaxies, ImageData, load};
use crate::error::{Error, Result};
use crate::run::Watch;
use crate::text::counted;
use std::path::Path;

/// Fewer samples than this are too few for t-SNE.
const FEWEST: usize = 5;

/// Loads or renders the images and splits them.
pub fn prepare(config: &Config, watch: &mut dyn Watch) -> Result<ImageData> {
    let d = &config.data;
    let data = if config.is_rendered() {
        Galaxies { per_class: d.per_class, size: d.size, seed: d.seed }.divided(d.split)?
    } else {
        read(config, watch)?
    };
    for (name, images) in data.splits() {
        if images.len() < FEWEST {
            let what = format!(
                "leaves {} for {name}; embeddings and metrics need at least {FEWEST}",
                counted(images.len(), "image")
            );
            let help = "give more images, or change the fractions of data.split";
            return Err(Error::data(&config.data.source, what, help));
        }
    }
    if let Some(missing) = data.missing().into_iter().find(|missing| missing.split == "train") {
        return Err(Error::data(&d.source, missing.words(), "add images of that class, or remove the class"));
    }
    data.notes().iter().for_each(|line| watch.note(line));
    Ok(data)
}

/// Images from a folder or zip.
fn read(config: &Config, watch: &mut dyn Watch) -> Result<ImageData> {
    let d = &config.data;
    let options = FolderOptions {
        size: d.size,
        color: d.color,
        group_by: (!d.group_by.is_empty()).then(|| d.group_by.clone()),
        seed: d.seed,
        fractions: d.split,
    };
    load(Path::new(&d.source), &options, &mut |done, total| watch.progress(done, total, "images read"))
}
