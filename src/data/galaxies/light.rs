//! The light of a galaxy: profiles, discs, arms and dust, painted without noise on a [`Canvas`].

use crate::rng::Rng;
use std::f64::consts::TAU;

/// Lengths are given in pixels of a frame this wide, whatever the image's real size.
pub(super) const FRAME: f64 = 128.0;

/// The flux that falls on each pixel, in electrons.
pub(super) struct Canvas {
    pub(super) size: usize,
    pub(super) flux: Vec<f32>,
}

impl Canvas {
    pub(super) fn new(size: usize) -> Self {
        Self { size, flux: vec![0.0; size * size] }
    }

    /// Frame coordinate of a point `i` pixels from the upper or left border.
    fn coordinate(&self, i: f64) -> f64 {
        (i / self.size as f64 - 0.5) * FRAME
    }

    /// Returns the inverse of [`coordinate`](Self::coordinate).
    fn pixel(&self, x: f64) -> f64 {
        (x / FRAME + 0.5) * self.size as f64
    }

    /// Electrons per pixel for one electron per frame pixel. Pixels of all sizes count alike, as if the exposure time
    /// made up for their area: a surface is equally bright and noisy at any resolution.
    fn gain(&self) -> f64 {
        let scale = self.size as f64 / FRAME;
        scale * scale
    }

    /// Adds a source of `total` electrons whose shape is `brightness(x, y)`, of any scale, x and y measured from
    /// `pose`'s centre along its axes. Each pixel is the mean of `samples` x `samples` points inside it. Only pixels
    /// within `reach` of the centre are visited.
    pub(super) fn add(
        &mut self,
        total: f64,
        pose: &Pose,
        reach: f64,
        samples: usize,
        brightness: impl Fn(f64, f64) -> f64,
    ) {
        let window = |x: f64| {
            let border = |x: f64| (self.pixel(x).clamp(0.0, self.size as f64)) as usize;
            border(x - reach)..(border(x + reach) + 1).min(self.size)
        };
        let (rows, columns) = (window(pose.y), window(pose.x));
        let sample = |i: usize, k: usize| self.coordinate(i as f64 + (k as f64 + 0.5) / samples as f64);
        let mut patch = Vec::with_capacity(rows.len() * columns.len());
        for i in rows.clone() {
            for j in columns.clone() {
                let points = (0..samples * samples).map(|k| pose.own(sample(j, k % samples), sample(i, k / samples)));
                patch.push(points.map(|(x, y)| brightness(x, y)).sum());
            }
        }
        let sum: f64 = patch.iter().sum();
        if sum <= 0.0 {
            return;
        }
        let scale = total * self.gain() / sum;
        for (i, values) in rows.zip(patch.chunks(columns.len().max(1))) {
            for (flux, value) in self.flux[i * self.size..][columns.clone()].iter_mut().zip(values) {
                *flux += (value * scale) as f32;
            }
        }
    }

    /// Dims what is painted so far: each pixel is multiplied by `transmission(x, y)`.
    pub(super) fn dim(&mut self, pose: &Pose, transmission: impl Fn(f64, f64) -> f64) {
        for i in 0..self.size {
            for j in 0..self.size {
                let (x, y) = pose.own(self.coordinate(j as f64 + 0.5), self.coordinate(i as f64 + 0.5));
                self.flux[i * self.size + j] *= transmission(x, y) as f32;
            }
        }
    }

    /// Adds a point source, shared by the four nearest pixels.
    pub(super) fn add_point(&mut self, total: f64, x: f64, y: f64) {
        let neighbours = |pixel: f64| {
            let fraction = pixel - 0.5 - (pixel - 0.5).floor();
            [((pixel - 0.5).floor(), 1.0 - fraction), ((pixel + 0.5).floor(), fraction)]
        };
        let (rows, columns) = (neighbours(self.pixel(y)), neighbours(self.pixel(x)));
        for (i, row_share) in rows {
            for (j, column_share) in columns {
                let inside = |k: f64| (0.0..self.size as f64).contains(&k);
                if inside(i) && inside(j) {
                    let electrons = total * self.gain() * row_share * column_share;
                    self.flux[i as usize * self.size + j as usize] += electrons as f32;
                }
            }
        }
    }
}

/// Where a source's centre is and how its major axis is turned.
#[derive(Clone)]
pub(super) struct Pose {
    pub(super) x: f64,
    pub(super) y: f64,
    cos: f64,
    sin: f64,
}

impl Pose {
    /// Centred on (x, y), not turned.
    pub(super) fn upright((x, y): (f64, f64)) -> Self {
        Self { x, y, cos: 1.0, sin: 0.0 }
    }

    /// Centred on (x, y), turned at random.
    pub(super) fn random((x, y): (f64, f64), rng: &mut Rng) -> Self {
        let (sin, cos) = libm::sincos(rng.range(0.0, TAU));
        Self { x, y, cos, sin }
    }

    /// From the frame's coordinates to the source's own: along its major and its minor axis.
    fn own(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x - self.x, y - self.y);
        (self.cos * dx + self.sin * dy, self.cos * dy - self.sin * dx)
    }

    /// Returns the inverse of [`own`](Self::own).
    pub(super) fn frame(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x + self.cos * x - self.sin * y, self.y + self.sin * x + self.cos * y)
    }
}

/// A radial function tabulated once and read by linear interpolation; zero beyond its reach. The knots are even in
/// the square root of the radius, hence densest in the centre, where galaxies are steep.
pub(super) struct LightTable {
    values: Vec<f64>,
    reach: f64,
}

impl LightTable {
    const KNOTS: usize = 256;

    pub(super) fn new(reach: f64, f: impl Fn(f64) -> f64) -> Self {
        let radius = |k: usize| reach * (k * k) as f64 / (Self::KNOTS * Self::KNOTS) as f64;
        Self { values: (0..=Self::KNOTS).map(|k| f(radius(k))).collect(), reach }
    }

    pub(super) fn at(&self, radius: f64) -> f64 {
        let place = (radius / self.reach).sqrt() * Self::KNOTS as f64;
        if place >= Self::KNOTS as f64 {
            return 0.0;
        }
        let (k, t) = (place as usize, place - (place as usize) as f64);
        self.values[k] + t * (self.values[k + 1] - self.values[k])
    }
}

/// Sérsic's law (1963): I(r) = exp(-b ((r / r_e)^(1/n) - 1)), r_e the radius that holds half of the light. n = 1 is
/// the exponential disc, n = 4 de Vaucouleurs's law of bright ellipticals. b(n) by Ciotti and Bertin (1999).
pub(super) fn sersic(n: f64, r_e: f64) -> LightTable {
    let b = 2.0 * n - 1.0 / 3.0 + 4.0 / (405.0 * n) + 46.0 / (25515.0 * n * n);
    LightTable::new(12.0 * r_e, |r| libm::exp(-b * (libm::pow(r / r_e, 1.0 / n) - 1.0)))
}

/// Returns an exponential disc of scale length `h`, cut at `edge`, seen exactly from the side: the light met along the
/// line of sight at distance x from the centre, the integral of exp(-sqrt(x^2 + t^2) / h) dt. (Without the cut it is 2
/// x K_1(x / h), K_1 a Bessel function; van der Kruit and Searle 1981.)
pub(super) fn disc_from_the_side(h: f64, edge: f64) -> LightTable {
    const STEPS: usize = 48;
    LightTable::new(edge, |x| {
        let depth = (edge * edge - x * x).max(0.0).sqrt();
        let step = depth / STEPS as f64;
        (0..STEPS)
            .map(|k| {
                let t = (k as f64 + 0.5) * step; // in front of the centre and behind it
                2.0 * libm::exp(-(x * x + t * t).sqrt() / h) * step
            })
            .sum()
    })
}

/// Returns the vertical profile of a self-gravitating disc (Spitzer 1942): sech^2(z / z0).
pub(super) fn sech2(z0: f64) -> LightTable {
    LightTable::new(6.0 * z0, |z| {
        let cosh = libm::cosh(z / z0);
        1.0 / (cosh * cosh)
    })
}

/// Logarithmic spiral arms: theta = ln(r / start) / tan(pitch), `count` of them, winding one way or the other.
pub(super) struct Arms {
    pub(super) count: f64,
    /// tan of the pitch angle, negative for the other winding.
    pub(super) tan_pitch: f64,
    /// Radius where the arms begin.
    pub(super) start: f64,
    /// Fraction of the disc's light in the arms, 0 to 1.
    pub(super) strength: f64,
    /// Narrowness: the ridge across an arm is exp(sharpness (cos psi - 1)).
    pub(super) sharpness: f64,
    /// Depth of the dust lane on each arm's inner edge (optical depth).
    pub(super) dust: f64,
    /// How much the arm on one side outshines the other, 0 to 1.
    pub(super) lopsided: f64,
    /// A wobble that keeps the arms from being perfect: amplitude in radians.
    pub(super) wobble: f64,
    /// Phases of wobble and lopsidedness.
    pub(super) phase: f64,
}

impl Arms {
    /// Angle of an arm's ridge at radius r.
    pub(super) fn ridge(&self, r: f64) -> f64 {
        libm::log(r / self.start) / self.tan_pitch
    }

    /// Factor on the disc's light at (x, y) in the disc's plane.
    pub(super) fn modulation(&self, x: f64, y: f64) -> f64 {
        let r = (x * x + y * y).sqrt().max(0.2);
        let onset = ((r - 0.6 * self.start) / (0.6 * self.start)).clamp(0.0, 1.0);
        if onset == 0.0 {
            return 1.0 - 0.5 * self.strength;
        }
        let theta = libm::atan2(y, x);
        let winding = self.ridge(r);
        let psi = self.count * (theta - winding) + self.wobble * libm::sin(2.0 * theta + 0.7 * winding + self.phase);
        let ridge = libm::exp(self.sharpness * (libm::cos(psi) - 1.0));
        let side = 1.0 + self.lopsided * libm::cos(theta - winding + self.phase);
        // The mean of the ridge over an arm's period is about 1 / sqrt(1 + 2 pi sharpness).
        let arms = ridge * (1.0 + TAU * self.sharpness).sqrt() * side;
        let lane = libm::exp(3.0 * (libm::cos(psi + 1.1 * self.tan_pitch.signum()) - 1.0));
        let dust = libm::exp(-self.dust * onset * lane);
        (1.0 - self.strength + self.strength * ((1.0 - onset) * 0.5 + onset * arms)) * dust
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, expected: f64, tolerance: f64) {
        assert!((got - expected).abs() <= tolerance * expected.abs(), "got {got}, expected {expected}");
    }

    /// Light within r, by the midpoint rule.
    fn growth(profile: &LightTable, r: f64) -> f64 {
        let step = r / 20_000.0;
        (0..20_000).map(|k| (k as f64 + 0.5) * step).map(|s| TAU * s * profile.at(s) * step).sum()
    }

    #[test]
    fn half_of_a_sersic_profile_lies_within_its_half_light_radius() {
        // The whole of it is TAU n exp(b) b^(-2n) Gamma(2n) r_e^2, with b of n = 1 and n = 4 to six digits.
        for (n, b, gamma) in [(1.0, 1.678347_f64, 1.0), (4.0, 7.669249, 5040.0)] {
            let whole = TAU * n * libm::exp(b) * libm::pow(b, -2.0 * n) * gamma * 9.0;
            close(growth(&sersic(n, 3.0), 3.0), whole / 2.0, 2e-3);
        }
    }

    #[test]
    fn a_disc_from_the_side_follows_the_bessel_function() {
        // 2 x K_1(x) at x = 1 and 3 (Abramowitz and Stegun, table 9.8); linear interpolation errs by some 1e-3.
        let disc = disc_from_the_side(1.0, 14.0);
        close(disc.at(1.0), 2.0 * 0.601_907_230, 1e-3 * 2.0);
        close(disc.at(3.0), 6.0 * 0.040_156_431, 1e-3 * 2.0);
        assert_eq!(disc.at(14.5), 0.0);
    }

    #[test]
    fn arms_are_brightest_on_a_logarithmic_spiral() {
        let arms = Arms {
            count: 2.0,
            tan_pitch: -0.4,
            start: 4.0,
            strength: 0.7,
            sharpness: 2.0,
            dust: 0.0,
            lopsided: 0.0,
            wobble: 0.0,
            phase: 0.0,
        };
        for r in [8.0, 13.0, 20.0] {
            let at = |theta: f64| arms.modulation(r * libm::cos(theta), r * libm::sin(theta));
            let ridge = libm::log(r / 4.0) / -0.4;
            let half_turn = TAU / 2.0;
            assert!(at(ridge) > at(ridge + 0.1) && at(ridge) > at(ridge - 0.1));
            close(at(ridge), at(ridge + half_turn), 1e-9);
            close(at(ridge + half_turn / 2.0) - 0.3, 0.7 * libm::exp(-4.0) * (1.0 + 2.0 * TAU).sqrt(), 1e-9);
        }
    }

    #[test]
    fn electrons_are_kept_at_every_resolution_and_orientation() {
        let mut rng = Rng::new(3, "light", 0);
        for size in [32, 100, 256] {
            let mut canvas = Canvas::new(size);
            let pose = Pose::random((7.0, -4.0), &mut rng);
            let profile = sersic(1.0, 5.0);
            canvas.add(5000.0, &pose, 60.0, 2, |x, y| profile.at((x * x + 4.0 * y * y).sqrt()));
            canvas.add_point(1000.0, -20.3, 11.9);
            let per_frame_pixel = canvas.flux.iter().map(|&f| f64::from(f)).sum::<f64>() / canvas.gain();
            close(per_frame_pixel, 6000.0, 1e-5);
        }
    }

    #[test]
    fn poses_turn_there_and_back() {
        let pose = Pose::random((3.0, 5.0), &mut Rng::new(4, "pose", 0));
        let (x, y) = pose.frame(2.0, -1.0);
        let (u, v) = pose.own(x, y);
        assert!((u - 2.0).abs() < 1e-12 && (v + 1.0).abs() < 1e-12);
        assert!(((x - 3.0) * (x - 3.0) + (y - 5.0) * (y - 5.0) - 5.0).abs() < 1e-12);
    }

    #[test]
    fn dimming_multiplies() {
        let mut canvas = Canvas::new(16);
        canvas.flux.fill(8.0);
        canvas.dim(&Pose::upright((0.0, 0.0)), |x, _| if x < 0.0 { 0.5 } else { 1.0 });
        assert_eq!((canvas.flux[7], canvas.flux[8]), (4.0, 8.0));
    }
}
