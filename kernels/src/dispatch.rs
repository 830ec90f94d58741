//! Detects the instruction set of the kernels once at run time, so one binary runs anywhere.
//!
//! A kernel asks [`isa`] once, on the thread that calls it, and passes the result to its workers. Tests walk
//! [`variants`] and force each level in turn with [`with`]; the bits must not change.
//!
//! # Three ways to write code for vectors
//!
//! * A `Loop` (in this file) is plain Rust over any number type, which the compiler turns into vectors by itself, once
//!   for each level. It is the first choice, and that of almost every kernel: elementwise functions, sums in lanes,
//!   optimizers, distances. Products and sums are rounded one by one (unless the loop itself asks for `mul_add`), so
//!   the bits are the same on every level. A kernel puts what its loop needs into a struct, marks `run` as
//!   `#[inline(always)]`, and calls `vectorize`.
//! * A `Vector` (`simd/vector.rs`) is one register of `f32`, as wide as the level's registers are, and its methods are
//!   single instructions. Matrix products and convolutions are written over it (`simd/body.rs`, `dense.rs`): their sums
//!   must be fused and must fill the registers without a rest, which no compiler finds by itself. Every other use of
//!   the processor's own instructions for arithmetic goes by way of a `Vector` too.
//! * `Lanes` (`kmeans/lanes.rs`) are sixteen numbers on every level: one, two or four `Vector`s of `f32`, or an array,
//!   for `f64` and for [`Isa::Scalar`]. K-means is written over them, because it compares and chooses in each lane,
//!   which compilers do not reliably turn into vectors, and because its samples lie in tiles of sixteen whatever the
//!   level.
//!
//! They do not replace each other. The width of a `Vector` differs between levels, since it decides the size of a
//! micro-kernel's tile; that of `Lanes` does not, since it decides how data lie in memory. `Lanes` run inside of a
//! `Loop`, as a `Vector` runs inside of a micro-kernel: in a function that is compiled for the instruction set.

use std::cell::Cell;
use std::sync::OnceLock;

/// An instruction set that has kernels of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust, and the `matrixmultiply` crate for matrix products. The only level whose matrix products and
    /// convolutions may differ in the last bits: it does not presume fused multiply-adds.
    Scalar,
    /// x86-64 with AVX2 and FMA: 8 floats at a time.
    Avx2,
    /// x86-64 with AVX-512 (F, VL, BW, DQ): 16 floats at a time.
    Avx512,
    /// AArch64: 4 floats at a time.
    Neon,
}

/// Returns the levels that this machine can run, slowest first.
pub fn variants() -> &'static [Isa] {
    static FOUND: OnceLock<Vec<Isa>> = OnceLock::new();
    FOUND.get_or_init(detect)
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn detect() -> Vec<Isa> {
    let mut found = vec![Isa::Scalar];
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        found.push(Isa::Avx2);
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        if avx512 {
            found.push(Isa::Avx512);
        }
    }
    found
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
fn detect() -> Vec<Isa> {
    vec![Isa::Scalar, Isa::Neon]
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn detect() -> Vec<Isa> {
    vec![Isa::Scalar]
}

thread_local! {
    static FORCED: Cell<Option<Isa>> = const { Cell::new(None) };
}

/// Returns the level that a kernel called on this thread runs at: the best one, unless [`with`] says otherwise.
pub fn isa() -> Isa {
    FORCED.get().unwrap_or_else(|| variants()[variants().len() - 1])
}

/// Runs `f` with every kernel that it calls on this thread at level `isa`.
///
/// # Panics
/// If this machine cannot run that level.
pub fn with<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    assert!(variants().contains(&isa), "this machine has no {isa:?}");
    struct Restore(Option<Isa>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _restore = Restore(FORCED.replace(Some(isa)));
    f()
}

/// A loop that the compiler turns into vectors by itself, once per level. `run` must be `#[inline(always)]`.
pub(crate) trait Loop {
    type Output;
    fn run(self) -> Self::Output;
}

/// Runs a loop compiled for `isa`. Rust never contracts `a * b + c` nor reorders sums, so the bits do not depend on it.
#[inline]
pub(crate) fn vectorize<L: Loop>(isa: Isa, body: L) -> L::Output {
    match isa {
        // SAFETY: `isa` comes from `isa()`, which only gives what this machine has.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => unsafe { avx512(body) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => unsafe { avx2(body) },
        // NEON is part of every AArch64, and the baseline of x86-64 is SSE2.
        _ => body.run(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
fn avx512<L: Loop>(body: L) -> L::Output {
    body.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<L: Loop>(body: L) -> L::Output {
    body.run()
}
