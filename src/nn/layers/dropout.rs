//! Dropout.

use super::settings::{Example, Range, Settings};
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::onnx::Node;
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Zeroes elements at random in training. See [`ops::dropout`](crate::ops::dropout).
///
/// ```
/// use gradus::prelude::*;
/// let x = Var::constant(Tensor::<f32>::full([1, 8], 1.0));
/// assert_eq!(Dropout(0.5).forward(&x, &mut Ctx::eval())?.value(), x.value());
/// let tape = Tape::new();
/// let y = Dropout(0.5).forward(&x, &mut Ctx::train(&tape, 1, 1))?;
/// assert!(y.value().data().iter().all(|&y| y == 0.0 || y == 2.0));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout(pub f64);

impl<T: Real> Module<T> for Dropout {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        match cx.random() {
            Some(rng) if self.0 > 0.0 => x.dropout(self.0, rng),
            _ => Ok(x.clone()),
        }
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        Kind::layer(format!("dropout {}", self.0))
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        Some(Vec::new())
    }
}

/// Numbers from 0 to below 1 end here.
pub(super) const BELOW_1: f64 = 0.999_999;

/// The settings of dropout in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DropoutSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Probability with which an element becomes zero.
    pub p: f64,
}

impl<T: Real> Settings<T> for DropoutSettings {
    fn ranges(&self) -> Vec<Range> {
        vec![("p", self.p, 0.0, BELOW_1)]
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        Ok(Box::new(Dropout(self.p)))
    }

    fn examples() -> Vec<Example> {
        let about = "one fixed mask";
        vec![Example { about, ..Example::new(json!({ "p": 0.5 }), &[4, 5]) }]
    }
}
