//! Hand-crafted features: an image in a few numbers that a person has chosen.
//!
//! Before networks learnt their own, this was how images were classified, and for galaxies it still is how they are
//! described: the concentration-asymmetry system goes back to Abraham et al. (1994) and Conselice (2003). Each
//! [`Feature`] is a function from a gray image (`h` x `w` pixels in [0, 1], row-major) to one number, and says in a
//! sentence why it may separate classes.
//!
//! Three features look at an *object*: they take away the background (the median of the image's border) and what is
//! within two deviations of the border's noise, weigh each pixel by what is left, and measure about the centroid of
//! that light. Every feature is finite for every image; what a blank one gives is documented.

use crate::error::{Error, Result};
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The gradient, in intensity per pixel, above which a pixel counts as an edge. A step from black to white has 0.5.
pub const EDGE_THRESHOLD: f64 = 0.05;

/// One number that describes an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The mean pixel.
    MeanIntensity,
    /// The standard deviation of the pixels (divided by their number).
    StandardDeviation,
    /// The fraction of inner pixels whose Sobel gradient exceeds [`EDGE_THRESHOLD`]; 0 for images under 3 x 3.
    EdgeDensity,
    /// r80 / r20, the radii about the centroid that hold 80 and 20 % of the light; 1 without light.
    Concentration,
    /// Σ |I - I180| / (2 Σ I), I180 the object turned by 180° about its centroid: 0 to 1; 0 without light.
    Asymmetry,
    /// The Shannon entropy of the histogram with 256 bins, in bits: 0 (constant) to 8.
    Entropy,
    /// 1 - b/a of the ellipse with the light's second moments: 0 (round) to 1 (a line); 0 without light.
    Ellipticity,
    /// The third standardized moment of the pixels; 0 if they are constant.
    Skewness,
}

impl Feature {
    /// The features of the default pipeline.
    pub const DEFAULT: [Feature; 5] = [
        Feature::MeanIntensity,
        Feature::StandardDeviation,
        Feature::EdgeDensity,
        Feature::Concentration,
        Feature::Asymmetry,
    ];

    /// Every feature there is.
    pub const ALL: [Feature; 8] = [
        Feature::MeanIntensity,
        Feature::StandardDeviation,
        Feature::EdgeDensity,
        Feature::Concentration,
        Feature::Asymmetry,
        Feature::Entropy,
        Feature::Ellipticity,
        Feature::Skewness,
    ];

    /// Returns the name in configurations and tables, such as `mean_intensity`.
    pub fn name(self) -> &'static str {
        match self {
            Feature::MeanIntensity => "mean_intensity",
            Feature::StandardDeviation => "standard_deviation",
            Feature::EdgeDensity => "edge_density",
            Feature::Concentration => "concentration",
            Feature::Asymmetry => "asymmetry",
            Feature::Entropy => "entropy",
            Feature::Ellipticity => "ellipticity",
            Feature::Skewness => "skewness",
        }
    }

    /// Returns the name for people: `mean intensity`.
    pub fn label(self) -> String {
        self.name().replace('_', " ")
    }

    /// Returns the name for people with its unit or range: the title of an axis.
    pub fn title(self) -> &'static str {
        match self {
            Feature::MeanIntensity => "mean intensity (0 black, 1 white)",
            Feature::StandardDeviation => "standard deviation of the pixels",
            Feature::EdgeDensity => "edge density (fraction of pixels)",
            Feature::Concentration => "concentration (r80 / r20)",
            Feature::Asymmetry => "asymmetry (0 to 1)",
            Feature::Entropy => "entropy (bits)",
            Feature::Ellipticity => "ellipticity (1 − b/a)",
            Feature::Skewness => "skewness of the pixels",
        }
    }

    /// Returns why it may separate classes of any images, in a sentence.
    pub fn why(self) -> &'static str {
        match self {
            Feature::MeanIntensity => {
                "How bright the image is overall: classes differ where their objects fill more of the frame or are brighter."
            }
            Feature::StandardDeviation => {
                "How much the brightness varies: a small bright object on black varies more than an even haze of the same mean."
            }
            Feature::EdgeDensity => {
                "How much fine structure there is: sharp outlines have steep gradients, smooth areas none."
            }
            Feature::Concentration => {
                "How the light spreads from its centre outwards: large where a bright core lies in a faint halo, small where \
                 the light is even."
            }
            Feature::Asymmetry => "What half a turn about the centre changes: a regular object matches itself.",
            Feature::Entropy => "How many gray levels occur: texture spreads the histogram, flat areas narrow it.",
            Feature::Ellipticity => "How elongated the object is: 0 for a round one, near 1 for a streak.",
            Feature::Skewness => {
                "Whether a few pixels are much brighter than the rest (positive), much darker (negative), or the tones are \
                 balanced (0)."
            }
        }
    }

    /// Returns what it measures in images of galaxies, in a sentence.
    pub fn in_galaxies(self) -> &'static str {
        match self {
            Feature::MeanIntensity => {
                "How much light the galaxy gives in all, as the background is the same in every image."
            }
            Feature::StandardDeviation => {
                "How unevenly the light is spread over the frame: a compact bright galaxy varies most."
            }
            Feature::EdgeDensity => {
                "How much fine structure there is: spiral arms and clumps have steep gradients, a smooth glow has none."
            }
            Feature::Concentration => {
                "How the light spreads outwards: a bulge packs it into the middle, a disc spreads it evenly."
            }
            Feature::Asymmetry => {
                "What half a turn changes: smooth or regular galaxies match themselves, clumpy ones do not."
            }
            Feature::Entropy => "How many gray levels occur: few where most of the frame is dark sky.",
            Feature::Ellipticity => {
                "How elongated the galaxy is: a disc seen edge-on is a streak, a sphere is round from everywhere."
            }
            Feature::Skewness => {
                "Whether a small bright core stands on a dark sky: then a few pixels are much brighter than the rest."
            }
        }
    }

    /// Returns the feature of one image. Panics if there are not `h` x `w` pixels, or none.
    pub fn compute(self, pixels: &[f32], h: usize, w: usize) -> f64 {
        assert!(pixels.len() == h * w && !pixels.is_empty(), "features: {h} x {w} pixels, found {}", pixels.len());
        match self {
            Feature::MeanIntensity => mean(pixels),
            Feature::StandardDeviation => central_moment(pixels, 2).sqrt(),
            Feature::EdgeDensity => edge_density(pixels, h, w),
            Feature::Concentration => Object::find(pixels, h, w).concentration(),
            Feature::Asymmetry => Object::find(pixels, h, w).asymmetry(),
            Feature::Entropy => entropy(pixels),
            Feature::Ellipticity => Object::find(pixels, h, w).ellipticity(),
            Feature::Skewness => skewness(pixels),
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Feature {
    type Err = Error;

    /// Returns the feature of this name; `-` and `_` are the same.
    fn from_str(name: &str) -> Result<Self> {
        let key = name.trim().replace('-', "_");
        Feature::ALL.into_iter().find(|f| f.name() == key).ok_or_else(|| {
            let known: Vec<&str> = Feature::ALL.iter().map(|f| f.name()).collect();
            Error::invalid(format!("there is no feature \"{name}\"; there are {}", known.join(", ")))
        })
    }
}

/// Returns the table of features, n x `features.len()`, of `n` images of `h` x `w` pixels each; images in parallel.
pub fn extract(features: &[Feature], images: &[&[f32]], h: usize, w: usize) -> Result<Array2<f32>> {
    if features.is_empty() {
        return Err(Error::invalid("features: none chosen; name at least one"));
    }
    let Some(area) = h.checked_mul(w).filter(|&area| area > 0) else {
        return Err(Error::invalid(format!("features: images of {h} x {w} have no pixels, or too many")));
    };
    if let Some(i) = images.iter().position(|image| image.len() != area) {
        let got = images[i].len();
        return Err(Error::invalid(format!("features: image {i} has {got} pixels: expected {h} x {w}")));
    }
    if let Some(i) = images.iter().position(|image| image.iter().any(|v| !v.is_finite())) {
        return Err(Error::invalid(format!("features: image {i} has a pixel that is not finite")));
    }
    let rows = parallel::map(images.len(), |i| {
        features.iter().map(|f| f.compute(images[i], h, w) as f32).collect::<Vec<f32>>()
    });
    Ok(Array2::from_shape_vec((images.len(), features.len()), rows.concat()).expect("features: one row an image"))
}

/// Returns the features of images `[N, C, H, W]` of one channel, or of three, which are first turned to gray. Fails
/// for other shapes, and for images without pixels.
pub fn of_images(features: &[Feature], pixels: &Tensor) -> Result<Array2<f32>> {
    let &[_, 1 | 3, h, w] = pixels.shape() else {
        let found = pixels.shape();
        return Err(Error::shape("features", format!("of {found:?}: expected [N, C, H, W] with C = 1 or 3")));
    };
    if h == 0 || w == 0 {
        return Err(Error::shape("features", format!("of images without pixels: {:?}", pixels.shape())));
    }
    let gray = to_gray(pixels);
    let planes: Vec<&[f32]> = gray.data().chunks(h * w).collect();
    extract(features, &planes, h, w)
}

/// Returns luma, 0.299 R + 0.587 G + 0.114 B; gray images stay.
fn to_gray(pixels: &Tensor) -> Tensor {
    let &[n, channels, h, w] = pixels.shape() else { unreachable!("of_images() looked") };
    if channels == 1 {
        return pixels.clone();
    }
    let area = h * w;
    Tensor::build([n, 1, h, w], |gray| {
        for (rgb, gray) in pixels.data().chunks(3 * area).zip(gray.chunks_mut(area)) {
            for (i, v) in gray.iter_mut().enumerate() {
                *v = 0.299 * rgb[i] + 0.587 * rgb[area + i] + 0.114 * rgb[2 * area + i];
            }
        }
    })
}

fn mean(pixels: &[f32]) -> f64 {
    pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len() as f64
}

/// Returns the mean of (x - mean)^order.
fn central_moment(pixels: &[f32], order: i32) -> f64 {
    let m = mean(pixels);
    pixels.iter().map(|&v| power(f64::from(v) - m, order)).sum::<f64>() / pixels.len() as f64
}

/// x^n by multiplication, for the same bits everywhere.
fn power(x: f64, n: i32) -> f64 {
    (0..n).fold(1.0, |y, _| y * x)
}

fn skewness(pixels: &[f32]) -> f64 {
    let variance = central_moment(pixels, 2);
    // Below this the "variance" is what rounding the mean left over.
    if variance < 1e-14 { 0.0 } else { central_moment(pixels, 3) / (variance * variance.sqrt()) }
}

fn entropy(pixels: &[f32]) -> f64 {
    let mut histogram = [0usize; 256];
    for &v in pixels {
        histogram[((v * 256.0) as usize).min(255)] += 1; // a negative value saturates to 0
    }
    let n = pixels.len() as f64;
    histogram.iter().filter(|&&c| c > 0).map(|&c| c as f64 / n).map(|p| -p * libm::log2(p)).sum()
}

/// Computes Sobel's operator over 8, which is the gradient per pixel; the outermost pixels have no full neighbourhood
/// and are omitted.
fn edge_density(pixels: &[f32], h: usize, w: usize) -> f64 {
    if h < 3 || w < 3 {
        return 0.0;
    }
    let limit = (8.0 * EDGE_THRESHOLD) * (8.0 * EDGE_THRESHOLD);
    let mut edges = 0usize;
    for y in 1..h - 1 {
        let row = |dy: usize| &pixels[(y + dy - 1) * w..][..w];
        let (a, b, c) = (row(0), row(1), row(2));
        for x in 1..w - 1 {
            let gx = (a[x + 1] - a[x - 1]) + 2.0 * (b[x + 1] - b[x - 1]) + (c[x + 1] - c[x - 1]);
            let gy = (c[x - 1] - a[x - 1]) + 2.0 * (c[x] - a[x]) + (c[x + 1] - a[x + 1]);
            edges += usize::from(f64::from(gx * gx + gy * gy) > limit);
        }
    }
    edges as f64 / ((h - 2) * (w - 2)) as f64
}

/// The light above the background, and where its centre is.
struct Object {
    light: Vec<f64>,
    h: usize,
    w: usize,
    total: f64,
    /// Row and column of the centroid.
    center: (f64, f64),
}

impl Object {
    fn find(pixels: &[f32], h: usize, w: usize) -> Self {
        let mut border: Vec<f64> = (0..h * w)
            .filter(|i| [0, h - 1].contains(&(i / w)) || [0, w - 1].contains(&(i % w)))
            .map(|i| f64::from(pixels[i]))
            .collect();
        let background = median(&mut border);
        border.iter_mut().for_each(|v| *v = (*v - background).abs());
        // 1.4826 makes the median absolute deviation of normal noise its standard deviation.
        let noise = 1.4826 * median(&mut border);
        let above = |&v: &f32| Some(f64::from(v) - background).filter(|l| *l > 2.0 * noise && *l > 1e-6).unwrap_or(0.0);
        let light: Vec<f64> = pixels.iter().map(above).collect();
        let total: f64 = light.iter().sum();
        let moment = |f: &dyn Fn(usize) -> f64| light.iter().enumerate().map(|(i, l)| l * f(i)).sum::<f64>() / total;
        let center = if total > 0.0 { (moment(&|i| (i / w) as f64), moment(&|i| (i % w) as f64)) } else { (0.0, 0.0) };
        Self { light, h, w, total, center }
    }

    fn offset(&self, i: usize) -> (f64, f64) {
        ((i / self.w) as f64 - self.center.0, (i % self.w) as f64 - self.center.1)
    }

    /// Radii are at least half a pixel: less cannot be resolved.
    fn concentration(&self) -> f64 {
        let mut rings: Vec<(f64, f64)> = (0..self.light.len())
            .filter(|&i| self.light[i] > 0.0)
            .map(|i| {
                let (dy, dx) = self.offset(i);
                (dy * dy + dx * dx, self.light[i])
            })
            .collect();
        if rings.is_empty() {
            return 1.0;
        }
        rings.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let radius = |fraction: f64| {
            let mut inside = 0.0;
            let ring = rings.iter().find(|(_, light)| {
                inside += light;
                inside >= fraction * self.total
            });
            ring.unwrap_or(&rings[rings.len() - 1]).0.sqrt().max(0.5)
        };
        radius(0.8) / radius(0.2)
    }

    /// Computes the asymmetry. The turn is about the nearest half pixel, so each pixel falls on a pixel and nothing is
    /// interpolated.
    fn asymmetry(&self) -> f64 {
        if self.total == 0.0 {
            return 0.0;
        }
        let twice = ((2.0 * self.center.0).round() as usize, (2.0 * self.center.1).round() as usize);
        let mut difference = 0.0;
        for (i, light) in self.light.iter().enumerate() {
            let partner = match (twice.0.checked_sub(i / self.w), twice.1.checked_sub(i % self.w)) {
                (Some(y), Some(x)) if y < self.h && x < self.w => self.light[y * self.w + x],
                // Outside the frame. Its half of the difference would be counted there, so it is counted here.
                _ => -*light,
            };
            difference += (light - partner).abs();
        }
        difference / (2.0 * self.total)
    }

    fn ellipticity(&self) -> f64 {
        if self.total == 0.0 {
            return 0.0;
        }
        let (mut yy, mut xx, mut yx) = (0.0, 0.0, 0.0);
        for (i, light) in self.light.iter().enumerate() {
            let (dy, dx) = self.offset(i);
            yy += light * dy * dy;
            xx += light * dx * dx;
            yx += light * dy * dx;
        }
        // The eigenvalues of the moment matrix are the squared half axes, up to one common factor.
        let (middle, spread) = ((yy + xx) / 2.0, ((yy - xx) * (yy - xx) / 4.0 + yx * yx).sqrt());
        if middle + spread <= 1e-12 * self.total {
            return 0.0; // a single pixel
        }
        1.0 - ((middle - spread).max(0.0) / (middle + spread)).sqrt()
    }
}

/// Returns the middle value; the lower of two.
fn median(values: &mut [f64]) -> f64 {
    let middle = (values.len() - 1) / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns an image from a function of row and column.
    fn draw(h: usize, w: usize, f: impl Fn(usize, usize) -> f32) -> Vec<f32> {
        (0..h * w).map(|i| f(i / w, i % w)).collect()
    }

    #[track_caller]
    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-6, "got {got}, expected {expected}");
    }

    #[test]
    fn moments_by_hand() {
        let x = [0.0, 0.0, 0.0, 1.0]; // mean 1/4, variance 3/16, third moment 3/32
        near(Feature::MeanIntensity.compute(&x, 2, 2), 0.25);
        near(Feature::StandardDeviation.compute(&x, 2, 2), (3.0f64 / 16.0).sqrt());
        near(Feature::Skewness.compute(&x, 2, 2), 3.0 / 32.0 / (3.0f64 / 16.0).powf(1.5));
    }

    #[test]
    fn entropy_counts_gray_levels() {
        near(Feature::Entropy.compute(&draw(16, 16, |y, x| (y * 16 + x) as f32 / 256.0), 16, 16), 8.0);
        near(Feature::Entropy.compute(&draw(4, 4, |_, x| (x % 2) as f32), 4, 4), 1.0);
    }

    /// A step from 0 to 1 between columns 3 and 4: both are edges, of 6 inner columns.
    #[test]
    fn edges_of_a_step() {
        near(Feature::EdgeDensity.compute(&draw(8, 8, |_, x| if x < 4 { 0.0 } else { 1.0 }), 8, 8), 2.0 / 6.0);
        let edges = |s: f32| Feature::EdgeDensity.compute(&draw(6, 9, |y, _| s * y as f32), 6, 9);
        assert_eq!((edges(0.049), edges(0.051)), (0.0, 1.0));
    }

    /// For an even disc the radii go with the square root of the light: √0.8 / √0.2 = 2. A cusp is more concentrated.
    #[test]
    fn concentration_of_discs_and_cusps() {
        let radius = |y: usize, x: usize| ((y as f32 - 50.0).powi(2) + (x as f32 - 50.0).powi(2)).sqrt();
        let disc = draw(101, 101, |y, x| if radius(y, x) < 40.0 { 0.5 } else { 0.0 });
        let got = Feature::Concentration.compute(&disc, 101, 101);
        assert!((got - 2.0).abs() < 0.05, "{got}");
        let cusp = draw(101, 101, |y, x| 0.1 + if radius(y, x) < 40.0 { 0.5 / (1.0 + radius(y, x)) } else { 0.0 });
        assert!(Feature::Concentration.compute(&cusp, 101, 101) > 2.5);
    }

    #[test]
    fn asymmetry_of_half_turns() {
        let pair = |a: f32, b: f32| {
            draw(9, 9, |y, x| [a, b, 0.0][[(3, 2), (5, 6)].iter().position(|p| *p == (y, x)).unwrap_or(2)])
        };
        near(Feature::Asymmetry.compute(&pair(0.7, 0.7), 9, 9), 0.0);
        // Light 1 at (0, 0), 3 at (0, 4): the centroid is 3, so the turn meets (0, 6) and (0, 2): nothing matches.
        let lopsided = draw(7, 9, |y, x| if y == 3 { [0.0, 0.0, 0.25, 0.0, 0.0, 0.0, 0.75, 0.0, 0.0][x] } else { 0.0 });
        near(Feature::Asymmetry.compute(&lopsided, 7, 9), 1.0);
    }

    /// An even ellipse with half axes 30 and 15, at any angle.
    #[test]
    fn ellipticity_of_an_ellipse() {
        for angle in [0.0f32, 0.5, 1.2] {
            let inside = |y: usize, x: usize| {
                let (dy, dx) = (y as f32 - 45.0, x as f32 - 38.0);
                let (u, v) = (dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin());
                (u / 30.0).powi(2) + (v / 15.0).powi(2) < 1.0
            };
            let got = Feature::Ellipticity.compute(&draw(90, 80, |y, x| 0.2 + f32::from(inside(y, x)) * 0.5), 90, 80);
            assert!((got - 0.5).abs() < 0.02, "{got}");
        }
    }

    #[test]
    fn blank_and_tiny_images_are_finite() {
        let spot = draw(9, 9, |y, x| f32::from((y, x) == (4, 4)));
        let cases: [(&[f32], usize, usize); 6] = [
            (&[0.0; 81], 9, 9),
            (&[1.0; 81], 9, 9),
            (&[0.1; 81], 9, 9),
            (&spot, 9, 9),
            (&[0.3], 1, 1),
            (&[0.0, 1.0], 1, 2),
        ];
        for (pixels, h, w) in cases {
            for feature in Feature::ALL {
                assert!(feature.compute(pixels, h, w).is_finite(), "{feature} of {pixels:?}");
            }
        }
        for (feature, expected) in [
            (Feature::EdgeDensity, 0.0),
            (Feature::Concentration, 1.0),
            (Feature::Asymmetry, 0.0),
            (Feature::Entropy, 0.0),
            (Feature::Ellipticity, 0.0),
            (Feature::Skewness, 0.0),
        ] {
            assert_eq!(feature.compute(&[0.1; 81], 9, 9), expected, "{feature}");
        }
    }

    /// Every size from 0 to 4 by 0 to 4, gray and in colour; finite numbers, or an error where there are no pixels.
    #[test]
    fn every_small_size_has_finite_features_or_an_error() {
        for seed in 0..4 {
            for (h, w) in (0..5).flat_map(|h| (0..5).map(move |w| (h, w))) {
                for channels in 0..5 {
                    // Random, or of two gray levels, or constant.
                    let mut rng = crate::rng::Rng::new(seed, "test", (h * 5 + w) as u64);
                    let draw = |_| match seed {
                        0 => 0.5,
                        1 => rng.below(2) as f32,
                        _ => rng.uniform() as f32,
                    };
                    let drawn = Tensor::from_fn([2, channels, h, w], draw);
                    let table = of_images(&Feature::ALL, &drawn);
                    if [1, 3].contains(&channels) && h * w > 0 {
                        assert!(table.unwrap().iter().all(|v| v.is_finite()), "{channels} x {h} x {w}");
                    } else {
                        assert!(table.is_err(), "{channels} x {h} x {w}");
                    }
                }
            }
        }
        assert!(of_images(&Feature::ALL, &Tensor::zeros([3, 4])).is_err());
        assert!(extract(&Feature::ALL, &[], usize::MAX, 2).is_err());
    }

    #[test]
    fn names_are_read_back() {
        for feature in Feature::ALL {
            assert_eq!(feature.name().parse::<Feature>().unwrap(), feature);
            assert_eq!(serde_json::to_value(feature).unwrap(), feature.name());
            assert!(feature.why().ends_with('.') && feature.in_galaxies().ends_with('.'));
            assert!(!feature.title().contains('_'));
            // Only rendered galaxies have bulges and arms.
            assert!(["galax", "bulge", "spiral", "disc", "sky"].iter().all(|word| !feature.why().contains(word)));
        }
        assert_eq!("edge-density".parse::<Feature>().unwrap(), Feature::EdgeDensity);
        assert!("egde".parse::<Feature>().unwrap_err().to_string().contains("edge_density"));
    }

    #[test]
    fn a_table_has_a_row_for_each_image() {
        let (a, b) = ([0.0f32, 0.0, 0.0, 1.0], [0.5f32; 4]);
        let table = extract(&[Feature::MeanIntensity, Feature::Entropy], &[&a, &b], 2, 2).unwrap();
        assert_eq!(table.dim(), (2, 2));
        assert_eq!(table.column(0).to_vec(), [0.25, 0.5]);
        assert!(extract(&Feature::DEFAULT, &[&a[..3]], 2, 2).unwrap_err().to_string().contains("image 0 has 3 pixels"));
        assert!(extract(&[], &[&a], 2, 2).is_err() && extract(&Feature::DEFAULT, &[&[f32::NAN; 4]], 2, 2).is_err());
        assert_eq!(extract(&Feature::DEFAULT, &[], 2, 2).unwrap().dim(), (0, 5));
    }
}
