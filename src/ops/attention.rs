//! Self-attention (Vaswani et al. 2017): every token of a sample mixes the values of all tokens, weighted by how well its
//! query fits their keys. The kernels are in [`gradus_kernels::attention`], with formulas and order of sums.

use crate::autograd::{Op, Var, apply};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::shape::Shape;
use crate::tensor::Tensor;
use gradus_kernels::attention::Attention;
use gradus_kernels::{MatMut, MatRef};

/// Scaled dot-product attention of `heads` heads: `[N, L, 3 D]` to `[N, L, D]`.
///
/// A row holds the query, the key and the value of a token, D numbers each, of which head h owns those from h D/H to
/// (h + 1) D/H. For each sample and head, with the matrices Q, K and V,
///
/// ```text
/// P = softmax of the rows of Q Kᵀ/√(D/H)        Y = P V
/// ```
///
/// If `causal`, token i attends to itself and to the tokens before it alone: P is zero behind the diagonal. Fails unless
/// the rows are three times a multiple of the number of heads, and unless there is a token.
///
/// ```
/// use gradus::prelude::*;
/// // Two tokens, one head, D = 1: the queries are 0, so both values have the weight 1/2.
/// let qkv = Var::constant(Tensor::<f32>::new(vec![0.0, 1.0, 4.0, 0.0, 2.0, 8.0], [1, 2, 3])?);
/// assert_eq!(qkv.attention(1, false)?.value().data(), [6.0, 6.0]);
/// assert_eq!(qkv.attention(1, true)?.value().data(), [4.0, 6.0]); // the first token sees itself alone
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfAttention {
    /// The number of heads, H.
    pub heads: usize,
    /// Whether a token attends only to itself and to those before it.
    pub causal: bool,
}

impl SelfAttention {
    /// Returns the sizes for packed rows of this shape, or what is wrong with it.
    fn sizes(self, x: &[usize]) -> Result<Attention> {
        let Self { heads, causal } = self;
        let refused = |expected: String| Error::shape("attention", format!("expected {expected}; found {x:?}"));
        let &[n, tokens, packed] = x else {
            return Err(refused("[N, tokens, 3 D]: a query, a key and a value of each token".into()));
        };
        if heads == 0 || tokens == 0 || packed == 0 || !packed.is_multiple_of(3 * heads) {
            return Err(refused(format!("tokens of 3 D numbers, D a multiple of {heads} heads")));
        }
        let sizes = Attention { n, tokens, heads, depth: packed / 3 / heads, causal };
        match sizes.maps() {
            Some(_) => Ok(sizes),
            None => Err(refused("maps that fit into memory".into())),
        }
    }

    /// The sizes of an input that [`Op::shape`] has accepted.
    fn of<T: Real>(self, x: &Tensor<T>) -> Attention {
        self.sizes(x.shape()).expect("shape() accepted it")
    }
}

impl<T: Real> Op<T, 1> for SelfAttention {
    const NAME: &'static str = "attention";
    /// The input, and the maximum of each row of scores with one over its sum.
    type Saved = [Tensor<T>; 2];

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        let g = self.sizes(x)?;
        Ok(Shape::new(&[g.n, g.tokens, g.heads * g.depth]))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Self::Saved) {
        let g = self.of(x);
        let mut kept = Tensor::zeros([g.n, g.heads, g.tokens, 2]);
        let y = Tensor::build(out, |y| T::attention_forward(&g, x.data(), y, kept.data_mut()));
        (y, [x.clone(), kept])
    }

    fn backward(&self, [x, kept]: &Self::Saved, g: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let sizes = self.of(x);
        let write = |dx: &mut [T]| T::attention_backward(&sizes, x.data(), kept.data(), g.data(), dx);
        [Some(Tensor::build(x.shape_owned(), write))]
    }
}

/// The maps P of [`SelfAttention`], `[N, L, 3 D]` to `[N, H, L, L]`: row i says how token i weights the values of all
/// tokens, and sums to 1.
///
/// ```
/// use gradus::prelude::*;
/// let qkv = Var::constant(Tensor::<f32>::zeros([1, 4, 6]));
/// let maps = qkv.attention_maps(2, true)?;
/// assert_eq!(maps.shape(), [1, 2, 4, 4]);
/// assert_eq!(maps.value().data()[4..8], [0.5, 0.5, 0.0, 0.0]); // the second token of the first head
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionMaps(pub SelfAttention);

impl<T: Real> Op<T, 1> for AttentionMaps {
    const NAME: &'static str = "attention_maps";
    /// The input and the maps.
    type Saved = [Tensor<T>; 2];

    fn shape(&self, [x]: [&[usize]; 1]) -> Result<Shape> {
        let g = self.0.sizes(x)?;
        Ok(Shape::new(&[g.n, g.heads, g.tokens, g.tokens]))
    }

    fn forward(&self, [x]: [&Tensor<T>; 1], out: Shape) -> (Tensor<T>, Self::Saved) {
        let p = Tensor::build(out, |p| T::attention_maps(&self.0.of(x), x.data(), p));
        (p.clone(), [x.clone(), p])
    }

    fn backward(&self, [x, p]: &Self::Saved, dp: &Tensor<T>, _: [bool; 1]) -> [Option<Tensor<T>>; 1] {
        let g = self.0.of(x);
        let (size, width) = (g.tokens * g.tokens, g.heads * g.depth);
        let mut ds = dp.clone();
        let mut dx = Tensor::zeros(x.shape_owned());
        T::attention_scores_backward(&g, p.data(), ds.data_mut());
        for (pair, ds) in ds.data().chunks_exact(size).enumerate() {
            let (sample, head) = (pair / g.heads, pair % g.heads);
            let at = |part: usize| sample * g.tokens * 3 * width + part * width + head * g.depth;
            let part = |part: usize| MatRef::strided(&x.data()[at(part)..], g.tokens, g.depth, 3 * width, 1);
            let ds = MatRef::new(ds, g.tokens, g.tokens);
            let mut write = |to: usize, a: MatRef<'_, T>, b: MatRef<'_, T>| {
                let to = MatMut::strided(&mut dx.data_mut()[at(to)..], g.tokens, g.depth, 3 * width, 1);
                T::gemm(a, b, T::ZERO, to);
            };
            write(0, ds, part(1));
            write(1, ds.t(), part(0));
        }
        [Some(dx)]
    }
}

/// Self-attention.
impl<T: Real> Var<T> {
    /// See [`SelfAttention`].
    pub fn attention(&self, heads: usize, causal: bool) -> Result<Self> {
        apply(SelfAttention { heads, causal }, [self])
    }

    /// See [`AttentionMaps`].
    pub fn attention_maps(&self, heads: usize, causal: bool) -> Result<Self> {
        apply(AttentionMaps(SelfAttention { heads, causal }), [self])
    }

    /// Returns Y = P V of each head, `[N, L, D]`, from these packed rows `[N, L, 3 D]` and maps `[N, H, L, L]`: the second
    /// half of [`attention`](Self::attention), with the same bits. Fails where the shapes do not fit.
    pub fn attention_context(&self, maps: &Self) -> Result<Self> {
        let (&[n, heads, tokens, _], &[_, _, packed]) = (maps.shape(), self.shape()) else {
            let shapes = (maps.shape(), self.shape());
            return Err(Error::shape(
                "attention_context",
                format!("expected [N, H, L, L] and [N, L, 3 D]; found {shapes:?}"),
            ));
        };
        let (width, depth) = (packed / 3, packed / 3 / heads.max(1));
        let values = self.slice(2, 2 * width..3 * width)?.reshape([n, tokens, heads, depth])?;
        let values = values.permute(&[0, 2, 1, 3])?.reshape([n * heads, tokens, depth])?;
        let y = maps.reshape([n * heads, tokens, tokens])?.bmm(&values)?.reshape([n, heads, tokens, depth])?;
        y.permute(&[0, 2, 1, 3])?.reshape([n, tokens, width])
    }
}
