//! What an experiment will cost, before it is run: memory and time.
//!
//! The peak of memory is a sum of terms that are known once the data have been read and the network is planned:
//!
//! ```text
//! program      code, threads, fonts, and the bitmaps of the report
//! data         4 bytes a pixel or feature of every sample, twice while they are split, and once as the network gets them
//! weights      4 bytes for each weight's value, gradient, running means of the optimizer, and best epoch
//! checkpoint   the same (without gradients), twice, while it is written
//! activations  of a batch: each layer's output, its gradient, and working copies; of an evaluation: its outputs. A
//!              convolution that is computed together with its ReLU and max-pooling counts half, the ReLU not at all;
//!              any other ReLU counts a third
//! ```
//!
//! The factors were held against the peaks that Linux measured for nine experiments on images, tables and arrays, with
//! small and large networks and batches (`tests/program/memory.rs` does it for two): the estimates lay within 20 % of them.

use super::prepared::Prepared;
use super::room::SMALL;
use super::spec::Experiment;
use crate::error::Result;
use crate::nn::summary::Summary;
use crate::run::memory;
use crate::train::evaluate::BATCH;
use gradus_kernels::machine;
use std::time::Duration;

/// Bytes that a training takes at its peak, by what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Estimate {
    /// The program itself, and its report.
    pub program: u64,
    /// The samples, as they were read and as the network gets them.
    pub data: u64,
    /// Weights, gradients, the optimizer's running means, the best epoch.
    pub weights: u64,
    /// What is made of them while a checkpoint is written.
    pub checkpoint: u64,
    /// Outputs of all layers for a batch, and their gradients.
    pub activations: u64,
}

impl Estimate {
    /// All together.
    pub fn total(&self) -> u64 {
        let terms = [self.data, self.weights, self.checkpoint, self.activations];
        terms.into_iter().fold(self.program, u64::saturating_add)
    }
}

/// The program, its threads, and the bitmaps of a report.
const PROGRAM: u64 = 60_000_000;

/// The peak of memory of a training.
pub fn estimate(e: &Experiment, p: &Prepared) -> Estimate {
    let numbers = |splits: [usize; 3], each: usize| splits.iter().sum::<usize>() as u64 * each as u64 * 4;
    let counts = p.data.splits().map(|(_, images)| images.len());
    let image = p.preparation.image.iter().product();
    let (read, given) = (numbers(counts, image), numbers(counts, p.preparation.input().iter().product()));
    let (weights, slots) = (4 * p.summary.parameters as u64, e.train.optimizer.slots() as u64);
    let each = activations(&p.summary);
    let source = e.data.kind.source();
    let copies = if source.is_copied() { 2 } else { 1 };
    let batch = e.train.batch.min(counts[0]) as u64;
    Estimate {
        program: PROGRAM,
        // All samples are read, as bytes and as numbers, before a limit leaves some of them.
        data: (copies * read + given).max(copies * source.least_bytes(&e.data)),
        weights: weights * (3 + slots),
        checkpoint: 2 * weights * (2 + slots),
        activations: (3 * batch).max(BATCH as u64) * each,
    }
}

/// Bytes of the outputs of all layers for one sample, as far as they are kept.
fn activations(summary: &Summary) -> u64 {
    let kind = |i: usize| summary.rows.get(i).map_or("", |row| row.kind.as_str());
    // In one list of layers, not at the end of a branch and the beginning of the next.
    let list = |i: usize| summary.rows.get(i).and_then(|row| row.path.rsplit_once('.')).map(|(list, _)| list);
    let is_block = |i: usize| {
        let follows = kind(i).starts_with("conv ") && kind(i + 1) == "relu" && kind(i + 2).starts_with("max-pool");
        follows && list(i) == list(i + 1) && list(i) == list(i + 2)
    };
    let each = summary.rows.iter().enumerate().map(|(i, row)| match row.activation_bytes as u64 {
        bytes if is_block(i) => bytes / 2,
        _ if i > 0 && is_block(i - 1) => 0,
        // A ReLU is one output more; its gradient is recycled at once as that of the layer before.
        bytes if kind(i) == "relu" => bytes / 3,
        bytes => bytes,
    });
    each.sum()
}

/// Refuses a training that will not fit into memory; the place is the setting that takes most of it.
pub fn check(e: &Experiment, p: &Prepared) -> Result<()> {
    let estimate = estimate(e, p);
    if estimate.total() < SMALL {
        return Ok(());
    }
    let (data, weights, step) = (estimate.data, estimate.weights + estimate.checkpoint, estimate.activations);
    let (place, help) = if step >= data.max(weights) {
        ("train.batch", "make it smaller, or the images or the first layers")
    } else if weights >= data {
        ("model.layer", "make the largest layer smaller (--dry-run shows them)")
    } else {
        ("data", "take fewer or smaller samples")
    };
    memory::demand(place, "this training", estimate.total(), help)
}

/// Seconds that an epoch takes beside its steps: the order of its samples, its line in the history.
const EPOCH: f64 = 25e-6;
/// Seconds that a step takes beside its arithmetic: the batch, the tape, the optimizer.
const STEP: f64 = 8e-6;
/// Seconds that a layer adds to that, forward and backward.
const LAYER: f64 = 2e-6;

/// Seconds that all epochs would take at half of this machine's peak, which is measured for the purpose, and with what epochs,
/// steps and layers cost whatever their size. A multiply-add of the forward pass is met by two of the backward pass, and each
/// counts as two operations.
///
/// The costs are of perceptrons of 1 to 21 layers on batches of 4 samples and of 225: their processor time on one thread of an x86
/// server, over 10,000 to 20,000 steps each, rounded. Layers without multiply-adds cost more the larger they are, so
/// that a wide network of few multiply-adds takes two to three times as long as this says.
pub fn seconds(e: &Experiment, summary: &Summary, samples: usize) -> f64 {
    let epochs = e.train.epochs as f64;
    let operations = 6.0 * summary.macs as f64 * samples as f64 * epochs;
    let steps = samples.div_ceil(e.train.batch.max(1)) as f64;
    let each = EPOCH + steps * (STEP + summary.rows.len() as f64 * LAYER);
    operations / (0.5e9 * machine::peak_gflops(Duration::from_millis(20))) + epochs * each
}
