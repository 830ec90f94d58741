//! Max- and average-pooling.

use crate::{Pool2d, Scalar, parallel};

/// The rows and columns of the input that the window of output (i, j) covers.
#[inline(always)]
fn window(g: &Pool2d, axis: usize, i: usize) -> std::ops::Range<usize> {
    let size = if axis == 0 { g.h } else { g.w };
    let start = i * g.stride[axis];
    start.saturating_sub(g.pad[axis][0])..(start + g.kernel[axis]).saturating_sub(g.pad[axis][0]).min(size)
}

pub(crate) fn max_forward<T: Scalar>(g: &Pool2d, x: &[T], y: &mut [T], argmax: &mut [u32]) {
    let (oh, ow) = (g.out_h(), g.out_w());
    assert!(
        x.len() == g.planes * g.h * g.w && y.len() == g.planes * oh * ow && argmax.len() == y.len(),
        "max_pool2d: wrong lengths"
    );
    parallel::zip_chunks(y, oh * ow, argmax, oh * ow, |plane, y, argmax| {
        let x = &x[plane * g.h * g.w..][..g.h * g.w];
        for i in 0..oh {
            for j in 0..ow {
                let (rows, cols) = (window(g, 0, i), window(g, 1, j));
                let mut best = rows.start * g.w + cols.start;
                for r in rows {
                    for c in cols.clone() {
                        let candidate = r * g.w + c;
                        if x[candidate] > x[best] || (x[candidate].is_nan() && !x[best].is_nan()) {
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
    let outputs = g.out_h() * g.out_w();
    assert!(
        dx.len() == g.planes * g.h * g.w && dy.len() == g.planes * outputs && argmax.len() == dy.len(),
        "max_pool2d backward: wrong lengths"
    );
    parallel::chunks(dx, g.h * g.w, |plane, dx| {
        dx.fill(T::ZERO);
        for k in plane * outputs..(plane + 1) * outputs {
            dx[argmax[k] as usize] += dy[k];
        }
    });
}

/// Average-pooling. The divisor is the window's size, padding included, as PyTorch's `count_include_pad=True`.
pub fn avg_forward<T: Scalar>(g: &Pool2d, x: &[T], y: &mut [T]) {
    let (oh, ow) = (g.out_h(), g.out_w());
    assert!(x.len() == g.planes * g.h * g.w && y.len() == g.planes * oh * ow, "avg_pool2d: wrong lengths");
    let scale = T::ONE / T::from_usize(g.kernel[0] * g.kernel[1]);
    parallel::chunks(y, oh * ow, |plane, y| {
        let x = &x[plane * g.h * g.w..][..g.h * g.w];
        for i in 0..oh {
            for j in 0..ow {
                let mut sum = T::ZERO;
                for r in window(g, 0, i) {
                    for c in window(g, 1, j) {
                        sum += x[r * g.w + c];
                    }
                }
                y[i * ow + j] = sum * scale;
            }
        }
    });
}

/// The adjoint of [`avg_forward`]: each output's gradient is shared out evenly over its window.
pub fn avg_backward<T: Scalar>(g: &Pool2d, dy: &[T], dx: &mut [T]) {
    let (oh, ow) = (g.out_h(), g.out_w());
    assert!(dx.len() == g.planes * g.h * g.w && dy.len() == g.planes * oh * ow, "avg_pool2d backward: wrong lengths");
    let scale = T::ONE / T::from_usize(g.kernel[0] * g.kernel[1]);
    parallel::chunks(dx, g.h * g.w, |plane, dx| {
        dx.fill(T::ZERO);
        for i in 0..oh {
            for j in 0..ow {
                let share = dy[(plane * oh + i) * ow + j] * scale;
                for r in window(g, 0, i) {
                    for c in window(g, 1, j) {
                        dx[r * g.w + c] += share;
                    }
                }
            }
        }
    });
}
