//! The sizes of a block, the targets of its gradients, and the checks of its arguments.

use super::super::size::is_compact;
use crate::Conv2d;
use crate::geometry::product;

/// The targets of the gradients of a block; all are written, not added.
#[derive(Debug)]
pub struct Gradients<'a, T> {
    /// Of the image, if it is needed.
    pub dx: Option<&'a mut [T]>,
    /// Of the filters.
    pub dw: &'a mut [T],
    /// Of the bias.
    pub db: &'a mut [T],
}

/// Returns the height and width after pooling.
pub(super) fn pooled(g: &Conv2d) -> [usize; 2] {
    [g.out_h() / 2, g.out_w() / 2]
}

/// Panics unless the slices have the sizes that `g` says, and these can exist.
fn check(name: &str, g: &Conv2d, lens: [usize; 5]) {
    let lengths = g.lengths().unwrap_or_else(|e| panic!("{name}: {e}: {g:?}"));
    let [ph, pw] = pooled(g);
    let outputs = product(&[g.n, g.o, ph, pw]).unwrap_or_else(|| panic!("{name}: the output does not fit into memory"));
    assert!(lens == [lengths.x, lengths.w, g.o, outputs, outputs], "{name}: the lengths {lens:?} do not fit {g:?}");
}

/// [`check`] of what the forward pass reads and writes.
pub(super) fn check_forward<T>(g: &Conv2d, x: &[T], w: &[T], bias: &[T], y: &[T], codes: Option<&[u8]>) {
    let codes = codes.map_or(y.len(), <[u8]>::len);
    check("conv2d block", g, [x.len(), w.len(), bias.len(), y.len(), codes]);
}

/// [`check`] of what the backward pass reads and writes.
pub(super) fn check_backward<T>(g: &Conv2d, x: &[T], w: &[T], dy: &[T], codes: &[u8], out: &Gradients<'_, T>) {
    check("conv2d block backward", g, [x.len(), w.len(), out.db.len(), dy.len(), codes.len()]);
    let fit = out.dw.len() == w.len() && out.dx.as_ref().is_none_or(|dx| dx.len() == x.len());
    assert!(fit, "conv2d block backward: the lengths of dw or dx do not fit {g:?}");
}

/// Returns whether the fast paths take this convolution: one that does not skip pixels, and is not empty, pooled or
/// not.
pub(super) fn fits(g: &Conv2d) -> bool {
    g.stride == [1, 1] && g.dilation == [1, 1] && is_compact(g) && !pooled(g).contains(&0)
}
