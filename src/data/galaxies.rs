//! Galaxies that the program paints itself: a first data set without a download.
//!
//! Three classes that astronomers tell apart by eye (Hubble 1926): **ellipticals**, smooth balls of old stars; **spirals**,
//! flat discs with arms; and discs seen **edge-on**, where the arms hide in a thin streak. Each picture is computed
//! from the physics in small: a [Sérsic profile](light::sersic) for ellipticals and bulges, an exponential disc with
//! logarithmic spiral arms tilted against the line of sight, a disc with sech² layers and a dust lane seen from the
//! side; then a camera with blurred stars, photon noise, read noise and the logarithmic stretch of survey pictures.
//!
//! The set is meant to be *instructively* hard. Size, brightness, concentration and asymmetry are drawn so that they
//! overlap between the classes; stars and neighbours spoil the rest. No single number tells a galaxy's class, five
//! numbers tell it now and then, and a network that sees the pixels tells it nearly always.
//!
//! Every picture has a random stream of its own, keyed by seed, class and index: picture 7 of the spirals is the same
//! whether 10 or 1000 are painted, on one thread or on eight.

mod camera;
mod light;

use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::tensor::Tensor;
use camera::Camera;
use light::{Arms, Canvas, FRAME, Pose, disc_from_the_side, sech2, sersic};
use std::f64::consts::TAU;

/// The recipe of a rendered set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Galaxies {
    /// Pictures of each class.
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

    /// Paints the set, class after class: pictures `[N, 1, size, size]` in [0, 1], their labels, and names such as
    /// `spiral/0007`. Fails for no pictures or a size outside 16 to 1024.
    pub fn render(&self) -> Result<(Tensor<f32>, Vec<usize>, Vec<String>)> {
        if self.per_class == 0 || !(16..=1024).contains(&self.size) {
            return Err(Error::invalid(format!(
                "galaxies: wanted at least 1 picture per class and a size from 16 to 1024; got {} of size {}",
                self.per_class, self.size
            )));
        }
        let n = Self::CLASSES.len() * self.per_class;
        let (class, index) = (|k: usize| k / self.per_class, |k: usize| k % self.per_class);
        let images = Tensor::build([n, 1, self.size, self.size], |pixels| {
            gradus_kernels::parallel::chunks(pixels, self.size * self.size, |k, picture| {
                picture.copy_from_slice(&self.render_one(class(k), index(k) as u64));
            });
        });
        let labels = (0..n).map(class).collect();
        let names = (0..n).map(|k| format!("{}/{:04}", Self::CLASSES[class(k)], index(k))).collect();
        Ok((images, labels, names))
    }

    /// One picture, row by row. Panics for a class beyond the three.
    pub fn render_one(&self, class: usize, index: u64) -> Vec<f32> {
        let mut rng = Rng::new(self.seed, &format!("galaxy/{}", Self::CLASSES[class]), index);
        let rng = &mut rng;
        let camera = Camera::random(rng);
        let mut canvas = Canvas::new(self.size);
        let pose =
            Pose::random(5.0 * (rng.uniform() + rng.uniform() - 1.0), 5.0 * (rng.uniform() + rng.uniform() - 1.0), rng);
        match class {
            0 => edge_on(&mut canvas, &pose, rng),
            1 => elliptical(&mut canvas, &pose, rng),
            _ => spiral(&mut canvas, &pose, rng),
        }
        neighbours(&mut canvas, rng);
        camera.expose(canvas, rng)
    }
}

/// Log-uniform on [low, high): every factor equally likely.
fn log_range(low: f64, high: f64, rng: &mut Rng) -> f64 {
    libm::exp(rng.range(libm::log(low), libm::log(high)))
}

/// The galaxy's electrons, the same law for all classes: half of them on an area of pi a b, a and b the half-light
/// ellipse's axes.
fn total_flux(a: f64, b: f64, rng: &mut Rng) -> f64 {
    2.0 * TAU * 0.5 * a * b * log_range(60.0, 400.0, rng)
}

/// A smooth ellipse, from round (E0) to long (E6.5), slightly boxy or pointed.
fn elliptical(canvas: &mut Canvas, pose: &Pose, rng: &mut Rng) {
    let q = rng.range(0.35, 1.0);
    let n = log_range(1.0, 5.0, rng);
    let a = log_range(7.0, 15.0, rng) / q.sqrt();
    let profile = sersic(n, a);
    let boxiness = rng.range(-0.04, 0.04);
    let total = total_flux(a, a * q, rng);
    canvas.add(total, pose, FRAME, 2, |x, y| {
        let (u, v) = (x * x, y * y / (q * q));
        let r2 = u + v + 0.05;
        // (u - v)^2 / r^4 = cos^2 of twice the eccentric angle: + on the axes, - on the diagonals.
        let shape = 1.0 + boxiness * (2.0 * (u - v) * (u - v) / (r2 * r2) - 1.0);
        profile.at(r2.sqrt() * shape)
    });
}

/// A disc with arms, tilted by up to 72 degrees; a bulge, often a bar, knots of young stars.
fn spiral(canvas: &mut Canvas, pose: &Pose, rng: &mut Rng) {
    let h = log_range(6.5, 11.0, rng);
    let cos = rng.range(0.30, 1.0);
    // A tilted disc is an ellipse, but never thinner than its own thickness (Hubble 1926).
    let q = (cos * cos * (1.0 - 0.15 * 0.15) + 0.15 * 0.15).sqrt();
    let total = total_flux(1.68 * h, 1.68 * h * q, rng);
    let bulge = rng.range(0.04, 0.35);
    let bulge_radius = rng.range(0.18, 0.4) * h;
    let barred = rng.chance(0.4);
    let bar = if barred { rng.range(0.06, 0.16) } else { 0.0 };
    let start = h * if barred { rng.range(0.7, 1.2) } else { rng.range(0.4, 0.7) };
    let count = [2.0, 2.0, 2.0, 3.0, 4.0][rng.below(5)];
    let handed = if rng.chance(0.5) { 1.0 } else { -1.0 };
    let arms = Arms {
        count,
        tan_pitch: handed * libm::tan(rng.range(14.0, 30.0_f64).to_radians()),
        start,
        strength: rng.range(0.55, 0.9),
        sharpness: rng.range(1.2, 3.5),
        dust: rng.range(0.2, 1.0),
        lopsided: rng.range(0.0, 0.35),
        wobble: rng.range(0.0, 0.5),
        phase: rng.range(0.0, TAU),
    };
    let knots = rng.range(0.03, 0.15);
    let edge = rng.range(3.2, 4.5) * h;
    let disc = light::Table::new(edge, |r| libm::exp(-r / h) * (1.0 - libm::pow(r / edge, 6.0)));
    canvas.add(total * (1.0 - bulge - bar - knots), pose, edge, 1, |x, y| {
        let y = y / q;
        let light = disc.at((x * x + y * y).sqrt());
        if light > 0.0 { light * arms.modulation(x, y) } else { 0.0 }
    });
    let bulge_q = q + (1.0 - q) * 0.6;
    let profile = sersic(rng.range(1.0, 3.0), bulge_radius);
    canvas.add(total * bulge, pose, 12.0 * bulge_radius, 2, |x, y| {
        profile.at((x * x + y * y / (bulge_q * bulge_q) + 0.05).sqrt())
    });
    if barred {
        let (length, width) = (start, 0.3 * start);
        canvas.add(total * bar, pose, 2.0 * start, 2, |x, y| {
            let m = x * x / (length * length) + y * y / (q * q * width * width);
            if m < 1.0 { (1.0 - m) * (1.0 - m) } else { 0.0 }
        });
    }
    let many = 12 + rng.below(30);
    for _ in 0..many {
        let r = start + rng.uniform() * (2.6 * h - start).max(0.0);
        let arm = rng.below(count as usize) as f64;
        let theta = arms.ridge(r) + (arm * TAU + 0.3 * rng.normal()) / count;
        let (x, y) = pose.frame(r * libm::cos(theta), q * r * libm::sin(theta));
        blob(canvas, total * knots * rng.range(0.3, 1.7) / many as f64, x, y, rng.range(0.5, 1.3), rng);
    }
}

/// A disc from the side: a thin layer, a bulge, a lane of dust, lumps of young stars.
fn edge_on(canvas: &mut Canvas, pose: &Pose, rng: &mut Rng) {
    let h = log_range(7.0, 13.0, rng);
    let z0 = h * rng.range(0.14, 0.30);
    let edge = rng.range(3.2, 4.5) * h;
    let total = total_flux(1.2 * h, 1.2 * z0 + 1.0, rng);
    let bulge = rng.range(0.0, 0.35);
    let knots = rng.range(0.0, 0.08);
    let (along, across) = (disc_from_the_side(h, edge), sech2(z0));
    let warp = rng.normal() * 0.02;
    let bend = move |x: f64| warp * x * x * x / (h * h * 3.0);
    canvas.add(total * (1.0 - bulge - knots), pose, edge, 2, |x, z| {
        let light = along.at(x.abs());
        if light > 0.0 { light * across.at((z - bend(x)).abs()) } else { 0.0 }
    });
    let bulge_radius = rng.range(0.2, 0.5) * h;
    let bulge_q = rng.range(0.55, 0.95);
    let profile = sersic(rng.range(1.0, 3.5), bulge_radius);
    canvas.add(total * bulge, pose, 12.0 * bulge_radius, 2, |x, z| {
        profile.at((x * x + z * z / (bulge_q * bulge_q) + 0.05).sqrt())
    });
    let many = 4 + rng.below(14);
    for _ in 0..many {
        let x = rng.range(-2.2, 2.2) * h;
        let (x, y) = pose.frame(x, bend(x) + 0.4 * z0 * rng.normal());
        blob(canvas, total * knots * rng.range(0.3, 1.7) / many as f64, x, y, rng.range(0.5, 1.3), rng);
    }
    if rng.chance(0.7) {
        let depth = rng.range(0.3, 1.6);
        let layer = sech2((0.35 * z0).max(0.6));
        let shift = 0.4 * z0 * rng.normal();
        let reach = rng.range(1.5, 2.6) * h;
        canvas.dim(pose, |x, z| {
            let fade = libm::exp(-(x / reach) * (x / reach));
            libm::exp(-depth * fade * layer.at((z - bend(x) - shift).abs()))
        });
    }
}

/// A small round Gaussian, a region of young stars.
fn blob(canvas: &mut Canvas, total: f64, x: f64, y: f64, sigma: f64, rng: &mut Rng) {
    let pose = Pose::random(x, y, rng);
    canvas.add(total, &pose, 3.0 * sigma, 1, |x, y| libm::exp(-0.5 * (x * x + y * y) / (sigma * sigma)));
}

/// What else is in the field: stars of our own Galaxy, faint far galaxies, now and then a companion.
fn neighbours(canvas: &mut Canvas, rng: &mut Rng) {
    let anywhere = |rng: &mut Rng| rng.range(-0.5, 0.5) * FRAME;
    for _ in 0..rng.below(6) {
        // Star counts rise steeply towards the faint end: N(> flux) ~ 1 / flux.
        let flux = (300.0 / (1.0 - rng.uniform())).min(20_000.0);
        canvas.add_point(flux, anywhere(rng), anywhere(rng));
    }
    for _ in 0..rng.below(5) {
        let (x, y, r_e) = (anywhere(rng), anywhere(rng), rng.range(0.8, 2.2));
        faint_galaxy(canvas, log_range(200.0, 2500.0, rng), x, y, r_e, rng);
    }
    if rng.chance(0.15) {
        let (sin, cos) = libm::sincos(rng.range(0.0, TAU));
        let distance = rng.range(26.0, 56.0);
        let r_e = rng.range(2.0, 5.0);
        let flux = TAU * r_e * r_e * log_range(40.0, 200.0, rng);
        faint_galaxy(canvas, flux, distance * cos, distance * sin, r_e, rng);
    }
}

fn faint_galaxy(canvas: &mut Canvas, flux: f64, x: f64, y: f64, r_e: f64, rng: &mut Rng) {
    let q = rng.range(0.3, 1.0);
    let profile = sersic(rng.range(0.8, 3.0), r_e);
    let pose = Pose::random(x, y, rng);
    canvas.add(flux, &pose, 8.0 * r_e, 1, |x, y| profile.at((x * x + y * y / (q * q) + 0.05).sqrt()));
}
