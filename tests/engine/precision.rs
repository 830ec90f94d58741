//! `f32` keeps its digits: values and derivatives against the same formulas in `f64`, where functions saturate too.
//!
//! The inputs are `f32` numbers, so both precisions see the same ones. What is compared is relative: an error of the size
//! of the result's own last places, not of the largest number around.

use gradus::autograd::{Tape, Var};
use gradus::ops::ClassTarget;
use gradus::ops::latent::KlNormal;
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::{Real, Result};

const EPSILON: f64 = f32::EPSILON as f64;

/// Value and gradient of Σ f(x), computed in `T`.
fn run<T: Real>(x: &Tensor, f: impl Fn(&Var<T>) -> Result<Var<T>>) -> [Tensor<f64>; 2] {
    let tape = Tape::<T>::new();
    let leaf = tape.leaf(x.cast());
    let y = f(&leaf).unwrap();
    let gradients = tape.backward(&y.sum().unwrap()).unwrap();
    [y.value().cast(), gradients.of(&leaf).unwrap().unwrap().cast()]
}

/// Value and gradient of `f` in `f32`, and in `f64`. A macro, because a closure has one type of number.
macro_rules! both {
    ($x:expr, $f:expr) => {
        (run::<f32>($x, $f), run::<f64>($x, $f))
    };
}

/// Fails unless each element of `found` is `exact` but for `units(i)` of 2^-23, relative to `scale(i)`.
#[track_caller]
fn near(what: &str, [found, exact]: [&Tensor<f64>; 2], units: impl Fn(usize) -> f64, scale: impl Fn(usize) -> f64) {
    assert_eq!(found.shape(), exact.shape());
    for (i, (f, e)) in found.data().iter().zip(exact.data()).enumerate() {
        // What lies beyond the range of f32, or has terms there, may be infinite, or lose digits as a subnormal number.
        let allowed = units(i) * EPSILON * scale(i) + f64::from(f32::MIN_POSITIVE);
        let fits = (f - e).abs() <= allowed || e.abs() >= f64::from(f32::MAX) / 4.0;
        assert!(fits, "{what}, element {i}: {f:e}, exactly {e:e}; {allowed:e} is allowed");
    }
}

/// Numbers of both signs from 1e-30 to 100, near 0 and far out.
fn everywhere() -> Vec<f32> {
    let small = (-30..2).flat_map(|power| [1.0, 2.3, 5.7].map(|x| x * 10f32.powi(power)));
    let positive: Vec<f32> = small.chain((1..400).map(|i| i as f32 * 0.25)).collect();
    positive.iter().map(|x| -x).chain(positive.iter().copied()).chain([0.0]).collect()
}

fn row(x: &[f32]) -> Tensor {
    Tensor::new(x.to_vec(), [x.len()]).unwrap()
}

#[test]
fn functions_and_derivatives_keep_their_digits_where_they_saturate() {
    let all = row(&everywhere());
    let positive = row(&everywhere().into_iter().filter(|x| *x > 0.0).collect::<Vec<_>>());
    macro_rules! check {
        ($name:literal, $x:expr, $f:expr) => {
            let (single, double) = both!(&$x, $f);
            for (what, (found, exact)) in ["value", "derivative"].iter().zip(single.iter().zip(&double)) {
                near(&format!("{} of {}", what, $name), [found, exact], |_| 16.0, |i| exact.data()[i].abs());
            }
        };
    }
    check!("exp", all, |x| x.exp());
    check!("sin", all, |x| x.sin());
    check!("cos", all, |x| x.cos());
    check!("log", positive, |x| x.log());
    check!("sqrt", positive, |x| x.sqrt());
    check!("sigmoid", all, |x| x.sigmoid());
    check!("tanh", all, |x| x.tanh());
    check!("softplus", all, |x| x.softplus());
    check!("elu", all, |x| x.elu(1.0));
    check!("elu, 0.3", all, |x| x.elu(0.3));
}

#[test]
fn gelu_keeps_its_digits_far_to_the_left() {
    let x = row(&everywhere());
    let (single, double) = both!(&x, |x| x.gelu());
    let at = |i: usize| f64::from(x.data()[i]);
    let units = |i: usize| 16.0 + at(i) * at(i);
    near("gelu", [&single[0], &double[0]], units, |i| double[0].data()[i].abs());
    // Φ + x φ crosses zero at -0.75.
    let terms = |i: usize| (double[0].data()[i] / at(i)).abs() + (at(i) * (-0.5 * at(i) * at(i)).exp() * 0.4).abs();
    near("derivative of gelu", [&single[1], &double[1]], units, |i| if at(i) == 0.0 { 0.5 } else { terms(i) });
}

#[test]
fn silu_keeps_its_digits_far_to_the_left() {
    let x = row(&everywhere());
    let (single, double) = both!(&x, |x| x.silu());
    near("silu", [&single[0], &double[0]], |_| 16.0, |i| double[0].data()[i].abs());
    // σ + x σ(x) σ(-x) crosses zero at -1.28.
    let terms = |i: usize| {
        let x = f64::from(x.data()[i]);
        (1.0 + (x / (1.0 + x.exp())).abs()) / (1.0 + (-x).exp())
    };
    near("derivative of silu", [&single[1], &double[1]], |_| 16.0, terms);
}

#[test]
fn binary_cross_entropy_of_confident_logits_keeps_its_digits() {
    for x in everywhere() {
        for (q, w) in [(0.0, 1.0), (1.0, 1.0), (1.0, 2.5), (0.25, 1.0), (0.75, 0.5)] {
            let leaf = row(&[x]);
            let (single, double) = both!(&leaf, |x| {
                x.bce_with_logits(&Tensor::from_f64(&[q], [1])?, Some(&Tensor::from_f64(&[w], [1])?))
            });
            // A soft target's two terms may cancel, but only near the minimum, where the loss itself is flat.
            let (up, down) = (1.0 / (1.0 + f64::from(-x).exp()), 1.0 / (1.0 + f64::from(x).exp()));
            let terms = (1.0 - q) * up + w * q * down;
            near(&format!("loss at {x}, {q}"), [&single[0], &double[0]], |_| 16.0, |_| double[0].item());
            near(&format!("derivative at {x}, {q}"), [&single[1], &double[1]], |_| 16.0, |_| terms);
        }
    }
    // x = -15 was 17 % off, -20 was 0.
    let ([loss, derivative], _) = both!(&row(&[-20.0]), |x| x.bce_with_logits(&Tensor::zeros([1]), None));
    assert!(
        (loss.item() / (-20f64).exp() - 1.0).abs() < 1e-6 && (derivative.item() / (-20f64).exp() - 1.0).abs() < 1e-6
    );
}

/// Logits of 40 samples, from quite undecided to quite sure.
fn logits(classes: usize) -> Tensor {
    let mut rng = Rng::new(5, "test", 0);
    Tensor::from_fn([40, classes], |i| (rng.normal() * 0.1 * (1 + i / classes) as f64 * 2.0) as f32)
}

#[test]
fn softmax_and_cross_entropy_keep_the_digits_of_small_errors() {
    for classes in [2, 3, 10, 500] {
        let x = logits(classes);
        let labels: Vec<usize> = (0..40)
            .map(|i| {
                let row = &x.data()[i * classes..][..classes];
                let best = (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
                if i % 3 == 0 { i % classes } else { best }
            })
            .collect();
        let wide = Var::constant(x.cast::<f64>());
        let (p, log_p) = (wide.softmax(1).unwrap().into_value(), wide.log_softmax(1).unwrap().into_value());
        // x - max x is rounded, and exp turns that into a relative error as large as the number itself.
        let units = |i: usize| {
            16.0 + log_p.data()[i / classes * classes..][..classes].iter().fold(0.0, |most: f64, l| most.max(l.abs()))
        };

        // Gradients of one output and of a mixture of all.
        let mix: Vec<f64> = (0..x.numel()).map(|i| ((i * 7) % 11) as f64 - 5.0).collect();
        let (single, double) = both!(&x, |x| {
            let weights = Tensor::from_f64(&mix, x.shape())?;
            x.softmax(1)?.mul(&Var::constant(weights))
        });
        near("softmax", [&single[0], &double[0]], units, |i| double[0].data()[i].abs());
        // Each term p[k] p[j] (g[k] - g[j]) counts.
        let terms = |i: usize| {
            let (row, k) = (i / classes * classes, i);
            (row..row + classes).map(|j| p.data()[k] * p.data()[j] * (mix[k] - mix[j]).abs()).sum::<f64>()
        };
        near("softmax, backward", [&single[1], &double[1]], |_| 64.0, terms);

        let (single, double) = both!(&x, |x| {
            let pick = |i: usize| if labels[i / classes] == i % classes { -1.0 } else { 0.0 };
            x.log_softmax(1)?.mul(&Var::constant(Tensor::from_fn(x.value().shape_owned(), pick)))
        });
        let error = |i: usize| double[1].data()[i].abs();
        near("log_softmax, backward", [&single[1], &double[1]], units, error);

        let (single, double) = both!(&x, |x| x.cross_entropy(ClassTarget::Labels(&labels)));
        near("cross_entropy", [&single[0], &double[0]], |_| 16.0, |_| double[0].item());
        near("cross_entropy, backward", [&single[1], &double[1]], units, |i| double[1].data()[i].abs());

        let (single, double) = both!(&x, |x| {
            let soft: Vec<f64> = labels
                .iter()
                .flat_map(|&label| {
                    (0..classes).map(move |k| if k == label { 0.75 } else { 0.25 / (classes - 1) as f64 })
                })
                .map(|q| f64::from(q as f32))
                .collect();
            x.cross_entropy(ClassTarget::Probabilities(&Tensor::from_f64(&soft, x.shape())?))
        });
        near("soft cross_entropy, backward", [&single[1], &double[1]], units, |i| (p.data()[i] + 0.75) / 40.0);
    }
}

#[test]
fn a_confident_correct_prediction_still_has_a_loss_and_a_gradient() {
    for gap in [10.0f32, 17.0, 20.0, 40.0, 80.0] {
        let x = Tensor::new(vec![gap, 0.0], [1, 2]).unwrap();
        let ([loss, gradient], _) = both!(&x, |x| x.cross_entropy(ClassTarget::Labels(&[0])));
        let q = 1.0 / (1.0 + f64::from(gap).exp()); // what the other class is given
        let close = |found: f64, exact: f64| (found / exact - 1.0).abs() < 1e-5;
        assert!(close(loss.item(), (-q).ln_1p().abs()), "{gap}: {}", loss.item());
        assert!(close(gradient.data()[0], -q) && close(gradient.data()[1], q), "{gap}: {gradient}");
    }
}

#[test]
fn a_divergence_is_never_negative_and_keeps_its_digits() {
    let l = row(&everywhere().into_iter().filter(|l| *l < 88.0).collect::<Vec<_>>()); // beyond, eˡ overflows
    let zeros = Tensor::zeros(l.shape());
    let found: Tensor<f64> = KlNormal::of_elements(&zeros, &l).cast();
    let exact: Tensor<f64> = KlNormal::of_elements(&zeros.cast(), &l.cast());
    assert!(found.data().iter().all(|kl| *kl >= 0.0));
    near("KL", [&found, &exact], |_| 16.0, |i| exact.data()[i]);
    // By the series, far below where eˡ - 1 - l is all rounding, in f64 too.
    let tiny = |l: f64| KlNormal::of_elements(&Tensor::scalar(0.0).reshape([1]).unwrap(), &Tensor::full([1], l)).item();
    for l in [1e-3, -1e-5, 1e-9] {
        assert!((tiny(l) / (0.25 * l * l * (1.0 + l / 3.0)) - 1.0).abs() < 1e-6, "{l}");
    }
    let (single, double) = both!(&l, |l| {
        let mean = Var::constant(Tensor::zeros([l.value().numel(), 1]));
        mean.kl_normal(&l.reshape([l.value().numel(), 1])?)
    });
    near("KL, derivative", [&single[1], &double[1]], |_| 16.0, |i| double[1].data()[i].abs());
}

#[test]
fn a_quotients_gradient_does_not_overflow_where_it_is_finite() {
    let gradients = |a: f32, b: f32, g: f32| {
        let tape = Tape::new();
        let (a, b) = (tape.leaf(row(&[a])), tape.leaf(row(&[b])));
        let y = a.div(&b).unwrap();
        let found = tape.backward_from(&y, row(&[g])).unwrap();
        [&a, &b].map(|x| found.of(x).unwrap().unwrap().item())
    };
    let close = |found: [f32; 2], exact: [f32; 2]| found.iter().zip(exact).all(|(f, e)| (f / e - 1.0).abs() < 1e-6);
    assert!(close(gradients(6.0, 2.0, 1.0), [0.5, -1.5]));
    assert!(close(gradients(1e25, 1e25, 1.0), [1e-25, -1e-25]), "b² overflows");
    assert!(close(gradients(1e-25, 1e-25, 1.0), [1e25, -1e25]), "b² vanishes");
    // 1/b overflows, g/b does not.
    assert!((gradients(0.0, 1e-39, 1e-20)[0] / 1e19 - 1.0).abs() < 1e-5);
}
