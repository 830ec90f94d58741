//! Max- and average-pooling.

use crate::dispatch::{Loop, isa, vectorize};
use crate::{Pool2d, Scalar, parallel, reduce};
use std::ops::Range;

/// Panics unless the geometry is sound and the arrays have its lengths.
fn check(name: &str, g: &Pool2d, input: usize, output: usize) {
    let lengths = g.lengths().unwrap_or_else(|e| panic!("{name}: {e}: {g:?}"));
    assert!(lengths == [input, output], "{name}: expected the lengths {lengths:?}, found [{input}, {output}]");
    assert!(g.planes == 0 || input / g.planes <= u32::MAX as usize, "{name}: a plane of more than 2^32 pixels");
}

/// Returns the rows and columns of the input that the window of output (i, j) covers.
#[inline(always)]
fn window(g: &Pool2d, axis: usize, i: usize) -> Range<usize> {
    let size = if axis == 0 { g.h } else { g.w };
    let start = i * g.stride[axis];
    start.saturating_sub(g.pad[axis][0])..(start + g.kernel[axis]).saturating_sub(g.pad[axis][0]).min(size)
}

pub(crate) fn max_forward<T: Scalar>(g: &Pool2d, x: &[T], y: &mut [T], argmax: &mut [u32]) {
    check("max_pool2d", g, x.len(), y.len());
    assert_eq!(argmax.len(), y.len(), "max_pool2d: one index for each output");
    if y.is_empty() {
        return;
    }
    let (oh, ow) = (g.out_h(), g.out_w());
    let (level, halving) = (isa(), is_halving(g));
    parallel::zip_chunks(y, oh * ow, argmax, oh * ow, |plane, y, argmax| {
        let x = &x[plane * g.h * g.w..][..g.h * g.w];
        if halving {
            return vectorize(level, HalveForward { w: g.w, x, y, argmax });
        }
        for i in 0..oh {
            for j in 0..ow {
                let (rows, cols) = (window(g, 0, i), window(g, 1, j));
                let mut best = rows.start * g.w + cols.start;
                for r in rows {
                    for c in cols.clone() {
                        let candidate = r * g.w + c;
                        if x[candidate].exceeds(x[best]) {
                            best = candidate;
                        }
                    }
                }
                y[i * ow + j] = x[best];
                argmax[i * ow + j] = best as u32;
            }
        }
    });
}

pub(crate) fn max_backward<T: Scalar>(g: &Pool2d, dy: &[T], argmax: &[u32], dx: &mut [T]) {
    check("max_pool2d backward", g, dx.len(), dy.len());
    assert_eq!(argmax.len(), dy.len(), "max_pool2d backward: one index for each output");
    if dy.is_empty() {
        return dx.fill(T::ZERO);
    }
    let outputs = g.out_h() * g.out_w();
    let (level, halving) = (isa(), is_halving(g));
    parallel::chunks(dx, g.h * g.w, |plane, dx| {
        if halving {
            let (dy, argmax) = (&dy[plane * outputs..][..outputs], &argmax[plane * outputs..][..outputs]);
            return vectorize(level, HalveBackward { w: g.w, dy, argmax, dx });
        }
        dx.fill(T::ZERO);
        for k in plane * outputs..(plane + 1) * outputs {
            dx[argmax[k] as usize] += dy[k];
        }
    });
}

/// Returns whether the windows are the common ones: 2 x 2, side by side, no padding.
fn is_halving(g: &Pool2d) -> bool {
    g.kernel == [2, 2] && g.stride == [2, 2] && g.pad == [[0, 0], [0, 0]] && g.h >= 2 && g.w >= 2
}

/// Returns the larger of two candidates (value, place), by the rule of [`Scalar::exceeds`].
#[inline(always)]
fn larger<T: Scalar>(first: (T, u32), second: (T, u32)) -> (T, u32) {
    let later = second.0.exceeds(first.0);
    (if later { second.0 } else { first.0 }, if later { second.1 } else { first.1 })
}

/// [`max_forward`] on one plane of 2 x 2 windows.
struct HalveForward<'a, T> {
    w: usize,
    x: &'a [T],
    y: &'a mut [T],
    argmax: &'a mut [u32],
}

impl<T: Scalar> Loop for HalveForward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (w, ow) = (self.w, self.w / 2);
        let outputs = self.y.chunks_exact_mut(ow).zip(self.argmax.chunks_exact_mut(ow));
        for (i, ((y, argmax), rows)) in outputs.zip(self.x.chunks_exact(2 * w)).enumerate() {
            let (top, bottom) = rows.split_at(w);
            let windows = top.chunks_exact(2).zip(bottom.chunks_exact(2));
            for (j, ((y, argmax), (top, bottom))) in y.iter_mut().zip(argmax).zip(windows).enumerate() {
                let at = (2 * i * w) as u32 + 2 * j as u32;
                let best = larger((top[0], at), (top[1], at + 1));
                let best = larger(best, (bottom[0], at + w as u32));
                let best = larger(best, (bottom[1], at + w as u32 + 1));
                (*y, *argmax) = best;
            }
        }
    }
}

/// [`max_backward`] on one plane of 2 x 2 windows.
struct HalveBackward<'a, T> {
    w: usize,
    dy: &'a [T],
    argmax: &'a [u32],
    dx: &'a mut [T],
}

impl<T: Scalar> Loop for HalveBackward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let (w, ow) = (self.w, self.w / 2);
        let windows = self.dy.chunks_exact(ow).zip(self.argmax.chunks_exact(ow));
        let whole = self.dy.len() / ow * 2 * w;
        let (pairs, odd_row) = self.dx.split_at_mut(whole);
        odd_row.fill(T::ZERO);
        for (i, ((dy, argmax), rows)) in windows.zip(pairs.chunks_exact_mut(2 * w)).enumerate() {
            for (r, row) in rows.chunks_exact_mut(w).enumerate() {
                let (row, odd_column) = row.split_at_mut(2 * ow);
                odd_column.fill(T::ZERO);
                let windows = dy.iter().zip(argmax).zip(row.chunks_exact_mut(2));
                for (j, ((&dy, &argmax), pair)) in windows.enumerate() {
                    let at = ((2 * i + r) * w) as u32 + 2 * j as u32;
                    // Adding to zero as the general case does: -0 becomes 0.
                    let gradient = T::ZERO + dy;
                    pair[0] = if argmax == at { gradient } else { T::ZERO };
                    pair[1] = if argmax == at + 1 { gradient } else { T::ZERO };
                }
            }
        }
    }
}

/// Returns one over the number of places of a window; their product may be too large for an integer.
fn scale<T: Scalar>(g: &Pool2d) -> T {
    T::ONE / T::from_f64(g.kernel[0] as f64 * g.kernel[1] as f64)
}

/// Returns the sum over a window, pixel after pixel: in turn and then in pairs, see [`reduce`].
#[inline(always)]
fn window_sum<T: Scalar>(rows: Range<usize>, cols: Range<usize>, at: impl Fn(usize, usize) -> T) -> T {
    if rows.len() * cols.len() <= reduce::TURNS {
        return rows.fold(T::ZERO, |sum, r| cols.clone().fold(sum, |sum, c| sum + at(r, c)));
    }
    let (mut r, mut c) = (rows.start, cols.start);
    let [sum] = reduce::in_turn(rows.len() * cols.len(), |_| {
        let value = at(r, c);
        (r, c) = if c + 1 < cols.end { (r, c + 1) } else { (r + 1, cols.start) };
        [value]
    });
    sum
}

/// Computes average-pooling. The divisor is the window's size, padding included, as PyTorch's `count_include_pad=True`.
pub fn avg_forward<T: Scalar>(g: &Pool2d, x: &[T], y: &mut [T]) {
    check("avg_pool2d", g, x.len(), y.len());
    if y.is_empty() {
        return;
    }
    let (oh, ow, scale) = (g.out_h(), g.out_w(), scale::<T>(g));
    parallel::chunks(y, oh * ow, |plane, y| {
        let x = &x[plane * g.h * g.w..][..g.h * g.w];
        for i in 0..oh {
            for j in 0..ow {
                y[i * ow + j] = window_sum(window(g, 0, i), window(g, 1, j), |r, c| x[r * g.w + c]) * scale;
            }
        }
    });
}

/// Computes the adjoint of [`avg_forward`]: each output's gradient is divided evenly over its window.
pub fn avg_backward<T: Scalar>(g: &Pool2d, dy: &[T], dx: &mut [T]) {
    check("avg_pool2d backward", g, dx.len(), dy.len());
    if dy.is_empty() {
        return dx.fill(T::ZERO);
    }
    let (oh, ow, scale) = (g.out_h(), g.out_w(), scale::<T>(g));
    parallel::chunks(dx, g.h * g.w, |plane, dx| {
        dx.fill(T::ZERO);
        for i in 0..oh {
            for j in 0..ow {
                let part = dy[(plane * oh + i) * ow + j] * scale;
                for r in window(g, 0, i) {
                    for c in window(g, 1, j) {
                        dx[r * g.w + c] += part;
                    }
                }
            }
        }
    });
}
