//! Line charts: loss and accuracy over epochs, error over step size.

use super::axes::{Area, Axis, Legend, Swatch, below, draw_x, draw_y, extent};
use super::canvas::{Anchor, Canvas, Point, SMALL, text_width};
use super::figure::Figure;
use super::palette::Colour;

struct Series {
    name: String,
    points: Vec<Point>,
    colour: Colour,
    dashed: bool,
}

/// Several named curves over one x axis.
pub struct LineChart {
    title: String,
    x_title: String,
    y_title: String,
    series: Vec<Series>,
    log: [bool; 2],
    whole_x: bool,
    y_range: Option<(f64, f64)>,
    marker: Option<(f64, String)>,
    size: (f64, f64),
}

impl LineChart {
    /// Creates an empty chart.
    pub fn new(title: &str) -> Self {
        LineChart {
            title: title.into(),
            x_title: String::new(),
            y_title: String::new(),
            series: Vec::new(),
            log: [false; 2],
            whole_x: false,
            y_range: None,
            marker: None,
            size: (480.0, 330.0),
        }
    }

    /// Sets the titles of the axes.
    pub fn axes(mut self, x: &str, y: &str) -> Self {
        (self.x_title, self.y_title) = (x.into(), y.into());
        self
    }

    /// Adds a curve. Points that are not finite leave a gap. Colours follow the order of the curves.
    pub fn series(self, name: &str, points: &[(f64, f64)]) -> Self {
        let colour = Colour::class(self.series.len());
        self.styled(name, points, colour, false)
    }

    /// Adds a curve over 1, 2, 3, ... (epochs); the x axis then shows whole numbers only.
    pub fn epochs(mut self, name: &str, values: &[f64]) -> Self {
        self.whole_x = true;
        let points: Vec<Point> = values.iter().enumerate().map(|(i, &v)| (i as f64 + 1.0, v)).collect();
        self.series(name, &points)
    }

    /// Shows whole numbers only on the x axis, as for epochs.
    pub fn whole_x(mut self) -> Self {
        self.whole_x = true;
        self
    }

    /// Adds a curve of a given colour, dashed or not.
    pub fn styled(mut self, name: &str, points: &[(f64, f64)], colour: Colour, dashed: bool) -> Self {
        self.series.push(Series { name: name.into(), points: points.to_vec(), colour, dashed });
        self
    }

    /// Makes the x axis logarithmic.
    pub fn log_x(mut self) -> Self {
        self.log[0] = true;
        self
    }

    /// Makes the y axis logarithmic.
    pub fn log_y(mut self) -> Self {
        self.log[1] = true;
        self
    }

    /// Makes the y axis logarithmic where that shows more: all values are above 0 and span more than a factor of 30.
    pub fn log_y_if_wide(mut self) -> Self {
        let range = extent(self.points().map(|p| p.1));
        self.log[1] = range.is_some_and(|(low, high)| low > 0.0 && high > 30.0 * low);
        self
    }

    /// Fixes the range of the y axis (widened if data lie outside).
    pub fn y_range(mut self, lo: f64, hi: f64) -> Self {
        self.y_range = Some((lo, hi));
        self
    }

    /// Adds a vertical line with words, such as the best epoch.
    pub fn marker(mut self, x: f64, label: &str) -> Self {
        self.marker = Some((x, label.into()));
        self
    }

    /// Sets the width and height in user units; the default is 480 x 330.
    pub fn size(mut self, width: f64, height: f64) -> Self {
        self.size = (width, height);
        self
    }

    /// Draws the chart.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::new(self.size.0, self.size.1);
        let mut top = canvas.title(8.0, &self.title);
        if self.series.len() > 1 {
            let entries = self.series.iter().map(|s| (s.name.clone(), s.colour, Swatch::Line { dashed: s.dashed }));
            let legend = Legend::new(canvas.width - 16.0, entries);
            legend.draw(&mut canvas, (8.0, top));
            top += legend.height() + 4.0;
            canvas.height += legend.height() - 20.0;
        }
        top += if self.y_title.is_empty() { 8.0 } else { 28.0 };
        top += if self.marker.is_some() { 16.0 } else { 0.0 };
        let (x, y) = (self.x_axis(), self.y_axis());
        let area = Area {
            left: 14.0 + y.label_width(),
            top,
            right: canvas.width - 12.0 - x.overhang(),
            bottom: canvas.height - below(&self.x_title),
        };
        let (x, y) = (x.placed(area.left, area.right), y.placed(area.bottom, area.top));
        // with a marker's words above the area, the y title moves up
        let title_area = Area { top: area.top - if self.marker.is_some() { 16.0 } else { 0.0 }, ..area };
        draw_y(&mut canvas, title_area, &y, &self.y_title);
        draw_x(&mut canvas, area, &x, &self.x_title);
        self.draw_marker(&mut canvas, area, &x);
        for series in &self.series {
            draw_series(&mut canvas, series, &x, &y);
        }
        let names: Vec<&str> = self.series.iter().map(|s| s.name.as_str()).collect();
        Figure::new(canvas, format!("Line chart. {}: {} over {}", self.title, names.join(", "), self.x_title))
    }

    fn points(&self) -> impl Iterator<Item = &Point> {
        self.series.iter().flat_map(|s| &s.points).filter(|p| p.0.is_finite() && p.1.is_finite())
    }

    fn x_axis(&self) -> Axis {
        let marker = self.marker.as_ref().map(|m| m.0);
        let positive = |v: &f64| !self.log[0] || *v > 0.0;
        let (lo, hi) = extent(self.points().map(|p| p.0).chain(marker).filter(positive)).unwrap_or((0.0, 1.0));
        match (self.log[0], self.whole_x) {
            (true, _) => Axis::log(lo, hi, 8),
            (false, true) => Axis::whole(lo, hi, 8),
            (false, false) => Axis::linear(lo, hi, 7),
        }
    }

    fn y_axis(&self) -> Axis {
        let positive = |v: &f64| !self.log[1] || *v > 0.0;
        let fixed = self.y_range.iter().flat_map(|r| [r.0, r.1]);
        let (lo, hi) = extent(self.points().map(|p| p.1).chain(fixed).filter(positive)).unwrap_or((0.0, 1.0));
        if self.log[1] {
            return Axis::log(lo / 1.15, hi * 1.15, 6);
        }
        let pad = if self.y_range.is_some() { 0.0 } else { 0.04 * (hi - lo) };
        // a loss that nearly reaches zero is shown from zero
        let floor = if lo >= 0.0 && lo < 0.4 * hi { 0.0 } else { lo - pad };
        Axis::linear(floor, hi + pad, 7)
    }

    fn draw_marker(&self, canvas: &mut Canvas, area: Area, x: &Axis) {
        let Some((value, label)) = &self.marker else { return };
        let at = x.at(*value);
        canvas.dashed(&[(at, area.top), (at, area.bottom)], Colour::GRAY, 1.5, 5.0, 4.0);
        let half = 0.5 * text_width(label, SMALL, false);
        let middle = at.min(canvas.width - 8.0 - half).max(8.0 + half);
        canvas.text((middle, area.top - 6.0), label, SMALL, Colour::INK, Anchor::Middle);
    }
}

fn draw_series(canvas: &mut Canvas, series: &Series, x: &Axis, y: &Axis) {
    let path = thinned(series.points.iter().map(|p| (x.at(p.0), y.at(p.1))).collect());
    if series.dashed {
        canvas.dashed(&path, series.colour, 2.25, 7.0, 5.0);
    } else {
        canvas.line(&path, series.colour, 2.25);
    }
    // few points are shown as points, so that one alone is seen too
    if path.len() <= 25 {
        for p in path.iter().filter(|p| p.0.is_finite() && p.1.is_finite()) {
            canvas.circle(*p, 3.0, series.colour);
        }
    }
}

/// Of the points in each column of two units the first, the lowest, the highest and the last, in their order: a curve drawn
/// through them covers what the whole curve covers (Jugel et al. 2014, M4), and a figure of many epochs stays small.
fn thinned(path: Vec<Point>) -> Vec<Point> {
    let column = |p: &Point| (p.1.is_finite(), (p.0 / 2.0).floor());
    let mut kept = Vec::new();
    for points in path.chunk_by(|a, b| column(a) == column(b)) {
        let by_height = |a: &usize, b: &usize| points[*a].1.total_cmp(&points[*b].1);
        let ends = [(0..points.len()).min_by(by_height), (0..points.len()).max_by(by_height), Some(0)];
        let mut four: Vec<usize> = ends.into_iter().flatten().chain([points.len() - 1]).collect();
        four.sort_unstable();
        four.dedup();
        kept.extend(four.into_iter().map(|i| points[i]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_points_are_thinned_and_extremes_and_gaps_stay() {
        let few: Vec<Point> = (0..100).map(|i| (2.0 * f64::from(i), f64::from(i % 7))).collect();
        assert_eq!(thinned(few.clone()), few, "one point a column");
        let mut many: Vec<Point> = (0..50_000).map(|i| (f64::from(i) / 100.0, f64::from(i * 37 % 101))).collect();
        (many[777].1, many[40_000].1) = (-500.0, 900.0);
        let kept = thinned(many.clone());
        assert!(kept.len() <= 4 * 250 && kept.contains(&many[777]) && kept.contains(&many[40_000]), "{}", kept.len());
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0) && kept[0] == many[0] && kept.last() == many.last());
        many[777].1 = f64::NAN;
        assert_eq!(thinned(many).iter().filter(|p| p.1.is_nan()).count(), 1);
    }

    #[test]
    fn wide_positive_values_have_a_logarithmic_axis() {
        let is_log = |values: &[f64]| LineChart::new("").epochs("", values).log_y_if_wide().log[1];
        assert!(is_log(&[1.0, 0.03]) && !is_log(&[1.0, 0.04]) && !is_log(&[1.0, 0.0]) && !is_log(&[]));
    }
}
