//! One window of a block: the largest of its four pixels after ReLU, and the code that remembers which.

use crate::Scalar;

/// Set in the code of an output that ReLU sent to zero. The lower two bits are `2 row + column` of the argmax.
pub const DEAD: u8 = 4;

/// Returns what the pixels of a window are at least: 0 with ReLU, -infinity without.
pub(super) fn floor<T: Scalar>(relu: bool) -> T {
    if relu { T::ZERO } else { -T::INFINITY }
}

/// Returns the largest of four pixels after ReLU (those below the [`floor`] being raised to it), and its code: max-pooling
/// by the rule of [`Scalar::exceeds`].
#[inline(always)]
pub(crate) fn pool_window<T: Scalar>(window: [T; 4], floor: T) -> (T, u32) {
    let mut best = (raised(window[0], floor), 0);
    for k in 1..4 {
        let value = raised(window[k], floor);
        let larger = value.exceeds(best.0);
        best = (if larger { value } else { best.0 }, if larger { k as u32 } else { best.1 });
    }
    (best.0, best.1 | if best.0 <= floor { u32::from(DEAD) } else { 0 })
}

/// max(x, floor); NaN stays NaN.
#[inline(always)]
fn raised<T: Scalar>(x: T, floor: T) -> T {
    if x <= floor { floor } else { x }
}
