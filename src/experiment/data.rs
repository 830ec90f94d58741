//! The samples of an experiment: read or rendered, divided, and made into what the network is given.

use super::kind::Learns;
use super::spec::{Data, DataKind, Experiment, Features, Normalize};
use super::values::ValueScale;
use crate::analysis::features::{Feature, of_images};
use crate::analysis::hog::Hog;
use crate::analysis::scale::{Scaler, Scaling};
use crate::data::mnist::{self, Set};
use crate::data::{
    Border, Columns, Digits, FolderOptions, Galaxies, ImageData, Images, Npz, Table, fetch, folder, npz,
};
use crate::error::{Error, Result};
use crate::files;
use crate::run::Watch;
use crate::target::Target;
use crate::tensor::Tensor;
use crate::train::Normalization;
use crate::train::batch::standardize_each;
use crate::train::{ImageSamples, Matrix, Samples};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Reads or renders the data of an experiment, in their three splits.
pub fn load(e: &Experiment, watch: &mut dyn Watch) -> Result<ImageData> {
    let d = &e.data;
    let shares = [1.0 - d.val - d.test, d.val, d.test];
    let mut data = match d.kind {
        DataKind::Mnist => digits(d, Set::Mnist)?,
        DataKind::FashionMnist => digits(d, Set::Fashion)?,
        DataKind::Digits => Digits { n: 10 * d.per_class, seed: d.seed }.divided(shares)?,
        DataKind::Galaxies => Galaxies { per_class: d.per_class, size: d.size, seed: d.seed }.divided(shares)?,
        DataKind::Csv => {
            let table = Table::read_csv(given_path(d)?, &d.table_options(e.kind.learns))?;
            table.notes.iter().for_each(|line| watch.note(line));
            rows(table).divided(given_path(d)?, shares, d.seed)?
        }
        DataKind::Npz => arrays(given_path(d)?, e, false, watch)?.divided(given_path(d)?, shares, d.seed)?,
        DataKind::Folder => {
            let options = FolderOptions {
                size: d.size,
                color: d.color,
                group_by: (!d.group_by.is_empty()).then(|| d.group_by.clone()),
                seed: d.seed,
                fractions: shares,
            };
            folder::load(given_path(d)?, &options, &mut |done, total| watch.progress(done, total, "images read"))?
        }
    };
    if matches!(d.kind, DataKind::Csv | DataKind::Npz) {
        data.sha256 = files::sha256(given_path(d)?)?;
    }
    if d.limit > 0 && d.limit < data.train.len() {
        // Validation and test set in proportion, but large enough to measure on.
        let fraction = d.limit as f64 / data.train.len() as f64;
        let some = |images: &Images| images.sample(((images.len() as f64 * fraction) as usize).max(100), d.seed);
        (data.val, data.test) = (some(&data.val), some(&data.test));
        data.train = data.train.sample(d.limit, d.seed);
    }
    if d.labelled > 0 {
        data.train = data.train.sample(d.labelled, d.seed);
    }
    let noun = data.noun();
    for (name, images) in data.splits() {
        if images.is_empty() && !(name == "val" && d.val == 0.0) {
            return Err(Error::config(
                "data.val",
                format!("leaves no {noun}s for {name}"),
                "change data.val or data.test",
            ));
        }
    }
    check_classes(e, &data)?;
    data.notes().iter().for_each(|line| watch.note(line));
    Ok(data)
}

/// Refuses a training set that lacks a class: a classifier cannot learn it. An autoencoder needs no classes.
fn check_classes(e: &Experiment, data: &ImageData) -> Result<()> {
    if e.kind.learns != Learns::Classes {
        return Ok(());
    }
    let Some(missing) = data.missing().into_iter().find(|missing| missing.split == "train") else { return Ok(()) };
    let (d, classes) = (&e.data, data.classes.len());
    for (key, n) in [("data.labelled", d.labelled), ("data.limit", d.limit)] {
        if n > 0 && n < classes {
            let what = format!("is {n}, so {} (expected at least {classes}, one for each class)", missing.words());
            let help = format!("choose {classes} or more, or 0 for all: --set {key}={classes}");
            return Err(Error::config(key, what, help));
        }
    }
    Err(Error::data(d.source(), missing.words(), "add samples of that class to the training set, or remove the class"))
}

/// Samples that are not those of a run's splits, or not as such.
pub struct Other {
    /// The samples, labelled in the order of the run's classes.
    pub images: Images,
    /// SHA-256 (hexadecimal) of the files they come from.
    pub sha256: String,
}

/// Other samples that a finished run is evaluated on: a kind of data, or a path. Data with a test split of their own give
/// that; a folder of images, a table or arrays give all they hold: the run's own, if their kind is what is asked for. The
/// classes are the run's, matched by name.
pub fn other(e: &Experiment, spec: &str, p: &Preparation, watch: &mut dyn Watch) -> Result<Other> {
    let asked = DataKind::ALL.iter().copied().find(|kind| kind.name() == spec);
    let is_whole = |kind| matches!(kind, DataKind::Folder | DataKind::Csv | DataKind::Npz);
    let spec = if asked == Some(e.data.kind) && is_whole(e.data.kind) { &e.data.path } else { spec };
    if let Some(kind) = asked.filter(|&kind| kind != e.data.kind || !is_whole(kind)) {
        let mut e = e.clone();
        if kind != e.data.kind {
            (e.data.kind, e.data.path) = (kind, String::new());
        }
        e.data.limit = 0;
        let ImageData { test, sha256, .. } = load(&e, watch)?;
        return Ok(Other { images: renamed(test, p, Path::new(spec))?, sha256 });
    }
    let (d, path) = (&e.data, Path::new(spec));
    let set = if d.kind == DataKind::FashionMnist { Set::Fashion } else { Set::Mnist };
    let is_digits = matches!(d.kind, DataKind::Mnist | DataKind::FashionMnist | DataKind::Digits);
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    let (images, sha256) = match ending.as_deref() {
        Some("npz") => (arrays(path, e, true, watch)?, files::sha256(path)?),
        // A run on a table takes one of any name.
        other if matches!(other, Some("csv" | "tsv")) || (d.kind == DataKind::Csv && path.is_file()) => {
            let options = d.table_options(e.kind.learns);
            let table = match p.is_table() {
                true => Table::read_csv_like(path, &options, &p.columns())?,
                false => Table::read_csv(path, &options)?,
            };
            table.notes.iter().for_each(|line| watch.note(line));
            (rows(table), files::sha256(path)?)
        }
        _ if is_digits && mnist::find(path, set).is_ok() => {
            let all = mnist::load(path, set)?;
            (all.test, all.sha256)
        }
        _ => {
            let [channels, size, _] = p.image;
            let mut progress = |done, total| watch.progress(done, total, "images read");
            let folder = folder::load_all(path, &p.classes, channels, size, &mut progress)?;
            folder.note().iter().for_each(|line| watch.note(line));
            (folder.images, folder.sha256)
        }
    };
    Ok(Other { images: renamed(images, p, path)?, sha256 })
}

/// The same samples, labelled in the order of the run's classes; refused unless they are such as the run was trained on.
fn renamed(mut images: Images, p: &Preparation, path: &Path) -> Result<Images> {
    let image = [images.channels(), images.height(), images.width()];
    if image != p.image {
        let words =
            |[c, h, w]: [usize; 3]| if (c, h) == (1, 1) { format!("{w} numbers") } else { format!("{c}x{h}x{w}") };
        let what = format!("holds samples of {}; the run was trained on {}", words(image), words(p.image));
        return Err(Error::data(path, what, "give data like those of the run"));
    }
    if let Some(scale) = p.values.as_ref().filter(|scale| scale.names.len() != images.value_names.len()) {
        let (found, known) = (images.value_names.len(), scale.names.join(", "));
        let what = format!("holds {found} numbers to predict; the run predicts {known}");
        return Err(Error::data(path, what, "give data like those of the run"));
    }
    let place: Vec<Option<usize>> =
        images.classes.iter().map(|class| p.classes.iter().position(|known| known == class)).collect();
    let mut none = Vec::new();
    let labels = if let Target::Classes(labels) = &mut images.target { labels } else { &mut none };
    for label in labels {
        *label = place[*label].ok_or_else(|| {
            let what = format!("holds a class `{}` that was not trained", images.classes[*label]);
            Error::data(path, what, format!("the classes are: {}", p.classes.join(", ")))
        })?;
    }
    images.classes = p.classes.clone();
    Ok(images)
}

/// The rows of a table as images of height 1: what is divided, counted and reported is the same.
fn rows(table: Table) -> Images {
    let (n, d) = table.features.dim();
    Images {
        names: (1..=n).map(|row| format!("row {row}")).collect(),
        pixels: Tensor::from_fn([n, 1, 1, d], |i| table.features[[i / d, i % d]]),
        target: table.target,
        classes: table.classes,
        value_names: table.value_names,
        columns: table.columns,
    }
}

/// The samples of a file of arrays, rows or images.
fn arrays(path: &Path, e: &Experiment, evaluated: bool, watch: &mut dyn Watch) -> Result<Images> {
    let (samples, notes) = npz::load(path, &e.data.npz_options(e.kind.learns, evaluated))?;
    notes.iter().for_each(|line| watch.note(line));
    Ok(match samples {
        Npz::Rows(table) => rows(table),
        Npz::Images(images) => images,
    })
}

/// The path that the file gives, or what to do without.
pub(super) fn given_path(d: &Data) -> Result<&Path> {
    if d.path.is_empty() {
        let what = format!("is empty, but {} lie somewhere", d.kind.name());
        return Err(Error::config("data.path", what, "say where: --set data.path=FOLDER"));
    }
    Ok(Path::new(&d.path))
}

/// MNIST and its like: the last training images are for validation, the test split is its makers'.
fn digits(d: &Data, set: Set) -> Result<ImageData> {
    let path = match given_path(d) {
        Ok(path) => path.to_owned(),
        // What `gradus data get` has put into the user's cache needs no path.
        Err(_) => Some(fetch::home(set)?).filter(|home| home.is_dir()).ok_or_else(|| {
            let what = format!("is empty, and {} is not in the cache", set.name());
            let help = format!(
                "fetch it once by `gradus data get {}`, or say where it is: --set data.path=FOLDER",
                set.name()
            );
            Error::config("data.path", what, help)
        })?,
    };
    let all = mnist::load(&path, set)?;
    let n = all.train.len();
    let val = if d.val < 1.0 { (d.val * n as f64).round() as usize } else { d.val as usize };
    if val >= n {
        let what = format!("is {}, but there are {n} training images", d.val);
        return Err(Error::config("data.val", what, "leave some to learn from"));
    }
    let (first, last): (Vec<usize>, Vec<usize>) = ((0..n - val).collect(), (n - val..n).collect());
    Ok(ImageData {
        train: all.train.subset(&first),
        val: all.train.subset(&last),
        test: all.test,
        classes: all.train.classes.clone(),
        skipped: Vec::new(),
        ignored: Default::default(),
        leakage: Vec::new(),
        sha256: all.sha256,
        given_splits: true,
        grouped: None,
    })
}

/// What `evaluate` and `predict` need besides the weights.
pub const PREPARATION: &str = "preparation.json";

/// Everything between an image and the network, learned from the training split: saved with the run, so that other
/// images are treated alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Channels, height and width of an image.
    pub image: [usize; 3],
    /// What the columns of a table are called; other tables are matched by these names.
    #[serde(default)]
    pub columns: Columns,
    /// What the network is given.
    pub features: Features,
    /// Which features, if they are hand-crafted.
    pub hand_crafted: Vec<Feature>,
    /// How histograms of oriented gradients are computed, if they are the features.
    pub hog: Hog,
    /// Whether each image is brought to mean 0 and deviation 1.
    pub per_image: bool,
    /// The scale of the pixels.
    pub normalization: Option<Normalization>,
    /// The scale of the features.
    pub scaler: Option<Scaler>,
    /// The numbers that a regression predicts, and their scale.
    #[serde(default)]
    pub values: Option<ValueScale>,
    /// Brightness along the border of the training images; runs of old did not record it.
    #[serde(default)]
    pub border: Option<Border>,
}

impl Preparation {
    /// Learns the scales from the training split.
    pub fn fit(d: &Data, train: &Images) -> Result<Self> {
        let mut preparation = Self {
            classes: train.classes.clone(),
            image: [train.channels(), train.height(), train.width()],
            columns: train.columns.clone(),
            features: d.features,
            hand_crafted: d.hand_crafted.clone(),
            hog: d.hog.clone(),
            per_image: d.normalize == Normalize::PerImage,
            normalization: None,
            scaler: None,
            values: train.target.values().map(|values| ValueScale::fit(&train.value_names, values)),
            border: None,
        };
        if !preparation.is_table() {
            preparation.border = Border::fit(&train.pixels);
        }
        match (d.normalize, d.features) {
            (Normalize::None | Normalize::PerImage, _) => {}
            (Normalize::Standard, Features::Pixels) if !preparation.is_table() => {
                preparation.normalization = Some(Normalization::fit(&train.pixels)?);
            }
            (Normalize::Standard, _) => {
                let raw = preparation.raw_features(&train.pixels)?;
                preparation.scaler = Some(Scaler::fit(Scaling::Standard, raw.view())?);
            }
        }
        Ok(preparation)
    }

    /// What the columns of a table are called; numbered, if the run was made before names were kept.
    pub fn columns(&self) -> Columns {
        if self.is_table() && self.columns.features.is_empty() {
            let numbered = (0..self.image[2]).map(|i| format!("x{i}")).collect();
            return Columns { features: numbered, ..self.columns.clone() };
        }
        self.columns.clone()
    }

    /// Numbers that the network gives for each sample: one for each class, or those of a regression.
    pub fn outputs(&self) -> usize {
        self.values.as_ref().map_or(self.classes.len(), |scale| scale.names.len())
    }

    /// These images as samples, with the numbers to predict, if there are any, on the scale of the network's outputs.
    pub fn samples_of(&self, images: &Images, augment: Option<(&Data, u64)>) -> Result<Box<dyn Samples>> {
        let target = match (&self.values, &images.target) {
            (Some(scale), Target::Values(values)) => Target::Values(scale.scaled(values)),
            (_, target) => target.clone(),
        };
        self.samples(&images.pixels, target, augment)
    }

    /// Whether a sample is a row of a table, and no image.
    pub fn is_table(&self) -> bool {
        self.image[..2] == [1, 1]
    }

    /// The shape of a sample as the network gets it.
    pub fn input(&self) -> Vec<usize> {
        match self.features {
            Features::Pixels if self.is_table() => vec![self.image[2]],
            Features::Pixels => self.image.to_vec(),
            Features::HandCrafted => vec![self.hand_crafted.len()],
            Features::Hog => self.hog.dimensions([self.image[1], self.image[2]]).map_or(vec![], |d| vec![d]),
        }
    }

    /// What the scale is applied to: images as they are, the rows of a table, or the features of the images.
    pub(super) fn raw(&self, pixels: &Tensor) -> Result<Tensor> {
        match self.features {
            Features::Pixels if !self.is_table() => Ok(pixels.clone()),
            _ => Ok(Tensor::from(self.raw_features(pixels)?)),
        }
    }

    fn raw_features(&self, pixels: &Tensor) -> Result<ndarray::Array2<f32>> {
        match self.features {
            Features::Pixels => {
                let (n, d) = (pixels.shape()[0], self.image[2]);
                Ok(ndarray::Array2::from_shape_fn((n, d), |(i, j)| pixels.data()[i * d + j]))
            }
            Features::Hog => self.hog.of_images(pixels),
            Features::HandCrafted => of_images(&self.hand_crafted, pixels),
        }
    }

    /// Images `[N, C, H, W]` with values in [0, 1] as samples; training images are varied by `augment`. Numbers of the
    /// target are on the scale of the network's outputs.
    pub fn samples(&self, pixels: &Tensor, target: Target, augment: Option<(&Data, u64)>) -> Result<Box<dyn Samples>> {
        if self.features == Features::Pixels && !self.is_table() {
            let identity = Normalization { mean: vec![0.0; self.image[0]], std: vec![1.0; self.image[0]] };
            let pixels = &if self.per_image { standardize_each(pixels)? } else { pixels.clone() };
            let samples = ImageSamples::new(pixels, target, self.normalization.as_ref().unwrap_or(&identity))?;
            return Ok(Box::new(match augment {
                Some((d, seed)) => samples.augmented(d.augment, seed),
                None => samples,
            }));
        }
        let raw = self.raw_features(pixels)?;
        let scaled = match &self.scaler {
            Some(scaler) => scaler.transform(raw.view())?,
            None => raw,
        };
        Ok(Box::new(Matrix::new(Tensor::from(scaled), target)?))
    }
}
