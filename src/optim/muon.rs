//! Muon: momentum, made orthogonal.

use super::rule::Rule;
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::{MatMut, MatRef, math};
use serde::{Deserialize, Serialize};

/// Muon (Jordan et al. 2024): the momentum of a matrix is replaced by the nearest matrix with orthogonal rows or columns, so
/// that a step moves all of its directions alike, however rare the gradient is along some of them.
///
/// ```text
/// v ← momentum · v + g,     u = (nesterov ? g + momentum · v : v)
/// O = NewtonSchulz(u)                          U Vᵀ of u = U S Vᵀ, approximately
/// p ← (1 - lr · weight_decay) p
/// p ← p - lr · √max(1, rows / columns) · O
/// ```
///
/// A parameter `[O, K]` or `[O, C, KH, KW]` is the matrix of O rows. For parameters of fewer than two axes there is no such
/// step: give them a [group](super::OptimizerSpec) with another rule. The iteration begins with X = u / |u| (Frobenius) and
/// takes X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X with (a, b, c) = (3.4445, -4.7750, 2.0315), which brings singular values near 1,
/// to about 0.7 to 1.2, in [`steps`](Self::steps) rounds; it works on the smaller side of the matrix.
///
/// With [`unit_norm`](Self::unit_norm) each matrix is first scaled to |p| = √rows, so that the rate alone says by what angle
/// it turns; the layer after it must not mind, as batch normalization does not.
///
/// ```
/// use gradus::optim::{Muon, Rule};
/// use gradus::tensor::Tensor;
/// let (mut p, mut slots) = ([0.0f32; 4], vec![Tensor::zeros([2, 2])]);
/// // A gradient that is a hundred times smaller along its second direction moves the parameter as far along it.
/// Rule::<f32>::step(&Muon::new(0.1), 1)(&mut p, &[1.0, 0.0, 0.0, 0.01], &mut slots);
/// assert!(p[0] < -0.06 && p[3] < -0.06 && p[1] == 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Muon {
    /// Learning rate, 1e-12 to 1e30.
    pub lr: f64,
    /// Fraction of the last step that is kept: momentum, in [0, 1).
    pub momentum: f64,
    /// Nesterov momentum: the gradient of the point to which the momentum leads.
    pub nesterov: bool,
    /// Weight decay, from 0; it acts on the parameter itself.
    pub weight_decay: f64,
    /// Rounds of the Newton-Schulz iteration, 1 to 100.
    #[cfg_attr(feature = "program", schemars(extend("unit" = "rounds")))]
    pub steps: usize,
    /// Whether each matrix is scaled to the norm √rows before its step.
    pub unit_norm: bool,
}

impl Default for Muon {
    /// With a learning rate of 0.02.
    fn default() -> Self {
        Self::new(0.02)
    }
}

/// The coefficients a, b, c of the iteration: they raise small singular values as fast as is possible.
const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];

impl Muon {
    /// Creates the rule with the paper's constants: Nesterov momentum of 0.95, five rounds, no decay.
    pub fn new(lr: f64) -> Self {
        Self { lr, momentum: 0.95, nesterov: true, weight_decay: 0.0, steps: 5, unit_norm: false }
    }
}

impl<T: Real> Rule<T> for Muon {
    fn slots(&self) -> &'static [&'static str] {
        &["momentum_buffer"]
    }

    fn takes(&self, shape: &[usize]) -> bool {
        shape.len() >= 2
    }

    fn lr(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn step(&self, _: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]) {
        let Muon { lr, steps, nesterov, unit_norm, .. } = *self;
        let (momentum, shrink) = (T::from_f64(self.momentum), T::from_f64(1.0 - lr * self.weight_decay));
        move |p, g, slots| {
            let [velocity] = slots else { unreachable!("Muon has one slot") };
            let rows = velocity.shape()[0];
            if g.is_empty() {
                return;
            }
            math::update(velocity.data_mut(), g, |v, g| momentum * v + g);
            let mut u = Tensor::new(g.to_vec(), velocity.shape_owned()).expect("the parameter's shape");
            let ahead = |g, v| if nesterov { g + momentum * v } else { v };
            math::update(u.data_mut(), velocity.data(), ahead);
            let columns = g.len() / rows;
            let orthogonal = orthogonalized(u.data(), [rows, columns], steps);
            let scale = (rows as f64 / columns as f64).max(1.0).sqrt();
            let norm = T::dot(p, p).to_f64().sqrt();
            let keep = if unit_norm && norm > 0.0 { T::from_f64((rows as f64).sqrt() / norm) * shrink } else { shrink };
            let move_by = T::from_f64(lr * scale);
            math::update(p, orthogonal.data(), |p, o| keep * p - move_by * o);
        }
    }
}

/// Returns the matrix with orthogonal rows (or columns, if there are more rows) that is near `u`, by this many rounds of
/// the Newton-Schulz iteration; zeros of a matrix of zeros.
fn orthogonalized<T: Real>(u: &[T], [rows, columns]: [usize; 2], rounds: usize) -> Tensor<T> {
    // The smaller side as rows: the products are of its square.
    let (small, large) = (rows.min(columns), rows.max(columns));
    let norm = T::dot(u, u).to_f64().sqrt();
    let scale = T::from_f64(if norm > 0.0 { 1.0 / norm } else { 0.0 });
    let is_tall = rows > columns;
    let at = |i: usize| if is_tall { i % large * columns + i / large } else { i };
    let mut x = Tensor::from_fn([small, large], |i| scale * u[at(i)]);
    let [a, b, c] = COEFFICIENTS.map(T::from_f64);
    let product = |left: MatRef<'_, T>, right: MatRef<'_, T>| -> Tensor<T> {
        let (m, n) = (left.rows(), right.cols());
        Tensor::build([m, n], |out| T::gemm(left, right, T::ZERO, MatMut::new(out, m, n)))
    };
    let square = |x: &Tensor<T>| product(MatRef::new(x.data(), small, large), MatRef::new(x.data(), small, large).t());
    for _ in 0..rounds {
        let gram = square(&x);
        let gram_view = || MatRef::new(gram.data(), small, small);
        let mut polynomial = product(gram_view(), gram_view());
        math::update(polynomial.data_mut(), gram.data(), |p, g| b * g + c * p);
        let mut next = product(MatRef::new(polynomial.data(), small, small), MatRef::new(x.data(), small, large));
        math::update(next.data_mut(), x.data(), |next, x| a * x + next);
        x = next;
    }
    if !is_tall {
        return x;
    }
    Tensor::from_fn([rows, columns], |i| x.data()[i % columns * large + i / columns])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// The scaled singular values are those of the polynomial, applied as often: for a matrix that is diagonal.
    #[test]
    fn singular_values_go_through_the_polynomial() {
        let s = [0.9, 0.4, 0.1, 0.02];
        let u: Vec<f64> = (0..4 * 6).map(|i| if i / 6 == i % 6 { s[i / 6] } else { 0.0 }).collect();
        let norm = s.iter().map(|s| s * s).sum::<f64>().sqrt();
        let [a, b, c] = COEFFICIENTS;
        for rounds in 1..=5 {
            let found = orthogonalized(&u, [4, 6], rounds);
            let tall: Vec<f64> = (0..24).map(|i| u[i % 4 * 6 + i / 4]).collect();
            let of_tall = orthogonalized(&tall, [6, 4], rounds);
            for (k, &start) in s.iter().enumerate() {
                let expected = (0..rounds).fold(start / norm, |x, _| a * x + b * x.powi(3) + c * x.powi(5));
                assert!((found.at(&[k, k]) - expected).abs() < 1e-12, "{rounds} {k}");
                assert!((of_tall.at(&[k, k]) - expected).abs() < 1e-12, "{rounds} {k}");
            }
        }
    }

    /// Of random matrices five rounds bring all singular values to between 0.6 and 1.25: X Xᵀ is near the identity.
    #[test]
    fn rows_become_nearly_orthogonal() {
        for shape in [[16, 40], [40, 16], [12, 12]] {
            let u = Tensor::<f64>::randn(shape, &mut Rng::new(1, "muon", 0));
            let x = orthogonalized(u.data(), shape, 5);
            let [rows, columns] = shape;
            let (small, large) = (rows.min(columns), rows.max(columns));
            let entry = |r: usize, k: usize| if rows <= columns { x.at(&[r, k]) } else { x.at(&[k, r]) };
            let dot = |i: usize, j: usize| (0..large).map(|k| entry(i, k) * entry(j, k)).sum::<f64>();
            let trace: f64 = (0..small).map(|i| dot(i, i)).sum::<f64>() / small as f64;
            let off = (0..small).flat_map(|i| (0..i).map(move |j| (i, j)));
            let largest = off.map(|(i, j)| dot(i, j).abs()).fold(0.0, f64::max);
            assert!((0.5..1.3).contains(&trace) && largest < 0.5, "{shape:?}: {trace} {largest}");
        }
        assert!(orthogonalized(&[0.0f32; 6], [2, 3], 5).data().iter().all(|&x| x == 0.0));
    }

    #[test]
    fn a_step_turns_a_matrix_of_unit_rows_by_the_rate_alone() {
        let muon = Muon { unit_norm: true, momentum: 0.0, nesterov: false, ..Muon::new(0.05) };
        let step = |p: &[f64], g: &[f64]| {
            let (mut p, mut slots) = (p.to_vec(), vec![Tensor::zeros([2, 3])]);
            Rule::<f64>::step(&muon, 1)(&mut p, g, &mut slots);
            p
        };
        let (p, g) = ([1.0, 2.0, 3.0, -1.0, 0.5, 2.0], [0.1, -0.2, 0.3, 0.2, 0.1, -0.1]);
        let (once, larger) = (step(&p, &g), step(&p.map(|p| 10.0 * p), &g.map(|g| 100.0 * g)));
        assert!(once.iter().zip(&larger).all(|(a, b)| (a - b).abs() < 1e-12), "{once:?} {larger:?}");
    }
}
