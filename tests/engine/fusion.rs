//! When `Sequential` computes a block in one go, and when it must not: every setting that a block does not have runs module
//! by module, and either way the values and gradients are those of the ops.

use gradus::autograd::{Tape, Var};
use gradus::nn::{
    Activation, AvgPool2d, BatchNorm, Conv2d, Ctx, Init, Linear, MaxPool2d, Module, Sequential, parameters,
};
use gradus::ops::{self, Padding, Window};
use gradus::rng::Rng;
use gradus::tensor::Tensor;

fn rng() -> Rng {
    Rng::new(3, "fusion", 0)
}

/// Gradients of Σ y² with respect to the input and the parameters.
fn gradients(tape: Tape, y: &Var, leaf: &Var, params: &[Var]) -> Vec<Tensor> {
    let loss = y.mul(y).unwrap().sum().unwrap();
    let gradients = tape.backward(&loss).unwrap();
    [leaf].into_iter().chain(params).map(|var| gradients.of(var).unwrap().unwrap().clone()).collect()
}

/// Runs a block as `Sequential` does and op by op. Returns the entries that the first saved on its tape.
fn saved_entries(settings: ops::Conv2d, bias: bool, window: Window) -> usize {
    saved_entries_with(settings, bias, true, window)
}

/// The same, with a ReLU or without.
fn saved_entries_with(settings: ops::Conv2d, bias: bool, relu: bool, window: Window) -> usize {
    let groups = settings.groups;
    let conv = Conv2d::new(4, 6, [3, 3], settings, Init::PyTorch, &mut rng());
    let conv = if bias { conv } else { conv.without_bias() };
    let net = Sequential::<f32>::new().with("conv", conv);
    let net = if relu { net.with("relu", Activation::Relu) } else { net }.with("pool", MaxPool2d(window));
    let x = Tensor::randn([3, 4, 13, 12], &mut rng());
    let what = format!("{settings:?}, bias {bias}, ReLU {relu}, {window:?}, groups {groups}");

    let tape = Tape::new();
    let leaf = tape.leaf(x.clone());
    let values: Vec<Tensor> = parameters(&net).iter().map(|(_, p)| p.get()).collect();
    let of = net.forward(&leaf, &mut Ctx::train(&tape, 0, 0)).unwrap();
    let (found, entries) = (of.value().clone(), tape.len());
    let params: Vec<Var> = parameters(&net).iter().map(|(_, p)| tape.param(p)).collect();
    let found_gradients = gradients(tape, &of, &leaf, &params);

    let tape = Tape::new();
    let (leaf, params) = (tape.leaf(x), values.into_iter().map(|v| tape.leaf(v)).collect::<Vec<_>>());
    let y = leaf.conv2d(&params[0], params.get(1), settings).unwrap();
    let y = if relu { y.relu().unwrap() } else { y }.max_pool2d(window).unwrap();
    assert_eq!(found, *y.value(), "{what}");
    let plain = tape.len();
    for (found, expected) in found_gradients.iter().zip(gradients(tape, &y, &leaf, &params)) {
        let size = expected.data().iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let off = found.data().iter().zip(expected.data()).fold(0.0f32, |m, (f, e)| m.max((f - e).abs()));
        assert!(off <= 1e-5 * size, "{what}: gradients differ by {off} of {size}");
    }
    plain - entries
}

/// Batch normalization takes a ReLU that follows into its pass, with the same bits: values, gradients, running statistics; and
/// not where somebody wants to see what is between.
#[test]
fn batch_norm_takes_a_relu_along() {
    let x = Tensor::randn([6, 4, 5, 5], &mut rng());
    let run = |capture: bool| {
        let norm = BatchNorm::<f32>::new(4);
        norm.weight.set(Tensor::from_fn([4], |i| [1.0, -0.5, 2.0, 0.0][i]));
        norm.bias.set(Tensor::from_fn([4], |i| [0.1, -0.3, 0.0, 1.0][i]));
        let net = Sequential::new().with("norm", norm).with("relu", Activation::Relu);
        let tape = Tape::new();
        let leaf = tape.leaf(x.clone());
        let wants = |path: &str| capture && path == "norm";
        let mut cx = Ctx::train(&tape, 0, 0).capture(&wants);
        let y = net.forward(&leaf, &mut cx).unwrap();
        let entries = tape.len();
        cx.proposals().commit();
        let params: Vec<Var> = parameters(&net).iter().map(|(_, p)| tape.param(p)).collect();
        let statistics: Vec<Tensor> = gradus::nn::buffers(&net).iter().map(|(_, buffer)| buffer.get()).collect();
        let evaluated = net.forward(&Var::constant(x.clone()), &mut Ctx::eval()).unwrap().into_value();
        let value = y.value().clone();
        (entries, value, gradients(tape, &y, &leaf, &params), statistics, evaluated)
    };
    let (together, apart) = (run(false), run(true));
    assert_eq!(apart.0 - together.0, 1);
    assert!(together.1.data().contains(&0.0));
    assert_eq!((together.1, together.2, together.3), (apart.1, apart.2, apart.3));
    assert_eq!(together.4, apart.4);
}

#[test]
fn only_plain_blocks_with_2x2_pools_are_computed_in_one_go() {
    let plain = ops::Conv2d { padding: Padding::Same, ..Default::default() };
    let two = Window::square(2);
    assert_eq!(saved_entries(plain, true, two), 2, "a block");
    assert_eq!(saved_entries(ops::Conv2d { padding: Padding::Fixed([2, 0]), ..plain }, true, two), 2, "other padding");
    assert_eq!(saved_entries_with(plain, true, false, two), 1, "no ReLU");
    // A block without a bias has the zeros of one, which are no entry.
    assert_eq!(saved_entries(plain, false, two), 2, "no bias");
    assert_eq!(saved_entries_with(plain, false, false, two), 1, "neither");
    for settings in [
        ops::Conv2d { stride: [2, 2], ..plain },
        ops::Conv2d { stride: [1, 2], ..plain },
        ops::Conv2d { dilation: [2, 2], ..plain },
        ops::Conv2d { dilation: [1, 2], ..plain },
        ops::Conv2d { groups: 2, ..plain },
    ] {
        assert_eq!(saved_entries(settings, true, two), 0, "{settings:?}");
    }
    for window in [
        Window::square(3),
        Window { kernel: [3, 3], stride: [2, 2], padding: [0, 0] },
        Window { kernel: [2, 3], ..two },
        Window { kernel: [2, 2], stride: [1, 1], padding: [0, 0] },
        Window { kernel: [2, 2], stride: [2, 1], padding: [0, 0] },
        Window { kernel: [2, 2], stride: [3, 3], padding: [0, 0] },
        Window { kernel: [2, 2], stride: [2, 2], padding: [1, 1] },
        Window { kernel: [2, 2], stride: [2, 2], padding: [0, 1] },
    ] {
        assert_eq!(saved_entries(plain, true, window), 0, "{window:?}");
    }
}

#[test]
fn other_neighbours_are_no_block() {
    let conv = || {
        let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
        Conv2d::<f32>::new(2, 3, [3, 3], same, Init::PyTorch, &mut rng())
    };
    let x = Tensor::randn([2, 2, 8, 8], &mut rng());
    let conv_of = |x: &Var| {
        let conv = conv();
        let (w, b) = (Var::constant(conv.weight.get()), Var::constant(conv.bias.as_ref().unwrap().get()));
        x.conv2d(&w, Some(&b), conv.settings).unwrap()
    };
    let two = Window::square(2);
    let x = Var::constant(x);
    let cases: [(Sequential, Var); 4] = [
        (
            Sequential::new().with("conv", conv()).with("act", Activation::LeakyRelu).with("pool", MaxPool2d(two)),
            conv_of(&x).leaky_relu(0.01).unwrap().max_pool2d(two).unwrap(),
        ),
        (
            Sequential::new().with("conv", conv()).with("act", Activation::Relu).with("pool", AvgPool2d(two)),
            conv_of(&x).relu().unwrap().avg_pool2d(two).unwrap(),
        ),
        (
            Sequential::new().with("conv", conv()).with("pool", MaxPool2d(two)).with("act", Activation::Relu),
            conv_of(&x).max_pool2d(two).unwrap().relu().unwrap(),
        ),
        (Sequential::new().with("conv", conv()).with("act", Activation::Relu), conv_of(&x).relu().unwrap()),
    ];
    for (net, expected) in cases {
        let names: Vec<&str> = net.names().collect();
        assert_eq!(net.forward(&x, &mut Ctx::eval()).unwrap().value(), expected.value(), "{names:?}");
    }
}

/// A fully connected layer with GELU after it is one op, of flat samples and of tokens, unless the pass sees the value between;
/// its values have the bits of the two, and its gradients are theirs but for rounding.
#[test]
fn a_linear_layer_and_gelu_are_computed_in_one_go() {
    for shape in [&[40, 6][..], &[5, 8, 6]] {
        for function in [Activation::Gelu, Activation::GeluTanh] {
            let linear = Linear::new(6, 9, Init::PyTorch, &mut rng());
            let net = Sequential::<f32>::new().with("fc", linear).with("act", function);
            let x = Tensor::randn(shape, &mut rng());
            let between = |path: &str| path == "fc";
            let run = |captured: bool| {
                let tape = Tape::new();
                let leaf = tape.leaf(x.clone());
                let mut cx = Ctx::train(&tape, 0, 0);
                if captured {
                    cx = cx.capture(&between);
                }
                let y = net.forward(&leaf, &mut cx).unwrap();
                let (value, entries) = (y.value().clone(), tape.len());
                let params: Vec<Var> = parameters(&net).iter().map(|(_, p)| tape.param(p)).collect();
                (value, entries, gradients(tape, &y, &leaf, &params))
            };
            let ((whole, fewer, found), (apart, more, expected)) = (run(false), run(true));
            assert_eq!(whole, apart);
            assert!(fewer < more, "{fewer} and {more} entries on the tape");
            for (found, expected) in found.iter().zip(&expected) {
                let size = expected.data().iter().fold(0.0f32, |m, v| m.max(v.abs()));
                let near = found.data().iter().zip(expected.data()).all(|(f, e)| (f - e).abs() <= 1e-5 * size);
                assert!(near, "{shape:?}, {function:?}");
            }
        }
    }
}
