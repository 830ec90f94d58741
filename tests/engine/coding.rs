//! The modules of autoencoders: decoders, latent samples, tied weights, frozen parts.

use gradus::autograd::{Tape, Var};
use gradus::nn::summary::summarize;
use gradus::nn::{
    Activation, Conv2d, ConvTranspose2d, Ctx, Flatten, GaussianLatent, GaussianNoise, Init, LayerNorm, Linear, Module,
    Sequential, TiedLinear, Unflatten, count_parameters, freeze, parameters, unfreeze,
};
use gradus::ops::latent::standard_normals;
use gradus::ops::{self, Padding};
use gradus::optim::{Adam, FirstOrder, Optimizer};
use gradus::rng::{LayerDraw, Rng};
use gradus::tensor::Tensor;

fn rng() -> Rng {
    Rng::new(1, "init", 0)
}

/// ⟨g, Aᵀx⟩ = ⟨A g, x⟩ for any convolution A that gives its transposed convolution's input size.
#[test]
fn transposed_convolution_is_the_adjoint_of_convolution() {
    for (stride, padding, dilation, groups, output_padding) in
        [([1, 1], [0, 0], [1, 1], 1, [0, 0]), ([2, 3], [1, 0], [1, 2], 2, [1, 2]), ([3, 1], [2, 1], [2, 1], 1, [0, 0])]
    {
        let settings = ops::ConvTranspose2d { stride, padding, output_padding, dilation, groups };
        let x = Var::constant(Tensor::<f64>::randn([2, 4, 5, 4], &mut rng()));
        let w = Var::constant(Tensor::randn([4, 3, 3, 4], &mut Rng::new(2, "weights", 0)));
        let y = x.conv_transpose2d(&w, None, settings).unwrap();
        let g = Var::constant(Tensor::randn(y.shape(), &mut Rng::new(3, "slopes", 0)));
        let forward = ops::Conv2d { stride, padding: Padding::Fixed(padding), dilation, groups };
        let back = g.conv2d(&w, None, forward).unwrap();
        assert_eq!(back.shape(), x.shape());
        let dot = |a: &Var<f64>, b: &Var<f64>| a.mul(b).unwrap().sum().unwrap().value().item();
        let (one, other) = (dot(&g, &y), dot(&back, &x));
        assert!((one - other).abs() < 1e-11, "{one} {other}");
    }
}

#[test]
fn a_transposed_convolution_that_cannot_be_says_why() {
    let x = Var::constant(Tensor::<f32>::zeros([1, 4, 3, 3]));
    let refusal = |weight: [usize; 4], settings: ops::ConvTranspose2d| {
        x.conv_transpose2d(&Var::constant(Tensor::zeros(weight)), None, settings).unwrap_err().to_string()
    };
    let plain = ops::ConvTranspose2d::default();
    assert!(refusal([3, 2, 3, 3], plain).contains("conv_transpose2d"));
    assert!(refusal([4, 2, 3, 3], ops::ConvTranspose2d { groups: 3, ..plain }).contains("3 groups"));
    assert!(refusal([4, 2, 3, 3], ops::ConvTranspose2d { stride: [0, 1], ..plain }).contains("positive"));
    let more = ops::ConvTranspose2d { stride: [2, 2], output_padding: [1, 2], ..plain };
    assert!(refusal([4, 2, 3, 3], more).contains("less than the stride"));
    assert!(refusal([4, 2, 3, 3], ops::ConvTranspose2d { padding: [2, 3], ..plain }).contains("cuts all"));
    let bias = Var::constant(Tensor::zeros([3]));
    let weight = Var::constant(Tensor::zeros([4, 2, 3, 3]));
    assert!(x.conv_transpose2d(&weight, Some(&bias), plain).unwrap_err().to_string().contains('O'));
}

#[test]
fn a_code_is_drawn_in_training_and_its_mean_in_evaluation() {
    let latent = GaussianLatent::<f64>::new(5, 3, 0.25, Init::PyTorch, &mut rng());
    let model = Sequential::new().with("latent", latent).with("out", Linear::new(3, 2, Init::PyTorch, &mut rng()));
    let x = Var::constant(Tensor::randn([4, 5], &mut rng()));
    let expected = |path: &str| path.starts_with("latent");
    let of = |mut cx: Ctx<'_, f64>| {
        model.forward(&x, &mut cx).unwrap();
        let losses: Vec<_> =
            cx.losses().iter().map(|added| (added.path.clone(), added.weight * added.value.value().item())).collect();
        let captured = cx.captured();
        let seen = |path: &str| captured.iter().find(|c| c.path == path).unwrap().output.clone();
        ([seen("latent.mean"), seen("latent.log_var"), seen("latent")], losses)
    };
    let ([mean, log_var, z], losses) = of(Ctx::eval().capture(&expected));
    assert_eq!(z, mean);
    let kl = Var::constant(mean.clone()).kl_normal(&Var::constant(log_var.clone())).unwrap().value().item();
    let by_hand: f64 = mean.data().iter().zip(log_var.data()).map(|(m, l)| (m * m + l.exp() - l - 1.0) / 8.0).sum();
    assert!((kl - by_hand).abs() < 1e-14 && kl > 0.0);
    assert_eq!(losses, [("latent.kl".to_owned(), 0.25 * kl)]);

    let tape = Tape::new();
    let train = |seed, step| of(Ctx::train(&tape, seed, step).capture(&expected)).0[2].clone();
    let drawn = train(1, 7);
    let evaluated = of(Ctx::eval_drawing(1, 7).capture(&expected)).0[2].clone();
    assert!(evaluated != drawn && of(Ctx::eval_drawing(1, 7).capture(&expected)).0[2] == evaluated);
    let draw = LayerDraw { training: true, network: "", path: "latent", call: 0, step: 7 };
    let noise = standard_normals::<f64>([4, 3], Rng::of_layer(1, &draw));
    let by_hand = Tensor::from_fn([4, 3], |i| mean.data()[i] + (0.5 * log_var.data()[i]).exp() * noise.data()[i]);
    assert!(drawn.data().iter().zip(by_hand.data()).all(|(a, b)| (a - b).abs() < 1e-14));
    assert!(train(1, 7) == drawn && train(1, 8) != drawn && train(2, 7) != drawn);
}

#[test]
fn noise_is_added_in_training_only() {
    let x = Var::constant(Tensor::<f32>::full([100, 100], 3.0));
    let noise = GaussianNoise(0.5);
    let tape = Tape::new();
    assert_eq!(noise.forward(&x, &mut Ctx::eval()).unwrap().value(), x.value());
    let y = noise.forward(&x, &mut Ctx::train(&tape, 1, 1)).unwrap();
    let mean = y.value().data().iter().sum::<f32>() / 1e4;
    let spread = (y.value().data().iter().map(|v| (v - 3.0) * (v - 3.0)).sum::<f32>() / 1e4).sqrt();
    assert!((mean - 3.0).abs() < 0.025 && (spread - 0.5).abs() < 0.02, "{mean} {spread}");
}

#[test]
fn layer_norm_normalizes_each_sample_by_itself() {
    let norm = LayerNorm::<f64>::new(&[4]);
    let x = Tensor::new(vec![1.0, 2.0, 3.0, 6.0, 10.0, 20.0, 30.0, 60.0], [2, 4]).unwrap();
    let y = norm.forward(&Var::constant(x), &mut Ctx::eval()).unwrap();
    let row = |scale: f64| [-2.0, -1.0, 0.0, 3.0].map(|d| d * scale / (3.5 * scale * scale + 1e-5).sqrt());
    let expected = [row(1.0), row(10.0)].concat();
    assert!(y.value().data().iter().zip(expected).all(|(y, w)| (y - w).abs() < 1e-14));
    let wrong = norm.forward(&Var::constant(Tensor::zeros([2, 3])), &mut Ctx::eval()).unwrap_err().to_string();
    assert!(wrong.contains("layer_norm") && wrong.contains("[2, 3]"), "{wrong}");
}

#[test]
fn tied_decoders_share_the_encoders_weights() {
    let encoder = Linear::<f64>::new(5, 2, Init::PyTorch, &mut rng());
    let decoder = TiedLinear::new(&encoder);
    let (w, x) = (encoder.weight.clone(), Tensor::randn([3, 5], &mut rng()));
    let model = Sequential::new().with("encoder", encoder).with("decoder", decoder);
    assert_eq!(count_parameters(&model), 10 + 2 + 5);
    let summary = summarize(&model, &[5]).unwrap();
    assert_eq!(summary.rows.iter().map(|row| row.macs).collect::<Vec<_>>(), [10, 10]);
    // Both uses' gradients add up: the change of the loss along a change of the weight.
    let loss = || {
        let tape = Tape::new();
        let y = model.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, 0, 0)).unwrap();
        let loss = y.mul(&y).unwrap().sum().unwrap();
        (loss.value().item(), tape.backward(&loss).unwrap().param(&w).unwrap().clone())
    };
    let (_, derivative) = loss();
    let (before, step) = (w.get(), 1e-6);
    for i in 0..10 {
        let at = |shift: f64| {
            w.set(Tensor::from_fn([2, 5], |k| before.data()[k] + if k == i { shift } else { 0.0 }));
            loss().0
        };
        let found = (at(step) - at(-step)) / (2.0 * step);
        assert!((found - derivative.data()[i]).abs() < 1e-7, "{i}: {found} {}", derivative.data()[i]);
    }
    let conv =
        Conv2d::<f64>::new(2, 6, [3, 3], ops::Conv2d { groups: 2, ..Default::default() }, Init::PyTorch, &mut rng());
    let back = ConvTranspose2d::tied(&conv, Default::default());
    assert_eq!((back.settings.groups, back.bias.as_ref().unwrap().get().shape()), (2, &[2][..]));
    let y = back.forward(&Var::constant(Tensor::zeros([1, 6, 4, 4])), &mut Ctx::eval()).unwrap();
    assert_eq!(y.shape(), [1, 2, 6, 6]);
}

#[test]
fn frozen_parts_stay_as_they_are_and_cost_no_gradient() {
    let part = |rng: &mut Rng| {
        Sequential::new().with("fc", Linear::new(4, 4, Init::PyTorch, rng)).with("tanh", Activation::Tanh)
    };
    let model: Sequential = Sequential::new()
        .with("encoder", part(&mut rng()))
        .with("middle", part(&mut rng()))
        .with("out", Linear::new(4, 2, Init::PyTorch, &mut rng()));
    assert_eq!(freeze(&model, "encoder.*").unwrap(), ["encoder.fc.weight", "encoder.fc.bias"]);
    let mut adam = FirstOrder::new(Adam { weight_decay: 0.1, ..Adam::new(0.01) });
    let x = Var::constant(Tensor::randn([3, 4], &mut rng()));
    let values = || parameters(&model).into_iter().map(|(_, p)| p.get().to_vec()).collect::<Vec<_>>();
    let mut step = || {
        let mut entries = 0;
        adam.step(&model, &mut || {
            let tape = Tape::new();
            let y = model.forward(&x, &mut Ctx::train(&tape, 0, 0))?;
            let loss = y.mul(&y)?.sum()?;
            entries = tape.len();
            Ok((loss.value().item(), tape.backward(&loss)?))
        })
        .unwrap();
        entries
    };
    let (before, few) = (values(), step());
    let after = values();
    let moved = |a: &[Vec<f32>], b: &[Vec<f32>]| a.iter().zip(b).map(|(a, b)| a != b).collect::<Vec<_>>();
    assert_eq!(moved(&before, &after), [false, false, true, true, true, true]);
    // Frozen again after it had a gradient: its running values must not push it on.
    assert_eq!(unfreeze(&model, "*").unwrap().len(), 6);
    assert_eq!(step(), few + 4, "two parameters and two ops more");
    freeze(&model, "*.fc.*").unwrap();
    let before = values();
    step();
    assert_eq!(moved(&before, &values()), [false, false, false, false, true, true]);
    let error = freeze(&model, "encodre.*").unwrap_err().to_string();
    assert!(error.contains("encodre.*") && error.contains("encoder.fc.weight"), "{error}");
}

#[test]
fn the_weight_of_the_divergence_grows_over_the_first_steps() {
    let code = GaussianLatent::<f32>::new(3, 2, 0.5, Init::PyTorch, &mut rng());
    let code = GaussianLatent { warmup: 4, ..code };
    let x = Var::constant(Tensor::randn([5, 3], &mut rng()));
    let weight = |mut cx: Ctx<'_, f32>| {
        code.forward(&x, &mut cx).unwrap();
        cx.losses()[0].weight
    };
    let tape = Tape::new();
    let weights: Vec<f64> = (1..=6).map(|step| weight(Ctx::train(&tape, 1, step))).collect();
    assert_eq!(weights, [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]);
    assert_eq!(weight(Ctx::eval()), 0.5, "an evaluation uses the full weight");
    assert_eq!(weight(Ctx::eval_drawing(1, 1)), 0.5);
}

#[test]
fn an_autoencoder_in_numbers() {
    let half = |padding| ops::Conv2d { stride: [2, 2], padding: Padding::Fixed([padding; 2]), ..Default::default() };
    let back = |padding, more| ops::ConvTranspose2d {
        stride: [2, 2],
        padding: [padding; 2],
        output_padding: [more; 2],
        ..Default::default()
    };
    let model = Sequential::<f32>::new()
        .with("conv", Conv2d::new(1, 8, [3, 3], half(2), Init::PyTorch, &mut rng()))
        .with("flatten", Flatten)
        .with("latent", GaussianLatent::new(8 * 15 * 15, 6, 1.0, Init::PyTorch, &mut rng()))
        .with("grow", Linear::new(6, 8 * 14 * 14, Init::PyTorch, &mut rng()))
        .with("unflatten", Unflatten([8, 14, 14].into()))
        .with("deconv", ConvTranspose2d::new(8, 1, [3, 3], back(1, 1), Init::PyTorch, &mut rng()));
    let summary = summarize(&model, &[1, 28, 28]).unwrap();
    let row = |path: &str| summary.rows.iter().find(|row| row.path == path).unwrap();
    assert_eq!((row("conv").macs, row("deconv").macs), (8 * 9 * 15 * 15, 8 * 9 * 14 * 14));
    assert_eq!((row("latent.mean").macs, row("latent.log_var").parameters), (1800 * 6, 1800 * 6 + 6));
    assert!(summary.rows.iter().all(|row| row.path != "latent"), "its parts are counted");
    assert_eq!(summary.parameters, summary.rows.iter().map(|row| row.parameters).sum::<usize>());
    assert_eq!(
        (row("deconv").output.as_slice(), row("deconv").kind.as_str()),
        (&[1, 28, 28][..], "transposed conv 3x3 stride 2")
    );
}
