//! Parameters: tensors with an identity, which training changes in place.

use crate::real::Real;
use crate::tensor::Tensor;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

struct Cell<T: Real> {
    id: u64,
    value: RwLock<Tensor<T>>,
    trainable: AtomicBool,
}

/// A tensor that a layer owns and an optimizer changes.
///
/// Cloning a parameter *ties* it: both handles are the same parameter, counted and optimized once. A frozen
/// parameter takes part in forward as a constant.
///
/// ```
/// use gradus::prelude::*;
///
/// let w = Param::new(Tensor::scalar(2.0));
/// let tied = w.clone();
/// w.set(Tensor::scalar(3.0));
/// assert_eq!(tied.get().item(), 3.0);
///
/// // On a tape the parameter is one variable, wherever it is used.
/// let tape = Tape::new();
/// let y = tape.param(&w).mul(&tape.param(&tied))?; // w²
/// assert_eq!(tape.backward(&y)?.param(&w).unwrap().item(), 6.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Param<T: Real = f32>(Arc<Cell<T>>);

impl<T: Real> Param<T> {
    /// Creates a new, trainable parameter.
    pub fn new(value: Tensor<T>) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Cell { id, value: RwLock::new(value), trainable: AtomicBool::new(true) }))
    }

    /// Returns the identity, the same for tied handles.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Returns the value now; shares the buffer.
    pub fn get(&self) -> Tensor<T> {
        self.0.value.read().expect("a thread panicked while it wrote this parameter").clone()
    }

    /// Replaces the value.
    pub fn set(&self, value: Tensor<T>) {
        self.update(|old| *old = value);
    }

    /// Changes the value in place.
    pub fn update<R>(&self, f: impl FnOnce(&mut Tensor<T>) -> R) -> R {
        f(&mut self.0.value.write().expect("a thread panicked while it wrote this parameter"))
    }

    /// Returns whether the parameter is trainable: only then is its gradient computed.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed)
    }

    /// Freezes or unfreezes.
    pub fn set_trainable(&self, trainable: bool) {
        self.0.trainable.store(trainable, Ordering::Relaxed);
    }
}

impl<T: Real> std::fmt::Debug for Param<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Param #{} {:?}", self.id(), self.get().shape())
    }
}
