//! Two moons: points of the plane in two interlocking half circles, a class each.
//!
//! The textbook's example of two groups that no straight line separates, and a shape that a map has to fold itself along.

use super::dataset::{Columns, ImageData, Images};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::target::Target;
use crate::tensor::Tensor;

/// The recipe of two moons.
///
/// Point i of n of the upper moon lies at (cos φ, sin φ) with φ = π i / (n - 1), of the lower one at (1 - cos φ, 1/2 - sin φ),
/// and normal noise is added to both coordinates.
///
/// ```
/// use gradus::data::Moons;
/// let points = Moons { per_class: 50, noise: 0.1, seed: 7 }.render()?;
/// assert_eq!((points.pixels.shape(), points.classes.len()), (&[100, 1, 1, 2][..], 2));
/// assert_eq!(points.columns.features, ["x", "y"]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moons {
    /// Points of each moon; the classes take turns.
    pub per_class: usize,
    /// Standard deviation of the noise.
    pub noise: f64,
    /// Seed of the noise.
    pub seed: u64,
}

impl Moons {
    /// Draws the points, as rows of a table. Fails for less than two points of a moon.
    pub fn render(&self) -> Result<Images> {
        if self.per_class < 2 {
            let n = self.per_class;
            return Err(Error::invalid(format!("moons: expected at least 2 points of each moon; found {n}")));
        }
        let mut rng = Rng::new(self.seed, "moons", 0);
        let mut numbers = Vec::with_capacity(4 * self.per_class);
        for i in 0..self.per_class {
            let (sin, cos) = libm::sincos(std::f64::consts::PI * i as f64 / (self.per_class - 1) as f64);
            for place in [[cos, sin], [1.0 - cos, 0.5 - sin]] {
                numbers.extend(place.map(|v| (v + self.noise * rng.normal()) as f32));
            }
        }
        let n = 2 * self.per_class;
        Ok(Images {
            names: (1..=n).map(|row| format!("row {row}")).collect(),
            pixels: Tensor::from_fn([n, 1, 1, 2], |i| numbers[i]),
            target: Target::Classes((0..n).map(|i| i % 2).collect()),
            classes: ["upper", "lower"].map(String::from).to_vec(),
            value_names: Vec::new(),
            columns: Columns {
                features: ["x", "y"].map(String::from).to_vec(),
                label: "moon".to_owned(),
                ..Columns::default()
            },
        })
    }

    /// Returns the points split into training, validation and test set by these fractions, moon by moon.
    pub fn divided(&self, fractions: [f64; 3]) -> Result<ImageData> {
        self.render()?.divided("moons", fractions, self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moons_without_noise_are_half_circles() {
        let points = Moons { per_class: 3, noise: 0.0, seed: 1 }.render().unwrap();
        let expected = [1.0f32, 0.0, 0.0, 0.5, 0.0, 1.0, 1.0, -0.5, -1.0, 0.0, 2.0, 0.5];
        let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
        assert!(points.pixels.data().iter().zip(&expected).all(close), "{:?}", points.pixels.data());
        assert_eq!(points.labels(), [0, 1, 0, 1, 0, 1]);
        assert!(Moons { per_class: 1, noise: 0.0, seed: 1 }.render().is_err());
    }
}
