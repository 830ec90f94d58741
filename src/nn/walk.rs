//! The walk over what a module holds: each parameter and buffer with its path.

use super::buffer::Buffer;
use crate::autograd::Param;
use crate::real::Real;

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
    /// The path of the module that is being walked.
    pub(super) path: String,
    visit: Visit<'a, T>,
}

/// The callback of a walk.
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

    /// A walk that calls `visit(path, buffer)`, and passes the parameters by.
    pub(super) fn over_buffers(visit: &'a mut dyn FnMut(&str, &Buffer<T>)) -> Self {
        Self { path: String::new(), visit: Visit::Buffers(visit) }
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
}

/// Appends `.name` to a path and returns its length before.
pub(super) fn enter(path: &mut String, name: &str) -> usize {
    let before = path.len();
    if before > 0 {
        path.push('.');
    }
    path.push_str(name);
    before
}
