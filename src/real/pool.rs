//! The pool: buffers of dropped tensors, kept for the next tensors of the same lengths.
//!
//! Each thread has one pool for each type of number. A pool is bounded twice, in bytes and in the number of lengths it
//! knows; what was not used for the longest time goes first. So batches of ever new sizes, which would fill a pool for
//! good with buffers that are never used again, cost no more memory than a training with one batch size.
//!
//! A [`Buffer`] owns elements and hands them to the pool when it is dropped. Tensors are made of buffers, so the pool
//! stands below them and knows nothing of shapes.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};
use std::thread::LocalKey;

/// Bytes that a pool holds at most.
const LIMIT: usize = 1 << 30;
/// Lengths that a pool knows at most.
const LENGTHS: usize = 1 << 10;

/// Buffers waiting to be used again.
#[derive(Debug)]
pub struct Pool<T> {
    /// The lengths that occur, sorted. A program has few: finding one takes a few comparisons.
    shelves: Vec<Shelf<T>>,
    /// Elements in all free buffers.
    held: usize,
    /// Elements that may be held.
    limit: usize,
    /// Lengths that may be known.
    lengths: usize,
    /// Counts takes and gives.
    clock: u64,
    /// Buffers that had to be allocated.
    fresh: u64,
}

/// The free buffers of one length.
#[derive(Debug)]
struct Shelf<T> {
    len: usize,
    /// When it was used last.
    used: u64,
    buffers: Vec<Vec<T>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self::bounded(LIMIT / size_of::<T>().max(1), LENGTHS)
    }
}

impl<T> Pool<T> {
    /// Creates an empty pool that holds at most `limit` elements, in buffers of at most `lengths` lengths.
    fn bounded(limit: usize, lengths: usize) -> Self {
        Self { shelves: Vec::new(), held: 0, limit, lengths, clock: 0, fresh: 0 }
    }

    /// Returns the number of buffers that this pool had to allocate.
    pub(crate) fn fresh(&self) -> u64 {
        self.fresh
    }

    fn find(&self, len: usize) -> Result<usize, usize> {
        self.shelves.binary_search_by_key(&len, |shelf| shelf.len)
    }

    /// Returns the shelf among those that `counts` accepts which was not used for the longest time.
    fn oldest(&self, counts: impl Fn(&Shelf<T>) -> bool) -> Option<usize> {
        let candidates = self.shelves.iter().enumerate().filter(|(_, shelf)| counts(shelf));
        candidates.min_by_key(|(_, shelf)| shelf.used).map(|(at, _)| at)
    }

    /// Takes a buffer, to be used again or to be freed.
    fn give(&mut self, buffer: Vec<T>) {
        let len = buffer.len();
        // A vector may own more memory than it shows; such ones would make the bound a lie.
        if len == 0 || len > self.limit || buffer.capacity() / 2 > len {
            return;
        }
        while self.held > self.limit - len
            && let Some(at) = self.oldest(|shelf| !shelf.buffers.is_empty())
        {
            self.shelves[at].buffers.pop();
            self.held -= self.shelves[at].len;
        }
        self.clock += 1;
        let at = self.find(len).unwrap_or_else(|_| {
            if self.shelves.len() >= self.lengths
                && let Some(at) = self.oldest(|_| true)
            {
                let shelf = self.shelves.remove(at);
                self.held -= shelf.len * shelf.buffers.len();
            }
            let at = self.find(len).unwrap_or_else(|at| at);
            self.shelves.insert(at, Shelf { len, used: 0, buffers: Vec::new() });
            at
        });
        self.held += len;
        self.shelves[at].used = self.clock;
        self.shelves[at].buffers.push(buffer);
    }
}

impl<T: Copy + Default> Pool<T> {
    /// Returns a buffer of `len` elements with arbitrary contents.
    fn take(&mut self, len: usize) -> Vec<T> {
        self.clock += 1;
        if let Ok(at) = self.find(len) {
            self.shelves[at].used = self.clock;
            if let Some(buffer) = self.shelves[at].buffers.pop() {
                self.held -= len;
                return buffer;
            }
        }
        self.fresh += u64::from(len > 0);
        vec![T::default(); len]
    }
}

/// The types of numbers whose buffers are pooled: those of tensors, and the whole numbers that ops remember.
pub trait Pooled: Copy + Default + 'static {
    /// Returns the running thread's pool of this type's buffers.
    #[doc(hidden)]
    fn pool() -> &'static LocalKey<RefCell<Pool<Self>>>;
}

macro_rules! pooled {
    ($($type:ty, $pool:ident;)*) => {$(
        thread_local!(static $pool: RefCell<Pool<$type>> = RefCell::default());
        impl Pooled for $type {
            fn pool() -> &'static LocalKey<RefCell<Pool<$type>>> {
                &$pool
            }
        }
    )*};
}
pooled! {
    f32, POOL_F32;
    f64, POOL_F64;
    u32, POOL_U32;
    u8, POOL_U8;
}

/// Owns elements, and hands them to the pool of its thread in the end.
#[derive(Debug)]
pub struct Buffer<T: Pooled>(Vec<T>);

impl<T: Pooled> Buffer<T> {
    /// Returns a buffer of `len` elements, whatever they are: a recycled one if the pool has one of this length.
    pub fn recycled(len: usize) -> Self {
        Buffer(T::pool().with_borrow_mut(|pool| pool.take(len)))
    }
}

impl<T: Pooled> From<Vec<T>> for Buffer<T> {
    fn from(elements: Vec<T>) -> Self {
        Buffer(elements)
    }
}

impl<T: Pooled> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Pooled> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Pooled> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::recycled(self.len());
        copy.copy_from_slice(self);
        copy
    }
}

impl<T: Pooled> Drop for Buffer<T> {
    fn drop(&mut self) {
        let elements = std::mem::take(&mut self.0);
        // While a thread ends its pool may be gone already; then the elements are simply freed.
        let _ = T::pool().try_with(|pool| pool.borrow_mut().give(elements));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Free buffers by length, and whether `held` counts them.
    fn held(pool: &Pool<f32>) -> Vec<(usize, usize)> {
        let free: Vec<_> = pool.shelves.iter().map(|shelf| (shelf.len, shelf.buffers.len())).collect();
        assert_eq!(pool.held, free.iter().map(|(len, count)| len * count).sum::<usize>());
        assert!(pool.held <= pool.limit && free.len() <= pool.lengths, "{free:?}");
        free
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_goes() {
        let mut pool = Pool::bounded(100, 8);
        for len in [40, 30, 20] {
            pool.give(vec![0.0; len]);
        }
        let recent = pool.take(40);
        pool.give(recent);
        assert_eq!(held(&pool), [(20, 1), (30, 1), (40, 1)]);
        pool.give(vec![0.0; 25]); // 115 elements: the 30 were used first of all
        assert_eq!(held(&pool), [(20, 1), (25, 1), (30, 0), (40, 1)]);
        pool.give(vec![0.0; 100]); // there is room for nothing else
        assert_eq!(held(&pool).iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), [&(100, 1)]);
        pool.give(vec![0.0; 101]); // more than the pool may hold
        assert_eq!(pool.held, 100);
    }

    #[test]
    fn ever_new_lengths_do_not_fill_it_for_good() {
        let mut pool = Pool::bounded(10_000, 16);
        for step in 0..1000 {
            let odd = pool.take(1 + (step * 37) % 501);
            let usual = [pool.take(700), pool.take(700)];
            pool.give(odd);
            usual.into_iter().for_each(|buffer| pool.give(buffer));
            held(&pool);
        }
        // What serves in each step is still there, and none of it was allocated twice: 501 odd lengths, each at most
        // twice in 1,000 steps.
        let fresh = pool.fresh;
        assert!(fresh <= 1000 + 2, "{fresh}");
        let usual = [pool.take(700), pool.take(700)];
        assert_eq!((usual.map(|buffer| buffer.len()), pool.fresh), ([700, 700], fresh));
    }

    #[test]
    fn empty_and_oversized_vectors_are_not_kept() {
        let mut pool = Pool::<f32>::bounded(100, 4);
        pool.give(Vec::new());
        let mut large = Vec::with_capacity(90);
        large.push(1.0);
        pool.give(large);
        assert_eq!((held(&pool).len(), pool.take(0).len(), pool.fresh), (0, 0, 0));
    }
}
