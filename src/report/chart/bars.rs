//! Bars: one number per row with its interval, or several numbers per class side by side.

use super::axes::{Area, Axis, Legend, Swatch, draw_y, extent, number};
use super::canvas::{Anchor, Canvas, LABEL, SMALL, text_width, wrap};
use super::figure::Figure;
use super::palette::Colour;

struct Bar {
    name: String,
    value: f64,
    interval: Option<(f64, f64)>,
    colour: Colour,
}

/// Horizontal bars with names at the left, 95 % whiskers and the value at the right: a comparison of accuracies.
pub struct BarChart {
    title: String,
    axis: String,
    bars: Vec<Bar>,
    lines: Vec<(f64, String)>,
    range: Option<(f64, f64)>,
    percent: bool,
    width: f64,
}

impl BarChart {
    /// Creates an empty chart.
    pub fn new(title: &str) -> Self {
        let (title, axis) = (title.into(), String::new());
        BarChart { title, axis, bars: Vec::new(), lines: Vec::new(), range: None, percent: false, width: 480.0 }
    }

    /// Sets the title of the value axis.
    pub fn axis(mut self, title: &str) -> Self {
        self.axis = title.into();
        self
    }

    /// Adds a bar, and the ends of its interval if it has one. Colours follow the order.
    pub fn bar(self, name: &str, value: f64, interval: Option<(f64, f64)>) -> Self {
        let colour = Colour::class(self.bars.len());
        self.coloured(name, value, interval, colour)
    }

    /// Adds a bar of a given colour (gray for a baseline).
    pub fn coloured(mut self, name: &str, value: f64, interval: Option<(f64, f64)>, colour: Colour) -> Self {
        self.bars.push(Bar { name: name.into(), value, interval, colour });
        self
    }

    /// Adds a dashed line at a value, named below the bars (chance, majority class).
    pub fn line(mut self, value: f64, name: &str) -> Self {
        self.lines.push((value, name.into()));
        self
    }

    /// Sets the range of the value axis.
    pub fn range(mut self, lo: f64, hi: f64) -> Self {
        self.range = Some((lo, hi));
        self
    }

    /// Writes values as percentages (0.934 as 93.4 %) on an axis from 0 to 100 %.
    pub fn percent(mut self) -> Self {
        self.percent = true;
        self.range.get_or_insert((0.0, 1.0));
        self
    }

    /// Sets the width in user units; the default is 480.
    pub fn width(mut self, width: f64) -> Self {
        self.width = width;
        self
    }

    fn words(&self, v: f64) -> String {
        if self.percent && v.is_finite() { format!("{:.1} %", 100.0 * v) } else { number(v) }
    }

    /// Draws the chart.
    pub fn draw(&self) -> Figure {
        let mut canvas = Canvas::new(self.width, 0.0);
        let top = canvas.title(8.0, &self.title) + 4.0;
        let room = 0.34 * self.width;
        let names: Vec<Vec<String>> = self.bars.iter().map(|b| wrap(&b.name, LABEL, false, room)).collect();
        let left = 18.0 + names.iter().flatten().map(|l| text_width(l, LABEL, false)).fold(0.0, f64::max);
        let value_room = self.bars.iter().map(|b| text_width(&self.words(b.value), LABEL, true)).fold(0.0, f64::max);
        let row = 16.0 * names.iter().map(Vec::len).max().unwrap_or(1) as f64 + 20.0;
        let bottom = top + row * self.bars.len() as f64;
        let axis = self.value_axis().placed(left, self.width - 20.0 - value_room);
        let area = Area { left, top, right: self.width - 20.0 - value_room, bottom };

        let lines_height = 18.0 * self.lines.len() as f64;
        canvas.height = bottom + 28.0 + if self.axis.is_empty() { 4.0 } else { 22.0 } + lines_height;
        self.draw_scale(&mut canvas, area, &axis);
        for (i, (bar, name)) in self.bars.iter().zip(&names).enumerate() {
            let middle = top + row * (i as f64 + 0.5);
            for (j, line) in name.iter().enumerate() {
                let y = middle + 16.0 * (j as f64 - 0.5 * (name.len() - 1) as f64) + 0.36 * LABEL;
                canvas.text((left - 10.0, y), line, LABEL, Colour::INK, Anchor::End);
            }
            self.draw_bar(&mut canvas, bar, &axis, middle, 0.5 * (row - 12.0).min(26.0));
        }
        canvas.line(&[(axis.at(self.base(&axis)), top), (axis.at(self.base(&axis)), bottom)], Colour::GRAY, 1.0);
        self.draw_lines(&mut canvas, area, &axis);
        let spoken: Vec<String> = self.bars.iter().map(|b| format!("{} {}", b.name, self.words(b.value))).collect();
        Figure::new(canvas, format!("Bar chart. {}: {}", self.title, spoken.join(", ")))
    }

    fn value_axis(&self) -> Axis {
        let ends = self.bars.iter().flat_map(|b| {
            let (lo, hi) = b.interval.unwrap_or((b.value, b.value));
            [b.value, lo, hi]
        });
        let fixed = self.range.map_or([0.0, 0.0], |r| [r.0, r.1]);
        let (lo, hi) = extent(ends.chain(self.lines.iter().map(|l| l.0)).chain(fixed)).unwrap_or((0.0, 1.0));
        let axis = Axis::rounded(lo, hi, 5);
        if self.percent { axis.percent() } else { axis }
    }

    /// Bars grow from zero, or from the axis's end if zero is not on it.
    fn base(&self, axis: &Axis) -> f64 {
        0.0f64.clamp(axis.lo, axis.hi)
    }

    fn draw_scale(&self, canvas: &mut Canvas, area: Area, axis: &Axis) {
        for (value, label) in &axis.ticks {
            let x = axis.at(*value);
            canvas.line(&[(x, area.top), (x, area.bottom)], Colour::GRID, 1.0);
            canvas.text((x, area.bottom + 16.0), label, SMALL, Colour::GRAY, Anchor::Middle);
        }
        let middle = 0.5 * (area.left + area.right);
        canvas.text((middle, area.bottom + 36.0), &self.axis, LABEL, Colour::GRAY, Anchor::Middle);
    }

    fn draw_bar(&self, canvas: &mut Canvas, bar: &Bar, axis: &Axis, middle: f64, half: f64) {
        let value = if bar.value.is_finite() { bar.value } else { self.base(axis) };
        let (a, b) = (axis.at(self.base(axis)), axis.at(value));
        canvas.rect(a.min(b), middle - half, (b - a).abs(), 2.0 * half, bar.colour.faint(0.85));
        let mut end = b.max(a);
        if let Some((lo, hi)) = bar.interval.filter(|i| i.0.is_finite() && i.1.is_finite()) {
            let (x0, x1) = (axis.at(lo), axis.at(hi));
            // A rim of paper keeps the whisker visible on a bar of any colour.
            for (colour, width) in [(Colour::PAPER, 4.5), (Colour::INK, 1.75)] {
                canvas.line(&[(x0, middle), (x1, middle)], colour, width);
                for x in [x0, x1] {
                    canvas.line(&[(x, middle - 5.0), (x, middle + 5.0)], colour, width);
                }
            }
            end = end.max(x1);
        }
        canvas.bold((end + 8.0, middle + 0.36 * LABEL), &self.words(bar.value), LABEL, Colour::INK, Anchor::Start);
    }

    fn draw_lines(&self, canvas: &mut Canvas, area: Area, axis: &Axis) {
        let mut y = area.bottom + if self.axis.is_empty() { 36.0 } else { 56.0 };
        for (i, (value, name)) in self.lines.iter().enumerate() {
            let (x, colour) = (axis.at(*value), if i % 2 == 0 { Colour::INK } else { Colour::INCORRECT });
            canvas.dashed(&[(x, area.top), (x, area.bottom)], colour, 1.5, 5.0, 4.0);
            canvas.dashed(&[(area.left, y), (area.left + 22.0, y)], colour, 1.5, 5.0, 4.0);
            let words = format!("{name} ({})", self.words(*value));
            canvas.text((area.left + 30.0, y + 0.36 * SMALL), &words, SMALL, Colour::INK, Anchor::Start);
            y += 18.0;
        }
    }
}

/// Vertical bars in groups: precision, recall and F1 of each class.
pub struct GroupedBars {
    title: String,
    axis: String,
    groups: Vec<String>,
    series: Vec<(String, Vec<f64>)>,
    range: Option<(f64, f64)>,
}

impl GroupedBars {
    /// Creates a chart with these groups along the x axis.
    pub fn new(title: &str, groups: &[String]) -> Self {
        GroupedBars {
            title: title.into(),
            axis: String::new(),
            groups: groups.to_vec(),
            series: Vec::new(),
            range: None,
        }
    }

    /// Sets the title of the value axis.
    pub fn axis(mut self, title: &str) -> Self {
        self.axis = title.into();
        self
    }

    /// Adds a series with one value per group.
    pub fn series(mut self, name: &str, values: &[f64]) -> Self {
        self.series.push((name.into(), values.to_vec()));
        self
    }

    /// Sets the range of the value axis.
    pub fn range(mut self, lo: f64, hi: f64) -> Self {
        self.range = Some((lo, hi));
        self
    }

    /// Draws the chart; it grows wider with many groups.
    pub fn draw(&self) -> Figure {
        let count = self.groups.len().max(1);
        let bars = self.series.len().max(1);
        let width = (70.0 + 12.0 * (bars + 1) as f64 * count as f64).clamp(480.0, 2400.0);
        let mut canvas = Canvas::new(width, 0.0);
        let mut top = canvas.title(8.0, &self.title);
        let entries = self.series.iter().enumerate().map(|(i, s)| (s.0.clone(), Colour::class(i), Swatch::Box));
        let legend = Legend::new(width - 16.0, entries);
        legend.draw(&mut canvas, (8.0, top));
        top += legend.height() + 4.0 + if self.axis.is_empty() { 8.0 } else { 28.0 };

        let fixed = self.range.map_or([0.0, 0.0], |r| [r.0, r.1]);
        let (lo, hi) = extent(self.series.iter().flat_map(|s| s.1.iter().copied()).chain(fixed)).unwrap_or((0.0, 1.0));
        let y = Axis::rounded(lo, hi, 5);
        let area = Area { left: 16.0 + y.label_width(), top, right: width - 12.0, bottom: top + 220.0 };
        let y = y.placed(area.bottom, area.top);
        draw_y(&mut canvas, area, &y, &self.axis);
        let step = (area.right - area.left) / count as f64;
        let one = (step - 0.24 * step.min(60.0)) / bars as f64;
        // numbers on the bars where they fit
        let numbered = one >= text_width("0.00", SMALL - 1.0, false) + 3.0;
        for (i, (_, values)) in self.series.iter().enumerate() {
            for (g, &value) in values.iter().enumerate().take(count).filter(|v| v.1.is_finite()) {
                let x = area.left + step * (g as f64 + 0.5) + one * (i as f64 - 0.5 * bars as f64);
                let (a, b) = (y.at(0.0f64.clamp(y.lo, y.hi)), y.at(value));
                canvas.rect(x + 0.5, a.min(b), one - 1.0, (a - b).abs(), Colour::class(i).faint(0.88));
                if numbered {
                    let at = (x + 0.5 * one, a.min(b) - 4.0);
                    canvas.text(at, &format!("{value:.2}"), SMALL - 1.0, Colour::INK, Anchor::Middle);
                }
            }
        }
        canvas.line(
            &[(area.left, y.at(0.0f64.clamp(y.lo, y.hi))), (area.right, y.at(0.0f64.clamp(y.lo, y.hi)))],
            Colour::GRAY,
            1.0,
        );
        canvas.height = area.bottom + self.draw_names(&mut canvas, area, step) + 8.0;
        Figure::new(canvas, format!("Grouped bars. {}", self.title))
    }

    /// Writes the names under the groups: wrapped where they fit, else turned. Returns the height they took.
    fn draw_names(&self, canvas: &mut Canvas, area: Area, step: f64) -> f64 {
        let at = |g: usize| area.left + step * (g as f64 + 0.5);
        let lines: Vec<Vec<String>> = self.groups.iter().map(|n| wrap(n, SMALL, false, step - 6.0)).collect();
        let whole = lines.iter().flatten().all(|l| !l.ends_with('…') && !l.is_empty());
        if whole {
            for (g, name) in lines.iter().enumerate() {
                for (j, line) in name.iter().enumerate() {
                    canvas.text(
                        (at(g), area.bottom + 18.0 + 15.0 * j as f64),
                        line,
                        SMALL,
                        Colour::INK,
                        Anchor::Middle,
                    );
                }
            }
            return 10.0 + 15.0 * lines.iter().map(Vec::len).max().unwrap_or(0) as f64;
        }
        let names: Vec<String> = self.groups.iter().map(|n| super::canvas::fit(n, SMALL, false, 140.0)).collect();
        for (g, name) in names.iter().enumerate() {
            canvas.turned((at(g) + 0.36 * SMALL, area.bottom + 8.0), name, SMALL, Colour::INK, Anchor::End);
        }
        12.0 + names.iter().map(|n| text_width(n, SMALL, false)).fold(0.0, f64::max)
    }
}
