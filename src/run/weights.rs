//! Loads the weights of a finished run.
//!
//! Damaged or non-finite weights must not yield results: a file of a run is compared with its checksum, and every
//! weight must be finite, whatever file it comes from.

use super::RunFolder;
use crate::error::{Error, Result};
use crate::files;
use crate::nn::Module;
use crate::nn::state::{State, check_finite, from_safetensors, load_state_dict};
use std::path::Path;

/// Loads `checkpoints/NAME-best.safetensors` of a finished run into its network.
pub fn load_best(model: &dyn Module, folder: &RunFolder, name: &str) -> Result<()> {
    let folder = folder.verified()?;
    let file = best(name);
    let state = finite(&folder.read(&file)?, &folder.path(&file))?;
    load_state_dict(model, &state).map_err(|e| Error::State(format!("{}: {e}", folder.path(&file).display())))
}

/// Returns the initial weights for a network: those of training `name` in the folder of a finished run, or of a
/// .safetensors file. A file that lies in a finished run is compared with the run's checksum.
pub fn starting_weights(path: &Path, name: &str) -> Result<State<f32>> {
    if path.is_dir() {
        let folder = RunFolder::finished(path)?;
        let file = best(name);
        return finite(&folder.read(&file)?, &folder.path(&file));
    }
    if !path.exists() {
        let help = "give the folder of a finished run, or a .safetensors file";
        return Err(Error::data(path, "does not exist (model.weights)", help));
    }
    if let Some((root, file)) = of_run(path) {
        let folder = RunFolder::at(root);
        if folder.is_complete() {
            return finite(&folder.verified()?.read(&file)?, path);
        }
    }
    finite(&files::read(path)?, path)
}

fn best(name: &str) -> String {
    format!("checkpoints/{name}-best.safetensors")
}

/// Returns the run in whose folder `checkpoints` a file lies, and its name there.
fn of_run(path: &Path) -> Option<(&Path, String)> {
    let (folder, file) = (path.parent()?, path.file_name()?.to_str()?);
    let root = folder.parent()?;
    let is_checkpoint = folder.file_name()? == "checkpoints" && super::environment::is_run(root);
    is_checkpoint.then(|| (root, format!("checkpoints/{file}")))
}

fn finite(bytes: &[u8], path: &Path) -> Result<State<f32>> {
    let refuse = |e: Error| Error::data(path, format!("cannot be used: {e}"), "give undamaged weights");
    let state = from_safetensors(bytes).map_err(refuse)?;
    check_finite(&state).map_err(refuse)?;
    Ok(state)
}
