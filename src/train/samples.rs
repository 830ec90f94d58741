//! What a batch is made of.

use crate::data::{Augment, Normalization, gather};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Labelled samples from which batches are drawn.
pub trait Samples {
    /// Number of samples.
    fn len(&self) -> usize {
        self.labels().len()
    }

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.labels().is_empty()
    }

    /// The class of each sample.
    fn labels(&self) -> &[usize];

    /// The inputs of these samples. `epoch` is given in training, and keys the augmentation.
    fn batch(&self, indices: &[usize], epoch: Option<u64>) -> Tensor;
}

/// Samples that are rows of a matrix.
#[derive(Clone, Debug)]
pub struct Matrix {
    rows: Tensor,
    labels: Vec<usize>,
}

impl Matrix {
    /// Rows of `[N, D]` and their labels.
    pub fn new(rows: Tensor, labels: Vec<usize>) -> Result<Self> {
        if rows.rank() != 2 || rows.shape()[0] != labels.len() {
            let message = format!("wanted [\"N D\"] and N labels; got {:?} and {} labels", rows.shape(), labels.len());
            return Err(Error::shape("samples", message));
        }
        Ok(Self { rows, labels })
    }
}

impl Samples for Matrix {
    fn labels(&self) -> &[usize] {
        &self.labels
    }

    fn batch(&self, indices: &[usize], _: Option<u64>) -> Tensor {
        self.rows.gather(indices)
    }
}

/// Samples that are pictures: normalized once, augmented anew in each epoch of training.
#[derive(Clone, Debug)]
pub struct Pictures {
    pixels: Tensor,
    labels: Vec<usize>,
    augment: Augment,
    seed: u64,
}

impl Pictures {
    /// Pictures `[N, C, H, W]` with values in [0, 1], and their labels.
    pub fn new(pixels: &Tensor, labels: Vec<usize>, normalization: &Normalization) -> Result<Self> {
        Ok(Self { pixels: normalization.apply(pixels)?, labels, augment: Augment::NONE, seed: 0 })
    }

    /// Draws training batches through these symmetries, keyed by `seed`.
    pub fn augmented(mut self, augment: Augment, seed: u64) -> Self {
        (self.augment, self.seed) = (augment, seed);
        self
    }
}

impl Samples for Pictures {
    fn labels(&self) -> &[usize] {
        &self.labels
    }

    fn batch(&self, indices: &[usize], epoch: Option<u64>) -> Tensor {
        match epoch {
            Some(epoch) => gather(&self.pixels, indices, &self.augment, self.seed, epoch),
            None => self.pixels.gather(indices),
        }
    }
}
