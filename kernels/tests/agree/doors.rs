//! Extreme numbers at every door: sizes, strides, paddings and dilations up to `usize::MAX` are legal arguments, so
//! each call must either panic or compute what the reference computes. Nothing may be read or written elsewhere, and no
//! call may allocate what the arrays do not warrant (an allocation that fails would end the process).

use crate::common::{Data, assert_bits};
use gradus_kernels::attention::{self, Attention};
use gradus_kernels::chain::{self, FilterGradients, Filters, Passed, Stage};
use gradus_kernels::convolve::Convolution;
use gradus_kernels::dispatch::{self, Isa};
use gradus_kernels::geometry::{self, product};
use gradus_kernels::kmeans::{Clusters, Samples};
use gradus_kernels::mesh::Mesh;
use gradus_kernels::norm::{self, Channels, NormGradients, Scales};
use gradus_kernels::upsample::{self, Upsample2d};
use gradus_kernels::{
    BlockGradients, Conv2d, GroupedConv2d, MatMut, MatRef, Pool2d, Scalar, avg_pool2d_backward, avg_pool2d_forward,
    distance, gather, grouped, knn, layer_norm, reduce, reference,
};
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

const EXTREMES: [usize; 10] = [0, 1, 2, 3, 1 << 31, 1 << 32, 1 << 62, 1 << 63, usize::MAX - 1, usize::MAX];

/// A size that is ordinary most of the time.
fn size(data: &mut Data) -> usize {
    if data.pick(&[false, false, false, false, true]) { data.pick(&EXTREMES) } else { data.pick(&[1, 2, 3, 5]) }
}

fn pair(data: &mut Data) -> [usize; 2] {
    [size(data), size(data)]
}

/// As many floats as the product says, or a few where that is more than the test can hold.
fn floats(data: &mut Data, len: Option<usize>) -> Vec<f32> {
    data.floats(len.filter(|&len| len <= 1 << 10).unwrap_or(7))
}

fn conv(data: &mut Data) -> Conv2d {
    let pad = |data: &mut Data| if data.pick(&[true, false]) { [0, 0] } else { pair(data) };
    Conv2d {
        n: size(data),
        c: size(data),
        h: size(data),
        w: size(data),
        o: size(data),
        kernel: pair(data),
        stride: pair(data),
        pad: [pad(data), pad(data)],
        dilation: pair(data),
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Whether `f` returns. Its panic is one of many that are expected: it prints nothing, since a backtrace of each would
/// take longer than all the rest.
fn returns(f: impl FnOnce()) -> bool {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                print(info);
            }
        }));
    });
    let before = QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    QUIET.set(before);
    result.is_ok()
}

/// Runs `f` at each level; returns how many runs ended without a panic.
fn at_each_level(f: impl Fn(Isa)) -> usize {
    let run = |isa| returns(|| dispatch::with(isa, || f(isa)));
    dispatch::variants().iter().filter(|&&isa| run(isa)).count()
}

/// Results of a call that did not panic: the reference's bits, where the level owes them.
fn compare(isa: Isa, got: &[f32], expected: &[f32], what: &str) {
    // A failure must not look like one of the panics that are allowed.
    let same = isa == Isa::Scalar || returns(|| assert_bits(got, expected, what));
    if !same {
        eprintln!("{what} at {isa:?}: {got:?}, not {expected:?}");
        std::process::abort();
    }
}

#[test]
fn convolutions() {
    let (mut data, mut returned) = (Data::new(1), 0);
    for _ in 0..3_000 {
        let g = conv(&mut data);
        let lengths = g.lengths().ok();
        let (x, w) = (floats(&mut data, lengths.map(|l| l.x)), floats(&mut data, lengths.map(|l| l.w)));
        let (dy, bias) = (floats(&mut data, lengths.map(|l| l.y)), floats(&mut data, Some(g.o)));
        // The reference counts the taps of every pixel, even where there is no filter.
        let whole = !x.is_empty() && !w.is_empty() && !dy.is_empty();
        returned += at_each_level(|isa| {
            let mut y = vec![f32::NAN; dy.len()];
            f32::conv2d_forward(&g, &x, &w, Some(&bias), &mut y);
            let mut expected = dy.clone();
            reference::conv2d_forward(&g, &x, &w, Some(&bias), &mut expected);
            compare(isa, &y, &expected, &format!("y {g:?}"));
        });
        at_each_level(|isa| {
            let mut dx = vec![f32::NAN; x.len()];
            f32::conv2d_backward_data(&g, &dy, &w, &mut dx);
            let mut expected = vec![0.0; x.len()];
            if whole {
                reference::conv2d_backward_data(&g, &dy, &w, &mut expected);
            }
            compare(isa, &dx, &expected, &format!("dx {g:?}"));
        });
        at_each_level(|isa| {
            let (mut dw, mut expected) = (vec![f32::NAN; w.len()], vec![0.0; w.len()]);
            f32::conv2d_backward_weights(&g, &x, &dy, &mut dw);
            if whole {
                reference::conv2d_backward_weights(&g, &x, &dy, &mut expected);
            }
            compare(isa, &dw, &expected, &format!("dw {g:?}"));
        });
        let groups = size(&mut data);
        let g = GroupedConv2d { groups, each: g };
        let lengths = g.lengths().ok();
        let (x, w) = (floats(&mut data, lengths.map(|l| l.x)), floats(&mut data, lengths.map(|l| l.w)));
        let dy = floats(&mut data, lengths.map(|l| l.y));
        at_each_level(|_| grouped::conv2d_forward(&g, &x, &w, None, &mut dy.clone()));
        at_each_level(|_| grouped::conv2d_backward_data(&g, &dy, &w, &mut x.clone()));
        at_each_level(|_| grouped::conv2d_backward_weights(&g, &x, &dy, &mut w.clone()));
    }
    assert!(returned > 500, "only {returned} calls did anything");
}

/// The plain path of `f64` has no other geometry, only other loops.
#[test]
fn convolutions_in_double_precision() {
    let mut data = Data::new(2);
    for _ in 0..2_000 {
        let g = conv(&mut data);
        let lengths = g.lengths().ok();
        let mut some = |len: Option<usize>| vec![1.0f64; floats(&mut data, len).len()];
        let [x, w, y] = [lengths.map(|l| l.x), lengths.map(|l| l.w), lengths.map(|l| l.y)].map(&mut some);
        returns(|| f64::conv2d_forward(&g, &x, &w, None, &mut y.clone()));
        returns(|| f64::conv2d_backward_data(&g, &y, &w, &mut x.clone()));
        returns(|| f64::conv2d_backward_weights(&g, &x, &y, &mut w.clone()));
    }
}

#[test]
fn blocks_and_chains() {
    let (mut data, mut returned) = (Data::new(3), 0);
    for _ in 0..4_000 {
        let mut g = conv(&mut data);
        if data.pick(&[true, true, false]) {
            (g.stride, g.dilation) = ([1, 1], [1, 1]);
        }
        let lengths = g.lengths().ok();
        let (x, w) = (floats(&mut data, lengths.map(|l| l.x)), floats(&mut data, lengths.map(|l| l.w)));
        let (dy, bias) = (floats(&mut data, lengths.map(|l| l.y)), floats(&mut data, Some(g.o)));
        let pooled = g.out().ok().and_then(|[oh, ow]| product(&[g.n, g.o, oh / 2, ow / 2]));
        let small = floats(&mut data, pooled);
        returned += at_each_level(|_| {
            let (mut y, mut codes) = (small.clone(), vec![0; small.len()]);
            f32::conv2d_block_forward(&g, &x, &w, &bias, true, &mut y, Some(&mut codes));
        });
        at_each_level(|_| {
            let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), bias.clone());
            let out = BlockGradients { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
            f32::conv2d_block_backward(&g, &x, &w, &small, &vec![255; small.len()], out);
        });
        // Gradients of other lengths than the arrays'.
        at_each_level(|_| {
            let (mut dx, mut dw, mut db) = (vec![0.0; 3], w.clone(), bias.clone());
            let out = BlockGradients { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
            f32::conv2d_block_backward(&g, &x, &w, &small, &vec![0; small.len()], out);
        });
        for transposed in [false, true] {
            let stage = Stage { conv: g, transposed, relu: true };
            let (input, output) = if transposed { (&dy, &x) } else { (&x, &dy) };
            let back = floats(&mut data, Some(if transposed { g.c } else { g.o }));
            let filters = [Filters { w: &w, bias: &back }];
            at_each_level(|_| {
                let kept = chain::kept_len(&[stage]);
                assert!(kept <= 1 << 22, "too much for this test");
                let (mut kept, mut y) = (vec![0.0; kept], output.clone());
                f32::conv_chain_forward(&[stage], input, &filters, &mut y, Some(&mut kept));
                let (mut dw, mut db, mut dx) = (w.clone(), back.clone(), input.clone());
                let mut out = [FilterGradients { dw: &mut dw, db: &mut db }];
                let passed = Passed { x: input, y: &y, kept: &kept };
                f32::conv_chain_backward(&[stage], passed, &filters, output, Some(&mut dx), &mut out);
            });
            at_each_level(|_| f32::conv_chain_forward(&[stage, stage], input, &filters, &mut output.clone(), None));
            at_each_level(|_| _ = chain::pays(&[stage, stage]));
        }
    }
    assert!(returned > 300, "only {returned} calls did anything");
}

#[test]
fn pools_and_upsampling() {
    let (mut data, mut returned) = (Data::new(4), 0);
    for _ in 0..8_000 {
        let pad = if data.pick(&[true, false]) { [[0, 0]; 2] } else { [pair(&mut data), pair(&mut data)] };
        let [planes, h, w] = [0; 3].map(|_| size(&mut data));
        let g = Pool2d { planes, h, w, kernel: pair(&mut data), stride: pair(&mut data), pad };
        let lengths = g.lengths().ok();
        let (x, dy) = (floats(&mut data, lengths.map(|l| l[0])), floats(&mut data, lengths.map(|l| l[1])));
        returned += at_each_level(|_| f32::max_pool2d_forward(&g, &x, &mut dy.clone(), &mut vec![0; dy.len()]));
        at_each_level(|_| f32::max_pool2d_backward(&g, &dy, &vec![u32::MAX; dy.len()], &mut x.clone()));
        at_each_level(|_| avg_pool2d_forward(&g, &x, &mut dy.clone()));
        at_each_level(|_| avg_pool2d_backward(&g, &dy, &mut x.clone()));
        let g = Upsample2d { planes, h, w, scale: pair(&mut data), bilinear: data.pick(&[true, false]) };
        let lengths = g.lengths().ok();
        let (x, y) = (floats(&mut data, lengths.map(|l| l[0])), floats(&mut data, lengths.map(|l| l[1])));
        at_each_level(|_| upsample::forward(&g, &x, &mut y.clone()));
        at_each_level(|_| upsample::backward(&g, &y, &mut x.clone()));
    }
    assert!(returned > 500, "only {returned} calls did anything");
}

#[test]
fn matrices() {
    let (mut data, mut returned) = (Data::new(5), 0);
    let numbers = data.floats(64);
    for _ in 0..10_000 {
        // A view may repeat one number; but its sum would then have as many terms as it says.
        let mut view = || {
            let [rows, cols] = pair(&mut data);
            let strides = [data.pick(&[cols, 1, 1 << 40, usize::MAX, 0]), data.pick(&[1, rows, 1 << 62, 2])];
            ([rows, cols], strides)
        };
        let [a, b, c] = [view(), view(), view()];
        let rhs = ([a.0[1], c.0[1]], b.1);
        if [a.0, rhs.0].iter().flatten().any(|&size| size > 1 << 20) && (a.1.contains(&0) || rhs.1.contains(&0)) {
            continue;
        }
        let mut out = numbers.clone();
        returned += at_each_level(|_| {
            let mat = |(size, stride): ([usize; 2], [usize; 2])| {
                MatRef::strided(&numbers, size[0], size[1], stride[0], stride[1])
            };
            let to = |out| MatMut::strided(out, a.0[0], c.0[1], c.1[0], c.1[1]);
            let mut out = numbers.clone();
            f32::gemm(mat(a), mat(rhs), 0.5, to(&mut out));
            let [rows, cols] = [a.0[0], c.0[1]];
            let mut row_major = vec![0.0; rows.saturating_mul(cols).min(64)];
            f32::linear(mat(a), mat(rhs).t(), &numbers[..cols.min(64)], &mut row_major);
        });
        at_each_level(|_| {
            let mat = |(size, stride): ([usize; 2], [usize; 2])| {
                MatRef::strided(&numbers, size[0], size[1], stride[0], stride[1])
            };
            let mut out = numbers.clone();
            let to = MatMut::strided(&mut out, a.0[0], b.0[0], c.1[0], c.1[1]);
            distance::squared_distances(mat(a), mat((b.0, b.1)), to);
        });
        out.fill(0.0);
        at_each_level(|_| {
            let x = MatRef::strided(&numbers, a.0[0], a.0[1], a.1[0], a.1[1]);
            for k in EXTREMES {
                knn::knn(x, k, &mut [0; 2], &mut [0.0; 2]);
            }
        });
    }
    assert!(returned > 500, "only {returned} products were computed");
}

/// A view of one number that claims more terms than there is time for is refused.
#[test]
#[should_panic(expected = "too many")]
fn a_sum_without_end_is_refused() {
    let (one, mut c) = ([1.0f32], [0.0f32; 32]);
    let (a, b) = (MatRef::strided(&one, 1, 1 << 62, 0, 0), MatRef::strided(&one, 1 << 62, 32, 0, 0));
    if dispatch::isa() == Isa::Scalar {
        panic!("too many levels are missing here");
    }
    f32::gemm(a, b, 0.0, MatMut::new(&mut c, 1, 32));
}

#[test]
fn sums_and_norms() {
    let mut data = Data::new(6);
    for _ in 0..10_000 {
        let [a, b, c] = [0; 3].map(|_| size(&mut data));
        let (x, y) = (floats(&mut data, product(&[a, b, c])), floats(&mut data, product(&[a, c])));
        let per_channel = floats(&mut data, Some(b));
        at_each_level(|_| reduce::sum_axis(&x, a, b, c, &mut y.clone()));
        at_each_level(|_| reduce::max_axis(&x, a, b, c, &mut y.clone(), &mut vec![0; y.len()]));
        at_each_level(|_| reduce::sum_channels(&x, a, b, c, &mut per_channel.clone()));
        let g = Channels { n: a, c: b, places: c };
        at_each_level(|_| norm::moments(&g, &x, &mut per_channel.clone(), &mut per_channel.clone()));
        at_each_level(|_| {
            let s = Scales { mean: &per_channel, inverse: &per_channel, weight: &per_channel };
            norm::batch_norm_forward(&g, &x, &s, &per_channel, true, &mut x.clone());
            let (mut dx, mut dw, mut db) = (x.clone(), per_channel.clone(), per_channel.clone());
            let out = NormGradients { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
            norm::batch_norm_backward(&g, &x, &x, &s, true, Some(&per_channel), out);
        });
        at_each_level(|_| gather(&x, a, &[b, c], &mut y.clone()));
    }
}

#[test]
fn attention_and_layer_norm() {
    let mut data = Data::new(8);
    let mut ran = 0;
    for _ in 0..10_000 {
        let [n, tokens, heads, depth] = [0; 4].map(|_| size(&mut data));
        let g = Attention { n, tokens, heads, depth, causal: data.pick(&[true, false]) };
        let (qkv, y) = (product(&[n, tokens, heads, depth, 3]), product(&[n, tokens, heads, depth]));
        let (qkv, y) = (floats(&mut data, qkv), floats(&mut data, y));
        let kept = floats(&mut data, product(&[n, tokens, heads, 2]));
        let p = floats(&mut data, product(&[n, heads, tokens, tokens]));
        ran += at_each_level(|_| attention::forward(&g, &qkv, &mut y.clone(), &mut kept.clone()));
        at_each_level(|_| attention::backward(&g, &qkv, &kept, &y, &mut qkv.clone()));
        at_each_level(|_| attention::maps(&g, &qkv, &mut p.clone()));
        at_each_level(|_| attention::scores_backward(&g, &p, &mut p.clone()));
        let (x, w) = (floats(&mut data, product(&[n, tokens])), floats(&mut data, Some(tokens)));
        let kept = floats(&mut data, product(&[n, 2]));
        ran += at_each_level(|_| layer_norm::forward(&x, &w, &w, 1e-5, &mut x.clone(), &mut kept.clone()));
        at_each_level(|_| {
            let (mut dx, mut dw, mut db) = (x.clone(), w.clone(), w.clone());
            let out = NormGradients { dx: Some(&mut dx), dw: &mut dw, db: &mut db };
            layer_norm::backward(&x, &kept, &w, &x, out);
        });
    }
    assert!(ran > 1000, "{ran}");
}

/// Clusters, maps and points on a mesh.
#[test]
fn clusters_and_embeddings() {
    let (mut data, mut returned) = (Data::new(7), 0);
    let numbers = data.floats(60);
    for _ in 0..2_000 {
        let ([rows, cols], k) = (pair(&mut data), data.pick(&[0, 1, 2, 3, 1 << 31, 1 << 62, usize::MAX]));
        let stride = data.pick(&[cols, 1 << 40, usize::MAX]);
        returned += at_each_level(|_| {
            let x = MatRef::strided(&numbers, rows, cols, stride, 1);
            let mut room = vec![0.0; Samples::room(&x)];
            let samples = Samples::new(x, &mut room);
            let mut clusters = Clusters::new(&samples, k);
            clusters.assign(&numbers[..k * cols]);
            assert_eq!(clusters.labels().len(), rows);
        });
    }
    assert!(returned > 100, "only {returned} samples were given to clusters");
    for size in EXTREMES {
        at_each_level(|_| _ = Convolution::<f32>::size_for(size));
        at_each_level(|_| _ = Convolution::<f32>::new(size, |_, _| 1.0, |_| 1.0));
        let mesh = Mesh { size, center: [0.0f32; 2], per_unit: 1.0 };
        at_each_level(|_| mesh.spread(&[[0.5, 0.5], [f32::NAN, f32::INFINITY]], &mut [0.0; 64], &mut Vec::new()));
        at_each_level(|_| _ = mesh.read(&[0.0; 64], [f32::MAX, f32::NAN]));
    }
}

/// The checked sizes: every combination of extremes gives what 128-bit arithmetic gives, or an error.
#[test]
fn sizes_never_wrap() {
    for size in EXTREMES {
        for kernel in EXTREMES {
            for stride in EXTREMES {
                for dilation in EXTREMES {
                    for pad in EXTREMES {
                        let wide = |x: usize| x as u128;
                        if let Ok(len) = geometry::out_len(size, kernel, stride, [pad, 1], dilation) {
                            let reach = wide(dilation) * (wide(kernel) - 1) + 1;
                            let room = (wide(size) + wide(pad) + 1).checked_sub(reach);
                            assert_eq!(wide(len), room.map_or(0, |room| room / wide(stride) + 1));
                        }
                        if let Ok(len) = geometry::transposed_len(size, kernel, stride, [pad, 1], dilation, 2) {
                            let whole = (wide(size) - 1) * wide(stride) + wide(dilation) * (wide(kernel) - 1) + 3;
                            assert_eq!(wide(len), whole.saturating_sub(wide(pad) + 1));
                        }
                    }
                    if let Ok([before, after]) = geometry::same_pad(size, kernel, stride, dilation) {
                        let len = geometry::out_len(size, kernel, stride, [before, after], dilation).unwrap();
                        // An axis without pixels is padded to hold one window.
                        assert_eq!(len, size.div_ceil(stride).max(1), "{size} {kernel} {stride} {dilation}");
                        assert!(after - before <= 1);
                    }
                }
            }
        }
    }
    assert_eq!(product(&[1 << 31, 1 << 31]), None);
    assert_eq!(product(&[usize::MAX, 0, usize::MAX]), Some(0));
    assert_eq!(product(&[]), Some(1));
}
