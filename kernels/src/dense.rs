//! C = A B + bias, small or large, with A read where it lies, and B too if few rows of A meet it and its own rows are
//! contiguous.
//!
//! The classical way copies both factors into the order in which they are read (Goto and van de Geijn, *Anatomy of
//! high-performance matrix multiplication*, 2008). In a small network the copies would take longer than the product; in
//! a large one the caches serve A as well as a copy would, if some rows of it stay there for several panels of B. A row
//! of C is a sum of rows of B, so the micro-kernel multiplies a few elements of a column of A (at any stride: a
//! transposed A costs nothing) by a piece of a row of B. Where B is worth a copy, each panel of it is copied while the
//! one before is multiplied ([`Next`]), memory and arithmetic at once; a B that is transposed itself, the weights in a
//! forward pass, is transposed in its copy.
//!
//! The sums are taken as in [`crate::reference::gemm`], block by block of k; where C is small and k long (the
//! gradient of the weights over a large batch), the blocks are separate tasks and added up in order at the end.

use crate::dispatch::{Isa, isa};
use crate::parallel::{self, Shared};
use crate::simd::vector::Vector;
use crate::splits::K_BLOCK;
use crate::{MatMut, MatRef, Scalar, math, pack, scratch, simd};
use std::ops::Range;

/// Multiply-adds of vectors below which a product stays on the calling thread, unless its result is large.
const SERIAL_BELOW: usize = 1 << 15;
/// Rows of A from which it pays to copy B; and from which it does if the rows of B are at least a page apart.
const COPY_FROM: [usize; 2] = [64, 16];
/// Rows of A up to which B is copied panel by panel, each while the one before is multiplied; with more of them,
/// copying long pieces of rows is as fast.
const OVERLAP_UP_TO: usize = 512;
/// Floats in a page.
const PAGE: usize = 1024;
/// Panels that a task copies at a time: with 256 rows, a quarter of a megabyte, and long pieces of each row.
const GROUP: usize = 8;
/// Elements of a large result.
const LARGE: usize = 1 << 14;
/// Vectors of a panel of columns.
const VECTORS: usize = 2;
/// Rows of A that meet a group of panels before the next rows do: with 256 columns, an eighth of a megabyte.
const ROWS: usize = 128;
/// Tasks that a large product should be cut into.
const TASKS: usize = 8;

/// The kernel of one instruction set.
struct Kernel {
    lanes: usize,
    /// # Safety
    /// All that the [`Panel`] describes must be readable or writable, and the instruction set present.
    run: unsafe fn(&Panel),
}

#[cfg(target_arch = "x86_64")]
mod entry {
    use super::{Kernel, Panel, Vector, panel};
    use std::arch::x86_64::{__m256, __m512};

    pub(super) static AVX512: Kernel = Kernel { lanes: __m512::LANES, run: avx512 };
    pub(super) static AVX2: Kernel = Kernel { lanes: __m256::LANES, run: avx2 };

    /// 8 x 2 sums, 2 columns and a coefficient: 19 of 32 registers.
    #[target_feature(enable = "avx512f,avx512vl")]
    unsafe fn avx512(p: &Panel) {
        // SAFETY: promised by the caller.
        unsafe { panel::<__m512, 8>(p) }
    }

    /// 6 x 2 sums, 2 columns and a coefficient: 15 of 16 registers.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(p: &Panel) {
        // SAFETY: promised by the caller.
        unsafe { panel::<__m256, 6>(p) }
    }
}

#[cfg(target_arch = "aarch64")]
mod entry {
    use super::{Kernel, Vector, panel};
    use std::arch::aarch64::float32x4_t;

    /// 8 x 2 sums, 2 columns and a coefficient: 19 of 32 registers.
    pub(super) static NEON: Kernel = Kernel { lanes: float32x4_t::LANES, run: panel::<float32x4_t, 8> };
}

fn kernel(isa: Isa) -> Option<&'static Kernel> {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => Some(&entry::AVX512),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Some(&entry::AVX2),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => Some(&entry::NEON),
        _ => None,
    }
}

/// Rows of B that are prefetched ahead of the one that is copied.
const AHEAD: usize = 8;

/// Up to [`VECTORS`] vectors of columns of C, over one block of k: `c[i][j] (+)= sum over k of a[i][k] b[k][j]`.
struct Panel {
    rows: usize,
    cols: usize,
    depth: usize,
    a: *const f32,
    a_strides: [usize; 2],
    b: *const f32,
    b_stride: usize,
    c: *mut f32,
    c_stride: usize,
    /// Whether to add to what C holds from the blocks before.
    add: bool,
    /// Added at the end, one for each column; or null.
    bias: *const f32,
    next: Next,
}

/// The next panel of B, which is copied while this one is multiplied: memory and arithmetic at once.
#[derive(Clone, Copy)]
struct Next {
    from: *const f32,
    stride: usize,
    /// [`VECTORS`] vectors for each row; or null, if there is nothing to be copied.
    to: *mut f32,
}

impl Next {
    const NONE: Self = Self { from: std::ptr::null(), stride: 0, to: std::ptr::null_mut() };

    /// Copies row `k`.
    ///
    /// # Safety
    /// The row must be there, and room for it.
    #[inline(always)]
    unsafe fn copy<S: Vector>(&self, k: usize) {
        let from = self.from.wrapping_add(k * self.stride);
        for v in 0..VECTORS {
            // SAFETY: promised by the caller; prefetched rows are not read.
            unsafe {
                S::prefetch(from.wrapping_add(AHEAD * self.stride + v * S::LANES));
                S::load(from.add(v * S::LANES)).store(self.to.add((k * VECTORS + v) * S::LANES));
            }
        }
    }
}

/// # Safety
/// As for [`Kernel::run`].
#[inline(always)]
unsafe fn panel<S: Vector, const R: usize>(p: &Panel) {
    // SAFETY: promised by the caller.
    unsafe {
        match (p.cols > S::LANES, p.cols.is_multiple_of(S::LANES)) {
            (true, true) => rows::<S, R, 2, false>(p),
            (true, false) => rows::<S, R, 2, true>(p),
            (false, true) => rows::<S, R, 1, false>(p),
            (false, false) => rows::<S, R, 1, true>(p),
        }
    }
}

/// Tiles of `R` rows from top to bottom, and smaller ones for the rest.
///
/// # Safety
/// As for [`Kernel::run`].
#[inline(always)]
unsafe fn rows<S: Vector, const R: usize, const V: usize, const CUT: bool>(p: &Panel) {
    let tiles = p.rows / R;
    let mut i = tiles * R;
    // SAFETY: promised by the caller; the tiles' rows are among p.rows.
    unsafe {
        if p.next.to.is_null() {
            for t in 0..tiles {
                tile::<S, R, V, CUT, false>(p, t * R, 0..0);
            }
        } else {
            let part = p.depth / tiles.max(1);
            for t in 0..tiles {
                tile::<S, R, V, CUT, true>(p, t * R, t * part..(t + 1) * part);
            }
            for k in tiles * part..p.depth {
                p.next.copy::<S>(k);
            }
        }
        if i + 4 <= p.rows {
            tile::<S, 4, V, CUT, false>(p, i, 0..0);
            i += 4;
        }
        if i + 2 <= p.rows {
            tile::<S, 2, V, CUT, false>(p, i, 0..0);
            i += 2;
        }
        if i < p.rows {
            tile::<S, 1, V, CUT, false>(p, i, 0..0);
        }
    }
}

/// `R` rows and `V` vectors, the last of them cut off if `CUT`, from row `i` on; meanwhile these rows of the next panel
/// are copied, if `COPY`, evenly spread.
///
/// # Safety
/// As for [`Kernel::run`], and the rows must exist.
#[inline(always)]
unsafe fn tile<S: Vector, const R: usize, const V: usize, const CUT: bool, const COPY: bool>(
    p: &Panel,
    i: usize,
    mut copy: Range<usize>,
) {
    // SAFETY: promised by the caller: R rows of A and C, V vectors of B and C with the last one behind the mask.
    unsafe {
        let mask = S::mask(p.cols - (V - 1) * S::LANES);
        let load = |from: *const f32, v: usize| {
            let from = from.add(v * S::LANES);
            if CUT && v == V - 1 { S::load_first(from, mask) } else { S::load(from) }
        };
        let [down, along] = p.a_strides;
        // Four rows are in reach of one pointer, by the addressing modes of the processors.
        let mut fours = [p.a.add(i * down); 2];
        fours[1] = if R > 4 { fours[0].add(4 * down) } else { fours[0] };
        let mut from = p.b;
        let every = p.depth / copy.len().max(1);
        let mut wait = every;
        let mut sum = [[S::splat(0.0); V]; R];
        for _ in 0..p.depth {
            let mut b = [S::splat(0.0); V];
            for v in 0..V {
                b[v] = load(from, v);
            }
            for m in 0..R {
                let a = S::splat(*fours[m / 4].add(m % 4 * down));
                for v in 0..V {
                    sum[m][v] = sum[m][v].fma(a, b[v]);
                }
            }
            fours = fours.map(|a| a.wrapping_add(along));
            from = from.wrapping_add(p.b_stride);
            if COPY {
                wait -= 1;
                if wait == 0 {
                    wait = every;
                    if let Some(k) = copy.next() {
                        p.next.copy::<S>(k);
                    }
                }
            }
        }
        for m in 0..R {
            let row = p.c.add((i + m) * p.c_stride);
            for v in 0..V {
                let mut y = sum[m][v];
                if p.add {
                    y = load(row, v).add(y);
                }
                if !p.bias.is_null() {
                    y = y.add(load(p.bias, v));
                }
                let to = row.add(v * S::LANES);
                if CUT && v == V - 1 { y.store_first(to, mask) } else { y.store(to) }
            }
        }
    }
}

/// Where the panels of the right factor are.
#[derive(Clone, Copy)]
enum Right<'a> {
    /// Already there: in the matrix itself, whose rows are contiguous, or in a copy that several tasks share.
    There {
        data: &'a [f32],
        /// From one row to the next.
        row: usize,
        /// From one panel to the next.
        panel: usize,
    },
    /// To be copied, each by the one task that uses it.
    Copied,
}

/// Where the sums go: a matrix of `cols` columns.
#[derive(Clone, Copy)]
struct Out {
    data: *mut f32,
    stride: usize,
    cols: usize,
    /// Whether this is a part that holds one block of k, not the sum over all.
    part: bool,
}

/// Y = X Wᵀ + bias.
pub(crate) fn linear(x: MatRef<'_, f32>, w: MatRef<'_, f32>, bias: &[f32], y: &mut [f32]) {
    if kernel(isa()).is_some() && x.cols > 0 {
        assert_eq!(Some(y.len()), x.rows.checked_mul(w.rows), "linear: the length of y does not fit");
        product(x, w.t(), Some(bias), MatMut::new(y, x.rows, w.rows));
    } else {
        plain_linear(x, w, bias, y);
    }
}

/// Y = X Wᵀ, then + bias.
pub(crate) fn plain_linear<T: Scalar>(x: MatRef<'_, T>, w: MatRef<'_, T>, bias: &[T], y: &mut [T]) {
    assert!(
        bias.len() == w.rows && Some(y.len()) == x.rows.checked_mul(w.rows),
        "linear: the lengths of bias or y do not fit"
    );
    T::gemm(x, w.t(), T::ZERO, MatMut::new(y, x.rows, w.rows));
    let rows = y.chunks_exact_mut(w.rows.max(1));
    rows.for_each(|row| row.iter_mut().zip(bias).for_each(|(y, &bias)| *y += bias));
}

/// C = A B, plus `bias` in each row if there is one. The machine must have kernels, C rows without gaps, A columns.
pub(crate) fn product(a: MatRef<'_, f32>, b: MatRef<'_, f32>, bias: Option<&[f32]>, c: MatMut<'_, f32>) {
    let (Some(kernel), Some(simd)) = (kernel(isa()), simd::kernels(isa())) else {
        unreachable!("product: no kernels on this machine")
    };
    assert!(a.cols > 0 && c.col_stride == 1, "product: C must have contiguous rows, and A columns");
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "product: shapes do not fit");
    assert!(bias.is_none_or(|bias| bias.len() == c.cols), "product: the bias does not fit");
    if c.rows == 0 || c.cols == 0 {
        return;
    }
    assert!(c.rows == 1 || c.row_stride >= c.cols, "product: C must lie row by row");
    // All sizes of copies and parts are smaller. C is in memory, but A and B may repeat one number as often as they
    // like.
    let most = crate::geometry::MAX_LEN / 64;
    let work = c.rows.checked_mul(c.cols).and_then(|size| size.checked_mul(a.cols));
    assert!(work.is_some_and(|work| work <= most), "product: {} terms are too many", a.cols);
    if c.cols < kernel.lanes && c.cols < c.rows && a.row_stride == 1 && bias.is_none() {
        return product_transposed(a, b, c);
    }
    let vectors = c.rows * c.cols.div_ceil(kernel.lanes) * a.cols;
    let serial = vectors < SERIAL_BELOW && c.rows * c.cols < LARGE;
    Product { kernel, simd, a, b, bias, serial }.run(c);
}

/// Cᵀ = Bᵀ Aᵀ, for a C of a few columns that would leave most of a vector idle.
fn product_transposed(a: MatRef<'_, f32>, b: MatRef<'_, f32>, mut c: MatMut<'_, f32>) {
    let (rows, cols) = (c.rows, c.cols);
    scratch::floats(rows * cols, |transposed| {
        product(b.t(), a.t(), None, MatMut::new(transposed, cols, rows));
        for i in 0..rows {
            (0..cols).for_each(|j| *c.at_mut(i, j) = transposed[j * rows + i]);
        }
    });
}

struct Product<'a> {
    kernel: &'static Kernel,
    simd: &'static simd::Kernels,
    a: MatRef<'a, f32>,
    b: MatRef<'a, f32>,
    bias: Option<&'a [f32]>,
    serial: bool,
}

impl Product<'_> {
    fn width(&self) -> usize {
        VECTORS * self.kernel.lanes
    }

    /// Chooses how the work is divided among tasks.
    fn run(&self, c: MatMut<'_, f32>) {
        let (rows, cols, depth) = (self.a.rows, self.b.cols, self.a.cols);
        let (panels, step) = (cols.div_ceil(self.width()), depth * self.width());
        // A copy is read faster, which pays if many rows of A meet it, and makes a transposed B contiguous.
        let copy = self.b.col_stride != 1 || rows >= COPY_FROM[usize::from(self.b.row_stride >= PAGE)];
        let own = if copy {
            Right::Copied
        } else {
            Right::There { data: self.b.data, row: self.b.row_stride, panel: self.width() }
        };
        if !self.serial && depth > 2 * K_BLOCK && 4 * TASKS * rows * cols <= depth * (rows + cols) {
            self.split_depth(own, c);
        } else if self.serial || panels >= TASKS {
            self.split([1, if self.serial { 1 } else { panels.div_ceil(GROUP).max(TASKS) }], own, c);
        } else if copy {
            scratch::floats(panels * step, |copies| {
                parallel::chunks_unless(depth * cols < LARGE, copies, step, |j, panel| self.copy(j, 0..depth, panel));
                self.split(
                    [rows.div_ceil(8).min(TASKS), 1],
                    Right::There { data: copies, row: self.width(), panel: step },
                    c,
                );
            });
        } else {
            self.split([rows.div_ceil(8).min(TASKS), 1], own, c);
        }
    }

    /// Cuts C into as many tasks down and across.
    fn split(&self, [down, across]: [usize; 2], b: Right<'_>, c: MatMut<'_, f32>) {
        let (rows, depth) = (c.rows, self.a.cols);
        let panels = c.cols.div_ceil(self.width());
        let (rows_each, panels_each) = (rows.div_ceil(down).next_multiple_of(8), panels.div_ceil(across));
        let (stride, cols, data) = (c.row_stride, c.cols, Shared::new(c.data));
        parallel::tasks(down * across, self.serial, |task| {
            let (i, j) = (task / across * rows_each, task % across * panels_each);
            let rows = i.min(rows)..rows.min(i + rows_each);
            let out = Out { data: data.pointer(), stride, cols, part: false };
            for k in (0..depth).step_by(K_BLOCK) {
                let k = k..depth.min(k + K_BLOCK);
                // SAFETY: the tasks' rows and panels of C are disjoint.
                unsafe { self.panels(b, rows.clone(), k, j.min(panels)..panels.min(j + panels_each), out) };
            }
        });
    }

    /// Each block of k makes a C of its own; they are added up in order.
    fn split_depth(&self, b: Right<'_>, c: MatMut<'_, f32>) {
        let (rows, cols, depth) = (c.rows, c.cols, self.a.cols);
        scratch::floats(depth.div_ceil(K_BLOCK) * rows * cols, |parts| {
            parallel::chunks_unless(false, parts, rows * cols, |block, part| {
                let k = block * K_BLOCK..depth.min((block + 1) * K_BLOCK);
                let out = Out { data: part.as_mut_ptr(), stride: cols, cols, part: true };
                // SAFETY: the part is this task's.
                unsafe { self.panels(b, 0..rows, k, 0..cols.div_ceil(self.width()), out) };
            });
            let (first, others) = parts.split_at_mut(rows * cols);
            others.chunks_exact(rows * cols).for_each(|part| math::update(first, part, |sum, part| sum + part));
            for (to, sum) in c.data.chunks_mut(c.row_stride).zip(first.chunks_exact(cols)) {
                to[..cols].copy_from_slice(sum);
                self.bias.iter().for_each(|bias| to.iter_mut().zip(*bias).for_each(|(to, bias)| *to += bias));
            }
        });
    }

    /// Copies rows `k` of panel `j` of B.
    fn copy(&self, j: usize, k: Range<usize>, to: &mut [f32]) {
        let columns = j * self.width()..self.b.cols.min((j + 1) * self.width());
        pack::panel(self.simd, self.b, k, columns, self.width(), to);
    }

    /// Computes these rows and panels of C, over one block of k.
    ///
    /// # Safety
    /// `out` must have the rows and the panels, and no one else may touch them.
    unsafe fn panels(&self, b: Right<'_>, rows: Range<usize>, k: Range<usize>, panels: Range<usize>, out: Out) {
        match b {
            Right::There { data, row, panel } => {
                let at = |j: usize| (data[j * panel + k.start * row..].as_ptr(), row);
                // SAFETY: promised by the caller; the panels are there.
                unsafe { self.group(at, |_| Next::NONE, rows, k.clone(), panels, out) };
            }
            Right::Copied => {
                for first in panels.clone().step_by(GROUP) {
                    // SAFETY: promised by the caller.
                    unsafe { self.copied(rows.clone(), k.clone(), first..panels.end.min(first + GROUP), out) };
                }
            }
        }
    }

    /// The same with copies of the panels, which are made at once or, where it pays, each during the one before.
    ///
    /// # Safety
    /// As for [`panels`](Self::panels).
    unsafe fn copied(&self, rows: Range<usize>, k: Range<usize>, panels: Range<usize>, out: Out) {
        let (width, size, b) = (self.width(), k.len() * self.width(), self.b);
        scratch::floats(panels.len() * size, |copies| {
            let mut later = 0..0;
            if b.col_stride == 1 && rows.len() <= OVERLAP_UP_TO {
                later = panels.start + 1..panels.end.min(b.cols / width);
                let now = panels.clone().zip(copies.chunks_exact_mut(size)).filter(|(j, _)| !later.contains(j));
                now.for_each(|(j, copy)| self.copy(j, k.clone(), copy));
            } else {
                let columns = panels.start * width..b.cols.min(panels.end * width);
                pack::panels(self.simd, b, k.clone(), columns, width, copies);
            }
            let copies = Shared::new(copies);
            // SAFETY: each panel has its place.
            let copy = |j: usize| unsafe { copies.pointer().add((j - panels.start) * size) };
            let next = |j: usize| {
                if !later.contains(&j) {
                    return Next::NONE;
                }
                let from = b.data[k.start * b.row_stride + j * width..].as_ptr();
                Next { from, stride: b.row_stride, to: copy(j) }
            };
            // SAFETY: promised by the caller; a panel is copied before it is read.
            unsafe { self.group(|j| (copy(j).cast_const(), width), next, rows, k.clone(), panels.clone(), out) };
        });
    }

    /// Multiplies some rows of A with all panels, then the next, so that they stay in the cache meanwhile. `b(j)` is
    /// panel j, and how far its rows are apart; `next(j)` says how it is copied.
    ///
    /// # Safety
    /// As for [`panels`](Self::panels), and the panels must be there when their turn comes.
    unsafe fn group(
        &self,
        b: impl Fn(usize) -> (*const f32, usize),
        next: impl Fn(usize) -> Next,
        rows: Range<usize>,
        k: Range<usize>,
        panels: Range<usize>,
        out: Out,
    ) {
        for first in rows.clone().step_by(ROWS) {
            for j in panels.clone() {
                let next = if first == rows.start { next(j + 1) } else { Next::NONE };
                // SAFETY: promised by the caller.
                unsafe { self.panel(b(j), next, first..rows.end.min(first + ROWS), k.clone(), j, out) };
            }
        }
    }

    /// These rows of panel `j` of C, over one block of k.
    ///
    /// # Safety
    /// `out` must have the rows and the panel, and no one else may touch them; B must have its panel there, and what
    /// is copied next.
    unsafe fn panel(
        &self,
        (b, b_stride): (*const f32, usize),
        next: Next,
        rows: Range<usize>,
        k: Range<usize>,
        j: usize,
        out: Out,
    ) {
        let first = j * self.width();
        let last = k.end == self.a.cols;
        let bias = self.bias.filter(|_| last && !out.part).map_or(std::ptr::null(), |bias| bias[first..].as_ptr());
        let a_strides = [self.a.row_stride, self.a.col_stride];
        let panel = Panel {
            rows: rows.len(),
            cols: (out.cols - first).min(self.width()),
            depth: k.len(),
            a: self.a.data[rows.start * a_strides[0] + k.start * a_strides[1]..].as_ptr(),
            a_strides,
            b,
            b_stride,
            // SAFETY: inside of C.
            c: unsafe { out.data.add(rows.start * out.stride + first) },
            c_stride: out.stride,
            add: k.start > 0 && !out.part,
            bias,
            next,
        };
        // SAFETY: `product` has checked the views, and C is as the caller promises.
        unsafe { (self.kernel.run)(&panel) };
    }
}
