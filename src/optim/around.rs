//! Steps around any rule: gradients are accumulated and clipped before it, weights averaged after it.

use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::math;
use serde::{Deserialize, Serialize};

/// Settings around a rule, with Keras's names and meanings; nothing is done by default.
///
/// Of `n = gradient_accumulation_steps` steps, each adds its gradient to a sum, and the last moves the parameters:
///
/// ```text
/// g ← (g₁ + g₂ + … + gₙ) / n
/// g ← min(max(g, -clip_value), clip_value)
/// g ← g · min(1, clip_norm / |g|)                         |g|: of this parameter alone
/// g ← g · min(1, global_clip_norm / |all g|)              over all parameters (Pascanu et al. 2013)
/// p ← the rule's step along g
/// s ← s + lookahead_alpha · (p - s),   p ← s              after every lookahead_steps moves (Zhang et al. 2019)
/// a ← ema_momentum · a + (1 - ema_momentum) · p           after the first move: a = p (Polyak and Juditsky 1992)
/// ```
///
/// Keras allows one of the three clippings; here each that is set acts, in this order. PyTorch's `clip_grad_norm_` is
/// the global one, but for the 1e-6 it adds to the norm. Running values count a parameter's moves, not steps;
/// what has been summed when a run ends is kept for its resumption.
///
/// Keras takes the average after every step, here it is taken after every move (the same unless gradients are
/// accumulated). The average is what [`Optimizer::averaged`](super::Optimizer::averaged) hands out, to evaluate by and
/// to end with; the weights that move are never overwritten by it (Keras's `ema_overwrite_frequency` does not exist).
///
/// ```
/// use gradus::prelude::*;
/// // Gradients of four batches make one move; no gradient is longer than 1; an average of the weights is kept.
/// let around =
///     Around { gradient_accumulation_steps: 4, global_clip_norm: Some(1.0), use_ema: true, ..Around::default() };
/// let optimizer = FirstOrder::<f32, _>::new(Sgd::new(0.1)).around(around);
/// assert_eq!(optimizer.steps(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Around {
    /// Largest absolute value of an element of the gradient: larger ones are clipped to it. Above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// Largest Euclidean norm of one parameter's gradient: a longer one is scaled down to it. Above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Largest Euclidean norm of the gradients of all parameters together: longer ones are scaled down to it. Above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global_clip_norm: Option<f64>,
    /// Gradient accumulation: training steps whose mean gradient makes one update of the weights, 1 to 1000000.
    #[cfg_attr(feature = "program", schemars(extend("unit" = "steps")))]
    pub gradient_accumulation_steps: usize,
    /// Lookahead: moves after which the weights return to slow ones, which have gone a part of the way; 0 is none, at most
    /// 1000000.
    #[cfg_attr(feature = "program", schemars(extend("unit" = "steps")))]
    pub lookahead_steps: usize,
    /// The part of the way that the slow weights go, above 0, up to 1.
    pub lookahead_alpha: f64,
    /// Whether an exponential moving average of the weights is kept.
    pub use_ema: bool,
    /// Fraction of that average that is kept at each update, in [0, 1).
    pub ema_momentum: f64,
}

impl Default for Around {
    fn default() -> Self {
        Self {
            clip_value: None,
            clip_norm: None,
            global_clip_norm: None,
            gradient_accumulation_steps: 1,
            lookahead_steps: 0,
            lookahead_alpha: 0.5,
            use_ema: false,
            ema_momentum: 0.99,
        }
    }
}

impl Around {
    /// The average's name among the running values.
    pub(super) const AVERAGE: &str = "average";

    /// Steps to a move.
    fn every(&self) -> u64 {
        self.gradient_accumulation_steps.max(1) as u64
    }

    /// Returns whether the number of a parameter's moves matters.
    pub(super) fn counts_moves(&self) -> bool {
        self.use_ema || self.lookahead_steps > 0
    }

    /// Returns the names of the values kept for each parameter: the average, the slow weights, then the sum of gradients, as
    /// far as they are needed.
    pub(super) fn slots(&self) -> impl Iterator<Item = &'static str> {
        let average = self.use_ema.then_some(Self::AVERAGE);
        let slow = (self.lookahead_steps > 0).then_some("slow");
        average.into_iter().chain(slow).chain((self.every() > 1).then_some("accumulated"))
    }

    /// Returns these values as they are at first: average and slow weights are the parameter itself.
    pub(super) fn make<T: Real>(&self, value: &Tensor<T>) -> impl Iterator<Item = Tensor<T>> {
        // A copy: a shared buffer could not be written in place.
        let average = self.use_ema.then(|| value.map(|v| v));
        let slow = (self.lookahead_steps > 0).then(|| value.map(|v| v));
        average.into_iter().chain(slow).chain((self.every() > 1).then(|| Tensor::zeros(value.shape_owned())))
    }

    /// Returns whether step `step` (from 1) moves the parameters.
    pub(super) fn moves_at(&self, step: u64) -> bool {
        step.is_multiple_of(self.every())
    }

    /// Takes in a parameter's gradient of step `step`; returns the mean gradient if the step is a move. A step that
    /// has no gradient adds none; without any in all the steps, there is no mean either.
    pub(super) fn gather<T: Real>(
        &self,
        gradient: Option<&Tensor<T>>,
        slots: &mut [Tensor<T>],
        step: u64,
    ) -> Option<Tensor<T>> {
        if self.every() == 1 {
            return gradient.cloned();
        }
        let sum = slots.last_mut()?;
        if let Some(gradient) = gradient {
            math::update(sum.data_mut(), gradient.data(), |sum, g| sum + g);
        }
        if !self.moves_at(step) {
            return None;
        }
        if gradient.is_none() && sum.data().iter().all(|v| *v == T::ZERO) {
            return None;
        }
        let n = T::from_usize(self.gradient_accumulation_steps);
        let mean = sum.map(|sum| sum / n);
        sum.data_mut().fill(T::ZERO);
        Some(mean)
    }

    /// Clips all gradients of a move.
    pub(super) fn clip<T: Real>(&self, gradients: &mut [Option<Tensor<T>>]) {
        let squared = |g: &Tensor<T>| T::dot(g.data(), g.data()).to_f64();
        let shorten = |g: &mut Tensor<T>, norm: f64, longest: f64| {
            // Not so if the norm is NaN: then the gradient is left as it is, and shows.
            if norm > longest {
                let factor = T::from_f64(longest / norm);
                *g = g.map(|v| v * factor);
            }
        };
        for g in gradients.iter_mut().flatten() {
            if let Some(most) = self.clip_value.map(T::from_f64) {
                *g = g.map(|v| v.max(-most).min(most));
            }
            if let Some(longest) = self.clip_norm {
                shorten(g, squared(g).sqrt(), longest);
            }
        }
        if let Some(longest) = self.global_clip_norm {
            let norm = gradients.iter().flatten().map(squared).sum::<f64>().sqrt();
            gradients.iter_mut().flatten().for_each(|g| shorten(g, norm, longest));
        }
    }

    /// Takes a parameter that has moved `moves` times back to its slow weights, when it is time.
    pub(super) fn look_ahead<T: Real>(&self, value: &mut [T], slots: &mut [Tensor<T>], moves: u64) {
        if self.lookahead_steps == 0 || !moves.is_multiple_of(self.lookahead_steps as u64) {
            return;
        }
        let slow = slots[usize::from(self.use_ema)].data_mut();
        let alpha = T::from_f64(self.lookahead_alpha);
        math::update(slow, value, |slow, fast| slow + alpha * (fast - slow));
        value.copy_from_slice(slow);
    }

    /// Updates the average of a parameter that has moved `moves` times: up to the first move it is the parameter.
    pub(super) fn average<T: Real>(&self, value: &[T], slots: &mut [Tensor<T>], moves: u64) {
        let Some(average) = slots.first_mut().filter(|_| self.use_ema) else { return };
        let keep = if moves <= 1 { 0.0 } else { self.ema_momentum };
        let (keep, take) = (T::from_f64(keep), T::from_f64(1.0 - keep));
        math::update(average.data_mut(), value, |average, v| keep * average + take * v);
    }
}
