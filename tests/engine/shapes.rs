//! Ops under shapes and settings of every kind, empty and enormous ones among them: a result or an error, never a panic,
//! and gradients of the shapes of their inputs.

use gradus::autograd::{Tape, Var};
use gradus::ops::conv_chain::{ChainStage, Filtering};
use gradus::ops::latent::standard_normals;
use gradus::ops::layout::concat;
use gradus::ops::{ClassTarget, Conv2d, ConvTranspose2d, Interpolation, Padding, Window};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Combinations that a test tries.
const TRIES: usize = 100_000;

/// Draws the inputs and settings of one try, and remembers them for the message.
struct Try {
    rng: Rng,
    tape: Tape,
    leaves: Vec<Var>,
    said: String,
}

impl Try {
    fn note(&mut self, what: impl std::fmt::Debug) {
        self.said += &format!(" {what:?}");
    }

    fn pick<X: Copy>(&mut self, from: &[X]) -> X {
        from[self.rng.below(from.len())]
    }

    /// The size of an axis.
    fn size(&mut self) -> usize {
        self.pick(&[0, 1, 1, 2, 2, 3, 4, 5])
    }

    /// A setting that may be enormous.
    fn setting(&mut self) -> usize {
        let n = match self.rng.below(12) {
            0 => self.pick(&[0, 1 << 31, (1 << 32) + 1, 1 << 60, (1 << 62) + 1, 1 << 63, usize::MAX - 1, usize::MAX]),
            _ => self.pick(&[1, 1, 1, 2, 3]),
        };
        self.note(n);
        n
    }

    /// A setting that makes the result larger: beyond all memory, or small.
    fn growth(&mut self) -> usize {
        let n = match self.rng.below(12) {
            0 => self.pick(&[1 << 60, (1 << 62) + 1, 1 << 63, usize::MAX - 1, usize::MAX]),
            _ => self.pick(&[0, 0, 1, 1, 2, 3]),
        };
        self.note(n);
        n
    }

    /// Now and then another number, so that shapes do not fit.
    fn about(&mut self, size: usize) -> usize {
        if self.rng.below(25) == 0 { self.size() } else { size }
    }

    /// A shape of some rank, or of a random one.
    fn shape(&mut self, rank: Option<usize>) -> Vec<usize> {
        let rank = if self.rng.below(30) == 0 { None } else { rank };
        let rank = rank.unwrap_or_else(|| self.rng.below(7));
        let mut shape: Vec<usize> = (0..rank).map(|_| self.size()).collect();
        if shape.contains(&0) && self.rng.below(20) == 0 {
            let axis = self.rng.below(rank);
            shape[axis] = 1 << 10; // long, but empty
        }
        if shape.iter().product::<usize>() > 1 << 12 {
            shape.truncate(4);
        }
        shape
    }

    /// A variable of this shape, or a constant.
    fn of(&mut self, shape: &[usize]) -> Var {
        self.note(shape);
        let value = Tensor::from_fn(shape, |i| ((i * 7) % 5) as f32 - 1.5);
        if self.rng.below(4) == 0 {
            return Var::constant(value);
        }
        let leaf = self.tape.leaf(value);
        self.leaves.push(leaf.clone());
        leaf
    }

    fn any(&mut self, rank: Option<usize>) -> Var {
        let shape = self.shape(rank);
        self.of(&shape)
    }

    /// A batch of small images, mostly.
    fn images(&mut self) -> Var {
        self.any(Some(4))
    }

    /// An axis, mostly one of `x`'s.
    fn axis(&mut self, x: &Var) -> usize {
        let axis = self.rng.below(x.shape().len() + 1);
        let axis = if self.rng.below(30) == 0 { usize::MAX } else { axis };
        self.note(axis);
        axis
    }

    fn axes(&mut self, x: &Var) -> Vec<usize> {
        (0..self.rng.below(3)).map(|_| self.axis(x)).collect()
    }

    fn window(&mut self) -> Window {
        Window {
            kernel: [self.setting(), self.setting()],
            stride: [self.setting(), self.setting()],
            padding: [self.growth(), self.growth()],
        }
    }

    fn conv(&mut self) -> Conv2d {
        let padding = match self.rng.below(3) {
            0 => Padding::Valid,
            1 => Padding::Same,
            _ => Padding::Fixed([self.growth(), self.growth()]),
        };
        let stride = [self.setting(), self.setting()];
        let dilation = [self.setting(), self.setting()];
        let groups = if self.rng.below(4) == 0 { self.setting() } else { 1 };
        self.note(padding);
        Conv2d { stride, padding, dilation, groups }
    }

    fn transposed(&mut self) -> ConvTranspose2d {
        // A large stride makes a large result.
        let stride = [self.growth(), self.growth()];
        let dilation = [self.growth(), self.growth()];
        let padding = [self.growth(), self.growth()];
        let output_padding = [self.growth() / 2, self.growth() / 2];
        let groups = if self.rng.below(4) == 0 { self.setting() } else { 1 };
        ConvTranspose2d { stride, padding, output_padding, dilation, groups }
    }

    /// Filters and bias for images `x`: of the channels that fit, mostly.
    fn filters(&mut self, x: &Var, groups: usize, transposed: bool) -> [Var; 2] {
        let c = x.shape().get(1).copied().unwrap_or(1);
        let (o, kernel) = (self.size(), [self.size(), self.size()]);
        let (first, second) = if transposed { (c, o) } else { (o, c / groups.max(1)) };
        let shape = [self.about(first), self.about(second), kernel[0], kernel[1]];
        let bias = if transposed { o.saturating_mul(groups).min(100) } else { shape[0] };
        let bias = self.about(bias);
        [self.of(&shape), self.of(&[bias])]
    }

    /// The outcome of one op on these draws.
    fn run(&mut self, op: usize) -> gradus::Result<Var> {
        let t = self;
        match op {
            0 => t.any(None).softplus(),
            1 => t.any(None).elu(1.0),
            2 => {
                let (a, b) = (t.any(Some(3)), t.any(Some(2)));
                a.add(&b)
            }
            3 => {
                let a = t.any(Some(3));
                let mut shape = a.shape().to_vec();
                shape.iter_mut().for_each(|size| *size = if t.rng.below(3) == 0 { 1 } else { *size });
                let cut = t.rng.below(shape.len() + 1);
                let b = t.of(&shape[cut..]);
                if t.rng.below(2) == 0 { a.div(&b) } else { b.mul(&a) }
            }
            4 => {
                let x = t.any(None);
                let axes = t.axes(&x);
                x.sum_axes(&axes, t.rng.below(2) == 0)
            }
            5 => {
                let x = t.any(None);
                let axes = t.axes(&x);
                x.mean_axes(&axes, t.rng.below(2) == 0)
            }
            6 => {
                let x = t.any(None);
                let axes = t.axes(&x);
                if axes.is_empty() { x.max() } else { x.max_axes(&axes, false) }
            }
            7 => {
                let (x, rank) = (t.any(None), t.rng.below(5));
                let shape: Vec<usize> = (0..rank).map(|_| t.growth()).collect();
                x.reshape(&shape[..])
            }
            8 => {
                let x = t.any(None);
                if t.rng.below(2) == 0 {
                    return x.flatten();
                }
                let sizes = [t.growth(), t.size(), t.size()];
                x.unflatten(&sizes)
            }
            9 => {
                let x = t.any(None);
                let mut order = t.rng.permutation(x.shape().len());
                if t.rng.below(10) == 0 {
                    order.push(t.rng.below(9));
                }
                x.permute(&order)
            }
            10 => {
                let x = t.any(None);
                let axis = t.axis(&x);
                let range = t.growth()..t.growth();
                x.slice(axis, range)
            }
            11 => {
                let x = t.any(None);
                let (axis, before, after) = (t.axis(&x), t.growth(), t.growth());
                x.pad(axis, before, after, 1.0)
            }
            12 => {
                let first = t.any(Some(3));
                let axis = t.axis(&first);
                let parts: Vec<Var> = (0..t.rng.below(5))
                    .map(|_| {
                        let mut shape = first.shape().to_vec();
                        if axis < shape.len() {
                            shape[axis] = t.size();
                        }
                        t.of(&shape)
                    })
                    .collect();
                let parts: Vec<&Var> = [&first].into_iter().chain(&parts).collect();
                concat(&parts, axis)
            }
            13 => {
                let (m, k, n) = (t.size(), t.size(), t.size());
                let (k2, bias) = (t.about(k), t.about(n));
                match t.rng.below(3) {
                    0 => t.of(&[m, k]).matmul(&t.of(&[k2, n])),
                    1 => {
                        let batch = t.pick(&[0, 1, 2, 9]);
                        t.of(&[batch, m, k]).bmm(&t.of(&[batch, k2, n]))
                    }
                    _ => {
                        let (x, w, b) = (t.of(&[m, k]), t.of(&[n, k2]), t.of(&[bias]));
                        x.linear(&w, &b)
                    }
                }
            }
            14 => {
                let (x, settings) = (t.images(), t.conv());
                let [w, b] = t.filters(&x, settings.groups, false);
                if t.rng.below(2) == 0 { x.conv2d(&w, Some(&b), settings) } else { x.conv2d(&w, None, settings) }
            }
            15 => {
                let (x, settings) = (t.images(), t.transposed());
                let [w, b] = t.filters(&x, settings.groups, true);
                let bias = if t.rng.below(2) == 0 { Some(&b) } else { None };
                x.conv_transpose2d(&w, bias, settings)
            }
            16 => {
                let (x, settings) = (t.images(), t.conv());
                let [w, b] = t.filters(&x, settings.groups, false);
                x.conv2d_block(&w, &b, settings, true)
            }
            17 => {
                let x = t.images();
                let (mut stages, mut params, mut like) = (Vec::new(), Vec::new(), x.clone());
                for _ in 0..1 + t.rng.below(2) {
                    let transposed = t.rng.below(2) == 0;
                    let filtering =
                        if transposed { Filtering::Transposed(t.transposed()) } else { Filtering::Conv(t.conv()) };
                    let pair = t.filters(&like, 1, transposed);
                    like = Var::constant(Tensor::zeros([0, pair[1].shape()[0], 1, 1]));
                    stages.push(ChainStage { filtering, relu: t.rng.below(2) == 0 });
                    params.push(pair);
                }
                x.conv_chain(&stages, &params)
            }
            18 => {
                let (x, window) = (t.images(), t.window());
                if t.rng.below(2) == 0 { x.max_pool2d(window) } else { x.avg_pool2d(window) }
            }
            19 => {
                let x = t.images();
                if t.rng.below(2) == 0 {
                    return x.global_avg_pool2d();
                }
                let scale = [t.growth(), t.growth()];
                x.upsample(scale, t.pick(&[Interpolation::Nearest, Interpolation::Bilinear]))
            }
            20 => {
                let x = t.any(None);
                let axis = t.axis(&x);
                if t.rng.below(2) == 0 { x.softmax(axis) } else { x.log_softmax(axis) }
            }
            21 => {
                let x = t.any(Some(2));
                let n = x.shape().first().copied().unwrap_or(0).min(9);
                let n = t.about(n);
                let labels: Vec<usize> = (0..n).map(|_| t.rng.below(3)).collect();
                t.note(&labels);
                match t.rng.below(3) {
                    0 => x.cross_entropy(ClassTarget::Labels(&labels)),
                    1 => x.nll(&labels, Some(&[0.5, 1.0, 2.0])),
                    _ => {
                        let shape = t.shape(Some(2));
                        x.cross_entropy(ClassTarget::Probabilities(&Tensor::full(&shape[..], 0.25)))
                    }
                }
            }
            22 => {
                let x = t.any(Some(2));
                let shape = if t.rng.below(8) == 0 { t.shape(Some(2)) } else { x.shape().to_vec() };
                let target = Tensor::full(&shape[..], 0.25);
                match t.rng.below(4) {
                    0 => x.sigmoid()?.bce(&target),
                    1 => x.bce_with_logits(&target, None),
                    2 => x.bce_with_logits(
                        &target,
                        Some(&Tensor::full(shape.last().map_or(&[][..], std::slice::from_ref), 2.0)),
                    ),
                    _ => x.mse(&Var::constant(target)),
                }
            }
            23 => {
                let x = t.any(None);
                let c = x.shape().get(1).copied().unwrap_or(1).min(9);
                let (c, c2) = (t.about(c), t.about(c));
                let (w, b) = (t.of(&[c]), t.of(&[c2]));
                if t.rng.below(2) == 0 {
                    return Ok(x.batch_norm(&w, &b, 1e-5)?.0);
                }
                x.batch_norm_with(&w, &b, &Tensor::zeros([c]), &Tensor::full([c2], 1.0), 1e-5)
            }
            24 => {
                let x = t.any(None);
                let cut = t.rng.below(x.shape().len() + 1);
                let shape = if t.rng.below(10) == 0 { t.shape(Some(1)) } else { x.shape()[cut..].to_vec() };
                let (w, b) = (t.of(&shape), t.of(&shape));
                x.layer_norm(&w, &b, 1e-5)
            }
            25 => {
                let mean = t.any(None);
                let shape = if t.rng.below(10) == 0 { t.shape(Some(2)) } else { mean.shape().to_vec() };
                let log_var = t.of(&shape);
                if t.rng.below(2) == 0 {
                    return mean.kl_normal(&log_var);
                }
                let noise = standard_normals(&shape[..], Rng::new(1, "noise", 0));
                mean.reparametrize(&log_var, &noise)
            }
            26 => {
                let (x, p) = (t.any(None), t.pick(&[0.0, 0.5, 1.0, f64::NAN, -1.0]));
                x.dropout(p, Rng::new(1, "mask", 0))
            }
            27 => {
                let a = t.any(Some(3));
                let mut shape = a.shape().to_vec();
                shape.iter_mut().for_each(|size| *size = if t.rng.below(3) == 0 { 1 } else { *size });
                let cut = t.rng.below(shape.len() + 1);
                let (b, c) = (t.of(&shape[cut..]), t.of(&shape));
                match t.rng.below(3) {
                    0 => b.maximum(&a)?.minimum(&c),
                    1 => b.where_(a.value(), &c),
                    _ => a.where_(b.value(), &c),
                }
            }
            28 => {
                let x = t.any(None);
                let axis = t.axis(&x);
                let size = x.shape().get(axis).copied().unwrap_or(1);
                let shape: Vec<usize> = x.shape().iter().map(|&size| t.rng.below(size.min(4) + 1)).collect();
                let shape = if t.rng.below(8) == 0 { t.shape(None) } else { shape };
                let count = shape.iter().product::<usize>();
                let index: Vec<usize> = (0..t.about(count)).map(|_| t.rng.below(size.max(1))).collect();
                t.note((&shape, &index));
                x.gather(axis, &index, &shape[..])
            }
            29 => {
                let (table, shape) = (t.any(None), t.shape(Some(2)));
                let rows = table.shape().first().copied().unwrap_or(1);
                let count = shape.iter().product::<usize>();
                let mut index: Vec<usize> = (0..t.about(count)).map(|_| t.rng.below(rows.max(1))).collect();
                if let (0, Some(last)) = (t.rng.below(10), index.last_mut()) {
                    *last = t.setting();
                }
                t.note((&shape, &index));
                table.embedding(&index, &shape[..])
            }
            _ => {
                let x = t.any(None);
                let axis = t.axis(&x);
                x.cumsum(axis)
            }
        }
    }
}

/// Number of the last op of [`Try::run`].
const LAST: usize = 30;

#[test]
fn no_shape_and_no_setting_makes_an_op_panic() {
    let (mut fine, mut refused) = ([0; LAST + 1], [0; LAST + 1]);
    for n in 0..TRIES {
        let op = n % (LAST + 1);
        let rng = Rng::new(13, "shapes", n as u64);
        let mut t = Try { rng, tape: Tape::new(), leaves: Vec::new(), said: String::new() };
        let outcome = catch_unwind(AssertUnwindSafe(|| match t.run(op) {
            Err(_) => false,
            Ok(y) => {
                assert_eq!(y.value().numel(), y.shape().iter().product::<usize>());
                if y.is_recorded() {
                    let gradients = t.tape.clone().backward_from(&y, Tensor::full(y.shape(), 1.0)).unwrap();
                    for leaf in &t.leaves {
                        let shape = gradients.of(leaf).unwrap().map(Tensor::shape);
                        assert!(shape.is_none_or(|shape| shape == leaf.shape()), "a gradient of another shape");
                    }
                }
                true
            }
        }));
        match outcome {
            Ok(true) => fine[op] += 1,
            Ok(false) => refused[op] += 1,
            Err(_) => panic!("op {op}, try {n}:{}", t.said),
        }
    }
    // The test means little unless many combinations of each op go through.
    for op in 0..=LAST {
        assert!(fine[op] > TRIES / (LAST + 1) / 200, "op {op}: {} went through, {} did not", fine[op], refused[op]);
    }
}

fn zeros(shape: &[usize]) -> Var {
    Var::constant(Tensor::zeros(shape))
}

fn refused(result: gradus::Result<Var>, why: &str) {
    let message = result.expect_err(why).to_string();
    assert!(message.contains(why), "\n  found: {message}\nexpected: {why}");
}

#[test]
fn sizes_that_wrap_are_refused_with_the_numbers() {
    const MAX: usize = usize::MAX;
    let (x, w) = (zeros(&[1, 1, 4, 4]), zeros(&[1, 1, 3, 3]));
    for padding in [Padding::Same, Padding::Valid, Padding::Fixed([1, 1])] {
        let settings = Conv2d { dilation: [MAX, 1], padding, ..Default::default() };
        refused(x.conv2d(&w, None, settings), "dilation [18446744073709551615, 1]");
    }
    for padding in [[1 << 63, 0], [MAX, 0], [0, 1 << 62]] {
        let settings = Conv2d { padding: Padding::Fixed(padding), ..Default::default() };
        refused(x.conv2d(&w, None, settings), "does not fit into memory");
        let settings = ConvTranspose2d { padding, ..Default::default() };
        let message = x.conv_transpose2d(&w, None, settings).unwrap_err().to_string();
        assert!(message.contains("does not fit into memory") || message.contains("has no output"), "{message}");
    }
    let settings = Conv2d { stride: [MAX, 1], ..Default::default() };
    refused(x.conv2d(&w, None, settings), "the stride does not fit");
    // A stride that is never taken costs nothing.
    let settings = Conv2d { stride: [1 << 62, 1], ..Default::default() };
    assert_eq!(x.conv2d(&w, None, settings).unwrap().shape(), [1, 1, 1, 2]);
    let settings = ConvTranspose2d { stride: [1 << 60, 1 << 60], ..Default::default() };
    assert_eq!(zeros(&[1, 1, 1, 1]).conv_transpose2d(&w, None, settings).unwrap().shape(), [1, 1, 3, 3]);
    let settings = ConvTranspose2d { stride: [MAX, MAX], ..Default::default() };
    refused(x.conv_transpose2d(&w, None, settings), "18446744073709551615");
    refused(x.upsample([MAX, 1], Interpolation::Nearest), "by [18446744073709551615, 1]");
    refused(x.upsample([1 << 59, 2], Interpolation::Bilinear), "upsample gives [1, 1, 2305843009213693952, 8]");
    refused(x.max_pool2d(Window { padding: [MAX, 0], ..Window::square(2) }), "at most half the window");
    refused(x.max_pool2d(Window { stride: [MAX, 1], ..Window::square(2) }), "the stride does not fit");
    refused(zeros(&[16]).reshape([(1 << 60) + 1, 16]), "[16] has 16 elements, [1152921504606846977, 16] has more than");
    refused(zeros(&[4]).pad(0, 1 << 62, 0, 0.0), "pad gives [4611686018427387908]");
    refused(zeros(&[4]).pad(0, MAX, 1, 0.0), "by 18446744073709551615 and 1");
    refused(zeros(&[1 << 20, 0]).matmul(&zeros(&[0, 1 << 45])), "matmul gives [1048576, 35184372088832]");
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
    let backwards = 4..2;
    refused(zeros(&[9]).slice(0, backwards), "slice 4..2 ends before it starts");
    refused(zeros(&[9]).slice(0, 4..MAX), "lies outside [9]");
}

#[test]
fn what_has_no_elements_gives_nothing_or_an_error() {
    let same = Conv2d { padding: Padding::Same, ..Default::default() };
    let filters = zeros(&[3, 2, 3, 3]);
    for shape in [[1, 2, 0, 4], [1, 2, 4, 0]] {
        refused(zeros(&shape).conv2d(&filters, None, same), "conv2d of images without pixels");
        refused(zeros(&shape).max_pool2d(Window { padding: [1, 1], ..Window::square(2) }), "has no output");
        refused(zeros(&shape).avg_pool2d(Window { padding: [1, 1], ..Window::square(2) }), "has no output");
    }
    assert_eq!(zeros(&[0, 2, 5, 4]).conv2d(&filters, None, same).unwrap().shape(), [0, 3, 5, 4]);
    // No channels: every pixel is the bias.
    let bias = Var::constant(Tensor::full([3], 0.5));
    let y = zeros(&[1, 0, 2, 4]).conv2d(&zeros(&[3, 0, 3, 3]), Some(&bias), same).unwrap();
    assert_eq!((y.shape(), y.value().data()), (&[1, 3, 2, 4][..], &[0.5; 24][..]));
    let stages = [ChainStage { filtering: Filtering::Conv(same), relu: true }];
    // A chain in one go is for images with channels; modules one after the other take it as above.
    refused(zeros(&[1, 0, 2, 4]).conv_chain(&stages, &[[zeros(&[3, 0, 3, 3]), bias]]), "conv_chain of no channels");
    for n in [0, 2] {
        refused(zeros(&[n, 0]).cross_entropy(ClassTarget::Labels(&vec![0; n])), "cross_entropy of no classes");
    }
    refused(zeros(&[2, 0]).nll(&[0, 0], None), "nll of no classes");
    assert!(zeros(&[0, 3]).cross_entropy(ClassTarget::Labels(&[])).unwrap().value().item().is_nan());
    assert_eq!(zeros(&[2, 0]).softmax(1).unwrap().shape(), [2, 0]);
}
