//! What the telescope makes of the light: blur, photon noise, read noise, and the stretch to a picture.

use super::light::{Canvas, FRAME};
use crate::rng::Rng;

/// Atmosphere, detector and darkroom of one exposure.
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
    const WHITE: f64 = 1500.0;
    /// Light up to which the stretch is nearly linear.
    const SOFTENING: f64 = 45.0;

    /// A random night.
    pub(super) fn random(rng: &mut Rng) -> Self {
        Self { seeing: rng.range(1.0, 1.6), sky: rng.range(60.0, 140.0), read_noise: rng.range(3.0, 6.0) }
    }

    /// Exposes and develops: gray values in [0, 1], in steps of 1/255 like an 8-bit picture.
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

    /// Counts electrons. Photons follow Poisson's law of mean m = flux + sky, reading adds a normal error. The sum's
    /// first three cumulants are m, s^2 = m + read_noise^2 and m; with m beyond 50 the quantile expansion of Cornish
    /// and Fisher (1938), m + s z + (m / s^2) (z^2 - 1) / 6 for a standard normal z, is all that can be seen of it.
    fn detect(&self, flux: f64, rng: &mut Rng) -> f64 {
        let mean = flux + self.sky;
        let variance = mean + self.read_noise * self.read_noise;
        let z = rng.normal();
        (mean + variance.sqrt() * z + mean / variance * (z * z - 1.0) / 6.0).round()
    }

    /// Subtracts the sky and compresses: linear for faint light, logarithmic for bright (Lupton, Gunn and Szalay
    /// 1999). Black lies one and a half standard deviations below the sky.
    fn develop(&self, counts: f64) -> f32 {
        let black = self.sky - 1.5 * self.sky.sqrt();
        let stretched = libm::asinh((counts - black) / Self::SOFTENING) / libm::asinh(Self::WHITE / Self::SOFTENING);
        ((stretched.clamp(0.0, 1.0) * 255.0).round() / 255.0) as f32
    }
}

/// A Gaussian's weights at -k, .., k with k = 3.5 standard deviations, summing to 1.
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
