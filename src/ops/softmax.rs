//! Softmax along one axis: `p[k] = exp(x[k]) / Σⱼ exp(x[j])`, computed from x - max x so that nothing overflows.
//!
//! The largest term, exp(0) = 1, is kept separate from the sum of the others: where it dominates, log p = -ln(1 +
//! rest) of its class keeps all the digits of a small rest, which 1 + rest has lost. The backward passes have 1 - p in
//! the same way, or refer all gradients to the one of the most probable class, so that what is left of a confident
//! prediction's gradient is not a difference of almost equal numbers. Sums run in `f64`, in order.
//!
//! Infinities: an entry of -∞ beside finite ones has probability 0. A line with +∞ or NaN, or of -∞ alone, is NaN
//! throughout, as in PyTorch.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::ops::reduce::largest;
use crate::ops::scalar::exp_m1;
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Softmax (Bridle 1990). `dx[k] = p[k] (g[k] - Σⱼ g[j] p[j])`.
///
/// ```
/// use gradus::prelude::*;
///
/// let logits = Var::constant(Tensor::<f32>::new(vec![0.0, 0.0, 100.0, 0.0], [2, 2])?);
/// let p = logits.softmax(1)?;
/// assert_eq!(p.value().data()[..2], [0.5, 0.5]);
/// assert!(p.value().at(&[1, 0]) > 0.999); // and no overflow on the way
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Softmax {
    /// The axis along which the result sums to 1.
    pub axis: usize,
}

/// log p = x - log Σ exp x, without computing p first. `dx[k] = g[k] - p[k] Σⱼ g[j]`.
///
/// ```
/// use gradus::prelude::*;
///
/// let logits = Var::constant(Tensor::<f32>::new(vec![200.0, 0.0], [1, 2])?);
/// assert_eq!(logits.log_softmax(1)?.value().data(), [0.0, -200.0]); // where log(softmax) would be -∞
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LogSoftmax {
    /// The axis along which the probabilities sum to 1.
    pub axis: usize,
}

fn check(op: &'static str, axis: usize, x: &[usize]) -> Result<Shape> {
    if axis >= x.len() {
        return Err(Error::shape(op, format!("along axis {axis} of {x:?}, which has {} axes", x.len())));
    }
    Ok(Shape::new(x))
}

/// Calls `f(at)` for each line along `axis`, which is not empty; `at(k)` is the place in the buffer of its element k.
fn each_line(shape: &[usize], axis: usize, mut f: impl FnMut(&dyn Fn(usize) -> usize)) {
    let (n, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let outer: usize = if n == 0 { 0 } else { shape[..axis].iter().product() };
    for o in 0..outer {
        for i in 0..inner {
            f(&|k| (o * n + k) * inner + i);
        }
    }
}

/// Returns the sum of `term(k)` over k = 0, .., n - 1 but for one, in `f64`.
pub(super) fn sum_except<T: Real>(n: usize, except: Option<usize>, term: impl Fn(usize) -> T) -> T {
    T::from_f64((0..n).filter(|&k| Some(k) != except).fold(0.0, |sum, k| sum + term(k).to_f64()))
}

/// Returns the maximum m of a line, and Σ exp(x - m) over its other elements; the latter is NaN if m is not finite.
fn max_and_rest<T: Real>(n: usize, at: impl Fn(usize) -> T) -> (T, T) {
    let top = largest(n, &at);
    let max = at(top);
    if !max.is_finite() {
        return (max, T::NAN);
    }
    (max, sum_except(n, Some(top), |k| (at(k) - max).exp()))
}

/// log-softmax of `x` along `axis`. The maximum goes first: added to the logarithm, it would round it.
pub(crate) fn log_softmax<T: Real>(x: &Tensor<T>, axis: usize) -> Tensor<T> {
    let (n, x_data) = (x.shape()[axis], x.data());
    Tensor::build(x.shape_owned(), |y| {
        each_line(x.shape(), axis, |at| {
            let (max, rest) = max_and_rest(n, |k| x_data[at(k)]);
            let log_sum = rest.ln_1p();
            (0..n).for_each(|k| y[at(k)] = (x_data[at(k)] - max) - log_sum);
        });
    })
}

impl<T: Real> Op<T, 1> for Softmax {
    const NAME: &'static str = "softmax";
    type Saved = Tensor<T>;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        check("softmax", self.axis, x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Tensor<T>) {
        let (n, x_data) = (x.shape()[self.axis], x.data());
        let p = Tensor::build(out, |p| {
            each_line(x.shape(), self.axis, |at| {
                let (max, rest) = max_and_rest(n, |k| x_data[at(k)]);
                (0..n).for_each(|k| p[at(k)] = (x_data[at(k)] - max).exp() / (T::ONE + rest));
            });
        });
        (p.clone(), p)
    }

    fn backward(&self, p: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let (n, p_data, g_data) = (p.shape()[self.axis], p.data(), g.data());
        [Some(Tensor::build(p.shape_owned(), |dx| {
            each_line(p.shape(), self.axis, |at| {
                let top = largest(n, |k| p_data[at(k)]);
                let beyond = |k: usize| g_data[at(k)] - g_data[at(top)];
                let mean = sum_except(n, Some(top), |k| beyond(k) * p_data[at(k)]);
                for k in 0..n {
                    // Of the class referred to, the difference is 0 by definition, whatever g is.
                    let own = if k == top { T::ZERO } else { beyond(k) };
                    dx[at(k)] = p_data[at(k)] * (own - mean);
                }
            });
        }))]
    }
}

impl<T: Real> Op<T, 1> for LogSoftmax {
    const NAME: &'static str = "log_softmax";
    type Saved = Tensor<T>;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        check("log_softmax", self.axis, x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, Tensor<T>) {
        let y = log_softmax(x, self.axis);
        (y.clone(), y)
    }

    fn backward(&self, y: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let (n, y_data, g_data) = (y.shape()[self.axis], y.data(), g.data());
        [Some(Tensor::build(y.shape_owned(), |dx| {
            each_line(y.shape(), self.axis, |at| {
                let top = largest(n, |k| y_data[at(k)]);
                let total = sum_except(n, None, |k| g_data[at(k)]);
                (0..n).for_each(|k| dx[at(k)] = g_data[at(k)] - y_data[at(k)].exp() * total);
                // g - p (g + others), without 1 - p as a difference.
                let (log_p, others) = (y_data[at(top)], sum_except(n, Some(top), |k| g_data[at(k)]));
                dx[at(top)] = -(g_data[at(top)] * exp_m1(log_p)) - log_p.exp() * others;
            });
        }))]
    }
}

/// Softmax.
impl<T: Real> Var<T> {
    /// See [`Softmax`].
    pub fn softmax(&self, axis: usize) -> Result<Self> {
        apply(Softmax { axis }, [self])
    }
    /// See [`LogSoftmax`].
    pub fn log_softmax(&self, axis: usize) -> Result<Self> {
        apply(LogSoftmax { axis }, [self])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_logits_keep_their_digits() {
        let near = Tensor::new(vec![0.0f32, -1.0], [1, 2]).unwrap();
        let far = Tensor::new(vec![1000.0f32, 999.0], [1, 2]).unwrap();
        assert_eq!(log_softmax(&far, 1), log_softmax(&near, 1));
    }
}
