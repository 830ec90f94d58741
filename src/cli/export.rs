//! `gradus export`: a trained network for other programs.

use super::evaluate::open_finished;
use super::progress::Terminal;
use super::{output, signals};
use clap::Args;
use gradus::autograd::Var;
use gradus::experiment::answer::{self, Trained};
use gradus::export::{self, Format};
use gradus::nn::{Ctx, Module};
use gradus::train::check_finite;
use gradus::{Error, Result};
use serde_json::json;
use std::path::PathBuf;

/// Writes a trained network as ONNX, NPZ or safetensors, reads it back and compares the answers to 32 samples.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradus export runs/2026-11-20_cnn-small_k7f3 --to onnx --out digits.onnx")]
pub(crate) struct Export {
    /// The folder of a finished run of `gradus train`
    run: PathBuf,
    /// onnx (the network whole), safetensors (weights with PyTorch's names) or npz (weights for NumPy)
    #[arg(long, value_name = "FORMAT")]
    to: String,
    /// The file to write; it must not exist [default: RUN/exports/NAME.FORMAT]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Samples that the export is compared on.
const SAMPLES: usize = 32;

impl Export {
    pub(crate) fn run(self) -> Result<()> {
        signals::stop_at_once()?;
        let folder = open_finished(&self.run)?;
        let format: Format = self.to.parse()?;
        let mut trained = Trained::open(&folder)?;
        trained.experiment = answer::at_home(trained.experiment, &folder)?;
        let name = &trained.experiment.name;
        let path = match &self.out {
            Some(path) if path.exists() => {
                let place = format!("--out {}", path.display());
                return Err(Error::config(place, "exists already", "choose another name"));
            }
            Some(path) => path.clone(),
            None => folder.path("exports").join(format!("{name}.{}", format.name())),
        };
        let mut watch = Terminal::new(None);
        let samples = trained.samples(SAMPLES, &mut watch)?;
        watch.finish();
        let output = trained.model.forward(&Var::constant(samples.clone()), &mut Ctx::eval())?;
        check_finite(&trained.model, &samples, output.value())?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            gradus::files::create_folder(parent)?;
        }
        let exported = export::write(&trained.model, &trained.preparation.input(), format, &path, &samples)?;
        if self.json {
            return output::json(&json!({
                "path": exported.path,
                "format": format.name(),
                "bytes": exported.bytes,
                "largest_error": exported.largest_error,
                "samples": samples.shape()[0],
            }));
        }
        output::print(&format!(
            "{}: {} bytes; read back, its answers to {} samples differ by at most {:.1e}\n",
            exported.path.display(),
            output::thousands(exported.bytes as u64),
            samples.shape()[0],
            exported.largest_error
        ))
    }
}
