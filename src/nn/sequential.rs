//! Modules one after the other.

use super::context::Ctx;
use super::fuse::{self, Block, Chain, Dense};
use super::kind::Kind;
use super::module::Module;
use super::walk::Walk;
use crate::autograd::Var;
use crate::error::Result;
use crate::real::Real;
use crate::tensor::Tensor;

/// Feeds each module's output to the next. Children have names, which make the paths of their parameters:
/// `block1.conv.weight`.
///
/// ```
/// use gradus::prelude::*;
///
/// let mut rng = Rng::new(1, "init", 0);
/// let same = ops::Conv2d { padding: Padding::Same, ..Default::default() };
/// let net: Sequential = Sequential::new()
///     .with("conv", Conv2d::new(1, 4, [3, 3], same, Init::HeNormal, &mut rng))
///     .with("relu", Activation::Relu)
///     .with("pool", MaxPool2d(Window::square(2)))
///     .with("flat", Flatten)
///     .with("out", Linear::new(4 * 14 * 14, 10, Init::PyTorch, &mut rng));
/// let images = Var::constant(Tensor::zeros([5, 1, 28, 28]));
/// assert_eq!(net.forward(&images, &mut Ctx::eval())?.shape(), [5, 10]);
/// assert_eq!(count_parameters(&net), 4 * 9 + 4 + 784 * 10 + 10);
/// # Ok::<(), Error>(())
/// ```
#[derive(Default)]
pub struct Sequential<T: Real = f32> {
    children: Vec<(String, Box<dyn Module<T>>)>,
}

impl<T: Real> Sequential<T> {
    /// An empty sequence: the identity.
    pub fn new() -> Self {
        Self { children: Vec::new() }
    }

    /// Appends a module. Panics on a name that is taken: two parameters would share a path.
    pub fn with(mut self, name: impl Into<String>, module: impl Module<T> + 'static) -> Self {
        self.push(name, Box::new(module));
        self
    }

    /// Appends a module whose type is not known here. Panics on a name that is taken.
    pub fn push(&mut self, name: impl Into<String>, module: Box<dyn Module<T>>) {
        let name = name.into();
        assert!(self.children.iter().all(|(known, _)| *known != name), "Sequential has two children called {name}");
        self.children.push((name, module));
    }

    /// The children's names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.children.iter().map(|(name, _)| name.as_str())
    }
}

/// Some neighbouring children of a [`Sequential`]: the encoder of an autoencoder, or its decoder.
///
/// ```
/// use gradus::prelude::*;
///
/// let mut rng = Rng::new(1, "init", 0);
/// let net: Sequential = Sequential::new()
///     .with("code", Linear::new(8, 2, Init::PyTorch, &mut rng))
///     .with("back", Linear::new(2, 8, Init::PyTorch, &mut rng));
/// let [encoder, decoder] = net.split_after("code").expect("there is such a layer");
/// let code = encoder.forward(&Var::constant(Tensor::zeros([3, 8])), &mut Ctx::eval())?;
/// assert_eq!(code.shape(), [3, 2]);
/// assert_eq!(decoder.forward(&code, &mut Ctx::eval())?.shape(), [3, 8]);
/// # Ok::<(), Error>(())
/// ```
pub struct Part<'a, T: Real = f32> {
    children: &'a [(String, Box<dyn Module<T>>)],
}

impl<T: Real> Sequential<T> {
    /// The children up to `name`, and those after it; none if there is no such child.
    pub fn split_after(&self, name: &str) -> Option<[Part<'_, T>; 2]> {
        let at = self.names().position(|known| known == name)? + 1;
        let (before, after) = self.children.split_at(at);
        Some([before, after].map(|children| Part { children }))
    }
}

impl<T: Real> Module<T> for Sequential<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        Part { children: &self.children }.forward(x, cx)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        Part { children: &self.children }.walk(walk);
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }

    fn fit_inputs(&self, inputs: &dyn Fn() -> Tensor<T>) -> Result<()> {
        self.children.first().map_or(Ok(()), |(name, first)| first.fit_inputs(inputs).map_err(|e| e.within(name)))
    }
}

impl<T: Real> Module<T> for Part<'_, T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let (mut x, mut rest) = (x.clone(), self.children);
        while let [(name, module), others @ ..] = rest {
            // Should the block not fit the input, its modules run and say which of them it is that does not.
            if let Some(block) = Block::find(rest, cx)
                && let Ok(y) = block.forward(&x, cx)
            {
                (x, rest) = (y, &rest[block.len..]);
            } else if let Some(dense) = Dense::find(rest, cx)
                && let Ok(y) = dense.forward(&x, cx)
            {
                (x, rest) = (y, &rest[Dense::<T>::LEN..]);
            } else if let Some(chain) = Chain::find(rest, x.shape(), cx) {
                (x, rest) = (chain.forward(&x, cx)?, &rest[chain.len..]);
            } else if let Some((y, len)) = fuse::with_relu(rest, &x, cx) {
                (x, rest) = (y?, &rest[len..]);
            } else {
                (x, rest) = (cx.call(name, module.as_ref(), &x)?, others);
            }
        }
        Ok(x)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        for (name, module) in self.children {
            walk.child(name, module.as_ref());
        }
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}
