//! The tape, the variables on it, and the one loop that is backpropagation.

use super::backward::Backward;
use super::param::Param;
use crate::error::{Error, Result};
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::math;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// One line of the tape.
struct Entry<T: Real> {
    /// Entries of the inputs; none for inputs that are constants.
    inputs: Inputs,
    /// How to send a gradient back; none for a leaf.
    op: Option<Box<dyn Backward<T>>>,
}

/// Most ops have up to three inputs, stored without an allocation.
enum Inputs {
    Few([Option<u32>; 3]),
    Many(Vec<Option<u32>>),
}

impl Inputs {
    fn get(&self, i: usize) -> Option<u32> {
        match self {
            Inputs::Few(few) => few[i],
            Inputs::Many(many) => many[i],
        }
    }
}

struct Record<T: Real> {
    /// Identifies the tape, also after it is consumed.
    id: u64,
    entries: Vec<Entry<T>>,
    /// Entries of ops whose gradients are kept.
    retained: Vec<u32>,
    /// Parameters already on the tape, and their entries: a tied parameter is one leaf.
    params: Vec<(u64, Var<T>)>,
    spent: bool,
}

/// A record of the computed ops, in order. See the [module](super) for how it works.
///
/// A tape serves one backward pass, which consumes it. It is not `Send`: one tape, one thread (the kernels below it
/// use all cores).
///
/// ```
/// use gradus::{autograd::Tape, tensor::Tensor};
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::new(vec![3.0], [1])?);
/// let y = x.mul(&x)?.sum()?;
/// let gradients = tape.backward(&y)?;
/// assert_eq!(gradients.of(&x)?.expect("y depends on x").data(), [6.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
pub struct Tape<T: Real = f32> {
    record: Rc<RefCell<Record<T>>>,
}

impl<T: Real> Clone for Tape<T> {
    /// Another handle on the same tape.
    fn clone(&self) -> Self {
        Self { record: self.record.clone() }
    }
}

impl<T: Real> Default for Tape<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Real> Tape<T> {
    /// Creates an empty tape.
    pub fn new() -> Self {
        Self {
            record: Rc::new(RefCell::new(Record {
                id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
                entries: Vec::with_capacity(16),
                retained: Vec::new(),
                params: Vec::with_capacity(8),
                spent: false,
            })),
        }
    }

    /// Returns the number of entries so far.
    pub fn len(&self) -> usize {
        self.record.borrow().entries.len()
    }

    /// Returns whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns a variable for which the backward pass computes the gradient.
    pub fn leaf(&self, value: Tensor<T>) -> Var<T> {
        let mut record = self.record.borrow_mut();
        record.entries.push(Entry { inputs: Inputs::Few([None; 3]), op: None });
        let index = (record.entries.len() - 1) as u32;
        Var { value, node: Some(Node { tape: self.clone(), index, leaf: true }) }
    }

    /// Returns the variable of a parameter: the same one each time, so that the gradients of all uses add up.
    pub fn param(&self, param: &Param<T>) -> Var<T> {
        if !param.is_trainable() {
            return Var::constant(param.get());
        }
        let known = self.record.borrow().params.iter().find(|(id, _)| *id == param.id()).map(|(_, var)| var.clone());
        known.unwrap_or_else(|| {
            let var = self.leaf(param.get());
            self.record.borrow_mut().params.push((param.id(), var.clone()));
            var
        })
    }

    /// Returns the tape that the inputs of `op` are on, if any; an error if they are on two, or on one that is used up.
    pub(crate) fn of(op: &'static str, x: &[&Var<T>]) -> Result<Option<Tape<T>>> {
        let mut tapes = x.iter().filter_map(|v| v.node.as_ref()).map(|node| &node.tape);
        let Some(tape) = tapes.next() else { return Ok(None) };
        if tapes.any(|other| !Rc::ptr_eq(&tape.record, &other.record)) {
            return Err(Error::invalid(format!(
                "{op}: its inputs are on two different tapes; use one tape per backward pass"
            )));
        }
        if tape.record.borrow().spent {
            return Err(Error::invalid(format!(
                "{op}: the tape of its input was consumed by backward(); record on a new tape"
            )));
        }
        Ok(Some(tape.clone()))
    }

    /// Writes an entry for `value`, computed by `op` from `inputs`.
    pub(crate) fn record(&self, value: Tensor<T>, inputs: &[&Var<T>], op: Box<dyn Backward<T>>) -> Var<T> {
        let index = |v: &Var<T>| v.node.as_ref().map(|node| node.index);
        let inputs = if inputs.len() <= 3 {
            let mut few = [None; 3];
            inputs.iter().zip(&mut few).for_each(|(v, slot)| *slot = index(v));
            Inputs::Few(few)
        } else {
            Inputs::Many(inputs.iter().map(|v| index(v)).collect())
        };
        let mut record = self.record.borrow_mut();
        record.entries.push(Entry { inputs, op: Some(op) });
        let index = (record.entries.len() - 1) as u32;
        Var { value, node: Some(Node { tape: self.clone(), index, leaf: false }) }
    }

    /// Returns the gradients of a scalar `loss` with respect to all leaves and parameters, and to the variables that
    /// [`retain`](Var::retain) theirs. Consumes the tape.
    pub fn backward(self, loss: &Var<T>) -> Result<Gradients<T>> {
        if loss.value.numel() != 1 {
            return Err(Error::shape("backward", format!("starts from a scalar loss; found {:?}", loss.shape())));
        }
        let one = Tensor::full(loss.value.shape_owned(), T::ONE);
        self.backward_from(loss, one)
    }

    /// Computes gradients as [`backward`](Self::backward) does, from any variable `y` with the gradient `seed`.
    pub fn backward_from(self, y: &Var<T>, seed: Tensor<T>) -> Result<Gradients<T>> {
        let start = match &y.node {
            Some(node) if Rc::ptr_eq(&node.tape.record, &self.record) => node.index as usize,
            _ => return Err(Error::invalid("backward: this variable was not computed on this tape")),
        };
        if seed.shape() != y.shape() {
            return Err(Error::shape(
                "backward",
                format!("expected a seed of shape {:?}; found {:?}", y.shape(), seed.shape()),
            ));
        }
        let (mut entries, params, retained, id) = {
            let mut record = self.record.borrow_mut();
            if std::mem::replace(&mut record.spent, true) {
                return Err(Error::invalid("backward: this tape was already consumed"));
            }
            // The record must not keep the parameters' tensors alive, or the optimizer would have to copy them.
            let params: Vec<(u64, u32)> =
                record.params.drain(..).filter_map(|(id, var)| var.node.map(|node| (id, node.index))).collect();
            (std::mem::take(&mut record.entries), params, std::mem::take(&mut record.retained), record.id)
        };
        entries.truncate(start + 1);
        let mut arrived: Vec<Option<Tensor<T>>> = vec![None; entries.len()];
        let mut found = Vec::with_capacity(params.len() + retained.len() + 1);
        arrived[start] = Some(seed);
        while let Some(entry) = entries.pop() {
            let Some(g) = arrived.pop().flatten() else { continue };
            let index = entries.len() as u32;
            if let Some(op) = entry.op {
                op.backward(&g, &mut |input, gradient| {
                    if let Some(at) = entry.inputs.get(input) {
                        accumulate(&mut arrived[at as usize], gradient);
                    }
                });
                if retained.contains(&index) {
                    found.push((index, g));
                }
            } else {
                found.push((index, g));
            }
        }
        Ok(Gradients { tape: id, found, retained, params })
    }
}

/// Adds a gradient to what has arrived so far.
fn accumulate<T: Real>(sum: &mut Option<Tensor<T>>, gradient: Tensor<T>) {
    match sum {
        None => *sum = Some(gradient),
        Some(sum) => math::update(sum.data_mut(), gradient.data(), |a, b| a + b),
    }
}

/// Where on which tape a variable was made.
struct Node<T: Real> {
    tape: Tape<T>,
    index: u32,
    /// Whether it is a leaf, and not the result of an op.
    leaf: bool,
}

impl<T: Real> Clone for Node<T> {
    fn clone(&self) -> Self {
        Self { tape: self.tape.clone(), index: self.index, leaf: self.leaf }
    }
}

/// The error message for a constant, which has no gradient.
const CONSTANT: &str = "this variable is a constant, which has no gradient. help: make it with tape.leaf(value)";

/// A tensor that may be on a tape, which records how it was computed. Ops take and return variables.
///
/// ```
/// use gradus::prelude::*;
/// let tape = Tape::new();
/// let x = tape.leaf(Tensor::new(vec![1.0, 2.0], [2])?); // has a gradient
/// let c = Var::constant(Tensor::scalar(10.0)); // has none
/// let y = (&x * &c).sum()?;
/// assert_eq!(y.value().item(), 30.0);
/// assert_eq!(tape.backward(&y)?.of(&x)?.unwrap().data(), [10.0, 10.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Var<T: Real = f32> {
    value: Tensor<T>,
    node: Option<Node<T>>,
}

impl<T: Real> Var<T> {
    /// Creates a variable with no history: nothing is recorded for it.
    pub fn constant(value: Tensor<T>) -> Self {
        Self { value, node: None }
    }

    /// Returns the value.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// Returns the value, the history forgotten.
    pub fn into_value(self) -> Tensor<T> {
        self.value
    }

    /// Returns the value's shape.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// Returns whether a tape knows this variable.
    pub fn is_recorded(&self) -> bool {
        self.node.is_some()
    }

    /// Returns the variable, its gradient to be kept: [`Gradients::of`] then has it as it has a leaf's. Otherwise the
    /// gradient of what an op computed is freed as soon as the backward pass has used it.
    ///
    /// Fails for a constant, which has no gradient, and after the tape was consumed.
    ///
    /// ```
    /// use gradus::{autograd::Tape, tensor::Tensor};
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::new(vec![3.0], [1])?);
    /// let square = x.mul(&x)?.retain()?;
    /// let gradients = tape.backward(&square.mul(&square)?.sum()?)?; // of (x²)²
    /// assert_eq!(gradients.of(&square)?.expect("the loss depends on it").data(), [18.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn retain(self) -> Result<Self> {
        let Some(node) = &self.node else {
            return Err(Error::invalid(format!("retain: {CONSTANT}")));
        };
        let mut record = node.tape.record.borrow_mut();
        if record.spent {
            return Err(Error::invalid("retain: the tape of this variable was consumed; retain before backward()"));
        }
        if !node.leaf && !record.retained.contains(&node.index) {
            record.retained.push(node.index);
        }
        drop(record);
        Ok(self)
    }

    /// Returns the same value without its history: gradients stop here.
    pub fn detach(&self) -> Self {
        Self::constant(self.value.clone())
    }
}

impl<T: Real> From<Tensor<T>> for Var<T> {
    fn from(value: Tensor<T>) -> Self {
        Self::constant(value)
    }
}

impl<T: Real> std::fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Var({:?}, entry {:?})", self.value, self.node.as_ref().map(|n| n.index))
    }
}

/// What [`Tape::backward`] returns: the gradient of each leaf and parameter that the loss depends on, and of each
/// variable that retained its own.
///
/// ```
/// use gradus::prelude::*;
///
/// let tape = Tape::new();
/// let [x, unused] = [3.0, 5.0].map(|x| tape.leaf(Tensor::scalar(x)));
/// let square = x.mul(&x)?;
/// let gradients = tape.backward(&square)?;
/// assert_eq!(gradients.of(&x)?.unwrap().item(), 6.0);
/// assert!(gradients.of(&unused)?.is_none()); // the loss does not depend on it
/// assert!(gradients.of(&square).is_err()); // the result of an op, which did not retain its gradient
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Gradients<T: Real = f32> {
    /// The tape's id.
    tape: u64,
    found: Vec<(u32, Tensor<T>)>,
    /// Entries of ops whose gradients were kept.
    retained: Vec<u32>,
    params: Vec<(u64, u32)>,
}

impl<T: Real> Gradients<T> {
    fn at(&self, index: u32) -> Option<&Tensor<T>> {
        self.found.iter().find(|(i, _)| *i == index).map(|(_, g)| g)
    }

    /// Returns the gradient of a leaf, or of a variable that [retained](Var::retain) its own; `None` if the loss does
    /// not depend on it, so that its gradient is zero.
    ///
    /// Fails for what has no gradient here: a constant, a variable of another tape, and the result of an op that did
    /// not retain its gradient, which is freed on the way.
    pub fn of(&self, var: &Var<T>) -> Result<Option<&Tensor<T>>> {
        let why = match &var.node {
            None => CONSTANT,
            Some(node) if node.tape.record.borrow().id != self.tape => {
                "this variable is on another tape than the one that backward() consumed"
            }
            Some(node) if !node.leaf && !self.retained.contains(&node.index) => {
                "this variable is the result of an op, whose gradient was freed on the way. help: call retain() on it \
                 before backward()"
            }
            Some(node) => return Ok(self.at(node.index)),
        };
        Err(Error::invalid(format!("gradient: {why}")))
    }

    /// Returns the gradient of the first parameter that the loss depends on and that is not `known` by its
    /// [`Param::id`].
    pub(crate) fn of_unknown(&self, known: impl Fn(u64) -> bool) -> Option<&Tensor<T>> {
        self.params.iter().filter(|(id, _)| !known(*id)).find_map(|&(_, index)| self.at(index))
    }

    /// Returns the gradients of those parameters alone whose [`Param::id`] `takes` accepts.
    pub(crate) fn only(&self, takes: impl Fn(u64) -> bool) -> Self {
        let params: Vec<(u64, u32)> = self.params.iter().filter(|(id, _)| takes(*id)).copied().collect();
        let found = params.iter().filter_map(|&(_, index)| Some((index, self.at(index)?.clone()))).collect();
        Self { tape: self.tape, found, retained: Vec::new(), params }
    }

    /// Returns the gradient of a parameter; none if the loss does not depend on it or it is frozen.
    pub fn param(&self, param: &Param<T>) -> Option<&Tensor<T>> {
        self.params.iter().find(|(id, _)| *id == param.id()).and_then(|&(_, index)| self.at(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(x: f64) -> Tensor<f64> {
        Tensor::scalar(x)
    }

    #[test]
    fn gradients_of_shared_inputs_add_up() {
        let tape = Tape::new();
        let x = tape.leaf(scalar(3.0));
        let y = x.mul(&x).unwrap().add(&x).unwrap(); // x² + x
        assert_eq!(tape.backward(&y).unwrap().of(&x).unwrap().unwrap().item(), 7.0);
    }

    #[test]
    fn only_what_has_a_gradient_here_gives_one() {
        let (tape, other) = (Tape::new(), Tape::new());
        let (x, unused, foreign) = (tape.leaf(scalar(3.0)), tape.leaf(scalar(2.0)), other.leaf(scalar(5.0)));
        let square = x.mul(&x).unwrap();
        let kept = square.exp().unwrap().retain().unwrap();
        let aside = unused.exp().unwrap().retain().unwrap();
        let constant = Var::constant(scalar(4.0));
        let message = |result: Result<Option<&Tensor<f64>>>| result.unwrap_err().to_string();
        let y = kept.mul(&constant).unwrap();
        let gradients = tape.backward(&y).unwrap();
        let e9 = 9.0f64.exp();
        assert_eq!(gradients.of(&x).unwrap().unwrap().item(), 4.0 * e9 * 6.0);
        assert_eq!(gradients.of(&kept).unwrap().unwrap().item(), 4.0);
        assert!(gradients.of(&unused).unwrap().is_none() && gradients.of(&aside).unwrap().is_none());
        // The foreign leaf has the number of x on its own tape.
        assert!(message(gradients.of(&foreign)).contains("another tape"));
        assert!(message(gradients.of(&square)).contains("call retain()"));
        assert!(message(gradients.of(&constant)).contains("is a constant"));
        assert!(constant.retain().unwrap_err().to_string().contains("is a constant"));
        assert!(square.retain().unwrap_err().to_string().contains("consumed"));
    }

    #[test]
    fn a_retained_gradient_is_the_sum_of_all_that_arrive() {
        let tape = Tape::new();
        let x = tape.leaf(scalar(2.0));
        let h = x.affine(3.0, 0.0).unwrap().retain().unwrap().retain().unwrap();
        let y = h.mul(&h).unwrap().add(&h).unwrap(); // h² + h, h = 3x
        let gradients = tape.backward(&y).unwrap();
        assert_eq!(gradients.of(&h).unwrap().unwrap().item(), 13.0);
        assert_eq!(gradients.of(&x).unwrap().unwrap().item(), 39.0);
    }

    #[test]
    fn constants_are_not_recorded() {
        let tape = Tape::<f64>::new();
        let c = Var::constant(scalar(2.0));
        assert!(!c.mul(&c).unwrap().is_recorded() && tape.is_empty());
    }

    #[test]
    fn two_tapes_do_not_mix() {
        let (a, b) = (Tape::new().leaf(scalar(1.0)), Tape::new().leaf(scalar(1.0)));
        assert!(a.add(&b).unwrap_err().to_string().contains("two different tapes"));
    }

    #[test]
    fn a_spent_tape_records_nothing() {
        let tape = Tape::new();
        let x = tape.leaf(scalar(1.0));
        let y = x.exp().unwrap();
        tape.backward(&y).unwrap();
        assert!(x.exp().unwrap_err().to_string().contains("consumed"));
    }

    #[test]
    fn parameters_can_be_written_in_place_after_backward() {
        let p = Param::new(scalar(2.0));
        let tape = Tape::new();
        let y = tape.param(&p).exp().unwrap().mul(&tape.param(&p)).unwrap();
        let gradients = tape.backward(&y).unwrap();
        drop(y);
        assert!(gradients.param(&p).is_some());
        p.update(|value| assert!(!value.is_shared(), "writing would copy the parameter"));
    }
}
