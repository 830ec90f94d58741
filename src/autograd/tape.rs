//! The tape, the variables on it, and the one loop that is backpropagation.

use super::op::Backward;
use super::param::Param;
use crate::error::{Error, Result};
use crate::real::Real;
use crate::tensor::Tensor;
use gradus_kernels::math;
use std::cell::RefCell;
use std::rc::Rc;

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
    entries: Vec<Entry<T>>,
    /// Parameters already on the tape, and their entries: a tied parameter is one leaf.
    params: Vec<(u64, Var<T>)>,
    spent: bool,
}

/// A flat list of what was computed. See the [module](super) for how it works.
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
/// assert_eq!(gradients.of(&x).unwrap().data(), [6.0]);
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
    /// An empty tape.
    pub fn new() -> Self {
        Self {
            record: Rc::new(RefCell::new(Record {
                entries: Vec::with_capacity(16),
                params: Vec::with_capacity(8),
                spent: false,
            })),
        }
    }

    /// Number of entries so far.
    pub fn len(&self) -> usize {
        self.record.borrow().entries.len()
    }

    /// Whether nothing has been recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A variable whose gradient will be wanted.
    pub fn leaf(&self, value: Tensor<T>) -> Var<T> {
        let mut record = self.record.borrow_mut();
        record.entries.push(Entry { inputs: Inputs::Few([None; 3]), op: None });
        let index = (record.entries.len() - 1) as u32;
        Var { value, node: Some(Node { tape: self.clone(), index }) }
    }

    /// The variable of a parameter: the same one each time, so that the gradients of all uses add up.
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

    /// The tape that the inputs of `op` are on, if any; an error if they are on two, or on one that is used up.
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
        Var { value, node: Some(Node { tape: self.clone(), index }) }
    }

    /// The gradients of a scalar `loss` with respect to all leaves and parameters. Consumes the tape.
    pub fn backward(self, loss: &Var<T>) -> Result<Gradients<T>> {
        if loss.value.numel() != 1 {
            return Err(Error::shape("backward", format!("starts from a scalar loss; got {:?}", loss.shape())));
        }
        let one = Tensor::full(loss.value.shape_owned(), T::ONE);
        self.backward_from(loss, one)
    }

    /// Like [`backward`](Self::backward) from any variable `y`, with `seed` as the gradient that arrives there.
    pub fn backward_from(self, y: &Var<T>, seed: Tensor<T>) -> Result<Gradients<T>> {
        let start = match &y.node {
            Some(node) if Rc::ptr_eq(&node.tape.record, &self.record) => node.index as usize,
            _ => return Err(Error::invalid("backward: this variable was not computed on this tape")),
        };
        if seed.shape() != y.shape() {
            return Err(Error::shape(
                "backward",
                format!("wanted a seed of shape {:?}; got {:?}", y.shape(), seed.shape()),
            ));
        }
        let (mut entries, params) = {
            let mut record = self.record.borrow_mut();
            if std::mem::replace(&mut record.spent, true) {
                return Err(Error::invalid("backward: this tape was already consumed"));
            }
            // The record must not keep the parameters' tensors alive, or the optimizer would have to copy them.
            let params: Vec<(u64, u32)> =
                record.params.drain(..).filter_map(|(id, var)| var.node.map(|node| (id, node.index))).collect();
            (std::mem::take(&mut record.entries), params)
        };
        entries.truncate(start + 1);
        let mut arrived: Vec<Option<Tensor<T>>> = vec![None; entries.len()];
        let mut leaves = Vec::with_capacity(params.len() + 1);
        arrived[start] = Some(seed);
        while let Some(entry) = entries.pop() {
            let Some(g) = arrived.pop().flatten() else { continue };
            match entry.op {
                None => leaves.push((entries.len() as u32, g)),
                Some(op) => op.backward(&g, &mut |input, gradient| {
                    if let Some(at) = entry.inputs.get(input) {
                        accumulate(&mut arrived[at as usize], gradient);
                    }
                }),
            }
        }
        Ok(Gradients { leaves, params })
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
}

impl<T: Real> Clone for Node<T> {
    fn clone(&self) -> Self {
        Self { tape: self.tape.clone(), index: self.index }
    }
}

/// A tensor that may remember how it was made. Ops take and give variables.
#[derive(Clone)]
pub struct Var<T: Real = f32> {
    value: Tensor<T>,
    node: Option<Node<T>>,
}

impl<T: Real> Var<T> {
    /// A variable with no history: nothing is recorded for it.
    pub fn constant(value: Tensor<T>) -> Self {
        Self { value, node: None }
    }

    /// The value.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The value, the history forgotten.
    pub fn into_value(self) -> Tensor<T> {
        self.value
    }

    /// The value's shape.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// Whether a tape knows this variable.
    pub fn is_recorded(&self) -> bool {
        self.node.is_some()
    }

    /// The same value without its history: gradients stop here.
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

/// What [`Tape::backward`] returns: the gradient of each leaf and parameter that the loss depends on.
#[derive(Debug)]
pub struct Gradients<T: Real = f32> {
    leaves: Vec<(u32, Tensor<T>)>,
    params: Vec<(u64, u32)>,
}

impl<T: Real> Gradients<T> {
    fn at(&self, index: u32) -> Option<&Tensor<T>> {
        self.leaves.iter().find(|(i, _)| *i == index).map(|(_, g)| g)
    }

    /// The gradient of a leaf; none if the loss does not depend on it.
    pub fn of(&self, leaf: &Var<T>) -> Option<&Tensor<T>> {
        leaf.node.as_ref().and_then(|node| self.at(node.index))
    }

    /// The gradient of a parameter; none if the loss does not depend on it or it is frozen.
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
        assert_eq!(tape.backward(&y).unwrap().of(&x).unwrap().item(), 7.0);
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
