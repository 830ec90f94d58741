//! Matrix views: a slice and the strides by which to walk it.
//!
//! A view says *where* element (i, j) lives: `data[i * row_stride + j * col_stride]`. Transposing is swapping the
//! strides, so no kernel needs a "transposed" flag and no caller needs a copy.
//!
//! The kernels read through raw pointers where a view says, so a view must never lie: its fields are private to this
//! crate, every constructor checks that the last element lies inside the slice (with arithmetic that cannot wrap), and
//! a writable view also that no two of its elements are the same one, because rows are written by several threads.

/// A read-only matrix view. Strides of 0 are allowed: they repeat a row, a column or one number.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

/// A writable matrix view, all of whose elements are distinct.
#[derive(Debug)]
pub struct MatMut<'a, T> {
    pub(crate) data: &'a mut [T],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
    pub(crate) col_stride: usize,
}

/// Returns the strides to use for a `rows` x `cols` view, [row, column].
///
/// The stride of an axis with at most one place is never taken; it is replaced by one as if the rows lay side by side,
/// so that no kernel multiplies an arbitrary number.
///
/// # Panics
/// Unless the last element of the view lies inside `len` elements.
fn check(name: &str, len: usize, [rows, cols]: [usize; 2], [row, col]: [usize; 2]) -> [usize; 2] {
    if rows == 0 || cols == 0 {
        return [1, 1];
    }
    let col = if cols == 1 { 1 } else { col };
    let width = (cols - 1).checked_mul(col);
    let last = (rows - 1).checked_mul(row).zip(width).and_then(|(down, right)| down.checked_add(right));
    assert!(
        last.is_some_and(|last| last < len),
        "{name}: a {rows}x{cols} view with strides {row}, {col} reaches outside its {len} elements"
    );
    [if rows == 1 { (cols - 1) * col + 1 } else { row }, col]
}

impl<'a, T> MatRef<'a, T> {
    /// Returns a row-major view of `rows` x `cols` elements.
    ///
    /// # Panics
    /// As for [`strided`](Self::strided).
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols, 1)
    }

    /// Returns a view with explicit strides.
    ///
    /// # Panics
    /// Unless the last element lies inside `data`.
    pub fn strided(data: &'a [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        let [row_stride, col_stride] = check("MatRef", data.len(), [rows, cols], [row_stride, col_stride]);
        Self { data, rows, cols, row_stride, col_stride }
    }

    /// Returns the elements, those outside of the view too.
    pub fn data(&self) -> &'a [T] {
        self.data
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Returns the transpose: the same elements, the strides swapped.
    pub fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

impl<T: Copy> MatRef<'_, T> {
    /// Returns element (i, j).
    ///
    /// # Panics
    /// If it lies outside the data.
    #[inline(always)]
    pub fn at(&self, i: usize, j: usize) -> T {
        self.data[i * self.row_stride + j * self.col_stride]
    }
}

impl<'a, T> MatMut<'a, T> {
    /// Returns a row-major view of `rows` x `cols` elements.
    ///
    /// # Panics
    /// As for [`strided`](Self::strided).
    pub fn new(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols, 1)
    }

    /// Returns a view with explicit strides.
    ///
    /// # Panics
    /// Unless the last element lies inside `data`, and one stride steps over all that lies along the other, so that all
    /// elements are distinct.
    pub fn strided(data: &'a mut [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        let [row, col] = check("MatMut", data.len(), [rows, cols], [row_stride, col_stride]);
        // The products are offsets of elements of the view: they cannot wrap.
        let steps_over = |step: usize, count: usize, stride: usize| stride > 0 && step > (count - 1) * stride;
        assert!(
            rows == 0 || cols == 0 || steps_over(row, cols, col) || steps_over(col, rows, row),
            "MatMut: elements of a {rows}x{cols} view with strides {row}, {col} coincide"
        );
        Self { data, rows, cols, row_stride: row, col_stride: col }
    }

    /// Returns element (i, j), to be written.
    ///
    /// # Panics
    /// If it lies outside the data.
    #[inline(always)]
    pub fn at_mut(&mut self, i: usize, j: usize) -> &mut T {
        &mut self.data[i * self.row_stride + j * self.col_stride]
    }

    /// Returns the transpose: the same elements, the strides swapped.
    pub fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    /// Miri takes its time over each.
    const EXTREMES: &[usize] =
        if cfg!(miri) { &[0, 2, usize::MAX] } else { &[0, 1, 2, 3, 1 << 32, 1 << 62, 1 << 63, usize::MAX] };

    /// Every combination of sizes and strides either panics or gives a view whose corners are in the data.
    #[test]
    fn views_of_any_sizes_stay_inside() {
        let mut accepted = 0;
        for &rows in EXTREMES {
            for &cols in EXTREMES {
                for &row in EXTREMES {
                    for &col in EXTREMES {
                        let view = catch_unwind(|| {
                            let data = [7u8; 9];
                            let view = MatRef::strided(&data, rows, cols, row, col);
                            if rows > 0 && cols > 0 {
                                assert_eq!([view.at(0, 0), view.at(rows - 1, cols - 1)], [7, 7]);
                                assert_eq!(view.t().at(cols - 1, rows - 1), 7);
                            }
                        });
                        let mut data = [7u8; 9];
                        let distinct = catch_unwind(move || {
                            let mut view = MatMut::strided(&mut data, rows, cols, row, col);
                            for i in 0..rows.min(4) {
                                for j in 0..cols.min(4) {
                                    assert_eq!(std::mem::replace(view.at_mut(i, j), 8), 7, "written twice");
                                }
                            }
                        });
                        assert!(view.is_ok() || distinct.is_err(), "what may be written may be read");
                        accepted += usize::from(distinct.is_ok());
                    }
                }
            }
        }
        assert!(accepted > EXTREMES.len() * 8, "{accepted}");
    }

    #[test]
    #[should_panic(expected = "reaches outside")]
    fn a_product_that_wraps_is_outside() {
        MatRef::strided(&[0.0f32; 16], (1 << 32) + 1, 2, 1 << 32, 1);
    }

    #[test]
    #[should_panic(expected = "coincide")]
    fn rows_that_overlap_cannot_be_written() {
        MatMut::strided(&mut [0.0f32; 16], 3, 4, 2, 1);
    }
}
