//! How the settings of section `[data]` become what the readers of files ask for.

use super::choices::{Categories, Gaps, HeaderLine};
use super::data::Data;
use super::kind::Learns;
use crate::data::{Column, ImageData, Images, NpzOptions, TableOptions};
use crate::error::{Error, Result};
use crate::files;
use std::path::Path;

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
}
