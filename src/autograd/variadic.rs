//! Ops of any number of inputs, as [`Op`](super::Op) is for a fixed number.

use super::backward::Backward;
use super::tape::{Tape, Var};
use crate::error::Result;
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A differentiable function of any number of tensors, applied by [`apply_variadic`].
///
/// ```
/// use gradus::prelude::*;
///
/// /// The mean of several tensors of one shape.
/// struct Average;
///
/// impl VariadicOp<f32> for Average {
///     const NAME: &'static str = "average";
///     type Saved = ();
///
///     fn shape(&self, x: &[&[usize]]) -> Result<Shape> {
///         match x {
///             [first, rest @ ..] if rest.iter().all(|shape| shape == first) => Ok(Shape::new(first)),
///             _ => Err(Error::shape("average", format!("needs tensors of one shape; got {x:?}"))),
///         }
///     }
///
///     fn forward(&self, x: &[&Tensor], out: Shape) -> (Tensor, ()) {
///         (Tensor::from_fn(out, |i| x.iter().map(|x| x.data()[i]).sum::<f32>() / x.len() as f32), ())
///     }
///
///     fn backward(&self, _: &(), g: &Tensor, need: &[bool]) -> Vec<Option<Tensor>> {
///         let each = g.map(|g| g / need.len() as f32);
///         need.iter().map(|need| need.then(|| each.clone())).collect()
///     }
/// }
///
/// let tape = Tape::new();
/// let x = [1.0, 2.0, 6.0].map(|x| tape.leaf(Tensor::scalar(x)));
/// let y = apply_variadic(Average, &[&x[0], &x[1], &x[2]])?;
/// assert_eq!(y.value().item(), 3.0);
/// assert_eq!(tape.backward(&y)?.of(&x[1])?.unwrap().item(), 1.0 / 3.0);
/// # Ok::<(), Error>(())
/// ```
pub trait VariadicOp<T: Real>: 'static {
    /// The name in messages and in the gradient table.
    const NAME: &'static str;
    /// The values that `backward` needs.
    type Saved: 'static;

    /// Returns the shape of the result, or why there is none; as in [`Op::shape`](super::Op::shape).
    fn shape(&self, x: &[&[usize]]) -> Result<Shape>;

    /// Computes the value y = f(x), and returns it with the values that the derivative needs.
    fn forward(&self, x: &[&Tensor<T>], out: Shape) -> (Tensor<T>, Self::Saved);

    /// Computes the gradient with respect to each input, in order, from g, the gradient of the loss with respect to y.
    /// Gradients that `need` does not ask for may be omitted.
    fn backward(&self, saved: &Self::Saved, g: &Tensor<T>, need: &[bool]) -> Vec<Option<Tensor<T>>>;

    /// Computes the value alone. Worth overriding where saving costs something.
    fn infer(&self, x: &[&Tensor<T>], out: Shape) -> Tensor<T> {
        self.forward(x, out).0
    }
}

struct Recorded<O, S> {
    op: O,
    saved: S,
    need: Vec<bool>,
}

impl<T: Real, O: VariadicOp<T>> Backward<T> for Recorded<O, O::Saved> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn backward(&self, g: &Tensor<T>, give: &mut dyn FnMut(usize, Tensor<T>)) {
        let gradients = self.op.backward(&self.saved, g, &self.need);
        for (input, (gradient, need)) in gradients.into_iter().zip(&self.need).enumerate() {
            if let (true, Some(gradient)) = (need, gradient) {
                give(input, gradient);
            }
        }
    }
}

/// Applies an op to any number of variables: checks the shapes, computes the value, and records the op if any input is
/// on a tape.
pub fn apply_variadic<T: Real, O: VariadicOp<T>>(op: O, x: &[&Var<T>]) -> Result<Var<T>> {
    let shapes: Vec<&[usize]> = x.iter().map(|v| v.shape()).collect();
    let out = op.shape(&shapes)?.fits::<T>(O::NAME)?;
    let values: Vec<&Tensor<T>> = x.iter().map(|v| v.value()).collect();
    match Tape::of(O::NAME, x)? {
        None => Ok(Var::constant(op.infer(&values, out))),
        Some(tape) => {
            let (y, saved) = op.forward(&values, out);
            debug_assert_eq!(y.shape(), &*out, "{}: forward and shape disagree", O::NAME);
            let need = x.iter().map(|v| v.is_recorded()).collect();
            Ok(tape.record(y, x, Box::new(Recorded { op, saved, need })))
        }
    }
}
