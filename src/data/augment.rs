//! More pictures from the same pictures.
//!
//! A galaxy has no upper side: mirrored or turned by a quarter it is as good a picture of its class as before. The
//! eight ways to lay a square onto itself (the dihedral group D4) therefore make eight training pictures of one, and a
//! network that meets them all cannot learn the orientation by heart. Each is a walk through the same pixels from
//! another corner with other steps, so applying one costs no more than the copy into the batch.
//!
//! Which one a picture gets in an epoch is drawn from a stream keyed by both, not by what was drawn before: a resumed
//! run, or one with another batch size, draws the same.

use crate::rng::Rng;
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use serde::{Deserialize, Serialize};

/// Which symmetries training pictures are drawn through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Mirrored left to right and top to bottom, each with probability 1/2.
    pub flips: bool,
    /// Turned by 0, 90, 180 or 270 degrees, each with probability 1/4. A picture that is not square: 0 or 180.
    pub quarter_turns: bool,
}

impl Augment {
    /// No change at all.
    pub const NONE: Augment = Augment { flips: false, quarter_turns: false };

    /// The symmetry that picture `sample` gets in `epoch`: uniform over those allowed.
    pub fn draw(&self, seed: u64, epoch: u64, sample: usize, square: bool) -> Symmetry {
        if *self == Self::NONE {
            return Symmetry::IDENTITY;
        }
        let mut rng = Rng::new(seed, "augment", (epoch << 32) + sample as u64);
        let mut drawn = Symmetry::IDENTITY;
        if self.quarter_turns {
            let turns = if square { rng.below(4) } else { 2 * rng.below(2) };
            drawn = Symmetry::turn(turns);
        }
        if self.flips {
            drawn.flip_x ^= rng.chance(0.5);
            drawn.flip_y ^= rng.chance(0.5);
        }
        drawn
    }
}

/// One of the eight symmetries of the square: mirror the picture's columns, its rows, or both, then perhaps exchange
/// rows and columns (as the reader of the source walks it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Symmetry {
    /// Rows of the result are columns of the source.
    pub transpose: bool,
    /// Going down the result goes backwards through the source.
    pub flip_y: bool,
    /// Going right in the result goes backwards through the source.
    pub flip_x: bool,
}

impl Symmetry {
    /// Nothing changes.
    pub const IDENTITY: Symmetry = Symmetry { transpose: false, flip_y: false, flip_x: false };

    /// Counter-clockwise turn by `quarters` times 90 degrees (as `numpy.rot90`).
    pub fn turn(quarters: usize) -> Symmetry {
        match quarters % 4 {
            0 => Self::IDENTITY,
            1 => Symmetry { transpose: true, flip_y: true, flip_x: false },
            2 => Symmetry { transpose: false, flip_y: true, flip_x: true },
            _ => Symmetry { transpose: true, flip_y: false, flip_x: true },
        }
    }

    /// Writes the plane `from` (`height` x `width`) to `to` through the symmetry. A transpose needs a square.
    pub fn apply(self, from: &[f32], to: &mut [f32], height: usize, width: usize) {
        assert!(from.len() == height * width && to.len() == from.len(), "Symmetry::apply: a plane is height x width");
        assert!(!self.transpose || height == width, "Symmetry::apply: only squares have a transpose");
        // A step down and a step right in the result, as steps in the source: (step, how many there are).
        let (down, right) = if self.transpose { (1, width) } else { (width, 1) };
        for y in 0..height {
            let row = if self.flip_y { height - 1 - y } else { y } * down;
            let to = &mut to[y * width..][..width];
            match (right, self.flip_x) {
                (1, false) => to.copy_from_slice(&from[row..row + width]),
                (_, false) => to.iter_mut().enumerate().for_each(|(x, v)| *v = from[row + x * right]),
                (_, true) => to.iter_mut().enumerate().for_each(|(x, v)| *v = from[row + (width - 1 - x) * right]),
            }
        }
    }
}

/// The pictures `indices` of `pixels` `[N, C, H, W]` as a batch `[B, C, H, W]`, each through the symmetry that
/// `augment` draws for it in this epoch; all channels of a picture alike. Panics on an index outside.
pub fn gather(pixels: &Tensor<f32>, indices: &[usize], augment: &Augment, seed: u64, epoch: u64) -> Tensor<f32> {
    let &[_, channels, height, width] = pixels.shape() else {
        panic!("gather: wanted pictures [N, C, H, W], got {:?}", pixels.shape())
    };
    let (plane, picture) = (height * width, channels * height * width);
    Tensor::build(pixels.shape_owned().with(0, indices.len()), |out| {
        parallel::chunks(out, picture, |k, to| {
            let from = &pixels.data()[indices[k] * picture..][..picture];
            let symmetry = augment.draw(seed, epoch, indices[k], height == width);
            for c in 0..channels {
                symmetry.apply(&from[c * plane..][..plane], &mut to[c * plane..][..plane], height, width);
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const BOTH: Augment = Augment { flips: true, quarter_turns: true };

    fn apply(s: Symmetry, from: &[f32]) -> Vec<f32> {
        let mut to = vec![0.0; 4];
        s.apply(from, &mut to, 2, 2);
        to
    }

    #[test]
    fn turns_are_those_of_numpy() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(apply(Symmetry::turn(0), &x), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(apply(Symmetry::turn(1), &x), [2.0, 4.0, 1.0, 3.0]);
        assert_eq!(apply(Symmetry::turn(2), &x), [4.0, 3.0, 2.0, 1.0]);
        assert_eq!(apply(Symmetry::turn(3), &x), [3.0, 1.0, 4.0, 2.0]);
        assert_eq!(apply(Symmetry { flip_x: true, ..Symmetry::IDENTITY }, &x), [2.0, 1.0, 4.0, 3.0]);
    }

    /// Each allowed symmetry comes up about equally often: 8, 4, 4 or (not square) 4, 2.
    #[test]
    fn draws_are_uniform_over_the_group() {
        let flips = Augment { flips: true, quarter_turns: false };
        let turns = Augment { flips: false, quarter_turns: true };
        for (augment, square, size) in
            [(BOTH, true, 8), (flips, true, 4), (turns, true, 4), (BOTH, false, 4), (turns, false, 2)]
        {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            for sample in 0..4000 {
                *seen.entry(format!("{:?}", augment.draw(7, 2, sample, square))).or_default() += 1;
            }
            assert_eq!(seen.len(), size, "{augment:?}");
            // Five standard deviations of a count with expectation 4000 / size.
            let expected = 4000.0 / size as f64;
            assert!(seen.values().all(|&n| (n as f64 - expected).abs() < 5.0 * expected.sqrt()), "{seen:?}");
        }
    }

    #[test]
    fn a_batch_depends_on_samples_and_epoch_alone() {
        let x = Tensor::from_fn([6, 3, 4, 4], |i| i as f32);
        let whole = gather(&x, &[0, 1, 2, 3, 4, 5], &BOTH, 42, 1);
        let part = gather(&x, &[4, 2], &BOTH, 42, 1);
        assert_eq!(part, whole.gather(&[4, 2]));
        assert_ne!(gather(&x, &[0, 1, 2, 3, 4, 5], &BOTH, 42, 2), whole);
        assert_eq!(gather(&x, &[3, 1], &Augment::NONE, 42, 1), x.gather(&[3, 1]));
        // All channels of a picture move together: they stay 16 apart.
        for (a, b) in whole.data()[..16].iter().zip(&whole.data()[16..32]) {
            assert_eq!(b - a, 16.0);
        }
    }
}
