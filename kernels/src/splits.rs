//! How the long sums are split: into blocks, groups and tiles that depend on the sizes alone.
//!
//! A sum of floating-point numbers has no value without an order. These functions fix it: the kernels divide their
//! work along these splits and [`crate::reference`] adds up along the same ones, so both find the same bits, on any
//! number of threads.

use crate::Conv2d;

/// Length of the blocks in which the K of a matrix product is summed.
pub const K_BLOCK: usize = 256;

/// Most partial sums that the gradient of a filter is made of.
const WEIGHT_GROUPS: usize = 8;

/// How a sum over pixels or images is split: into blocks, and these into groups.
#[derive(Clone, Copy, Debug)]
pub struct WeightGroups {
    blocks: usize,
    per_group: usize,
}

impl WeightGroups {
    /// Returns the number of groups.
    pub fn len(&self) -> usize {
        self.blocks.div_ceil(self.per_group)
    }
    /// Returns whether there is nothing to sum.
    pub fn is_empty(&self) -> bool {
        self.blocks == 0
    }
    /// Returns the blocks of group `i`.
    pub fn get(&self, i: usize) -> std::ops::Range<usize> {
        i * self.per_group..self.blocks.min((i + 1) * self.per_group)
    }
}

/// Returns the split for the gradient of filters: blocks of at most [`K_BLOCK`] pixels, image after image, divided into
/// at most 8 groups of consecutive blocks.
pub fn weight_groups(g: &Conv2d) -> WeightGroups {
    let blocks = g.n * (g.out_h() * g.out_w()).div_ceil(K_BLOCK);
    WeightGroups { blocks, per_group: blocks.div_ceil(WEIGHT_GROUPS).max(1) }
}

/// Returns how a chain's sums over images are split: blocks of 16 images, divided into at most 8 groups of consecutive
/// blocks.
pub fn lane_groups(images: usize) -> WeightGroups {
    let blocks = images.div_ceil(16);
    WeightGroups { blocks, per_group: blocks.div_ceil(WEIGHT_GROUPS).max(1) }
}

/// Returns the rows of a grid that a chain's sums over pixels take at a time: at most [`K_BLOCK`] pixels, but one row
/// at least.
pub fn lane_rows(cols: usize) -> usize {
    (K_BLOCK / cols.max(1)).max(1)
}

/// Returns the rows of pooled pixels that a block's backward pass
/// ([`conv2d_block_backward`](crate::reference::conv2d_block_backward)) takes at a time: as many as cover 6,144 floats
/// of the image.
pub fn block_bands(g: &Conv2d) -> usize {
    let row = (g.out_w() / 2 * 2 + g.kernel[1] - 1) * g.c;
    ((6144 / row.max(1)).saturating_sub(g.kernel[0] - 1) / 2).max(1)
}

/// Returns the images per partial sum of a block's backward pass: there are at most 16 of them.
pub fn block_groups(images: usize) -> usize {
    images.div_ceil(16).max(1)
}

/// Returns the tiles in which a block's backward pass spreads a gradient over dx: at most three rows p of a filter, and
/// of the floats (q, c) of a row, at most `units` times 16. `[p, (q, c)]`.
pub fn block_tiles(g: &Conv2d, units: usize) -> impl Iterator<Item = [std::ops::Range<usize>; 2]> {
    let (kh, row) = (g.kernel[0], (g.kernel[1] * g.c).div_ceil(16));
    let step = row.div_ceil(row.div_ceil(units).max(1)).max(1);
    let rows = (0..kh).step_by(3).map(move |p| p..kh.min(p + 3));
    rows.flat_map(move |rows| (0..row).step_by(step).map(move |u| [rows.clone(), 16 * u..16 * row.min(u + step)]))
}

/// Units of a tile of dx.
pub const BLOCK_UNITS: usize = 6;
