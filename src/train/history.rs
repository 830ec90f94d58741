//! What is remembered of each epoch: figures by name, and which epoch was best.

use super::measure::Measure;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Named numbers, in the order in which they were set: what a [`Learner`](super::Learner) reports of an epoch.
///
/// By convention a name begins with the split on which the number was measured: `train_loss`, `val_accuracy`.
///
/// ```
/// use gradus::train::Figures;
///
/// let figures: Figures = [("train_loss", 0.5), ("val_loss", 0.6)].into();
/// assert_eq!((figures.get("val_loss"), figures.get("val_accuracy")), (Some(0.6), None));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Returns the number of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Sets a number, in its place or at the end.
    pub fn set(&mut self, name: &str, value: f64) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Returns all of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl<const N: usize> From<[(&str, f64); N]> for Figures {
    fn from(figures: [(&str, f64); N]) -> Self {
        Self(figures.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Figures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Figures;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("numbers by name")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Figures, A::Error> {
                let mut figures = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    figures.push(entry);
                }
                Ok(Figures(figures))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Before the reason for which an optimizer's steps have ended, in the name of the figure that counts them in an epoch; see
/// [`Stopped`](crate::optim::Stopped).
pub const STOPPED: &str = "stopped_";

/// One epoch. Training figures are means over the epoch's batches while the weights moved; validation figures are
/// measured after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// What was measured.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Epoch {
    /// Returns the figure of this name: `train_loss`, `train_accuracy`, `val_loss`, `val_accuracy` of a training by
    /// [`Fit`](super::Fit), those of validation only with validation samples, accuracies only with classes.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.figures.get(name)
    }

    /// Returns training and validation loss, for a chart; not a number where there is none.
    pub fn losses(&self) -> [f64; 2] {
        ["train_loss", "val_loss"].map(|name| self.get(name).unwrap_or(f64::NAN))
    }

    /// Returns training and validation accuracy, for a chart; not a number where there is none.
    pub fn accuracies(&self) -> [f64; 2] {
        ["train_accuracy", "val_accuracy"].map(|name| self.get(name).unwrap_or(f64::NAN))
    }
}

/// The figures of an epoch in a line: `train loss 0.1234, accuracy 0.912; validation loss 0.1301, accuracy 0.905`.
impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut splits: Vec<(&str, Vec<String>)> = Vec::new();
        let mut of_split: BTreeMap<&str, usize> = BTreeMap::new();
        let is_fraction = |name: &str| name.ends_with("accuracy");
        // A loss beside which no accuracy stands is all that is known of an epoch: it has more digits.
        let digits = if self.figures.iter().any(|(name, _)| is_fraction(name)) { 4 } else { 6 };
        for (name, value) in self.figures.iter().filter(|(name, _)| !name.starts_with(STOPPED)) {
            let (split, what) = name.split_once('_').unwrap_or(("", name));
            let at = *of_split.entry(split).or_insert_with(|| {
                splits.push((split, Vec::new()));
                splits.len() - 1
            });
            let digits = if is_fraction(name) { 3 } else { digits };
            splits[at].1.push(format!("{} {value:.digits$}", what.replace('_', " ")));
        }
        for (i, (split, figures)) in splits.iter().enumerate() {
            let split = if *split == "val" { "validation" } else { split };
            let (before, space) = (if i == 0 { "" } else { "; " }, if split.is_empty() { "" } else { " " });
            write!(f, "{before}{split}{space}{}", figures.join(", "))?;
        }
        Ok(())
    }
}

/// The epochs of a training, and which was best.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::train::{Measure, VAL_LOSS};
///
/// let mut history = History::default();
/// for (epoch, loss) in [(1, 0.9), (2, 0.4), (3, 0.5)] {
///     history.push(Epoch { epoch, figures: [("val_loss", loss)].into() }, &[VAL_LOSS]);
/// }
/// assert_eq!((history.best_epoch, history.stale()), (2, 1));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// All epochs so far.
    pub epochs: Vec<Epoch>,
    /// Number of the best epoch by the measures given to [`push`](Self::push); 0 before the first.
    pub best_epoch: usize,
}

impl History {
    /// Returns the best epoch's figures.
    pub fn best(&self) -> Option<&Epoch> {
        self.best_epoch.checked_sub(1).and_then(|i| self.epochs.get(i))
    }

    /// Appends an epoch, and returns whether it is the best so far: whether the first of `measures` in which it differs
    /// from the best epoch is better. Where no epoch has any of these figures, the last epoch is the best.
    pub fn push(&mut self, epoch: Epoch, measures: &[Measure]) -> bool {
        let better = self.best().is_none_or(|best| {
            let both = |m: &Measure| Some((m.direction, epoch.get(m.name)?, best.get(m.name)?));
            let mut known = measures.iter().filter_map(both).peekable();
            known.peek().is_none()
                || known.find(|(_, new, old)| new != old).is_some_and(|(d, new, old)| d.is_better(new, old))
        });
        if better {
            self.best_epoch = epoch.epoch;
        }
        self.epochs.push(epoch);
        better
    }

    /// Returns the figure of this name of each epoch that has it, in order.
    pub fn curve(&self, name: &str) -> Vec<f64> {
        self.epochs.iter().filter_map(|epoch| epoch.get(name)).collect()
    }

    /// Returns the number of epochs since the best one.
    pub fn stale(&self) -> usize {
        self.epochs.len() - self.best_epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_in_words_and_in_json() {
        let of = |figures: Figures| Epoch { epoch: 3, figures };
        let classes = [("train_loss", 0.5), ("train_accuracy", 0.75), ("val_loss", 0.25), ("val_accuracy", 1.0)];
        let words = "train loss 0.5000, accuracy 0.750; validation loss 0.2500, accuracy 1.000";
        assert_eq!(of(classes.into()).to_string(), words);
        assert_eq!(of([("train_loss", 0.5)].into()).to_string(), "train loss 0.500000");
        assert_eq!(of([("train_loss", 0.5), ("stopped_max_iter", 3.0)].into()).to_string(), "train loss 0.500000");
        let two = [("generator_loss", 0.5), ("discriminator_loss", 0.125)];
        assert_eq!(of(two.into()).to_string(), "generator loss 0.500000; discriminator loss 0.125000");
        let json = serde_json::to_string(&of(classes.into())).unwrap();
        assert_eq!(json, r#"{"epoch":3,"train_loss":0.5,"train_accuracy":0.75,"val_loss":0.25,"val_accuracy":1.0}"#);
        assert_eq!(serde_json::from_str::<Epoch>(&json).unwrap(), of(classes.into()));
    }
}
