//! The camera model: blur, photon noise, read noise, and the stretch to an image.

use super::light::{Canvas, FRAME};
use crate::rng::Rng;

/// The settings of one exposure: atmosphere, detector and stretch.
pub(super) struct Camera {
    /// Standard deviation of the point-spread function's core, in frame pixels.
    pub(super) seeing: f64,
    /// Sky background, electrons per pixel.
    pub(super) sky: f64,
    /// Standard deviation of the read noise, electrons.
    pub(super) read_noise: f64,
}

impl Camera {
    /// Light that ends up white, electrons above the sky.
    const WHITE: f64 = 2000.0;
    /// Light up to which the stretch is nearly linear.
    const SOFTENING: f64 = 45.0;

    /// Draws the settings of an exposure at random.
    pub(super) fn random(rng: &mut Rng) -> Self {
        Self { seeing: rng.range(0.8, 1.5), sky: rng.range(60.0, 130.0), read_noise: rng.range(3.0, 6.0) }
    }

    /// Simulates the exposure: gray values in [0, 1], in steps of 1/255 like an 8-bit image.
    pub(super) fn expose(&self, mut light: Canvas, rng: &mut Rng) -> Vec<f32> {
        self.blur(&mut light);
        light.flux.iter().map(|&flux| self.develop(self.detect(f64::from(flux), rng))).collect()
    }

    /// Convolves with the point-spread function: 88 % in a Gaussian core and 12 % in wings 2.4 times as wide, a fit
    /// to Moffat's (1969) profile that, unlike it, is separable (so does the Sloan survey's pipeline, Lupton 2001).
    fn blur(&self, light: &mut Canvas) {
        let scale = light.size as f64 / FRAME;
        let core = convolve(&light.flux, light.size, &gaussian(self.seeing * scale));
        let wings = convolve(&light.flux, light.size, &gaussian(2.4 * self.seeing * scale));
        for (flux, (core, wings)) in light.flux.iter_mut().zip(core.iter().zip(&wings)) {
            *flux = 0.88 * core + 0.12 * wings;
        }
    }

    /// Counts electrons. Photons follow Poisson's law of mean m = flux + sky, reading adds a normal error.
    /// The sum's first three cumulants are m, s^2 = m + read_noise^2 and m; with m beyond 50 the quantile expansion of
    /// Cornish and Fisher (1938), m + s z + (m / s^2) (z^2 - 1) / 6 for a standard normal z, is all that can be seen
    /// of it.
    fn detect(&self, flux: f64, rng: &mut Rng) -> f64 {
        let mean = flux + self.sky;
        let variance = mean + self.read_noise * self.read_noise;
        let z = rng.normal();
        (mean + variance.sqrt() * z + mean / variance * (z * z - 1.0) / 6.0).round()
    }

    /// Subtracts the sky and compresses: linear for faint light, logarithmic for bright (Lupton, Gunn and Szalay
    /// 1999). Black lies 0.8 standard
    /// deviations below the sky.
    fn develop(&self, counts: f64) -> f32 {
        let black = self.sky - 0.8 * self.sky.sqrt();
        let stretched = libm::asinh((counts - black) / Self::SOFTENING) / libm::asinh(Self::WHITE / Self::SOFTENING);
        ((stretched.clamp(0.0, 1.0) * 255.0).round() / 255.0) as f32
    }
}

/// Returns a Gaussian's weights at -k, .., k with k = 3.5 standard deviations, summing to 1.
fn gaussian(sigma: f64) -> Vec<f32> {
    let reach = (3.5 * sigma).ceil() as i32;
    let weights: Vec<f64> = (-reach..=reach).map(|k| libm::exp(-0.5 * f64::from(k * k) / (sigma * sigma))).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| (w / sum) as f32).collect()
}

/// Separable convolution of a square image, dark outside: first along the rows, then along the columns.
fn convolve(image: &[f32], size: usize, kernel: &[f32]) -> Vec<f32> {
    let reach = kernel.len() / 2;
    let mut rows = vec![0.0; size * size];
    let mut padded = vec![0.0; size + 2 * reach];
    for (row, out) in image.chunks(size).zip(rows.chunks_mut(size)) {
        padded[reach..reach + size].copy_from_slice(row);
        for (k, &weight) in kernel.iter().enumerate() {
            add_scaled(out, &padded[k..k + size], weight);
        }
    }
    let mut both = vec![0.0; size * size];
    for (i, out) in both.chunks_mut(size).enumerate() {
        for (k, &weight) in kernel.iter().enumerate() {
            let source = i + k;
            if (reach..size + reach).contains(&source) {
                add_scaled(out, &rows[(source - reach) * size..][..size], weight);
            }
        }
    }
    both
}

fn add_scaled(out: &mut [f32], x: &[f32], weight: f32) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += weight * x;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: Camera = Camera { seeing: 1.3, sky: 100.0, read_noise: 5.0 };

    #[test]
    fn blur_keeps_the_light_and_spreads_it_evenly() {
        let mut light = Canvas::new(128);
        light.flux[64 * 128 + 64] = 1000.0;
        CAMERA.blur(&mut light);
        let at = |i: usize, j: usize| light.flux[i * 128 + j];
        assert!((light.flux.iter().sum::<f32>() - 1000.0).abs() < 0.01);
        assert!((at(62, 64) - at(64, 66)).abs() < 1e-4 && at(64, 64) > at(64, 65) && at(64, 65) > at(64, 66));
        // The variance along an axis is the mixture's, in squared pixels; the kernels end at 3.5 deviations.
        let variance: f32 = (0..128 * 128).map(|p| light.flux[p] / 1000.0 * (p as f32 % 128.0 - 64.0).powi(2)).sum();
        let mixture = 1.3 * 1.3 * (0.88 + 0.12 * 2.4 * 2.4);
        assert!((variance / mixture - 1.0).abs() < 0.02, "variance {variance}, expected {mixture}");
    }

    #[test]
    fn counts_have_the_moments_of_photons_and_reading() {
        let mut rng = Rng::new(1, "camera", 0);
        let n = 400_000;
        let counts: Vec<f64> = (0..n).map(|_| CAMERA.detect(50.0, &mut rng)).collect();
        let mean = counts.iter().sum::<f64>() / n as f64;
        let moment = |k: i32| counts.iter().map(|c| (c - mean).powi(k)).sum::<f64>() / n as f64;
        // Mean 150, variance 150 + 25 + 1/12 for rounding, third moment 150; bounds of five standard errors.
        assert!((mean - 150.0).abs() < 5.0 * (175.0 / n as f64).sqrt(), "mean {mean}");
        assert!((moment(2) - 175.1).abs() < 5.0 * 175.0 * (2.0 / n as f64).sqrt(), "variance {}", moment(2));
        assert!((moment(3) - 150.0).abs() < 5.0 * (15.0 * 175f64.powi(3) / n as f64).sqrt(), "third {}", moment(3));
    }

    #[test]
    fn development_runs_from_black_to_white_in_steps_of_eight_bits() {
        assert_eq!(CAMERA.develop(0.0), 0.0);
        assert_eq!(CAMERA.develop(1e6), 1.0);
        let gray: Vec<f32> = (0..40).map(|k| CAMERA.develop(100.0 + 50.0 * f64::from(k))).collect();
        assert!(gray.windows(2).all(|w| w[0] < w[1]));
        assert!(gray.iter().all(|&v| (v * 255.0).round() / 255.0 == v));
    }
}
