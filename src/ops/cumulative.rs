//! Running sums along an axis.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;
use gradus_kernels::parallel;

/// Elements, rounded up to whole blocks of the axis, that are one thread's piece of the work.
const PIECE: usize = 1 << 12;

/// `y[i] = x[0] + .. + x[i]` along one axis. Each x takes part in its own y and all later ones, so `dx[i]` is the sum
/// `g[i] + g[i + 1] + ..` of the gradients from there to the end.
///
/// The sum runs in `f64`, from the front (backward from the end), and each of its values is rounded once: it loses no
/// digits on the way, and its order is always the same.
#[derive(Clone, Copy, Debug)]
pub struct CumSum {
    /// The axis along which is summed.
    pub axis: usize,
}

/// Returns the running sums of `x` along `axis`, from the front or from the end.
fn running<T: Real>(x: &Tensor<T>, axis: usize, from_end: bool) -> Tensor<T> {
    let (n, inner) = (x.shape()[axis], x.shape()[axis + 1..].iter().product::<usize>());
    let block = (n * inner).max(1);
    let blocks = PIECE.div_ceil(block);
    Tensor::build(x.shape_owned(), |y| {
        parallel::chunks(y, blocks * block, |piece, y| {
            let x = &x.data()[piece * blocks * block..][..y.len()];
            let mut sums = vec![0.0; inner];
            for (x, y) in x.chunks(block).zip(y.chunks_mut(block)) {
                sums.fill(0.0);
                for step in 0..n {
                    let at = inner * if from_end { n - 1 - step } else { step };
                    for ((sum, x), y) in sums.iter_mut().zip(&x[at..]).zip(&mut y[at..]) {
                        *sum += x.to_f64();
                        *y = T::from_f64(*sum);
                    }
                }
            }
        });
    })
}

impl<T: Real> Op<T, 1> for CumSum {
    const NAME: &'static str = "cumsum";
    type Saved = ();

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        if self.axis >= x.len() {
            return Err(Error::shape(
                "cumsum",
                format!("along axis {} of {x:?}, which has {} axes", self.axis, x.len()),
            ));
        }
        Ok(Shape::new(x))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, ()) {
        (running(x, self.axis, false), ())
    }

    fn backward(&self, _: &(), g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        [Some(running(g, self.axis, true))]
    }
}

/// Running sums.
impl<T: Real> Var<T> {
    /// Sums along `axis` up to each element; see [`CumSum`].
    ///
    /// ```
    /// use gradus::prelude::*;
    /// let x = Var::constant(Tensor::new(vec![1.0, 2.0, 3.0, 4.0], [4])?);
    /// assert_eq!(x.cumsum(0)?.value().data(), [1.0, 3.0, 6.0, 10.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn cumsum(&self, axis: usize) -> Result<Self> {
        apply(CumSum { axis }, [self])
    }
}
