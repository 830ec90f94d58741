//! Freezing parts of a model by name: transfer learning trains a new head on an encoder that stays as it is.
//!
//! A frozen parameter takes part as a constant. Nothing is recorded for what depends on constants alone, so a frozen
//! encoder costs its forward pass and nothing else, and no optimizer moves it, weight decay included. Running statistics
//! are buffers, not parameters: to keep those too, run the frozen part in evaluation.

use super::module::Module;
use super::walk::Walk;
use crate::autograd::Param;
use crate::error::{Error, Result};
use crate::real::Real;

/// Freezes the parameters whose path fits `pattern`, and returns their paths. A `*` stands for any characters, none
/// included: `encoder.*`, `*.bias`. A tied parameter is frozen if any of its paths fits.
/// Fails, and changes nothing, if no path fits.
///
/// ```
/// use gradus::prelude::*;
/// let mut rng = Rng::new(1, "init", 0);
/// let net = Sequential::<f32>::new()
///     .with("encoder", Linear::new(8, 2, Init::PyTorch, &mut rng))
///     .with("head", Linear::new(2, 3, Init::PyTorch, &mut rng));
/// assert_eq!(freeze(&net, "encoder.*")?, ["encoder.weight", "encoder.bias"]);
/// assert!(freeze(&net, "decoder.*").is_err()); // no such parameter
/// # Ok::<(), Error>(())
/// ```
pub fn freeze<T: Real>(module: &dyn Module<T>, pattern: &str) -> Result<Vec<String>> {
    set_trainable(module, pattern, false)
}

/// The opposite of [`freeze`].
pub fn unfreeze<T: Real>(module: &dyn Module<T>, pattern: &str) -> Result<Vec<String>> {
    set_trainable(module, pattern, true)
}

fn set_trainable<T: Real>(module: &dyn Module<T>, pattern: &str, trainable: bool) -> Result<Vec<String>> {
    let (mut names, mut fitting): (Vec<String>, Vec<(String, Param<T>)>) = (Vec::new(), Vec::new());
    module.walk(&mut Walk::new(&mut |path, param| {
        names.push(path.to_owned());
        if fits(pattern, path) {
            fitting.push((path.to_owned(), param.clone()));
        }
    }));
    if fitting.is_empty() {
        let what = format!("no parameter is called {pattern}; there are {}", names.join(", "));
        return Err(Error::invalid(format!("freeze: {what}")));
    }
    let set = |(path, param): (String, Param<T>)| {
        param.set_trainable(trainable);
        path
    };
    Ok(fitting.into_iter().map(set).collect())
}

/// Whether `name` is `pattern`, in which each `*` stands for any characters.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| fits(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, name, expected) in [
            ("encoder.*", "encoder.conv1.weight", true),
            ("encoder.*", "encoder", false),
            ("encoder.*", "decoder.encoder.x", false),
            ("*", "", true),
            ("*.bias", "fc1.bias", true),
            ("*.bias", "fc1.bias2", false),
            ("conv*.w*t", "conv12.weight", true),
            ("conv1", "conv1", true),
            ("conv1", "conv12", false),
            ("*µ*", "größe.µ", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
