//! Residual blocks and parallel branches: values, what is computed in one go inside them, and everything that follows
//! from their graph: paths, captured passes, summaries, frozen parts, states.

use gradus::autograd::{Tape, Var};
use gradus::nn::summary::summarize;
use gradus::nn::{
    Activation, AvgPool2d, BatchNorm2d, Conv2d, Ctx, Dropout, Flatten, GlobalAvgPool2d, Init, Join, Kind, Linear,
    MaxPool2d, Module, Parallel, Residual, Sequential, Source, buffers, freeze, parameters, state, unfreeze,
};
use gradus::ops::{self, Padding, Window};
use gradus::rng::Rng;
use gradus::tensor::Tensor;

fn rng() -> Rng {
    Rng::new(5, "branches", 0)
}

fn same() -> ops::Conv2d {
    ops::Conv2d { padding: Padding::Same, ..Default::default() }
}

fn conv(inputs: usize, outputs: usize, kernel: usize, settings: ops::Conv2d) -> Conv2d {
    Conv2d::new(inputs, outputs, [kernel; 2], settings, Init::HeNormal, &mut Rng::new(outputs as u64, "branches", 1))
}

/// Convolution, ReLU, max-pooling: what the engine computes in one go.
fn block(inputs: usize, outputs: usize) -> Sequential {
    Sequential::new()
        .with("conv", conv(inputs, outputs, 3, same()))
        .with("relu", Activation::Relu)
        .with("pool", MaxPool2d(Window::square(2)))
}

/// A network with both sorts of blocks on `[N, 2, 12, 10]`.
fn network() -> Sequential {
    let halve = ops::Conv2d { stride: [2, 2], ..same() };
    let shortcut = Sequential::new().with("conv", conv(4, 6, 1, halve)).with("norm", BatchNorm2d::new(6));
    let branches = Parallel::new(Join::Concat)
        .with("branch1", block(6, 3))
        .with("branch2", Sequential::new().with("pool", AvgPool2d(Window::square(2))))
        .with("branch3", block(6, 2));
    Sequential::new()
        .with("conv", conv(2, 4, 3, same()))
        .with("block1", Residual::new(block(4, 6)).with_shortcut(shortcut))
        .with("block2", branches)
        .with("block3", Residual::new(Sequential::new().with("conv", conv(11, 11, 3, same()))))
        .with("mean", GlobalAvgPool2d)
        .with("out", Linear::new(11, 3, Init::PyTorch, &mut rng()))
}

fn largest(x: &Tensor) -> f32 {
    x.data().iter().fold(0.0, |m, v| m.max(v.abs()))
}

#[test]
fn blocks_compute_what_their_formulas_say() {
    let x = Var::constant(Tensor::<f32>::randn([2, 2, 6, 5], &mut rng()));
    let apply = |conv: &Conv2d, x: &Var| {
        let bias = Var::constant(conv.bias.as_ref().unwrap().get());
        x.conv2d(&Var::constant(conv.weight.get()), Some(&bias), conv.settings).unwrap()
    };
    let (f, s) = (conv(2, 3, 3, same()), conv(2, 3, 1, same()));
    let [fx, sx] = [&f, &s].map(|conv| apply(conv, &x));
    let plain = Residual::new(Sequential::new().with("tanh", Activation::Tanh));
    assert_eq!(plain.forward(&x, &mut Ctx::eval()).unwrap().value(), x.tanh().unwrap().add(&x).unwrap().value());
    let projected = Residual::new(Sequential::new().with("f", f)).with_shortcut(Sequential::new().with("s", s));
    assert_eq!(projected.forward(&x, &mut Ctx::eval()).unwrap().value(), fx.add(&sx).unwrap().value());

    let (a, b) = (conv(2, 3, 3, same()), conv(2, 1, 1, same()));
    let [ax, bx] = [&a, &b].map(|conv| apply(conv, &x));
    let wide = Parallel::new(Join::Concat)
        .with("a", Sequential::new().with("conv", a))
        .with("b", Sequential::new().with("conv", b))
        .with("same", Sequential::new());
    let y = wide.forward(&x, &mut Ctx::eval()).unwrap();
    assert_eq!(y.value(), ops::layout::concat(&[&ax, &bx, &x], 1).unwrap().value());
    assert_eq!(y.shape(), [2, 6, 6, 5]);
    let sum = Parallel::new(Join::Sum)
        .with("relu", Sequential::new().with("relu", Activation::Relu))
        .with("tanh", Sequential::new().with("tanh", Activation::Tanh))
        .with("same", Sequential::new());
    let expected = x.relu().unwrap().add(&x.tanh().unwrap()).unwrap().add(&x).unwrap();
    assert_eq!(sum.forward(&x, &mut Ctx::eval()).unwrap().value(), expected.value());
}

/// The engine looks at neighbours inside a branch as it does anywhere: with the bits of the modules one by one.
#[test]
fn neighbours_within_a_branch_are_computed_in_one_go() {
    let halve = || Sequential::new().with("pool", AvgPool2d(Window::square(2)));
    let with_channels = || Sequential::new().with("conv", conv(3, 5, 1, ops::Conv2d { stride: [2, 2], ..same() }));
    let residual = Residual::new(block(3, 5)).with_shortcut(with_channels());
    let parallel =
        Parallel::new(Join::Concat).with("branch1", block(3, 5)).with("branch2", halve()).with("branch3", block(3, 4));
    let cases: [(&dyn Module, usize); 2] = [(&residual, 1), (&parallel, 2)];
    let x = Tensor::randn([4, 3, 8, 10], &mut rng());
    for (module, blocks) in cases {
        let run = |look: &dyn Fn(&str) -> bool| {
            let tape = Tape::new();
            let input = tape.leaf(x.clone());
            let mut cx = Ctx::train(&tape, 0, 0).capture(look);
            let y = module.forward(&input, &mut cx).unwrap();
            let entries = tape.len();
            let gradients = tape.backward(&y.mul(&y).unwrap().sum().unwrap()).unwrap();
            let mut of: Vec<_> = parameters(module).iter().map(|(_, p)| gradients.param(p).unwrap().clone()).collect();
            of.push(gradients.of(&input).unwrap().unwrap().clone());
            (y.into_value(), of, entries)
        };
        let ((fused, fused_gradients, few), (plain, gradients, many)) = (run(&|_| false), run(&|_| true));
        assert_eq!(many, few + 2 * blocks, "each block is one entry instead of three");
        assert_eq!(fused, plain);
        for (fused, plain) in fused_gradients.iter().zip(&gradients) {
            let off = fused.data().iter().zip(plain.data()).fold(0.0f32, |m, (f, p)| m.max((f - p).abs()));
            assert!(off <= 1e-5 * largest(plain), "gradients differ by {off} of {}", largest(plain));
        }
    }
    // The op itself, not just fewer entries.
    let (conv, x) = (conv(3, 5, 3, same()), Var::constant(x));
    let [weight, bias] = [&conv.weight, conv.bias.as_ref().unwrap()].map(|param| Var::constant(param.get()));
    let (fx, sx) =
        (x.conv2d_block(&weight, &bias, same(), true).unwrap(), with_channels().forward(&x, &mut Ctx::eval()));
    let y = residual.forward(&x, &mut Ctx::eval()).unwrap();
    assert_eq!(*y.value(), *fx.add(&sx.unwrap()).unwrap().value());
}

#[test]
fn paths_read_as_the_network_is_written() {
    let names: Vec<String> = parameters(&network()).into_iter().map(|(name, _)| name).collect();
    let layers = [
        "conv",
        "block1.conv",
        "block1.shortcut.conv",
        "block1.shortcut.norm",
        "block2.branch1.conv",
        "block2.branch3.conv",
        "block3.conv",
        "out",
    ];
    assert_eq!(names, layers.map(|layer| [format!("{layer}.weight"), format!("{layer}.bias")]).concat());
}

#[test]
fn a_captured_pass_records_which_module_read_which_value() {
    let net = network();
    let x = Var::constant(Tensor::randn([2, 2, 12, 10], &mut rng()));
    let mut cx = Ctx::eval().capture(&|_| true);
    let y = cx.call("", &net, &x).unwrap();
    let captured = cx.captured();
    let at = |path: &str| captured.iter().position(|layer| layer.path == path).unwrap_or_else(|| panic!("no {path}"));
    let sources = |path: &str| captured[at(path)].inputs.iter().map(|read| read.from).collect::<Vec<_>>();
    let of = |paths: &[&str]| paths.iter().map(|path| Source::Module(at(path))).collect::<Vec<_>>();
    assert_eq!(sources("conv"), [Source::Input]);
    for (layer, read) in [
        ("block1.conv", vec!["conv"]),
        ("block1.shortcut.conv", vec!["conv"]),
        ("block1.shortcut.norm", vec!["block1.shortcut.conv"]),
        ("block1.sum", vec!["block1.pool", "block1.shortcut.norm"]),
        ("block2.branch1.conv", vec!["block1.sum"]),
        ("block2.branch2.pool", vec!["block1.sum"]),
        ("block2.concat", vec!["block2.branch1.pool", "block2.branch2.pool", "block2.branch3.pool"]),
        ("block3.sum", vec!["block3.conv", "block2.concat"]),
        ("mean", vec!["block3.sum"]),
    ] {
        assert_eq!(sources(layer), of(&read), "{layer}");
    }
    let concat = &captured[at("block2.concat")];
    assert_eq!(concat.kind, Kind::layer("concat"));
    assert_eq!(concat.inputs.iter().map(|read| read.shape[1]).collect::<Vec<_>>(), [3, 6, 2]);
    assert_eq!(concat.output.shape(), [2, 11, 3, 2]);
    // A module made of others returns the output of one of them.
    assert_eq!(captured[at("block2")].origin, Source::Module(at("block2.concat")));
    assert_eq!(captured[at("")].origin, Source::Module(at("out")));
    assert_eq!(captured[at("out")].output, *y.value());

    // Layers that do nothing pass on their input, and a value that is not captured is recognized as that input.
    let idle = Sequential::new().with("first", Dropout(0.5)).with("act", Activation::Tanh).with("last", Dropout(0.5));
    let captured = |path: &str| path != "act";
    let mut cx = Ctx::eval().capture(&captured);
    idle.forward(&x, &mut cx).unwrap();
    let sources: Vec<Source> = cx.captured().iter().map(|layer| layer.inputs[0].from).collect();
    assert_eq!(sources, [Source::Input, Source::Unknown]);
}

#[test]
fn summaries_count_what_lies_in_branches() {
    let net = network();
    let summary = summarize(&net, &[2, 12, 10]).unwrap();
    let row = |path: &str| summary.rows.iter().find(|row| row.path == path).unwrap_or_else(|| panic!("no {path}"));
    let shape = |path: &str| row(path).output.clone();
    assert_eq!(shape("block1.shortcut.conv"), [6, 6, 5]);
    assert_eq!((shape("block1.sum"), row("block1.sum").kind.as_str()), (vec![6, 6, 5], "sum"));
    assert_eq!((shape("block2.concat"), row("block2.concat").kind.as_str()), (vec![11, 3, 2], "concat"));
    assert_eq!(row("block2.branch1.conv").parameters, 9 * 6 * 3 + 3);
    assert_eq!(row("block2.branch1.conv").macs, 9 * 6 * 3 * 30);
    assert_eq!(row("block1.shortcut.conv").macs, 4 * 6 * 30);
    assert_eq!((row("block1.sum").parameters, row("block1.sum").macs), (0, 0));
    let all: usize = parameters(&net).iter().map(|(_, p)| p.get().numel()).sum();
    assert_eq!(summary.parameters, all);
    assert_eq!(summary.rows.iter().map(|row| row.parameters).sum::<usize>(), all);
    assert!(
        summary.rows.iter().all(|row| row.path != "block1" && row.path != "block2.branch1"),
        "no row is a container"
    );
    // The largest of the branches: 3 after conv, 5 and 6 along the branch of block1, 3 along its shortcut.
    let field = |path: &str| row(path).receptive_field.unwrap();
    assert_eq!([field("conv"), field("block1.shortcut.conv"), field("block1.sum")], [[3, 3], [3, 3], [6, 6]]);
    // 6 + 2 · 2 + 2 with a convolution, 6 + 2 without; the step is 2 after block1 and 4 after block2.
    assert_eq!([field("block2.branch2.pool"), field("block2.concat")], [[8, 8], [12, 12]]);
    assert_eq!(field("block3.conv"), [20, 20]);
    assert_eq!(row("out").receptive_field, None);
}

#[test]
fn parts_of_a_block_are_frozen_by_name() {
    let net = network();
    let frozen = freeze(&net, "block1.*").unwrap();
    let expected = ["conv", "shortcut.conv", "shortcut.norm"];
    assert_eq!(frozen, expected.map(|l| [format!("block1.{l}.weight"), format!("block1.{l}.bias")]).concat());
    unfreeze(&net, "block1.*").unwrap();
    freeze(&net, "block2.branch1.*").unwrap();
    freeze(&net, "*shortcut*").unwrap();
    let tape = Tape::new();
    let x = Var::constant(Tensor::randn([3, 2, 12, 10], &mut rng()));
    let y = net.forward(&x, &mut Ctx::train(&tape, 0, 1)).unwrap().sum().unwrap();
    let gradients = tape.backward(&y).unwrap();
    for (name, param) in parameters(&net) {
        let is_frozen = name.starts_with("block2.branch1") || name.contains("shortcut");
        assert_eq!(gradients.param(&param).is_none(), is_frozen, "{name}");
    }
}

#[test]
fn a_state_with_blocks_is_saved_and_read_back() {
    let (net, other) = (network(), network());
    for (i, (_, param)) in parameters(&net).iter().enumerate() {
        param.update(|value| value.data_mut().iter_mut().for_each(|v| *v += 0.01 * i as f32));
    }
    buffers(&net)[0].1.set(Tensor::full([6], 0.25));
    let x = Var::constant(Tensor::randn([2, 2, 12, 10], &mut rng()));
    let run = |net: &Sequential| net.forward(&x, &mut Ctx::eval()).unwrap().into_value();
    assert_ne!(run(&net), run(&other));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    state::save(&net, &path).unwrap();
    state::load(&other, &path).unwrap();
    assert_eq!(run(&net), run(&other));
    assert!(state::state_dict(&other).contains_key("block1.shortcut.norm.running_mean"));
}

#[test]
fn what_does_not_meet_is_refused_with_its_shapes() {
    let x = Var::constant(Tensor::<f32>::zeros([2, 4, 6, 6]));
    let message = |net: Sequential| net.forward(&x, &mut Ctx::eval()).unwrap_err().to_string();
    let one = |module| Sequential::new().with("conv", module);
    // One channel would broadcast to four; that is not a sum of two branches.
    let said = message(Sequential::new().with("block", Residual::new(one(conv(4, 1, 3, same())))));
    assert!(said.starts_with("block.sum: sum expected branches of one shape"), "{said}");
    assert!(said.contains("[2, 1, 6, 6] and [2, 4, 6, 6]") && said.contains("shortcut"), "{said}");
    let two = Parallel::new(Join::Concat)
        .with("a", one(conv(4, 1, 3, same())))
        .with("b", one(conv(4, 1, 3, Default::default())));
    let said = message(Sequential::new().with("wide", two));
    assert!(said.contains("wide.concat") && said.contains("[2, 1, 6, 6] and [2, 1, 4, 4]"), "{said}");
    assert!(message(Sequential::new().with("none", Parallel::new(Join::Sum))).contains("at least one branch"));
    // A fault inside has its own path.
    let inner = Parallel::new(Join::Sum).with("a", one(conv(3, 1, 3, same())));
    let said = message(Sequential::new().with("outer", Residual::new(Sequential::new().with("wide", inner))));
    assert!(said.starts_with("outer.wide.a.conv: conv2d"), "{said}");
    // Vectors have channels too; a batch of scalars has none.
    let join = |shape: [usize; 2]| Join::Concat.shape(&[&shape, &[2, 3]]).map(|shape| shape.to_vec());
    assert_eq!(join([2, 5]).unwrap(), [2, 8]);
    assert!(join([3, 5]).is_err() && Join::Concat.shape(&[&[2], &[2]]).is_err());
}

#[test]
fn branches_draw_masks_of_their_own() {
    let drop = || Sequential::new().with("drop", Dropout(0.5));
    let net = Parallel::new(Join::Concat).with("a", drop()).with("b", drop());
    let (x, tape) = (Var::constant(Tensor::<f32>::full([1, 200], 1.0)), Tape::new());
    let y = net.forward(&x, &mut Ctx::train(&tape, 3, 1)).unwrap();
    let (a, b) = y.value().data().split_at(200);
    assert!(a != b && [a, b].iter().all(|mask| mask.iter().all(|&m| m == 0.0 || m == 2.0)));
    assert_eq!(net.forward(&x, &mut Ctx::train(&tape, 3, 1)).unwrap().value(), y.value());
}

#[test]
#[should_panic(expected = "which the block needs")]
fn the_block_keeps_its_own_names() {
    let _ = Residual::<f32>::new(Sequential::new().with("sum", Flatten));
}

/// y = W x + b for each vector along the last axis, whatever the axes before it.
#[test]
fn linear_works_over_the_last_axis() {
    let linear = Linear::<f32>::new(5, 3, Init::PyTorch, &mut rng());
    let x = Tensor::randn([2, 4, 5], &mut rng());
    let forward = |x: &Tensor| linear.forward(&Var::constant(x.clone()), &mut Ctx::eval()).map(Var::into_value);
    let y = forward(&x).unwrap();
    assert_eq!(y.shape(), [2, 4, 3]);
    let rows = forward(&x.reshape([8, 5]).unwrap()).unwrap();
    assert_eq!(y.data(), rows.data());
    assert_eq!(
        forward(&x.gather(&[1]).gather(&[0]).reshape([1, 1, 4, 5]).unwrap()).unwrap().data(),
        &rows.data()[12..]
    );
    assert_eq!(forward(&Tensor::new(x.data()[..5].to_vec(), [5]).unwrap()).unwrap().data(), &rows.data()[..3]);
    assert_eq!(forward(&Tensor::zeros([2, 0, 5])).unwrap().shape(), [2, 0, 3]);
    let said = forward(&Tensor::zeros([2, 5, 4])).unwrap_err().to_string();
    assert!(said.contains("linear expected [.., 5]; found [2, 5, 4]"), "{said}");
    assert!(forward(&Tensor::scalar(1.0)).is_err());
    let net = Sequential::new().with("fc", linear);
    assert_eq!(summarize(&net, &[4, 5]).unwrap().rows[0].macs, 4 * 15);
}
