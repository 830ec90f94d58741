//! Numbers that belong to a layer but are not trained, such as batch normalization's running statistics.
//!
//! A buffer is saved and loaded like a parameter, but no gradient reaches it and no optimizer writes it. It changes in
//! training all the same: a forward pass *proposes* its next value, and whoever runs the step commits the proposals
//! after the optimizer has taken it. So a forward pass leaves the model as it was: gradient checks and line searches,
//! which run many for one step, see the same function each time.

use crate::autograd::Param;
use crate::real::Real;
use crate::tensor::Tensor;

/// A tensor that a layer owns and nobody trains. Cloning makes another handle on the same buffer.
///
/// Inside, it is a frozen parameter: the same identity, the same lock.
///
/// ```
/// use gradus::prelude::*;
///
/// let norm = BatchNorm1d::<f32>::new(1);
/// let x = Var::constant(Tensor::new(vec![1.0, 3.0], [2, 1])?);
/// let tape = Tape::new();
/// let mut cx = Ctx::train(&tape, 1, 1);
/// norm.forward(&x, &mut cx)?;
/// assert_eq!(norm.running_mean.get().data(), [0.0]); // a forward pass changes nothing
/// cx.proposals().commit();
/// assert_eq!(norm.running_mean.get().data(), [0.2]); // 0.9 · 0 + 0.1 · 2
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Buffer<T: Real = f32>(Param<T>);

impl<T: Real> Buffer<T> {
    /// A new buffer.
    pub fn new(value: Tensor<T>) -> Self {
        let param = Param::new(value);
        param.set_trainable(false);
        Self(param)
    }

    /// The identity, the same for all handles.
    pub fn id(&self) -> u64 {
        self.0.id()
    }

    /// The value now; shares the memory.
    pub fn get(&self) -> Tensor<T> {
        self.0.get()
    }

    /// Replaces the value.
    pub fn set(&self, value: Tensor<T>) {
        self.0.set(value);
    }

    /// The buffer as what it is made of: saving and loading treat both alike.
    pub(super) fn as_param(&self) -> &Param<T> {
        &self.0
    }
}

/// What a forward pass in training would have its buffers be.
#[derive(Debug)]
pub struct Proposals<T: Real = f32>(Vec<(Buffer<T>, Tensor<T>)>);

impl<T: Real> Proposals<T> {
    /// Nothing proposed yet.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// What was proposed last for a buffer.
    pub(super) fn of(&self, buffer: &Buffer<T>) -> Option<&Tensor<T>> {
        self.0.iter().find(|(known, _)| known.id() == buffer.id()).map(|(_, value)| value)
    }

    /// Proposes a value; it takes the place of an earlier one.
    pub(super) fn put(&mut self, buffer: &Buffer<T>, value: Tensor<T>) {
        match self.0.iter_mut().find(|(known, _)| known.id() == buffer.id()) {
            Some((_, known)) => *known = value,
            None => self.0.push((buffer.clone(), value)),
        }
    }

    /// Writes the proposed values into their buffers: to be called once a step, after the optimizer.
    pub fn commit(self) {
        self.0.into_iter().for_each(|(buffer, value)| buffer.set(value));
    }
}

impl<T: Real> Default for Proposals<T> {
    fn default() -> Self {
        Self::new()
    }
}
