//! Adagrad.

use super::rule::{Rule, decay};
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// Adagrad (Duchi, Hazan and Singer 2011): the more a parameter's gradients have amounted to, the smaller its steps.
///
/// ```text
/// g ← g + weight_decay · p,  or  p ← (1 - lr · weight_decay) p    (decoupled)
/// s ← s + g²,   s = initial_accumulator_value at first
/// p ← p - lrₜ · g / (√s + ε),  or  g / √(s + ε)                   (eps_inside_root),  lrₜ = lr / (1 + (t - 1) lr_decay)
/// ```
///
/// The first of two is PyTorch's, the second Keras's.
///
/// ```
/// use gradus::optim::{Adagrad, Rule};
/// use gradus::tensor::Tensor;
/// let (mut p, mut slots) = ([1.0f32], vec![Tensor::scalar(0.0); 1]);
/// Rule::<f32>::step(&Adagrad::new(0.1), 1)(&mut p, &[2.0], &mut slots);
/// assert!((p[0] - 0.9).abs() < 1e-5); // 1 - 0.1 · 2 / √(2²)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Adagrad {
    /// Learning rate, 1e-12 to 1e30.
    pub lr: f64,
    /// How fast the learning rate falls: step t has lr / (1 + (t - 1) · lr_decay), from 0.
    pub lr_decay: f64,
    /// Value from which the sum of squared gradients starts, from 0.
    pub initial_accumulator_value: f64,
    /// ε, which keeps the divisor from 0: 1e-30 to 1e30.
    pub eps: f64,
    /// Whether ε is added under the root (Keras) instead of to it.
    pub eps_inside_root: bool,
    /// Weight decay, from 0.
    pub weight_decay: f64,
    /// Whether the decay acts on the parameter itself (Keras) instead of through the gradient.
    pub decoupled: bool,
}

impl Default for Adagrad {
    /// With a learning rate of 1e-2.
    fn default() -> Self {
        Self::new(1e-2)
    }
}

impl Adagrad {
    /// Creates the rule with PyTorch's conventions and constants: the sum starts from 0, ε = 1e-10 beside the root.
    pub fn new(lr: f64) -> Self {
        Self {
            lr,
            lr_decay: 0.0,
            initial_accumulator_value: 0.0,
            eps: 1e-10,
            eps_inside_root: false,
            weight_decay: 0.0,
            decoupled: false,
        }
    }

    /// Creates the rule with Keras's conventions and constants: the sum starts from 0.1, ε = 1e-7 inside the root.
    pub fn keras(lr: f64) -> Self {
        let conventions = Self { eps_inside_root: true, decoupled: true, ..Self::new(lr) };
        Self { initial_accumulator_value: 0.1, eps: 1e-7, ..conventions }
    }
}

impl<T: Real> Rule<T> for Adagrad {
    fn slots(&self) -> &'static [&'static str] {
        &["sum"]
    }

    fn initial(&self) -> f64 {
        self.initial_accumulator_value
    }

    fn counts_moves(&self) -> bool {
        true
    }

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, t: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let (l2, shrink) = decay(self.lr, self.weight_decay, self.decoupled);
        let (eps, eps_inside) = if self.eps_inside_root { (0.0, self.eps) } else { (self.eps, 0.0) };
        let lr = self.lr / (1.0 + (t - 1) as f64 * self.lr_decay);
        let hyper = optim::Adagrad { lr, eps, eps_inside, l2, shrink };
        move |p, g, slots| T::adagrad(&hyper, p, g, slots[0].data_mut())
    }
}
