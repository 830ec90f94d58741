//! Intervals: values with their uncertainty, of several methods side by side in each row.

use super::axes::{Axis, Legend, Swatch, extent};
use super::canvas::{Anchor, Canvas, LABEL, SMALL, text_width, wrap};
use super::figure::Figure;
use super::palette::Colour;

/// The height of one method's place in a row.
const STEP: f64 = 13.0;

/// A value with the ends of its interval.
pub type Interval = (f64, (f64, f64));

/// Points with whiskers in named rows, a colour for each method, and a line at 0: the weights of linear models.
pub struct Intervals {
    title: String,
    axis: String,
    rows: Vec<String>,
    series: Vec<(String, Vec<Option<Interval>>)>,
    width: f64,
}

impl Intervals {
    /// Creates a chart with these rows, from above.
    pub fn new(title: &str, rows: &[String]) -> Self {
        Self { title: title.into(), axis: String::new(), rows: rows.to_vec(), series: Vec::new(), width: 560.0 }
    }

    /// Sets the title of the value axis.
    pub fn axis(mut self, title: &str) -> Self {
        self.axis = title.into();
        self
    }

    /// Adds a method with a value for each row that it has one for. An interval without ends that are finite is not drawn.
    pub fn series(mut self, name: &str, values: &[Option<Interval>]) -> Self {
        self.series.push((name.into(), values.to_vec()));
        self
    }

    /// Draws the chart.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::new(self.width, 0.0);
        let mut top = canvas.title(8.0, &self.title);
        let entries = self.series.iter().enumerate().map(|(i, s)| (s.0.clone(), Colour::class(i), Swatch::Box));
        let legend = Legend::new(self.width - 16.0, entries);
        legend.draw(&mut canvas, (8.0, top));
        top += legend.height() + 10.0;

        let names: Vec<String> = self.rows.iter().map(|n| wrap(n, LABEL, false, 0.36 * self.width).join(" ")).collect();
        let left = 20.0 + names.iter().map(|n| text_width(n, LABEL, false)).fold(0.0, f64::max);
        let right = self.width - 24.0;
        let row = STEP * self.series.len().max(1) as f64 + 9.0;
        let bottom = top + row * names.len() as f64;
        let ends = self.series.iter().flat_map(|s| s.1.iter().flatten());
        let ends = ends.flat_map(|(value, (lo, hi))| [*value, *lo, *hi]).filter(|v| v.is_finite());
        let (lo, hi) = extent(ends.chain([0.0])).unwrap_or((-1.0, 1.0));
        let axis = Axis::rounded(lo, hi, 6).placed(left, right);
        canvas.height = bottom + if self.axis.is_empty() { 28.0 } else { 48.0 };

        for (value, label) in &axis.ticks {
            let x = axis.at(*value);
            canvas.line(&[(x, top), (x, bottom)], Colour::GRID, 1.0);
            canvas.text((x, bottom + 16.0), label, SMALL, Colour::GRAY, Anchor::Middle);
        }
        canvas.line(&[(axis.at(0.0), top), (axis.at(0.0), bottom)], Colour::GRAY, 1.5);
        let middle = 0.5 * (left + right);
        canvas.text((middle, bottom + 36.0), &self.axis, LABEL, Colour::GRAY, Anchor::Middle);
        for (i, name) in names.iter().enumerate() {
            let y = top + row * (i as f64 + 0.5);
            canvas.text((left - 10.0, y + 0.36 * LABEL), name, LABEL, Colour::INK, Anchor::End);
            for (k, (_, values)) in self.series.iter().enumerate() {
                let y = y + STEP * (k as f64 - 0.5 * (self.series.len() - 1) as f64);
                let Some((value, (lo, hi))) = values.get(i).copied().flatten().filter(|v| v.0.is_finite()) else {
                    continue;
                };
                if lo.is_finite() && hi.is_finite() {
                    let (x0, x1) = (axis.at(lo), axis.at(hi));
                    canvas.line(&[(x0, y), (x1, y)], Colour::class(k), 2.0);
                    [x0, x1]
                        .into_iter()
                        .for_each(|x| canvas.line(&[(x, y - 3.5), (x, y + 3.5)], Colour::class(k), 1.5));
                }
                canvas.circle((axis.at(value), y), 4.0, Colour::class(k));
            }
        }
        let methods: Vec<&str> = self.series.iter().map(|s| s.0.as_str()).collect();
        let spoken = format!("Intervals of {} rows by {}. {}", names.len(), methods.join(" and "), self.title);
        Figure::new(canvas, spoken)
    }
}
