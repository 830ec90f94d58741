//! A finished drawing: SVG and PNG, light and dark.

use super::canvas::{self, Canvas};
use super::palette::{self, Colour};
use super::render;
use crate::error::Result;
use crate::files;
use base64::Engine;
use std::path::Path;

/// A finished drawing.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The drawing as a stand-alone SVG document (text in the page's font; [`Figure::save`] embeds it).
    pub svg: String,
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels.
    pub height: u32,
    /// What the figure shows, in words, for those who cannot see it.
    pub alt: String,
    canvas: Canvas,
}

impl Figure {
    /// Finishes a drawing: a white sheet under it, and its SVG.
    pub(crate) fn new(mut canvas: Canvas, alt: impl Into<String>) -> Self {
        let (width, height) = (canvas.width.round(), canvas.height.round());
        let mut sheet = Canvas::new(width, height);
        sheet.rect(0.0, 0.0, width, height, Colour::PAPER);
        sheet.marks.append(&mut canvas.marks);
        let alt = alt.into();
        Figure { svg: render::svg(&sheet, &alt), width: width as u32, height: height as u32, alt, canvas: sheet }
    }

    /// Finishes a drawing that keeps its white sheet on a dark page, as its lightness carries meaning.
    pub(crate) fn on_white(mut canvas: Canvas, alt: impl Into<String>) -> Self {
        canvas.marks = canvas.marks.into_iter().map(canvas::Mark::fixed).collect();
        let mut figure = Figure::new(canvas, alt);
        figure.canvas.marks = figure.canvas.marks.into_iter().map(canvas::Mark::fixed).collect();
        figure.svg = render::svg(&figure.canvas, &figure.alt);
        figure
    }

    /// Returns whether a dark page recolours it.
    pub(crate) fn is_themed(&self) -> bool {
        self.canvas.marks.iter().any(canvas::Mark::is_themed)
    }

    /// Creates a sheet with words, in the place of a figure that could not be drawn.
    pub fn notice(words: &str) -> Self {
        const SIZE: f64 = 14.0;
        let mut canvas = Canvas::new(640.0, 0.0);
        let lines = canvas::wrap(words, SIZE, false, canvas.width - 32.0);
        for (i, line) in lines.iter().enumerate() {
            canvas.text((16.0, 30.0 + 20.0 * i as f64), line, SIZE, Colour::INK, canvas::Anchor::Start);
        }
        canvas.height = 24.0 + 20.0 * lines.len() as f64;
        Figure::new(canvas, words)
    }

    /// Replaces the description for screen readers.
    pub fn with_alt(self, alt: &str) -> Self {
        Figure { svg: render::svg(&self.canvas, alt), alt: alt.to_owned(), ..self }
    }

    /// Returns the same drawing as PNG, two pixels per CSS pixel.
    pub fn png(&self) -> Result<Vec<u8>> {
        render::png(&self.canvas, false)
    }

    /// Returns the same for a dark page: ink and paper change places, images and coloured cells stay as they are.
    pub fn dark_png(&self) -> Result<Vec<u8>> {
        render::png(&self.canvas, true)
    }

    /// Returns the SVG with the font inside, so that the file looks the same on any machine.
    pub fn svg_with_font(&self) -> String {
        let style = format!("<style>{}</style>\n", font_face());
        self.svg.replacen(">\n", &format!(">\n{style}"), 1)
    }

    /// Writes `name.svg` and `name.png` into a folder, each one whole or not at all.
    pub fn save(&self, dir: &Path, name: &str) -> Result<()> {
        files::write_atomic(dir.join(format!("{name}.svg")), self.svg_with_font().as_bytes())?;
        files::write_atomic(dir.join(format!("{name}.png")), &self.png()?)
    }
}

/// Returns CSS that recolours the themed marks of figures on a dark page.
pub(crate) fn dark_theme() -> String {
    let hex = |[r, g, b]: [u8; 3]| format!("#{r:02X}{g:02X}{b:02X}");
    let rule = |(light, dark): &([u8; 3], [u8; 3])| {
        let (light, dark) = (hex(*light), hex(*dark));
        format!("  .themed [fill=\"{light}\"] {{ fill: {dark}; }} .themed [stroke=\"{light}\"] {{ stroke: {dark}; }}\n")
    };
    let rules: String = palette::DARK.iter().map(rule).collect();
    format!("@media screen and (prefers-color-scheme: dark) {{\n{rules}}}\n")
}

/// Returns CSS that brings the embedded font, for pages and stand-alone SVG.
pub(crate) fn font_face() -> String {
    let face = |bytes: &[u8], weight: &str| {
        let data = base64::engine::general_purpose::STANDARD.encode(bytes);
        format!(
            "@font-face{{font-family:\"{}\";font-weight:{weight};src:url(data:font/woff2;base64,{data}) format(\"woff2\")}}",
            canvas::FONT
        )
    };
    face(include_bytes!("../assets/GradusSans-Regular.woff2"), "400")
        + &face(include_bytes!("../assets/GradusSans-SemiBold.woff2"), "700")
}
