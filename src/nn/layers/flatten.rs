//! The elements of a sample under other axes: all on one, and back.

use super::settings::{Example, Plain, Range, Settings, WIDE, product};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::context::Ctx;
use crate::nn::kind::{Kind, Reach};
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::rng::Rng;
use crate::shape::{MAX_RANK, Shape};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// `[N, ..]` to `[N, product of the rest]`.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Flatten;
/// let x = Var::constant(Tensor::<f32>::zeros([2, 8, 7, 7]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [2, 392]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flatten;

impl<T: Real> Module<T> for Flatten {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.flatten()
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        Kind::reaching("flatten", Reach::Mixed)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(vec![Node::of_input("Flatten").int("axis", 1)])
    }
}

impl Plain for Flatten {
    const LAYER: Self = Self;
    const BATCH: &'static [usize] = &[2, 3, 2];

    fn output(input: &[usize]) -> Vec<usize> {
        vec![product(input)]
    }
}

/// `[N, ..]` to `[N, sizes]`: each sample's elements under these sizes.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Unflatten([8, 7, 7].into());
/// let x = Var::constant(Tensor::<f32>::zeros([2, 392]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [2, 8, 7, 7]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Unflatten(pub Shape);

impl<T: Real> Module<T> for Unflatten {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.unflatten(&self.0)
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        Kind::reaching("unflatten", Reach::Mixed)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        // 0 leaves the batch as it is.
        let shape = std::iter::once(0).chain(self.0.iter().map(|&size| size as i64)).collect();
        Some(vec![Node::new("Reshape", [Operand::Input(0), Operand::Ints("shape", shape)])])
    }
}

/// The settings of other axes for a sample's elements in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UnflattenSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their sizes.
    pub shape: Vec<usize>,
}

impl<T: Real> Settings<T> for UnflattenSettings {
    fn ranges(&self) -> Vec<Range> {
        self.shape.iter().map(|&n| ("shape", n as f64, 1.0, WIDE)).collect()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        if product(&self.shape) == product(input) {
            return Ok((self.shape.clone(), 0));
        }
        Err(Error::shape("unflatten", format!("of {input:?} to {:?}: other numbers", self.shape)))
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        if self.shape.is_empty() || self.shape.len() >= MAX_RANK {
            let message = format!("takes 1 to {} sizes; found {:?}", MAX_RANK - 1, self.shape);
            return Err(Error::shape("unflatten", message));
        }
        Ok(Box::new(Unflatten(Shape::new(&self.shape))))
    }

    fn examples() -> Vec<Example> {
        vec![Example::new(json!({ "shape": [3, 2, 2] }), &[2, 12])]
    }
}
