//! Sixteen samples side by side, in the registers of each instruction set, and the search for their nearest centroids.

use super::groups::{Groups, LANES, Nearest, row};
use crate::dispatch::{Isa, Loop, variants, vectorize};
use crate::simd::vector::Vector;
use crate::splits::K_BLOCK;
use crate::{MatRef, Scalar};
#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::float32x4_t;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};
use std::marker::PhantomData;

/// Runs `$loop` with the lanes of `$level`.
macro_rules! with_lanes {
    (f32, $level:expr, $loop:ident { $($field:ident),* }) => {
        match $level {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => vectorize($level, $loop::<f32, Registers<__m512, 1>> { $($field,)* lanes: PhantomData }),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => vectorize($level, $loop::<f32, Registers<__m256, 2>> { $($field,)* lanes: PhantomData }),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => vectorize($level, $loop::<f32, Registers<float32x4_t, 4>> { $($field,)* lanes: PhantomData }),
            _ => vectorize($level, $loop::<f32, Plain<f32, false>> { $($field,)* lanes: PhantomData }),
        }
    };
    (f64, $level:expr, $loop:ident { $($field:ident),* }) => {
        match $level {
            Isa::Scalar => vectorize($level, $loop::<f64, Plain<f64, false>> { $($field,)* lanes: PhantomData }),
            _ => vectorize($level, $loop::<f64, Plain<f64, true>> { $($field,)* lanes: PhantomData }),
        }
    };
}

macro_rules! entries {
    ($t:tt, $transpose:ident, $nearest:ident) => {
        /// Transposes the listed rows of `x` into tiles of 16, each column after column; the last is filled with its
        /// last.
        pub(crate) fn $transpose(level: Isa, x: &MatRef<'_, $t>, rows: &[u32], to: &mut [$t]) {
            // This is reached through a public trait, with any level.
            assert!(variants().contains(&level), "this machine has no {level:?}");
            with_lanes!($t, level, TransposeRows { x, rows, to });
        }

        /// The nearest centroids of `found.len()` tiles of samples in `x`.
        pub(crate) fn $nearest(groups: &Groups<$t>, x: &[$t], found: &mut [Nearest<$t>]) {
            with_lanes!($t, groups.level, Search { groups, x, found });
        }
    };
}
entries!(f32, transpose_f32, nearest_f32);
entries!(f64, transpose_f64, nearest_f64);

/// The transposing, with `V` for lanes.
struct TransposeRows<'a, T, V> {
    x: &'a MatRef<'a, T>,
    rows: &'a [u32],
    to: &'a mut [T],
    lanes: PhantomData<V>,
}

impl<T: Scalar, V: Lanes<T>> Loop for TransposeRows<'_, T, V> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let d = self.x.cols;
        for (to, rows) in self.to.chunks_exact_mut(LANES * d).zip(self.rows.chunks(LANES)) {
            let nth = |l: usize| row(self.x, rows[l.min(rows.len() - 1)] as usize);
            let rows: [&[T]; LANES] = std::array::from_fn(nth);
            if d < LANES {
                for (j, to) in to.chunks_exact_mut(LANES).enumerate() {
                    (0..LANES).for_each(|l| to[l] = rows[l][j]);
                }
            }
            for j in (0..d).step_by(LANES).filter(|_| d >= LANES) {
                let j = j.min(d - LANES); // the last block overlaps the one before
                // SAFETY: `V` was chosen by the level that this is compiled for.
                unsafe {
                    let mut block = [V::splat(T::ZERO); LANES];
                    for l in 0..LANES {
                        block[l] = V::load(&rows[l][j..]);
                    }
                    for _ in 0..LANES.ilog2() {
                        let before = block;
                        for i in 0..LANES / 2 {
                            [block[2 * i], block[2 * i + 1]] = before[i].interleave(before[i + LANES / 2]);
                        }
                    }
                    for (to, v) in to[j * LANES..].chunks_exact_mut(LANES).zip(block) {
                        v.store(to);
                    }
                }
            }
        }
    }
}

/// The search, with `V` for lanes.
struct Search<'a, T, V> {
    groups: &'a Groups<T>,
    x: &'a [T],
    found: &'a mut [Nearest<T>],
    lanes: PhantomData<V>,
}

impl<T: Scalar, V: Lanes<T>> Loop for Search<'_, T, V> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let d = self.x.len() / (LANES * self.found.len());
        for (x, found) in self.x.chunks_exact(LANES * d).zip(self.found) {
            // SAFETY: `V` was chosen by the level that this is compiled for.
            let mut best = unsafe { Best::<V>::new() };
            let (mut rest, mut start) = (&self.groups.data[..], 0);
            for &size in &self.groups.sizes {
                let (group, others) = rest.split_at(size * d);
                // SAFETY: as above.
                unsafe {
                    match size {
                        1 => best.look::<T, 1>(x, group, start),
                        2 => best.look::<T, 2>(x, group, start),
                        3 => best.look::<T, 3>(x, group, start),
                        4 => best.look::<T, 4>(x, group, start),
                        5 => best.look::<T, 5>(x, group, start),
                        6 => best.look::<T, 6>(x, group, start),
                        7 => best.look::<T, 7>(x, group, start),
                        _ => best.look::<T, 8>(x, group, start),
                    }
                }
                (rest, start) = (others, start + size);
            }
            // SAFETY: as above.
            unsafe {
                best.first.store(&mut found.first);
                best.second.store(&mut found.second);
                best.index.store(&mut found.index);
            }
        }
    }
}

/// The state of the search after some centroids.
struct Best<V> {
    first: V,
    second: V,
    index: V,
}

impl<V> Best<V> {
    /// # Safety
    /// The instruction set of `V` must be present; so for all functions here.
    #[inline(always)]
    unsafe fn new<T: Scalar>() -> Self
    where
        V: Lanes<T>,
    {
        // SAFETY: promised by the caller.
        unsafe { Self { first: V::splat(T::INFINITY), second: V::splat(T::INFINITY), index: V::splat(T::ZERO) } }
    }

    /// Looks at `C` more centroids, the first of which has index `start`.
    #[inline(always)]
    unsafe fn look<T: Scalar, const C: usize>(&mut self, x: &[T], group: &[T], start: usize)
    where
        V: Lanes<T>,
    {
        // SAFETY: promised by the caller.
        unsafe {
            let mut total = [V::splat(T::ZERO); C];
            for (block, (x, group)) in x.chunks(LANES * K_BLOCK).zip(group.chunks(C * K_BLOCK)).enumerate() {
                let mut sum = [V::splat(T::ZERO); C];
                for (x, group) in x.chunks_exact(LANES).zip(group.chunks_exact(C)) {
                    let x = V::load(x);
                    for c in 0..C {
                        sum[c] = sum[c].add_square(x, V::splat(group[c]));
                    }
                }
                for c in 0..C {
                    total[c] = if block == 0 { sum[c] } else { total[c].add(sum[c]) };
                }
            }
            for c in 0..C {
                let d = total[c];
                self.index = d.pick_if_less(self.first, V::splat(T::from_usize(start + c)), self.index);
                self.second = self.second.min(self.first.max(d));
                self.first = self.first.min(d);
            }
        }
    }
}

/// Sixteen numbers, on every level and in either type; [`crate::dispatch`] compares this with `Loop` and `Vector`.
///
/// # Safety
/// Of every function: the instruction set must be present.
trait Lanes<T>: Copy {
    unsafe fn splat(x: T) -> Self;
    /// Returns the first 16 of `x`.
    unsafe fn load(x: &[T]) -> Self;
    /// Into the first 16 of `to`.
    unsafe fn store(self, to: &mut [T]);
    unsafe fn add(self, other: Self) -> Self;
    /// `self + (x - y)²`.
    unsafe fn add_square(self, x: Self, y: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// Where `self < other`, `yes`.
    unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self;
    /// `[a0 b0 a1 b1 .. a7 b7]` and `[a8 b8 .. a15 b15]`, where a is `self`.
    unsafe fn interleave(self, other: Self) -> [Self; 2];
}

/// `N` registers of an instruction set.
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), allow(dead_code))]
#[derive(Clone, Copy)]
struct Registers<V, const N: usize>([V; N]);

// Loops, not closures: those would not be compiled for the instruction set.
impl<V: Vector, const N: usize> Lanes<f32> for Registers<V, N> {
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        const { assert!(N * V::LANES == LANES) };
        // SAFETY: the instruction set is promised by the caller, here and below.
        Self([unsafe { V::splat(x) }; N])
    }
    #[inline(always)]
    unsafe fn load(x: &[f32]) -> Self {
        let x = x[..LANES].as_ptr();
        // SAFETY: as above; the registers hold as many numbers as were cut off.
        unsafe {
            let mut lanes = Self::splat(0.0);
            for r in 0..N {
                lanes.0[r] = V::load(x.add(r * V::LANES));
            }
            lanes
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: &mut [f32]) {
        let to = to[..LANES].as_mut_ptr();
        for r in 0..N {
            // SAFETY: as above.
            unsafe { self.0[r].store(to.add(r * V::LANES)) };
        }
    }
    #[inline(always)]
    unsafe fn add(mut self, other: Self) -> Self {
        for r in 0..N {
            // SAFETY: as above.
            self.0[r] = unsafe { self.0[r].add(other.0[r]) };
        }
        self
    }
    #[inline(always)]
    unsafe fn add_square(mut self, x: Self, y: Self) -> Self {
        for r in 0..N {
            // SAFETY: as above.
            unsafe {
                let difference = x.0[r].sub(y.0[r]);
                self.0[r] = self.0[r].fma(difference, difference);
            }
        }
        self
    }
    #[inline(always)]
    unsafe fn min(mut self, other: Self) -> Self {
        for r in 0..N {
            // SAFETY: as above.
            self.0[r] = unsafe { self.0[r].min(other.0[r]) };
        }
        self
    }
    #[inline(always)]
    unsafe fn max(mut self, other: Self) -> Self {
        for r in 0..N {
            // SAFETY: as above.
            self.0[r] = unsafe { self.0[r].max(other.0[r]) };
        }
        self
    }
    #[inline(always)]
    unsafe fn pick_if_less(mut self, other: Self, yes: Self, no: Self) -> Self {
        for r in 0..N {
            // SAFETY: as above.
            self.0[r] = unsafe { self.0[r].pick_if_less(other.0[r], yes.0[r], no.0[r]) };
        }
        self
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 2] {
        let mut halves = [self, other];
        for r in 0..N {
            // SAFETY: as above.
            let pair = unsafe { self.0[r].interleave(other.0[r]) };
            for i in 0..2 {
                halves[(2 * r + i) / N].0[(2 * r + i) % N] = pair[i];
            }
        }
        halves
    }
}

/// An array, as the compiler sees fit.
#[derive(Clone, Copy)]
struct Plain<T, const FUSED: bool>([T; LANES]);

impl<T: Scalar, const FUSED: bool> Lanes<T> for Plain<T, FUSED> {
    #[inline(always)]
    unsafe fn splat(x: T) -> Self {
        Self([x; LANES])
    }
    #[inline(always)]
    unsafe fn load(x: &[T]) -> Self {
        Self(std::array::from_fn(|l| x[l]))
    }
    #[inline(always)]
    unsafe fn store(self, to: &mut [T]) {
        to[..LANES].copy_from_slice(&self.0);
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| self.0[l] + other.0[l]))
    }
    #[inline(always)]
    unsafe fn add_square(self, x: Self, y: Self) -> Self {
        Self(std::array::from_fn(|l| {
            let t = x.0[l] - y.0[l];
            if FUSED { t.mul_add(t, self.0[l]) } else { self.0[l] + t * t }
        }))
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| if self.0[l] < other.0[l] { self.0[l] } else { other.0[l] }))
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|l| if self.0[l] > other.0[l] { self.0[l] } else { other.0[l] }))
    }
    #[inline(always)]
    unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|l| if self.0[l] < other.0[l] { yes.0[l] } else { no.0[l] }))
    }
    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 2] {
        [0, LANES / 2].map(|half| Self(std::array::from_fn(|l| [self.0, other.0][l % 2][half + l / 2])))
    }
}
