//! Data structures of the search for the nearest centroids: groups of centroids, tiles of sixteen samples.

use crate::MatRef;
use crate::dispatch::Isa;

/// Samples in a tile.
pub(super) const LANES: usize = 16;
/// Centroids in groups of nearly equal size, in each column after column.
pub struct Groups<T> {
    pub(super) data: Vec<T>,
    /// Number of centroids in each group.
    pub(super) sizes: Vec<usize>,
    pub(super) level: Isa,
}

impl<T: Copy> Groups<T> {
    pub(super) fn new(level: Isa, centroids: &[T], k: usize) -> Self {
        // As many sums as the registers hold.
        let most = if level == Isa::Avx512 { 8 } else { 4 };
        let d = centroids.len() / k;
        let count = k.div_ceil(most);
        let sizes: Vec<usize> = (0..count).map(|g| (k + count - 1 - g) / count).collect();
        let mut data = Vec::with_capacity(centroids.len());
        let mut first = 0;
        for &size in &sizes {
            for j in 0..d {
                data.extend((first..first + size).map(|c| centroids[c * d + j]));
            }
            first += size;
        }
        Self { data, sizes, level }
    }
}

/// For each of 16 samples the squared distances of the two nearest centroids, and the index of the nearest.
#[derive(Clone, Copy)]
pub struct Nearest<T> {
    pub(super) first: [T; LANES],
    pub(super) second: [T; LANES],
    pub(super) index: [T; LANES],
}

impl<T: Copy> Nearest<T> {
    /// Returns the state before the search; `zero` is the type's.
    pub(super) const fn none(zero: T) -> Self {
        Self { first: [zero; LANES], second: [zero; LANES], index: [zero; LANES] }
    }
}

/// Returns row `i`, which is contiguous.
#[inline(always)]
pub(super) fn row<'a, T>(x: &MatRef<'a, T>, i: usize) -> &'a [T] {
    &x.data[i * x.row_stride..][..x.cols]
}
