//! The trait of number types, through which the kernels are reached. `floats.rs` implements it for `f32` and `f64`.

use crate::chain::{FilterGradients, Filters, Passed, Stage};
use crate::dispatch::Isa;
use crate::{BlockGradients, Conv2d, MatMut, MatRef, Pool2d, kmeans};
use std::fmt::{Debug, Display};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// A real number type, `f32` or `f64`, with its elementary functions and its kernels.
///
/// Generic code reaches the fast `f32` kernels through these methods without knowing that they exist: for `f32` they
/// dispatch at run time to the widest instruction set, for `f64` (gradient checks) products go to `matrixmultiply`.
pub trait Scalar:
    Copy
    + Debug
    + Display
    + Default
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
{
    /// The type's name, `"f32"` or `"f64"`.
    const NAME: &'static str;
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// The distance from 1 to the next larger number.
    const EPSILON: Self;
    /// The largest finite number.
    const MAX: Self;
    /// Positive infinity.
    const INFINITY: Self;
    /// Not a number.
    const NAN: Self;

    /// Returns the nearest number of this type.
    fn from_f64(x: f64) -> Self;
    /// Returns the same number as `f64` (exact).
    fn to_f64(self) -> f64;
    /// Returns the nearest number of this type.
    #[inline(always)]
    fn from_usize(n: usize) -> Self {
        Self::from_f64(n as f64)
    }

    /// Returns `self * a + b`, rounded once.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Returns the square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// Returns the absolute value.
    fn abs(self) -> Self;
    /// Returns the larger of two; NaN if either is NaN, as in PyTorch.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other || self.is_nan() { self } else { other }
    }
    /// Returns the smaller of two; NaN if either is NaN.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self < other || self.is_nan() { self } else { other }
    }
    /// Returns whether this takes the place of `best`, the largest number so far: it is larger, or it is NaN and `best`
    /// is not.
    ///
    /// This is the one rule for the largest of several numbers, in max-pooling, maxima along an axis and argmax alike:
    /// of equal numbers the first is the largest, and the first NaN is larger than any number. So the argmax depends on
    /// the numbers and their order alone, and no NaN is hidden (as in PyTorch).
    #[inline(always)]
    fn exceeds(self, best: Self) -> bool {
        (self > best) | (self.is_nan() & !best.is_nan())
    }
    /// Returns whether this is not a number.
    #[inline(always)]
    #[allow(clippy::eq_op)]
    fn is_nan(self) -> bool {
        self != self
    }
    /// Returns whether this is neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Returns the largest integer not above.
    fn floor(self) -> Self;
    /// Returns e to the power of x.
    fn exp(self) -> Self;
    /// Returns the natural logarithm.
    fn ln(self) -> Self;
    /// Returns the hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Returns the Gauss error function.
    fn erf(self) -> Self;
    /// Returns 1 - erf x, which keeps its digits where that is small.
    fn erfc(self) -> Self;
    /// Returns ln (1 + x), accurate near 0.
    fn ln_1p(self) -> Self;
    /// Returns the logistic function, 1 / (1 + e^-x), without overflow.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        let e = (-self.abs()).exp();
        let top = if self < Self::ZERO { e } else { Self::ONE };
        top / (Self::ONE + e)
    }
    /// Returns `self` to the power of `p`.
    fn powf(self, p: Self) -> Self;

    /// Computes C = A B + beta C. With `beta` = 0, C is never read.
    fn gemm(a: MatRef<'_, Self>, b: MatRef<'_, Self>, beta: Self, c: MatMut<'_, Self>);
    /// Computes Y = X Wᵀ + bias, the bias added to each row: a fully connected layer. Y is row-major, rows of X by rows
    /// of W.
    fn linear(x: MatRef<'_, Self>, w: MatRef<'_, Self>, bias: &[Self], y: &mut [Self]);
    /// Computes y = x * w (+ bias); x is N C H W, w is O C KH KW, y is N O OH OW.
    fn conv2d_forward(g: &Conv2d, x: &[Self], w: &[Self], bias: Option<&[Self]>, y: &mut [Self]);
    /// Computes the adjoint of convolution: y = wᵀ * x (+ bias). `g` is the convolution that it is the adjoint of, so x
    /// is N O OH OW, w is O C KH KW, y is N C H W, and there is a bias for each of the C channels.
    fn conv_transpose2d_forward(g: &Conv2d, x: &[Self], w: &[Self], bias: Option<&[Self]>, y: &mut [Self]);
    /// Computes the gradient of x, written (not added) into `dx`.
    fn conv2d_backward_data(g: &Conv2d, dy: &[Self], w: &[Self], dx: &mut [Self]) {
        Self::conv_transpose2d_forward(g, dy, w, None, dx);
    }
    /// Computes the gradient of w, written (not added) into `dw`.
    fn conv2d_backward_weights(g: &Conv2d, x: &[Self], dy: &[Self], dw: &mut [Self]);
    /// Computes y = maxpool2x2(relu(x * w + bias)), or without the ReLU; a code for each output, if `codes` is given, says
    /// which pixel is the argmax (see [`crate::DEAD`]).
    fn conv2d_block_forward(
        g: &Conv2d,
        x: &[Self],
        w: &[Self],
        bias: &[Self],
        relu: bool,
        y: &mut [Self],
        codes: Option<&mut [u8]>,
    );
    /// Computes the gradients of [`conv2d_block_forward`](Self::conv2d_block_forward) from its codes and dY.
    fn conv2d_block_backward(
        g: &Conv2d,
        x: &[Self],
        w: &[Self],
        dy: &[Self],
        codes: &[u8],
        out: BlockGradients<'_, Self>,
    );
    /// See [`chain::forward`](crate::chain::forward).
    #[doc(hidden)]
    fn conv_chain_forward(
        stages: &[Stage],
        x: &[Self],
        filters: &[Filters<'_, Self>],
        y: &mut [Self],
        kept: Option<&mut [Self]>,
    );
    /// See [`chain::backward`](crate::chain::backward).
    #[doc(hidden)]
    fn conv_chain_backward(
        stages: &[Stage],
        passed: Passed<'_, Self>,
        filters: &[Filters<'_, Self>],
        dy: &[Self],
        dx: Option<&mut [Self]>,
        out: &mut [FilterGradients<'_, Self>],
    );
    /// Computes max-pooling; `argmax` receives each output's place as `row * W + column` in its plane. Padding is never
    /// the argmax.
    fn max_pool2d_forward(g: &Pool2d, x: &[Self], y: &mut [Self], argmax: &mut [u32]);
    /// Scatters `dy` to the argmaxes. `dx` is written whole.
    fn max_pool2d_backward(g: &Pool2d, dy: &[Self], argmax: &[u32], dx: &mut [Self]);
    /// Lends `f` `len` numbers of unspecified value; for `f32`, from those that the thread keeps.
    #[doc(hidden)]
    fn lend<R>(len: usize, f: impl FnOnce(&mut [Self]) -> R) -> R {
        f(&mut vec![Self::ZERO; len])
    }
    #[doc(hidden)]
    fn transpose_rows(level: Isa, x: &MatRef<'_, Self>, rows: &[u32], to: &mut [Self]);
    #[doc(hidden)]
    fn nearest(groups: &kmeans::Groups<Self>, x: &[Self], found: &mut [kmeans::Nearest<Self>]);
}
