//! The micro-kernels: the only code that is written once per instruction set.
//!
//! There are eight (and a few more that list, pack and write out), and everything else (blocking, borders, threads) is
//! built on them:
//! * a [`Tile`] of a matrix product whose right factor is read *where it lies*, row k at its own offset: packed
//!   panels for GEMM, the shifted rows of a padded image for convolution;
//! * a [`Gradient`] tile, whose left factor is read where it lies: the pixels under each tap of a filter;
//! * a [`Gather`] and a [`Scatter`], the two gradients of a convolution whose dY is mostly zero (and [`Argmaxes`],
//!   which lists where it is not); [`Direct`], the gradient of filters of few channels;
//! * [`Windows`], a convolution with what follows it, down to the pooled values;
//! * [`Points`] and [`LaneGradient`], a tile and a gradient for images that lie side by side.
//!
//! `args` says what each is called with; `body` holds them as one would write them down, over a [`vector::Vector`]; a
//! file for each instruction set says what a vector is there, and compiles them (`compile`) at the sizes that fill its
//! registers. Each sum runs from zero upwards in k with fused multiply-adds, so their bits are the reference's.

#![cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]

mod args;
mod body;
mod compile;
pub(crate) mod vector;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

pub(crate) use args::{
    Argmaxes, Direct, Gather, Gradient, Kernels, LaneGradient, MAX_LANES, MAX_POINTS, MAX_TAPS, MAX_TILE, MAX_VECTORS,
    MAX_WINDOWS, Points, Run, SUMS, Scatter, Store, Tile, Transpose, UNIT, Windows,
};

use crate::dispatch::Isa;

/// Returns the micro-kernels for `isa`, if it has any.
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
