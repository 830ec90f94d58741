//! Functions of one number, applied to each element: y = f(x), and dL/dx = g · f'(x).
//!
//! Such an op is a block with `f` and `df`; the rest is the same for all and written once, below them.
//!
//! Where a function saturates, its derivative is the difference of two almost equal numbers if it is computed from the
//! value: of σ' = y (1 - y) no digit is left at x = 17 in `f32`, of 1 - y² none at x = 9. So the derivatives of
//! sigmoid, tanh and ELU are computed from x, in forms that add and multiply positive numbers. Values and derivatives
//! of all functions here are within 16 units in the last place (GELU's within 16 + x²), a derivative that crosses zero
//! (GELU's) relative to its terms; `tests/engine/precision.rs` holds them to it over the range of `f32`.

use crate::autograd::{Op, Var, apply};
use crate::error::Result;
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;
use gradus_kernels::math::{self, Pointwise};

/// A function of one number and its derivative.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::ops::scalar::Elementwise;
///
/// /// y = x³; every `Elementwise` is an op.
/// #[derive(Clone, Copy)]
/// struct Cube;
///
/// impl Elementwise for Cube {
///     const NAME: &'static str = "cube";
///     fn f<T: Real>(&self, x: T) -> T {
///         x * x * x
///     }
///     fn df<T: Real>(&self, x: T, _: T) -> T {
///         T::from_f64(3.0) * x * x
///     }
/// }
///
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::scalar(2.0));
/// let y = apply(Cube, [&x])?;
/// assert_eq!(tape.backward(&y)?.of(&x)?.unwrap().item(), 12.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Elementwise: Copy + Send + Sync + 'static {
    /// The op's name.
    const NAME: &'static str;
    /// Whether f'(x) can be computed from y alone; x is then not kept, and the next layers work in its memory.
    const BY_VALUE: bool = false;
    /// Returns the value f(x).
    fn f<T: Real>(&self, x: T) -> T;
    /// Returns the derivative f'(x), from x and y = f(x).
    fn df<T: Real>(&self, x: T, y: T) -> T;
}

impl<T: Real, E: Elementwise> Op<T, 1> for E {
    const NAME: &'static str = E::NAME;
    /// x, unless the derivative can do without, and y.
    type Saved = (Option<Tensor<T>>, Tensor<T>);

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        Ok(Shape::new(x))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Self::Saved) {
        let y = Tensor::build(out, |y| math::apply([x.data()], y, &Value(*self)));
        (y.clone(), ((!E::BY_VALUE).then(|| x.clone()), y))
    }

    fn backward(&self, (x, y): &Self::Saved, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let x = x.as_ref().unwrap_or(y); // not looked at in the latter case
        [Some(Tensor::build(y.shape_owned(), |dx| {
            math::apply([x.data(), y.data(), g.data()], dx, &Derivative(*self));
        }))]
    }
}

/// f as the kernels' loops take it: inlined, so that it runs at full width.
pub(super) struct Value<E>(pub(super) E);
impl<T: Real, E: Elementwise> Pointwise<T, 1> for Value<E> {
    #[inline(always)]
    fn at(&self, [x]: [T; 1]) -> T {
        self.0.f(x)
    }
}

/// g · f' as the kernels' loops take it.
struct Derivative<E>(E);
impl<T: Real, E: Elementwise> Pointwise<T, 3> for Derivative<E> {
    #[inline(always)]
    fn at(&self, [x, y, g]: [T; 3]) -> T {
        g * self.0.df(x, y)
    }
}

/// eˣ - 1, computed as tanh(x/2) (eˣ + 1), the same number, which keeps its digits near 0.
#[inline(always)]
pub(super) fn exp_m1<T: Real>(x: T) -> T {
    (c::<T>(0.5) * x).tanh() * (x.exp() + T::ONE)
}

/// Returns a constant of type `T`.
#[inline(always)]
fn c<T: Real>(x: f64) -> T {
    T::from_f64(x)
}

/// y = -x.
#[derive(Clone, Copy, Debug)]
pub struct Neg;
impl Elementwise for Neg {
    const NAME: &'static str = "neg";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        -x
    }
    #[inline(always)]
    fn df<T: Real>(&self, _: T, _: T) -> T {
        -T::ONE
    }
}

/// y = scale · x + shift.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    /// The scale.
    pub scale: f64,
    /// The shift.
    pub shift: f64,
}
impl Elementwise for Affine {
    const NAME: &'static str = "affine";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        c::<T>(self.scale) * x + c(self.shift)
    }
    #[inline(always)]
    fn df<T: Real>(&self, _: T, _: T) -> T {
        c(self.scale)
    }
}

/// y = eˣ; dy/dx = y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exp;
impl Elementwise for Exp {
    const NAME: &'static str = "exp";
    const BY_VALUE: bool = true;
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x.exp()
    }
    #[inline(always)]
    fn df<T: Real>(&self, _: T, y: T) -> T {
        y
    }
}

/// y = ln x; dy/dx = 1/x. NaN for x < 0, -∞ at 0.
#[derive(Clone, Copy, Debug)]
pub struct Log;
impl Elementwise for Log {
    const NAME: &'static str = "log";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x.ln()
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        T::ONE / x
    }
}

/// y = sin x, x in radians; dy/dx = cos x. NaN at infinity.
///
/// Sine and cosine are computed in `f64` by the portable library of elementary functions `libm` (the kernels have no
/// polynomial for them) and then rounded: the same bits on every machine, within a unit in the last place, far out too.
#[derive(Clone, Copy, Debug)]
pub struct Sin;
impl Elementwise for Sin {
    const NAME: &'static str = "sin";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        c(libm::sin(x.to_f64()))
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        c(libm::cos(x.to_f64()))
    }
}

/// y = cos x, x in radians; dy/dx = -sin x. Computed as [`Sin`] is.
#[derive(Clone, Copy, Debug)]
pub struct Cos;
impl Elementwise for Cos {
    const NAME: &'static str = "cos";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        c(libm::cos(x.to_f64()))
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        c(-libm::sin(x.to_f64()))
    }
}

/// y = √x; dy/dx = 1/(2y), infinite at 0.
#[derive(Clone, Copy, Debug)]
pub struct Sqrt;
impl Elementwise for Sqrt {
    const NAME: &'static str = "sqrt";
    const BY_VALUE: bool = true;
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x.sqrt()
    }
    #[inline(always)]
    fn df<T: Real>(&self, _: T, y: T) -> T {
        c::<T>(0.5) / y
    }
}

/// y = xᵖ for a constant p; dy/dx = p xᵖ⁻¹. Small whole p go by multiplication, which also serves negative x.
#[derive(Clone, Copy, Debug)]
pub struct Pow {
    /// The exponent.
    pub p: f64,
}
impl Pow {
    #[inline(always)]
    fn power<T: Real>(x: T, p: f64) -> T {
        if p == 0.0 {
            T::ONE
        } else if p == 1.0 {
            x
        } else if p == 2.0 {
            x * x
        } else if p == 3.0 {
            x * x * x
        } else {
            x.powf(c(p))
        }
    }
}
impl Elementwise for Pow {
    const NAME: &'static str = "pow";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        Self::power(x, self.p)
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        if self.p == 0.0 { T::ZERO } else { c::<T>(self.p) * Self::power(x, self.p - 1.0) }
    }
}

/// y = |x|; dy/dx = sign x, and 0 at the kink and of NaN.
#[derive(Clone, Copy, Debug)]
pub struct Abs;
impl Elementwise for Abs {
    const NAME: &'static str = "abs";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x.abs()
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        if x > T::ZERO {
            T::ONE
        } else if x < T::ZERO {
            -T::ONE
        } else {
            T::ZERO
        }
    }
}

/// y = max(x, 0) (Fukushima 1969; Nair and Hinton 2010); dy/dx = 0 where x ≤ 0, else 1. NaN stays NaN, with derivative 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Relu;
impl Elementwise for Relu {
    const NAME: &'static str = "relu";
    const BY_VALUE: bool = true;
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        if x <= T::ZERO { T::ZERO } else { x }
    }
    #[inline(always)]
    fn df<T: Real>(&self, _: T, y: T) -> T {
        if y <= T::ZERO { T::ZERO } else { T::ONE }
    }
}

/// y = x where x > 0, else slope · x (Maas et al. 2013).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyRelu {
    /// The slope of the negative side; PyTorch's default is 0.01.
    pub slope: f64,
}
impl Elementwise for LeakyRelu {
    const NAME: &'static str = "leaky_relu";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        if x > T::ZERO { x } else { c::<T>(self.slope) * x }
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        if x > T::ZERO { T::ONE } else { c(self.slope) }
    }
}

/// y = 1/(1 + e⁻ˣ); dy/dx = y (1 - y) = e/(1 + e)² with e = e^-|x|.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sigmoid;
impl Elementwise for Sigmoid {
    const NAME: &'static str = "sigmoid";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x.sigmoid()
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        let e = (-x.abs()).exp();
        let whole = T::ONE + e;
        e / (whole * whole)
    }
}

/// y = tanh x; dy/dx = 1 - y² = 4 e/(1 + e)² with e = e^-2|x|.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tanh;
impl Elementwise for Tanh {
    const NAME: &'static str = "tanh";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x.tanh()
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        let e = (c::<T>(-2.0) * x.abs()).exp();
        let whole = T::ONE + e;
        c::<T>(4.0) * e / (whole * whole)
    }
}

/// y = x Φ(x) with the normal distribution function Φ(x) = erfc(-x/√2)/2 (Hendrycks and Gimpel 2016, the exact form);
/// dy/dx = Φ(x) + x φ(x). Both have the relative error of e^(-x²/2), x²/2 units in the last place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gelu;
impl Gelu {
    #[inline(always)]
    fn cdf<T: Real>(x: T) -> T {
        c::<T>(0.5) * (x * c(-std::f64::consts::FRAC_1_SQRT_2)).erfc()
    }
}
impl Elementwise for Gelu {
    const NAME: &'static str = "gelu";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x * Self::cdf(x)
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        const ONE_OVER_ROOT_TAU: f64 = 0.398_942_280_401_432_7;
        Self::cdf(x) + x * (c::<T>(-0.5) * x * x).exp() * c(ONE_OVER_ROOT_TAU)
    }
}

/// y = α (eˣ - 1) where x ≤ 0, else x (Clevert, Unterthiner and Hochreiter 2015); dy/dx = α eˣ where x ≤ 0, else 1.
/// NaN stays NaN, with derivative 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elu {
    /// Minus the value that very negative x come to; PyTorch's and Keras's default is 1.
    pub alpha: f64,
}
impl Elementwise for Elu {
    const NAME: &'static str = "elu";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        if x <= T::ZERO { c::<T>(self.alpha) * exp_m1(x) } else { x }
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        if x <= T::ZERO { c::<T>(self.alpha) * x.exp() } else { T::ONE }
    }
}

/// y = ln(1 + eˣ) (Dugas et al. 2000), a ReLU with a round corner; dy/dx = 1/(1 + e⁻ˣ). Computed as
/// max(x, 0) + ln(1 + e^-|x|), in which nothing overflows and small values keep their digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Softplus;
impl Elementwise for Softplus {
    const NAME: &'static str = "softplus";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        x.max(T::ZERO) + (-x.abs()).exp().ln_1p()
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        x.sigmoid()
    }
}

/// y = min(max(x, low), high); dy/dx = 1 on [low, high], limits included, else 0. NaN stays NaN, with derivative 0.
/// Where low > high, y is high everywhere.
#[derive(Clone, Copy, Debug)]
pub struct Clamp {
    /// The lower limit.
    pub low: f64,
    /// The upper limit.
    pub high: f64,
}
impl Elementwise for Clamp {
    const NAME: &'static str = "clamp";
    #[inline(always)]
    fn f<T: Real>(&self, x: T) -> T {
        let raised = if x < c(self.low) { c(self.low) } else { x };
        if raised > c(self.high) { c(self.high) } else { raised }
    }
    #[inline(always)]
    fn df<T: Real>(&self, x: T, _: T) -> T {
        if x >= c(self.low) && x <= c(self.high) { T::ONE } else { T::ZERO }
    }
}

/// The elementwise functions.
///
/// ```
/// use gradus::prelude::*;
///
/// let x = Var::constant(Tensor::<f32>::new(vec![-1.0, 0.0, 4.0], [3])?);
/// assert_eq!(x.relu()?.value().data(), [0.0, 0.0, 4.0]);
/// assert_eq!(x.abs()?.sqrt()?.value().data(), [1.0, 0.0, 2.0]);
/// assert_eq!(x.affine(2.0, 1.0)?.value().data(), [-1.0, 1.0, 9.0]);
/// assert_eq!(x.clamp(-0.5, 0.5)?.value().data(), [-0.5, 0.0, 0.5]);
/// assert_eq!(x.exp()?.log()?.shape(), [3]);
/// # Ok::<(), Error>(())
/// ```
impl<T: Real> Var<T> {
    /// See [`Neg`].
    pub fn neg(&self) -> Result<Self> {
        apply(Neg, [self])
    }
    /// Computes `scale` · x + `shift`; see [`Affine`].
    pub fn affine(&self, scale: f64, shift: f64) -> Result<Self> {
        apply(Affine { scale, shift }, [self])
    }
    /// See [`Exp`].
    pub fn exp(&self) -> Result<Self> {
        apply(Exp, [self])
    }
    /// See [`Log`].
    pub fn log(&self) -> Result<Self> {
        apply(Log, [self])
    }
    /// See [`Sin`].
    pub fn sin(&self) -> Result<Self> {
        apply(Sin, [self])
    }
    /// See [`Cos`].
    pub fn cos(&self) -> Result<Self> {
        apply(Cos, [self])
    }
    /// See [`Sqrt`].
    pub fn sqrt(&self) -> Result<Self> {
        apply(Sqrt, [self])
    }
    /// See [`Pow`].
    pub fn pow(&self, p: f64) -> Result<Self> {
        apply(Pow { p }, [self])
    }
    /// See [`Abs`].
    pub fn abs(&self) -> Result<Self> {
        apply(Abs, [self])
    }
    /// See [`Relu`].
    pub fn relu(&self) -> Result<Self> {
        apply(Relu, [self])
    }
    /// See [`LeakyRelu`].
    pub fn leaky_relu(&self, slope: f64) -> Result<Self> {
        apply(LeakyRelu { slope }, [self])
    }
    /// See [`Sigmoid`].
    pub fn sigmoid(&self) -> Result<Self> {
        apply(Sigmoid, [self])
    }
    /// See [`Tanh`].
    pub fn tanh(&self) -> Result<Self> {
        apply(Tanh, [self])
    }
    /// See [`Gelu`].
    pub fn gelu(&self) -> Result<Self> {
        apply(Gelu, [self])
    }
    /// See [`Elu`].
    pub fn elu(&self, alpha: f64) -> Result<Self> {
        apply(Elu { alpha }, [self])
    }
    /// See [`Softplus`].
    pub fn softplus(&self) -> Result<Self> {
        apply(Softplus, [self])
    }
    /// See [`Clamp`].
    pub fn clamp(&self, low: f64, high: f64) -> Result<Self> {
        apply(Clamp { low, high }, [self])
    }
}
