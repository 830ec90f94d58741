//! Why a step that goes on until it need not has ended.

use std::fmt;

/// Why a step of [`QuasiNewton`](super::QuasiNewton) has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// No number of the gradient is above `tolerance_grad`: a minimum.
    Gradient,
    /// The loss, or all parameters, changed by less than `tolerance_change`.
    Change,
    /// `max_iter` iterations are over.
    Iterations,
    /// `max_eval` evaluations are over.
    Evaluations,
    /// Even along steepest descent no point is lower by more than rounding: a minimum as far as the number type can tell. Further
    /// steps from there cost one evaluation each.
    NoLowerPoint,
}

impl Stopped {
    /// All reasons.
    pub const ALL: [Stopped; 5] =
        [Stopped::Gradient, Stopped::Change, Stopped::Iterations, Stopped::Evaluations, Stopped::NoLowerPoint];

    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Stopped::Gradient => "tolerance_grad",
            Stopped::Change => "tolerance_change",
            Stopped::Iterations => "max_iter",
            Stopped::Evaluations => "max_eval",
            Stopped::NoLowerPoint => "no_lower_point",
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stopped::Gradient => "the gradient is not above tolerance_grad",
            Stopped::Change => "the loss or the parameters changed by less than tolerance_change",
            Stopped::Iterations => "max_iter iterations were taken",
            Stopped::Evaluations => "max_eval evaluations were made",
            Stopped::NoLowerPoint => "no lower point was found along steepest descent",
        })
    }
}
