//! What a batch is made of.

use super::augment::{Augment, gather};
use super::batch::Normalization;
use super::criterion::Batch;
use crate::error::{Error, Result};
use crate::target::Target;
use crate::tensor::Tensor;

/// Samples from which batches are drawn.
///
/// ```
/// use gradus::prelude::*;
///
/// /// The numbers 0, 1, .. , n - 1, whose class is whether they are odd, made as they are drawn.
/// struct Numbers(Target);
///
/// impl Samples for Numbers {
///     fn len(&self) -> usize {
///         self.0.labels().len()
///     }
///     fn target(&self) -> &Target {
///         &self.0
///     }
///     fn batch(&self, indices: &[usize], _: Option<u64>) -> Tensor {
///         Tensor::from_fn([indices.len(), 1], |i| indices[i] as f32)
///     }
/// }
///
/// let numbers = Numbers(Target::Classes((0..10).map(|i| i % 2).collect()));
/// assert_eq!(numbers.len(), 10);
/// assert_eq!(numbers.batch(&[7, 2], None).data(), [7.0, 2.0]);
/// ```
pub trait Samples {
    /// Returns the number of samples.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what is to be predicted of all samples.
    fn target(&self) -> &Target;

    /// Returns the inputs of these samples. `epoch` is given in training, and keys the augmentation.
    fn batch(&self, indices: &[usize], epoch: Option<u64>) -> Tensor;
}

/// All that is known of some samples, for a forward pass and its loss.
pub(super) struct Drawn {
    pub(super) inputs: Tensor,
    pub(super) target: Target,
}

impl Drawn {
    /// Takes these samples, augmented for `epoch` in training.
    pub(super) fn new(samples: &dyn Samples, indices: &[usize], epoch: Option<u64>) -> Self {
        Self { inputs: samples.batch(indices, epoch), target: samples.target().gather(indices) }
    }

    /// What a loss is computed from.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { inputs: &self.inputs, target: &self.target }
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
    target: Target,
}

impl Matrix {
    /// Makes samples of the rows of `[N, D]` and what is to be predicted of them: labels, numbers or nothing.
    ///
    /// ```
    /// use gradus::prelude::*;
    ///
    /// // y = 2x - 1 at four places.
    /// let x = Tensor::new(vec![0.0, 1.0, 2.0, 3.0], [4, 1])?;
    /// let samples = Matrix::new(x.clone(), Target::Values(2.0 * &x - 1.0))?;
    /// let line = Linear::new(1, 1, Init::PyTorch, &mut Rng::new(1, "init", 0));
    /// let fit = Fit::new(200, 200, 4, 1).with_loss(|output, batch| output.mse(&batch.values()?));
    /// let trained = fit.run(&line, &mut FirstOrder::new(Adam::new(0.1)), &samples, &samples, None, &mut Silent)?;
    /// assert!(trained.history.best().unwrap().get("val_loss").unwrap() < 1e-3);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(rows: Tensor, target: impl Into<Target>) -> Result<Self> {
        let target = target.into();
        let n = rows.shape().first().copied().unwrap_or(0);
        if rows.rank() != 2 || target.samples().is_some_and(|known| known != n) {
            let (shape, known) = (rows.shape(), target.samples().unwrap_or(n));
            let message =
                format!("expected [\"N D\"] and a target for each of N rows; found {shape:?} and {known} targets");
            return Err(Error::shape("samples", message));
        }
        Ok(Self { rows, target })
    }
}

impl Samples for Matrix {
    fn len(&self) -> usize {
        self.rows.shape()[0]
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn batch(&self, indices: &[usize], _: Option<u64>) -> Tensor {
        self.rows.gather(indices)
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
    target: Target,
    augment: Augment,
    seed: u64,
}

impl ImageSamples {
    /// Makes samples of images `[N, C, H, W]` with values in [0, 1], and what is to be predicted of them.
    pub fn new(pixels: &Tensor, target: impl Into<Target>, normalization: &Normalization) -> Result<Self> {
        Ok(Self { pixels: normalization.apply(pixels)?, target: target.into(), augment: Augment::NONE, seed: 0 })
    }

    /// Draws training batches through these symmetries, keyed by `seed`.
    pub fn augmented(mut self, augment: Augment, seed: u64) -> Self {
        (self.augment, self.seed) = (augment, seed);
        self
    }
}

impl Samples for ImageSamples {
    fn len(&self) -> usize {
        self.pixels.shape()[0]
    }

    fn target(&self) -> &Target {
        &self.target
    }

    fn batch(&self, indices: &[usize], epoch: Option<u64>) -> Tensor {
        match epoch {
            Some(epoch) => gather(&self.pixels, indices, &self.augment, self.seed, epoch),
            None => self.pixels.gather(indices),
        }
    }
}
