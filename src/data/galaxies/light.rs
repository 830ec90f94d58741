//! What a galaxy sends out: profiles, discs, arms and dust, painted without noise on a [`Canvas`].

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
        let pixel = FRAME / self.size as f64;
        let window = |centre: f64| {
            let index = |x: f64| (((x / FRAME + 0.5) * self.size as f64).max(0.0) as usize).min(self.size);
            index(centre - reach)..index(centre + reach + pixel)
        };
        let (rows, columns) = (window(pose.y), window(pose.x));
        let mut patch = Vec::with_capacity(rows.len() * columns.len());
        let place = |i: usize, k: usize| (i as f64 + (k as f64 + 0.5) / samples as f64) * pixel - 0.5 * FRAME;
        for i in rows.clone() {
            for j in columns.clone() {
                let mut sum = 0.0;
                for k in 0..samples * samples {
                    let (x, y) = pose.own(place(j, k % samples), place(i, k / samples));
                    sum += brightness(x, y);
                }
                patch.push(sum);
            }
        }
        let sum: f64 = patch.iter().sum();
        if sum <= 0.0 {
            return;
        }
        let mut values = patch.iter();
        for i in rows {
            for j in columns.clone() {
                self.flux[i * self.size + j] += (values.next().expect("one per pixel") * total / sum) as f32;
            }
        }
    }

    /// Dims what is painted so far: each pixel is multiplied by `transmission(x, y)`.
    pub(super) fn dim(&mut self, pose: &Pose, transmission: impl Fn(f64, f64) -> f64) {
        let pixel = FRAME / self.size as f64;
        for i in 0..self.size {
            for j in 0..self.size {
                let place = |i: usize| (i as f64 + 0.5) * pixel - 0.5 * FRAME;
                let (x, y) = pose.own(place(j), place(i));
                self.flux[i * self.size + j] *= transmission(x, y) as f32;
            }
        }
    }

    /// Adds a point source, shared by the four nearest pixels.
    pub(super) fn add_point(&mut self, total: f64, x: f64, y: f64) {
        let place = |x: f64| (x / FRAME + 0.5) * self.size as f64 - 0.5;
        let (column, row) = (place(x), place(y));
        for (i, wi) in [(row.floor(), 1.0 - row + row.floor()), (row.floor() + 1.0, row - row.floor())] {
            for (j, wj) in
                [(column.floor(), 1.0 - column + column.floor()), (column.floor() + 1.0, column - column.floor())]
            {
                let inside = |k: f64| (0.0..self.size as f64).contains(&k);
                if inside(i) && inside(j) {
                    self.flux[i as usize * self.size + j as usize] += (total * wi * wj) as f32;
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
    /// Centred on (x, y), turned at random.
    pub(super) fn random(x: f64, y: f64, rng: &mut Rng) -> Self {
        let (sin, cos) = libm::sincos(rng.range(0.0, TAU));
        Self { x, y, cos, sin }
    }

    /// From the frame's coordinates to the source's own: along its major and its minor axis.
    fn own(&self, x: f64, y: f64) -> (f64, f64) {
        let (dx, dy) = (x - self.x, y - self.y);
        (self.cos * dx + self.sin * dy, self.cos * dy - self.sin * dx)
    }

    /// The inverse of [`own`](Self::own).
    pub(super) fn frame(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x + self.cos * x - self.sin * y, self.y + self.sin * x + self.cos * y)
    }
}

/// A radial function tabulated once and read by linear interpolation; zero beyond its reach. The knots are even in
/// the square root of the radius, hence densest in the centre, where galaxies are steep.
pub(super) struct Table {
    values: Vec<f64>,
    reach: f64,
}

impl Table {
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
pub(super) fn sersic(n: f64, r_e: f64) -> Table {
    let b = 2.0 * n - 1.0 / 3.0 + 4.0 / (405.0 * n) + 46.0 / (25515.0 * n * n);
    Table::new(12.0 * r_e, |r| libm::exp(-b * (libm::pow(r / r_e, 1.0 / n) - 1.0)))
}

/// An exponential disc of scale length `h`, cut at `edge`, seen exactly from the side: the light met along the line
/// of sight at distance x from the centre, the integral of exp(-sqrt(x^2 + t^2) / h) dt. (Without the cut it is
/// 2 x K_1(x / h), K_1 a Bessel function; van der Kruit and Searle 1981.)
pub(super) fn disc_from_the_side(h: f64, edge: f64) -> Table {
    const STEPS: usize = 48;
    Table::new(edge, |x| {
        let depth = (edge * edge - x * x).max(0.0).sqrt();
        let step = depth / STEPS as f64;
        (0..STEPS)
            .map(|k| {
                let t = (k as f64 + 0.5) * step;
                libm::exp(-(x * x + t * t).sqrt() / h) * step
            })
            .sum()
    })
}

/// The vertical profile of a self-gravitating disc (Spitzer 1942): sech^2(z / z0).
pub(super) fn sech2(z0: f64) -> Table {
    Table::new(6.0 * z0, |z| {
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
    /// Share of the disc's light in the arms, 0 to 1.
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
