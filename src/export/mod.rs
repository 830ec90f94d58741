//! Trained networks as files for other programs: ONNX for the whole network, NPZ and safetensors for its weights.
//!
//! No export leaves the house unread. Before the file appears, its bytes are read back and run on some samples beside
//! the network itself, and the largest difference is reported. For ONNX a small interpreter runs the graph ([`onnx`]); for
//! weights, the network runs with what the file gives back.

mod difference;
pub mod npz;
pub mod onnx;

use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::files;
use crate::nn::state::{State, from_safetensors, load_state_dict, state_dict, to_safetensors};
use crate::nn::{Ctx, Module};
use crate::tensor::Tensor;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use difference::largest_error;

/// The sorts of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Layers and weights, for ONNX Runtime and others. See [`onnx`].
    Onnx,
    /// Weights, for NumPy. See [`npz`].
    Npz,
    /// Weights, for PyTorch and others, names and layouts being PyTorch's. See [`nn::state`](crate::nn::state).
    Safetensors,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 3] = [Format::Onnx, Format::Npz, Format::Safetensors];

    /// The name, which is also the ending of the files.
    pub fn name(self) -> &'static str {
        match self {
            Format::Onnx => "onnx",
            Format::Npz => "npz",
            Format::Safetensors => "safetensors",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        Format::ALL.into_iter().find(|format| format.name() == word).ok_or_else(|| {
            let known = Format::ALL.map(Format::name).join(", ");
            Error::config("format", format!("{word:?} is not known"), format!("choose one of {known}"))
        })
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: usize,
    /// The largest absolute difference between an output of the network and of the file read back; 0 for weights,
    /// infinite where one is a number and the other is not.
    pub largest_error: f64,
}

/// Writes a trained network to `path`, atomically, once its bytes have been read back and compared on `samples`.
///
/// `input` is the shape of a sample, without the batch axis; `samples` is `[N, ..input]`, a few of the data (32 are
/// plenty), in evaluation mode as always here. For weights, `model` is for a moment given what the file holds, so
/// nobody else should run it meanwhile; it has its own weights again in the end. Fails, and leaves an older file as it
/// is, if the samples do not fit or, for ONNX, the network has a layer without an
/// operator or computes something between its layers.
pub fn write(model: &dyn Module, input: &[usize], format: Format, path: &Path, samples: &Tensor) -> Result<Exported> {
    write_described(model, input, format, path, samples, &[])
}

/// The same, an ONNX file with words about itself, by key: its metadata. The other formats have no place for them.
pub fn write_described(
    model: &dyn Module,
    input: &[usize],
    format: Format,
    path: &Path,
    samples: &Tensor,
    metadata: &[(String, String)],
) -> Result<Exported> {
    match samples.shape() {
        [count, sample @ ..] if *count > 0 && sample == input => {}
        other => {
            return Err(Error::shape(
                "export",
                format!("expects at least one sample of shape {input:?}; found {other:?}"),
            ));
        }
    }
    let (bytes, largest_error) = match format {
        Format::Onnx => onnx::export_described(model, samples, metadata)?,
        Format::Npz => weights(model, samples, npz::to_bytes, npz::from_bytes)?,
        Format::Safetensors => weights(model, samples, to_safetensors, from_safetensors)?,
    };
    files::write_atomic(path, &bytes)?;
    Ok(Exported { path: path.to_owned(), bytes: bytes.len(), largest_error })
}

/// A network's weights as bytes, and the largest error of the network when it runs with what these bytes give back.
fn weights(
    model: &dyn Module,
    samples: &Tensor,
    encode: impl Fn(&State<f32>) -> Result<Vec<u8>>,
    decode: impl Fn(&[u8]) -> Result<State<f32>>,
) -> Result<(Vec<u8>, f64)> {
    let run = || Ok::<_, Error>(model.forward(&Var::constant(samples.clone()), &mut Ctx::eval())?.value().clone());
    let (own, expected) = (state_dict(model), run()?);
    let bytes = encode(&own)?;
    load_state_dict(model, &decode(&bytes)?)?;
    let again = run();
    load_state_dict(model, &own)?;
    Ok((bytes, largest_error(&again?, &expected)))
}
