//! Work in fixed pieces. The pieces depend on the sizes alone, never on the number of threads: so do the bits.
//!
//! The number of threads is that of rayon's pool in which the caller runs, but the work goes to the
//! team (`team.rs`), whose threads are quicker to come; rayon takes it over while the team is busy.

use crate::team;
use rayon::prelude::*;
use std::marker::PhantomData;

/// Elements below which work stays on the calling thread: calling another costs more than it saves.
const SERIAL_BELOW: usize = 1 << 13;

/// Calls `f(index, piece)` for each piece of `len` elements (the last may be shorter), in parallel.
pub fn chunks<T: Send>(data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    chunks_unless(data.len() < SERIAL_BELOW, data, len, f);
}

/// Like [`chunks`], for work whose size is not its output's: on the calling thread if `serial`.
pub fn chunks_unless<T: Send>(serial: bool, data: &mut [T], len: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    if serial || data.len() <= len {
        return data.chunks_mut(len.max(1)).enumerate().for_each(|(i, piece)| f(i, piece));
    }
    pieces_unless(serial, [data], len, |start, [piece]| f(start / len.max(1), piece));
}

/// Calls `f(start, pieces)` for pieces of `len` elements of several slices in step. A slice that is shorter than the
/// first (empty, for a state that is not kept) just runs out.
pub fn pieces<T: Send, const N: usize>(data: [&mut [T]; N], len: usize, f: impl Fn(usize, [&mut [T]; N]) + Sync) {
    pieces_unless(data[0].len() < SERIAL_BELOW, data, len, f);
}

/// Like [`pieces`], on the calling thread if `serial`.
pub(crate) fn pieces_unless<T: Send, const N: usize>(
    serial: bool,
    data: [&mut [T]; N],
    len: usize,
    f: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    if len == 0 || serial {
        return f(0, data);
    }
    let count = data[0].len().div_ceil(len);
    let data = data.map(Shared::new);
    // SAFETY: each piece goes to one task.
    tasks(count, serial, |i| f(i * len, unsafe { Shared::pieces(&data, i * len, len) }));
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
    let count = a.len().div_ceil(len_a).min(b.len().div_ceil(len_b));
    let (a, b) = (Shared::new(a), Shared::new(b));
    // SAFETY: each piece goes to one task.
    tasks(count, serial, |i| unsafe { f(i, a.piece(i * len_a, len_a), b.piece(i * len_b, len_b)) });
}

/// Returns `f(i)` for each i in `0..n`, computed in parallel, in order. Meant for items of at least some microseconds.
pub fn map<R: Send>(n: usize, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
    let mut results: Vec<Option<R>> = (0..n).map(|_| None).collect();
    chunks_unless(false, &mut results, 1, |i, place| place[0] = Some(f(i)));
    results.into_iter().map(|result| result.expect("every task has run")).collect()
}

/// Calls `f(i)` for each i in `0..n`, in parallel unless `serial`.
pub(crate) fn tasks(n: usize, serial: bool, f: impl Fn(usize) + Sync + Send) {
    let threads = if serial || n <= 1 || team::is_working() { 1 } else { rayon::current_num_threads() };
    if threads == 1 {
        (0..n).for_each(f);
    } else {
        shared(n, threads, &f);
    }
}

/// Calls `task(i)` for each i in `0..n` on the threads of the team, or on rayon's while the team is busy. Not generic:
/// compiled once for all kernels, which call it for thousands of elements at a time.
fn shared(n: usize, threads: usize, task: &(dyn Fn(usize) + Sync)) {
    if !team::share(n, threads, task) {
        (0..n).into_par_iter().for_each(task);
    }
}

/// A slice that several tasks write to, each in its own places.
pub(crate) struct Shared<'a, T>(*mut T, usize, PhantomData<&'a mut [T]>);

// SAFETY: only a pointer; the caller that writes through it vouches that no two tasks touch the same element.
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(data: &'a mut [T]) -> Self {
        Self(data.as_mut_ptr(), data.len(), PhantomData)
    }
    pub(crate) fn pointer(&self) -> *mut T {
        self.0
    }

    /// Returns [`Shared::piece`] of each of several slices.
    ///
    /// # Safety
    /// No two tasks may ask for the same element.
    #[allow(clippy::mut_from_ref)]
    unsafe fn pieces<const N: usize>(all: &[Self; N], start: usize, len: usize) -> [&mut [T]; N] {
        // SAFETY: as the caller vouches.
        all.each_ref().map(|one| unsafe { one.piece(start, len) })
    }

    /// Returns up to `len` elements from `start` on, fewer where the slice ends.
    ///
    /// # Safety
    /// No two tasks may ask for the same element.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn piece(&self, start: usize, len: usize) -> &mut [T] {
        let start = start.min(self.1);
        // SAFETY: inside the slice by the two limits; the caller vouches that no other task has it.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len.min(self.1 - start)) }
    }
}
