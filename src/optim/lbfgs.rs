//! L-BFGS.

use super::quasi_newton::QuasiNewton;
use super::{Around, Method, Optimizer};
use crate::real::Real;
use serde::{Deserialize, Serialize};

/// L-BFGS (Liu and Nocedal 1989): Newton's direction, with an inverse Hessian guessed from the last steps s and the changes
/// y of the gradient over them.
///
/// ```text
/// d = -H g,   H by the two-loop recursion over the last history_size pairs (s, y), from γ I with γ = s·y / y·y
/// x ← x + t d,   t by a line search for the strong Wolfe conditions, from lr (at first min(1, 1 / |g|₁) lr)
/// ```
///
/// (Nocedal and Wright 2006, algorithms 7.4 and 7.5.) It is meant for a loss that is the same at each evaluation: all
/// samples in one batch, no dropout, no augmentation. A step takes up to `max_iter` iterations, each with a search of its
/// own. It is exact where others have gone wrong: dot products and the search's scalars are `f64`, pairs without positive
/// curvature are skipped, a failed search begins again along steepest descent, and what is not finite only shortens a step.
/// A point is lower if its loss is by more than 4 ε |f|, the rounding of the number type; a step that begins where none was
/// lower, and with the same loss but for 16 ε |f|, costs one evaluation.
///
/// The names and the defaults of the settings are PyTorch's, but for `history_size` (100 there).
///
/// ```
/// use gradus::prelude::*;
/// use gradus::optim::QuasiNewton;
///
/// // The same line as in 300 steps of Adam, in one step.
/// let model = Linear::new(1, 1, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let x = Tensor::new(vec![0.0, 1.0, 2.0], [3, 1])?;
/// let target = Var::constant(3.0 * &x - 1.0);
/// let mut optimizer = QuasiNewton::new(Lbfgs::default());
/// let mut loss = || {
///     let tape = Tape::new();
///     let y = model.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, 1, 1))?;
///     let loss = y.mse(&target)?;
///     Ok((loss.value().item(), tape.backward(&loss)?))
/// };
/// optimizer.step(&model, &mut loss)?;
/// assert!(loss()?.0 < 1e-10, "{}", optimizer.stopped().unwrap());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Lbfgs {
    /// The first step that a line search tries, in lengths of the direction: 1e-12 to 1e30.
    pub lr: f64,
    /// Most iterations of one training step, 1 to 1000000.
    #[cfg_attr(feature = "program", schemars(extend("unit" = "iterations")))]
    pub max_iter: usize,
    /// Evaluations of the loss in one training step after which no further iteration begins, 1 to 1000000; without it, five for
    /// each four iterations. A search that has begun goes on to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "program", schemars(extend("unit" = "evaluations")))]
    pub max_eval: Option<usize>,
    /// A gradient whose largest number is not above this ends a training step, from 0.
    pub tolerance_grad: f64,
    /// A change of the loss, or of all parameters, that is below this ends a training step, from 0.
    pub tolerance_change: f64,
    /// Pairs of a step and a change of the gradient that are remembered, 1 to 1000.
    #[cfg_attr(feature = "program", schemars(extend("unit" = "pairs")))]
    pub history_size: usize,
}

impl Default for Lbfgs {
    fn default() -> Self {
        Self { lr: 1.0, max_iter: 20, max_eval: None, tolerance_grad: 1e-7, tolerance_change: 1e-9, history_size: 10 }
    }
}

impl Lbfgs {
    /// Returns the most evaluations of the loss in one training step.
    pub(super) fn evaluations(&self) -> usize {
        self.max_eval.unwrap_or((self.max_iter * 5).div_ceil(4)).max(1)
    }
}

impl<T: Real> Method<T> for Lbfgs {
    const TAKES_AROUND: bool = false;

    fn lr(&self) -> f64 {
        self.lr
    }

    fn numbers_kept(&self) -> usize {
        2 * self.history_size
    }

    fn optimizer(self, _: Around) -> Box<dyn Optimizer<T>> {
        Box::new(QuasiNewton::new(self))
    }
}
