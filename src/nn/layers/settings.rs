//! What a layer is in an experiment's file: its settings, of which ranges, shape rule and module follow, and examples
//! for the gradient check; and the words in which all that is said.

use crate::error::{Error, Result};
use crate::nn::module::Module;
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::marker::PhantomData;

pub use super::sizes::{Sides, Zeros, ZerosByName};

/// The settings of one layer, which says what it makes and never what it gets: sizes of inputs follow from the layer
/// before.
///
/// ```
/// use gradus::nn::settings::Settings;
/// use gradus::nn::{Ctx, LinearSettings};
/// use gradus::{autograd::Var, rng::Rng, tensor::Tensor};
/// let settings: LinearSettings = serde_json::from_str(r#"{ "units": 3 }"#).unwrap();
/// let settings: &dyn Settings = &settings;
/// assert_eq!(settings.sizes(&[5], 10)?, (vec![3], 3 * 5 + 3)); // arithmetic alone
/// let layer = settings.module(&[5], 10, &mut Rng::new(1, "init", 0))?;
/// assert_eq!(layer.forward(&Var::constant(Tensor::zeros([2, 5])), &mut Ctx::eval())?.shape(), [2, 3]);
/// # Ok::<(), gradus::Error>(())
/// ```
pub trait Settings<T: Real = f32> {
    /// Returns the numbers that have a range.
    fn ranges(&self) -> Vec<Range> {
        Vec::new()
    }

    /// Returns whether the layer can only be the first of a network.
    fn is_first(&self) -> bool {
        false
    }

    /// Returns the shape of the output for one sample of shape `input`, and the number of parameters: arithmetic alone, no
    /// tensors. `outputs` stands for units = 0. By default the shape stays as it is, and there are no parameters.
    fn sizes(&self, input: &[usize], outputs: usize) -> Result<(Vec<usize>, usize)> {
        let _ = outputs;
        Ok((input.to_vec(), 0))
    }

    /// Returns the module for samples of shape `input`.
    fn module(&self, input: &[usize], outputs: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>>;

    /// Returns examples for the gradient check, at least one.
    fn examples() -> Vec<Example>
    where
        Self: Sized;
}

/// A number of a layer: key, value, least, most.
pub type Range = (&'static str, f64, f64, f64);

/// A layer on a batch, whose derivatives are held against differences.
#[derive(Clone, Debug)]
pub struct Example {
    /// What is special about it: `in groups`; nothing where it is the only one.
    pub about: &'static str,
    /// Its settings, as a file has them.
    pub settings: Value,
    /// The shape of the batch.
    pub batch: &'static [usize],
    /// Whether the layer has kinks: it is then checked on numbers that are away from 0 and from each other.
    pub kinks: bool,
}

impl Example {
    /// Returns the example of a smooth layer, about which there is nothing special.
    pub fn new(settings: Value, batch: &'static [usize]) -> Self {
        Self { about: "", settings, batch, kinks: false }
    }
}

/// A layer without settings.
pub trait Plain: Clone + PartialEq + std::fmt::Debug + Sized + 'static {
    /// The layer.
    const LAYER: Self;
    /// Whether it has kinks.
    const KINKS: bool = false;
    /// The shape of a batch that it can take.
    const BATCH: &'static [usize] = &[3, 4];

    /// Returns the shape of the output for one sample of shape `input`.
    fn output(input: &[usize]) -> Vec<usize> {
        input.to_vec()
    }
}

/// The settings of a layer that has none: its name alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct PlainSettings<L> {
    /// Its name in paths and files; by default the type and a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip)]
    layer: PhantomData<L>,
}

impl<L> Default for PlainSettings<L> {
    fn default() -> Self {
        Self { name: None, layer: PhantomData }
    }
}

impl<T: Real, L: Plain + Module<T>> Settings<T> for PlainSettings<L> {
    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        Ok((L::output(input), 0))
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        Ok(Box::new(L::LAYER))
    }

    fn examples() -> Vec<Example> {
        vec![Example { kinks: L::KINKS, ..Example::new(json!({}), L::BATCH) }]
    }
}

/// Where numbers from 0 to below 1 end.
pub const BELOW_1: f64 = 0.999_999;

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

/// The vectors that a layer takes along the last axis: the length of flat samples, or of tokens.
pub(super) fn last(layer: &'static str, input: &[usize]) -> Result<usize> {
    match *input {
        [.., dim] if input.len() <= 2 => Ok(dim),
        _ => {
            let message =
                format!("expects flat samples [D] or tokens [L, D]; found {input:?}. Put a `flatten` before it");
            Err(Error::shape(layer, message))
        }
    }
}

/// The number of tokens, and the numbers of each.
pub(super) fn tokens(layer: &'static str, input: &[usize]) -> Result<[usize; 2]> {
    let message =
        || format!("expects tokens [L, D]; found {input:?}. A `patch_embedding` makes tokens of an image [C, H, W]");
    <[usize; 2]>::try_from(input).map_err(|_| Error::shape(layer, message()))
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
