//! Decides by the size of a convolution whether it is worth threads, and whether the fast paths may take it.

use crate::Conv2d;
use crate::geometry::product;

/// Multiply-adds below which a convolution stays on the calling thread.
const SERIAL_BELOW: usize = 1 << 18;

/// Returns the product, or `usize::MAX` if it is larger.
fn times(sizes: &[usize]) -> usize {
    sizes.iter().fold(1, |all, &size| all.saturating_mul(size))
}

/// Returns the multiply-adds of a convolution.
pub(super) fn work(g: &Conv2d) -> usize {
    times(&[g.n, g.o, g.k(), g.out_h(), g.out_w()])
}

/// Returns whether the work is too small for several threads.
pub(super) fn serial(g: &Conv2d) -> bool {
    work(g) < SERIAL_BELOW
}

/// Floats of the largest copy of an image with its border, which the fast paths read; `None` if an array of the
/// convolution is empty, or the copies would not be of the order of the data. So sizes of copies cannot wrap, and
/// padding or gaps beyond all measure allocate nothing.
pub(super) fn bordered(g: &Conv2d) -> Option<usize> {
    let [oh, ow] = [g.out_h(), g.out_w()];
    if [g.n, g.c, g.h, g.w, g.o, oh, ow].contains(&0) {
        return None;
    }
    let reach = |axis: usize| (g.kernel[axis] - 1) * g.dilation[axis] + 1;
    // Forward: what lies between the first and the last tap, in whole phases of columns; and, in the maps of a chain,
    // the pixels that no tap falls on.
    let read = |axis: usize, size: usize, out: usize| {
        let taps = ((out - 1) * g.stride[axis]).saturating_add(reach(axis));
        taps.max(g.pad[axis][0] + size).div_ceil(g.stride[axis]).saturating_mul(g.stride[axis])
    };
    // Backward: the outputs that the taps over all pixels fall on, there or not.
    let seen = |axis: usize, size: usize, out: usize| {
        let beyond = size.saturating_add(reach(axis)).saturating_add(reach(axis)) / g.stride[axis];
        out.saturating_add(beyond).saturating_add(2)
    };
    let forward = times(&[g.c, read(0, g.h, oh), read(1, g.w, ow)]);
    let backward = times(&[g.o, seen(0, g.h, oh), seen(1, g.w, ow)]);
    let data = times(&[g.c, g.h, g.w]).saturating_add(times(&[g.o.max(g.k()), oh, ow]));
    let most = data.saturating_mul(64).saturating_add(1 << 16);
    Some(forward.max(backward)).filter(|&floats| floats <= most)
}

/// Returns whether the fast paths may take this convolution: their copies of an image are of the order of the data,
/// and places in them and in the filters fit into 32 bits.
pub(super) fn is_compact(g: &Conv2d) -> bool {
    const PLACES: usize = u32::MAX as usize / 2;
    bordered(g).is_some_and(|floats| floats <= PLACES) && product(&[g.o, g.k()]).is_some_and(|len| len <= PLACES)
}
