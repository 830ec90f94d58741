//! Adam and AdamW.

use super::Rule;
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// Adam (Kingma and Ba 2015): each parameter's own step size, from running means of its gradient and of the square.
///
/// ```text
/// g ← g + weight_decay · p                              (Adam)
/// p ← (1 - lr · weight_decay) p                         (AdamW, Loshchilov and Hutter 2019)
/// m ← β₁ m + (1 - β₁) g,     v ← β₂ v + (1 - β₂) g²
/// p ← p - lr · m̂ / (√v̂ + ε),   m̂ = m/(1 - β₁ᵗ),  v̂ = v/(1 - β₂ᵗ)
/// ```
///
/// Keras puts its ε (1e-7) beside √v before the correction of v, and so acts as a larger ε in the first steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// Decay rates of the two running means.
    pub betas: [f64; 2],
    /// Keeps the divisor from 0.
    pub eps: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Whether the decay acts on the parameter itself (AdamW) instead of through the gradient.
    pub decoupled: bool,
}

impl Default for Adam {
    /// With a learning rate of 1e-3.
    fn default() -> Self {
        Self::new(1e-3)
    }
}

impl Adam {
    /// Adam with the paper's constants: β = (0.9, 0.999), ε = 1e-8, no decay.
    pub fn new(lr: f64) -> Self {
        Self { lr, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0, decoupled: false }
    }

    /// AdamW with PyTorch's default decay of 0.01.
    pub fn w(lr: f64) -> Self {
        Self { weight_decay: 0.01, decoupled: true, ..Self::new(lr) }
    }
}

impl<T: Real> Rule<T> for Adam {
    const SLOTS: &'static [&'static str] = &["exp_avg", "exp_avg_sq"];

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, t: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let [beta1, beta2] = self.betas;
        let correction = |beta: f64| 1.0 - libm::pow(beta, t as f64);
        let hyper = optim::Adam {
            beta1,
            beta2,
            step_size: self.lr / correction(beta1),
            root_correction: correction(beta2).sqrt(),
            eps: self.eps,
            l2: if self.decoupled { 0.0 } else { self.weight_decay },
            shrink: if self.decoupled { 1.0 - self.lr * self.weight_decay } else { 1.0 },
        };
        move |p, g, slots| {
            let [m, v] = slots else { unreachable!("Adam has two slots") };
            optim::adam(&hyper, p, g, m.data_mut(), v.data_mut());
        }
    }
}
