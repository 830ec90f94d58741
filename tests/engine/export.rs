//! Exports: every layer and several networks there and back, and networks that are refused. What is read of files of
//! other programs is in `foreign`.

use gradus::autograd::Var;
use gradus::experiment::layers::{self, Layer, TYPES};
use gradus::export::onnx::Network;
use gradus::export::{Exported, Format, npz, onnx, write};
use gradus::models::cnn::Cnn;
use gradus::models::mlp::mlp;
use gradus::nn::onnx::Node;
use gradus::nn::state::{self, load_state_dict, state_dict};
use gradus::nn::summary::summarize;
use gradus::nn::{
    Activation, AvgPool2d, BatchNorm2d, Conv2d, ConvTranspose2d, Ctx, Dropout, Flatten, GaussianLatent, GaussianNoise,
    GlobalAvgPool2d, Init, Join, Kind, LayerExample, LayerNorm, Linear, LogSoftmax, MaxPool2d, Module, Parallel,
    Residual, Sequential, Softmax, Standardize, TiedLinear, Unflatten, Upsample, Walk, count_parameters,
    layer_examples,
};
use gradus::ops::{self, Interpolation, Padding, Window};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::{Error, Result};
use std::collections::BTreeSet;
use std::fs;

pub(crate) fn rng(seed: u64) -> Rng {
    Rng::new(seed, "export", 0)
}

/// A convolution with a bias.
pub(crate) fn conv(inputs: usize, outputs: usize, kernel: [usize; 2], settings: ops::Conv2d) -> Conv2d {
    Conv2d::new(inputs, outputs, kernel, settings, Init::PyTorch, &mut rng(outputs as u64))
}

pub(crate) fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear::new(inputs, outputs, Init::PyTorch, &mut rng(inputs as u64))
}

/// Batch normalization as if it had been trained.
fn normalization(channels: usize) -> BatchNorm2d {
    let (norm, mut rng) = (BatchNorm2d::new(channels), rng(channels as u64));
    norm.weight.set(Tensor::rand([channels], 0.5, 2.0, &mut rng));
    norm.bias.set(Tensor::randn([channels], &mut rng));
    norm.running_mean.set(Tensor::randn([channels], &mut rng));
    norm.running_var.set(Tensor::rand([channels], 0.1, 2.0, &mut rng));
    norm
}

/// Networks that together have every layer, with the shape of a sample. `benches/peers/export_check.py` has the same
/// ones under the same names.
pub(crate) fn networks() -> Vec<(&'static str, Box<dyn Module>, Vec<usize>)> {
    let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
    let figure_1 = Cnn { input: [1, 32, 32], widths: vec![4, 8], hidden: 16, classes: 3 };
    let strided = Sequential::new()
        .with("first", conv(2, 3, [3, 3], ops::Conv2d { stride: [2, 2], ..same }))
        .with("tanh", Activation::Tanh)
        .with(
            "second",
            conv(
                3,
                4,
                [3, 2],
                ops::Conv2d { stride: [1, 2], padding: Padding::Fixed([2, 1]), dilation: [2, 1], groups: 1 },
            )
            .without_bias(),
        );
    let pools = Sequential::new()
        .with("conv", conv(1, 3, [4, 4], same))
        .with("max", MaxPool2d(Window { kernel: [3, 3], stride: [2, 2], padding: [1, 1] }))
        .with("average", AvgPool2d(Window { kernel: [3, 2], stride: [2, 1], padding: [1, 1] }))
        .with("plain", AvgPool2d(Window::square(2)))
        .with("dropout", Dropout(0.5))
        .with("flatten", Flatten)
        .with("out", linear(18, 2));
    let normalized = Sequential::new()
        .with("conv", conv(2, 3, [3, 3], same).without_bias())
        .with("norm", BatchNorm2d { eps: 1e-3, ..normalization(3) })
        .with("relu", Activation::Relu)
        .with("depthwise", conv(3, 6, [3, 3], ops::Conv2d { groups: 3, ..same }))
        .with("groups", conv(6, 4, [1, 1], ops::Conv2d { groups: 2, ..same }))
        .with("mean", GlobalAvgPool2d)
        .with("fc", linear(4, 6))
        .with("features", normalization(6))
        .with("out", linear(6, 2));
    let reshaped = Sequential::new()
        .with("fc", linear(5, 12))
        .with("unflatten", Unflatten([3, 2, 2].into()))
        .with("softmax", Softmax)
        .with("conv", conv(3, 4, [1, 1], Default::default()))
        .with("mean", GlobalAvgPool2d)
        .with("out", LogSoftmax);
    let mut all: Vec<(&'static str, Box<dyn Module>, Vec<usize>)> = vec![
        ("figure_1", Box::new(figure_1.build(&mut rng(1)).unwrap()), vec![1, 32, 32]),
        ("strided", Box::new(strided), vec![2, 10, 9]),
        ("pools", Box::new(pools), vec![1, 13, 12]),
        ("normalized", Box::new(normalized), vec![2, 6, 7]),
        ("reshaped", Box::new(reshaped), vec![5]),
        ("linear", Box::new(linear(5, 4)), vec![5]),
        ("autoencoder", Box::new(autoencoder()), vec![2, 9, 8]),
        ("standardized", Box::new(standardized()), vec![2, 4, 3]),
    ];
    all.extend(crate::attention::transformers());
    for &activation in Activation::ALL {
        all.push((activation.name(), Box::new(mlp(6, &[8, 5], 3, activation, &mut rng(2))), vec![6]));
    }
    all
}

/// Networks whose values go several ways, and a linear layer over sequences.
pub(crate) fn branched() -> Vec<(&'static str, Box<dyn Module>, Vec<usize>)> {
    let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
    let halve = ops::Conv2d { stride: [2, 2], ..same };
    let body = Sequential::new()
        .with("conv1", conv(3, 5, [3, 3], halve))
        .with("norm", normalization(5))
        .with("relu", Activation::Relu)
        .with("conv2", conv(5, 5, [3, 3], same));
    let plain = Sequential::new().with("conv", conv(5, 5, [3, 3], same)).with("dropout", Dropout(0.5));
    let residual = Sequential::new()
        .with("conv", conv(2, 3, [3, 3], same))
        .with("block1", Residual::new(body).with_shortcut(Sequential::new().with("conv", conv(3, 5, [1, 1], halve))))
        .with("relu", Activation::Relu)
        .with("block2", Residual::new(plain))
        .with("mean", GlobalAvgPool2d)
        .with("out", linear(5, 3));
    let pool = Sequential::new()
        .with("pool", MaxPool2d(Window { kernel: [3, 3], stride: [1, 1], padding: [1, 1] }))
        .with("conv", conv(2, 1, [1, 1], same));
    let inner = Parallel::new(Join::Sum)
        .with("a", Sequential::new().with("relu", Activation::Relu))
        .with("b", Sequential::new().with("tanh", Activation::Tanh))
        .with("c", Sequential::new());
    let parallel = Sequential::new()
        .with(
            "wide",
            Parallel::new(Join::Concat)
                .with("one", Sequential::new().with("conv", conv(2, 3, [1, 1], same)))
                .with("three", Sequential::new().with("conv", conv(2, 4, [3, 3], same)).with("relu", Activation::Relu))
                .with("pool", pool)
                .with("same", Sequential::new()),
        )
        .with("sums", inner)
        .with("flatten", Flatten)
        .with("out", linear(10 * 30, 2));
    let sequences = Sequential::new()
        .with("fc1", linear(5, 4))
        .with("block", Residual::new(Sequential::new().with("fc", linear(4, 4)).with("tanh", Activation::Tanh)))
        .with("fc2", linear(4, 2));
    vec![
        ("residual", Box::new(residual), vec![2, 7, 6]),
        ("parallel", Box::new(parallel), vec![2, 6, 5]),
        ("sequences", Box::new(sequences), vec![3, 5]),
        ("block alone", Box::new(Residual::new(Sequential::new().with("fc", linear(4, 4)))), vec![4]),
    ]
}

/// A network that brings images, and later features, to its own scale.
fn standardized() -> Sequential {
    let scale = |shape: &[usize]| {
        let rng = &mut rng(shape.len() as u64);
        Standardize::new(Tensor::randn(shape, rng), Tensor::rand(shape, 0.25, 2.0, rng)).unwrap()
    };
    Sequential::new()
        .with("scale", scale(&[2, 1, 1]))
        .with("conv", conv(2, 3, [2, 2], ops::Conv2d::default()))
        .with("flatten", Flatten)
        .with("features", scale(&[18]))
        .with("out", linear(18, 2))
        .with("probabilities", Softmax)
}

/// A variational autoencoder with every layer that goes backwards.
fn autoencoder() -> Sequential {
    let back = |stride, padding, output_padding, dilation, groups| ops::ConvTranspose2d {
        stride,
        padding,
        output_padding,
        dilation,
        groups,
    };
    let transposed = |inputs, outputs, kernel, settings| {
        ConvTranspose2d::new(inputs, outputs, kernel, settings, Init::PyTorch, &mut rng(outputs as u64))
    };
    let (norm, features) = (LayerNorm::new(&[4, 4, 3]), linear(48, 6));
    norm.weight.set(Tensor::rand([4, 4, 3], 0.5, 2.0, &mut rng(3)));
    norm.bias.set(Tensor::randn([4, 4, 3], &mut rng(4)));
    let tied = TiedLinear::new(&features);
    tied.bias.set(Tensor::randn([48], &mut rng(5)));
    Sequential::new()
        .with("noise", GaussianNoise(0.5))
        .with("conv", conv(2, 4, [3, 3], ops::Conv2d { stride: [2, 2], ..Default::default() }))
        .with("norm", norm)
        .with("flatten", Flatten)
        .with("features", features)
        .with("latent", GaussianLatent::new(6, 6, 1.0, Init::PyTorch, &mut rng(6)))
        .with("tied", tied)
        .with("unflatten", Unflatten([4, 4, 3].into()))
        .with("grow", transposed(4, 6, [3, 3], back([2, 2], [1, 0], [1, 0], [1, 1], 2)))
        .with("relu", Activation::Relu)
        .with("nearest", Upsample(ops::Upsample { scale: [2, 1], mode: Interpolation::Nearest }))
        .with("bilinear", Upsample(ops::Upsample { scale: [1, 3], mode: Interpolation::Bilinear }))
        .with("out", transposed(6, 1, [2, 3], back([1, 3], [0, 2], [0, 1], [2, 1], 1)).without_bias())
        .with("sigmoid", Activation::Sigmoid)
}

/// 32 samples of this shape.
pub(crate) fn samples(input: &[usize]) -> Tensor {
    let shape: Vec<usize> = [32].iter().chain(input).copied().collect();
    Tensor::randn(&shape[..], &mut rng(9))
}

pub(crate) fn run(model: &dyn Module, x: &Tensor) -> Tensor {
    model.forward(&Var::constant(x.clone()), &mut Ctx::eval()).unwrap().value().clone()
}

pub(crate) fn largest_difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.shape(), b.shape());
    a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Adds to a network's parameters and buffers, so that it is another.
fn disturb(model: &dyn Module) {
    let other = state_dict(model).into_iter().map(|(name, value)| (name, value.map(|w| w + 0.25))).collect();
    load_state_dict(model, &other).unwrap();
}

#[test]
fn every_network_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    for (name, model, input) in networks().into_iter().chain(branched()) {
        let (x, own) = (samples(&input), state_dict(&*model));
        let expected = run(&*model, &x);
        for format in Format::ALL {
            let path = folder.path().join(format!("{name}.{format}"));
            let written = write(&*model, &input, format, &path, &x).unwrap();
            let bytes = fs::read(&path).unwrap();
            assert_eq!((&written.path, written.bytes), (&path, bytes.len()));
            assert_eq!(state_dict(&*model), own, "{name} as {format} lost its weights");

            // What the file gives back, without looking at what `write` said of it.
            let again = match format {
                Format::Onnx => Network::from_bytes(&bytes).unwrap().run(&x).unwrap(),
                Format::Npz | Format::Safetensors => {
                    disturb(&*model);
                    assert_ne!(state_dict(&*model), own);
                    match format {
                        Format::Npz => load_state_dict(&*model, &npz::from_bytes(&bytes).unwrap()).unwrap(),
                        _ => state::load(&*model, &path).unwrap(),
                    }
                    assert_eq!(state_dict(&*model), own);
                    run(&*model, &x)
                }
            };
            let error = largest_difference(&again, &expected);
            assert!(error <= 1e-5, "{name} as {format} is off by {error}");
            assert_eq!(written.largest_error, f64::from(error), "{name} as {format}");
        }
    }
}

/// What each layer of the table says of itself holds: an experiment's file makes it, its shape rule and its number of
/// parameters are those of the module, the summary names it, and its ONNX operators compute what it computes.
#[test]
fn every_layer_of_files_is_what_it_says() {
    let mut seen = BTreeSet::new();
    for LayerExample { type_name, name, example, .. } in layer_examples() {
        let mut settings = example.settings;
        settings["type"] = type_name.into();
        let layer: Layer = serde_json::from_value(settings).unwrap_or_else(|why| panic!("{name}: {why}"));
        let (layers, input) = ([layer], &example.batch[1..]);
        let net = layers::build(&layers, input, 2, 1).unwrap();
        let told = layers::outline(&layers, input, 2).unwrap().remove(0);
        assert_eq!((told.kind, told.parameters), (type_name, count_parameters(&net)), "{name}");
        let x = samples(input);
        assert_eq!(run(&net, &x).shape()[1..], told.output, "{name}");
        let summary = summarize(&net, input).unwrap();
        assert!(summary.rows.iter().any(|row| row.output == told.output && !row.kind.is_empty()), "{name}");
        let (bytes, error) = onnx::export(&net, &x).unwrap();
        assert!(error <= 1e-6, "{name} is off by {error}");
        let again = Network::from_bytes(&bytes).unwrap().run(&x).unwrap();
        assert!(largest_difference(&again, &run(&net, &x)) <= 1e-6, "{name}");
        seen.insert(type_name);
    }
    let held: BTreeSet<&str> = TYPES.iter().copied().filter(|name| !seen.contains(name)).collect();
    assert_eq!(held, ["parallel", "repeat", "residual", "sequence"].into());
}

#[test]
fn any_number_of_samples_can_be_run() {
    let (_, model, input) = networks().swap_remove(0);
    let (bytes, _) = onnx::export(&*model, &samples(&input)).unwrap();
    let network = Network::from_bytes(&bytes).unwrap();
    assert_eq!(network.input(), input);
    let x = Tensor::randn([3, 1, 32, 32], &mut rng(4));
    assert_eq!(network.run(&x).unwrap(), run(&*model, &x));
    let error = network.run(&Tensor::zeros([3, 1, 32, 31])).unwrap_err();
    assert!(error.to_string().contains("[1, 32, 32]"), "{error}");
}

#[test]
fn a_file_holds_its_metadata() {
    let words = [("classes", "[\"é\", \"b\"]"), ("input_range", "0 to 1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let (bytes, _) = onnx::export_described(&standardized(), &samples(&[2, 4, 3]), &words).unwrap();
    assert_eq!(*Network::from_bytes(&bytes).unwrap().metadata(), words.into_iter().collect());
    let (bytes, _) = onnx::export(&standardized(), &samples(&[2, 4, 3])).unwrap();
    assert!(Network::from_bytes(&bytes).unwrap().metadata().is_empty());
    assert!(Standardize::<f32>::new(Tensor::zeros([2]), Tensor::zeros([3])).is_err());
}

#[test]
fn a_network_that_does_nothing_is_the_identity() {
    let model = Sequential::new().with("dropout", Dropout(0.5));
    let x = samples(&[3]);
    let (bytes, error) = onnx::export(&model, &x).unwrap();
    assert_eq!((Network::from_bytes(&bytes).unwrap().run(&x).unwrap(), error), (x, 0.0));
}

#[test]
fn layers_called_like_the_ends_of_the_graph_get_other_names() {
    let model = Sequential::new().with("output", linear(3, 3)).with("input", Activation::Relu).with("x", linear(3, 2));
    let (_, error) = onnx::export(&model, &samples(&[3])).unwrap();
    assert_eq!(error, 0.0);
}

#[test]
fn a_tied_weight_is_written_once() {
    let first = Linear::<f32>::new(16, 16, Init::PyTorch, &mut rng(5));
    let second = Linear { weight: first.weight.clone(), bias: first.bias.clone() };
    let alone = onnx::export(&first, &samples(&[16])).unwrap().0.len();
    let model = Sequential::new().with("a", first).with("b", second);
    let x = samples(&[16]);
    let (bytes, error) = onnx::export(&model, &x).unwrap();
    assert!(bytes.len() < alone + 16 * 16 * 4, "{} bytes, {alone} of one layer", bytes.len());
    assert_eq!((Network::from_bytes(&bytes).unwrap().run(&x).unwrap(), error), (run(&model, &x), 0.0));
}

/// The nodes of an exported network, each with its operator and its inputs other than weights.
fn nodes(model: &dyn Module, input: &[usize]) -> Vec<(String, String, Vec<String>)> {
    let (bytes, error) = onnx::export(model, &samples(input)).unwrap();
    assert_eq!(error, 0.0);
    Network::from_bytes(&bytes).unwrap().nodes()
}

#[test]
fn branches_meet_in_the_graph() {
    fn find<'a>(nodes: &'a [(String, String, Vec<String>)], name: &str) -> (&'a str, String) {
        let (_, operator, inputs) = nodes.iter().find(|(known, ..)| known == name).unwrap_or_else(|| panic!("{name}"));
        (operator, inputs.join(" and "))
    }
    let networks: Vec<_> = branched().into_iter().map(|(_, model, input)| nodes(&*model, &input)).collect();
    let [residual, parallel, sequences, alone] = &networks[..] else { unreachable!("four of them") };
    assert_eq!(find(residual, "conv"), ("Conv", "input".into()));
    assert_eq!(find(residual, "block1.conv1"), ("Conv", "conv".into()));
    assert_eq!(find(residual, "block1.shortcut.conv"), ("Conv", "conv".into()));
    assert_eq!(find(residual, "block1.sum"), ("Add", "block1.conv2 and block1.shortcut.conv".into()));
    // Dropout does nothing, so the sum takes what dropout took.
    assert_eq!(find(residual, "block2.sum"), ("Add", "block2.conv and relu".into()));
    let parts = "wide.one.conv and wide.three.relu and wide.pool.conv and input";
    assert_eq!(find(parallel, "wide.concat"), ("Concat", parts.into()));
    // A sum of three is a sum of two, and one more.
    assert_eq!(find(parallel, "sums.sum.add"), ("Add", "sums.a.relu and sums.b.tanh".into()));
    assert_eq!(find(parallel, "sums.sum"), ("Add", "sums.sum.add and wide.concat".into()));
    assert_eq!(find(sequences, "fc1.matmul"), ("MatMul", "input".into()));
    assert_eq!(find(sequences, "block.sum"), ("Add", "block.tanh and fc1".into()));
    let names: Vec<&str> = alone.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!((names, find(alone, "sum")), (vec!["fc", "sum"], ("Add", "fc and input".into())));
}

/// The exported code is its mean, and the layer of the variance, which nothing depends on, is omitted.
#[test]
fn what_the_output_does_not_depend_on_is_omitted() {
    let nodes = nodes(&autoencoder(), &[2, 9, 8]);
    assert!(nodes.iter().any(|(name, ..)| name == "latent.mean"), "{nodes:?}");
    assert!(nodes.iter().all(|(name, ..)| name != "latent.log_var"), "{nodes:?}");
    let fork = Sequential::new().with("fork", Fork(linear(4, 3), linear(4, 2)));
    let names: Vec<String> = self::nodes(&fork, &[4]).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["fork.right"]);
}

/// x + f(x), computed outside of any layer: the ops between are unknown.
struct Between(Sequential);

impl Module for Between {
    fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        cx.call("inner", &self.0, x)?.add(x)
    }
    fn walk(&self, walk: &mut Walk<'_, f32>) {
        walk.child("inner", &self.0);
    }
    fn kind(&self) -> Kind {
        Kind::Container
    }
}

/// f(2 x), where nothing says that x is doubled.
struct Doubled(Linear);

impl Module for Doubled {
    fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        cx.call("inner", &self.0, &x.add(x)?)
    }
    fn walk(&self, walk: &mut Walk<'_, f32>) {
        walk.child("inner", &self.0);
    }
    fn kind(&self) -> Kind {
        Kind::Container
    }
}

/// Two layers that both take x; only the second's output is used.
struct Fork(Linear, Linear);

impl Module for Fork {
    fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
        cx.call("left", &self.0, x)?;
        cx.call("right", &self.1, x)
    }
    fn walk(&self, walk: &mut Walk<'_, f32>) {
        walk.child("left", &self.0);
        walk.child("right", &self.1);
    }
    fn kind(&self) -> Kind {
        Kind::Container
    }
}

/// A layer that is not this crate's.
struct Cube;

impl Module for Cube {
    fn forward(&self, x: &Var, _: &mut Ctx<'_>) -> Result<Var> {
        x.pow(3.0)
    }
    fn walk(&self, _: &mut Walk<'_, f32>) {}
    fn kind(&self) -> Kind {
        Kind::layer("cube")
    }
}

/// A layer that claims to be another one: only the numbers show it.
struct Pretender;

impl Module for Pretender {
    fn forward(&self, x: &Var, _: &mut Ctx<'_>) -> Result<Var> {
        x.pow(3.0)
    }
    fn walk(&self, _: &mut Walk<'_, f32>) {}
    fn kind(&self) -> Kind {
        Module::<f32>::kind(&Activation::Tanh)
    }
    fn onnx(&self, read: &[usize], output: &[usize]) -> Option<Vec<Node>> {
        Module::<f32>::onnx(&Activation::Tanh, read, output)
    }
}

#[test]
fn only_graphs_of_known_layers_become_onnx() {
    let inner = || Sequential::new().with("fc", linear(4, 4)).with("relu", Activation::Relu);
    let refused: [(Sequential, &str); 4] = [
        (
            Sequential::new().with("block", Between(inner())).with("out", linear(4, 2)),
            "layer block computes something itself",
        ),
        (Sequential::new().with("block", Doubled(linear(4, 4))), "layer block.inner takes a value that no layer gives"),
        (Sequential::new().with("fc", linear(4, 4)).with("act", Pretender), "layer act does not give"),
        (Sequential::new().with("fc", linear(4, 4)).with("cube", Cube), "layer cube is a cube"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    fs::write(&path, "older").unwrap();
    for (model, why) in refused {
        let error = write(&model, &[4], Format::Onnx, &path, &samples(&[4])).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)) && error.to_string().contains(why), "{error}");
        assert!(error.to_string().contains("npz or safetensors"), "{error}");
        // As the message says, the weights can be written.
        write(&model, &[4], Format::Npz, &folder.path().join("net.npz"), &samples(&[4])).unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), b"older");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something is left lying about");
    // The network itself may be what computes more than its layers do.
    let error = onnx::export(&Between(inner()), &samples(&[4])).unwrap_err();
    assert!(error.to_string().starts_with("the network computes something"), "{error}");
}

#[test]
fn samples_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    for wrong in [Tensor::zeros([2, 4]), Tensor::zeros([0, 5]), Tensor::zeros([5])] {
        let error = write(&linear(5, 4), &[5], Format::Onnx, &path, &wrong).unwrap_err();
        assert!(matches!(error, Error::Shape { .. }), "{error}");
    }
    assert!(!path.exists());
}

#[test]
fn a_network_that_diverged_is_written_as_it_is() {
    let model = linear(3, 2);
    model.bias.set(Tensor::new(vec![f32::NAN, f32::INFINITY], [2]).unwrap());
    let folder = tempfile::tempdir().unwrap();
    for format in Format::ALL {
        let Exported { largest_error, .. } =
            write(&model, &[3], format, &folder.path().join("net"), &samples(&[3])).unwrap();
        assert_eq!(largest_error, 0.0, "{format}");
    }
}

#[test]
fn formats_have_names() {
    for format in Format::ALL {
        assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
    }
    let error = "h5".parse::<Format>().unwrap_err().to_string();
    assert_eq!(error, "format: \"h5\" is not known\n  help: choose one of onnx, npz, safetensors");
}

// ---- files of others, damaged files -----------------------------------------------------------------------------
