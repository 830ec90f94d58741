//! Ops that move elements and compute nothing. The gradient moves back the same way.

use crate::autograd::{Op, Var, VariadicOp, apply, apply_variadic};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{MAX_RANK, Shape};
use crate::tensor::Tensor;

/// The same elements under another shape.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::<f32>::zeros([4, 3, 8, 8]));
/// assert_eq!(x.reshape([12, 64])?.shape(), [12, 64]);
/// assert_eq!(x.flatten()?.shape(), [4, 192]);
/// assert_eq!(x.flatten()?.unflatten(&[3, 8, 8])?.shape(), [4, 3, 8, 8]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reshape(pub Shape);

impl<T: Real> Op<T, 1> for Reshape {
    const NAME: &'static str = "reshape";
    type Saved = Shape;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        let x = Shape::new(x);
        if x.checked_numel() != self.0.checked_numel() {
            let (have, want) = (x.count(), self.0.count());
            return Err(Error::shape("reshape", format!("{x:?} has {have}, {:?} has {want}", self.0)));
        }
        Ok(self.0)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        (x.reshape(out).expect("shape() accepted it"), x.shape_owned())
    }

    fn backward(&self, x: &Shape, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        [Some(g.reshape(*x).expect("same number of elements"))]
    }
}

/// Reorders the axes: axis k of the result is axis `order[k]` of the input.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::from_fn([2, 3], |i| i as f32));
/// assert_eq!(x.permute(&[1, 0])?.value().data(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Permute(pub Vec<usize>);

/// Copies `x` with its axes in another order.
fn permuted<T: Real>(x: &Tensor<T>, order: &[usize]) -> Tensor<T> {
    let strides = x.shape_owned().strides();
    let shape: Vec<usize> = order.iter().map(|&a| x.shape()[a]).collect();
    let steps: Vec<usize> = order.iter().map(|&a| strides[a]).collect();
    let mut index = [0; MAX_RANK];
    let mut at = 0;
    Tensor::build(&shape[..], |y| {
        for y in y {
            *y = x.data()[at];
            // Count the index up like an odometer, and move the source along.
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                at += steps[axis];
                if index[axis] < shape[axis] {
                    break;
                }
                at -= steps[axis] * shape[axis];
                index[axis] = 0;
            }
        }
    })
}

impl<T: Real> Op<T, 1> for Permute {
    const NAME: &'static str = "permute";
    type Saved = ();

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        if sorted != (0..x.len()).collect::<Vec<_>>() {
            return Err(Error::shape("permute", format!("needs each axis of {x:?} once; found {:?}", self.0)));
        }
        Ok(Shape::new(&self.0.iter().map(|&a| x[a]).collect::<Vec<_>>()))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, ()) {
        (permuted(x, &self.0), ())
    }

    fn backward(&self, _: &(), g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let mut inverse = vec![0; self.0.len()];
        self.0.iter().enumerate().for_each(|(k, &axis)| inverse[axis] = k);
        [Some(permuted(g, &inverse))]
    }
}

/// Elements `start .. start + len` of one axis.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::from_fn([2, 3], |i| i as f32));
/// assert_eq!(x.slice(1, 1..3)?.value().data(), [1.0, 2.0, 4.0, 5.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// The axis that is cut.
    pub axis: usize,
    /// The first element kept.
    pub start: usize,
    /// The number of elements kept.
    pub len: usize,
}

/// Copies between two buffers whose shapes differ along one axis alone: `len` entries of that axis, each of `inner`
/// elements. Of either buffer the pair says how long the axis is and at which entry copying starts.
fn copy_along<T: Real>(
    x: &[T],
    (x_size, from): (usize, usize),
    y: &mut [T],
    (y_size, to): (usize, usize),
    len: usize,
    inner: usize,
) {
    if len * inner == 0 {
        return;
    }
    for (x, y) in x.chunks(x_size * inner).zip(y.chunks_mut(y_size * inner)) {
        y[to * inner..][..len * inner].copy_from_slice(&x[from * inner..][..len * inner]);
    }
}

impl<T: Real> Op<T, 1> for Slice {
    const NAME: &'static str = "slice";
    type Saved = Shape;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        let end = self.start.saturating_add(self.len);
        if self.axis >= x.len() || end > x[self.axis] {
            let axis = self.axis;
            return Err(Error::shape("slice", format!("{}..{end} of axis {axis} lies outside {x:?}", self.start)));
        }
        Ok(Shape::new(x).with(self.axis, self.len))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        let inner = out[self.axis + 1..].iter().product();
        let y = Tensor::build(out, |y| {
            copy_along(x.data(), (x.shape()[self.axis], self.start), y, (self.len, 0), self.len, inner);
        });
        (y, x.shape_owned())
    }

    fn backward(&self, x: &Shape, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let inner = x[self.axis + 1..].iter().product();
        let mut dx = Tensor::zeros(*x);
        copy_along(g.data(), (self.len, 0), dx.data_mut(), (x[self.axis], self.start), self.len, inner);
        [Some(dx)]
    }
}

/// Puts `before` and `after` entries of `value` around one axis.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::new(vec![1.0, 2.0], [2])?);
/// assert_eq!(x.pad(0, 1, 2, 9.0)?.value().data(), [9.0, 1.0, 2.0, 9.0, 9.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Pad {
    /// The axis that grows.
    pub axis: usize,
    /// Entries in front.
    pub before: usize,
    /// Entries behind.
    pub after: usize,
    /// What is put there.
    pub value: f64,
}

impl<T: Real> Op<T, 1> for Pad {
    const NAME: &'static str = "pad";
    type Saved = Shape;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        if self.axis >= x.len() {
            return Err(Error::shape("pad", format!("of axis {} of {x:?}, which has {} axes", self.axis, x.len())));
        }
        let Some(size) = self.before.checked_add(x[self.axis]).and_then(|size| size.checked_add(self.after)) else {
            let (before, after) = (self.before, self.after);
            return Err(Error::shape("pad", format!("of {x:?} by {before} and {after}: does not fit into memory")));
        };
        Ok(Shape::new(x).with(self.axis, size))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        let (size, inner) = (x.shape()[self.axis], out[self.axis + 1..].iter().product());
        let mut y = Tensor::full(out, T::from_f64(self.value));
        copy_along(x.data(), (size, 0), y.data_mut(), (out[self.axis], self.before), size, inner);
        (y, x.shape_owned())
    }

    fn backward(&self, x: &Shape, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let (size, inner) = (x[self.axis], x[self.axis + 1..].iter().product());
        let mut dx = Tensor::zeros(*x);
        copy_along(g.data(), (g.shape()[self.axis], self.before), dx.data_mut(), (size, 0), size, inner);
        [Some(dx)]
    }
}

/// Joins any number of tensors along one axis; all other axes must agree.
#[derive(Clone, Copy, Debug)]
pub struct Concat {
    /// The axis along which they are joined.
    pub axis: usize,
}

impl<T: Real> VariadicOp<T> for Concat {
    const NAME: &'static str = "concat";
    type Saved = Vec<Shape>;

    fn shape(&self, x: &[&[usize]]) -> Result<Shape> {
        let Some(&first) = x.first() else {
            return Err(Error::shape("concat", "needs at least one tensor"));
        };
        let axis = self.axis;
        if axis >= first.len() {
            return Err(Error::shape("concat", format!("along axis {axis} of {first:?}")));
        }
        let first = Shape::new(first);
        if x.iter().any(|s| s.len() != first.len() || Shape::new(s).with(axis, 0) != first.with(axis, 0)) {
            return Err(Error::shape("concat", format!("along axis {axis} needs equal other axes; found {x:?}")));
        }
        // Parts without elements may be long.
        Ok(first.with(axis, x.iter().fold(0usize, |sum, s| sum.saturating_add(s[axis]))))
    }

    fn forward(&self, x: &[&Tensor<T>], out: Shape) -> (Tensor<T>, Vec<Shape>) {
        let axis = self.axis;
        let (total, inner) = (out[axis], out[axis + 1..].iter().product());
        let y = Tensor::build(out, |y| {
            let mut start = 0;
            for part in x {
                let len = part.shape()[axis];
                copy_along(part.data(), (len, 0), y, (total, start), len, inner);
                start += len;
            }
        });
        (y, x.iter().map(|part| part.shape_owned()).collect())
    }

    fn backward(&self, shapes: &Vec<Shape>, g: &Tensor<T>, need: &[bool]) -> Vec<Option<Tensor<T>>> {
        let (axis, mut start) = (self.axis, 0);
        let part = |(shape, &need): (&Shape, &bool)| {
            let (len, inner) = (shape[axis], shape[axis + 1..].iter().product());
            let from = (g.shape()[axis], start);
            start += len;
            need.then(|| Tensor::build(*shape, |d| copy_along(g.data(), from, d, (len, 0), len, inner)))
        };
        shapes.iter().zip(need).map(part).collect()
    }
}

/// Joins `parts` along `axis`; see [`Concat`].
///
/// ```
/// use gradus::prelude::*;
/// let [a, b] = [[1.0, 2.0], [3.0, 4.0]].map(|row| Var::constant(Tensor::new(row.to_vec(), [1, 2]).unwrap()));
/// assert_eq!(concat(&[&a, &b], 0)?.shape(), [2, 2]);
/// assert_eq!(concat(&[&a, &b, &a], 1)?.value().data(), [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn concat<T: Real>(parts: &[&Var<T>], axis: usize) -> Result<Var<T>> {
    apply_variadic(Concat { axis }, parts)
}

/// Layout.
impl<T: Real> Var<T> {
    /// See [`Reshape`].
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        apply(Reshape(shape.into()), [self])
    }
    /// Reshapes `[N, ..]` to `[N, product of the rest]`.
    pub fn flatten(&self) -> Result<Self> {
        let (n, rest) = self.shape().split_first().map_or((1, 1), |(&n, rest)| (n, rest.iter().product()));
        self.reshape([n, rest])
    }
    /// Reshapes `[N, ..]` to `[N, sizes]`, the inverse of [`flatten`](Self::flatten). An axis of size 1 in front if
    /// there is none.
    pub fn unflatten(&self, sizes: &[usize]) -> Result<Self> {
        if sizes.len() >= MAX_RANK {
            return Err(Error::shape(
                "unflatten",
                format!("to {sizes:?}: beside the samples' axis at most {} fit", MAX_RANK - 1),
            ));
        }
        let n = self.shape().first().copied().unwrap_or(1);
        self.reshape(&[&[n], sizes].concat()[..])
    }
    /// See [`Permute`].
    pub fn permute(&self, order: &[usize]) -> Result<Self> {
        apply(Permute(order.to_vec()), [self])
    }
    /// Elements `range` of `axis`; see [`Slice`]. Fails on a range that ends before it starts or lies outside.
    pub fn slice(&self, axis: usize, range: std::ops::Range<usize>) -> Result<Self> {
        if range.start > range.end {
            return Err(Error::shape("slice", format!("{}..{} ends before it starts", range.start, range.end)));
        }
        apply(Slice { axis, start: range.start, len: range.len() }, [self])
    }
    /// See [`Pad`].
    pub fn pad(&self, axis: usize, before: usize, after: usize, value: f64) -> Result<Self> {
        apply(Pad { axis, before, after, value }, [self])
    }
}
