//! Contour plots: a function of two variables in colours with contour lines, and paths over it (as of optimizers).

use super::axes::{Area, Axis, Legend, Swatch, draw_x, draw_y, extent};
use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL, text_width};
use super::figure::Figure;
use super::palette::{Colour, ColourMap};
use super::shape::Shape;
use image::RgbImage;
use std::sync::Arc;

/// A contour plot.
pub struct Contour {
    title: String,
    axes: [String; 2],
    x: (f64, f64),
    y: (f64, f64),
    /// Values on a grid of `GRID` x `GRID` nodes, rows from low to high y.
    values: Vec<f64>,
    log: bool,
    levels: usize,
    paths: Vec<(String, Vec<Point>)>,
    items: Vec<(usize, Point)>,
    minimum: Option<Point>,
    log_axes: [bool; 2],
    key: Option<String>,
}

/// Nodes per side of the grid on which the function is sampled.
const GRID: usize = 81;
/// Width of the key's strip, and of the gap before it.
const KEY: f64 = 12.0;

impl Contour {
    /// Samples `f` over two ranges.
    pub fn new(title: &str, x: (f64, f64), y: (f64, f64), f: impl Fn(f64, f64) -> f64) -> Self {
        let values = Self::nodes(x, y).into_iter().map(|(x, y)| f(x, y)).collect();
        Self::of_values(title, x, y, values)
    }

    /// Returns the points at which the plot needs values, in the order in which [`of_values`](Self::of_values) takes them.
    pub fn nodes(x: (f64, f64), y: (f64, f64)) -> Vec<(f64, f64)> {
        let node = |r: (f64, f64), i: usize| r.0 + (r.1 - r.0) * i as f64 / (GRID - 1) as f64;
        (0..GRID * GRID).map(|k| (node(x, k % GRID), node(y, k / GRID))).collect()
    }

    /// Creates a plot from the values at the [`nodes`](Self::nodes) of two ranges, for a function that is cheaper to
    /// evaluate at all of them at once. Panics on another number of values.
    pub fn of_values(title: &str, x: (f64, f64), y: (f64, f64), values: Vec<f64>) -> Self {
        assert_eq!(values.len(), GRID * GRID, "contour: one value for each node");
        Contour {
            title: title.into(),
            axes: [String::new(), String::new()],
            x,
            y,
            values,
            log: false,
            levels: 12,
            paths: Vec::new(),
            items: Vec::new(),
            minimum: None,
            log_axes: [false; 2],
            key: None,
        }
    }

    /// Makes the axes logarithmic: the ranges and arguments of [`Contour::new`] are then decimal logarithms of the
    /// values on the axes. Paths and points are given in the values on the axes.
    pub fn log_axes(mut self, x: bool, y: bool) -> Self {
        self.log_axes = [x, y];
        self
    }

    /// Adds numbered points over the plot, such as the trials of a study.
    pub fn items(mut self, items: &[(usize, (f64, f64))]) -> Self {
        self.items = items.to_vec();
        self
    }

    /// Sets the titles of the axes.
    pub fn axes(mut self, x: &str, y: &str) -> Self {
        self.axes = [x.into(), y.into()];
        self
    }

    /// Spaces the levels evenly in log(1 + f - min f): for functions with a steep rim and a flat floor.
    pub fn log_levels(mut self) -> Self {
        self.log = true;
        self
    }

    /// Adds a colour bar beside the plot. (Not with
    /// [`Contour::log_levels`].)
    pub fn key(mut self, name: &str) -> Self {
        self.key = Some(name.into());
        self
    }

    /// Adds a path with its start (ring) and end (dot); the part outside the plot is not drawn.
    pub fn path(mut self, name: &str, points: &[(f64, f64)]) -> Self {
        self.paths.push((name.into(), points.to_vec()));
        self
    }

    /// Marks a known minimum with a star.
    pub fn minimum(mut self, x: f64, y: f64) -> Self {
        self.minimum = Some((x, y));
        self
    }

    /// Draws the plot.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::new(480.0, 0.0);
        let mut top = canvas.title(8.0, &self.title);
        if !self.paths.is_empty() {
            let entries = self.paths.iter().enumerate();
            let legend = Legend::new(
                canvas.width - 16.0,
                entries.map(|(i, p)| (p.0.clone(), Self::colour(i), Swatch::Line { dashed: false })),
            );
            legend.draw(&mut canvas, (8.0, top));
            top += legend.height() + 4.0;
        }
        top += if self.axes[1].is_empty() { 8.0 } else { 28.0 };
        let axis = |(lo, hi): Point, log: bool, ticks: usize| match log {
            true => Axis::log(libm::exp10(lo), libm::exp10(hi), ticks),
            false => Axis::linear(lo, hi, ticks),
        };
        let (x, y) = (axis(self.x, self.log_axes[0], 7), axis(self.y, self.log_axes[1], 6));
        let (lo, hi) = self.extent();
        let key = self.key.as_ref().map(|name| (name, Axis::linear(lo, hi, 6)));
        let beside = key.as_ref().map_or(0.0, |(_, axis)| 2.0 * KEY + 18.0 + axis.label_width());
        let right = canvas.width - 12.0 - x.overhang().max(beside);
        let area = Area { left: 14.0 + y.label_width(), top, right, bottom: top + 330.0 };
        let (x, y) = (x.placed(area.left, area.right), y.placed(area.bottom, area.top));
        canvas.height = area.bottom + super::axes::below(&self.axes[0]);
        draw_y(&mut canvas, area, &y, &self.axes[1]);
        self.draw_surface(&mut canvas, area);
        if let Some((name, axis)) = key {
            self.draw_key(&mut canvas, area, name, axis.placed(area.bottom, area.top));
        }
        for (i, (_, points)) in self.paths.iter().enumerate() {
            let inside = |p: &Point| p.0 >= x.lo && p.0 <= x.hi && p.1 >= y.lo && p.1 <= y.hi;
            let place = |p: &Point| if inside(p) { (x.at(p.0), y.at(p.1)) } else { (f64::NAN, f64::NAN) };
            let path: Vec<Point> = points.iter().map(place).collect();
            draw_path(&mut canvas, &path, Self::colour(i));
        }
        for &(item, (u, v)) in &self.items {
            let at = (x.at(u), y.at(v));
            if at.0.is_finite() && at.1.is_finite() {
                canvas.item(item, |canvas| {
                    canvas.circle(at, 4.5, Colour::PAPER);
                    canvas.circle(at, 3.5, Colour::INK);
                });
            }
        }
        if let Some(p) = self.minimum {
            Shape::Star.draw(&mut canvas, (x.at(p.0), y.at(p.1)), 7.0, Colour::INK);
            Shape::Star.draw(&mut canvas, (x.at(p.0), y.at(p.1)), 5.0, Colour::new(0xf0, 0xe4, 0x42));
        }
        draw_x(&mut canvas, area, &x, &self.axes[0]);
        let names: Vec<&str> = self.paths.iter().map(|p| p.0.as_str()).collect();
        Figure::on_white(canvas, format!("Contour plot. {} {}", self.title, names.join(", ")))
    }

    fn colour(i: usize) -> Colour {
        // the plot itself is blue, so paths begin with vermillion
        Colour::class([1, 2, 3, 6, 4, 7, 5, 0][i % 8])
    }

    fn extent(&self) -> (f64, f64) {
        extent(self.values.iter().copied()).unwrap_or((0.0, 1.0))
    }

    /// Draws the colour bar from the lowest to the highest value.
    fn draw_key(&self, canvas: &mut Canvas, area: Area, name: &str, axis: Axis) {
        let (left, right) = (area.right + KEY, area.right + 2.0 * KEY);
        let pixels =
            RgbImage::from_fn(1, GRID as u32, |_, j| image::Rgb(shade(1.0 - f64::from(j) / (GRID - 1) as f64).rgb));
        canvas.image((left, area.top), (KEY, area.bottom - area.top), Arc::new(pixels), true);
        for (value, label) in &axis.ticks {
            let y = axis.at(*value);
            canvas.line(&[(right, y), (right + 4.0, y)], Colour::GRAY, 1.0);
            canvas.text((right + 8.0, y + 0.36 * SMALL), label, SMALL, Colour::GRAY, Anchor::Start);
        }
        if text_width(&self.axes[1], LABEL, false) + text_width(name, LABEL, false) < canvas.width - 40.0 {
            canvas.text((canvas.width - 8.0, area.top - 15.0), name, LABEL, Colour::GRAY, Anchor::End);
        }
    }

    /// Returns the values between 0 and 1, on the scale of the levels.
    fn scaled(&self) -> Vec<f64> {
        let (lo, hi) = self.extent();
        let f = |v: f64| if self.log { libm::log1p(v - lo) } else { v - lo };
        let top = if f(hi) > 0.0 { f(hi) } else { 1.0 };
        self.values.iter().map(|&v| f(v) / top).collect()
    }

    fn draw_surface(&self, canvas: &mut Canvas, area: Area) {
        let t = self.scaled();
        let pixels = RgbImage::from_fn(GRID as u32, GRID as u32, |i, j| {
            // rows of an image go down, those of the grid up
            image::Rgb(shade(t[(GRID - 1 - j as usize) * GRID + i as usize]).rgb)
        });
        let size = (area.right - area.left, area.bottom - area.top);
        canvas.image((area.left, area.top), size, Arc::new(pixels), true);
        for level in 1..self.levels {
            for (a, b) in iso_lines(&t, GRID, level as f64 / self.levels as f64) {
                let place = |p: Point| {
                    let scale = (GRID - 1) as f64;
                    (area.left + size.0 * p.0 / scale, area.bottom - size.1 * p.1 / scale)
                };
                canvas.line(&[place(a), place(b)], Colour::new(0x2b, 0x55, 0x7d).faint(0.55), 0.75);
            }
        }
    }
}

/// Returns the colour of a value: pale where the function is low.
fn shade(v: f64) -> Colour {
    ColourMap::Blues.at(0.04 + 0.6 * v)
}

fn draw_path(canvas: &mut Canvas, path: &[Point], colour: Colour) {
    canvas.line(path, Colour::PAPER.faint(0.8), 4.0);
    canvas.line(path, colour, 2.0);
    let finite: Vec<&Point> = path.iter().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
    if finite.len() <= 60 {
        finite.iter().for_each(|p| canvas.circle(**p, 2.2, colour));
    }
    if let (Some(first), Some(last)) = (finite.first(), finite.last()) {
        canvas.circle(**first, 6.0, colour);
        canvas.circle(**first, 3.5, Colour::PAPER);
        canvas.circle(**last, 6.5, Colour::PAPER);
        canvas.circle(**last, 5.0, colour);
    }
}

/// Marching squares: the segments of `f = level` in each cell, in grid coordinates.
fn iso_lines(f: &[f64], n: usize, level: f64) -> Vec<(Point, Point)> {
    let mut segments = Vec::new();
    for j in 0..n - 1 {
        for i in 0..n - 1 {
            let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
            let value = |k: usize| f[corners[k % 4].1 * n + corners[k % 4].0] - level;
            if !(0..4).all(|k| value(k).is_finite()) {
                continue;
            }
            // where each edge crosses the level, by linear interpolation
            let cut = |k: usize| {
                let (a, b) = (value(k), value(k + 1));
                ((a < 0.0) != (b < 0.0)).then(|| {
                    let (p, q, t) = (corners[k], corners[(k + 1) % 4], a / (a - b));
                    (p.0 as f64 + t * (q.0 as f64 - p.0 as f64), p.1 as f64 + t * (q.1 as f64 - p.1 as f64))
                })
            };
            let cuts: Vec<Point> = (0..4).filter_map(cut).collect();
            segments.extend(cuts.chunks_exact(2).map(|c| (c[0], c[1])));
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_line_of_a_plane_is_straight() {
        // f = x on a 3 x 3 grid; the level 0.5 crosses each of the two left cells once, at x = 0.5
        let f = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0];
        let lines = iso_lines(&f, 3, 0.5);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|(a, b)| a.0 == 0.5 && b.0 == 0.5));
    }
}
