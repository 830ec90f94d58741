//! An image in another light: brighter or darker, harder or softer, grainier.

use crate::rng::Rng;

/// x' = m + k (x - m) + b + n ε, where m is the plane's mean and ε is drawn anew for each pixel from N(0, 1).
#[derive(Clone, Debug)]
pub struct Light {
    /// k: by which factor contrast grows.
    pub contrast: f64,
    /// b: what is added, in units of the pixels.
    pub brightness: f64,
    /// n: deviation of the grain, in units of the pixels.
    pub noise: f64,
    /// Where the grain comes from.
    pub rng: Rng,
}

impl Light {
    /// Changes a plane in place.
    pub fn apply(&mut self, plane: &mut [f32]) {
        let mean = plane.iter().map(|&x| f64::from(x)).sum::<f64>() / plane.len().max(1) as f64;
        for x in plane {
            let grain = if self.noise > 0.0 { self.noise * self.rng.normal() } else { 0.0 };
            *x = (mean + self.contrast * (f64::from(*x) - mean) + self.brightness + grain) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_by_hand() {
        let mut plane = [1.0, 3.0];
        let light = |contrast, brightness, noise| Light { contrast, brightness, noise, rng: Rng::new(1, "test", 0) };
        light(0.5, 1.0, 0.0).apply(&mut plane);
        assert_eq!(plane, [2.5, 3.5]);
        let mut flat = vec![0.0f32; 4000];
        light(1.0, 0.0, 0.2).apply(&mut flat);
        let square = flat.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>() / 4000.0;
        // A variance of 0.04 has a standard error of 0.04 √(2 / 4000) = 0.0009.
        assert!((square - 0.04).abs() < 0.005, "{square}");
    }
}
