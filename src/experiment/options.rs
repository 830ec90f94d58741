//! How the settings of section `[data]` become what the readers of files ask for.

use super::choices::{Categories, Features, Gaps, HeaderLine, Normalize};
use super::data::Data;
use super::kind::Learns;
use crate::data::{Column, FolderOptions, ImageData, Images, Npz, NpzOptions, PublicSet, TableOptions, fetch, npz};
use crate::error::{Error, Result};
use crate::files;
use crate::run::Watch;
use std::path::{Path, PathBuf};

impl Data {
    /// Fractions of training, validation and test set.
    pub(super) fn fractions(&self) -> [f64; 3] {
        [1.0 - self.val - self.test, self.val, self.test]
    }

    /// Splits the samples of one file, whose checksum is that of the data.
    pub(super) fn split(&self, path: &Path, samples: Images) -> Result<ImageData> {
        let mut data = samples.divided(path, self.fractions(), self.seed)?;
        data.sha256 = files::sha256(path)?;
        Ok(data)
    }

    /// The path that the file gives, or what to do without.
    pub(super) fn given_path(&self) -> Result<&Path> {
        if self.path.is_empty() {
            let what = format!("is empty: expected the folder or file of the {} data", self.kind.name());
            return Err(Error::config("data.path", what, "say where: --set data.path=FOLDER"));
        }
        Ok(Path::new(&self.path))
    }

    /// The folder of a public set: what `gradus data get` has put into the user's cache needs no path.
    pub(super) fn folder_of(&self, set: PublicSet) -> Result<PathBuf> {
        if let Ok(path) = self.given_path() {
            return Ok(path.to_owned());
        }
        Some(fetch::home(set)?).filter(|home| home.is_dir()).ok_or_else(|| {
            let name = set.name();
            let what = format!("is empty, and {name} is not in the cache");
            let help = format!("fetch it once by `gradus data get {name}`, or say where it is: --set data.path=FOLDER");
            Error::config("data.path", what, help)
        })
    }

    /// How a folder of images is read.
    pub(super) fn folder_options(&self) -> FolderOptions {
        FolderOptions {
            size: self.size,
            color: self.color,
            group_by: (!self.group_by.is_empty()).then(|| self.group_by.clone()),
            seed: self.seed,
            fractions: self.fractions(),
        }
    }

    /// Refuses a kind of experiment that does not predict numbers, for data that hold nothing else.
    pub(super) fn holds_values_alone(&self, learns: Learns) -> Result<()> {
        if learns == Learns::Values {
            return Ok(());
        }
        let what = format!("is {}, whose samples have a number to predict and no class", self.kind.name());
        Err(Error::config("data.kind", what, "write kind = \"regress\""))
    }

    /// Refuses settings that make no sense for a time series.
    pub(super) fn check_series(&self) -> Result<()> {
        let windows = "is for other tables: the inputs of a series are its own last values";
        let set = [
            ("data.columns", !self.columns.is_empty(), windows),
            ("data.ignore", !self.ignore.is_empty(), windows),
            ("data.label", self.label.is_some(), "is for classes: data.target names the column of a series"),
            ("data.features", self.features != Features::Pixels, "is for images"),
            ("data.normalize", self.normalize == Normalize::PerImage, "is per_image, which is for images"),
        ];
        if let Some((key, _, what)) = set.into_iter().find(|(_, is_set, _)| *is_set) {
            return Err(Error::config(key, what, "remove it"));
        }
        match self.target.columns().len() {
            0 | 1 => Ok(()),
            n => {
                let what = format!("names {n} columns, and a series is one");
                Err(Error::config("data.target", what, "name one; each other column is a run of its own"))
            }
        }
    }

    /// How a table is read.
    pub fn table_options(&self, learns: Learns) -> TableOptions {
        TableOptions {
            header: if let HeaderLine::Said(said) = self.header { Some(said) } else { None },
            delimiter: if self.delimiter == "tab" { Some(b'\t') } else { self.delimiter.bytes().next() },
            // Runs of old wrote an empty name for none.
            label: self.label.clone().filter(|column| *column != Column::Name(String::new())),
            columns: self.columns.clone(),
            ignore: self.ignore.clone(),
            targets: (learns == Learns::Values).then(|| self.target.columns()),
            categories: self.categories != Categories::Refuse,
            unknown: self.categories == Categories::OneHot,
            gaps: self.gaps != Gaps::Refuse,
        }
    }

    /// How arrays are read, to train on or to evaluate a trained network on.
    pub fn npz_options(&self, learns: Learns, evaluated: bool) -> NpzOptions {
        let name = |name: &String| (!name.is_empty()).then(|| name.clone());
        NpzOptions { x: name(&self.x), y: name(&self.y), evaluated, values: learns == Learns::Values }
    }
    /// The samples of a file of arrays, rows or images, to train on or to evaluate a trained network on.
    pub(super) fn arrays(&self, path: &Path, learns: Learns, evaluated: bool, watch: &mut dyn Watch) -> Result<Images> {
        let (samples, notes) = npz::load(path, &self.npz_options(learns, evaluated))?;
        notes.iter().for_each(|line| watch.note(line));
        Ok(match samples {
            Npz::Rows(table) => table.into_images(),
            Npz::Images(images) => images,
        })
    }
}
