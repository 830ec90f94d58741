//! Histograms of one quantity by class: filled see-through, outlined, over common bins.

use super::axes::{Area, Axis, Legend, Swatch, below, draw_x, draw_y, extent};
use super::canvas::{Anchor, Canvas, LABEL, Point, fit};
use super::figure::Figure;
use super::palette::Colour;

struct Panel {
    title: String,
    values: Vec<Vec<f64>>,
}

/// Small multiples of histograms with one legend.
pub struct Histograms {
    title: String,
    classes: Vec<String>,
    panels: Vec<Panel>,
    y_title: String,
    bins: usize,
    columns: usize,
}

impl Histograms {
    /// Creates an empty sheet for these classes.
    pub fn new(title: &str, classes: &[String]) -> Self {
        Histograms {
            title: title.into(),
            classes: classes.to_vec(),
            panels: Vec::new(),
            y_title: String::new(),
            bins: 24,
            columns: 2,
        }
    }

    /// Adds a quantity: its values, and each value's class.
    pub fn panel(mut self, title: &str, values: &[f64], labels: &[usize]) -> Self {
        let mut by_class = vec![Vec::new(); self.classes.len()];
        for (&value, &label) in values.iter().zip(labels) {
            if value.is_finite() && label < by_class.len() {
                by_class[label].push(value);
            }
        }
        self.panels.push(Panel { title: title.into(), values: by_class });
        self
    }

    /// Sets the title of the y axis. The x axis has the panel's title.
    pub fn axes(mut self, y: &str) -> Self {
        self.y_title = y.into();
        self
    }

    /// Sets the number of bins; the default is 24.
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins.max(1);
        self
    }

    /// Sets the number of panels per row; the default is 2.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns.max(1);
        self
    }

    /// Draws each panel as a figure of its own, for a page that places them side by side where there is room.
    pub fn draw_panels(&self) -> Vec<Figure> {
        let alone = |p: &Panel| Histograms {
            title: String::new(),
            classes: self.classes.clone(),
            panels: vec![Panel { title: p.title.clone(), values: p.values.clone() }],
            y_title: self.y_title.clone(),
            bins: self.bins,
            columns: 1,
        };
        self.panels.iter().map(|p| alone(p).draw()).collect()
    }

    /// Draws the sheet.
    pub fn draw(&self) -> Figure {
        let columns = self.columns.min(self.panels.len().max(1));
        let wide = if columns == 1 { 420.0 } else { 360.0 };
        let mut canvas = Canvas::new(wide * columns as f64, 0.0);
        let mut top = canvas.title(8.0, &self.title);
        let legend = Legend::classes(canvas.width - 16.0, &self.classes, |_| Swatch::Box);
        legend.draw(&mut canvas, (8.0, top));
        top += legend.height() + 8.0;
        let head = if self.y_title.is_empty() { 10.0 } else { 30.0 };
        let high = 236.0 + head;
        for (i, panel) in self.panels.iter().enumerate() {
            let corner = ((i % columns) as f64 * wide, top + (i / columns) as f64 * high);
            self.draw_panel(&mut canvas, panel, corner, (wide, high), head);
        }
        canvas.height = top + self.panels.len().div_ceil(columns) as f64 * high;
        let names: Vec<&str> = self.panels.iter().map(|p| p.title.as_str()).collect();
        Figure::new(canvas, format!("Histograms by class. {}: {}", self.title, names.join(", ")))
    }

    fn draw_panel(&self, canvas: &mut Canvas, panel: &Panel, corner: Point, (wide, high): Point, head: f64) {
        let (lo, hi) = extent(panel.values.iter().flatten().copied()).unwrap_or((0.0, 1.0));
        let x = Axis::linear(lo, hi, 7);
        let fractions: Vec<Vec<f64>> = panel.values.iter().map(|v| histogram(v, x.lo, x.hi, self.bins)).collect();
        let y = Axis::rounded(0.0, fractions.iter().flatten().copied().fold(0.01, f64::max), 4);
        let y = y.percent();
        let area = Area {
            left: corner.0 + 16.0 + y.label_width(),
            top: corner.1 + head,
            right: corner.0 + wide - 14.0 - x.overhang(),
            bottom: corner.1 + high - below(&panel.title) - 8.0,
        };
        let (x, y) = (x.placed(area.left, area.right), y.placed(area.bottom, area.top));
        // The axes are drawn as on a sheet that ends with this panel, so that titles are fitted to the panel.
        let mut part = Canvas::new(corner.0 + wide, canvas.height);
        draw_y(&mut part, area, &y, "");
        let title = fit(&self.y_title, LABEL, false, wide - 16.0);
        part.text((corner.0 + 8.0, area.top - 15.0), &title, LABEL, Colour::GRAY, Anchor::Start);
        for (class, fraction) in fractions.iter().enumerate() {
            let steps = outline(fraction, &x, &y);
            canvas.polygon(steps, Colour::class(class).faint(if fractions.len() > 5 { 0.08 } else { 0.22 }));
        }
        for (class, fraction) in fractions.iter().enumerate() {
            canvas.line(&outline(fraction, &x, &y), Colour::class(class), 1.75);
        }
        draw_x(&mut part, area, &x, &fit(&panel.title, LABEL, false, wide - 16.0));
        canvas.marks.append(&mut part.marks);
    }
}

/// Returns the fraction of the values in each of `bins` equal bins over `lo..=hi`; the last bin is closed. The
/// fractions sum to one.
fn histogram(values: &[f64], lo: f64, hi: f64, bins: usize) -> Vec<f64> {
    let mut counts = vec![0.0; bins];
    for v in values {
        let bin = ((v - lo) / (hi - lo) * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1.0;
    }
    let n = values.len().max(1) as f64;
    counts.iter().map(|c| c / n).collect()
}

/// Returns the stairs of a histogram, from the base line and back to it.
fn outline(fractions: &[f64], x: &Axis, y: &Axis) -> Vec<Point> {
    let edge = |i: usize| x.at(x.lo + (x.hi - x.lo) * i as f64 / fractions.len() as f64);
    let mut stairs = vec![(edge(0), y.at(0.0))];
    for (i, &fraction) in fractions.iter().enumerate() {
        stairs.extend([(edge(i), y.at(fraction)), (edge(i + 1), y.at(fraction))]);
    }
    stairs.push((edge(fractions.len()), y.at(0.0)));
    stairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_by_hand() {
        let fractions = histogram(&[0.0, 0.1, 0.6, 1.0], 0.0, 1.0, 2);
        assert_eq!(fractions, vec![0.5, 0.5]);
        assert_eq!(histogram(&[], 0.0, 1.0, 2), vec![0.0, 0.0]);
    }
}
