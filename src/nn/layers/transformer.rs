//! A block of a transformer: attention between tokens, then the same small network for each of them.

use super::activation::Pointwise;
use super::attention::{Attention, check_heads, glorot, parameters};
use super::dropout::Dropout;
use super::gelu_tanh::GeluTanh;
use super::layer_norm::LayerNorm;
use super::linear::Linear;
use super::settings::{BELOW_1, Example, Range, Settings, WIDE, product, size, tokens};
use super::sizes::norm_eps;
use crate::autograd::Var;
use crate::error::Result;
use crate::nn::context::Ctx;
use crate::nn::init::Init;
use crate::nn::join::Join;
use crate::nn::kind::Kind;
use crate::nn::module::Module;
use crate::nn::sequential::Sequential;
use crate::nn::walk::Walk;
use crate::ops::scalar::{Gelu, Relu};
use crate::real::Real;
use crate::rng::Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Where a block normalizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NormPlace {
    /// Before attention and before the network of a token: x + f(norm(x)).
    #[default]
    Pre,
    /// After each sum: norm(x + f(x)).
    Post,
}

/// The activation function of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BlockActivation {
    /// x Φ(x): what most transformers have.
    #[default]
    Gelu,
    /// The same by a hyperbolic tangent.
    GeluTanh,
    /// max(x, 0), as in the first transformer.
    Relu,
}

impl BlockActivation {
    /// The name of the layer, and the layer.
    fn layer<T: Real>(self) -> (&'static str, Box<dyn Module<T>>) {
        match self {
            BlockActivation::Gelu => ("gelu", Box::new(Pointwise(Gelu))),
            BlockActivation::GeluTanh => ("gelu_tanh", Box::new(Pointwise(GeluTanh))),
            BlockActivation::Relu => ("relu", Box::new(Pointwise(Relu))),
        }
    }
}

/// A block of a transformer, `[N, L, D]` to the same. With attention A, the network M of a token and layer normalization,
///
/// ```text
/// pre:   y = x + A(norm1(x))       z = y + M(norm2(y))        (Xiong et al. 2020)
/// post:  y = norm1(x + A(x))       z = norm2(y + M(y))        (Vaswani et al. 2017)
/// ```
///
/// M(y) = W₂ f(W₁ y + b₁) + b₂. Dropout follows f, A and M. The children are `norm1`, `attn`, `norm2` and `mlp` with `fc1`,
/// the activation and `fc2`; the sums are captured as `sum1` and `sum2`.
///
/// ```
/// use gradus::prelude::*;
/// let settings = BlockSettings { heads: 2, mlp: 16, ..Default::default() };
/// let block = TransformerBlock::new(8, &settings, &mut Rng::new(1, "init", 0))?;
/// let y = block.forward(&Var::constant(Tensor::<f32>::zeros([5, 3, 8])), &mut Ctx::eval())?;
/// assert_eq!(y.shape(), [5, 3, 8]);
/// # Ok::<(), Error>(())
/// ```
pub struct TransformerBlock<T: Real = f32> {
    /// Normalizes before attention, or after the first sum.
    pub norm1: LayerNorm<T>,
    /// Mixes tokens.
    pub attn: Attention<T>,
    /// Normalizes before the network of a token, or after the second sum.
    pub norm2: LayerNorm<T>,
    /// The network of a token.
    pub mlp: Sequential<T>,
    /// Where the block normalizes.
    pub place: NormPlace,
    /// The probability with which dropout zeroes an element.
    pub dropout: f64,
}

impl<T: Real> TransformerBlock<T> {
    /// A block for tokens of `dim` numbers. Fails unless the heads divide `dim`.
    pub fn new(dim: usize, settings: &BlockSettings, rng: &mut Rng) -> Result<Self> {
        let BlockSettings { heads, mlp, norm, activation, dropout, causal, eps, init, .. } = *settings;
        let normalization = || LayerNorm { eps, ..LayerNorm::new(&[dim]) };
        let attn = Attention::new(dim, heads, causal, init, rng)?;
        let mut network = Sequential::new().with("fc1", Linear::new(dim, mlp, init, rng));
        let (name, function) = activation.layer();
        network.push(name, function);
        if dropout > 0.0 {
            network = network.with("dropout", Dropout(dropout));
        }
        let mlp = network.with("fc2", Linear::new(mlp, dim, init, rng));
        Ok(Self { norm1: normalization(), attn, norm2: normalization(), mlp, place: norm, dropout })
    }

    /// Computes x + f(x), with one of the normalizations before it or after it.
    fn half(
        &self,
        x: &Var<T>,
        cx: &mut Ctx<'_, T>,
        [norm, part, dropout, sum]: [&str; 4],
        (normalization, f): (&LayerNorm<T>, &dyn Module<T>),
    ) -> Result<Var<T>> {
        let before = match self.place {
            NormPlace::Pre => cx.call(norm, normalization, x)?,
            NormPlace::Post => x.clone(),
        };
        let mut y = cx.call(part, f, &before)?;
        if self.dropout > 0.0 {
            y = cx.call(dropout, &Dropout(self.dropout), &y)?;
        }
        let says = |_: &Var<T>| (Kind::layer(Join::Sum.name()), Some(Join::Sum.onnx(2)));
        let y = cx.run(sum, &[x, &y], says, |_| Join::Sum.of(&[x, &y]))?;
        match self.place {
            NormPlace::Pre => Ok(y),
            NormPlace::Post => cx.call(norm, normalization, &y),
        }
    }
}

impl<T: Real> Module<T> for TransformerBlock<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let y = self.half(x, cx, ["norm1", "attn", "dropout1", "sum1"], (&self.norm1, &self.attn))?;
        self.half(&y, cx, ["norm2", "mlp", "dropout2", "sum2"], (&self.norm2, &self.mlp))
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        walk.child("norm1", &self.norm1);
        walk.child("attn", &self.attn);
        walk.child("norm2", &self.norm2);
        walk.child("mlp", &self.mlp);
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}

/// The settings of a transformer's block in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BlockSettings {
    /// Its name in paths and files; by default `block` and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of heads, which divides the numbers of a token.
    pub heads: usize,
    /// Width of the network that each token goes through.
    pub mlp: usize,
    /// Where the block normalizes: `pre` or `post`.
    #[serde(default)]
    pub norm: NormPlace,
    /// The activation function of that network: `gelu`, `gelu_tanh` or `relu`.
    #[serde(default)]
    pub activation: BlockActivation,
    /// Probability with which an element becomes zero in training: after the activation, attention and the network.
    #[serde(default)]
    pub dropout: f64,
    /// Whether a token attends only to itself and to those before it.
    #[serde(default)]
    pub causal: bool,
    /// Added to the variance in layer normalization.
    #[serde(default = "norm_eps")]
    pub eps: f64,
    /// How the weights are drawn.
    #[serde(default = "glorot")]
    pub init: Init,
}

/// One head and a network of one unit; whoever makes a block says how many.
impl Default for BlockSettings {
    fn default() -> Self {
        Self {
            name: None,
            heads: 1,
            mlp: 1,
            norm: NormPlace::Pre,
            activation: BlockActivation::Gelu,
            dropout: 0.0,
            causal: false,
            eps: norm_eps(),
            init: glorot(),
        }
    }
}

impl<T: Real> Settings<T> for BlockSettings {
    fn ranges(&self) -> Vec<Range> {
        let others = vec![("dropout", self.dropout, 0.0, BELOW_1), ("eps", self.eps, 1e-12, 1.0)];
        [size("heads", self.heads, 1.0, 4096.0), size("mlp", self.mlp, 1.0, WIDE), others].concat()
    }

    fn sizes(&self, input: &[usize], _: usize) -> Result<(Vec<usize>, usize)> {
        let [_, dim] = tokens("transformer", input)?;
        check_heads(dim, self.heads)?;
        let network = product(&[2, dim, self.mlp]).saturating_add(self.mlp).saturating_add(dim);
        Ok((input.to_vec(), parameters(dim).saturating_add(network).saturating_add(product(&[4, dim]))))
    }

    fn module(&self, input: &[usize], _: usize, rng: &mut Rng) -> Result<Box<dyn Module<T>>> {
        let [_, dim] = tokens("transformer", input)?;
        Ok(Box::new(TransformerBlock::new(dim, self, rng)?))
    }

    fn examples() -> Vec<Example> {
        let example = |about, settings| Example { about, ..Example::new(settings, &[2, 3, 4]) };
        vec![
            example("", json!({ "heads": 2, "mlp": 5 })),
            example(
                "post, causal, one fixed mask",
                json!({ "heads": 1, "mlp": 3, "norm": "post", "activation": "gelu_tanh", "dropout": 0.3, "causal": true, "eps": 0.1 }),
            ),
        ]
    }
}
