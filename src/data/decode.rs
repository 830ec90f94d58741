//! One picture: from the bytes of a PNG or JPEG file to `size` x `size` numbers in [0, 1].
//!
//! The picture is scaled until it covers the square and cut to its middle, so nothing is stretched and nothing is
//! padded; what lies beyond the square on the longer side is lost. Scaling uses the triangle filter: linear
//! interpolation when enlarging, and when reducing the same triangle made wider, so that every source pixel counts
//! and fine detail is averaged instead of aliased (as Pillow's `BILINEAR`).

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// Longest side that is decoded, in pixels.
pub(super) const MAX_SIDE: u32 = 20_000;
/// Most memory that one decoded picture may take, in bytes.
pub(super) const MAX_BYTES: u64 = 256 << 20;
/// Shortest side that is of use, in pixels.
pub(super) const MIN_SIDE: u32 = 8;

/// Channels that differ by no more than this are gray: JPEG rounds its colour differences.
const GRAY_WITHIN: f32 = 2.5 / 255.0;

/// A decoded picture of `size` x `size`.
#[derive(Debug)]
pub(super) struct Picture {
    /// One plane (gray) or three (red, green, blue), one after the other.
    pub(super) planes: Vec<f32>,
    pub(super) channels: usize,
}

impl Picture {
    /// Decodes; the error is a reason that fits after "skipped:".
    pub(super) fn decode(bytes: &[u8], size: usize) -> Result<Picture, String> {
        let image = read(bytes)?;
        let (width, height) = (image.width(), image.height());
        if width.min(height) < MIN_SIDE {
            return Err(format!("is {width}x{height} pixels, smaller than {MIN_SIDE}"));
        }
        let (channels, planes) = match (image.as_flat_samples_u8(), image.as_flat_samples_u16()) {
            (Some(flat), _) => resize(&image, flat.samples, |v| f32::from(v) / 255.0, size),
            (_, Some(flat)) => resize(&image, flat.samples, |v| f32::from(v) / 65535.0, size),
            _ => return Err("has samples that are neither 8 nor 16 bits".into()),
        };
        let mut picture = Picture { planes, channels };
        if channels == 3 && picture.is_gray() {
            picture.planes = picture.luma(size * size);
            picture.channels = 1;
        }
        Ok(picture)
    }

    /// Writes the picture as `channels` planes, each `area` long: gray is repeated, colour becomes brightness.
    pub(super) fn write(&self, channels: usize, out: &mut [f32]) {
        let area = out.len() / channels;
        match (self.channels, channels) {
            (3, 1) => out.copy_from_slice(&self.luma(area)),
            (1, _) => out.chunks_exact_mut(area).for_each(|plane| plane.copy_from_slice(&self.planes)),
            _ => out.copy_from_slice(&self.planes),
        }
    }

    /// Brightness as ITU-R BT.601 weighs it, 0.299 R + 0.587 G + 0.114 B, written so that R = G = B stays what it is.
    fn luma(&self, area: usize) -> Vec<f32> {
        let (r, gb) = self.planes.split_at(area);
        let (g, b) = gb.split_at(area);
        (0..area).map(|i| g[i] + 0.299 * (r[i] - g[i]) + 0.114 * (b[i] - g[i])).collect()
    }

    fn is_gray(&self) -> bool {
        let (r, gb) = self.planes.split_at(self.planes.len() / 3);
        let (g, b) = gb.split_at(gb.len() / 2);
        (0..r.len()).all(|i| (r[i] - g[i]).abs() <= GRAY_WITHIN && (b[i] - g[i]).abs() <= GRAY_WITHIN)
    }
}

/// Decodes by content, whatever the file is called, upright (cameras note how they were held).
fn read(bytes: &[u8]) -> Result<DynamicImage, String> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);

    let mut reader = ImageReader::new(Cursor::new(bytes));
    reader.limits(limits.clone());
    let reader = reader.with_guessed_format().map_err(|e| e.to_string())?;
    let format = reader.format().filter(|f| matches!(f, ImageFormat::Png | ImageFormat::Jpeg));
    let format = format.ok_or("holds neither PNG nor JPEG")?;
    if format == ImageFormat::Jpeg && !jpeg_has_end(bytes) {
        return Err("cannot be decoded: the JPEG file is cut short".into());
    }
    let explain = |e: image::ImageError| match e {
        image::ImageError::Limits(_) => {
            format!("is larger than the limit of {MAX_SIDE} pixels a side or {} MiB decoded", MAX_BYTES >> 20)
        }
        other => format!("cannot be decoded: {other}"),
    };
    let mut decoder = reader.into_decoder().map_err(explain)?;
    limits.reserve(decoder.total_bytes()).map_err(explain)?;
    let orientation = decoder.orientation().map_err(explain)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(explain)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Whether an end marker (FF D9) follows the last start of a scan (FF DA). The decoder itself fills what is missing
/// with gray, and a half-gray picture would be trained on unnoticed.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|w| w == marker);
    match (last([0xFF, 0xDA]), last([0xFF, 0xD9])) {
        (Some(scan), Some(end)) => end > scan,
        (Some(_), None) => false,
        (None, _) => true, // no scan at all: the decoder has a better message
    }
}

/// The middle square of the picture, scaled to `size`: the number of planes (1 or 3) and the planes.
///
/// The filter is separable: first along each row, then down the columns.
fn resize<S: Copy>(image: &DynamicImage, samples: &[S], value: impl Fn(S) -> f32, size: usize) -> (usize, Vec<f32>) {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let color = image.color();
    let (stored, channels) = (usize::from(color.channel_count()), if color.has_color() { 3 } else { 1 });
    let side = width.min(height) as f64;
    let (left, top) = ((width as f64 - side) / 2.0, (height as f64 - side) / 2.0);
    let (across, down) = (taps(width, left, side, size), taps(height, top, side, size));

    let first = down[0].first;
    let rows = down.iter().map(|t| t.first + t.weights.len()).max().unwrap_or(0) - first;
    let mut narrow = vec![0.0f32; channels * rows * size]; // [C, rows, size]
    let mut line = vec![0.0f32; width];
    for row in 0..rows {
        let pixels = &samples[(first + row) * width * stored..][..width * stored];
        for c in 0..channels {
            for (v, pixel) in line.iter_mut().zip(pixels.chunks_exact(stored)) {
                *v = value(pixel[c]);
                if stored > channels {
                    // What shows through a transparent picture is white paper.
                    let alpha = value(pixel[channels]);
                    *v = *v * alpha + (1.0 - alpha);
                }
            }
            let out = &mut narrow[(c * rows + row) * size..][..size];
            for (o, t) in out.iter_mut().zip(&across) {
                *o = t.weights.iter().zip(&line[t.first..]).map(|(w, v)| w * v).sum();
            }
        }
    }

    let mut planes = vec![0.0f32; channels * size * size];
    for (k, out) in planes.chunks_exact_mut(size).enumerate() {
        let (c, t) = (k / size, &down[k % size]);
        for (w, row) in t.weights.iter().zip(t.first - first..) {
            let from = &narrow[(c * rows + row) * size..][..size];
            out.iter_mut().zip(from).for_each(|(o, v)| *o += w * v);
        }
        // Weights sum to 1 only up to rounding.
        out.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    }
    (channels, planes)
}

/// The source pixels that one result pixel averages.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

/// For each of `size` result pixels, its taps in a line of `len` pixels of which `side`, from `start` on, are mapped.
fn taps(len: usize, start: f64, side: f64, size: usize) -> Vec<Taps> {
    let scale = side / size as f64;
    let reach = scale.max(1.0);
    (0..size)
        .map(|i| {
            let centre = start + (i as f64 + 0.5) * scale;
            let first = ((centre - reach + 0.5).max(0.0) as usize).min(len - 1);
            let end = ((centre + reach + 0.5) as usize).clamp(first + 1, len);
            let heights: Vec<f64> =
                (first..end).map(|j| (1.0 - ((j as f64 + 0.5 - centre) / reach).abs()).max(0.0)).collect();
            let sum: f64 = heights.iter().sum();
            Taps { first, weights: heights.iter().map(|h| (h / sum) as f32).collect() }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, LumaA, Rgb};

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_right_size_is_copied_unchanged() {
        let image = ImageBuffer::from_fn(16, 16, |x, y| Luma([(x * 16 + y) as u8]));
        let picture = Picture::decode(&png(image), 16).unwrap();
        assert_eq!(picture.channels, 1);
        for y in 0..16 {
            for x in 0..16 {
                assert_eq!(picture.planes[y * 16 + x], (x * 16 + y) as f32 / 255.0);
            }
        }
    }

    /// A ramp v(x) = x halves to the mean of its neighbourhood: the triangle of width 4 has weights 1 3 3 1 over 8,
    /// which leaves a ramp a ramp: at result pixel i the centre is 2i + 1, so v = 2i + 0.5.
    #[test]
    fn halving_a_ramp_keeps_it_a_ramp() {
        let ramp = ImageBuffer::from_fn(32, 32, |x, _| Luma([(x * 2000) as u16]));
        let picture = Picture::decode(&png(ramp), 16).unwrap();
        for i in 1..15 {
            let expected = (2.0 * i as f32 + 0.5) * 2000.0 / 65535.0;
            assert!((picture.planes[16 * 5 + i] - expected).abs() < 4.0 * f32::EPSILON);
        }
    }

    /// Of a wide picture the middle is kept: black margins left and right vanish.
    #[test]
    fn the_middle_is_kept() {
        let wide = ImageBuffer::from_fn(64, 16, |x, _| Luma([if (24..40).contains(&x) { 200u8 } else { 0 }]));
        let picture = Picture::decode(&png(wide), 16).unwrap();
        assert!(picture.planes.iter().all(|&v| v == 200.0 / 255.0));
    }

    /// Made with Pillow 13.0: mode F, `resize((size, size), BILINEAR, box=(7, 0, 30, 23))` of a 37 x 23 picture.
    #[test]
    fn scaling_agrees_with_pillow() {
        let image = ImageBuffer::from_fn(37, 23, |x, y| Luma([(x * 7 + y * 13 + x * y) as u8]));
        let bytes = png(image);
        for (size, sum, golden) in [
            (8, 8374.3115, [80.9011, 142.1711, 101.6351, 149.6425, 154.5022]),
            (40, 208994.40625, [47.5125, 92.1252, 166.4727, 111.3086, 122.9523]),
        ] {
            let planes = Picture::decode(&bytes, size).unwrap().planes;
            for ((y, x), value) in [(0, 0), (3, 3), (7, 7), (5, 2), (7, 0)].into_iter().zip(golden) {
                // Four decimals are printed.
                assert!((planes[y * size + x] * 255.0 - value).abs() < 1e-4, "{size}: ({y}, {x})");
            }
            let total: f64 = planes.iter().map(|&v| f64::from(v) * 255.0).sum();
            assert!((total - sum).abs() < 1e-5 * sum, "{total}");
        }
    }

    #[test]
    fn gray_stored_as_colour_is_gray() {
        let same = ImageBuffer::from_fn(9, 9, |x, y| Rgb([(x * 20 + y) as u8; 3]));
        assert_eq!(Picture::decode(&png(same), 9).unwrap().channels, 1);
        let red = ImageBuffer::from_pixel(9, 9, Rgb([255u8, 0, 0]));
        let red = Picture::decode(&png(red), 9).unwrap();
        assert_eq!(red.channels, 3);
        let mut gray = [0.0; 81];
        red.write(1, &mut gray);
        assert!(gray.iter().all(|v| (v - 0.299).abs() < 1e-6));
        let mut colour = [9.0; 243];
        Picture { planes: vec![0.5; 81], channels: 1 }.write(3, &mut colour);
        assert_eq!(colour, [0.5; 243]);
    }

    #[test]
    fn transparency_shows_white() {
        let glass = ImageBuffer::from_pixel(8, 8, LumaA([0u8, 0]));
        assert_eq!(Picture::decode(&png(glass), 8).unwrap().planes, [1.0; 64]);
    }

    #[test]
    fn reasons() {
        let tiny = ImageBuffer::from_pixel(7, 30, Luma([1u8]));
        assert_eq!(Picture::decode(&png(tiny), 8).unwrap_err(), "is 7x30 pixels, smaller than 8");
        let long = ImageBuffer::from_pixel(20_001, 8, Luma([1u8]));
        assert!(Picture::decode(&png(long), 8).unwrap_err().contains("larger than the limit"));
        assert_eq!(Picture::decode(b"GIF89a......", 8).unwrap_err(), "holds neither PNG nor JPEG");
        assert!(Picture::decode(b"", 8).is_err());
    }
}
