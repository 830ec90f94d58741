//! Embeddings: points by class, several side by side (true labels beside cluster labels); three dimensions as three
//! views.

use super::axes::{Area, Axis, Legend, Swatch, below, draw_x, draw_y, extent};
use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL, wrap};
use super::figure::Figure;
use super::palette::Colour;
use super::shape::Shape;

#[derive(Clone)]
struct Panel {
    title: String,
    points: Vec<Point>,
    labels: Vec<usize>,
    stars: Vec<Point>,
    /// Dashed lines of reference, each with its ends.
    lines: Vec<[Point; 2]>,
    /// Half the width of the frame in the embedding's units; by default as wide as the points.
    half: Option<f64>,
}

/// Small multiples of point clouds with one legend, each cloud square and filling its frame.
pub struct Scatter {
    title: String,
    classes: Vec<String>,
    panels: Vec<Panel>,
    axes: Option<(String, String)>,
    /// Names of two directions without numbers.
    dimensions: Option<(String, String)>,
    /// The marker of each class; by default its own number.
    looks: Vec<usize>,
    columns: usize,
}

impl Scatter {
    /// Creates an empty sheet for these classes.
    pub fn new(title: &str, classes: &[String]) -> Self {
        Scatter {
            title: title.into(),
            classes: classes.to_vec(),
            panels: Vec::new(),
            axes: None,
            dimensions: None,
            looks: (0..classes.len()).collect(),
            columns: 2,
        }
    }

    /// Adds an embedding: a point and a label for each sample.
    pub fn panel(mut self, title: &str, points: &[(f64, f64)], labels: &[usize]) -> Self {
        let (points, labels) = (points.to_vec(), labels.to_vec());
        self.panels.push(Panel {
            title: title.into(),
            points,
            labels,
            stars: Vec::new(),
            lines: Vec::new(),
            half: None,
        });
        self
    }

    /// Adds an embedding in three dimensions as three panels in a row: from the front (x and y), from above (x and z)
    /// and from the side (y and z), all to one scale.
    pub fn projections(mut self, title: &str, points: &[[f64; 3]], labels: &[usize]) -> Self {
        let range = |a: usize| extent(points.iter().map(|p| p[a])).unwrap_or((0.0, 1.0));
        let widest = (0..3).map(range).map(|(lo, hi)| hi - lo).fold(1e-12, f64::max);
        for [across, up] in [[0, 1], [0, 2], [1, 2]] {
            let view = format!("{} across, {} up", ["x", "y", "z"][across], ["x", "y", "z"][up]);
            let view = if title.is_empty() { view } else { format!("{title}: {view}") };
            let flat: Vec<Point> = points.iter().map(|p| (p[across], p[up])).collect();
            self = self.panel(&view, &flat, labels);
            self.panels.last_mut().expect("just added").half = Some(0.53 * widest);
        }
        self.columns(3)
    }

    /// Marks places on the last panel, such as centroids: a star in the colour of its index.
    pub fn stars(mut self, places: &[(f64, f64)]) -> Self {
        if let Some(panel) = self.panels.last_mut() {
            panel.stars = places.to_vec();
        }
        self
    }

    /// Draws a dashed line of reference on the last panel, such as that of perfect predictions.
    pub fn line(mut self, from: (f64, f64), to: (f64, f64)) -> Self {
        if let Some(panel) = self.panels.last_mut() {
            panel.lines.push([from, to]);
        }
        self
    }

    /// Shows numbers on both axes (for features). Without this call there are none, as the axes of t-SNE mean nothing,
    /// and both directions have one scale.
    pub fn axes(mut self, x: &str, y: &str) -> Self {
        self.axes = Some((x.into(), y.into()));
        self
    }

    /// Names the two directions of an embedding, which have no numbers.
    pub fn dimensions(mut self, x: &str, y: &str) -> Self {
        self.dimensions = Some((x.into(), y.into()));
        self
    }

    /// Sets the number of the colour and shape of each class, where that is not its own number.
    pub fn looks(mut self, looks: &[usize]) -> Self {
        self.looks = looks.to_vec();
        self
    }

    /// Sets the number of panels per row; the default is 2.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns.max(1);
        self
    }

    fn look(&self, class: usize) -> usize {
        self.looks.get(class).copied().unwrap_or(class)
    }

    /// Draws each panel as a figure of its own, for a page that places them side by side where there is room.
    pub fn draw_panels(&self) -> Vec<Figure> {
        let alone = |p: &Panel| Scatter {
            title: p.title.clone(),
            classes: self.classes.clone(),
            panels: vec![Panel { title: String::new(), ..p.clone() }],
            axes: self.axes.clone(),
            dimensions: self.dimensions.clone(),
            looks: self.looks.clone(),
            columns: 1,
        };
        self.panels.iter().map(|p| alone(p).draw()).collect()
    }

    /// Draws the sheet.
    pub fn draw(&self) -> Figure {
        let columns = self.columns.min(self.panels.len().max(1));
        let side = if columns == 1 {
            420.0
        } else if columns == 2 {
            380.0
        } else {
            300.0
        };
        let mut canvas = Canvas::new(side * columns as f64, 0.0);
        let mut top = canvas.title(8.0, &self.title);
        let entries = self.classes.iter().enumerate().map(|(i, name)| {
            let look = self.look(i);
            (name.clone(), Colour::class(look), Swatch::Point(Shape::of(look)))
        });
        let legend = Legend::new(canvas.width - 16.0, entries);
        legend.draw(&mut canvas, (8.0, top));
        top += legend.height() + 6.0;
        for row in self.panels.chunks(columns) {
            let titles: Vec<Vec<String>> = row.iter().map(|p| wrap(&p.title, LABEL, true, side - 20.0)).collect();
            let lines = titles.iter().filter(|t| !t[0].is_empty()).map(Vec::len).max().unwrap_or(0);
            let head = if lines == 0 { 0.0 } else { 18.0 * lines as f64 + 8.0 };
            for (i, (panel, title)) in row.iter().zip(&titles).enumerate() {
                let left = side * i as f64;
                for (j, line) in title.iter().enumerate().filter(|l| !l.1.is_empty()) {
                    let at = (left + 10.0, top + 14.0 + 18.0 * j as f64);
                    canvas.bold(at, line, LABEL, Colour::INK, Anchor::Start);
                }
                self.draw_panel(&mut canvas, panel, (left, top + head), side);
            }
            top += head + side - 8.0 + if self.axes.is_some() || self.dimensions.is_some() { 30.0 } else { 0.0 };
        }
        canvas.height = top;
        let names: Vec<&str> = self.panels.iter().map(|p| p.title.as_str()).collect();
        Figure::new(canvas, format!("Scatter plot by class. {}: {}", self.title, names.join(", ")))
    }

    fn draw_panel(&self, canvas: &mut Canvas, panel: &Panel, (left, top): Point, side: f64) {
        let seen = || panel.points.iter().chain(panel.lines.iter().flatten());
        let x = extent(seen().map(|p| p.0)).unwrap_or((0.0, 1.0));
        let y = extent(seen().map(|p| p.1)).unwrap_or((0.0, 1.0));
        let (x, y) = match &self.axes {
            Some((x_title, y_title)) => {
                let pad = |(lo, hi): Point| (lo - 0.03 * (hi - lo), hi + 0.03 * (hi - lo));
                let (x, y) = (pad(x), pad(y));
                let (x, y) = (Axis::linear(x.0, x.1, 7), Axis::linear(y.0, y.1, 7));
                let area = Area {
                    left: left + 16.0 + y.label_width(),
                    top: top + 26.0,
                    right: left + side - 14.0 - x.overhang(),
                    bottom: top + side - 8.0 + 30.0 - below(x_title),
                };
                let (x, y) = (x.placed(area.left, area.right), y.placed(area.bottom, area.top));
                let mut part = Canvas::new(left + side, canvas.height);
                draw_y(&mut part, area, &y, "");
                draw_x(&mut part, area, &x, x_title);
                canvas.marks.append(&mut part.marks);
                canvas.text((left + 10.0, top + 12.0), y_title, LABEL, Colour::GRAY, Anchor::Start);
                (x, y)
            }
            None => {
                // The names of the directions stand below the frame and above it.
                let top = top + if self.dimensions.is_some() { 18.0 } else { 0.0 };
                let (edge, inner) = (8.0, side - 16.0);
                if let Some((x_name, y_name)) = &self.dimensions {
                    let middle = left + edge + 0.5 * inner;
                    canvas.text(
                        (middle, top + inner + 16.0),
                        &format!("{x_name} →"),
                        SMALL,
                        Colour::GRAY,
                        Anchor::Middle,
                    );
                    canvas.text((left + edge, top - 6.0), &format!("{y_name} ↑"), SMALL, Colour::GRAY, Anchor::Start);
                }
                canvas.frame(left + edge, top, inner, inner, Colour::GRAY.faint(0.4), 1.0);
                // one scale for both directions, centred
                let half = panel.half.unwrap_or(0.53 * (x.1 - x.0).max(y.1 - y.0).max(1e-12));
                let (cx, cy) = (0.5 * (x.0 + x.1), 0.5 * (y.0 + y.1));
                (
                    Axis::linear(cx - half, cx + half, 2).placed(left + edge, left + edge + inner),
                    Axis::linear(cy - half, cy + half, 2).placed(top + inner, top),
                )
            }
        };
        let radius = point_radius(panel.points.len());
        for (p, &label) in panel.points.iter().zip(&panel.labels) {
            if p.0.is_finite() && p.1.is_finite() {
                let look = self.look(label);
                Shape::of(look).draw(canvas, (x.at(p.0), y.at(p.1)), radius, Colour::class(look).faint(0.8));
            }
        }
        for ends in &panel.lines {
            canvas.dashed(&ends.map(|p| (x.at(p.0), y.at(p.1))), Colour::GRAY, 1.4, 6.0, 4.0);
        }
        for (i, p) in panel.stars.iter().enumerate() {
            let at = (x.at(p.0), y.at(p.1));
            for (size, colour) in [(13.0, Colour::PAPER), (11.0, Colour::INK), (7.5, Colour::class(i))] {
                Shape::Star.draw(canvas, at, size, colour);
            }
        }
    }
}

/// Points shrink as there are more of them.
fn point_radius(n: usize) -> f64 {
    match n {
        0..=300 => 3.6,
        301..=1000 => 2.8,
        1001..=3000 => 2.1,
        _ => 1.5,
    }
}
