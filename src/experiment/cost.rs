//! What an experiment will cost, before it is run.

use super::spec::{DataKind, Experiment, Features};
use crate::nn::summary::Summary;
use gradus_kernels::machine;
use std::time::Duration;

/// What is known of the data before they are read.
impl Experiment {
    /// The shape of a sample as the network gets it; none if the pictures must be seen first.
    pub fn input(&self) -> Option<Vec<usize>> {
        let d = &self.data;
        let picture = match d.kind {
            DataKind::Mnist | DataKind::FashionMnist | DataKind::Digits => [1, 28, 28],
            DataKind::Galaxies => [1, d.size, d.size],
            DataKind::Folder => [d.color.channels()?, d.size, d.size],
            DataKind::Csv | DataKind::Npz => return None,
        };
        match d.features {
            Features::Pixels => Some(picture.to_vec()),
            Features::HandCrafted => Some(vec![d.hand_crafted.len()]),
            Features::Hog => d.hog.dimensions([picture[1], picture[2]]).ok().map(|d| vec![d]),
        }
    }

    /// The number of classes, where the kind of data says it.
    pub fn classes(&self) -> Option<usize> {
        match self.data.kind {
            DataKind::Mnist | DataKind::FashionMnist | DataKind::Digits => Some(10),
            DataKind::Galaxies => Some(3),
            DataKind::Folder | DataKind::Csv | DataKind::Npz => None,
        }
    }

    /// The number of training samples, where the kind of data says it.
    pub fn training_samples(&self) -> Option<usize> {
        let d = &self.data;
        let all = match d.kind {
            DataKind::Mnist | DataKind::FashionMnist if d.val < 1.0 => (60_000.0 * (1.0 - d.val)) as usize,
            DataKind::Mnist | DataKind::FashionMnist => 60_000usize.saturating_sub(d.val as usize),
            DataKind::Digits => (10.0 * d.per_class as f64 * (1.0 - d.val - d.test)) as usize,
            DataKind::Galaxies => (3.0 * d.per_class as f64 * (1.0 - d.val - d.test)) as usize,
            DataKind::Folder | DataKind::Csv | DataKind::Npz => return None,
        };
        Some(if d.limit > 0 { all.min(d.limit) } else { all })
    }
}

/// Bytes that a training step holds: each weight four times (value, gradient, two running means), each activation of
/// the batch twice (value, gradient).
pub fn memory(e: &Experiment, summary: &Summary) -> usize {
    16 * summary.parameters + 2 * e.train.batch * summary.activation_bytes
}

/// Seconds that all epochs would take at half of this machine's peak, which is measured for the purpose. A
/// multiply-add of the forward pass is met by two of the backward pass, and each counts as two operations.
pub fn seconds(e: &Experiment, summary: &Summary) -> Option<f64> {
    let samples = e.training_samples()? as f64;
    let operations = 6.0 * summary.macs as f64 * samples * e.train.epochs as f64;
    Some(operations / (0.5e9 * machine::peak_gflops(Duration::from_millis(20))))
}
