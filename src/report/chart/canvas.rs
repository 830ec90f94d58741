//! The drawing before it has a format: a list of marks in user units (about a screen pixel).
//!
//! A chart writes marks on a [`Canvas`] and knows nothing of SVG or pixels; `render` paints the same list on
//! either backend. So a figure's two files can never differ, and a figure can be kept, cloned and sent to a thread.

use super::palette::Colour;
use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use image::RgbImage;
use std::sync::{Arc, OnceLock};

/// A point in user units, y downwards.
pub(crate) type Point = (f64, f64);

/// Which end of a text stands at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A line of text. `at` is on the baseline.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) at: Point,
    pub(crate) words: String,
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) colour: Colour,
    pub(crate) anchor: Anchor,
    /// Turned a quarter to the left, reading upwards (the title of a y axis).
    pub(crate) turned: bool,
}

/// One thing to paint, later ones over earlier ones.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    Line {
        points: Vec<Point>,
        colour: Colour,
        width: f64,
    },
    Polygon {
        points: Vec<Point>,
        fill: Colour,
    },
    Circle {
        centre: Point,
        radius: f64,
        fill: Colour,
    },
    Text(Text),
    Image {
        corner: Point,
        size: Point,
        pixels: Arc<RgbImage>,
        smooth: bool,
    },
    /// The following marks belong to the item of this number, until the next such mark; a page's script uses it.
    Item(Option<usize>),
}

impl Mark {
    /// Returns whether it is drawn on the paper, in a colour that a dark page replaces.
    pub(crate) fn is_themed(&self) -> bool {
        match self {
            Mark::Line { colour, .. } => colour.themed,
            Mark::Polygon { fill, .. } | Mark::Circle { fill, .. } => fill.themed,
            Mark::Text(text) => text.colour.themed,
            Mark::Image { .. } | Mark::Item(_) => false,
        }
    }

    /// Returns the mark as it is drawn on a dark page.
    pub(crate) fn darkened(self) -> Self {
        self.recoloured(Colour::dark)
    }

    /// Returns the mark in a colour that no page replaces.
    pub(crate) fn fixed(self) -> Self {
        self.recoloured(|colour| Colour { themed: false, ..colour })
    }

    fn recoloured(mut self, new: impl Fn(Colour) -> Colour) -> Self {
        match &mut self {
            Mark::Line { colour, .. } => *colour = new(*colour),
            Mark::Polygon { fill, .. } | Mark::Circle { fill, .. } => *fill = new(*fill),
            Mark::Text(text) => text.colour = new(text.colour),
            Mark::Image { .. } | Mark::Item(_) => {}
        }
        self
    }
}

/// A sheet of paper with marks on it.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) marks: Vec<Mark>,
}

impl Canvas {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Canvas { width, height, marks: Vec::new() }
    }

    /// A polyline. Points that are not finite break it.
    pub(crate) fn line(&mut self, points: &[Point], colour: Colour, width: f64) {
        for run in points.split(|p| !(p.0.is_finite() && p.1.is_finite())) {
            if run.len() > 1 {
                self.marks.push(Mark::Line { points: run.to_vec(), colour, width });
            }
        }
    }

    /// A polyline of dashes, `on` long with gaps of `off`, measured along the curve.
    pub(crate) fn dashed(&mut self, points: &[Point], colour: Colour, width: f64, on: f64, off: f64) {
        for run in points.split(|p| !(p.0.is_finite() && p.1.is_finite())) {
            for dash in dashes(run, on, off) {
                self.marks.push(Mark::Line { points: dash, colour, width });
            }
        }
    }

    pub(crate) fn polygon(&mut self, points: Vec<Point>, fill: Colour) {
        self.marks.push(Mark::Polygon { points, fill });
    }

    pub(crate) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: Colour) {
        self.polygon(vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height)], fill);
    }

    /// The outline of a rectangle, drawn inside its edge.
    pub(crate) fn frame(&mut self, x: f64, y: f64, width: f64, height: f64, colour: Colour, stroke: f64) {
        self.rect(x, y, width, stroke, colour);
        self.rect(x, y + height - stroke, width, stroke, colour);
        self.rect(x, y + stroke, stroke, height - 2.0 * stroke, colour);
        self.rect(x + width - stroke, y + stroke, stroke, height - 2.0 * stroke, colour);
    }

    pub(crate) fn circle(&mut self, centre: Point, radius: f64, fill: Colour) {
        self.marks.push(Mark::Circle { centre, radius, fill });
    }

    pub(crate) fn text(&mut self, at: Point, words: &str, size: f64, colour: Colour, anchor: Anchor) {
        self.push_text(at, words, size, colour, anchor, false, false);
    }

    pub(crate) fn bold(&mut self, at: Point, words: &str, size: f64, colour: Colour, anchor: Anchor) {
        self.push_text(at, words, size, colour, anchor, true, false);
    }

    pub(crate) fn turned(&mut self, at: Point, words: &str, size: f64, colour: Colour, anchor: Anchor) {
        self.push_text(at, words, size, colour, anchor, false, true);
    }

    #[allow(clippy::too_many_arguments)]
    fn push_text(
        &mut self,
        at: Point,
        words: &str,
        size: f64,
        colour: Colour,
        anchor: Anchor,
        bold: bool,
        turned: bool,
    ) {
        if !words.is_empty() {
            let words = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            self.marks.push(Mark::Text(Text { at, words, size, bold, colour, anchor, turned }));
        }
    }

    pub(crate) fn image(&mut self, corner: Point, size: Point, pixels: Arc<RgbImage>, smooth: bool) {
        self.marks.push(Mark::Image { corner, size, pixels, smooth });
    }

    /// Draws what belongs to the item numbered `item`.
    pub(crate) fn item(&mut self, item: usize, draw: impl FnOnce(&mut Self)) {
        self.marks.push(Mark::Item(Some(item)));
        draw(self);
        self.marks.push(Mark::Item(None));
    }

    /// Writes a figure's title over its width, wrapped; returns the y where the rest may begin.
    pub(crate) fn title(&mut self, x: f64, words: &str) -> f64 {
        if words.is_empty() {
            return 8.0;
        }
        let mut y = 8.0;
        for line in wrap(words, TITLE, true, self.width - 2.0 * x) {
            y += 1.3 * TITLE;
            self.bold((x, y - 0.3 * TITLE), &line, TITLE, Colour::INK, Anchor::Start);
        }
        y + 6.0
    }
}

/// Size of a figure's title.
pub(crate) const TITLE: f64 = 15.0;
/// Size of axis titles, legends and captions.
pub(crate) const LABEL: f64 = 13.0;
/// Size of tick labels.
pub(crate) const SMALL: f64 = 12.0;

fn dashes(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let Some(&first) = points.first() else { return Vec::new() };
    let (mut done, mut dash, mut left, mut drawing) = (Vec::new(), vec![first], on, true);
    for pair in points.windows(2) {
        let (mut a, b) = (pair[0], pair[1]);
        loop {
            let length = libm::hypot(b.0 - a.0, b.1 - a.1);
            if length <= left {
                left -= length;
                if drawing {
                    dash.push(b);
                }
                break;
            }
            let t = left / length;
            a = (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1));
            if drawing {
                dash.push(a);
                done.push(std::mem::take(&mut dash));
            } else {
                dash = vec![a];
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
    }
    if drawing && dash.len() > 1 {
        done.push(dash);
    }
    done
}

/// Name of the embedded font: a subset of Inter, see `assets/GradusSans-OFL.txt`.
pub(crate) const FONT: &str = "Gradus Sans";

/// Returns the embedded font, so that text has the same width on every machine.
pub(crate) fn font(bold: bool) -> &'static FontRef<'static> {
    static FONTS: OnceLock<[FontRef<'static>; 2]> = OnceLock::new();
    let fonts = FONTS.get_or_init(|| {
        let load = |bytes| FontRef::try_from_slice(bytes).expect("chart: the embedded font is whole");
        [
            load(include_bytes!("../assets/GradusSans-Regular.otf").as_slice()),
            load(include_bytes!("../assets/GradusSans-SemiBold.otf").as_slice()),
        ]
    });
    &fonts[usize::from(bold)]
}

/// `size` is the em, as in CSS; the font library wants the height from descender to ascender.
pub(crate) fn px_scale(font: &FontRef<'_>, size: f64) -> PxScale {
    let em = f64::from(font.units_per_em().unwrap_or(1000.0));
    PxScale::from((size * f64::from(font.height_unscaled()) / em) as f32)
}

/// Returns the width of a text in user units.
pub(crate) fn text_width(words: &str, size: f64, bold: bool) -> f64 {
    let font = font(bold);
    let scaled = font.as_scaled(px_scale(font, size));
    words.chars().map(|c| f64::from(scaled.h_advance(scaled.glyph_id(c)))).sum()
}

/// Returns the text, or its beginning and an ellipsis if it is wider than `room`.
pub(crate) fn fit(words: &str, size: f64, bold: bool, room: f64) -> String {
    if text_width(words, size, bold) <= room {
        return words.to_owned();
    }
    let mut kept: Vec<char> = words.chars().collect();
    while kept.pop().is_some() {
        let short = format!("{}…", kept.iter().collect::<String>().trim_end());
        if text_width(&short, size, bold) <= room {
            return short;
        }
    }
    String::new()
}

/// Breaks a text at spaces, underscores, hyphens and slashes into lines of at most `room`; a longer word is shortened.
pub(crate) fn wrap(words: &str, size: f64, bold: bool, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in words.split_inclusive([' ', '_', '-', '/']) {
        if !line.is_empty() && text_width(format!("{line}{piece}").trim_end(), size, bold) > room {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(piece);
    }
    lines.push(line);
    lines.iter().map(|l| fit(l.trim(), size, bold, room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_widths_add_up_and_grow_with_size() {
        let one = text_width("a", 10.0, false);
        assert!(one > 4.0 && one < 7.0, "{one}");
        assert!((text_width("aa", 10.0, false) - 2.0 * one).abs() < 1e-4);
        assert!((text_width("a", 20.0, false) - 2.0 * one).abs() < 1e-3);
    }

    #[test]
    fn fit_and_wrap_stay_within_the_room() {
        let short = fit("a rather long class name", 12.0, false, 60.0);
        assert!(short.ends_with('…') && text_width(&short, 12.0, false) <= 60.0);
        let lines = wrap("one two three four five six seven", 12.0, false, 80.0);
        assert!(lines.len() > 1 && lines.iter().all(|l| text_width(l, 12.0, false) <= 80.0));
        assert_eq!(lines.join(" "), "one two three four five six seven");
    }

    #[test]
    fn dashes_cover_the_right_length() {
        let parts = dashes(&[(0.0, 0.0), (10.0, 0.0)], 2.0, 3.0);
        assert_eq!(parts, vec![vec![(0.0, 0.0), (2.0, 0.0)], vec![(5.0, 0.0), (7.0, 0.0)]]);
    }

    #[test]
    fn a_hole_in_the_data_breaks_the_line() {
        let mut canvas = Canvas::new(10.0, 10.0);
        canvas.line(&[(0.0, 0.0), (1.0, 1.0), (2.0, f64::NAN), (3.0, 1.0), (4.0, 1.0)], Colour::INK, 1.0);
        assert_eq!(canvas.marks.len(), 2);
    }
}
