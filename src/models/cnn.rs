//! The convolutional network of the assignment's Figure 1, after LeNet (LeCun et al. 1998).

use crate::error::{Error, Result};
use crate::nn::{Activation, Conv2d, Flatten, Init, Linear, MaxPool2d, Sequential};
use crate::ops::{self, Padding, Window};
use crate::real::Real;
use crate::rng::Rng;

/// Blocks of conv 3x3 *same*, ReLU, max-pool 2, then two fully connected layers.
///
/// On 1x128x128 with widths 16, 32, 64, 128, a hidden layer of 128 and 3 classes it has 1,146,243 parameters.
#[derive(Clone, Debug)]
pub struct Cnn {
    /// Channels, height and width of the input.
    pub input: [usize; 3],
    /// Output channels of each block.
    pub widths: Vec<usize>,
    /// Width of the hidden fully connected layer.
    pub hidden: usize,
    /// Number of classes.
    pub classes: usize,
}

impl Cnn {
    /// Builds the network and draws its weights (PyTorch's defaults). Children: `block1`.., `flatten`, `fc1`,
    /// `relu`, `out`. Fails if pooling would leave no pixels.
    pub fn build<T: Real>(&self, rng: &mut Rng) -> Result<Sequential<T>> {
        let [mut channels, mut h, mut w] = self.input;
        let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
        let mut net = Sequential::new();
        for (i, &width) in self.widths.iter().enumerate() {
            if h < 2 || w < 2 {
                let [_, h0, w0] = self.input;
                return Err(Error::invalid(format!(
                    "{} blocks halve an image of {h0}x{w0} too often: {h}x{w} is left before block {}",
                    self.widths.len(),
                    i + 1
                )));
            }
            let block = Sequential::new()
                .with("conv", Conv2d::new(channels, width, [3, 3], same, Init::PyTorch, rng))
                .with("relu", Activation::Relu)
                .with("pool", MaxPool2d(Window::square(2)));
            net = net.with(format!("block{}", i + 1), block);
            (channels, h, w) = (width, h / 2, w / 2);
        }
        Ok(net
            .with("flatten", Flatten)
            .with("fc1", Linear::new(channels * h * w, self.hidden, Init::PyTorch, rng))
            .with("relu", Activation::Relu)
            .with("out", Linear::new(self.hidden, self.classes, Init::PyTorch, rng)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::count_parameters;

    #[test]
    fn figure_1_has_the_known_number_of_parameters() {
        let figure_1 = Cnn { input: [1, 128, 128], widths: vec![16, 32, 64, 128], hidden: 128, classes: 3 };
        assert_eq!(count_parameters::<f32>(&figure_1.build(&mut Rng::new(0, "init", 0)).unwrap()), 1_146_243);
    }

    #[test]
    fn too_many_blocks_are_refused() {
        let deep = Cnn { input: [1, 8, 8], widths: vec![4; 4], hidden: 8, classes: 2 };
        assert!(deep.build::<f32>(&mut Rng::new(0, "init", 0)).is_err());
    }
}
