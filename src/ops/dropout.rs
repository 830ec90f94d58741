//! Dropout (Srivastava et al. 2014), inverted: in training each element is zero with probability p, and the others
//! are scaled by 1/(1 - p), so that nothing needs rescaling in evaluation.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::rng::Rng;
use crate::shape::Shape;
use crate::tensor::Tensor;
use gradus_kernels::math;

/// y = x · mask / (1 - p); dL/dx = g · mask / (1 - p).
///
/// The mask is drawn from `rng`, a stream that belongs to (seed, layer, step): drawing it again gives the same mask.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// Probability of a zero, in [0, 1).
    pub p: f64,
    /// The stream from which the mask is drawn.
    pub rng: Rng,
}

impl<T: Real> Op<T, 1> for Dropout {
    const NAME: &'static str = "dropout";
    type Saved = Tensor<T>;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        if !(0.0..1.0).contains(&self.p) {
            return Err(Error::invalid(format!("dropout: p = {} is not in [0, 1)", self.p)));
        }
        Ok(Shape::new(x))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Tensor<T>) {
        let (mut rng, scale) = (self.rng.clone(), T::from_f64(1.0 / (1.0 - self.p)));
        // Two decisions from each 64 random bits, by comparison with p at 32 bits.
        let threshold = (self.p * 4294967296.0) as u64;
        let mask = Tensor::build(out, |mask| {
            for pair in mask.chunks_mut(2) {
                let bits = rng.bits();
                for (m, word) in pair.iter_mut().zip([bits & 0xffff_ffff, bits >> 32]) {
                    *m = if word < threshold { T::ZERO } else { scale };
                }
            }
        });
        (masked(x, &mask), mask)
    }

    fn backward(&self, mask: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        [Some(masked(g, mask))]
    }
}

fn masked<T: Real>(x: &Tensor<T>, mask: &Tensor<T>) -> Tensor<T> {
    Tensor::build(x.shape_owned(), |y| math::zip_map(x.data(), mask.data(), y, |x, m| x * m))
}

/// Dropout.
impl<T: Real> Var<T> {
    /// See [`Dropout`].
    pub fn dropout(&self, p: f64, rng: Rng) -> Result<Self> {
        apply(Dropout { p, rng }, [self])
    }
}
