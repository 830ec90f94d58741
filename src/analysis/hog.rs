//! Histograms of oriented gradients (Dalal and Triggs 2005): features from the directions of an image's edges.
//!
//! Where a person stands in a photograph, or how thick a pen was, changes every pixel and hardly any outline. So only
//! the size and the direction of each pixel's gradient count, and a small square of pixels, a *cell*, keeps a
//! histogram of the directions, weighted by size, without the places of the gradients in it. Light and
//! contrast still scale a whole histogram, so *blocks* of neighbouring cells are brought to a common length. What
//! comes out is a vector that small shifts and shadows leave nearly alone, and a linear classifier on it was the best
//! way to find pedestrians for years, until networks learned filters that do the same and more.
//!
//! The definition is that of scikit-image (`skimage.feature.hog`), which simplifies the paper: a pixel's vote goes
//! whole to one bin of its own cell and is not split among neighbouring bins and cells. In order:
//!
//! 1. perhaps the square root of each pixel, which lifts the shadows;
//! 2. central differences, not halved: gx = I(x+1) - I(x-1), gy = I(y+1) - I(y-1), and 0 on the border; of several
//!    channels, each pixel takes the one with the largest gradient (the first of equals);
//! 3. the angle of (gx, gy) modulo 180°: light on dark and dark on light are the same edge; bin i of k is
//!    [180 i / k, 180 (i + 1) / k);
//! 4. for each cell, the sum of √(gx² + gy²) in each bin, divided by the cell's area; pixels that fill no cell at the
//!    right and at the bottom are omitted;
//! 5. for each block, at a stride of one cell, its cells' histograms one after the other, normalized.
//!
//! Differences are rounded to `f32`, as scikit-image rounds those of `f32` images: a gradient of exactly 45° lies on
//! the bound between two of 4, 8, 12 or 16 bins, and whether gx = gy is decided by that rounding (of pixels k/255 a
//! third are such cases). All else is computed in `f64`, each sum in row-major order; only the result is rounded to
//! `f32` (scikit-image adds in `f32`).

use crate::error::{Error, Result};
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use ndarray::{Array2, Array3};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Keeps the norm of an empty block from dividing by 0.
const EPSILON: f64 = 1e-5;

/// Where [`BlockNorm::L2Hys`] clips: no single direction may make up more of a block.
const CLIP: f64 = 0.2;

/// How the histograms v of a block are normalized; ε = 1e-5. A block without edges is 0 under each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BlockNorm {
    /// v / (Σ|v| + ε)
    L1,
    /// √(v / (Σ|v| + ε))
    #[serde(rename = "L1-sqrt")]
    L1Sqrt,
    /// v / √(Σv² + ε²)
    L2,
    /// L2, then clipped at 0.2, then L2 again ("hysteresis", Lowe 2004).
    #[default]
    #[serde(rename = "L2-Hys")]
    L2Hys,
}

/// The recipe of the descriptor. The default is scikit-image's.
///
/// ```
/// use gradus::analysis::hog::Hog;
/// // Digits of 28 x 28: 7 x 7 cells with 8 directions each.
/// let hog = Hog { orientations: 8, cell: [4, 4], block: [1, 1], ..Hog::default() };
/// assert_eq!(hog.dimensions([28, 28])?, 392);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Hog {
    /// Number of bins into which 180° are divided, 1 to 360.
    pub orientations: usize,
    /// Height and width of a cell, each 1 to 1024.
    #[schemars(extend("unit" = "pixels"))]
    pub cell: [usize; 2],
    /// Height and width of a block, each 1 to 64.
    #[schemars(extend("unit" = "cells"))]
    pub block: [usize; 2],
    /// Normalization of a block; v are its values.
    pub norm: BlockNorm,
    /// Takes the square root of the pixels first; they must not be negative.
    pub transform_sqrt: bool,
}

impl Default for Hog {
    fn default() -> Self {
        Self { orientations: 9, cell: [8, 8], block: [3, 3], norm: BlockNorm::L2Hys, transform_sqrt: false }
    }
}

impl Hog {
    /// Returns the number of cells, downwards and to the right, in an image of `[height, width]`. Fails if there is
    /// not even one block, or a setting is 0.
    pub fn cells(&self, [h, w]: [usize; 2]) -> Result<[usize; 2]> {
        if self.orientations == 0 || self.cell.contains(&0) || self.block.contains(&0) {
            return Err(Error::invalid(format!(
                "hog: orientations {}, cell {:?} and block {:?} must all be at least 1",
                self.orientations, self.cell, self.block
            )));
        }
        let cells = [h / self.cell[0], w / self.cell[1]];
        if cells[0] < self.block[0] || cells[1] < self.block[1] {
            return Err(Error::invalid(format!(
                "hog: an image of {h} x {w} has {} x {} cells of {} x {} pixels, too few for a block of {} x {} cells; \
                 choose smaller cells or blocks",
                cells[0], cells[1], self.cell[0], self.cell[1], self.block[0], self.block[1]
            )));
        }
        Ok(cells)
    }

    /// Returns the length of the descriptor of an image of `[height, width]`: blocks · cells of a block · orientations.
    pub fn dimensions(&self, size: [usize; 2]) -> Result<usize> {
        let [rows, columns] = self.cells(size)?;
        let blocks = (rows - self.block[0] + 1) * (columns - self.block[1] + 1);
        Ok(blocks * self.block[0] * self.block[1] * self.orientations)
    }

    /// Returns the descriptors of images `[N, C, H, W]` as the rows of an N x [`Hog::dimensions`] matrix; images in
    /// parallel. Along a row: blocks in row-major order, in each its cells in row-major order, in each its bins.
    /// Fails for other shapes, images that are too small, and pixels that are not finite (or negative, if their
    /// square root is to be taken).
    pub fn of_images(&self, pixels: &Tensor) -> Result<Array2<f32>> {
        let [n, image] = self.check(pixels)?;
        let &[_, channels, h, w] = pixels.shape() else { unreachable!("checked") };
        let (cells, d) = (self.cells([h, w])?, self.dimensions([h, w])?);
        let mut rows = vec![0.0; n * d];
        parallel::chunks_unless(n * image < 1 << 12, &mut rows, d, |i, row| {
            let histograms = self.histograms_of(&pixels.data()[i * image..][..image], [channels, h, w], cells);
            self.normalize(&histograms, cells, row);
        });
        Ok(Array2::from_shape_vec((n, d), rows).expect("hog: a row for each image"))
    }

    /// Returns the histograms of image `index` of `[N, C, H, W]` before any normalization: cells down x cells across x
    /// orientations. This is what a drawing of the descriptor shows. Fails as [`Hog::of_images`] does.
    pub fn histograms(&self, pixels: &Tensor, index: usize) -> Result<Array3<f64>> {
        let [n, image] = self.check(pixels)?;
        let &[_, channels, h, w] = pixels.shape() else { unreachable!("checked") };
        if index >= n {
            return Err(Error::invalid(format!("hog: there is no image {index}; there are {n}")));
        }
        let cells = self.cells([h, w])?;
        let histograms = self.histograms_of(&pixels.data()[index * image..][..image], [channels, h, w], cells);
        let shape = (cells[0], cells[1], self.orientations);
        Ok(Array3::from_shape_vec(shape, histograms).expect("hog: a histogram for each cell"))
    }

    /// Returns the middle of each bin in degrees, as the direction in which brightness rises (y downwards); the edge
    /// itself runs at right angles to it.
    pub fn directions(&self) -> Vec<f64> {
        (0..self.orientations).map(|i| 180.0 * (i as f64 + 0.5) / self.orientations as f64).collect()
    }

    /// Returns the number of images, and of values in each.
    fn check(&self, pixels: &Tensor) -> Result<[usize; 2]> {
        let &[n, c, h, w] = pixels.shape() else {
            return Err(Error::shape("hog", format!("expected [\"N C H W\"]; found {:?}", pixels.shape())));
        };
        if c == 0 {
            return Err(Error::shape("hog", format!("images without channels: {:?}", pixels.shape())));
        }
        let image = c * h * w;
        let bad = |v: &f32| !v.is_finite() || (self.transform_sqrt && *v < 0.0);
        if let Some(at) = pixels.data().iter().position(bad) {
            return Err(Error::invalid(format!(
                "hog: image {} has the pixel {}; pixels must be finite{}",
                at / image,
                pixels.data()[at],
                if self.transform_sqrt { ", and not negative for transform_sqrt" } else { "" }
            )));
        }
        Ok([n, image])
    }

    /// Steps 1 to 4: a histogram for each cell.
    fn histograms_of(&self, image: &[f32], [channels, h, w]: [usize; 3], [rows, columns]: [usize; 2]) -> Vec<f64> {
        let compress = |v: f32| if self.transform_sqrt { v.sqrt() } else { v };
        let planes: Vec<f32> = image.iter().map(|&v| compress(v)).collect();
        let k = self.orientations;
        let mut histograms = vec![0.0; rows * columns * k];
        for y in 0..rows * self.cell[0] {
            for x in 0..columns * self.cell[1] {
                let (mut steepest, mut gradient, mut magnitude) = (0.0f32, [0.0; 2], 0.0);
                for plane in planes.chunks(h * w).take(channels) {
                    let g = central_difference(plane, [h, w], [y, x]);
                    let length = (g[0] * g[0] + g[1] * g[1]).sqrt();
                    // Channels are compared in f32, too.
                    if length as f32 > steepest {
                        (steepest, gradient, magnitude) = (length as f32, g, length);
                    }
                }
                // Most pixels of a digit have no gradient at all, and no direction to ask for.
                if magnitude > 0.0 {
                    let cell = (y / self.cell[0]) * columns + x / self.cell[1];
                    histograms[cell * k + bin(gradient, k)] += magnitude;
                }
            }
        }
        let area = (self.cell[0] * self.cell[1]) as f64;
        histograms.iter_mut().for_each(|v| *v /= area);
        histograms
    }

    /// Step 5: the blocks of an image, one after the other, into its row.
    fn normalize(&self, histograms: &[f64], [rows, columns]: [usize; 2], row: &mut [f32]) {
        let [down, right] = self.block;
        let run = right * self.orientations;
        let blocks = (0..=rows - down).flat_map(|r| (0..=columns - right).map(move |c| (r, c)));
        for ((r, c), to) in blocks.zip(row.chunks_mut(down * run)) {
            let from = |i: usize| &histograms[((r + i) * columns + c) * self.orientations..][..run];
            let mut block: Vec<f64> = (0..down).flat_map(from).copied().collect();
            self.norm.apply(&mut block);
            to.iter_mut().zip(block).for_each(|(to, v)| *to = v as f32);
        }
    }
}

impl BlockNorm {
    fn apply(self, block: &mut [f64]) {
        match self {
            BlockNorm::L1 => l1(block),
            BlockNorm::L1Sqrt => {
                l1(block);
                block.iter_mut().for_each(|v| *v = v.sqrt());
            }
            BlockNorm::L2 => l2(block),
            BlockNorm::L2Hys => {
                l2(block);
                block.iter_mut().for_each(|v| *v = v.min(CLIP));
                l2(block);
            }
        }
    }
}

/// v / (Σv + ε); histograms are never negative.
fn l1(block: &mut [f64]) {
    let length = block.iter().sum::<f64>() + EPSILON;
    block.iter_mut().for_each(|v| *v /= length);
}

/// v / √(Σv² + ε²)
fn l2(block: &mut [f64]) {
    let length = (block.iter().map(|v| v * v).sum::<f64>() + EPSILON * EPSILON).sqrt();
    block.iter_mut().for_each(|v| *v /= length);
}

/// Returns (gx, gy) of a plane at (y, x); 0 in a direction that would look over the border.
fn central_difference(plane: &[f32], [h, w]: [usize; 2], [y, x]: [usize; 2]) -> [f64; 2] {
    let at = y * w + x;
    let gx = if x > 0 && x + 1 < w { plane[at + 1] - plane[at - 1] } else { 0.0 };
    let gy = if y > 0 && y + 1 < h { plane[at + w] - plane[at - w] } else { 0.0 };
    [gx, gy].map(f64::from)
}

/// Returns the bin of a gradient's direction. The bounds are compared as scikit-image does (it has them in `f32`), so
/// that 45° between bins of 22.5° goes the same way; an angle that rounds up to 180° belongs to the last bin.
fn bin([gx, gy]: [f64; 2], k: usize) -> usize {
    let angle = (libm::atan2(gy, gx) * (180.0 / std::f64::consts::PI)).rem_euclid(180.0);
    let width = 180.0 / k as f64;
    let guess = ((angle / width) as usize).min(k - 1);
    let bound = |i: usize| f64::from((width * i as f64) as f32);
    if guess > 0 && angle < bound(guess) {
        guess - 1
    } else if guess + 1 < k && angle >= bound(guess + 1) {
        guess + 1
    } else {
        guess
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_fall_into_their_bins() {
        // 8 bins of 22.5°: multiples open a bin, opposite directions share one.
        for (g, expected) in [
            ([1.0, 0.0], 0),
            ([-1.0, 0.0], 0),
            ([1.0, 1.0], 2),
            ([-1.0, -1.0], 2),
            ([0.0, 1.0], 4),
            ([0.0, -1.0], 4),
            ([-1.0, 1.0], 6),
            ([1.0, -1.0], 6),
            ([1.0, -0.01], 7),
            ([1.0, -1e-30], 7),
            ([1.0, 0.4], 0),
            ([1.0, 0.42], 1),
        ] {
            assert_eq!(bin(g, 8), expected, "{g:?}");
        }
        assert_eq!(bin([-0.3, 0.9], 1), 0);
    }

    #[test]
    fn blocks_by_hand() {
        let normalized = |norm: BlockNorm, block: [f64; 2]| {
            let mut block = block.to_vec();
            norm.apply(&mut block);
            block
        };
        assert_eq!(normalized(BlockNorm::L1, [1.0, 3.0]), [1.0 / 4.00001, 3.0 / 4.00001]);
        assert_eq!(normalized(BlockNorm::L1Sqrt, [1.0, 3.0])[1], (3.0 / 4.00001f64).sqrt());
        assert_eq!(normalized(BlockNorm::L2, [3.0, 4.0])[0], 3.0 / (25.0 + 1e-10f64).sqrt());
        // 0.6 and 0.8 are both clipped to 0.2, and then equal.
        let hys = normalized(BlockNorm::L2Hys, [3.0, 4.0]);
        assert!(hys[0] == hys[1] && (hys[0] - 0.5f64.sqrt()).abs() < 1e-8, "{hys:?}");
        for norm in [BlockNorm::L1, BlockNorm::L1Sqrt, BlockNorm::L2, BlockNorm::L2Hys] {
            assert_eq!(normalized(norm, [0.0, 0.0]), [0.0, 0.0]);
        }
    }
}
