//! Blocks whose value goes several ways at once: residual blocks and parallel branches.
//!
//! What is inside a branch is a [`Sequential`], so the engine computes neighbours there in one go as it does anywhere, and
//! a branch costs what its layers cost. The ways meet in a [`Join`], which is captured like a layer.

use super::context::Ctx;
use super::join::Join;
use super::kind::Kind;
use super::module::Module;
use super::sequential::Sequential;
use super::walk::Walk;
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::real::Real;
use crate::tensor::Tensor;

/// Computes y = f(x) + x, a residual block (He et al. 2016): the branch f learns what is missing, and gradients reach the
/// layers before the block by the sum, whatever f does to them.
///
/// Where f changes the shape, a shortcut s changes that of the input alike, y = f(x) + s(x): He et al. take a convolution
/// with 1 x 1 filters and the stride of f. The layers of f are children of the block itself (`block1.conv1.weight`), those
/// of s stand under `shortcut` (`block1.shortcut.conv.weight`), and the sum is captured as `block1.sum`.
///
/// # Stochastic depth
///
/// With a drop probability p (Huang et al. 2016, *Deep networks with stochastic depth*), a training pass skips the branch of
/// each sample n at random, and what it keeps counts 1/(1 - p) times:
///
/// ```text
/// y[n] = b[n]/(1 - p) f(x)[n] + s(x)[n],     b[n] = 0 with probability p, else 1, drawn for each sample and step
/// ```
///
/// so that the mean of y is f(x) + s(x), which is what evaluation computes, without any factor. (Huang et al. draw once for
/// a whole batch, do not divide, and multiply f by 1 - p in evaluation: the same expectation. The convention here is that of
/// dropout, and of torchvision's `StochasticDepth` in mode `row`.) The branch is computed for all samples, so running
/// statistics of batch normalization see them all.
///
/// ```
/// use gradus::{autograd::Var, rng::Rng, tensor::Tensor};
/// use gradus::nn::{Activation, Conv2d, Ctx, Init, Module, Residual, Sequential};
/// use gradus::ops::{self, Padding};
/// let (rng, same) = (&mut Rng::new(1, "block", 0), ops::Conv2d { padding: Padding::Same, ..Default::default() });
/// let halve = ops::Conv2d { stride: [2, 2], ..same };
/// let branch = Sequential::new()
///     .with("conv1", Conv2d::new(4, 8, [3, 3], halve, Init::HeNormal, rng))
///     .with("relu", Activation::Relu)
///     .with("conv2", Conv2d::new(8, 8, [3, 3], same, Init::HeNormal, rng));
/// let shortcut = Sequential::new().with("conv", Conv2d::new(4, 8, [1, 1], halve, Init::HeNormal, rng));
/// let block: Residual = Residual::new(branch).with_shortcut(shortcut);
/// let y = block.forward(&Var::constant(Tensor::zeros([2, 4, 6, 6])), &mut Ctx::eval())?;
/// assert_eq!(y.shape(), [2, 8, 3, 3]);
/// let sometimes = block.with_drop(0.5)?; // in evaluation the same block
/// assert_eq!(sometimes.forward(&Var::constant(Tensor::zeros([2, 4, 6, 6])), &mut Ctx::eval())?.value(), y.value());
/// # Ok::<(), gradus::Error>(())
/// ```
pub struct Residual<T: Real = f32> {
    branch: Sequential<T>,
    /// Its layers, and the name under which they stand.
    shortcut: Option<(&'static str, Sequential<T>)>,
    /// The probability with which a sample skips the branch in training.
    drop: f64,
}

impl<T: Real> Residual<T> {
    /// The name under which the shortcut's layers stand.
    pub const SHORTCUT: &'static str = "shortcut";
    /// Names that no layer of the branch may have, because the block needs them.
    pub const RESERVED: [&'static str; 2] = [Self::SHORTCUT, "sum"];

    /// Returns the block f(x) + x. Panics if a layer of the branch has a [reserved](Self::RESERVED) name.
    pub fn new(branch: Sequential<T>) -> Self {
        let taken = branch.names().find(|name| Self::RESERVED.contains(name));
        assert!(taken.is_none(), "the branch of a residual block has a layer called {taken:?}, which the block needs");
        Self { branch, shortcut: None, drop: 0.0 }
    }

    /// Returns the block f(x) + s(x).
    pub fn with_shortcut(self, shortcut: Sequential<T>) -> Self {
        self.with_shortcut_called(Self::SHORTCUT, shortcut)
    }

    /// Returns the block f(x) + s(x), the layers of s standing under another name: `downsample`, where weights of others
    /// have it. Panics if a layer of the branch has that name.
    pub fn with_shortcut_called(mut self, name: &'static str, shortcut: Sequential<T>) -> Self {
        assert!(
            self.branch.names().all(|known| known != name),
            "the branch of a residual block has a layer called {name}"
        );
        self.shortcut = Some((name, shortcut));
        self
    }

    /// Returns the block with this drop probability of its branch, see [stochastic depth](Self#stochastic-depth). Fails if
    /// it is not in [0, 1).
    pub fn with_drop(mut self, p: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&p) {
            return Err(Error::invalid(format!("residual: drop = {p} is not in [0, 1)")));
        }
        self.drop = p;
        Ok(self)
    }

    /// The branch's output in training, some samples of which are skipped.
    fn skip(&self, y: Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        if self.drop == 0.0 {
            return Ok(y);
        }
        let Some(mut rng) = cx.random() else { return Ok(y) };
        let Some((&samples, axes)) = y.shape().split_first() else { return Ok(y) };
        let kept = T::from_f64(1.0 / (1.0 - self.drop));
        // A factor for each sample, which broadcasts over its axes.
        let factors = Tensor::from_fn(&[&[samples], &vec![1; axes.len()][..]].concat()[..], |_| {
            if rng.chance(self.drop) { T::ZERO } else { kept }
        });
        y.mul(&Var::constant(factors))
    }
}

impl<T: Real> Module<T> for Residual<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let y = self.branch.forward(x, cx)?;
        let y = self.skip(y, cx)?;
        match &self.shortcut {
            Some((name, shortcut)) => {
                let x = cx.call(name, shortcut, x)?;
                cx.join(Join::Sum, &[&y, &x])
            }
            None => cx.join(Join::Sum, &[&y, x]),
        }
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        self.branch.walk(walk);
        if let Some((name, shortcut)) = &self.shortcut {
            walk.child(name, shortcut);
        }
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}

/// Gives one input to several branches and joins their outputs: by concatenation of the channels, as in the blocks of
/// Szegedy et al. (2015), or by their sum.
///
/// Branches have names, which make the paths of their parameters (`block2.branch1.conv.weight`); the joined value is
/// captured as `block2.concat` or `block2.sum`. A branch without layers hands on the input.
///
/// ```
/// use gradus::{autograd::Var, tensor::Tensor};
/// use gradus::nn::{Activation, Ctx, Join, Module, Parallel, Sequential};
/// let both: Parallel = Parallel::new(Join::Concat)
///     .with("relu", Sequential::new().with("relu", Activation::Relu))
///     .with("same", Sequential::new());
/// let x = Var::constant(Tensor::new(vec![-1.0, 2.0], [1, 2])?);
/// assert_eq!(both.forward(&x, &mut Ctx::eval())?.value().data(), [0.0, 2.0, -1.0, 2.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
pub struct Parallel<T: Real = f32> {
    join: Join,
    branches: Vec<(String, Sequential<T>)>,
}

impl<T: Real> Parallel<T> {
    /// Returns a block without branches yet, which cannot compute.
    pub fn new(join: Join) -> Self {
        Self { join, branches: Vec::new() }
    }

    /// Appends a branch. Panics on a name that is taken, also by the join.
    pub fn with(mut self, name: impl Into<String>, branch: Sequential<T>) -> Self {
        let name = name.into();
        let is_taken = name == self.join.name() || self.branches.iter().any(|(known, _)| *known == name);
        assert!(!is_taken, "Parallel has two children called {name}");
        self.branches.push((name, branch));
        self
    }
}

impl<T: Real> Module<T> for Parallel<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let outputs: Vec<Var<T>> =
            self.branches.iter().map(|(name, branch)| cx.call(name, branch, x)).collect::<Result<_>>()?;
        cx.join(self.join, &outputs.iter().collect::<Vec<_>>())
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        self.branches.iter().for_each(|(name, branch)| walk.child(name, branch));
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}
