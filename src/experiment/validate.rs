//! Checks of an experiment before anything is read or trained: every number against its range, and whether the loss fits
//! the end of the network.
//!
//! A wrong number may train for an hour and give a figure all the same: a negative class weight, a softmax under a loss
//! that applies its own. So each is refused here, with its key, its value and what to write instead. [`Source`] adds
//! the line of the file.
//!
//! [`Source`]: super::read::Source

use super::data::{Categories, Data, DataKind, Features, Gaps, Normalize};
use super::kind::Learns;
use super::layers::{self, Layer, Repeat, Sequence};
use super::spec::{ClassWeights, Experiment, Train};
use crate::error::{Error, Result};
use crate::train::fit::without_validation;
use crate::train::{Augment, Loss};

/// Numbers from 0 to below 1 end here.
const BELOW_1: f64 = 0.999_999;

impl Experiment {
    /// Checks every setting; the error's place is the key.
    pub fn validate(&self) -> Result<()> {
        if self.name.is_empty() || !self.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
            let what = format!("is `{}`", self.name);
            return Err(Error::config("name", what, "use letters, digits, `-`, `_` and `.`: it names a folder"));
        }
        if i64::try_from(self.seed).is_err() {
            return Err(Error::config("seed", format!("is {}, above {}", self.seed, i64::MAX), "choose a smaller one"));
        }
        self.data.validate()?;
        self.train.validate()?;
        self.check_kind()?;
        // A folder may bring its own validation split: that is seen when it is read.
        if self.data.val == 0.0 && !self.data.kind.source().may_have_splits() {
            without_validation(self.train.patience > 0, &self.train.schedule)?;
        }
        self.check_views()?;
        Error::in_range("report.mistakes", self.report.mistakes as f64, 0.0, 1000.0)?;
        Error::in_range("report.confused_above", self.report.confused_above, 0.0, 1.0)?;
        if self.kind.is_network() {
            layers::check(&self.model.layer)?;
        }
        self.check_end()?;
        self.check_targets()?;
        if let (ClassWeights::Each(weights), Some(classes)) = (&self.train.class_weights, self.classes())
            && weights.len() != classes
        {
            return Err(wrong_count(weights.len(), classes));
        }
        Ok(())
    }

    /// Refuses views of what is no image, or by what gives no classes.
    fn check_views(&self) -> Result<()> {
        self.views.check()?;
        let is_table = self.data.kind.source().image(&self.data).is_some_and(|image| image[..2] == [1, 1]);
        let of_images = !is_table && self.data.kind != DataKind::Csv && self.data.features == Features::Pixels;
        if self.views.is_default() || self.kind.learns == Learns::Classes && of_images {
            return Ok(());
        }
        Err(Error::config("views", "are set, but are for classes of images", "remove the section"))
    }

    /// Refuses a loss that the kind cannot be trained by, data without what it learns, and settings of another kind.
    fn check_kind(&self) -> Result<()> {
        let (kind, loss, d) = (self.kind, self.train.loss, &self.data);
        if kind.is_network() && !kind.losses.contains(&loss) {
            let names: Vec<&str> = kind.losses.iter().map(|loss| loss.name()).collect();
            let what = format!("is {}, which is not a loss of kind = \"{}\"", loss.name(), kind.name);
            return Err(Error::config("train.loss", what, format!("use {}", names.join(", "))));
        }
        let folds = self.validation.folds;
        if folds != 0 {
            Error::in_range("validation.folds", folds as f64, 2.0, 1000.0)?;
            if d.kind.source().is_ordered() {
                let what = "divides the samples at random: on a time series each model would be trained on values that come \
                            after those it is evaluated on";
                let help =
                    "remove the section; data.val holds out the values before the test split, which is validation too";
                return Err(Error::config("validation", what, help));
            }
            if kind.predicts() && !d.kind.source().may_hold_values() {
                let what = format!("is for tables (csv) and arrays (npz), and data.kind is {}", d.kind.name());
                return Err(Error::config("validation", what, "remove the section"));
            }
        }
        Error::in_range("validation.repeats", self.validation.repeats as f64, 1.0, 1000.0)?;
        if kind.learns != Learns::Values {
            if !d.target.is_empty() {
                let help = "write kind = \"regress\" to predict numbers; a column with classes is named by data.label";
                return Err(Error::config("data.target", "is for kind = \"regress\"", help));
            }
            return Ok(());
        }
        if !d.kind.source().may_hold_values() {
            let what = format!("is {}, which holds classes: a regression needs numbers to predict", d.kind.name());
            return Err(Error::config("data.kind", what, "give a table (csv) or arrays (npz)"));
        }
        if d.augment != Augment::NONE {
            return Err(Error::config("data.augment", "is for classes", "remove it from a regression"));
        }
        Ok(())
    }

    /// Refuses an end of the network that does not give what the loss takes.
    fn check_end(&self) -> Result<()> {
        let Some((key, last)) = end(&self.model.layer, "model.layer") else { return Ok(()) };
        let applied = matches!(last, Layer::Softmax(_) | Layer::LogSoftmax(_) | Layer::Sigmoid(_));
        let (takes, help) = match self.train.loss {
            Loss::CrossEntropy if applied => (
                "logits, of which it computes the softmax itself",
                "leave this layer out, or end with `log_softmax` and write train.loss = \"nll\"",
            ),
            Loss::BceWithLogits if applied => (
                "logits, of which it computes the sigmoid itself",
                "leave this layer out, or end with `sigmoid` and write train.loss = \"bce\"",
            ),
            Loss::Nll if !matches!(last, Layer::LogSoftmax(_)) => (
                "logarithms of probabilities",
                "put a `log_softmax` at the end, or write train.loss = \"cross_entropy\" with a `linear` at the end",
            ),
            Loss::Bce if !matches!(last, Layer::Sigmoid(_)) => (
                "a probability",
                "put a `sigmoid` at the end, or write train.loss = \"bce_with_logits\" with a `linear` at the end",
            ),
            Loss::Mse if self.kind.learns == Learns::Classes && !matches!(last, Layer::Softmax(_)) => (
                "the probabilities of the classes",
                "put a `softmax` at the end, or write train.loss = \"cross_entropy\" with a `linear` at the end",
            ),
            Loss::ReconstructionBce if !matches!(last, Layer::Sigmoid(_)) => {
                ("numbers from 0 to 1", "put a `sigmoid` at the end, or write train.loss = \"reconstruction_mse\"")
            }
            _ => return Ok(()),
        };
        let (name, loss) = (last.type_name(), self.train.loss.name());
        let what = format!("ends the network with `{name}`, but the loss {loss} takes {takes}");
        Err(Error::config(key, what, help))
    }

    /// Refuses targets outside [0, 1] for a loss that takes them as probabilities: the input is the target there.
    fn check_targets(&self) -> Result<()> {
        if self.train.loss != Loss::ReconstructionBce {
            return Ok(());
        }
        let d = &self.data;
        let refuse = |key: &str, what: &str, help: &str| {
            let what = format!("{what}, but the loss reconstruction_bce takes targets from 0 to 1");
            Err(Error::config(key, what, help))
        };
        if d.normalize != Normalize::None {
            let help = "write data.normalize = \"none\", or train.loss = \"reconstruction_mse\"";
            return refuse("data.normalize", "brings the input to mean 0", help);
        }
        for (key, amount) in
            [("contrast", d.augment.contrast), ("brightness", d.augment.brightness), ("noise", d.augment.noise)]
        {
            if amount > 0.0 {
                let help = "remove it; a `gaussian_noise` layer leaves the target clean";
                return refuse(&format!("data.augment.{key}"), "takes pixels out of that range", help);
            }
        }
        Ok(())
    }
}

impl Data {
    fn validate(&self) -> Result<()> {
        if i64::try_from(self.seed).is_err() {
            let what = format!("is {}, above {}", self.seed, i64::MAX);
            return Err(Error::config("data.seed", what, "choose a smaller one"));
        }
        if self.test == 0.0 {
            let what = "is 0: there would be no test samples";
            return Err(Error::config("data.test", what, "give a fraction above 0, such as 0.15"));
        }
        Error::in_range("data.test", self.test, 1e-6, 1e9)?;
        if self.val != 0.0 {
            Error::in_range("data.val", self.val, 1e-6, 1e9)?;
        }
        if !self.kind.source().has_test_split() && 1.0 - self.val - self.test <= 0.0 {
            let what = format!("is {} and data.test {}: no training samples are left", self.val, self.test);
            let help = format!("of {} give fractions whose sum is below 1, such as 0.15", self.kind.name());
            return Err(Error::config("data.val", what, help));
        }
        Error::in_range("data.size", self.size as f64, 8.0, 1024.0)?;
        Error::in_range("data.per_class", self.per_class as f64, 10.0, 100_000.0)?;
        if self.surface.digits == [0; 5] {
            return Err(Error::config("data.surface.digits", "are all 0", "give at least one digit above 0"));
        }
        self.function.function(self.seed).check()?;
        self.surface.function(self.seed).check()?;
        self.series.validate()?;
        self.kind.source().check(self)?;
        let d = &self.delimiter;
        let is_separator = d.len() == 1 && !d.contains(['"', '\n', '\r']) && d.is_ascii();
        if !(d.is_empty() || d == "tab" || is_separator) {
            let what = format!("is `{}`: expected one character that separates cells, or tab", d.escape_debug());
            return Err(Error::config("data.delimiter", what, "write it as in data.delimiter = \";\""));
        }
        let of_tables =
            [("data.categories", self.categories != Categories::Refuse), ("data.gaps", self.gaps != Gaps::Refuse)];
        if let Some((key, _)) = of_tables.into_iter().find(|(_, is_set)| *is_set && self.kind != DataKind::Csv) {
            let what = format!("is for tables (csv), and data.kind is {}", self.kind.name());
            return Err(Error::config(key, what, "remove it"));
        }
        Error::in_range("data.hog.orientations", self.hog.orientations as f64, 1.0, 360.0)?;
        self.hog.cell.iter().try_for_each(|&n| Error::in_range("data.hog.cell", n as f64, 1.0, 1024.0))?;
        self.hog.block.iter().try_for_each(|&n| Error::in_range("data.hog.block", n as f64, 1.0, 64.0))?;
        if self.features == Features::HandCrafted && self.hand_crafted.is_empty() {
            return Err(Error::config("data.hand_crafted", "is empty", "name at least one feature"));
        }
        if self.features != Features::Pixels && self.normalize == Normalize::PerImage {
            let help = "features are scaled by `standard`, or not at all";
            return Err(Error::config("data.normalize", "is per_image, which is for pixels", help));
        }
        self.augment.check().map_err(|error| match error {
            Error::Config { place, what, help } => Error::config(format!("data.{place}"), what, help),
            other => other,
        })?;
        if self.features != Features::Pixels && self.augment != Augment::NONE {
            let help = "vary images only where the network is given pixels";
            return Err(Error::config("data.augment", "is for pixels; features are computed once", help));
        }
        Ok(())
    }
}

impl Train {
    fn validate(&self) -> Result<()> {
        Error::in_range("train.batch", self.batch as f64, 1.0, 1e6)?;
        Error::in_range("train.epochs", self.epochs as f64, 1.0, 1e6)?;
        Error::in_range("train.label_smoothing", self.label_smoothing, 0.0, BELOW_1)?;
        Error::in_range("train.huber_delta", self.huber_delta, 1e-6, 1e6)?;
        if self.label_smoothing > 0.0 && self.loss != Loss::CrossEntropy {
            let what = format!("is for the loss cross_entropy, not for {}", self.loss.name());
            return Err(Error::config("train.label_smoothing", what, "remove it, or change train.loss"));
        }
        if self.class_weights != ClassWeights::default()
            && !matches!(self.loss, Loss::CrossEntropy | Loss::Nll | Loss::BceWithLogits)
        {
            let what = format!("are not used by the loss {}", self.loss.name());
            let help = "remove them, or choose cross_entropy, nll or bce_with_logits";
            return Err(Error::config("train.class_weights", what, help));
        }
        if let ClassWeights::Each(weights) = &self.class_weights {
            // A weight of 0 would leave batches whose weights sum to 0, and their mean is 0 / 0.
            weights.iter().try_for_each(|&w| Error::in_range("train.class_weights", f64::from(w), 1e-6, 1e6))?;
        }
        self.optimizer.validate("train.optimizer")?;
        self.schedule.validate("train.schedule")
    }
}

/// The last layer that changes numbers and not just their arrangement, with its key. What joins branches is the end of a
/// network by itself, whatever the branches end with.
fn end<'a>(layers: &'a [Layer], key: &str) -> Option<(String, &'a Layer)> {
    layers.iter().enumerate().rev().find_map(|(i, layer)| match layer {
        Layer::Flatten(_) | Layer::Unflatten(_) | Layer::Dropout(_) => None,
        Layer::Sequence(Sequence { layer, .. }) | Layer::Repeat(Repeat { layer, .. }) => {
            end(layer, &format!("{key}.{}.layer", i + 1))
        }
        _ => Some((format!("{key}.{}", i + 1), layer)),
    })
}

/// The error of class weights that are not one for each class.
pub(super) fn wrong_count(weights: usize, classes: usize) -> Error {
    let what = format!("has {weights} numbers, but there are {classes} classes");
    Error::config("train.class_weights", what, "give one for each class, in order")
}
