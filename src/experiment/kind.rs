//! What makes a kind of experiment, apart from how it is run: its name, what is learned, by which losses.

use super::fitted::Fitting;
use crate::train::{Keep, Loss, Measure};
use serde::{Serialize, Serializer};

/// What is learned of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learns {
    /// The class of each sample.
    Classes,
    /// Numbers of each sample.
    Values,
    /// The inputs themselves: nothing beside them is looked at.
    Inputs,
}

/// A kind of experiment: `kind = "classify"` in the file. How it is run is said by a [`Runner`](super::task::Runner).
#[derive(Debug)]
pub struct Kind {
    /// The name, as the file writes it.
    pub name: &'static str,
    /// What is learned.
    pub learns: Learns,
    /// The losses it can be trained by, the usual one first.
    pub losses: &'static [Loss],
    /// What a network of this kind gives, for messages: `predicts numbers`.
    pub gives: &'static str,
    /// How a network of this kind is to end.
    pub end: &'static str,
    /// Settings that a file of this kind has without giving them, in TOML: sections of the file.
    pub implied: &'static str,
    /// What to do with a run that gives no class where a class is expected.
    pub instead: &'static str,
    /// What it takes of the sections that not all kinds have ([`OF_KINDS`]): whole sections, or keys such as `train.epochs`.
    pub takes: &'static [&'static str],
    /// The model that predicts in the place of a network, if it is none.
    pub fitting: Option<&'static Fitting>,
}

/// The sections of the file that not all kinds have.
pub const OF_KINDS: [&str; 7] = ["model", "train", "linear", "svr", "forest", "som", "validation"];
/// What kinds take that train a network by a loss.
pub const NETWORK: &[&str] = &["model", "train", "validation"];

impl Kind {
    /// Whether a network is trained.
    pub fn is_network(&self) -> bool {
        self.takes.contains(&"model")
    }

    /// Whether it gives outputs for inputs, as a network or in its place: only then is it evaluated on other samples, cross-validated
    /// and studied.
    pub fn predicts(&self) -> bool {
        self.is_network() || self.fitting.is_some()
    }

    /// Whether it takes a key of one of the sections that not all kinds have.
    pub fn takes(&self, section: &str, key: &str) -> bool {
        self.takes.iter().any(|taken| *taken == section || taken.split_once('.') == Some((section, key)))
    }

    /// Returns by what its epochs are chosen and its trials are compared, the first first.
    pub fn measures(&self, keep: Keep) -> &'static [Measure] {
        match self.learns {
            Learns::Classes => keep.measures(),
            Learns::Values | Learns::Inputs => Keep::Loss.measures(),
        }
    }
}

/// Returns the kind of an experiment whose file has been read and not yet been resolved.
pub(super) fn unresolved() -> &'static Kind {
    static NONE: Kind = Kind {
        name: "",
        learns: Learns::Inputs,
        losses: &[],
        gives: "has no kind",
        end: "",
        implied: "",
        instead: "",
        takes: &[],
        fitting: None,
    };
    &NONE
}

/// Kinds are the same if their names are.
impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The name.
impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}
