//! Selection of elements and rows by index. The gradient goes back to where each was taken from; what was taken several
//! times gets the sum.
//!
//! Both ops copy rows of a matrix: for [`Embedding`] the rows of the table, for [`Gather`] single elements.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{MAX_RANK, Shape};
use crate::tensor::{Tensor, lend};

/// Picks elements along one axis: `y[i, j, k] = x[i, index[i, j, k], k]` for axis 1 of three, as PyTorch's `gather`.
///
/// The index has the input's rank, and along the other axes no more entries than the input.
#[derive(Clone, Debug)]
pub struct Gather {
    /// The axis along which elements are picked.
    pub axis: usize,
    /// Their numbers on that axis, in row-major order.
    pub index: Vec<usize>,
    /// The shape of the index, and of the result.
    pub shape: Shape,
}

impl Gather {
    /// For each element of the result, where it lies in an input of shape `x`.
    fn places(&self, x: Shape) -> Vec<usize> {
        let strides = x.strides();
        let place = |(i, &picked): (usize, &usize)| {
            let (mut rest, mut at) = (i, picked * strides[self.axis]);
            for axis in (0..x.len()).rev() {
                let k = rest % self.shape[axis];
                rest /= self.shape[axis];
                at += if axis == self.axis { 0 } else { k * strides[axis] };
            }
            at
        };
        self.index.iter().enumerate().map(place).collect()
    }
}

impl<T: Real> Op<T, 1> for Gather {
    const NAME: &'static str = "gather";
    type Saved = (Shape, Vec<usize>);

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        let Self { axis, index, shape } = self;
        if *axis >= x.len() {
            return Err(Error::shape("gather", format!("along axis {axis} of {x:?}, which has {} axes", x.len())));
        }
        let others = |k: usize| k == *axis || shape[k] <= x[k];
        if shape.len() != x.len() || !(0..x.len()).all(others) {
            let what = "an index of as many axes, and not longer along the others";
            return Err(Error::shape("gather", format!("along axis {axis} of {x:?} needs {what}; found {shape:?}")));
        }
        check("gather", index, *shape, x[*axis])?;
        Ok(*shape)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Self::Saved) {
        let places = self.places(x.shape_owned());
        (Tensor::build(out, |y| gradus_kernels::gather(x.data(), 1, &places, y)), (x.shape_owned(), places))
    }

    fn backward(&self, (x, places): &Self::Saved, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        [Some(Tensor::build(*x, |dx| scatter(g.data(), 1, places, dx)))]
    }
}

/// Picks rows of a table `[V, ..]` by their numbers: a word's vector, for instance. An index of shape `[N, L]` and a
/// table `[V, D]` give `[N, L, D]`.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// The rows' numbers, in row-major order.
    pub index: Vec<usize>,
    /// The shape of the index.
    pub shape: Shape,
}

impl<T: Real> Op<T, 1> for Embedding {
    const NAME: &'static str = "embedding";
    type Saved = Shape;

    fn shape(&self, [table]: [&[usize]; 1]) -> Result<Shape> {
        let Some((&rows, row)) = table.split_first() else {
            return Err(Error::shape("embedding", "needs a table with rows, [V, ..]; found a scalar"));
        };
        let out = [&self.shape[..], row].concat();
        if out.len() > MAX_RANK {
            let what = format!("of {table:?} by an index of {:?} gives {} axes", self.shape, out.len());
            return Err(Error::shape("embedding", format!("{what}: at most {MAX_RANK} are possible")));
        }
        check("embedding", &self.index, self.shape, rows)?;
        Ok(Shape::new(&out))
    }

    fn forward(&self, [table]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Shape) {
        let row = table.shape()[1..].iter().product();
        (Tensor::build(out, |y| gradus_kernels::gather(table.data(), row, &self.index, y)), table.shape_owned())
    }

    fn backward(&self, table: &Shape, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let row = table[1..].iter().product();
        [Some(Tensor::build(*table, |dx| scatter(g.data(), row, &self.index, dx)))]
    }
}

/// Fails unless there are as many numbers as places in `shape`, each below `size`.
fn check(op: &'static str, index: &[usize], shape: Shape, size: usize) -> Result<()> {
    if index.len() != shape.numel() {
        let what = format!("an index of shape {shape:?} has {}; found {} numbers", shape.count(), index.len());
        return Err(Error::shape(op, what));
    }
    match index.iter().position(|&picked| picked >= size) {
        None => Ok(()),
        Some(i) => Err(Error::shape(op, format!("picks number {} (index {i}), but there are {size}", index[i]))),
    }
}

/// The adjoint of copying rows: each row of `dx` is the sum of those rows of `g` that were copied `from` it.
///
/// The rows of `g` are sorted by their origin (a counting sort, which keeps their order), so that a sum over many
/// repetitions has the order and the accuracy of [`reduce`].
fn scatter<T: Real>(g: &[T], row: usize, from: &[usize], dx: &mut [T]) {
    if row == 0 {
        return;
    }
    // Where each origin's rows begin, once they are sorted.
    let mut starts = vec![0; dx.len() / row + 1];
    from.iter().for_each(|&origin| starts[origin + 1] += 1);
    (1..starts.len()).for_each(|k| starts[k] += starts[k - 1]);
    let (mut next, mut order) = (starts.clone(), vec![0; from.len()]);
    for (k, &origin) in from.iter().enumerate() {
        order[next[origin]] = k;
        next[origin] += 1;
    }
    lend(g.len(), |sorted| {
        gradus_kernels::gather(g, row, &order, sorted);
        for (dx, range) in dx.chunks_mut(row).zip(starts.windows(2)) {
            T::sum_axis(&sorted[range[0] * row..range[1] * row], 1, range[1] - range[0], row, dx);
        }
    });
}

/// Elements and rows by their numbers.
impl<T: Real> Var<T> {
    /// Picks elements along `axis` by an index of this shape; see [`Gather`].
    ///
    /// ```
    /// use gradus::prelude::*;
    /// // The probability of each sample's own class.
    /// let p = Var::constant(Tensor::new(vec![0.1, 0.9, 0.6, 0.4], [2, 2])?);
    /// assert_eq!(p.gather(1, &[1, 0], [2, 1])?.value().data(), [0.9, 0.6]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn gather(&self, axis: usize, index: &[usize], shape: impl Into<Shape>) -> Result<Self> {
        apply(Gather { axis, index: index.to_vec(), shape: shape.into() }, [self])
    }

    /// Picks rows of this table by an index of this shape; see [`Embedding`].
    ///
    /// ```
    /// use gradus::prelude::*;
    /// let tape = Tape::new();
    /// let table = tape.leaf(Tensor::new(vec![1.0, 2.0, 3.0, 4.0], [2, 2])?);
    /// let words = table.embedding(&[1, 0, 1], [3])?;
    /// assert_eq!(words.value().data(), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    /// // The second row was taken twice, so its gradient is that of both places.
    /// assert_eq!(tape.backward(&words.sum()?)?.of(&table)?.unwrap().data(), [1.0, 1.0, 2.0, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn embedding(&self, index: &[usize], shape: impl Into<Shape>) -> Result<Self> {
        apply(Embedding { index: index.to_vec(), shape: shape.into() }, [self])
    }
}
