//! `gradus export`: writes a trained network for other programs.

use super::evaluate::open_finished;
use super::progress::Terminal;
use super::{output, signals};
use clap::Args;
use gradus::autograd::Var;
use gradus::experiment::deploy::Deployed;
use gradus::experiment::read;
use gradus::experiment::trained::TrainedRun;
use gradus::export::onnx::Network;
use gradus::export::{self, Exported, Format};
use gradus::nn::{Ctx, Module};
use gradus::text::thousands;
use gradus::train::check_finite;
use gradus::{Error, Result};
use serde_json::json;
use std::path::PathBuf;

/// Writes a trained network as ONNX, NPZ or safetensors, reads it back and compares its predictions for 32 samples.
///
/// An ONNX file takes raw pixels in [0, 1] and gives probabilities, and its metadata say so; features such
/// as HOG are computed before it. The other two hold the weights alone.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  gradus export runs/2026-11-20_cnn-small_k7f3 --to onnx --out digits.onnx")]
pub(crate) struct Export {
    /// The folder of a finished run of `gradus train`
    run: PathBuf,
    /// onnx (from raw pixels to probabilities), safetensors (weights with PyTorch's names) or npz (weights for NumPy)
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
        let mut trained = TrainedRun::open(&folder)?;
        trained.experiment = read::at_home(trained.experiment, &folder)?;
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
        let deployed = trained.deployed()?;
        let reference = trained.reference(&deployed, SAMPLES, &mut watch)?;
        watch.finish();
        let output = trained.model.forward(&Var::constant(reference.prepared.clone()), &mut Ctx::eval())?;
        check_finite(&trained.model, &reference.prepared, output.value())?;
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            gradus::files::create_folder(parent)?;
        }
        let exported = if format == Format::Onnx {
            let (raw, metadata) = (&reference.raw, &deployed.metadata);
            let exported = export::write_described(&deployed, &raw.shape()[1..], format, &path, raw, metadata)?;
            // The file contains the scale, so it is compared with the run's own predictions for the same samples.
            let found = Network::from_bytes(&gradus::files::read(&path)?)?.run(raw)?;
            let error = export::largest_error(&found, &reference.expected);
            Exported { largest_error: exported.largest_error.max(error), ..exported }
        } else {
            export::write(&trained.model, &trained.preparation.input(), format, &path, &reference.prepared)?
        };
        let count = reference.raw.shape()[0];
        if self.json {
            return output::json(&json!({
                "path": exported.path,
                "format": format.name(),
                "bytes": exported.bytes,
                "largest_error": exported.largest_error,
                "samples": count,
                "metadata": deployed.metadata.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            }));
        }
        output::print(&format!(
            "{}: {} bytes; read back, its predictions for {count} samples differ by at most {:.1e}\n{}",
            exported.path.display(),
            thousands(exported.bytes as u64),
            exported.largest_error,
            usage(format, &path.display().to_string(), &reference.raw.shape()[1..], &deployed)
        ))
    }
}

/// Returns how another program uses the file.
fn usage(format: Format, path: &str, input: &[usize], deployed: &Deployed<'_>) -> String {
    let sizes = input.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    match format {
        Format::Onnx => format!(
            "in Python: onnxruntime.InferenceSession({path:?}).run(None, {{\"input\": x}})[0]\n  x: float32 [N, {sizes}], {} \
             ({}); the result: {}\n",
            deployed.word("input"),
            deployed.word("input_range"),
            deployed.word("output")
        ),
        Format::Npz => format!("in Python: numpy.load({path:?}) holds the weights alone, by name\n"),
        Format::Safetensors => {
            format!("in Python: safetensors.torch.load_file({path:?}) holds the weights alone, by name\n")
        }
    }
}
