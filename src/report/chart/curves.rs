//! Many curves in few styles: the validation curves of all trials of a study, the best one bold, pruned ones faint.
//!
//! A [`LineChart`](super::LineChart) names each curve; here the legend names the styles, and each curve has a number
//! by which a page's script finds it.

use super::axes::{Area, Axis, Legend, Swatch, below, draw_x, draw_y, extent};
use super::canvas::{Canvas, Point};
use super::figure::Figure;
use super::palette::Colour;

/// The style of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Cut short: faint.
    Faint,
    /// One of many.
    Plain,
    /// The one to look at.
    Bold,
}

impl Look {
    const ALL: [Look; 3] = [Look::Faint, Look::Plain, Look::Bold];

    fn pen(self) -> (Colour, f64) {
        match self {
            Look::Faint => (Colour::GRAY.faint(0.3), 1.0),
            Look::Plain => (Colour::class(0).faint(0.6), 1.4),
            Look::Bold => (Colour::class(1), 2.75),
        }
    }
}

/// The chart.
pub struct Curves {
    title: String,
    axes: [String; 2],
    names: [String; 3],
    curves: Vec<(usize, Look, Vec<Point>)>,
    log_y: bool,
}

impl Curves {
    /// Creates an empty chart, with the names of faint, plain and bold curves.
    pub fn new(title: &str, names: [&str; 3]) -> Self {
        let (axes, names) = ([String::new(), String::new()], names.map(String::from));
        Curves { title: title.into(), axes, names, curves: Vec::new(), log_y: false }
    }

    /// Sets the titles of the axes.
    pub fn axes(mut self, x: &str, y: &str) -> Self {
        self.axes = [x.into(), y.into()];
        self
    }

    /// Adds the curve of an item.
    pub fn curve(mut self, item: usize, look: Look, points: &[(f64, f64)]) -> Self {
        self.curves.push((item, look, points.to_vec()));
        self
    }

    /// Makes the y axis logarithmic.
    pub fn log_y(mut self) -> Self {
        self.log_y = true;
        self
    }

    /// Draws the chart: faint curves below, the bold one above.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::new(720.0, 400.0);
        let mut top = canvas.title(8.0, &self.title);
        let there = |look: Look| self.curves.iter().any(|curve| curve.1 == look);
        let entry = |(i, look): (usize, Look)| (self.names[i].clone(), look.pen().0, Swatch::Line { dashed: false });
        let entries = Look::ALL.into_iter().enumerate().filter(|(_, look)| there(*look)).map(entry);
        let legend = Legend::new(canvas.width - 16.0, entries);
        legend.draw(&mut canvas, (8.0, top));
        top += legend.height() + 4.0 + if self.axes[1].is_empty() { 8.0 } else { 28.0 };
        let points = || self.curves.iter().flat_map(|(_, _, points)| points.iter().copied());
        let (lo, hi) = extent(points().map(|p| p.0)).unwrap_or((0.0, 1.0));
        let x = Axis::whole(lo, hi, 10);
        let shown = |v: &f64| !self.log_y || *v > 0.0;
        let (lo, hi) = extent(points().map(|p| p.1).filter(shown)).unwrap_or((0.0, 1.0));
        let pad = 0.04 * (hi - lo);
        let y = if self.log_y { Axis::log(lo / 1.05, hi * 1.05, 6) } else { Axis::linear(lo - pad, hi + pad, 7) };
        let area = Area {
            left: 14.0 + y.label_width(),
            top,
            right: canvas.width - 12.0 - x.overhang(),
            bottom: canvas.height - below(&self.axes[0]),
        };
        let (x, y) = (x.placed(area.left, area.right), y.placed(area.bottom, area.top));
        draw_y(&mut canvas, area, &y, &self.axes[1]);
        draw_x(&mut canvas, area, &x, &self.axes[0]);
        for look in Look::ALL {
            let (colour, width) = look.pen();
            for (item, _, points) in self.curves.iter().filter(|curve| curve.1 == look) {
                let path: Vec<Point> = points.iter().map(|p| (x.at(p.0), y.at(p.1))).collect();
                canvas.item(*item, |canvas| {
                    canvas.line(&path, colour, width);
                    // The end shows where a curve was stopped, and is all there is of one that was stopped at once.
                    if let Some(end) = path.iter().rev().find(|p| p.0.is_finite() && p.1.is_finite()) {
                        canvas.circle(*end, 1.5 + width, colour);
                    }
                });
            }
        }
        Figure::on_white(canvas, format!("Line chart of {} curves. {}", self.curves.len(), self.title))
    }
}
