//! Rendered digits: a data set of ten classes without a download, in the form of MNIST.
//!
//! A digit is a few strokes of a pen (`strokes.rs`): smooth curves through a handful of points, with a variant or two
//! where hands differ (an open or a closed 4, a 7 with or without its bar). No two are alike: the sheet under
//! the pen is bent by slow waves, the digit is slanted, turned, stretched and moved a little, and the pen is thin or
//! thick. Each pixel is set by its distance from the nearest stroke, the edge is blurred and the ink made uneven.
//!
//! It is an easier set than MNIST: the variants are few, where people have many. It serves examples and tests
//! that must run anywhere, in which a network should come near 100 %.
//!
//! Every image has a random stream of its own, keyed by seed, class and index, and only plain arithmetic and `libm`
//! are used: the same bits on any machine, whether 10 or 10,000 are written.

mod strokes;

use super::dataset::{Columns, ImageData, Images};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::target::Target;
use crate::tensor::Tensor;

/// Height and width of an image, as in MNIST.
pub const SIZE: usize = 28;
/// Height of a digit before it is stretched, as in MNIST.
const HEIGHT: f64 = 20.0;
/// How wide it is in proportion.
const ASPECT: f64 = 0.72;

/// The recipe of a written set.
///
/// ```
/// use gradus::data::Digits;
/// let images = Digits { n: 25, seed: 42 }.render()?;
/// assert_eq!(images.pixels.shape(), [25, 1, 28, 28]);
/// assert_eq!(images.labels()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
/// assert_eq!(images.names[13], "3/00001");
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    /// Number of images; the classes take turns.
    pub n: usize,
    /// Seed of all that is random.
    pub seed: u64,
}

impl Digits {
    /// Writes the set: white on black, `[n, 1, 28, 28]` in [0, 1], image i of class i mod 10. Fails for n = 0.
    pub fn render(&self) -> Result<Images> {
        if self.n == 0 {
            return Err(Error::invalid("digits: expected at least 1 image; found 0"));
        }
        let (class, index) = (|k: usize| k % 10, |k: usize| k / 10);
        let pixels = Tensor::build([self.n, 1, SIZE, SIZE], |pixels| {
            gradus_kernels::parallel::chunks(pixels, SIZE * SIZE, |k, image| {
                image.copy_from_slice(&self.render_one(class(k), index(k) as u64));
            });
        });
        Ok(Images {
            names: (0..self.n).map(|k| format!("{}/{:05}", class(k), index(k))).collect(),
            pixels,
            target: Target::Classes((0..self.n).map(class).collect()),
            classes: (0..10).map(|digit| digit.to_string()).collect(),
            columns: Columns::default(),
            value_names: Vec::new(),
        })
    }

    /// Returns the set split into training, validation and test by these fractions, class by class, as a folder would
    /// be.
    pub fn divided(&self, fractions: [f64; 3]) -> Result<ImageData> {
        self.render()?.divided("digits", fractions, self.seed)
    }

    /// Renders one image, row by row. Panics for a digit above 9.
    pub fn render_one(&self, digit: usize, index: u64) -> Vec<f32> {
        let rng = &mut Rng::new(self.seed, &format!("digit/{digit}"), index);
        let hand = Hand::random(rng);
        let variants = strokes::VARIANTS[digit];
        let variant = variants[rng.below(variants.len())];
        let mut ink = vec![0.0; SIZE * SIZE];
        for stroke in variant {
            let path: Vec<[f64; 2]> = strokes::smooth(stroke).into_iter().map(|p| hand.place(p)).collect();
            for (k, ends) in path.windows(2).enumerate() {
                // The pen presses harder here and there.
                let pressure = 1.0 + 0.15 * libm::sin(hand.phase[0] + 0.35 * k as f64);
                draw_segment(&mut ink, ends[0], ends[1], hand.radius * pressure);
            }
        }
        let blurred = blur(&ink, hand.blur);
        let uneven = |v: f64, rng: &mut Rng| (hand.ink * v * (1.0 + 0.06 * rng.normal())).clamp(0.0, 1.0);
        // As a scanner would save it: 256 levels.
        blurred.into_iter().map(|v| ((uneven(v, rng) * 255.0).round() / 255.0) as f32).collect()
    }
}

/// How one digit is written, apart from its shape.
struct Hand {
    /// (x, y) of the result = matrix · (x, y) of the bent sheet + middle, in pixels.
    matrix: [[f64; 2]; 2],
    middle: [f64; 2],
    /// Heights of the waves in x and in y, and where they start.
    waves: [f64; 4],
    phase: [f64; 4],
    /// Half the pen's width in pixels.
    radius: f64,
    /// Fraction of its light that a pixel gives to each neighbour on a line.
    blur: f64,
    /// How white the ink is.
    ink: f64,
}

impl Hand {
    fn random(rng: &mut Rng) -> Hand {
        let height = HEIGHT * (1.0 + rng.range(-0.14, 0.06));
        let width = HEIGHT * ASPECT * (1.0 + rng.range(-0.22, 0.16));
        let (sin, cos) = libm::sincos(rng.range(-0.14, 0.14));
        // Most people lean to the right: the top (negative y) goes that way.
        let slant = rng.range(-0.42, 0.18) * width;
        let turn = |x: f64, y: f64| [cos * x - sin * y, sin * x + cos * y];
        let (across, down) = (turn(width, 0.0), turn(slant, height));
        let centre = (SIZE as f64 - 1.0) / 2.0;
        Hand {
            matrix: [[across[0], down[0]], [across[1], down[1]]],
            middle: [centre + rng.range(-1.6, 1.6), centre + rng.range(-1.6, 1.6)],
            waves: std::array::from_fn(|_| 0.03 * rng.normal()),
            phase: std::array::from_fn(|_| rng.range(0.0, std::f64::consts::TAU)),
            radius: rng.range(0.75, 1.75),
            blur: rng.range(0.05, 0.2),
            ink: rng.range(0.85, 1.1),
        }
    }

    /// Returns a point of the unit square, on the image. Bending is a function of the place, so strokes that meet
    /// still do.
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let wave = |i: usize, t: f64, waves: f64| self.waves[i] * libm::sin(waves * t + self.phase[i]);
        let bent_x = x + wave(0, y, 4.0) + wave(1, y, 9.0) - 0.5;
        let bent_y = y + wave(2, x, 4.0) + wave(3, x, 9.0) - 0.5;
        let row = |i: usize| self.matrix[i][0] * bent_x + self.matrix[i][1] * bent_y + self.middle[i];
        [row(0), row(1)]
    }
}

/// Adds a piece of a stroke: each pixel keeps the most ink that any piece gives it. Fully covered inside the radius,
/// not at all a pixel further out.
fn draw_segment(ink: &mut [f64], a: [f64; 2], b: [f64; 2], radius: f64) {
    let reach = radius + 0.5;
    let bounds = |i: usize| {
        let (low, high) = (a[i].min(b[i]) - reach, a[i].max(b[i]) + reach);
        (low.ceil().max(0.0) as usize, (high.floor() + 1.0).clamp(0.0, SIZE as f64) as usize)
    };
    let ((left, right), (top, bottom)) = (bounds(0), bounds(1));
    let along = [b[0] - a[0], b[1] - a[1]];
    let squared = along[0] * along[0] + along[1] * along[1];
    for y in top..bottom {
        for x in left..right {
            let from = [x as f64 - a[0], y as f64 - a[1]];
            let t = if squared > 0.0 { (from[0] * along[0] + from[1] * along[1]) / squared } else { 0.0 };
            let t = t.clamp(0.0, 1.0);
            let off = [from[0] - t * along[0], from[1] - t * along[1]];
            let distance = (off[0] * off[0] + off[1] * off[1]).sqrt();
            let cover = (reach - distance).clamp(0.0, 1.0);
            let place = &mut ink[y * SIZE + x];
            *place = place.max(cover);
        }
    }
}

/// Blurs an image: each pixel keeps 1 - 2 `spread` of its light on a line and gives the rest to its neighbours; along
/// rows, then columns.
fn blur(ink: &[f64], spread: f64) -> Vec<f64> {
    let pass = |from: &[f64], step: usize, place: fn(usize) -> usize| -> Vec<f64> {
        let neighbours = |i: usize| {
            let before = if place(i) > 0 { from[i - step] } else { 0.0 };
            before + if place(i) + 1 < SIZE { from[i + step] } else { 0.0 }
        };
        (0..from.len()).map(|i| (1.0 - 2.0 * spread) * from[i] + spread * neighbours(i)).collect()
    };
    pass(&pass(ink, 1, |i| i % SIZE), SIZE, |i| i / SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(n: usize, seed: u64) -> Images {
        Digits { n, seed }.render().unwrap()
    }

    #[test]
    fn bits_depend_on_the_seed_alone() {
        let reference = set(60, 1).pixels;
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| set(60, 1).pixels) == reference, "{threads} threads");
        }
        assert!(set(60, 2).pixels != reference);
        // More of them begin with the same ones.
        assert_eq!(set(75, 1).pixels.data()[..reference.numel()], *reference.data());
        assert!(Digits { n: 0, seed: 1 }.render().is_err());
    }

    #[test]
    fn every_image_is_ink_on_black_within_the_frame() {
        let images = set(500, 3);
        for (image, name) in images.pixels.data().chunks(SIZE * SIZE).zip(&images.names) {
            assert!(image.iter().all(|&v| (0.0..=1.0).contains(&v) && (v * 255.0).round() / 255.0 == v));
            let fraction = image.iter().filter(|&&v| v > 0.5).count() as f64 / 784.0;
            assert!((0.02..0.4).contains(&fraction), "{name}: {fraction} of the pixels are white");
            let border = (0..784).filter(|i| i / SIZE == 0 || i / SIZE == 27 || i % SIZE == 0 || i % SIZE == 27);
            let cut: f32 = border.map(|i| image[i]).sum();
            assert!(cut < 6.0, "{name} is cut off: {cut}");
        }
    }

    #[test]
    fn classes_differ_more_than_hands() {
        // The nearest of 500 others, by plain distance of pixels, is mostly of the same class, yet never the same.
        let images = set(700, 5);
        let drawn: Vec<&[f32]> = images.pixels.data().chunks(SIZE * SIZE).collect();
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        let correct = (500..700).filter(|&i| {
            let nearest =
                (0..500).min_by(|&a, &b| distance(drawn[a], drawn[i]).total_cmp(&distance(drawn[b], drawn[i])));
            let nearest = nearest.unwrap();
            assert!(distance(drawn[nearest], drawn[i]) > 1.0);
            images.labels()[nearest] == images.labels()[i]
        });
        let correct = correct.count();
        assert!((150..200).contains(&correct), "{correct} of 200");
    }

    #[test]
    fn divided_by_class() {
        let data = Digits { n: 200, seed: 1 }.divided([0.7, 0.15, 0.15]).unwrap();
        assert_eq!([data.train.counts(), data.val.counts(), data.test.counts()], [[14; 10], [3; 10], [3; 10]]);
    }
}
