//! A wide, shallow network that learns CIFAR-10 in few epochs, after Jordan (*94% on CIFAR-10 in 3.29 seconds on a single
//! GPU*, 2024).

use crate::error::{Error, Result};
use crate::nn::{
    Activation, BatchNorm2d, Conv2d, Flatten, Init, Linear, MaxPool2d, Module, Sequential, Whitening, parameters,
};
use crate::ops::{self, Padding, Window};
use crate::real::Real;
use crate::rng::Rng;

/// Whitened 2 x 2 patches and GELU, three blocks of two convolutions, a last max-pooling, and a linear layer.
///
/// ```text
/// block:  conv 3x3, max-pool 2, batch norm, GELU, conv 3x3, batch norm, GELU
/// ```
///
/// Filters begin by copying channels (Dirac), have no bias, and batch norm has no weight that is trained: the filters after
/// it undo any scale. For 3 x 32 x 32, widths 64, 256, 256 and ten classes it has 1,972,514 parameters and 118 million
/// multiply-adds an image. The whitening layer must see training images before the first step
/// ([`fit_inputs`](crate::nn::Module::fit_inputs)); the built-in experiment `cifar-94` has the recipe.
///
/// ```
/// use gradus::models::cifar_fast::CifarFast;
/// use gradus::prelude::*;
/// let sizes = CifarFast { input: [3, 32, 32], widths: [64, 256, 256], classes: 10 };
/// let net: Sequential = sizes.build(&mut Rng::new(1, "init", 0))?;
/// assert_eq!(count_parameters(&net), 1_972_514);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CifarFast {
    /// Channels, height and width of the input.
    pub input: [usize; 3],
    /// Output channels of each block.
    pub widths: [usize; 3],
    /// Number of classes.
    pub classes: usize,
}

/// The fraction of a new batch in batch norm's running statistics: trainings are short.
const MOMENTUM: f64 = 0.4;

impl CifarFast {
    /// Builds the network. Children: `whitening`, `gelu`, `block1`, `block2`, `block3`, `pool`, `flatten`, `out`. Fails if
    /// pooling would leave no pixels.
    pub fn build<T: Real>(&self, rng: &mut Rng) -> Result<Sequential<T>> {
        let [input, height, width] = self.input;
        // The patches, three halvings, and thirds of what is left.
        let left = [height, width].map(|size| size.saturating_sub(1) / 8 / 3);
        if left.contains(&0) {
            return Err(Error::invalid(format!("an image of {height}x{width} is too small: it is 25x25 at least")));
        }
        let whitening = Whitening::new(input, [2, 2], 5e-4);
        let mut channels = whitening.bias.get().numel();
        let mut net = Sequential::new().with("whitening", whitening).with("gelu", Activation::Gelu);
        for (i, &width) in self.widths.iter().enumerate() {
            net = net.with(format!("block{}", i + 1), block(channels, width, rng));
            channels = width;
        }
        let features = channels * left[0] * left[1];
        let net = net
            .with("pool", MaxPool2d(Window::square(3)))
            .with("flatten", Flatten)
            .with("out", Linear::new(features, self.classes, Init::Zeros, rng));
        for (path, param) in parameters(&net as &dyn Module<T>) {
            if path.contains(".norm") && path.ends_with(".weight") {
                param.set_trainable(false);
            }
        }
        Ok(net)
    }
}

fn block<T: Real>(inputs: usize, width: usize, rng: &mut Rng) -> Sequential<T> {
    let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
    let mut conv = |inputs| Conv2d::new(inputs, width, [3, 3], same, Init::Dirac, rng).without_bias();
    let norm = || BatchNorm2d { momentum: MOMENTUM, ..BatchNorm2d::new(width) };
    Sequential::new()
        .with("conv1", conv(inputs))
        .with("pool", MaxPool2d(Window::square(2)))
        .with("norm1", norm())
        .with("gelu1", Activation::Gelu)
        .with("conv2", conv(width))
        .with("norm2", norm())
        .with("gelu2", Activation::Gelu)
}
