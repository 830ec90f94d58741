//! Arithmetic of two tensors, with NumPy's broadcasting: shapes are aligned at the right, and an axis of size 1 is
//! repeated. The gradient of a repeated input is the sum over its repetitions.

use crate::autograd::{Op, Var, apply};
use crate::error::Result;
use crate::real::Real;
use crate::shape::{Shape, broadcast};
use crate::tensor::Tensor;
use gradus_kernels::math;

/// A function of two numbers, and the gradients of its inputs where g = dL/dy arrives. They include g, rather than
/// return a factor for it: a quotient's 1/b may overflow where g/b does not.
///
/// ```
/// use gradus::ops::arith::{Binary, Div};
/// // y = a / b at (6, 3), where the gradient 1 arrives.
/// assert_eq!(Div::f(6.0, 3.0), 2.0);
/// assert_eq!((Div::da(6.0, 3.0, 1.0), Div::db(6.0, 3.0, 1.0)), (1.0 / 3.0, -2.0 / 3.0));
/// ```
pub trait Binary: Copy + Send + Sync + 'static {
    /// The op's name.
    const NAME: &'static str;
    /// Whether the gradient of a, and that of b, is g itself: it is then handed on and not copied.
    const HANDS_ON: [bool; 2] = [false; 2];
    /// Returns the value f(a, b).
    fn f<T: Real>(a: T, b: T) -> T;
    /// g ∂f/∂a.
    fn da<T: Real>(a: T, b: T, g: T) -> T;
    /// g ∂f/∂b.
    fn db<T: Real>(a: T, b: T, g: T) -> T;
}

/// y = a + b.
#[derive(Clone, Copy, Debug)]
pub struct Add;
impl Binary for Add {
    const NAME: &'static str = "add";
    const HANDS_ON: [bool; 2] = [true; 2];
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a + b
    }
    #[inline(always)]
    fn da<T: Real>(_: T, _: T, g: T) -> T {
        g
    }
    #[inline(always)]
    fn db<T: Real>(_: T, _: T, g: T) -> T {
        g
    }
}

/// y = a - b.
#[derive(Clone, Copy, Debug)]
pub struct Sub;
impl Binary for Sub {
    const NAME: &'static str = "sub";
    const HANDS_ON: [bool; 2] = [true, false];
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a - b
    }
    #[inline(always)]
    fn da<T: Real>(_: T, _: T, g: T) -> T {
        g
    }
    #[inline(always)]
    fn db<T: Real>(_: T, _: T, g: T) -> T {
        -g
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
    fn da<T: Real>(_: T, b: T, g: T) -> T {
        g * b
    }
    #[inline(always)]
    fn db<T: Real>(a: T, _: T, g: T) -> T {
        g * a
    }
}

/// y = a / b; da = g/b, db = -(g/b) (a/b): b² would overflow or vanish where these do not.
#[derive(Clone, Copy, Debug)]
pub struct Div;
impl Binary for Div {
    const NAME: &'static str = "div";
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a / b
    }
    #[inline(always)]
    fn da<T: Real>(_: T, b: T, g: T) -> T {
        g / b
    }
    #[inline(always)]
    fn db<T: Real>(a: T, b: T, g: T) -> T {
        -((g / b) * (a / b))
    }
}

/// y = max(a, b); the gradient goes to the larger, half of it to each of two equals. NaN on either side gives NaN, and
/// both have the gradient, as in PyTorch.
#[derive(Clone, Copy, Debug)]
pub struct Maximum;
impl Binary for Maximum {
    const NAME: &'static str = "maximum";
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a.max(b)
    }
    #[inline(always)]
    fn da<T: Real>(a: T, b: T, g: T) -> T {
        unless_below(a, b, g)
    }
    #[inline(always)]
    fn db<T: Real>(a: T, b: T, g: T) -> T {
        unless_below(b, a, g)
    }
}

/// y = min(a, b); the gradient goes to the smaller, half of it to each of two equals. NaN as for [`Maximum`].
#[derive(Clone, Copy, Debug)]
pub struct Minimum;
impl Binary for Minimum {
    const NAME: &'static str = "minimum";
    #[inline(always)]
    fn f<T: Real>(a: T, b: T) -> T {
        a.min(b)
    }
    #[inline(always)]
    fn da<T: Real>(a: T, b: T, g: T) -> T {
        unless_below(b, a, g)
    }
    #[inline(always)]
    fn db<T: Real>(a: T, b: T, g: T) -> T {
        unless_below(a, b, g)
    }
}

/// g unless a < b, and g/2 where they are equal.
#[inline(always)]
fn unless_below<T: Real>(a: T, b: T, g: T) -> T {
    if a == b {
        T::from_f64(0.5) * g
    } else if a < b {
        T::ZERO
    } else {
        g
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
        if B::HANDS_ON == [true; 2] {
            return [need[0].then(|| reduce_to(g, a.shape_owned())), need[1].then(|| reduce_to(g, b.shape_owned()))];
        }
        let (a_out, b_out) = (expand(a, out), expand(b, out));
        let inputs = [&a_out, &b_out, g];
        let da = || if B::HANDS_ON[0] { g.clone() } else { each(inputs, B::da) };
        [
            need[0].then(|| reduce_to(&da(), a.shape_owned())),
            need[1].then(|| reduce_to(&each(inputs, B::db), b.shape_owned())),
        ]
    }
}

/// f of the elements of three tensors of one shape.
fn each<T: Real>([a, b, g]: [&Tensor<T>; 3], f: impl Fn(T, T, T) -> T + Sync) -> Tensor<T> {
    Tensor::build(g.shape_owned(), |y| math::zip3_map(a.data(), b.data(), g.data(), y, f))
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

/// Returns the adjoint of [`expand`]: sums over the repetitions.
pub(crate) fn reduce_to<T: Real>(g: &Tensor<T>, shape: Shape) -> Tensor<T> {
    let target = aligned(&shape, g.rank());
    let reduced = (0..g.rank()).fold(g.clone(), |g, axis| {
        if g.shape()[axis] == target[axis] {
            return g;
        }
        let outer = g.shape()[..axis].iter().product();
        let inner = g.shape()[axis + 1..].iter().product();
        Tensor::build(g.shape_owned().with(axis, 1), |y| {
            T::sum_axis(g.data(), outer, g.shape()[axis], inner, y);
        })
    });
    reduced.reshape(shape).expect("axes of size 1 in front change nothing")
}

/// Returns the shape with axes of size 1 put in front, up to `rank`.
fn aligned(shape: &[usize], rank: usize) -> Shape {
    let mut sizes = vec![1; rank - shape.len()];
    sizes.extend_from_slice(shape);
    Shape::new(&sizes)
}

/// Arithmetic with broadcasting.
///
/// ```
/// use gradus::prelude::*;
///
/// let x = Var::constant(Tensor::new(vec![1.0, 2.0, 3.0, 4.0], [2, 2])?);
/// let row = Var::constant(Tensor::new(vec![10.0, 20.0], [2])?);
/// assert_eq!(x.add(&row)?.value().data(), [11.0, 22.0, 13.0, 24.0]);
/// assert_eq!(x.maximum(&Var::constant(Tensor::scalar(2.5)))?.value().data(), [2.5, 2.5, 3.0, 4.0]);
/// let three = Var::constant(Tensor::zeros([3]));
/// assert!(x.mul(&three).is_err()); // two columns against three
/// # Ok::<(), Error>(())
/// ```
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
    /// Returns the larger of two, element by element; see [`Maximum`]. For the largest of one tensor see
    /// [`max`](Self::max).
    pub fn maximum(&self, b: &Self) -> Result<Self> {
        apply(Maximum, [self, b])
    }
    /// Returns the smaller of two, element by element; see [`Minimum`].
    pub fn minimum(&self, b: &Self) -> Result<Self> {
        apply(Minimum, [self, b])
    }
    /// Limits that are tensors: min(max(x, `low`), `high`), so `high` where low > high. On a limit x and the limit have
    /// half the gradient each, where [`clamp`](Self::clamp), whose limits are fixed, gives x all of it.
    ///
    /// ```
    /// use gradus::prelude::*;
    /// let x = Var::constant(Tensor::new(vec![-3.0, 0.5, 4.0], [3])?);
    /// let [low, high] = [-1.0, 2.0].map(|limit| Var::constant(Tensor::scalar(limit)));
    /// assert_eq!(x.clamp_by(&low, &high)?.value().data(), [-1.0, 0.5, 2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn clamp_by(&self, low: &Self, high: &Self) -> Result<Self> {
        self.maximum(low)?.minimum(high)
    }
}
