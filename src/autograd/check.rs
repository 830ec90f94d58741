//! Gradient checking: derivatives compared with finite differences.
//!
//! For y = f(x) with Jacobian J, any direction v and any weighting u, two numbers must agree: ⟨u, J v⟩, which
//! differences of f along v approximate, and ⟨Jᵀ u, v⟩, which backward computes. Random u and v test all of J at the
//! price of a few evaluations. Everything runs in `f64`, where the five-point formula with h = 1e-3,
//!
//! ```text
//! φ'(0) ≈ (8 (φ(h) - φ(-h)) - (φ(2h) - φ(-2h))) / 12 h,    error O(h⁴),
//! ```
//!
//! leaves some 1e-10. Near a kink of f (a ReLU at 0, two equal candidates of a maximum) the differences themselves are
//! wrong. They show it: half the step gives another number. So where backward and the differences disagree, the
//! differences are taken once more with h/2; if they do not agree with each other, the point is unfit for a check
//! (rounding can also make it so), and the [`Report`] says so. The caller then draws another point.
//!
//! A gradient can also fail in a second way. It is computed only where it is needed, so a gradient that is correct
//! when all inputs are variables may be missing when some are constants, as the images of a first layer are. The
//! check therefore computes the gradients again with subsets of the inputs constant and compares them with those of
//! all inputs on the tape ([`hold_subsets`]).

use super::tape::{Tape, Var};
use crate::error::Result;
use crate::rng::Rng;
use crate::tensor::Tensor;

/// Step of the differences along a direction whose largest entry is 1.
pub const STEP: f64 = 1e-3;
/// Random directions per input.
const DIRECTIONS: usize = 4;
/// Inputs up to which every subset is tried.
const ALL_SUBSETS: usize = 5;
/// The fraction of the tolerance by which the differences of two step sizes may disagree.
const UNSETTLED: f64 = 0.1;
/// By how much a gradient may depend on which other inputs are constant, relative to its largest element: only by the
/// order of its sums, where another kernel computes it.
const SAME: f64 = 1e-11;

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Report {
    /// The worst relative error over all inputs and directions; infinite if a subset of the inputs has other gradients.
    pub relative_error: f64,
    /// If an error exceeds the tolerance: the worst coordinate, found by going through all of them.
    pub worst: Option<String>,
    /// Whether the differences do not agree with each other, most often because a kink lies near: the errors then say
    /// nothing.
    pub near_kink: bool,
}

/// The function that is checked.
pub type Function<'a> = dyn Fn(&[Var<f64>]) -> Result<Var<f64>> + 'a;

/// Checks the gradients of `f` with respect to every input. `f` must be deterministic.
///
/// ```
/// use gradus::prelude::*;
/// let mut rng = Rng::new(1, "check", 0);
/// let [a, b] = [[2, 3], [3, 4]].map(|shape| Tensor::<f64>::randn(shape, &mut rng));
/// let report = check(&[a, b], 1e-8, &mut rng, &|x| x[0].matmul(&x[1])?.tanh())?;
/// assert!(report.relative_error < 1e-8 && report.worst.is_none());
/// # Ok::<(), Error>(())
/// ```
pub fn check(inputs: &[Tensor<f64>], tolerance: f64, rng: &mut Rng, f: &Function<'_>) -> Result<Report> {
    let value = |x: &[Tensor<f64>]| f(&x.iter().cloned().map(Var::constant).collect::<Vec<_>>()).map(Var::into_value);
    let y = value(inputs)?;
    let u = Tensor::randn(y.shape_owned(), rng);
    let evaluate = |leaves: &[bool]| gradients_of(inputs, leaves, &u, f);

    let (taped, gradients) = evaluate(&vec![true; inputs.len()])?;
    let gradients: Vec<Tensor<f64>> =
        gradients.into_iter().zip(inputs).map(|(g, x)| g.unwrap_or_else(|| Tensor::zeros(x.shape_owned()))).collect();
    let mut report = compare(inputs, &gradients, STEP, tolerance, rng, &|x| Ok(inner(value(x)?.data(), u.data())))?;
    let fault = match taped == y {
        true => hold_subsets(&y, &gradients, &evaluate)?,
        false => Some("the value with all inputs on the tape differs from that of constants".to_owned()),
    };
    if fault.is_some() {
        report = Report { relative_error: f64::INFINITY, worst: fault, near_kink: false };
    }
    Ok(report)
}

/// A function's value, and for each input the gradient of ⟨u, value⟩; none for a constant.
pub type Evaluated = (Tensor<f64>, Vec<Option<Tensor<f64>>>);

/// Evaluates `f` with the inputs marked in `leaves` as leaves and the others as constants.
fn gradients_of(inputs: &[Tensor<f64>], leaves: &[bool], u: &Tensor<f64>, f: &Function<'_>) -> Result<Evaluated> {
    let tape = Tape::new();
    let var = |(x, &leaf): (&Tensor<f64>, &bool)| if leaf { tape.leaf(x.clone()) } else { Var::constant(x.clone()) };
    let vars: Vec<Var<f64>> = inputs.iter().zip(leaves).map(var).collect();
    let y = f(&vars)?;
    let value = y.value().clone();
    if !y.is_recorded() {
        return Ok((value, vec![None; inputs.len()]));
    }
    let gradients = tape.backward_from(&y, u.clone())?;
    let of = |(var, &leaf): (&Var<f64>, &bool)| Ok(if leaf { gradients.of(var)?.cloned() } else { None });
    Ok((value, vars.iter().zip(leaves).map(of).collect::<Result<_>>()?))
}

/// Compares the value and the gradients of `evaluate(leaves)`, which puts only the inputs marked in `leaves` on the
/// tape, with `value` and the `gradients` of all inputs on the tape. Returns what differs, if anything does.
///
/// Up to five inputs, every subset is tried; of more, each input alone, and all but each.
pub fn hold_subsets(
    value: &Tensor<f64>,
    gradients: &[Tensor<f64>],
    evaluate: &dyn Fn(&[bool]) -> Result<Evaluated>,
) -> Result<Option<String>> {
    for leaves in subsets(gradients.len()) {
        let (y, found) = evaluate(&leaves)?;
        let which: Vec<usize> = (0..leaves.len()).filter(|&i| leaves[i]).collect();
        if y.data().iter().zip(value.data()).any(|(a, b)| (a - b).abs() > SAME * b.abs().max(1.0)) {
            return Ok(Some(format!("with only the inputs {which:?} on the tape the value differs")));
        }
        for (i, (all, found)) in gradients.iter().zip(&found).enumerate() {
            let size = all.data().iter().fold(0.0, |m: f64, g| m.max(g.abs()));
            let same = match found {
                Some(g) => g.data().iter().zip(all.data()).all(|(a, b)| (a - b).abs() <= SAME * size),
                None => !leaves[i] || size == 0.0,
            };
            if !same {
                let what = if found.is_some() { "is another" } else { "is missing" };
                return Ok(Some(format!(
                    "with only the inputs {which:?} on the tape the gradient of input {i} {what}"
                )));
            }
        }
    }
    Ok(None)
}

/// Returns which of `n` inputs are leaves, in each run of [`hold_subsets`].
fn subsets(n: usize) -> Vec<Vec<bool>> {
    if n <= ALL_SUBSETS {
        return (0..1 << n).map(|set: usize| (0..n).map(|i| set >> i & 1 == 1).collect()).collect();
    }
    let one = |own: bool| (0..n).map(move |k| (0..n).map(|i| (i == k) == own).collect());
    one(true).chain(one(false)).collect()
}

/// Compares the `gradients` of a function `phi` with one value, such as ⟨u, f(x)⟩, with its differences. `step` is
/// [`STEP`], or less where kinks are near: the rounding error, some 1e-16 / step, grows in exchange.
pub fn compare(
    inputs: &[Tensor<f64>],
    gradients: &[Tensor<f64>],
    step: f64,
    tolerance: f64,
    rng: &mut Rng,
    phi: &dyn Fn(&[Tensor<f64>]) -> Result<f64>,
) -> Result<Report> {
    let derivative_along = |i: usize, v: &[f64], step: f64| -> Result<f64> {
        let phi = |t: f64| -> Result<f64> {
            let mut x = inputs.to_vec();
            x[i].data_mut().iter_mut().zip(v).for_each(|(x, v)| *x += t * v);
            phi(&x)
        };
        Ok((8.0 * (phi(step)? - phi(-step)?) - (phi(2.0 * step)? - phi(-2.0 * step)?)) / (12.0 * step))
    };

    let mut report = Report { relative_error: 0.0, worst: None, near_kink: false };
    for (i, input) in inputs.iter().enumerate() {
        let g = gradients[i].data();
        let mut wrong = false;
        for _ in 0..DIRECTIONS {
            let v: Vec<f64> = (0..input.numel()).map(|_| rng.range(-1.0, 1.0)).collect();
            let (analytic, numeric) = (inner(g, &v), derivative_along(i, &v, step)?);
            // A direction across the gradient has a derivative near 0: measure against the gradient's own size there.
            let scale = analytic.abs().max(numeric.abs()).max(0.1 * inner(g, g).sqrt());
            let error = relative(analytic, numeric, scale);
            report.relative_error = report.relative_error.max(error);
            if error > tolerance {
                wrong = true;
                let again = derivative_along(i, &v, 0.5 * step)?;
                report.near_kink |= relative(numeric, again, scale) > UNSETTLED * tolerance && numeric.is_finite();
            }
        }
        if wrong && report.worst.is_none() {
            report.worst = Some(worst_element(i, input.shape(), g, &|v| derivative_along(i, v, step))?);
        }
    }
    Ok(report)
}

/// Iterates over all elements of input `i` and returns where backward and differences disagree most.
fn worst_element(
    i: usize,
    shape: &[usize],
    g: &[f64],
    derivative_along: &dyn Fn(&[f64]) -> Result<f64>,
) -> Result<String> {
    let mut worst = (0.0, 0, 0.0, 0.0);
    for k in 0..g.len() {
        let mut v = vec![0.0; g.len()];
        v[k] = 1.0;
        let (analytic, numeric) = (g[k], derivative_along(&v)?);
        let error = (analytic - numeric).abs();
        if error >= worst.0 || error.is_nan() {
            worst = (error, k, analytic, numeric);
        }
    }
    let (_, k, analytic, numeric) = worst;
    Ok(format!(
        "input {i}, element {k} of shape {shape:?}: backward says {analytic:.9e}, differences say {numeric:.9e}"
    ))
}

/// Returns the inner product ⟨a, b⟩.
pub(crate) fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Returns |a - b| over the scale; 0 where both vanish, infinite where either is not finite.
fn relative(a: f64, b: f64, scale: f64) -> f64 {
    if !(a.is_finite() && b.is_finite()) {
        f64::INFINITY
    } else if a == b {
        0.0
    } else {
        (a - b).abs() / scale.max(1e-8)
    }
}
