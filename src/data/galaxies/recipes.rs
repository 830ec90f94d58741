//! The three classes of galaxies, and the other objects in the field.
//!
//! Lengths are in pixels of a frame of 128, brightness in electrons per such pixel. The ranges are chosen so that the
//! classes overlap in size, brightness and shape: an elliptical may be as long as a tilted spiral, a spiral as smooth
//! in its outskirts as a disc from the side.

use super::light::{Arms, Canvas, FRAME, LightTable, Pose, disc_from_the_side, sech2, sersic};
use crate::rng::Rng;
use std::f64::consts::TAU;

/// Thickness of a spiral's disc over its diameter.
const DISC_THICKNESS: f64 = 0.15;

/// Log-uniform on [low, high): every factor equally likely.
fn log_range(low: f64, high: f64, rng: &mut Rng) -> f64 {
    libm::exp(rng.range(libm::log(low), libm::log(high)))
}

/// Returns a galaxy's electrons. Half of them fall on its half-light ellipse of axes a and b, whose area is pi a b,
/// with `brightness` on the average, give or take a factor of nearly three (more than a magnitude).
fn total_flux(a: f64, b: f64, brightness: f64, rng: &mut Rng) -> f64 {
    TAU * a * b * brightness * log_range(0.4, 3.2, rng)
}

/// A smooth ellipse, from round (E0) to long (E6); its isophotes slightly pointed or boxy, as real ones (Bender 1988).
pub(super) fn elliptical(canvas: &mut Canvas, pose: &Pose, rng: &mut Rng) {
    let q = rng.range(0.42, 1.0);
    let n = log_range(1.3, 6.0, rng);
    let a = log_range(6.5, 14.5, rng) / q.sqrt();
    let profile = sersic(n, a);
    let boxiness = rng.range(-0.04, 0.04);
    let total = total_flux(a, a * q, 350.0, rng);
    canvas.add(total, pose, FRAME, 2, |x, y| {
        let (u, v) = (x * x, y * y / (q * q));
        let square = u + v + 0.05;
        // ((u - v) / (u + v))^2 is 1 on the axes and 0 on the diagonals of the ellipse.
        let axes = (u - v) * (u - v) / (square * square);
        profile.at(square.sqrt() * (1.0 + boxiness * (2.0 * axes - 1.0)))
    });
}

/// A disc with arms, tilted by up to 63 degrees; a bulge, often a bar, knots of young stars along the arms.
pub(super) fn spiral(canvas: &mut Canvas, pose: &Pose, rng: &mut Rng) {
    let h = log_range(8.5, 13.5, rng);
    let q = tilted(rng.range(0.45, 1.0));
    // An exponential disc's half-light radius is 1.68 scale lengths.
    let total = total_flux(1.68 * h, 1.68 * h * q, 190.0, rng);
    let barred = rng.chance(0.4);
    let arms = random_arms(h * if barred { rng.range(0.7, 1.2) } else { rng.range(0.4, 0.7) }, rng);
    let bulge_share = rng.range(0.04, 0.35);
    let bar_share = if barred { rng.range(0.06, 0.16) } else { 0.0 };
    let knots_share = rng.range(0.03, 0.15);

    let edge = rng.range(3.2, 4.5) * h;
    let disc = LightTable::new(edge, |r| libm::exp(-r / h) * (1.0 - libm::pow(r / edge, 6.0)));
    canvas.add(total * (1.0 - bulge_share - bar_share - knots_share), pose, edge, 1, |x, y| {
        let y = y / q;
        let light = disc.at((x * x + y * y).sqrt());
        if light > 0.0 { light * arms.modulation(x, y) } else { 0.0 }
    });
    bulge(canvas, total * bulge_share, pose, rng.range(0.18, 0.4) * h, q + 0.6 * (1.0 - q), rng);
    bar(canvas, total * bar_share, pose, arms.start, q);
    for electrons in knots(total * knots_share, 12 + rng.below(30), rng) {
        let r = rng.range(arms.start, 2.6 * h);
        let arm = rng.below(arms.count as usize) as f64;
        let (sin, cos) = libm::sincos(arms.ridge(r) + (arm * TAU + 0.3 * rng.normal()) / arms.count);
        knot(canvas, electrons, pose.frame(r * cos, q * r * sin), rng);
    }
}

/// A disc from the side: layers of stars, a bulge, a lane of dust, lumps of young stars.
pub(super) fn edge_on(canvas: &mut Canvas, pose: &Pose, rng: &mut Rng) {
    let h = log_range(9.0, 16.0, rng);
    let z0 = h * rng.range(0.15, 0.34);
    let edge = rng.range(3.2, 4.5) * h;
    let total = total_flux(1.2 * h, 1.2 * z0 + 1.0, 310.0, rng);
    let bulge_share = rng.range(0.0, 0.35);
    let knots_share = rng.range(0.0, 0.08);
    // Many discs are warped: the two ends bend away from the plane, to opposite sides (Sancisi 1976).
    let warp = 0.008 * rng.normal() / (3.0 * h * h);
    let plane = |x: f64| warp * x * x * x;

    let (along, across) = (disc_from_the_side(h, edge), sech2(z0));
    canvas.add(total * (1.0 - bulge_share - knots_share), pose, edge, 2, |x, z| {
        let light = along.at(x.abs());
        if light > 0.0 { light * across.at((z - plane(x)).abs()) } else { 0.0 }
    });
    bulge(canvas, total * bulge_share, pose, rng.range(0.2, 0.5) * h, rng.range(0.55, 0.95), rng);
    for electrons in knots(total * knots_share, 4 + rng.below(14), rng) {
        let x = rng.range(-2.2, 2.2) * h;
        let z = plane(x) + 0.4 * z0 * rng.normal();
        knot(canvas, electrons, pose.frame(x, z), rng);
    }
    if rng.chance(0.75) {
        let (depth, reach) = (rng.range(1.0, 4.0), rng.range(1.5, 2.6) * h);
        let layer = sech2((0.4 * z0).max(0.9));
        // Seldom seen from exactly the side, the lane lies a little above or below the middle.
        let shift = 0.3 * z0 * rng.normal();
        canvas.dim(pose, |x, z| {
            let lane = layer.at((z - plane(x) - shift).abs());
            if lane > 0.0 { libm::exp(-depth * lane * libm::exp(-(x / reach) * (x / reach))) } else { 1.0 }
        });
    }
}

/// Stars of our own Galaxy, faint far galaxies, often a companion. Features of the whole frame measure them too;
/// a network learns to ignore them.
pub(super) fn neighbours(canvas: &mut Canvas, rng: &mut Rng) {
    let anywhere = |rng: &mut Rng| rng.range(-0.5, 0.5) * FRAME;
    for _ in 0..rng.below(24) {
        // Star counts rise towards the faint end: the number beyond a flux falls as its inverse.
        let flux = (400.0 / (1.0 - rng.uniform())).min(30_000.0);
        canvas.add_point(flux, anywhere(rng), anywhere(rng));
    }
    for _ in 0..rng.below(9) {
        let place = (anywhere(rng), anywhere(rng));
        far_galaxy(canvas, log_range(200.0, 2500.0, rng), place, rng.range(0.8, 2.2), rng);
    }
    if rng.chance(0.35) {
        let (sin, cos) = libm::sincos(rng.range(0.0, TAU));
        let distance = rng.range(26.0, 56.0);
        let r_e = rng.range(2.0, 5.0);
        far_galaxy(canvas, TAU * r_e * r_e * log_range(40.0, 200.0, rng), (distance * cos, distance * sin), r_e, rng);
    }
}

/// Axis ratio of a disc seen under an inclination of this cosine: an ellipse, but never thinner than the disc's own
/// thickness allows (Hubble 1926).
fn tilted(cos: f64) -> f64 {
    (cos * cos + DISC_THICKNESS * DISC_THICKNESS * (1.0 - cos * cos)).sqrt()
}

/// Two arms mostly, sometimes three or four; pitch angles of 16 to 32 degrees, as in Sb and Sc galaxies.
fn random_arms(start: f64, rng: &mut Rng) -> Arms {
    let count = [2.0, 2.0, 2.0, 2.0, 3.0, 4.0][rng.below(6)];
    let handed = if rng.chance(0.5) { 1.0 } else { -1.0 };
    Arms {
        count,
        tan_pitch: handed * libm::tan(rng.range(16.0, 32.0).to_radians()),
        start,
        strength: rng.range(0.55, 0.85),
        sharpness: rng.range(1.2, 3.5),
        dust: rng.range(0.2, 1.0),
        lopsided: rng.range(0.0, 0.35),
        wobble: rng.range(0.0, 0.5),
        phase: rng.range(0.0, TAU),
    }
}

/// A bulge of axis ratio `q`.
fn bulge(canvas: &mut Canvas, total: f64, pose: &Pose, r_e: f64, q: f64, rng: &mut Rng) {
    let profile = sersic(rng.range(1.0, 3.0), r_e);
    canvas.add(total, pose, 12.0 * r_e, 2, |x, y| profile.at((x * x + y * y / (q * q) + 0.05).sqrt()));
}

/// A bar from which the arms start: brightness (1 - m^2)^2 in an ellipse m < 1 (Ferrers 1877).
fn bar(canvas: &mut Canvas, total: f64, pose: &Pose, length: f64, q: f64) {
    let width = 0.3 * length * q;
    canvas.add(total, pose, length, 2, |x, y| {
        let inside = (1.0 - x * x / (length * length) - y * y / (width * width)).max(0.0);
        inside * inside
    });
}

/// Divides `total` electrons among `n` knots, unequally.
fn knots(total: f64, n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| total / n as f64 * rng.range(0.3, 1.7)).collect()
}

/// A knot, a glowing region of young stars: a small Gaussian.
fn knot(canvas: &mut Canvas, total: f64, place: (f64, f64), rng: &mut Rng) {
    let sigma = rng.range(0.5, 1.3);
    let pose = Pose::upright(place);
    canvas.add(total, &pose, 3.0 * sigma, 1, |x, y| libm::exp(-0.5 * (x * x + y * y) / (sigma * sigma)));
}

/// A galaxy too small to show anything but its light.
fn far_galaxy(canvas: &mut Canvas, total: f64, place: (f64, f64), r_e: f64, rng: &mut Rng) {
    let q = rng.range(0.3, 1.0);
    let profile = sersic(rng.range(0.8, 3.0), r_e);
    let pose = Pose::random(place, rng);
    canvas.add(total, &pose, 8.0 * r_e, 1, |x, y| profile.at((x * x + y * y / (q * q) + 0.05).sqrt()));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The galaxy's electrons arrive on the canvas, whatever the resolution.
    #[test]
    fn resolution_changes_the_sampling_not_the_galaxy() {
        for recipe in [elliptical, spiral, edge_on] {
            let total = |size: usize| {
                let mut rng = Rng::new(1, "recipe", 0);
                let pose = Pose::random((0.0, 0.0), &mut rng);
                let mut canvas = Canvas::new(size);
                recipe(&mut canvas, &pose, &mut rng);
                canvas.flux.iter().map(|&f| f64::from(f)).sum::<f64>() / (size * size) as f64
            };
            let (coarse, fine) = (total(64), total(256));
            assert!(coarse > 0.5 && (coarse / fine - 1.0).abs() < 0.05, "{coarse} and {fine} electrons per pixel");
        }
    }

    #[test]
    fn a_tilted_disc_is_round_from_above_and_thin_from_the_side() {
        assert_eq!(tilted(1.0), 1.0);
        assert_eq!(tilted(0.0), DISC_THICKNESS);
    }
}
