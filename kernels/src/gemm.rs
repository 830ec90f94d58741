//! C = A B + beta C, after Goto and van de Geijn (*Anatomy of high-performance matrix multiplication*, 2008).
//!
//! The micro-kernel reads panels of A and B from end to end, copies made for it of 256 columns of A and rows of B at a
//! time, and its tiles are added into C. C is cut into blocks, one task each, which packs its own panels. How C is cut
//! depends on the sizes alone, and no element's sum ever does: the bits are those of [`crate::reference::gemm`].
//!
//! Most products go to [`crate::dense`], which has no use for a copy of A; those come here that add to what C holds, or
//! whose C has no contiguous rows.

use crate::dispatch::isa;
use crate::parallel::{self, Shared};
use crate::reference::K_BLOCK;
use crate::simd::{self, Kernels, MAX_TILE, MAX_VECTORS, Store, Tile};
use crate::{MatMut, MatRef, dense, pack, scratch};

/// Multiply-adds below which a product stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 19;
/// Rows of a task's block of C at most: their panel of A takes half of a small L2 cache.
const BLOCK_ROWS: usize = 128;
/// Panels of columns of a task's block of C at most.
const BLOCK_PANELS: usize = 4;
/// Tasks that a large product should be cut into at least.
const TASKS: usize = 8;

pub(crate) fn gemm_f32(a: MatRef<'_, f32>, b: MatRef<'_, f32>, beta: f32, c: MatMut<'_, f32>) {
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "gemm: shapes do not fit");
    if c.rows == 0 || c.cols == 0 {
        return;
    }
    if a.cols == 0 {
        return scale(beta, c);
    }
    if beta == 0.0 && dense::suits(&a, &c) {
        return dense::product(a, b, None, c);
    }
    match simd::kernels(isa()) {
        Some(kernels) => blocked(kernels, a, b, beta, c),
        None => plain_f32(a, b, beta, c),
    }
}

/// C = beta C, the product of empty sums.
fn scale<T: crate::Scalar>(beta: T, mut c: MatMut<'_, T>) {
    for i in 0..c.rows {
        for j in 0..c.cols {
            let out = c.at_mut(i, j);
            *out = if beta == T::ZERO { T::ZERO } else { beta * *out };
        }
    }
}

/// How C is cut into tasks.
struct Cut {
    /// Vectors per panel of columns.
    vectors: usize,
    /// Rows and columns of a task's block.
    block: [usize; 2],
    /// Number of tasks down and across.
    tasks: [usize; 2],
}

impl Cut {
    /// A function of the sizes alone.
    fn new(kernels: &Kernels, rows: usize, cols: usize, serial: bool) -> Self {
        // Few columns: narrower panels waste less and give more tasks.
        let vectors = if cols <= 8 * kernels.lanes { 2 } else { kernels.vectors };
        let panel = vectors * kernels.lanes;
        let mut block = [BLOCK_ROWS, BLOCK_PANELS * panel];
        let count = |block: [usize; 2]| [rows.div_ceil(block[0]), cols.div_ceil(block[1])];
        if !serial {
            while block[1] > panel && count(block)[0] * count(block)[1] < TASKS {
                block[1] /= 2;
            }
            while block[0] > 4 * kernels.rows && count(block)[0] * count(block)[1] < TASKS {
                block[0] /= 2;
            }
        }
        Self { vectors, block, tasks: count(block) }
    }
}

fn blocked(kernels: &Kernels, a: MatRef<'_, f32>, b: MatRef<'_, f32>, beta: f32, c: MatMut<'_, f32>) {
    // Rows of the transposed product are the columns of this one, and the micro-kernel writes along rows.
    if c.col_stride != 1 && c.row_stride == 1 {
        return blocked(kernels, b.t(), a.t(), beta, c.t());
    }
    let serial = c.rows * c.cols * a.cols < SERIAL_BELOW;
    let cut = Cut::new(kernels, c.rows, c.cols, serial);
    let out = Shared::new(c.data);
    let (rows, cols, strides) = (c.rows, c.cols, [c.row_stride, c.col_stride]);
    parallel::tasks(cut.tasks[0] * cut.tasks[1], serial, |task| {
        let (i0, j0) = (task / cut.tasks[1] * cut.block[0], task % cut.tasks[1] * cut.block[1]);
        let block = Block {
            kernels,
            vectors: cut.vectors,
            rows: i0..rows.min(i0 + cut.block[0]),
            cols: j0..cols.min(j0 + cut.block[1]),
            beta,
            strides,
        };
        // SAFETY: the tasks' blocks of C are disjoint, and lie inside by the check in MatMut.
        unsafe { block.run(a, b, out.pointer()) };
    });
}

/// One task: a block of C.
struct Block<'a> {
    kernels: &'a Kernels,
    vectors: usize,
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
    beta: f32,
    strides: [usize; 2],
}

impl Block<'_> {
    /// # Safety
    /// The block of C must be inside of `c`, and no one else may touch it.
    unsafe fn run(&self, a: MatRef<'_, f32>, b: MatRef<'_, f32>, c: *mut f32) {
        let (mr, nr) = (self.kernels.rows, self.vectors * self.kernels.lanes);
        let depth = a.cols.min(K_BLOCK);
        let a_size = self.rows.len().next_multiple_of(mr) * depth;
        let b_size = self.cols.len().next_multiple_of(nr) * depth;
        scratch::floats(a_size + b_size, |buffer| {
            let (pa, pb) = buffer.split_at_mut(a_size);
            for k0 in (0..a.cols).step_by(K_BLOCK) {
                let k = k0..a.cols.min(k0 + K_BLOCK);
                pack::panels(self.kernels, a.t(), k.clone(), self.rows.clone(), mr, pa);
                pack::panels(self.kernels, b, k.clone(), self.cols.clone(), nr, pb);
                // SAFETY: the panels hold what `multiply` reads; C as promised by the caller.
                unsafe { self.multiply(pa, pb, k.len(), k0 == 0, c) };
            }
        });
    }

    /// Multiplies the packed panels, `depth` deep, into C.
    ///
    /// # Safety
    /// As for [`Block::run`].
    unsafe fn multiply(&self, pa: &[f32], pb: &[f32], depth: usize, first: bool, c: *mut f32) {
        let (mr, nr) = (self.kernels.rows, self.vectors * self.kernels.lanes);
        let mut offsets = [0; K_BLOCK];
        offsets.iter_mut().enumerate().for_each(|(k, offset)| *offset = (k * nr) as u32);
        let mut out = [0.0; MAX_TILE];
        for (j, pb) in pb.chunks_exact(nr * depth).take(self.cols.len().div_ceil(nr)).enumerate() {
            let cols = nr.min(self.cols.len() - j * nr);
            let vectors = cols.div_ceil(self.kernels.lanes);
            for (i, pa) in pa.chunks_exact(mr * depth).take(self.rows.len().div_ceil(mr)).enumerate() {
                let mut starts = [pb.as_ptr(); MAX_VECTORS];
                for v in 0..vectors {
                    starts[v] = pb[v * self.kernels.lanes..].as_ptr();
                }
                let tile = Tile {
                    len: depth,
                    a: pa.as_ptr(),
                    offsets: offsets.as_ptr(),
                    b: starts,
                    out: out.as_mut_ptr(),
                    add: false,
                };
                // SAFETY: pa is depth x mr, pb depth x nr with depth <= K_BLOCK; the tile holds any kernel's output;
                // the rows and columns written are this block's.
                unsafe {
                    self.kernels.tile[vectors - 1](&tile);
                    let at =
                        (self.rows.start + i * mr) * self.strides[0] + (self.cols.start + j * nr) * self.strides[1];
                    let rows = mr.min(self.rows.len() - i * mr);
                    self.store(&out, rows, cols, first, c.add(at));
                }
            }
        }
    }

    /// Writes or adds a tile to C at `c`.
    ///
    /// # Safety
    /// `rows` x `cols` elements at `c` must be this block's.
    unsafe fn store(&self, tile: &[f32], rows: usize, cols: usize, first: bool, c: *mut f32) {
        if first && self.beta == 0.0 && self.strides[1] == 1 {
            let from = tile.as_ptr();
            let store = Store { from, bias: std::ptr::null(), to: c, plane: self.strides[0], rows, len: cols };
            // SAFETY: promised by the caller.
            return unsafe { (self.kernels.store)(&store) };
        }
        for (m, tile) in tile.chunks_exact(self.kernels.tile_stride()).take(rows).enumerate() {
            // SAFETY: promised by the caller; with a column stride of 1 the row is contiguous.
            unsafe {
                let row = c.add(m * self.strides[0]);
                if self.strides[1] == 1 {
                    let row = std::slice::from_raw_parts_mut(row, cols);
                    merge(row.iter_mut(), tile, first, self.beta);
                } else {
                    merge((0..cols).map(|j| &mut *row.add(j * self.strides[1])), tile, first, self.beta);
                }
            }
        }
    }
}

/// The first block of k meets beta C, the others are added on.
#[inline(always)]
fn merge<'a>(row: impl Iterator<Item = &'a mut f32>, tile: &[f32], first: bool, beta: f32) {
    let pairs = row.zip(tile);
    if !first {
        pairs.for_each(|(c, t)| *c += t);
    } else if beta == 0.0 {
        pairs.for_each(|(c, &t)| *c = t);
    } else if beta == 1.0 {
        pairs.for_each(|(c, t)| *c += t);
    } else {
        pairs.for_each(|(c, &t)| *c = beta.mul_add(*c, t));
    }
}

/// Rows per task of the products that `matrixmultiply` computes; a multiple of its tiles' heights.
const PLAIN_ROWS: usize = 96;

macro_rules! plain {
    ($name:ident, $t:ty, $kernel:path) => {
        /// By the `matrixmultiply` crate, on one thread for each fixed slice of rows.
        pub(crate) fn $name(a: MatRef<'_, $t>, b: MatRef<'_, $t>, beta: $t, c: MatMut<'_, $t>) {
            assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "gemm: shapes do not fit");
            if c.rows == 0 || c.cols == 0 {
                return;
            }
            if a.cols == 0 {
                return scale(beta, c);
            }
            let serial = c.rows * c.cols * a.cols < SERIAL_BELOW;
            let (rows, cols, rs, cs) = (c.rows, c.cols, c.row_stride, c.col_stride);
            let out = Shared::new(c.data);
            parallel::tasks(rows.div_ceil(PLAIN_ROWS), serial, |task| {
                let i = task * PLAIN_ROWS;
                let stride = |s: usize| s as isize;
                // SAFETY: the views are inside their slices by the checks in MatRef and MatMut; the slices of rows
                // do not overlap; with beta = 0 C is not read.
                unsafe {
                    $kernel(
                        PLAIN_ROWS.min(rows - i),
                        a.cols,
                        cols,
                        1.0,
                        a.data.as_ptr().add(i * a.row_stride),
                        stride(a.row_stride),
                        stride(a.col_stride),
                        b.data.as_ptr(),
                        stride(b.row_stride),
                        stride(b.col_stride),
                        beta,
                        out.pointer().add(i * rs),
                        stride(rs),
                        stride(cs),
                    );
                }
            });
        }
    };
}
plain!(plain_f32, f32, matrixmultiply::sgemm);
plain!(gemm_f64, f64, matrixmultiply::dgemm);
