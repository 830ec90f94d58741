//! The micro-kernels: the only code that is written once per instruction set.
//!
//! There are two, and everything else (blocking, packing, borders, threads) is built on them:
//! * a [`Tile`] of a matrix product whose right factor is read *where it lies*, row k at its own offset: packed
//!   panels for GEMM, the shifted rows of a padded image for convolution;
//! * a [`Gradient`] tile, whose left factor is read where it lies: the pixels under each tap of a filter.
//!
//! Both take each sum from zero upwards in k with fused multiply-adds, so their bits are the reference's.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use crate::dispatch::Isa;

/// The most vectors that a [`Tile`] is wide.
pub(crate) const MAX_VECTORS: usize = 3;
/// The most taps that a [`Gradient`] tile is high.
pub(crate) const MAX_TAPS: usize = 9;
/// Room for the largest tile of any instruction set.
pub(crate) const MAX_TILE: usize = 16 * 48;

/// `out[m][v][l] (+)= sum over k of a[k][m] * b[v][offsets[k] + l]`.
pub(crate) struct Tile {
    /// Number of terms.
    pub(crate) len: usize,
    /// The left factor, `len` x `rows`.
    pub(crate) a: *const f32,
    /// Where each row of the right factor starts, `len` of them.
    pub(crate) offsets: *const u32,
    /// Where each vector of columns starts.
    pub(crate) b: [*const f32; MAX_VECTORS],
    /// `rows` x (`MAX_VECTORS` x `lanes`), row-major.
    pub(crate) out: *mut f32,
    /// Whether to add to `out` instead of overwriting it.
    pub(crate) add: bool,
}

/// A stretch of pixels in one row of the image.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// Where it starts, added to each tap's pointer.
    pub(crate) start: usize,
    /// Number of pixels.
    pub(crate) len: usize,
}

/// `out[t][l] = sum over the runs' pixels k of taps[t][k] * b[k][l]`.
pub(crate) struct Gradient<'a> {
    /// The pixels to sum over.
    pub(crate) runs: &'a [Run],
    /// The pixel under each tap for the output pixel at offset 0.
    pub(crate) taps: [*const f32; MAX_TAPS],
    /// The right factor: one row of `vectors` x `lanes` per pixel, one after the other.
    pub(crate) b: *const f32,
    /// Added to: row t starts at `t * out_stride`.
    pub(crate) out: *mut f32,
    /// Distance between the rows of `out`.
    pub(crate) out_stride: usize,
    /// Whether to add to `out` instead of overwriting it.
    pub(crate) add: bool,
}

/// # Safety
/// All that the [`Tile`] describes must be readable, `out` writable, and the instruction set present.
pub(crate) type TileFn = unsafe fn(&Tile);
/// # Safety
/// All that the [`Gradient`] describes must be readable, `out` writable, and the instruction set present.
pub(crate) type GradientFn = unsafe fn(&Gradient<'_>);

/// The micro-kernels of one instruction set.
pub(crate) struct Kernels {
    /// Floats per vector.
    pub(crate) lanes: usize,
    /// Rows of a tile.
    pub(crate) rows: usize,
    /// Vectors of the widest tile.
    pub(crate) vectors: usize,
    /// Tile kernels by width, 1 to `vectors` vectors.
    pub(crate) tile: [TileFn; MAX_VECTORS],
    /// Taps of a full gradient tile.
    pub(crate) taps: usize,
    /// Gradient kernels: 1 or 2 vectors wide, 1 to `taps` taps high.
    pub(crate) gradient: [[GradientFn; MAX_TAPS]; 2],
}

impl Kernels {
    /// Columns of the widest tile, and the distance between the rows of any tile.
    pub(crate) fn tile_stride(&self) -> usize {
        MAX_VECTORS * self.lanes
    }
}

/// The micro-kernels for `isa`, if it has any.
pub(crate) fn kernels(isa: Isa) -> Option<&'static Kernels> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => Some(&avx512::KERNELS),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Some(&avx2::KERNELS),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => Some(&neon::KERNELS),
        _ => None,
    }
}
