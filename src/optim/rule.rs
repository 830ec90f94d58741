//! What an optimizer and a rule are: the traits.

use super::Stopped;
use crate::autograd::Gradients;
use crate::error::Result;
use crate::nn::Module;
use crate::nn::state::State;
use crate::real::Real;
use crate::tensor::Tensor;

/// Computes the loss and the gradients at the parameters' present values.
pub type Closure<'a, T> = dyn FnMut() -> Result<(T, Gradients<T>)> + 'a;

/// Updates a model's parameters from the gradients of the loss.
///
/// ```
/// use gradus::prelude::*;
///
/// let model = Linear::new(1, 1, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let x = Tensor::new(vec![0.0, 1.0, 2.0], [3, 1])?;
/// let target = Var::constant(3.0 * &x - 1.0);
/// let mut optimizer: Box<dyn Optimizer<f32>> = Box::new(FirstOrder::new(Adam::new(0.1)));
/// let mut loss = f32::INFINITY;
/// for step in 1..=300 {
///     loss = optimizer.step(&model, &mut || {
///         let tape = Tape::new();
///         let y = model.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, 1, step))?;
///         let loss = y.mse(&target)?;
///         Ok((loss.value().item(), tape.backward(&loss)?))
///     })?;
/// }
/// assert!(loss < 1e-3 && optimizer.steps() == 300);
/// # Ok::<(), Error>(())
/// ```
pub trait Optimizer<T: Real> {
    /// One step; returns the loss before it. First-order rules call `closure` once, line searches as often as they
    /// like. Fails with [`Error::Diverged`](crate::Error::Diverged), and changes nothing, if the loss or a parameter's
    /// gradient is not finite: a finite loss may have a NaN gradient (√x at 0), which would end in every weight.
    /// Fails, and changes nothing, if the loss depends on a trainable parameter that `model` does not name in its
    /// [`walk`](Module::walk): it would never be trained. Freeze the parameters that another optimizer trains.
    fn step(&mut self, model: &dyn Module<T>, closure: &mut Closure<'_, T>) -> Result<T>;

    /// Refuses a model with parameters that it cannot move, before the first step is taken.
    fn check(&self, model: &dyn Module<T>) -> Result<()> {
        let _ = model;
        Ok(())
    }

    /// Returns the number of steps taken.
    fn steps(&self) -> u64;

    /// Returns why the last step has ended, if it might have gone on; none before the first.
    fn stopped(&self) -> Option<Stopped> {
        None
    }

    /// Returns the learning rate.
    fn lr(&self) -> f64;

    /// Changes the learning rate.
    fn set_lr(&mut self, lr: f64);

    /// Returns the running values by name (`block1.conv.weight/exp_avg`) for a checkpoint.
    fn state(&self) -> State<T>;

    /// Restores the running values of [`state`](Self::state) and the number of [`steps`](Self::steps).
    fn load(&mut self, steps: u64, state: State<T>) -> Result<()>;

    /// Returns the model's state with averaged weights in place of those that move, by which it should be evaluated
    /// and which it should keep in the end. `None` if no average is taken: the weights are then to be used as they
    /// are.
    fn averaged(&self, model: &dyn Module<T>) -> Option<State<T>> {
        let _ = model;
        None
    }
}

/// A formula that updates one parameter from its gradient.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::optim::Rule;
///
/// /// Moves each number by the rate against the sign of its gradient.
/// struct SignDescent(f64);
///
/// impl Rule<f32> for SignDescent {
///     fn slots(&self) -> &'static [&'static str] {
///         &[] // nothing is kept from step to step
///     }
///     fn lr(&mut self) -> &mut f64 {
///         &mut self.0
///     }
///     fn step(&self, _: u64) -> impl Fn(&mut [f32], &[f32], &mut [Tensor]) {
///         let lr = self.0 as f32;
///         move |p, g, _| p.iter_mut().zip(g).for_each(|(p, g)| *p -= lr * g.signum())
///     }
/// }
///
/// let (mut p, g) = ([1.0, 1.0], [0.3, -7.0]);
/// SignDescent(0.5).step(1)(&mut p, &g, &mut []);
/// assert_eq!(p, [0.5, 1.5]);
/// let optimizer = FirstOrder::new(SignDescent(0.5)); // with clipping, averages and states, as of every rule
/// assert_eq!(optimizer.lr(), 0.5);
/// ```
pub trait Rule<T: Real> {
    /// Returns the names of the running values it keeps for each parameter, each of the parameter's shape.
    fn slots(&self) -> &'static [&'static str];

    /// Returns the initial running values.
    fn initial(&self) -> f64 {
        0.0
    }

    /// Returns whether a move depends on how many the parameter has made before.
    fn counts_moves(&self) -> bool {
        false
    }

    /// Returns whether it can move a parameter of this shape.
    fn takes(&self, shape: &[usize]) -> bool {
        let _ = shape;
        true
    }

    /// Returns the learning rate.
    fn lr(&mut self) -> &mut f64;

    /// A parameter's move number `t` (from 1), as a function that updates the parameter from its gradient and its
    /// running values.
    fn step(&self, t: u64) -> impl Fn(&mut [T], &[T], &mut [Tensor<T>]);
}

/// Returns the weight decay as two numbers: the factor on the parameter that is added to its gradient, and the factor
/// on the parameter itself.
pub(super) fn decay(lr: f64, weight_decay: f64, decoupled: bool) -> (f64, f64) {
    if decoupled { (0.0, 1.0 - lr * weight_decay) } else { (weight_decay, 1.0) }
}
