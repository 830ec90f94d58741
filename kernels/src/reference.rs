//! The textbook of the kernels: the plain code of each, to be read first, which every fast variant must agree with.
//!
//! It also fixes the one order in which each sum is taken. The sum over k of a matrix product runs upwards in blocks of
//! [`K_BLOCK`], each block from zero by fused multiply-adds, the blocks added up in turn. Plain sums are taken in turn
//! and then in pairs: [`sum_in_turn`], and [`sum_in_lanes`] over neighbours in memory.

mod attention;
mod layer_norm;

pub use attention::{attention_backward, attention_forward};
pub use layer_norm::{layer_norm_backward, layer_norm_forward};

use crate::norm::{Channels, Scales};
use crate::splits::{
    BLOCK_UNITS, K_BLOCK, block_bands, block_groups, block_tiles, lane_groups, lane_rows, weight_groups,
};
use crate::upsample::{Between, Upsample2d};
use crate::{Conv2d, DEAD, GroupedConv2d, MatMut, MatRef, Scalar};

/// Returns the sum over k of a b, where `term(k) = (a, b)`, in the order that all kernels share.
#[inline(always)]
pub fn blocked_dot<T: Scalar>(len: usize, term: impl Fn(usize) -> (T, T)) -> T {
    let mut total = T::ZERO;
    for start in (0..len).step_by(K_BLOCK) {
        let mut block = T::ZERO;
        for k in start..(start + K_BLOCK).min(len) {
            let (a, b) = term(k);
            block = a.mul_add(b, block);
        }
        total = if start == 0 { block } else { total + block };
    }
    total
}

/// Computes C = A B + beta C, one fused multiply-add upon the whole sum over k; with `beta` = 0, C is not read.
pub fn gemm<T: Scalar>(a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, mut c: MatMut<'_, T>) {
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "gemm: shapes do not fit");
    for i in 0..a.rows {
        for j in 0..b.cols {
            let term = |k| (a.at(i, k), b.at(k, j));
            let out = c.at_mut(i, j);
            let sum = blocked_dot(a.cols, term);
            *out = if beta == T::ZERO { sum } else { beta.mul_add(*out, sum) };
        }
    }
}

/// Returns |x - c|²: each difference is rounded, the squares are summed in the shared order.
pub fn squared_distance<T: Scalar>(x: &[T], c: &[T]) -> T {
    blocked_dot(x.len(), |k| (x[k] - c[k], x[k] - c[k]))
}

/// Copies the patches under the kernel into the columns of a matrix `[C KH KW, OH OW]`, zeros where it hangs over.
pub fn im2col<T: Scalar>(g: &Conv2d, image: &[T], columns: &mut [T]) {
    let (oh, ow) = (g.out_h(), g.out_w());
    if columns.is_empty() {
        return;
    }
    for_each_tap(g, |k, c, p, q| {
        for i in 0..oh {
            for j in 0..ow {
                columns[(k * oh + i) * ow + j] =
                    source(g, i, j, p, q).map_or(T::ZERO, |(y, x)| image[(c * g.h + y) * g.w + x]);
            }
        }
    });
}

/// The adjoint of [`im2col`]: adds each column back to the pixels it was taken from.
pub fn col2im<T: Scalar>(g: &Conv2d, columns: &[T], image: &mut [T]) {
    let (oh, ow) = (g.out_h(), g.out_w());
    image.fill(T::ZERO);
    if columns.is_empty() {
        return;
    }
    for_each_tap(g, |k, c, p, q| {
        for i in 0..oh {
            for j in 0..ow {
                if let Some((y, x)) = source(g, i, j, p, q) {
                    image[(c * g.h + y) * g.w + x] += columns[(k * oh + i) * ow + j];
                }
            }
        }
    });
}

/// Calls `f(k, c, p, q)` for each row k of the im2col matrix.
fn for_each_tap(g: &Conv2d, mut f: impl FnMut(usize, usize, usize, usize)) {
    let mut k = 0;
    for c in 0..g.c {
        for p in 0..g.kernel[0] {
            for q in 0..g.kernel[1] {
                f(k, c, p, q);
                k += 1;
            }
        }
    }
}

/// Returns the input pixel under tap (p, q) of output (i, j), or none in the padding.
#[inline(always)]
fn source(g: &Conv2d, i: usize, j: usize, p: usize, q: usize) -> Option<(usize, usize)> {
    let y = (i * g.stride[0] + p * g.dilation[0]).checked_sub(g.pad[0][0])?;
    let x = (j * g.stride[1] + q * g.dilation[1]).checked_sub(g.pad[1][0])?;
    (y < g.h && x < g.w).then_some((y, x))
}

/// Computes a convolution as a matrix product: each image's columns are multiplied from the left by the filters.
pub fn conv2d_forward<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    g.check("conv2d", x.len(), w.len(), y.len());
    if y.is_empty() {
        return;
    }
    let (k, pixels) = (g.k(), g.out_h() * g.out_w());
    let mut columns = vec![T::ZERO; k * pixels];
    for n in 0..g.n {
        im2col(g, &x[n * g.c * g.h * g.w..][..g.c * g.h * g.w], &mut columns);
        let out = &mut y[n * g.o * pixels..][..g.o * pixels];
        gemm(MatRef::new(w, g.o, k), MatRef::new(&columns, k, pixels), T::ZERO, MatMut::new(out, g.o, pixels));
        if let Some(bias) = bias {
            for o in 0..g.o {
                out[o * pixels..][..pixels].iter_mut().for_each(|v| *v += bias[o]);
            }
        }
    }
}

/// Computes dX, gathered: pixel (c, y, x) sums `dy[o, i, j] w[o, c, p, q]` over the taps (o, p, q) for which some
/// output (i, j) would put the tap on the pixel: `i s + p d = y + pad`. Where (i, j) is not an output, dy counts as
/// zero.
pub fn conv2d_backward_data<T: Scalar>(g: &Conv2d, dy: &[T], w: &[T], dx: &mut [T]) {
    g.check("conv2d backward", dx.len(), w.len(), dy.len());
    if dx.is_empty() {
        return;
    }
    let (oh, ow) = (g.out_h(), g.out_w());
    for n in 0..g.n {
        for y in 0..g.h {
            for x in 0..g.w {
                let (rows, cols) = (taps_over(g, 0, y), taps_over(g, 1, x));
                let per_map = rows.len() * cols.len();
                for c in 0..g.c {
                    dx[((n * g.c + c) * g.h + y) * g.w + x] = blocked_dot(g.o * per_map, |k| {
                        let (o, (p, i), (q, j)) = (k / per_map, rows[k % per_map / cols.len()], cols[k % cols.len()]);
                        let inside = (0..oh as isize).contains(&i) && (0..ow as isize).contains(&j);
                        let weight = w[((o * g.c + c) * g.kernel[0] + p) * g.kernel[1] + q];
                        let gradient =
                            if inside { dy[((n * g.o + o) * oh + i as usize) * ow + j as usize] } else { T::ZERO };
                        (weight, gradient)
                    });
                }
            }
        }
    }
}

/// Computes a transposed convolution, the adjoint: [`conv2d_backward_data`] and then the bias of each of the C
/// channels.
pub fn conv_transpose2d_forward<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    conv2d_backward_data(g, x, w, y);
    let plane = (g.h * g.w).max(1);
    for (i, plane) in y.chunks_exact_mut(plane).enumerate() {
        plane.iter_mut().for_each(|v| *v += bias.map_or(-T::ZERO, |bias| bias[i % g.c]));
    }
}

/// Returns the taps p along one axis that can fall on place `at`, each with the output i (inside or not) from which it
/// does.
fn taps_over(g: &Conv2d, axis: usize, at: usize) -> Vec<(usize, isize)> {
    let (s, place) = (g.stride[axis] as isize, (at + g.pad[axis][0]) as isize);
    let distance = |p: usize| place - (p * g.dilation[axis]) as isize;
    (0..g.kernel[axis]).filter(|&p| distance(p) % s == 0).map(|p| (p, distance(p) / s)).collect()
}

/// Sums added pairwise: the largest power of two of them that leaves a rest, and the rest, each in the same way.
fn pairwise<T: Scalar>(sums: &[T]) -> T {
    match sums {
        [] => T::ZERO,
        [one] => *one,
        _ => {
            let (left, right) = sums.split_at(sums.len().next_power_of_two() / 2);
            pairwise(left) + pairwise(right)
        }
    }
}

/// Returns Σ `term(i)` for i below `len`: blocks of 16 terms, each in turn from zero, the blocks pairwise.
pub fn sum_in_turn<T: Scalar>(len: usize, term: impl Fn(usize) -> T) -> T {
    let block = |start: usize| (start..len.min(start + 16)).fold(T::ZERO, |sum, i| sum + term(i));
    pairwise(&(0..len).step_by(16).map(block).collect::<Vec<T>>())
}

/// Returns Σ `term(i)` for i below `len`, the i-th in lane i % 16: each lane as [`sum_in_turn`], then halves of the
/// lanes to halves.
pub fn sum_in_lanes<T: Scalar>(len: usize, term: impl Fn(usize) -> T) -> T {
    // A lane that the last block no longer reaches adds a zero there.
    let rows = len.div_ceil(16);
    let at = |row: usize, lane: usize| if 16 * row + lane < len { term(16 * row + lane) } else { T::ZERO };
    crate::reduce::tree(std::array::from_fn(|lane| sum_in_turn(rows, |row| at(row, lane))))
}

/// Returns the sum over the images: image n adds its parts to lane n % 16 one by one, the blocks of a group in turn,
/// then the groups in turn, and at last the lanes as a tree.
fn lane_sum<T: Scalar>(images: usize, parts: impl Fn(usize) -> Vec<T>) -> T {
    let (groups, mut total) = (lane_groups(images), [T::ZERO; 16]);
    for group in 0..groups.len() {
        let mut lanes = [T::ZERO; 16];
        for n in groups.get(group).flat_map(|block| 16 * block..images.min(16 * block + 16)) {
            parts(n).into_iter().for_each(|part| lanes[n % 16] += part);
        }
        (0..16).for_each(|l| total[l] += lanes[l]);
    }
    crate::reduce::tree(total)
}

/// Returns the gradients of filters and bias as a chain of convolutions computes them, `[dw, db]`, each image's part in
/// pieces of [`lane_rows`] rows, for dw by fused multiply-adds from zero in turn; for db a piece is all rows, each
/// added up in turn from zero, and the rows as [`sum_in_turn`]. Images and their parts are added up as `lane_sum` says.
/// The bias belongs to the convolution's output, or, if `transposed`, to what is its input.
pub fn lane_weights<T: Scalar>(g: &Conv2d, transposed: bool, x: &[T], dy: &[T]) -> [Vec<T>; 2] {
    let ([kh, kw], [oh, ow]) = (g.kernel, [g.out_h(), g.out_w()]);
    let dw = |at: usize| {
        let (o, c, p, q) = (at / g.k(), at / (kh * kw) % g.c, at / kw % kh, at % kw);
        lane_sum(g.n, |n| {
            let part = |start: usize| {
                let rows = start..oh.min(start + lane_rows(ow));
                rows.flat_map(|i| (0..ow).map(move |j| (i, j))).fold(T::ZERO, |sum, (i, j)| {
                    let pixel = source(g, i, j, p, q).map_or(T::ZERO, |(y, u)| x[((n * g.c + c) * g.h + y) * g.w + u]);
                    pixel.mul_add(dy[((n * g.o + o) * oh + i) * ow + j], sum)
                })
            };
            (0..oh).step_by(lane_rows(ow)).map(part).collect()
        })
    };
    let (data, channels, [rows, cols]) = if transposed { (x, g.c, [g.h, g.w]) } else { (dy, g.o, [oh, ow]) };
    let db = |c: usize| {
        lane_sum(g.n, |n| {
            let row = |i: usize| &data[((n * channels + c) * rows + i) * cols..][..cols];
            vec![sum_in_turn(rows, |i| row(i).iter().fold(T::ZERO, |sum, &v| sum + v))]
        })
    };
    [(0..g.o * g.k()).map(dw).collect(), (0..channels).map(db).collect()]
}

/// Computes dW: `dw[o, k]` sums `columns[k, pixel] dy[o, pixel]` over the pixels of all images: over each block of
/// pixels from zero by fused multiply-adds, over the blocks of a group in turn, over the groups in turn.
pub fn conv2d_backward_weights<T: Scalar>(g: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    g.check("conv2d backward", x.len(), dw.len(), dy.len());
    if dw.is_empty() {
        return;
    }
    let (terms, [oh, ow], [kh, kw]) = (g.k(), [g.out_h(), g.out_w()], g.kernel);
    let (groups, pixels) = (weight_groups(g), oh * ow);
    let per_image = pixels.div_ceil(K_BLOCK);
    let add = |sum: Option<T>, term: T| Some(sum.map_or(term, |sum| sum + term));
    for o in 0..g.o {
        for k in 0..terms {
            let (c, p, q) = (k / (kh * kw), k / kw % kh, k % kw);
            let block = |b: usize| {
                let (n, start) = (b / per_image, b % per_image * K_BLOCK);
                blocked_dot(K_BLOCK.min(pixels - start), |at| {
                    let (i, j) = ((start + at) / ow, (start + at) % ow);
                    let pixel = source(g, i, j, p, q).map_or(T::ZERO, |(y, u)| x[((n * g.c + c) * g.h + y) * g.w + u]);
                    (pixel, dy[(n * g.o + o) * pixels + start + at])
                })
            };
            let group = |i: usize| groups.get(i).map(block).fold(None, add).unwrap_or(T::ZERO);
            dw[o * terms + k] = (0..groups.len()).map(group).fold(None, add).unwrap_or(T::ZERO);
        }
    }
}

/// Computes a grouped convolution and its gradients, `[y, dx, dw]`: each group's channels are taken out of x and dy,
/// and its results put where they belong. The sums are those of the group's own convolution.
pub fn grouped_conv2d<T: Scalar>(g: &GroupedConv2d, x: &[T], w: &[T], bias: Option<&[T]>, dy: &[T]) -> [Vec<T>; 3] {
    let (e, pixels) = (&g.each, g.each.out_h() * g.each.out_w());
    let mut out = [vec![T::ZERO; dy.len()], vec![T::ZERO; x.len()], vec![T::ZERO; w.len()]];
    // Element k of group i's part, of which each image has `len`, is this element of the whole.
    let whole = |i: usize, len: usize, k: usize| (k / len * g.groups + i) * len + k % len;
    let (x_len, y_len, w_len) = (e.c * e.h * e.w, e.o * pixels, e.o * e.k());
    for i in 0..g.groups {
        let own = |data: &[T], len: usize| (0..e.n * len).map(|k| data[whole(i, len, k)]).collect::<Vec<T>>();
        let (own_x, own_dy, own_w) = (own(x, x_len), own(dy, y_len), &w[i * w_len..][..w_len]);
        let (mut y, mut dx) = (own_dy.clone(), own_x.clone());
        conv2d_forward(e, &own_x, own_w, bias.map(|b| &b[i * e.o..][..e.o]), &mut y);
        conv2d_backward_data(e, &own_dy, own_w, &mut dx);
        conv2d_backward_weights(e, &own_x, &own_dy, &mut out[2][i * w_len..][..w_len]);
        y.iter().enumerate().for_each(|(k, &v)| out[0][whole(i, y_len, k)] = v);
        dx.iter().enumerate().for_each(|(k, &v)| out[1][whole(i, x_len, k)] = v);
    }
    out
}

/// Returns the argmax of window (n, o, i, j): its pixel of the convolution, and its gradient.
fn argmax<T: Scalar>(g: &Conv2d, dy: &[T], codes: &[u8], [n, o, i, j]: [usize; 4]) -> ([usize; 2], T) {
    let cell = ((n * g.o + o) * (g.out_h() / 2) + i) * (g.out_w() / 2) + j;
    let gradient = if codes[cell] < DEAD { dy[cell] } else { T::ZERO };
    ([2 * i + usize::from(codes[cell] >> 1 & 1), 2 * j + usize::from(codes[cell] & 1)], gradient)
}

/// Returns the columns of windows in the order in which they are taken: of each sixteen 0, 8, 1, 9, .. 7, 15.
fn columns(pw: usize) -> impl Iterator<Item = usize> + Clone {
    (0..pw.next_multiple_of(16)).map(|j| j / 16 * 16 + j % 16 / 2 + j % 2 * 8).filter(move |&j| j < pw)
}

/// Returns the gradients of convolution, bias, ReLU and 2 x 2 max-pooling from the windows' codes: the argmaxes of
/// the windows are taken in turn and nothing else. `[dx, dw, db]`.
///
/// * Windows are taken in bands of [`block_bands`] rows, row by row, in a row in the order of `columns`.
/// * dw: each band is summed from zero and added to the sum of its group of [`block_groups`] images; the groups are
///   added up in turn.
/// * dx runs on from band to band, in a band from tile to tile of [`block_tiles`], in a tile from filter to filter.
/// * db: in an image window j of a row goes to lane `j % 16`, sixteen rows in turn, then pairwise; the lanes are added
///   up as in [`crate::reduce`], and the images as for dw.
pub fn conv2d_block_backward<T: Scalar>(g: &Conv2d, x: &[T], w: &[T], dy: &[T], codes: &[u8]) -> [Vec<T>; 3] {
    let (ph, pw, [kh, kw]) = (g.out_h() / 2, g.out_w() / 2, g.kernel);
    let mut dx = vec![T::ZERO; x.len()];
    let argmaxes = |n: usize, o: usize, start: usize| {
        let rows = start..ph.min(start + block_bands(g));
        let windows = rows.flat_map(|i| columns(pw).map(move |j| [n, o, i, j]));
        windows.map(|at| argmax(g, dy, codes, at)).filter(|w| w.1 != T::ZERO).collect::<Vec<_>>()
    };
    let pixel = |n: usize, [i, j]: [usize; 2], c: usize, p: usize, q: usize| {
        source(g, i, j, p, q).map(|(y, x)| ((n * g.c + c) * g.h + y) * g.w + x)
    };
    let [dw, db] = sum_groups(g, |n, dw, db| {
        for start in (0..ph).step_by(block_bands(g)) {
            for o in 0..g.o {
                for k in 0..g.k() {
                    let (c, p, q) = (k / (kh * kw), k / kw % kh, k % kw);
                    dw[o * g.k() + k] += argmaxes(n, o, start).iter().fold(T::ZERO, |sum, &(at, gradient)| {
                        pixel(n, at, c, p, q).map_or(sum, |pixel| gradient.mul_add(x[pixel], sum))
                    });
                }
            }
            for [rows, floats] in block_tiles(g, BLOCK_UNITS) {
                for o in 0..g.o {
                    for (at, gradient) in argmaxes(n, o, start) {
                        for p in rows.clone() {
                            for l in floats.start..floats.end.min(kw * g.c) {
                                let (q, c) = (l / g.c, l % g.c);
                                if let Some(pixel) = pixel(n, at, c, p, q) {
                                    dx[pixel] = gradient.mul_add(w[((o * g.c + c) * kh + p) * kw + q], dx[pixel]);
                                }
                            }
                        }
                    }
                }
            }
        }
        add_gradients(g, dy, codes, n, db);
    });
    [dx, dw, db]
}

/// Returns `[dw, db]` as [`conv2d_block_backward`] computes them for 3 x 3 filters of up to four channels when dx is
/// not needed: window j of a row goes to lane `j % 16`, row by row, and the lanes are added up image by image.
pub fn conv2d_block_backward_first<T: Scalar>(g: &Conv2d, x: &[T], dy: &[T], codes: &[u8]) -> [Vec<T>; 2] {
    let (ph, pw, [kh, kw]) = (g.out_h() / 2, g.out_w() / 2, g.kernel);
    sum_groups(g, |n, dw, db| {
        for (k, dw) in dw.iter_mut().enumerate() {
            let (o, c, p, q) = (k / g.k(), k / (kh * kw) % g.c, k / kw % kh, k % kw);
            let mut lanes = [T::ZERO; 16];
            for (i, j) in (0..ph).flat_map(|i| (0..pw).map(move |j| (i, j))) {
                let ([y, x_], gradient) = argmax(g, dy, codes, [n, o, i, j]);
                if let Some((y, x_)) = source(g, y, x_, p, q) {
                    lanes[j % 16] = gradient.mul_add(x[((n * g.c + c) * g.h + y) * g.w + x_], lanes[j % 16]);
                }
            }
            *dw += crate::reduce::tree(lanes);
        }
        add_gradients(g, dy, codes, n, db);
    })
}

/// Returns the sums over images of what `image(n, dw, db)` adds, in groups.
fn sum_groups<T: Scalar>(g: &Conv2d, mut image: impl FnMut(usize, &mut [T], &mut [T])) -> [Vec<T>; 2] {
    let zeros = || [vec![T::ZERO; g.o * g.k()], vec![T::ZERO; g.o]];
    let (mut total, size) = (zeros(), block_groups(g.n));
    for start in (0..g.n).step_by(size) {
        let [mut dw, mut db] = zeros();
        (start..g.n.min(start + size)).for_each(|n| image(n, &mut dw, &mut db));
        for (total, group) in total.iter_mut().zip([dw, db]) {
            total.iter_mut().zip(group).for_each(|(total, x)| *total += x);
        }
    }
    total
}

/// Adds the gradients of image `n` to db: windows j of sixteen rows go to lane j % 16 in turn, and the blocks of rows
/// pairwise.
fn add_gradients<T: Scalar>(g: &Conv2d, dy: &[T], codes: &[u8], n: usize, db: &mut [T]) {
    let [ph, pw] = [g.out_h() / 2, g.out_w() / 2];
    for (o, db) in db.iter_mut().enumerate() {
        let block = |start: usize, lane: usize| {
            let rows = start..ph.min(start + 16);
            let windows = rows.flat_map(|i| (lane..pw).step_by(16).map(move |j| [n, o, i, j]));
            windows.fold(T::ZERO, |sum, at| sum + argmax(g, dy, codes, at).1)
        };
        let lane = |lane: usize| pairwise(&(0..ph).step_by(16).map(|i| block(i, lane)).collect::<Vec<T>>());
        *db += crate::reduce::tree(std::array::from_fn(lane));
    }
}

/// Returns the sum over channel `c` of `term(place in the data)`: the places of a sample as [`sum_in_lanes`], the
/// samples as [`sum_in_turn`].
fn channel_sum<T: Scalar>(g: &Channels, c: usize, term: impl Fn(usize) -> T) -> T {
    sum_in_turn(g.n, |n| sum_in_lanes(g.places, |p| term((n * g.c + c) * g.places + p)))
}

/// Returns `[mean, biased variance]` of each channel; see [`crate::norm::moments`].
pub fn moments<T: Scalar>(g: &Channels, x: &[T]) -> [Vec<T>; 2] {
    let count = T::from_usize(g.per_channel());
    let channel = |c: usize| {
        let mean = channel_sum(g, c, |i| x[i]) / count;
        let left = channel_sum(g, c, |i| x[i] - mean) / count;
        let squares = channel_sum(g, c, |i| (x[i] - mean) * (x[i] - mean)) / count;
        let variance = (squares - left * left).max(T::ZERO);
        [if left.is_finite() { mean + left } else { mean }, variance]
    };
    let all: Vec<[T; 2]> = (0..g.c).map(channel).collect();
    [0, 1].map(|k| all.iter().map(|moments| moments[k]).collect())
}

/// Returns the channel that element `i` belongs to.
fn channel(g: &Channels, i: usize) -> usize {
    i / g.places % g.c
}

/// Returns batch normalization, `(x - mean) (inverse weight) + bias`.
pub fn batch_norm_forward<T: Scalar>(g: &Channels, x: &[T], s: &Scales<'_, T>, bias: &[T]) -> Vec<T> {
    let normal = |i: usize, c: usize| (x[i] - s.mean[c]) * (s.inverse[c] * s.weight[c]) + bias[c];
    (0..x.len()).map(|i| normal(i, channel(g, i))).collect()
}

/// Returns `[dx, dw, db]` of batch normalization; `own` if mean and variance are the batch's own.
pub fn batch_norm_backward<T: Scalar>(g: &Channels, x: &[T], dy: &[T], s: &Scales<'_, T>, own: bool) -> [Vec<T>; 3] {
    let count = T::from_usize(g.per_channel());
    let db: Vec<T> = (0..g.c).map(|c| channel_sum(g, c, |i| dy[i])).collect();
    let dw: Vec<T> = (0..g.c).map(|c| channel_sum(g, c, |i| dy[i] * (x[i] - s.mean[c])) * s.inverse[c]).collect();
    let dx = |i: usize| {
        let c = channel(g, i);
        let factor = s.inverse[c] * s.weight[c];
        if own {
            factor * (dy[i] - db[c] / count - (x[i] - s.mean[c]) * (s.inverse[c] * dw[c] / count))
        } else {
            dy[i] * factor
        }
    };
    [(0..x.len()).map(dx).collect(), dw, db]
}

/// Returns the pixels that an output lies between, with their weights.
fn weights<T: Scalar>(between: Between) -> Vec<(usize, T)> {
    match between.second {
        None => vec![(between.first, T::ONE)],
        Some((next, t)) => vec![(between.first, T::from_f64(1.0 - t)), (next, T::from_f64(t))],
    }
}

/// Upsamples: each output mixes the rows it lies between, and then the columns.
pub fn upsample2d<T: Scalar>(g: &Upsample2d, x: &[T]) -> Vec<T> {
    let mix = |pixels: &[(usize, T)], value: &dyn Fn(usize) -> T| {
        pixels[1..].iter().fold(value(pixels[0].0) * pixels[0].1, |sum, &(at, weight)| sum + value(at) * weight)
    };
    let [oh, ow] = g.out();
    let pixel = |k: usize| {
        let (plane, i, j) = (k / (oh * ow), k / ow % oh, k % ow);
        let rows = weights(g.between(0, i));
        mix(&weights(g.between(1, j)), &|c| mix(&rows, &|r| x[(plane * g.h + r) * g.w + c]))
    };
    (0..g.planes * oh * ow).map(pixel).collect()
}

/// Computes the adjoint: pixel (r, c) sums, over the rows of outputs in which it has a weight, that weight times the
/// sum over the row.
pub fn upsample2d_backward<T: Scalar>(g: &Upsample2d, dy: &[T]) -> Vec<T> {
    let [oh, ow] = g.out();
    let pixel = |k: usize| {
        let (plane, r, c) = (k / (g.h * g.w), k / g.w % g.h, k % g.w);
        let of = |axis: usize, i: usize, at: usize| {
            weights::<T>(g.between(axis, i)).into_iter().find(|weight| weight.0 == at).map(|weight| weight.1)
        };
        (0..oh).filter_map(|i| Some((i, of(0, i, r)?))).fold(T::ZERO, |sum, (i, weight)| {
            let row = (0..ow).filter_map(|j| Some(dy[(plane * oh + i) * ow + j] * of(1, j, c)?));
            sum + row.fold(T::ZERO, |sum, term| sum + term) * weight
        })
    };
    (0..g.planes * g.h * g.w).map(pixel).collect()
}
