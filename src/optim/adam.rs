//! Adam, AdamW and AMSGrad.

use super::rule::{Rule, decay};
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::optim;
use serde::{Deserialize, Serialize};

/// Adam (Kingma and Ba 2015): each parameter's own step size, from running means of its gradient and of the square.
///
/// ```text
/// g ← g + weight_decay · p                              (Adam)
/// p ← (1 - lr · weight_decay) p                         (AdamW, Loshchilov and Hutter 2019: decoupled)
/// m ← β₁ m + (1 - β₁) g,     v ← β₂ v + (1 - β₂) g²
/// w ← v,  or  max(w, v)                                 (AMSGrad, Reddi et al. 2018)
/// p ← p - lr · m̂ / (√ŵ + ε),   m̂ = m/(1 - β₁ᵗ),  ŵ = w/(1 - β₂ᵗ)
/// ```
///
/// With [`eps_uncorrected`](Self::eps_uncorrected), as in Keras and at the end of the paper's section 2, ε stands
/// beside the root of w before its correction: p ← p - lr · √(1 - β₂ᵗ) · m̂ / (√w + ε). It then acts as the larger ε /
/// √(1 - β₂ᵗ) in the first steps.
///
/// ```
/// use gradus::optim::{Adam, Rule};
/// use gradus::tensor::Tensor;
/// let (mut p, mut slots) = ([1.0f32], vec![Tensor::scalar(0.0); 2]);
/// Rule::<f32>::step(&Adam::new(0.1), 1)(&mut p, &[2.0], &mut slots);
/// assert!((p[0] - 0.9).abs() < 1e-5); // the first step is one of lr against the gradient's sign
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// Learning rate, 1e-12 to 1e30.
    pub lr: f64,
    /// β₁ and β₂, the decay rates of the running means of gradient and squared gradient, each in [0, 1).
    pub betas: [f64; 2],
    /// ε, which keeps the divisor from 0: 1e-30 to 1e30.
    pub eps: f64,
    /// Whether ε is added before the correction of the mean square (Keras) instead of after it.
    pub eps_uncorrected: bool,
    /// AMSGrad: whether to divide by the largest mean square so far (Reddi et al. 2018).
    pub amsgrad: bool,
    /// Weight decay, from 0.
    pub weight_decay: f64,
    /// Whether the decay acts on the parameter itself (AdamW, and always in Keras) instead of through the gradient.
    pub decoupled: bool,
}

impl Default for Adam {
    /// With a learning rate of 1e-3.
    fn default() -> Self {
        Self::new(1e-3)
    }
}

impl Adam {
    /// Creates Adam with the paper's constants: β = (0.9, 0.999), ε = 1e-8, no decay.
    pub fn new(lr: f64) -> Self {
        Self {
            lr,
            betas: [0.9, 0.999],
            eps: 1e-8,
            eps_uncorrected: false,
            amsgrad: false,
            weight_decay: 0.0,
            decoupled: false,
        }
    }

    /// Creates AdamW with PyTorch's default decay of 0.01.
    pub fn w(lr: f64) -> Self {
        Self { weight_decay: 0.01, decoupled: true, ..Self::new(lr) }
    }

    /// Creates the rule with Keras's conventions and constants: ε = 1e-7 before the correction. With a decay it is
    /// Keras's AdamW.
    pub fn keras(lr: f64) -> Self {
        Self { eps: 1e-7, eps_uncorrected: true, decoupled: true, ..Self::new(lr) }
    }
}

impl<T: Real> Rule<T> for Adam {
    fn slots(&self) -> &'static [&'static str] {
        const ALL: &[&str] = &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"];
        if self.amsgrad { ALL } else { &ALL[..2] }
    }

    fn counts_moves(&self) -> bool {
        true
    }

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, t: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let [beta1, beta2] = self.betas;
        let correction = |beta: f64| 1.0 - libm::pow(beta, t as f64);
        let root_correction = correction(beta2).sqrt();
        let (l2, shrink) = decay(self.lr, self.weight_decay, self.decoupled);
        let hyper = optim::Adam {
            beta1,
            beta2,
            step_size: self.lr / correction(beta1),
            gradient_size: 0.0,
            root_correction,
            eps: if self.eps_uncorrected { self.eps / root_correction } else { self.eps },
            l2,
            shrink,
        };
        move |p, g, slots| {
            let [m, v, largest @ ..] = slots else { unreachable!("Adam has two slots or three") };
            let largest = largest.first_mut().map(Tensor::data_mut).unwrap_or_default();
            T::adam(&hyper, p, g, m.data_mut(), v.data_mut(), largest);
        }
    }
}

/// The defaults in which AdamW differs from Adam.
#[cfg(feature = "program")]
pub(super) fn as_adamw(schema: &mut schemars::Schema) {
    let Adam { weight_decay, decoupled, .. } = Adam::w(1.0);
    for (key, default) in [("weight_decay", serde_json::Value::from(weight_decay)), ("decoupled", decoupled.into())] {
        if let Some(field) = schema.pointer_mut(&format!("/properties/{key}/default")) {
            *field = default;
        }
    }
}
