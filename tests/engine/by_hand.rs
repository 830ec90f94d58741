//! Each op on a few small whole numbers, worked out by hand. Here finite differences cannot help: a mistake in
//! both value and derivative would look correct to them.

use gradus::autograd::{Tape, Var};
use gradus::ops::layout::concat;
use gradus::ops::{ClassTarget, Conv2d, Padding, Window};
use gradus::rng::Rng;
use gradus::tensor::Tensor;

type Numbers = &'static [f64];
type Shape = &'static [usize];

/// The gradient that arrives at y is 1, 2, 3, .. in row-major order. `expected` holds y and the inputs' gradients.
fn expect(
    name: &str,
    inputs: &[(Numbers, Shape)],
    f: impl Fn(&[Var<f64>]) -> gradus::Result<Var<f64>>,
    (y, shape): (Numbers, Shape),
    gradients: &[Numbers],
) {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|(data, shape)| tape.leaf(Tensor::from_f64(data, *shape).unwrap())).collect();
    let result = f(&x).unwrap();
    assert_eq!(result.shape(), shape, "{name}: shape");
    assert_close(name, "y", result.value().data(), y);
    let seed = Tensor::from_fn(result.shape(), |i| i as f64 + 1.0);
    let found = tape.backward_from(&result, seed).unwrap();
    for (i, expected) in gradients.iter().enumerate() {
        assert_close(name, &format!("gradient of input {i}"), found.of(&x[i]).unwrap().unwrap().data(), expected);
    }
}

/// Equal, but for the last digits of exp, log and the like.
fn assert_close(name: &str, what: &str, found: &[f64], expected: &[f64]) {
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-14 * b.abs().max(1.0) || a == b;
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(close),
        "{name}, {what}: {found:?} for {expected:?}"
    );
}

#[test]
fn elementwise() {
    const X: &[(Numbers, Shape)] = &[(&[-2., 0., 3.], &[3])];
    let row = |name: &str, f: fn(&Var<f64>) -> gradus::Result<Var<f64>>, y: Numbers, g: Numbers| {
        expect(name, X, |x| f(&x[0]), (y, &[3]), &[g]);
    };
    row("neg", |x| x.neg(), &[2., 0., -3.], &[-1., -2., -3.]);
    row("affine", |x| x.affine(2., 1.), &[-3., 1., 7.], &[2., 4., 6.]);
    row("abs, derivative 0 at the kink", |x| x.abs(), &[2., 0., 3.], &[-1., 0., 3.]);
    row("relu, derivative 0 at the kink", |x| x.relu(), &[0., 0., 3.], &[0., 0., 3.]);
    row("leaky_relu", |x| x.leaky_relu(0.5), &[-1., 0., 3.], &[0.5, 1., 3.]);
    row("clamp, derivative 1 on the limit", |x| x.clamp(-1., 3.), &[-1., 0., 3.], &[0., 2., 3.]);
    row("pow 2", |x| x.pow(2.), &[4., 0., 9.], &[-4., 0., 18.]);
    row("pow 3", |x| x.pow(3.), &[-8., 0., 27.], &[12., 0., 81.]);
    row("pow 4", |x| x.pow(4.), &[16., 0., 81.], &[-32., 0., 324.]);
    row("pow 1", |x| x.pow(1.), &[-2., 0., 3.], &[1., 2., 3.]);
    row("pow 0", |x| x.pow(0.), &[1., 1., 1.], &[0., 0., 0.]);
    row("dropout of nothing", |x| x.dropout(0., Rng::new(1, "m", 0)), &[-2., 0., 3.], &[1., 2., 3.]);

    const ZERO: &[(Numbers, Shape)] = &[(&[0.], &[1])];
    expect("exp", ZERO, |x| x[0].exp(), (&[1.], &[1]), &[&[1.]]);
    expect("sigmoid", ZERO, |x| x[0].sigmoid(), (&[0.5], &[1]), &[&[0.25]]);
    expect("tanh", ZERO, |x| x[0].tanh(), (&[0.], &[1]), &[&[1.]]);
    expect("gelu", ZERO, |x| x[0].gelu(), (&[0.], &[1]), &[&[0.5]]);
    const FOUR: &[(Numbers, Shape)] = &[(&[4., 1.], &[2])];
    expect("sqrt", FOUR, |x| x[0].sqrt(), (&[2., 1.], &[2]), &[&[0.25, 1.]]);
    expect("log", FOUR, |x| x[0].log(), (&[std::f64::consts::LN_2 * 2., 0.], &[2]), &[&[0.25, 2.]]);
    // Φ(1) = 0.841344746068542948585.., φ(1) = 0.241970724519143349797..
    const ONE: &[(Numbers, Shape)] = &[(&[1.], &[1])];
    expect("gelu at 1", ONE, |x| x[0].gelu(), (&[0.841_344_746_068_542_9], &[1]), &[&[1.083_315_470_587_686_3]]);
    // σ(1) = 0.731058578630004879.., and the derivative σ(1) (1 + σ(-1)).
    expect("silu", ZERO, |x| x[0].silu(), (&[0.], &[1]), &[&[0.5]]);
    expect("silu at 1", ONE, |x| x[0].silu(), (&[0.731_058_578_630_004_9], &[1]), &[&[0.927_670_511_871_486_7]]);
}

#[test]
fn extremes_do_not_overflow() {
    const X: &[(Numbers, Shape)] = &[(&[-1000., 1000.], &[1, 2])];
    expect("sigmoid", X, |x| x[0].sigmoid(), (&[0., 1.], &[1, 2]), &[&[0., 0.]]);
    expect("tanh", X, |x| x[0].tanh(), (&[-1., 1.], &[1, 2]), &[&[0., 0.]]);
    expect("gelu", X, |x| x[0].gelu(), (&[0., 1000.], &[1, 2]), &[&[0., 2.]]);
    expect("softmax", X, |x| x[0].softmax(1), (&[0., 1.], &[1, 2]), &[&[0., 0.]]);
    expect("log_softmax", X, |x| x[0].log_softmax(1), (&[-2000., 0.], &[1, 2]), &[&[1., -1.]]);
    expect("cross_entropy", X, |x| x[0].cross_entropy(ClassTarget::Labels(&[0])), (&[2000.], &[]), &[&[-1., 1.]]);
}

#[test]
fn arithmetic() {
    const X: &[(Numbers, Shape)] = &[(&[1., 2., 3., 4.], &[2, 2]), (&[2., 4.], &[2])];
    let y = |y: Numbers| (y, &[2, 2][..]);
    expect("add", X, |x| x[0].add(&x[1]), y(&[3., 6., 5., 8.]), &[&[1., 2., 3., 4.], &[4., 6.]]);
    expect("sub", X, |x| x[0].sub(&x[1]), y(&[-1., -2., 1., 0.]), &[&[1., 2., 3., 4.], &[-4., -6.]]);
    expect("mul", X, |x| x[0].mul(&x[1]), y(&[2., 8., 6., 16.]), &[&[2., 8., 6., 16.], &[10., 20.]]);
    expect("div", X, |x| x[0].div(&x[1]), y(&[0.5, 0.5, 1.5, 1.]), &[&[0.5, 0.5, 1.5, 1.], &[-2.5, -1.25]]);
    const OUTER: &[(Numbers, Shape)] = &[(&[1., 2.], &[2, 1]), (&[3., 4., 5.], &[3])];
    let expected: (Numbers, Shape) = (&[3., 4., 5., 6., 8., 10.], &[2, 3]);
    expect("mul, outer", OUTER, |x| x[0].mul(&x[1]), expected, &[&[26., 62.], &[9., 12., 15.]]);
}

#[test]
fn reductions() {
    const X: &[(Numbers, Shape)] = &[(&[1., 5., 3., 4., 2., 6.], &[2, 3])];
    expect("sum", X, |x| x[0].sum(), (&[21.], &[]), &[&[1.; 6]]);
    expect("sum of rows", X, |x| x[0].sum_axes(&[1], false), (&[9., 12.], &[2]), &[&[1., 1., 1., 2., 2., 2.]]);
    let columns: (Numbers, Shape) = (&[5., 7., 9.], &[1, 3]);
    expect("sum of columns", X, |x| x[0].sum_axes(&[0], true), columns, &[&[1., 2., 3., 1., 2., 3.]]);
    expect("mean", X, |x| x[0].mean_axes(&[0], false), (&[2.5, 3.5, 4.5], &[3]), &[&[0.5, 1., 1.5, 0.5, 1., 1.5]]);
    expect("max", X, |x| x[0].max(), (&[6.], &[]), &[&[0., 0., 0., 0., 0., 1.]]);
    expect("max of rows", X, |x| x[0].max_axes(&[1], true), (&[5., 6.], &[2, 1]), &[&[0., 1., 0., 0., 0., 2.]]);
    const TIE: &[(Numbers, Shape)] = &[(&[2., 7., 7.], &[3])];
    expect("max, a tie goes to the first", TIE, |x| x[0].max(), (&[7.], &[]), &[&[0., 1., 0.]]);
}

#[test]
fn layout() {
    const X: &[(Numbers, Shape)] = &[(&[1., 2., 3., 4., 5., 6.], &[2, 3])];
    expect("reshape", X, |x| x[0].reshape([3, 2]), (X[0].0, &[3, 2]), &[X[0].0]);
    let turned: (Numbers, Shape) = (&[1., 4., 2., 5., 3., 6.], &[3, 2]);
    expect("permute", X, |x| x[0].permute(&[1, 0]), turned, &[&[1., 3., 5., 2., 4., 6.]]);
    expect("slice", X, |x| x[0].slice(1, 1..3), (&[2., 3., 5., 6.], &[2, 2]), &[&[0., 1., 2., 0., 3., 4.]]);
    let padded: (Numbers, Shape) = (&[9., 1., 2., 3., 9., 9., 4., 5., 6., 9.], &[2, 5]);
    expect("pad", X, |x| x[0].pad(1, 1, 1, 9.), padded, &[&[2., 3., 4., 7., 8., 9.]]);
    const TWO: &[(Numbers, Shape)] = &[(&[1., 2.], &[2, 1]), (&[3., 4., 5., 6.], &[2, 2])];
    let joined: (Numbers, Shape) = (&[1., 3., 4., 2., 5., 6.], &[2, 3]);
    expect("concat", TWO, |x| concat(&[&x[0], &x[1]], 1), joined, &[&[1., 4.], &[2., 3., 5., 6.]]);
}

#[test]
fn products() {
    const X: &[(Numbers, Shape)] = &[(&[1., 2., 3., 4.], &[2, 2]), (&[5., 6., 7., 8.], &[2, 2]), (&[10., 20.], &[2])];
    let y: (Numbers, Shape) = (&[19., 22., 43., 50.], &[2, 2]);
    expect("matmul", &X[..2], |x| x[0].matmul(&x[1]), y, &[&[17., 23., 39., 53.], &[10., 14., 14., 20.]]);
    // y = x wᵀ + b: the rows of w are the outputs.
    let y: (Numbers, Shape) = (&[27., 43., 49., 73.], &[2, 2]);
    let g: [Numbers; 3] = [&[19., 22., 43., 50.], &[10., 14., 14., 20.], &[4., 6.]];
    expect("linear", X, |x| x[0].linear(&x[1], &x[2]), y, &g);
}

#[test]
fn convolution() {
    // 1 2 3
    // 4 5 6   under  1 10
    // 7 8 9          100 1000
    const X: &[(Numbers, Shape)] =
        &[(&[1., 2., 3., 4., 5., 6., 7., 8., 9.], &[1, 1, 3, 3]), (&[1., 10., 100., 1000.], &[1, 1, 2, 2])];
    let valid = Conv2d::default();
    let y: (Numbers, Shape) = (&[5421., 6532., 8754., 9865.], &[1, 1, 2, 2]);
    let g: [Numbers; 2] = [&[1., 12., 20., 103., 1234., 2040., 300., 3400., 4000.], &[37., 47., 67., 77.]];
    expect("conv2d", X, |x| x[0].conv2d(&x[1], None, valid), y, &g);
    // An even kernel keeps the size by one row of zeros below and one column at the right.
    let same = Conv2d { padding: Padding::Same, ..valid };
    let y: Numbers = &[5421., 6532., 603., 8754., 9865., 906., 87., 98., 9.];
    expect("conv2d, same", X, |x| x[0].conv2d(&x[1], None, same), (y, &[1, 1, 3, 3]), &[]);
    // With dilation 2 the kernel covers the four corners.
    let dilated = Conv2d { dilation: [2, 2], ..valid };
    let g: [Numbers; 2] = [&[1., 0., 10., 0., 0., 0., 100., 0., 1000.], &[1., 3., 7., 9.]];
    expect("conv2d, dilated", X, |x| x[0].conv2d(&x[1], None, dilated), (&[9731.], &[1, 1, 1, 1]), &g);
    // Steps of two down: rows 0 and 2 (with zeros below); steps of one across.
    let stepped = Conv2d { stride: [2, 1], padding: Padding::Same, ..valid };
    let y: Numbers = &[5421., 6532., 603., 87., 98., 9.];
    expect("conv2d, stride", X, |x| x[0].conv2d(&x[1], None, stepped), (y, &[1, 1, 2, 3]), &[]);
    // Two channels in, two out, 1x1: y₀ = x₀ + 2 x₁ + 100, y₁ = 3 x₀ + 4 x₁ + 200.
    const MIXED: &[(Numbers, Shape)] =
        &[(&[1., 2., 3., 4.], &[1, 2, 1, 2]), (&[1., 2., 3., 4.], &[2, 2, 1, 1]), (&[100., 200.], &[2])];
    let y: (Numbers, Shape) = (&[107., 110., 215., 222.], &[1, 2, 1, 2]);
    let g: [Numbers; 3] = [&[10., 14., 14., 20.], &[5., 11., 11., 25.], &[3., 7.]];
    expect("conv2d_bias", MIXED, |x| x[0].conv2d(&x[1], Some(&x[2]), valid), y, &g);
}

#[test]
fn pooling() {
    const X: &[(Numbers, Shape)] = &[(&[1., 5., 2., 8., 3., 4., 7., 6., 9.], &[1, 1, 3, 3])];
    let overlapping = Window { kernel: [2, 2], stride: [1, 1], padding: [0, 0] };
    let y: (Numbers, Shape) = (&[8., 5., 8., 9.], &[1, 1, 2, 2]);
    let g: Numbers = &[0., 2., 0., 4., 0., 0., 0., 0., 4.];
    expect("max_pool2d", X, |x| x[0].max_pool2d(overlapping), y, &[g]);
    let y: (Numbers, Shape) = (&[4.25, 3.5, 6., 5.5], &[1, 1, 2, 2]);
    let g: Numbers = &[0.25, 0.75, 0.5, 1., 2.5, 1.5, 0.75, 1.75, 1.];
    expect("avg_pool2d", X, |x| x[0].avg_pool2d(overlapping), y, &[g]);
    // Zeros of the padding count in a mean and never win a maximum.
    let padded = Window { kernel: [2, 2], stride: [2, 2], padding: [1, 1] };
    const MINUS: &[(Numbers, Shape)] = &[(&[-4., -8., -12., -16.], &[1, 1, 2, 2])];
    let y: (Numbers, Shape) = (&[-4., -8., -12., -16.], &[1, 1, 2, 2]);
    expect("max_pool2d, padded", MINUS, |x| x[0].max_pool2d(padded), y, &[&[1., 2., 3., 4.]]);
    let y: (Numbers, Shape) = (&[-1., -2., -3., -4.], &[1, 1, 2, 2]);
    expect("avg_pool2d, padded", MINUS, |x| x[0].avg_pool2d(padded), y, &[&[0.25, 0.5, 0.75, 1.]]);
    const TIE: &[(Numbers, Shape)] = &[(&[7., 7., 7., 7.], &[1, 1, 2, 2])];
    let first: &[Numbers] = &[&[1., 0., 0., 0.]];
    expect("max_pool2d, a tie goes to the first", TIE, |x| x[0].max_pool2d(overlapping), (&[7.], &[1, 1, 1, 1]), first);
}

#[test]
fn softmax_and_losses() {
    // Logits ln 1, ln 2, ln 5: probabilities 1/8, 2/8, 5/8.
    const X: &[(Numbers, Shape)] = &[(&[0., std::f64::consts::LN_2, 1.609_437_912_434_100_3], &[1, 3])];
    // ⟨g, p⟩ = 20/8; dx = p (g - 20/8).
    let p: (Numbers, Shape) = (&[0.125, 0.25, 0.625], &[1, 3]);
    expect("softmax", X, |x| x[0].softmax(1), p, &[&[-0.1875, -0.125, 0.3125]]);
    let log_p: Numbers = &[-2.079_441_541_679_836, -1.386_294_361_119_890_6, -0.470_003_629_245_735_6];
    expect("log_softmax", X, |x| x[0].log_softmax(1), (log_p, &[1, 3]), &[&[0.25, 0.5, -0.75]]);
    // The gradient is p - y.
    let loss: (Numbers, Shape) = (&[1.386_294_361_119_890_6], &[]);
    expect("cross_entropy", X, |x| x[0].cross_entropy(ClassTarget::Labels(&[1])), loss, &[&[0.125, -0.75, 0.625]]);
    // A single sample's weight cancels with the divisor; soft targets divide by the number of samples instead.
    let weighted = |x: &[Var<f64>]| x[0].cross_entropy_weighted(ClassTarget::Labels(&[1]), &[1., 4., 1.]);
    expect("cross_entropy, weighted labels", X, weighted, loss, &[&[0.125, -0.75, 0.625]]);
    let one_hot = Tensor::from_f64(&[0., 1., 0.], [1, 3]).unwrap();
    let weighted = |x: &[Var<f64>]| x[0].cross_entropy_weighted(ClassTarget::Probabilities(&one_hot), &[1., 4., 1.]);
    expect("cross_entropy, weighted targets", X, weighted, (&[5.545_177_444_479_562], &[]), &[&[0.5, -3., 2.5]]);
    const TWO: &[(Numbers, Shape)] = &[(&[1., 2., 3., 6.], &[4]), (&[1., 0., 3., 2.], &[4])];
    expect("mse", TWO, |x| x[0].mse(&x[1]), (&[5.], &[]), &[&[0., 1., 0., 2.], &[0., -1., 0., -2.]]);
}

#[test]
fn dropout_scales_what_it_keeps() {
    let (p, n) = (0.25, 100_000);
    let tape = Tape::new();
    let x = tape.leaf(Tensor::<f64>::full([n], 3.0));
    let y = x.dropout(p, Rng::new(1, "mask", 0)).unwrap();
    let kept = y.value().data().iter().filter(|&&v| v == 4.0).count();
    let dropped = y.value().data().iter().filter(|&&v| v == 0.0).count();
    assert_eq!(kept + dropped, n, "each element is 0 or scaled by 1/(1 - p)");
    // Five standard deviations of a binomial count.
    let deviation = (n as f64 * p * (1.0 - p)).sqrt();
    assert!((dropped as f64 - p * n as f64).abs() < 5.0 * deviation, "{dropped} of {n} dropped");
    let values = y.value().clone();
    let gradients = tape.backward_from(&y, Tensor::full([n], 3.0)).unwrap();
    assert_eq!(gradients.of(&x).unwrap(), Some(&values), "the gradient passes the same mask");
}

#[test]
fn an_infinitely_unlikely_class_has_probability_0_and_nan_spreads() {
    let softmax = |x: &[f64]| {
        let x = Var::constant(Tensor::<f64>::from_f64(x, [1, x.len()]).unwrap());
        x.softmax(1).unwrap().into_value().to_vec()
    };
    assert_eq!(softmax(&[f64::NEG_INFINITY, 0.0, 0.0]), [0.0, 0.5, 0.5]);
    assert!(softmax(&[f64::NAN, 0.0]).iter().all(|p| p.is_nan()));
    assert!(softmax(&[f64::INFINITY, 0.0])[0].is_nan());
}
