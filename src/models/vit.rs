//! The vision transformer (Dosovitskiy et al., *An image is worth 16x16 words*, 2021).

use crate::error::{Error, Result};
use crate::nn::{
    BlockSettings, ClassToken, Init, LayerNorm, Linear, PatchEmbedding, Pooling, Position, Sequential, TokenPool,
    TransformerBlock,
};
use crate::real::Real;
use crate::rng::Rng;

/// Patches of an image as tokens, a class token, learned positions, blocks that normalize first, and a linear layer that
/// takes the normalized class token.
///
/// ```
/// use gradus::models::vit::Vit;
/// use gradus::prelude::*;
/// let vit = Vit { input: [1, 28, 28], patch: 7, dim: 64, depth: 6, heads: 8, mlp: 128, dropout: 0.0, classes: 10 };
/// let net: Sequential = vit.build(&mut Rng::new(1, "init", 0))?;
/// assert_eq!(count_parameters(&net), 205_962);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Vit {
    /// Channels, height and width of the input.
    pub input: [usize; 3],
    /// Height and width of a patch, which divides those of the input.
    pub patch: usize,
    /// Numbers of a token.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Number of heads, which divides `dim`.
    pub heads: usize,
    /// Width of the network that each token goes through.
    pub mlp: usize,
    /// Probability with which dropout zeroes an element in a block.
    pub dropout: f64,
    /// Number of classes.
    pub classes: usize,
}

impl Vit {
    /// Builds the network and draws its weights (Glorot's scheme; the class token and the positions from N(0, 0.02²)).
    /// Children: `patch`, `token`, `position`, `block1`.., `norm`, `pool`, `out`. Fails if the patches do not cover the image
    /// exactly or the heads do not divide `dim`.
    pub fn build<T: Real>(&self, rng: &mut Rng) -> Result<Sequential<T>> {
        let ([channels, h, w], patch, dim) = (self.input, self.patch, self.dim);
        if patch == 0 || h == 0 || w == 0 || !h.is_multiple_of(patch) || !w.is_multiple_of(patch) {
            return Err(Error::invalid(format!("patches of {patch}x{patch} do not cover an image of {h}x{w} exactly")));
        }
        let (init, tokens) = (Init::XavierUniform, 1 + (h / patch) * (w / patch));
        let block = BlockSettings { heads: self.heads, mlp: self.mlp, dropout: self.dropout, ..Default::default() };
        let mut net = Sequential::new()
            .with("patch", PatchEmbedding::new(channels, [patch, patch], dim, Init::PyTorch, rng))
            .with("token", ClassToken::new(dim, 0.02, rng))
            .with("position", Position::learned(tokens, dim, 0.02, rng));
        for i in 1..=self.depth {
            net = net.with(format!("block{i}"), TransformerBlock::new(dim, &block, rng)?);
        }
        Ok(net
            .with("norm", LayerNorm::new(&[dim]))
            .with("pool", TokenPool(Pooling::Class))
            .with("out", Linear::new(dim, self.classes, init, rng)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let vit = Vit { input: [1, 28, 28], patch: 7, dim: 8, depth: 1, heads: 2, mlp: 4, dropout: 0.0, classes: 3 };
        let refusal = |vit: Vit| vit.build::<f32>(&mut Rng::new(0, "init", 0)).err().unwrap().to_string();
        assert!(refusal(Vit { patch: 5, ..vit.clone() }).contains("5x5"));
        assert!(refusal(Vit { heads: 3, ..vit.clone() }).contains("heads"));
        assert!(vit.build::<f32>(&mut Rng::new(0, "init", 0)).is_ok());
    }
}
