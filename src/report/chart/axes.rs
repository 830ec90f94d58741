//! Axes, ticks and legends.

use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL, fit, text_width};
use super::palette::Colour;
use super::shape::Shape;

/// Returns a number for people: three significant digits or so, a real minus sign, no exponent unless it is needed.
pub fn number(v: f64) -> String {
    if !v.is_finite() {
        return if v.is_nan() {
            "n/a".into()
        } else if v > 0.0 {
            "∞".into()
        } else {
            "−∞".into()
        };
    }
    let size = v.abs();
    let text = if size == 0.0 {
        "0".into()
    } else if !(1e-3..1e7).contains(&size) {
        format!("{v:.2e}")
    } else if size >= 100.0 {
        thousands(v.round())
    } else {
        let digits = if size >= 10.0 {
            1
        } else if size >= 1.0 {
            2
        } else {
            3
        };
        format!("{v:.digits$}")
    };
    text.replace('-', "−")
}

/// Formats a whole number with its sign and its thousands separated.
fn thousands(v: f64) -> String {
    let sign = if v < 0.0 { "-" } else { "" };
    // Axes end far below the largest integer.
    format!("{sign}{}", crate::text::thousands(v.abs().round() as u128))
}

/// A scale from data to user units, with its ticks and their labels.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    log: bool,
    from: f64,
    to: f64,
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Creates a linear axis over `lo..hi` with about `want` round ticks. A range without width is widened.
    pub(crate) fn linear(lo: f64, hi: f64, want: usize) -> Self {
        let (lo, hi) = widened(lo, hi);
        let step = round_step((hi - lo) / want.max(1) as f64);
        let first = (lo / step - 1e-9).ceil() as i64;
        let last = (hi / step + 1e-9).floor() as i64;
        let ticks = (first..=last).map(|i| (i as f64 * step, tick_label(i as f64 * step, step))).collect();
        Axis { lo, hi, log: false, from: 0.0, to: 1.0, ticks }
    }

    /// Creates a linear axis over whole numbers only (epochs).
    pub(crate) fn whole(lo: f64, hi: f64, want: usize) -> Self {
        let mut axis = Axis::linear(lo, hi, want);
        axis.ticks.retain(|t| (t.0 - t.0.round()).abs() < 1e-9);
        for tick in &mut axis.ticks {
            tick.1 = tick_label(tick.0, 1.0);
        }
        axis
    }

    /// Creates a linear axis whose ends are ticks.
    pub(crate) fn rounded(lo: f64, hi: f64, want: usize) -> Self {
        let (lo, hi) = widened(lo, hi);
        let step = round_step((hi - lo) / want.max(1) as f64);
        Axis::linear((lo / step + 1e-9).floor() * step, (hi / step - 1e-9).ceil() * step, want)
    }

    /// Creates a logarithmic axis; values not above zero have no place on it.
    pub(crate) fn log(lo: f64, hi: f64, want: usize) -> Self {
        let lo = if lo > 0.0 { lo } else { 1e-12 };
        let hi = if hi > lo { hi } else { 10.0 * lo };
        let (first, last) = (libm::log10(lo).floor() as i32, libm::log10(hi).ceil() as i32);
        let inside = |v: f64| v >= lo * 0.999 && v <= hi * 1.001;
        let every = (((last - first) as usize) / want.max(1) + 1) as i32;
        let powers = |every: i32| -> Vec<(f64, String)> {
            let some = (first..=last).filter(|e| e.rem_euclid(every) == 0);
            some.map(|e| (libm::exp10(f64::from(e)), power_label(e))).filter(|t| inside(t.0)).collect()
        };
        let mut ticks = powers(every);
        if ticks.len() < 2 {
            ticks = powers(1);
        }
        if ticks.len() < 3 && last - first <= 2 {
            ticks = (first..=last)
                .flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * libm::exp10(f64::from(e))))
                .filter(|&v| inside(v))
                .map(|v| (v, short(v)))
                .collect();
        }
        Axis { lo, hi, log: true, from: 0.0, to: 1.0, ticks }
    }

    /// Writes the ticks as percentages.
    pub(crate) fn percent(mut self) -> Self {
        let step = self.ticks.get(1).map_or(1.0, |t| t.0 - self.ticks[0].0);
        let digits = if step < 0.00999 { 1 } else { 0 };
        for tick in &mut self.ticks {
            tick.1 = format!("{:.digits$} %", 100.0 * tick.0).replace('-', "−");
        }
        self
    }

    /// Places the axis: `lo` at `from`, `hi` at `to`.
    pub(crate) fn placed(mut self, from: f64, to: f64) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// Returns the position of a value.
    pub(crate) fn at(&self, v: f64) -> f64 {
        let t = if self.log {
            if v > 0.0 { libm::log10(v / self.lo) / libm::log10(self.hi / self.lo) } else { f64::NAN }
        } else {
            (v - self.lo) / (self.hi - self.lo)
        };
        self.from + t * (self.to - self.from)
    }

    /// Returns the width of the widest tick label.
    pub(crate) fn label_width(&self) -> f64 {
        self.ticks.iter().map(|t| text_width(&t.1, SMALL, false)).fold(0.0, f64::max)
    }

    /// Returns half the width of the last tick label, which extends beyond the edge.
    pub(crate) fn overhang(&self) -> f64 {
        self.ticks.last().map_or(0.0, |t| 0.5 * text_width(&t.1, SMALL, false))
    }
}

fn widened(lo: f64, hi: f64) -> (f64, f64) {
    if !(lo.is_finite() && hi.is_finite()) {
        (0.0, 1.0)
    } else if hi - lo > 1e-12 * lo.abs().max(hi.abs()) {
        (lo, hi)
    } else {
        let pad = if lo == 0.0 { 0.5 } else { 0.1 * lo.abs() };
        (lo - pad, hi + pad)
    }
}

/// Returns 1, 2 or 5 times a power of ten, not below `raw`.
fn round_step(raw: f64) -> f64 {
    let power = libm::exp10(libm::log10(raw).floor());
    [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= raw * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

fn tick_label(v: f64, step: f64) -> String {
    if v.abs() >= 1e7 || step < 1e-4 {
        return short(v);
    }
    let digits = (-libm::log10(step).floor()).max(0.0) as usize;
    let v = if v.abs() < 0.5 * step { 0.0 } else { v };
    let text = if digits == 0 { thousands(v) } else { format!("{v:.digits$}") };
    text.replace('-', "−")
}

fn short(v: f64) -> String {
    let text = if v == 0.0 || (1e-3..1e5).contains(&v.abs()) {
        format!("{}", (v * 1e6).round() / 1e6)
    } else {
        format!("{v:e}")
    };
    text.replace('-', "−")
}

fn power_label(exponent: i32) -> String {
    if (-3..=4).contains(&exponent) {
        return short(libm::exp10(f64::from(exponent)));
    }
    let digits: String = exponent
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            d => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][d.to_digit(10).unwrap_or(0) as usize],
        })
        .collect();
    format!("10{digits}")
}

/// The rectangle in which data are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

/// Returns the height of the labels below an area with numbers and a title on its x axis.
pub(crate) fn below(x_title: &str) -> f64 {
    if x_title.is_empty() { 26.0 } else { 46.0 }
}

/// Draws horizontal grid lines with their numbers; the y title stands above the axis, so it reads
/// horizontally.
pub(crate) fn draw_y(canvas: &mut Canvas, area: Area, y: &Axis, title: &str) {
    for (value, label) in &y.ticks {
        let at = y.at(*value);
        canvas.line(&[(area.left, at), (area.right, at)], Colour::GRID, 1.0);
        canvas.text((area.left - 6.0, at + 0.36 * SMALL), label, SMALL, Colour::GRAY, Anchor::End);
    }
    let room = area.right - 8.0;
    canvas.text((8.0, area.top - 15.0), &fit(title, LABEL, false, room), LABEL, Colour::GRAY, Anchor::Start);
}

/// Draws the x axis: line, ticks, numbers and title.
pub(crate) fn draw_x(canvas: &mut Canvas, area: Area, x: &Axis, title: &str) {
    canvas.line(&[(area.left, area.bottom), (area.right, area.bottom)], Colour::GRAY, 1.0);
    for (value, label) in &x.ticks {
        let at = x.at(*value);
        canvas.line(&[(at, area.bottom), (at, area.bottom + 4.0)], Colour::GRAY, 1.0);
        canvas.text((at, area.bottom + 18.0), label, SMALL, Colour::GRAY, Anchor::Middle);
    }
    let title = fit(title, LABEL, false, canvas.width - 16.0);
    let half = 0.5 * text_width(&title, LABEL, false);
    let middle = (0.5 * (area.left + area.right)).min(canvas.width - 8.0 - half).max(8.0 + half);
    canvas.text((middle, area.bottom + 38.0), &title, LABEL, Colour::GRAY, Anchor::Middle);
}

/// The symbol before a name in a legend.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Swatch {
    Line { dashed: bool },
    Box,
    Point(Shape),
}

/// A legend: entries in rows, each row as full as the width allows.
pub(crate) struct Legend {
    entries: Vec<(String, Colour, Swatch)>,
    width: f64,
    /// Entries that are not shown.
    more: usize,
}

/// Most entries of a legend.
const MOST: usize = 40;

const ROW: f64 = 20.0;
const SIGN: f64 = 22.0;
const GAP: f64 = 16.0;

impl Legend {
    pub(crate) fn new(width: f64, entries: impl IntoIterator<Item = (String, Colour, Swatch)>) -> Self {
        let fitted = |(n, c, s): (String, Colour, Swatch)| (fit(&n, LABEL, false, 320.0f64.min(width - SIGN)), c, s);
        let mut entries: Vec<_> = entries.into_iter().map(fitted).collect();
        let more = entries.len().saturating_sub(MOST);
        if more > 0 {
            entries.truncate(MOST);
        }
        Legend { entries, width, more }
    }

    /// Returns the legend of classes by colour and shape.
    pub(crate) fn classes(width: f64, names: &[String], swatch: fn(usize) -> Swatch) -> Self {
        Legend::new(width, names.iter().enumerate().map(|(i, n)| (n.clone(), Colour::class(i), swatch(i))))
    }

    /// Returns the left end and row of each entry.
    fn places(&self) -> Vec<(f64, usize)> {
        let (mut x, mut row) = (0.0, 0);
        self.entries
            .iter()
            .map(|(name, ..)| {
                let width = SIGN + text_width(name, LABEL, false);
                if x > 0.0 && x + width > self.width {
                    (x, row) = (0.0, row + 1);
                }
                let place = (x, row);
                x += width + GAP;
                place
            })
            .collect()
    }

    pub(crate) fn height(&self) -> f64 {
        let more = if self.more > 0 { ROW } else { 0.0 };
        self.places().last().map_or(0.0, |p| ROW * (p.1 + 1) as f64) + more
    }

    pub(crate) fn draw(&self, canvas: &mut Canvas, (left, top): Point) {
        for ((name, colour, swatch), (x, row)) in self.entries.iter().zip(self.places()) {
            let (x, y) = (left + x, top + ROW * (row as f64 + 0.5));
            match swatch {
                Swatch::Line { dashed: false } => canvas.line(&[(x, y), (x + 16.0, y)], *colour, 2.5),
                Swatch::Line { dashed: true } => canvas.dashed(&[(x, y), (x + 16.0, y)], *colour, 2.5, 4.0, 3.0),
                Swatch::Box => canvas.rect(x + 2.0, y - 6.0, 12.0, 12.0, *colour),
                Swatch::Point(shape) => shape.draw(canvas, (x + 8.0, y), 5.0, *colour),
            }
            canvas.text((x + SIGN, y + 0.36 * LABEL), name, LABEL, Colour::INK, Anchor::Start);
        }
        if self.more > 0 {
            let words = format!("and {} more", self.more);
            let y = top + self.height() - 0.5 * ROW + 0.36 * LABEL;
            canvas.text((left, y), &words, LABEL, Colour::GRAY, Anchor::Start);
        }
    }
}

/// Returns the smallest and largest finite value; `None` if there is none.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter(|v| v.is_finite()).fold(None, |range, v| match range {
        None => Some((v, v)),
        Some((lo, hi)) => Some((lo.min(v), hi.max(v))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|t| t.1.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&Axis::linear(0.0, 1.0, 5)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::linear(-3.0, 2.5, 5)), ["−2", "0", "2"]);
        assert_eq!(labels(&Axis::whole(1.0, 3.0, 8)), ["1", "2", "3"]);
        assert_eq!(labels(&Axis::linear(0.0, 25000.0, 5)), ["0", "5,000", "10,000", "15,000", "20,000", "25,000"]);
        assert_eq!(
            labels(&Axis::log(1e-6, 1e2, 9)),
            ["10⁻⁶", "10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1", "10", "100"]
        );
        assert_eq!(labels(&Axis::log(0.3, 4.0, 5)), ["0.5", "1", "2"]);
        assert_eq!(labels(&Axis::log(1e-7, 1e-3, 3)), ["10⁻⁶", "10⁻⁴"], "few, but apart");
    }

    #[test]
    fn scales_map_ends_to_ends_even_without_range() {
        let axis = Axis::linear(2.0, 2.0, 4).placed(0.0, 100.0);
        assert!((axis.at(2.0) - 50.0).abs() < 1e-9);
        let axis = Axis::log(0.01, 100.0, 4).placed(0.0, 100.0);
        assert!((axis.at(1.0) - 50.0).abs() < 1e-9);
        assert!(axis.at(0.0).is_nan());
        assert!(Axis::linear(f64::NAN, 1.0, 4).placed(0.0, 1.0).at(0.5).is_finite());
    }

    #[test]
    fn numbers_for_people() {
        let all = [0.0, 0.1234, -1.5, 12.34, 1146243.0, 1e-9, f64::NAN].map(number);
        assert_eq!(all, ["0", "0.123", "−1.50", "12.3", "1,146,243", "1.00e−9", "n/a"]);
    }
}
