//! Several measures over named stages (separability over depth): one panel per measure, since their scales differ.

use super::axes::{Area, Axis, draw_y, extent, number};
use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL, text_width, wrap};
use super::figure::Figure;
use super::palette::Colour;

/// Measures over stages, one above the other on a common x axis of names.
pub struct StageChart {
    title: String,
    stages: Vec<String>,
    measures: Vec<(String, Vec<f64>)>,
    first_joined: usize,
}

impl StageChart {
    /// Creates an empty chart over these stages.
    pub fn new(title: &str, stages: &[String]) -> Self {
        StageChart { title: title.into(), stages: stages.to_vec(), measures: Vec::new(), first_joined: 0 }
    }

    /// Adds a measure: one value per stage.
    pub fn measure(mut self, name: &str, values: &[f64]) -> Self {
        self.measures.push((name.into(), values.to_vec()));
        self
    }

    /// Joins only the stages from this one on by lines: those before it are not consecutive.
    pub fn joined_from(mut self, stage: usize) -> Self {
        self.first_joined = stage;
        self
    }

    /// Draws the chart.
    pub fn draw(&self) -> Figure {
        let count = self.stages.len().max(1);
        let mut canvas = Canvas::new((70.0 * count as f64 + 60.0).max(480.0), 0.0);
        let mut top = canvas.title(8.0, &self.title);
        let axes: Vec<Axis> = self.measures.iter().map(|m| measure_axis(&m.1)).collect();
        let left = 16.0 + axes.iter().map(Axis::label_width).fold(0.0, f64::max);
        let step = (canvas.width - 12.0 - left) / count as f64;
        let at = |i: usize| left + step * (i as f64 + 0.5);
        for (k, ((name, values), y)) in self.measures.iter().zip(axes).enumerate() {
            let area = Area { left, top: top + 34.0, right: canvas.width - 12.0, bottom: top + 144.0 };
            let y = y.placed(area.bottom, area.top);
            canvas.bold((8.0, top + 16.0), name, LABEL, Colour::class(k), Anchor::Start);
            draw_y(&mut canvas, area, &y, "");
            let path: Vec<Point> = values.iter().take(count).enumerate().map(|(i, &v)| (at(i), y.at(v))).collect();
            canvas.line(path.get(self.first_joined..).unwrap_or_default(), Colour::class(k), 2.0);
            for (i, (p, &v)) in path.iter().zip(values).enumerate().filter(|p| p.1.1.is_finite()) {
                canvas.circle(*p, 4.0, Colour::class(k));
                // in a valley the number stands below, where no line runs
                let lower = |other: Option<&f64>| other.is_none_or(|&o| v < o);
                let valley = lower(values.get(i + 1)) && lower(i.checked_sub(1).and_then(|j| values.get(j)));
                label_point(&mut canvas, *p, &number(v), valley);
            }
            top += 162.0;
        }
        let names: Vec<Vec<String>> = self.stages.iter().map(|s| wrap(s, SMALL, false, step - 6.0)).collect();
        for (i, name) in names.iter().enumerate() {
            for (j, line) in name.iter().enumerate() {
                canvas.text((at(i), top + 8.0 + 15.0 * j as f64), line, SMALL, Colour::INK, Anchor::Middle);
            }
        }
        canvas.height = top + 10.0 + 15.0 * names.iter().map(Vec::len).max().unwrap_or(1) as f64;
        let names: Vec<&str> = self.measures.iter().map(|m| m.0.as_str()).collect();
        Figure::new(canvas, format!("Measures over stages. {}: {}", self.title, names.join(", ")))
    }
}

/// Returns the axis from zero, with room above and below for numbers.
fn measure_axis(values: &[f64]) -> Axis {
    let (lo, hi) = extent(values.iter().copied()).unwrap_or((0.0, 1.0));
    let (lo, hi) = (lo.min(0.0), hi.max(0.0));
    let room = 0.2 * (hi - lo);
    Axis::linear(if lo < 0.0 { lo - room } else { lo - 0.05 * (hi - lo) }, hi + room, 5)
}

/// A number above or below its point, on a little paper so that lines do not run through it.
fn label_point(canvas: &mut Canvas, p: Point, words: &str, below: bool) {
    let half = 0.5 * text_width(words, SMALL, false);
    let y = if below { p.1 + 8.0 + 0.75 * SMALL } else { p.1 - 9.0 };
    canvas.rect(p.0 - half - 1.0, y - 0.8 * SMALL, 2.0 * half + 2.0, 0.95 * SMALL, Colour::PAPER.faint(0.75));
    canvas.text((p.0, y), words, SMALL, Colour::INK, Anchor::Middle);
}
