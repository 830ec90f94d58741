//! Decodes one image: from the bytes of a file to `size` x `size` numbers in [0, 1].
//!
//! The format is recognized by the contents, never by the name: PNG, JPEG, GIF (its first frame), WebP, BMP, TIFF,
//! PNM. A file that ends before its image does is refused, since decoders fill what is missing with gray.
//!
//! The image is scaled until it covers the square and cut to its middle, so nothing is stretched and nothing is
//! padded; what lies beyond the square on the longer side is lost. Scaling uses the triangle filter: linear
//! interpolation when enlarging, and when reducing the same triangle made wider, so that every source pixel counts
//! and fine detail is averaged instead of aliased (as Pillow's `BILINEAR`).

use super::jpeg;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::Cursor;

/// Gray, colour, or as the images are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Colour if a training image is in colour (its channels differ by more than JPEG's rounding), else gray.
    #[default]
    Auto,
    /// One channel: 0.299 R + 0.587 G + 0.114 B.
    Gray,
    /// Three channels, unchanged: even a slight tint stays.
    Rgb,
}

impl Color {
    /// Returns the number of channels, if it does not depend on the images.
    pub fn channels(self) -> Option<usize> {
        match self {
            Color::Auto => None,
            Color::Gray => Some(1),
            Color::Rgb => Some(3),
        }
    }
}

/// Longest side that is decoded, in pixels.
pub(super) const MAX_SIDE: u32 = 20_000;
/// Most memory that one decoded image may take, in bytes.
pub(super) const MAX_BYTES: u64 = 256 << 20;
/// Shortest side that is accepted, in pixels.
pub(super) const MIN_SIDE: u32 = 8;
/// The formats that are read, for messages.
pub(super) const FORMATS: &str = "PNG, JPEG, GIF, WebP, BMP, TIFF or PNM";
/// First bytes of a file by which [`format_of`] knows its format.
pub(super) const HEAD: usize = 32;

/// Channels that differ by no more than this count as gray where the colour is left open: JPEG rounds its colour
/// differences.
const GRAY_WITHIN: f32 = 2.5 / 255.0;

/// A decoded image of `size` x `size`.
#[derive(Debug)]
pub(super) struct Pixels {
    /// One plane (gray) or three (red, green, blue), one after the other.
    pub(super) planes: Vec<f32>,
    pub(super) channels: usize,
    /// Whether a tint too slight to count as colour was dropped. A caller that needs colour decodes once more.
    pub(super) tinted: bool,
}

impl Pixels {
    /// Decodes; the error is a reason that fits after "skipped:".
    ///
    /// [`Color::Gray`] gives one plane. [`Color::Rgb`] gives three, or one if all three are equal, which loses nothing.
    /// [`Color::Auto`] gives one also where the planes differ by no more than JPEG's rounding.
    pub(super) fn decode(bytes: &[u8], size: usize, color: Color) -> Result<Pixels, String> {
        let image = read(bytes)?;
        let (width, height) = (image.width(), image.height());
        if width.min(height) < MIN_SIDE {
            return Err(format!("is {width}x{height} pixels, smaller than {MIN_SIDE}"));
        }
        let side = f64::from(width.min(height));
        let square = Region {
            left: (f64::from(width) - side) / 2.0,
            top: (f64::from(height) - side) / 2.0,
            width: side,
            height: side,
        };
        let (channels, planes) = resample(&image, &square, size, size)?;
        let mut pixels = Pixels { planes, channels, tinted: false };
        if channels == 3 {
            let difference = pixels.largest_difference();
            let within = if color == Color::Auto { GRAY_WITHIN } else { 0.0 };
            if color == Color::Gray || difference <= within {
                pixels.planes = pixels.luma(size * size);
                pixels.channels = 1;
                pixels.tinted = difference > 0.0;
            }
        }
        Ok(pixels)
    }

    /// Writes the image as `channels` planes, each `area` long: gray is repeated, colour becomes brightness.
    pub(super) fn write(&self, channels: usize, out: &mut [f32]) {
        let area = out.len() / channels;
        match (self.channels, channels) {
            (3, 1) => out.copy_from_slice(&self.luma(area)),
            (1, _) => out.chunks_exact_mut(area).for_each(|plane| plane.copy_from_slice(&self.planes)),
            _ => out.copy_from_slice(&self.planes),
        }
    }

    /// Returns the brightness by the weights of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B, written so that R = G = B
    /// stays what it is.
    fn luma(&self, area: usize) -> Vec<f32> {
        let (r, gb) = self.planes.split_at(area);
        let (g, b) = gb.split_at(area);
        (0..area).map(|i| g[i] + 0.299 * (r[i] - g[i]) + 0.114 * (b[i] - g[i])).collect()
    }

    /// Returns the largest difference of red or blue from green.
    fn largest_difference(&self) -> f32 {
        let (r, gb) = self.planes.split_at(self.planes.len() / 3);
        let (g, b) = gb.split_at(gb.len() / 2);
        (0..r.len()).fold(0.0, |most: f32, i| most.max((r[i] - g[i]).abs()).max((b[i] - g[i]).abs()))
    }
}

/// Returns a whole image in gray, its longer side at most `longest`: its width, height, and brightnesses row by row.
/// The error is a reason as for [`Pixels::decode`].
pub(super) fn gray(bytes: &[u8], longest: usize) -> Result<(usize, usize, Vec<f32>), String> {
    let image = read(bytes)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let scale = (longest as f64 / width.max(height) as f64).min(1.0);
    let [w, h] = [width, height].map(|side| ((side as f64 * scale).round() as usize).max(1));
    let whole = Region { left: 0.0, top: 0.0, width: width as f64, height: height as f64 };
    let (channels, planes) = resample(&image, &whole, w, h)?;
    let pixels = Pixels { planes, channels, tinted: false };
    Ok((w, h, if channels == 3 { pixels.luma(w * h) } else { pixels.planes }))
}

/// Returns the format of a file that begins with these bytes (the first [`HEAD`] suffice), if it is one that is read.
///
/// Signatures of two letters are too common in texts to suffice alone: of BMP the reserved zeros and the size of
/// the second header must be correct, and a PNM's `P1` to `P7` must be followed by a space or the end of a line.
pub(super) fn format_of(head: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};
    let format = image::guess_format(head).ok()?;
    let believed = match format {
        Png | Jpeg | Gif | WebP | Tiff => true,
        Bmp => {
            head.get(6..10) == Some(&[0; 4])
                && matches!(head.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
        }
        Pnm => head.get(2).is_some_and(u8::is_ascii_whitespace),
        _ => false,
    };
    believed.then_some(format)
}

/// Returns the reason for refusing bytes of no known format.
fn foreign(bytes: &[u8]) -> String {
    let brand = bytes.get(4..12).unwrap_or_default();
    let kind = match brand {
        _ if bytes.is_empty() => return "is empty".into(),
        b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftyphevc" => "a HEIC image, as phones take them",
        b"ftypavif" => "an AVIF image",
        _ if bytes.get(128..132) == Some(b"DICM") => "a DICOM image",
        _ if bytes.get(..64).is_some_and(|b| b.windows(4).any(|w| w == b"<svg")) => "an SVG drawing",
        _ => return format!("is not an image: expected {FORMATS}"),
    };
    format!("is {kind}, which is not read: export it as {FORMATS}")
}

/// Decodes by content, whatever the file is called, upright (by the orientation that cameras note).
fn read(bytes: &[u8]) -> Result<DynamicImage, String> {
    let format = format_of(bytes).ok_or_else(|| foreign(bytes))?;
    let too_large = |what: String| {
        format!(
            "{what}, larger than the limit of {MAX_SIDE} pixels a side and {} MiB decoded: scale it down",
            MAX_BYTES >> 20
        )
    };
    let explain = |e: image::ImageError| match e {
        image::ImageError::Limits(_) => too_large("takes too much memory".into()),
        other => format!("cannot be decoded: {other}"),
    };
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(explain)?;
    let ((width, height), decoded) = (decoder.dimensions(), decoder.total_bytes());
    if width.max(height) > MAX_SIDE || decoded > MAX_BYTES {
        return Err(too_large(format!("is {width}x{height} pixels, {} MiB decoded", decoded.div_ceil(1 << 20))));
    }
    if format == ImageFormat::Jpeg {
        jpeg::check_whole(bytes)?;
    }
    let orientation = decoder.orientation().map_err(explain)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(explain)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// A rectangle of an image, in pixels.
pub(super) struct Region {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Returns a region of the image, scaled to `width` x `height`: the number of planes (1 or 3) and the planes.
fn resample(image: &DynamicImage, region: &Region, width: usize, height: usize) -> Result<(usize, Vec<f32>), String> {
    match (image.as_flat_samples_u8(), image.as_flat_samples_u16()) {
        (Some(flat), _) => Ok(resize(image, flat.samples, |v| f32::from(v) / 255.0, region, [width, height])),
        (_, Some(flat)) => Ok(resize(image, flat.samples, |v| f32::from(v) / 65535.0, region, [width, height])),
        _ => Err("has samples that are neither 8 nor 16 bits: save it with 8 or 16".into()),
    }
}

/// Returns the same of samples of one type.
///
/// The filter is separable: first along each row, then down the columns.
fn resize<S: Copy>(
    image: &DynamicImage,
    samples: &[S],
    value: impl Fn(S) -> f32,
    region: &Region,
    size: [usize; 2],
) -> (usize, Vec<f32>) {
    let width = image.width() as usize;
    let color = image.color();
    let (stored, channels) = (usize::from(color.channel_count()), if color.has_color() { 3 } else { 1 });
    // One row of one channel at a time; transparent pixels are white.
    let row = |c: usize, y: usize, line: &mut [f32]| {
        for (v, pixel) in line.iter_mut().zip(samples[y * width * stored..].chunks_exact(stored)) {
            *v = value(pixel[c]);
            if stored > channels {
                let alpha = value(pixel[channels]);
                *v = *v * alpha + (1.0 - alpha);
            }
        }
    };
    (channels, filter([width, image.height() as usize], channels, row, region, size))
}

/// Scales a region of planes of `from` = [width, height] to `to`, by the triangle filter. `row(c, y, line)` gives the
/// values of a row.
pub(super) fn filter(
    from: [usize; 2],
    channels: usize,
    row: impl Fn(usize, usize, &mut [f32]),
    region: &Region,
    to: [usize; 2],
) -> Vec<f32> {
    let across = taps(from[0], region.left, region.width, to[0]);
    let down = taps(from[1], region.top, region.height, to[1]);
    let first = down[0].first;
    let rows = down.iter().map(|t| t.first + t.weights.len()).max().unwrap_or(0) - first;
    let mut narrow = vec![0.0f32; channels * rows * to[0]]; // [C, rows, width]
    let mut line = vec![0.0f32; from[0]];
    for y in 0..rows {
        for c in 0..channels {
            row(c, first + y, &mut line);
            let out = &mut narrow[(c * rows + y) * to[0]..][..to[0]];
            for (o, t) in out.iter_mut().zip(&across) {
                *o = t.weights.iter().zip(&line[t.first..]).map(|(w, v)| w * v).sum();
            }
        }
    }

    let mut planes = vec![0.0f32; channels * to[0] * to[1]];
    for (k, out) in planes.chunks_exact_mut(to[0]).enumerate() {
        let (c, t) = (k / to[1], &down[k % to[1]]);
        for (w, y) in t.weights.iter().zip(t.first - first..) {
            let from = &narrow[(c * rows + y) * to[0]..][..to[0]];
            out.iter_mut().zip(from).for_each(|(o, v)| *o += w * v);
        }
        // Weights sum to 1 only up to rounding.
        out.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    }
    planes
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

    fn decode(bytes: &[u8], size: usize) -> Result<Pixels, String> {
        Pixels::decode(bytes, size, Color::Auto)
    }

    fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn the_same_size_is_copied_unchanged() {
        let image = ImageBuffer::from_fn(16, 16, |x, y| Luma([(x * 16 + y) as u8]));
        let pixels = decode(&png(image), 16).unwrap();
        assert_eq!(pixels.channels, 1);
        for y in 0..16 {
            for x in 0..16 {
                assert_eq!(pixels.planes[y * 16 + x], (x * 16 + y) as f32 / 255.0);
            }
        }
    }

    /// A ramp v(x) = x halves to the mean of its neighbourhood: the triangle of width 4 has weights 1 3 3 1 over 8,
    /// which leaves a ramp a ramp: at result pixel i the centre is 2i + 1, so v = 2i + 0.5.
    #[test]
    fn halving_a_ramp_keeps_it_a_ramp() {
        let ramp = ImageBuffer::from_fn(32, 32, |x, _| Luma([(x * 2000) as u16]));
        let pixels = decode(&png(ramp), 16).unwrap();
        for i in 1..15 {
            let expected = (2.0 * i as f32 + 0.5) * 2000.0 / 65535.0;
            assert!((pixels.planes[16 * 5 + i] - expected).abs() < 4.0 * f32::EPSILON);
        }
    }

    /// Of a wide image the middle is kept: black margins left and right vanish.
    #[test]
    fn the_middle_is_kept() {
        let wide = ImageBuffer::from_fn(64, 16, |x, _| Luma([if (24..40).contains(&x) { 200u8 } else { 0 }]));
        let pixels = decode(&png(wide), 16).unwrap();
        assert!(pixels.planes.iter().all(|&v| v == 200.0 / 255.0));
    }

    /// Made with Pillow 13.0: mode F, `resize((size, size), BILINEAR, box=(7, 0, 30, 23))` of a 37 x 23 image.
    #[test]
    fn scaling_agrees_with_pillow() {
        let image = ImageBuffer::from_fn(37, 23, |x, y| Luma([(x * 7 + y * 13 + x * y) as u8]));
        let bytes = png(image);
        for (size, sum, golden) in [
            (8, 8374.3115, [80.9011, 142.1711, 101.6351, 149.6425, 154.5022]),
            (40, 208994.40625, [47.5125, 92.1252, 166.4727, 111.3086, 122.9523]),
        ] {
            let planes = decode(&bytes, size).unwrap().planes;
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
        assert_eq!(decode(&png(same), 9).unwrap().channels, 1);
        let red = ImageBuffer::from_pixel(9, 9, Rgb([255u8, 0, 0]));
        let red = decode(&png(red), 9).unwrap();
        assert_eq!(red.channels, 3);
        let mut gray = [0.0; 81];
        red.write(1, &mut gray);
        assert!(gray.iter().all(|v| (v - 0.299).abs() < 1e-6));
        let mut colour = [9.0; 243];
        Pixels { planes: vec![0.5; 81], channels: 1, tinted: false }.write(3, &mut colour);
        assert_eq!(colour, [0.5; 243]);
    }

    #[test]
    fn transparency_shows_white() {
        let glass = ImageBuffer::from_pixel(8, 8, LumaA([0u8, 0]));
        assert_eq!(decode(&png(glass), 8).unwrap().planes, [1.0; 64]);
    }

    #[test]
    fn reasons() {
        let tiny = ImageBuffer::from_pixel(7, 30, Luma([1u8]));
        assert_eq!(decode(&png(tiny), 8).unwrap_err(), "is 7x30 pixels, smaller than 8");
        let long = ImageBuffer::from_pixel(20_001, 8, Luma([1u8]));
        assert!(
            decode(&png(long), 8)
                .unwrap_err()
                .starts_with("is 20001x8 pixels, 1 MiB decoded, larger than the limit of 20000")
        );
        assert!(decode(b"GIF89a......", 8).unwrap_err().contains("cannot be decoded"));
        assert!(decode(b"no image at all", 8).unwrap_err().starts_with("is not an image: expected PNG, JPEG"));
        assert_eq!(decode(b"", 8).unwrap_err(), "is empty");
        assert!(decode(b"\0\0\0\x18ftypheic\0\0\0\0", 8).unwrap_err().contains("HEIC"));
    }

    /// What the caller asks for decides whether a slight tint stays.
    #[test]
    fn a_slight_tint_stays_where_colour_is_requested() {
        let tint = png(ImageBuffer::from_fn(9, 9, |x, y| {
            Rgb([(x * 20 + y) as u8 + 2, (x * 20 + y) as u8, 7 + (x * 20) as u8])
        }));
        let slight = png(ImageBuffer::from_fn(9, 9, |x, y| {
            Rgb([(x * 20 + y) as u8 + 2, (x * 20 + y) as u8, (x * 20 + y) as u8])
        }));
        let gray = png(ImageBuffer::from_fn(9, 9, |x, y| Rgb([(x * 20 + y) as u8; 3])));
        for (bytes, color, channels, tinted) in [
            (&tint, Color::Auto, 3, false),
            (&slight, Color::Auto, 1, true),
            (&slight, Color::Rgb, 3, false),
            (&slight, Color::Gray, 1, true),
            (&gray, Color::Rgb, 1, false),
            (&gray, Color::Auto, 1, false),
        ] {
            let pixels = Pixels::decode(bytes, 9, color).unwrap();
            assert_eq!((pixels.channels, pixels.tinted), (channels, tinted), "{color:?}");
        }
        let kept = Pixels::decode(&slight, 9, Color::Rgb).unwrap();
        assert_eq!(kept.planes[40], kept.planes[81 + 40] + 2.0 / 255.0);
    }

    #[test]
    fn letters_alone_are_no_signature() {
        assert_eq!(format_of(b"BMW and other makes: notes"), None);
        assert_eq!(format_of(b"P5 is a format, too"), Some(ImageFormat::Pnm));
        assert_eq!(format_of(b"P53 road"), None);
        assert_eq!(format_of(b"\0\0\x01\0 an icon"), None);
    }
}
