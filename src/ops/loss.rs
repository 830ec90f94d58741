//! Losses. All are means over the batch, as in PyTorch.
//!
//! For one class out of K: [`SoftmaxCrossEntropy`] from logits, [`Nll`] from log-probabilities. For predictions of yes
//! or no, each on its own: [`BceWithLogits`] from logits, [`Bce`] from probabilities. For numbers: [`Mse`]. What takes
//! logits is exact where probabilities have long been rounded to 0 or 1, and so to be preferred.
//!
//! The losses of logits are written without differences of almost equal numbers: where a prediction is confident and
//! correct, the loss is small and its gradient too, and both keep their digits (within 16 units in the last place of
//! the largest of their terms; `tests/engine/precision.rs`).

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::ops::arith::expand;
use crate::ops::scalar::exp_m1;
use crate::ops::softmax::{log_softmax, sum_except};
use crate::real::Real;
use crate::shape::{Shape, broadcast};
use crate::tensor::Tensor;
use gradus_kernels::math::{self, Pointwise};

/// The target of a classification.
///
/// ```
/// use gradus::prelude::*;
/// let logits = Var::constant(Tensor::new(vec![2.0, 0.0], [1, 2])?);
/// let one_hot = Tensor::new(vec![1.0, 0.0], [1, 2])?;
/// let by_label = logits.cross_entropy(ClassTarget::Labels(&[0]))?;
/// assert_eq!(by_label.value(), logits.cross_entropy(ClassTarget::Probabilities(&one_hot))?.value());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum ClassTarget<'a, T: Real = f32> {
    /// The index of the true class, for each sample.
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
/// (p - y)/N: the error itself, which is why the two form one op. For a class with p > 1/2 it is computed as
/// `Σⱼ q[n,j] (p - 1) + Σ q[n,j] over j ≠ k`, with p - 1 from log p: so nothing of a small error is lost.
///
/// The mean over no samples is NaN; no classes are an error.
#[derive(Clone, Debug)]
pub struct SoftmaxCrossEntropy<T: Real> {
    /// Targets times class weights, `[N, K]`.
    q: Tensor<T>,
    /// The divisor W.
    divisor: T,
}

impl<T: Real> SoftmaxCrossEntropy<T> {
    /// Returns the loss for logits of shape `[n, classes]`. Fails on a label or shape that does not fit.
    pub fn new(target: ClassTarget<'_, T>, class_weights: Option<&[T]>, logits: &[usize]) -> Result<Self> {
        let (q, divisor) = weighted_targets("cross_entropy", target, class_weights, logits)?;
        Ok(Self { q, divisor })
    }
}

/// Targets times class weights, `[N, K]`, and the divisor W of a mean over the samples `scores` = `[N, K]`: the number
/// of samples, or with labels the sum of their weights.
fn weighted_targets<T: Real>(
    name: &'static str,
    target: ClassTarget<'_, T>,
    class_weights: Option<&[T]>,
    scores: &[usize],
) -> Result<(Tensor<T>, T)> {
    let &[n, classes] = scores else {
        return Err(Error::shape(name, format!("expected logits [\"N K\"]; found {scores:?}")));
    };
    if classes == 0 {
        return Err(Error::shape(name, format!("of no classes: {scores:?}")));
    }
    if let Some(w) = class_weights.filter(|w| w.len() != classes) {
        return Err(Error::shape(name, format!("expected {classes} class weights; found {}", w.len())));
    }
    let weight = |k: usize| class_weights.map_or(T::ONE, |w| w[k]);
    match target {
        ClassTarget::Labels(labels) => {
            if labels.len() != n {
                return Err(Error::shape(name, format!("expected {n} labels; found {}", labels.len())));
            }
            if let Some((i, label)) = labels.iter().enumerate().find(|(_, l)| **l >= classes) {
                return Err(Error::invalid(format!("{name}: label {label} of sample {i} is not below {classes}")));
            }
            let mut q = Tensor::zeros([n, classes]);
            let data = q.data_mut();
            labels.iter().enumerate().for_each(|(i, &label)| data[i * classes + label] = weight(label));
            let divisor = T::sum(data);
            Ok((q, divisor))
        }
        ClassTarget::Probabilities(p) => {
            if p.shape() != scores {
                return Err(Error::shape(name, format!("expected targets {scores:?}; found {:?}", p.shape())));
            }
            Ok((Tensor::from_fn([n, classes], |i| p.data()[i] * weight(i % classes)), T::from_usize(n)))
        }
    }
}

/// Computes -Σ q log p. A class with q = 0 contributes nothing, even where its log p is -∞.
fn cross<T: Real>(q: &Tensor<T>, log_p: &Tensor<T>) -> T {
    let terms = Tensor::build(q.shape_owned(), |t| {
        math::zip_map(q.data(), log_p.data(), t, |q, l| if q == T::ZERO && !l.is_nan() { T::ZERO } else { -q * l });
    });
    T::sum(terms.data())
}

/// Checks that `x` has the shape for which the loss was made, and returns the shape of the loss.
fn scalar_of(name: &'static str, expected: &[usize], x: &[usize]) -> Result<Shape> {
    if x != expected {
        return Err(Error::shape(name, format!("expected {expected:?}; found {x:?}")));
    }
    Ok(Shape::from([]))
}

impl<T: Real> Op<T, 1> for SoftmaxCrossEntropy<T> {
    const NAME: &'static str = "cross_entropy";
    type Saved = Tensor<T>;

    fn shape(&self, [logits]: [&[usize]; 1]) -> Result<Shape> {
        scalar_of("cross_entropy", self.q.shape(), logits)
    }

    fn forward(&self, [logits]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, Tensor<T>) {
        let log_p = log_softmax(logits, 1);
        (Tensor::scalar(cross(&self.q, &log_p) / self.divisor), log_p)
    }

    fn backward(&self, log_p: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let classes = log_p.shape()[1];
        let (scale, half) = (g.item() / self.divisor, T::from_f64(-std::f64::consts::LN_2));
        [Some(Tensor::build(log_p.shape_owned(), |d| {
            for ((d, log_p), q) in
                d.chunks_mut(classes).zip(log_p.data().chunks(classes)).zip(self.q.data().chunks(classes))
            {
                let total = sum_except(classes, None, |k| q[k]);
                for k in 0..classes {
                    let error = if log_p[k] > half {
                        total * exp_m1(log_p[k]) + sum_except(classes, Some(k), |j| q[j])
                    } else {
                        log_p[k].exp() * total - q[k]
                    };
                    d[k] = error * scale;
                }
            }
        }))]
    }
}

/// The negative log-likelihood, for log-probabilities x (a log-softmax's) and labels y:
///
/// ```text
/// L = -(1/W) Σ n  w[yₙ] x[n, yₙ],     dL/dx[n,k] = -w[yₙ]/W where k = yₙ, else 0
/// ```
///
/// with w the class weights, 1 if there are none, and W the sum of the samples' weights: PyTorch's mean. NaN if W is
/// 0. [`SoftmaxCrossEntropy`] is this after a log-softmax, in one.
#[derive(Clone, Debug)]
pub struct Nll<T: Real> {
    /// The weight of each sample at the place of its label, `[N, K]`.
    q: Tensor<T>,
    /// The divisor W.
    divisor: T,
}

impl<T: Real> Nll<T> {
    /// Returns the loss for log-probabilities of shape `[n, classes]`. Fails on a label or shape that does not fit.
    pub fn new(labels: &[usize], class_weights: Option<&[T]>, log_p: &[usize]) -> Result<Self> {
        let (q, divisor) = weighted_targets("nll", ClassTarget::Labels(labels), class_weights, log_p)?;
        Ok(Self { q, divisor })
    }
}

impl<T: Real> Op<T, 1> for Nll<T> {
    const NAME: &'static str = "nll";
    type Saved = ();

    fn shape(&self, [log_p]: [&[usize]; 1]) -> Result<Shape> {
        scalar_of("nll", self.q.shape(), log_p)
    }

    fn forward(&self, [log_p]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, ()) {
        (Tensor::scalar(cross(&self.q, log_p) / self.divisor), ())
    }

    fn backward(&self, _: &(), g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let scale = g.item() / self.divisor;
        [Some(self.q.map(|q| -q * scale))]
    }
}

/// Binary cross-entropy of probabilities p, with targets q of the same shape, each on [0, 1]:
///
/// ```text
/// L = -(1/n) Σ  q ln p + (1 - q) ln(1 - p),     dL/dp = (p - q) / (n p (1 - p))
/// ```
///
/// As in PyTorch, a logarithm counts as -100 at the least, and p (1 - p) as 1e-12: so a confident incorrect prediction
/// has a large loss, but not an infinite one.
#[derive(Clone, Debug)]
pub struct Bce<T: Real> {
    target: Tensor<T>,
}

impl<T: Real> Bce<T> {
    /// Returns the loss for these targets. Fails on one outside [0, 1].
    pub fn new(target: &Tensor<T>) -> Result<Self> {
        Ok(Self { target: on_unit("bce", "target", target)?.clone() })
    }
}

/// Fails on an element outside [0, 1]. NaN passes: the loss will show it.
fn on_unit<'a, T: Real>(name: &str, what: &str, x: &'a Tensor<T>) -> Result<&'a Tensor<T>> {
    match x.data().iter().enumerate().find(|(_, v)| **v < T::ZERO || **v > T::ONE) {
        Some((i, v)) => Err(Error::invalid(format!("{name}: {what} number {i} is {v}, which is not on [0, 1]"))),
        None => Ok(x),
    }
}

/// One term of [`Bce`], from p and q.
struct BceTerm;
impl<T: Real> Pointwise<T, 2> for BceTerm {
    #[inline(always)]
    fn at(&self, [p, q]: [T; 2]) -> T {
        let least = T::from_f64(-100.0);
        -(q * p.ln().max(least) + (T::ONE - q) * (-p).ln_1p().max(least))
    }
}

impl<T: Real> Op<T, 1> for Bce<T> {
    const NAME: &'static str = "bce";
    type Saved = Tensor<T>;

    fn shape(&self, [p]: [&[usize]; 1]) -> Result<Shape> {
        scalar_of("bce", self.target.shape(), p)
    }

    fn forward(&self, [p]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, Tensor<T>) {
        let terms = Tensor::build(p.shape_owned(), |t| math::apply([p.data(), self.target.data()], t, &BceTerm));
        (Tensor::scalar(T::sum(terms.data()) / T::from_usize(p.numel())), p.clone())
    }

    fn backward(&self, p: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let (scale, least) = (g.item() / T::from_usize(p.numel()), T::from_f64(1e-12));
        [Some(Tensor::build(p.shape_owned(), |d| {
            let derivative = |p: T, q: T| scale * (p - q) / (p * (T::ONE - p)).max(least);
            math::zip_map(p.data(), self.target.data(), d, derivative);
        }))]
    }
}

/// Binary cross-entropy of logits x, with targets q of the same shape, each on [0, 1]: [`Bce`] of p = σ(x), without
/// rounding p first.
///
/// ```text
/// L = (1/n) Σ  (1 - q) ln(1 + eˣ) + w q ln(1 + e⁻ˣ),     dL/dx = ((1 - q) σ(x) - w q σ(-x)) / n
/// ```
///
/// w is the weight of positive targets (PyTorch's `pos_weight`); it is 1 if not given, and the derivative then
/// (p - q)/n. ln(1 + eˣ) is computed as max(x, 0) + ln(1 + e^-|x|). For a hard target one of the two terms is 0, so
/// nothing cancels; for a soft one only near the minimum, where p = q.
#[derive(Clone, Debug)]
pub struct BceWithLogits<T: Real> {
    target: Tensor<T>,
    /// w.
    positive: Tensor<T>,
}

impl<T: Real> BceWithLogits<T> {
    /// Returns the loss for these targets; `positive` is w, of a shape that broadcasts to the targets'. Fails on a
    /// target outside [0, 1] or a shape that does not fit.
    pub fn new(target: &Tensor<T>, positive: Option<&Tensor<T>>) -> Result<Self> {
        const NAME: &str = "bce_with_logits";
        on_unit(NAME, "target", target)?;
        let Some(w) = positive else {
            return Ok(Self { target: target.clone(), positive: Tensor::full(target.shape_owned(), T::ONE) });
        };
        let shape = broadcast(NAME, w.shape(), target.shape())?;
        if *shape != *target.shape() {
            let got = format!("positive weights {:?} for targets {:?}", w.shape(), target.shape());
            return Err(Error::shape(NAME, format!("expected weights that broadcast to the targets; found {got}")));
        }
        Ok(Self { target: target.clone(), positive: expand(w, shape) })
    }
}

/// One term of [`BceWithLogits`], from x, q and w.
struct LogitTerm;
impl<T: Real> Pointwise<T, 3> for LogitTerm {
    #[inline(always)]
    fn at(&self, [x, q, w]: [T; 3]) -> T {
        let both = (-x.abs()).exp().ln_1p();
        (T::ONE - q) * (x.max(T::ZERO) + both) + w * q * ((-x).max(T::ZERO) + both)
    }
}

/// n times the derivative of [`BceWithLogits`], from x, q and w.
struct LogitDerivative;
impl<T: Real> Pointwise<T, 3> for LogitDerivative {
    #[inline(always)]
    fn at(&self, [x, q, w]: [T; 3]) -> T {
        let e = (-x.abs()).exp();
        let (near, far) = (T::ONE / (T::ONE + e), e / (T::ONE + e)); // σ(|x|) and σ(-|x|)
        let (up, down) = if x < T::ZERO { (far, near) } else { (near, far) };
        (T::ONE - q) * up - w * q * down
    }
}

impl<T: Real> Op<T, 1> for BceWithLogits<T> {
    const NAME: &'static str = "bce_with_logits";
    type Saved = Tensor<T>;

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        scalar_of("bce_with_logits", self.target.shape(), x)
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], _: Shape) -> (Tensor<T>, Tensor<T>) {
        let terms = self.each(x, &LogitTerm);
        (Tensor::scalar(T::sum(terms.data()) / T::from_usize(x.numel())), x.clone())
    }

    fn backward(&self, x: &Tensor<T>, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let scale = g.item() / T::from_usize(x.numel());
        [Some(self.each(x, &LogitDerivative).map(|derivative| scale * derivative))]
    }
}

impl<T: Real> BceWithLogits<T> {
    /// f of each x, its target and w.
    fn each(&self, x: &Tensor<T>, f: &impl Pointwise<T, 3>) -> Tensor<T> {
        let inputs = [x.data(), self.target.data(), self.positive.data()];
        Tensor::build(x.shape_owned(), |y| math::apply(inputs, y, f))
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
            return Err(Error::shape("mse", format!("needs equal shapes; found {a:?} and {b:?}")));
        }
        Ok(Shape::from([]))
    }

    fn forward(&self, [a, b]: [&Tensor<T>; 2], _: Shape) -> (Tensor<T>, Tensor<T>) {
        let difference = Tensor::build(a.shape_owned(), |d| math::zip_map(a.data(), b.data(), d, |a, b| a - b));
        let sum = T::dot(difference.data(), difference.data());
        (Tensor::scalar(sum / T::from_usize(a.numel())), difference)
    }

    fn backward(&self, difference: &Tensor<T>, g: &Tensor<T>, need: [bool; 2]) -> [Option<Tensor<T>>; 2] {
        let scale = T::from_f64(2.0) * g.item() / T::from_usize(difference.numel());
        [need[0].then(|| difference.map(|d| scale * d)), need[1].then(|| difference.map(|d| -(scale * d)))]
    }
}

/// Losses.
///
/// ```
/// use gradus::prelude::*;
///
/// let logits = Var::constant(Tensor::<f32>::zeros([4, 10])); // undecided between ten classes
/// let loss = logits.cross_entropy(ClassTarget::Labels(&[3, 1, 4, 1]))?.value().item();
/// assert!((loss - 10f32.ln()).abs() < 1e-6);
/// let (y, target) = (Var::constant(Tensor::full([4], 0.5)), Tensor::full([4], 1.0));
/// assert_eq!(y.mse(&Var::constant(target.clone()))?.value().item(), 0.25);
/// assert!((y.bce(&target)?.value().item() - 2f32.ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
impl<T: Real> Var<T> {
    /// Computes the softmax cross-entropy of these logits; see [`SoftmaxCrossEntropy`].
    pub fn cross_entropy(&self, target: ClassTarget<'_, T>) -> Result<Self> {
        apply(SoftmaxCrossEntropy::new(target, None, self.shape())?, [self])
    }
    /// Returns the same with a weight for each class.
    pub fn cross_entropy_weighted(&self, target: ClassTarget<'_, T>, class_weights: &[T]) -> Result<Self> {
        apply(SoftmaxCrossEntropy::new(target, Some(class_weights), self.shape())?, [self])
    }
    /// Returns the negative log-likelihood of these log-probabilities, with a weight for each class if given; see
    /// [`Nll`].
    pub fn nll(&self, labels: &[usize], class_weights: Option<&[T]>) -> Result<Self> {
        apply(Nll::new(labels, class_weights, self.shape())?, [self])
    }
    /// Computes the binary cross-entropy of these probabilities; see [`Bce`]. Fails on one outside [0, 1].
    pub fn bce(&self, target: &Tensor<T>) -> Result<Self> {
        on_unit("bce (bce_with_logits takes logits)", "probability", self.value())?;
        apply(Bce::new(target)?, [self])
    }
    /// Computes the binary cross-entropy of these logits, with a weight for the positive predictions if given; see
    /// [`BceWithLogits`].
    pub fn bce_with_logits(&self, target: &Tensor<T>, positive: Option<&Tensor<T>>) -> Result<Self> {
        apply(BceWithLogits::new(target, positive)?, [self])
    }
    /// Returns the mean squared error; see [`Mse`].
    pub fn mse(&self, b: &Self) -> Result<Self> {
        apply(Mse, [self, b])
    }
}
