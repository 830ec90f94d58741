//! A register of floats, and what the micro-kernels ask of it.
//!
//! Every method is inlined into a function that was compiled for the instruction set, so it becomes one instruction.

/// # Safety
/// Of all methods: the instruction set must be present, and pointers must be good for `LANES` floats (or `len`).
pub(super) trait Vector: Copy {
    /// Number of floats.
    const LANES: usize;
    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    /// `self + a b`, rounded once.
    unsafe fn fma(self, a: Self, b: Self) -> Self;

    /// `to[..len] = from[..len] + bias`, for `len` below `LANES`.
    #[inline(always)]
    unsafe fn add_tail(from: *const f32, bias: f32, to: *mut f32, len: usize) {
        for l in 0..len {
            // SAFETY: promised by the caller.
            unsafe { *to.add(l) = *from.add(l) + bias };
        }
    }
}
