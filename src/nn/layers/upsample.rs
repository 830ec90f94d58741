//! Larger maps without weights.

use super::settings::{Example, Range, Settings, batch, sides};
use super::sizes::{Sides, two};
use crate::autograd::{Op, Var};
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::kind::{Kind, Reach};
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::ops::{self, Interpolation};
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Enlarges maps by whole factors. See [`ops::upsample`](crate::ops::upsample).
///
/// ```
/// use gradus::prelude::*;
/// let layer = Upsample(ops::Upsample { scale: [2, 2], mode: Interpolation::Bilinear });
/// let x = Var::constant(Tensor::<f32>::zeros([1, 8, 7, 7]));
/// assert_eq!(layer.forward(&x, &mut Ctx::eval())?.shape(), [1, 8, 14, 14]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Upsample(pub ops::Upsample);

impl<T: Real> Module<T> for Upsample {
    fn forward(&self, x: &Var<T>, _: &mut Ctx<'_, T>) -> Result<Var<T>> {
        x.upsample(self.0.scale, self.0.mode)
    }

    fn walk(&self, _: &mut Walk<'_, T>) {}

    fn kind(&self) -> Kind {
        let ([h, w], mode) = (self.0.scale, self.0.mode);
        let words = match mode {
            Interpolation::Nearest => format!("upsample {h}x{w}"),
            Interpolation::Bilinear => format!("bilinear upsample {h}x{w}"),
        };
        Kind::reaching(words, Reach::Mixed)
    }

    fn onnx(&self, _: &[usize], _: &[usize]) -> Option<Vec<Node>> {
        let scales = [1, 1].into_iter().chain(self.0.scale).map(|factor| factor as f32).collect();
        // The place between is that of a region of interest, which is omitted.
        let operands = [Operand::Input(0), Operand::Nothing, Operand::Reals("scales", scales)];
        let node = Node::new("Resize", operands);
        const CENTRES: &str = "coordinate_transformation_mode";
        Some(vec![match self.0.mode {
            Interpolation::Nearest => {
                node.word("mode", "nearest").word(CENTRES, "asymmetric").word("nearest_mode", "floor")
            }
            Interpolation::Bilinear => node.word("mode", "linear").word(CENTRES, "half_pixel"),
        }])
    }
}

/// The settings of enlarged images in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UpsampleSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The factor: one number, or two.
    #[serde(default = "two")]
    pub scale: Sides,
    /// `nearest` or `bilinear`.
    #[serde(default)]
    pub mode: Interpolation,
}

impl UpsampleSettings {
    /// What the op is to do.
    fn settings(&self) -> ops::Upsample {
        ops::Upsample { scale: self.scale.get(), mode: self.mode }
    }
}

impl<T: Real> Settings<T> for UpsampleSettings {
    fn ranges(&self) -> Vec<Range> {
        sides("scale", self.scale.get(), 1.0, 64.0)
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let output = <ops::Upsample as Op<T, 1>>::shape(&self.settings(), [&batch(input)])?;
        Ok((output[1..].to_vec(), 0))
    }

    fn module(&self, _: &[usize], _: usize, _: &mut Rng) -> Result<Box<dyn Module<T>>> {
        Ok(Box::new(Upsample(self.settings())))
    }

    fn examples() -> Vec<Example> {
        vec![Example::new(json!({ "mode": "bilinear" }), &[2, 2, 3, 2])]
    }
}
