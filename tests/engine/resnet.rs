//! Residual networks against PyTorch (`golden/resnet.json`, made by `golden/make_resnet.py`): a training pass with its
//! gradients and running statistics, and an evaluation after it; and stochastic depth.

use crate::common::{Portable, digest};
use gradus::autograd::{Tape, Var};
use gradus::models::resnet::{ResNet, Shortcut, Stem};
use gradus::nn::summary::summarize;
use gradus::nn::{Activation, Ctx, Module, Residual, Sequential, buffers, parameters};
use gradus::ops::ClassTarget;
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    loss: f64,
    logits: Vec<f64>,
    gradients: BTreeMap<String, Vec<f64>>,
    running: BTreeMap<String, Vec<f64>>,
    evaluated: Vec<f64>,
}

/// Holds a tensor against the stored numbers, to 1e-9 of the scale on which their error must be seen.
fn holds(tensor: &Tensor<f64>, expected: &[f64], what: &str) {
    let found = digest(tensor);
    assert_eq!(found.len(), expected.len(), "{what}");
    for ((value, scale), expected) in found.iter().zip(expected) {
        assert!((value - expected).abs() <= 1e-9 * scale.max(1e-3), "{what}: {value}, expected {expected}");
    }
}

/// The network with the weights of `make_resnet.py`.
fn network(stem: Stem, shortcut: Shortcut) -> Sequential<f64> {
    let (widths, blocks) = (vec![4, 6, 8], vec![1, 2, 1]);
    let net = ResNet { channels: 3, stem, widths, blocks, shortcut, drop: 0.0, classes: 3 };
    let net = net.build(&mut Rng::new(0, "init", 0)).unwrap();
    let mut params = parameters(&net);
    params.sort_by(|a, b| a.0.cmp(&b.0));
    for (i, (name, param)) in params.iter().enumerate() {
        let (mut draw, shape) = (Portable::new(100 + i as u64), param.get().shape_owned());
        param.set(match shape.len() {
            1 if name.ends_with("weight") => draw.draw("positive", &shape),
            1 => draw.draw("signed", &shape).map(|v| v / 4.0),
            _ => draw.draw("signed", &shape).map(|v| v / 8.0),
        });
    }
    net
}

#[test]
fn a_step_and_an_evaluation_are_pytorchs() {
    let golden: BTreeMap<String, Golden> = serde_json::from_str(include_str!("../golden/resnet.json")).unwrap();
    let x = Portable::new(50).draw("signed", &[5, 3, 15, 14]);
    let labels: Vec<usize> = (0..5).map(|n| n % 3).collect();
    for (name, stem, shortcut) in
        [("projection", Stem::ImageNet, Shortcut::Projection), ("zero_pad", Stem::Cifar, Shortcut::ZeroPad)]
    {
        let (net, golden) = (network(stem, shortcut), &golden[name]);
        let tape = Tape::new();
        let mut cx = Ctx::train(&tape, 0, 1);
        let logits = net.forward(&Var::constant(x.clone()), &mut cx).unwrap();
        let loss = logits.cross_entropy(ClassTarget::Labels(&labels)).unwrap();
        cx.proposals().commit();
        let gradients = tape.backward(&loss).unwrap();
        assert!((loss.value().item() - golden.loss).abs() < 1e-12, "{name}");
        holds(logits.value(), &golden.logits, name);
        let params = parameters(&net);
        assert_eq!(params.len(), golden.gradients.len());
        for (path, param) in &params {
            holds(gradients.param(param).unwrap(), &golden.gradients[path], &format!("{name}: {path}"));
        }
        let running = buffers(&net);
        assert_eq!(running.len(), golden.running.len());
        for (path, buffer) in &running {
            holds(&buffer.get(), &golden.running[path], &format!("{name}: {path}"));
        }
        let evaluated = net.forward(&Var::constant(x.clone()), &mut Ctx::eval()).unwrap();
        holds(evaluated.value(), &golden.evaluated, name);
    }
}

/// Each sample keeps its branch, divided by 1 - p, or skips it; the masks belong to the step, and their mean is 1.
#[test]
fn stochastic_depth_skips_the_branches_of_samples() {
    let block = || Residual::new(Sequential::new().with("tanh", Activation::Tanh));
    let net = Sequential::new().with("block", block().with_drop(0.25).unwrap());
    let (x, tape) = (Tensor::<f64>::full([400, 2, 1, 3], 1.0), Tape::new());
    let input = tape.leaf(x.clone());
    let y = net.forward(&input, &mut Ctx::train(&tape, 3, 1)).unwrap();
    let kept = 1.0 + 1f64.tanh() / 0.75;
    let mut count = 0;
    for sample in y.value().data().chunks(6) {
        assert!(sample.iter().all(|v| *v == sample[0]), "a sample is skipped as a whole");
        assert!(sample[0] == 1.0 || (sample[0] - kept).abs() < 1e-12, "{}", sample[0]);
        count += usize::from(sample[0] != 1.0);
    }
    // 300 of 400 are expected; five standard deviations of that are 43.
    assert!((257..=343).contains(&count), "{count} of 400 samples kept the branch");
    // The gradient takes the way that the value took.
    let gradients = tape.backward(&y.sum().unwrap()).unwrap();
    let inner = (1.0 - 1f64.tanh().powi(2)) / 0.75;
    for (g, y) in gradients.of(&input).unwrap().unwrap().data().iter().zip(y.value().data()) {
        let expected = if *y == 1.0 { 1.0 } else { 1.0 + inner };
        assert!((g - expected).abs() < 1e-12, "{g}, expected {expected}");
    }
    let constant = Var::constant(x);
    let again = |step| net.forward(&constant, &mut Ctx::train(&Tape::new(), 3, step)).unwrap().into_value();
    assert_eq!(again(1), *y.value());
    assert_ne!(again(2), *y.value());
    // Evaluation is the block without it, and so is training with p = 0.
    let plain = block().forward(&constant, &mut Ctx::eval()).unwrap();
    assert_eq!(net.forward(&constant, &mut Ctx::eval()).unwrap().value(), plain.value());
    let never = block().with_drop(0.0).unwrap().forward(&constant, &mut Ctx::train(&Tape::new(), 3, 1)).unwrap();
    assert_eq!(never.value(), plain.value());
    assert!(block().with_drop(1.0).is_err() && block().with_drop(f64::NAN).is_err());
}

/// The blocks of one network draw masks of their own.
#[test]
fn blocks_skip_independently() {
    let block = |f| Residual::new(Sequential::new().with("f", f)).with_drop(0.5).unwrap();
    let (x, tape) = (Var::constant(Tensor::<f64>::full([64, 1], 1.0)), Tape::new());
    // Different functions, so that one skipped block cannot be taken for the other.
    let net = Sequential::new().with("a", block(Activation::Tanh)).with("b", block(Activation::Relu));
    let y = net.forward(&x, &mut Ctx::train(&tape, 1, 1)).unwrap();
    let values: std::collections::BTreeSet<u64> = y.value().data().iter().map(|v| v.to_bits()).collect();
    assert_eq!(values.len(), 4, "both, the first, the second, none");
}

/// ResNet-18 in its form for CIFAR and ResNet-20: the sizes that a summary states.
#[test]
fn the_forms_for_cifar_are_summarized() {
    let build = |net: ResNet| net.build::<f32>(&mut Rng::new(0, "init", 0)).unwrap();
    let summary = summarize(&build(ResNet::resnet18(Stem::Cifar, 10)), &[3, 32, 32]).unwrap();
    assert_eq!((summary.parameters, summary.macs), (11_173_962, 555_422_720));
    let last = summary.rows.iter().find(|row| row.path == "layer4.1.relu2").unwrap();
    assert_eq!(last.output, [512, 4, 4]);
}
