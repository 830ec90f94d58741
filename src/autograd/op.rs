//! What an op is: a shape rule, a value and a derivative, side by side.

use super::backward::Backward;
use super::tape::{Tape, Var};
use crate::error::Result;
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A differentiable function of `N` tensors. Settings such as a stride are fields of the implementing type.
///
/// ```
/// use gradus::prelude::*;
///
/// /// y = x³.
/// struct Cube;
///
/// impl Op<f32, 1> for Cube {
///     const NAME: &'static str = "cube";
///     type Saved = Tensor;
///
///     fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
///         Ok(Shape::new(x))
///     }
///     fn forward(&self, [x]: [&Tensor; 1], _: Shape) -> (Tensor, Tensor) {
///         (x.map(|x| x * x * x), x.clone())
///     }
///     fn backward(&self, x: &Tensor, g: &Tensor, _: [bool; 1]) -> [Option<Tensor>; 1] {
///         [Some(g * x.map(|x| 3.0 * x * x))]
///     }
/// }
///
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::scalar(2.0));
/// let y = apply(Cube, [&x])?;
/// assert_eq!(y.value().item(), 8.0);
/// assert_eq!(tape.backward(&y)?.of(&x)?.unwrap().item(), 12.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Op<T: Real, const N: usize>: 'static {
    /// The name in messages and in the gradient table.
    const NAME: &'static str;
    /// The values that `backward` needs.
    type Saved: 'static;

    /// Returns the shape of the result, or why there is none. The only method that can fail. Sizes must not wrap; that
    /// the result as a whole can exist is checked by [`apply`].
    fn shape(&self, x: [&[usize]; N]) -> Result<Shape>;

    /// Computes the value y = f(x), and returns it with the values that the derivative needs.
    fn forward(&self, x: [&Tensor<T>; N], out: Shape) -> (Tensor<T>, Self::Saved);

    /// Computes the gradients with respect to the inputs, `Jᵀ g`, from g, the gradient of the loss with respect to y.
    /// Gradients that `need` does not ask for may be omitted.
    fn backward(&self, saved: &Self::Saved, g: &Tensor<T>, need: [bool; N]) -> [Option<Tensor<T>>; N];

    /// Computes the value alone. Worth overriding where saving costs something.
    fn infer(&self, x: [&Tensor<T>; N], out: Shape) -> Tensor<T> {
        self.forward(x, out).0
    }
}

struct Recorded<O, S, const N: usize> {
    op: O,
    saved: S,
    need: [bool; N],
}

impl<T: Real, O: Op<T, N>, const N: usize> Backward<T> for Recorded<O, O::Saved, N> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn backward(&self, g: &Tensor<T>, give: &mut dyn FnMut(usize, Tensor<T>)) {
        for (input, gradient) in self.op.backward(&self.saved, g, self.need).into_iter().enumerate() {
            if let (true, Some(gradient)) = (self.need[input], gradient) {
                give(input, gradient);
            }
        }
    }
}

/// Applies an op: checks the shapes, computes the value, and records the op if any input is on a tape.
pub fn apply<T: Real, O: Op<T, N>, const N: usize>(op: O, x: [&Var<T>; N]) -> Result<Var<T>> {
    let out = op.shape(shapes(x))?.fits::<T>(O::NAME)?;
    let values = values(x);
    match Tape::of(O::NAME, &x)? {
        None => Ok(Var::constant(op.infer(values, out))),
        Some(tape) => {
            let (y, saved) = op.forward(values, out);
            debug_assert_eq!(y.shape(), &*out, "{}: forward and shape disagree", O::NAME);
            Ok(tape.record(y, &x, Box::new(Recorded { op, saved, need: recorded(x) })))
        }
    }
}

// What does not depend on the op is compiled once, not for every op.

fn shapes<T: Real, const N: usize>(x: [&Var<T>; N]) -> [&[usize]; N] {
    x.map(|v| v.shape())
}

fn values<T: Real, const N: usize>(x: [&Var<T>; N]) -> [&Tensor<T>; N] {
    x.map(|v| v.value())
}

fn recorded<T: Real, const N: usize>(x: [&Var<T>; N]) -> [bool; N] {
    x.map(|v| v.is_recorded())
}
