//! Softmax along one axis: `p[k] = exp(x[k]) / Σⱼ exp(x[j])`, computed from x - max x so that nothing overflows.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Softmax (Bridle 1990). `dx[k] = p[k] (g[k] - Σⱼ g[j] p[j])`.
#[derive(Clone, Copy, Debug)]
pub struct Softmax {
    /// The axis along which the result sums to 1.
    pub axis: usize,
}

/// log p = x - log Σ exp x, without computing p first. `dx[k] = g[k] - p[k] Σⱼ g[j]`.
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

/// Calls `f(row)` with the positions in the buffer of each line along `axis`.
fn each_line(shape: &[usize], axis: usize, mut f: impl FnMut(&dyn Fn(usize) -> usize)) {
    let (n, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let outer: usize = shape[..axis].iter().product();
    for o in 0..outer {
        for i in 0..inner {
            f(&|k| (o * n + k) * inner + i);
        }
    }
}

/// The line's maximum m and log Σ exp(x - m). A line whose maximum is infinite has no softmax: NaN or -∞ come out of
/// it. An entry of -∞ beside finite ones has probability 0; NaN spreads.
fn max_and_log_sum<T: Real>(x: &[T], n: usize, at: &dyn Fn(usize) -> usize) -> (T, T) {
    let max = (0..n).fold(-T::INFINITY, |m, k| m.max(x[at(k)]));
    if !max.is_finite() {
        return (max, T::ZERO);
    }
    let sum = (0..n).fold(T::ZERO, |s, k| s + (x[at(k)] - max).exp());
    (max, sum.ln())
}

/// log-softmax of `x` along `axis`. The maximum goes first: added to the logarithm, it would round it.
pub(crate) fn log_softmax<T: Real>(x: &Tensor<T>, axis: usize) -> Tensor<T> {
    let n = x.shape()[axis];
    Tensor::build(x.shape_owned(), |y| {
        each_line(x.shape(), axis, |at| {
            let (max, log_sum) = max_and_log_sum(x.data(), n, at);
            (0..n).for_each(|k| y[at(k)] = (x.data()[at(k)] - max) - log_sum);
        });
    })
}

impl<T: Real> Op<T, 1> for Softmax {
    const NAME: &'static str = "softmax";
    type Saved = Tensor<T>;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        check("softmax", self.axis, x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, Tensor<T>) {
        let p = log_softmax(x, self.axis).map(T::exp);
        (p.clone(), p)
    }

    fn backward(&self, p: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let (n, p_data, g_data) = (p.shape()[self.axis], p.data(), g.data());
        [Some(Tensor::build(p.shape_owned(), |dx| {
            each_line(p.shape(), self.axis, |at| {
                let mean = (0..n).fold(T::ZERO, |s, k| s + g_data[at(k)] * p_data[at(k)]);
                (0..n).for_each(|k| dx[at(k)] = p_data[at(k)] * (g_data[at(k)] - mean));
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
        let n = y.shape()[self.axis];
        [Some(Tensor::build(y.shape_owned(), |dx| {
            each_line(y.shape(), self.axis, |at| {
                let total = (0..n).fold(T::ZERO, |s, k| s + g.data()[at(k)]);
                (0..n).for_each(|k| dx[at(k)] = g.data()[at(k)] - y.data()[at(k)].exp() * total);
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
