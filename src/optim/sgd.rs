//! Stochastic gradient descent.

use super::Rule;
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// Stochastic gradient descent (Robbins and Monro 1951) with momentum (Polyak 1964; Nesterov 1983, in the form of
/// Sutskever et al. 2013):
///
/// ```text
/// g ← g + weight_decay · p
/// v ← g at the first step, then momentum · v + g
/// p ← p - lr · (nesterov ? g + momentum · v : v)
/// ```
///
/// Keras keeps `v ← momentum · v - lr · g` instead: the same path at a constant rate, another one when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// Learning rate.
    pub lr: f64,
    /// Share of the last step that is kept, in [0, 1).
    pub momentum: f64,
    /// Looks ahead along the momentum.
    pub nesterov: bool,
    /// L2 penalty.
    pub weight_decay: f64,
}

impl Default for Sgd {
    /// With a learning rate of 1e-2.
    fn default() -> Self {
        Self::new(1e-2)
    }
}

impl Sgd {
    /// Plain descent.
    pub fn new(lr: f64) -> Self {
        Self { lr, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

impl<T: Real> Rule<T> for Sgd {
    const SLOTS: &'static [&'static str] = &["momentum_buffer"];

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, t: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let hyper = optim::Sgd {
            lr: self.lr,
            momentum: self.momentum,
            dampening: 0.0,
            nesterov: self.nesterov,
            l2: self.weight_decay,
            first: t == 1,
        };
        move |p, g, slots| optim::sgd(&hyper, p, g, slots[0].data_mut())
    }
}
