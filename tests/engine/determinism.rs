//! The same seed gives the same bits: on any number of threads, with dropout, and after a break.

use crate::common::hash_of_weights;
use gradus::autograd::{Tape, Var};
use gradus::models::cnn::Cnn;
use gradus::models::vit::Vit;
use gradus::nn::state::{from_safetensors, load_state_dict, state_dict, to_safetensors};
use gradus::nn::{Activation, Ctx, Dropout, Flatten, Init, Linear, Module, Sequential};
use gradus::ops::ClassTarget;
use gradus::optim::{Adam, FirstOrder, Optimizer, RmsProp, Sgd};
use gradus::rng::Rng;
use gradus::tensor::Tensor;

const SEED: u64 = 5;

fn cnn() -> Sequential {
    let cnn = Cnn { input: [1, 24, 20], widths: vec![8, 12], hidden: 64, classes: 3 };
    cnn.build(&mut Rng::new(SEED, "init", 0)).unwrap()
}

/// A network with dropout in two places.
fn with_dropout() -> Sequential {
    let mut rng = Rng::new(SEED, "init", 0);
    Sequential::new()
        .with("flatten", Flatten)
        .with("drop1", Dropout(0.2))
        .with("fc1", Linear::new(480, 128, Init::HeNormal, &mut rng))
        .with("relu", Activation::Relu)
        .with("drop2", Dropout(0.5))
        .with("out", Linear::new(128, 3, Init::XavierUniform, &mut rng))
}

/// A transformer whose heads are computed side by side, with dropout.
fn transformer() -> Sequential {
    let vit = Vit { input: [1, 24, 20], patch: 4, dim: 16, depth: 1, heads: 2, mlp: 24, dropout: 0.2, classes: 3 };
    vit.build(&mut Rng::new(SEED, "init", 0)).unwrap()
}

/// Steps `steps` (from 1) of training on batches that are drawn for (seed, step).
fn train(model: &Sequential, optimizer: &mut dyn Optimizer<f32>, steps: std::ops::RangeInclusive<u64>) {
    for step in steps {
        let x = Tensor::randn([37, 1, 24, 20], &mut Rng::new(SEED, "batch", step));
        let labels: Vec<usize> = (0..37).map(|i| i % 3).collect();
        let mut closure = || {
            let tape = Tape::new();
            let logits = model.forward(&Var::constant(x.clone()), &mut Ctx::train(&tape, SEED, step))?;
            let loss = logits.cross_entropy(ClassTarget::Labels(&labels))?;
            Ok((loss.value().item(), tape.backward(&loss)?))
        };
        optimizer.step(model, &mut closure).unwrap();
    }
}

fn on_threads<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

#[test]
fn weights_after_training_do_not_depend_on_the_number_of_threads() {
    type Make = fn() -> Box<dyn Optimizer<f32>>;
    let optimizers: [Make; 3] = [
        || Box::new(FirstOrder::new(Adam::new(1e-3))),
        || Box::new(FirstOrder::new(Sgd { momentum: 0.9, ..Sgd::new(1e-2) })),
        || Box::new(FirstOrder::new(RmsProp::new(1e-3))),
    ];
    for make in optimizers {
        let run = || {
            [cnn(), with_dropout(), transformer()].map(|model| {
                train(&model, make().as_mut(), 1..=4);
                hash_of_weights(&model)
            })
        };
        let on_one = on_threads(1, run);
        for threads in [2, 3, 8] {
            assert_eq!(on_threads(threads, run), on_one, "{threads} threads");
        }
    }
}

#[test]
fn the_hash_sees_a_changed_seed() {
    let hash = |seed| hash_of_weights(&mlp(seed));
    fn mlp(seed: u64) -> Sequential {
        gradus::models::mlp::mlp(4, &[5], 2, Activation::Relu, &mut Rng::new(seed, "init", 0))
    }
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    // Large enough that every kernel splits its work, and odd, so that the last piece is a short one.
    let run = || {
        let mut rng = Rng::new(SEED, "large", 0);
        let tape = Tape::<f32>::new();
        let x = tape.leaf(Tensor::randn([5, 3, 67, 71], &mut rng));
        let w = tape.leaf(Tensor::randn([17, 3, 3, 3], &mut rng));
        let b = tape.leaf(Tensor::randn([17], &mut rng));
        let same = gradus::ops::Conv2d { padding: gradus::ops::Padding::Same, ..Default::default() };
        let y = x.conv2d(&w, Some(&b), same).unwrap().gelu().unwrap();
        let pooled = y.max_pool2d(gradus::ops::Window::square(2)).unwrap();
        let y = pooled.softmax(1).unwrap().mul(&pooled).unwrap().mean().unwrap();
        let gradients = tape.backward(&y).unwrap();
        let bits = |v: &Var| gradients.of(v).unwrap().unwrap().data().iter().map(|g| g.to_bits()).collect::<Vec<_>>();
        (y.value().item().to_bits(), bits(&x), bits(&w), bits(&b))
    };
    let on_one = on_threads(1, run);
    assert!([2, 3, 8].into_iter().all(|threads| on_threads(threads, run) == on_one));
}

#[test]
fn dropout_masks_belong_to_seed_layer_and_step() {
    let x = Tensor::<f32>::full([1, 64], 1.0);
    let model = Sequential::<f32>::new().with("a", Dropout(0.5)).with("b", Dropout(0.5));
    let mask = |seed, step, layer: &str| {
        let tape = Tape::new();
        let expected = |path: &str| path == layer;
        let mut cx = Ctx::train(&tape, seed, step).capture(&expected);
        model.forward(&tape.leaf(x.clone()), &mut cx).unwrap();
        cx.captured()[0].output.to_vec()
    };
    assert_eq!(mask(1, 1, "a"), mask(1, 1, "a"), "drawn again, it is the same");
    assert_ne!(mask(1, 1, "a"), mask(2, 1, "a"), "another seed");
    assert_ne!(mask(1, 1, "a"), mask(1, 2, "a"), "another step");
    let kept_by_both = mask(1, 1, "b").iter().filter(|v| **v != 0.0).count();
    let kept_by_a = mask(1, 1, "a").iter().filter(|v| **v != 0.0).count();
    assert!(kept_by_both < kept_by_a, "another layer draws another mask");
}

#[test]
fn resuming_ends_in_the_same_bits_as_never_stopping() {
    let make = || FirstOrder::new(Adam { weight_decay: 1e-3, ..Adam::new(1e-3) });
    for build in [cnn, with_dropout, transformer] {
        let (whole, mut optimizer) = (build(), make());
        train(&whole, &mut optimizer, 1..=7);

        let (first, mut optimizer) = (build(), make());
        train(&first, &mut optimizer, 1..=3);
        let weights = to_safetensors(&state_dict(&first)).unwrap();
        let (steps, state) = (optimizer.steps(), to_safetensors(&optimizer.state()).unwrap());
        drop((first, optimizer));

        let (second, mut optimizer) = (build(), make());
        load_state_dict(&second, &from_safetensors(&weights).unwrap()).unwrap();
        optimizer.load(steps, from_safetensors(&state).unwrap()).unwrap();
        train(&second, &mut optimizer, 4..=7);
        assert_eq!(hash_of_weights(&second), hash_of_weights(&whole));
    }
}
