//! Batch normalization (Ioffe and Szegedy 2015): each channel is shifted and scaled to mean 0 and variance 1, and then
//! scaled by its weight and shifted by its bias.
//!
//! ```text
//! z = (x - μ)/√(σ² + ε),    y = w z + b
//! db = Σ g    dw = Σ g z    dx = w/√(σ² + ε) (g - db/m - z dw/m)
//! ```
//!
//! With a ReLU after it, which is computed in the same pass, y = max(w z + b, 0), and g counts only where w z + b > 0.
//!
//! All are taken channel by channel (axis 1); the sums run over the m values of a channel in all samples. In training
//! μ and σ² are the batch's own, and as they move with x, dx loses its mean and its part along z: pushing a whole
//! channel up, or spreading it, changes nothing. In evaluation they are constants, and dx = w/√(σ² + ε) g.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::{Dims, Shape};
use crate::tensor::Tensor;
use gradus_kernels::norm::{Channels, NormGradients, Scales};

/// Returns the layout of the data of an op on `[N, C, ..]`.
fn channels(shape: &[usize]) -> Channels {
    Channels { n: shape[0], c: shape[1], places: shape[2..].iter().product() }
}

/// Mean and variance of each channel of a batch.
#[derive(Clone, Debug)]
pub struct Moments<T: Real> {
    /// The means, `[C]`.
    pub mean: Tensor<T>,
    /// The mean squared deviations from them (the biased variances), `[C]`.
    pub variance: Tensor<T>,
    /// Number of values that each is taken over.
    pub count: usize,
}

impl<T: Real> Moments<T> {
    /// Returns the moments of `x` = `[N, C, ..]`. Fails where a channel has less than two values: it has no spread.
    pub fn of(x: &Tensor<T>) -> Result<Self> {
        let shape = x.shape();
        if shape.len() < 2 {
            return Err(Error::shape("batch_norm", format!("expected [N, C, ..]; found {shape:?}")));
        }
        let g = channels(shape);
        let count = g.per_channel();
        if count < 2 {
            return Err(Error::shape(
                "batch_norm",
                format!(
                    "cannot train on one value per channel: {shape:?} has {} x {} = {count}; take batches of two samples \
                     or more, the last of an epoch included",
                    g.n, g.places
                ),
            ));
        }
        let mut variance = Tensor::zeros([g.c]);
        let mean = Tensor::build([g.c], |mean| T::moments(&g, x.data(), mean, variance.data_mut()));
        Ok(Self { mean, variance, count })
    }

    /// Returns the unbiased variances, Σ (x - μ)²/(m - 1): what the running ones are made of.
    pub fn unbiased(&self) -> Tensor<T> {
        let (m, less) = (T::from_usize(self.count), T::from_usize(self.count - 1));
        self.variance.map(|v| v * m / less)
    }
}

/// Normalization with given statistics, the inputs being x = `[N, C, ..]`, weight and bias = `[C]`.
///
/// ```
/// use gradus::prelude::*;
///
/// let x = Var::constant(Tensor::<f32>::new(vec![1.0, 10.0, 3.0, 30.0], [2, 2])?); // two samples of two channels
/// let (ones, zeros) = (Var::constant(Tensor::full([2], 1.0)), Var::constant(Tensor::zeros([2])));
/// let (y, moments) = x.batch_norm(&ones, &zeros, 0.0)?;
/// assert_eq!(y.value().data(), [-1.0, -1.0, 1.0, 1.0]);
/// assert_eq!(moments.mean.data(), [2.0, 20.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BatchNorm<T: Real> {
    mean: Tensor<T>,
    /// 1/√(σ² + ε).
    inverse: Tensor<T>,
    /// Whether the statistics are those of x.
    own: bool,
    /// Whether a ReLU follows.
    relu: bool,
}

impl<T: Real> BatchNorm<T> {
    fn new(mean: &Tensor<T>, variance: &Tensor<T>, eps: f64, own: bool, relu: bool) -> Self {
        let eps = T::from_f64(eps);
        Self { mean: mean.clone(), inverse: variance.map(|v| T::ONE / (v + eps).sqrt()), own, relu }
    }

    fn scales<'a>(&'a self, weight: &'a Tensor<T>) -> Scales<'a, T> {
        Scales { mean: self.mean.data(), inverse: self.inverse.data(), weight: weight.data() }
    }
}

impl<T: Real> Op<T, 3> for BatchNorm<T> {
    const NAME: &'static str = "batch_norm";
    /// x, the weight and the bias.
    type Saved = [Tensor<T>; 3];

    fn shape(&self, [x, w, b]: [&[usize]; 3]) -> Result<Shape> {
        let front = &x[..x.len().min(2)];
        let (mean, variance) = (self.mean.shape(), self.inverse.shape());
        Dims::unify("batch_norm", &["N C", "C", "C", "C", "C"], &[front, w, b, mean, variance])?;
        Ok(Shape::new(x))
    }

    fn forward(&self, [x, w, b]: [&Tensor<T>; 3], out: Shape) -> (Tensor<T>, Self::Saved) {
        let g = channels(x.shape());
        let y = Tensor::build(out, |y| T::batch_norm_forward(&g, x.data(), &self.scales(w), b.data(), self.relu, y));
        (y, [x.clone(), w.clone(), b.clone()])
    }

    fn backward(&self, [x, w, b]: &Self::Saved, dy: &Tensor<T>, need: [bool; 3]) -> [Option<Tensor<T>>; 3] {
        let g = channels(x.shape());
        let (mut dw, mut db) = (Tensor::zeros([g.c]), Tensor::zeros([g.c]));
        let mut run = |dx: Option<&mut [T]>| {
            let out = NormGradients { dx, dw: dw.data_mut(), db: db.data_mut() };
            let relu = self.relu.then_some(b.data());
            T::batch_norm_backward(&g, x.data(), dy.data(), &self.scales(w), self.own, relu, out);
        };
        let dx = need[0].then(|| Tensor::build(x.shape_owned(), |dx| run(Some(dx))));
        if dx.is_none() {
            run(None);
        }
        [dx, Some(dw), Some(db)]
    }
}

/// Normalization.
impl<T: Real> Var<T> {
    /// Normalizes with the batch's own statistics, as in training, and returns these statistics too. See [`BatchNorm`].
    pub fn batch_norm(&self, weight: &Self, bias: &Self, eps: f64) -> Result<(Self, Moments<T>)> {
        self.batch_norm_and(weight, bias, eps, false)
    }
    /// [`batch_norm`](Self::batch_norm), and with `relu` max(y, 0) in the same pass.
    pub fn batch_norm_and(&self, weight: &Self, bias: &Self, eps: f64, relu: bool) -> Result<(Self, Moments<T>)> {
        let moments = Moments::of(self.value())?;
        let op = BatchNorm::new(&moments.mean, &moments.variance, eps, true, relu);
        Ok((apply(op, [self, weight, bias])?, moments))
    }
    /// Normalizes with the given mean and variance of each channel, as in evaluation. See [`BatchNorm`].
    pub fn batch_norm_with(
        &self,
        weight: &Self,
        bias: &Self,
        mean: &Tensor<T>,
        variance: &Tensor<T>,
        eps: f64,
    ) -> Result<Self> {
        self.batch_norm_with_and(weight, bias, [mean, variance], eps, false)
    }
    /// [`batch_norm_with`](Self::batch_norm_with) this mean and variance, and with `relu` max(y, 0) in the same pass.
    pub fn batch_norm_with_and(
        &self,
        weight: &Self,
        bias: &Self,
        [mean, variance]: [&Tensor<T>; 2],
        eps: f64,
        relu: bool,
    ) -> Result<Self> {
        apply(BatchNorm::new(mean, variance, eps, false, relu), [self, weight, bias])
    }
}
