//! Slices: a value over each parameter in turn, a panel each, one numbered point for each item.

use super::axes::{Area, Axis, draw_x, draw_y, extent};
use super::canvas::{Anchor, Canvas, LABEL, Point, fit};
use super::figure::Figure;
use super::palette::{Colour, ColourMap};
use super::parallel::Dimension;

/// A point of a panel.
struct Dot {
    item: usize,
    at: Point,
    /// From 0 to 1: how dark.
    shade: f64,
    hollow: bool,
}

struct Panel {
    dimension: Dimension,
    dots: Vec<Dot>,
    line: Vec<Point>,
}

/// Panels side by side, all with the same upright axis.
pub struct Slices {
    title: String,
    y_title: String,
    log_y: bool,
    y_most: Option<f64>,
    panels: Vec<Panel>,
    columns: usize,
    size: Point,
}

impl Slices {
    /// Creates an empty sheet; `y` is the title of the common upright axis.
    pub fn new(title: &str, y: &str) -> Self {
        let (title, y_title, panels) = (title.into(), y.into(), Vec::new());
        Self { title, y_title, log_y: false, y_most: None, panels, columns: 3, size: (250.0, 230.0) }
    }

    /// Adds a panel for a parameter.
    pub fn panel(mut self, dimension: Dimension) -> Self {
        self.panels.push(Panel { dimension, dots: Vec::new(), line: Vec::new() });
        self
    }

    /// Adds an item in the last panel; `shade` from 0 to 1 makes it darker, `hollow` draws its rim alone.
    pub fn dot(mut self, item: usize, at: (f64, f64), shade: f64, hollow: bool) -> Self {
        if let Some(panel) = self.panels.last_mut() {
            panel.dots.push(Dot { item, at, shade, hollow });
        }
        self
    }

    /// Adds a line through the last panel, such as the best so far.
    pub fn line(mut self, points: &[(f64, f64)]) -> Self {
        if let Some(panel) = self.panels.last_mut() {
            panel.line = points.to_vec();
        }
        self
    }

    /// Makes the upright axis logarithmic.
    pub fn log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// Ends the upright axis here; what lies above is drawn at its end.
    pub fn y_most(mut self, most: f64) -> Self {
        self.y_most = Some(most);
        self
    }

    /// Sets the width and height of a panel; the default is 250 x 230.
    pub fn panel_size(mut self, width: f64, height: f64) -> Self {
        self.size = (width, height);
        self
    }

    /// Draws the sheet.
    pub fn draw(&self) -> Figure {
        let columns = self.columns.min(self.panels.len()).max(1);
        let mut canvas = Canvas::new((self.size.0 * columns as f64).max(260.0), 0.0);
        let mut top = canvas.title(8.0, &self.title) + 6.0;
        let most = self.y_most.unwrap_or(f64::INFINITY);
        let shown = |v: &f64| (!self.log_y || *v > 0.0) && *v <= most;
        let values =
            self.panels.iter().flat_map(|p| p.dots.iter().map(|dot| dot.at.1).chain(p.line.iter().map(|p| p.1)));
        let (lo, hi) = extent(values.filter(shown)).unwrap_or((0.0, 1.0));
        let pad = 0.05 * (hi - lo);
        let y = if self.log_y { Axis::log(lo / 1.1, hi * 1.1, 5) } else { Axis::linear(lo - pad, hi + pad, 5) };
        for row in self.panels.chunks(columns) {
            for (i, panel) in row.iter().enumerate() {
                let left = self.size.0 * i as f64;
                let title = if i == 0 { self.y_title.as_str() } else { "" };
                self.draw_panel(&mut canvas, panel, &y, (left, top), title);
            }
            top += self.size.1 + 12.0;
        }
        canvas.height = top;
        let names: Vec<&str> = self.panels.iter().map(|panel| panel.dimension.name.as_str()).collect();
        Figure::on_white(canvas, format!("Points. {}: {} over {}", self.title, self.y_title, names.join(", ")))
    }

    fn draw_panel(&self, canvas: &mut Canvas, panel: &Panel, y: &Axis, (left, top): Point, title: &str) {
        let values = panel.dots.iter().map(|dot| dot.at.0).chain(panel.line.iter().map(|p| p.0));
        let x = panel.dimension.axis(values, 4);
        let area = Area {
            left: left + 14.0 + y.label_width(),
            top: top + 26.0,
            right: left + self.size.0 - 14.0 - x.overhang(),
            bottom: top + self.size.1 - 46.0,
        };
        // Points at the ends of an axis stay whole.
        let (x, y) = (x.placed(area.left + 6.0, area.right - 6.0), y.clone().placed(area.bottom, area.top));
        let mut part = Canvas::new(left + self.size.0, 0.0);
        draw_y(&mut part, area, &y, "");
        draw_x(&mut part, area, &x, "");
        canvas.marks.append(&mut part.marks);
        canvas.text((left + 8.0, top + 12.0), title, LABEL, Colour::GRAY, Anchor::Start);
        let name = fit(&panel.dimension.name, LABEL, false, self.size.0 - 20.0);
        let middle = 0.5 * (area.left + area.right);
        canvas.text((middle, area.bottom + 38.0), &name, LABEL, Colour::GRAY, Anchor::Middle);
        let place = |p: &Point| (x.at(p.0), y.at(p.1).clamp(area.top, area.bottom));
        let path: Vec<Point> = panel.line.iter().map(place).collect();
        canvas.line(&path, Colour::class(1), 2.0);
        for dot in &panel.dots {
            let at = place(&dot.at);
            if at.0.is_finite() && at.1.is_finite() {
                canvas.item(dot.item, |canvas| {
                    canvas.circle(at, 4.0, ColourMap::Blues.at(0.3 + 0.7 * dot.shade));
                    if dot.hollow {
                        canvas.circle(at, 2.6, Colour::PAPER);
                    }
                });
            }
        }
    }
}
