//! Arithmetic of two tensors, with NumPy's broadcasting: shapes are aligned at the right, and an axis of size 1 is
//! repeated. The gradient of a repeated input is the sum over its repetitions.

use crate::autograd::{Op, Var, apply};
use crate::error::Result;
use crate::real::Real;
use crate::shape::{Shape, broadcast};
use crate::tensor::Tensor;
use gradus_kernels::{math, reduce};

/// A function of two numbers and its two partial derivatives.
pub trait Binary: Copy + Send + Sync + 'static {
    /// The op's name.
    const NAME: &'static str;
    /// The value f(a, b).
    fn f<T: Real>(a: T, b: T) -> T;
    /// ∂f/∂a.
    fn da<T: Real>(a: T, b: T) -> T;
    /// ∂f/∂b.
    fn db<T: Real>(a: T, b: T) -> T;
}

/// y = a + b.
#[derive(Clone, Copy, Debug)]
pub struct Add;
impl Binary for Add {
    const NAME: &'static str = "add";
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a + b
    }
    #[inline(always)]
    fn da<T: Real>(_: T, _: T) -> T {
        T::ONE
    }
    #[inline(always)]
    fn db<T: Real>(_: T, _: T) -> T {
        T::ONE
    }
}

/// y = a - b.
#[derive(Clone, Copy, Debug)]
pub struct Sub;
impl Binary for Sub {
    const NAME: &'static str = "sub";
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a - b
    }
    #[inline(always)]
    fn da<T: Real>(_: T, _: T) -> T {
        T::ONE
    }
    #[inline(always)]
    fn db<T: Real>(_: T, _: T) -> T {
        -T::ONE
    }
}

/// y = a b.
#[derive(Clone, Copy, Debug)]
pub struct Mul;
impl Binary for Mul {
    const NAME: &'static str = "mul";
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a * b
    }
    #[inline(always)]
    fn da<T: Real>(_: T, b: T) -> T {
        b
    }
    #[inline(always)]
    fn db<T: Real>(a: T, _: T) -> T {
        a
    }
}

/// y = a / b; ∂y/∂b = -a/b².
#[derive(Clone, Copy, Debug)]
pub struct Div;
impl Binary for Div {
    const NAME: &'static str = "div";
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a / b
    }
    #[inline(always)]
    fn da<T: Real>(_: T, b: T) -> T {
        T::ONE / b
    }
    #[inline(always)]
    fn db<T: Real>(a: T, b: T) -> T {
        -(a / (b * b))
    }
}

impl<T: Real, B: Binary> Op<T, 2> for B {
    const NAME: &'static str = B::NAME;
    type Saved = [Tensor<T>; 2];

    fn shape(&self, [a, b]: [&[usize]; 2]) -> Result<Shape> {
        broadcast(B::NAME, a, b)
    }

    fn forward(&self, [a, b]: [&Tensor<T>; 2], out: Shape) -> (Tensor<T>, Self::Saved) {
        let (a_out, b_out) = (expand(a, out), expand(b, out));
        let y = Tensor::build(out, |y| math::zip_map(a_out.data(), b_out.data(), y, B::f));
        (y, [a.clone(), b.clone()])
    }

    fn backward(&self, [a, b]: &Self::Saved, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let out = g.shape_owned();
        let (a_out, b_out) = (expand(a, out), expand(b, out));
        let gradient = |partial: fn(T, T) -> T, input: &Tensor<T>| {
            let full = Tensor::build(out, |d| {
                math::zip3_map(a_out.data(), b_out.data(), g.data(), d, |a, b, g| g * partial(a, b));
            });
            reduce_to(&full, input.shape_owned())
        };
        [need[0].then(|| gradient(B::da, a)), need[1].then(|| gradient(B::db, b))]
    }
}

/// Repeats `x` to the shape `out` that it broadcasts to.
pub(crate) fn expand<T: Real>(x: &Tensor<T>, out: Shape) -> Tensor<T> {
    if x.shape() == &*out {
        return x.clone();
    }
    let x = x.reshape(aligned(x.shape(), out.len())).expect("axes of size 1 in front change nothing");
    (0..out.len()).rev().fold(x, |x, axis| {
        if x.shape()[axis] == out[axis] {
            return x;
        }
        let shape = x.shape_owned().with(axis, out[axis]);
        let inner = shape[axis + 1..].iter().product::<usize>();
        Tensor::build(shape, |y| {
            for (block, y) in y.chunks_mut((out[axis] * inner).max(1)).enumerate() {
                y.chunks_mut(inner.max(1)).for_each(|y| y.copy_from_slice(&x.data()[block * inner..][..y.len()]));
            }
        })
    })
}

/// The adjoint of [`expand`]: sums over the repetitions.
pub(crate) fn reduce_to<T: Real>(g: &Tensor<T>, shape: Shape) -> Tensor<T> {
    let target = aligned(&shape, g.rank());
    let reduced = (0..g.rank()).fold(g.clone(), |g, axis| {
        if g.shape()[axis] == target[axis] {
            return g;
        }
        let outer = g.shape()[..axis].iter().product();
        let inner = g.shape()[axis + 1..].iter().product();
        Tensor::build(g.shape_owned().with(axis, 1), |y| {
            reduce::sum_axis(g.data(), outer, g.shape()[axis], inner, y);
        })
    });
    reduced.reshape(shape).expect("axes of size 1 in front change nothing")
}

/// The shape with axes of size 1 put in front, up to `rank`.
fn aligned(shape: &[usize], rank: usize) -> Shape {
    let mut sizes = vec![1; rank - shape.len()];
    sizes.extend_from_slice(shape);
    Shape::new(&sizes)
}

/// Arithmetic with broadcasting.
impl<T: Real> Var<T> {
    /// See [`Add`].
    pub fn add(&self, b: &Self) -> Result<Self> {
        apply(Add, [self, b])
    }
    /// See [`Sub`].
    pub fn sub(&self, b: &Self) -> Result<Self> {
        apply(Sub, [self, b])
    }
    /// See [`Mul`].
    pub fn mul(&self, b: &Self) -> Result<Self> {
        apply(Mul, [self, b])
    }
    /// See [`Div`].
    pub fn div(&self, b: &Self) -> Result<Self> {
        apply(Div, [self, b])
    }
}
