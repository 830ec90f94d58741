//! The identity of a run's data: checks that data that are read again are those that the run was trained on.
//!
//! When a run has read its data it keeps their checksum (in `env.json`) and their [`Manifest`] (`data.csv.gz`): each
//! sample, its class and its split. A command that reads the data again, to resume the run or to evaluate it, compares
//! them with the manifest. Changed data are refused: the split would be another one, and test samples would be among
//! those that the run was trained on.

use super::RunFolder;
use super::trainer::LAST_STATE;
use crate::data::{ImageData, Manifest};
use crate::error::{Error, Result};

/// The manifest's name in the folder of a run.
pub const MANIFEST: &str = "data.csv.gz";
/// The checksum's key in `env.json`.
pub const CHECKSUM: &str = "data_sha256";

/// Keeps the identity of the data that a run begins with or, in a run that has it already, refuses other data.
/// `source` is where the data come from, for the message.
///
/// Data with the same samples in the same splits are the same data, whatever lies beside them; they keep the checksum
/// of the run.
pub fn settle(folder: &RunFolder, source: &str, data: &mut ImageData) -> Result<()> {
    if folder.path(MANIFEST).exists() {
        check(folder, source, data)?;
        return folder.list(MANIFEST); // a process before this one wrote it
    }
    if folder.path(LAST_STATE).exists() {
        let what = format!("has a checkpoint, but no {MANIFEST}, so its split cannot be restored");
        return Err(Error::data(folder.root(), what, "begin a new run"));
    }
    match folder.env(CHECKSUM)?.as_str() {
        Some(known) if known != data.sha256 => return Err(refused(source, "their checksum is another one")),
        Some(_) => {}
        None => folder.update_env(CHECKSUM, data.sha256.as_str())?,
    }
    folder.write(MANIFEST, &Manifest::of(data).to_bytes())
}

/// Refuses data other than those of the run.
pub fn check(folder: &RunFolder, source: &str, data: &mut ImageData) -> Result<()> {
    if let Some(difference) = manifest(folder)?.difference(&Manifest::of(data)) {
        return Err(refused(source, &difference.to_string()));
    }
    if let Some(known) = folder.env(CHECKSUM)?.as_str() {
        known.clone_into(&mut data.sha256);
    }
    Ok(())
}

/// Returns the manifest of a run's data.
pub fn manifest(folder: &RunFolder) -> Result<Manifest> {
    let path = folder.path(MANIFEST);
    if !path.exists() {
        let what = format!("has no {MANIFEST}, so its split cannot be restored");
        return Err(Error::data(folder.root(), what, "train it again, or evaluate it on other data: --data SPEC"));
    }
    Manifest::from_bytes(&folder.read(MANIFEST)?)
        .map_err(|e| Error::data(&path, e.to_string(), "use a whole run folder"))
}

fn refused(source: &str, what: &str) -> Error {
    let what = format!("holds other samples than when this run began: {what}");
    let help = "put the same files back; a new run trains on what is there now, and `gradus evaluate RUN --data SPEC` \
                evaluates all of it as other data";
    Error::data(source, what, help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;
    use crate::run::Beginning;
    use crate::target::Target;
    use crate::tensor::Tensor;

    fn data(n: usize) -> ImageData {
        let images = Images {
            names: (0..n).map(|i| i.to_string()).collect(),
            pixels: Tensor::from_fn([n, 1, 1, 2], |i| i as f32),
            target: Target::Classes((0..n).map(|i| i % 2).collect()),
            classes: vec!["a".into(), "b".into()],
            columns: Default::default(),
            value_names: Vec::new(),
        };
        images.divided("numbers", [0.5, 0.25, 0.25], 1).unwrap()
    }

    #[test]
    fn other_data_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let words = ["gradus".to_owned()];
        let beginning =
            Beginning { recipe: "train", config: "", seed: 1, data: None, command_line: &words, threads: 1 };
        let run = RunFolder::create(&place.path().join("run"), beginning, false).unwrap();
        assert_eq!(check(&run, "numbers", &mut data(16)).unwrap_err().exit_code(), 3, "nothing is known yet");
        settle(&run, "numbers", &mut data(16)).unwrap();
        assert_eq!(run.env(CHECKSUM).unwrap(), data(16).sha256.as_str());
        settle(&run, "numbers", &mut data(16)).unwrap();
        let mut beside = ImageData { sha256: "of a text that lies beside the images".into(), ..data(16) };
        check(&run, "numbers", &mut beside).unwrap();
        assert_eq!(beside.sha256, data(16).sha256);
        check(&run, "numbers", &mut data(16)).unwrap();
        for result in [settle(&run, "numbers", &mut data(17)), check(&run, "numbers", &mut data(17))] {
            let error = result.unwrap_err();
            assert!(error.exit_code() == 3 && error.to_string().contains("1 added (16)"), "{error}");
        }
        // A folder that has the checksum before the data are read, as that of a study's best trial.
        std::fs::remove_file(run.path(MANIFEST)).unwrap();
        assert_eq!(settle(&run, "numbers", &mut data(17)).unwrap_err().exit_code(), 3);
        settle(&run, "numbers", &mut data(16)).unwrap();
        // A checkpoint of an unknown split is not resumed.
        std::fs::remove_file(run.path(MANIFEST)).unwrap();
        run.write(LAST_STATE, b"").unwrap();
        assert_eq!(settle(&run, "numbers", &mut data(16)).unwrap_err().exit_code(), 3);
    }
}
