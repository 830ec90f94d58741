//! What a user reads when something does not fit: what, where, and the arithmetic.

use gradus::Error;
use gradus::autograd::{Tape, Var};
use gradus::models::cnn::Cnn;
use gradus::nn::{Ctx, Init, Linear, MaxPool2d, Module, Sequential};
use gradus::ops::layout::concat;
use gradus::ops::{ClassTarget, Conv2d, Padding, Window};
use gradus::rng::Rng;
use gradus::tensor::Tensor;

fn zeros(shape: &[usize]) -> Var {
    Var::constant(Tensor::zeros(shape))
}

fn message<R>(result: gradus::Result<R>) -> String {
    match result {
        Ok(_) => panic!("this should have been refused"),
        Err(error) => error.to_string(),
    }
}

fn figure_1(size: usize) -> Sequential {
    let cnn = Cnn { input: [1, size, size], widths: vec![4, 4], hidden: 8, classes: 3 };
    cnn.build(&mut Rng::new(0, "init", 0)).unwrap()
}

#[test]
fn shape_errors_say_where_in_the_network() {
    let run = |shape: &[usize]| message(figure_1(16).forward(&zeros(shape), &mut Ctx::eval()));
    assert_eq!(
        run(&[2, 3, 16, 16]),
        "block1.conv: conv2d expected [\"N C H W\", \"O C KH KW\"]; found [2, 3, 16, 16] and [4, 1, 3, 3]: C is 3, then 1"
    );
    assert_eq!(
        run(&[1, 16, 16]),
        "block1.conv: conv2d expected [\"N C H W\", \"O C KH KW\"]; found [1, 16, 16] and [4, 1, 3, 3]: \
         [1, 16, 16] has 3 axes, \"N C H W\" has 4"
    );
    assert_eq!(
        run(&[2, 1, 20, 16]),
        "fc1: linear expected [\"N K\", \"O K\", \"O\"]; found [2, 80] and [8, 64] and [8]: K is 80, then 64"
    );
    assert_eq!(
        run(&[2, 1, 2, 16]),
        "block2.pool: max_pool2d has no output: a 2x2 window does not fit into 1x8 padded by [0, 0]"
    );
}

#[test]
fn each_op_prints_its_arithmetic() {
    let same = Conv2d { padding: Padding::Same, ..Default::default() };
    let cases = [
        (message(zeros(&[2, 3]).add(&zeros(&[2, 4]))), "add cannot broadcast [2, 3] with [2, 4]: axis -1 is 3, then 4"),
        (message(zeros(&[3, 2]).mul(&zeros(&[2, 2]))), "axis -2 is 3, then 2, and neither is 1"),
        (
            message(zeros(&[2, 3]).matmul(&zeros(&[2, 4]))),
            "matmul expected [\"M K\", \"K N\"]; found [2, 3] and [2, 4]: K is 3, then 2",
        ),
        (message(zeros(&[2, 3, 4]).bmm(&zeros(&[3, 4, 5]))), "B is 2, then 3"),
        (message(zeros(&[2, 3]).linear(&zeros(&[4, 3]), &zeros(&[5]))), "O is 4, then 5"),
        (
            message(zeros(&[1, 2, 4, 4]).conv2d(&zeros(&[3, 2, 3, 3]), Some(&zeros(&[4])), same)),
            "conv2d expected [\"O C KH KW\", \"O\"]; found [3, 2, 3, 3] and [4]: O is 3, then 4",
        ),
        (
            message(zeros(&[1, 2, 2, 9]).conv2d(&zeros(&[3, 2, 3, 3]), None, Conv2d::default())),
            "conv2d has no output: a 3x3 kernel with dilation [1, 1] does not fit into 2x9 padded by [[0, 0], [0, 0]]",
        ),
        (
            message(zeros(&[1, 1, 4, 4]).conv2d(&zeros(&[1, 1, 2, 2]), None, Conv2d { stride: [0, 1], ..same })),
            "conv2d needs positive sizes; found kernel [2, 2], stride [0, 1], dilation [1, 1]",
        ),
        (
            message(zeros(&[1, 8, 4, 4]).conv2d(&zeros(&[6, 2, 2, 2]), None, Conv2d { groups: 3, ..same })),
            "conv2d of [1, 8, 4, 4] with filters [6, 2, 2, 2] in 3 groups: C = 8 and O = 6 must both be multiples of 3",
        ),
        (
            message(zeros(&[1, 8, 4, 4]).conv2d(&zeros(&[6, 8, 2, 2]), None, Conv2d { groups: 2, ..same })),
            "in 2 groups: 8/2 = 4 channels a group, but filters of 8",
        ),
        (
            message(zeros(&[1, 8, 4, 4]).conv2d(&zeros(&[6, 8, 2, 2]), None, Conv2d { groups: 0, ..same })),
            "in 0 groups: at least one group is needed",
        ),
        (
            message(zeros(&[1, 2, 4, 4]).conv2d_block(
                &zeros(&[2, 1, 2, 2]),
                &zeros(&[2]),
                Conv2d { groups: 2, ..same },
                true,
            )),
            "conv2d_block computes one group of channels; found 2",
        ),
        (
            message(zeros(&[1, 1, 4, 4]).avg_pool2d(Window { padding: [2, 0], ..Window::square(2) })),
            "avg_pool2d needs a positive window and stride, and padding of at most half the window",
        ),
        (message(zeros(&[1, 2, 0, 4]).global_avg_pool2d()), "global_avg_pool2d of planes without pixels: [1, 2, 0, 4]"),
        (message(zeros(&[2, 3]).unflatten(&[1; 6])), "unflatten to [1, 1, 1, 1, 1, 1]: beside the samples' axis"),
        (message(zeros(&[2, 3]).reshape([4, 2])), "reshape [2, 3] has 6 elements, [4, 2] has 8"),
        (message(zeros(&[2, 3]).permute(&[0, 0])), "permute needs each axis of [2, 3] once; found [0, 0]"),
        (message(zeros(&[2, 3]).slice(1, 2..5)), "slice 2..5 of axis 1 lies outside [2, 3]"),
        (message(zeros(&[2, 3]).slice(2, 0..1)), "of axis 2 lies outside [2, 3]"),
        (message(zeros(&[2]).pad(1, 1, 1, 0.0)), "pad of axis 1 of [2], which has 1 axes"),
        (message(concat(&[&zeros(&[2, 3]), &zeros(&[3, 3])], 1)), "concat along axis 1 needs equal other axes"),
        (message(concat::<f32>(&[], 0)), "concat needs at least one tensor"),
        (message(zeros(&[2, 3]).maximum(&zeros(&[2, 4]))), "maximum cannot broadcast [2, 3] with [2, 4]"),
        (message(zeros(&[2, 3]).where_(&Tensor::zeros([4]), &zeros(&[3]))), "where cannot broadcast [4] with [2, 3]"),
        (message(zeros(&[2, 3]).gather(2, &[], [0, 0])), "gather along axis 2 of [2, 3], which has 2 axes"),
        (
            message(zeros(&[2, 3]).gather(1, &[0; 9], [3, 3])),
            "gather along axis 1 of [2, 3] needs an index of as many axes, and not longer along the others; found [3, 3]",
        ),
        (message(zeros(&[2, 3]).gather(1, &[0, 1], [2, 2])), "gather an index of shape [2, 2] has 4 elements; found 2"),
        (message(zeros(&[2, 3]).gather(1, &[2, 3], [2, 1])), "gather picks number 3 (index 1), but there are 3"),
        (message(zeros(&[2, 3]).embedding(&[2], [1])), "embedding picks number 2 (index 0), but there are 2"),
        (message(zeros(&[]).embedding(&[0], [1])), "embedding needs a table with rows, [V, ..]; found a scalar"),
        (message(zeros(&[2; 6]).embedding(&[0], [1, 1])), "by an index of [1, 1] gives 7 axes: at most 6 are possible"),
        (message(zeros(&[2, 3]).cumsum(2)), "cumsum along axis 2 of [2, 3], which has 2 axes"),
        (message(zeros(&[2, 3]).sum_axes(&[2], false)), "sum over axis 2 of [2, 3], which has 2 axes"),
        (message(zeros(&[2, 3]).mean_axes(&[7], false)), "mean over axis 7 of [2, 3], which has 2 axes"),
        (message(zeros(&[0, 3]).max()), "max of no elements: [0, 3]"),
        (message(zeros(&[2, 3]).softmax(2)), "softmax along axis 2 of [2, 3], which has 2 axes"),
        (
            message(zeros(&[1, 3, 1, 1]).batch_norm(&zeros(&[3]), &zeros(&[3]), 1e-5)),
            "batch_norm cannot train on one value per channel: [1, 3, 1, 1] has 1 x 1 = 1; take batches of two samples",
        ),
        (
            message(zeros(&[2, 3]).batch_norm(&zeros(&[4]), &zeros(&[3]), 1e-5)),
            "found [2, 3] and [4] and [3] and [3] and [3]: C is 3, then 4",
        ),
        (
            message(zeros(&[3]).batch_norm(&zeros(&[3]), &zeros(&[3]), 1e-5)),
            "batch_norm expected [N, C, ..]; found [3]",
        ),
        (message(zeros(&[2]).mse(&zeros(&[2, 1]))), "mse needs equal shapes; found [2] and [2, 1]"),
        (message(zeros(&[2]).dropout(1.0, Rng::new(0, "m", 0))), "dropout: p = 1 is not in [0, 1)"),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "\n found: {found}\nwanted: {expected}");
    }
}

#[test]
fn labels_and_targets_are_checked() {
    let logits = zeros(&[3, 2]);
    let labels = |l: &[usize]| message(logits.cross_entropy(ClassTarget::Labels(l)));
    assert_eq!(labels(&[0, 2, 1]), "cross_entropy: label 2 of sample 1 is not below 2");
    assert_eq!(labels(&[0, 1]), "cross_entropy expected 3 labels; found 2");
    let soft = message(logits.cross_entropy(ClassTarget::Probabilities(&Tensor::zeros([2, 3]))));
    assert_eq!(soft, "cross_entropy expected targets [3, 2]; found [2, 3]");
    let weights = message(logits.cross_entropy_weighted(ClassTarget::Labels(&[0, 1, 1]), &[1.0; 3]));
    assert_eq!(weights, "cross_entropy expected 2 class weights; found 3");
    assert_eq!(message(logits.nll(&[0, 1, 2], None)), "nll: label 2 of sample 2 is not below 2");
    let yes = Tensor::full([3, 2], 1.0);
    assert_eq!(message(logits.bce(&Tensor::full([3, 2], 1.5))), "bce: target number 0 is 1.5, which is not on [0, 1]");
    assert_eq!(
        message(logits.affine(1.0, -2.0).unwrap().bce(&yes)),
        "bce (bce_with_logits takes logits): probability number 0 is -2, which is not on [0, 1]"
    );
    assert_eq!(message(logits.bce(&Tensor::zeros([6]))), "bce expected [6]; found [3, 2]");
    assert_eq!(
        message(logits.bce_with_logits(&Tensor::zeros([2, 3]), None)),
        "bce_with_logits expected [2, 3]; found [3, 2]"
    );
    assert_eq!(
        message(logits.bce_with_logits(&yes, Some(&Tensor::zeros([4, 3, 2])))),
        "bce_with_logits expected weights that broadcast to the targets; found positive weights [4, 3, 2] for targets [3, 2]"
    );
    let flat = message(zeros(&[3]).cross_entropy(ClassTarget::Labels(&[0, 1, 1])));
    assert_eq!(flat, "cross_entropy expected logits [\"N K\"]; found [3]");
}

#[test]
fn tapes_are_used_once_and_not_mixed() {
    let (one, other) = (Tape::<f32>::new(), Tape::<f32>::new());
    let (a, b) = (one.leaf(Tensor::zeros([2])), other.leaf(Tensor::zeros([2])));
    assert_eq!(message(a.add(&b)), "add: its inputs are on two different tapes; use one tape per backward pass");
    let y = a.sum().unwrap();
    assert_eq!(message(other.backward(&y)), "backward: this variable was not computed on this tape");
    let again = one.clone();
    one.backward(&y).unwrap();
    assert_eq!(message(again.backward(&y)), "backward: this tape was already consumed");
    assert_eq!(message(a.exp()), "exp: the tape of its input was consumed by backward(); record on a new tape");
    assert_eq!(
        message(concat(&[&a, &a, &a, &a], 0)),
        "concat: the tape of its input was consumed by backward(); record on a new tape"
    );
}

#[test]
fn backward_starts_from_a_scalar_of_its_own_tape() {
    let tape = Tape::<f32>::new();
    let y = tape.leaf(Tensor::zeros([2])).exp().unwrap();
    assert_eq!(message(tape.clone().backward(&y)), "backward starts from a scalar loss; found [2]");
    assert_eq!(
        message(tape.clone().backward_from(&y, Tensor::zeros([3]))),
        "backward expected a seed of shape [2]; found [3]"
    );
    assert_eq!(message(tape.backward(&zeros(&[]))), "backward: this variable was not computed on this tape");
}

#[test]
fn a_failed_op_leaves_the_tape_usable() {
    let tape = Tape::<f32>::new();
    let x = tape.leaf(Tensor::full([2], 3.0));
    assert!(x.reshape([3]).is_err() && x.add(&zeros(&[5])).is_err());
    let y = x.mul(&x).unwrap().sum().unwrap();
    assert_eq!(tape.backward(&y).unwrap().of(&x).unwrap().unwrap().data(), [6.0, 6.0]);
}

#[test]
fn an_image_too_small_for_the_network_is_named_when_building() {
    let cnn = Cnn { input: [1, 12, 40], widths: vec![4; 5], hidden: 8, classes: 2 };
    assert_eq!(
        message(cnn.build::<f32>(&mut Rng::new(0, "init", 0))),
        "5 blocks halve an image of 12x40 too often: 1x5 is left before block 4"
    );
}

#[test]
#[should_panic(expected = "two children called a")]
fn two_children_of_one_name_are_a_programming_error() {
    let _ = Sequential::<f32>::new().with("a", MaxPool2d(Window::square(2))).with("a", MaxPool2d(Window::square(2)));
}

#[test]
fn places_nest() {
    let inner = Sequential::new().with("fc", Linear::<f32>::new(3, 2, Init::PyTorch, &mut Rng::new(0, "init", 0)));
    let model = Sequential::new().with("outer", Sequential::new().with("inner", inner));
    let error = model.forward(&zeros(&[1, 4]), &mut Ctx::eval()).unwrap_err();
    assert!(matches!(&error, Error::Shape { place, op: "linear", .. } if place == "outer.inner.fc"), "{error}");
    assert_eq!(error.exit_code(), 1);
}
