//! What modules promise: modes, capturing, freezing, names, and the numbers of a summary.

use gradus::autograd::{Tape, Var};
use gradus::models::cnn::Cnn;
use gradus::models::mlp::mlp;
use gradus::nn::onnx::{Node, Operand, Setting};
use gradus::nn::summary::summarize;
use gradus::nn::{
    Activation, AvgPool2d, BatchNorm1d, BatchNorm2d, Conv2d, ConvTranspose2d, Ctx, Dropout, Flatten, GaussianLatent,
    GaussianNoise, GlobalAvgPool2d, Init, Kind, LayerNorm, Linear, LogSoftmax, MaxPool2d, Module, Reach, Sequential,
    Softmax, TiedLinear, Unflatten, Upsample, Work, buffers, count_parameters, freeze, parameters,
};
use gradus::ops::{self, Interpolation, Padding, Window};
use gradus::optim::{FirstOrder, Sgd};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::train::{Fit, Matrix, Silent};

fn rng() -> Rng {
    Rng::new(1, "init", 0)
}

fn figure_1() -> Sequential {
    Cnn { input: [1, 128, 128], widths: vec![16, 32, 64, 128], hidden: 128, classes: 3 }.build(&mut rng()).unwrap()
}

#[test]
fn layers_compute_their_ops() {
    let x = Var::constant(Tensor::<f64>::randn([2, 3, 6, 7], &mut rng()));
    let mut cx = Ctx::eval();
    let conv =
        Conv2d::new(3, 4, [3, 2], ops::Conv2d { stride: [2, 1], ..Default::default() }, Init::HeNormal, &mut rng());
    let (w, b) = (Var::constant(conv.weight.get()), Var::constant(conv.bias.as_ref().unwrap().get()));
    let pairs = [
        (conv.forward(&x, &mut cx), x.conv2d(&w, Some(&b), conv.settings)),
        (MaxPool2d(Window::square(2)).forward(&x, &mut cx), x.max_pool2d(Window::square(2))),
        (AvgPool2d(Window::square(3)).forward(&x, &mut cx), x.avg_pool2d(Window::square(3))),
        (Flatten.forward(&x, &mut cx), x.reshape([2, 126])),
        (Activation::Relu.forward(&x, &mut cx), x.relu()),
        (Activation::LeakyRelu.forward(&x, &mut cx), x.leaky_relu(0.01)),
        (Activation::Tanh.forward(&x, &mut cx), x.tanh()),
        (Activation::Sigmoid.forward(&x, &mut cx), x.sigmoid()),
        (Activation::Gelu.forward(&x, &mut cx), x.gelu()),
        (Activation::Elu.forward(&x, &mut cx), x.elu(1.0)),
        (Activation::Softplus.forward(&x, &mut cx), x.softplus()),
        (Activation::Silu.forward(&x, &mut cx), x.silu()),
        (GlobalAvgPool2d.forward(&x, &mut cx), x.global_avg_pool2d()),
        (Unflatten([42, 3].into()).forward(&x, &mut cx), x.reshape([2, 42, 3])),
        (Softmax.forward(&x, &mut cx), x.softmax(1)),
        (LogSoftmax.forward(&x, &mut cx), x.log_softmax(1)),
    ];
    for (i, (layer, op)) in pairs.into_iter().enumerate() {
        assert_eq!(layer.unwrap().value(), op.unwrap().value(), "pair {i}");
    }
    let settings = ops::ConvTranspose2d { stride: [2, 3], output_padding: [1, 2], ..Default::default() };
    let back = ConvTranspose2d::new(3, 2, [3, 2], settings, Init::HeNormal, &mut rng());
    let (w, b) = (Var::constant(back.weight.get()), Var::constant(back.bias.as_ref().unwrap().get()));
    assert_eq!(w.shape(), [3, 2, 3, 2]);
    let y = back.forward(&x, &mut cx).unwrap();
    assert_eq!(
        (y.shape(), y.value()),
        (&[2, 2, 14, 22][..], x.conv_transpose2d(&w, Some(&b), settings).unwrap().value())
    );
    let twice = ops::Upsample { scale: [1, 2], mode: Interpolation::Bilinear };
    let y = Upsample(twice).forward(&x, &mut cx).unwrap();
    assert_eq!(y.value(), x.upsample([1, 2], Interpolation::Bilinear).unwrap().value());
    let linear = Linear::new(126, 5, Init::PyTorch, &mut rng());
    let (flat, w, b) = (x.flatten().unwrap(), Var::constant(linear.weight.get()), Var::constant(linear.bias.get()));
    assert_eq!(linear.forward(&flat, &mut cx).unwrap().value(), flat.linear(&w, &b).unwrap().value());
}

#[test]
fn dropout_acts_in_training_only() {
    let x = Tensor::<f32>::full([1000], 1.0);
    let zeros = |cx: &mut Ctx<'_>| {
        let y = Dropout(0.5).forward(&Var::constant(x.clone()), cx).unwrap();
        y.value().data().iter().filter(|v| **v == 0.0).count()
    };
    let tape = Tape::new();
    assert_eq!(zeros(&mut Ctx::eval()), 0);
    assert_eq!(zeros(&mut Ctx::eval_on(&tape)), 0);
    assert!((400..600).contains(&zeros(&mut Ctx::train(&tape, 1, 1))));
}

#[test]
fn evaluation_records_nothing_and_gives_the_same_values() {
    let (model, x) = (figure_1(), Tensor::randn([1, 1, 128, 128], &mut rng()));
    let plain = model.forward(&Var::constant(x.clone()), &mut Ctx::eval()).unwrap();
    let tape = Tape::new();
    let taped = model.forward(&Var::constant(x), &mut Ctx::eval_on(&tape)).unwrap();
    assert!(!plain.is_recorded() && taped.is_recorded());
    assert_eq!(plain.value(), taped.value());
}

#[test]
fn capturing_keeps_the_requested_values() {
    let (model, x) = (figure_1(), Var::constant(Tensor::zeros([2, 1, 128, 128])));
    let captured = |path: &str| path.ends_with(".pool") || path == "out";
    let mut cx = Ctx::eval().capture(&captured);
    let y = model.forward(&x, &mut cx).unwrap();
    let captured = cx.captured();
    let seen: Vec<_> = captured.iter().map(|c| (c.path.as_str(), c.output.shape().to_vec())).collect();
    assert_eq!(
        seen,
        [
            ("block1.pool", vec![2, 16, 64, 64]),
            ("block2.pool", vec![2, 32, 32, 32]),
            ("block3.pool", vec![2, 64, 16, 16]),
            ("block4.pool", vec![2, 128, 8, 8]),
            ("out", vec![2, 3])
        ]
    );
    assert_eq!(captured[4].output, *y.value());
}

#[test]
fn blocks_in_one_go_compute_what_their_modules_do() {
    let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
    for (size, settings) in [(12, same), (13, same), (11, ops::Conv2d::default())] {
        let block = Sequential::<f32>::new()
            .with("conv", Conv2d::new(3, 5, [3, 3], settings, Init::PyTorch, &mut rng()))
            .with("relu", Activation::Relu)
            .with("pool", MaxPool2d(Window::square(2)))
            .with("flatten", Flatten);
        let x = Tensor::randn([4, 3, size, size], &mut rng());
        let run = |look: &dyn Fn(&str) -> bool| {
            let tape = Tape::new();
            let input = tape.leaf(x.clone());
            let mut cx = Ctx::train(&tape, 0, 0).capture(look);
            let y = block.forward(&input, &mut cx).unwrap();
            let entries = tape.len();
            let gradients = tape.backward(&y.mul(&y).unwrap().sum().unwrap()).unwrap();
            let mut of: Vec<_> = parameters(&block).iter().map(|(_, p)| gradients.param(p).unwrap().clone()).collect();
            of.push(gradients.of(&input).unwrap().unwrap().clone());
            (y.value().clone(), of, entries)
        };
        let (fused, fused_gradients, few) = run(&|_| false);
        for path in ["conv", "relu", "pool"] {
            let (plain, gradients, many) = run(&|p| p == path);
            assert_eq!(many, few + 2, "{path} is looked at, so the modules run");
            assert_eq!(fused, plain);
            for (fused, plain) in fused_gradients.iter().zip(&gradients) {
                let size = plain.data().iter().fold(0.0f32, |m, v| m.max(v.abs()));
                let off = fused.data().iter().zip(plain.data()).fold(0.0f32, |m, (f, p)| m.max((f - p).abs()));
                assert!(off <= 1e-5 * size, "gradients differ by {off} of {size}");
            }
        }
    }
}

/// Convolution, ReLU and max-pooling of every window size and setting, against the three ops called one after the
/// other: what is computed in one go is chosen by the settings, and a choice that is wrong computes another network.
#[test]
fn convolution_relu_and_pooling_are_their_ops_whatever_the_window() {
    let mut windows = Vec::new();
    for kernel in [[1, 1], [2, 2], [3, 3], [4, 4], [2, 3], [3, 2], [1, 2]] {
        for stride in [[1, 1], [2, 2], [3, 3], [2, 1]] {
            for padding in [[0, 0], [1, 1], [1, 0], [0, 1]] {
                if (0..2).all(|axis| 2 * padding[axis] <= kernel[axis]) {
                    windows.push(Window { kernel, stride, padding });
                }
            }
        }
    }
    let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
    let convolutions = [
        same,
        ops::Conv2d { padding: Padding::Valid, ..same },
        ops::Conv2d { padding: Padding::Fixed([2, 1]), ..same },
        ops::Conv2d { stride: [2, 2], ..same },
        ops::Conv2d { stride: [1, 2], ..same },
        ops::Conv2d { dilation: [2, 2], ..same },
        ops::Conv2d { dilation: [1, 2], ..same },
        ops::Conv2d { groups: 2, ..same },
    ];
    for (i, window) in windows.into_iter().enumerate() {
        for (j, settings) in convolutions.into_iter().enumerate() {
            // All windows with the plain convolution, and each other convolution with some of them.
            if j > 0 && window != Window::square(2) && (i + j) % 7 > 0 {
                continue;
            }
            let conv = Conv2d::<f32>::new(2, 4, [3, 3], settings, Init::PyTorch, &mut rng());
            let conv = if (i + j) % 3 == 2 { conv.without_bias() } else { conv };
            let params = [Some(conv.weight.clone()), conv.bias.clone()];
            let block =
                Sequential::new().with("conv", conv).with("relu", Activation::Relu).with("pool", MaxPool2d(window));
            let x = Tensor::<f32>::randn([2, 2, 9, 8], &mut rng());
            // Value, and the gradients of the input, the filters and, if there is one, the bias.
            let run = |leaf: bool, whole: bool| {
                let tape = Tape::new();
                let input = if leaf { tape.leaf(x.clone()) } else { Var::constant(x.clone()) };
                let y = if whole {
                    block.forward(&input, &mut Ctx::train(&tape, 0, 0)).unwrap()
                } else {
                    let [w, b] = params.each_ref().map(|p| p.as_ref().map(|p| tape.param(p)));
                    let z = input.conv2d(&w.unwrap(), b.as_ref(), settings).unwrap();
                    z.relu().unwrap().max_pool2d(window).unwrap()
                };
                let gradients = tape.backward(&y.mul(&y).unwrap().sum().unwrap()).unwrap();
                let mut found: Vec<_> =
                    params.iter().flatten().map(|p| gradients.param(p).expect("it is trained").clone()).collect();
                found.extend(leaf.then(|| gradients.of(&input).unwrap().unwrap().clone()));
                (y.into_value(), found)
            };
            for leaf in [true, false] {
                let ((y, gradients), (expected, by_ops)) = (run(leaf, true), run(leaf, false));
                assert_eq!(y, expected, "{window:?} after {settings:?}");
                for (found, expected) in gradients.iter().zip(&by_ops) {
                    let size = expected.data().iter().fold(0.0f32, |m, v| m.max(v.abs()));
                    let off = found.data().iter().zip(expected.data()).fold(0.0f32, |m, (f, e)| m.max((f - e).abs()));
                    assert!(off <= 1e-5 * size, "{window:?} after {settings:?}: a gradient is off by {off} of {size}");
                }
            }
        }
    }
}

#[test]
fn chains_in_one_go_compute_what_their_modules_do() {
    let half = ops::Conv2d { stride: [2, 2], padding: Padding::Fixed([1, 1]), ..Default::default() };
    let twice = ops::ConvTranspose2d { stride: [2, 2], padding: [1, 1], output_padding: [1, 1], ..Default::default() };
    let net = Sequential::<f32>::new()
        .with("down1", Conv2d::new(2, 5, [3, 3], half, Init::PyTorch, &mut rng()))
        .with("relu1", Activation::Relu)
        .with("down2", Conv2d::new(5, 9, [3, 3], half, Init::PyTorch, &mut rng()))
        .with("up1", ConvTranspose2d::new(9, 4, [3, 3], twice, Init::PyTorch, &mut rng()))
        .with("relu2", Activation::Relu)
        .with("up2", ConvTranspose2d::new(4, 1, [3, 3], twice, Init::PyTorch, &mut rng()))
        .with("sigmoid", Activation::Sigmoid);
    let x = Tensor::randn([37, 2, 12, 8], &mut rng());
    let run = |look: &dyn Fn(&str) -> bool| {
        let tape = Tape::new();
        let input = tape.leaf(x.clone());
        let mut cx = Ctx::train(&tape, 0, 0).capture(look);
        let y = net.forward(&input, &mut cx).unwrap();
        let entries = tape.len();
        let gradients = tape.backward(&y.mul(&y).unwrap().sum().unwrap()).unwrap();
        let mut of: Vec<_> = parameters(&net).iter().map(|(_, p)| gradients.param(p).unwrap().clone()).collect();
        of.push(gradients.of(&input).unwrap().unwrap().clone());
        (y.value().clone(), of, entries)
    };
    let ((fused, fused_gradients, few), (plain, gradients, many)) = (run(&|_| false), run(&|_| true));
    assert_eq!(many, few + 5);
    assert_eq!(fused, plain);
    for (fused, plain) in fused_gradients.iter().zip(&gradients) {
        let size = plain.data().iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let off = fused.data().iter().zip(plain.data()).fold(0.0f32, |m, (f, p)| m.max((f - p).abs()));
        assert!(off <= 1e-5 * size, "gradients differ by {off} of {size}");
    }
    assert_eq!(fused_gradients.last(), gradients.last(), "the input's gradient has the same order of sums");
    // Frozen in part, the modules run, and a frozen one gets no gradient; few images run module by module.
    freeze(&net, "down1.*").unwrap();
    let tape = Tape::new();
    let y = net.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, 0, 0)).unwrap();
    assert_eq!(*y.value(), plain);
    assert!(tape.backward(&y.sum().unwrap()).unwrap().param(&parameters(&net)[0].1).is_none());
    let y = net.forward(&Var::constant(x.gather(&[3, 4])), &mut Ctx::eval()).unwrap();
    assert_eq!(*y.value(), plain.gather(&[3, 4]));
}

#[test]
fn what_does_not_fit_a_block_names_its_module() {
    let block = Sequential::<f32>::new()
        .with("conv", Conv2d::new(1, 2, [3, 3], ops::Conv2d::default(), Init::PyTorch, &mut rng()))
        .with("relu", Activation::Relu)
        .with("pool", MaxPool2d(Window::square(2)));
    let message = |shape| {
        let x = Var::constant(Tensor::zeros(shape));
        block.forward(&x, &mut Ctx::eval()).unwrap_err().to_string()
    };
    assert!(message([1, 1, 3, 3]).contains("pool"), "{}", message([1, 1, 3, 3]));
    assert!(message([1, 4, 8, 8]).contains("conv"), "{}", message([1, 4, 8, 8]));
}

#[test]
fn frozen_parameters_get_no_gradient_and_others_do() {
    let model: Sequential = mlp(4, &[5], 2, Activation::Tanh, &mut rng());
    let params = parameters(&model);
    params[0].1.set_trainable(false);
    let tape = Tape::new();
    let x = Var::constant(Tensor::full([3, 4], 0.5));
    let loss = model.forward(&x, &mut Ctx::train(&tape, 0, 0)).unwrap().sum().unwrap();
    let gradients = tape.backward(&loss).unwrap();
    let has: Vec<bool> = params.iter().map(|(_, p)| gradients.param(p).is_some()).collect();
    assert_eq!(has, [false, true, true, true]);
}

#[test]
fn a_shared_parameters_gradients_add_up() {
    let first = Linear::<f64>::new(3, 3, Init::PyTorch, &mut rng());
    let second = Linear { weight: first.weight.clone(), bias: first.bias.clone() };
    let (w, b) = (first.weight.clone(), first.bias.clone());
    let model = Sequential::new().with("first", first).with("second", second);
    assert_eq!(count_parameters(&model), 12);
    let tape = Tape::new();
    let x = Tensor::full([1, 3], 1.0);
    let y = model.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, 0, 0)).unwrap().sum().unwrap();
    let gradients = tape.backward(&y).unwrap();
    // y = Σ W(Wx + b) + b, so dy/db = Wᵀ1 + 1.
    let columns: Vec<f64> = (0..3).map(|k| (0..3).map(|o| w.get().at(&[o, k])).sum::<f64>() + 1.0).collect();
    for (found, expected) in gradients.param(&b).unwrap().data().iter().zip(columns) {
        assert!((found - expected).abs() < 1e-14);
    }
}

#[test]
fn figure_1_in_numbers() {
    let summary = summarize(&figure_1(), &[1, 128, 128]).unwrap();
    assert_eq!(summary.parameters, 1_146_243);
    let row = |path: &str| summary.rows.iter().find(|row| row.path == path).unwrap();
    // 9 C O + O parameters, 9 C O H W multiply-adds.
    let convs = [("block1", 1, 16, 128), ("block2", 16, 32, 64), ("block3", 32, 64, 32), ("block4", 64, 128, 16)];
    for (block, c, o, size) in convs {
        let conv = row(&format!("{block}.conv"));
        assert_eq!(conv.parameters, 9 * c * o + o, "{block}");
        assert_eq!(conv.macs, (9 * c * o * size * size) as u64, "{block}");
        assert_eq!(conv.output, [o, size, size], "{block}");
        assert_eq!(conv.activation_bytes, 4 * o * size * size, "{block}");
    }
    assert_eq!((row("fc1").parameters, row("fc1").macs), (8192 * 128 + 128, 8192 * 128));
    assert_eq!((row("out").parameters, row("out").macs), (128 * 3 + 3, 128 * 3));
    assert_eq!(summary.macs, summary.rows.iter().map(|r| r.macs).sum::<u64>());
    // A 3x3 kernel adds 2 steps, a 2x2 pool 1, and each pool doubles the step.
    let fields: Vec<_> = ["block1.conv", "block1.pool", "block2.conv", "block2.pool", "block4.pool"]
        .map(|p| row(p).receptive_field)
        .into();
    assert_eq!(fields, [3, 4, 8, 10, 46].map(|side| Some([side, side])));
    assert_eq!(row("fc1").receptive_field, None);
}

/// Along each axis 1 + Σ (k - 1) d Π earlier strides, and what the gradient of one output really reaches.
#[test]
fn receptive_fields_have_two_axes() {
    let wide = ops::Conv2d { padding: Padding::Fixed([0, 3]), ..Default::default() };
    let tall = ops::Conv2d { stride: [2, 1], dilation: [3, 1], padding: Padding::Fixed([6, 0]), ..Default::default() };
    let net = Sequential::<f32>::new()
        .with("wide", Conv2d::new(1, 2, [1, 7], wide, Init::PyTorch, &mut rng()))
        .with("pool", AvgPool2d(Window { kernel: [2, 3], stride: [2, 3], padding: [0, 0] }))
        .with("tall", Conv2d::new(2, 1, [5, 1], tall, Init::PyTorch, &mut rng()));
    let size = [60, 40];
    let summary = summarize(&net, &[1, size[0], size[1]]).unwrap();
    let fields: Vec<_> = summary.rows.iter().map(|row| row.receptive_field.unwrap()).collect();
    // Down: 1, then + 1, then + 4 · 3 · 2. Across: + 6, then + 2, then nothing.
    assert_eq!(fields, [[1, 7], [2, 9], [26, 9]]);
    assert_eq!((summary.rows[0].kind.as_str(), summary.rows[2].kind.as_str()), ("conv 1x7", "conv 5x1 stride 2x1"));

    let tape = Tape::new();
    let input = tape.leaf(Tensor::full([1, 1, size[0], size[1]], 1.0));
    let y = net.forward(&input, &mut Ctx::train(&tape, 0, 0)).unwrap();
    let [h, w] = [y.shape()[2], y.shape()[3]];
    let middle = Tensor::from_fn([1, 1, h, w], |i| f32::from(i == h / 2 * w + w / 2));
    let gradients = tape.backward(&y.mul(&Var::constant(middle)).unwrap().sum().unwrap()).unwrap();
    let reached: Vec<usize> =
        (0..size[0] * size[1]).filter(|&i| gradients.of(&input).unwrap().unwrap().data()[i] != 0.0).collect();
    let extent = |of: &dyn Fn(usize) -> usize| {
        let all = reached.iter().map(|&i| of(i));
        1 + all.clone().max().unwrap() - all.min().unwrap()
    };
    assert_eq!([extent(&|i| i / size[1]), extent(&|i| i % size[1])], [26, 9]);
}

#[test]
fn the_parameter_count_lesson() {
    let dense = Linear::<f32>::new(128 * 128, 512, Init::PyTorch, &mut rng());
    let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
    let conv = Conv2d::<f32>::new(1, 64, [3, 3], same, Init::PyTorch, &mut rng());
    assert_eq!((count_parameters(&dense), count_parameters(&conv)), (8_389_120, 640));
    assert_eq!(count_parameters(&conv.without_bias()), 576);
}

#[test]
fn round_corners_hold_far_out_and_near_zero() {
    let of = |f: fn(&Var) -> gradus::Result<Var>, x: f32| {
        let tape = Tape::new();
        let leaf = tape.leaf(Tensor::new(vec![x], [1]).unwrap());
        let y = f(&leaf).unwrap();
        let value = y.value().item();
        (value, tape.backward(&y.sum().unwrap()).unwrap().of(&leaf).unwrap().unwrap().item())
    };
    let softplus = |x| of(|x| x.softplus(), x);
    assert_eq!(softplus(1e4), (1e4, 1.0));
    assert_eq!(softplus(-1e4), (0.0, 0.0));
    // ln(1 + e⁻²⁰) = e⁻²⁰ to nine digits, although 1 + e⁻²⁰ is 1 in f32.
    assert!((softplus(-20.0).0 / (-20.0f32).exp() - 1.0).abs() < 1e-6);
    let elu = |x| of(|x| x.elu(2.0), x);
    assert_eq!((elu(7.5), elu(-1e4)), ((7.5, 1.0), (-2.0, 0.0)));
    // eˣ - 1 = x (1 + x/2) there: subtracting 1 from eˣ would leave 3 digits.
    assert!((elu(-1e-4).0 / (-2e-4 * (1.0 - 5e-5)) - 1.0).abs() < 1e-6);
    assert!(of(|x| x.elu(1.0), f32::NAN).0.is_nan() && softplus(f32::NAN).0.is_nan());
}

#[test]
fn kinds_say_what_layers_are() {
    let kind = |module: &dyn Module| module.kind();
    let window = |kernel, stride| Reach::Window { kernel, stride, dilation: [1, 1] };
    let pool = Window { kernel: [3, 2], stride: [2, 1], padding: [0, 0] };
    assert_eq!(kind(&MaxPool2d(pool)), Kind::reaching("max-pool 3x2", window([3, 2], [2, 1])));
    assert_eq!(kind(&AvgPool2d(pool)), Kind::reaching("avg-pool 3x2", window([3, 2], [2, 1])));
    assert_eq!(kind(&GlobalAvgPool2d), Kind::reaching("global avg-pool", Reach::Mixed));
    let settings = ops::Conv2d { stride: [1, 2], padding: Padding::Fixed([0, 1]), dilation: [2, 1], groups: 2 };
    // Each output looks at two of the four channels.
    let reach = Reach::Window { kernel: [3, 2], stride: [1, 2], dilation: [2, 1] };
    let conv = Kind::reaching("conv 3x2 stride 1x2 groups 2", reach).working(Work::PerOutput(2 * 3 * 2));
    assert_eq!(kind(&Conv2d::new(4, 2, [3, 2], settings, Init::PyTorch, &mut rng())), conv);
    let (stride, padding, output_padding, dilation, groups) = ([3, 2], [0, 1], [2, 1], [2, 1], 2);
    let settings = ops::ConvTranspose2d { stride, padding, output_padding, dilation, groups };
    // Each input goes to three of the six channels.
    let words = "transposed conv 3x2 stride 3x2 groups 2";
    let conv = Kind::reaching(words, Reach::Mixed).working(Work::PerInput(3 * 3 * 2));
    assert_eq!(kind(&ConvTranspose2d::new(4, 6, [3, 2], settings, Init::PyTorch, &mut rng())), conv);
    let linear = Linear::new(5, 3, Init::PyTorch, &mut rng());
    assert_eq!(kind(&linear), Kind::reaching("linear", Reach::Mixed).working(Work::PerOutput(5)));
    assert_eq!(
        kind(&TiedLinear::new(&linear)),
        Kind::reaching("tied linear", Reach::Mixed).working(Work::PerOutput(3))
    );
    assert_eq!(kind(&BatchNorm1d::new(3)), Kind::layer("batch-norm").over_batch());
    assert_eq!(kind(&LayerNorm::new(&[3, 4, 5])), Kind::layer("layer-norm"));
    assert_eq!(kind(&GaussianNoise(0.5)), Kind::layer("noise 0.5"));
    assert_eq!(kind(&Dropout(0.25)), Kind::layer("dropout 0.25"));
    assert_eq!(kind(&GaussianLatent::new(2, 1, 1.0, Init::PyTorch, &mut rng())), Kind::Container);
    assert_eq!((kind(&Softmax), kind(&LogSoftmax)), (Kind::layer("softmax"), Kind::layer("log-softmax")));
    assert_eq!(kind(&Unflatten([2, 3].into())), Kind::reaching("unflatten", Reach::Mixed));
    for activation in Activation::ALL {
        assert_eq!(kind(activation), Kind::layer(activation.name()));
    }
}

/// What a layer says of ONNX holds for the shapes that it read and gave.
#[test]
fn layers_say_of_which_operators_they_are() {
    let linear = Linear::<f32>::new(5, 3, Init::PyTorch, &mut rng());
    let names = |nodes: Option<Vec<Node>>| nodes.unwrap().into_iter().map(|node| node.operator).collect::<Vec<_>>();
    assert_eq!(names(linear.onnx(&[2, 5], &[2, 3])), ["Gemm"]);
    assert_eq!(names(linear.onnx(&[2, 7, 5], &[2, 7, 3])), ["MatMul", "Add"]);
    let same = ops::Conv2d { stride: [2, 2], padding: Padding::Same, ..Default::default() };
    let conv = Conv2d::<f32>::new(1, 1, [3, 3], same, Init::PyTorch, &mut rng()).without_bias();
    let node = conv.onnx(&[1, 1, 6, 5], &[1, 1, 3, 3]).unwrap().remove(0);
    // 6 rows need one row of zeros, below; 5 columns one on each side.
    assert!(node.settings.contains(&("pads", Setting::Ints(vec![0, 1, 1, 1]))), "{node:?}");
    assert_eq!(node.operands, [Operand::Input(0), Operand::Weight("weight")]);
    assert_eq!(Module::<f32>::onnx(&Dropout(0.5), &[2, 3], &[2, 3]), Some(Vec::new()));
    let alpha = |activation: Activation| Module::<f32>::onnx(&activation, &[1], &[1]).unwrap().remove(0).settings;
    assert_eq!(alpha(Activation::Elu), [("alpha", Setting::Real(1.0))]);
    assert_eq!(alpha(Activation::LeakyRelu), [("alpha", Setting::Real(0.01))]);
}

#[test]
fn certain_predictions_have_a_large_but_finite_loss() {
    let of = |p: f32, q: f32, f: fn(&Var, &Tensor) -> gradus::Result<Var>| {
        let tape = Tape::new();
        let leaf = tape.leaf(Tensor::new(vec![p], [1]).unwrap());
        let loss = f(&leaf, &Tensor::new(vec![q], [1]).unwrap()).unwrap();
        (loss.value().item(), tape.backward(&loss).unwrap().of(&leaf).unwrap().unwrap().item())
    };
    // PyTorch's numbers: the logarithm stops at -100, the derivative's divisor at 1e-12.
    let bce = |p, q| of(p, q, |p, q| p.bce(q));
    assert_eq!([bce(0.0, 0.0), bce(1.0, 1.0)], [(0.0, 0.0), (0.0, 0.0)]);
    assert_eq!([bce(0.0, 1.0), bce(1.0, 0.0)], [(100.0, -1e12), (100.0, 1e12)]);
    // Losses of logits keep their size however far out the logits lie.
    let logits = |x, q| of(x, q, |x, q| x.bce_with_logits(q, None));
    assert_eq!([logits(500.0, 0.0), logits(-500.0, 1.0)], [(500.0, 1.0), (500.0, -1.0)]);
    assert_eq!([logits(500.0, 1.0), logits(-500.0, 0.0)], [(0.0, 0.0), (0.0, 0.0)]);
}

#[test]
fn batch_norm_uses_the_batch_in_training_and_running_statistics_in_evaluation() {
    let norm = BatchNorm2d::<f64>::new(2);
    // Channel 0 holds 1, 2, 3, 6 (mean 3, squares off it 4 + 1 + 0 + 9), channel 1 only fives.
    let x = Tensor::new(vec![1.0, 2.0, 5.0, 5.0, 3.0, 6.0, 5.0, 5.0], [2, 2, 1, 2]).unwrap();
    let x = Var::constant(x);
    let tape = Tape::new();
    let mut cx = Ctx::train(&tape, 0, 1);
    let y = norm.forward(&x, &mut cx).unwrap();
    let deviation = (14.0f64 / 4.0 + 1e-5).sqrt();
    let expected = [-2.0 / deviation, -1.0 / deviation, 0.0, 0.0, 0.0, 3.0 / deviation, 0.0, 0.0];
    assert!(y.value().data().iter().zip(expected).all(|(y, w)| (y - w).abs() < 1e-15));
    assert_eq!(norm.forward(&x, &mut Ctx::eval()).unwrap().value().at(&[0, 1, 0, 0]), 5.0 / (1.0f64 + 1e-5).sqrt());

    // A layer that is called twice in a pass continues from its first proposal, as in PyTorch.
    norm.forward(&x, &mut cx).unwrap();
    assert_eq!(norm.running_mean.get().data(), [0.0, 0.0]);
    cx.proposals().commit();
    let after = |start: f64, batch: f64| 0.9 * (0.9 * start + 0.1 * batch) + 0.1 * batch;
    let near =
        |found: &Tensor<f64>, expected: [f64; 2]| found.data().iter().zip(expected).all(|(f, w)| (f - w).abs() < 1e-15);
    assert!(near(&norm.running_mean.get(), [after(0.0, 3.0), after(0.0, 5.0)]));
    assert!(near(&norm.running_var.get(), [after(1.0, 14.0 / 3.0), after(1.0, 0.0)]));
    assert_eq!(norm.eps, 1e-5);
}

#[test]
fn a_training_step_commits_running_statistics() {
    let model =
        Sequential::new().with("norm", BatchNorm1d::new(2)).with("out", Linear::new(2, 2, Init::PyTorch, &mut rng()));
    let samples = Matrix::new(Tensor::full([4, 2], 5.0), vec![0, 1, 0, 1]).unwrap();
    let mut sgd = FirstOrder::new(Sgd::new(0.1));
    Fit::new(1, 1, 2, 0).run(&model, &mut sgd, &samples, &samples, None, &mut Silent).unwrap();
    let running = buffers(&model)[0].1.get();
    // Two steps from 0 towards 5.
    assert!(running.data().iter().all(|m| (m - 5.0 * (1.0 - 0.81)).abs() < 1e-6), "{running:?}");
}

#[test]
fn grouped_convolutions_are_not_fused_and_count_their_own_weights() {
    let settings = ops::Conv2d { padding: Padding::Same, groups: 4, ..Default::default() };
    let block = Sequential::<f32>::new()
        .with("conv", Conv2d::new(4, 8, [3, 3], settings, Init::PyTorch, &mut rng()))
        .with("relu", Activation::Relu)
        .with("pool", MaxPool2d(Window::square(2)));
    let x = Var::constant(Tensor::randn([2, 4, 6, 6], &mut rng()));
    let (conv, bias) = (parameters(&block)[0].1.get(), parameters(&block)[1].1.get());
    assert_eq!(conv.shape(), [8, 1, 3, 3]);
    let z = x.conv2d(&Var::constant(conv), Some(&Var::constant(bias)), settings).unwrap();
    let y = z.relu().unwrap().max_pool2d(Window::square(2)).unwrap();
    assert_eq!(block.forward(&x, &mut Ctx::eval()).unwrap().value(), y.value());
    let summary = summarize(&block, &[4, 6, 6]).unwrap();
    assert_eq!((summary.rows[0].parameters, summary.rows[0].macs), (8 * 9 + 8, 8 * 9 * 36));
    assert_eq!(summary.rows[0].kind, "conv 3x3 groups 4");
}

#[test]
fn a_batch_of_products_is_each_product() {
    for batch in [1, 3, 20] {
        let (a, b) = (Tensor::<f32>::randn([batch, 33, 40], &mut rng()), Tensor::randn([batch, 40, 21], &mut rng()));
        let y = Var::constant(a.clone()).bmm(&Var::constant(b.clone())).unwrap();
        for i in 0..batch {
            let one = |x: &Tensor, rows, cols| Var::constant(x.gather(&[i]).reshape([rows, cols]).unwrap());
            let expected = one(&a, 33, 40).matmul(&one(&b, 40, 21)).unwrap();
            assert_eq!(y.value().gather(&[i]).reshape([33, 21]).unwrap(), *expected.value());
        }
    }
    let none = Var::constant(Tensor::<f32>::zeros([0, 2, 3])).bmm(&Var::constant(Tensor::zeros([0, 3, 4]))).unwrap();
    assert_eq!(none.shape(), [0, 2, 4]);
}
