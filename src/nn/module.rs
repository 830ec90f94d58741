//! What a module is: it computes, and it names what it holds. Everything else is made of these two.

use super::buffer::Buffer;
use super::context::Ctx;
use super::kind::Kind;
use super::link::Link;
use super::onnx::Node;
use super::walk::{Walk, enter};
use crate::autograd::{Param, Var};
use crate::error::Result;
use crate::real::Real;
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

    /// What this is to whoever looks at the network from outside: a container, or a layer with its properties.
    fn kind(&self) -> Kind;

    /// The ONNX operators that compute this layer from a batch of the shape `read` to one of the shape `output`, as it is
    /// outside of training. By default there are none that do, and a network with this layer cannot be written as ONNX; of
    /// a container nobody asks.
    fn onnx(&self, read: &[usize], output: &[usize]) -> Option<Vec<Node>> {
        let _ = (read, output);
        None
    }

    /// Learns from training inputs, as this module gets them, what of it is not trained; `inputs` draws them. Called once,
    /// before the first step. By default nothing is learned; a [`Sequential`](super::Sequential) asks its first module.
    fn fit_inputs(&self, inputs: &dyn Fn() -> Tensor<T>) -> Result<()> {
        let _ = inputs;
        Ok(())
    }

    /// Computes max(y, 0) of the output y in the pass that computes y, for a module that can; a
    /// [`Sequential`](super::Sequential) asks those that a ReLU follows. None by default.
    fn forward_relu(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Option<Result<Var<T>>> {
        let _ = (x, cx);
        None
    }

    /// What this module is to the engine when it looks for modules that it can compute in one go.
    fn link(&self) -> Link<'_, T> {
        Link::Other
    }
}

impl<T: Real> Walk<'_, T> {
    /// Goes into a child under its field's name.
    pub fn child(&mut self, name: &str, child: &dyn Module<T>) {
        let whole = enter(&mut self.path, name);
        child.walk(self);
        self.path.truncate(whole);
    }
}

impl<T: Real> Ctx<'_, T> {
    /// Runs a child under its name: its errors get the name in front, and its output is kept if it is captured.
    pub fn call(&mut self, name: &str, module: &dyn Module<T>, x: &Var<T>) -> Result<Var<T>> {
        let says = |y: &Var<T>| (module.kind(), module.onnx(x.shape(), y.shape()));
        self.run(name, &[x], says, |cx| module.forward(x, cx))
    }
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
    module.walk(&mut Walk::over_buffers(visit));
    found
}

/// Number of parameters, tied ones counted once.
pub fn count_parameters<T: Real>(module: &dyn Module<T>) -> usize {
    parameters(module).iter().map(|(_, p)| p.get().numel()).sum()
}
