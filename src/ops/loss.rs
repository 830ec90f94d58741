//! Losses: one number that says how wrong the answers are. All are means over the batch, as in PyTorch.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::ops::softmax::log_softmax;
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;
use gradus_kernels::{math, reduce};

/// What the network should have answered.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a, T: Real = f32> {
    /// The number of the right class, for each sample.
    Labels(&'a [usize]),
    /// A probability for each class (one-hot or soft), for each sample: `[N, K]`.
    Probabilities(&'a Tensor<T>),
}

/// Softmax and cross-entropy in one: with p = softmax(logits),
///
/// ```text
/// L = -(1/W) Σ n,k  q[n,k] log p[n,k],     dL/dlogits[n,k] = (p[n,k] Σⱼ q[n,j] - q[n,k]) / W
/// ```
///
/// where q is the target times the class weights, if there are any. W is the number of samples; with integer labels
/// and class weights it is the sum of the samples' weights: both as in PyTorch. For plain labels the gradient is
/// (p - y)/N: the error itself, which is why the two belong together.
#[derive(Clone, Debug)]
pub struct SoftmaxCrossEntropy<T: Real> {
    /// Targets times class weights, `[N, K]`.
    q: Tensor<T>,
    /// The divisor W.
    divisor: T,
}

impl<T: Real> SoftmaxCrossEntropy<T> {
    /// The loss for logits of shape `[n, classes]`. Fails on a label or shape that does not fit.
    pub fn new(target: Target<'_, T>, class_weights: Option<&[T]>, logits: &[usize]) -> Result<Self> {
        const NAME: &str = "cross_entropy";
        let &[n, classes] = logits else {
            return Err(Error::shape(NAME, format!("wanted logits [\"N K\"]; got {logits:?}")));
        };
        if let Some(w) = class_weights.filter(|w| w.len() != classes) {
            return Err(Error::shape(NAME, format!("wanted {classes} class weights; got {}", w.len())));
        }
        let weight = |k: usize| class_weights.map_or(T::ONE, |w| w[k]);
        match target {
            Target::Labels(labels) => {
                if labels.len() != n {
                    return Err(Error::shape(NAME, format!("wanted {n} labels; got {}", labels.len())));
                }
                if let Some((i, label)) = labels.iter().enumerate().find(|(_, l)| **l >= classes) {
                    return Err(Error::invalid(format!("{NAME}: label {label} of sample {i} is not below {classes}")));
                }
                let mut q = Tensor::zeros([n, classes]);
                let data = q.data_mut();
                labels.iter().enumerate().for_each(|(i, &label)| data[i * classes + label] = weight(label));
                let divisor = reduce::sum(data);
                Ok(Self { q, divisor })
            }
            Target::Probabilities(p) => {
                if p.shape() != logits {
                    return Err(Error::shape(NAME, format!("wanted targets {logits:?}; got {:?}", p.shape())));
                }
                let q = Tensor::from_fn([n, classes], |i| p.data()[i] * weight(i % classes));
                Ok(Self { q, divisor: T::from_usize(n) })
            }
        }
    }
}

impl<T: Real> Op<T, 1> for SoftmaxCrossEntropy<T> {
    const NAME: &'static str = "cross_entropy";
    type Saved = Tensor<T>;

    fn shape(&self, [logits]: [&[usize]; 1]) -> Result<Shape> {
        if logits != self.q.shape() {
            return Err(Error::shape("cross_entropy", format!("wanted {:?}; got {logits:?}", self.q.shape())));
        }
        Ok(Shape::from([]))
    }

    fn forward(&self, [logits]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, Tensor<T>) {
        let log_p = log_softmax(logits, 1);
        // A class that is not wanted counts nothing, even where its log p is -∞.
        let terms =
            Tensor::build(log_p.shape_owned(), |t| {
                math::zip_map(self.q.data(), log_p.data(), t, |q, l| {
                    if q == T::ZERO && !l.is_nan() { T::ZERO } else { -q * l }
                });
            });
        (Tensor::scalar(reduce::sum(terms.data()) / self.divisor), log_p)
    }

    fn backward(&self, log_p: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let classes = log_p.shape()[1];
        let scale = g.item() / self.divisor;
        [Some(Tensor::build(log_p.shape_owned(), |d| {
            for ((d, log_p), q) in
                d.chunks_mut(classes).zip(log_p.data().chunks(classes)).zip(self.q.data().chunks(classes))
            {
                let total = q.iter().fold(T::ZERO, |s, &q| s + q);
                for k in 0..classes {
                    d[k] = (log_p[k].exp() * total - q[k]) * scale;
                }
            }
        }))]
    }
}

/// The mean squared error, L = (1/n) Σ (a - b)²; dL/da = 2 (a - b)/n. Both must have the same shape: a silent
/// broadcast of `[N]` against `[N, 1]` is a classic mistake.
#[derive(Clone, Copy, Debug)]
pub struct Mse;

impl<T: Real> Op<T, 2> for Mse {
    const NAME: &'static str = "mse";
    type Saved = Tensor<T>;

    fn shape(&self, [a, b]: [&[usize]; 2]) -> Result<Shape> {
        if a != b {
            return Err(Error::shape("mse", format!("needs equal shapes; got {a:?} and {b:?}")));
        }
        Ok(Shape::from([]))
    }

    fn forward(&self, [a, b]: [&Tensor<T>; 2], _: Shape) -> (Tensor<T>, Tensor<T>) {
        let difference = Tensor::build(a.shape_owned(), |d| math::zip_map(a.data(), b.data(), d, |a, b| a - b));
        let sum = reduce::dot(difference.data(), difference.data());
        (Tensor::scalar(sum / T::from_usize(a.numel())), difference)
    }

    fn backward(&self, difference: &Tensor<T>, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let scale = T::from_f64(2.0) * g.item() / T::from_usize(difference.numel());
        [need[0].then(|| difference.map(|d| scale * d)), need[1].then(|| difference.map(|d| -(scale * d)))]
    }
}

/// Losses.
impl<T: Real> Var<T> {
    /// Softmax cross-entropy of these logits; see [`SoftmaxCrossEntropy`].
    pub fn cross_entropy(&self, target: Target<'_, T>) -> Result<Self> {
        apply(SoftmaxCrossEntropy::new(target, None, self.shape())?, [self])
    }
    /// The same with a weight for each class.
    pub fn cross_entropy_weighted(&self, target: Target<'_, T>, class_weights: &[T]) -> Result<Self> {
        apply(SoftmaxCrossEntropy::new(target, Some(class_weights), self.shape())?, [self])
    }
    /// The mean squared error; see [`Mse`].
    pub fn mse(&self, b: &Self) -> Result<Self> {
        apply(Mse, [self, b])
    }
}
