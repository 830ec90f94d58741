//! The shapes of points: one for each class, besides its colour.

use super::canvas::{Canvas, Point};
use super::palette::Colour;

/// The shape of a class's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    Plus,
    Down,
    Cross,
    Star,
}

impl Shape {
    /// Colour and shape together are different for the first 80 classes.
    pub(crate) fn of(index: usize) -> Self {
        use Shape::*;
        const ALL: [Shape; 8] = [Circle, Square, Triangle, Diamond, Plus, Down, Cross, Star];
        ALL[(index + index / 10) % 8]
    }

    /// Draws the shape, all about equally heavy to the eye.
    pub(crate) fn draw(self, canvas: &mut Canvas, (x, y): Point, r: f64, fill: Colour) {
        let ring = |radii: &[f64], n: usize, turn: f64| -> Vec<Point> {
            (0..n)
                .map(|i| {
                    let angle = std::f64::consts::TAU * (i as f64 / n as f64 + turn);
                    let radius = r * radii[i % radii.len()];
                    (x + radius * libm::cos(angle), y + radius * libm::sin(angle))
                })
                .collect()
        };
        let cross = |turn: f64| -> Vec<Point> {
            // twelve corners: the four arms of a cross, each 0.7 r wide
            let (a, b) = (1.15 * r, 0.35 * r);
            let corners = [
                (a, -b),
                (a, b),
                (b, b),
                (b, a),
                (-b, a),
                (-b, b),
                (-a, b),
                (-a, -b),
                (-b, -b),
                (-b, -a),
                (b, -a),
                (b, -b),
            ];
            let (c, s) = (libm::cos(turn), libm::sin(turn));
            corners.iter().map(|&(u, v)| (x + c * u - s * v, y + s * u + c * v)).collect()
        };
        let points = match self {
            Shape::Circle => return canvas.circle((x, y), r, fill),
            Shape::Square => ring(&[1.25], 4, 0.125),
            Shape::Triangle => ring(&[1.35], 3, -0.25),
            Shape::Down => ring(&[1.35], 3, 0.25),
            Shape::Diamond => ring(&[1.35], 4, 0.0),
            Shape::Plus => cross(0.0),
            Shape::Cross => cross(std::f64::consts::FRAC_PI_4),
            Shape::Star => ring(&[1.45, 0.6], 10, -0.25),
        };
        canvas.polygon(points, fill);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_64_classes_look_different() {
        let mut seen: Vec<([u8; 3], Shape)> = Vec::new();
        for i in 0..64 {
            let look = (Colour::class(i).rgb, Shape::of(i));
            assert!(!seen.contains(&look), "class {i}");
            seen.push(look);
        }
    }
}
