//! The units of a map among the samples: points of the plane, neighbours joined by lines.

use super::axes::{Axis, Legend, Swatch, extent};
use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL};
use super::figure::Figure;
use super::palette::Colour;
use super::shape::Shape;

/// A net of units over samples, in one or more panels that share a scale: how a map unfolds.
pub struct UnitNet {
    title: String,
    names: [String; 2],
    classes: Vec<String>,
    points: Vec<Point>,
    labels: Vec<usize>,
    /// Pairs of neighbouring units.
    joined: Vec<(usize, usize)>,
    panels: Vec<(String, Vec<Point>)>,
}

/// Width and height of a panel.
const SIDE: f64 = 232.0;

impl UnitNet {
    /// Creates a sheet over these samples; `labels` are their classes, all 0 without. `joined` are the pairs of units between
    /// which a line is drawn; the names are those of the two directions.
    pub fn new(title: &str, names: [&str; 2], points: &[Point], joined: &[(usize, usize)]) -> Self {
        Self {
            title: title.into(),
            names: names.map(String::from),
            classes: Vec::new(),
            points: points.to_vec(),
            labels: vec![0; points.len()],
            joined: joined.to_vec(),
            panels: Vec::new(),
        }
    }

    /// Colours the samples by class.
    pub fn classes(mut self, names: &[String], labels: &[usize]) -> Self {
        (self.classes, self.labels) = (names.to_vec(), labels.to_vec());
        self
    }

    /// Adds a panel: the places of all units.
    pub fn panel(mut self, title: &str, units: &[Point]) -> Self {
        self.panels.push((title.into(), units.to_vec()));
        self
    }

    /// Draws the sheet.
    pub fn draw(&self) -> Figure {
        let columns = self.panels.len().clamp(1, 4);
        let mut canvas = Canvas::new((SIDE * columns as f64).max(300.0), 0.0);
        let mut top = canvas.title(8.0, &self.title);
        if !self.classes.is_empty() {
            let entries = self.classes.iter().enumerate();
            let entries = entries.map(|(i, name)| (name.clone(), Colour::class(i), Swatch::Point(Shape::of(i))));
            let legend = Legend::new(canvas.width - 16.0, entries);
            legend.draw(&mut canvas, (8.0, top));
            top += legend.height() + 6.0;
        }
        let all = || self.points.iter().chain(self.panels.iter().flat_map(|(_, units)| units));
        let x = extent(all().map(|p| p.0)).unwrap_or((0.0, 1.0));
        let y = extent(all().map(|p| p.1)).unwrap_or((0.0, 1.0));
        let half = (0.53 * (x.1 - x.0).max(y.1 - y.0)).max(1e-12);
        let (middle_x, middle_y) = (0.5 * (x.0 + x.1), 0.5 * (y.0 + y.1));
        for row in self.panels.chunks(columns) {
            for (i, (title, units)) in row.iter().enumerate() {
                let (left, inner) = (SIDE * i as f64 + 8.0, SIDE - 16.0);
                canvas.bold((left, top + 14.0), title, LABEL, Colour::INK, Anchor::Start);
                let top = top + 22.0;
                canvas.frame(left, top, inner, inner, Colour::GRAY.faint(0.4), 1.0);
                let x = Axis::linear(middle_x - half, middle_x + half, 2).placed(left, left + inner);
                let y = Axis::linear(middle_y - half, middle_y + half, 2).placed(top + inner, top);
                self.draw_panel(&mut canvas, units, |p| (x.at(p.0), y.at(p.1)));
            }
            top += SIDE + 12.0;
        }
        let words = format!("→ {}, ↑ {}", self.names[0], self.names[1]);
        canvas.text((8.0, top + 10.0), &words, SMALL, Colour::GRAY, Anchor::Start);
        canvas.height = top + 20.0;
        let names: Vec<&str> = self.panels.iter().map(|panel| panel.0.as_str()).collect();
        Figure::new(canvas, format!("Units among the samples. {}: {}", self.title, names.join(", ")))
    }

    fn draw_panel(&self, canvas: &mut Canvas, units: &[Point], at: impl Fn(Point) -> Point) {
        let radius = if self.points.len() > 500 { 1.3 } else { 2.2 };
        let finite = |p: Point| p.0.is_finite() && p.1.is_finite();
        for (&p, &label) in self.points.iter().zip(&self.labels).filter(|(p, _)| finite(**p)) {
            let colour = if self.classes.is_empty() { Colour::GRAY } else { Colour::class(label) };
            Shape::of(label).draw(canvas, at(p), radius, colour.faint(0.45));
        }
        // Many lines are thin and let the samples be seen.
        let (ink, width) = if units.len() > 200 { (Colour::INK.faint(0.4), 0.5) } else { (Colour::INK, 1.0) };
        for &(a, b) in &self.joined {
            if let (Some(&a), Some(&b)) = (units.get(a), units.get(b)) {
                canvas.line(&[at(a), at(b)], ink, width);
            }
        }
        let radius = if units.len() > 200 { 1.2 } else { 2.8 };
        units.iter().filter(|unit| finite(**unit)).for_each(|&unit| canvas.circle(at(unit), radius, Colour::INK));
    }
}
