//! Several values become one: where the branches of a network meet.

use super::onnx::{Node, Operand};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::ops::layout::concat;
use crate::real::Real;
use crate::shape::Shape;

/// How the outputs of branches become one value.
///
/// ```
/// use gradus::{autograd::Var, nn::Join, tensor::Tensor};
/// let [a, b] = [1.0, 2.0].map(|value| Var::constant(Tensor::<f32>::full([1, 2], value)));
/// assert_eq!(Join::Sum.of(&[&a, &b])?.value().data(), [3.0, 3.0]);
/// assert_eq!(Join::Concat.of(&[&a, &b])?.value().data(), [1.0, 1.0, 2.0, 2.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// y = ((a + b) + c) + .., of values of one shape.
    Sum,
    /// One after the other along the channels, axis 1: `[N, A, ..]` and `[N, B, ..]` to `[N, A + B, ..]`.
    #[default]
    Concat,
}

impl Join {
    /// The axis along which values are concatenated.
    pub const AXIS: usize = 1;

    /// Returns the name, which is also the last part of the path of the joined value: `block1.sum`.
    pub fn name(self) -> &'static str {
        match self {
            Join::Sum => "sum",
            Join::Concat => "concat",
        }
    }

    /// Returns the shape of the joined value. Fails if the parts do not fit together, or if there are none.
    ///
    /// A sum takes one shape only: broadcasting, which would add a single channel to each of many, would hide a branch that
    /// gives the wrong number of them.
    pub fn shape(self, parts: &[&[usize]]) -> Result<Shape> {
        let refuse = |what: &str| {
            let shapes: Vec<String> = parts.iter().map(|shape| format!("{shape:?}")).collect();
            Err(Error::shape(self.name(), format!("{what}; found {}", shapes.join(" and "))))
        };
        let Some((first, others)) = parts.split_first() else {
            return Err(Error::shape(self.name(), "expected at least one branch"));
        };
        match self {
            Join::Sum if others.iter().any(|shape| shape != first) => {
                refuse("expected branches of one shape (a `shortcut` can bring the input of a residual block to it)")
            }
            Join::Sum => Ok(Shape::new(first)),
            Join::Concat => {
                let (axis, other_axes) = (Self::AXIS, |shape: &[usize]| {
                    let sizes = shape.iter().enumerate().filter(|(axis, _)| *axis != Self::AXIS);
                    sizes.map(|(_, &size)| size).collect::<Vec<_>>()
                });
                if parts.iter().any(|shape| shape.len() <= axis || other_axes(shape) != other_axes(first)) {
                    return refuse("expected branches that differ in the number of channels only");
                }
                let channels = parts.iter().fold(0usize, |sum, shape| sum.saturating_add(shape[axis]));
                Ok(Shape::new(first).with(axis, channels))
            }
        }
    }

    /// Computes the joined value. Fails as [`shape`](Self::shape) does.
    pub fn of<T: Real>(self, parts: &[&Var<T>]) -> Result<Var<T>> {
        self.shape(&parts.iter().map(|part| part.shape()).collect::<Vec<_>>())?;
        match self {
            Join::Sum => parts[1..].iter().try_fold(parts[0].clone(), |sum, part| sum.add(part)),
            Join::Concat => concat(parts, Self::AXIS),
        }
    }

    /// Returns the ONNX operators that join this many values: a sum of n values is n - 1 sums of two.
    pub(super) fn onnx(self, parts: usize) -> Vec<Node> {
        let sum = |i: usize| {
            let before = if i == 1 { Operand::Input(0) } else { Operand::Before };
            Node::new("Add", [before, Operand::Input(i)])
        };
        match self {
            Join::Sum => (1..parts).map(sum).collect(),
            Join::Concat => {
                let parts: Vec<Operand> = (0..parts).map(Operand::Input).collect();
                vec![Node::new("Concat", parts).int("axis", Self::AXIS as i64)]
            }
        }
    }
}
