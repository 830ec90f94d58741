//! What every optimizer refuses: a loss or a gradient that is not finite, and a parameter that nobody named.

use crate::autograd::{Gradients, Param};
use crate::error::{Error, Result};
use crate::real::Real;
use crate::tensor::Tensor;

/// Fails for a parameter that has a gradient, but that the model does not name: it would never be trained. And fails at
/// the first gradient with a NaN or an infinity in it.
pub(super) fn check<'a, T: Real>(
    known: impl Iterator<Item = (&'a str, &'a Param<T>)> + Clone,
    gradients: &Gradients<T>,
    step: u64,
) -> Result<()> {
    let named = |id: u64| known.clone().any(|(_, param)| param.id() == id);
    if let Some(gradient) = gradients.of_unknown(named) {
        return Err(Error::invalid(format!(
            "optimizer: the loss depends on a parameter of shape {:?} that the model's walk does not name, so it would \
             never be trained. help: name the parameter, or the child that owns it, in walk; freeze it \
             (set_trainable(false)) if it is not to be trained here",
            gradient.shape()
        )));
    }
    for (path, param) in known {
        if let Some(bad) = gradients.param(param).and_then(not_finite) {
            return Err(diverged(bad, format!("the gradient of {path}"), step));
        }
    }
    Ok(())
}

/// Returns the error of a step whose loss or gradient is not finite.
pub(super) fn diverged<T: Real>(value: T, place: String, step: u64) -> Error {
    Error::Diverged {
        what: if value.is_nan() { "NaN" } else { "infinity" }.into(),
        place,
        step,
        help: "lower the learning rate, or look for odd values in the data".into(),
    }
}

/// Returns the first number of a tensor that is not finite. The squares' sum, one fast reduction, is finite only if
/// all numbers are; where it is not, a large number may be the cause too, and each is looked at.
fn not_finite<T: Real>(x: &Tensor<T>) -> Option<T> {
    if T::dot(x.data(), x.data()).is_finite() {
        return None;
    }
    x.data().iter().copied().find(|v| !v.is_finite())
}
