//! The table of micro-kernels of one instruction set: every entry is compiled for that set, at its sizes.

/// Compiles the micro-kernels for one instruction set, as the static `KERNELS`.
///
/// A table has an entry for every size of any instruction set; those beyond the largest of this one repeat it, and are
/// never used.
macro_rules! compile {
    ($vector:ty, $features:literal, rows: $rows:literal, vectors: $vectors:expr, taps: $taps:literal,
     units: $units:literal, windows: $windows:literal, transpose: $transpose:path) => {
        pub(super) static KERNELS: $crate::simd::args::Kernels = $crate::simd::args::Kernels {
            lanes: <$vector as Vector>::LANES,
            rows: $rows,
            vectors: $vectors,
            tile: [tile::<1>, tile::<2>, tile::<{ $vectors }>],
            store,
            transpose: $transpose,
            taps: $taps,
            gradient: [gradients::<1>(), gradients::<2>()],
            units: $units,
            gather: [gathers::<1>(), gathers::<2>(), gathers::<3>()],
            scatter: [scatters::<1>(), scatters::<2>(), scatters::<3>()],
            argmaxes,
            direct,
            windows: $windows,
            block: [blocks::<1>(), blocks::<2>()],
            points: [points::<$rows, 1>, points::<$rows, 2>, points::<$rows, { $vectors }>],
            line: [
                points::<1, 1>,
                points::<1, 2>,
                points::<1, 3>,
                points::<1, 4>,
                points::<1, 5>,
                points::<1, 6>,
                points::<1, 7>,
                points::<1, 8>,
            ],
            lane_gradient: [lane_gradients::<1>(), lane_gradients::<2>()],
            multiply_adds,
        };

        const fn lane_gradients<const O: usize>() -> [$crate::simd::args::LaneGradientFn; $crate::simd::args::MAX_TAPS]
        {
            [
                lane_gradient::<O, 1>,
                lane_gradient::<O, 2>,
                lane_gradient::<O, 3>,
                lane_gradient::<O, 4>,
                lane_gradient::<O, 5>,
                lane_gradient::<O, 6>,
                lane_gradient::<O, { upto(7, $taps) }>,
                lane_gradient::<O, { upto(8, $taps) }>,
                lane_gradient::<O, { upto(9, $taps) }>,
            ]
        }

        /// Returns `n`, or the `most` there is.
        const fn upto(n: usize, most: usize) -> usize {
            if n < most { n } else { most }
        }

        /// Vectors in a unit.
        const VECTORS: usize = $crate::simd::args::UNIT / <$vector as Vector>::LANES;

        const fn gradients<const V: usize>() -> [$crate::simd::args::GradientFn; $crate::simd::args::MAX_TAPS] {
            [
                gradient::<V, 1>,
                gradient::<V, 2>,
                gradient::<V, 3>,
                gradient::<V, 4>,
                gradient::<V, 5>,
                gradient::<V, 6>,
                gradient::<V, { upto(7, $taps) }>,
                gradient::<V, { upto(8, $taps) }>,
                gradient::<V, { upto(9, $taps) }>,
            ]
        }

        const fn gathers<const R: usize>() -> [$crate::simd::args::GatherFn; $crate::simd::args::MAX_UNITS] {
            [
                gather::<R, { upto(1, $units) * VECTORS }>,
                gather::<R, { upto(2, $units) * VECTORS }>,
                gather::<R, { upto(3, $units) * VECTORS }>,
                gather::<R, { upto(4, $units) * VECTORS }>,
                gather::<R, { upto(5, $units) * VECTORS }>,
                gather::<R, { upto(6, $units) * VECTORS }>,
            ]
        }

        const fn blocks<const V: usize>() -> [$crate::simd::args::WindowsFn; $crate::simd::args::MAX_WINDOWS] {
            [windows::<1, V>, windows::<{ upto(2, $windows) }, V>, windows::<{ upto(3, $windows) }, V>]
        }

        const fn scatters<const R: usize>() -> [$crate::simd::args::ScatterFn; $crate::simd::args::MAX_UNITS] {
            [
                scatter::<R, { VECTORS }>,
                scatter::<R, { 2 * VECTORS }>,
                scatter::<R, { 3 * VECTORS }>,
                scatter::<R, { 4 * VECTORS }>,
                scatter::<R, { 5 * VECTORS }>,
                scatter::<R, { 6 * VECTORS }>,
            ]
        }

        #[target_feature(enable = $features)]
        unsafe fn tile<const V: usize>(t: &$crate::simd::args::Tile) {
            // SAFETY: promised by the caller, here and below.
            unsafe { $crate::simd::body::tile::<$vector, $rows, V>(t) }
        }

        #[target_feature(enable = $features)]
        unsafe fn store(s: &$crate::simd::args::Store) {
            // SAFETY: as above.
            unsafe { $crate::simd::body::store::<$vector>(s) }
        }

        #[target_feature(enable = $features)]
        unsafe fn gradient<const V: usize, const T: usize>(g: &$crate::simd::args::Gradient<'_>) {
            // SAFETY: as above.
            unsafe { $crate::simd::body::gradient::<$vector, V, T>(g) }
        }

        #[target_feature(enable = $features)]
        unsafe fn gather<const R: usize, const V: usize>(g: &$crate::simd::args::Gather<'_>) {
            // SAFETY: as above.
            unsafe { $crate::simd::body::gather::<$vector, R, V>(g) }
        }

        #[target_feature(enable = $features)]
        unsafe fn scatter<const R: usize, const V: usize>(s: &$crate::simd::args::Scatter<'_>) {
            // SAFETY: as above.
            unsafe { $crate::simd::body::scatter::<$vector, R, V>(s) }
        }

        #[target_feature(enable = $features)]
        unsafe fn argmaxes(w: &mut $crate::simd::args::Argmaxes<'_>) -> usize {
            // SAFETY: as above.
            unsafe { $crate::simd::body::argmaxes::<$vector>(w) }
        }

        #[target_feature(enable = $features)]
        unsafe fn direct(d: &$crate::simd::args::Direct<'_>) {
            // SAFETY: as above.
            unsafe { $crate::simd::body::direct::<$vector>(d) }
        }

        #[target_feature(enable = $features)]
        unsafe fn points<const ROWS: usize, const V: usize>(p: &$crate::simd::args::Points) {
            // SAFETY: as above.
            unsafe { $crate::simd::body::points::<$vector, ROWS, V>(p) }
        }

        #[target_feature(enable = $features)]
        unsafe fn lane_gradient<const O: usize, const T: usize>(g: &$crate::simd::args::LaneGradient) {
            // SAFETY: as above.
            unsafe { $crate::simd::body::lane_gradient::<$vector, O, T>(g) }
        }

        #[target_feature(enable = $features)]
        unsafe fn multiply_adds(rounds: usize, x: f32, y: f32) -> f32 {
            // SAFETY: as above.
            unsafe { $crate::simd::body::multiply_adds::<$vector>(rounds, x, y) }
        }

        #[target_feature(enable = $features)]
        unsafe fn windows<const W: usize, const V: usize>(w: &$crate::simd::args::Windows) {
            // SAFETY: as above.
            unsafe { $crate::simd::body::windows::<$vector, W, V>(w) }
        }
    };
}
pub(super) use compile;
