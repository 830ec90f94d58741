//! Nadam: Adam that looks ahead.

use super::rule::{Rule, decay};
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// Nadam (Dozat 2016): Adam with Nesterov's momentum, which adds to the mean gradient its own next step.
///
/// ```text
/// g ← g + weight_decay · p,  or  p ← (1 - lr · weight_decay) p    (decoupled)
/// μₜ = β₁ (1 - 0.96^(t · momentum_decay) / 2),    Πₜ = μ₁ μ₂ … μₜ
/// m ← β₁ m + (1 - β₁) g,    v ← β₂ v + (1 - β₂) g²
/// p ← p - lr · (μₜ₊₁ m / (1 - Πₜ₊₁) + (1 - μₜ) g / (1 - Πₜ)) / (√v̂ + ε),    v̂ = v/(1 - β₂ᵗ)
/// ```
///
/// The formula is PyTorch's and Keras's; they differ in the constants, and Keras's decay is always decoupled.
///
/// ```
/// use gradus::optim::{Nadam, Rule};
/// use gradus::tensor::Tensor;
/// let (mut p, mut slots) = ([1.0f32], vec![Tensor::scalar(0.0); 2]);
/// Rule::<f32>::step(&Nadam { momentum_decay: 0.0, ..Nadam::new(0.1) }, 1)(&mut p, &[2.0], &mut slots);
/// assert!((p[0] - 0.894_357).abs() < 1e-5); // 1 - 0.1 (0.45 · 0.2 / (1 - 0.45²) + 2) / 2
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Nadam {
    /// Learning rate, 1e-12 to 1e30.
    pub lr: f64,
    /// β₁ and β₂, the decay rates of the running means of gradient and squared gradient, each in [0, 1).
    pub betas: [f64; 2],
    /// ε, which keeps the divisor from 0: 1e-30 to 1e30.
    pub eps: f64,
    /// How soon μ grows from half of β₁ to β₁, from 0.
    pub momentum_decay: f64,
    /// Weight decay, from 0.
    pub weight_decay: f64,
    /// Whether the decay acts on the parameter itself instead of through the gradient.
    pub decoupled: bool,
}

impl Default for Nadam {
    /// With a learning rate of 2e-3.
    fn default() -> Self {
        Self::new(2e-3)
    }
}

impl Nadam {
    /// Creates the rule with PyTorch's constants: β = (0.9, 0.999), ε = 1e-8, a momentum decay of 0.004.
    pub fn new(lr: f64) -> Self {
        Self { lr, betas: [0.9, 0.999], eps: 1e-8, momentum_decay: 4e-3, weight_decay: 0.0, decoupled: false }
    }

    /// Creates the rule with Keras's constants: ε = 1e-7, a momentum decay of 1.
    pub fn keras(lr: f64) -> Self {
        Self { eps: 1e-7, momentum_decay: 1.0, decoupled: true, ..Self::new(lr) }
    }

    /// μₜ, μₜ₊₁ and Πₜ. A product below half a unit of the last digit of 1 is 0: 1 - Π is the same.
    fn momenta(&self, t: u64) -> (f64, f64, f64) {
        let mu = |t: u64| self.betas[0] * (1.0 - 0.5 * libm::pow(0.96, t as f64 * self.momentum_decay));
        let mut product = 1.0;
        for i in 1..=t {
            product *= mu(i);
            if product < f64::EPSILON / 4.0 {
                product = 0.0;
                break;
            }
        }
        (mu(t), mu(t + 1), product)
    }
}

impl<T: Real> Rule<T> for Nadam {
    fn slots(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn counts_moves(&self) -> bool {
        true
    }

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, t: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let [beta1, beta2] = self.betas;
        let (mu, next, product) = self.momenta(t);
        let (l2, shrink) = decay(self.lr, self.weight_decay, self.decoupled);
        let hyper = optim::Adam {
            beta1,
            beta2,
            step_size: self.lr * next / (1.0 - product * next),
            gradient_size: self.lr * (1.0 - mu) / (1.0 - product),
            root_correction: (1.0 - libm::pow(beta2, t as f64)).sqrt(),
            eps: self.eps,
            l2,
            shrink,
        };
        move |p, g, slots| {
            let [m, v] = slots else { unreachable!("Nadam has two slots") };
            T::adam(&hyper, p, g, m.data_mut(), v.data_mut(), &mut []);
        }
    }
}
