//! Several slices read in step. Generic over the number type alone, so that the compiler makes each of these once and
//! not once for every function that is computed over the slices.

/// Returns the `len` elements of each from `start` on: the compiler then knows the lengths and drops its checks.
#[inline(always)]
pub(crate) fn piece<T, const N: usize>(x: [&[T]; N], start: usize, len: usize) -> [&[T]; N] {
    x.map(|x| &x[start..start + len])
}

/// Returns element i of each.
#[inline(always)]
pub(crate) fn at<T: Copy, const N: usize>(x: [&[T]; N], i: usize) -> [T; N] {
    x.map(|x| x[i])
}
