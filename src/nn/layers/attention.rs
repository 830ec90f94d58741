//! Multi-head self-attention.

use super::linear::Linear;
use super::settings::{Example, Range, Settings, product, size, tokens};
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::context::Ctx;
use crate::nn::init::Init;
use crate::nn::kind::{Kind, Reach, Work};
use crate::nn::module::Module;
use crate::nn::onnx::{Node, Operand};
use crate::nn::walk::Walk;
use crate::ops::attention::SelfAttention;
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Multi-head self-attention (Vaswani et al. 2017), `[N, L, D]` to the same: a linear layer `qkv` gives a query, a key and
/// a value of each token, [`SelfAttention`] mixes the values, and a linear layer `out` mixes the heads.
///
/// The maps are captured as `map`, `[N, H, L, L]` (`block1.attn.map`), the mixed values as `context`. A pass that does not
/// capture the maps computes both in one go, with the same bits.
///
/// ```
/// use gradus::prelude::*;
/// let layer = Attention::new(8, 2, false, Init::XavierUniform, &mut Rng::new(1, "init", 0))?;
/// let x = Var::constant(Tensor::<f32>::zeros([5, 3, 8]));
/// let maps = |path: &str| path == "map";
/// let mut cx = Ctx::eval().capture(&maps);
/// assert_eq!(layer.forward(&x, &mut cx)?.shape(), [5, 3, 8]);
/// assert_eq!(cx.captured()[0].output.shape(), [5, 2, 3, 3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Attention<T: Real = f32> {
    /// Gives queries, keys and values, `[3 D, D]`.
    pub qkv: Linear<T>,
    /// Mixes the heads, `[D, D]`.
    pub out: Linear<T>,
    /// The number of heads, and whether a token sees those behind it.
    pub settings: SelfAttention,
}

impl<T: Real> Attention<T> {
    /// A layer for tokens of `dim` numbers with weights drawn by `init`, those of queries, keys and values as of three layers.
    /// Fails unless `heads` divides `dim`.
    pub fn new(dim: usize, heads: usize, causal: bool, init: Init, rng: &mut Rng) -> Result<Self> {
        check_heads(dim, heads)?;
        let qkv = Linear::stacked(dim, dim, 3, init, rng);
        let out = Linear::new(dim, dim, init, rng);
        Ok(Self { qkv, out, settings: SelfAttention { heads, causal } })
    }
}

/// Refuses heads that do not divide the numbers of a token.
pub(super) fn check_heads(dim: usize, heads: usize) -> Result<()> {
    if heads == 0 || !dim.is_multiple_of(heads) {
        let what = format!("expected a number of heads that divides the {dim} numbers of a token; found {heads}");
        return Err(Error::shape("attention", what));
    }
    Ok(())
}

/// The number of parameters of a layer for tokens of `dim` numbers.
pub(super) fn parameters(dim: usize) -> usize {
    product(&[4, dim, dim.saturating_add(1)])
}

impl<T: Real> Module<T> for Attention<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let SelfAttention { heads, causal } = self.settings;
        let qkv = cx.call("qkv", &self.qkv, x)?;
        let says = |y: &Var<T>| (context_kind(qkv.shape()), Some(context_onnx(heads, y.shape())));
        let y = if cx.wants("map") {
            let of_maps = |_: &Var<T>| {
                let (settings, shape) = (self.settings, qkv.shape());
                (maps_kind(settings, shape), Some(maps_onnx(settings, shape)))
            };
            let maps = cx.run("map", &[&qkv], of_maps, |_| qkv.attention_maps(heads, causal))?;
            cx.run("context", &[&maps, &qkv], says, |_| qkv.attention_context(&maps))?
        } else {
            cx.run("context", &[&qkv], |y| (says(y).0, None), |_| qkv.attention(heads, causal))?
        };
        cx.call("out", &self.out, &y)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.child("qkv", &self.qkv);
        walk.child("out", &self.out);
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}

/// The weighted sums of the values: L multiply-adds for each number.
fn context_kind(qkv: &[usize]) -> Kind {
    Kind::reaching("weighted values", Reach::Mixed).working(Work::PerOutput(qkv.get(1).copied().unwrap_or_default()))
}

/// The heads of the queries (0), keys (1) or values (2) of packed rows: `[N, L, 3 D]` to `[N, H, L, D/H]`.
fn heads_of(input: usize, which: i64, tokens: usize, heads: usize, depth: usize) -> [Node; 4] {
    let [l, h, d] = [tokens, heads, depth].map(|size| size as i64);
    let ints = |name, sizes: Vec<i64>| Operand::Ints(name, sizes);
    [
        Node::new("Reshape", [Operand::Input(input), ints("shape", vec![0, l, 3, h, d])]),
        Node::new("Gather", [Operand::Before, ints("which", vec![which])]).int("axis", 2),
        Node::new("Reshape", [Operand::Before, ints("shape", vec![0, l, h, d])]),
        Node::new("Transpose", [Operand::Before]).ints("perm", &[0, 2, 1, 3]),
    ]
}

/// The operators of P V for maps (input 0) and packed rows (input 1).
fn context_onnx(heads: usize, y: &[usize]) -> Vec<Node> {
    let &[_, tokens, dim] = y else { return Vec::new() };
    let shape = vec![0, tokens as i64, dim as i64];
    let rest = [
        Node::new("MatMul", [Operand::Input(0), Operand::Before]),
        Node::new("Transpose", [Operand::Before]).ints("perm", &[0, 2, 1, 3]),
        Node::new("Reshape", [Operand::Before, Operand::Ints("shape", shape)]),
    ];
    heads_of(1, 2, tokens, heads, dim / heads).into_iter().chain(rest).collect()
}

/// The maps: D/H multiply-adds for each weight.
fn maps_kind(settings: SelfAttention, qkv: &[usize]) -> Kind {
    let SelfAttention { heads, causal } = settings;
    let words = format!("{}attention, {heads} heads", if causal { "causal " } else { "" });
    let depth = qkv.get(2).map_or(0, |packed| packed / 3 / heads);
    Kind::reaching(words, Reach::Mixed).working(Work::PerOutput(depth))
}

/// The operators of P for packed rows of this shape.
fn maps_onnx(settings: SelfAttention, qkv: &[usize]) -> Vec<Node> {
    let SelfAttention { heads, causal } = settings;
    let &[_, tokens, packed] = qkv else { return Vec::new() };
    let depth = packed / 3 / heads;
    let mut nodes: Vec<Node> = heads_of(0, 0, tokens, heads, depth).into();
    nodes.extend(heads_of(0, 1, tokens, heads, depth));
    nodes.push(Node::new("Transpose", [Operand::Before]).ints("perm", &[0, 1, 3, 2]));
    nodes.push(Node::new("MatMul", [Operand::Node(3), Operand::Before]));
    let scale = 1.0 / (depth as f64).sqrt();
    nodes.push(Node::new("Mul", [Operand::Before, Operand::Reals("scale", vec![scale as f32])]));
    if causal {
        // -∞ behind the diagonal, upon maps that are laid out in one row.
        let hidden = |at: usize| if at % tokens > at / tokens { f32::NEG_INFINITY } else { 0.0 };
        let mask = (0..tokens * tokens).map(hidden).collect();
        let shape = |sizes: &[usize]| Operand::Ints("shape", sizes.iter().map(|&size| size as i64).collect());
        nodes.push(Node::new("Reshape", [Operand::Before, shape(&[0, heads, tokens * tokens])]));
        nodes.push(Node::new("Add", [Operand::Before, Operand::Reals("mask", mask)]));
        nodes.push(Node::new("Reshape", [Operand::Before, shape(&[0, heads, tokens, tokens])]));
    }
    nodes.push(Node::new("Softmax", [Operand::Before]).int("axis", -1));
    nodes
}

/// The settings of multi-head self-attention in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AttentionSettings {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of heads, which divides the numbers of a token.
    pub heads: usize,
    /// Whether a token attends only to itself and to those before it.
    #[serde(default)]
    pub causal: bool,
    /// How the weights are drawn.
    #[serde(default = "glorot")]
    pub init: Init,
}

/// Attention and the layers around it have no ReLU: their weights are drawn as Glorot and Bengio do.
pub(super) fn glorot() -> Init {
    Init::XavierUniform
}

impl<T: Real> Settings<T> for AttentionSettings {
    fn ranges(&self) -> Vec<Range> {
        size("heads", self.heads, 1.0, 4096.0)
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let [_, dim] = tokens("attention", input)?;
        check_heads(dim, self.heads)?;
        Ok((input.to_vec(), parameters(dim)))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let [_, dim] = tokens("attention", input)?;
        Ok(Box::new(Attention::new(dim, self.heads, self.causal, self.init, rng)?))
    }

    fn examples() -> Vec<Example> {
        let causal = Example::new(json!({ "heads": 3, "causal": true }), &[2, 4, 6]);
        vec![Example::new(json!({ "heads": 2 }), &[2, 3, 4]), Example { about: "causal", ..causal }]
    }
}
