//! Reductions over one or several axes. Reduced axes disappear, or stay with size 1 (`keep`).

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::ops::arith::{expand, reduce_to};
use crate::real::Real;
use crate::shape::{MAX_RANK, Shape};
use crate::tensor::{Indices, Tensor};

/// Which axes a reduction runs over.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::from_fn([2, 3], |i| i as f32)); // 0 1 2 | 3 4 5
/// assert_eq!(x.sum_axes(&[0], false)?.value().data(), [3.0, 5.0, 7.0]);
/// assert_eq!(x.mean_axes(&[1], true)?.shape(), [2, 1]);
/// assert_eq!(x.max()?.value().item(), 5.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    reduced: [bool; MAX_RANK],
    given: Option<usize>,
    /// Whether reduced axes stay, with size 1.
    pub keep: bool,
}

impl Axes {
    /// Returns all axes: the result is a scalar.
    pub fn all() -> Self {
        Self { reduced: [true; MAX_RANK], given: None, keep: false }
    }

    /// Selects these axes, counted from 0. Axes beyond the tensor's rank are an error when the op is applied.
    pub fn of(axes: &[usize], keep: bool) -> Self {
        let mut reduced = [false; MAX_RANK];
        axes.iter().filter(|&&a| a < MAX_RANK).for_each(|&a| reduced[a] = true);
        Self { reduced, given: axes.iter().max().copied(), keep }
    }

    /// Returns the input's shape with the reduced axes at size 1.
    fn kept(&self, x: &[usize]) -> Shape {
        x.iter().enumerate().fold(Shape::new(x), |s, (axis, _)| if self.reduced[axis] { s.with(axis, 1) } else { s })
    }

    fn out(&self, op: &'static str, x: &[usize]) -> Result<Shape> {
        if let Some(axis) = self.given.filter(|&axis| axis >= x.len()) {
            return Err(Error::shape(op, format!("over axis {axis} of {x:?}, which has {} axes", x.len())));
        }
        let kept = self.kept(x);
        if self.keep {
            return Ok(kept);
        }
        let left: Vec<usize> = (0..x.len()).filter(|&axis| !self.reduced[axis]).map(|axis| x[axis]).collect();
        Ok(Shape::new(&left))
    }

    /// Returns the number of elements that make one output.
    fn count(&self, x: &[usize]) -> usize {
        (0..x.len()).filter(|&axis| self.reduced[axis]).map(|axis| x[axis]).product()
    }
}

/// y = Σ x over the axes. The gradient of each x is the gradient of its y.
#[derive(Clone, Copy, Debug)]
pub struct Sum(pub Axes);

impl<T: Real> Op<T, 1> for Sum {
    const NAME: &'static str = "sum";
    type Saved = Shape;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        self.0.out("sum", x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        (total(x, &self.0).reshape(out).expect("same number of elements"), x.shape_owned())
    }

    fn backward(&self, x: &Shape, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let g = g.reshape(self.0.kept(x)).expect("same number of elements");
        [Some(expand(&g, *x))]
    }
}

/// Sums over the axes, which keep size 1; all at once where all are summed.
fn total<T: Real>(x: &Tensor<T>, axes: &Axes) -> Tensor<T> {
    if axes.count(x.shape()) == x.numel() {
        return Tensor::full(axes.kept(x.shape()), T::sum(x.data()));
    }
    reduce_to(x, axes.kept(x.shape()))
}

/// The mean over the axes: the sum over the number of elements. NaN of no elements.
#[derive(Clone, Copy, Debug)]
pub struct Mean(pub Axes);

impl<T: Real> Op<T, 1> for Mean {
    const NAME: &'static str = "mean";
    type Saved = Shape;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        self.0.out("mean", x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        let count = T::from_usize(self.0.count(x.shape()));
        let mean = total(x, &self.0).map(|sum| sum / count);
        (mean.reshape(out).expect("same number of elements"), x.shape_owned())
    }

    fn backward(&self, x: &Shape, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let count = T::from_usize(self.0.count(x));
        let g = g.map(|g| g / count).reshape(self.0.kept(x)).expect("same number of elements");
        [Some(expand(&g, *x))]
    }
}

/// The largest element over the axes. The whole gradient goes to the argmax, on a tie to the first.
#[derive(Clone, Copy, Debug)]
pub struct Max(pub Axes);

impl<T: Real> Op<T, 1> for Max {
    const NAME: &'static str = "max";
    type Saved = (Shape, Indices);

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        if self.0.count(x) == 0 {
            return Err(Error::shape("max", format!("of no elements: {x:?} over {:?}", self.0)));
        }
        self.0.out("max", x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Self::Saved) {
        let kept = self.0.kept(x.shape());
        let strides = kept.strides();
        let none = u32::MAX;
        assert!(x.numel() < none as usize, "max: {} elements are too many to number", x.numel());
        let (argmax, ()) = Indices::build(out.numel(), |argmax| {
            argmax.fill(none);
            for (i, &value) in x.data().iter().enumerate() {
                // The output's index: the input's, without the reduced axes.
                let (mut rest, mut at) = (i, 0);
                for axis in (0..x.rank()).rev() {
                    let k = rest % x.shape()[axis];
                    rest /= x.shape()[axis];
                    at += if self.0.reduced[axis] { 0 } else { k * strides[axis] };
                }
                if argmax[at] == none || above(value, x.data()[argmax[at] as usize]) {
                    argmax[at] = i as u32;
                }
            }
        });
        let y = Tensor::build(out, |y| y.iter_mut().zip(&*argmax).for_each(|(y, &i)| *y = x.data()[i as usize]));
        (y, (x.shape_owned(), argmax))
    }

    fn backward(&self, (shape, argmax): &Self::Saved, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let mut dx = Tensor::zeros(*shape);
        let data = dx.data_mut();
        argmax.iter().zip(g.data()).for_each(|(&i, &g)| data[i as usize] = g);
        [Some(dx)]
    }
}

/// Returns whether `a` is larger than `b`, NaN being above all numbers.
#[inline]
fn above<T: Real>(a: T, b: T) -> bool {
    a > b || (a.is_nan() && !b.is_nan())
}

/// Returns the place of the largest of `n` elements, the first of equals; of the first NaN, if there is one.
pub(super) fn largest<T: Real>(n: usize, at: impl Fn(usize) -> T) -> usize {
    (1..n).fold(0, |best, k| if above(at(k), at(best)) { k } else { best })
}

/// Returns the index of the largest element, the first of equals; of the first NaN, if there is one; 0 of none.
///
/// ```
/// assert_eq!(gradus::ops::argmax(&[0.1f32, 0.7, 0.7]), 1);
/// ```
pub fn argmax<T: Real>(x: &[T]) -> usize {
    largest(x.len(), |k| x[k])
}

/// Reductions.
impl<T: Real> Var<T> {
    /// Returns the sum of all elements, a scalar.
    pub fn sum(&self) -> Result<Self> {
        apply(Sum(Axes::all()), [self])
    }
    /// Sums over `axes`; see [`Sum`].
    pub fn sum_axes(&self, axes: &[usize], keep: bool) -> Result<Self> {
        apply(Sum(Axes::of(axes, keep)), [self])
    }
    /// Returns the mean of all elements, a scalar.
    pub fn mean(&self) -> Result<Self> {
        apply(Mean(Axes::all()), [self])
    }
    /// Returns the mean over `axes`; see [`Mean`].
    pub fn mean_axes(&self, axes: &[usize], keep: bool) -> Result<Self> {
        apply(Mean(Axes::of(axes, keep)), [self])
    }
    /// Returns the largest of all elements, a scalar.
    pub fn max(&self) -> Result<Self> {
        apply(Max(Axes::all()), [self])
    }
    /// Returns the largest over `axes`; see [`Max`].
    pub fn max_axes(&self, axes: &[usize], keep: bool) -> Result<Self> {
        apply(Max(Axes::of(axes, keep)), [self])
    }
}
