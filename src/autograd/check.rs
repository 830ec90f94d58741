//! Derivatives held against finite differences.
//!
//! For y = f(x) with Jacobian J, any direction v and any weighting u, two numbers must agree: ⟨u, J v⟩, which
//! differences of f along v approximate, and ⟨Jᵀ u, v⟩, which backward computes. Random u and v test all of J at the
//! price of a few evaluations. Everything runs in `f64`, where the five-point formula with h = 1e-3,
//!
//! ```text
//! φ'(0) ≈ (8 (φ(h) - φ(-h)) - (φ(2h) - φ(-2h))) / 12 h,    error O(h⁴),
//! ```
//!
//! leaves some 1e-10. Inputs must lie away from kinks by more than 2 h |v|.

use super::tape::{Tape, Var};
use crate::error::Result;
use crate::rng::Rng;
use crate::tensor::Tensor;

/// Step of the differences along a direction whose largest entry is 1.
pub const STEP: f64 = 1e-3;
/// Random directions per input.
const DIRECTIONS: usize = 4;

/// What a check found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The worst relative error over all inputs and directions.
    pub relative_error: f64,
    /// If an error exceeds the tolerance: the worst coordinate, found by going through all of them.
    pub worst: Option<String>,
}

/// The function that a check is about.
pub type Function<'a> = dyn Fn(&[Var<f64>]) -> Result<Var<f64>> + 'a;

/// Checks the gradients of `f` with respect to every input. `f` must be deterministic.
pub fn check(inputs: &[Tensor<f64>], tolerance: f64, rng: &mut Rng, f: &Function<'_>) -> Result<Report> {
    let value = |x: &[Tensor<f64>]| f(&x.iter().cloned().map(Var::constant).collect::<Vec<_>>()).map(Var::into_value);
    let u = Tensor::randn(value(inputs)?.shape_owned(), rng);

    let tape = Tape::new();
    let leaves: Vec<Var<f64>> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f(&leaves)?;
    let gradients = tape.backward_from(&y, u.clone())?;
    let zeros = |x: &Tensor<f64>| Tensor::zeros(x.shape_owned());
    let gradients: Vec<Tensor<f64>> =
        inputs.iter().zip(&leaves).map(|(x, leaf)| gradients.of(leaf).cloned().unwrap_or_else(|| zeros(x))).collect();

    compare(inputs, &gradients, STEP, tolerance, rng, &|x| Ok(inner(value(x)?.data(), u.data())))
}

/// Holds the `gradients` of a function `phi` with one value, such as ⟨u, f(x)⟩, against its differences. `step` is
/// [`STEP`], or less where kinks are near: the rounding error, some 1e-16 / step, grows in exchange.
pub fn compare(
    inputs: &[Tensor<f64>],
    gradients: &[Tensor<f64>],
    step: f64,
    tolerance: f64,
    rng: &mut Rng,
    phi: &dyn Fn(&[Tensor<f64>]) -> Result<f64>,
) -> Result<Report> {
    let slope_along = |i: usize, v: &[f64]| -> Result<f64> {
        let phi = |t: f64| -> Result<f64> {
            let mut x = inputs.to_vec();
            x[i].data_mut().iter_mut().zip(v).for_each(|(x, v)| *x += t * v);
            phi(&x)
        };
        Ok((8.0 * (phi(step)? - phi(-step)?) - (phi(2.0 * step)? - phi(-2.0 * step)?)) / (12.0 * step))
    };

    let mut report = Report { relative_error: 0.0, worst: None };
    for (i, input) in inputs.iter().enumerate() {
        let g = gradients[i].data();
        for _ in 0..DIRECTIONS {
            let v: Vec<f64> = (0..input.numel()).map(|_| rng.range(-1.0, 1.0)).collect();
            let (analytic, numeric) = (inner(g, &v), slope_along(i, &v)?);
            // A direction across the gradient has a slope near 0: measure against the gradient's own size there.
            let scale = analytic.abs().max(numeric.abs()).max(0.1 * inner(g, g).sqrt());
            report.relative_error = report.relative_error.max(relative(analytic, numeric, scale));
        }
        if report.relative_error > tolerance && report.worst.is_none() {
            report.worst = Some(worst_element(i, input.shape(), g, &slope_along)?);
        }
    }
    Ok(report)
}

/// Goes through all elements of input `i` and tells where backward and differences disagree most.
fn worst_element(
    i: usize,
    shape: &[usize],
    g: &[f64],
    slope_along: &dyn Fn(usize, &[f64]) -> Result<f64>,
) -> Result<String> {
    let mut worst = (0.0, 0, 0.0, 0.0);
    for k in 0..g.len() {
        let mut v = vec![0.0; g.len()];
        v[k] = 1.0;
        let (analytic, numeric) = (g[k], slope_along(i, &v)?);
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

/// The inner product ⟨a, b⟩.
pub(crate) fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// |a - b| over the scale; 0 where both vanish, infinite where either is not finite.
fn relative(a: f64, b: f64, scale: f64) -> f64 {
    if !(a.is_finite() && b.is_finite()) {
        f64::INFINITY
    } else if a == b {
        0.0
    } else {
        (a - b).abs() / scale.max(1e-8)
    }
}
