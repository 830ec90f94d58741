//! The operators `+`, `-`, `*` and `/` between variables, between tensors, and with numbers, and the unary `-`.
//!
//! An operator is its method ([`add`](Var::add), [`sub`](Var::sub), [`mul`](Var::mul), [`div`](Var::div),
//! [`neg`](Var::neg)) and gives the same bits; between variables it is recorded on the tape as the method is. A number
//! is a constant of rank 0, which broadcasts to every shape. Operands may be owned or borrowed.
//!
//! ```
//! use gradus::prelude::*;
//! let tape = Tape::new();
//! let x = tape.leaf(Tensor::new(vec![1.0, 2.0], [2])?);
//! let y = (&x * &x + 1.0) / 2.0 - &x;
//! assert_eq!(y.value().data(), [0.0, 0.5]);
//! assert_eq!(tape.backward(&y.sum()?)?.of(&x)?.unwrap().data(), [0.0, 1.0]); // x - 1
//!
//! let t: Tensor = Tensor::new(vec![1.0, 2.0, 3.0, 4.0], [2, 2])?;
//! assert_eq!((2.0 * &t - &t).data(), t.data());
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! # Panics
//! An operator cannot return an error. Where the shapes do not fit (and where variables are on two tapes, or on one
//! that was consumed) it panics with the message that the method returns. Operators are for formulas whose shapes are
//! known as they are written; a program whose shapes come from outside calls the methods.
//!
//! ```should_panic
//! use gradus::prelude::*;
//! let [a, b] = [2, 3].map(|n| Tensor::<f32>::zeros([n]));
//! let _ = a + b; // add cannot broadcast [2] with [3]: axis -1 is 2, then 3, and neither is 1
//! ```

use super::arith::{Add, Div, Mul, Sub};
use crate::autograd::{Op, Var, apply};
use crate::error::Result;
use crate::real::Real;
use crate::tensor::Tensor;

/// Returns the value of the operator's method; panics with the method's message if it fails.
#[track_caller]
fn expect<X>(result: Result<X>) -> X {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// Returns an op of two tensors that are on no tape.
fn of_tensors<T: Real>(op: impl Op<T, 2>, a: &Tensor<T>, b: &Tensor<T>) -> Result<Tensor<T>> {
    apply(op, [a, b].map(|x| Var::constant(x.clone())).each_ref()).map(Var::into_value)
}

/// Arithmetic with NumPy's broadcasting; the operators panic where these return an error.
impl<T: Real> Tensor<T> {
    /// See [`Add`].
    pub fn add(&self, b: &Self) -> Result<Self> {
        of_tensors(Add, self, b)
    }
    /// See [`Sub`].
    pub fn sub(&self, b: &Self) -> Result<Self> {
        of_tensors(Sub, self, b)
    }
    /// See [`Mul`].
    pub fn mul(&self, b: &Self) -> Result<Self> {
        of_tensors(Mul, self, b)
    }
    /// See [`Div`].
    pub fn div(&self, b: &Self) -> Result<Self> {
        of_tensors(Div, self, b)
    }
}

/// Returns a number as a constant of rank 0.
fn constant<T: Real>(x: T) -> Var<T> {
    Var::constant(Tensor::scalar(x))
}

/// One operator of one type, on operands owned and borrowed: `$left` and `$right` are each `$Type` or `&$Type`.
macro_rules! pair {
    ($Type:ident, $Trait:ident, $method:ident, $left:ty, $right:ty) => {
        impl<T: Real> std::ops::$Trait<$right> for $left {
            type Output = $Type<T>;
            #[track_caller]
            fn $method(self, b: $right) -> $Type<T> {
                expect($Type::$method(&self, &b))
            }
        }
    };
}

/// The same with a number on the right, of the elements' type.
macro_rules! number_right {
    ($Type:ident, $number:path, $Trait:ident, $method:ident, $left:ty) => {
        impl<T: Real> std::ops::$Trait<T> for $left {
            type Output = $Type<T>;
            #[track_caller]
            fn $method(self, b: T) -> $Type<T> {
                expect($Type::$method(&self, &$number(b)))
            }
        }
    };
}

/// And with a number on the left.
macro_rules! number_left {
    ($Type:ident, $number:path, $Trait:ident, $method:ident, $real:ty, $right:ty) => {
        impl std::ops::$Trait<$right> for $real {
            type Output = $Type<$real>;
            #[track_caller]
            fn $method(self, b: $right) -> $Type<$real> {
                expect($Type::$method(&$number(self), &b))
            }
        }
    };
}

macro_rules! operators {
    ($Type:ident, $number:path: $($Trait:ident $method:ident),*) => {$(
        pair!($Type, $Trait, $method, $Type<T>, $Type<T>);
        pair!($Type, $Trait, $method, $Type<T>, &$Type<T>);
        pair!($Type, $Trait, $method, &$Type<T>, $Type<T>);
        pair!($Type, $Trait, $method, &$Type<T>, &$Type<T>);
        number_right!($Type, $number, $Trait, $method, $Type<T>);
        number_right!($Type, $number, $Trait, $method, &$Type<T>);
        number_left!($Type, $number, $Trait, $method, f32, $Type<f32>);
        number_left!($Type, $number, $Trait, $method, f32, &$Type<f32>);
        number_left!($Type, $number, $Trait, $method, f64, $Type<f64>);
        number_left!($Type, $number, $Trait, $method, f64, &$Type<f64>);
    )*};
}

operators!(Var, constant: Add add, Sub sub, Mul mul, Div div);
operators!(Tensor, Tensor::scalar: Add add, Sub sub, Mul mul, Div div);

impl<T: Real> std::ops::Neg for &Var<T> {
    type Output = Var<T>;
    #[track_caller]
    fn neg(self) -> Var<T> {
        expect(Var::neg(self))
    }
}

impl<T: Real> std::ops::Neg for Var<T> {
    type Output = Var<T>;
    #[track_caller]
    fn neg(self) -> Var<T> {
        expect(Var::neg(&self))
    }
}

impl<T: Real> std::ops::Neg for &Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        self.map(|x| -x)
    }
}

impl<T: Real> std::ops::Neg for Tensor<T> {
    type Output = Tensor<T>;
    fn neg(self) -> Tensor<T> {
        self.map(|x| -x)
    }
}
