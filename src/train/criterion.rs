//! What a training makes small: the losses of this crate, or one of your own.

use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::target::Target;
use crate::tensor::Tensor;

/// What a loss is computed from, beside the network's output.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// What the network was given.
    pub inputs: &'a Tensor,
    /// What is to be predicted of each sample.
    pub target: &'a Target,
}

impl<'a> Batch<'a> {
    /// Returns the number of samples.
    pub fn samples(&self) -> usize {
        self.inputs.shape().first().copied().unwrap_or(0)
    }

    /// Returns the class of each sample; empty if the samples have none.
    pub fn labels(&self) -> &'a [usize] {
        self.target.labels()
    }

    /// Returns the numbers to predict as a constant. Fails if the samples have none.
    pub fn values(&self) -> Result<Var> {
        let none =
            || Error::invalid("the loss expects numbers to predict, and the samples have none. help: Target::Values");
        self.target.values().cloned().map(Var::constant).ok_or_else(none)
    }
}

/// A loss, and how outputs are read: what [`Fit`](super::Fit) trains by and [`losses`](super::losses) and
/// [`evaluate`](super::evaluate()) measure.
///
/// [`Objective`](super::Objective) is the implementation with the losses of this crate. A closure is one, too; only `loss`
/// is needed. Where outputs are classes, accuracy is measured, and the best epoch may be chosen by it.
///
/// ```
/// use gradus::prelude::*;
///
/// /// The hinge loss of two classes, mean of max(0, 1 - t y) with t = ±1, and the sign as the prediction.
/// struct Hinge;
///
/// impl Criterion for Hinge {
///     fn loss(&self, output: &Var, batch: &Batch<'_>) -> Result<Var> {
///         let t = Tensor::from_fn([batch.samples(), 1], |i| if batch.labels()[i] == 1 { 1.0 } else { -1.0 });
///         (1.0 - output.mul(&Var::constant(t))?).relu()?.mean()
///     }
///     fn classifies(&self, _: &Target) -> bool {
///         true
///     }
///     fn predictions(&self, output: &Tensor) -> Vec<usize> {
///         output.data().iter().map(|&y| usize::from(y >= 0.0)).collect()
///     }
/// }
///
/// let rows = Tensor::new(vec![-2.0, -1.0, 1.0, 2.0], [4, 1])?;
/// let samples = Matrix::new(rows, vec![0, 0, 1, 1])?;
/// let model = Linear::new(1, 1, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let fit = Fit::new(30, 30, 2, 1).with_objective(Hinge);
/// let trained = fit.run(&model, &mut FirstOrder::new(Adam::new(0.1)), &samples, &samples, None, &mut Silent)?;
/// assert_eq!(trained.history.best().unwrap().get("val_accuracy"), Some(1.0));
/// # Ok::<(), Error>(())
/// ```
pub trait Criterion {
    /// Computes the mean loss of a batch, a scalar on the output's tape.
    fn loss(&self, output: &Var, batch: &Batch<'_>) -> Result<Var>;

    /// What the mean divides by: the number of samples, or the sum of their weights. Means over several batches are
    /// weighted by it.
    fn weight(&self, batch: &Batch<'_>) -> f64 {
        batch.samples() as f64
    }

    /// Whether outputs are read as classes for samples with this target, so that there is an accuracy.
    fn classifies(&self, target: &Target) -> bool {
        let _ = target;
        false
    }

    /// The class predicted for each sample; asked only of what [classifies](Self::classifies).
    fn predictions(&self, output: &Tensor) -> Vec<usize> {
        let _ = output;
        Vec::new()
    }

    /// The probability of each class, `[N, K]`; asked only by [`evaluate`](super::evaluate()). Fails where outputs are no
    /// classes.
    fn probabilities(&self, output: &Var) -> Result<Tensor> {
        let _ = output;
        Err(Error::invalid("probabilities: this loss reads no probabilities of classes from an output"))
    }
}

/// A closure is a loss alone.
impl<F: Fn(&Var, &Batch<'_>) -> Result<Var>> Criterion for F {
    fn loss(&self, output: &Var, batch: &Batch<'_>) -> Result<Var> {
        self(output, batch)
    }
}

/// The loss of a batch; an error if it is no scalar.
pub(super) fn loss_of(criterion: &dyn Criterion, output: &Var, batch: &Batch<'_>) -> Result<Var> {
    let loss = criterion.loss(output, batch)?;
    if loss.value().numel() != 1 {
        let what = format!("expected a scalar, found {:?}. help: end it with mean()", loss.shape());
        return Err(Error::shape("loss", what));
    }
    Ok(loss)
}

/// The predictions for the samples of a batch, none where outputs are no classes; an error unless there is one for each.
pub(super) fn predictions_of(criterion: &dyn Criterion, output: &Tensor, batch: &Batch<'_>) -> Result<Vec<usize>> {
    if !criterion.classifies(batch.target) {
        return Ok(Vec::new());
    }
    let n = batch.samples();
    let predictions = criterion.predictions(output);
    if predictions.len() != n {
        let found = predictions.len();
        return Err(Error::invalid(format!("predictions: expected one for each of {n} samples, found {found}")));
    }
    Ok(predictions)
}
