//! The circumstances of a forward pass, and what it keeps on the way.
//!
//! A pass that captures every module records the network's graph: each [`Captured`] module is a node, and knows which
//! outputs it read. Summaries and exports are built from that graph.

use super::buffer::{Buffer, Proposals};
use super::join::Join;
use super::kind::Kind;
use super::onnx::Node;
use super::walk::enter;
use crate::autograd::{Param, Tape, Var};
use crate::error::Result;
use crate::real::Real;
use crate::rng::{LayerDraw, Rng};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Where a value that a module read came from.
///
/// ```
/// use gradus::{autograd::Var, tensor::Tensor};
/// use gradus::nn::{Activation, Ctx, Module, Residual, Sequential, Source};
/// let net = Sequential::new()
///     .with("relu", Activation::Relu)
///     .with("block", Residual::new(Sequential::new().with("tanh", Activation::Tanh)));
/// let mut cx = Ctx::eval().capture(&|_| true);
/// net.forward(&Var::constant(Tensor::<f32>::zeros([1, 2])), &mut cx)?;
/// let captured = cx.captured();
/// let paths: Vec<&str> = captured.iter().map(|layer| layer.path.as_str()).collect();
/// assert_eq!(paths, ["relu", "block.tanh", "block.sum", "block"]);
/// let read: Vec<Source> = captured[2].inputs.iter().map(|read| read.from).collect();
/// assert_eq!(read, [Source::Module(1), Source::Module(0)]); // tanh(x) + x
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is the input of the pass.
    Input,
    /// It is the output of this captured module, by its place in the list.
    Module(usize),
    /// No captured module gave it: it was computed between modules, or its module is not captured.
    Unknown,
}

/// A value that a module read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Where it came from.
    pub from: Source,
    /// Its shape.
    pub shape: Shape,
}

/// What a module read and made, kept by a context that captures: a node of the network's graph, with its edges.
///
/// ```
/// use gradus::prelude::*;
///
/// let net: Sequential = Sequential::new()
///     .with("fc", Linear::new(3, 2, Init::PyTorch, &mut Rng::new(1, "init", 0)))
///     .with("act", Activation::Tanh);
/// let only_fc = |path: &str| path == "fc";
/// let mut cx = Ctx::eval().capture(&only_fc);
/// net.forward(&Var::constant(Tensor::zeros([5, 3])), &mut cx)?;
/// let captured = cx.captured();
/// assert_eq!((captured.len(), &captured[0].path[..], captured[0].output.shape()), (1, "fc", &[5, 2][..]));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Captured<T: Real> {
    /// The module's path.
    pub path: String,
    /// The module's kind.
    pub kind: Kind,
    /// The ONNX operators that compute it, if it says so.
    pub onnx: Option<Vec<Node>>,
    /// What it read: one value, and several where branches are joined.
    pub inputs: Vec<Read>,
    /// Its output.
    pub output: Tensor<T>,
    /// Whose output that is: the module's own; or, of a module that is made of others, that of the one whose output it
    /// hands on, and [`Source::Unknown`] if it computes something itself with what they give.
    pub origin: Source,
}

/// A loss that a module adds to the objective.
///
/// ```
/// use gradus::prelude::*;
///
/// /// Weight decay as a loss: the squared sum of the weights, a tenth of which is added to the objective.
/// struct Decay(Linear);
///
/// impl Module for Decay {
///     fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
///         let weight = cx.param(&self.0.weight);
///         cx.add_loss("decay", (&weight * &weight).sum()?, 0.1);
///         cx.call("linear", &self.0, x)
///     }
///     fn walk(&self, walk: &mut Walk<'_, f32>) {
///         walk.child("linear", &self.0);
///     }
///     fn kind(&self) -> Kind {
///         Kind::Container
///     }
/// }
///
/// let layer = Decay(Linear::new(1, 2, Init::PyTorch, &mut Rng::new(1, "init", 0)));
/// layer.0.weight.set(Tensor::full([2, 1], 3.0));
/// let mut cx = Ctx::eval();
/// layer.forward(&Var::constant(Tensor::zeros([1, 1])), &mut cx)?;
/// let added = &cx.losses()[0];
/// assert_eq!((&added.path[..], added.value.value().item(), added.weight), ("decay", 18.0, 0.1));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Added<T: Real> {
    /// The module's path and the loss's name: `code.kl`.
    pub path: String,
    /// A scalar.
    pub value: Var<T>,
    /// What it weighs beside the objective.
    pub weight: f64,
}

/// Whose random numbers a pass draws: those of a run's seed and, where the run has several networks, of one of them. A
/// seed alone will do where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws<'a> {
    /// The run's seed.
    pub seed: u64,
    /// The network's name in the run.
    pub network: &'a str,
}

impl From<u64> for Draws<'_> {
    fn from(seed: u64) -> Self {
        Self { seed, network: "" }
    }
}

/// The circumstances of one forward pass: the tape, training or evaluation, randomness, and the path of the module
/// that is running. There is no hidden mode anywhere else.
///
/// ```
/// use gradus::prelude::*;
///
/// let net = Sequential::<f32>::new().with("drop", Dropout(0.5));
/// let x = Var::constant(Tensor::full([1, 100], 1.0));
/// let evaluated = net.forward(&x, &mut Ctx::eval())?;
/// assert_eq!(evaluated.value(), x.value()); // dropout is off
///
/// let tape = Tape::new();
/// let trained = |step| net.forward(&x, &mut Ctx::train(&tape, 1, step)); // seed 1
/// assert_eq!(trained(3)?.value(), trained(3)?.value()); // the mask belongs to seed, layer and step
/// assert_ne!(trained(3)?.value(), trained(4)?.value());
/// # Ok::<(), Error>(())
/// ```
pub struct Ctx<'a, T: Real = f32> {
    tape: Option<&'a Tape<T>>,
    training: bool,
    /// Whose numbers are drawn, and for which step.
    drawing: Option<(Draws<'a>, u64)>,
    /// The paths of the layers that drew in this pass, and how often.
    drawn: Vec<(String, u64)>,
    path: String,
    captures: Option<&'a dyn Fn(&str) -> bool>,
    captured: Vec<Captured<T>>,
    /// What the first module that was called read, once a capturing pass has begun.
    input: Option<Tensor<T>>,
    proposals: Proposals<T>,
    losses: Vec<Added<T>>,
}

impl<'a, T: Real> Ctx<'a, T> {
    /// Evaluation: nothing is recorded, dropout and noise are off, codes are means, running statistics serve.
    pub fn eval() -> Self {
        Self {
            tape: None,
            training: false,
            drawing: None,
            drawn: Vec::new(),
            path: String::new(),
            captures: None,
            captured: Vec::new(),
            input: None,
            proposals: Proposals::new(),
            losses: Vec::new(),
        }
    }

    /// Training: gradients are recorded on `tape`, and masks and noise are drawn for (seed, network, layer, call, `step`):
    /// a layer that is called twice in a pass draws twice, and no two layers draw the same. `step` counts the optimizer's
    /// steps; two passes with one `step` draw the same.
    pub fn train(tape: &'a Tape<T>, draws: impl Into<Draws<'a>>, step: u64) -> Self {
        Self { tape: Some(tape), training: true, drawing: Some((draws.into(), step)), ..Self::eval() }
    }

    /// Evaluation of a network that draws at random by its nature: codes are drawn and noise is added as in training, for
    /// (seed, network, layer, call, `step`), but other ones than there; dropout is off, and running statistics serve.
    pub fn eval_drawing(draws: impl Into<Draws<'a>>, step: u64) -> Self {
        Self { drawing: Some((draws.into(), step)), ..Self::eval() }
    }

    /// Evaluation with gradients: dropout is off, but `tape` records.
    pub fn eval_on(tape: &'a Tape<T>) -> Self {
        Self { tape: Some(tape), ..Self::eval() }
    }

    /// Keeps the output of each module whose path `captures` accepts, and where it got its input; see
    /// [`captured`](Self::captured).
    pub fn capture(mut self, captures: &'a dyn Fn(&str) -> bool) -> Self {
        self.captures = Some(captures);
        self
    }

    /// What was kept so far, in the order in which the modules finished.
    pub fn captured(self) -> Vec<Captured<T>> {
        self.captured
    }

    /// A buffer's value as this pass sees it: what it proposed itself, else what the buffer holds.
    pub fn buffer(&self, buffer: &Buffer<T>) -> Tensor<T> {
        self.proposals.of(buffer).cloned().unwrap_or_else(|| buffer.get())
    }

    /// Proposes a buffer's next value; the buffer itself changes when the proposals are committed.
    pub fn propose(&mut self, buffer: &Buffer<T>, value: Tensor<T>) {
        self.proposals.put(buffer, value);
    }

    /// What was proposed so far, to be [committed](Proposals::commit) after the optimizer's step.
    pub fn proposals(self) -> Proposals<T> {
        self.proposals
    }

    /// Adds a loss that belongs to the running module, a scalar such as the divergence of a code, under the module's path
    /// and `name`. Whoever computes the objective adds it, times `weight`.
    pub fn add_loss(&mut self, name: &str, value: Var<T>, weight: f64) {
        let before = enter(&mut self.path, name);
        self.losses.push(Added { path: self.path.clone(), value, weight });
        self.path.truncate(before);
    }

    /// The losses that the modules added so far.
    pub fn losses(&self) -> &[Added<T>] {
        &self.losses
    }

    /// Whether this is training: dropout is on, and batches are normalized by their own statistics.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// The number of the training step, if this is one; the optimizer's first is 1.
    pub fn step(&self) -> Option<u64> {
        self.drawing.filter(|_| self.training).map(|(_, step)| step)
    }

    /// The variable of a parameter: on the tape, if there is one.
    pub fn param(&self, param: &Param<T>) -> Var<T> {
        match self.tape {
            Some(tape) => tape.param(param),
            None => Var::constant(param.get()),
        }
    }

    /// A random stream of the running layer at this step, in training: another one at each call.
    pub fn random(&mut self) -> Option<Rng> {
        if self.training { self.draws() } else { None }
    }

    /// The same of a layer whose output is random by its nature: in training, and where an evaluation draws too.
    pub fn draws(&mut self) -> Option<Rng> {
        let (Draws { seed, network }, step) = self.drawing?;
        let at = self.drawn.iter().position(|(path, _)| *path == self.path).unwrap_or_else(|| {
            self.drawn.push((self.path.clone(), 0));
            self.drawn.len() - 1
        });
        let call = self.drawn[at].1;
        self.drawn[at].1 += 1;
        Some(Rng::of_layer(seed, &LayerDraw { training: self.training, network, path: &self.path, call, step }))
    }

    /// Whether the output of the running module's child `name` is to be kept.
    pub fn wants(&mut self, name: &str) -> bool {
        let Some(captures) = self.captures else { return false };
        let before = enter(&mut self.path, name);
        let wants = captures(&self.path);
        self.path.truncate(before);
        wants
    }

    /// Joins values under a name, which is a layer's to a summary and to an export: `block1.sum`.
    pub fn join(&mut self, join: Join, parts: &[&Var<T>]) -> Result<Var<T>> {
        let says = |_: &Var<T>| (Kind::layer(join.name()), Some(join.onnx(parts.len())));
        self.run(join.name(), parts, says, |_| join.of(parts))
    }

    /// Runs `work` under a name: its errors get the name in front, and its output is kept if it is captured, with the sources
    /// of `inputs` and with what the module `says` of itself.
    pub(super) fn run(
        &mut self,
        name: &str,
        inputs: &[&Var<T>],
        says: impl FnOnce(&Var<T>) -> (Kind, Option<Vec<Node>>),
        work: impl FnOnce(&mut Self) -> Result<Var<T>>,
    ) -> Result<Var<T>> {
        let before = enter(&mut self.path, name);
        if self.captures.is_some() && self.input.is_none() {
            self.input = inputs.first().map(|x| x.value().clone());
        }
        let y = work(self);
        if let (Ok(y), Some(captures)) = (&y, self.captures)
            && captures(&self.path)
        {
            self.keep(says(y), inputs, y.value());
        }
        self.path.truncate(before);
        y.map_err(|e| e.within(name))
    }

    /// Keeps what the running module read and made.
    fn keep(&mut self, (kind, onnx): (Kind, Option<Vec<Node>>), inputs: &[&Var<T>], output: &Tensor<T>) {
        let read = |x: &&Var<T>| Read { from: self.source(x.value()), shape: x.value().shape_owned() };
        let inputs = inputs.iter().map(read).collect();
        let origin = match kind {
            Kind::Container => self.source(output),
            Kind::Layer(_) => Source::Module(self.captured.len()),
        };
        self.captured.push(Captured { path: self.path.clone(), kind, onnx, inputs, output: output.clone(), origin });
    }

    /// Where a value came from. Captured outputs are alive, so no other value can lie in the buffer of one of them. A layer
    /// that does nothing, such as dropout in evaluation, hands on its input; the last that had it is the source.
    fn source(&self, value: &Tensor<T>) -> Source {
        let is_it =
            |(i, known): &(usize, &Captured<T>)| known.origin == Source::Module(*i) && known.output.is_same(value);
        match self.captured.iter().enumerate().rfind(is_it) {
            Some((i, _)) => Source::Module(i),
            None if self.input.as_ref().is_some_and(|input| input.is_same(value)) => Source::Input,
            None => Source::Unknown,
        }
    }
}
