//! One window of a block: the largest of its four pixels after ReLU, and the code that remembers which.

use crate::Scalar;

/// Set in the code of an output that ReLU sent to zero. The lower two bits are `2 row + column` of the argmax.
pub const DEAD: u8 = 4;

/// Returns the largest of four pixels after ReLU, and its code: max-pooling by the rule of [`Scalar::exceeds`].
#[inline(always)]
pub(crate) fn pool_window<T: Scalar>(window: [T; 4]) -> (T, u32) {
    let mut best = (relu(window[0]), 0);
    for k in 1..4 {
        let value = relu(window[k]);
        let larger = value.exceeds(best.0);
        best = (if larger { value } else { best.0 }, if larger { k as u32 } else { best.1 });
    }
    (best.0, best.1 | if best.0 <= T::ZERO { u32::from(DEAD) } else { 0 })
}

/// max(x, 0); NaN stays NaN.
#[inline(always)]
fn relu<T: Scalar>(x: T) -> T {
    if x <= T::ZERO { T::ZERO } else { x }
}
