//! More images from the same images.
//!
//! A galaxy has no upper side: mirrored or turned by a quarter it is as good an image of its class as before. The
//! eight ways to lay a square onto itself therefore make eight training images of one ([`symmetry`]), and a network
//! that meets them all cannot learn the orientation by heart. A digit has an upper side, but stays what it is a little
//! shifted, turned, enlarged or stretched ([`affine`]); and of a chest's X-ray the mirror image is at least nearly one. What
//! another camera or exposure would have done is another light ([`mod@light`]). Moved by whole pixels an image keeps its
//! values, and with a part covered it must be recognized by the rest ([`place`]).
//!
//! Which change an image gets in an epoch is drawn from a stream keyed by both, not by what was drawn before: a
//! resumed run, or one with another batch size, draws the same.

pub mod affine;
pub mod light;
pub mod place;
pub mod symmetry;

pub use affine::Affine;
pub use light::Light;
pub use place::Place;
pub use symmetry::Symmetry;

use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use serde::{Deserialize, Serialize};

/// How training images are varied. The default is not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "program", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// Mirrored left to right and top to bottom, each with probability 1/2.
    pub flips: bool,
    /// Turned by 0, 90, 180 or 270 degrees, each with probability 1/4. An image that is not square: 0 or 180.
    pub quarter_turns: bool,
    /// Mirrored left to right alone, with probability 1/2.
    pub mirror: bool,
    /// With `mirror`: an image is mirrored in every other epoch, from the first or from the second on, instead of at random
    /// (Jordan 2024). In two epochs each image is so met both ways.
    pub alternate: bool,
    /// Moved by up to so many whole pixels on each axis, all alike likely: values stay as they are, and what comes in from
    /// beyond the border is the image reflected there. Below its height and width.
    #[cfg_attr(feature = "program", schemars(extend("unit" = "pixels")))]
    pub translate: usize,
    /// Side of a square of zeros around a pixel at random, cut off at the border (DeVries and Taylor 2017); 0 is none.
    #[cfg_attr(feature = "program", schemars(extend("unit" = "pixels")))]
    pub cutout: usize,
    /// Shifted by up to so many pixels on each axis: uniform on [-shift, shift).
    #[cfg_attr(feature = "program", schemars(extend("unit" = "pixels")))]
    pub shift: f64,
    /// Turned by up to so many degrees: uniform on [-rotate, rotate).
    #[cfg_attr(feature = "program", schemars(extend("unit" = "degrees")))]
    pub rotate: f64,
    /// Enlarged or made smaller by up to this share: by a factor uniform on [1 - zoom, 1 + zoom).
    pub zoom: f64,
    /// Made wider or narrower by up to this share, and lower or taller as much: by a factor uniform on
    /// [1 - stretch, 1 + stretch).
    pub stretch: f64,
    /// Contrast changed by up to this share: by a factor uniform on [1 - contrast, 1 + contrast).
    pub contrast: f64,
    /// Brightness changed by up to this much, in units of the pixels as the network is given them.
    pub brightness: f64,
    /// Deviation of normal noise on each pixel, in the same units.
    pub noise: f64,
}

impl Augment {
    /// No change at all.
    pub const NONE: Augment = Augment {
        flips: false,
        quarter_turns: false,
        mirror: false,
        alternate: false,
        translate: 0,
        cutout: 0,
        shift: 0.0,
        rotate: 0.0,
        zoom: 0.0,
        stretch: 0.0,
        contrast: 0.0,
        brightness: 0.0,
        noise: 0.0,
    };

    /// Fails unless the amounts make sense: not negative, at most 180 degrees, fractions below 1, others below a million.
    pub fn check(&self) -> Result<()> {
        for (key, value, below) in [
            ("shift", self.shift, 1e6),
            ("rotate", self.rotate, 180.5),
            ("zoom", self.zoom, 1.0),
            ("stretch", self.stretch, 1.0),
            ("contrast", self.contrast, 1.0),
            ("brightness", self.brightness, 1e6),
            ("noise", self.noise, 1e6),
        ] {
            if !(0.0..below).contains(&value) {
                let help = "shift is in pixels, rotate in degrees up to 180; zoom, stretch and contrast are shares below 1; \
                            brightness and noise are in units of the pixels; 0 is none";
                return Err(Error::config(format!("augment.{key}"), format!("is {value}"), help));
            }
        }
        let most = 1 << 15;
        for (key, pixels) in [("translate", self.translate), ("cutout", self.cutout)] {
            if pixels > most {
                let help = format!("give a whole number of pixels from 0 to {most}");
                return Err(Error::config(format!("augment.{key}"), format!("is {pixels}"), help));
            }
        }
        if self.alternate && !self.mirror {
            let what = "is true, but images are not mirrored";
            return Err(Error::config("augment.alternate", what, "write mirror = true, or leave it out"));
        }
        Ok(())
    }

    /// The change that image `sample` gets in `epoch`: a symmetry, uniform over those allowed, after it perhaps an
    /// affine map, and perhaps another light.
    pub fn draw(&self, seed: u64, epoch: u64, sample: usize, square: bool) -> Change {
        let mut symmetry = Symmetry::IDENTITY;
        if *self == Self::NONE {
            return Change { symmetry, affine: None, light: None, place: None };
        }
        let mut rng = Rng::new(seed, "augment", (epoch << 32) + sample as u64);
        if self.quarter_turns {
            let turns = if square { rng.below(4) } else { 2 * rng.below(2) };
            symmetry = Symmetry::turn(turns);
        }
        if self.flips {
            symmetry.flip_x ^= rng.chance(0.5);
            symmetry.flip_y ^= rng.chance(0.5);
        }
        if self.mirror {
            // Left to right as one sees it, also after a quarter turn, whose result is what is walked through.
            let drawn = rng.chance(0.5);
            let first = || Rng::new(seed, "augment-first", sample as u64).chance(0.5);
            symmetry.flip_x ^= if self.alternate { first() ^ epoch.is_multiple_of(2) } else { drawn };
        }
        // Always the same draws, so that switching one change off leaves the others as they were.
        let mut within = |most: f64| rng.range(-most, most);
        let affine = Affine {
            degrees: within(self.rotate),
            zoom: 1.0 + within(self.zoom),
            shift: [within(self.shift), within(self.shift)],
            stretch: 1.0 + within(self.stretch),
        };
        let (contrast, brightness) = (1.0 + within(self.contrast), within(self.brightness));
        let light = Light { contrast, brightness, noise: self.noise, rng };
        let moves = self.shift + self.rotate + self.zoom + self.stretch > 0.0;
        let shines = self.contrast + self.brightness + self.noise > 0.0;
        // From a stream of their own, so that they leave the draws above as they are.
        let places = (self.translate > 0 || self.cutout > 0).then(|| {
            let mut rng = Rng::new(seed, "augment-place", (epoch << 32) + sample as u64);
            let mut within = |most: usize| rng.below(2 * most + 1) as isize - most as isize;
            let by = [within(self.translate), within(self.translate)];
            Place { by, hole: self.cutout, at: [rng.uniform(), rng.uniform()] }
        });
        Change { symmetry, affine: moves.then_some(affine), light: shines.then_some(light), place: places }
    }
}

/// What one image is changed by, in this order.
#[derive(Clone, Debug)]
pub struct Change {
    /// Laid onto itself in another way.
    pub symmetry: Symmetry,
    /// Moved.
    pub affine: Option<Affine>,
    /// In another light.
    pub light: Option<Light>,
    /// Moved by whole pixels, and partly covered.
    pub place: Option<Place>,
}

/// The images `indices` of `pixels` `[N, C, H, W]` as a batch `[B, C, H, W]`, each changed as `augment` draws for it
/// in this epoch; all channels of an image alike. Panics on an index outside.
pub fn gather(pixels: &Tensor<f32>, indices: &[usize], augment: &Augment, seed: u64, epoch: u64) -> Tensor<f32> {
    let &[_, channels, height, width] = pixels.shape() else {
        panic!("gather: expected images [N, C, H, W], found {:?}", pixels.shape())
    };
    if *augment == Augment::NONE || pixels.numel() == 0 {
        return pixels.gather(indices);
    }
    let (plane, image) = (height * width, channels * height * width);
    Tensor::build(pixels.shape_owned().with(0, indices.len()), |out| {
        parallel::chunks(out, image, |k, to| {
            let from = &pixels.data()[indices[k] * image..][..image];
            let Change { symmetry, affine, mut light, place } = augment.draw(seed, epoch, indices[k], height == width);
            for (from, to) in from.chunks(plane).zip(to.chunks_mut(plane)) {
                match affine {
                    None => symmetry.apply(from, to, height, width),
                    Some(affine) => affine.apply(symmetry, from, to, height, width),
                }
                if let Some(light) = &mut light {
                    light.apply(to);
                }
                if let Some(place) = &place {
                    place.apply(to, height, width);
                }
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const BOTH: Augment = Augment { flips: true, quarter_turns: true, ..Augment::NONE };
    const SMALL: Augment = Augment { shift: 2.0, rotate: 10.0, zoom: 0.1, ..Augment::NONE };

    /// Each allowed symmetry comes up about equally often: 8, 4, 4, 2 or (not square) 4, 2.
    #[test]
    fn draws_are_uniform_over_the_group() {
        let flips = Augment { flips: true, ..Augment::NONE };
        let turns = Augment { quarter_turns: true, ..Augment::NONE };
        let mirror = Augment { mirror: true, ..Augment::NONE };
        for (augment, square, size) in [
            (BOTH, true, 8),
            (Augment { mirror: true, ..BOTH }, true, 8),
            (flips, true, 4),
            (turns, true, 4),
            (mirror, true, 2),
            (BOTH, false, 4),
            (turns, false, 2),
        ] {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            for sample in 0..4000 {
                let Change { symmetry, affine, light, place } = augment.draw(7, 2, sample, square);
                assert!(affine.is_none() && light.is_none() && place.is_none());
                *seen.entry(format!("{symmetry:?}")).or_default() += 1;
            }
            assert_eq!(seen.len(), size, "{augment:?}");
            // Five standard deviations of a count with expectation 4000 / size.
            let expected = 4000.0 / size as f64;
            assert!(seen.values().all(|&n| (n as f64 - expected).abs() < 5.0 * expected.sqrt()), "{seen:?}");
        }
    }

    #[test]
    fn amounts_fill_their_ranges_and_one_does_not_move_another() {
        let (mut low, mut high) = ([f64::MAX; 4], [f64::MIN; 4]);
        for sample in 0..2000 {
            let affine = SMALL.draw(7, 2, sample, false).affine.unwrap();
            let drawn =
                [affine.degrees / 10.0, (affine.zoom - 1.0) / 0.1, affine.shift[0] / 2.0, affine.shift[1] / 2.0];
            for i in 0..4 {
                (low[i], high[i]) = (low[i].min(drawn[i]), high[i].max(drawn[i]));
            }
            let turned = Augment { rotate: 10.0, ..Augment::NONE }.draw(7, 2, sample, false).affine.unwrap();
            assert_eq!(turned, Affine { degrees: affine.degrees, ..Affine::IDENTITY });
        }
        // Nothing within 1 % of an end: 0.995^2000 = 4e-5 for each of the eight, and the seed is fixed.
        assert!(low.iter().all(|v| (-1.0001..-0.99).contains(v)), "{low:?}");
        assert!(high.iter().all(|v| (0.99..1.0001).contains(v)), "{high:?}");
    }

    #[test]
    fn images_are_mirrored_in_every_other_epoch() {
        let alternate = Augment { mirror: true, alternate: true, ..Augment::NONE };
        let flip = |epoch, sample| alternate.draw(7, epoch, sample, true).symmetry.flip_x;
        assert!((0..100).all(|sample| (1..6).all(|epoch| flip(epoch, sample) != flip(epoch + 1, sample))));
        let first = (0..1000).filter(|&sample| flip(1, sample)).count();
        assert!((400..600).contains(&first), "{first}");
    }

    #[test]
    fn translations_and_holes_fill_their_ranges() {
        let augment = Augment { translate: 1, cutout: 2, ..Augment::NONE };
        let mut seen: BTreeMap<[isize; 2], usize> = BTreeMap::new();
        for sample in 0..4500 {
            let change = augment.draw(7, 2, sample, false);
            assert!(change.affine.is_none() && change.light.is_none());
            *seen.entry(change.place.unwrap().by).or_default() += 1;
        }
        assert!(seen.len() == 9 && seen.values().all(|n| (400..600).contains(n)), "{seen:?}");
        // The other changes are drawn as before.
        let both = Augment { translate: 3, ..SMALL };
        assert_eq!(both.draw(7, 2, 5, true).affine, SMALL.draw(7, 2, 5, true).affine);
    }

    #[test]
    fn a_batch_depends_on_samples_and_epoch_alone() {
        let x = Tensor::from_fn([6, 3, 4, 4], |i| i as f32);
        let light = Augment { contrast: 0.3, brightness: 0.2, noise: 0.1, stretch: 0.2, ..BOTH };
        assert_eq!(gather(&x, &[4, 2], &light, 42, 1), gather(&x, &[0, 4, 2], &light, 42, 1).gather(&[1, 2]));
        for augment in [BOTH, SMALL, Augment { rotate: 180.0, stretch: 0.1, ..BOTH }] {
            let whole = gather(&x, &[0, 1, 2, 3, 4, 5], &augment, 42, 1);
            let part = gather(&x, &[4, 2], &augment, 42, 1);
            assert_eq!(part, whole.gather(&[4, 2]));
            assert_ne!(gather(&x, &[0, 1, 2, 3, 4, 5], &augment, 42, 2), whole);
            // All channels of an image move together: they stay 16 apart.
            for (a, b) in whole.data()[..16].iter().zip(&whole.data()[16..32]) {
                assert!((b - a - 16.0).abs() < 1e-5);
            }
        }
        assert_eq!(gather(&x, &[3, 1], &Augment::NONE, 42, 1), x.gather(&[3, 1]));
    }

    #[test]
    fn amounts_without_sense_are_refused() {
        assert!(SMALL.check().is_ok() && Augment::NONE.check().is_ok());
        assert!(Augment { rotate: 180.0, ..BOTH }.check().is_ok());
        for (bad, key) in [
            (Augment { shift: -1.0, ..BOTH }, "shift"),
            (Augment { rotate: 181.0, ..BOTH }, "rotate"),
            (Augment { zoom: 1.0, ..BOTH }, "zoom"),
            (Augment { zoom: f64::NAN, ..BOTH }, "zoom"),
            (Augment { alternate: true, ..BOTH }, "alternate"),
            (Augment { translate: usize::MAX, ..BOTH }, "translate"),
            (Augment { cutout: usize::MAX, ..BOTH }, "cutout"),
        ] {
            let refusal = bad.check().unwrap_err();
            assert!(refusal.exit_code() == 2 && refusal.to_string().contains(&format!("augment.{key}")), "{refusal}");
        }
    }
}
