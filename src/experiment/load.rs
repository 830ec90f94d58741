//! Reading the samples of an experiment, and other samples for a run that is evaluated.

use super::data::{Categories, Data, DataKind, Like};
use super::kind::Learns;
use super::preparation::Preparation;
use super::spec::Experiment;
use crate::data::{ImageData, Images, Unknown};
use crate::error::{Error, Result};
use crate::run::Watch;
use crate::target::Target;
use std::path::Path;

/// Reads or renders the data of an experiment, in their three splits.
pub fn load(e: &Experiment, watch: &mut dyn Watch) -> Result<ImageData> {
    let mut data = unlearned(e, watch)?;
    learn_categories(&e.data, &mut data, watch)?;
    check_classes(e, &data)?;
    data.notes().iter().for_each(|line| watch.note(line));
    Ok(data)
}

/// The same before anything was learned of the training split: a table's categories are the words of all rows.
pub(super) fn unlearned(e: &Experiment, watch: &mut dyn Watch) -> Result<ImageData> {
    let d = &e.data;
    let mut data = d.kind.source().read(d, e.kind.learns, watch)?;
    // What stands in the order of time stays side by side: the end of training, the beginnings of validation and test.
    let ordered = d.kind.source().is_ordered();
    let some = |images: &Images, n: usize| if ordered { images.first(n) } else { images.sample(n, d.seed) };
    let of_training = |images: &Images, n: usize| if ordered { images.last(n) } else { images.sample(n, d.seed) };
    if d.limit > 0 && d.limit < data.train.len() {
        // Validation and test set in proportion, but large enough to measure on.
        let fraction = d.limit as f64 / data.train.len() as f64;
        let size = |images: &Images| ((images.len() as f64 * fraction) as usize).max(100);
        (data.val, data.test) = (some(&data.val, size(&data.val)), some(&data.test, size(&data.test)));
        data.train = of_training(&data.train, d.limit);
    }
    if d.labelled > 0 {
        data.train = of_training(&data.train, d.labelled);
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
    Ok(data)
}

/// Limits the categories of a table to those of training rows. Other rows with another word are reported or, where categories
/// become codes, refused.
pub(super) fn learn_categories(d: &Data, data: &mut ImageData, watch: &mut dyn Watch) -> Result<()> {
    let unknown = data.learn_categories();
    if let Some(Unknown { row, column, word }) = unknown.first() {
        let word = word.escape_debug();
        if d.categories == Categories::Codes {
            let what = format!("{row}: `{column}` holds `{word}`, which no training row has, so it has no code");
            let help = "write data.categories = \"one_hot\", which takes it as none of the known ones, or omit the column \
                        (data.ignore)";
            return Err(Error::data(d.source(), what, help));
        }
        let n = unknown.len();
        watch.note(&format!(
            "warning: categories that no training row has, taken as none of the known ones: {n} (the first: {row}, \
             `{column}` holds `{word}`)"
        ));
    }
    Ok(())
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
/// that; a folder of images, a table or arrays give all they hold: the run's own, if their kind is named. The
/// classes are the run's, matched by name.
pub fn other(e: &Experiment, spec: &str, p: &Preparation, watch: &mut dyn Watch) -> Result<Other> {
    let named = DataKind::ALL.iter().copied().find(|kind| kind.name() == spec);
    let is_whole = |kind: DataKind| !kind.source().is_rendered() && !kind.source().has_test_split();
    let spec = if named == Some(e.data.kind) && is_whole(e.data.kind) { &e.data.path } else { spec };
    if let Some(kind) = named.filter(|&kind| kind != e.data.kind || !is_whole(kind)) {
        let mut e = e.clone();
        if kind != e.data.kind {
            (e.data.kind, e.data.path) = (kind, String::new());
        }
        e.data.limit = 0;
        let ImageData { test, sha256, .. } = load(&e, watch)?;
        return Ok(Other { images: renamed(test, p, Path::new(spec))?, sha256 });
    }
    let path = Path::new(spec);
    let (classes, image, columns) = (&p.classes, p.image, p.is_table().then(|| p.columns()));
    let like = Like { data: &e.data, learns: e.kind.learns, classes, image, columns };
    let (images, sha256) = DataKind::recognizing(path, e.data.kind).source().read_like(path, &like, watch)?;
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
