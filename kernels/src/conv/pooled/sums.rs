//! The sums of a block's backward pass: over the windows of a filter, and over the images.

use super::super::size::serial;
use crate::dispatch::{Isa, Loop, vectorize};
use crate::parallel::{self, Shared};
use crate::reduce::{self, Pairs, TURNS};
use crate::splits::block_groups;
use crate::{Conv2d, scratch};
use std::sync::atomic::{AtomicBool, Ordering};

/// The lanes of a sum over rows of windows.
type Lanes = [f32; reduce::LANES];

/// The sum of the gradients of a filter's windows, in lanes: sixteen rows in turn, and then in pairs.
pub(super) struct RowSum<'a> {
    /// Of the rows since the last full block.
    pub(super) block: &'a mut Lanes,
    pub(super) levels: &'a mut [[Lanes; 1]],
}

impl RowSum<'_> {
    /// Levels for so many rows.
    pub(super) fn levels(rows: usize) -> usize {
        reduce::levels(rows.div_ceil(TURNS))
    }

    /// To be called when row `row` has been added.
    #[inline(always)]
    pub(super) fn end_row(&mut self, row: usize) {
        if (row + 1).is_multiple_of(TURNS) {
            self.end_block(row / TURNS);
        }
    }

    #[inline(always)]
    fn end_block(&mut self, block: usize) {
        Pairs::after(block, self.levels).push([std::mem::take(self.block)]);
    }

    /// After all rows.
    pub(super) fn total(mut self, rows: usize) -> f32 {
        let blocks = rows.div_ceil(TURNS);
        if !rows.is_multiple_of(TURNS) {
            self.end_block(blocks - 1);
        }
        let [lanes] = Pairs::after(blocks, self.levels).total();
        reduce::tree(lanes)
    }
}

/// Sums over images: `image(n, sums)` adds its part to the `len` sums of its group and says whether all was finite; the
/// groups are added up in turn and given to `finish`. Returns whether all images were finite.
pub(super) fn in_groups(
    g: &Conv2d,
    len: usize,
    image: impl Fn(usize, &mut [f32]) -> bool + Sync + Send,
    finish: impl FnOnce(&[f32]),
) -> bool {
    let group = block_groups(g.n);
    let (count, finite) = (g.n.div_ceil(group), AtomicBool::new(true));
    scratch::floats(count * len, |partial| {
        let shared = Shared::new(&mut *partial);
        parallel::tasks(count, serial(g), |i| {
            // SAFETY: each group has its own part of `partial`.
            let sums = unsafe { std::slice::from_raw_parts_mut(shared.pointer().add(i * len), len) };
            sums.fill(0.0);
            for n in i * group..g.n.min((i + 1) * group) {
                if !image(n, sums) {
                    finite.store(false, Ordering::Relaxed);
                }
            }
        });
        let (sum, others) = partial.split_at_mut(len);
        parallel::chunks_unless(len < 1 << 14, sum, 1 << 12, |piece, sum| {
            for other in others.chunks_exact(len) {
                sum.iter_mut().zip(&other[piece << 12..]).for_each(|(sum, x)| *sum += x);
            }
        });
        finish(sum);
    });
    finite.into_inner()
}

/// Returns whether no number is infinite or NaN.
pub(super) fn finite(level: Isa, x: &[f32]) -> bool {
    vectorize(level, Finite(x))
}

/// Whether no number is infinite or NaN.
struct Finite<'a>(&'a [f32]);

impl Loop for Finite<'_> {
    type Output = bool;
    #[inline(always)]
    fn run(self) -> bool {
        const EXPONENT: u32 = 0x7f80_0000;
        self.0.iter().fold(0, |bad, x| bad | u32::from(x.to_bits() & EXPONENT == EXPONENT)) == 0
    }
}
