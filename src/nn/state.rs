//! A model's numbers by name: taking them out, putting them back, and safetensors files.
//!
//! A state holds the parameters and the buffers. Names are their paths (`block1.conv.weight`) and layouts are
//! PyTorch's, so weights travel both ways. Loading is strict and atomic: every missing, unexpected or reshaped name is
//! collected first, and either everything is written or nothing is. One name is skipped: PyTorch counts steps in
//! `num_batches_tracked` beside the running statistics, and nothing here depends on that count.
//!
//! Where a model should get only a part of its numbers from another one, [`load_matching`] takes what fits and reports
//! what it took and what not: an encoder that becomes part of a classifier.

use super::module::Module;
use super::walk::Walk;
use crate::autograd::Param;
use crate::error::{Error, Result};
use crate::files;
use crate::real::Real;
use crate::shape::{MAX_RANK, Shape};
use crate::tensor::Tensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// Tensors by name, in the order of their names.
pub type State<T> = BTreeMap<String, Tensor<T>>;

/// The values of parameters and buffers by path; tied ones once, under their first name.
pub fn state_dict<T: Real>(module: &dyn Module<T>) -> State<T> {
    held(module).into_iter().map(|(name, param)| (name, param.get())).collect()
}

/// Parameters and buffers with their paths, tied ones once under their first name.
fn held<T: Real>(module: &dyn Module<T>) -> Vec<(String, Param<T>)> {
    let mut found: Vec<(String, Param<T>)> = Vec::new();
    module.walk(&mut Walk::over_state(&mut |path, param| {
        if found.iter().all(|(_, known)| known.id() != param.id()) {
            found.push((path.to_owned(), param.clone()));
        }
    }));
    found
}

/// Whether `name` is PyTorch's count of steps beside running statistics; `has` says which names there are.
fn is_step_count(name: &str, has: impl Fn(&str) -> bool) -> bool {
    let prefix = name.strip_suffix("num_batches_tracked");
    prefix.is_some_and(|p| (p.is_empty() || p.ends_with('.')) && has(&format!("{p}running_mean")))
}

/// Writes `state` into the module. Fails, and writes nothing, unless names and shapes agree. A tied parameter may
/// come under any of its names, and under several if they hold the same numbers. A tensor of the module that holds nothing yet
/// takes the shape that the state gives it: that of a model whose size follows from its samples.
pub fn load_state_dict<T: Real>(module: &dyn Module<T>, state: &State<T>) -> Result<()> {
    let mut faults = Vec::new();
    // Each identity, with the name under which its value was found first.
    let mut found: BTreeMap<u64, Option<String>> = BTreeMap::new();
    let mut known = Vec::new();
    let mut writes = Vec::new();
    module.walk(&mut Walk::over_state(&mut |path, param| {
        known.push(path.to_owned());
        let first = found.entry(param.id()).or_default();
        let Some(tensor) = state.get(path) else { return };
        let shape = param.get().shape_owned();
        if tensor.shape() != &*shape && shape.iter().product::<usize>() > 0 {
            faults.push(format!("{path}: the model has {shape:?}, the file {:?}", tensor.shape()));
        } else if let Some(other) = first.as_ref().filter(|other| state[*other] != *tensor) {
            faults.push(format!("{path}: is tied to {other} in the model, but not equal to it in the file"));
        } else {
            writes.push((param.clone(), tensor.clone()));
        }
        first.get_or_insert_with(|| path.to_owned());
    }));
    for (name, param) in held(module) {
        if found[&param.id()].is_none() {
            faults.push(format!("{name}: missing"));
        }
    }
    let has = |name: &str| known.iter().any(|known| known == name);
    let unexpected = state.keys().filter(|name| !has(name) && !is_step_count(name, has));
    faults.extend(unexpected.map(|name| format!("{name}: unexpected")));
    if !faults.is_empty() {
        return Err(Error::State(format!(
            "the weights do not fit the model (nothing was loaded):\n  {}",
            faults.join("\n  ")
        )));
    }
    writes.into_iter().for_each(|(param, tensor)| param.set(tensor));
    Ok(())
}

/// What [`load_matching_dict`] did, by the names of both sides. None of the lists says that all is well: that is for the
/// caller to judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matching {
    /// Written: the model's name, and the state's.
    pub taken: Vec<(String, String)>,
    /// In the model, but nothing in the state stands for it: as it was.
    pub missing: Vec<String>,
    /// In the state, but omitted by the map, or standing for nothing in the model.
    pub unexpected: Vec<String>,
    /// In both, but of two shapes, the model's and the state's: as it was.
    pub reshaped: Vec<(String, Shape, Shape)>,
}

impl std::fmt::Display for Matching {
    /// `12 taken; missing: out.weight, out.bias`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} taken", self.taken.len())?;
        let reshaped = self.reshaped.iter().map(|(name, model, file)| format!("{name} (is {model:?}, not {file:?})"));
        let lists = [("missing", self.missing.clone()), ("unexpected", self.unexpected.clone())];
        for (what, names) in lists.into_iter().chain([("of another shape", reshaped.collect())]) {
            if !names.is_empty() {
                write!(f, "; {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Writes those tensors of `state` into the module for which it has a place, and reports all. `map` gives the module's name
/// for one of the state's, or none to omit it: `|name| name.strip_prefix("model.").map(str::to_owned)`.
///
/// Fails, and writes nothing, if two tensors of the state would go to one place.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::nn::state::load_matching_dict;
/// let mut rng = Rng::new(1, "init", 0);
/// let mut linear = |inputs, outputs| Linear::<f32>::new(inputs, outputs, Init::PyTorch, &mut rng);
/// let autoencoder = Sequential::new().with("code", linear(8, 2)).with("back", linear(2, 8));
/// let classifier = Sequential::new().with("code", linear(8, 2)).with("head", linear(2, 3));
/// let found = load_matching_dict(&classifier, &state_dict(&autoencoder), |name| Some(name.to_owned()))?;
/// assert_eq!(found.taken.len(), 2); // code.weight and code.bias
/// assert_eq!(found.missing, ["head.weight", "head.bias"]);
/// assert_eq!(found.unexpected, ["back.bias", "back.weight"]);
/// # Ok::<(), Error>(())
/// ```
pub fn load_matching_dict<T: Real>(
    module: &dyn Module<T>,
    state: &State<T>,
    map: impl Fn(&str) -> Option<String>,
) -> Result<Matching> {
    let (mut places, mut ids) = (BTreeMap::new(), Vec::new());
    module.walk(&mut Walk::over_state(&mut |path, param| {
        places.insert(path.to_owned(), param.clone());
    }));
    let (mut found, mut writes) = (Matching::default(), Vec::new());
    for (name, tensor) in state {
        let to = map(name);
        let Some((to, param)) = to.and_then(|to| places.get_key_value(&to)) else {
            found.unexpected.push(name.clone());
            continue;
        };
        let shape = param.get().shape_owned();
        if ids.contains(&param.id()) {
            return Err(Error::State(format!(
                "{name}: would be the second to be loaded into {to} (nothing was loaded)"
            )));
        }
        ids.push(param.id());
        if tensor.shape() != &*shape {
            found.reshaped.push((to.clone(), shape, tensor.shape_owned()));
        } else {
            found.taken.push((to.clone(), name.clone()));
            writes.push((param.clone(), tensor.clone()));
        }
    }
    found.missing =
        held(module).into_iter().filter(|(_, param)| !ids.contains(&param.id())).map(|(name, _)| name).collect();
    writes.into_iter().for_each(|(param, tensor)| param.set(tensor));
    Ok(found)
}

/// Loads what fits from a safetensors file; see [`load_matching_dict`].
pub fn load_matching<T: Real>(
    module: &dyn Module<T>,
    path: impl AsRef<Path>,
    map: impl Fn(&str) -> Option<String>,
) -> Result<Matching> {
    let path = path.as_ref();
    let named = |e: Error| Error::State(format!("{}: {e}", path.display()));
    load_matching_dict(module, &from_safetensors(&files::read(path)?).map_err(named)?, map).map_err(named)
}

/// The bytes of a safetensors file with this state.
pub fn to_safetensors<T: Real>(state: &State<T>) -> Result<Vec<u8>> {
    let (dtype, width) = if T::NAME == "f32" { (Dtype::F32, 4) } else { (Dtype::F64, 8) };
    let bytes: Vec<(&String, &Tensor<T>, Vec<u8>)> = state
        .iter()
        .map(|(name, tensor)| {
            let mut bytes = Vec::with_capacity(tensor.numel() * width);
            for &x in tensor.data() {
                match width {
                    4 => bytes.extend((x.to_f64() as f32).to_le_bytes()),
                    _ => bytes.extend(x.to_f64().to_le_bytes()),
                }
            }
            (name, tensor, bytes)
        })
        .collect();
    let mut views = Vec::with_capacity(bytes.len());
    for (name, tensor, bytes) in &bytes {
        let view =
            TensorView::new(dtype, tensor.shape().to_vec(), bytes).map_err(|e| Error::State(format!("{name}: {e}")))?;
        views.push((name.as_str(), view));
    }
    safetensors::serialize(views, None).map_err(|e| Error::State(format!("cannot make a safetensors file: {e}")))
}

/// The state in the bytes of a safetensors file. F32 and F64 tensors are taken, and converted if need be; PyTorch's
/// `num_batches_tracked` beside a `running_mean` is omitted.
pub fn from_safetensors<T: Real>(bytes: &[u8]) -> Result<State<T>> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|e| Error::State(format!("this is not a whole safetensors file: {e}")))?;
    let mut state = State::new();
    let has = |name: &str| file.tensor(name).is_ok();
    for (name, view) in file.tensors().into_iter().filter(|(name, _)| !is_step_count(name, has)) {
        let data: Vec<T> = match view.dtype() {
            Dtype::F32 => view
                .data()
                .chunks_exact(4)
                .map(|b| T::from_f64(f64::from(f32::from_le_bytes(b.try_into().expect("four bytes")))))
                .collect(),
            Dtype::F64 => view
                .data()
                .chunks_exact(8)
                .map(|b| T::from_f64(f64::from_le_bytes(b.try_into().expect("eight bytes"))))
                .collect(),
            other => return Err(Error::State(format!("{name}: is {other:?}; only F32 and F64 are taken"))),
        };
        if view.shape().len() > MAX_RANK {
            let rank = view.shape().len();
            return Err(Error::State(format!("{name}: has {rank} axes; at most {MAX_RANK} are taken")));
        }
        state.insert(name, Tensor::new(data, view.shape())?);
    }
    Ok(state)
}

/// Fails if a number of the state is not finite, with the first tensor that holds one.
pub fn check_finite<T: Real>(state: &State<T>) -> Result<()> {
    for (name, tensor) in state {
        let mut odd = tensor.data().iter().enumerate().filter(|(_, x)| !x.to_f64().is_finite());
        let Some((at, value)) = odd.next() else { continue };
        let (count, all, value) = (1 + odd.count(), tensor.numel(), value.to_f64());
        return Err(Error::State(format!(
            "{name}: expected finite numbers, found {count} of {all} that are not (the first is {value}, number {at})"
        )));
    }
    Ok(())
}

/// Saves a module's state as a safetensors file, atomically.
///
/// ```
/// use gradus::prelude::*;
///
/// let new = |seed| Linear::<f32>::new(3, 2, Init::PyTorch, &mut Rng::new(seed, "init", 0));
/// let (model, copy) = (new(1), new(2));
/// let file = std::env::temp_dir().join(format!("gradus-save-{}.safetensors", std::process::id()));
/// save(&model, &file)?;
/// load(&copy, &file)?;
/// # std::fs::remove_file(&file).unwrap();
/// assert_eq!(state_dict(&copy), state_dict(&model));
/// # Ok::<(), Error>(())
/// ```
pub fn save<T: Real>(module: &dyn Module<T>, path: impl AsRef<Path>) -> Result<()> {
    files::write_atomic(path, &to_safetensors(&state_dict(module))?)
}

/// Loads a module's state from a safetensors file, strictly; see [`load_state_dict`].
pub fn load<T: Real>(module: &dyn Module<T>, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let named = |e: Error| Error::State(format!("{}: {e}", path.display()));
    load_state_dict(module, &from_safetensors(&files::read(path)?).map_err(named)?).map_err(named)
}
