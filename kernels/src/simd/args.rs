//! The arguments of the micro-kernels: for each a struct that documents its computation and the memory that must be
//! readable, the type of the function, and the table of all functions of one instruction set.

/// The most vectors that a [`Tile`] is wide.
pub(crate) const MAX_VECTORS: usize = 3;
/// The most taps that a [`Gradient`] tile is high.
pub(crate) const MAX_TAPS: usize = 9;
/// Columns of the widest tile of any instruction set.
pub(crate) const MAX_LANES: usize = 48;
/// Room for the largest tile of any instruction set.
pub(crate) const MAX_TILE: usize = 8 * MAX_LANES;

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

/// `to[m * plane + l] = from[m][l] + bias[m]`: part of a tile, on its way out.
pub(crate) struct Store {
    /// In a tile, whose rows are `MAX_VECTORS * lanes` apart.
    pub(crate) from: *const f32,
    /// One for each row, or null.
    pub(crate) bias: *const f32,
    /// Where the first row goes.
    pub(crate) to: *mut f32,
    /// Distance between the rows of `to`.
    pub(crate) plane: usize,
    /// Number of rows.
    pub(crate) rows: usize,
    /// Floats in each.
    pub(crate) len: usize,
}

impl Store {
    /// Returns the bias of row `m`. Adding -0 changes nothing, so that stands for none.
    ///
    /// # Safety
    /// `bias` must be null or readable at `m`.
    #[inline(always)]
    pub(crate) unsafe fn bias(&self, m: usize) -> f32 {
        // SAFETY: promised by the caller.
        if self.bias.is_null() { -0.0 } else { unsafe { *self.bias.add(m) } }
    }
}

/// Most vectors of [`Points`].
pub(crate) const MAX_POINTS: usize = 8;

/// `to[v][m * plane + l] (+)= sum over k of a[k][m] * b[v][offsets[k] + l], + bias[m]`: a [`Tile`] whose vectors go
/// each to a place of its own.
pub(crate) struct Points {
    /// Number of terms.
    pub(crate) len: usize,
    /// The left factor, `len` x the kernel's rows.
    pub(crate) a: *const f32,
    /// Where each row of the right factor starts, `len` of them.
    pub(crate) offsets: *const u32,
    /// Where each vector of columns starts.
    pub(crate) b: [*const f32; MAX_POINTS],
    /// One for each row, or null.
    pub(crate) bias: *const f32,
    /// Where the first row of each vector goes, and how far it is to the next.
    pub(crate) to: [*mut f32; MAX_POINTS],
    pub(crate) plane: usize,
    /// Rows that are written.
    pub(crate) rows: usize,
    /// Whether to add to what is there.
    pub(crate) add: bool,
}

/// `out[o][t][l] += sum over a grid of pixels of taps[t][pixel + l] * dy[o][pixel + l]`.
pub(crate) struct LaneGradient {
    /// Rows and columns.
    pub(crate) grid: [usize; 2],
    /// The first pixel under each tap, and the steps down and to the right.
    pub(crate) taps: [*const f32; MAX_TAPS],
    pub(crate) tap_steps: [usize; 2],
    /// The first pixel of one or two channels, and the steps.
    pub(crate) dy: [*const f32; 2],
    pub(crate) dy_steps: [usize; 2],
    /// The sums, and the steps to the next channel's and the next tap's.
    pub(crate) out: *mut f32,
    pub(crate) out_steps: [usize; 2],
}

/// # Safety
/// All that the [`Points`] describe must be readable, `to` writable, and the instruction set present.
pub(crate) type PointsFn = unsafe fn(&Points);
/// # Safety
/// All that the [`LaneGradient`] describes must be readable, `out` writable, and the instruction set present.
pub(crate) type LaneGradientFn = unsafe fn(&LaneGradient);

/// `to[r * to_stride + c] = from[c * from_stride + r]`.
pub(crate) struct Transpose {
    pub(crate) from: *const f32,
    pub(crate) from_stride: usize,
    pub(crate) to: *mut f32,
    pub(crate) to_stride: usize,
    /// Rows and columns of the result.
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl Transpose {
    /// Element by element, but for the `done` rows and columns at the start.
    ///
    /// # Safety
    /// All that is described must be readable or writable.
    #[inline(always)]
    pub(super) unsafe fn rest(&self, done: [usize; 2]) {
        for c in 0..self.cols {
            for r in if c < done[1] { done[0] } else { 0 }..self.rows {
                // SAFETY: promised by the caller.
                unsafe { *self.to.add(r * self.to_stride + c) = *self.from.add(c * self.from_stride + r) };
            }
        }
    }
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

/// Floats in which the rows of a [`Gather`] and a [`Scatter`] are counted: the widest vector.
pub(crate) const UNIT: usize = 16;
/// Most rows of a [`Gather`] or a [`Scatter`].
pub(crate) const MAX_ROWS: usize = 3;
/// Most units of a [`Gather`] or a [`Scatter`].
pub(crate) const MAX_UNITS: usize = 6;

/// `out[r][l] += sum over i of gradients[i] * rows[r][at[i] + l]`.
pub(crate) struct Gather<'a> {
    /// Where each term lies.
    pub(crate) at: &'a [u32],
    /// The gradient that it is multiplied by.
    pub(crate) gradients: &'a [f32],
    /// What is read.
    pub(crate) rows: [*const f32; MAX_ROWS],
    /// Added to: row r starts at `r * out_stride`.
    pub(crate) out: *mut f32,
    /// Distance between the rows of `out`.
    pub(crate) out_stride: usize,
}

/// `rows[r][at[i] + l] += gradients[i] * w[r][l]`, i after i.
pub(crate) struct Scatter<'a> {
    /// Where each term goes.
    pub(crate) at: &'a [u32],
    /// The gradient that it is multiplied by.
    pub(crate) gradients: &'a [f32],
    /// What is added to.
    pub(crate) rows: [*mut f32; MAX_ROWS],
    /// The weights: row r starts at `r * w_stride`.
    pub(crate) w: *const f32,
    /// Distance between the rows of `w`.
    pub(crate) w_stride: usize,
}

/// The order in which the windows of a unit are listed. Neighbours are not consecutive: their pixels overlap, and a
/// scatter that has to wait for the one before it is slow.
pub(crate) const ORDER: [usize; UNIT] = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15];

/// The windows of a row, to be listed: where their argmaxes are, and the gradients that are not 0.
pub(crate) struct Argmaxes<'a> {
    /// The gradient of each window, and its code.
    pub(crate) dy: &'a [f32],
    pub(crate) codes: &'a [u8],
    /// The place of the first window's first pixel, and the steps to the right and down.
    pub(crate) start: u32,
    pub(crate) right: u32,
    pub(crate) down: u32,
    /// Receive the lists, in the order of [`ORDER`] for each unit.
    pub(crate) at: *mut u32,
    pub(crate) gradients: *mut f32,
    /// Window j adds its gradient to lane `j % UNIT`.
    pub(crate) lanes: &'a mut [f32; UNIT],
}

/// `out[tap][lane] += sum over rows i, windows j = lane (mod UNIT) and pixels of gradients[i][pixel][j] * image[..]`,
/// for the nine taps of a 3 x 3 filter, `..` being the pixel under the tap: row `2 i + pixel / 2 + tap / 3`, column
/// `2 j + pixel % 2 + tap % 3`.
pub(crate) struct Direct<'a> {
    /// `[rows, 4, cols]`.
    pub(crate) gradients: &'a [f32],
    /// Windows in a row, a multiple of `UNIT`.
    pub(crate) cols: usize,
    /// The image, with its border; even columns first in each row, then the odd ones.
    pub(crate) image: *const f32,
    /// Floats from row to row, and from the even columns to the odd ones.
    pub(crate) row: usize,
    pub(crate) phase: usize,
    /// 9 x `UNIT`, added to.
    pub(crate) out: *mut f32,
}

/// Most windows of a [`Windows`] kernel.
pub(crate) const MAX_WINDOWS: usize = 3;

/// `y[w] = maxpool(max(floor, sum over k of filters[k] * windows[w][offsets[k] + pixel] + bias))` over the four pixels of
/// a 2 x 2 window, at 0, 1, `row` and `row + 1`; one or two vectors of filters at a time.
pub(crate) struct Windows {
    /// Number of terms.
    pub(crate) len: usize,
    /// `len` x (1 or 2) vectors.
    pub(crate) filters: *const f32,
    /// Where each term's pixels lie.
    pub(crate) offsets: *const u32,
    /// The first pixel of each window.
    pub(crate) windows: [*const f32; MAX_WINDOWS],
    /// Distance between rows of pixels.
    pub(crate) row: usize,
    /// One or two vectors.
    pub(crate) bias: *const f32,
    /// 0 for ReLU, -infinity for none.
    pub(crate) floor: f32,
    /// Values and codes, window w's at `w * stride`.
    pub(crate) y: *mut f32,
    pub(crate) codes: *mut u8,
    pub(crate) stride: usize,
}

/// # Safety
/// All that the [`Windows`] describes must be readable, `y` and `codes` writable, and the instruction set present.
pub(crate) type WindowsFn = unsafe fn(&Windows);
/// Lists the argmaxes and returns how many there are.
///
/// # Safety
/// There must be room for a unit more than there are windows; and the instruction set must be present.
pub(crate) type ArgmaxesFn = unsafe fn(&mut Argmaxes<'_>) -> usize;
/// # Safety
/// All that the [`Direct`] describes must be readable, `out` writable, and the instruction set present.
pub(crate) type DirectFn = unsafe fn(&Direct<'_>);

/// # Safety
/// All that the [`Gather`] describes must be readable, `out` writable, and the instruction set present.
pub(crate) type GatherFn = unsafe fn(&Gather<'_>);
/// # Safety
/// All that the [`Scatter`] describes must be readable, the rows writable, and the instruction set present.
pub(crate) type ScatterFn = unsafe fn(&Scatter<'_>);

/// # Safety
/// All that the [`Tile`] describes must be readable, `out` writable, and the instruction set present.
pub(crate) type TileFn = unsafe fn(&Tile);
/// # Safety
/// All that the [`Gradient`] describes must be readable, `out` writable, and the instruction set present.
pub(crate) type GradientFn = unsafe fn(&Gradient<'_>);

/// # Safety
/// All that the [`Store`] describes must be readable, `to` writable, and the instruction set present.
pub(crate) type StoreFn = unsafe fn(&Store);

/// # Safety
/// All that the [`Transpose`] describes must be readable, `to` writable, and the instruction set present.
pub(crate) type TransposeFn = unsafe fn(&Transpose);

/// Registers of [`MultiplyAddsFn`]: a multiply-add takes 4 or 5 cycles and two start in each.
pub(crate) const SUMS: usize = 12;
/// `sum ← x · sum + y` in [`SUMS`] registers, so many times: the total of all.
///
/// # Safety
/// The instruction set must be present.
pub(crate) type MultiplyAddsFn = unsafe fn(rounds: usize, x: f32, y: f32) -> f32;

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
    /// Writes a part of a tile.
    pub(crate) store: StoreFn,
    /// Transposes, for packing.
    pub(crate) transpose: TransposeFn,
    /// Taps of a full gradient tile.
    pub(crate) taps: usize,
    /// Gradient kernels: 1 or 2 vectors wide, 1 to `taps` taps high.
    pub(crate) gradient: [[GradientFn; MAX_TAPS]; 2],
    /// Units of the widest gather kernel.
    pub(crate) units: usize,
    /// Gather kernels: 1 to 3 rows high, 1 to `units` units wide.
    pub(crate) gather: [[GatherFn; MAX_UNITS]; MAX_ROWS],
    /// Scatter kernels: 1 to 3 rows high, any number of units wide: what has no register is read from the cache.
    pub(crate) scatter: [[ScatterFn; MAX_UNITS]; MAX_ROWS],
    /// Lists the windows that the two visit.
    pub(crate) argmaxes: ArgmaxesFn,
    /// The gradient of a filter of few channels.
    pub(crate) direct: DirectFn,
    /// Windows of the largest of the next.
    pub(crate) windows: usize,
    /// Convolution, ReLU and max-pooling: 1 or 2 vectors of filters, 1 to `windows` windows.
    pub(crate) block: [[WindowsFn; MAX_WINDOWS]; 2],
    /// As `tile`, each vector to a place of its own; and with one row.
    pub(crate) points: [PointsFn; MAX_VECTORS],
    pub(crate) line: [PointsFn; MAX_POINTS],
    /// Gradients of 1 or 2 channels and 1 to `taps` taps.
    pub(crate) lane_gradient: [[LaneGradientFn; MAX_TAPS]; 2],
    /// Nothing but arithmetic: how fast it can be.
    pub(crate) multiply_adds: MultiplyAddsFn,
}

impl Kernels {
    /// Columns of the widest tile, and the distance between the rows of any tile.
    pub(crate) fn tile_stride(&self) -> usize {
        MAX_VECTORS * self.lanes
    }
}
