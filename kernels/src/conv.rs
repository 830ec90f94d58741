//! 2-d convolution on `f32`.

use crate::{Conv2d, reference};

pub(crate) fn forward_f32(g: &Conv2d, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    reference::conv2d_forward(g, x, w, bias, y);
}
pub(crate) fn backward_data_f32(g: &Conv2d, dy: &[f32], w: &[f32], dx: &mut [f32]) {
    reference::conv2d_backward_data(g, dy, w, dx);
}
pub(crate) fn backward_weights_f32(g: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    reference::conv2d_backward_weights(g, x, dy, dw);
}
