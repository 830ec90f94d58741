//! First values against their formulas: the fans of each kind of layer, the variance and the bounds of each scheme.

use gradus::autograd::{Param, Var};
use gradus::nn::{
    BatchNorm2d, Conv2d, ConvTranspose2d, Ctx, GaussianLatent, Init, LayerNorm, Linear, Module, Sequential, parameters,
};
use gradus::ops;
use gradus::rng::Rng;
use gradus::tensor::Tensor;

fn rng() -> Rng {
    Rng::new(7, "init", 0)
}

/// The variance of a scheme's weights, and the largest absolute value if they are bounded.
fn formula(init: Init, fan_in: f64, fan_out: f64) -> (f64, Option<f64>) {
    let uniform = |a: f64| (a * a / 3.0, Some(a));
    match init {
        Init::HeNormal => (2.0 / fan_in, None),
        Init::HeUniform => uniform((6.0 / fan_in).sqrt()),
        Init::XavierNormal => (2.0 / (fan_in + fan_out), None),
        Init::XavierUniform => uniform((6.0 / (fan_in + fan_out)).sqrt()),
        Init::PyTorch => uniform(1.0 / fan_in.sqrt()),
        Init::Dirac | Init::Zeros => unreachable!("not drawn by a formula alone"),
    }
}

/// Holds drawn numbers against their mean of 0, their variance and their bounds, which they must also come near to.
fn check(what: &str, drawn: &Tensor<f64>, (variance, bound): (f64, Option<f64>)) {
    let n = drawn.numel() as f64;
    let mean = drawn.data().iter().sum::<f64>() / n;
    let found = drawn.data().iter().map(|x| x * x).sum::<f64>() / n;
    // Five standard errors; the fourth moment of a normal is 3 variances squared, of a uniform 9/5.
    let kurtosis: f64 = if bound.is_some() { 1.8 } else { 3.0 };
    assert!(mean.abs() < 5.0 * (variance / n).sqrt(), "{what}: mean {mean}");
    assert!(
        (found / variance - 1.0).abs() < 5.0 * ((kurtosis - 1.0) / n).sqrt(),
        "{what}: variance {found}, not {variance}"
    );
    let largest = drawn.data().iter().fold(0.0f64, |m, x| m.max(x.abs()));
    match bound {
        // That all n lie below (1 - 10/n) a has probability e⁻¹⁰.
        Some(a) => assert!(largest <= a && largest > (1.0 - 10.0 / n) * a, "{what}: largest {largest}, bound {a}"),
        None => assert!(largest > 3.0 * variance.sqrt(), "{what}: no tails, largest {largest}"),
    }
}

/// Weight and bias of a layer, the fans that its own documentation gives.
fn layer(what: &str, init: Init, weight: &Param<f64>, bias: &Param<f64>, fan_in: f64, fan_out: f64) {
    let what = format!("{what}, {init:?}");
    check(&what, &weight.get(), formula(init, fan_in, fan_out));
    let bias = bias.get();
    match init {
        Init::PyTorch => check(&format!("bias of {what}"), &bias, formula(init, fan_in, fan_out)),
        _ => assert!(bias.data().iter().all(|b| *b == 0.0), "bias of {what}"),
    }
}

#[test]
fn each_layer_draws_by_its_formula() {
    for init in Init::ALL.into_iter().filter(|init| !matches!(init, Init::Dirac | Init::Zeros)) {
        let linear = Linear::<f64>::new(40, 500, init, &mut rng());
        layer("linear", init, &linear.weight, &linear.bias, 40.0, 500.0);

        // Of 6 channels in 2 groups a filter reads 3, through 3 x 5 taps.
        let settings = ops::Conv2d { groups: 2, ..Default::default() };
        let conv = Conv2d::<f64>::new(6, 400, [3, 5], settings, init, &mut rng());
        assert_eq!(conv.weight.get().shape(), [400, 3, 3, 5]);
        layer("conv2d", init, &conv.weight, conv.bias.as_ref().unwrap(), 45.0, 400.0 * 15.0);

        // Transposed, the filter's own O/groups KH KW numbers are the fan-in, as in PyTorch.
        let settings = ops::ConvTranspose2d { groups: 2, ..Default::default() };
        let back = ConvTranspose2d::<f64>::new(8, 600, [2, 3], settings, init, &mut rng());
        assert_eq!(back.weight.get().shape(), [8, 300, 2, 3]);
        layer("conv_transpose2d", init, &back.weight, back.bias.as_ref().unwrap(), 1800.0, 48.0);

        let code = GaussianLatent::<f64>::new(30, 400, 1.0, init, &mut rng());
        layer("mean", init, &code.mean.weight, &code.mean.bias, 30.0, 400.0);
        layer("log_var", init, &code.log_var.weight, &code.log_var.bias, 30.0, 400.0);
        assert_ne!(code.mean.weight.get(), code.log_var.weight.get(), "two draws");
    }
}

/// A convolution that begins by copying gives what it gets in its first channels, whatever the size of its filters; zeros give 0.
#[test]
fn filters_that_copy_hand_on_their_input() {
    let same = ops::Conv2d { padding: ops::Padding::Same, ..Default::default() };
    let x = Var::constant(Tensor::<f64>::randn([2, 3, 5, 6], &mut rng()));
    for kernel in [[3, 3], [1, 5]] {
        let conv = Conv2d::<f64>::new(3, 5, kernel, same, Init::Dirac, &mut rng()).without_bias();
        let y = conv.forward(&x, &mut Ctx::eval()).unwrap();
        assert!((0..2).all(|n| (0..3 * 30).all(|i| y.value().data()[n * 150 + i] == x.value().data()[n * 90 + i])));
        let rest = Tensor::new(
            conv.weight.get().data()[3 * 3 * kernel[0] * kernel[1]..].to_vec(),
            [2, 3, kernel[0], kernel[1]],
        );
        let bound = 1.0 / (3.0 * (kernel[0] * kernel[1]) as f64).sqrt();
        assert!(rest.unwrap().data().iter().all(|w| *w != 0.0 && w.abs() <= bound));
    }
    let none = Linear::<f64>::new(4, 3, Init::Zeros, &mut rng());
    assert!(none.weight.get().data().iter().chain(none.bias.get().data()).all(|w| *w == 0.0));
}

#[test]
fn normalizations_begin_as_the_identity() {
    let batch = BatchNorm2d::<f64>::new(3);
    for (tensor, value) in [
        (batch.weight.get(), 1.0),
        (batch.bias.get(), 0.0),
        (batch.running_mean.get(), 0.0),
        (batch.running_var.get(), 1.0),
        (LayerNorm::<f64>::new(&[3]).weight.get(), 1.0),
        (LayerNorm::<f64>::new(&[3]).bias.get(), 0.0),
    ] {
        assert_eq!(tensor.data(), [value; 3]);
    }
}

/// A layer without inputs has no weight, and its bias is 0, as in PyTorch: 1/√0 is not a bound.
#[test]
fn layers_without_inputs_or_outputs_are_finite() {
    for init in Init::ALL {
        let linear = Linear::<f32>::new(0, 3, init, &mut rng());
        assert_eq!((linear.weight.get().shape(), linear.bias.get().data()), (&[3, 0][..], &[0.0; 3][..]));
        let y = linear.forward(&Var::constant(Tensor::zeros([2, 0])), &mut Ctx::eval()).unwrap();
        assert_eq!((y.shape(), y.value().data()), (&[2, 3][..], &[0.0; 6][..]));
        let model = Sequential::<f32>::new()
            .with("none", Linear::new(3, 0, init, &mut rng()))
            .with("conv", Conv2d::new(0, 2, [3, 3], ops::Conv2d::default(), init, &mut rng()))
            .with("empty", Conv2d::new(2, 2, [0, 3], ops::Conv2d::default(), init, &mut rng()))
            .with("back", ConvTranspose2d::new(2, 0, [3, 3], Default::default(), init, &mut rng()));
        for (name, param) in parameters(&model) {
            assert!(param.get().data().iter().all(|v| v.is_finite()), "{name}, {init:?}");
        }
    }
}
