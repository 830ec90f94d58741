//! Surfaces: functions of two variables, seen from above and from the side.

use super::axes::{extent, number};
use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL};
use super::figure::Figure;
use super::palette::{Colour, ColourMap};

/// Where the eye is: the angle around the upright axis, and the height above the floor, in radians.
const AROUND: f64 = 0.75;
const ABOVE: f64 = 0.55;
/// How high the box is, in lengths of its floor.
const HEIGHT: f64 = 0.62;

/// One surface: values at `side` x `side` points, rows from low to high y.
struct Panel {
    name: String,
    side: usize,
    values: Vec<f64>,
}

/// Several surfaces over the same square, side by side, with one scale of heights and colours.
pub struct Surface {
    title: String,
    axes: [String; 2],
    range: [(f64, f64); 2],
    panels: Vec<Panel>,
}

impl Surface {
    /// Creates an empty sheet over these ranges of x and y, whose names are `axes`.
    pub fn new(title: &str, axes: [&str; 2], x: (f64, f64), y: (f64, f64)) -> Self {
        Self { title: title.into(), axes: axes.map(String::from), range: [x, y], panels: Vec::new() }
    }

    /// Adds a surface from its values at `side` x `side` points, at least two, in rows from low to high y. Values that are
    /// not finite leave a hole.
    pub fn panel(mut self, name: &str, side: usize, values: &[f64]) -> Self {
        assert!(side >= 2 && values.len() == side * side, "a surface of {side} x {side} has {} values", values.len());
        self.panels.push(Panel { name: name.into(), side, values: values.to_vec() });
        self
    }

    /// Draws all panels.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::new(if self.panels.len() > 1 { 720.0 } else { 480.0 }, 0.0);
        let top = canvas.title(8.0, &self.title) + 22.0;
        let width = canvas.width / self.panels.len().max(1) as f64;
        let (low, high) = extent(self.panels.iter().flat_map(|p| p.values.iter().copied())).unwrap_or((0.0, 1.0));
        let scale = 0.54 * width;
        let height = scale * (libm::cos(ABOVE) * HEIGHT + libm::sin(ABOVE) * std::f64::consts::SQRT_2) + 44.0;
        canvas.height = top + height;
        for (i, panel) in self.panels.iter().enumerate() {
            let middle = width * (i as f64 + 0.5);
            canvas.bold((middle, top - 4.0), &panel.name, LABEL, Colour::INK, Anchor::Middle);
            let view = View { middle, floor: top + height - 40.0, scale };
            self.draw_panel(&mut canvas, &view, panel, (low, high));
        }
        Figure::on_white(canvas, format!("Surfaces. {}", self.title))
    }

    fn draw_panel(&self, canvas: &mut Canvas, view: &View, panel: &Panel, (low, high): (f64, f64)) {
        let up = |v: f64| if high > low { (v - low) / (high - low) } else { 0.5 };
        // The floor, and the upright axis at its left corner.
        let floor: Vec<Point> =
            [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0)].map(|(u, v)| view.at(u, v, 0.0)).to_vec();
        canvas.line(&floor, Colour::GRAY, 0.75);
        let left = if view.at(0.0, 1.0, 0.0).0 < view.at(1.0, 0.0, 0.0).0 { (0.0, 1.0) } else { (1.0, 0.0) };
        let (foot, head) = (view.at(left.0, left.1, 0.0), view.at(left.0, left.1, 1.0));
        canvas.line(&[foot, head], Colour::GRAY, 0.75);
        for (at, value) in [(foot, low), (head, high)] {
            // Above its end: beside the lower one stands the end of y.
            canvas.text((at.0 - 4.0, at.1 - 3.0), &number(value), SMALL, Colour::GRAY, Anchor::End);
        }
        // The parts from back to front, so that those in front hide the others.
        let n = panel.side - 1;
        let mut parts: Vec<(usize, usize)> = (0..n).flat_map(|j| (0..n).map(move |i| (i, j))).collect();
        let depth = |(i, j): (usize, usize)| View::depth((i as f64 + 0.5) / n as f64, (j as f64 + 0.5) / n as f64);
        parts.sort_by(|&a, &b| depth(b).total_cmp(&depth(a)));
        for (i, j) in parts {
            let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let values = corners.map(|(i, j)| panel.values[j * panel.side + i]);
            if !values.iter().all(|v| v.is_finite()) {
                continue;
            }
            let points: Vec<Point> = corners
                .iter()
                .zip(values)
                .map(|(&(i, j), v)| view.at(i as f64 / n as f64, j as f64 / n as f64, up(v)))
                .collect();
            let mean = values.iter().sum::<f64>() / 4.0;
            let fill = ColourMap::Blues.at(0.15 + 0.75 * up(mean));
            canvas.polygon(points.clone(), fill);
            let rim = [points.clone(), vec![points[0]]].concat();
            canvas.line(&rim, Colour::new(0x2b, 0x55, 0x7d).faint(0.5), 0.4);
        }
        // The front edges of the floor have the names and ends of x and y.
        let sides = [(0, (0.5, 0.0), (0.0, 0.0), (1.0, 0.0)), (1, (0.0, 0.5), (0.0, 0.0), (0.0, 1.0))];
        for (axis, middle, from, to) in sides {
            let at = view.at(middle.0, middle.1, 0.0);
            let right = at.0 > view.at(0.5, 0.5, 0.0).0;
            let anchor = if right { Anchor::Start } else { Anchor::End };
            let shift = if right { 6.0 } else { -6.0 };
            canvas.text((at.0 + shift, at.1 + 16.0), &self.axes[axis], LABEL, Colour::GRAY, anchor);
            // Both axes begin at the corner in front: their numbers stand to their own side of it.
            let at = view.at(from.0, from.1, 0.0);
            canvas.text((at.0 + shift, at.1 + 11.0), &number(self.range[axis].0), SMALL, Colour::GRAY, anchor);
            let at = view.at(to.0, to.1, 0.0);
            canvas.text((at.0, at.1 + 14.0), &number(self.range[axis].1), SMALL, Colour::GRAY, Anchor::Middle);
        }
    }
}

/// The parallel projection of the unit box onto the page.
struct View {
    middle: f64,
    floor: f64,
    scale: f64,
}

impl View {
    /// The place of (u, v) in the square at a height from 0 to 1.
    fn at(&self, u: f64, v: f64, height: f64) -> Point {
        let (c, s) = (libm::cos(AROUND), libm::sin(AROUND));
        let (x, y) = (u - 0.5, v - 0.5);
        let across = c * x - s * y;
        let away = s * x + c * y + 0.5 * std::f64::consts::SQRT_2;
        let up = libm::sin(ABOVE) * away + libm::cos(ABOVE) * HEIGHT * height;
        (self.middle + 12.0 + self.scale * across, self.floor - self.scale * up)
    }

    /// How far a place is from the eye.
    fn depth(u: f64, v: f64) -> f64 {
        libm::sin(AROUND) * u + libm::cos(AROUND) * v
    }
}
