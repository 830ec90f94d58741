//! Dropout (Srivastava et al. 2014), inverted: in training each element is zero with probability p, and the others
//! are scaled by 1/(1 - p), so that nothing needs rescaling in evaluation.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::rng::Rng;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y = x · mask / (1 - p); dL/dx = g · mask / (1 - p).
///
/// The mask is a function of the first number of `rng`, a stream that belongs to (seed, layer, step), and of the
/// element's place. It is not kept: backward asks for it again.
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::full([1000], 1.0));
/// let y = x.dropout(0.5, Rng::new(1, "mask", 0))?;
/// // Half is zeroed, and what is kept counts twice.
/// assert!(y.value().data().iter().all(|&y| y == 0.0 || y == 2.0));
/// assert!((y.mean()?.value().item() - 1.0f32).abs() < 0.1);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dropout {
    /// Probability of a zero, in [0, 1).
    pub p: f64,
    /// The stream from which the mask is drawn.
    pub rng: Rng,
}

impl<T: Real> Op<T, 1> for Dropout {
    const NAME: &'static str = "dropout";
    type Saved = ();

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        if !(0.0..1.0).contains(&self.p) {
            return Err(Error::invalid(format!("dropout: p = {} is not in [0, 1)", self.p)));
        }
        Ok(Shape::new(x))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, ()) {
        (self.masked(x), ())
    }

    fn backward(&self, _: &(), g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        [Some(self.masked(g))]
    }
}

impl Dropout {
    fn masked<T: Real>(&self, x: &Tensor<T>) -> Tensor<T> {
        let key = self.rng.clone().bits();
        Tensor::build(x.shape_owned(), |y| T::dropout(key, self.p, x.data(), y))
    }
}

/// Dropout.
impl<T: Real> Var<T> {
    /// See [`Dropout`].
    pub fn dropout(&self, p: f64, rng: Rng) -> Result<Self> {
        apply(Dropout { p, rng }, [self])
    }
}
