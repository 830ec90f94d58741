//! Where mathematics leaves a choice: each row of the table in `src/ops/mod.rs`, and what is as in PyTorch.

use gradus::analysis::kmeans::KMeans;
use gradus::autograd::{Tape, Var};
use gradus::ops::{ClassTarget, Conv2d, Padding, Window};
use gradus::tensor::Tensor;

const NAN: f32 = f32::NAN;
const INFINITY: f32 = f32::INFINITY;

/// Value and gradient of Σ f(x).
fn run(x: &[f32], shape: &[usize], f: impl Fn(&Var) -> gradus::Result<Var>) -> [Vec<f32>; 2] {
    let tape = Tape::new();
    let leaf = tape.leaf(Tensor::new(x.to_vec(), shape).unwrap());
    let y = f(&leaf).unwrap();
    let gradients = tape.backward(&y.sum().unwrap()).unwrap();
    [y.value().to_vec(), gradients.of(&leaf).unwrap().unwrap().to_vec()]
}

/// Equal, NaN to NaN.
#[track_caller]
fn expect(name: &str, found: [Vec<f32>; 2], value: &[f32], gradient: &[f32]) {
    for (what, found, expected) in [("value", &found[0], value), ("gradient", &found[1], gradient)] {
        let same = |(f, e): (&f32, &f32)| f == e || (f.is_nan() && e.is_nan());
        let all = found.len() == expected.len() && found.iter().zip(expected).all(same);
        assert!(all, "{name}: the {what} is {found:?}, expected {expected:?}");
    }
}

#[test]
fn derivatives_at_nan_at_kinks_and_at_infinity_are_pytorchs() {
    const X: [f32; 6] = [NAN, INFINITY, -INFINITY, -1.0, 0.0, 2.0];
    let of = |f: fn(&Var) -> gradus::Result<Var>| run(&X, &[6], f);
    let i = INFINITY;
    expect("relu", of(|x| x.relu()), &[NAN, i, 0., 0., 0., 2.], &[1., 1., 0., 0., 0., 1.]);
    expect("abs", of(|x| x.abs()), &[NAN, i, i, 1., 0., 2.], &[0., 1., -1., -1., 0., 1.]);
    expect("leaky_relu", of(|x| x.leaky_relu(0.5)), &[NAN, i, -i, -0.5, 0., 2.], &[0.5, 1., 0.5, 0.5, 0.5, 1.]);
    expect("clamp", of(|x| x.clamp(-1.0, 2.0)), &[NAN, 2., -1., -1., 0., 2.], &[0., 0., 0., 1., 1., 1.]);
    expect("clamp, low > high", of(|x| x.clamp(1.0, -1.0)), &[NAN, -1., -1., -1., -1., -1.], &[0.; 6]);
    // e⁻¹ as the engine has it; the rest is exact.
    let e = run(&[-1.0], &[1], |x| x.exp())[0][0];
    let [y, d] = of(|x| x.elu(1.0));
    assert!((y[3] - (e - 1.0)).abs() < 1e-7);
    expect("elu", [[&y[..3], &y[4..]].concat(), d], &[NAN, i, -1., 0., 2.], &[1., 1., 0., e, 1., 1.]);
    let s = run(&[-1.0, 2.0], &[2], |x| x.sigmoid())[1].clone();
    expect("sigmoid", [vec![], of(|x| x.sigmoid())[1].clone()], &[], &[NAN, 0., 0., s[0], 0.25, s[1]]);
    expect("tanh", [vec![], run(&X[..3], &[3], |x| x.tanh())[1].clone()], &[], &[NAN, 0., 0.]);
    expect("pow 0", of(|x| x.pow(0.0)), &[1.; 6], &[0.; 6]);
    // Here PyTorch's infinity is NaN.
    assert_eq!(run(&[i], &[1], |x| x.gelu())[0], [i]);
}

/// Value of f(a, b, c) for numbers, and the three gradients.
fn of_three(x: [f32; 3], f: impl Fn(&[Var; 3]) -> gradus::Result<Var>) -> [Vec<f32>; 2] {
    let tape = Tape::new();
    let leaves = x.map(|x| tape.leaf(Tensor::scalar(x)));
    let y = f(&leaves).unwrap();
    let gradients = tape.backward(&y).unwrap();
    let of = |leaf| gradients.of(leaf).unwrap().map_or(0.0, Tensor::item);
    [vec![y.value().item()], leaves.iter().map(of).collect()]
}

#[test]
fn equals_have_half_the_gradient_of_maximum_and_minimum_and_of_nan_both_have_it() {
    let (i, larger) = (INFINITY, |x: &[Var; 3]| x[0].maximum(&x[1]));
    for (a, b, max, d_max) in [
        (1., 2., 2., [0., 1.]),
        (2., 1., 2., [1., 0.]),
        (1., 1., 1., [0.5, 0.5]),
        (0., -0., 0., [0.5, 0.5]),
        (i, i, i, [0.5, 0.5]),
        (NAN, 1., NAN, [1., 1.]),
        (1., NAN, NAN, [1., 1.]),
        (NAN, NAN, NAN, [1., 1.]),
    ] {
        expect("maximum", of_three([a, b, 0.0], larger), &[max], &[d_max[0], d_max[1], 0.0]);
        // min(a, b) = -max(-a, -b).
        let smaller = of_three([-a, -b, 0.0], |x| x[0].minimum(&x[1]));
        expect("minimum", smaller, &[-max], &[d_max[0], d_max[1], 0.0]);
    }
}

#[test]
fn limits_that_are_tensors_have_half_the_gradient_of_what_lies_on_them() {
    let of = |x| of_three(x, |x| x[0].clamp_by(&x[1], &x[2]));
    for (x, y, d) in [
        ([0., -1., 1.], 0., [1., 0., 0.]),
        ([-1., -1., 1.], -1., [0.5, 0.5, 0.]),
        ([1., -1., 1.], 1., [0.5, 0., 0.5]),
        ([-2., -1., 1.], -1., [0., 1., 0.]),
        ([2., -1., 1.], 1., [0., 0., 1.]),
        ([0., 1., -1.], -1., [0., 0., 1.]),
        ([1., 1., -1.], -1., [0., 0., 1.]),
        // Where PyTorch gives (1, 0, 0), (0, 1, 0) and (1, 0, 0).
        ([0., 0., 0.], 0., [0.25, 0.25, 0.5]),
        ([-1., 0., 0.], 0., [0., 0.5, 0.5]),
        ([NAN, -1., 1.], NAN, [1., 1., 1.]),
    ] {
        expect(&format!("clamp_by {x:?}"), of(x), &[y], &d);
    }
}

#[test]
fn a_mask_chooses_by_what_is_not_0_and_what_is_not_chosen_has_gradient_0() {
    let choose = |mask: f32| of_three([NAN, 2.0, 0.0], |x| x[0].where_(&Tensor::scalar(mask), &x[1]));
    for mask in [1.0, -0.5, NAN, INFINITY] {
        expect("where", choose(mask), &[NAN], &[1., 0., 0.]);
    }
    for mask in [0.0, -0.0] {
        expect("where", choose(mask), &[2.], &[0., 1., 0.]);
    }
}

#[test]
fn waves_of_infinity_are_nan_and_running_sums_carry_it_on() {
    let i = INFINITY;
    let x = [i, -i, NAN];
    expect("sin", run(&x, &[3], |x| x.sin()), &[NAN; 3], &[NAN; 3]);
    expect("cos", run(&x, &[3], |x| x.cos()), &[NAN; 3], &[NAN; 3]);
    expect("cumsum", run(&[1., i, -i, 1.], &[4], |x| x.cumsum(0)), &[1., i, NAN, NAN], &[4., 3., 2., 1.]);
}

#[test]
fn a_softmax_of_infinities_is_pytorchs() {
    let of = |x: [f32; 2], f: fn(&Var) -> gradus::Result<Var>| run(&x, &[1, 2], f);
    let i = INFINITY;
    expect("softmax", of([-i, 0.0], |x| x.softmax(1)), &[0., 1.], &[0., 0.]);
    expect("log_softmax", of([-i, 0.0], |x| x.log_softmax(1)), &[-i, 0.], &[1., -1.]);
    for x in [[i, 0.0], [-i, -i], [i, i], [NAN, 0.0], [0.0, NAN]] {
        expect("softmax", of(x, |x| x.softmax(1)), &[NAN, NAN], &[NAN, NAN]);
        expect("log_softmax", of(x, |x| x.log_softmax(1)), &[NAN, NAN], &[NAN, NAN]);
    }
}

#[test]
fn a_target_of_0_costs_nothing_even_at_probability_0() {
    let x = [0.0, -INFINITY];
    let label = run(&x, &[1, 2], |x| x.cross_entropy(ClassTarget::Labels(&[0])));
    let one_hot = Tensor::new(vec![1.0, 0.0], [1, 2]).unwrap();
    let soft = run(&x, &[1, 2], |x| x.cross_entropy(ClassTarget::Probabilities(&one_hot)));
    assert_eq!(label, [vec![0.0], vec![0.0, 0.0]]);
    assert_eq!(soft, label);
    // But a certain incorrect prediction has an infinite loss, and NaN is not hidden.
    assert_eq!(run(&x, &[1, 2], |x| x.cross_entropy(ClassTarget::Labels(&[1])))[0], [INFINITY]);
    assert!(run(&[0.0, NAN], &[1, 2], |x| x.cross_entropy(ClassTarget::Labels(&[0])))[0][0].is_nan());
}

#[test]
fn of_equals_the_first_has_the_gradient_and_nan_is_above_all_numbers() {
    let window = |x: [f32; 4]| run(&x, &[1, 1, 2, 2], |x| x.max_pool2d(Window::square(2)));
    expect("equals", window([2.0, 7.0, 7.0, 7.0]), &[7.], &[0., 1., 0., 0.]);
    expect("one NaN", window([2.0, INFINITY, NAN, 7.0]), &[NAN], &[0., 0., 1., 0.]);
    expect("several NaN", window([1.0, NAN, NAN, NAN]), &[NAN], &[0., 1., 0., 0.]);
    let max = |x: &[f32]| run(x, &[x.len()], |x| x.max());
    expect("max of equals", max(&[2.0, 7.0, 7.0]), &[7.], &[0., 1., 0.]);
    expect("max of NaN", max(&[2.0, NAN, INFINITY, NAN]), &[NAN], &[0., 1., 0., 0.]);
}

#[test]
fn targets_outside_0_to_1_and_labels_without_a_class_are_refused() {
    let x = Var::constant(Tensor::full([2], 0.5));
    for target in [-0.5, 1.5] {
        let target = Tensor::full([2], target);
        assert!(x.bce(&target).is_err() && x.bce_with_logits(&target, None).is_err());
    }
    let logits = Var::constant(Tensor::<f32>::zeros([2, 3]));
    assert!(logits.cross_entropy(ClassTarget::Labels(&[0, 3])).is_err() && logits.nll(&[0], None).is_err());
    assert!(x.mse(&Var::constant(Tensor::zeros([2, 1]))).is_err());
}

#[test]
fn the_mean_of_nothing_is_nan() {
    let nothing = Var::constant(Tensor::<f32>::zeros([0, 3]));
    for mean in [nothing.mean(), nothing.mse(&nothing), nothing.cross_entropy(ClassTarget::Labels(&[]))] {
        assert!(mean.unwrap().value().item().is_nan());
    }
}

#[test]
fn padding_same_keeps_the_size_over_the_stride_rounded_up() {
    for size in 1..8 {
        for stride in 1..4 {
            let settings = Conv2d { stride: [stride; 2], padding: Padding::Same, ..Default::default() };
            let (x, w) = (Tensor::<f32>::zeros([1, 1, size, size]), Tensor::zeros([1, 1, 4, 4]));
            let y = Var::constant(x).conv2d(&Var::constant(w), None, settings).unwrap();
            assert_eq!(y.shape()[2], size.div_ceil(stride), "{size} by {stride}");
        }
    }
}

#[test]
fn several_empty_clusters_are_refilled_by_the_farthest_samples_in_order() {
    // All are nearest to the first centroid, at distances 0, 1, 5, 9 and 9.
    let x = ndarray::array![[0.0f64], [1.0], [-5.0], [9.0], [-9.0]];
    let start = ndarray::array![[0.0], [100.0], [200.0], [300.0]];
    let found = KMeans { max_iter: 1, ..KMeans::new(4) }.fit_from(x.view(), start).unwrap();
    assert_eq!(found.centroids.column(0).to_vec()[1..], [9.0, -9.0, -5.0]);
}
