//! Images decoded from a latent space: strips (interpolations, traversals, images beside their reconstructions) and a
//! plane of it.
//!
//! In an [`ImageGrid`](super::ImageGrid) each image is read by itself, here a row or the whole as one. So rows have
//! names, and there are no gaps between the images of a plane.

use super::axes::number;
use super::canvas::{Anchor, Canvas, LABEL, SMALL, TITLE, fit, text_width, wrap};
use super::figure::Figure;
use super::images::Tile;
use super::palette::Colour;
use image::RgbImage;
use std::sync::Arc;

/// One line of images.
struct Strip {
    name: String,
    tiles: Vec<Tile>,
}

/// Named rows of images, column under column, in one or more groups.
pub struct ImageStrips {
    title: String,
    columns: Vec<String>,
    groups: Vec<(String, Vec<Strip>)>,
    size: f64,
    smooth: bool,
}

impl ImageStrips {
    /// Creates an empty sheet.
    pub fn new(title: &str) -> Self {
        ImageStrips { title: title.into(), columns: Vec::new(), groups: Vec::new(), size: 56.0, smooth: false }
    }

    /// Sets the words above the columns, such as the place on a line.
    pub fn columns(mut self, names: &[String]) -> Self {
        self.columns = names.to_vec();
        self
    }

    /// Begins a group of rows with a heading.
    pub fn group(mut self, heading: &str) -> Self {
        self.groups.push((heading.into(), Vec::new()));
        self
    }

    /// Adds a row of the present group: its name (empty: none) and its images, whose captions stand below them.
    pub fn row(mut self, name: &str, tiles: Vec<Tile>) -> Self {
        if self.groups.is_empty() {
            self.groups.push((String::new(), Vec::new()));
        }
        if let Some((_, rows)) = self.groups.last_mut() {
            rows.push(Strip { name: name.into(), tiles });
        }
        self
    }

    /// Sets the width of an image in user units; the default is 56.
    pub fn tile_size(mut self, size: f64) -> Self {
        self.size = size.max(8.0);
        self
    }

    /// Scales images smoothly, as for photographs; otherwise pixels stay square.
    pub fn smooth(mut self) -> Self {
        self.smooth = true;
        self
    }

    /// Draws the sheet.
    pub fn draw(&self) -> Figure {
        let (gap, side) = (4.0, self.size);
        let rows = || self.groups.iter().flat_map(|g| &g.1);
        let named = rows().map(|r| text_width(&r.name, LABEL, false)).fold(0.0, f64::max).min(180.0);
        let left = if named > 0.0 { 8.0 + named + 10.0 } else { 8.0 };
        let most = rows().map(|r| r.tiles.len()).max().unwrap_or(0);
        let headings = self.groups.iter().map(|g| 16.0 + text_width(&g.0, LABEL, true)).fold(0.0, f64::max);
        let title = (16.0 + 0.5 * text_width(&self.title, TITLE, true)).max(headings).min(560.0);
        let width = (left + (side + gap) * most as f64 - gap + 8.0).max(240.0).max(title);
        let mut canvas = Canvas::new(width, 0.0);
        let mut top = canvas.title(8.0, &self.title);
        if !self.columns.is_empty() {
            for (i, name) in self.columns.iter().take(most).enumerate() {
                let at = (left + (side + gap) * i as f64 + 0.5 * side, top + SMALL);
                canvas.text(at, &fit(name, SMALL, false, side + gap - 2.0), SMALL, Colour::GRAY, Anchor::Middle);
            }
            top += SMALL + 7.0;
        }
        for (heading, rows) in &self.groups {
            if !heading.is_empty() {
                let words = fit(heading, LABEL, true, width - 16.0);
                canvas.bold((8.0, top + LABEL), &words, LABEL, Colour::INK, Anchor::Start);
                top += LABEL + 9.0;
            }
            for row in rows {
                let tallest = row.tiles.iter().map(|t| t.height(side)).fold(0.0, f64::max);
                self.draw_name(&mut canvas, &row.name, (left - 10.0, top + 0.5 * tallest), named);
                let mut lines = 0;
                for (i, tile) in row.tiles.iter().enumerate() {
                    let x = left + (side + gap) * i as f64;
                    tile.draw(&mut canvas, (x, top), side, self.smooth);
                    for (j, words) in tile.caption.iter().enumerate() {
                        let at = (x + 0.5 * side, top + tallest + 15.0 * (j as f64 + 1.0) - 1.0);
                        canvas.text(at, &fit(words, SMALL, false, side), SMALL, Colour::GRAY, Anchor::Middle);
                    }
                    lines = lines.max(tile.caption.len());
                }
                top += tallest + gap + 15.0 * lines as f64;
            }
            top += 8.0;
        }
        canvas.height = top;
        let names: Vec<&str> = rows().map(|r| r.name.as_str()).filter(|n| !n.is_empty()).collect();
        let count: usize = rows().map(|r| r.tiles.len()).sum();
        Figure::new(canvas, format!("{count} images in rows. {}: {}", self.title, names.join(", ")))
    }

    /// A row's name, ending at `right`, its lines about the middle of the row.
    fn draw_name(&self, canvas: &mut Canvas, name: &str, (right, middle): (f64, f64), room: f64) {
        if name.is_empty() {
            return;
        }
        let lines = wrap(name, LABEL, false, room);
        let first = middle - 8.0 * (lines.len() as f64 - 1.0) + 0.36 * LABEL;
        for (i, line) in lines.iter().enumerate() {
            canvas.text((right, first + 16.0 * i as f64), line, LABEL, Colour::INK, Anchor::End);
        }
    }
}

/// A plane of a latent space: the images decoded on a grid of codes, side by side without gaps, with the codes' two
/// numbers along the sides.
pub struct ImagePlane {
    title: String,
    axes: [String; 2],
    x: Vec<f64>,
    y: Vec<f64>,
    tiles: Vec<Tile>,
}

/// About how wide a plane is drawn.
const WIDTH: f64 = 560.0;

impl ImagePlane {
    /// Creates a plane of images in the order of reading (the top row first, where y is largest), for the values `x`
    /// from left to right and `y` from the bottom up.
    ///
    /// Panics unless there is one image for each pair, all of one size.
    pub fn new(title: &str, x: &[f64], y: &[f64], tiles: Vec<Tile>) -> Self {
        assert_eq!(tiles.len(), x.len() * y.len(), "ImagePlane: one image for each pair of values");
        let size = tiles.first().map(|t| t.pixels.dimensions());
        assert!(tiles.iter().all(|t| Some(t.pixels.dimensions()) == size), "ImagePlane: images of one size");
        ImagePlane { title: title.into(), axes: Default::default(), x: x.to_vec(), y: y.to_vec(), tiles }
    }

    /// Sets the titles of the two sides.
    pub fn axes(mut self, x: &str, y: &str) -> Self {
        self.axes = [x.into(), y.into()];
        self
    }

    /// Returns all images as one.
    fn mosaic(&self) -> RgbImage {
        let (w, h) = self.tiles.first().map_or((1, 1), |t| t.pixels.dimensions());
        let (columns, rows) = (self.x.len() as u32, self.y.len() as u32);
        RgbImage::from_fn(columns * w, rows * h, |i, j| {
            *self.tiles[(j / h * columns + i / w) as usize].pixels.get_pixel(i % w, j % h)
        })
    }

    /// Draws the plane.
    pub fn draw(&self) -> Figure {
        let mosaic = self.mosaic();
        let (w, h) = (f64::from(mosaic.width().max(1)), f64::from(mosaic.height()));
        // A pixel is a whole number of half units, so that all are of one size in the PNG too.
        let unit = 0.5 * (2.0 * WIDTH / w).floor().max(1.0);
        let size = (unit * w, unit * h);
        let labels = |values: &[f64]| values.iter().map(|&v| number(v)).collect::<Vec<_>>();
        let (across, up) = (labels(&self.x), labels(&self.y));
        let widest = |names: &[String]| names.iter().map(|n| text_width(n, SMALL, false)).fold(0.0, f64::max);
        let left = 8.0 + widest(&up) + 8.0;
        let mut canvas = Canvas::new((left + size.0 + 16.0).max(240.0), 0.0);
        let mut top = canvas.title(8.0, &self.title);
        if !self.axes[1].is_empty() {
            let words = fit(&self.axes[1], LABEL, false, canvas.width - 16.0);
            canvas.text((8.0, top + LABEL), &words, LABEL, Colour::GRAY, Anchor::Start);
            top += LABEL + 8.0;
        }
        let (columns, rows) = (self.x.len().max(1) as f64, self.y.len().max(1) as f64);
        // As many labels as have room: every tile's, every other's, every third's.
        let every = |step: f64, room: f64| (room / step).ceil().max(1.0) as usize;
        for (i, name) in across.iter().enumerate().step_by(every(size.0 / columns, widest(&across) + 10.0)) {
            let at = (left + size.0 * (i as f64 + 0.5) / columns, top + size.1 + 17.0);
            canvas.text(at, name, SMALL, Colour::GRAY, Anchor::Middle);
        }
        for (i, name) in up.iter().enumerate().step_by(every(size.1 / rows, SMALL + 8.0)) {
            let at = (left - 8.0, top + size.1 * (1.0 - (i as f64 + 0.5) / rows) + 0.36 * SMALL);
            canvas.text(at, name, SMALL, Colour::GRAY, Anchor::End);
        }
        canvas.image((left, top), size, Arc::new(mosaic), false);
        canvas.frame(left, top, size.0, size.1, Colour::GRID.mix(Colour::GRAY, 0.35), 0.75);
        canvas.height = top + size.1 + 26.0;
        if !self.axes[0].is_empty() {
            let words = fit(&self.axes[0], LABEL, false, canvas.width - 16.0);
            let half = 0.5 * text_width(&words, LABEL, false);
            let middle = (left + 0.5 * size.0).min(canvas.width - 8.0 - half).max(8.0 + half);
            canvas.text((middle, canvas.height + 12.0), &words, LABEL, Colour::GRAY, Anchor::Middle);
            canvas.height += 20.0;
        }
        Figure::new(canvas, format!("{} x {} images on a plane. {}", self.x.len(), self.y.len(), self.title))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two across, two up, each image one pixel: the top row is read first.
    #[test]
    fn a_mosaic_is_read_like_a_page() {
        let tile = |v: f32| Tile::chw(&[v], 1, 1, 1);
        let plane = ImagePlane::new("", &[0.0, 1.0], &[0.0, 1.0], [0.0, 0.2, 0.4, 1.0].map(tile).to_vec());
        let mosaic = plane.mosaic();
        let pixel = |x, y| mosaic.get_pixel(x, y).0[0];
        assert_eq!([pixel(0, 0), pixel(1, 0), pixel(0, 1), pixel(1, 1)], [0, 51, 102, 255]);
        // Bottom to top, the y labels rise.
        let svg = plane.draw().svg;
        assert_eq!(svg.matches("<image").count(), 1, "one image in the file");
    }

    #[test]
    #[should_panic(expected = "one image for each pair")]
    fn a_plane_is_full() {
        ImagePlane::new("", &[0.0, 1.0], &[0.0], Vec::new());
    }
}
