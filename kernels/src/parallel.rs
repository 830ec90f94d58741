//! Work in fixed pieces. The pieces depend on the sizes alone, never on the number of threads: so do the bits.

use rayon::prelude::*;

/// Elements below which work stays on the calling thread: waking another costs more than it saves.
const SERIAL_BELOW: usize = 1 << 14;

/// Calls `f(index, piece)` for each piece of `len` elements (the last may be shorter), in parallel.
pub fn chunks<T: Send>(data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    chunks_unless(data.len() < SERIAL_BELOW, data, len, f);
}

/// Like [`chunks`], for work whose size is not its output's: on the calling thread if `serial`.
pub fn chunks_unless<T: Send>(serial: bool, data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if len == 0 {
        return;
    }
    if serial || data.len() <= len {
        data.chunks_mut(len).enumerate().for_each(|(i, piece)| f(i, piece));
    } else {
        data.par_chunks_mut(len).enumerate().for_each(|(i, piece)| f(i, piece));
    }
}

/// Calls `f(start, pieces)` for pieces of `len` elements of several slices in step. A slice that is shorter than the
/// first (empty, for a state that is not kept) just runs out.
pub fn pieces<T: Send, const N: usize>(data: [&mut [T]; N], len: usize, f: impl Fn(usize, [&mut [T]; N]) + Sync) {
    halve(data, 0, len, &f);
}

fn halve<T: Send, const N: usize>(
    data: [&mut [T]; N],
    start: usize,
    len: usize,
    f: &(impl Fn(usize, [&mut [T]; N]) + Sync),
) {
    let pieces = data[0].len().div_ceil(len);
    if pieces <= 1 {
        return f(start, data);
    }
    let middle = pieces / 2 * len;
    let mut halves = data.map(|slice| slice.split_at_mut(middle.min(slice.len())));
    let left = halves.each_mut().map(|half| std::mem::take(&mut half.0));
    let right = halves.map(|half| half.1);
    rayon::join(|| halve(left, start, len, f), || halve(right, start + middle, len, f));
}

/// Like [`chunks`] over two slices in step: piece `i` of `a` with piece `i` of `b`.
pub fn zip_chunks<A: Send, B: Send>(
    a: &mut [A],
    len_a: usize,
    b: &mut [B],
    len_b: usize,
    f: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    zip_chunks_unless(a.len().max(b.len()) < SERIAL_BELOW, a, len_a, b, len_b, f);
}

/// Like [`zip_chunks`], for work whose size is not its output's: on the calling thread if `serial`.
pub fn zip_chunks_unless<A: Send, B: Send>(
    serial: bool,
    a: &mut [A],
    len_a: usize,
    b: &mut [B],
    len_b: usize,
    f: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    if len_a == 0 || len_b == 0 {
        return;
    }
    if serial || a.len() <= len_a {
        a.chunks_mut(len_a).zip(b.chunks_mut(len_b)).enumerate().for_each(|(i, (a, b))| f(i, a, b));
    } else {
        a.par_chunks_mut(len_a).zip(b.par_chunks_mut(len_b)).enumerate().for_each(|(i, (a, b))| f(i, a, b));
    }
}

/// `f(i)` for each i in `0..n`, in parallel, the results in order. Meant for items of at least some 50 microseconds.
pub fn map<R: Send>(n: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    (0..n).into_par_iter().map(f).collect()
}

/// Calls `f(index, item)` for each item, in parallel.
pub(crate) fn each<T: Send>(items: Vec<T>, f: impl Fn(usize, T) + Sync + Send) {
    items.into_par_iter().enumerate().for_each(|(i, item)| f(i, item));
}

/// Calls `f(i)` for each i in `0..n`, in parallel unless `serial`.
pub(crate) fn tasks(n: usize, serial: bool, f: impl Fn(usize) + Sync + Send) {
    if serial || n <= 1 {
        (0..n).for_each(f);
    } else {
        (0..n).into_par_iter().for_each(f);
    }
}

/// A slice that several tasks write to, each in its own places.
pub(crate) struct Shared<'a, T>(*mut T, std::marker::PhantomData<&'a mut [T]>);

// SAFETY: only a pointer; whoever writes through it vouches that no two tasks touch the same element.
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(data: &'a mut [T]) -> Self {
        Self(data.as_mut_ptr(), std::marker::PhantomData)
    }
    pub(crate) fn pointer(&self) -> *mut T {
        self.0
    }
}
