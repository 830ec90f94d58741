//! Adadelta.

use super::rule::{Rule, decay};
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// Adadelta (Zeiler 2012): steps as large as the last steps were, over gradients as large as the last gradients were,
/// so that a step has the parameter's unit, whatever that of the loss.
///
/// ```text
/// g ← g + weight_decay · p,  or  p ← (1 - lr · weight_decay) p    (decoupled)
/// s ← ρ s + (1 - ρ) g²
/// x = √(d + ε) / √(s + ε) · g
/// d ← ρ d + (1 - ρ) x²
/// p ← p - lr · x
/// ```
///
/// The paper has no learning rate (1, as in PyTorch). PyTorch's and Keras's formulas are the same but for the decay,
/// which in Keras is always decoupled; their constants differ.
///
/// ```
/// use gradus::optim::{Adadelta, Rule};
/// use gradus::tensor::Tensor;
/// let (mut p, mut slots) = ([1.0f32], vec![Tensor::scalar(0.0); 2]);
/// Rule::<f32>::step(&Adadelta::new(1.0), 1)(&mut p, &[2.0], &mut slots);
/// assert!((p[0] - 0.996_837_7).abs() < 1e-5); // 1 - √(1e-6 / (0.1 · 2²)) · 2
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Adadelta {
    /// Learning rate: a factor on each step, 1e-12 to 1e30.
    pub lr: f64,
    /// Decay rate of both running means, in [0, 1).
    pub rho: f64,
    /// ε, which keeps the divisor from 0, and the first steps from being none.
    pub eps: f64,
    /// Weight decay, from 0.
    pub weight_decay: f64,
    /// Whether the decay acts on the parameter itself (Keras) instead of through the gradient.
    pub decoupled: bool,
}

impl Default for Adadelta {
    /// With a learning rate of 1.
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Adadelta {
    /// Creates the rule with PyTorch's constants: ρ = 0.9, ε = 1e-6.
    pub fn new(lr: f64) -> Self {
        Self { lr, rho: 0.9, eps: 1e-6, weight_decay: 0.0, decoupled: false }
    }

    /// Creates the rule with Keras's constants: ρ = 0.95, ε = 1e-7. Its learning rate is 0.001 by default, which is
    /// very small.
    pub fn keras(lr: f64) -> Self {
        Self { rho: 0.95, eps: 1e-7, decoupled: true, ..Self::new(lr) }
    }
}

impl<T: Real> Rule<T> for Adadelta {
    fn slots(&self) -> &'static [&'static str] {
        &["square_avg", "acc_delta"]
    }

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, _: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let (l2, shrink) = decay(self.lr, self.weight_decay, self.decoupled);
        let hyper = optim::Adadelta { lr: self.lr, rho: self.rho, eps: self.eps, l2, shrink };
        move |p, g, slots| {
            let [square, moved] = slots else { unreachable!("Adadelta has two slots") };
            T::adadelta(&hyper, p, g, square.data_mut(), moved.data_mut());
        }
    }
}
