//! RMSprop.

use super::rule::{Rule, decay};
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// RMSprop (Tieleman and Hinton 2012, lecture 6.5 of their course): divides by a running root mean square. Centered
/// (Graves 2013), by a running standard deviation.
///
/// ```text
/// g ← g + weight_decay · p,  or  p ← (1 - lr · weight_decay) p    (decoupled)
/// s ← α s + (1 - α) g²
/// m ← α m + (1 - α) g                                             (centered)
/// d = g / (√(s - m²) + ε),  or  g / √(s - m² + ε)                 (eps_inside_root); m = 0 unless centered
/// v ← momentum · v + d,     p ← p - lr · v
/// v ← momentum · v + lr d,  p ← p - v                             (lr_in_velocity)
/// ```
///
/// The first of two is PyTorch's, the second Keras's. The two velocities give the same steps while the rate stays the
/// same. s - m² is never negative but by rounding, and then counts as 0.
///
/// ```
/// use gradus::optim::{RmsProp, Rule};
/// use gradus::tensor::Tensor;
/// let (mut p, mut slots) = ([1.0f32], vec![Tensor::scalar(0.0); 1]);
/// Rule::<f32>::step(&RmsProp::new(0.01), 1)(&mut p, &[2.0], &mut slots);
/// assert!((p[0] - 0.9).abs() < 1e-5); // 1 - 0.01 · 2 / √(0.01 · 2²)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// Learning rate, 1e-12 to 1e30.
    pub lr: f64,
    /// Decay rate of the running means, in [0, 1); Keras calls it rho.
    pub alpha: f64,
    /// Fraction of the last step that is kept: momentum, in [0, 1).
    pub momentum: f64,
    /// Whether to divide by the standard deviation of the gradient instead of its root mean square.
    pub centered: bool,
    /// ε, which keeps the divisor from 0: 1e-30 to 1e30.
    pub eps: f64,
    /// Whether ε is added under the root (Keras) instead of to it.
    pub eps_inside_root: bool,
    /// Weight decay, from 0.
    pub weight_decay: f64,
    /// Whether the decay acts on the parameter itself (Keras) instead of through the gradient.
    pub decoupled: bool,
    /// Whether the velocity is a path (Keras) instead of a mean of directions (PyTorch).
    pub lr_in_velocity: bool,
}

impl Default for RmsProp {
    /// With a learning rate of 1e-3.
    fn default() -> Self {
        Self::new(1e-3)
    }
}

impl RmsProp {
    /// Creates the rule with PyTorch's conventions and constants: α = 0.99, ε = 1e-8 beside the root.
    pub fn new(lr: f64) -> Self {
        Self {
            lr,
            alpha: 0.99,
            momentum: 0.0,
            centered: false,
            eps: 1e-8,
            eps_inside_root: false,
            weight_decay: 0.0,
            decoupled: false,
            lr_in_velocity: false,
        }
    }

    /// Creates the rule with Keras's conventions and constants: α = 0.9, ε = 1e-7 inside the root.
    pub fn keras(lr: f64) -> Self {
        let conventions = Self { eps_inside_root: true, decoupled: true, lr_in_velocity: true, ..Self::new(lr) };
        Self { alpha: 0.9, eps: 1e-7, ..conventions }
    }
}

impl<T: Real> Rule<T> for RmsProp {
    fn slots(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum != 0.0) {
            (false, false) => &["square_avg"],
            (false, true) => &["square_avg", "momentum_buffer"],
            (true, false) => &["square_avg", "grad_avg"],
            (true, true) => &["square_avg", "grad_avg", "momentum_buffer"],
        }
    }

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, _: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let (l2, shrink) = decay(self.lr, self.weight_decay, self.decoupled);
        let (lr, gain) = if self.lr_in_velocity { (1.0, self.lr) } else { (self.lr, 1.0) };
        let (eps, eps_inside) = if self.eps_inside_root { (0.0, self.eps) } else { (self.eps, 0.0) };
        let (alpha, centered, momentum) = (self.alpha, self.centered, self.momentum);
        let hyper = optim::RmsProp { lr, gain, alpha, eps, eps_inside, centered, momentum, l2, shrink };
        move |p, g, slots| {
            let (square, rest) = slots.split_first_mut().expect("RMSprop keeps a mean square");
            let mut rest = rest.iter_mut().map(Tensor::data_mut);
            let mean = if centered { rest.next() } else { None };
            let velocity = rest.next();
            T::rmsprop(&hyper, p, g, square.data_mut(), mean.unwrap_or_default(), velocity.unwrap_or_default());
        }
    }
}
