//! RMSprop.

use super::Rule;
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// RMSprop (Tieleman and Hinton 2012, lecture 6.5 of their course): divides by a running root mean square.
///
/// ```text
/// g ← g + weight_decay · p
/// v ← α v + (1 - α) g²
/// p ← p - lr · g / (√v + ε)
/// ```
///
/// Keras puts ε inside, √(v + ε), with ε = 1e-7 and α (called rho) 0.9; PyTorch's α is 0.99.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// Learning rate.
    pub lr: f64,
    /// Decay rate of the running mean square.
    pub alpha: f64,
    /// Keeps the divisor from 0.
    pub eps: f64,
    /// L2 penalty.
    pub weight_decay: f64,
}

impl Default for RmsProp {
    /// With a learning rate of 1e-3.
    fn default() -> Self {
        Self::new(1e-3)
    }
}

impl RmsProp {
    /// PyTorch's constants: α = 0.99, ε = 1e-8.
    pub fn new(lr: f64) -> Self {
        Self { lr, alpha: 0.99, eps: 1e-8, weight_decay: 0.0 }
    }
}

impl<T: Real> Rule<T> for RmsProp {
    const SLOTS: &'static [&'static str] = &["square_avg"];

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, _: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let hyper = optim::RmsProp {
            lr: self.lr,
            alpha: self.alpha,
            eps: self.eps,
            centered: false,
            momentum: 0.0,
            l2: self.weight_decay,
        };
        move |p, g, slots| optim::rmsprop(&hyper, p, g, slots[0].data_mut(), &mut [], &mut [])
    }
}
