//! The tensor: numbers in row-major order, and a shape.
//!
//! A [`Tensor`] is a value. Cloning shares the buffer and copies nothing; writing to a shared buffer copies it first.
//! There are no views with strides: reshaping is free, a transpose is an op (or a swap of strides inside a kernel).
//! When the last owner of a buffer goes, the buffer goes to a pool of its thread and serves the next tensor of that
//! length: fresh memory from the operating system is forty times slower to write than memory already in use. The
//! [`pool`](crate::real::pool) is bounded.

use crate::error::{Error, Result};
use crate::real::Real;
use crate::real::pool::{Buffer, Pool, Pooled};
use crate::rng::Rng;
use crate::shape::Shape;
use ndarray::{Array2, ArrayView2};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Lends `work` a recycled buffer of `len` elements, whatever they are.
pub(crate) fn lend<T: Real, R>(len: usize, work: impl FnOnce(&mut [T]) -> R) -> R {
    work(&mut Buffer::recycled(len))
}

/// Whole numbers in a recycled buffer: the argmaxes that ops keep for their backward pass.
#[derive(Debug)]
pub struct Indices<I: Pooled = u32>(Buffer<I>);

impl<I: Pooled> Indices<I> {
    /// Lets `write` fill a recycled buffer of `len` numbers; it must write all of them.
    pub fn build<R>(len: usize, write: impl FnOnce(&mut [I]) -> R) -> (Self, R) {
        let mut indices = Buffer::recycled(len);
        let result = write(&mut indices);
        (Self(indices), result)
    }
}

impl<I: Pooled> Deref for Indices<I> {
    type Target = [I];
    fn deref(&self) -> &[I] {
        &self.0
    }
}

/// An array of `T` with a shape: contiguous, row-major, cheap to clone. Arithmetic is by operators, with broadcasting
/// (`&a * 2.0 + &b`), which panic where shapes do not fit, or by the methods of the same names, which return an error.
///
/// ```
/// use gradus::tensor::Tensor;
/// let t = Tensor::new(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [2, 3])?;
/// assert_eq!(t.shape(), [2, 3]);
/// assert_eq!(t.reshape([3, 2])?.at(&[2, 0]), 5.0);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone)]
pub struct Tensor<T: Real = f32> {
    shape: Shape,
    buffer: Arc<Buffer<T>>,
}

/// Returns the shape, if a tensor can have it.
fn possible(shape: Shape) -> Shape {
    assert!(shape.checked_numel().is_some(), "no tensor has the shape {shape:?}: it is too large for the memory");
    shape
}

impl<T: Real> Tensor<T> {
    /// Creates a tensor of these elements, in row-major order. Fails unless there are as many as the shape has places.
    pub fn new(data: Vec<T>, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if data.len() != shape.numel() {
            return Err(Error::shape(
                "tensor",
                format!("of shape {shape:?} has {}, got {}", shape.count(), data.len()),
            ));
        }
        Ok(Self { shape, buffer: Arc::new(data.into()) })
    }

    /// Creates a tensor whose elements `f(index)` computes, `index` counting in row-major order.
    ///
    /// # Panics
    /// Like all constructors that return no `Result`, if no tensor can have this shape; see [`Shape::checked_numel`].
    pub fn from_fn(shape: impl Into<Shape>, f: impl FnMut(usize) -> T) -> Self {
        let shape = possible(shape.into());
        Self { shape, buffer: Arc::new((0..shape.numel()).map(f).collect::<Vec<T>>().into()) }
    }

    /// Creates a tensor from `f64` numbers, rounded to `T`: for literals in lessons and tests.
    pub fn from_f64(data: &[f64], shape: impl Into<Shape>) -> Result<Self> {
        Self::new(data.iter().map(|&x| T::from_f64(x)).collect(), shape)
    }

    /// Lets `write` fill a recycled buffer. It must write every element: what it finds there is left from before
    /// (in debug builds, NaN).
    pub fn build(shape: impl Into<Shape>, write: impl FnOnce(&mut [T])) -> Self {
        let shape = possible(shape.into());
        let mut buffer = Buffer::recycled(shape.numel());
        if cfg!(debug_assertions) {
            buffer.fill(T::NAN);
        }
        write(&mut buffer);
        Self { shape, buffer: Arc::new(buffer) }
    }

    /// Creates a tensor whose elements are all `value`.
    pub fn full(shape: impl Into<Shape>, value: T) -> Self {
        Self::build(shape, |data| data.fill(value))
    }

    /// Returns all zeros.
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        Self::full(shape, T::ZERO)
    }

    /// Creates a tensor of rank 0.
    pub fn scalar(value: T) -> Self {
        Self::full([], value)
    }

    /// Creates a tensor of independent standard normal numbers.
    pub fn randn(shape: impl Into<Shape>, rng: &mut Rng) -> Self {
        Self::from_fn(shape, |_| T::from_f64(rng.normal()))
    }

    /// Creates a tensor of independent uniform numbers on [low, high), both bounds rounded to `T`. A number that
    /// rounds to the upper bound becomes the one below it.
    pub fn rand(shape: impl Into<Shape>, low: f64, high: f64, rng: &mut Rng) -> Self {
        let [bottom, top] = [low, high].map(T::from_f64);
        Self::from_fn(shape, |_| {
            let x = T::from_f64(rng.range(low, high));
            if x >= top && bottom < top { top.next_down() } else { x }
        })
    }

    /// Returns the sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the shape as a value.
    pub fn shape_owned(&self) -> Shape {
        self.shape
    }

    /// Returns the number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Returns the number of elements.
    pub fn numel(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the elements in row-major order.
    pub fn data(&self) -> &[T] {
        &self.buffer
    }

    /// Returns the elements, to be written. A buffer shared with another tensor is copied first.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut Arc::make_mut(&mut self.buffer)[..]
    }

    /// Returns whether writing would copy, because another tensor shares the buffer.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.buffer) > 1
    }

    /// Returns whether `other` is this tensor under another name: the same shape and the same buffer, no copy of it. So
    /// a value is recognized wherever it went, without comparing its elements.
    pub fn is_same(&self, other: &Self) -> bool {
        self.shape == other.shape && Arc::ptr_eq(&self.buffer, &other.buffer)
    }

    /// Returns the elements as a vector.
    pub fn to_vec(&self) -> Vec<T> {
        self.data().to_vec()
    }

    /// Returns the element at an index. Panics outside the shape.
    pub fn at(&self, index: &[usize]) -> T {
        assert!(
            index.len() == self.rank() && index.iter().zip(self.shape()).all(|(i, n)| i < n),
            "index {index:?} of a tensor of shape {:?}",
            self.shape
        );
        self.data()[index.iter().zip(self.shape.strides().iter()).map(|(i, s)| i * s).sum::<usize>()]
    }

    /// Returns the one element of a tensor that has one. Panics otherwise.
    pub fn item(&self) -> T {
        assert_eq!(self.numel(), 1, "item() of a tensor of shape {:?}", self.shape);
        self.data()[0]
    }

    /// Returns the same elements under another shape of as many.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        if shape.numel() != self.numel() {
            let (have, want) = (self.shape.count(), shape.count());
            return Err(Error::shape("reshape", format!("{:?} has {have}, {shape:?} has {want}", self.shape)));
        }
        Ok(Self { shape, buffer: self.buffer.clone() })
    }

    /// Entries `indices` of the first axis, in that order. Panics on an index outside.
    pub fn gather(&self, indices: &[usize]) -> Self {
        let row = self.shape[1..].iter().product::<usize>();
        Self::build(self.shape.with(0, indices.len()), |out| {
            gradus_kernels::gather(self.data(), row, indices, out);
        })
    }

    /// Applies `f` to each element.
    pub fn map(&self, f: impl Fn(T) -> T + Sync) -> Self {
        Self::build(self.shape, |out| gradus_kernels::math::map(self.data(), out, f))
    }

    /// Returns the same numbers in another precision.
    pub fn cast<U: Real>(&self) -> Tensor<U> {
        Tensor::from_fn(self.shape, |i| U::from_f64(self.data()[i].to_f64()))
    }

    /// Returns a matrix as an `ndarray` view, without a copy. Fails unless the rank is 2.
    pub fn array2(&self) -> Result<ArrayView2<'_, T>> {
        match *self.shape() {
            [rows, cols] => Ok(ArrayView2::from_shape((rows, cols), self.data()).expect("contiguous by construction")),
            _ => Err(Error::shape("array2", format!("expected [\"ROWS COLS\"]; found {:?}", self.shape))),
        }
    }

    /// Returns the number of buffers this thread's pool had to allocate since the thread began.
    pub fn fresh_buffers() -> u64 {
        T::pool().with_borrow(Pool::fresh)
    }
}

impl<T: Real> From<Array2<T>> for Tensor<T> {
    fn from(array: Array2<T>) -> Self {
        let shape = [array.nrows(), array.ncols()];
        let (data, offset) = array.as_standard_layout().into_owned().into_raw_vec_and_offset();
        debug_assert_eq!(offset.unwrap_or(0), 0);
        Self::new(data, shape).expect("as many elements as places")
    }
}

impl<T: Real> PartialEq for Tensor<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data() == other.data()
    }
}

/// Shape and elements, nested as NumPy prints them; long axes are cut.
impl<T: Real> fmt::Display for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        fn nest<T: Real>(f: &mut fmt::Formatter<'_>, shape: &[usize], data: &[T], indent: usize) -> fmt::Result {
            let Some((&n, inner)) = shape.split_first() else {
                return write!(f, "{:>8.4}", data[0]);
            };
            let step = inner.iter().product::<usize>();
            write!(f, "[")?;
            for i in 0..n.min(SHOWN) {
                if i > 0 {
                    if inner.is_empty() { write!(f, " ")? } else { write!(f, "\n{:indent$}", "", indent = indent + 1)? }
                }
                nest(f, inner, &data[i * step..(i + 1) * step], indent + 1)?;
            }
            if n > SHOWN {
                write!(f, " ..")?;
            }
            write!(f, "]")
        }
        nest(f, self.shape(), self.data(), 0)
    }
}

impl<T: Real> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor<{}> {:?}\n{self}", T::NAME, self.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_to_a_shared_buffer_copies() {
        let a = Tensor::<f32>::zeros([2, 2]);
        let mut b = a.clone();
        b.data_mut()[0] = 1.0;
        assert_eq!((a.data()[0], b.data()[0]), (0.0, 1.0));
    }

    #[test]
    fn a_tensor_is_known_again_by_its_buffer_and_shape() {
        let a = Tensor::<f32>::zeros([2, 2]);
        let mut b = a.clone();
        assert!(a.is_same(&b) && a.reshape([2, 2]).unwrap().is_same(&a));
        assert!(!a.is_same(&a.reshape([4]).unwrap()) && !a.is_same(&Tensor::zeros([2, 2])));
        b.data_mut()[0] = 0.0;
        assert!(!a.is_same(&b));
    }

    #[test]
    fn dropped_buffers_serve_again() {
        drop(Tensor::<f64>::zeros([12345]));
        let before = Tensor::<f64>::fresh_buffers();
        drop(Tensor::<f64>::zeros([12345]));
        assert_eq!(Tensor::<f64>::fresh_buffers(), before);
    }

    #[test]
    fn other_lengths_are_refused() {
        assert!(Tensor::new(vec![1.0f32; 5], [2, 3]).is_err());
        assert!(Tensor::<f32>::zeros([2, 3]).reshape([4, 2]).is_err());
    }

    #[test]
    fn a_shape_whose_size_wraps_to_the_buffers_is_refused() {
        let x = Tensor::<f32>::zeros([16]);
        let message = x.reshape([(1 << 60) + 1, 16]).unwrap_err().to_string();
        assert!(message.contains("[16] has 16 elements, [1152921504606846977, 16] has more than"), "{message}");
        assert!(Tensor::new(vec![0.0f32; 16], [(1 << 60) + 1, 16]).is_err());
        assert!(Tensor::<f32>::new(Vec::new(), [0, 1 << 40, 1 << 40]).is_err());
    }

    #[test]
    fn uniforms_stay_below_their_upper_bound() {
        // Between 1 and the next number but three: half of the uniforms round to a bound.
        let high = f64::from(1.0 + 3.0 * f32::EPSILON);
        let x = Tensor::<f32>::rand([4000], 1.0, high, &mut Rng::new(1, "test", 0));
        assert!(x.data().iter().all(|&v| (1.0..high as f32).contains(&v)));
        assert!([0.0, 1.0, 2.0].iter().all(|k| x.data().contains(&(1.0 + k * f32::EPSILON))));
        // In f64, too, and below 0; and no interval, no change.
        let (low, high) = (-1.0 - 2.0 * f64::EPSILON, -1.0);
        let x = Tensor::<f64>::rand([4000], low, high, &mut Rng::new(1, "test", 0));
        assert!(x.data().iter().all(|&v| (low..high).contains(&v)));
        assert_eq!(Tensor::<f32>::rand([3], 0.5, 0.5, &mut Rng::new(1, "test", 0)).data(), [0.5; 3]);
    }
}
