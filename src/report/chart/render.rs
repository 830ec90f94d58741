//! Renders a list of marks with plotters' two backends: SVG text, and pixels for PNG.
//!
//! Both work on whole pixels only, so both are given a sheet four times as wide: an SVG's view box scales it back to
//! quarter-pixel precision, and the bitmap is averaged 2 x 2 afterwards, which smooths every edge and leaves two pixels
//! per user unit.

use super::canvas::{Anchor, Canvas, FONT, Mark, Point, Text, font, px_scale};
use super::palette::Colour;
use crate::error::{Error, Result};
use ab_glyph::{Font, ScaleFont};
use base64::Engine;
use image::{ImageEncoder, RgbImage};
use plotters::backend::DrawingBackend;
use plotters::prelude::{BitMapBackend, Color, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, ShapeStyle, TextStyle};
use std::fmt::Write;

/// Backend pixels per user unit.
const FINE: f64 = 4.0;

fn fine((x, y): Point) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}

fn rgba(colour: Colour) -> RGBAColor {
    let [r, g, b] = colour.rgb;
    RGBAColor(r, g, b, colour.alpha)
}

fn style(colour: Colour, width: f64) -> ShapeStyle {
    ShapeStyle { color: rgba(colour), filled: true, stroke_width: (width * FINE).round().max(1.0) as u32 }
}

/// Paints what both backends draw alike. Text and images are left to the caller.
fn paint<B: DrawingBackend>(backend: &mut B, mark: &Mark) {
    let drawn = match mark {
        Mark::Line { points, colour, width } => {
            let mut path: Vec<_> = points.iter().map(|&p| fine(p)).collect();
            path.dedup(); // a segment without length has no direction
            if path.len() < 2 {
                return;
            }
            let mut runs = smooth_runs(&path).into_iter();
            runs.try_for_each(|run| backend.draw_path(run.iter().copied(), &style(*colour, *width)))
        }
        Mark::Polygon { points, fill } => {
            let path: Vec<_> = points.iter().map(|&p| fine(p)).collect();
            match axis_parallel(&path) {
                Some((a, b)) => backend.draw_rect(a, b, &style(*fill, 0.0), true),
                None => backend.fill_polygon(path, &style(*fill, 0.0)),
            }
        }
        Mark::Circle { centre, radius, fill } => {
            let radius = (radius * FINE).round().max(1.0) as u32;
            backend.draw_circle(fine(*centre), radius, &style(*fill, 0.0), true)
        }
        Mark::Text(_) | Mark::Image { .. } | Mark::Item(_) => Ok(()),
    };
    assert!(drawn.is_ok(), "chart: drawing into memory cannot fail");
}

/// Returns the two opposite corners, if the four points are a rectangle as `Canvas::rect` makes it.
#[allow(clippy::type_complexity)]
fn axis_parallel(p: &[(i32, i32)]) -> Option<((i32, i32), (i32, i32))> {
    let rect = p.len() == 4 && p[0].1 == p[1].1 && p[1].0 == p[2].0 && p[2].1 == p[3].1 && p[3].0 == p[0].0;
    (rect && p[0].0 <= p[2].0 && p[0].1 <= p[2].1).then(|| (p[0], p[2]))
}

/// Cuts a path where it turns back: plotters' pointed joins would grow far beyond the corner there.
fn smooth_runs(path: &[(i32, i32)]) -> Vec<&[(i32, i32)]> {
    let (mut runs, mut from) = (Vec::new(), 0);
    for (i, w) in path.windows(3).enumerate() {
        let along = |k: usize| (i64::from(w[k + 1].0 - w[k].0), i64::from(w[k + 1].1 - w[k].1));
        let (before, after) = (along(0), along(1));
        if before.0 * after.0 + before.1 * after.1 < 0 {
            runs.push(&path[from..i + 2]);
            from = i + 1;
        }
    }
    runs.push(&path[from..]);
    runs
}

// ---------------------------------------------------------------- SVG

/// Returns the whole drawing as SVG. `label` is the description for screen readers.
pub(crate) fn svg(canvas: &Canvas, label: &str) -> String {
    let (width, height) = (canvas.width.round(), canvas.height.round());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         role=\"img\" aria-label=\"{}\" font-family=\"{FONT}, Inter, Helvetica, Arial, sans-serif\" \
         stroke-linejoin=\"round\" stroke-linecap=\"round\">\n",
        width * FINE,
        height * FINE,
        crate::report::escape(label),
    );
    // plotters draws the runs of vector marks; images and groups between them are written here
    for run in canvas.marks.split_inclusive(|m| matches!(m, Mark::Image { .. } | Mark::Item(_))) {
        // Marks on the paper are grouped separately from those on coloured cells: a dark page recolours the former
        // only.
        for part in run.chunk_by(|a, b| a.is_themed() == b.is_themed()) {
            let drawn = vector_part(part, canvas);
            match part[0].is_themed() {
                true if !drawn.is_empty() => {
                    let _ = write!(out, "<g class=\"themed\">{drawn}</g>");
                }
                _ => out.push_str(&drawn),
            }
        }
        if let Some(Mark::Item(item)) = run.last() {
            let _ = match item {
                Some(number) => writeln!(out, "<g data-item=\"{number}\">"),
                None => writeln!(out, "</g>"),
            };
        }
        if let Some(Mark::Image { corner, size, pixels, smooth }) = run.last() {
            let data = base64::engine::general_purpose::STANDARD.encode(encode_png(pixels));
            let (x, y) = fine(*corner);
            let (w, h) = fine(*size);
            let look = if *smooth { "" } else { " style=\"image-rendering:pixelated\"" };
            let _ = writeln!(
                out,
                "<image x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"none\"{look} \
                 href=\"data:image/png;base64,{data}\"/>"
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Returns the elements plotters writes for these marks, without its own `<svg>` around them.
fn vector_part(marks: &[Mark], canvas: &Canvas) -> String {
    let mut document = String::new();
    {
        let size = ((canvas.width * FINE) as u32, (canvas.height * FINE) as u32);
        let mut backend = SVGBackend::with_string(&mut document, size);
        for mark in marks {
            match mark {
                Mark::Text(text) => svg_text(&mut backend, text),
                other => paint(&mut backend, other),
            }
        }
        backend.present().expect("chart: writing into a string cannot fail");
    }
    let body = document.split_once(">\n").map_or("", |(_, rest)| rest);
    let body = body.strip_suffix("</svg>\n").unwrap_or(body);
    // what plotters says in every element is said once, in the header
    body.replace(&format!(" font-family=\"{FONT}\""), "").replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "")
}

fn svg_text(backend: &mut SVGBackend<'_>, text: &Text) {
    // plotters divides the size by 1.24 and puts the baseline 0.76 em below the top
    let em = (text.size * FINE).round();
    let horizontal = match text.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let weight = if text.bold { FontStyle::Bold } else { FontStyle::Normal };
    let font = FontDesc::new(FontFamily::Name(FONT), em * 1.24, weight);
    let font = if text.turned { font.transform(FontTransform::Rotate270) } else { font };
    let colour = rgba(text.colour);
    let style = TextStyle::from(font).color(&colour).pos(Pos::new(horizontal, VPos::Top));
    let (x, y) = fine(text.at);
    let drop = (0.76 * em).round() as i32;
    let at = if text.turned { (x - drop, y) } else { (x, y - drop) };
    backend.draw_text(&text.words, &style, at).expect("chart: writing into a string cannot fail");
}

// ---------------------------------------------------------------- pixels

/// Returns the whole drawing in pixels, two per user unit, for a light page.
pub(crate) fn pixels(canvas: &Canvas) -> RgbImage {
    paint_pixels(canvas.width, canvas.height, &canvas.marks)
}

/// Returns the same for a dark page.
pub(crate) fn dark_pixels(canvas: &Canvas) -> RgbImage {
    let marks: Vec<Mark> = canvas.marks.iter().cloned().map(Mark::darkened).collect();
    paint_pixels(canvas.width, canvas.height, &marks)
}

fn paint_pixels(width: f64, height: f64, marks: &[Mark]) -> RgbImage {
    let (width, height) = ((width.round() * FINE) as u32, (height.round() * FINE) as u32);
    let mut buffer = vec![255u8; 3 * width as usize * height as usize];
    {
        let mut backend = BitMapBackend::with_buffer(&mut buffer, (width, height));
        for mark in marks {
            match mark {
                Mark::Text(text) => bitmap_text(&mut backend, text),
                Mark::Image { corner, size, pixels, smooth } => {
                    bitmap_image(&mut backend, fine(*corner), fine(*size), pixels, *smooth);
                }
                other => paint(&mut backend, other),
            }
        }
        backend.present().expect("chart: drawing into memory cannot fail");
    }
    halve(&buffer, width as usize, height as usize)
}

/// Glyph by glyph with exact bearings (plotters' own text drops them, which makes for uneven spacing).
fn bitmap_text(backend: &mut BitMapBackend<'_>, text: &Text) {
    let font = font(text.bold);
    let scaled = font.as_scaled(px_scale(font, (text.size * FINE).round()));
    let width: f32 = text.words.chars().map(|c| scaled.h_advance(scaled.glyph_id(c))).sum();
    let mut pen = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -0.5 * width,
        Anchor::End => -width,
    };
    let (x0, y0) = fine(text.at);
    for c in text.words.chars() {
        let mut glyph = scaled.scaled_glyph(c);
        glyph.position = ab_glyph::point(pen, 0.0);
        pen += scaled.h_advance(glyph.id);
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let corner = outline.px_bounds().min;
        outline.draw(|dx, dy, coverage| {
            let (dx, dy) = (corner.x as i32 + dx as i32, corner.y as i32 + dy as i32);
            let at = if text.turned { (x0 + dy, y0 - dx) } else { (x0 + dx, y0 + dy) };
            let colour = text.colour.faint(text.colour.alpha * f64::from(coverage.min(1.0)));
            pixel(backend, at, colour);
        });
    }
}

fn pixel(backend: &mut BitMapBackend<'_>, (x, y): (i32, i32), colour: Colour) {
    let (width, height) = backend.get_size();
    if x >= 0 && y >= 0 && (x as u32) < width && (y as u32) < height {
        backend.draw_pixel((x, y), rgba(colour).to_backend_color()).expect("chart: drawing into memory cannot fail");
    }
}

/// An image stretched over a rectangle: nearest neighbour, or bilinear if `smooth`.
fn bitmap_image(
    backend: &mut BitMapBackend<'_>,
    corner: (i32, i32),
    size: (i32, i32),
    pixels: &RgbImage,
    smooth: bool,
) {
    let (columns, rows) = (pixels.width(), pixels.height());
    for y in 0..size.1 {
        for x in 0..size.0 {
            let u = (f64::from(x) + 0.5) / f64::from(size.0) * f64::from(columns);
            let v = (f64::from(y) + 0.5) / f64::from(size.1) * f64::from(rows);
            let rgb = if smooth {
                bilinear(pixels, u - 0.5, v - 0.5)
            } else {
                pixels.get_pixel((u as u32).min(columns - 1), (v as u32).min(rows - 1)).0
            };
            pixel(backend, (corner.0 + x, corner.1 + y), Colour::new(rgb[0], rgb[1], rgb[2]));
        }
    }
}

fn bilinear(pixels: &RgbImage, u: f64, v: f64) -> [u8; 3] {
    let (u, v) = (u.clamp(0.0, f64::from(pixels.width() - 1)), v.clamp(0.0, f64::from(pixels.height() - 1)));
    let (x, y) = (u as u32, v as u32);
    let (x1, y1) = ((x + 1).min(pixels.width() - 1), (y + 1).min(pixels.height() - 1));
    let (s, t) = (u - f64::from(x), v - f64::from(y));
    std::array::from_fn(|c| {
        let at = |x, y| f64::from(pixels.get_pixel(x, y).0[c]);
        let top = at(x, y) * (1.0 - s) + at(x1, y) * s;
        let bottom = at(x, y1) * (1.0 - s) + at(x1, y1) * s;
        (top * (1.0 - t) + bottom * t).round() as u8
    })
}

/// Averages blocks of 2 x 2.
fn halve(buffer: &[u8], width: usize, height: usize) -> RgbImage {
    let mut small = Vec::with_capacity(buffer.len() / 4);
    for y in (0..height).step_by(2) {
        let (upper, lower) = (&buffer[3 * y * width..], &buffer[3 * (y + 1) * width..]);
        for x in (0..3 * width).step_by(6) {
            for c in x..x + 3 {
                let sum = [upper[c], upper[c + 3], lower[c], lower[c + 3]].map(u16::from).iter().sum::<u16>();
                small.push(((sum + 2) / 4) as u8);
            }
        }
    }
    RgbImage::from_raw((width / 2) as u32, (height / 2) as u32, small).expect("chart: sizes agree")
}

/// Encodes an image as PNG; a gray one takes a third of the room.
pub(crate) fn encode_png(pixels: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let encoder = image::codecs::png::PngEncoder::new_with_quality(
        &mut bytes,
        image::codecs::png::CompressionType::Default,
        image::codecs::png::FilterType::Adaptive,
    );
    let gray = pixels.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]);
    let written = if gray {
        let luma: Vec<u8> = pixels.pixels().map(|p| p.0[0]).collect();
        encoder.write_image(&luma, pixels.width(), pixels.height(), image::ExtendedColorType::L8)
    } else {
        encoder.write_image(pixels.as_raw(), pixels.width(), pixels.height(), image::ExtendedColorType::Rgb8)
    };
    written.expect("chart: encoding into memory cannot fail");
    bytes
}

/// Renders the drawing as PNG, for a light or a dark page.
pub(crate) fn png(canvas: &Canvas, dark: bool) -> Result<Vec<u8>> {
    if canvas.width * canvas.height > 16e6 {
        return Err(Error::invalid(format!(
            "figure of {} x {} is too large for a PNG; draw fewer tiles or panels",
            canvas.width, canvas.height
        )));
    }
    Ok(encode_png(&if dark { dark_pixels(canvas) } else { pixels(canvas) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_turns_back_is_cut_there() {
        let path = [(0, 0), (10, 0), (10, 10), (9, 0), (9, -5)];
        assert_eq!(smooth_runs(&path), [&path[..3], &path[2..]]);
        // so the tip of a zigzag stays near its corner
        let mut canvas = Canvas::new(60.0, 60.0);
        canvas.line(&[(30.0, 50.0), (30.25, 20.0), (30.5, 50.0)], Colour::INK, 2.0);
        assert!(pixels(&canvas).enumerate_pixels().all(|(_, y, p)| y >= 36 || p.0 == [255; 3]));
    }
}
