//! What an experiment's file tells of its data before they are read: shapes, classes, bytes.

use super::data::Features;
use super::room::SMALL;
use super::spec::Experiment;
use crate::error::Result;
use crate::run::memory;

impl Experiment {
    /// The shape of a sample as the network gets it; none if the images must be seen first.
    pub fn input(&self) -> Option<Vec<usize>> {
        let d = &self.data;
        let image = d.kind.source().image(d)?;
        match d.features {
            Features::Pixels => Some(image.to_vec()),
            Features::HandCrafted => Some(vec![d.hand_crafted.len()]),
            Features::Hog => d.hog.dimensions([image[1], image[2]]).ok().map(|d| vec![d]),
        }
    }

    /// The number of classes, where the kind of data says it.
    pub fn classes(&self) -> Option<usize> {
        self.data.kind.source().classes()
    }
}

/// Refuses data that will not fit into memory, before they are read.
pub fn check_data(e: &Experiment) -> Result<()> {
    let least = e.data.kind.source().least_bytes(&e.data);
    if least < SMALL {
        return Ok(());
    }
    let help = "make data.size smaller, take fewer files, or a machine with more memory";
    memory::demand("data", "reading the data", 2 * least, help)
}
