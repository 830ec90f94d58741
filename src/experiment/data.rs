//! Section `[data]` of an experiment, and the kinds of data that it may name. All that a kind of data is, is said here once:
//! what is known of it before it is read, how it is read, and how other data are read for a run that was trained on it.

use super::choices;
pub use super::choices::{Auto, Categories, Features, Gaps, HeaderLine, Normalize, Targets};
pub use super::functions::{FunctionSettings, SurfaceSettings};
use super::kind::Learns;
use super::on_disk::{ending, files_in, length, pixels_in};
pub use super::series::SeriesSettings;
use crate::analysis::features::Feature;
use crate::analysis::hog::Hog;
use crate::data::function::Mixture;
use crate::data::{
    Color, Column, Columns, Digits, Function, Galaxies, ImageData, Images, Moons, PublicSet, Table, folder,
};
use crate::error::{Error, Result};
use crate::files;
use crate::run::Watch;
use crate::tensor::Tensor;
use crate::train::Augment;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Writes the enum of the kinds of data from a row for each: its name in files, and the type that says all the rest of it.
macro_rules! kinds {
    ($($(#[$about:meta])* $variant:ident = $name:literal, $source:expr;)*) => {
        /// The kinds of data.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum DataKind {
            $($(#[$about])* #[serde(rename = $name)] $variant,)*
        }

        impl DataKind {
            /// All of them.
            pub const ALL: &[DataKind] = &[$(DataKind::$variant),*];

            /// Returns the name, as the file writes it.
            pub fn name(self) -> &'static str {
                match self {
                    $(DataKind::$variant => $name,)*
                }
            }

            /// Returns what there is to be said of it.
            pub fn source(self) -> &'static dyn DataSource {
                match self {
                    $(DataKind::$variant => &$source,)*
                }
            }
        }
    };
}

kinds! {
    /// 70,000 handwritten digits, from IDX files.
    Mnist = "mnist", Published(PublicSet::Mnist);
    /// 70,000 articles of clothing, from IDX files.
    FashionMnist = "fashion-mnist", Published(PublicSet::Fashion);
    /// 60,000 colour images of animals and vehicles, from the official binary batches.
    Cifar10 = "cifar-10", Published(PublicSet::Cifar10);
    /// A folder or zip with one sub-folder of images per class.
    Folder = "folder", ImageFolder;
    /// Galaxies that the program renders: three classes.
    Galaxies = "galaxies", GALAXIES;
    /// Digits that the program renders: ten classes of 28 x 28.
    Digits = "digits", DIGITS;
    /// Points of the plane that the program draws: two interlocking half circles, a class each.
    Moons = "moons", MOONS;
    /// A time series: a column of a table whose rows stand in order, of which values ahead are to be predicted.
    Series = "series", SeriesFile;
    /// A table of numbers, a row for each sample, one column being its class.
    Csv = "csv", CsvTable;
    /// NumPy's arrays `x` and `y`: rows of numbers, or images.
    Npz = "npz", Arrays;
    /// Samples of a formula of x, or of x and y, whose value is to be predicted.
    Function = "function", FunctionSamples(|d| d.function.function(d.seed));
    /// Samples of a surface over the unit square, mixed from five by digits; the height is to be predicted.
    Surface = "surface", FunctionSamples(|d| d.surface.function(d.seed));
}

/// A kind of data: what is known of it before it is read, and how it is read.
pub trait DataSource: Sync {
    /// Returns channels, height and width of an image, where the settings say.
    fn image(&self, d: &Data) -> Option<[usize; 3]> {
        let _ = d;
        None
    }

    /// Returns the number of classes, where the kind says.
    fn classes(&self) -> Option<usize> {
        None
    }

    /// Returns a number of bytes that the samples take at least, as far as it is known without reading them.
    fn least_bytes(&self, d: &Data) -> u64;

    /// Whether all samples are in memory twice while they are split.
    fn is_copied(&self) -> bool {
        true
    }

    /// Whether the program renders the samples.
    fn is_rendered(&self) -> bool {
        false
    }

    /// Whether the data have a test split of their own, so that `data.test` is not used and `data.val` may be a number of
    /// samples.
    fn has_test_split(&self) -> bool {
        false
    }

    /// Whether the data may bring a validation split of their own.
    fn may_have_splits(&self) -> bool {
        false
    }

    /// Whether the samples stand in the order of time: their splits follow one another, and so does a part of a split.
    fn is_ordered(&self) -> bool {
        false
    }

    /// Whether the data may hold numbers to predict.
    fn may_hold_values(&self) -> bool {
        false
    }

    /// The function, if the samples are a function's: what is to be learned is then known everywhere.
    fn function(&self, d: &Data) -> Option<Mixture> {
        let _ = d;
        None
    }

    /// Refuses settings of this kind that make no sense, before anything is read.
    fn check(&self, d: &Data) -> Result<()> {
        let _ = d;
        Ok(())
    }

    /// Reads or renders the samples, in their three splits.
    fn read(&self, d: &Data, learns: Learns, watch: &mut dyn Watch) -> Result<ImageData>;

    /// Whether these files, whatever they hold, are such as this kind reads for a run on data of the kind `run`.
    fn recognizes(&self, path: &Path, run: DataKind) -> bool {
        let _ = (path, run);
        false
    }

    /// Reads files that it [recognizes](Self::recognizes), to evaluate a trained network on: all samples that they hold, or
    /// their own test split. Returns them with the checksum of the files.
    fn read_like(&self, path: &Path, like: &Like<'_>, watch: &mut dyn Watch) -> Result<(Images, String)> {
        let _ = (like, watch);
        Err(Error::data(path, "cannot be evaluated on", "give a folder of images, a table (csv) or arrays (npz)"))
    }

    /// Reads rows to predict for, by a run that was trained on rows: their inputs, and the number of the first one in the table.
    fn read_rows(&self, path: &Path, like: &Like<'_>, watch: &mut dyn Watch) -> Result<(Tensor, usize)> {
        let _ = watch;
        let columns = like.columns.clone().unwrap_or_default();
        let rows = Table::read_rows_like(path, &like.data.table_options(like.learns), &columns)?;
        let (n, d) = rows.dim();
        Ok((Tensor::from_fn([n, 1, 1, d], |i| rows[[i / d, i % d]]), 1))
    }
}

/// What other data must be like to be evaluated on by a run.
pub struct Like<'a> {
    /// Section `[data]` of the run.
    pub data: &'a Data,
    /// What the run learned.
    pub learns: Learns,
    /// Names of the run's classes.
    pub classes: &'a [String],
    /// Channels, height and width of its images.
    pub image: [usize; 3],
    /// Its columns, if it was trained on a table.
    pub columns: Option<Columns>,
}

/// A public set: the last training images are for validation, the test split is its makers'.
struct Published(PublicSet);

impl DataSource for Published {
    fn image(&self, _: &Data) -> Option<[usize; 3]> {
        Some(self.0.image())
    }

    fn classes(&self) -> Option<usize> {
        Some(10)
    }

    fn least_bytes(&self, d: &Data) -> u64 {
        let usual = || self.0.images() * self.0.image().iter().product::<usize>() as u64;
        4 * d.given_path().ok().and_then(pixels_in).unwrap_or_else(usual)
    }

    fn has_test_split(&self) -> bool {
        true
    }

    fn read(&self, d: &Data, _: Learns, _: &mut dyn Watch) -> Result<ImageData> {
        self.0.load(&d.folder_of(self.0)?)?.divided(d.val)
    }

    fn recognizes(&self, path: &Path, run: DataKind) -> bool {
        // Digits that the program renders are made like MNIST's.
        let run = if run == DataKind::Digits { DataKind::Mnist } else { run };
        run.name() == self.0.name() && self.0.find(path).is_ok()
    }

    fn read_like(&self, path: &Path, _: &Like<'_>, _: &mut dyn Watch) -> Result<(Images, String)> {
        let all = self.0.load(path)?;
        Ok((all.test, all.sha256))
    }
}

/// A folder or zip of images.
struct ImageFolder;

impl DataSource for ImageFolder {
    fn image(&self, d: &Data) -> Option<[usize; 3]> {
        Some([d.color.channels()?, d.size, d.size])
    }

    fn least_bytes(&self, d: &Data) -> u64 {
        let numbers = d.color.channels().unwrap_or(1) as u64 * d.size as u64 * d.size as u64;
        let folder = d.given_path().ok().filter(|path| path.is_dir());
        folder.map_or(0, |path| files_in(path, 4) * numbers * 4)
    }

    fn is_copied(&self) -> bool {
        false // each image is read into its split
    }

    fn may_have_splits(&self) -> bool {
        true
    }

    fn read(&self, d: &Data, _: Learns, watch: &mut dyn Watch) -> Result<ImageData> {
        let mut progress = |done, total| watch.progress(done, total, "images read");
        folder::load(d.given_path()?, &d.folder_options(), &mut progress)
    }

    fn recognizes(&self, _: &Path, _: DataKind) -> bool {
        true // the last one
    }

    fn read_like(&self, path: &Path, like: &Like<'_>, watch: &mut dyn Watch) -> Result<(Images, String)> {
        let [channels, size, _] = like.image;
        let mut progress = |done, total| watch.progress(done, total, "images read");
        let folder = folder::load_all(path, like.classes, channels, size, &mut progress)?;
        folder.note().iter().for_each(|line| watch.note(line));
        Ok((folder.images, folder.sha256))
    }
}

/// Samples that the program renders, as many of each class.
struct Rendered {
    classes: usize,
    image: fn(&Data) -> [usize; 3],
    read: fn(&Data) -> Result<ImageData>,
}

const GALAXIES: Rendered = Rendered {
    classes: 3,
    image: |d| [1, d.size, d.size],
    read: |d| Galaxies { per_class: d.per_class, size: d.size, seed: d.seed }.divided(d.fractions()),
};

const DIGITS: Rendered = Rendered {
    classes: 10,
    image: |_| [1, 28, 28],
    read: |d| Digits { n: 10 * d.per_class, seed: d.seed }.divided(d.fractions()),
};

/// As rows of a table. The standard deviation of the noise is a tenth of the radius.
const MOONS: Rendered = Rendered {
    classes: 2,
    image: |_| [1, 1, 2],
    read: |d| Moons { per_class: d.per_class, noise: 0.1, seed: d.seed }.divided(d.fractions()),
};

impl DataSource for Rendered {
    fn image(&self, d: &Data) -> Option<[usize; 3]> {
        Some((self.image)(d))
    }

    fn classes(&self) -> Option<usize> {
        Some(self.classes)
    }

    fn least_bytes(&self, d: &Data) -> u64 {
        let numbers = (self.image)(d).iter().product::<usize>() as u64;
        4 * self.classes as u64 * d.per_class as u64 * numbers
    }

    fn is_rendered(&self) -> bool {
        true
    }

    fn read(&self, d: &Data, _: Learns, _: &mut dyn Watch) -> Result<ImageData> {
        (self.read)(d)
    }
}

/// A table of numbers.
struct CsvTable;

impl DataSource for CsvTable {
    fn least_bytes(&self, d: &Data) -> u64 {
        // A number takes at least two characters, and becomes four bytes.
        d.given_path().map_or(0, |path| length(path) / 2)
    }

    fn may_hold_values(&self) -> bool {
        true
    }

    fn read(&self, d: &Data, learns: Learns, watch: &mut dyn Watch) -> Result<ImageData> {
        let path = d.given_path()?;
        let table = Table::read_csv(path, &d.table_options(learns))?;
        table.notes.iter().for_each(|line| watch.note(line));
        d.split(path, table.into_images())
    }

    fn recognizes(&self, path: &Path, run: DataKind) -> bool {
        // A run on a table takes one of any name.
        ["csv", "tsv"].contains(&ending(path).as_str())
            || (run == DataKind::Csv && path.is_file() && ending(path) != "npz")
    }

    fn read_like(&self, path: &Path, like: &Like<'_>, watch: &mut dyn Watch) -> Result<(Images, String)> {
        let options = like.data.table_options(like.learns);
        let table = match &like.columns {
            Some(columns) => Table::read_csv_like(path, &options, columns)?,
            None => Table::read_csv(path, &options)?,
        };
        table.notes.iter().for_each(|line| watch.note(line));
        Ok((table.into_images(), files::sha256(path)?))
    }
}

/// A time series.
struct SeriesFile;

impl DataSource for SeriesFile {
    fn image(&self, d: &Data) -> Option<[usize; 3]> {
        Some([1, 1, d.series.windows().width()])
    }

    fn least_bytes(&self, d: &Data) -> u64 {
        d.given_path().map_or(0, length)
    }

    fn is_ordered(&self) -> bool {
        true
    }

    fn may_hold_values(&self) -> bool {
        true
    }

    fn check(&self, d: &Data) -> Result<()> {
        d.check_series()
    }

    fn read(&self, d: &Data, learns: Learns, watch: &mut dyn Watch) -> Result<ImageData> {
        d.holds_values_alone(learns)?;
        d.series.divided(d.given_path()?, &d.table_options(learns), d.fractions(), watch)
    }

    fn recognizes(&self, path: &Path, run: DataKind) -> bool {
        run == DataKind::Series && !path.is_dir() && ending(path) != "npz"
    }

    fn read_like(&self, path: &Path, like: &Like<'_>, watch: &mut dyn Watch) -> Result<(Images, String)> {
        Ok((like.data.series.all(path, &like.data.table_options(like.learns), watch)?, files::sha256(path)?))
    }

    fn read_rows(&self, path: &Path, like: &Like<'_>, watch: &mut dyn Watch) -> Result<(Tensor, usize)> {
        like.data.series.next(path, &like.data.table_options(like.learns), watch)
    }
}

/// NumPy's arrays.
struct Arrays;

impl DataSource for Arrays {
    fn least_bytes(&self, d: &Data) -> u64 {
        d.given_path().map_or(0, length) // arrays may be packed
    }

    fn may_hold_values(&self) -> bool {
        true
    }

    fn read(&self, d: &Data, learns: Learns, watch: &mut dyn Watch) -> Result<ImageData> {
        let path = d.given_path()?;
        d.split(path, d.arrays(path, learns, false, watch)?)
    }

    fn recognizes(&self, path: &Path, _: DataKind) -> bool {
        ending(path) == "npz"
    }

    fn read_like(&self, path: &Path, like: &Like<'_>, watch: &mut dyn Watch) -> Result<(Images, String)> {
        Ok((like.data.arrays(path, like.learns, true, watch)?, files::sha256(path)?))
    }
}

/// Samples of a function, by its recipe.
struct FunctionSamples(fn(&Data) -> Function);

impl DataSource for FunctionSamples {
    fn image(&self, d: &Data) -> Option<[usize; 3]> {
        Some([1, 1, self.function(d)?.variables()])
    }

    fn function(&self, d: &Data) -> Option<Mixture> {
        (self.0)(d).mixture().ok()
    }

    fn least_bytes(&self, d: &Data) -> u64 {
        8 * (self.0)(d).n as u64
    }

    fn is_rendered(&self) -> bool {
        true
    }

    fn may_hold_values(&self) -> bool {
        true
    }

    fn check(&self, d: &Data) -> Result<()> {
        (self.0)(d).mixture().map(drop)
    }

    fn read(&self, d: &Data, learns: Learns, _: &mut dyn Watch) -> Result<ImageData> {
        d.holds_values_alone(learns)?;
        let function = (self.0)(d);
        function.sample()?.divided(function.place, d.fractions(), d.seed)
    }
}

/// Section `[data]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The kind of data.
    pub kind: DataKind,
    /// The folder or file; empty for data that need none.
    #[serde(default)]
    pub path: String,
    /// Validation samples taken from the training split: a fraction, or (of MNIST and its like) their number. With 0 there
    /// are none: all epochs are trained and the last is kept.
    #[serde(default = "choices::fifteen_percent")]
    pub val: f64,
    /// Test samples, for data without a test split of their own: a fraction above 0.
    #[serde(default = "choices::fifteen_percent")]
    pub test: f64,
    /// Seed of the split, of subsets of it (`limit`, `labelled`) and of rendered samples. It belongs to the data, not to the
    /// training: runs and trials with other seeds are trained and evaluated on the same samples.
    #[serde(default = "choices::seed")]
    pub seed: u64,
    /// Most training samples: a stratified sample of that many, and validation and test sets smaller in proportion; 0 is
    /// all. A smaller sample is a part of a larger one. Of a series: the last training windows, and the first of the others.
    #[serde(default)]
    #[schemars(extend("unit" = "samples"))]
    pub limit: usize,
    /// Most labelled samples: a stratified sample of the training set, while validation and test set stay whole; 0 is all.
    #[serde(default)]
    #[schemars(extend("unit" = "samples"))]
    pub labelled: usize,
    /// Height and width to which images of a folder are resized, 8 to 1024.
    #[serde(default = "choices::size")]
    #[schemars(extend("unit" = "pixels"))]
    pub size: usize,
    /// Colour of the images of a folder.
    #[serde(default)]
    pub color: Color,
    /// Regular expression; files whose first capture group is the same stay in one split.
    #[serde(default)]
    pub group_by: String,
    /// Whether the first line of a table holds names: true, false, or "auto", which looks.
    #[serde(default)]
    pub header: HeaderLine,
    /// The character that separates the cells of a table, or "tab"; empty looks for comma, semicolon and tab.
    #[serde(default)]
    pub delimiter: String,
    /// The column of a table that holds the class: its name, or its number from 1. Without it, the last one, or the one
    /// that is called label, class, target, species or y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Column>,
    /// The columns of a table that hold the numbers to predict, for kind = "regress": one, by name or number, or a list.
    /// Without it, the column that `label` names or that is found in its place; of a series, the last one of numbers.
    #[serde(default, skip_serializing_if = "Targets::is_empty")]
    pub target: Targets,
    /// The columns of a table that are features, by name or number; empty is all but those omitted.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// Columns of a table that are omitted, by name or number.
    #[serde(default)]
    pub ignore: Vec<Column>,
    /// What becomes of the columns of a table that hold words.
    #[serde(default)]
    pub categories: Categories,
    /// What becomes of the cells of a table that are empty or hold `?`, `NA`, `N/A`, `NaN` or `null`.
    #[serde(default)]
    pub gaps: Gaps,
    /// The array of a .npz that holds the samples; empty looks.
    #[serde(default)]
    pub x: String,
    /// The array of a .npz that holds the labels; empty looks.
    #[serde(default)]
    pub y: String,
    /// Rendered images (or points) of each class, 10 to 100000.
    #[serde(default = "choices::per_class")]
    #[schemars(extend("unit" = "images"))]
    pub per_class: usize,
    /// For kind = "function": the formula, and the points at which it is evaluated.
    #[serde(default)]
    pub function: FunctionSettings,
    /// For kind = "surface": the digits, and the points at which the surface is evaluated.
    #[serde(default)]
    pub surface: SurfaceSettings,
    /// For kind = "series": what is seen of the series, and what is predicted.
    #[serde(default)]
    pub series: SeriesSettings,
    /// What the network is given.
    #[serde(default)]
    pub features: Features,
    /// The scale of the input.
    #[serde(default)]
    pub normalize: Normalize,
    /// Augmentation: how training images are varied, anew in each epoch.
    #[serde(default)]
    pub augment: Augment,
    /// For `features = "hand-crafted"`: the features that are computed.
    #[serde(default = "choices::hand_crafted")]
    pub hand_crafted: Vec<Feature>,
    /// For `features = "hog"`: how histograms of oriented gradients are computed (Dalal and Triggs 2005).
    #[serde(default)]
    pub hog: Hog,
}
