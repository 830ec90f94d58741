//! The order in which training meets the images, and the scale of their pixels.
//!
//! Each epoch goes once through all images in a new order, a batch at a time. The order depends on the seed and the
//! epoch's number alone, so a run resumed in epoch 17 meets the images as if it had never stopped.

use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use serde::{Deserialize, Serialize};

/// The batches of one epoch, as indices. The last one holds what is left and may be smaller.
///
/// ```
/// use gradus::prelude::*;
/// let epoch: Vec<Vec<usize>> = Batches::new(7, 3, 1, 1, true).collect(); // 7 items, seed 1, epoch 1, shuffled
/// assert_eq!(epoch.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
/// let mut met = epoch.concat();
/// met.sort();
/// assert_eq!(met, [0, 1, 2, 3, 4, 5, 6]);
/// ```
#[derive(Clone, Debug)]
pub struct Batches {
    order: Vec<usize>,
    batch: usize,
    next: usize,
}

impl Batches {
    /// Batches of `batch` out of `n` items: shuffled by the stream ("shuffle", `epoch`), or in order. Panics for batch = 0.
    pub fn new(n: usize, batch: usize, seed: u64, epoch: u64, shuffle: bool) -> Self {
        assert!(batch > 0, "Batches: a batch holds at least one item");
        let order = if shuffle { Rng::new(seed, "shuffle", epoch).permutation(n) } else { (0..n).collect() };
        Self { order, batch, next: 0 }
    }
}

impl Iterator for Batches {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let from = self.next;
        self.next = (from + self.batch).min(self.order.len());
        (from < self.next).then(|| self.order[from..self.next].to_vec())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.len() - self.next).div_ceil(self.batch);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

/// Brings each channel to mean 0 and standard deviation 1: `y = (x - mean) / std`.
///
/// Fitted on the training split and only applied to the others: a test set's statistics are part of its answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalization {
    /// Mean of each channel.
    pub mean: Vec<f32>,
    /// Standard deviation (of the population) of each channel; 1 for a channel that never varies.
    pub std: Vec<f32>,
}

impl Normalization {
    /// Mean and deviation of each channel over all images and places of `[N, C, H, W]`, summed in `f64`, image by
    /// image. Two passes: the squares are taken about the mean, so nothing cancels.
    pub fn fit(pixels: &Tensor<f32>) -> Result<Self> {
        let (n, channels, area) = sizes("Normalization::fit", pixels)?;
        if n * area == 0 {
            return Err(Error::invalid(format!("Normalization::fit: no pixels in {:?}", pixels.shape())));
        }
        let plane = |i: usize, c: usize| &pixels.data()[(i * channels + c) * area..][..area];
        let mean_of = |f: &(dyn Fn(usize, f64) -> f64 + Sync)| -> Vec<f64> {
            let sums = parallel::map(n, |i| {
                (0..channels).map(|c| plane(i, c).iter().map(|&x| f(c, f64::from(x))).sum()).collect::<Vec<f64>>()
            });
            (0..channels).map(|c| sums.iter().map(|s| s[c]).sum::<f64>() / (n * area) as f64).collect()
        };
        let mean = mean_of(&|_, x| x);
        let variance = mean_of(&|c, x| (x - mean[c]) * (x - mean[c]));
        let std = variance.iter().map(|v| if *v > 1e-12 { v.sqrt() as f32 } else { 1.0 }).collect();
        Ok(Self { mean: mean.iter().map(|&m| m as f32).collect(), std })
    }

    /// The images `[N, C, H, W]`, normalized. Fails unless C is the number of channels fitted.
    pub fn apply(&self, pixels: &Tensor<f32>) -> Result<Tensor<f32>> {
        let (_, channels, area) = sizes("Normalization::apply", pixels)?;
        if channels != self.mean.len() {
            return Err(Error::shape(
                "Normalization::apply",
                format!("was fitted on {} channels; found {:?}", self.mean.len(), pixels.shape()),
            ));
        }
        Ok(Tensor::build(pixels.shape_owned(), |out| {
            parallel::chunks(out, area, |k, piece| {
                let (mean, std) = (self.mean[k % channels], self.std[k % channels]);
                let from = &pixels.data()[k * area..][..piece.len()];
                piece.iter_mut().zip(from).for_each(|(y, &x)| *y = (x - mean) / std);
            });
        }))
    }
}

/// Brings each image of `[N, C, H, W]` to mean 0 and standard deviation 1 over all its channels and places:
/// `y = (x - mean) / std`, with 1 for the deviation of an image that never varies.
///
/// Nothing is learned from other images. It takes away how bright and how rich in contrast an image is as a whole,
/// which for X-rays is the exposure and no finding. Sums in `f64`, in order.
pub fn standardize_each(pixels: &Tensor<f32>) -> Result<Tensor<f32>> {
    let (_, channels, area) = sizes("standardize_each", pixels)?;
    let image = channels * area;
    Ok(Tensor::build(pixels.shape_owned(), |out| {
        parallel::chunks(out, image, |k, to| {
            let from = &pixels.data()[k * image..][..to.len()];
            let mean_of = |f: &dyn Fn(f64) -> f64| from.iter().map(|&x| f(f64::from(x))).sum::<f64>() / image as f64;
            let mean = mean_of(&|x| x);
            let variance = mean_of(&|x| (x - mean) * (x - mean));
            let std = if variance > 1e-12 { variance.sqrt() } else { 1.0 };
            to.iter_mut().zip(from).for_each(|(y, &x)| *y = ((f64::from(x) - mean) / std) as f32);
        });
    }))
}

/// Number of images, channels, and pixels of a plane.
fn sizes(op: &'static str, pixels: &Tensor<f32>) -> Result<(usize, usize, usize)> {
    match *pixels.shape() {
        [n, c, h, w] => Ok((n, c, h * w)),
        ref other => Err(Error::shape(op, format!("expected [\"N C H W\"]; found {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_meets_everyone_once() {
        let batches = Batches::new(10, 4, 42, 3, true);
        assert_eq!(batches.len(), 3);
        let sizes: Vec<usize> = batches.clone().map(|b| b.len()).collect();
        assert_eq!(sizes, [4, 4, 2]);
        let mut met: Vec<usize> = batches.clone().flatten().collect();
        assert_ne!(met, (0..10).collect::<Vec<_>>());
        assert_eq!(met, Batches::new(10, 4, 42, 3, true).flatten().collect::<Vec<_>>());
        assert_ne!(met, Batches::new(10, 4, 42, 4, true).flatten().collect::<Vec<_>>());
        met.sort_unstable();
        assert_eq!(met, (0..10).collect::<Vec<_>>());
        assert_eq!(Batches::new(5, 2, 0, 0, false).collect::<Vec<_>>(), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(Batches::new(0, 2, 0, 0, true).count(), 0);
    }

    #[test]
    fn normalization_by_hand() {
        // Channel 0: 0 2 4 6 (mean 3, variance 5). Channel 1: constant.
        let x = Tensor::new(vec![0.0, 2.0, 7.0, 7.0, 4.0, 6.0, 7.0, 7.0], [2, 2, 1, 2]).unwrap();
        let norm = Normalization::fit(&x).unwrap();
        assert_eq!(norm.mean, [3.0, 7.0]);
        assert_eq!(norm.std, [5f32.sqrt(), 1.0]);
        let y = norm.apply(&x).unwrap();
        assert_eq!(y.at(&[1, 0, 0, 1]), 3.0 / 5f32.sqrt());
        assert_eq!(y.at(&[0, 1, 0, 0]), 0.0);
        assert!(norm.apply(&Tensor::zeros([2, 3, 1, 2])).is_err());
        assert!(Normalization::fit(&Tensor::zeros([0, 1, 2, 2])).is_err());
    }
    #[test]
    fn each_image_by_hand() {
        // Image 0: 0 2 | 4 6 over two channels (mean 3, variance 5). Image 1: constant.
        let x = Tensor::new(vec![0.0, 2.0, 4.0, 6.0, 0.5, 0.5, 0.5, 0.5], [2, 2, 1, 2]).unwrap();
        let y = standardize_each(&x).unwrap();
        assert_eq!(y.data()[..4], [-3.0, -1.0, 1.0, 3.0].map(|v: f64| (v / 5f64.sqrt()) as f32));
        assert_eq!(y.data()[4..], [0.0; 4]);
        assert_eq!(standardize_each(&Tensor::zeros([0, 1, 2, 2])).unwrap().shape(), [0, 1, 2, 2]);
        assert!(standardize_each(&Tensor::zeros([4, 4])).is_err());
        // Brighter and richer in contrast is the same image.
        let louder = standardize_each(&x.gather(&[0]).map(|v| 4.0 * v + 2.0)).unwrap();
        assert_eq!(louder.data(), &y.data()[..4]);
    }
}
