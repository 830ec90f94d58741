//! Sheets of small images: contact sheets, worst mistakes, filters, feature maps.

use super::axes::extent;
use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL, TITLE, fit, text_width, wrap};
use super::figure::Figure;
use super::palette::{Colour, ColourMap};
use crate::report::words::counted;
use image::RgbImage;
use std::sync::Arc;

/// One image with its words and border.
#[derive(Clone, Debug)]
pub struct Tile {
    pub(super) pixels: Arc<RgbImage>,
    pub(super) caption: Vec<String>,
    border: Option<Colour>,
}

impl Tile {
    /// Creates a tile of any image.
    pub fn new(pixels: RgbImage) -> Self {
        Tile { pixels: Arc::new(pixels), caption: Vec::new(), border: None }
    }

    /// Creates a plane of values, row by row, through a colour map; `range` are the values at its two ends. Without
    /// one the plane's own smallest and largest value are taken (for [`ColourMap::Diverging`]: plus and minus the
    /// largest magnitude, so that white is zero).
    ///
    /// Panics if `values` is not `width * height` long.
    pub fn plane(values: &[f32], width: usize, height: usize, map: ColourMap, range: Option<(f32, f32)>) -> Self {
        assert_eq!(values.len(), width * height, "Tile::plane: values and size disagree");
        let own = extent(values.iter().map(|&v| f64::from(v))).unwrap_or((0.0, 1.0));
        let (lo, hi) = match range {
            Some((lo, hi)) => (f64::from(lo), f64::from(hi)),
            None if map == ColourMap::Diverging => {
                let most = own.0.abs().max(own.1.abs());
                (-most, most)
            }
            None => own,
        };
        let width_of = if hi > lo { hi - lo } else { 1.0 };
        Tile::new(RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let v = f64::from(values[y as usize * width + x as usize]);
            image::Rgb(map.at((v - lo) / width_of).rgb)
        }))
    }

    /// Creates an image with values in [0, 1], stored as channels x height x width: one channel is gray, three are RGB.
    ///
    /// Panics if `values` does not have that length.
    pub fn chw(values: &[f32], channels: usize, height: usize, width: usize) -> Self {
        assert_eq!(values.len(), channels * width * height, "Tile::chw: values and size disagree");
        let byte = |v: f32| (255.0 * v.clamp(0.0, 1.0)).round() as u8;
        Tile::new(RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = |c: usize| byte(values[(c * height + y as usize) * width + x as usize]);
            image::Rgb(if channels >= 3 { [at(0), at(1), at(2)] } else { [at(0); 3] })
        }))
    }

    /// Adds a line below the image; call again for more lines.
    pub fn caption(mut self, line: &str) -> Self {
        self.caption.push(line.into());
        self
    }

    /// Adds a coloured border ([`Colour::INCORRECT`], a class's colour).
    pub fn border(mut self, colour: Colour) -> Self {
        self.border = Some(colour);
        self
    }

    /// Its height where it is `side` wide.
    pub(super) fn height(&self, side: f64) -> f64 {
        let ratio = f64::from(self.pixels.height()) / f64::from(self.pixels.width().max(1));
        (side * ratio).clamp(2.0, 3.0 * side)
    }

    /// The image, `side` wide, and its border.
    pub(super) fn draw(&self, canvas: &mut Canvas, (x, y): Point, side: f64, smooth: bool) {
        let high = self.height(side);
        let colour = self.border.unwrap_or(Colour::GRAY.faint(0.4));
        let stroke = if self.border.is_some() { 3.0 } else { 0.75 };
        canvas.rect(x, y, side, high, colour);
        let inside = (side - 2.0 * stroke, high - 2.0 * stroke);
        canvas.image((x + stroke, y + stroke), inside, Arc::clone(&self.pixels), smooth);
    }
}

/// Returns the filters of a convolution's first layer, `weights` as `[filters, channels, height, width]` one after the
/// other, each numbered and on a scale of its own, with the caption that says how to read them.
///
/// Of three channels a filter is one colour kernel: gray is zero, and a pixel is the redder the larger its weight for
/// red. Otherwise each channel is a tile of its own: blue is negative, orange positive, white zero.
pub fn filters(weights: &[f32], [filters, channels, h, w]: [usize; 4]) -> (ImageGrid, String) {
    /// Filters shown.
    const MOST: usize = 64;
    let size = channels * h * w;
    let shown = filters.min(MOST);
    let mut tiles = Vec::new();
    for (i, filter) in weights.chunks(size).take(shown).enumerate() {
        let most = filter.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
        if channels == 3 {
            let values: Vec<f32> = filter.iter().map(|v| 0.5 + 0.5 * v / most).collect();
            tiles.push(Tile::chw(&values, 3, h, w).caption(&format!("{}", i + 1)));
            continue;
        }
        for (c, plane) in filter.chunks(h * w).enumerate() {
            let name = if channels == 1 { format!("{}", i + 1) } else { format!("{}, ch. {}", i + 1, c + 1) };
            tiles.push(Tile::plane(plane, w, h, ColourMap::Diverging, Some((-most, most))).caption(&name));
        }
    }
    let reading = if channels == 3 {
        "as colour kernels: gray is zero, a brighter colour a positive weight for it, a darker one a negative weight"
    } else {
        "blue is negative, orange positive, white zero"
    };
    let of = if shown < filters { format!("first {shown} of {filters} filters") } else { counted(filters, "filter") };
    let caption = format!("The {of} of the first layer, {reading}; each filter has its own scale.");
    (ImageGrid::new("First-layer filters").group("", tiles).columns(8).tile_size(64.0), caption)
}

/// Tiles in rows, in one or more named groups.
pub struct ImageGrid {
    title: String,
    groups: Vec<(String, Vec<Tile>)>,
    columns: usize,
    size: f64,
    smooth: bool,
}

impl ImageGrid {
    /// Creates an empty sheet.
    pub fn new(title: &str) -> Self {
        ImageGrid { title: title.into(), groups: Vec::new(), columns: 6, size: 84.0, smooth: false }
    }

    /// Adds a group of tiles under a heading (empty: none).
    pub fn group(mut self, heading: &str, tiles: Vec<Tile>) -> Self {
        self.groups.push((heading.into(), tiles));
        self
    }

    /// Sets the number of tiles per row; the default is 6.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = columns.max(1);
        self
    }

    /// Sets the width of a tile in user units; the default is 84.
    pub fn tile_size(mut self, size: f64) -> Self {
        self.size = size.max(8.0);
        self
    }

    /// Scales images smoothly, as for photographs; otherwise pixels stay square, as for filters and feature maps.
    pub fn smooth(mut self) -> Self {
        self.smooth = true;
        self
    }

    /// Draws the sheet.
    pub fn draw(&self) -> Figure {
        let (gap, side) = (10.0, self.size);
        let most = self.groups.iter().map(|g| g.1.len()).max().unwrap_or(0);
        let columns = self.columns.min(most.max(1));
        let width = (16.0 + (side + gap) * columns as f64 - gap).max(240.0).max(self.heading_width());
        let mut canvas = Canvas::new(width, 0.0);
        let mut top = canvas.title(8.0, &self.title);
        for (heading, tiles) in &self.groups {
            if !heading.is_empty() {
                let words = fit(heading, LABEL, true, width - 16.0);
                canvas.bold((8.0, top + LABEL), &words, LABEL, Colour::INK, Anchor::Start);
                top += LABEL + 9.0;
            }
            for row in tiles.chunks(columns) {
                // every tile of a row has the height of its tallest image and longest caption
                let tallest = row.iter().map(|t| t.height(side)).fold(0.0, f64::max);
                let captions: Vec<Vec<(String, bool)>> = row.iter().map(|t| self.caption_lines(t)).collect();
                let lines = captions.iter().map(Vec::len).max().unwrap_or(0) as f64;
                for (i, (tile, caption)) in row.iter().zip(&captions).enumerate() {
                    let left = 8.0 + (side + gap) * i as f64;
                    tile.draw(&mut canvas, (left, top), side, self.smooth);
                    let under = top + tile.height(side) + 4.0;
                    for (j, (line, first)) in caption.iter().enumerate() {
                        let at = (left, under + 15.0 * (j as f64 + 1.0) - 3.0);
                        let colour = if *first { Colour::INK } else { Colour::GRAY };
                        canvas.text(at, line, SMALL, colour, Anchor::Start);
                    }
                }
                top += tallest + gap + if lines > 0.0 { 4.0 + 15.0 * lines } else { 0.0 };
            }
            top += 6.0;
        }
        canvas.height = top;
        let count: usize = self.groups.iter().map(|g| g.1.len()).sum();
        Figure::new(canvas, format!("{count} images. {}", self.title))
    }

    /// Wide enough for headings and title not to break badly.
    fn heading_width(&self) -> f64 {
        let headings = self.groups.iter().map(|g| 16.0 + text_width(&g.0, LABEL, true)).fold(0.0, f64::max);
        headings.max(16.0 + 0.5 * text_width(&self.title, TITLE, true)).min(560.0)
    }

    /// Caption lines wrapped to the tile's width; the flag marks those of the first line given.
    fn caption_lines(&self, tile: &Tile) -> Vec<(String, bool)> {
        let wrapped = tile.caption.iter().enumerate();
        wrapped
            .flat_map(|(i, line)| wrap(line, SMALL, false, self.size + 4.0).into_iter().map(move |l| (l, i == 0)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_and_channels_become_the_right_pixels() {
        let tile = Tile::plane(&[-1.0, 0.0, 1.0, 0.5], 2, 2, ColourMap::Gray, None);
        assert_eq!(tile.pixels.get_pixel(0, 0).0, [0, 0, 0]);
        assert_eq!(tile.pixels.get_pixel(1, 0).0, [128, 128, 128]);
        assert_eq!(tile.pixels.get_pixel(0, 1).0, [255, 255, 255]);
        let tile = Tile::plane(&[-2.0, 0.0, 1.0, 0.0], 2, 2, ColourMap::Diverging, None);
        assert_eq!(tile.pixels.get_pixel(1, 0).0, [255, 255, 255]);
        // A filter of three channels is one tile, of two channels two.
        let (grid, words) = filters(&[1.0, 0.0, -1.0, 0.5], [1, 1, 2, 2]);
        assert_eq!(grid.groups[0].1[0].pixels.get_pixel(1, 0).0, [255, 255, 255]);
        assert!(words.contains("The 1 filter of") && words.contains("blue is negative"), "{words}");
        let (grid, words) = filters(&[1.0, 0.0, -1.0], [1, 3, 1, 1]);
        assert_eq!(grid.groups[0].1[0].pixels.get_pixel(0, 0).0, [255, 128, 0]);
        assert!(words.contains("colour kernels"));
        assert_eq!(filters(&[0.0; 4], [2, 2, 1, 1]).0.groups[0].1.len(), 4);
        let (grid, words) = filters(&[0.0; 70], [70, 1, 1, 1]);
        assert!(grid.groups[0].1.len() == 64 && words.contains("first 64 of 70 filters"), "{words}");
        // 3 channels of 1 x 2
        let tile = Tile::chw(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0], 3, 1, 2);
        assert_eq!(tile.pixels.get_pixel(0, 0).0, [255, 0, 0]);
        assert_eq!(tile.pixels.get_pixel(1, 0).0, [0, 255, 0]);
    }
}
