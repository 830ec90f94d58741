//! Converts images of handwritten digits to the form of MNIST.
//!
//! A network trained on MNIST has seen white ink on black, each digit of one size and in one place. A photograph or a
//! drawing shows black on white, somewhere, of some size; the network's prediction for it means nothing. LeCun,
//! Cortes and Burges describe how their images were made, and [`as_mnist`] follows them: the digit is scaled into a box
//! of 20 x 20 pixels keeping its proportions, with the grays that smoothing leaves, and laid into a field of 28 x 28 so
//! that the centre of mass of its ink is at the centre of the field.
//!
//! Before that, ink must be separated from paper: the border shows the paper, and Otsu's threshold separates the ink
//! from it. Whichever is brighter, ink becomes white.
//!
//! Sources: Y. LeCun, C. Cortes, C. Burges, *The MNIST database of handwritten digits* (1998); N. Otsu, *A threshold
//! selection method from gray-level histograms*, IEEE Trans. SMC 9 (1979).

use super::decode::{Region, filter, gray};
use super::folder::{file_bytes, read_image};
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use std::path::Path;
use std::str::FromStr;

/// Side of the field.
const FIELD: usize = 28;
/// Side of the box that the digit fills.
const BOX: usize = 20;
/// Longer side to which large photographs are reduced first: fifty pixels for each of the box.
const LONGEST: usize = 1000;
/// Least difference between ink and paper, of the whole range.
const CONTRAST: f32 = 0.1;
/// Ink fainter than this does not widen the box: JPEG leaves ripples around edges.
const FAINT: f32 = 0.1;

/// A data set whose preprocessing is imitated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Like {
    /// White on black, 20 x 20 in 28 x 28, centred by mass.
    Mnist,
}

impl FromStr for Like {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "mnist" => Ok(Like::Mnist),
            _ => Err(Error::invalid(format!("expected mnist, found `{name}`"))),
        }
    }
}

/// Reads single images as a trained network expects them.
#[derive(Clone, Debug)]
pub struct Reader {
    channels: usize,
    size: usize,
    like: Option<Like>,
}

impl Reader {
    /// Creates a reader for a network of inputs `[channels, height, width]`. Fails if they are not square, or `like`
    /// asks for images of another shape.
    pub fn new([channels, height, width]: [usize; 3], like: Option<Like>) -> Result<Self> {
        if height != width {
            let what = format!("expected a run on square images, found {height}x{width}");
            return Err(Error::config("predict", what, "only squares are read from image files"));
        }
        if like.is_some() && [channels, height] != [1, FIELD] {
            let what = format!("mnist expects a run on gray images of 28x28, found {channels}x{height}x{width}");
            return Err(Error::config("--like", what, "omit the flag, or choose a run on such images"));
        }
        Ok(Self { channels, size: height, like })
    }

    /// Returns the image of a file, `[1, channels, size, size]` with values in [0, 1].
    pub fn read(&self, path: &Path) -> Result<Tensor<f32>> {
        if self.like.is_none() {
            return read_image(path, self.channels, self.size);
        }
        let refuse = |why| Error::data(path, why, "give an image of one digit with some paper around it");
        let (width, height, brightness) = gray(&file_bytes(path)?, LONGEST).map_err(refuse)?;
        let digit = as_mnist([width, height], &brightness).map_err(refuse)?;
        Ok(Tensor::build([1, 1, FIELD, FIELD], |out| out.copy_from_slice(&digit)))
    }
}

/// Returns a digit in an image of `size` = [width, height] with these brightnesses in [0, 1], as an image of MNIST: 28
/// x 28 values, ink at 1. The error says why it cannot be made.
///
/// 1. Paper is the median of the border. If it is brighter than Otsu's threshold, the image is inverted.
/// 2. Brightness is stretched: what differs from paper no more than the border does (three deviations) becomes 0, the
///    ninth decile of the ink becomes 1.
/// 3. The box around all ink is scaled to 20 pixels on its longer side, by the triangle filter.
/// 4. It is moved by whole pixels until its centre of mass lies within half a pixel of pixel 14 of 0 to 27, both ways,
///    as in MNIST's own files; but never beyond the field.
pub fn as_mnist([width, height]: [usize; 2], brightness: &[f32]) -> Result<Vec<f32>, String> {
    assert_eq!(brightness.len(), width * height, "as_mnist: a value for each pixel");
    let (low, high) = brightness.iter().fold((1.0f32, 0.0f32), |(low, high), &v| (low.min(v), high.max(v)));
    if width.min(height) < 3 || high - low < CONTRAST {
        return Err("shows nothing that stands out from its paper".into());
    }
    let threshold = otsu(brightness);
    let inverted = median(&border(brightness, width, height)) > threshold;
    let upright = |v: f32| if inverted { 1.0 - v } else { v };
    let threshold = upright(threshold);
    let values: Vec<f32> = brightness.iter().map(|&v| upright(v)).collect();

    let edge = border(&values, width, height);
    let paper = median(&edge);
    let deviation = 1.4826 * median(&edge.iter().map(|v| (v - paper).abs()).collect::<Vec<_>>());
    let zero = (paper + 3.0 * deviation).min(threshold);
    let mut ink: Vec<f32> = values.iter().copied().filter(|&v| v > threshold).collect();
    ink.sort_by(f32::total_cmp);
    let one = ink.get(ink.len() * 9 / 10).copied().unwrap_or(1.0);
    let ink: Vec<f32> = values.iter().map(|v| ((v - zero) / (one - zero).max(1e-6)).clamp(0.0, 1.0)).collect();

    let (region, [w, h]) = scaled_box(&ink, width).ok_or("shows nothing that stands out from its paper")?;
    let row = |_: usize, y: usize, line: &mut [f32]| line.copy_from_slice(&ink[y * width..][..width]);
    let mut digit = filter([width, height], 1, row, &region, [w, h]);
    // Thin strokes fade when reduced; MNIST's brightest pixels are white.
    let brightest = digit.iter().fold(f32::MIN_POSITIVE, |most, &v| most.max(v));
    digit.iter_mut().for_each(|v| *v /= brightest);
    Ok(centred(&digit, w, h))
}

/// Returns the box around all ink that is not faint, and its size when the longer side is [`BOX`].
fn scaled_box(ink: &[f32], width: usize) -> Option<(Region, [usize; 2])> {
    let seen = |i: &usize| ink[*i] > FAINT;
    let at = || (0..ink.len()).filter(seen);
    let (left, right) = (at().map(|i| i % width).min()?, at().map(|i| i % width).max()?);
    let (top, bottom) = (at().next()? / width, at().next_back()? / width);
    let (w, h) = ((right + 1 - left) as f64, (bottom + 1 - top) as f64);
    let scale = BOX as f64 / w.max(h);
    let size = [w, h].map(|side| ((side * scale).round() as usize).clamp(1, BOX));
    Some((Region { left: left as f64, top: top as f64, width: w, height: h }, size))
}

/// Returns a digit of `w` x `h` in the field, its centre of mass at the centre.
fn centred(digit: &[f32], w: usize, h: usize) -> Vec<f32> {
    let mass: f64 = digit.iter().map(|&v| f64::from(v)).sum();
    let centre = |coordinate: &dyn Fn(usize) -> usize| {
        digit.iter().enumerate().map(|(i, &v)| f64::from(v) * coordinate(i) as f64).sum::<f64>() / mass
    };
    // After the move the centre lies in [13.5, 14.5).
    let place = |centre: f64, side: usize| ((13.5 - centre).ceil().max(0.0) as usize).min(FIELD - side);
    let (left, top) = (place(centre(&|i| i % w), w), place(centre(&|i| i / w), h));
    let mut field = vec![0.0; FIELD * FIELD];
    for (y, row) in digit.chunks_exact(w).enumerate() {
        field[(top + y) * FIELD + left..][..w].copy_from_slice(row);
    }
    field
}

/// Returns the outer ring of pixels.
fn border(values: &[f32], width: usize, height: usize) -> Vec<f32> {
    let outer =
        |i: &usize| i.is_multiple_of(width) || i % width == width - 1 || i / width == 0 || i / width == height - 1;
    (0..values.len()).filter(outer).map(|i| values[i]).collect()
}

fn median(values: &[f32]) -> f32 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f32::total_cmp);
    sorted[sorted.len() / 2]
}

/// Otsu's threshold: the brightness that divides the pixels into two classes of the largest variance between them,
/// `n0 n1 (m0 - m1)^2`, over a histogram of 256 steps.
fn otsu(values: &[f32]) -> f32 {
    let mut histogram = [0u64; 256];
    values.iter().for_each(|v| histogram[(v * 255.0).round() as usize] += 1);
    let total: f64 = histogram.iter().enumerate().map(|(level, &n)| level as f64 * n as f64).sum();
    let (mut below, mut sum, mut best) = (0u64, 0.0, (0.0, 0usize));
    for (level, &n) in histogram.iter().enumerate().take(255) {
        below += n;
        sum += level as f64 * n as f64;
        let above = values.len() as u64 - below;
        if below > 0 && above > 0 {
            let difference = sum / below as f64 - (total - sum) / above as f64;
            let between = below as f64 * above as f64 * difference * difference;
            if between > best.0 {
                best = (between, level);
            }
        }
    }
    (best.1 as f32 + 0.5) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a seven of strokes, `scale` pixels a step, its corner at (left, top).
    fn seven(size: [usize; 2], corner: [usize; 2], scale: usize, ink: f32, paper: f32) -> Vec<f32> {
        let shape = [
            "#######", "#######", ".....##", "....##.", "...##..", "...##..", "..##...", "..##...", "..##...",
            "..##...",
        ];
        let mut image = vec![paper; size[0] * size[1]];
        for (y, line) in shape.iter().enumerate() {
            for x in (0..7).filter(|&x| line.as_bytes()[x] == b'#') {
                for (dy, dx) in (0..scale).flat_map(|dy| (0..scale).map(move |dx| (dy, dx))) {
                    image[(corner[1] + y * scale + dy) * size[0] + corner[0] + x * scale + dx] = ink;
                }
            }
        }
        image
    }

    fn centre(field: &[f32]) -> [f32; 2] {
        let mass: f32 = field.iter().sum();
        let x = field.iter().enumerate().map(|(i, v)| (i % FIELD) as f32 * v).sum::<f32>() / mass;
        let y = field.iter().enumerate().map(|(i, v)| (i / FIELD) as f32 * v).sum::<f32>() / mass;
        [x, y]
    }

    /// Twice as large as the box wants it: seven by ten steps of two pixels become 14 x 20, in whichever corner, of
    /// whichever colours.
    #[test]
    fn a_digit_is_found_scaled_and_centred() {
        let expected = as_mnist([60, 60], &seven([60, 60], [20, 10], 4, 1.0, 0.0)).unwrap();
        for c in centre(&expected) {
            assert!((13.5..14.5).contains(&c), "{c}");
        }
        let rows: Vec<usize> = (0..28).filter(|y| expected[y * 28..][..28].iter().any(|&v| v > 0.0)).collect();
        let columns: Vec<usize> = (0..28).filter(|x| (0..28).any(|y| expected[y * 28 + x] > 0.0)).collect();
        assert_eq!((rows.len(), columns.len()), (20, 14));
        for (size, corner, scale, ink, paper) in [
            ([60, 60], [2, 1], 4, 0.0, 1.0),
            ([200, 90], [150, 40], 4, 0.1, 0.9),
            ([61, 300], [30, 250], 4, 0.2, 0.7),
            ([30, 40], [3, 5], 2, 0.0, 1.0),
        ] {
            let found = as_mnist(size, &seven(size, corner, scale, ink, paper)).unwrap();
            let most = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(most < if scale == 4 { 1e-5 } else { 0.3 }, "{size:?}: {most}");
        }
    }

    /// Grain of the paper becomes black, and does not count for the box.
    #[test]
    fn grain_is_not_ink() {
        let mut rng = crate::rng::Rng::new(3, "grain", 0);
        let mut image = seven([80, 80], [30, 20], 4, 0.15, 0.75);
        image.iter_mut().for_each(|v| *v += 0.03 * (rng.uniform() as f32 - 0.5));
        let found = as_mnist([80, 80], &image).unwrap();
        let expected = as_mnist([60, 60], &seven([60, 60], [20, 10], 4, 1.0, 0.0)).unwrap();
        let most = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(most < 0.15, "{most}");
    }

    #[test]
    fn blank_paper_is_refused() {
        assert!(as_mnist([40, 40], &[0.9; 1600]).unwrap_err().contains("nothing that stands out"));
        assert!(as_mnist([2, 2], &[0.0, 1.0, 1.0, 0.0]).is_err());
        assert_eq!(as_mnist([40, 40], &seven([40, 40], [5, 5], 2, 0.5, 0.9)).unwrap().len(), 784);
    }

    #[test]
    fn otsu_divides_two_groups_between_them() {
        let values: Vec<f32> = (0..100).map(|i| if i % 3 == 0 { 0.2 + 0.001 * i as f32 } else { 0.8 }).collect();
        assert!((0.29..0.8).contains(&otsu(&values)), "{}", otsu(&values));
    }
}
