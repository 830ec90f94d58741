//! Shows the input of a network, as letters or as a file, and checks whether it looks like the training images.
//!
//! The most common mistake with images of one's own is black on white where the network was trained on white on black.
//! The border shows the background, and a training set whose images all have the same background has a border of one
//! brightness.

use crate::error::{Error, Result};
use crate::files;
use crate::tensor::Tensor;
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// From black to white.
const SHADES: &[u8] = b" .:-=+*#%@";
/// Differences of brightness below this are never an inversion.
const CLEAR: f64 = 0.25;

/// Brightness along the border of the training images: mean and standard deviation over the images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Border {
    /// Mean over the images of the mean over the outer ring of pixels, all channels.
    pub mean: f64,
    /// Standard deviation over the images.
    pub std: f64,
}

impl Border {
    /// Returns the border of images `[N, C, H, W]` with values in [0, 1]. `None` if there is no pixel.
    pub fn fit(pixels: &Tensor) -> Option<Border> {
        let all = brightness(pixels);
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let std = (all.iter().map(|b| (b - mean) * (b - mean)).sum::<f64>() / n).sqrt();
        mean.is_finite().then_some(Border { mean, std })
    }

    /// Returns the brightness of an image's border, if the image looks inverted beside the training images: it differs
    /// from their mean by a quarter of the range and by three standard deviations, and would differ less if inverted.
    ///
    /// `image` is `[1, C, H, W]` with values in [0, 1].
    pub fn inverted(&self, image: &Tensor) -> Option<f64> {
        let found = *brightness(image).first()?;
        let difference = (found - self.mean).abs();
        let looks = difference > CLEAR.max(3.0 * self.std) && (1.0 - found - self.mean).abs() < difference;
        looks.then_some(found)
    }
}

/// For each image the mean over its outer ring of pixels.
fn brightness(pixels: &Tensor) -> Vec<f64> {
    let &[n, c, h, w] = pixels.shape() else { return vec![] };
    let of = |i: usize| {
        let image = &pixels.data()[i * c * h * w..][..c * h * w];
        let (mut sum, mut count) = (0.0, 0usize);
        for plane in image.chunks_exact((h * w).max(1)) {
            for (y, row) in plane.chunks_exact(w).enumerate() {
                let step = if y == 0 || y == h - 1 { 1 } else { (w - 1).max(1) };
                row.iter().step_by(step).for_each(|&v| sum += f64::from(v));
                count += row.len().div_ceil(step);
            }
        }
        sum / count as f64
    };
    (0..n).map(of).collect()
}

/// Returns an image `[1, C, H, W]` with values in [0, 1] as text: a letter for each pixel, every second row omitted,
/// since letters are twice as high as wide.
pub fn sketch(image: &Tensor) -> String {
    let &[_, c, h, w] = image.shape() else { return String::new() };
    let mut text = String::new();
    for y in (0..h).step_by(2) {
        let rows = 2.min(h - y);
        let shade = |x: usize| {
            let value = |k: usize| image.data()[((k / rows) * h + y + k % rows) * w + x];
            let mean = (0..c * rows).map(value).sum::<f32>() / (c * rows) as f32;
            SHADES[((mean * SHADES.len() as f32) as usize).min(SHADES.len() - 1)] as char
        };
        text.push_str((0..w).map(shade).collect::<String>().trim_end());
        text.push('\n');
    }
    text
}

/// Writes an image `[1, C, H, W]` with values in [0, 1] as a PNG file, gray or colour.
pub fn save_png(image: &Tensor, path: &Path) -> Result<()> {
    let &[1, c @ (1 | 3), h, w] = image.shape() else {
        return Err(Error::invalid(format!("expected an image [1, 1 or 3, H, W], found {:?}", image.shape())));
    };
    let level = |i: usize| (image.data()[(i % c) * h * w + i / c].clamp(0.0, 1.0) * 255.0).round() as u8;
    let levels: Vec<u8> = (0..c * h * w).map(level).collect();
    let color = if c == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut bytes = vec![];
    let written = PngEncoder::new(&mut bytes).write_image(&levels, w as u32, h as u32, color);
    written.map_err(|e| Error::invalid(format!("{}: no PNG: {e}", path.display())))?;
    files::write_atomic(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(border: f32, inside: f32) -> Tensor {
        let outer = |i: usize| i.is_multiple_of(6) || i % 6 == 5 || !(6..30).contains(&i);
        Tensor::from_fn([1, 1, 6, 6], |i| if outer(i) { border } else { inside })
    }

    #[test]
    fn an_inverted_image_is_recognized_by_its_border() {
        let training = Tensor::from_fn([20, 1, 6, 6], |i| framed(0.01 * (i / 36) as f32, 0.8).data()[i % 36]);
        let border = Border::fit(&training).unwrap();
        assert!((border.mean - 0.095).abs() < 1e-6 && border.std < 0.06, "{border:?}");
        assert!((border.inverted(&framed(0.9, 0.1)).unwrap() - 0.9).abs() < 1e-6);
        assert_eq!(border.inverted(&framed(0.1, 0.9)), None);
        assert_eq!(border.inverted(&framed(0.3, 0.9)), None);
        // Where training images have every kind of border, no border is unusual.
        let any = Tensor::from_fn([20, 1, 6, 6], |i| framed(0.05 * (i / 36) as f32, 0.8).data()[i % 36]);
        assert_eq!(Border::fit(&any).unwrap().inverted(&framed(1.0, 0.0)), None);
        assert_eq!(Border::fit(&Tensor::from_fn([0, 1, 6, 6], |_| 0.0)), None);
    }

    #[test]
    fn a_sketch_shows_the_shades() {
        let ramp = Tensor::from_fn([1, 1, 3, 10], |i| (i % 10) as f32 / 9.0);
        assert_eq!(sketch(&ramp), " .:-=+*#%@\n .:-=+*#%@\n");
    }

    #[test]
    fn a_png_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/a.png");
        let image = Tensor::from_fn([1, 3, 8, 8], |i| i as f32 / 192.0);
        save_png(&image, &path).unwrap();
        let back = super::super::read_image(&path, 3, 8).unwrap();
        let most = image.data().iter().zip(back.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most <= 0.51 / 255.0, "{most}");
        assert!(save_png(&Tensor::from_fn([1, 2, 8, 8], |_| 0.0), &path).is_err());
    }
}
