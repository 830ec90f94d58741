//! Reproducible randomness: one independent stream per (seed, purpose, index).
//!
//! Nothing in Gradus shares a running generator. Each part of the code opens the stream of its own purpose. Drawing a
//! figure, resuming a run or adding a stage therefore changes no other numbers. The stream is ChaCha8 (Bernstein 2008),
//! which is portable: the same numbers on every machine and in every version.
//!
//! Its key is the SHA-256 of a byte string that names the stream's owner; no two owners have the same one:
//!
//! ```text
//! of a purpose:   seed (8 bytes)  index (8)  the purpose, valid UTF-8
//! of a layer:     seed (8 bytes)  step (8)   255   use (1)   length (8) of the network's name, the name
//!                                                            length (8) of the layer's path, the path   call (8)
//! ```
//!
//! The byte 255 begins no UTF-8 text, so the stream of a layer, whatever its name, is never that of a purpose; lengths
//! in front of the names keep one name from running into the next; all other fields have fixed widths.

use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A stream of random numbers.
///
/// ```
/// use gradus::rng::Rng;
/// let mut rng = Rng::new(7, "shuffle", 3); // seed, purpose, index
/// let order = rng.permutation(5);
/// // The same three name the same stream, whatever was drawn elsewhere.
/// assert_eq!(Rng::new(7, "shuffle", 3).permutation(5), order);
/// assert_ne!(Rng::new(7, "shuffle", 4).bits(), Rng::new(7, "shuffle", 3).bits());
/// assert!((0.0..1.0).contains(&rng.uniform()));
/// ```
#[derive(Clone, Debug)]
pub struct Rng {
    chacha: ChaCha8Rng,
    spare_normal: Option<f64>,
}

/// Identifies the random stream of a layer; see [`Rng::of_layer`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerDraw<'a> {
    /// Whether this is a training step, as opposed to an evaluation that draws.
    pub training: bool,
    /// The network's name.
    pub network: &'a str,
    /// The layer's path in the network, such as `block1.dropout`.
    pub path: &'a str,
    /// How often this layer has drawn in this pass before.
    pub call: u64,
    /// The number of the training step, or of the evaluated batch.
    pub step: u64,
}

impl Rng {
    /// Returns the stream for `purpose` (such as `"shuffle"`) and `index` (such as the epoch) under a run's `seed`.
    pub fn new(seed: u64, purpose: &str, index: u64) -> Self {
        Self::keyed(&[&seed.to_le_bytes(), &index.to_le_bytes(), purpose.as_bytes()])
    }

    /// Returns the stream of a layer of a network at one step under a run's `seed`. It meets no purpose of
    /// [`new`](Self::new) and no other layer, call or step; see the [module](self).
    pub fn of_layer(seed: u64, draw: &LayerDraw<'_>) -> Self {
        let length = |name: &str| (name.len() as u64).to_le_bytes();
        Self::keyed(&[
            &seed.to_le_bytes(),
            &draw.step.to_le_bytes(),
            &[255, u8::from(draw.training)],
            &length(draw.network),
            draw.network.as_bytes(),
            &length(draw.path),
            draw.path.as_bytes(),
            &draw.call.to_le_bytes(),
        ])
    }

    /// Returns the stream whose key is the hash of these bytes, one part after the other.
    fn keyed(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Self { chacha: ChaCha8Rng::from_seed(hash.finalize().into()), spare_normal: None }
    }

    /// Draws 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.chacha.next_u64()
    }

    /// Draws a number uniform on [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Draws a number uniform on [low, high). A number that rounds to `high` becomes the one below it.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        let x = low + (high - low) * self.uniform();
        if x >= high && low < high { high.next_down() } else { x }
    }

    /// Draws a whole number uniform on 0, .., n - 1, without bias (Lemire 2019, multiply and reject). Panics for n = 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "Rng::below: n must be positive");
        let n = n as u64;
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.bits()) * u128::from(n);
            if wide as u64 >= threshold {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Draws a standard normal number, by the transform of Box and Muller (1958): two uniforms make two normals.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        let (sin, cos) = libm::sincos(std::f64::consts::TAU * self.uniform());
        self.spare_normal = Some(radius * sin);
        radius * cos
    }

    /// Returns true with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.uniform() < p
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// Returns the numbers 0, .., n - 1 in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_independent() {
        let draw = |seed, purpose, index| Rng::new(seed, purpose, index).bits();
        assert_eq!(draw(1, "a", 0), draw(1, "a", 0));
        assert!(
            draw(1, "a", 0) != draw(2, "a", 0)
                && draw(1, "a", 0) != draw(1, "b", 0)
                && draw(1, "a", 0) != draw(1, "a", 1)
        );
    }

    #[test]
    fn no_two_owners_share_a_stream() {
        let layer = LayerDraw { training: true, network: "a", path: "b.c", call: 0, step: 5 };
        let layers = [
            layer,
            LayerDraw { training: false, ..layer },
            LayerDraw { network: "", ..layer },
            LayerDraw { network: "ab", path: ".c", ..layer },
            LayerDraw { network: "a.b", path: "c", ..layer },
            LayerDraw { path: "shuffle", ..layer },
            LayerDraw { call: 1, ..layer },
            LayerDraw { call: 5, step: 0, ..layer },
            LayerDraw { step: 6, ..layer },
        ];
        let mut first: Vec<u64> = layers.iter().map(|draw| Rng::of_layer(1, draw).bits()).collect();
        // Purposes that spell the same words, in whatever way they are put together.
        let purposes = ["shuffle", "b.c", "a", "ab.c", "\u{1}", "\u{ff}", "\u{ff}\u{1}a"];
        first.extend(purposes.iter().map(|purpose| Rng::new(1, purpose, 5).bits()));
        let all = first.len();
        first.sort_unstable();
        first.dedup();
        assert_eq!(first.len(), all, "two streams begin with the same number");
        assert_eq!(Rng::of_layer(1, &layer).bits(), Rng::of_layer(1, &LayerDraw { ..layer }).bits());
        assert_ne!(Rng::of_layer(1, &layer).bits(), Rng::of_layer(2, &layer).bits());
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut rng = Rng::new(7, "normal", 0);
        let x: Vec<f64> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = x.iter().sum::<f64>() / 1e5;
        let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02, "mean {mean}, variance {variance}");
    }
}
