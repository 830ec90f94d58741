//! A line search: how far to go along a direction of descent.
//!
//! With φ(t) = f(x + t d), a step t satisfies the strong Wolfe conditions if
//!
//! ```text
//! φ(t) <= φ(0) + c₁ t φ'(0)        enough of a decrease      c₁ = 10⁻⁴
//! |φ'(t)| <= c₂ |φ'(0)|            near a minimum along d    c₂ = 0.9
//! ```
//!
//! The second one makes s · y positive, without which L-BFGS has no use for the step. First the step grows until an interval
//! must hold such a t, then the interval shrinks around it, by the minimum of the cubic through both ends where it lies well
//! inside, by halving otherwise (Nocedal and Wright 2006, algorithms 3.5 and 3.6).
//!
//! All scalars are `f64`, whatever the parameters are. A value that is not finite counts as infinitely large, so the step
//! only becomes shorter.

use crate::error::Result;

const C1: f64 = 1e-4;
const C2: f64 = 0.9;
/// Most evaluations of one search.
const MOST: usize = 60;

/// φ at one step.
#[derive(Clone, Debug)]
pub(super) struct Point<G> {
    /// The step t.
    pub(super) t: f64,
    /// φ(t); infinity if it or the gradient is not finite.
    pub(super) value: f64,
    /// φ'(t) = d · ∇f(x + t d).
    pub(super) derivative: f64,
    /// The gradient ∇f(x + t d).
    pub(super) gradient: G,
}

impl<G> Point<G> {
    fn decreases(&self, start: &Point<G>) -> bool {
        self.value <= start.value + C1 * self.t * start.derivative
    }

    fn is_flat(&self, start: &Point<G>) -> bool {
        self.derivative.abs() <= C2 * start.derivative.abs()
    }
}

/// Returns a point that satisfies the strong Wolfe conditions; if none is found in sixty evaluations or the interval
/// becomes shorter than `shortest`, the lowest point found; none if no point is lower than `start`.
///
/// `start` is φ at 0, with a negative derivative; `first` is the first step that is tried.
pub(super) fn strong_wolfe<G: Clone>(
    start: &Point<G>,
    first: f64,
    shortest: f64,
    phi: &mut dyn FnMut(f64) -> Result<Point<G>>,
) -> Result<Option<Point<G>>> {
    let (mut low, mut t) = (start.clone(), first);
    let mut best: Option<Point<G>> = None;
    let mut left = MOST;
    let mut high = None;
    // The interval grows until its end is too high, or beyond a minimum.
    while high.is_none() {
        if left == 0 {
            return Ok(best);
        }
        left -= 1;
        let point = phi(t)?;
        keep_lower(&mut best, &point, start);
        if !point.decreases(start) || point.value >= low.value && low.t > 0.0 {
            high = Some(point);
        } else if point.is_flat(start) {
            return Ok(Some(point));
        } else if point.derivative >= 0.0 {
            high = Some(std::mem::replace(&mut low, point));
        } else {
            let beyond = [point.t + 0.1 * (point.t - low.t), 10.0 * point.t];
            t = cubic_minimum(&low, &point).unwrap_or(beyond[1]).clamp(beyond[0], beyond[1]);
            low = point;
        }
    }
    let Some(mut high) = high else { return Ok(best) };
    // The interval holds such a step, and shrinks. `low` is its lower end, and descends into it.
    while left > 0 && (high.t - low.t).abs() > shortest {
        left -= 1;
        let (from, to) = (low.t.min(high.t), low.t.max(high.t));
        // Near an end it would hardly shrink.
        let margin = 0.1 * (to - from);
        t = cubic_minimum(&low, &high)
            .filter(|t| (from + margin..=to - margin).contains(t))
            .unwrap_or(0.5 * (from + to));
        let point = phi(t)?;
        keep_lower(&mut best, &point, start);
        if !point.decreases(start) || point.value >= low.value {
            high = point;
        } else {
            if point.is_flat(start) {
                return Ok(Some(point));
            }
            if point.derivative * (high.t - low.t) >= 0.0 {
                high = low;
            }
            low = point;
        }
    }
    Ok(best)
}

fn keep_lower<G: Clone>(best: &mut Option<Point<G>>, point: &Point<G>, start: &Point<G>) {
    if point.value < best.as_ref().map_or(start.value, |best| best.value) {
        *best = Some(point.clone());
    }
}

/// Returns the minimum of the cubic with the values and derivatives of two points; none if it has none, or if a value is
/// infinite.
fn cubic_minimum<G>(a: &Point<G>, b: &Point<G>) -> Option<f64> {
    let d1 = a.derivative + b.derivative - 3.0 * (a.value - b.value) / (a.t - b.t);
    let square = d1 * d1 - a.derivative * b.derivative;
    let d2 = (b.t - a.t).signum() * square.sqrt();
    let t = b.t - (b.t - a.t) * (b.derivative + d2 - d1) / (b.derivative - a.derivative + 2.0 * d2);
    Some(t).filter(|t| t.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches along a function of one variable, given with its derivative; returns the step and the evaluations.
    fn along(f: impl Fn(f64) -> (f64, f64), first: f64) -> (Option<Point<()>>, usize) {
        let mut count = 0;
        let at = |t: f64| {
            let (value, derivative) = f(t);
            Point { t, value: if value.is_finite() { value } else { f64::INFINITY }, derivative, gradient: () }
        };
        let found = strong_wolfe(&at(0.0), first, 1e-12, &mut |t| {
            count += 1;
            Ok(at(t))
        });
        (found.unwrap(), count)
    }

    /// The functions of Moré and Thuente (1994, section 5), which are hard for a line search, from steps far too short to
    /// far too long.
    #[test]
    fn the_conditions_hold_on_functions_that_are_hard() {
        let first = |t: f64| (-t / (t * t + 2.0), (t * t - 2.0) / (t * t + 2.0).powi(2));
        let second = |t: f64| {
            let x = t + 0.004;
            (x.powi(5) - 2.0 * x.powi(4), 5.0 * x.powi(4) - 8.0 * x.powi(3))
        };
        let wave = |t: f64| {
            let f = |t: f64| {
                if t <= 0.99 {
                    1.0 - t
                } else if t >= 1.01 {
                    t - 1.0
                } else {
                    (t - 1.0).powi(2) / 0.02 + 0.005
                }
            };
            let derivative = |t: f64| {
                if t <= 0.99 {
                    -1.0
                } else if t >= 1.01 {
                    1.0
                } else {
                    (t - 1.0) / 0.01
                }
            };
            let (l, b) = (39.0, 0.01);
            let w = l * std::f64::consts::PI / 2.0;
            (
                f(t) + 2.0 * (1.0 - b) / (l * std::f64::consts::PI) * (w * t).sin(),
                derivative(t) + (1.0 - b) * (w * t).cos(),
            )
        };
        let functions: [&dyn Fn(f64) -> (f64, f64); 3] = [&first, &second, &wave];
        for (n, f) in functions.iter().enumerate() {
            for step in [1e-3, 1e-1, 1e1, 1e3] {
                let (found, count) = along(f, step);
                let found = found.unwrap();
                let (start, derivative) = f(0.0);
                assert!(found.value <= start + C1 * found.t * derivative, "function {n} from {step}: {found:?}");
                assert!(
                    found.derivative.abs() <= C2 * derivative.abs() && count <= MOST,
                    "function {n} from {step}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_finite_shortens_the_step() {
        // ln(1 - t) is NaN from 1 on; the search begins at 50.
        let (found, _) = along(|t| (-t - (1.0 - t).ln() * 0.5, -1.0 + 0.5 / (1.0 - t)), 50.0);
        let found = found.unwrap();
        assert!(found.t < 1.0 && found.value < 0.0, "{found:?}");
    }

    #[test]
    fn without_a_lower_point_there_is_none() {
        // The derivative promises what the values do not hold.
        let (found, count) = along(|t| (t, -1.0), 1.0);
        assert!(found.is_none() && count <= MOST);
    }
}
