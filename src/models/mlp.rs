//! The multi-layer perceptron: fully connected layers with a nonlinearity between them.

use crate::nn::{Activation, Init, Linear, Sequential};
use crate::real::Real;
use crate::rng::Rng;

/// Returns an MLP from `inputs` through the `hidden` widths to `classes` logits: `fc1`, its activation, `fc2`, ...,
/// `out`.
pub fn mlp<T: Real>(
    inputs: usize,
    hidden: &[usize],
    classes: usize,
    activation: Activation,
    rng: &mut Rng,
) -> Sequential<T> {
    let mut net = Sequential::new();
    let mut width = inputs;
    for (i, &next) in hidden.iter().enumerate() {
        net = net
            .with(format!("fc{}", i + 1), Linear::new(width, next, Init::PyTorch, rng))
            .with(format!("{}{}", activation.name(), i + 1), activation);
        width = next;
    }
    net.with("out", Linear::new(width, classes, Init::PyTorch, rng))
}
