//! Copies of a block of a matrix, in the order in which the micro-kernels read it.

use crate::MatRef;
use crate::simd::{Kernels, Transpose};
use std::ops::Range;

/// Copies rows `k` and columns `j` of `b` into panels of `width` columns: panel after panel, in each row after row.
/// Columns missing from the last panel are zero.
pub(crate) fn panels(
    kernels: &Kernels,
    b: MatRef<'_, f32>,
    k: Range<usize>,
    j: Range<usize>,
    width: usize,
    out: &mut [f32],
) {
    let depth = k.len();
    if depth == 0 {
        return;
    }
    if b.col_stride == 1 {
        return rows(b, k, j, width, out);
    }
    for (out, start) in out.chunks_exact_mut(width * depth).zip(j.clone().step_by(width)) {
        panel(kernels, b, k.clone(), start..j.end.min(start + width), width, out);
    }
}

/// [`panels`] of a matrix whose rows are contiguous: row after row, so that each is read from end to end.
fn rows(b: MatRef<'_, f32>, k: Range<usize>, j: Range<usize>, width: usize, out: &mut [f32]) {
    let depth = k.len();
    for (at, k) in k.enumerate() {
        let row = &b.data[k * b.row_stride..][j.clone()];
        for (p, row) in row.chunks(width).enumerate() {
            let out = &mut out[(p * depth + at) * width..][..width];
            out[..row.len()].copy_from_slice(row);
            out[row.len()..].fill(0.0);
        }
    }
}

/// One panel.
pub(crate) fn panel(
    kernels: &Kernels,
    b: MatRef<'_, f32>,
    k: Range<usize>,
    j: Range<usize>,
    width: usize,
    out: &mut [f32],
) {
    let (cols, depth) = (j.len(), k.len());
    assert!(cols <= width && depth > 0 && out.len() >= width * depth, "pack: the lengths do not fit");
    if cols < width {
        out.fill(0.0);
    }
    if b.col_stride == 1 {
        for (k, row) in k.zip(out.chunks_exact_mut(width)) {
            row[..cols].copy_from_slice(&b.data[k * b.row_stride + j.start..][..cols]);
        }
    } else if b.row_stride == 1 && cols > 0 {
        let from = &b.data[k.start + j.start * b.col_stride..];
        assert!((cols - 1) * b.col_stride + depth <= from.len(), "pack: a column ends outside");
        let transpose = Transpose {
            from: from.as_ptr(),
            from_stride: b.col_stride,
            to: out.as_mut_ptr(),
            to_stride: width,
            rows: depth,
            cols,
        };
        // SAFETY: the last element read and the last one written lie inside, as asserted.
        unsafe { (kernels.transpose)(&transpose) };
    } else {
        for (k, row) in k.zip(out.chunks_exact_mut(width)) {
            (0..cols).for_each(|c| row[c] = b.at(k, j.start + c));
        }
    }
}
