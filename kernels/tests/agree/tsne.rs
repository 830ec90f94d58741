//! The sums of t-SNE, convolution and mesh against plain loops in `f64`, and the same bits at every level.
//!
//! The plain loops add in another order, so they are met within a bound on rounding; equality of bits is asserted
//! between levels and thread counts.

use crate::common::{Data, always};
use gradus_kernels::convolve::Convolution;
use gradus_kernels::mesh::{self, Mesh};
use gradus_kernels::tsne::{self, Sparse, Sums};

/// Asserts that `got` is within `bound` of `expected`, and that all levels and thread counts give its bits.
#[track_caller]
fn check(what: &str, expected: &[f64], bound: f64, f: impl Fn() -> Vec<f32> + Send + Sync) {
    let got = f();
    assert_eq!(got.len(), expected.len(), "{what}: lengths");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((f64::from(*got) - expected).abs() <= bound, "{what}: [{i}] is {got}, not {expected}");
    }
    always(&got, what, f);
}

/// The sums of point `i` over `others` (j and p_ij), in `f64`: attraction, repulsion, weight.
fn plain_sums<const D: usize>(axes: &[Vec<f32>; D], i: usize, others: impl Iterator<Item = (usize, f32)>) -> Vec<f64> {
    let mut sums = vec![0.0; 2 * D + 1];
    for (j, p) in others.filter(|&(j, _)| j != i) {
        let along = axes.each_ref().map(|a| f64::from(a[i]) - f64::from(a[j]));
        let w = 1.0 / (1.0 + along.iter().map(|d| d * d).sum::<f64>());
        for (a, d) in along.iter().enumerate() {
            sums[a] += f64::from(p) * w * d;
            sums[D + a] += w * w * d;
        }
        sums[2 * D] += w;
    }
    sums
}

/// The same sums as the kernel gives them.
fn flat<const D: usize>(sums: &[Sums<f32, D>]) -> Vec<f32> {
    sums.iter().flat_map(|s| [&s.attraction[..], &s.repulsion, &[s.weight]].concat()).collect()
}

const UNKNOWN: f32 = f32::NAN;

/// Every term is at most 1, so n terms are off by a few n roundings, most of which cancel.
fn rounding(n: usize) -> f64 {
    1e-6 + 1e-7 * n as f64
}

fn points<const D: usize>(n: usize, spread: f32) -> [Vec<f32>; D] {
    let mut data = Data::new(n as u64);
    [(); D].map(|()| data.floats(n).into_iter().map(|v| spread * v).collect())
}

fn all_pairs_in<const D: usize>() {
    for (n, spread) in [(1, 1.0), (2, 1.0), (16, 3.0), (17, 1e-4), (33, 100.0), (100, 5.0), (531, 20.0), (4200, 50.0)] {
        let axes = points::<D>(n, spread);
        let p: Vec<f32> = Data::new(3).floats(n * n).into_iter().map(f32::abs).collect();
        let rows = |i: usize| plain_sums(&axes, i, p[i * n..][..n].iter().copied().enumerate());
        let expected: Vec<f64> = (0..n).flat_map(rows).collect();
        let all = || {
            let mut out = vec![Sums { attraction: [UNKNOWN; D], repulsion: [UNKNOWN; D], weight: UNKNOWN }; n];
            tsne::all_pairs(&p, axes.each_ref().map(Vec::as_slice), &mut out);
            flat(&out)
        };
        let weights = || {
            let mut out = vec![f32::NAN; n];
            tsne::weights(axes.each_ref().map(Vec::as_slice), &mut out);
            out
        };
        let of_weights: Vec<f64> = expected.iter().skip(2 * D).step_by(2 * D + 1).copied().collect();
        check("weights", &of_weights, rounding(n), weights);
        if n < 1000 {
            check("all_pairs", &expected, rounding(n), all);
        } else {
            let got = all(); // more than one block; all levels would take long
            assert!(got.iter().zip(&expected).all(|(g, w)| (f64::from(*g) - w).abs() <= rounding(n)));
        }
    }
}

#[test]
fn sums_over_all_pairs() {
    all_pairs_in::<2>();
    all_pairs_in::<3>();
}

#[test]
fn sums_over_neighbours() {
    for (n, most) in [(1, 1), (5, 4), (300, 17), (1000, 700)] {
        let axes = points::<2>(n, 4.0);
        let mut data = Data::new(8);
        let (mut offsets, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for _ in 0..n {
            let count = (data.float().abs() * most as f32) as usize;
            columns.extend((0..count).map(|_| (data.float().abs() * (n - 1) as f32) as u32));
            values.extend((0..count).map(|_| data.float().abs()));
            offsets.push(columns.len());
        }
        let p = Sparse { offsets: &offsets, columns: &columns, values: &values };
        let row = |i: usize| {
            let range = offsets[i]..offsets[i + 1];
            let others = columns[range.clone()].iter().map(|&j| j as usize).zip(values[range].to_vec());
            let pull = plain_sums(&axes, i, others);
            [pull[0], pull[1], i as f64, 1.0, 2.0] // the others are set by `rest`
        };
        let y: Vec<[f32; 2]> = axes[0].iter().zip(&axes[1]).map(|(&x, &y)| [x, y]).collect();
        check("neighbours", &(0..n).flat_map(row).collect::<Vec<_>>(), rounding(most), || {
            let mut out = vec![Sums { attraction: [UNKNOWN; 2], repulsion: [UNKNOWN; 2], weight: UNKNOWN }; n];
            tsne::neighbours(p, &y, &mut out, |start, rows| {
                for (r, row) in rows.iter_mut().enumerate() {
                    (row.repulsion, row.weight) = ([(start + r) as f32, 1.0], 2.0);
                }
            });
            flat(&out)
        });
    }
}

#[test]
fn sizes_for_transforms() {
    let sizes = [(0, 32), (1, 32), (33, 64), (97, 128), (129, 160), (257, 288), (330, 384)];
    for (n, size) in sizes {
        assert_eq!(Convolution::<f32>::size_for(n), size, "{n}");
    }
    assert_eq!([193, 225].map(Convolution::<f32>::size_for), [256, 256], "7 x 32 is not a product of 2, 3 and 5");
}

/// Lengths 64, 192, 320, 384, 576: all radices, odd and even numbers of stages.
#[test]
fn convolution_is_the_sum_of_the_definition() {
    for size in [32, 96, 160, 192, 288] {
        let kernel = |i: usize, j: usize| 1.0 / (1.0 + 0.3 * (i * i) as f64 + 0.1 * (j * j) as f64);
        let mut image = vec![0.0f32; size * size];
        let mut data = Data::new(size as u64);
        // Corners and some others: the sum over all would take long.
        let mut places = vec![0, size - 1, size * (size - 1), size * size - 1];
        places.extend((0..30).map(|_| (data.float().abs() * (size * size - 1) as f32) as usize));
        places.iter().for_each(|&at| image[at] = data.float());
        places.sort_unstable();
        places.dedup();
        let apart = |a: usize, b: usize| kernel((a / size).abs_diff(b / size), (a % size).abs_diff(b % size));
        let term = |to: usize, from: usize| f64::from(image[from]) * apart(to, from);
        let expected: Vec<f64> = (0..size * size).map(|to| places.iter().map(|&from| term(to, from)).sum()).collect();
        check("convolution", &expected, 2e-5, || {
            let mut convolution = Convolution::new(size, kernel, |_| 1.0);
            let mut out = image.clone();
            convolution.apply(&mut out);
            out.copy_from_slice(&image); // and once more, with warm buffers
            convolution.apply(&mut out);
            out
        });
    }
}

/// A filter multiplies the spectrum: this one, cos 2πf in each direction, is the mean of four diagonal neighbours.
#[test]
fn convolution_filters() {
    let size = 64;
    let delta = |i: usize, j: usize| if i + j == 0 { 1.0 } else { 0.0 };
    let mut convolution = Convolution::<f64>::new(size, delta, |f| (2.0 * std::f64::consts::PI * f).cos());
    let mut image = vec![0.0; size * size];
    image[20 * size + 31] = 4.0;
    convolution.apply(&mut image);
    for (at, &v) in image.iter().enumerate() {
        let expected = f64::from((at / size).abs_diff(20) == 1 && (at % size).abs_diff(31) == 1);
        assert!((v - expected).abs() < 1e-12, "[{}, {}] is {v}", at / size, at % size);
    }
}

/// The spline of degree 5 by its definition, repeated averages of a box (Cox, de Boor).
fn bump(degree: usize, u: f64) -> f64 {
    if degree == 0 {
        return f64::from((-0.5..0.5).contains(&u));
    }
    let d = degree as f64;
    let reach = (d + 1.0) / 2.0;
    ((reach + u) * bump(degree - 1, u + 0.5) + (reach - u) * bump(degree - 1, u - 0.5)) / d
}

#[test]
fn points_on_a_mesh() {
    let mesh = Mesh { size: 32, center: [0.5f32, -0.25], per_unit: 2.0 };
    let node = |point: [f32; 2], row: usize, col: usize| {
        let along = |axis: usize, at: usize| f64::from((point[axis] - mesh.center[axis]) * 2.0) + 16.0 - at as f64;
        bump(5, along(0, col)) * bump(5, along(1, row))
    };
    let mut data = Data::new(5);
    for n in [1, 3, 9000, 40_000] {
        let points: Vec<[f32; 2]> = (0..n).map(|_| [0, 1].map(|a| mesh.center[a] + 5.0 * data.float())).collect();
        let spread = || {
            let (mut out, mut room) = (vec![f32::NAN; 32 * 32], vec![f32::NAN; 5]);
            mesh.spread(&points, &mut out, &mut room);
            out
        };
        if n < 10 {
            let sum = |at: usize| points.iter().map(|&p| node(p, at / 32, at % 32)).sum::<f64>();
            check("spread", &(0..32 * 32).map(sum).collect::<Vec<_>>(), 1e-6, spread);
        } else {
            let out = spread();
            let total: f64 = out.iter().map(|&v| f64::from(v)).sum();
            assert!((total / n as f64 - 1.0).abs() < 1e-5, "{total}"); // splines share out all of a point
            always(&out, "spread", spread);
        }
    }
    let values = data.floats(32 * 32);
    for _ in 0..100 {
        let point = [0, 1].map(|a| mesh.center[a] + 5.0 * data.float());
        let read = |point| (0..32 * 32).map(|at| f64::from(values[at]) * node(point, at / 32, at % 32)).sum::<f64>();
        let h = 1.0 / 1024.0;
        let derivative = |axis: usize| {
            let [mut low, mut high] = [point; 2];
            (low[axis], high[axis]) = (point[axis] - h, point[axis] + h);
            (read(high) - read(low)) / f64::from(high[axis] - low[axis])
        };
        let expected = [read(point), derivative(0), derivative(1)];
        for (got, expected) in mesh.read(&values, point).into_iter().zip(expected) {
            assert!((f64::from(got) - expected).abs() < 1e-4, "{got} {expected}");
        }
    }
    for f in [0.0, 0.1, 0.37, 0.5] {
        let term = |m: i32| bump(5, f64::from(m)) * (2.0 * std::f64::consts::PI * f * f64::from(m)).cos();
        assert!((mesh::nodes(f) - (-3..=3).map(term).sum::<f64>()).abs() < 1e-12);
    }
}
