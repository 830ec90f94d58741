//! Patches of an image as tokens.

use super::settings::{Example, Range, Settings, WIDE, product, sides, size};
use super::sizes::Sides;
use crate::autograd::{Param, Var};
use crate::error::{Error, Result};
use crate::nn::context::Ctx;
use crate::nn::init::Init;
use crate::nn::kind::{Kind, Reach, Work};
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Cuts an image into patches that do not overlap and computes a vector of each, y = W p + b (Dosovitskiy et al. 2021):
/// `[N, C, H, W]` to `[N, L, D]` with L = H/PH · W/PW tokens, row by row of patches.
///
/// It is a convolution whose stride is its kernel, with the patches for rows of one matrix product. Fails where the patches do
/// not cover the image exactly.
///
/// ```
/// use gradus::prelude::*;
/// let layer = PatchEmbedding::new(1, [7, 7], 64, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let images = Var::constant(Tensor::<f32>::zeros([5, 1, 28, 28]));
/// assert_eq!(layer.forward(&images, &mut Ctx::eval())?.shape(), [5, 16, 64]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct PatchEmbedding<T: Real = f32> {
    /// `[D, C, PH, PW]`.
    pub weight: Param<T>,
    /// `[D]`.
    pub bias: Param<T>,
}

impl<T: Real> PatchEmbedding<T> {
    /// A layer for images of so many channels, with vectors of `dim` numbers and weights drawn by `init`.
    pub fn new(channels: usize, patch: [usize; 2], dim: usize, init: Init, rng: &mut Rng) -> Self {
        let shape = [dim, channels, patch[0], patch[1]];
        let weight = Param::new(init.weight(&shape, rng));
        Self { weight, bias: Param::new(init.bias(dim, product(&shape[1..]), rng)) }
    }

    fn sizes(&self) -> [usize; 4] {
        self.weight.get().shape().try_into().expect("filters have four axes")
    }
}

/// Returns the rows and columns of patches of an image `[C, H, W]`, or why there are none.
fn patches(image: &[usize], channels: usize, [ph, pw]: [usize; 2]) -> Result<[usize; 2]> {
    let refused = |expected: String| Error::shape("patch_embedding", format!("expected {expected}; found {image:?}"));
    match *image {
        [c, h, w] if c == channels => {
            if ph == 0 || pw == 0 || h < ph || w < pw || !h.is_multiple_of(ph) || !w.is_multiple_of(pw) {
                let what = format!(
                    "a height that is a multiple of {ph} and a width that is one of {pw}: {ph}x{pw} is a patch"
                );
                return Err(refused(what));
            }
            Ok([h / ph, w / pw])
        }
        [_, _, _] => Err(refused(format!("images of {channels} channels"))),
        _ => Err(refused("images [C, H, W]".into())),
    }
}

impl<T: Real> Module<T> for PatchEmbedding<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let [dim, c, ph, pw] = self.sizes();
        let [down, across] = patches(x.shape().get(1..).unwrap_or_default(), c, [ph, pw])?;
        let n = x.shape()[0];
        let rows = x.reshape([n, c, down, ph, across, pw])?.permute(&[0, 2, 4, 1, 3, 5])?;
        let rows = rows.reshape([n * down * across, c * ph * pw])?;
        let weight = cx.param(&self.weight).reshape([dim, c * ph * pw])?;
        rows.linear(&weight, &cx.param(&self.bias))?.reshape([n, down * across, dim])
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.param("weight", &self.weight);
        walk.param("bias", &self.bias);
    }

    fn kind(&self) -> Kind {
        let [_, c, h, w] = self.sizes();
        let reach = Reach::Window { kernel: [h, w], stride: [h, w], dilation: [1, 1] };
        Kind::reaching(format!("patches {h}x{w}"), reach).working(Work::PerOutput(c * h * w))
    }

    fn onnx(&self, _: &[usize], output: &[usize]) -> Option<Vec<Node>> {
        let [dim, _, h, w] = self.sizes();
        let conv = Node::new("Conv", [Operand::Input(0), Operand::Weight("weight"), Operand::Weight("bias")]);
        let shape = vec![0, dim as i64, output[1] as i64];
        Some(vec![
            conv.ints("kernel_shape", &[h, w]).ints("strides", &[h, w]),
            Node::new("Reshape", [Operand::Before, Operand::Ints("shape", shape)]),
            Node::new("Transpose", [Operand::Before]).ints("perm", &[0, 2, 1]),
        ])
    }
}

/// The settings of patches as tokens in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchEmbeddingSettings {
    /// Its name in paths and files; by default `patch` and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Height and width of a patch: one number, or two. They divide those of the image.
    pub patch: Sides,
    /// Numbers of a token.
    pub dim: usize,
    /// How the weights are drawn.
    #[serde(default)]
    pub init: Init,
}

/// The channels of an image, whose other sizes are checked against the patches.
fn channels(input: &[usize], patch: [usize; 2]) -> Result<(usize, [usize; 2])> {
    let channels = input.first().copied().unwrap_or_default();
    Ok((channels, patches(input, channels, patch)?))
}

impl<T: Real> Settings<T> for PatchEmbeddingSettings {
    fn ranges(&self) -> Vec<Range> {
        [sides("patch", self.patch.get(), 1.0, 1024.0), size("dim", self.dim, 1.0, WIDE)].concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let [ph, pw] = self.patch.get();
        let (channels, [down, across]) = channels(input, [ph, pw])?;
        let weights = product(&[self.dim, channels, ph, pw]);
        Ok((vec![down * across, self.dim], weights.saturating_add(self.dim)))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let (channels, _) = channels(input, self.patch.get())?;
        Ok(Box::new(PatchEmbedding::new(channels, self.patch.get(), self.dim, self.init, rng)))
    }

    fn examples() -> Vec<Example> {
        let wide = Example::new(json!({ "patch": [2, 3], "dim": 3 }), &[2, 2, 4, 6]);
        vec![Example::new(json!({ "patch": 2, "dim": 4 }), &[2, 1, 4, 4]), Example { about: "not square", ..wide }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::Tensor;

    /// The convolution whose stride is its kernel, its positions along the axis of tokens.
    #[test]
    fn it_is_a_convolution_whose_stride_is_its_kernel() {
        let mut rng = Rng::new(1, "patches", 0);
        let layer = PatchEmbedding::<f64>::new(2, [2, 3], 5, Init::PyTorch, &mut rng);
        let x = Var::constant(Tensor::randn([3, 2, 4, 6], &mut rng));
        let settings = crate::ops::Conv2d { stride: [2, 3], ..Default::default() };
        let (weight, bias) = (Var::constant(layer.weight.get()), Var::constant(layer.bias.get()));
        let conv = x.conv2d(&weight, Some(&bias), settings).unwrap().reshape([3, 5, 4]).unwrap();
        let conv = conv.permute(&[0, 2, 1]).unwrap().into_value();
        let y = layer.forward(&x, &mut Ctx::eval()).unwrap().into_value();
        assert!(y.data().iter().zip(conv.data()).all(|(y, c)| (y - c).abs() < 1e-12));
    }

    #[test]
    fn patches_that_do_not_cover_the_image_are_refused() {
        let of = |patch: usize| PatchEmbeddingSettings {
            name: None,
            patch: Sides::Square(patch),
            dim: 4,
            init: Init::PyTorch,
        };
        let said = Settings::<f32>::sizes(&of(5), &[1, 28, 28], 0).unwrap_err().to_string();
        assert!(said.contains("5x5") && said.contains("[1, 28, 28]"), "{said}");
        assert!(Settings::<f32>::sizes(&of(7), &[784], 0).is_err());
        assert_eq!(Settings::<f32>::sizes(&of(7), &[1, 28, 28], 0).unwrap(), (vec![16, 4], 4 * 49 + 4));
    }
}
