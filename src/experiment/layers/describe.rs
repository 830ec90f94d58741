//! What is to be said of a type of layer beside its name, and the words in which it is said.
//!
//! A type's settings, its ranges, its shape rule and its module stand in one block, in [`plain`](super::plain),
//! [`images`](super::images) or [`samples`](super::samples).

use crate::error::{Error, Result};
use crate::nn::Module;
use crate::rng::Rng;

/// A type of layer that holds no others: the settings of one layer, of which all the rest follows.
pub trait Describe {
    /// Returns the numbers that have a range.
    fn ranges(&self) -> Vec<Range> {
        Vec::new()
    }

    /// Returns the shape of the output for one sample of shape `input`, and the number of parameters: arithmetic alone, no
    /// tensors. `outputs` stands for units = 0. By default the shape stays as it is, and there are no parameters.
    fn sizes(&self, input: &[usize], outputs: usize) -> Result<(Vec<usize>, usize)> {
        let _ = outputs;
        Ok((input.to_vec(), 0))
    }

    /// Returns the module for samples of shape `input`.
    fn module(&self, input: &[usize], outputs: usize, rng: &mut Rng) -> Result<Box<dyn Module>>;
}

/// A number of a layer: key, value, least, most.
pub type Range = (&'static str, f64, f64, f64);

/// The most units of a layer.
pub(super) const WIDE: f64 = (1 << 20) as f64;

/// The range of a size.
pub(super) fn size(key: &'static str, n: usize, least: f64, most: f64) -> Vec<Range> {
    vec![(key, n as f64, least, most)]
}

/// The range of a height and a width.
pub(super) fn sides(key: &'static str, sides: [usize; 2], least: f64, most: f64) -> Vec<Range> {
    sides.into_iter().map(|n| (key, n as f64, least, most)).collect()
}

/// The length of flat samples.
pub(super) fn flat(layer: &'static str, input: &[usize]) -> Result<usize> {
    let message = || format!("expects flat samples [D]; found {input:?}. Put a `flatten` before it");
    <[usize; 1]>::try_from(input).map(|[inputs]| inputs).map_err(|_| Error::shape(layer, message()))
}

/// The channels of images.
pub(super) fn channels(layer: &'static str, input: &[usize]) -> Result<usize> {
    input.first().copied().ok_or_else(|| Error::shape(layer, format!("expects images [C, H, W]; found {input:?}")))
}

/// A product that stays at the largest number.
pub(super) fn product(numbers: &[usize]) -> usize {
    numbers.iter().fold(1, |product, &n| product.saturating_mul(n))
}

/// The shape of a sample as a batch of one.
pub(super) fn batch(input: &[usize]) -> Vec<usize> {
    [&[1], input].concat()
}
