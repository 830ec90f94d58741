//! Writes the first fifty losses of a training, and everything that another program needs to compute them too.
//!
//! Same weights, same batches, same dropout masks: then two engines differ by rounding alone, which a training
//! amplifies slowly. `benches/peers/curves.py` compares PyTorch's losses with ours.

use super::nets::{Net, SEED, Targets, Training};
use crate::autograd::{Tape, Var};
use crate::error::{Error, Result};
use crate::files;
use crate::nn::state::{State, state_dict, to_safetensors};
use crate::nn::{Ctx, Dropout, Module, Sequential};
use crate::tensor::Tensor;
use std::path::Path;

/// Losses to compare.
pub const STEPS: usize = 50;

/// The networks that are compared.
pub const NETS: [Net; 4] = [Net::P1, Net::P2, Net::P3, Net::P7];

/// Trains `net` for [`STEPS`] steps and writes `NAME.safetensors` into `folder`:
///
/// | tensor | shape | what |
/// | --- | --- | --- |
/// | `weight/PATH` | PyTorch's | the parameters before the first step |
/// | `inputs`, `labels` | `[N, ..]`, `[N]` | the samples |
/// | `order` | `[STEPS, batch]` | the samples of each step |
/// | `mask/PATH` | `[STEPS, batch, ..]` | the mask of each dropout layer |
/// | `losses` | `[STEPS]` | ours |
pub fn export(net: Net, folder: &Path) -> Result<()> {
    let mut training = Training::new(net)?;
    let batch = net.batch();
    let numbers = |values: &mut dyn Iterator<Item = usize>, shape: &[usize]| {
        Tensor::new(values.map(|v| v as f32).collect(), shape)
    };
    let Targets::Labels(labels) = &training.targets else {
        return Err(Error::invalid(format!("curves: {} has no classes", net.name())));
    };
    let order = training.order.iter().cycle().take(STEPS);
    let mut state: State<f32> = [
        ("inputs".to_owned(), training.inputs.clone()),
        ("labels".to_owned(), numbers(&mut labels.iter().copied(), &[labels.len()])?),
        ("order".to_owned(), numbers(&mut order.flatten().copied(), &[STEPS, batch])?),
    ]
    .into();
    for (name, value) in state_dict(&training.net) {
        state.insert(format!("weight/{name}"), value);
    }
    let x = Var::constant(training.inputs.gather(&training.order[0]));
    let mut cx = Ctx::eval().capture(&|_| true);
    training.net.forward(&x, &mut cx)?;
    for layer in cx.captured() {
        if layer.path.starts_with("drop") {
            state.insert(format!("mask/{}", layer.path), masks(&layer.path, net.dropout(), layer.output.shape())?);
        }
    }
    let losses = (0..STEPS).map(|_| training.step()).collect::<Result<Vec<f32>>>()?;
    state.insert("losses".to_owned(), Tensor::new(losses, [STEPS])?);
    files::write_atomic(folder.join(format!("{}.safetensors", net.name())), &to_safetensors(&state)?)
}

/// Returns the masks of the dropout layer at `path`, step by step: its outputs for ones.
fn masks(path: &str, dropout: Dropout, shape: &[usize]) -> Result<Tensor> {
    let (alone, ones) = (Sequential::new().with(path, dropout), Var::constant(Tensor::full(shape, 1.0)));
    let mut all = Vec::new();
    for step in 1..=STEPS as u64 {
        let tape = Tape::new();
        all.extend_from_slice(alone.forward(&ones, &mut Ctx::train(&tape, SEED, step))?.value().data());
    }
    Tensor::new(all, &[&[STEPS], shape].concat()[..])
}
