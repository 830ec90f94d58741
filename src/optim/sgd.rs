//! Stochastic gradient descent.

use super::rule::{Rule, decay};
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// Stochastic gradient descent (Robbins and Monro 1951) with momentum (Polyak 1964; Nesterov 1983, in the form of
/// Sutskever et al. 2013):
///
/// ```text
/// g ← g + weight_decay · p,  or  p ← (1 - lr · weight_decay) p    (decoupled)
/// v ← momentum · v + g
/// p ← p - lr · (nesterov ? g + momentum · v : v)
/// ```
///
/// With [`lr_in_velocity`](Self::lr_in_velocity) the learning rate stands elsewhere, as in Keras:
///
/// ```text
/// v ← momentum · v + lr · g
/// p ← p - (nesterov ? lr · g + momentum · v : v)
/// ```
///
/// Both give the same path at a constant rate. When the rate changes they differ: here the velocity keeps its size.
///
/// ```
/// use gradus::optim::{Sgd, Rule};
/// use gradus::tensor::Tensor;
/// let (mut p, mut slots) = ([1.0f32], vec![Tensor::scalar(0.0); 1]);
/// let sgd = Sgd { momentum: 0.9, ..Sgd::new(0.1) };
/// for t in [1, 2] {
///     Rule::<f32>::step(&sgd, t)(&mut p, &[2.0], &mut slots);
/// }
/// assert!((p[0] - 0.42).abs() < 1e-5); // 1 - 0.1 (2 + 3.8)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate, 1e-12 to 1e30.
    pub lr: f64,
    /// Fraction of the last step that is kept: momentum, in [0, 1).
    pub momentum: f64,
    /// Nesterov momentum: the gradient of the point to which the momentum leads.
    pub nesterov: bool,
    /// Weight decay, from 0.
    pub weight_decay: f64,
    /// Whether the decay acts on the parameter itself (as in Keras) instead of through the gradient (an L2 penalty).
    pub decoupled: bool,
    /// Whether the velocity is a path (Keras) instead of a mean of gradients (PyTorch).
    pub lr_in_velocity: bool,
}

impl Default for Sgd {
    /// With a learning rate of 1e-2.
    fn default() -> Self {
        Self::new(1e-2)
    }
}

impl Sgd {
    /// Creates plain descent, with PyTorch's conventions.
    pub fn new(lr: f64) -> Self {
        Self { lr, momentum: 0.0, nesterov: false, weight_decay: 0.0, decoupled: false, lr_in_velocity: false }
    }

    /// Creates plain descent, with Keras's conventions of momentum and decay.
    pub fn keras(lr: f64) -> Self {
        Self { decoupled: true, lr_in_velocity: true, ..Self::new(lr) }
    }
}

impl<T: Real> Rule<T> for Sgd {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum_buffer"] }
    }

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, _: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let (l2, shrink) = decay(self.lr, self.weight_decay, self.decoupled);
        let (lr, gain) = if self.lr_in_velocity { (1.0, self.lr) } else { (self.lr, 1.0) };
        let hyper = optim::Sgd { lr, gain, momentum: self.momentum, nesterov: self.nesterov, l2, shrink };
        move |p, g, slots| match slots {
            [velocity] => T::sgd(&hyper, p, g, velocity.data_mut()),
            _ => T::sgd(&hyper, p, g, &mut []),
        }
    }
}
