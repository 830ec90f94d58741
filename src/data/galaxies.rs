//! Rendered galaxies: a first data set without a download.
//!
//! Three classes that astronomers distinguish by eye (Hubble 1926): **ellipticals**, smooth balls of old stars;
//! **spirals**, flat discs with arms; and discs seen **edge-on**, where the arms hide in a thin streak. Each image
//! is computed from the physics in small: Sérsic's law for ellipticals and bulges, an exponential disc with
//! logarithmic spiral arms tilted against the line of sight, a disc of sech² layers with a lane of dust seen from the
//! side (`light.rs`, `recipes.rs`); then a camera's blur, photon noise, read noise and the logarithmic stretch of
//! survey images (`camera.rs`).
//!
//! The set is meant to be instructively hard. Size, brightness, concentration and asymmetry are drawn so that they
//! overlap between the classes; stars and neighbours spoil the rest. No single feature determines a galaxy's
//! class; five features together often do, and a network on the pixels is correct nearly always.
//!
//! Every image has a random stream of its own, keyed by seed, class and index: spiral number 7 is the same whether
//! 10 or 1000 are painted, on one thread or on eight.

mod camera;
mod light;
mod recipes;

use crate::data::dataset::{Columns, ImageData, Images};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::target::Target;
use crate::tensor::Tensor;
use camera::Camera;
use light::{Canvas, Pose};

/// The recipe of a rendered set.
///
/// ```
/// use gradus::data::galaxies::Galaxies;
/// let (images, labels, names) = Galaxies { per_class: 2, size: 32, seed: 42 }.render()?;
/// assert_eq!(images.shape(), [6, 1, 32, 32]);
/// assert_eq!(labels, [0, 0, 1, 1, 2, 2]);
/// assert_eq!(names[5], "spiral/0001");
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Galaxies {
    /// Images of each class.
    pub per_class: usize,
    /// Side length in pixels. Everything scales with it: the same galaxies, finer or coarser.
    pub size: usize,
    /// Seed of all that is random.
    pub seed: u64,
}

impl Default for Galaxies {
    fn default() -> Self {
        Self { per_class: 300, size: 128, seed: 42 }
    }
}

impl Galaxies {
    /// The classes, in the order of their labels.
    pub const CLASSES: [&'static str; 3] = ["edge_on", "elliptical", "spiral"];

    /// Paints the set, class after class: images `[N, 1, size, size]` in [0, 1], their labels, and names such as
    /// `spiral/0007`. Fails for no images, or a size outside 16 to 1024.
    pub fn render(&self) -> Result<(Tensor<f32>, Vec<usize>, Vec<String>)> {
        if self.per_class == 0 || !(16..=1024).contains(&self.size) {
            return Err(Error::invalid(format!(
                "galaxies: expected at least 1 image per class and a size from 16 to 1024; found {} of size {}",
                self.per_class, self.size
            )));
        }
        let n = Self::CLASSES.len() * self.per_class;
        let (class, index) = (|k: usize| k / self.per_class, |k: usize| k % self.per_class);
        let images = Tensor::build([n, 1, self.size, self.size], |pixels| {
            gradus_kernels::parallel::chunks(pixels, self.size * self.size, |k, image| {
                image.copy_from_slice(&self.render_one(class(k), index(k) as u64));
            });
        });
        let labels = (0..n).map(class).collect();
        let names = (0..n).map(|k| format!("{}/{:04}", Self::CLASSES[class(k)], index(k))).collect();
        Ok((images, labels, names))
    }

    /// Returns the set split into training, validation and test by these fractions, class by class, as a folder would
    /// be.
    pub fn divided(&self, fractions: [f64; 3]) -> Result<ImageData> {
        let (pixels, labels, names) = self.render()?;
        let classes = Self::CLASSES.map(String::from).to_vec();
        Images {
            names,
            pixels,
            target: Target::Classes(labels),
            classes,
            value_names: Vec::new(),
            columns: Columns::default(),
        }
        .divided("galaxies", fractions, self.seed)
    }

    /// Renders one image, row by row. Panics for a class beyond the three.
    pub fn render_one(&self, class: usize, index: u64) -> Vec<f32> {
        let rng = &mut Rng::new(self.seed, &format!("galaxy/{}", Self::CLASSES[class]), index);
        let camera = Camera::random(rng);
        let mut canvas = Canvas::new(self.size);
        // Never quite in the middle: a sum of two uniforms on each axis, up to 5 of 128 pixels.
        let mut offset = || 5.0 * (rng.uniform() + rng.uniform() - 1.0);
        let centre = (offset(), offset());
        let pose = Pose::random(centre, rng);
        let paint = [recipes::edge_on, recipes::elliptical, recipes::spiral][class];
        paint(&mut canvas, &pose, rng);
        recipes::neighbours(&mut canvas, rng);
        camera.expose(canvas, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(per_class: usize, size: usize, seed: u64) -> (Vec<f32>, Vec<usize>) {
        let (images, labels, _) = Galaxies { per_class, size, seed }.render().unwrap();
        (images.to_vec(), labels)
    }

    #[test]
    fn bits_depend_on_the_seed_alone() {
        let reference = set(5, 64, 1).0;
        for threads in [1, 2, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert!(pool.install(|| set(5, 64, 1).0) == reference, "{threads} threads");
        }
        assert!(set(5, 64, 2).0 != reference);
    }

    #[test]
    fn a_image_does_not_depend_on_the_others() {
        let recipe = Galaxies { per_class: 3, size: 48, seed: 9 };
        let (few, more) = (set(3, 48, 9).0, set(4, 48, 9).0);
        let image = |all: &[f32], k: usize| all[k * 48 * 48..][..48 * 48].to_vec();
        assert_eq!(image(&few, 2 * 3 + 1), image(&more, 2 * 4 + 1));
        assert_eq!(image(&few, 2 * 3 + 1), recipe.render_one(2, 1));
    }

    #[test]
    fn every_size_gives_gray_values_of_eight_bits_and_a_galaxy_in_the_middle() {
        for size in [32, 50, 128, 256] {
            let (pixels, _) = set(8, size, 3);
            assert!(pixels.iter().all(|&v| (0.0..=1.0).contains(&v) && (v * 255.0).round() / 255.0 == v));
            // A crowded field may be bright anywhere; over eight images of a class the galaxy must stand out.
            let middle = |i: usize| (size / 4..3 * size / 4).contains(&i);
            for (class, drawn) in pixels.chunks(8 * size * size).enumerate() {
                let mean = |inside: bool| {
                    let at = |p: usize| (p / size % size, p % size);
                    let chosen = (0..drawn.len()).filter(|&p| (middle(at(p).0) && middle(at(p).1)) == inside);
                    chosen.clone().map(|p| drawn[p]).sum::<f32>() / chosen.count() as f32
                };
                let what = format!("size {size}, class {class}: {} and {}", mean(true), mean(false));
                assert!(mean(true) > 1.3 * mean(false) && mean(false) < 0.2, "{what}");
            }
        }
    }

    #[test]
    fn silly_requests_are_refused() {
        for (per_class, size) in [(0, 128), (1, 15), (1, 1025)] {
            let refusal = Galaxies { per_class, size, seed: 0 }.render().unwrap_err().to_string();
            assert!(refusal.contains(&format!("found {per_class} of size {size}")), "{refusal}");
        }
    }

    /// Returns the best accuracy that two thresholds on one number can reach on the very images they are chosen by.
    fn best_of_two_thresholds(values: &[f64], labels: &[usize]) -> f64 {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let mut below = vec![[0usize; 3]];
        for &i in &order {
            let mut counts = below[below.len() - 1];
            counts[labels[i]] += 1;
            below.push(counts);
        }
        let n = values.len();
        let (mut best, majority) =
            (0, |from: &[usize; 3], to: &[usize; 3]| (0..3).map(|c| to[c] - from[c]).max().unwrap());
        for low in 0..=n {
            for high in low..=n {
                let correct = majority(&below[0], &below[low])
                    + majority(&below[low], &below[high])
                    + majority(&below[high], &below[n]);
                best = best.max(correct);
            }
        }
        best as f64 / n as f64
    }

    #[test]
    fn no_single_number_gives_the_class_away() {
        let (pixels, labels) = set(100, 64, 5);
        let drawn: Vec<&[f32]> = pixels.chunks(64 * 64).collect();
        let measure = |name: &str, f: &dyn Fn(&[f32]) -> f64| {
            let values: Vec<f64> = drawn.iter().map(|p| f(p)).collect();
            let accuracy = best_of_two_thresholds(&values, &labels);
            assert!(accuracy > 0.34 && accuracy < 0.75, "{name} alone is correct in {accuracy}");
            for class in 0..3 {
                let own: Vec<f64> = (0..values.len()).filter(|&k| labels[k] == class).map(|k| values[k]).collect();
                let (low, high) = own.iter().fold((f64::MAX, f64::MIN), |(l, h), &v| (l.min(v), h.max(v)));
                assert!(high > 1.3 * low, "{name} hardly varies in class {class}: {low} to {high}");
            }
        };
        let mean = |p: &[f32]| p.iter().map(|&v| f64::from(v)).sum::<f64>() / p.len() as f64;
        let deviation = |p: &[f32]| (mean(&p.iter().map(|v| v * v).collect::<Vec<_>>()) - mean(p) * mean(p)).sqrt();
        let bright = |p: &[f32]| p.iter().filter(|&&v| v > 0.3).count() as f64 + 1.0;
        let turned = |p: &[f32]| {
            let difference: f32 = p.iter().zip(p.iter().rev()).map(|(a, b)| (a - b).abs()).sum();
            f64::from(difference) / p.len() as f64 / mean(p)
        };
        let steps = |p: &[f32]| p.windows(2).map(|w| f64::from((w[1] - w[0]).abs())).sum::<f64>() / mean(p);
        measure("mean intensity", &mean);
        measure("standard deviation", &deviation);
        measure("bright area", &bright);
        measure("asymmetry", &turned);
        measure("roughness", &steps);
    }
}
