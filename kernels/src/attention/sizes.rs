//! The sizes of attention.

use crate::Scalar;
use crate::geometry::product;

/// Multiply-adds below which the work stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 16;

/// The sizes of attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Samples.
    pub n: usize,
    /// Tokens of a sample.
    pub tokens: usize,
    /// Heads.
    pub heads: usize,
    /// Numbers of a query, of a key and of a value of one head.
    pub depth: usize,
    /// Whether a token attends only to itself and to those before it.
    pub causal: bool,
}

impl Attention {
    /// Returns the numbers of a token's output, D: those of all heads.
    pub(super) fn width(&self) -> usize {
        self.heads * self.depth
    }

    /// Panics unless the sizes fit into memory and are those of the packed rows, and these lengths multiples of the rows.
    pub(super) fn check(&self, name: &str, packed: &[usize], outputs: &[usize], statistics: &[usize]) {
        let sizes = product(&[self.n, self.tokens, self.heads, self.depth, 3]).zip(self.maps());
        let Some((all, _)) = sizes else { panic!("{name}: the sizes do not fit into memory: {self:?}") };
        let rows = self.n * self.heads * self.tokens;
        let fit = packed.iter().all(|&len| len == all)
            && outputs.iter().all(|&len| 3 * len == all)
            && statistics.iter().all(|&len| len == 2 * rows);
        assert!(fit, "{name}: the lengths do not fit");
    }

    /// Returns the length of all maps P, `[N, H, L, L]`, if it fits into memory.
    pub fn maps(&self) -> Option<usize> {
        product(&[self.n, self.heads, self.tokens, self.tokens])
    }

    /// Returns 1/√(D/H).
    pub(crate) fn scale<T: Scalar>(&self) -> T {
        T::from_f64(1.0 / (self.depth.max(1) as f64).sqrt())
    }

    /// Whether the work stays on the calling thread.
    pub(super) fn is_small(&self) -> bool {
        self.maps().is_some_and(|maps| maps.saturating_mul(self.depth) < SERIAL_BELOW)
    }
}

/// Returns how many tokens query `i` attends to.
#[inline(always)]
pub(super) fn seen(causal: bool, tokens: usize, i: usize) -> usize {
    if causal { i + 1 } else { tokens }
}
