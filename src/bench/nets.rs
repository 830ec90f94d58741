//! Benchmarks of training steps and forward passes of ten course networks.
//!
//! A training step gathers the batch, computes forward, loss and backward, and applies the optimizer. Inputs are
//! standard normal; the class of a sample is the part of it (of as many as there are classes) with the largest sum,
//! and the target of a regression is `sin(2 x₁) x₂`. The autoencoder's inputs, which are its targets, are squares of
//! uniform numbers: darker than its first outputs. So there is something to learn, and the first and last loss show
//! that it is learned.

use super::measure::{Bench, Row};
use crate::autograd::{Tape, Var};
use crate::error::Result;
use crate::models::cifar_fast::CifarFast;
use crate::models::cnn::Cnn;
use crate::models::mlp::mlp;
use crate::models::resnet::{ResNet, Stem};
use crate::models::vit::Vit;
use crate::nn::summary::summarize;
use crate::nn::{
    Activation, Conv2d, ConvTranspose2d, Ctx, Dropout, Flatten, Init, Linear, MaxPool2d, Module, Sequential, Unflatten,
};
use crate::ops::{self, ClassTarget, Padding, Window};
use crate::optim::{Adam, FirstOrder, Optimizer, RmsProp, Sgd};
use crate::rng::Rng;
use crate::tensor::Tensor;
use crate::train::Batches;

/// The seed of weights, data, order and dropout.
pub const SEED: u64 = 0;

/// A network with its data and optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Net {
    /// The assignment's Figure 1: 1x128x128, four blocks of conv 3x3, ReLU, pool 2 with 16 to 128 channels, Linear 128,
    /// ReLU, Linear 3; batch 32; Adam.
    P1,
    /// 1x28x28, three such blocks with 32, 64, 128 channels, dropout 0.3, Linear 25, dropout 0.3, Linear 10; batch 256;
    /// SGD with momentum 0.9.
    P2,
    /// 1x28x28, two such blocks without padding with 32, 64 channels, dropout 0.5, Linear 10; batch 128; Adam.
    P3,
    /// Autoencoder of 1x28x28: convolutions 3x3 with stride 2 to 8, 16, 32 channels of 3x3, Linear 64, Linear 14, and
    /// a mirrored decoder by transposed convolutions; ReLU, and a sigmoid at the end; squared error; batch 256; Adam
    /// with weight decay.
    P4,
    /// The same with 32, 64, 128 channels and a code of 64.
    P4w,
    /// ResNet-18 in its form for CIFAR: 3x32x32, 11.2 M parameters; batch 64; SGD with momentum 0.9.
    P5,
    /// Vision transformer of 1x28x28 in patches of 7x7: tokens of 64 numbers, six blocks of 8 heads with networks of 128
    /// units, a class token; batch 128; Adam.
    P6,
    /// The network of the experiment `cifar-94`: 3x32x32, whitening, six convolutions with batch norm and GELU; batch 1,000;
    /// SGD with Nesterov momentum.
    CifarFast,
    /// MLP 784-300-10 with ReLU; batch 128; RMSprop.
    P7,
    /// MLP 2-50-50-1 with tanh on the squared error; all 1600 samples at once; SGD.
    P8a,
    /// The same in batches of 40.
    P8b,
    /// The same with Adam.
    P8c,
}

impl Net {
    /// Returns the name: `"P1"`..
    pub fn name(self) -> &'static str {
        match self {
            Net::P1 => "P1",
            Net::P2 => "P2",
            Net::P3 => "P3",
            Net::P4 => "P4",
            Net::P4w => "P4w",
            Net::P5 => "P5",
            Net::P6 => "P6",
            Net::CifarFast => "CIFAR fast",
            Net::P7 => "P7",
            Net::P8a => "P8a",
            Net::P8b => "P8b",
            Net::P8c => "P8c",
        }
    }

    /// Samples of a batch.
    pub fn batch(self) -> usize {
        match self {
            Net::P1 => 32,
            Net::P5 => 64,
            Net::P2 | Net::P4 | Net::P4w => 256,
            Net::P3 | Net::P6 | Net::P7 => 128,
            Net::CifarFast => 1000,
            Net::P8a => 1600,
            Net::P8b | Net::P8c => 40,
        }
    }

    /// Returns the shape of a sample.
    pub fn input(self) -> &'static [usize] {
        match self {
            Net::P1 => &[1, 128, 128],
            Net::P2 | Net::P3 | Net::P4 | Net::P4w | Net::P6 => &[1, 28, 28],
            Net::P5 | Net::CifarFast => &[3, 32, 32],
            Net::P7 => &[784],
            Net::P8a | Net::P8b | Net::P8c => &[2],
        }
    }

    /// Returns the number of classes; none for a regression or an autoencoder.
    pub fn classes(self) -> Option<usize> {
        match self {
            Net::P1 => Some(3),
            Net::P2 | Net::P3 | Net::P5 | Net::P6 | Net::P7 | Net::CifarFast => Some(10),
            Net::P4 | Net::P4w | Net::P8a | Net::P8b | Net::P8c => None,
        }
    }

    /// Samples to draw batches from.
    fn samples(self) -> usize {
        match self {
            Net::P8a | Net::P8b | Net::P8c => 1600,
            Net::P1 | Net::P2 | Net::P5 | Net::CifarFast => 2 * self.batch(),
            other => 20 * other.batch(),
        }
    }

    /// Samples of the measurement, and steps in each.
    fn repetitions(self) -> (usize, usize) {
        match self {
            Net::P1 | Net::P2 | Net::P4w => (30, 1),
            Net::P3 | Net::P4 | Net::P6 => (80, 1),
            Net::P5 => (10, 1),
            Net::CifarFast => (4, 1),
            Net::P7 | Net::P8a => (40, 25),
            Net::P8b | Net::P8c => (40, 500),
        }
    }

    /// The dropout of the networks that have it, in layers whose names begin with `drop`.
    pub(super) fn dropout(self) -> Dropout {
        Dropout(if self == Net::P2 { 0.3 } else { 0.5 })
    }

    /// The network, its weights drawn as PyTorch does; those of the transformer as its model does.
    pub fn build(self, rng: &mut Rng) -> Result<Sequential> {
        let net = match self {
            Net::P1 => {
                Cnn { input: [1, 128, 128], widths: vec![16, 32, 64, 128], hidden: 128, classes: 3 }.build(rng)?
            }
            Net::P2 => blocks(&[32, 64, 128], Padding::Same, rng)
                .with("flatten", Flatten)
                .with("drop1", self.dropout())
                .with("fc1", Linear::new(128 * 3 * 3, 25, Init::PyTorch, rng))
                .with("drop2", self.dropout())
                .with("out", Linear::new(25, 10, Init::PyTorch, rng)),
            Net::P3 => blocks(&[32, 64], Padding::Valid, rng)
                .with("flatten", Flatten)
                .with("drop1", self.dropout())
                .with("out", Linear::new(64 * 5 * 5, 10, Init::PyTorch, rng)),
            Net::P4 => autoencoder(8, 14, rng),
            Net::P4w => autoencoder(32, 64, rng),
            Net::P5 => ResNet::resnet18(Stem::Cifar, 10).build(rng)?,
            Net::P6 => {
                let sizes = Vit {
                    input: [1, 28, 28],
                    patch: 7,
                    dim: 64,
                    depth: 6,
                    heads: 8,
                    mlp: 128,
                    dropout: 0.0,
                    classes: 10,
                };
                sizes.build(rng)?
            }
            Net::CifarFast => CifarFast { input: [3, 32, 32], widths: [64, 256, 256], classes: 10 }.build(rng)?,
            Net::P7 => mlp(784, &[300], 10, Activation::Relu, rng),
            Net::P8a | Net::P8b | Net::P8c => mlp(2, &[50, 50], 1, Activation::Tanh, rng),
        };
        Ok(net)
    }

    /// Returns the optimizer.
    pub fn optimizer(self) -> Box<dyn Optimizer<f32>> {
        match self {
            Net::P1 | Net::P3 | Net::P6 | Net::P8c => Box::new(FirstOrder::new(Adam::new(1e-3))),
            Net::P4 | Net::P4w => Box::new(FirstOrder::new(Adam { weight_decay: 1e-5, ..Adam::new(1e-3) })),
            Net::P2 | Net::P5 => Box::new(FirstOrder::new(Sgd { momentum: 0.9, ..Sgd::new(0.05) })),
            Net::CifarFast => Box::new(FirstOrder::new(Sgd { momentum: 0.85, nesterov: true, ..Sgd::new(0.01) })),
            Net::P7 => Box::new(FirstOrder::new(RmsProp::new(1e-3))),
            Net::P8a | Net::P8b => Box::new(FirstOrder::new(Sgd::new(0.01))),
        }
    }
}

/// Blocks of convolution 3x3, ReLU and max-pool 2 on one input channel.
fn blocks(widths: &[usize], padding: Padding, rng: &mut Rng) -> Sequential {
    let settings = ops::Conv2d { padding, ..Default::default() };
    let (mut net, mut channels) = (Sequential::new(), 1);
    for (i, &width) in widths.iter().enumerate() {
        let block = Sequential::new()
            .with("conv", Conv2d::new(channels, width, [3, 3], settings, Init::PyTorch, rng))
            .with("relu", Activation::Relu)
            .with("pool", MaxPool2d(Window::square(2)));
        net = net.with(format!("block{}", i + 1), block);
        channels = width;
    }
    net
}

/// Returns the autoencoder of 28x28 images with `n`, 2 n, 4 n channels and codes of `d` numbers.
fn autoencoder(n: usize, d: usize, rng: &mut Rng) -> Sequential {
    let mut net = Sequential::new();
    for (i, (inputs, outputs, padding)) in [(1, n, 2), (n, 2 * n, 1), (2 * n, 4 * n, 0)].into_iter().enumerate() {
        let settings = ops::Conv2d { stride: [2, 2], padding: Padding::Fixed([padding; 2]), ..Default::default() };
        net = net
            .with(format!("conv{}", i + 1), Conv2d::new(inputs, outputs, [3, 3], settings, Init::PyTorch, rng))
            .with(format!("relu{}", i + 1), Activation::Relu);
    }
    net = net
        .with("flatten", Flatten)
        .with("fc1", Linear::new(36 * n, 64, Init::PyTorch, rng))
        .with("relu4", Activation::Relu)
        .with("code", Linear::new(64, d, Init::PyTorch, rng))
        .with("fc2", Linear::new(d, 64, Init::PyTorch, rng))
        .with("relu5", Activation::Relu)
        .with("fc3", Linear::new(64, 36 * n, Init::PyTorch, rng))
        .with("relu6", Activation::Relu)
        .with("unflatten", Unflatten([4 * n, 3, 3].into()));
    for (i, (inputs, outputs, padding)) in [(4 * n, 2 * n, 0), (2 * n, n, 1), (n, 1, 1)].into_iter().enumerate() {
        let (padding, output_padding) = ([padding; 2], [padding; 2]);
        let settings = ops::ConvTranspose2d { stride: [2, 2], padding, output_padding, ..Default::default() };
        let layer = ConvTranspose2d::new(inputs, outputs, [3, 3], settings, Init::PyTorch, rng);
        let activation = if i < 2 { Activation::Relu } else { Activation::Sigmoid };
        net = net.with(format!("deconv{}", i + 1), layer).with(format!("out{}", i + 1), activation);
    }
    net
}

/// The targets of the network.
#[derive(Clone, Debug)]
pub enum Targets {
    /// A class for each sample.
    Labels(Vec<usize>),
    /// A number for each sample, `[N, 1]`.
    Values(Tensor),
    /// The sample itself.
    Inputs,
}

/// A training before its first step.
pub struct Training {
    /// The network.
    pub net: Sequential,
    /// The optimizer.
    pub optimizer: Box<dyn Optimizer<f32>>,
    /// The samples.
    pub inputs: Tensor,
    /// Their targets.
    pub targets: Targets,
    /// The samples of each step, in turn.
    pub order: Vec<Vec<usize>>,
    /// Steps taken.
    pub steps: u64,
}

impl Training {
    /// Returns the initial state: the same in every run.
    pub fn new(net: Net) -> Result<Self> {
        let (n, mut rng) = (net.samples(), Rng::new(SEED, "bench data", 0));
        let mut shape = vec![n];
        shape.extend(net.input());
        let inputs = match net {
            Net::P4 | Net::P4w => Tensor::rand(&shape[..], 0.0, 1.0, &mut rng).map(|x| x * x),
            _ => Tensor::randn(&shape[..], &mut rng),
        };
        let rows = inputs.data().chunks(inputs.numel() / n);
        let targets = match net.classes() {
            Some(classes) => Targets::Labels(rows.map(|row| largest_part(row, classes)).collect()),
            None if matches!(net, Net::P4 | Net::P4w) => Targets::Inputs,
            None => Targets::Values(Tensor::new(rows.map(|x| libm::sinf(2.0 * x[0]) * x[1]).collect(), [n, 1])?),
        };
        let order = (0..10).flat_map(|epoch| Batches::new(n, net.batch(), SEED, epoch, true)).collect();
        let model = net.build(&mut Rng::new(SEED, "bench weights", 0))?;
        Ok(Self { net: model, optimizer: net.optimizer(), inputs, targets, order, steps: 0 })
    }

    /// Makes one step; returns the loss before it.
    pub fn step(&mut self) -> Result<f32> {
        let chosen = &self.order[self.steps as usize % self.order.len()];
        self.steps += 1;
        // All samples at once need no gathering: neither here nor in the peers.
        let whole = chosen.len() == self.inputs.shape()[0];
        let gather = |all: &Tensor| if whole { all.clone() } else { all.gather(chosen) };
        let x = gather(&self.inputs);
        match &self.targets {
            Targets::Values(values) => {
                let y = Var::constant(gather(values));
                step(&self.net, self.optimizer.as_mut(), x, self.steps, &|out| out.mse(&y))
            }
            Targets::Inputs => {
                let y = Var::constant(x.clone());
                step(&self.net, self.optimizer.as_mut(), x, self.steps, &|out| out.mse(&y))
            }
            Targets::Labels(labels) => {
                let y: Vec<usize> = chosen.iter().map(|&i| labels[i]).collect();
                let loss = |out: &Var| out.cross_entropy(ClassTarget::Labels(&y));
                step(&self.net, self.optimizer.as_mut(), x, self.steps, &loss)
            }
        }
    }
}

/// Computes forward, loss and backward, applies the optimizer, and commits running statistics.
pub fn step(
    net: &dyn Module,
    optimizer: &mut dyn Optimizer<f32>,
    x: Tensor,
    step: u64,
    loss: &dyn Fn(&Var) -> Result<Var>,
) -> Result<f32> {
    let x = Var::constant(x);
    let mut proposals = None;
    let found = optimizer.step(net, &mut || {
        let tape = Tape::new();
        let mut cx = Ctx::train(&tape, SEED, step);
        let loss = loss(&net.forward(&x, &mut cx)?)?;
        proposals = Some(cx.proposals());
        Ok((loss.value().item(), tape.backward(&loss)?))
    })?;
    proposals.into_iter().for_each(|proposals| proposals.commit());
    Ok(found)
}

/// Returns which of `parts` equal parts of a row has the largest sum.
fn largest_part(row: &[f32], parts: usize) -> usize {
    let sums: Vec<f32> = row.chunks_exact(row.len() / parts).take(parts).map(|part| part.iter().sum()).collect();
    (1..parts).fold(0, |best, k| if sums[k] > sums[best] { k } else { best })
}

/// Operations of a forward pass, and of a training step, on `batch` samples. The gradients cost twice the forward pass,
/// but for the first layer, whose input needs none.
pub fn operations(net: &dyn Module, input: &[usize], batch: usize) -> Result<[f64; 2]> {
    let layers = summarize(net, input)?;
    let first = layers.rows.iter().map(|row| row.macs).find(|&macs| macs > 0).unwrap_or(0);
    let operations = |macs: u64| 2.0 * batch as f64 * macs as f64;
    Ok([operations(layers.macs), operations(3 * layers.macs - first)])
}

/// Returns the name of a network's training step as a workload.
pub(super) fn train_name(net: Net) -> String {
    format!("{} train", net.name())
}

/// Returns the name of its forward pass.
pub(super) fn infer_name(net: Net) -> String {
    format!("{} infer", net.name())
}

/// Measures training steps.
pub(super) fn train(net: Net, bench: &Bench) -> Result<Row> {
    let mut training = Training::new(net)?;
    let (mut first, mut last) = (None, f32::NAN);
    let (samples, per_sample) = net.repetitions();
    let timing = bench.time(samples, per_sample, || {
        last = training.step()?;
        first.get_or_insert(last);
        Ok(())
    })?;
    let [_, operations] = operations(&training.net, net.input(), net.batch())?;
    let mut row = bench.row(train_name(net), timing, operations);
    row.images_per_second = Some(1e3 * net.batch() as f64 / timing.median);
    row.more.insert("loss_first".into(), first.into());
    row.more.insert("loss_last".into(), last.into());
    Ok(row)
}

/// Measures forward passes of one batch, without gradients.
pub(super) fn infer(net: Net, bench: &Bench) -> Result<Row> {
    let training = Training::new(net)?;
    let x = Var::constant(training.inputs.gather(&training.order[0]));
    let timing = bench.time(60, 1, || training.net.forward(&x, &mut Ctx::eval()).map(drop))?;
    let [operations, _] = operations(&training.net, net.input(), net.batch())?;
    let mut row = bench.row(infer_name(net), timing, operations);
    row.images_per_second = Some(1e3 * net.batch() as f64 / timing.median);
    Ok(row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::count_parameters;

    #[test]
    fn there_is_something_to_learn() {
        for (net, parameters) in [(Net::P4, 50_831), (Net::P4w, 342_209)] {
            assert_eq!(count_parameters(&net.build(&mut Rng::new(0, "test", 0)).unwrap()), parameters);
        }
        for net in [Net::P4, Net::P7, Net::P8b, Net::P8c] {
            let mut training = Training::new(net).unwrap();
            let losses: Vec<f32> = (0..300).map(|_| training.step().unwrap()).collect();
            let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
            let (first, last) = (mean(&losses[..20]), mean(&losses[280..]));
            assert!(last < 0.8 * first, "{net:?}: {first}, then {last}");
        }
    }
}
