//! What a batch is made of.

use super::augment::{Augment, gather};
use super::batch::Normalization;
use super::criterion::Batch;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Labelled samples from which batches are drawn.
///
/// ```
/// use gradus::prelude::*;
///
/// /// The numbers 0, 1, .. , n - 1, whose class is whether they are odd, made as they are asked for.
/// struct Numbers(Vec<usize>);
///
/// impl Samples for Numbers {
///     fn labels(&self) -> &[usize] {
///         &self.0
///     }
///     fn batch(&self, indices: &[usize], _: Option<u64>) -> Tensor {
///         Tensor::from_fn([indices.len(), 1], |i| indices[i] as f32)
///     }
/// }
///
/// let numbers = Numbers((0..10).map(|i| i % 2).collect());
/// assert_eq!(numbers.len(), 10);
/// assert_eq!(numbers.batch(&[7, 2], None).data(), [7.0, 2.0]);
/// ```
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

    /// What the outputs of these samples should be, `[N, ..]`: for a regression, whose loss asks for it. `None` where
    /// labels say all.
    fn targets(&self, indices: &[usize]) -> Option<Tensor> {
        let _ = indices;
        None
    }
}

/// All that is known of some samples, for a forward pass and its loss.
pub(super) struct Drawn {
    pub(super) inputs: Tensor,
    pub(super) labels: Vec<usize>,
    targets: Option<Tensor>,
}

impl Drawn {
    /// Takes these samples, augmented for `epoch` in training.
    pub(super) fn new(samples: &dyn Samples, indices: &[usize], epoch: Option<u64>) -> Self {
        let labels = indices.iter().map(|&i| samples.labels()[i]).collect();
        Self { inputs: samples.batch(indices, epoch), labels, targets: samples.targets(indices) }
    }

    /// What a loss is computed from.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { inputs: &self.inputs, labels: &self.labels, targets: self.targets.as_ref() }
    }
}

/// Samples that are rows of a matrix.
///
/// ```
/// use gradus::prelude::*;
/// let rows = Tensor::new(vec![0.0, 0.1, 2.0, 2.1, 4.0, 4.1], [3, 2])?;
/// let samples = Matrix::new(rows, vec![0, 1, 1])?;
/// assert_eq!(samples.batch(&[2, 0], None).data(), [4.0, 4.1, 0.0, 0.1]);
/// assert!(Matrix::new(Tensor::zeros([3, 2]), vec![0]).is_err()); // a label for each row
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Matrix {
    rows: Tensor,
    labels: Vec<usize>,
    targets: Option<Tensor>,
}

impl Matrix {
    /// Rows of `[N, D]` and their labels.
    pub fn new(rows: Tensor, labels: Vec<usize>) -> Result<Self> {
        if rows.rank() != 2 || rows.shape()[0] != labels.len() {
            let message =
                format!("expected [\"N D\"] and N labels; found {:?} and {} labels", rows.shape(), labels.len());
            return Err(Error::shape("samples", message));
        }
        Ok(Self { rows, labels, targets: None })
    }

    /// Rows of `[N, D]` and what their outputs should be, `[N, ..]`, in place of labels: for a regression.
    ///
    /// ```
    /// use gradus::prelude::*;
    ///
    /// // y = 2x - 1 at four places.
    /// let x = Tensor::new(vec![0.0, 1.0, 2.0, 3.0], [4, 1])?;
    /// let samples = Matrix::with_targets(x.clone(), 2.0 * &x - 1.0)?;
    /// let line = Linear::new(1, 1, Init::PyTorch, &mut Rng::new(1, "init", 0));
    /// let fit = Fit::new(200, 200, 4, 1).with_loss(|output, batch| output.mse(&batch.target()?));
    /// let trained = fit.run(&line, &mut FirstOrder::new(Adam::new(0.1)), &samples, &samples, None, &mut Silent)?;
    /// assert!(trained.history.best().unwrap().val_loss.unwrap() < 1e-3);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn with_targets(rows: Tensor, targets: Tensor) -> Result<Self> {
        let n = targets.shape().first().copied().unwrap_or(0);
        let mut samples = Self::new(rows, vec![0; n])?;
        samples.targets = Some(targets);
        Ok(samples)
    }
}

impl Samples for Matrix {
    fn labels(&self) -> &[usize] {
        &self.labels
    }

    fn batch(&self, indices: &[usize], _: Option<u64>) -> Tensor {
        self.rows.gather(indices)
    }

    fn targets(&self, indices: &[usize]) -> Option<Tensor> {
        self.targets.as_ref().map(|targets| targets.gather(indices))
    }
}

/// Samples that are images: normalized once, augmented anew in each epoch of training.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::train::{Augment, Normalization};
/// let pixels = Tensor::rand([6, 1, 4, 4], 0.0, 1.0, &mut Rng::new(1, "pixels", 0));
/// let scale = Normalization::fit(&pixels)?; // of the training images, for all images
/// let images = ImageSamples::new(&pixels, vec![0, 1, 0, 1, 0, 1], &scale)?.augmented(Augment::NONE, 1);
/// assert_eq!(images.batch(&[5, 0], Some(1)).shape(), [2, 1, 4, 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageSamples {
    pixels: Tensor,
    labels: Vec<usize>,
    augment: Augment,
    seed: u64,
}

impl ImageSamples {
    /// Images `[N, C, H, W]` with values in [0, 1], and their labels.
    pub fn new(pixels: &Tensor, labels: Vec<usize>, normalization: &Normalization) -> Result<Self> {
        Ok(Self { pixels: normalization.apply(pixels)?, labels, augment: Augment::NONE, seed: 0 })
    }

    /// Draws training batches through these symmetries, keyed by `seed`.
    pub fn augmented(mut self, augment: Augment, seed: u64) -> Self {
        (self.augment, self.seed) = (augment, seed);
        self
    }
}

impl Samples for ImageSamples {
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
