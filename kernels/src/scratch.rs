//! Buffers that each thread keeps from call to call, so that a kernel allocates nothing once it is warm.
//!
//! A buffer is moved out while in use: a thread that picks up other work in the middle simply takes another one.

use std::cell::RefCell;

thread_local! {
    static FLOATS: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
    static INDICES: RefCell<Vec<Vec<u32>>> = const { RefCell::new(Vec::new()) };
    static BYTES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Floats per cache line.
const LINE: usize = 16;

/// Lends `f` at least `len` floats of unspecified value, starting on a cache line.
pub(crate) fn floats<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = take(&FLOATS, len + LINE);
    let skip = buffer.as_ptr().align_offset(4 * LINE).min(LINE);
    let result = f(&mut buffer[skip..skip + len]);
    FLOATS.with_borrow_mut(|pool| pool.push(buffer));
    result
}

/// Lends `f` `len` indices of unspecified value.
pub(crate) fn indices<R>(len: usize, f: impl FnOnce(&mut [u32]) -> R) -> R {
    let mut buffer = take(&INDICES, len);
    let result = f(&mut buffer[..len]);
    INDICES.with_borrow_mut(|pool| pool.push(buffer));
    result
}

/// Lends `f` `len` bytes of unspecified value.
pub(crate) fn bytes<R>(len: usize, f: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = take(&BYTES, len);
    let result = f(&mut buffer[..len]);
    BYTES.with_borrow_mut(|pool| pool.push(buffer));
    result
}

/// Returns the smallest kept buffer that is long enough, else the longest one grown, else a new one.
fn take<T: Copy + Default>(pool: &'static std::thread::LocalKey<RefCell<Vec<Vec<T>>>>, len: usize) -> Vec<T> {
    pool.with_borrow_mut(|pool| {
        let fits = (0..pool.len()).filter(|&i| pool[i].len() >= len).min_by_key(|&i| pool[i].len());
        let chosen = fits.or_else(|| (0..pool.len()).max_by_key(|&i| pool[i].len()));
        let mut buffer = chosen.map_or_else(Vec::new, |i| pool.swap_remove(i));
        if buffer.len() < len {
            buffer.resize(len, T::default());
        }
        buffer
    })
}
