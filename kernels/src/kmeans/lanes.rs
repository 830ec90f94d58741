//! Sixteen samples side by side, in the registers of each instruction set, and the search for their nearest centroids.

use super::groups::{Groups, LANES, Nearest, row};
use crate::dispatch::{Isa, Loop, variants, vectorize};
use crate::splits::K_BLOCK;
use crate::{MatRef, Scalar};
use std::marker::PhantomData;

/// Runs `$loop` with the lanes of `$level`.
macro_rules! with_lanes {
    (f32, $level:expr, $loop:ident { $($field:ident),* }) => {
        match $level {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => vectorize($level, $loop::<f32, x86::Zmm> { $($field,)* lanes: PhantomData }),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => vectorize($level, $loop::<f32, x86::Ymms> { $($field,)* lanes: PhantomData }),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => vectorize($level, $loop::<f32, neon::Quads> { $($field,)* lanes: PhantomData }),
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
    ($t:tt, $turn:ident, $nearest:ident) => {
        /// Turns the listed rows of `x` into tiles of 16, each column after column; the last is filled with its last.
        pub(crate) fn $turn(level: Isa, x: &MatRef<'_, $t>, rows: &[u32], to: &mut [$t]) {
            // This is reached through a public trait, with any level.
            assert!(variants().contains(&level), "this machine has no {level:?}");
            with_lanes!($t, level, Turn { x, rows, to });
        }

        /// The nearest centroids of `found.len()` tiles of samples in `x`.
        pub(crate) fn $nearest(groups: &Groups<$t>, x: &[$t], found: &mut [Nearest<$t>]) {
            with_lanes!($t, groups.level, Search { groups, x, found });
        }
    };
}
entries!(f32, turn_f32, nearest_f32);
entries!(f64, turn_f64, nearest_f64);

/// The turning, with `V` for lanes.
struct Turn<'a, T, V> {
    x: &'a MatRef<'a, T>,
    rows: &'a [u32],
    to: &'a mut [T],
    lanes: PhantomData<V>,
}

impl<T: Scalar, V: Lanes<T>> Loop for Turn<'_, T, V> {
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

/// What is known after some centroids.
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

/// Sixteen numbers.
///
/// # Safety
/// Of every function: the instruction set must be present.
trait Lanes<T>: Copy {
    unsafe fn splat(x: T) -> Self;
    /// The first 16 of `x`.
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

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{LANES, Lanes};
    use std::arch::x86_64::*;

    /// AVX-512.
    #[derive(Clone, Copy)]
    pub(super) struct Zmm(__m512);

    // SAFETY in all of it: the instruction set is promised by the caller, the lengths are checked.
    impl Lanes<f32> for Zmm {
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_set1_ps(x) })
        }
        #[inline(always)]
        unsafe fn load(x: &[f32]) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_loadu_ps(x[..LANES].as_ptr()) })
        }
        #[inline(always)]
        unsafe fn store(self, to: &mut [f32]) {
            // SAFETY: see above.
            unsafe { _mm512_storeu_ps(to[..LANES].as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn add_square(self, x: Self, y: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                let t = _mm512_sub_ps(x.0, y.0);
                Self(_mm512_fmadd_ps(t, t, self.0))
            }
        }
        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_min_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm512_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                let less = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0);
                Self(_mm512_mask_blend_ps(less, no.0, yes.0))
            }
        }
        #[inline(always)]
        unsafe fn interleave(self, other: Self) -> [Self; 2] {
            // SAFETY: see above.
            unsafe {
                let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
                let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
                [
                    Self(_mm512_permutex2var_ps(self.0, low, other.0)),
                    Self(_mm512_permutex2var_ps(self.0, high, other.0)),
                ]
            }
        }
    }

    /// AVX2.
    #[derive(Clone, Copy)]
    pub(super) struct Ymms(__m256, __m256);

    impl Ymms {
        /// Eight numbers of each side in turn.
        #[inline(always)]
        unsafe fn mix(a: __m256, b: __m256) -> Self {
            // SAFETY: see above.
            unsafe {
                let (left, right) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                Self(_mm256_permute2f128_ps::<0x20>(left, right), _mm256_permute2f128_ps::<0x31>(left, right))
            }
        }
    }

    impl Lanes<f32> for Ymms {
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: see above.
            let x = unsafe { _mm256_set1_ps(x) };
            Self(x, x)
        }
        #[inline(always)]
        unsafe fn load(x: &[f32]) -> Self {
            let x = x[..LANES].as_ptr();
            // SAFETY: see above.
            unsafe { Self(_mm256_loadu_ps(x), _mm256_loadu_ps(x.add(8))) }
        }
        #[inline(always)]
        unsafe fn store(self, to: &mut [f32]) {
            let to = to[..LANES].as_mut_ptr();
            // SAFETY: see above.
            unsafe {
                _mm256_storeu_ps(to, self.0);
                _mm256_storeu_ps(to.add(8), self.1);
            }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn add_square(self, x: Self, y: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                let (s, t) = (_mm256_sub_ps(x.0, y.0), _mm256_sub_ps(x.1, y.1));
                Self(_mm256_fmadd_ps(s, s, self.0), _mm256_fmadd_ps(t, t, self.1))
            }
        }
        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_min_ps(self.0, other.0), _mm256_min_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: see above.
            unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                let left = _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0);
                let right = _mm256_cmp_ps::<_CMP_LT_OQ>(self.1, other.1);
                Self(_mm256_blendv_ps(no.0, yes.0, left), _mm256_blendv_ps(no.1, yes.1, right))
            }
        }
        #[inline(always)]
        unsafe fn interleave(self, other: Self) -> [Self; 2] {
            // SAFETY: see above.
            unsafe { [Self::mix(self.0, other.0), Self::mix(self.1, other.1)] }
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use super::{LANES, Lanes};
    use std::arch::aarch64::*;

    /// Four registers of four.
    #[derive(Clone, Copy)]
    pub(super) struct Quads([float32x4_t; 4]);

    // SAFETY in all of it: NEON is part of every AArch64, the lengths are checked.
    impl Lanes<f32> for Quads {
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            // SAFETY: see above.
            Self([unsafe { vdupq_n_f32(x) }; 4])
        }
        #[inline(always)]
        unsafe fn load(x: &[f32]) -> Self {
            let x = &x[..LANES];
            // SAFETY: see above.
            Self(std::array::from_fn(|q| unsafe { vld1q_f32(x[4 * q..].as_ptr()) }))
        }
        #[inline(always)]
        unsafe fn store(self, to: &mut [f32]) {
            // SAFETY: see above.
            (0..4).for_each(|q| unsafe { vst1q_f32(to[4 * q..].as_mut_ptr(), self.0[q]) });
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(std::array::from_fn(|q| unsafe { vaddq_f32(self.0[q], other.0[q]) }))
        }
        #[inline(always)]
        unsafe fn add_square(self, x: Self, y: Self) -> Self {
            // SAFETY: see above.
            Self(std::array::from_fn(|q| unsafe {
                let t = vsubq_f32(x.0[q], y.0[q]);
                vfmaq_f32(self.0[q], t, t)
            }))
        }
        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(std::array::from_fn(|q| unsafe { vminq_f32(self.0[q], other.0[q]) }))
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(std::array::from_fn(|q| unsafe { vmaxq_f32(self.0[q], other.0[q]) }))
        }
        #[inline(always)]
        unsafe fn pick_if_less(self, other: Self, yes: Self, no: Self) -> Self {
            // SAFETY: see above.
            Self(std::array::from_fn(|q| unsafe { vbslq_f32(vcltq_f32(self.0[q], other.0[q]), yes.0[q], no.0[q]) }))
        }
        #[inline(always)]
        unsafe fn interleave(self, other: Self) -> [Self; 2] {
            let (a, b) = (self.0, other.0);
            [0, 2].map(|half| {
                // SAFETY: see above.
                Self(std::array::from_fn(|q| unsafe {
                    let at = half + q / 2;
                    if q % 2 == 0 { vzip1q_f32(a[at], b[at]) } else { vzip2q_f32(a[at], b[at]) }
                }))
            })
        }
    }
}
