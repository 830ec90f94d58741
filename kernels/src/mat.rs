//! Matrix views: a slice and the strides by which to walk it.
//!
//! A view says *where* element (i, j) lives: `data[i * row_stride + j * col_stride]`. Transposing is swapping the
//! strides, so no kernel needs a "transposed" flag and no caller needs a copy.

/// A read-only matrix view.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a, T> {
    /// The elements; `(rows-1)*row_stride + (cols-1)*col_stride` must lie inside.
    pub data: &'a [T],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Distance in elements from one row to the next.
    pub row_stride: usize,
    /// Distance in elements from one column to the next.
    pub col_stride: usize,
}

/// A writable matrix view. Its rows may not overlap.
#[derive(Debug)]
pub struct MatMut<'a, T> {
    /// The elements.
    pub data: &'a mut [T],
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Distance in elements from one row to the next.
    pub row_stride: usize,
    /// Distance in elements from one column to the next.
    pub col_stride: usize,
}

/// Panics unless the last element of a `rows` x `cols` view lies inside `len` elements.
fn check(name: &str, len: usize, rows: usize, cols: usize, rs: usize, cs: usize) {
    if rows > 0 && cols > 0 {
        let last = (rows - 1) * rs + (cols - 1) * cs;
        assert!(
            last < len,
            "{name}: a {rows}x{cols} view with strides {rs}, {cs} needs {} elements, got {len}",
            last + 1
        );
    }
}

impl<'a, T> MatRef<'a, T> {
    /// A row-major view of `rows` x `cols` elements.
    pub fn new(data: &'a [T], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols, 1)
    }

    /// A view with explicit strides.
    pub fn strided(data: &'a [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        check("MatRef", data.len(), rows, cols, row_stride, col_stride);
        Self { data, rows, cols, row_stride, col_stride }
    }

    /// The transpose: the same elements, the strides swapped.
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
    /// Element (i, j).
    #[inline(always)]
    pub fn at(&self, i: usize, j: usize) -> T {
        self.data[i * self.row_stride + j * self.col_stride]
    }
}

impl<'a, T> MatMut<'a, T> {
    /// A row-major view of `rows` x `cols` elements.
    pub fn new(data: &'a mut [T], rows: usize, cols: usize) -> Self {
        Self::strided(data, rows, cols, cols, 1)
    }

    /// A view with explicit strides.
    pub fn strided(data: &'a mut [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        check("MatMut", data.len(), rows, cols, row_stride, col_stride);
        Self { data, rows, cols, row_stride, col_stride }
    }

    /// The element (i, j), to be written.
    #[inline(always)]
    pub fn at_mut(&mut self, i: usize, j: usize) -> &mut T {
        &mut self.data[i * self.row_stride + j * self.col_stride]
    }

    /// The transpose: the same elements, the strides swapped.
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
