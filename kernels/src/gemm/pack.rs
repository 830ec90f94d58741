//! Copies of a block of a matrix, in the order in which the micro-kernels read it.

use crate::MatRef;
use std::ops::Range;

/// Copies rows `k` and columns `j` of `b` into panels of `width` columns: panel after panel, in each row after row.
/// Columns missing from the last panel are zero.
pub(super) fn panels(b: MatRef<'_, f32>, k: Range<usize>, j: Range<usize>, width: usize, out: &mut [f32]) {
    let depth = k.len();
    for (panel, start) in out.chunks_exact_mut(width * depth).zip(j.clone().step_by(width)) {
        let cols = width.min(j.end - start);
        if cols < width {
            panel.fill(0.0);
        }
        if b.col_stride == 1 {
            for (k, row) in k.clone().zip(panel.chunks_exact_mut(width)) {
                row[..cols].copy_from_slice(&b.data[k * b.row_stride + start..][..cols]);
            }
        } else if b.row_stride == 1 {
            transpose(&b.data[k.start + start * b.col_stride..], b.col_stride, cols, depth, width, panel);
        } else {
            for (k, row) in k.clone().zip(panel.chunks_exact_mut(width)) {
                (0..cols).for_each(|c| row[c] = b.at(k, start + c));
            }
        }
    }
}

/// `panel[k][c] = columns[c * stride + k]`, by blocks of four columns so that the reads run along and the writes are
/// four at a time.
fn transpose(columns: &[f32], stride: usize, cols: usize, depth: usize, width: usize, panel: &mut [f32]) {
    let mut c = 0;
    while c + 4 <= cols {
        let column = |i: usize| &columns[(c + i) * stride..][..depth];
        let (c0, c1, c2, c3) = (column(0), column(1), column(2), column(3));
        for (k, row) in panel.chunks_exact_mut(width).enumerate() {
            row[c..c + 4].copy_from_slice(&[c0[k], c1[k], c2[k], c3[k]]);
        }
        c += 4;
    }
    for c in c..cols {
        let column = &columns[c * stride..][..depth];
        for (row, &x) in panel.chunks_exact_mut(width).zip(column) {
            row[c] = x;
        }
    }
}
