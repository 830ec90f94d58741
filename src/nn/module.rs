//! What a module is, and the context in which it computes.

use super::buffer::{Buffer, Proposals};
use super::fuse::Link;
use crate::autograd::{Param, Tape, Var};
use crate::error::Result;
use crate::ops::{Padding, Upsample, Window};
use crate::real::Real;
use crate::rng::{LayerDraw, Rng};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A piece of a network.
///
/// ```
/// use gradus::prelude::*;
///
/// /// y = x + f(x), with a layer of its own.
/// struct Residual {
///     inner: Linear,
/// }
///
/// impl Module for Residual {
///     fn forward(&self, x: &Var, cx: &mut Ctx<'_>) -> Result<Var> {
///         x.add(&cx.call("inner", &self.inner, x)?.relu()?)
///     }
///     fn walk(&self, walk: &mut Walk<'_, f32>) {
///         walk.child("inner", &self.inner);
///     }
///     fn kind(&self) -> Kind {
///         Kind::Container
///     }
/// }
///
/// let block = Residual { inner: Linear::new(4, 4, Init::HeNormal, &mut Rng::new(1, "init", 0)) };
/// let names: Vec<String> = parameters(&block).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["inner.weight", "inner.bias"]);
/// let y = block.forward(&Var::constant(Tensor::zeros([2, 4])), &mut Ctx::eval())?;
/// assert_eq!(y.shape(), [2, 4]);
/// # Ok::<(), Error>(())
/// ```
pub trait Module<T: Real = f32>: Send + Sync {
    /// Computes the output for `x`.
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>>;

    /// Names each parameter, each buffer and each child, once, by the name of its field. What is forgotten here would be
    /// neither saved nor trained; an optimizer's step refuses a loss that depends on such a parameter.
    fn walk(&self, walk: &mut Walk<'_, T>);

    /// What sort of layer this is.
    fn kind(&self) -> Kind;

    /// What this module is to the engine when it looks for modules that it can compute in one go.
    fn link(&self) -> Link<'_, T> {
        Link::Other
    }
}

/// The sorts of layers, with all that is to be said of one but its weights: what a summary counts by, and from which a
/// network can be written down in another format.
///
/// ```
/// use gradus::prelude::*;
/// let pool: &dyn Module = &MaxPool2d(Window::square(2));
/// assert_eq!(pool.kind(), Kind::MaxPool(Window::square(2)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Made of other modules.
    Container,
    /// Convolution.
    Conv2d {
        /// Height and width.
        kernel: [usize; 2],
        /// Vertical and horizontal step.
        stride: [usize; 2],
        /// Zeros around the image.
        padding: Padding,
        /// Distance between taps.
        dilation: [usize; 2],
        /// Groups of channels.
        groups: usize,
    },
    /// Transposed convolution.
    ConvTranspose2d {
        /// Height and width.
        kernel: [usize; 2],
        /// Vertical and horizontal step.
        stride: [usize; 2],
        /// Rows and columns cut off on each side.
        padding: [usize; 2],
        /// Rows and columns added below and to the right.
        output_padding: [usize; 2],
        /// Distance between taps.
        dilation: [usize; 2],
        /// Groups of channels.
        groups: usize,
    },
    /// Fully connected.
    Linear,
    /// Fully connected, with the weight of a layer that goes the other way.
    TiedLinear,
    /// Enlarged maps.
    Upsample(Upsample),
    /// Max-pooling.
    MaxPool(Window),
    /// Average-pooling, zeros of the padding counted in.
    AvgPool(Window),
    /// The mean of each plane, `[N, C, H, W]` to `[N, C]`.
    GlobalAvgPool,
    /// An elementwise function, by name, and what its formula leaves open.
    Activation {
        /// As in PyTorch's functions: `leaky_relu`.
        name: &'static str,
        /// The slope of leaky ReLU's negative side, the α of ELU.
        alpha: Option<f64>,
    },
    /// Batch normalization of the channels.
    BatchNorm {
        /// What is added to the variance.
        eps: f64,
    },
    /// Layer normalization.
    LayerNorm {
        /// How many axes are normalized, the last ones.
        axes: usize,
        /// What is added to the variance.
        eps: f64,
    },
    /// Standardization by fixed numbers.
    Standardize,
    /// Softmax along axis 1, or its logarithm.
    Softmax {
        /// Whether the logarithm is taken.
        log: bool,
    },
    /// Dropout with this probability.
    Dropout(f64),
    /// Noise of this standard deviation, in training.
    GaussianNoise(f64),
    /// A code drawn from a normal distribution in training, whose mean it is otherwise; made of `mean` and `log_var`.
    GaussianLatent,
    /// `[N, ..]` to `[N, M]`.
    Flatten,
    /// `[N, ..]` to `[N, sizes]`.
    Unflatten(Shape),
    /// A layer from outside this crate.
    Other(&'static str),
}

impl Kind {
    /// Whether it is made of other modules, which are captured and counted by themselves.
    pub fn has_parts(self) -> bool {
        matches!(self, Kind::Container | Kind::GaussianLatent)
    }
}

/// Passes over the parameters and buffers of a module tree and keeps track of the path.
///
/// ```
/// use gradus::prelude::*;
/// let net: Sequential = Sequential::new()
///     .with("fc1", Linear::<f32>::new(3, 8, Init::PyTorch, &mut Rng::new(1, "init", 0)))
///     .with("fc2", Linear::new(8, 2, Init::PyTorch, &mut Rng::new(2, "init", 0)));
/// let mut shapes = Vec::new();
/// net.walk(&mut Walk::new(&mut |path, param| shapes.push(format!("{path} {:?}", param.get().shape()))));
/// assert_eq!(shapes, ["fc1.weight [8, 3]", "fc1.bias [8]", "fc2.weight [2, 8]", "fc2.bias [2]"]);
/// ```
pub struct Walk<'a, T: Real> {
    path: String,
    visit: Visit<'a, T>,
}

/// Whom a walk calls.
enum Visit<'a, T: Real> {
    Params(&'a mut dyn FnMut(&str, &Param<T>)),
    Buffers(&'a mut dyn FnMut(&str, &Buffer<T>)),
    Both(&'a mut dyn FnMut(&str, &Param<T>)),
}

impl<'a, T: Real> Walk<'a, T> {
    /// A walk that calls `visit(path, parameter)`, and passes the buffers by.
    pub fn new(visit: &'a mut dyn FnMut(&str, &Param<T>)) -> Self {
        Self { path: String::new(), visit: Visit::Params(visit) }
    }

    /// A walk that calls `visit` for each parameter, and for each buffer with what it is made of.
    pub(super) fn over_state(visit: &'a mut dyn FnMut(&str, &Param<T>)) -> Self {
        Self { path: String::new(), visit: Visit::Both(visit) }
    }

    /// Reports a parameter under its field's name.
    pub fn param(&mut self, name: &str, param: &Param<T>) {
        let whole = enter(&mut self.path, name);
        if let Visit::Params(visit) | Visit::Both(visit) = &mut self.visit {
            visit(&self.path, param);
        }
        self.path.truncate(whole);
    }

    /// Reports a buffer under its field's name.
    pub fn buffer(&mut self, name: &str, buffer: &Buffer<T>) {
        let whole = enter(&mut self.path, name);
        match &mut self.visit {
            Visit::Params(_) => {}
            Visit::Buffers(visit) => visit(&self.path, buffer),
            Visit::Both(visit) => visit(&self.path, buffer.as_param()),
        }
        self.path.truncate(whole);
    }

    /// Goes into a child under its field's name.
    pub fn child(&mut self, name: &str, child: &dyn Module<T>) {
        let whole = enter(&mut self.path, name);
        child.walk(self);
        self.path.truncate(whole);
    }
}

/// Appends `.name` to a path and returns its length before.
fn enter(path: &mut String, name: &str) -> usize {
    let before = path.len();
    if before > 0 {
        path.push('.');
    }
    path.push_str(name);
    before
}

/// All parameters with their paths, tied ones once under their first name.
pub fn parameters<T: Real>(module: &dyn Module<T>) -> Vec<(String, Param<T>)> {
    let mut found: Vec<(String, Param<T>)> = Vec::new();
    module.walk(&mut Walk::new(&mut |path, param| {
        if found.iter().all(|(_, known)| known.id() != param.id()) {
            found.push((path.to_owned(), param.clone()));
        }
    }));
    found
}

/// All buffers with their paths, each once under its first name.
pub fn buffers<T: Real>(module: &dyn Module<T>) -> Vec<(String, Buffer<T>)> {
    let mut found: Vec<(String, Buffer<T>)> = Vec::new();
    let visit = &mut |path: &str, buffer: &Buffer<T>| {
        if found.iter().all(|(_, known)| known.id() != buffer.id()) {
            found.push((path.to_owned(), buffer.clone()));
        }
    };
    module.walk(&mut Walk { path: String::new(), visit: Visit::Buffers(visit) });
    found
}

/// Number of parameters, tied ones counted once.
pub fn count_parameters<T: Real>(module: &dyn Module<T>) -> usize {
    parameters(module).iter().map(|(_, p)| p.get().numel()).sum()
}

/// What a module saw and made, kept by a context that was asked to.
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
    /// The shape of its input.
    pub input: Shape,
    /// Its output.
    pub output: Tensor<T>,
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
    wanted: Option<&'a dyn Fn(&str) -> bool>,
    captured: Vec<Captured<T>>,
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
            wanted: None,
            captured: Vec::new(),
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

    /// Keeps the output of each module whose path `wanted` accepts; see [`captured`](Self::captured).
    pub fn capture(mut self, wanted: &'a dyn Fn(&str) -> bool) -> Self {
        self.wanted = Some(wanted);
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
        let Some(wanted) = self.wanted else { return false };
        let before = enter(&mut self.path, name);
        let wants = wanted(&self.path);
        self.path.truncate(before);
        wants
    }

    /// Runs a child under its name: its errors get the name in front, and its output is kept if asked for.
    pub fn call(&mut self, name: &str, module: &dyn Module<T>, x: &Var<T>) -> Result<Var<T>> {
        let before = enter(&mut self.path, name);
        let y = module.forward(x, self);
        if let (Ok(y), Some(wanted)) = (&y, self.wanted)
            && wanted(&self.path)
        {
            self.captured.push(Captured {
                path: self.path.clone(),
                kind: module.kind(),
                input: x.value().shape_owned(),
                output: y.value().clone(),
            });
        }
        self.path.truncate(before);
        y.map_err(|e| e.within(name))
    }
}
