//! Parallel coordinates (Inselberg 1985): one upright axis for each parameter, one line across them for each item.

use super::axes::{Axis, extent};
use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL, fit, text_width};
use super::figure::Figure;
use super::palette::{Colour, ColourMap};

/// The scale of an axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences, equal distances.
    Linear,
    /// Equal ratios, equal distances.
    Log,
    /// Words in a row; a value is the number of one.
    Words(Vec<String>),
}

/// A parameter: its name, its scale, and the range that its axis covers at least.
#[derive(Clone, Debug)]
pub struct Dimension {
    /// The name.
    pub name: String,
    /// The scale.
    pub scale: Scale,
    /// Bounds known beforehand.
    pub range: Option<(f64, f64)>,
}

impl Dimension {
    /// Returns the axis for these values, with ticks.
    pub(crate) fn axis(&self, values: impl Iterator<Item = f64>, ticks: usize) -> Axis {
        let known = self.range.iter().flat_map(|range| [range.0, range.1]);
        let positive = |v: &f64| self.scale != Scale::Log || *v > 0.0;
        let (lo, hi) = extent(values.chain(known).filter(positive)).unwrap_or((0.0, 1.0));
        match &self.scale {
            Scale::Linear => Axis::linear(lo, hi, ticks),
            Scale::Log => Axis::log(lo, hi, ticks),
            Scale::Words(words) => {
                let mut axis = Axis::linear(-0.5, words.len().max(1) as f64 - 0.5, 2);
                axis.ticks = words.iter().enumerate().map(|(i, word)| (i as f64, word.clone())).collect();
                axis
            }
        }
    }
}

/// An item across the axes.
struct Line {
    item: usize,
    values: Vec<Option<f64>>,
    /// From 0 (worst) to 1 (best).
    merit: f64,
    highlighted: bool,
}

/// The chart.
pub struct ParallelCoordinates {
    title: String,
    dimensions: Vec<Dimension>,
    lines: Vec<Line>,
}

impl ParallelCoordinates {
    /// Creates an empty chart of these dimensions.
    pub fn new(title: &str, dimensions: Vec<Dimension>) -> Self {
        Self { title: title.into(), dimensions, lines: Vec::new() }
    }

    /// Adds an item with a value for each dimension (none where it has none: it then passes below the axis).
    /// `merit` from 0 to 1 colours it, from pale to dark; `highlighted` ones stand out.
    pub fn line(mut self, item: usize, values: &[Option<f64>], merit: f64, highlighted: bool) -> Self {
        self.lines.push(Line { item, values: values.to_vec(), merit, highlighted });
        self
    }

    /// Draws the chart.
    pub fn draw(&self) -> Figure {
        const HEIGHT: f64 = 300.0;
        const MARGIN: f64 = 66.0;
        let n = self.dimensions.len().max(1);
        let apart = (640.0 / (n.max(2) - 1) as f64).clamp(110.0, 220.0);
        let mut canvas = Canvas::new((2.0 * MARGIN + apart * (n.max(2) - 1) as f64).min(2000.0), 0.0);
        let top = canvas.title(8.0, &self.title) + 30.0;
        let bottom = top + HEIGHT;
        canvas.height = bottom + 40.0;
        let left = |d: usize| MARGIN + apart * d as f64;
        let axes: Vec<Axis> = self
            .dimensions
            .iter()
            .enumerate()
            .map(|(d, dimension)| {
                let values = self.lines.iter().filter_map(move |line| line.values.get(d).copied().flatten());
                dimension.axis(values, 5).placed(bottom, top)
            })
            .collect();
        let place = |line: &Line| -> Vec<Point> {
            let at = |(d, axis): (usize, &Axis)| match line.values.get(d).copied().flatten() {
                Some(value) => (left(d), axis.at(value).clamp(top, bottom)),
                None => (left(d), bottom + 16.0),
            };
            axes.iter().enumerate().map(at).collect()
        };
        for (d, (dimension, axis)) in self.dimensions.iter().zip(&axes).enumerate() {
            canvas.line(&[(left(d), top), (left(d), bottom)], Colour::GRAY, 1.0);
            let name = fit(&dimension.name, LABEL, true, (apart - 10.0).min(2.0 * MARGIN - 12.0));
            canvas.bold((left(d), top - 12.0), &name, LABEL, Colour::INK, Anchor::Middle);
            if self.lines.iter().any(|line| line.values.get(d).is_none_or(Option::is_none)) {
                canvas.text((left(d), bottom + 34.0), "none", SMALL, Colour::GRAY, Anchor::Middle);
            }
            for (value, _) in &axis.ticks {
                let y = axis.at(*value);
                canvas.line(&[(left(d) - 4.0, y), (left(d), y)], Colour::GRAY, 1.0);
            }
        }
        let mut order: Vec<&Line> = self.lines.iter().collect();
        order.sort_by(|a, b| a.highlighted.cmp(&b.highlighted).then(a.merit.total_cmp(&b.merit)));
        for line in order {
            let (colour, width) = match line.highlighted {
                true => (Colour::class(1), 2.5),
                false => (ColourMap::Blues.at(0.25 + 0.75 * line.merit).faint(0.55), 1.25),
            };
            canvas.item(line.item, |canvas| canvas.line(&place(line), colour, width));
        }
        // Numbers stand above the lines, on paper, so that they can be read.
        for (d, axis) in axes.iter().enumerate() {
            for (value, label) in &axis.ticks {
                let y = axis.at(*value);
                let label = fit(label, SMALL, false, apart - 20.0);
                let width = text_width(&label, SMALL, false);
                canvas.rect(left(d) - 10.0 - width, y - 7.0, width + 4.0, 14.0, Colour::PAPER.faint(0.75));
                canvas.text((left(d) - 8.0, y + 0.36 * SMALL), &label, SMALL, Colour::GRAY, Anchor::End);
            }
        }
        let names: Vec<&str> = self.dimensions.iter().map(|d| d.name.as_str()).collect();
        let best = self.lines.iter().filter(|line| line.highlighted).count();
        let count = self.lines.len();
        let words =
            format!("Parallel coordinates. {}: {}; {best} of {count} highlighted", self.title, names.join(", "));
        Figure::on_white(canvas, words)
    }
}
